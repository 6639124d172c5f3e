"""The whole demo: draw the workload, run it under each policy, compare, and write traces and figure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from qloop.errors import InvalidInput, MissingExtra
from qloop.miniapps.demo.cast import Role, background_problems, roles
from qloop.miniapps.demo.compare import Outcome, outcome
from qloop.miniapps.demo.run import Play
from qloop.miniapps.demo.workload import Workload, draw
from qloop.qpus.protocol import LocalQpu
from qloop.trace import recorder
from qloop.trace.metrics.summary import Report, summary
from qloop.trace.reader import Trace

MOST_POLICIES = 4
MOST_ITERATIONS = 10_000
NO_FIGURE = "figure (left out)"

Make = Callable[[str], AbstractContextManager[Any]]
"""Opens a platform (see `run.Platform`) under the policy of that name."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: `loops` 0 for all; `horizon_s` of the run's clock; `load` offered by loops and background.

    `iterations`: at most so many of each loop (0: as many as the loop has).
    """

    seed: int = 0
    policies: tuple[str, ...] = ("fifo", "efaas")
    load: float = 0.85
    horizon_s: float = 5400.0
    loops: int = 0
    iterations: int = 0
    out: str = "out/demo"

    def check(self) -> None:
        """`InvalidInput` for what cannot work; `draw` checks load and horizon."""
        if not (isinstance(self.seed, int) and 0 <= self.seed < 2**31):
            raise InvalidInput(f"The seed is {self.seed!r}", "", "Give an integer from 0 to 2^31 - 1")
        if not 1 <= len(self.policies) <= MOST_POLICIES or len(set(self.policies)) < len(self.policies):
            raise InvalidInput(f"The policies are {', '.join(self.policies) or 'none'}", "",
                               f"Give 1 to {MOST_POLICIES} different ones, for example fifo,efaas")
        most = len(roles())
        if not 0 <= self.loops <= most:
            raise InvalidInput(f"The number of loops is {self.loops}", "", f"Give 1 to {most}, or 0 for all")
        if not 0 <= self.iterations <= MOST_ITERATIONS:
            raise InvalidInput(f"Each loop is to have {self.iterations} iterations", "",
                               f"Give 1 to {MOST_ITERATIONS}, or 0 for as many as it has")

    def roles(self) -> tuple[Role, ...]:
        """As many loops as are wished, spread over the tenants."""
        everyone = roles()
        count = self.loops or len(everyone)
        chosen = (everyone[n * len(everyone) // count] for n in range(count))
        most = self.iterations or MOST_ITERATIONS
        return tuple(msgspec.structs.replace(role, iterations=min(role.iterations, most)) for role in chosen)


class Audience(Protocol):
    """Who watches the demo run."""

    def stage(self, what: str, total: float) -> None:
        """A new part begins, which ends at `total`."""

    def at(self, done: float, detail: str) -> None:
        """How far this part is."""


class Nobody:
    """Nobody watches."""

    def stage(self, what: str, total: float) -> None:
        """Nothing is shown."""

    def at(self, done: float, detail: str) -> None:
        """Nothing is shown."""


def perform(wish: Wish, qpus: Sequence[LocalQpu], make: Make, audience: Audience | None = None) -> Outcome:
    """Run the demo; writes `trace-POLICY.jsonl.gz` and `comparison.png` and `.pdf` into the wish's folder.

    Raises `InvalidInput` before anything runs, `TraceError` if a trace contradicts itself or cannot be written.
    """
    wish.check()
    folder, watcher, spent = folder_of(wish.out), audience or Nobody(), dict[str, float]()
    began = time.perf_counter()
    workload = prepared(wish, qpus, watcher)
    spent["compiling"] = time.perf_counter() - began
    traces: dict[str, Trace] = {}
    for name in wish.policies:
        began = time.perf_counter()
        with make(name) as platform:
            traces[name] = played(platform, workload, name, watcher)
        spent[name] = time.perf_counter() - began
    began = time.perf_counter()
    watcher.stage("metrics, traces and figure", 1.0)
    reports = {name: summary(trace) for name, trace in traces.items()}
    files = written(traces, reports, folder)
    spent["metrics and figure"] = time.perf_counter() - began
    return outcome(workload, traces, reports, files, spent)


def prepared(wish: Wish, qpus: Sequence[LocalQpu], audience: Audience) -> Workload:
    """The workload of the wish; every circuit is compiled for every QPU on the way."""
    circuits, chosen = background_problems(), wish.roles()
    total = len(circuits) + len(chosen)
    audience.stage("compiling circuits", total)
    count = iter(range(total + 1))
    return draw(chosen, circuits, qpus, seed=wish.seed, load=wish.load, horizon_s=wish.horizon_s,
                told=lambda name: audience.at(next(count), name))


def played(platform: Any, workload: Workload, name: str, audience: Audience) -> Trace:
    """The trace of the workload on this platform."""
    play = Play(platform, workload)
    audience.stage(name, play.total)
    return play.run(lambda now, ended: audience.at(ended, f"{now:,.0f} s of the run"))


def written(traces: Mapping[str, Trace], reports: Mapping[str, Report], folder: Path) -> dict[str, Path]:
    """Write traces, reports and figure; what was written, by what it is."""
    files: dict[str, Path] = {}
    for name, trace in traces.items():
        files[f"trace of {name}"] = folder / f"trace-{name}.jsonl.gz"
        recorder.write(trace, files[f"trace of {name}"])
        files[f"report of {name}"] = folder / f"report-{name}.json"
        files[f"report of {name}"].write_bytes(reports[name].to_json())
    try:
        from qloop.trace import plots

        files["figure"], files["figure for print"] = plots.save(plots.comparison(traces), folder / "comparison")
    except MissingExtra:
        files[NO_FIGURE] = Path("pip install 'qloop[plot]'")
    return files


def folder_of(path: str) -> Path:
    """The output folder, made now, so that a place that cannot be written is told before the work."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise InvalidInput(f"The folder {folder} cannot be written", error.strerror or str(error),
                           "Give another one with --out") from None
    return folder
