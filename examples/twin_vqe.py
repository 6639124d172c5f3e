"""A loop on a twin: an emulated ibm_hanoi with its noise, shot noise, timing and calibration windows."""

import qloop
from qloop.miniapps.problems.registry import problem

h2 = problem("h2")

# clock="real" takes as long as the hardware would, clock=60 a minute a second, clock="virtual" only the computing.
with (qloop.Runtime(qpus=["twin-hanoi"], clock="virtual", seed=7) as runtime,
      qloop.Session("h2", runtime=runtime, shots=2000) as session):
    result = session.minimize(h2.circuit, h2.observable, h2.initial_point(seed=7),
                              optimizer="spsa", maxiter=80, first_step=0.1)
    minutes = runtime.now_s() / 60.0

print(f"{result.nit} iterations of {result.shots} shots: {minutes:.1f} minutes of the {result.clock} clock")
print(f"energy {result.fun:.3f} with noise; the ground state's is {h2.ground_energy:.3f}")
