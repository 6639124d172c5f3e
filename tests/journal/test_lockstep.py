"""A stateful model: SQLite and memory do the same, whatever is asked of them in whatever order."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from qloop.errors import QloopError
from qloop.runtime.journal.memory import MemoryStore
from qloop.runtime.journal.purchases import CallRow, IntentRow, IntentState
from qloop.runtime.journal.rows import ResultRow, Run, RunState, SessionRow, SessionState, TaskRow, TaskState
from qloop.runtime.journal.sqlite import SqliteStore

few = st.integers(0, 2)
body = st.sampled_from([b"", b"one", b"two"])
attempt = st.integers(0, 4)
length = st.integers(-1, 6)


class Lockstep(RuleBasedStateMachine):
    """Each rule asks both stores and compares answers or errors; the clock only goes on."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.file = Path(self._folder.name) / "journal.sqlite"
        self.stores = (MemoryStore(), SqliteStore(self.file))
        self.now = 0
        self.both("begin_run", Run("r0", "p", 0, 1, "virtual", "0.1"))
        for nth in range(2):
            self.both("put_session", SessionRow(f"s{nth}", "r0", "a", "n", 2**64 - 1))
        self.both("put_task", TaskRow("t0", "s0", "k", b""))

    def both(self, verb: str, *arguments: object, **named: object) -> None:
        answers = []
        for store in self.stores:
            try:
                answers.append(getattr(store, verb)(*arguments, **named))
            except QloopError as error:
                answers.append((type(error), str(error)))
        assert answers[0] == answers[1], f"{verb}{arguments}{named}: memory {answers[0]!r}, sqlite {answers[1]!r}"

    @rule(passed=st.integers(0, 5))
    def time_passes(self, passed):
        self.now += passed

    @rule(nth=few, seed=few)
    def begin_run(self, nth, seed):
        self.both("begin_run", Run(f"r{nth}", "p", self.now, seed, "virtual", "0.1"))

    @rule(nth=few, state=st.sampled_from(list(RunState)))
    def end_run(self, nth, state):
        self.both("end_run", f"r{nth}", state, self.now)

    @rule(nth=few, events=st.lists(body, max_size=3), after=few)
    def log(self, nth, events, after):
        self.both("append", f"r{nth}", events)
        self.both("read_log", f"r{nth}", after)
        self.both("last_ns", f"r{nth}")

    @rule(nth=few, run=few, tenant=st.sampled_from("ab"))
    def put_session(self, nth, run, tenant):
        self.both("put_session", SessionRow(f"s{nth}", f"r{run}", tenant, "n", 2**64 - 1, b"{}", self.now))

    @rule(nth=few, state=st.sampled_from(list(SessionState)))
    def end_session(self, nth, state):
        self.both("end_session", f"s{nth}", state, "why", self.now)

    @rule(nth=few, session=few, content=body)
    def put_task(self, nth, session, content):
        self.both("put_task", TaskRow(f"t{nth}", f"s{session}", "k", content, self.now))

    @rule(nth=few, session=few, digest=few, shots=few)
    def put_intent(self, nth, session, digest, shots):
        key = digest.to_bytes(32, "big")
        self.both("put_intent", IntentRow(f"i{nth}" if nth else "", f"s{session}", key, "t0", "q", shots, 1, self.now))
        self.both("intents", f"s{session}", key)
        self.both("intents", f"s{session}")
        self.both("intents")

    @rule(nth=few, state=st.sampled_from(list(IntentState)), provider=st.sampled_from(["", "p1", "p2"]))
    def move_intent(self, nth, state, provider):
        self.both("move_intent", f"i{nth}", state, self.now, provider, "why")

    @rule(nth=few, session=few, amount=st.integers(-1, 2), run=few)
    def put_call(self, nth, session, amount, run):
        name = f"c{nth}" if nth else ""
        self.both("put_call", CallRow(name, f"s{session}", "t0", 1, "a", "q", "done", amount=amount))
        self.both("calls", run=f"r{run}")
        self.both("calls", session=f"s{session}")

    @rule(nth=few, worker=st.sampled_from(["", "w1", "w2"]), span=length)
    def lease(self, nth, worker, span):
        self.both("lease", f"t{nth}", worker, self.now, self.now + span)

    @rule(nth=few, number=attempt, span=length)
    def heartbeat(self, nth, number, span):
        self.both("heartbeat", f"t{nth}", number, self.now, self.now + span)

    @rule(nth=few, number=attempt)
    def release(self, nth, number):
        self.both("release", f"t{nth}", number, self.now)

    @rule(nth=few, number=attempt, state=st.sampled_from(list(TaskState)), outcome=body)
    def finish(self, nth, number, state, outcome):
        self.both("finish", f"t{nth}", number, state, outcome, self.now)

    @rule(nth=few)
    def cancel(self, nth):
        self.both("cancel", f"t{nth}", self.now)

    @rule()
    def expire(self):
        self.both("expire", self.now)

    @rule(session=few, nth=few, value=body, shots=st.integers(-1, 2))
    def put_result(self, session, nth, value, shots):
        row = ResultRow(bytes([nth]) * 32, f"s{session}", "t", 1, "exact", 0, shots, "q", value, self.now)
        self.both("put_result", row)
        self.both("put_result", row, CallRow(f"c{shots}", f"s{session}", "t0", 1, "a", "q", "done", shots=nth))
        self.both("get_result", f"s{session}", row.digest)

    @rule(session=few, key=st.sampled_from("kl"), value=body)
    def choose(self, session, key, value):
        self.both("choose", f"s{session}", key, value)
        self.both("chosen", f"s{session}")

    @rule(session=few, iteration=few, state=body)
    def checkpoint(self, session, iteration, state):
        self.both("put_checkpoint", f"s{session}", "spsa", iteration, state)
        self.both("get_checkpoint", f"s{session}", "spsa")

    @rule(keep=st.one_of(st.none(), st.integers(-1, 2)))
    def retention(self, keep):
        self.both("retention", self.now, None, keep)

    @rule()
    def reopen(self):
        """What was acknowledged is there after a restart."""
        self.stores[1].close()
        self.stores = (self.stores[0], SqliteStore(self.file))

    @invariant()
    def all_that_can_be_read_is_equal(self):
        self.both("runs")
        self.both("sessions")
        for nth in range(3):
            self.both("tasks", f"s{nth}")
            self.both("results", f"s{nth}")
            self.both("evidence", f"t{nth}")
        assert self.stores[0].stats().rows == self.stores[1].stats().rows

    def teardown(self):
        self.stores[1].close()
        self._folder.cleanup()


TestLockstep = Lockstep.TestCase
TestLockstep.settings = settings(max_examples=120, stateful_step_count=50, deadline=None)
