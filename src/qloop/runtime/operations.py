"""What operators do with the QPUs of a runtime: look at them, pause, resume, drain and retire them."""

from __future__ import annotations

import math
from typing import cast

import msgspec

from qloop.engine.engine import Engine
from qloop.engine.explain import waiting_for
from qloop.engine.service import retirement
from qloop.engine.state import State
from qloop.errors import InvalidInput, UnknownName
from qloop.model.events import Event, QpuDrained, QpuPaused, QpuResumed, QpuRetired
from qloop.model.limits import NEVER, SECOND
from qloop.model.states import Service
from qloop.policies.bind import wait
from qloop.policies.columns import COLD, EPOCH, QUBITS
from qloop.runtime.assembly import Parts
from qloop.runtime.clock import VirtualClock
from qloop.runtime.drains import Drain

MAX_REASON = 200
NORMAL = 1.0


class QpuView(msgspec.Struct, frozen=True, kw_only=True):
    """A QPU as its operator sees it.

    `state`: `on`, `paused`, `draining` (drained, but a task still runs), `drained`, `retiring` or `retired`, for
    `reason`. `online`: whether it is there at all. `running`: the task that it runs, empty for none; `waiting`: those
    that wait for it, or could run there and wait for any, in order of service. `wait_s` and `cold_s` are the terms of
    the cost of a new session's task there: the expected seconds before it starts, and of its set-up.
    """

    name: str
    state: str
    online: bool
    calibrating: bool
    reason: str
    qubits: int
    epoch: int
    running: str
    waiting: tuple[str, ...]
    wait_s: float
    cold_s: float


class Operations:
    """The operator's part of a runtime; any thread may call it. All of it holds for one life of a run.

    Wishes may be repeated. `UnknownName` for a QPU that the runtime does not have, `InvalidInput` for what cannot be.
    """

    parts: Parts

    def qpus(self) -> tuple[QpuView, ...]:
        """All QPUs, those that were retired too, in the order in which they joined."""
        found = self.parts.core.ask(lambda engine: views(engine.state))
        return cast("tuple[QpuView, ...]", found)

    def pause(self, qpu: str, reason: str = "") -> None:
        """Let the QPU start no further task: what runs is finished, what waits is bound elsewhere if it can be."""
        self._tell(QpuPaused(self._known(qpu), _checked(reason)))

    def resume(self, qpu: str) -> None:
        """Let a QPU that was paused or drained take tasks again; who waited for it to be empty waits no longer."""
        self._tell(QpuResumed(self._known(qpu)))
        self.parts.core.ask(lambda engine: self._call_off(engine, qpu))

    def drain(self, qpu: str, timeout: float | None = None, reason: str = "") -> bool:
        """Pause the QPU and wait until nothing runs there, at most `timeout` seconds (of virtual time, where it is).

        False if something still ran then, or if somebody resumed the QPU meanwhile; it stays drained after a timeout.
        Call it from a thread of your own: a callback of a task runs in the thread that the QPU needs to go on.
        """
        drain = Drain(self._known(qpu))
        _check_timeout(timeout)
        self._tell(QpuDrained(qpu, _checked(reason)))
        try:
            self.parts.core.ask(lambda engine: self._expect(engine, drain))
            if self.parts.timers.clock.virtual:
                self._pass_time(drain, timeout)
            else:
                drain.wait(timeout)
        finally:
            self.parts.core.ask(lambda engine: self.parts.effects.drains.remove(drain))
        return drain.empty

    def retire(self, qpu: str, reason: str = "") -> None:
        """Take the QPU out for good: what runs is finished, and what only it could have run fails.

        Returns at once; `drain` waits until it is empty.
        """
        self._tell(QpuRetired(self._known(qpu), _checked(reason)))

    def check_not_retired(self, qpu: str) -> None:
        """InvalidInput if the QPU was retired."""
        gone = self.parts.core.ask(lambda engine: [retirement(found) for found in engine.state.qpus
                                                   if found.service is Service.RETIRED and found.id == qpu])
        if gone:
            raise InvalidInput(f"QPU {cast('list[str]', gone)[0]}", "It takes no tasks any more",
                               "Name another QPU, or none, and the scheduler finds one")

    def _known(self, qpu: str) -> str:
        if not isinstance(qpu, str):
            raise InvalidInput(f"The QPU is {qpu!r:.80}", "QPUs are named", "Give the name of one")
        if qpu not in self.parts.qpus:
            raise UnknownName("QPU", qpu, self.parts.qpus)
        return qpu

    def _tell(self, event: QpuPaused | QpuResumed | QpuDrained | QpuRetired) -> None:
        """Let the wish hold; what can still be wrong with it is that the QPU is gone."""
        if isinstance(event, QpuResumed):
            self.check_not_retired(event.qpu)
        told: Event = event
        self.parts.core.tell(told)

    def _expect(self, engine: Engine, drain: Drain) -> None:
        """Wait for the QPU, unless it is empty, or was resumed since."""
        qpu = engine.state.qpus[engine.state.qpu_ids[drain.qpu]]
        if qpu.service is Service.ON or qpu.running is None:
            drain.end(empty=qpu.service is not Service.ON)
        else:
            self.parts.effects.drains.add(drain)

    def _call_off(self, engine: Engine, qpu: str) -> None:
        if engine.state.qpus[engine.state.qpu_ids[qpu]].service is Service.ON:
            self.parts.effects.drains.end(qpu, empty=False)

    def _pass_time(self, drain: Drain, timeout: float | None) -> None:
        """Let virtual time pass until the wait is over, nothing is left to happen, or the timeout."""
        timers, clock = self.parts.timers, self.parts.timers.clock
        last = NEVER if timeout is None else clock.now() + round(timeout * SECOND)

        def over() -> bool:
            coming = timers.next_ns()
            return drain.over or coming is None or coming > last

        self.parts.stepper.until(over)
        if not drain.over and timeout is not None and isinstance(clock, VirtualClock):
            clock.advance(last)


def views(state: State) -> tuple[QpuView, ...]:
    """Every QPU as its operator sees it."""
    lines, seen = waiting_for(state), []
    for qpu in state.qpus:
        cells = state.qpu_rows[qpu.row]
        seen.append(QpuView(
            name=qpu.id, state=word(qpu.service, qpu.running is not None), online=qpu.online,
            calibrating=qpu.calibrating, reason=qpu.reason, qubits=int(cells[QUBITS]), epoch=int(cells[EPOCH]),
            running="" if qpu.running is None else qpu.running.id, waiting=tuple(lines[qpu.row]),
            wait_s=wait(cells, NORMAL, state.t), cold_s=cells[COLD]))
    return tuple(seen)


def word(service: Service, runs: bool) -> str:
    """The QPU's state in one word."""
    under_way = {Service.DRAINED: "draining", Service.RETIRED: "retiring"}
    return under_way.get(service, str(service)) if runs else str(service)


def _checked(reason: str) -> str:
    if not isinstance(reason, str) or len(reason) > MAX_REASON or not reason.isprintable():
        raise InvalidInput(f"The reason is {reason!r:.60}", "It is shown to everybody whose task waits",
                           f"Give a line of at most {MAX_REASON} printable characters")
    return reason


def _check_timeout(timeout: float | None) -> None:
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if timeout is not None and not (number and math.isfinite(timeout) and timeout >= 0.0):
        raise InvalidInput(f"The timeout is {timeout!r:.60}", "",
                           "Give seconds from 0 on, or None to wait as long as it takes")
