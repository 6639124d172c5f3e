"""How sessions are drawn: from measurements, from distributions, or partly from the one and partly from the other."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.paper.draws import uniforms
from qloop.simulator.paper.measurements import Measured, shipped
from qloop.simulator.paper.recorded import GIVEN, UNUSED, recorded
from qloop.simulator.workload import distributions, drawn
from qloop.simulator.workload.checks import on_or_off, whole
from qloop.simulator.workload.distributions import Distribution
from qloop.simulator.workload.drawn import Drawn
from qloop.simulator.workload.empirical import listed
from qloop.simulator.workload.family import Floats
from qloop.simulator.workload.points import Ints
from qloop.simulator.workload.streams import (
    COST,
    EACH_COST,
    EACH_QUANTUM,
    ITERATIONS,
    POST,
    PRE,
    PRIORITY,
    QUANTUM,
    SIZE,
    TENANT,
)

SHIPPED = "shipped"
LARGEST_CHOICE = 1_000_000
# a value of a session: the column of the measurements, and its stream
VALUES = MappingProxyType({"pre": ("pre_s", PRE), "classical": ("cost_s", COST), "post": ("post_s", POST),
                           "quantum": ("quantum_s", QUANTUM), "iterations": ("iterations", ITERATIONS)})
Measurements = Mapping[int, Measured]


@dataclass(frozen=True, kw_only=True)
class SessionModel:
    """What a session is: pre, then `iterations` times a classical and a quantum task, then post.

    Sizes (qubits) and priorities are drawn by their weights, all alike without. `pre`, `classical` (one iteration) and
    `post` are s on a worker of 10^9 operations/s, `quantum` is s on a QPU of speed 1. What is not given as a
    distribution is drawn from the measurements of the session's size: those in `data`, "shipped" or the folder of a
    data set in any layout, as `qloop dataset record`, `import` and `export` write it. Its quantum durations are scaled
    to the provider's estimates if it has any, as the shipped ones are, and else taken as measured. `joint` draws the
    measured values of a session from one experiment, but for quantum durations. `redraw` "session": all iterations of
    a session are alike; "iteration": each has draws of its own. A session has at least one iteration: a draw below 1
    counts as 1, and a mean below 1 is refused.

    Raises InvalidInput or UnknownName for anything out of bounds.
    """

    sizes: tuple[int, ...] = (4, 6, 8, 10)
    size_weights: tuple[float, ...] = ()
    priorities: tuple[int, ...] = (1,)
    priority_weights: tuple[float, ...] = ()
    data: str = SHIPPED
    pre: Distribution | None = None
    classical: Distribution | None = None
    quantum: Distribution | None = None
    post: Distribution | None = None
    iterations: Distribution | None = None
    joint: bool = False
    redraw: str = "session"

    def __post_init__(self) -> None:
        for name, weights in (("sizes", "size_weights"), ("priorities", "priority_weights")):
            self._check_choice(name, weights)
        for name in VALUES:
            given = getattr(self, name)
            if given is not None and not isinstance(given, Distribution):
                raise InvalidInput(f"{name} of the sessions is {given!r}", "",
                                   "Give a distribution, such as Constant(2.0), or leave it out for the measurements")
        if not isinstance(self.data, str) or not self.data:
            raise InvalidInput(f"data of the sessions is {self.data!r}", "",
                               f"Give {SHIPPED!r}, or the path of a folder of measurements")
        if self.redraw not in ("session", "iteration"):
            raise UnknownName("redraw of the sessions", self.redraw, ("session", "iteration"))
        on_or_off("joint", self.joint)
        if self.joint and self.redraw == "iteration" and self.classical is None:
            raise InvalidInput("The sessions are drawn jointly, and each iteration anew",
                               "A session of one experiment has its one classical time",
                               'Set redraw = "session", joint = false, or give a distribution for classical')
        if self.iterations is not None:
            _check_iterations(self.iterations.mean)

    @property
    def measured(self) -> tuple[str, ...]:
        """The values that are drawn from measurements."""
        return tuple(name for name in VALUES if getattr(self, name) is None)

    def load(self) -> Measurements:
        """The measurements that this model draws from, by size; none if every value has a distribution.

        Raises InvalidInput for a folder that is not there or damaged, and for sizes that it does not have.
        """
        if not self.measured:
            return MappingProxyType({})
        if self.data == SHIPPED:
            return shipped(self.sizes)
        home = Path(self.data)
        if not home.is_dir():
            raise InvalidInput(f"There is no data set {self.data!r}", "", f"Give {SHIPPED!r}, or a folder of "
                               "measurements, whose name counts from the folder of the scenario file if there is one")
        return _known(home.resolve(), self.sizes, GIVEN if self.quantum is None else UNUSED, _stamp(home))

    def draw(self, key: int, first: int, count: int, measurements: Measurements,
             shares: tuple[float, ...] = (1.0,)) -> Drawn:
        """The sessions numbered first, first + 1, ...; `measurements` are what `load` gave, `shares` those of tenants.

        A session depends on the key and its number only.
        """
        size = np.array(self.sizes)[drawn.choose(key, SIZE, first, count, self.size_weights, len(self.sizes))]
        priority = np.array(self.priorities)[
            drawn.choose(key, PRIORITY, first, count, self.priority_weights, len(self.priorities))]
        tenant = drawn.choose(key, TENANT, first, count, shares, len(shares))
        u = {name: self._uniforms(name, key, first, count) for name in VALUES}
        pre, post, rounds = (self._values(name, size, u[name], measurements) for name in ("pre", "post", "iterations"))
        iterations = rounds.astype(np.int64) if self.iterations is None else drawn.counts(rounds)
        begin, stride, each = np.arange(count), 0, size
        if self.redraw == "iteration":
            u["classical"] = drawn.of_iterations(key, EACH_COST, first, iterations)
            u["quantum"] = drawn.of_iterations(key, EACH_QUANTUM, first, iterations)
            begin, stride, each = drawn.begins(iterations), 1, np.repeat(size, iterations)
        cost, quantum = (self._values(name, each, u[name], measurements) for name in ("classical", "quantum"))
        return Drawn(size, priority, tenant, drawn.operations(pre), drawn.operations(post), iterations, begin, stride,
                     drawn.operations(cost), drawn.nanoseconds(quantum))

    def _uniforms(self, name: str, key: int, first: int, count: int) -> Floats:
        """The draws behind one value of each session; of one experiment, they are the same."""
        together = self.joint and name != "quantum" and getattr(self, name) is None
        return uniforms(key, PRE if together else VALUES[name][1], first, count)

    def _values(self, name: str, size: Ints, u: Floats, measurements: Measurements) -> Floats:
        """One value for each of these sizes."""
        given: Distribution | None = getattr(self, name)
        if given is not None:
            return given.quantile(u)
        column = VALUES[name][0]
        return drawn.by_size(size, {one: getattr(measurements[one], column) for one in self.sizes}, u)

    def _check_choice(self, name: str, weights: str) -> None:
        """Raise InvalidInput unless these are positive whole numbers, with a weight each or none at all."""
        values = getattr(self, name)
        if not isinstance(values, list | tuple) or not values:
            raise InvalidInput(f"{name} of the sessions is {values!r}", "", "Give a list of at least one whole number")
        for value in values:
            whole(f"One of the {name} of the sessions", value, 1, LARGEST_CHOICE)
        object.__setattr__(self, name, tuple(values))
        given = listed(f"{weights} of the sessions", getattr(self, weights))
        object.__setattr__(self, weights, given)
        if given and (len(given) != len(values) or not sum(given) > 0.0):
            raise InvalidInput(f"{weights} of the sessions has {len(given)} numbers that add up to {sum(given):g}",
                               f"There are {len(values)} {name}", "Give a weight for each, one of them above 0")


def _check_iterations(mean: float) -> None:
    """Raise InvalidInput for a mean number of iterations that no session has."""
    if mean < 1.0 - 1e-9:       # it is computed
        raise InvalidInput(f"The sessions have {mean:g} iterations on average",
                           "A session has at least one, and more would be drawn than were asked for",
                           "Give iterations with a mean of at least 1")
    if mean > drawn.MOST_ITERATIONS:
        raise InvalidInput(f"The sessions have {mean:g} iterations on average", "",
                           f"Give at most {drawn.MOST_ITERATIONS}")


@lru_cache(maxsize=8)
def _known(home: Path, sizes: tuple[int, ...], quantum: str, stamp: tuple[tuple[str, int, int], ...]) -> Measurements:
    """The measurements in a folder with these files, read once in a process: that takes longer than a replication."""
    found = recorded(home, sizes, quantum=quantum)
    for one in found.values():
        for column in fields(one):
            getattr(one, column.name).flags.writeable = False
    return found


def _stamp(home: Path) -> tuple[tuple[str, int, int], ...]:
    """What tells that a table in the folder was changed: names, times of the last change (ns), and sizes (bytes)."""
    try:
        found = [(file.name, file.stat()) for file in sorted(home.iterdir()) if file.suffix in (".csv", ".parquet")]
    except OSError as error:
        raise InvalidInput(f"The data set {home} cannot be read", error.strerror or str(error),
                           "Give a folder of files that can be read") from error
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in found)


def parse(value: Any, name: str = "sessions") -> SessionModel:
    """The session model that a table of a scenario file means; distributions as `distributions.parse` reads them.

    `name` is what messages call it. Raises InvalidInput or UnknownName for anything that is none.
    """
    if isinstance(value, SessionModel):
        return value
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} is {value!r}", "", "Give a table such as {sizes = [4, 6], quantum = '2 s'}")
    known = [field.name for field in fields(SessionModel)]
    given: dict[str, Any] = {}
    for key, one in value.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            raise InvalidInput(f"{name}.{key} is no parameter of the sessions",
                               f"Did you mean {near[0]!r}?" if near else "", f"They have: {', '.join(sorted(known))}")
        unit = "count" if key == "iterations" else "s"
        given[key] = distributions.parse(one, unit, f"{name}.{key}") if key in VALUES else one
    return SessionModel(**given)


def table(model: SessionModel) -> dict[str, Any]:
    """The table that `parse` reads as this model; parameters at their default are left out."""
    found: dict[str, Any] = {}
    for field in fields(model):
        value = getattr(model, field.name)
        if value != field.default:
            plain = list(value) if isinstance(value, tuple) else value
            found[field.name] = distributions.table(value) if field.name in VALUES else plain
    return found
