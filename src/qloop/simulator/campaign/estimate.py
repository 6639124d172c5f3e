"""How long a campaign will take, found by running a few of its replications, and said before it starts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from qloop.errors import Refused
from qloop.simulator.campaign.plan import Campaign
from qloop.simulator.campaign.unit import Done, Observe, Span, perform, unit_of
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Closed, Poisson, Recorded

PILOTS = 4
PILOTS_S = 3.0
MANY = 100_000          # arrivals from which a replication takes long enough to be told of
LONGEST_S = 12 * 3600.0
UNITS = ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def warm(campaign: Campaign, observe: Observe, note: Callable[[str], None]) -> None:
    """Compile every kernel that the campaign needs, once, so that processes find it on the disk."""
    needed = representatives(campaign)
    for place, scenario in enumerate(needed, 1):
        note(f"kernel {place} of {len(needed)}, {scenario.order().name}: compiled once, then loaded")
        observe(brief(scenario), 0, False)


def brief(scenario: Scenario) -> Scenario:
    """The same policy and effects in a run of at most a second with hardly a session: it needs the same kernel."""
    arrivals = scenario.arrivals
    few = replace(arrivals, users=1) if isinstance(arrivals, Closed) else Poisson(every_s=1e6, first_at_zero=True)
    return replace(scenario, arrivals=few, duration_s=min(scenario.duration_s, 1.0), warmup_s=0.0)


def representatives(campaign: Campaign) -> list[Scenario]:
    """A scenario for each kernel that the campaign needs: they differ by policy, placement and effects."""
    from qloop.simulator.platform.world import effects

    found: dict[Any, Scenario] = {}
    for point in campaign.telling():
        scenario = campaign.scenario(point)
        order = scenario.order()
        found.setdefault((order.name, order.place, effects(scenario)), scenario)
    return list(found.values())


def pilots(campaign: Campaign, observe: Observe, made: Iterable[tuple[int, int]],
           note: Callable[[str], None]) -> list[Done]:
    """Replication 0 of a few points spread over the grid, timed; those already made are not run again.

    Nothing can be told while one of them runs, so of a long one it is told before.
    """
    last, found, spent, known = len(campaign.plan.grid) - 1, [], 0.0, set(made)
    for point in dict.fromkeys(round(last * place / (PILOTS - 1)) for place in range(PILOTS)):
        if (point, 0) in known or spent > PILOTS_S:
            continue
        coming = arrivals_of(campaign.scenario(point))
        if coming >= MANY:
            note(f"{campaign.plan.grid.said(point)}: a first replication of about {coming:,.0f} arrivals, to see how "
                 "long the campaign takes")
        begin = time.perf_counter()
        found.append(perform(unit_of(campaign, (Span(point, 0, 1),), observe)))
        spent += time.perf_counter() - begin
        if found[-1].failure is not None:
            break
    return found


def arrivals_of(scenario: Scenario) -> float:
    """About how many sessions arrive in a replication; 0 where the arrivals do not say."""
    arrivals = scenario.arrivals
    if isinstance(arrivals, Recorded):
        return float(np.searchsorted(arrivals.times_s, scenario.duration_s))
    return scenario.duration_s / getattr(arrivals, "every_s", math.inf)


def timed(campaign: Campaign, observe: Observe) -> float:
    """Seconds of one replication in the middle of the grid, run for this only: what was made before tells no times."""
    begin = time.perf_counter()
    observe(campaign.scenario((len(campaign.plan.grid) - 1) // 2), 0, False)
    return time.perf_counter() - begin


def seconds_each(done: list[Done]) -> float:
    """Seconds that a replication takes, by the pilots."""
    made = sum(len(one.rows["point"]) for one in done)
    return sum(one.wall_s for one in done) / made if made else 0.0


def said(points: int, replications: int, seconds: float, processes: int, *, up_to: bool = False) -> str:
    """The estimate in words."""
    return (f"{runs(points, replications, up_to=up_to)}: {'at most ' if up_to else ''}about {duration(seconds)} on "
            f"{counted('process', processes)}")


def runs(points: int, replications: int, *, up_to: bool = False) -> str:
    """How much is to be run, in words."""
    return f"{counted('point', points)} x {'up to ' if up_to else ''}{counted('replication', replications)}"


def check(text: str, seconds: float, yes: bool) -> None:
    """Raise Refused for what takes more than LONGEST_S, unless the user said yes."""
    if seconds > LONGEST_S and not yes:
        raise Refused(text, f"More than {duration(LONGEST_S)} is not begun without being asked for",
                      "Give a smaller grid or fewer replications, or add --yes: it can be continued after a break")


def duration(seconds: float) -> str:
    """A time in words, of two digits: "12 days", "1.5 hours", "40 seconds"."""
    for size, name in UNITS:
        if seconds >= size:
            count = seconds / size
            shown = f"{count:.2g}" if count < 10 else f"{count:,.0f}"
            return f"{shown} {name}{'' if shown == '1' else 's'}"
    return "a second" if seconds > 0.05 else "no time"


def counted(noun: str, count: int) -> str:
    """A number with its noun."""
    many = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else many}"


def left(replications: int, seconds: float, processes: int) -> float:
    """Seconds that replications take on so many processes."""
    return math.ceil(replications) * seconds / processes
