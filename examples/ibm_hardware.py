"""A loop on IBM hardware, tried first in IBM's local testing mode, with the noise of a real device and no account.

For the real service change two lines: the name of the QPU, and the account (saved once, see docs/how-to).
"""

import qloop
from qloop.miniapps.problems.registry import problem
from qloop.qpus.ibm.opening import open_ibm

QPU = "ibm-local:fake_manila"       # the service: "ibm:ibm_torino"
ACCOUNT = {}                        # the service: {"account": "lab"}

h2 = problem("h2")
qpu = open_ibm(QPU, mode="session", max_time="30m", **ACCOUNT)

with (qloop.Runtime(qpus=[qpu], seed=7) as runtime,
      qloop.Session("h2", runtime=runtime, shots=1000) as session):
    result = session.minimize(h2.circuit, h2.observable, h2.initial_point(seed=7),
                              optimizer="spsa", maxiter=10, first_step=0.2)

print(f"{result.nit} iterations of {result.shots} shots on {qpu.describe().name}")
print(f"energy {result.fun:.3f} with noise; the ground state's is {h2.ground_energy:.3f}")
