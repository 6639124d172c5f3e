"""Every quantum task of a replication as columns, read from the kernel's log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qloop.errors import QloopError
from qloop.simulator.evaluation.workload import Brought
from qloop.simulator.platform.accounts import (
    CALIBRATION_BEGIN,
    CALIBRATION_END,
    QUANTUM_END,
    QUANTUM_PAUSE,
    QUANTUM_START,
    READY,
)
from qloop.simulator.platform.result import Replication

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
TIME, KIND, SESSION, QPU = range(4)


@dataclass(frozen=True, slots=True)
class Spells:
    """Runs of quantum tasks on QPUs without a break: one a task, more of one that stood aside. ns, shape (runs,).

    `task` (its place in `Shots`), `since` (when it was ready, or stood aside), `begin`, `end` (the horizon for one that
    goes on), `qpu`.
    """

    task: Ints
    since: Ints
    begin: Ints
    end: Ints
    qpu: Ints


@dataclass(frozen=True, slots=True)
class Shots:
    """Quantum tasks that began, one session after the other and each in its order. Times in ns, shape (n,).

    `session`, `k` (its number within the session), `ready`, `begin`, `end` (the horizon for one that has not ended),
    `ended`, `qpu` (the last one), `served` (time on QPUs), `quantum` (what it takes without cold caches), `think`
    (classical time before it), `loop`; and their `spells`.
    """

    session: Ints
    k: Ints
    ready: Ints
    begin: Ints
    end: Ints
    ended: Bools
    qpu: Ints
    served: Ints
    quantum: Ints
    think: Ints
    loop: Bools
    spells: Spells

    @property
    def wait(self) -> Ints:
        """From ready to end, but for what it was on QPUs, ns."""
        return self.end - self.ready - self.served


def shots(one: Replication, brought: Brought) -> Shots:
    """The quantum tasks of a replication, whose log must be complete and whose attempts all gave results."""
    log, kinds = one.log, one.log[:, KIND].copy()
    ran = (kinds == QUANTUM_START) | (kinds == QUANTUM_PAUSE) | (kinds == QUANTUM_END)
    ready, lines = _by_session(log[kinds == READY]), _by_session(log[ran])
    same = np.concatenate([[False], lines[1:, SESSION] == lines[:-1, SESSION]])
    starts, again = lines[:, KIND] == QUANTUM_START, np.zeros(len(lines), np.bool_)
    again[1:] = same[1:] & (lines[:-1, KIND] == QUANTUM_PAUSE)
    first = starts & ~again
    task = np.cumsum(first) - 1
    session = lines[first, SESSION]
    k = _rank(session)
    at = _first(ready[:, SESSION], session) + k
    if at.size and (at.max() >= len(ready) or (ready[at, SESSION] != session).any()):
        raise QloopError("The log of a replication does not tell all quantum tasks", "", "Keep more lines of it")
    over = np.append(np.where(same[1:], lines[1:, TIME], one.horizon_ns), one.horizon_ns)[:len(lines)]
    before = np.concatenate([[0], lines[:-1, TIME]])[:len(lines)]
    since = np.where(again, before, ready[at, TIME][task] if at.size else 0)
    spells = Spells(task[starts], since[starts], lines[starts, TIME], over[starts], lines[starts, QPU])
    ends = lines[:, KIND] == QUANTUM_END
    end, known = np.full(len(session), one.horizon_ns), np.zeros(len(session), np.bool_)
    end[task[ends]], known[task[ends]] = lines[ends, TIME], True
    served = np.bincount(spells.task, spells.end - spells.begin, len(session)).astype(np.int64)
    qpu = np.zeros(len(session), np.int64)
    qpu[spells.task] = spells.qpu       # the last of several stays
    row = brought.drawn.begin[session] + k
    return Shots(session, k, ready[at, TIME], lines[first, TIME], end, known, qpu, served,
                 brought.drawn.quantum_ns[row], brought.drawn.cost[row].astype(np.int64), brought.is_loop[session],
                 spells)


def calibrations(one: Replication) -> dict[int, NDArray[np.int64]]:
    """Of each QPU that was calibrated: rows of (begin, end) in ns."""
    kinds = one.log[:, KIND].copy()
    log = one.log[(kinds == CALIBRATION_BEGIN) | (kinds == CALIBRATION_END)]
    found = {}
    for qpu in range(len(one.qpus)):
        mine = log[log[:, QPU] == qpu]
        begin, end = (mine[mine[:, KIND] == kind, TIME] for kind in (CALIBRATION_BEGIN, CALIBRATION_END))
        if len(begin):
            end = np.concatenate([end, np.full(len(begin) - len(end), one.horizon_ns)])
            found[qpu] = np.stack([begin, end], axis=1)
    return found


def _by_session(lines: Ints) -> Ints:
    """Lines by session; those of one session stay in order of time."""
    return lines[np.argsort(lines[:, SESSION], kind="stable")]


def _rank(sessions: Ints) -> Ints:
    """The place of each entry among those of its session."""
    return np.arange(len(sessions)) - np.searchsorted(sessions, sessions, side="left")


def _first(sorted_sessions: Ints, wanted: Ints) -> Ints:
    return np.searchsorted(sorted_sessions, wanted, side="left")
