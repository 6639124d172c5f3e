"""A hostile world around one engine, whatever order its events come in.

The actions take plain integers, so that Hypothesis and a counter-based generator can both drive them.
"""

from __future__ import annotations

from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import NEVER, SECOND
from qloop.model.states import Outcome, SessionState

from .judge import Judge, Known

OUTCOMES = (Outcome.OK, Outcome.OK, Outcome.LOST, Outcome.FAILED, Outcome.CANCELLED)
WIDTHS = (2, 4, 6)


class World(Judge):
    """The actions; every argument may be any integer."""

    def wait(self, half_seconds: int) -> None:
        self.now += half_seconds * SECOND // 2
        self.send(ev.Tick())

    def set_tenant(self, tenant: int, weight: int) -> None:
        self.send(ev.TenantSet(f"t{tenant % 3}", 1.0 + weight % 4))

    def open(self, tenant: int, weight: int, short: int) -> None:
        self.count += 1
        ttl, life = (5, 40) if short % 2 else (0, 0)
        self.tenant_of[name := f"s{self.count}"] = f"t{tenant % 3}"
        full = len(self.engine.state.sessions) >= self.limits.open_sessions
        refused = self.send(ev.SessionOpened(name, f"t{tenant % 3}", 1.0 + weight % 3, ttl * SECOND, life * SECOND))
        assert (refused == "sessions") == full
        if refused is None:
            self.expires[name] = self.now + (life * SECOND or self.limits.max_ttl_ns)

    def submit(self, session: int, width: int, estimate: int, after: int, pin: int) -> None:
        name = self.session(session)
        if name is None:
            return
        self.count += 1
        known = list(self.tasks)
        needs = tuple(known[(after // 3 + k) % len(known)] for k in range(after % 3)) if known else ()
        pinned = self.some(self.known if pin % 8 else self.widths, pin // 8) if pin % 4 == 0 else None
        event = ev.QuantumSubmitted(f"q{self.count}", name, WIDTHS[width % 3], estimate_s=estimate % 9 / 2, cpu_s=0.5,
                                    weight=1.0 + estimate % 3, pin=pinned or "", after=needs)
        self.wish(event)

    def submit_classical(self, session: int, cores: int, environment: int, after: int) -> None:
        name = self.session(session)
        if name is None:
            return
        self.count += 1
        known = list(self.tasks)
        needs = (known[after // 2 % len(known)],) if known and after % 2 else ()
        self.wish(ev.ClassicalSubmitted(f"c{self.count}", name, 1 + cores % 3, 0.5, f"e{environment % 2}", after=needs))

    def wish(self, event: ev.QuantumSubmitted | ev.ClassicalSubmitted) -> None:
        self.send(ev.Tick())
        expected = self.refusal(event)
        quantum = isinstance(event, ev.QuantumSubmitted)
        known = Known(event.session, self.tenant_of[event.session], quantum,
                      {t for t in event.after if t in self.tasks and self.tasks[t].ended is None})
        if expected is None:
            self.tasks[event.task] = known
        assert self.send(event) == expected

    def resubmit(self, which: int) -> None:
        """The id of an accepted task that waits or of which an attempt still runs."""
        names = [name for name, task in self.tasks.items() if task.ended is None]
        names += [task for task, _ in self.on_qpu.values()] + [task for task, _ in self.on_worker]
        if names and (session := self.session(which)):
            expected = "session_ended" if self.takes_none(session) else "conflict"
            assert self.send(ev.QuantumSubmitted(names[which % len(names)], session, 2)) == expected

    def cancel_task(self, which: int) -> None:
        if (name := self.some(self.tasks, which)) is not None:
            self.send(ev.TaskCancelled(name))
            assert self.tasks[name].ended is not None

    def cancel_session(self, which: int) -> None:
        if (name := self.session(which)) is not None:
            self.send(ev.SessionCancelled(name))
            assert name in self.session_end
            assert all(task.ended for task in self.tasks.values() if task.session == name) or (
                self.session_end[name] is SessionState.EXPIRED)

    def close(self, which: int) -> None:
        if (name := self.session(which)) is not None:
            self.closing.add(name)
            self.send(ev.SessionClosing(name))

    def converge(self, which: int) -> None:
        if (name := self.session(which)) is not None:
            self.send(ev.SessionConverged(name))

    def end_quantum(self, which: int, outcome: int) -> None:
        name = self.some(self.on_qpu, which)
        if name is not None:
            task, attempt = self.on_qpu.pop(name)
            self.tasks[task].running = False
            event = ev.QuantumEnded(task, attempt, name, OUTCOMES[outcome % 5], (1 + outcome % 6) * SECOND // 2)
            self.past.append(event)
            self.send(event)

    def end_classical(self, which: int, outcome: int) -> None:
        if self.on_worker:
            task, worker = key = list(self.on_worker)[which % len(self.on_worker)]
            self.tasks[task].running = False
            event = ev.ClassicalEnded(task, self.on_worker.pop(key), worker, OUTCOMES[outcome % 5], SECOND)
            self.past.append(event)
            self.send(event)

    def repeat(self, which: int) -> None:
        """An end is reported again, late: nothing happens."""
        if self.past:
            commands = self.send_quietly(self.past[which % len(self.past)])
            assert not [c for c in commands if not isinstance(c, cmd.WakeAt)]

    def qpu(self, which: int) -> str:
        """One of three QPUs; where one was retired mostly the next one in its place, which has another name."""
        name = f"u{which % 3}"
        while self.off.get(name) == "retired" and which % 8:
            name += "+"
        return name

    def join_qpu(self, which: int, width: int, windowed: int) -> None:
        name, retired = self.qpu(which), self.off.get(self.qpu(which)) == "retired"
        at = self.now + (3 + windowed % 5) * SECOND if windowed % 2 else NEVER
        known = self.epochs.get(name, 0)
        back = windowed % 11 == 0 and known > 0
        epoch = known - 1 if back else known + windowed % 2
        if name not in self.widths and not retired and not back:
            self.calibrating.discard(name)
            self.widths[name] = self.known[name] = WIDTHS[width % 3]
            self.epochs[name] = epoch
        refused = self.send(ev.QpuJoined(name, WIDTHS[width % 3], width % 2, epoch, at,
                                         6 * SECOND if windowed % 2 else NEVER))
        assert refused == ("retired" if retired else "epoch_back" if back else None)

    def operate(self, which: int, wish: int) -> None:
        """The operator pauses, resumes, drains or retires a QPU, whatever it does and whether it is known or not."""
        name = self.qpu(which)
        was, known = self.off.get(name, "on"), name in self.known
        kind, now = (("paused", ev.QpuPaused(name, f"because {wish}")), ("on", ev.QpuResumed(name)),
                     ("drained", ev.QpuDrained(name)), ("retired", ev.QpuRetired(name)))[wish % 7 % 4]
        if known and "retired" not in (was, kind) and kind == "on":
            self.off.pop(name, None)
            self.owed.discard(name)
        elif known and was != "retired" and (was, kind) != ("drained", "paused"):
            self.off[name] = kind
        if known and kind in ("drained", "retired"):
            self.owed.add(name)
        refused = self.send(now)
        assert refused == (None if known and (was, kind) != ("retired", "on") else "retired" if known
                           else "unknown_qpu")

    def leave_qpu(self, which: int) -> None:
        name = self.qpu(which)
        self.widths.pop(name, None)
        self.calibrating.discard(name)
        if name in self.on_qpu:
            task, attempt = self.on_qpu.pop(name)
            self.tasks[task].running = False
            self.past.append(ev.QuantumEnded(task, attempt, name, Outcome.OK, SECOND))
        self.send(ev.QpuLeft(name))

    def calibrate(self, which: int, length: int) -> None:
        self.send(ev.CalibrationDue(self.qpu(which), length % 4 * SECOND))

    def calibrated(self, which: int) -> None:
        if self.calibrating:
            name = sorted(self.calibrating)[which % len(self.calibrating)]
            known = self.epochs[name]
            if which % 4 == 3 and known > 0:
                assert self.send(ev.CalibrationEnded(name, known - 1)) == "epoch_back"
            self.calibrating.remove(name)
            self.epochs[name] = known + which % 2
            at = self.now + 8 * SECOND if which % 3 else NEVER
            assert self.send(ev.CalibrationEnded(name, self.epochs[name], at)) is None

    def join_worker(self, which: int, cores: int) -> None:
        self.send(ev.WorkerJoined(f"w{which % 3}", 1 + cores % 3, ("e0",) if cores % 2 else ()))

    def leave_worker(self, which: int) -> None:
        name = f"w{which % 3}"
        for task, worker in [key for key in self.on_worker if key[1] == name]:
            self.tasks[task].running = False
            self.past.append(ev.ClassicalEnded(task, self.on_worker.pop((task, worker)), worker))
        self.send(ev.WorkerLeft(name))
