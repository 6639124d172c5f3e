"""Running the entries of an evaluation over processes, with what was finished before read back.

A process is given one cell, some replications and all contenders that meet them, so that what arrives is drawn once.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qloop.errors import InvalidInput, QloopError
from qloop.simulator.campaign.processes import checked, spread
from qloop.simulator.evaluation import storage
from qloop.simulator.evaluation.contenders import Contender
from qloop.simulator.evaluation.measured import Found, measure
from qloop.simulator.evaluation.plan import Entry
from qloop.simulator.evaluation.quantities import QUANTITIES
from qloop.simulator.evaluation.storage import Columns, Setting
from qloop.simulator.evaluation.workload import Brought, brought
from qloop.simulator.paper import storage as files
from qloop.simulator.paper.campaign import Watch
from qloop.simulator.paper.workload import key_of
from qloop.simulator.platform.run import FIRST_ROOM, replicate

CHUNK = 5               # replications that a process is given together
TOGETHER = 8            # contenders that a process is given together
LINES_A_TASK = 16       # lines of the log for each quantum task that may come, and more than are written


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one process: contenders in one cell and some replications; none: only compile their kernels."""

    entries: tuple[Entry, ...]
    numbers: tuple[int, ...] = ()

    @property
    def weight(self) -> float:
        """How much of the whole it is."""
        return sum(entry.weight * len(self.numbers) / entry.replications for entry in self.entries)


class Campaign:
    """Entries, what they share, and a folder; `found` grows while it runs."""

    def __init__(self, entries: Sequence[Entry], setting: Setting, out: str | Path,
                 processes: int | None = None) -> None:
        self.entries, self.setting = tuple(entries), setting
        self.processes = checked(processes)
        files.parquet()
        self.out = files.folder(out)
        self.found: dict[tuple[str, str, bool], Columns] = {}
        self.left_out: dict[str, str] = {}      # contender: why it could not be run
        self.cpu_s = 0.0
        self.compile_s = 0.0
        self.read_back = 0
        self._rows: dict[tuple[str, str, bool], dict[int, Found]] = defaultdict(dict)
        self._made = {entry.key: storage.made_from(entry, setting) for entry in self.entries}

    def run(self, watch: Watch) -> None:
        """Read back what is there, run what is missing, and write each entry when it is whole.

        Raises KeyboardInterrupt after Ctrl-C; what is whole has been written then.
        """
        for entry in self.entries:
            self._recall(entry, watch)
        if self.read_back:
            watch.note(f"{self.read_back} of {len(self.entries)} entries were finished before and are read back")
        missing = [entry for entry in self.entries if entry.key not in self.found]
        if not missing:
            return
        try:
            with spread(self.processes) as executor:
                self._work(executor, missing, watch)
        except BrokenProcessPool as error:
            raise QloopError("A process of the evaluation was ended from outside", "The machine may lack memory",
                             "Run the same command again: it goes on; give fewer --processes") from error

    def _recall(self, entry: Entry, watch: Watch) -> None:
        """Take over the replications that a file holds."""
        path = storage.path_of(self.out, entry)
        try:
            columns = storage.read(path, self._made[entry.key])
        except files.UnreadableError as error:
            watch.note(f"{path} is damaged ({error}): it is run again")
            return
        if columns is None:
            return
        count = len(next(iter(columns.values())))
        if count < entry.replications:
            self._rows[entry.key] = {n: {name: float(columns[name][n]) for name in QUANTITIES} for n in range(count)}
            return
        self.found[entry.key] = {name: values[:entry.replications] for name, values in columns.items()}
        self.read_back += 1

    def _work(self, executor: Executor, missing: Sequence[Entry], watch: Watch) -> None:
        """Compile, then hand out tasks, the long ones first, and take what comes back."""
        watch.stage("compiling, which is kept for the next time")
        self._through(executor, deque(Task((entry,)) for entry in _kernels(missing, self.setting)), watch, 0.0)
        able = [entry for entry in missing if entry.contender.name not in self.left_out]
        tasks = sorted(self._tasks(able), key=lambda task: task.weight, reverse=True)
        self._through(executor, deque(tasks), watch, sum(task.weight for task in tasks))

    def _through(self, executor: Executor, waiting: deque[Task], watch: Watch, total: float) -> None:
        """Carry out all tasks; a contender whose policy cannot be compiled is left out, and told."""
        running: dict[Future[Any], Task] = {}
        done = 0.0
        while waiting or running:
            while waiting and len(running) < self.processes + (self.processes > 1):
                task = waiting.popleft()
                running[executor.submit(perform, task, self.setting)] = task
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                task = running.pop(future)
                if not task.numbers:
                    self._compiled(task.entries[0].contender, future, watch)
                    continue
                self._take(task, *future.result())
                done += task.weight
                watch.at(done, total, task.entries[0].cell.name)

    def _compiled(self, one: Contender, future: Future[Any], watch: Watch) -> None:
        """Note what compiling took, or why it failed."""
        try:
            self.compile_s += future.result()[1]
        except InvalidInput as error:
            watch.note(f"{one.name} is left out: {error}")
            for entry in self.entries:
                if entry.contender.policy == one.policy:
                    self.left_out[entry.contender.name] = error.why or error.what

    def _tasks(self, missing: Sequence[Entry]) -> Iterator[Task]:
        groups: dict[Any, list[Entry]] = defaultdict(list)
        for entry in missing:
            left = tuple(n for n in range(entry.replications) if n not in self._rows[entry.key])
            groups[entry.cell, entry.tuning, left].append(entry)
        for (_, _, numbers), entries in groups.items():
            for at in range(0, len(numbers), CHUNK):
                for few in range(0, len(entries), TOGETHER):
                    yield Task(tuple(entries[few:few + TOGETHER]), numbers[at:at + CHUNK])

    def _take(self, task: Task, rows: list[list[Found]], cpu_s: float) -> None:
        """Note what a task gave; write its entries that are whole."""
        self.cpu_s += cpu_s
        for entry, found in zip(task.entries, rows, strict=True):
            held = self._rows[entry.key]
            held.update(zip(task.numbers, found, strict=True))
            if len(held) == entry.replications:
                columns = {name: np.array([held[n][name] for n in range(entry.replications)]) for name in QUANTITIES}
                storage.write(storage.path_of(self.out, entry), entry, columns, self._made[entry.key])
                self.found[entry.key] = columns
                del self._rows[entry.key]


def perform(task: Task, setting: Setting) -> tuple[list[list[Found]], float]:
    """Run a task: for each of its entries the quantities of each replication; and the CPU seconds it took."""
    before = time.process_time()
    if not task.numbers:
        short = replace(setting, stage=replace(setting.stage, duration_s=1.0, warmup_s=0.0))
        run(task.entries[0], short, 0)
        return [], time.process_time() - before
    rows: list[list[Found]] = [[] for _ in task.entries]
    room = [FIRST_ROOM] * len(rows)
    for number in task.numbers:
        for place, entry in enumerate(task.entries):
            found, widest = run(entry, setting, number, room[place])
            room[place] = max(FIRST_ROOM, 3 * widest // 2)      # else the next one may have to begin again
            rows[place].append(found)
    return rows, time.process_time() - before


def run(entry: Entry, setting: Setting, number: int, room: int = FIRST_ROOM) -> tuple[Found, int]:
    """One replication of an entry in numbers, and how many sessions were open at most; `room` for so many at first."""
    one = setting.scenario(entry)
    horizon = round(one.duration_s * 1e9)
    came = brought(entry.cell, setting.work, setting.first_s, key_of(one.seed, number), horizon)
    lines = LINES_A_TASK * int(came.drawn.iterations.sum()) + 1000
    lines = min(lines, int(20 * one.duration_s * one.n_qpus) + 4 * len(came.arrival_ns) + 1000)
    found = replicate(one, number, log=lines, bring=lambda key: (came.drawn, came.arrival_ns), room=room)
    contender = entry.contender
    told = measure(found, came, setting.stage, setting.work, aging=contender.aging, ttl_hot=contender.ttl_hot,
                   holds=contender.holds, saturated=entry.cell.saturated)
    return told, found.widest


def _kernels(missing: Sequence[Entry], setting: Setting) -> Iterator[Entry]:
    """One entry for each kernel that is needed, so that it is compiled once and not in every process at once."""
    seen = set()
    for entry in missing:
        kernel = storage.kernel_of(entry, setting)
        if kernel not in seen:
            seen.add(kernel)
            yield entry


__all__ = ["Brought", "Campaign", "Task", "perform", "run"]
