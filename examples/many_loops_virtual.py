"""Six loops of two tenants on two twins, in one virtual clock, under two policies; and what the trace says of each."""

import qloop
from qloop.miniapps.problems.registry import problem
from qloop.trace.metrics.qdc import qdc
from qloop.trace.metrics.ttns import ttns


def run(policy: str) -> None:
    with qloop.Runtime(qpus=["twin-hanoi", "twin-torino"], policy=policy, clock="virtual", journal=":memory:",
                       trace=True, seed=1) as runtime:
        loops = []
        for k in range(6):
            graph = problem("maxcut", nodes=4, seed=k)
            session = qloop.Session(f"loop-{k}", runtime=runtime, tenant=("ada", "bob")[k % 2], shots=1000,
                                    optimum=graph.ground_energy)
            loop = session.loop(graph.circuit, graph.observable, graph.initial_point(seed=k), optimizer="spsa",
                                maxiter=15, think=lambda _: 1.5)
            loop.start(lambda done: runtime.close_session(done.objective.session))
            loops.append(loop)
        runtime.run_until(lambda: all(loop.finished for loop in loops))
        trace = runtime.trace()
    print(f"{policy:5} median wait for the QPU {ttns(trace).start.p50:6.1f} s,"
          f" QPUs useful {qdc(trace).useful:4.0%} of {trace.horizon_ns * 1e-9:,.0f} s")


for name in ("fifo", "efaas"):
    run(name)
