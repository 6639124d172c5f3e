"""The part of the scenario's world that calibrates QPUs and lets them fail."""

from __future__ import annotations

import math
from typing import Any

from qloop.engine.engine import Engine
from qloop.model import events as ev
from qloop.model.limits import NEVER
from qloop.policies.draws import uniform
from qloop.simulator.platform import accounts as kinds
from qloop.simulator.platform.parts import QpuKind
from qloop.simulator.platform.upkeep import OUTAGE_STREAM

RUN, CALENDAR, OUTAGE, CLASSICAL, DELAY, ARRIVAL = range(6)       # kinds of events, in order at one time


class Upkeep:
    """What the world does to QPUs; `World` has the rest."""

    key: int
    kinds: list[QpuKind]
    engine: Engine
    log: list[tuple[int, int, int, int]]
    running: dict[int, tuple[int, int, int, int]]   # QPU: session, attempt, begin, stamp
    epoch: list[int]
    calibrating: list[bool]
    outages: list[int]      # draws so far
    life: list[int]         # how often it failed or was calibrated: plans from before are void
    down: list[bool]

    def push(self, at: int, kind: int, tie: int, what: Any) -> None: ...

    def send(self, now: int, event: ev.Event) -> None: ...

    def leaves(self, now: int, q: int, task: str, useful: bool) -> None: ...

    def calendar(self, now: int, q: int, life: int) -> None:
        if self.down[q] or self.life[q] != life:
            return
        kind = self.kinds[q]
        if not self.calibrating[q]:
            self.send(now, ev.CalibrationDue(str(q), round(kind.calibration_s * 1e9)))
            return
        self.calibrating[q] = False
        self.epoch[q] += 1
        self.log.append((now, kinds.CALIBRATION_END, -1, q))
        at = now + round(kind.calibrate_every_s * 1e9) if kind.calibrate_every_s < math.inf else NEVER
        if at < NEVER:
            self.push(at, CALENDAR, len(self.kinds) + q, (q, self.life[q]))
        self.send(now, ev.CalibrationEnded(str(q), self.epoch[q], at, round(kind.calibration_s * 1e9)))

    def joined_qpu(self, now: int, q: int, at: int, gap: int) -> ev.QpuJoined:
        kind = self.kinds[q]
        return ev.QpuJoined(
            str(q), kind.qubits, kind.compile_s + kind.load_s, self.epoch[q], at, gap,
            round(kind.calibration_s * 1e9), now, kind.drift.aging, kind.drift.sd, kind.drift.relax_s,
            kind.drift.idle_share, kind.recalibrate_above, kind.error)

    def draw_outage(self, now: int, q: int, mean: float) -> None:
        self.outages[q] += 1
        u = uniform(self.key, OUTAGE_STREAM, q << 40 | self.outages[q])
        self.push(now + int(-math.log(1.0 - u) * mean * 1e9), OUTAGE, q, q)

    def outage(self, now: int, q: int) -> None:
        kind = self.kinds[q]
        if self.down[q]:
            self.down[q] = False
            self.epoch[q] += 1
            self.log.append((now, kinds.OUTAGE_END, -1, q))
            self.draw_outage(now, q, kind.mtbf_s)
            every = kind.calibrate_every_s
            at, gap = (NEVER, NEVER) if every == math.inf else (now + round(every * 1e9), round(every * 1e9))
            if at < NEVER:
                self.push(at, CALENDAR, len(self.kinds) + q, (q, self.life[q]))
            self.send(now, self.joined_qpu(now, q, at, gap))
            return
        self.down[q], self.calibrating[q] = True, False
        self.life[q] += 1
        self.draw_outage(now, q, kind.mttr_s)
        if q in self.running:
            number = self.running[q][0]
            running = self.engine.state.qpus[q].running
            assert running is not None
            assert running.session.id == str(number)
            self.leaves(now, q, running.id, False)
        else:
            self.send(now, ev.QpuLeft(str(q)))
        self.log.append((now, kinds.OUTAGE_BEGIN, -1, q))
