"""May the answer be trusted: does the warm-up cover the start, and would runs of another length say the same?"""

from __future__ import annotations

from collections.abc import Sequence

from qloop.simulator.analysis.measures import MEASURES
from qloop.simulator.analysis.shown import shown
from qloop.simulator.analysis.tails import censoring
from qloop.simulator.analysis.warmup import OF_SESSIONS, sensitivity, transient
from qloop.simulator.capacity.goals import Goal
from qloop.simulator.platform.result import Replication

OPEN_LIMIT, CHANGE_LIMIT = 0.02, 0.1


def doubts(replications: Sequence[Replication], goals: Sequence[Goal]) -> list[str]:
    """Sentences on what the answer depends on beside the platform; none if nothing was found.

    Start: MSER-5 on the open sessions. Length: the goals' quantities in runs half as long, paired; told if they differ
    surely, and by more than a tenth. Censoring: told if a goal is on times and more than 2 % of the sessions are open,
    failed or expired.
    """
    scenario = replications[0].scenario
    start = transient(replications)
    found = [] if start.found and start.seconds <= scenario.warmup_s else [start.verdict(scenario.warmup_s)]
    for quantity in dict.fromkeys(goal.quantity for goal in goals if goal.quantity in OF_SESSIONS):
        whole, half = sensitivity(replications, quantity, [scenario.warmup_s], [scenario.duration_s / 2])
        change, unit = half.change, MEASURES[quantity].unit
        if (change.low > 0.0 or change.high < 0.0) and abs(change.mean) > CHANGE_LIMIT * abs(whole.value.mean):
            found.append(f"{quantity} depends on the length of the run: {shown(half.value.mean, unit)} in half of it, "
                         f"{shown(whole.value.mean, unit)} in all of it. Let the scenario run longer")
    tails = censoring(replications)
    if tails.unfinished > OPEN_LIMIT and any(_on_times(goal) for goal in goals):
        found.append(tails.verdict())
    return found


def _on_times(goal: Goal) -> bool:
    return goal.quantity.startswith(("time_", "wait", "slowdown", "bounded", "gap"))
