"""P13 of NORMAL tasks that may run on one QPU only, of windows, and of what others' wrong numbers may do.

Where a NORMAL task waits that is bound to a QPU, that QPU starts one T_s and a longest task after its last one ended,
whatever NORMAL gets elsewhere. A calibration window holds back a task that would not end before it: the bounds grow by
that task's length and the window's.
"""

from __future__ import annotations

from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.policies.catalog import policy
from qloop.policies.columns import LAST_FINISH, LONGEST, NEXT_IN_LINE, POSITION, VIRTUAL
from tests.policies.desk import Desk

CALM = settings(deadline=None, derandomize=True, max_examples=25)
LONG = settings(deadline=None, derandomize=True, max_examples=200)
LENGTHS = st.sampled_from([0.5, 2.0, 6.0])
RULES = st.sampled_from(["efaas", "efaas_expected"])


class Pinned(Desk):
    """Loops that fill u0 for ever, NORMAL tasks on the other QPUs, and some that only u0 may run."""

    def __init__(self, name: str, qpus: int, lengths: tuple[float, float], aging: float, deep: int = 1,
                 **more: float) -> None:
        super().__init__(policy(name, aging=aging, **more), qpus, check=False)
        self.lengths, self.number, self.until_s = lengths, count(), 12.0 * aging
        self.then = self.again
        self.pins = {"loop0": "u0", "loop1": "u0", "free": "", "bound": "u0"}
        for name in self.pins:
            self.open(name, f"tenant of {name}")
        for name in ("free", "bound"):
            self.send(ev.SessionConverged(name))
        for name in ("loop0", "loop1"):
            for _ in range(deep):
                self.one(name, None if deep == 1 else 0.2)      # NORMAL, but in one piece; all after it are HOT
        for _ in range(2 * qpus):
            self.at(3.0, lambda: self.one("free"))
        for _ in range(2):
            self.at(10.0, lambda: self.one("bound"))

    def one(self, session: str, length: float | None = None) -> None:
        length = length or self.lengths[session.startswith("loop")]
        self.submit(f"{session}/{next(self.number)}", session, length, pin=self.pins[session])

    def again(self, task: str) -> None:
        if self.now < self.until_s:
            self.one(task.split("/")[0])


def gaps_of_the_bound(name: str, qpus: int, lengths: tuple[float, float], aging: float, anticipate: float) -> None:
    """Of tasks in one piece."""
    desk = Pinned(name, qpus, lengths, aging, anticipate=anticipate, chunk_s=0.0)
    desk.run(desk.until_s)
    bound = [at for at, task, _ in desk.starts if task.startswith("bound")]
    served = [at for at, task, qpu in desk.starts if qpu == "u0" and not desk.hot[task] and at >= 10.0]
    begun = bound if name == "efaas" else served    # newcomers that bring less may go before, up to a task's key
    assert len(begun) >= 5
    assert any(task.startswith("loop") for at, task, _ in desk.starts if begun[0] < at < begun[-1])
    assert max(b - a for a, b in pairwise([10.0, *begun])) <= aging + lengths[0] + max(lengths) + 1e-6


@CALM
@given(RULES, st.integers(2, 3), st.tuples(LENGTHS, LENGTHS), st.sampled_from([10.0, 60.0]),
       st.sampled_from([0.0, 3.0]))
def test_normal_that_one_qpu_alone_may_run_is_not_starved(
        name: str, qpus: int, lengths: tuple[float, float], aging: float, anticipate: float) -> None:
    gaps_of_the_bound(name, qpus, lengths, aging, anticipate)


def gaps_of_chunks(name: str, qpus: int, lengths: tuple[float, float], aging: float, chunk: float) -> None:
    """What was overdue when it began does not stand aside, or it would have a chunk in each T_s.

    Loops always have a task waiting; else NORMAL has a chunk whenever they have none.
    """
    desk = Pinned(name, qpus, lengths, aging, 2, chunk_s=chunk)
    desk.run(desk.until_s)
    first = [at for at, task, qpu in desk.starts if qpu == "u0" and not desk.hot[task] and at >= 10.0]
    ends = [at for at, task, qpu in desk.ends if qpu == "u0" and not desk.hot[task] and at >= 10.0]
    assert any(task.startswith("bound") for _, task, _ in desk.ends)
    assert max(b - a for a, b in pairwise([10.0, *first])) <= aging + lengths[0] + max(lengths) + 1e-6
    assert max(b - a for a, b in pairwise([10.0, *ends])) <= aging + 2.0 * max(lengths) + 1e-6


@CALM
@given(RULES, st.integers(2, 3), st.tuples(LENGTHS, LENGTHS), st.sampled_from([10.0, 60.0]),
       st.sampled_from([0.25, 0.5, 1.0]))
def test_neither_is_it_starved_in_chunks(name: str, qpus: int, lengths: tuple[float, float], aging: float,
                                         chunk: float) -> None:
    gaps_of_chunks(name, qpus, lengths, aging, chunk)


@pytest.mark.everything
@LONG
@given(RULES, st.integers(2, 5), st.tuples(LENGTHS, LENGTHS), st.floats(5.0, 80.0), st.floats(0.0, 10.0))
def test_normal_that_one_qpu_alone_may_run_is_not_starved_often(
        name: str, qpus: int, lengths: tuple[float, float], aging: float, anticipate: float) -> None:
    gaps_of_the_bound(name, qpus, lengths, aging, anticipate)


class Windows(Desk):
    """One QPU that calibrates every `every` seconds for 30 s."""

    def __init__(self, every: float, aging: float) -> None:
        super().__init__(policy("efaas", aging=aging, phi=0.0), qpus=0)
        self.every, self.number = every, count()
        gap = round(every * SECOND)
        self.send(ev.QpuJoined("u0", 9, window_at_ns=gap, window_gap_ns=gap, window_length_ns=30 * SECOND))
        self.at(every, self.due)

    def due(self) -> None:
        self.send(ev.CalibrationDue("u0", 30 * SECOND))

    def send(self, event: ev.Event) -> list[cmd.Command]:
        if isinstance(event, ev.CalibrationEnded):
            self.at(self.now + self.every, self.due)
            event = ev.CalibrationEnded(event.qpu, event.epoch, round((self.now + self.every) * SECOND),
                                        window_length_ns=30 * SECOND)
        return super().send(event)


@CALM
@given(st.sampled_from([100.0, 40.0, 10.0]), st.sampled_from([1.0, 5.0]), st.sampled_from([5.0, 30.0]),
       st.sampled_from([130.0, 200.0, 301.0]))
def test_a_window_lengthens_the_gap_by_itself_and_by_what_it_holds_back(length: float, loop: float, aging: float,
                                                                       every: float) -> None:
    desk, number = Windows(every, aging), count()
    for name in ("loop", "normal"):
        desk.open(name, name)
    desk.send(ev.SessionConverged("normal"))

    def one(name: str) -> None:
        desk.submit(f"{name}/{next(number)}", name, loop if name == "loop" else length)

    desk.then = lambda task: one(task.split("/")[0]) if desk.now < 1500.0 else None
    one("loop")
    desk.at(loop, lambda: [one("normal") for _ in range(2)])    # type: ignore[func-returns-value]
    desk.run(1500.0)
    begun = [at for at, task, _ in desk.starts if task.startswith("normal")]
    assert len(begun) >= 4
    assert max(b - a for a, b in pairwise(begun)) <= aging + max(length, loop) + length + 30.0 + loop + 1e-6


def shares(poisoned: bool) -> dict[str, int]:
    """How many of the first tasks are of each of two tenants, A with ten sessions, B with one."""
    desk = Desk(policy("efaas", "least_wait", aging=1e6, phi=0.0))
    sessions = {name: name[0] for name in ("A", "B", *(f"A{k}" for k in range(9)))}
    for name, tenant in sessions.items():
        desk.open(name, tenant)
        desk.send(ev.SessionConverged(name))
    desk.submit("A/first", "A", 1.0)
    if poisoned:
        desk.open("other", "other")
        desk.submit("other/x", "other", 1.0, estimate=1e6)
        desk.send(ev.TaskCancelled("other/x"))
        assert desk.engine.state.totals[LONGEST] == 1.0
    for name in sessions:
        for k in range(20 if len(name) > 1 else 60):
            desk.submit(f"{name}/{k}", name, 1.0)
    desk.run(100.0)
    early = [sessions[task.split("/")[0]] for at, task, _ in desk.starts if at < 60.0]
    return {tenant: early.count(tenant) for tenant in "AB"}


def test_a_wrong_estimate_of_what_never_ran_moves_nobody() -> None:
    assert shares(True) == shares(False)
    assert abs(shares(True)["A"] - shares(True)["B"]) <= 2


def test_an_idle_platform_forgets_its_longest_task() -> None:
    desk = Desk(policy("efaas"), check=True)
    desk.open("s")
    desk.submit("long", "s", 1e4)
    assert desk.engine.state.totals[LONGEST] == 1e4
    desk.run()
    assert desk.engine.state.totals[LONGEST] == 0.0


@CALM
@given(st.lists(st.tuples(st.sampled_from([1e-6, 1.0, 1e6]), st.sampled_from([0.0, 1.0, 1e8]),
                          st.sampled_from([0.0, 1.0, 1e8, 1e300])), min_size=1, max_size=8))
def test_numbers_at_their_limits_keep_all_tags_finite(wishes: list[tuple[float, float, float]]) -> None:
    """What is larger is refused; the tags of a tenant with sessions of the least and the largest weight are numbers."""
    desk = Desk(policy("efaas"), check=True)
    for weight in (1e-6, 1.0, 1e6):
        desk.open(f"s{weight}", "t", weight)
    for k, (weight, estimate, cpu) in enumerate(wishes):
        desk.submit(f"a{k}", f"s{weight}", 1.0, estimate=estimate, cpu_s=cpu)
    desk.run()
    assert len(desk.starts) == sum(cpu <= 1e8 for *_, cpu in wishes)
    state = desk.engine.state
    tenant = state.flows[state.tenants["t"]]
    for told in (tenant[POSITION:POSITION + 6], tenant[NEXT_IN_LINE:NEXT_IN_LINE + 6],
                 state.totals[VIRTUAL:VIRTUAL + 6], state.totals[LAST_FINISH:LAST_FINISH + 6]):
        assert all(-1e40 < value < 1e40 for value in told)
