"""What placed a task on a QPU, in seconds by name: kept for the user, and for who carries the start out."""

from __future__ import annotations

from qloop.engine.state import Quantum, State
from qloop.policies.bind import wait
from qloop.policies.caches import unkept_load
from qloop.policies.columns import CLASS
from qloop.policies.place import is_loaded, terms

TERMS = ("due", "compile", "bind", "load", "mitigation", "fidelity", "epoch", "move")     # of `place.terms`
LOAD_AT = 1 + TERMS.index("load")       # of a task's terms, of which the first is its wait


def note_load(state: State, task: Quantum, q: int) -> None:
    """What is loaded has changed while the task waited: another task of its session ran there, or it cooled down."""
    loaded = is_loaded(state.flows[task.session.row], state.qpu_rows[q], state.totals, q, state.t)
    if not task.terms or loaded == (task.terms[LOAD_AT][1] == 0.0):
        return
    load = terms(state.tasks, state.flows, state.qpu_rows, state.totals, task.row, q, state.t)[LOAD_AT - 1]
    task.terms = (*task.terms[:LOAD_AT], ("load", load), *task.terms[LOAD_AT + 1:])


def note_terms(state: State, task: Quantum, q: int) -> None:
    """Keep what placed the task on QPU q, in seconds by name: the answer to "why there?"."""
    found = terms(state.tasks, state.flows, state.qpu_rows, state.totals, task.row, q, state.t)
    waiting = wait(state.qpu_rows[q], state.tasks[task.row][CLASS], state.t)
    task.terms = (("wait", waiting), *zip(TERMS, found, strict=True))
    if state.policy.stateless:
        load = unkept_load(state.tasks[task.row], state.qpu_rows[q], q)
        task.terms = tuple((name, load if name == "load" else told) for name, told in task.terms)
