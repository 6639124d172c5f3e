"""A closed loop: a fixed number of users who think, submit a session, and think again when it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.paper.draws import uniforms
from qloop.simulator.workload.checks import whole
from qloop.simulator.workload.distributions import Distribution
from qloop.simulator.workload.points import LONGEST_NS, Ints
from qloop.simulator.workload.streams import THINK

MOST_USERS = 10_000_000


@dataclass(frozen=True)
class Closed:
    """`users` of whom each has one session at a time; `think` (s) passes before each submission.

    The session that user u submits as his n-th (from 0) has the number n x users + u: its draws do not depend on whose
    session ended first. `start` "think": every user begins by thinking; "zero": all submit at time 0.

    Raises InvalidInput for users that are none, and a think time that is no distribution.
    """

    kind: ClassVar[str] = "closed"
    users: int
    think: Distribution
    start: str = "think"

    def __post_init__(self) -> None:
        whole("users of the closed arrivals", self.users, 1, MOST_USERS)
        if not isinstance(self.think, Distribution):
            raise InvalidInput(f"think of the closed arrivals is {self.think!r}", "",
                               "Give a distribution, such as Exponential(mean=60)")
        if self.start not in ("think", "zero"):
            raise UnknownName("start of the closed arrivals", self.start, ("think", "zero"))

    def most_rate(self) -> float:
        """Sessions per s if none ever waited or took time; infinite without a think time."""
        return self.users / self.think.mean if self.think.mean > 0.0 else float("inf")

    def think_ns(self, key: int, first: int, count: int, stream: int = THINK) -> Ints:
        """The think times before the sessions numbered first, first + 1, ..., in ns."""
        drawn = np.minimum(np.rint(self.think.quantile(uniforms(key, stream, first, count)) * 1e9), LONGEST_NS)
        if self.start == "zero":
            drawn[:max(self.users - first, 0)] = 0.0
        return drawn.astype(np.int64)
