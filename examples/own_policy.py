"""A policy of one's own: of the waiting loops, the one nearest to its end goes first."""

import qloop
from qloop.miniapps.problems.registry import problem
from qloop.policies import order, place
from qloop.policies.columns import FLOW, STEPS, Row, Table
from qloop.policies.record import Policy


def enter(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """The key of task i, smallest first: minus the steps that its session has finished."""
    session = flows[int(tasks[i][FLOW])]
    return -session[STEPS]


furthest_first = Policy("furthest_first", enter, order.pick_first, order.note_nothing, order.note_nothing,
                        place.least_wait)

with qloop.Runtime(qpus=["twin-hanoi"], policy=furthest_first, clock="virtual", journal=":memory:") as runtime:
    loops = []
    for k in range(3):
        graph = problem("maxcut", nodes=4, seed=k)
        session = qloop.Session(f"loop-{k}", runtime=runtime, shots=500)
        loop = session.loop(graph.circuit, graph.observable, graph.initial_point(seed=k), optimizer="spsa", maxiter=8)
        loop.start(lambda done: print(f"{done.result().session.rsplit('.')[-1]} ends at {runtime.now_s():6.0f} s"))
        loops.append(loop)
    runtime.run_until(lambda: all(loop.finished for loop in loops))
