"""The points of the paper's campaign: which model is run, under which name, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType

from qloop.errors import InvalidInput
from qloop.simulator.paper.model import DAY_S, PlatformModel, big_classical, big_quantum, small

POLICIES = ("fifo_swap", "fifo", "lifo", "random", "weighted")
ARRIVALS_S = (150, 300, 450, 600, 750, 900)
COUNTS = (1, 2, 3, 4, 5, 6)
REPRESENTATIVE_S = 450      # the load of figure 14, 8 sessions an hour
REPLICATIONS, QUICK = 100, 10
MOST_REPLICATIONS = 1_000      # all sessions are held in memory to judge them: some GB
# What is run beside the paper's own points, to tell transients and rules apart, needs fewer replications.
SHARE_BESIDE = 0.3

STUDIES = MappingProxyType({
    "small": "small scenario, five policies, 7 days",
    "c": "C study, 36 points, 24 h",
    "week": "C study at 8 sessions/h over 7 days",
    "admission": "the paper's own admission rule",
    "q": "Q study, 36 points, 7 days",
})


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a study: its name (of its file, too), the model, and the replications wanted."""

    study: str
    name: str
    model: PlatformModel
    replications: int

    @property
    def weight(self) -> float:
        """What a replication costs, about: QPU-days, since QPUs are busy."""
        return self.model.qpus * self.model.duration_s / DAY_S


def campaign(replications: int = REPLICATIONS, week: bool = False) -> tuple[Point, ...]:
    """All points in the order in which they are run; `week` adds the C study of seven days at every load.

    Raises InvalidInput for a number of replications that can never work.
    """
    if not 1 <= replications <= MOST_REPLICATIONS:
        raise InvalidInput(f"{replications} replications were asked for", "",
                           f"Give a number from 1 to {MOST_REPLICATIONS:,}")
    return tuple(_points(replications, week))


def _points(replications: int, week: bool) -> Iterator[Point]:
    fewer = max(min(replications, QUICK), round(SHARE_BESIDE * replications))
    for policy in POLICIES:
        yield Point("small", small_name(policy), small(policy), replications)
    for seconds in ARRIVALS_S:
        for workers in COUNTS:
            yield Point("c", c_name(workers, seconds), big_classical(workers, seconds), replications)
    for seconds in ARRIVALS_S if week else (REPRESENTATIVE_S,):
        for workers in COUNTS:
            yield Point("week", week_name(workers, seconds), big_classical(workers, seconds, days=7.0),
                        replications if week else fewer)
    for policy in ("random", "lifo"):
        yield Point("admission", paper_rule(small_name(policy)), small(policy, admission="paper"), fewer)
    for workers in (2, 6):
        model = big_classical(workers, REPRESENTATIVE_S)
        yield Point("admission", paper_rule(c_name(workers)), replace(model, admission="paper"), replications)
    for seconds in ARRIVALS_S:
        for qpus in COUNTS:
            yield Point("q", q_name(qpus, seconds), big_quantum(qpus, seconds), replications)


def small_name(policy: str) -> str:
    """The name of a point of the small scenario."""
    return f"small-{policy}"


def q_name(qpus: int, seconds: int) -> str:
    """The name of a point of the Q study."""
    return f"q{qpus}-every-{seconds}s"


def c_name(workers: int, seconds: int = REPRESENTATIVE_S) -> str:
    """The name of a point of the C study of 24 h."""
    return f"c{workers}-every-{seconds}s"


def week_name(workers: int, seconds: int = REPRESENTATIVE_S) -> str:
    """The name of a point of the C study of seven days."""
    return f"c{workers}-every-{seconds}s-7-days"


def paper_rule(name: str) -> str:
    """The name of the same point under the admission rule that the paper describes."""
    return f"{name}-paper-admission"
