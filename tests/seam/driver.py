"""Drives the engine through a scenario in virtual time, and draws scenarios full of simultaneous events."""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np

from qloop.engine import invariants
from qloop.engine.engine import Engine
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import NEVER, SECOND
from qloop.model.states import Outcome, SessionState
from qloop.policies.record import Policy
from tests.seam.script import Script
from tests.seam.small_kernel import CALIBRATED, CANCEL, DUE, FINISH, READY, START


class Driver:
    """A second, plain implementation of the modelled world: it knows the scenario, the engine decides."""

    def __init__(self, policy: Policy, scenario: Script, check: bool = False) -> None:
        self.sc, self.check = scenario, check
        self.engine = Engine(policy, seed=scenario.seed)
        self.log: list[tuple[int, int, int, int]] = []
        self.heap: list[tuple[int, int, int]] = []
        self.running: dict[int, tuple[int, int, int, int, int]] = {}     # session, attempt, begin, end, chunk
        self.rest: dict[int, int] = {}      # what sessions that stand aside have yet to run
        self.step = [0] * len(scenario.arrival_ns)
        self.epoch = [0] * len(scenario.qpu_width)
        self.rows: list[int] = []

    def send(self, now: int, event: ev.Event) -> None:
        commands = self.engine.handle(now, event)
        if self.check:
            invariants.check(self.engine.state)
        for command in commands:
            self.obey(now, command)

    def obey(self, now: int, command: cmd.Command) -> None:
        match command:
            case cmd.StartQuantum():
                s, q = int(command.task.split("/")[0]), int(command.qpu)
                rest, whole = self.rest.pop(s, 0), int(self.sc.service_ns[s, self.step[s]])
                length = rest if command.resumed else whole
                self.running[q] = (s, command.attempt, now, now + length, command.chunk_ns or length)
                heappush(self.heap, (now + min(length, self.running[q][4]), FINISH, q))
                self.log.append((now, START, s, q))
            case cmd.YieldQuantum():
                s, _, _, end, _ = self.running.pop(int(command.qpu))
                self.rest[s] = end - now
            case cmd.StartCalibration():
                heappush(self.heap, (now + command.length_ns, CALIBRATED, int(command.qpu)))
                self.log.append((now, DUE, -1, int(command.qpu)))
            case cmd.SessionEnded() if command.state is SessionState.CANCELLED:
                self.log.append((now, CANCEL, int(command.session), -1))
            case cmd.Refused():
                raise AssertionError(command)

    def run(self) -> list[tuple[int, int, int, int]]:
        self.set_up()
        while self.heap:
            if self.engine.state.wish_at < self.heap[0][0]:     # the policy's own, no TTL's: those lie far ahead
                self.send(self.engine.state.wish_at, ev.Tick())
                continue
            now, kind, e = heappop(self.heap)
            if all(s.id in self.engine.state.dying for s in self.engine.state.sessions.values()) and not self.running:
                break
            self.step_event(now, kind, e)
        return self.log

    def set_up(self) -> None:
        sc = self.sc
        for r, weight in enumerate(sc.tenant_weight):
            self.send(0, ev.TenantSet(f"t{r}", float(weight)))
        for s, at in enumerate(sc.arrival_ns):
            self.send(0, ev.SessionOpened(str(s), f"t{sc.tenant[s]}", 1.0, NEVER // 4, NEVER // 4))
            self.rows.append(self.engine.state.sessions[str(s)].row)
            heappush(self.heap, (int(at), READY, s))
            if sc.cancel_ns[s] < NEVER:
                heappush(self.heap, (int(sc.cancel_ns[s]), CANCEL, s))
        for q, width in enumerate(sc.qpu_width):
            self.send(0, ev.QpuJoined(str(q), int(width), float(sc.qpu_cold_s[q]), 0, int(sc.window_ns[q]),
                                      int(sc.window_gap_ns[q]), int(sc.window_length_ns[q])))
            if sc.window_ns[q] < NEVER:
                heappush(self.heap, (int(sc.window_ns[q]), DUE, q))

    def step_event(self, now: int, kind: int, e: int) -> None:
        sc = self.sc
        if kind == FINISH:
            s, attempt, begin, end, chunk = self.running[e]
            k = self.step[s]
            if now < end:
                self.send(now, ev.ChunkEnded(f"{s}/{k}", attempt, str(e), now - begin))
                if e in self.running and self.running[e][:3] == (s, attempt, begin):
                    heappush(self.heap, (min(end, now + chunk), FINISH, e))
                return
            del self.running[e]
            self.step[s] += 1
            self.log.append((now, FINISH, s, e))
            alive = str(s) in self.engine.state.sessions and str(s) not in self.engine.state.dying
            if alive and self.step[s] < sc.iterations[s]:
                heappush(self.heap, (now + int(sc.think_ns[s, k]), READY, s))
            self.send(now, ev.QuantumEnded(f"{s}/{k}", attempt, str(e), Outcome.OK, now - begin))
        elif kind == CALIBRATED:
            self.epoch[e] += 1
            self.log.append((now, CALIBRATED, -1, e))
            heappush(self.heap, (now + int(sc.window_gap_ns[e]), DUE, e))
            self.send(now, ev.CalibrationEnded(str(e), self.epoch[e], now + int(sc.window_gap_ns[e]),
                                               int(sc.window_length_ns[e])))
        elif kind == DUE:
            self.send(now, ev.CalibrationDue(str(e), int(sc.window_length_ns[e])))
        elif kind == CANCEL:
            self.send(now, ev.SessionCancelled(str(e)))
        elif str(e) in self.engine.state.sessions and str(e) not in self.engine.state.dying:
            self.submit(now, e)

    def submit(self, now: int, s: int) -> None:
        sc, k = self.sc, self.step[s]
        self.send(now, ev.QuantumSubmitted(f"{s}/{k}", str(s), int(sc.width[s]), estimate_s=float(sc.estimate_s[s, k]),
                                           weight=float(sc.weight[s])))
        if k + 1 == sc.iterations[s]:
            self.send(now, ev.SessionClosing(str(s)))


def draw(seed: int, sessions: int = 14, qpus: int = 3) -> Script:
    """A random platform on a coarse grid of half seconds, so that many events fall together."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    n, m = int(rng.integers(2, sessions + 1)), int(rng.integers(1, qpus + 1))
    grid = SECOND // 2
    iterations = rng.choice([1, 1, 3, 8], n)
    shape = (n, int(iterations.max()))
    service = rng.integers(1, 9, shape) * grid
    tenants = int(rng.integers(1, 4))
    windows = rng.random(m) < 0.6
    widths = np.sort(rng.integers(3, 7, m))[::-1].copy()
    return Script(
        arrival_ns=rng.integers(0, 30, n) * grid, iterations=iterations, tenant=rng.integers(0, tenants, n),
        width=rng.integers(1, widths[0] + 1, n),
        cancel_ns=np.where(rng.random(n) < 0.25, rng.integers(0, 60, n) * grid, NEVER),
        service_ns=service, think_ns=rng.integers(0, 6, shape) * grid,
        estimate_s=service * 1e-9 * rng.choice([0.25, 0.5, 1.0, 1.0, 2.0], shape),
        weight=rng.choice([1.0, 2.0, 4.0], n), tenant_weight=rng.choice([1.0, 3.0], tenants),
        qpu_width=widths, qpu_cold_s=rng.choice([0.0, 1.5], m),
        window_ns=np.where(windows, rng.integers(1, 20, m) * grid, NEVER),
        window_length_ns=rng.integers(1, 5, m) * grid,
        window_gap_ns=np.where(windows, rng.integers(3, 16, m) * grid, NEVER), seed=seed)
