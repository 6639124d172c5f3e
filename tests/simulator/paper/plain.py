"""A second implementation of the paper's model, plain and slow: lists, exact fractions, a look at everything each time.

It shares nothing with the kernel but the policies, their ledger and the names of their draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from qloop.policies import columns as c
from qloop.policies import ledger
from qloop.policies.draws import ENTER, PICK, uniform
from qloop.simulator.paper.dispatch import ARRIVAL, CLASSICAL_END, END, QUANTUM_END, QUANTUM_START, REFUSAL
from qloop.simulator.paper.model import PlatformModel
from qloop.simulator.paper.sharing import ROUND_UP
from qloop.simulator.paper.workload import Sessions


@dataclass
class Open:
    """A session in the system."""

    number: int
    row: int
    plan: list[tuple[str, Fraction]]
    residual: Fraction = Fraction(0)
    joined: int = 0
    end: int = -1
    qpu: int = -1


class Plain:
    """The platform, event by event."""

    def __init__(self, model: PlatformModel, sessions: Sessions, key: int) -> None:
        self.model, self.sessions, self.key, self.policy = model, sessions, key, model.order()
        self.now = self.at = self.seq = self.joins = self.decisions = 0
        self.log: list[tuple[int, int, int, int]] = []
        self.classical: list[Open] = []
        self.waiting: list[Open] = []
        self.running: list[Open] = []
        # one row for every session that may come: nothing is used again, unlike in the kernel
        n = len(sessions.arrival_ns)
        self.tasks = [c.new_task(-1.0, 1.0 + s, 0.0, float(sessions.size[s]), float(sessions.priority[s]))
                      for s in range(n)]
        self.flows = [c.new_flow(1.0, -1.0, 1.0)] + [c.new_flow(s + 2.0, 0.0, 1.0) for s in range(n)]
        self.qpus = [c.new_qpu(1e9) for _ in range(model.qpus)]
        self.totals = c.new_totals(float(model.workers))
        self.totals[c.N_QPUS] = float(model.qpus)
        for column, value in self.policy.settings.items():
            self.totals[column] = value

    @property
    def tables(self):
        return self.tasks, self.flows, self.qpus, self.totals

    def run(self) -> list[tuple[int, int, int, int]]:
        horizon, coming = round(self.model.duration_s * 1e9), 0
        while True:
            events = [(open_.end, 0, open_.qpu, open_) for open_ in self.running]
            if self.classical:
                first = min(self.classical, key=lambda o: (o.residual, o.joined))
                slowed = max(Fraction(1), Fraction(len(self.classical), self.model.workers))
                events.append((self.at + max(0, math.ceil(first.residual * slowed - Fraction(ROUND_UP))), 1, 0, first))
            if coming < len(self.sessions.arrival_ns):
                events.append((int(self.sessions.arrival_ns[coming]), 2, 0, None))
            if not events or min(events, key=lambda e: e[:3])[0] >= horizon:
                return self.log
            self.now, kind, _, who = min(events, key=lambda e: e[:3])
            if kind == 0:
                self.quantum_ended(who)
            elif kind == 1:
                self.classical_ended(who)
            else:
                self.arrived(coming)
                coming += 1

    def write(self, kind: int, session: int, qpu: int = -1) -> None:
        self.log.append((self.now, kind, session, qpu))

    def arrived(self, s: int) -> None:
        model, pending = self.model, len(self.waiting)
        if model.admission == "paper":
            good = len(self.classical) <= model.max_classical and pending + len(self.running) <= model.max_quantum
        else:
            good = len(self.classical) < model.max_classical and pending < model.max_quantum
        self.write(ARRIVAL if good else REFUSAL, s)
        if good:
            work = [Fraction(float(x)) * Fraction(1e9) / Fraction(model.capacity)
                    for x in (self.sessions.pre[s], self.sessions.cost[s], self.sessions.post[s])]
            quantum = Fraction(int(self.sessions.quantum_ns[s]))
            rounds = [("classical", work[1]), ("quantum", quantum)] * int(self.sessions.iterations[s])
            self.tasks[s][c.ESTIMATE] = float(quantum) * 1e-9
            self.go_on(Open(s, s, [("classical", work[0]), *rounds, ("classical", work[2])]))

    def share_out(self) -> None:
        """Everybody's work since `at` is done."""
        part = min(Fraction(1), Fraction(self.model.workers, len(self.classical))) if self.classical else Fraction(0)
        for open_ in self.classical:
            open_.residual -= (self.now - self.at) * part
        self.at = self.now

    def go_on(self, open_: Open) -> None:
        if not open_.plan:
            self.write(END, open_.number)
            return
        kind, amount = open_.plan.pop(0)
        if kind == "classical":
            self.share_out()
            self.joins += 1
            open_.residual, open_.joined = amount, self.joins
            self.classical.append(open_)
        else:
            self.ready(open_, int(amount))

    def classical_ended(self, open_: Open) -> None:
        done = max(open_.residual, Fraction(0))
        for other in self.classical:
            other.residual -= done
        self.at = self.now
        self.classical.remove(open_)
        self.write(CLASSICAL_END, open_.number)
        self.go_on(open_)

    def ready(self, open_: Open, length: int) -> None:
        self.seq += 1
        task, now = self.tasks[open_.row], self.now * 1e-9
        task[c.SEQ], task[c.STARTED_AT], task[c.MEASURED] = float(self.seq), -1.0, -1.0
        ledger.note_ready(self.tasks, self.flows, open_.row, now)
        u = uniform(self.key, ENTER, self.seq) if self.policy.enter_draws else 0.0
        task[c.KEY] = self.policy.enter(*self.tables, open_.row, now, u)
        ledger.enqueue(self.tasks, self.qpus, self.totals, open_.row, -1)
        open_.end = length      # how long, until it starts
        self.waiting.append(open_)
        self.offer()

    def offer(self) -> None:
        """Show every idle QPU what waits, lowest row first."""
        for q in range(self.model.qpus):
            if not self.waiting or self.qpus[q][c.BUSY]:
                continue
            open_ = self.chosen(q)
            if open_ is not None:
                self.begin(open_, q)

    def chosen(self, q: int) -> Open | None:
        lanes = [sorted((o for o in self.waiting if int(self.tasks[o.row][c.CLASS]) == lane),
                        key=lambda o: (self.tasks[o.row][c.KEY], self.tasks[o.row][c.SEQ]))
                 for lane in range(self.policy.classes)]
        heads = [lane[0].row if lane else -1 for lane in lanes]
        self.decisions += 1
        now, u = self.now * 1e-9, 0.0
        if self.policy.pick_draws:
            u = uniform(self.key, PICK, self.decisions)
        lane = self.policy.pick(*self.tables, heads, q, now, u)
        if lane >= 0:
            return lanes[lane][0]
        if lane == c.HOLD:
            return None
        entries = lanes[c.SCAN - lane][:c.SCAN_LIMIT]
        assert self.policy.scan is not None
        found = self.policy.scan(*self.tables, [o.row for o in entries], q, now, u)
        return entries[found] if found >= 0 else None

    def begin(self, open_: Open, q: int) -> None:
        now = self.now * 1e-9
        ledger.dequeue(self.tasks, self.qpus, self.totals, open_.row)
        ledger.started(self.tasks, self.qpus, self.totals, open_.row, q, now)
        self.policy.start(*self.tables, open_.row, q, now)
        self.waiting.remove(open_)
        self.running.append(open_)
        open_.qpu, open_.end = q, self.now + open_.end
        self.write(QUANTUM_START, open_.number, q)

    def quantum_ended(self, open_: Open) -> None:
        now, q = self.now * 1e-9, open_.qpu
        self.running.remove(open_)
        self.tasks[open_.row][c.MEASURED] = int(self.sessions.quantum_ns[open_.number]) * 1e-9
        ledger.finished(self.tasks, self.flows, self.qpus, self.totals, open_.row, q, now, True)
        self.policy.finish(*self.tables, open_.row, q, now)
        self.write(QUANTUM_END, open_.number, q)
        if len(open_.plan) == 1:
            self.flows[open_.row + 1][c.OPEN] = 0.0
        self.go_on(open_)
        self.offer()
