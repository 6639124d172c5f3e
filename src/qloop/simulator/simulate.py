"""Simulate a scenario from Python: `qloop.simulate(Scenario(...))` returns a result that prints and draws itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from qloop.errors import InvalidInput, UnknownName
from qloop.policies.record import Policy
from qloop.simulator.analysis import columns as cols
from qloop.simulator.analysis import comparison, summary
from qloop.simulator.analysis.measures import MEASURES, measure_named
from qloop.simulator.analysis.statistics import LEVEL
from qloop.simulator.platform.result import Replication
from qloop.simulator.scenario import Scenario

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOG_LINES = 1_000_000
MOST_REPLICATIONS = 1_000_000


def simulate(scenario: Scenario, replications: int = 10, *, policies: Iterable[str | Policy] | None = None,
             executor: Executor | None = None, progress: bool = False, log: bool = False) -> SimulationResult:
    """Run replications 0, 1, ... of a scenario, under its own policy or under each of several.

    All policies meet the same sessions (common random numbers), so they can be compared in pairs. `executor` spreads
    replications over processes and changes nothing; `progress` shows a bar on the error stream (where a person watches,
    a line tells of compiling in any case); `log` keeps the events of each replication (`Replication.log`, up to a
    million).

    Raises InvalidInput or UnknownName for what makes no sense, before anything runs.
    """
    if not isinstance(scenario, Scenario):
        raise InvalidInput(f"A {type(scenario).__name__} was given to simulate", "",
                           "Give a qloop.Scenario; qloop.simulator.campaign.document.load(FILE).scenario() reads one")
    whole = isinstance(replications, int) and not isinstance(replications, bool)
    if not whole or not 1 <= replications <= MOST_REPLICATIONS:
        raise InvalidInput(f"{replications!r} replications were asked for", "",
                           f"Give a whole number from 1 to {MOST_REPLICATIONS:,}")
    scenarios = _scenarios(scenario, policies)
    found: dict[str, tuple[Replication, ...]] = {}
    with _watched(progress, replications * len(scenarios)) as seen:
        for name, one in scenarios.items():
            seen.begin(one)
            work = partial(_replicate, one, LOG_LINES if log else 0)
            rows = executor.map(work, range(replications)) if executor else map(work, range(replications))
            found[name] = tuple(seen.passed(rows))
    return SimulationResult(scenario, found)


@dataclass(frozen=True)
class SimulationResult:
    """The replications of each policy by its name, and everything that can be said of them."""

    scenario: Scenario
    runs: Mapping[str, tuple[Replication, ...]]

    @property
    def policies(self) -> tuple[str, ...]:
        """The names of the policies."""
        return tuple(self.runs)

    @cached_property
    def measures(self) -> cols.Columns:
        """Columns `policy`, `replication` and every measure (MEASURES); a row for each replication."""
        return cols.measure_columns(self.runs)

    def sessions(self) -> cols.Columns:
        """Columns over all sessions of all replications; times in s."""
        return cols.session_columns(self.runs)

    def summary(self, quantities: Sequence[str] = summary.TOLD, *, level: float = LEVEL) -> summary.Summary:
        """A table of measures with intervals, and notes on what would mislead; it prints, and has `to_dict()`."""
        first = next(iter(self.runs.values()))
        title = (f"{self.scenario.name}: {len(first)} replication{'s' if len(first) > 1 else ''} of "
                 f"{self.scenario.duration_s:,.0f} s, the first {self.scenario.warmup_s:,.0f} s not measured")
        return summary.summarise(title, self.runs, self.measures, quantities, level)

    def values(self, quantity: str, policy: str | None = None) -> Any:
        """A measure over replications, of a policy; the only one if there is one."""
        measure_named(quantity)
        return self.measures[quantity][self.measures["policy"] == self._named(policy)]

    def compare(self, a: str, b: str, quantity: str = "time_mean", *, level: float = LEVEL) -> comparison.Comparison:
        """What policy b has more than a, paired by replication."""
        names = (self._named(a), self._named(b))
        return comparison.paired(self.values(quantity, a), self.values(quantity, b), level, names)

    def compare_all(self, quantity: str = "time_mean", *, baseline: str | None = None,
                    level: float = LEVEL) -> list[comparison.Comparison]:
        """Every pair of policies, or each with the baseline; intervals and p-values hold for all at once."""
        return comparison.compare_all({name: self.values(quantity, name) for name in self.runs}, baseline, level)

    def plot(self, kind: str = "times", **settings: Any) -> Figure:
        """A figure: "times", "cdf", "split", "qpus", "differences", "start" (see `analysis.figures`).

        `qloop.trace.plots.save(figure, path)` writes it as PNG and PDF. UnknownName for another kind, MissingExtra
        without matplotlib.
        """
        from qloop.simulator.analysis.figures import draw

        return draw(kind, self.runs, **settings)

    def to_pandas(self, what: str = "measures") -> Any:
        """The measures, or the "sessions", as a pandas DataFrame."""
        return cols.to_pandas(self._columns(what))

    def to_polars(self, what: str = "measures") -> Any:
        """The measures, or the "sessions", as a Polars DataFrame."""
        return cols.to_polars(self._columns(what))

    def __str__(self) -> str:
        return str(self.summary())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The summary, for a notebook."""
        return self.summary()._repr_html_()

    def _columns(self, what: str) -> cols.Columns:
        if what not in ("measures", "sessions"):
            raise UnknownName("table", what, ("measures", "sessions"))
        return self.measures if what == "measures" else self.sessions()

    def _named(self, policy: str | None) -> str:
        if policy is None and len(self.runs) == 1:
            return next(iter(self.runs))
        if policy is None:
            raise InvalidInput("There are several policies", ", ".join(self.runs), "Name one")
        if policy not in self.runs:
            raise UnknownName("policy of this result", policy, self.runs)
        return policy


def quantities() -> dict[str, str]:
    """Every measure by its name, with its unit and what it is."""
    return {name: f"{one.what} ({one.unit})" for name, one in MEASURES.items()}


def _scenarios(scenario: Scenario, policies: Iterable[str | Policy] | None) -> dict[str, Scenario]:
    """The scenario under each policy, by its name."""
    if isinstance(policies, str | Policy):
        policies = (policies,)
    wanted = [scenario.policy] if policies is None else list(policies)
    if not wanted:
        raise InvalidInput("No policy is given", "", "Leave `policies` out for the scenario's own")
    found: dict[str, Scenario] = {}
    for one in wanted:
        name = one.name if isinstance(one, Policy) else one
        if name in found:
            raise InvalidInput(f"The policy {name} is given twice", "",
                               "Give each once, records under names of their own")
        found[name] = replace(scenario, policy=one)
    return found


def _replicate(scenario: Scenario, log: int, number: int) -> Replication:
    from qloop.simulator.platform.run import replicate

    return replicate(scenario, number, log=log)


class _Seen:
    """Who is told of replications and of compiling; nobody without a stream to write to."""

    def __init__(self, tell: Callable[[str], None] | None, advance: Callable[[], None] | None) -> None:
        self._tell, self._advance = tell, advance

    def begin(self, scenario: Scenario) -> None:
        """A policy's replications come next: tell if its kernel has to be compiled first."""
        from qloop.simulator.platform import world
        from qloop.simulator.platform.compiled import is_made

        policy = scenario.order()
        if self._tell is not None and not is_made(policy, world.effects(scenario)):
            self._tell(f"compiling the kernel of policy {policy.name}: about 20 s, once")

    def passed(self, rows: Iterable[Replication]) -> Iterator[Replication]:
        """The replications as they come."""
        for row in rows:
            if self._advance is not None:
                self._advance()
            yield row


@contextmanager
def _watched(progress: bool, total: int) -> Iterator[_Seen]:
    """What passes replications on, and shows how many there were if asked to."""
    if not progress:
        yield _Seen(_on_stderr if _somebody_watches() else None, None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(TextColumn("replications"), BarColumn(), MofNCompleteColumn(), TextColumn("left"),
                  TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("replications", total=total)
        yield _Seen(lambda text: bar.console.print(text, highlight=False, markup=False), lambda: bar.advance(task))


def _somebody_watches() -> bool:
    """Whether this is a prompt, a notebook, or a program at a terminal."""
    return hasattr(sys, "ps1") or sys.stderr.isatty()


def _on_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
