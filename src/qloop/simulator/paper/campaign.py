"""Running the points of a campaign: over processes, with what was finished before read back.

The results do not depend on the processes, nor on where a run was cut: every replication is drawn by its number alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from qloop.errors import InvalidInput, QloopError
from qloop.simulator.campaign.processes import checked, spread
from qloop.simulator.paper import storage
from qloop.simulator.paper.model import PlatformModel
from qloop.simulator.paper.run import replicate
from qloop.simulator.paper.sample import Row, Sample, observe
from qloop.simulator.paper.studies import Point
from qloop.simulator.provenance import surroundings

CHUNK = 10              # replications that a process is given together: half a second
COST_S = 0.0022         # CPU seconds of a unit of weight, about
WORTH_TELLING_S = 60.0


class Watch(Protocol):
    """Who is told how far a campaign is."""

    def at(self, done: float, total: float, text: str) -> None:
        """So much of the work is done, and this is being worked on."""

    def stage(self, text: str) -> None:
        """Another part of the work begins, of which no measure is known."""

    def note(self, text: str) -> None:
        """Something worth a line."""


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one process: replications of a point, or the compilation of a policy's kernel if there is none."""

    point: Point
    numbers: tuple[int, ...] = ()

    @property
    def weight(self) -> float:
        """How much of the campaign it is."""
        return self.point.weight * len(self.numbers)


class Campaign:
    """Points, a seed and a folder; `samples` grows while it runs.

    `cpu_s` are CPU seconds of this run by study, with "compile" for making or loading kernels. `read_back` names the
    points that an earlier run had finished. Raises InvalidInput if the folder holds results of another seed.
    """

    def __init__(self, points: Sequence[Point], seed: int, out: str | Path, processes: int | None = None) -> None:
        self.points, self.seed = tuple(points), seed
        self.processes = checked(processes)
        storage.parquet()
        self.out = storage.folder(out)
        self.samples: dict[str, Sample] = {}
        self.cpu_s: dict[str, float] = {}
        self.read_back: list[str] = []
        self._rows: dict[str, dict[int, Row]] = {point.name: {} for point in self.points}
        self._made = {point.name: storage.made_from(point) for point in self.points}
        self._source = surroundings()

    def path(self, point: Point) -> Path:
        """The file of a point."""
        return self.out / "points" / f"{point.name}.parquet"

    def run(self, watch: Watch) -> None:
        """Read back what is there, run what is missing, and write each point when it is whole.

        Raises KeyboardInterrupt after Ctrl-C; what is whole has been written then.
        """
        for point in self.points:
            self._recall(point, watch)
        if self.read_back:
            watch.note(f"{len(self.read_back)} of {len(self.points)} points were finished before and are read back "
                       f"from {self.out / 'points'}")
        missing = [point for point in self.points if point.name not in self.samples]
        if not missing:
            return
        chunks = sum(1 + point.replications // CHUNK for point in missing)
        try:
            with spread(min(self.processes, chunks)) as executor:
                self._work(executor, missing, watch)
        except BrokenProcessPool as error:
            raise QloopError("A process of the campaign was ended from outside", "The machine may lack memory",
                             "Run the same command again: it goes on; give fewer --processes") from error

    def _recall(self, point: Point, watch: Watch) -> None:
        """Take over the replications that a file holds."""
        try:
            found = storage.read(self.path(point), point)
        except storage.UnreadableError as error:
            watch.note(f"{self.path(point)} is damaged ({error}): the point is run again")
            return
        if found is None:
            return
        if found.seed != self.seed:
            raise InvalidInput(f"The folder {self.out} holds results of seed {found.seed}",
                               f"Results of seed {self.seed} cannot be pooled with them",
                               f"Give another folder with --out, or --seed {found.seed}")
        if found.made_from != self._made[point.name]:
            watch.note(f"{self.path(point)} was made by other code or data: the point is run again")
            return
        self._rows[point.name] = dict(enumerate(found.sample.rows))
        if len(found.sample) >= point.replications:
            self.read_back.append(point.name)
            self._finish(point, write=False)

    def _work(self, executor: Executor, missing: Sequence[Point], watch: Watch) -> None:
        """Hand out tasks, a policy's replications after its kernel is compiled, and take what comes back."""
        waiting, running = deque(_first_of_each_policy(missing)), dict[Future[Any], Task]()
        total = sum(task.weight for point in missing for task in self._tasks(point))
        done = 0.0
        if total * COST_S > WORTH_TELLING_S:
            watch.note(f"{len(missing)} points to run: about {total * COST_S / 60:.0f} CPU minutes on {self.processes} "
                       f"process{'es' if self.processes > 1 else ''}")
        while waiting or running:
            while waiting and len(running) < self.processes + (self.processes > 1):
                task = waiting.popleft()
                running[executor.submit(perform, task.point.model, self.seed, task.numbers)] = task
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                task, (rows, cpu_s) = running.pop(future), future.result()
                self._take(task, rows, cpu_s)
                if not task.numbers:
                    order = task.point.model.policy
                    waiting.extend(more for point in missing if point.model.policy == order
                                   for more in self._tasks(point))
                done += task.weight
                watch.at(done, total, task.point.name if task.numbers else "compiling")

    def _tasks(self, point: Point) -> list[Task]:
        left = [number for number in range(point.replications) if number not in self._rows[point.name]]
        return [Task(point, tuple(left[k:k + CHUNK])) for k in range(0, len(left), CHUNK)]

    def _take(self, task: Task, rows: list[Row], cpu_s: float) -> None:
        """Note what a task gave; write its point if it was the last one."""
        part = task.point.study if task.numbers else "compile"
        self.cpu_s[part] = self.cpu_s.get(part, 0.0) + cpu_s
        if task.numbers:
            held = self._rows[task.point.name]
            held.update(zip(task.numbers, rows, strict=True))
            if len(held) == task.point.replications:
                self._finish(task.point, write=True)

    def _finish(self, point: Point, write: bool) -> None:
        """A point is whole: keep its first replications in order."""
        held = self._rows.pop(point.name)
        found = Sample(point.model, tuple(held[number] for number in range(point.replications)))
        if write:
            storage.write(self.path(point), point, self.seed, found, self._made[point.name], self._source)
        self.samples[point.name] = found


def perform(model: PlatformModel, seed: int, numbers: Sequence[int]) -> tuple[list[Row], float]:
    """Run replications, or one of a millisecond to have the kernel compiled; with the CPU seconds it took."""
    before = time.process_time()
    if numbers:
        rows = observe(model, seed, numbers)
    else:
        replicate(replace(model, duration_s=1e-3, warmup_s=0.0), 0, seed)
        rows = []
    return rows, time.process_time() - before


def _first_of_each_policy(points: Sequence[Point]) -> Iterator[Task]:
    """A point without replications for each policy: its kernel is compiled before its replications are spread.

    The policy with the most work comes first, so that the others compile beside it.
    """
    by_policy: dict[str, list[Point]] = {}
    for point in points:
        by_policy.setdefault(str(point.model.policy), []).append(point)
    for found in sorted(by_policy.values(), key=len, reverse=True):
        yield Task(found[0])
