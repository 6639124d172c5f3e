"""How a runtime is set up, checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from qloop.errors import InvalidInput, UnknownName
from qloop.model.limits import NEVER, Limits
from qloop.pilots.spec import PilotSpec
from qloop.policies.record import Policy
from qloop.qpus.remote import Qpu
from qloop.runtime.checks import NAME, check_tenant
from qloop.runtime.journal.protocol import Store
from qloop.runtime.pilots import pilot_specs
from qloop.runtime.price_book import PriceWish, price_book
from qloop.runtime.sharing import TermsWish, kept_terms_of, terms_of
from qloop.runtime.terms import tenant_budgets

MEMORY = ":memory:"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """A runtime's settings.

    `qpus`: names (see `qloop qpus`) or QPU objects. `policy` (a name or an own record), `placement` and
    `policy_settings`: see `qloop.policies.catalog`. `clock`: "real", "virtual", or how many times as fast as real
    time. `journal`: a file, ":memory:", a store, or None for a file under `.qloop/runs`. `run` with `resume` takes up
    an earlier run. `trace`: whether to record one, or the file to stream it to. `workers`: processes of a local
    pilot. `pilots`: further classical resources, as words ("slurm:0-16", see `qloop.pilots.spec`; "@work" for a
    kept one) or specifications.
    `tenants`: weights by name, or their terms (`qloop.runtime.sharing`). `grow`: a session may name any QPU of the
    catalog, which then joins. `prices`: the name of one for all QPUs, a mapping of QPUs to prices, or the file of a
    price list (`qloop.runtime.price_book`). `budgets`: what tenants may spend in this journal, by name: "100 USD",
    "600 s" or "10000 shots".
    """

    qpus: Sequence[str | Qpu] = ("exact",)
    policy: str | Policy = "efaas"
    placement: str | None = None
    policy_settings: Mapping[str, float] = {}
    clock: str | float = "real"
    seed: int = 0
    journal: str | Path | Store | None = None
    durability: str = "process"
    run: str = ""
    resume: bool = False
    program: str = ""
    trace: bool | str | Path = False
    workers: int = 0
    pilots: Sequence[str | PilotSpec] = ()
    tenants: Mapping[str, TermsWish] = {}
    limits: Limits = Limits()
    grow: bool = False
    prices: PriceWish = {}
    budgets: Mapping[str, str] = {}

    def check(self) -> Options:
        """Itself; raises InvalidInput or UnknownName for what cannot work."""
        check_options(self)
        return self

    @property
    def policy_name(self) -> str:
        """The policy's name."""
        return self.policy if isinstance(self.policy, str) else self.policy.name

    def configuration(self) -> dict[str, Any]:
        """What decides a run's course, for provenance and for refusing to resume under another configuration.

        Numbers are floats, so that a run set up with clock=60 is the one that is taken up with clock=60.0.
        """
        clock = self.clock if isinstance(self.clock, str) else str(float(self.clock))
        return {"qpus": [qpu if isinstance(qpu, str) else qpu.describe().name for qpu in self.qpus],
                "policy": self.policy_name, "placement": self.placement or "",
                "settings": {name: float(value) for name, value in self.policy_settings.items()}, "clock": clock,
                "seed": self.seed, "tenants": {tenant: kept_terms_of(wish) for tenant, wish in self.tenants.items()}}


def options_from(settings: Mapping[str, Any]) -> Options:
    """Options by name; UnknownName, with the nearest, for one that does not exist."""
    for name in settings:
        if name not in Options.__struct_fields__:
            raise UnknownName("option of a runtime", name, Options.__struct_fields__)
    return Options(**settings)


def check_options(options: Options) -> None:
    """Refuse a runtime that can never work."""
    if isinstance(options.qpus, str) or not isinstance(options.qpus, Sequence) or not options.qpus:
        raise InvalidInput(f"The QPUs are {options.qpus!r:.80}", "A runtime needs a list of at least one QPU",
                           "Give qpus=['exact'], for example")
    for label, value, kinds, wanted in (
            ("policy_settings", options.policy_settings, Mapping, "a dict of numbers by name"),
            ("tenants", options.tenants, Mapping, "a dict of weights, or of terms, by name"),
            ("limits", options.limits, Limits, "a qloop.model.limits.Limits"),
            ("pilots", options.pilots, Sequence, "a list such as ['local:4']"),
            ("program", options.program, str, "a text"),
            ("trace", options.trace, bool | str | Path, "True, False, or a file")):
        if not isinstance(value, kinds):
            raise InvalidInput(f"{label} is {value!r:.80}", "", f"Give {wanted}")
    if isinstance(options.journal, int | float | bytes):
        raise InvalidInput(f"The journal is {options.journal!r:.80}", "", "Give a file, ':memory:', or None")
    _check_numbers(options)
    if options.durability not in ("process", "power"):
        raise UnknownName("durability", options.durability, ("process", "power"))
    for tenant, wish in options.tenants.items():
        terms_of(tenant, wish)
    pilot_specs(options.workers, options.pilots)
    _check_run(options)
    _check_money(options)


def _check_numbers(options: Options) -> None:
    if isinstance(options.seed, bool) or not isinstance(options.seed, int) or not 0 <= options.seed < 2**63:
        raise InvalidInput(f"The seed is {options.seed!r:.80}", "", "Give an integer from 0 to 2^63 - 1")
    workers = options.workers
    if isinstance(workers, bool) or not isinstance(workers, int) or not 0 <= workers <= 1024:
        raise InvalidInput(f"The number of workers is {workers!r:.80}", "", "Give an integer from 0 to 1024")
    for name, value in msgspec.structs.asdict(options.limits).items():
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= NEVER:
            raise InvalidInput(f"The limit {name} is {value!r:.80}", "", "Give an integer of at least 1")


def _check_money(options: Options) -> None:
    book = price_book(options.prices)
    if not isinstance(options.budgets, Mapping):
        raise InvalidInput(f"budgets is {options.budgets!r:.80}", "", "Give a mapping of tenants to budgets")
    for tenant in options.budgets:
        check_tenant(tenant)
    tenant_budgets(options.budgets, book)


def _check_run(options: Options) -> None:
    """The run's id becomes a file's name."""
    if options.run and not (isinstance(options.run, str) and NAME.fullmatch(options.run)):
        raise InvalidInput(f"The run id {options.run!r:.80} cannot be used", "It becomes the name of a file",
                           "Use letters, digits, '-' and '_', at most 64")
