"""How tenants share a runtime: their weights and quotas, set at its start or while it runs, and looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

import msgspec

from qloop.engine.engine import Engine
from qloop.engine.tenants import wrong
from qloop.errors import InvalidInput, UnknownName
from qloop.model.events import TenantSet
from qloop.policies.columns import LOWERED, OUTSTANDING, QUOTA, QUOTA_UNTIL, QUOTA_WINDOW, SPENT, WEIGHT, Row
from qloop.policies.quota import exhausted
from qloop.policies.shares import tenant_weight
from qloop.runtime.checks import check_tenant, check_weight
from qloop.runtime.core import Core

TermsWish: TypeAlias = "float | Mapping[str, float]"
FIELDS = ("weight", "qpu_quota_s", "cpu_quota_s", "window_s", "lowered")
ADVICE = "Give a weight, or some of weight, qpu_quota_s, cpu_quota_s, window_s and lowered"


class TenantView(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant as its operator sees it: its terms, and what it used in this window.

    `weight_now` is lowered while a quota is exhausted and the tenant is not refused (`refused`); the window ends in
    `window_left_s` (inf: there is no quota). `active`: its sessions with quantum tasks that wait or run.
    """

    name: str
    weight: float
    weight_now: float
    qpu_quota_s: float
    cpu_quota_s: float
    window_s: float
    lowered: float
    qpu_used_s: float
    cpu_used_s: float
    window_left_s: float
    refused: bool
    active: int


def terms_of(tenant: object, wish: object) -> TenantSet:
    """The terms that a user gives: a weight, or a mapping of some of `FIELDS`.

    Raises InvalidInput for what cannot be, UnknownName for a term that does not exist.
    """
    check_tenant(tenant)
    given = dict(wish) if isinstance(wish, Mapping) else {"weight": wish}
    for name in given:
        if name not in FIELDS:
            raise UnknownName(f"term of tenant {tenant!r}", str(name), FIELDS)
    check_weight(f"tenant {tenant!r}", given.get("weight", 1.0))
    numbers: dict[str, float] = {}
    for name, value in given.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or math.isnan(value):
            raise InvalidInput(f"{name} of tenant {tenant!r} is {value!r:.60}", "It must be a number", ADVICE)
        numbers[str(name)] = float(value)
    made = TenantSet(cast("str", tenant), **numbers)
    why = wrong(made)
    if why:
        raise InvalidInput(f"The terms of tenant {tenant!r} cannot hold", why[0].upper() + why[1:], ADVICE)
    return made


def kept_terms_of(wish: TermsWish) -> float | dict[str, float]:
    """The same terms in the form in which a run's configuration keeps them."""
    if isinstance(wish, Mapping):
        return {name: float(value) for name, value in sorted(wish.items())}
    return float(wish)


def parsed(words: Sequence[str]) -> dict[str, float | dict[str, float]]:
    """Terms from words such as `alice=2` and `bob=1,qpu_quota_s=600,window_s=3600,lowered=0.1`.

    Raises InvalidInput for words that cannot be read, and for two that speak of one tenant.
    """
    found: dict[str, float | dict[str, float]] = {}
    for word in words:
        tenant, equals, rest = word.partition("=")
        parts = rest.split(",") if equals else []
        terms = {name.strip(): _number(word, value) for name, value in _pairs(word, parts)}
        if len(terms) < len(parts) or not parts:
            raise InvalidInput(f"The terms {word!r:.80} say nothing, or one thing twice", "",
                               "Give NAME=WEIGHT or NAME=WEIGHT,qpu_quota_s=SECONDS,window_s=SECONDS")
        if tenant in found:
            raise InvalidInput(f"Tenant {tenant!r} has two weights at once", word, "Name each tenant once")
        terms_of(tenant, terms)
        found[tenant] = terms["weight"] if set(terms) == {"weight"} else terms
    return found


def _pairs(word: str, parts: Sequence[str]) -> list[tuple[str, str]]:
    """Names and values; a first part without a name is the weight."""
    pairs = []
    for number, part in enumerate(parts):
        name, equals, value = part.partition("=")
        if not equals and number > 0:
            raise InvalidInput(f"The terms {word!r:.80} cannot be read", f"{part!r} has no name", ADVICE)
        pairs.append((name, value) if equals else ("weight", name))
    return pairs


def _number(word: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"The terms {word!r:.80} cannot be read", f"{text!r} is no number", ADVICE) from None


class Sharing:
    """The operator's part of a runtime that concerns tenants; any thread may call it.

    What is set holds from now on, in this life of the run: tasks that wait keep their places, later ones are tagged by
    the new weight.
    """

    core: Core

    def tenants(self) -> tuple[TenantView, ...]:
        """All tenants that were named or had a session, in that order."""
        return cast("tuple[TenantView, ...]", self.core.ask(views))

    def set_tenant(self, tenant: str, **terms: float) -> None:
        """Change a tenant's terms while loops run; what is not named stays as it is (see `TenantView`).

        Raises InvalidInput or UnknownName for terms that cannot hold; then nothing changes.
        """
        check_tenant(tenant)
        now = cast("dict[str, float]", self.core.ask(lambda engine: kept(engine, tenant)))
        self.core.tell(terms_of(tenant, {**now, **terms}))


def kept(engine: Engine, tenant: str) -> dict[str, float]:
    """The terms that hold for a tenant; none for one that is not known."""
    row = engine.state.tenants.get(tenant)
    if row is None:
        return {}
    cells = engine.state.flows[row]
    found = {"weight": cells[WEIGHT], "qpu_quota_s": cells[QUOTA], "cpu_quota_s": cells[QUOTA + 1],
             "lowered": cells[LOWERED]}
    return found if cells[QUOTA_WINDOW] == math.inf else {**found, "window_s": cells[QUOTA_WINDOW]}


def views(engine: Engine) -> tuple[TenantView, ...]:
    """Every tenant as its operator sees it."""
    state = engine.state
    return tuple(view(name, state.flows[row], state.t) for name, row in state.tenants.items())


def view(name: str, cells: Row, now: float) -> TenantView:
    """One tenant as its operator sees it."""
    over = exhausted(cells, now) >= 0
    return TenantView(
        name=name, weight=cells[WEIGHT], weight_now=tenant_weight(cells), qpu_quota_s=cells[QUOTA],
        cpu_quota_s=cells[QUOTA + 1], window_s=cells[QUOTA_WINDOW], lowered=cells[LOWERED], qpu_used_s=cells[SPENT],
        cpu_used_s=cells[SPENT + 1], window_left_s=cells[QUOTA_UNTIL] - now, refused=over and cells[LOWERED] == 0.0,
        active=int(cells[OUTSTANDING]))
