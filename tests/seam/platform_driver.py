"""Drives the engine through a scenario of the extended model: a second, plain implementation of the modelled world."""

from __future__ import annotations

import math
from heapq import heappop, heappush
from itertools import count
from typing import Any

from qloop.engine import invariants, workloads
from qloop.engine.engine import Engine
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import NEVER, Limits
from qloop.model.states import Outcome
from qloop.policies.draws import uniform
from qloop.simulator.paper.workload import key_of
from qloop.simulator.platform import accounts as kinds
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform.machines import FAILURE_STREAM
from qloop.simulator.platform.run import load
from qloop.simulator.scenario import Scenario

from .platform_chunks import Chunked
from .platform_upkeep import ARRIVAL, CALENDAR, CLASSICAL, DELAY, OUTAGE, RUN

Line = tuple[int, int, int, int]
WISH = RUN + 0.5        # the policy's wish to be asked again comes after the ends of runs at its time


class Session:
    """What the world knows of a session: where it is in its life."""

    def __init__(self, number: int, iterations: int) -> None:
        self.number, self.left, self.step, self.drawn = number, iterations, 0, 0
        self.stage, self.open, self.expired, self.visited = "pre", True, False, set[int]()
        self.last: dict[int, tuple[int, int]] = {}      # by QPU: end and epoch of the last shot there


class World(Chunked):
    """The scenario's world around the engine, which decides; it writes the same log as the kernel."""

    def __init__(self, scenario: Scenario, number: int, check: bool = False) -> None:
        self.sc, self.key, self.check = scenario, key_of(scenario.seed, number), check
        limits = Limits(attempts=scenario.retries.attempts)
        self.engine = Engine(scenario.order(), limits, seed=self.key)
        _, self.work = load(scenario, self.key, 1)
        self.kinds = [kind for kind in scenario.qpus for _ in range(kind.count)]
        self.log: list[Line] = []
        self.heap: list[tuple[int, int, int, Any]] = []
        self.order = count()
        self.sessions: dict[int, Session] = {}
        self.running: dict[int, tuple[int, int, int, int]] = {}     # QPU: session, attempt, begin, stamp
        self.begin_with(len(self.kinds))
        self.epoch = [0] * len(self.kinds)
        self.calibrating = [False] * len(self.kinds)
        self.outages = [0] * len(self.kinds)
        self.life = [0] * len(self.kinds)       # how often it failed or was calibrated
        self.down = [False] * len(self.kinds)

    # --- the loop -----------------------------------------------------------------------------------------------
    def run(self) -> list[Line]:
        self.set_up()
        horizon = round(self.sc.duration_s * 1e9)
        while True:
            timer, wish = workloads.next_timer(self.engine.state), self.engine.state.wish_at
            if wish < horizon and wish < timer and (not self.heap or (wish, WISH) < self.heap[0][:2]):
                self.send(wish, ev.Tick())
            elif timer < horizon and (not self.heap or timer <= self.heap[0][0]):
                self.send(timer, ev.Tick())     # exactly at the TTLs: a Tick too many would be a decision too many
            elif self.heap and self.heap[0][0] < horizon:
                now, kind, _, what = heappop(self.heap)
                self.happen(now, kind, what)
            else:
                break
        return self.log

    def push(self, at: int, kind: int, tie: int, what: Any) -> None:
        heappush(self.heap, (at, kind, tie, what))

    def send(self, now: int, event: ev.Event) -> None:
        for command in self.engine.handle(now, event):
            self.obey(now, command)
        if self.check:
            invariants.check(self.engine.state)

    def set_up(self) -> None:
        for k, tenant in enumerate(self.sc.tenants):
            self.send(0, ev.TenantSet(str(k), tenant.weight))
        self.send(0, ev.WorkerJoined("w", self.sc.classical.workers, ("",)))
        for q, kind in enumerate(self.kinds):
            first = kind.calibrate_every_s if kind.calibrate_first_s == math.inf else kind.calibrate_first_s
            gap = NEVER if kind.calibrate_every_s == math.inf else round(kind.calibrate_every_s * 1e9)
            at = NEVER if first == math.inf else round(first * 1e9)
            self.send(0, self.joined_qpu(0, q, at, gap))
            if at < NEVER:
                self.push(at, CALENDAR, len(self.kinds) + q, (q, 0))
            if kind.mtbf_s < math.inf:
                self.draw_outage(0, q, kind.mtbf_s)
        for number, row in enumerate(self.work.times):
            self.push(int(row[mem.ARRIVAL]), ARRIVAL, number, number)

    def happen(self, now: int, kind: int, what: Any) -> None:
        if kind == RUN:
            self.run_ends(now, *what)
        elif kind == CALENDAR:
            self.calendar(now, *what)
        elif kind == OUTAGE:
            self.outage(now, what)
        elif kind == CLASSICAL:
            self.classical_ends(now, *what)
        elif kind == DELAY:
            self.delay_ends(now, *what)
        else:
            self.arrive(now, what)

    # --- sessions -----------------------------------------------------------------------------------------------
    def arrive(self, now: int, number: int) -> None:
        times, lives = self.work.times[number], self.sc.lifetimes
        session = self.sessions[number] = Session(number, int(times[mem.ITERATIONS]))
        self.log.append((now, kinds.ARRIVAL, number, -1))
        ttl = [NEVER // 4 if limit == math.inf else round(limit * 1e9) for limit in (lives.interactive_s, lives.max_s)]
        self.send(now, ev.SessionOpened(str(number), str(times[mem.TENANT]), 1.0, *ttl))
        for q, kind in enumerate(self.kinds):
            self.profile(now, number, q, kind.compile_s)
        if self.sc.transfer.submit_s > 0.0:
            self.delay(now, session, self.sc.transfer.submit_s, "classical")
        else:
            self.classical(now, session)

    def profile(self, now: int, number: int, q: int, compile_s: float) -> None:
        loss = float(self.work.loads[number, mem.ERROR]) * self.kinds[q].error
        self.send(now, ev.StructureProfiled(str(number), str(q), loss, 0.0, compile_s, 0.0, self.kinds[q].load_s))

    def delay(self, now: int, session: Session, seconds: float, then: str) -> None:
        self.push(now + round(seconds * 1e9), DELAY, next(self.order), (session, then))

    def delay_ends(self, now: int, session: Session, then: str) -> None:
        if not session.open:
            return
        self.log.append((now, kinds.DELAY_END, session.number, -1))
        if then == "quantum":
            self.quantum(now, session)
        elif then == "end":
            self.end(now, session)
        else:
            self.classical(now, session)

    def end(self, now: int, session: Session) -> None:
        session.open = False
        self.log.append((now, kinds.END, session.number, -1))
        self.send(now, ev.Tick())       # the kernel offers QPUs what waits after each of its events

    def part(self, session: Session) -> Any:
        times = self.work.times[session.number]
        done = times[mem.ITERATIONS] - session.left
        return self.work.parts[times[mem.FIRST] + times[mem.STRIDE] * done]

    def classical(self, now: int, session: Session) -> None:
        """The classical task of the present stage, if it has any work."""
        load = self.work.loads[session.number]
        if session.stage == "pre" and load[mem.PRE_LOAD] == 0.0:
            session.stage = "cost"
        session.step += 1
        work = self.load_of(session) * 1e-9 if self.sc.estimates == "exact" else 0.0
        self.send(now, ev.ClassicalSubmitted(f"{session.number}/{session.step}", str(session.number),
                                             estimate_s=work))

    def load_of(self, session: Session) -> int:
        """The work of the classical task of the present stage, ns."""
        if session.stage == "pre":
            return round(float(self.work.loads[session.number][mem.PRE_LOAD]))
        return round(float(self.part(session)[mem.CLASSICAL_PART]))

    def classical_ends(self, now: int, session: Session, task: str, attempt: int) -> None:
        self.log.append((now, kinds.CLASSICAL_END, session.number, -1))
        self.send(now, ev.ClassicalEnded(task, attempt, "w", measured_ns=self.load_of(session)))
        if session.expired:
            self.gone(now, session)
        elif session.stage == "pre":
            session.stage = "cost"
            self.classical(now, session)
        elif self.sc.transfer.up_s > 0.0:
            self.delay(now, session, self.sc.transfer.up_s, "quantum")
        else:
            self.quantum(now, session)

    def quantum(self, now: int, session: Session) -> None:
        part, load = self.part(session), self.work.loads[session.number]
        estimate = part[mem.QUANTUM_PART] * 1e-9 if self.sc.estimates == "exact" else 0.0
        session.step += 1
        self.send(now, ev.QuantumSubmitted(
            f"{session.number}/{session.step}", str(session.number), int(load[mem.WIDTH]), estimate_s=float(estimate),
            cpu_s=float(part[mem.CLASSICAL_PART] * 1e-9), weight=float(load[mem.PRIORITY]),
            structure=str(session.number)))
        if session.left == 1:
            self.send(now, ev.SessionClosing(str(session.number)))

    def gone(self, now: int, session: Session) -> None:
        if session.open:
            session.open = False
            self.log.append((now, kinds.EXPIRY, session.number, -1))

    # --- commands -----------------------------------------------------------------------------------------------
    def obey(self, now: int, command: cmd.Command) -> None:
        match command:
            case cmd.StartQuantum():
                self.start(now, command)
            case cmd.YieldQuantum():
                self.stand_aside(now, command)
            case cmd.StartClassical():
                session = self.sessions[int(command.task.split("/")[0])]
                load = self.work.loads[session.number]
                work = load[mem.PRE_LOAD] if session.stage == "pre" else self.part(session)[mem.CLASSICAL_PART]
                self.push(now + round(float(work)), CLASSICAL, self.joined(command.task),
                          (session, command.task, command.attempt))
            case cmd.StartCalibration():
                q = int(command.qpu)
                self.calibrating[q], self.life[q] = True, self.life[q] + 1      # what was planned is void
                self.log.append((now, kinds.CALIBRATION_BEGIN, -1, q))
                self.push(now + command.length_ns, CALENDAR, q, (q, self.life[q]))
            case cmd.SessionEnded():
                self.expired(now, command)
            case cmd.Refused():
                raise AssertionError(command)

    def joined(self, task: str) -> int:
        """The number by which the kernel orders classical ends: that of the task's arrival at the workers."""
        found = self.engine.state.everything[task]
        return found.seq

    def expired(self, now: int, command: cmd.SessionEnded) -> None:
        """The session is over for the engine; the world's part of it ends with what runs of it."""
        session = self.sessions[int(command.session)]
        if command.state.value != "expired" or not session.open:
            return
        session.expired = True
        busy = any(run[0] == session.number for run in self.running.values())
        busy |= any(kind == CLASSICAL and what[0] is session for _, kind, _, what in self.heap)
        if not busy:
            self.gone(now, session)

    # --- QPUs ---------------------------------------------------------------------------------------------------
    def start(self, now: int, command: cmd.StartQuantum) -> None:
        session, q = self.sessions[int(command.task.split("/")[0])], int(command.qpu)
        kind, lost = self.kinds[q], 0.0
        keeps = not self.engine.state.policy.stateless
        if keeps and kind.compile_s > 0.0 and q not in session.visited:
            session.visited.add(q)
            lost += kind.compile_s
            self.profile(now, session.number, q, 0.0)
        end, epoch = session.last.get(q, (0, -1))
        if kind.load_s > 0.0 and not (epoch == self.epoch[q] and now * 1e-9 - end * 1e-9 <= kind.warm_s):
            lost += kind.load_s
        lost = lost if keeps else kind.compile_s + kind.load_s
        length = round(lost * 1e9) + round(self.part(session)[mem.QUANTUM_PART] / kind.speed)
        self.run_on(now, command, session.number, q, length)

    def run_ends(self, now: int, q: int, stamp: int, task: str) -> None:
        if self.stamp[q] != stamp or q not in self.running:
            return
        session, failure = self.sessions[self.running[q][0]], self.kinds[q].failure
        if self.at_edge(now, q, stamp, task):
            return
        useful = True
        if failure > 0.0:
            session.drawn += 1
            useful = uniform(self.key, FAILURE_STREAM, session.number << 26 | session.drawn) >= failure
        self.leaves(now, q, task, useful)

    def leaves(self, now: int, q: int, task: str, useful: bool) -> None:
        """The attempt on QPU q is over; if it gave a result, the session goes on."""
        number, attempt, begin, _ = self.running.pop(q)
        session = self.sessions[number]
        self.log.append((now, kinds.QUANTUM_END if useful else kinds.ATTEMPT_LOST, number, q))
        if useful:
            session.left -= 1
            session.last[q] = (now, self.epoch[q])
        if self.down[q]:
            self.send(now, ev.QpuLeft(str(q)))      # the engine knows what ran there
        else:
            self.send(now, ev.QuantumEnded(task, attempt, str(q), Outcome.OK if useful else Outcome.LOST, now - begin))
        if not useful and task in self.engine.state.everything:
            return      # the engine has queued it again
        if session.left == 0:
            session.stage = "post"      # the engine's session is closed; the last result is on its way
            if self.sc.transfer.down_s > 0.0:
                self.delay(now, session, self.sc.transfer.down_s, "end")
            else:
                self.end(now, session)
        elif session.expired:
            self.gone(now, session)
        elif not useful:
            session.open = False
            self.log.append((now, kinds.FAILURE, number, -1))
            self.send(now, ev.SessionCancelled(str(number)))
        elif self.sc.transfer.down_s > 0.0:
            self.delay(now, session, self.sc.transfer.down_s, "classical")
        else:
            self.classical(now, session)
