"""A unit of work: some replications of some points, run in whatever process, from values that are cheap to send.

What comes back are plain columns. Errors come back as values too, since an exception may not survive the way between
processes.
"""

from __future__ import annotations

import dataclasses
import functools
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import QloopError
from qloop.policies.record import Policy
from qloop.simulator.campaign.document import Document
from qloop.simulator.campaign.grid import Setting
from qloop.simulator.campaign.plan import Campaign, at_point
from qloop.simulator.scenario import Scenario

Columns = dict[str, NDArray[Any]]
# columns of a session: times in s are easier to read than ns, and exact enough
COUNTS = ("outcome", "tenant", "size", "priority", "iterations", "steps", "colds", "epochs")
TIMES = ("arrival_ns", "left_ns", "waited_ns", "served_ns", "cold_ns", "lost_ns", "classical_ns", "delayed_ns",
         "gap_ns")


@dataclass(frozen=True, slots=True)
class Span:
    """Replications `first` to `last` - 1 of a point."""

    point: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of one replication: its measures, and the columns of its sessions if they were asked for."""

    measures: Mapping[str, float]
    sessions: Columns = dataclasses.field(default_factory=dict)


Observe = Callable[[Scenario, int, bool], Seen]


@dataclass(frozen=True, slots=True)
class Unit:
    """What a process needs: the scenario file, what is set at each point, the numbers, and how to observe a run."""

    text: str
    file: str
    tables: Mapping[str, Any]
    spans: tuple[Span, ...]
    settings: tuple[tuple[Setting, ...], ...]
    policies: Mapping[str, dict[str, Any]]
    sessions: bool
    observe: Observe


@dataclass(frozen=True, slots=True)
class Done:
    """What a unit made: columns with a row for each replication, sessions, its cost, and what went wrong."""

    spans: tuple[Span, ...]
    rows: Columns
    sessions: Columns
    cpu_s: float
    wall_s: float
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a replication could not be run; `trace` is empty if the input was wrong."""

    point: int
    number: int
    what: str
    why: str
    do: str
    trace: str = ""


def unit_of(campaign: Campaign, spans: tuple[Span, ...], observe: Observe) -> Unit:
    """The unit that runs these spans of a campaign."""
    document, grid = campaign.document, campaign.plan.grid
    return Unit(document.text, document.file, document.tables, spans,
                tuple(grid.settings(span.point) for span in spans),
                {name: _parts(policy) for name, policy in campaign.policies.items()}, campaign.plan.sessions, observe)


def _parts(policy: Policy) -> dict[str, Any]:
    """A policy as plain values: a read-only mapping cannot be sent."""
    parts = {field.name: getattr(policy, field.name) for field in dataclasses.fields(policy)}
    return {**parts, "settings": dict(policy.settings)}


def perform(unit: Unit) -> Done:
    """Run a unit; if a replication fails, those before it are returned with the failure."""
    cpu, wall = time.process_time(), time.perf_counter()
    seen: list[tuple[int, int, Seen]] = []
    failure = None
    document = Document(unit.tables, unit.text, unit.file)
    policies = {name: Policy(**{**parts, "settings": MappingProxyType(parts["settings"])})
                for name, parts in unit.policies.items()}
    for span, settings in zip(unit.spans, unit.settings, strict=True):
        failure = _span(span, functools.partial(at_point, document, settings, policies), unit, seen)
        if failure is not None:
            break
    return Done(unit.spans if failure is None else _ended(unit.spans, seen), _rows(seen), _sessions(seen),
                time.process_time() - cpu, time.perf_counter() - wall, failure)


def _span(span: Span, scenario_of: Callable[[], Scenario], unit: Unit,
          seen: list[tuple[int, int, Seen]]) -> Failure | None:
    """Run the replications of one span, onto the end of `seen`."""
    number = span.first
    try:
        scenario = scenario_of()
        for number in range(span.first, span.last):
            seen.append((span.point, number, unit.observe(scenario, number, unit.sessions)))
    except QloopError as error:
        return Failure(span.point, number, error.what, error.why, error.do)
    except Exception as error:
        return Failure(span.point, number, f"{type(error).__name__}: {error}", "", "", traceback.format_exc())
    return None


def _ended(spans: tuple[Span, ...], seen: list[tuple[int, int, Seen]]) -> tuple[Span, ...]:
    """The parts of the spans that were run."""
    counts = {span: sum(point == span.point and span.first <= number < span.last for point, number, _ in seen)
              for span in spans}
    return tuple(Span(span.point, span.first, span.first + count) for span, count in counts.items() if count)


def _rows(seen: list[tuple[int, int, Seen]]) -> Columns:
    """The measures, a row for each replication."""
    names = list(dict.fromkeys(name for _, _, one in seen for name in one.measures))
    rows: Columns = {"point": np.array([point for point, _, _ in seen], np.int64),
                     "replication": np.array([number for _, number, _ in seen], np.int32)}
    for name in names:
        rows[name] = np.array([one.measures.get(name, np.nan) for _, _, one in seen], np.float64)
    return rows


def _sessions(seen: list[tuple[int, int, Seen]]) -> Columns:
    """The sessions of all replications one after another, numbered within each."""
    kept = [(point, number, one.sessions) for point, number, one in seen if one.sessions]
    if not kept:
        return {}
    lengths = [len(next(iter(columns.values()))) for _, _, columns in kept]
    found: Columns = {"point": np.repeat(np.array([point for point, _, _ in kept], np.int64), lengths),
                      "replication": np.repeat(np.array([number for _, number, _ in kept], np.int32), lengths),
                      "session": np.concatenate([np.arange(length, dtype=np.int64) for length in lengths])}
    for name in kept[0][2]:
        found[name] = np.concatenate([columns[name] for _, _, columns in kept])
    return found


def simulated(scenario: Scenario, number: int, sessions: bool) -> Seen:
    """Replication `number` of a scenario through the compiled platform model, with every measure."""
    from qloop.simulator.analysis.measures import measures
    from qloop.simulator.platform.run import replicate

    found = replicate(scenario, number)
    if not sessions:
        return Seen(measures(found))
    columns: Columns = {name: np.asarray(getattr(found, name), np.int32) for name in COUNTS}
    for name in TIMES:
        values = np.asarray(getattr(found, name))
        columns[f"{name.removesuffix('_ns')}_s"] = np.where(values < 0, np.nan, values * 1e-9)
    return Seen(measures(found), {**columns, "loss": np.asarray(found.loss, np.float64)})
