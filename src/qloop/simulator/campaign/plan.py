"""What a campaign makes of a scenario: its grid, how many replications, and what is kept of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from qloop.errors import InvalidInput
from qloop.policies.record import Policy
from qloop.simulator.campaign import grid, paths, records
from qloop.simulator.campaign.document import NO_POLICIES, Document, loads
from qloop.simulator.campaign.dump import dump, toml
from qloop.simulator.campaign.errors import told_as
from qloop.simulator.campaign.stopping import MOST_REPLICATIONS, Until
from qloop.simulator.choices import each_once
from qloop.simulator.platform.fields import check, choice, flag, number
from qloop.simulator.scenario import Scenario

MOST_RUNS = 200_000_000
CHECKED_ALL = 500
ONE_POINT = grid.Grid()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a campaign goes: `replications` at each point, numbered 0, 1, ..., or as many as `until` says.

    The same numbers are used at every point, so that points meet the same arrivals and sessions (common random
    numbers).
    """

    replications: int = number(10, "", 1, MOST_REPLICATIONS, "Replications at each point", whole=True)
    combine: str = choice("product", ("product", "zip"), "How the lists of the grid are combined")
    sessions: bool = flag(False, "Whether every session is kept, besides the measures")
    grid: grid.Grid = ONE_POINT
    until: Until | None = None

    def __post_init__(self) -> None:
        check(self, "campaign")
        if self.most * len(self.grid) > MOST_RUNS:
            raise InvalidInput(f"{len(self.grid):,} points with up to {self.most:,} replications are "
                               f"{self.most * len(self.grid):,} runs", "", f"Give at most {MOST_RUNS:,}")

    @property
    def most(self) -> int:
        """The most replications of a point."""
        return self.until.most if self.until else self.replications


@dataclass(frozen=True, slots=True)
class Campaign:
    """A scenario file with its plan; `policies` are one's own by name."""

    document: Document
    plan: Plan = Plan()
    policies: Mapping[str, Policy] = dataclasses.field(default_factory=lambda: NO_POLICIES)

    def scenario(self, point: int) -> Scenario:
        """The scenario at a point; errors say which point it is."""
        return at_point(self.document, self.plan.grid.settings(point), self.policies)

    @property
    def text(self) -> str:
        """The text of a scenario file for this campaign: the one that was read, unless something was changed."""
        if self.document.text:
            return self.document.text
        told: dict[str, Any] = {key: getattr(self.plan, key) for key in records.declared(Plan) if key != "replications"}
        if self.plan.until is None:
            told["replications"] = self.plan.replications
        else:
            told["until"] = dataclasses.asdict(self.plan.until)
        grid_ = {axis.name: axis.values for axis in self.plan.grid.axes}
        return toml({**self.document.tables, "campaign": {**told, **({"grid": grid_} if grid_ else {})}})

    def check(self) -> None:
        """Raise InvalidInput or UnknownName if the scenario, or a value of the grid, cannot be.

        Every point of a small grid is checked; of a large one, every value of each axis with the first of the others.
        """
        self.document.scenario(self.policies)
        for point in self.telling():
            with self.document.at("campaign", "grid"):
                self._check_point(point)

    def _check_point(self, point: int) -> None:
        try:
            self.scenario(point)
        except InvalidInput as error:
            raise told_as(error, f"{self.plan.grid.said(point)}: ") from None

    def telling(self) -> Iterable[int]:
        """The points that are checked before anything is run, which show every value of each axis."""
        made = self.plan.grid
        if len(made) <= CHECKED_ALL or made.combine == "zip":
            return range(min(len(made), 100 * CHECKED_ALL))
        found, step = {0}, len(made)
        for axis in made.axes:
            step //= len(axis.values)
            found |= {place * step for place in range(min(len(axis.values), CHECKED_ALL))}
        return sorted(found)


def at_point(document: Document, settings: Iterable[grid.Setting],
             policies: Mapping[str, Policy] = NO_POLICIES) -> Scenario:
    """The scenario of a document with some values changed; a changed value has no line in the file."""
    made = list(settings)
    tables: Mapping[str, Any] = document.tables
    for path, value in made:
        tables = paths.with_value(tables, path, value)
    if not made:
        return document.scenario(policies)
    return Document(tables, "", document.file).scenario(policies)


def campaign_of(document: Document, *, changes: Mapping[str, Any] = MappingProxyType({}),
                replications: int | None = None, sessions: bool | None = None, policy: Iterable[str] = (),
                policies: Mapping[str, Policy] = NO_POLICIES) -> Campaign:
    """The campaign of a scenario file.

    `changes` sets values by dotted path; `replications` fixes their number, whatever the file says; several of `policy`
    are an axis of the grid. Raises InvalidInput or UnknownName.
    """
    tables = dict(document.tables)
    for path, value in changes.items():
        tables = paths.with_value(tables, paths.parse(path, tables), value)
    table = dict(tables.pop("campaign", {}))
    names = each_once(policy)
    if len(names) == 1:
        tables["scenario"] = {**tables.get("scenario", {}), "policy": names[0]}
    if names:
        others = {key: value for key, value in table.get("grid", {}).items()
                  if key not in ("policy", "scenario.policy")}
        table["grid"] = {**({"policy": names} if len(names) > 1 else {}), **others}
    if sessions is not None:
        table["sessions"] = sessions
    if replications is not None:
        table["replications"] = replications
        table.pop("until", None)
    known = Document(tables, document.text, document.file)
    plan = _plan(table, known)
    if changes or names or sessions is not None or replications is not None:
        # What is wrong in the file has a line there; what is wrong in a change has none.
        document.scenario(policies)
        known = Document(tables, "", document.file)
    made = Campaign(known, plan, policies)
    made.check()
    return made


def campaign_for(scenario: Scenario, grid: Mapping[str, Any] = MappingProxyType({}), *, replications: int = 10,
                 combine: str = "product", sessions: bool = False, until: Mapping[str, Any] | None = None) -> Campaign:
    """The campaign of a scenario made in Python: `grid` has a list of values for each dotted path of its file.

    A policy that is a record of one's own is used as it is. Raises InvalidInput or UnknownName.
    """
    own = scenario.policy if isinstance(scenario.policy, Policy) else None
    named = dataclasses.replace(scenario, policy="fifo", settings={}, placement=None) if own else scenario
    document = loads(dump(named))
    if own:
        document.tables["scenario"]["policy"] = own.name
    table: dict[str, Any] = {"replications": replications, "combine": combine, "sessions": sessions, "grid": dict(grid)}
    if until:
        table["until"] = dict(until)
    made = Campaign(Document(document.tables), _plan(table, document), {own.name: own} if own else NO_POLICIES)
    made.check()
    return made


def _plan(table: Mapping[str, Any], document: Document) -> Plan:
    """The plan of the table [campaign]."""
    given = _read(Plan, table, "[campaign]", document, ("campaign",), ("grid", "until"))
    with document.at("campaign", "grid"):
        given["grid"] = grid.read(table.get("grid", {}), given.get("combine", "product"), document.tables)
    if "until" in table:
        path = ("campaign", "until")
        said = _read(Until, table["until"], "[campaign.until]", document, path, ("quantity",))
        with document.at(*path):
            if not isinstance(table["until"].get("quantity"), str):
                raise InvalidInput("[campaign.until] has no quantity", "", 'Add quantity, a measure such as "drop"')
            given["until"] = Until(**said, quantity=table["until"]["quantity"])
    with document.at("campaign"):
        return Plan(**given)


def _read(kind: type, table: Any, label: str, document: Document, path: tuple[str, ...],
          more: tuple[str, ...]) -> dict[str, Any]:
    """The declared parameters of a table."""
    if not isinstance(table, Mapping):
        with document.at(*path):
            raise InvalidInput(f"{label[1:-1]} is not a table", "", f"Write it as {label}")
    known, given = records.declared(kind), {}
    for key, value in table.items():
        with document.at(*path, key):
            records.check_keys({key: value}, (*known, *more), label)
            if key in known:
                given[key] = records.read(known[key], value, f"{label} {key}")
    return given
