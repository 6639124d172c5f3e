"""Taking up a session of an earlier life: find its journal, and how it was opened."""

from __future__ import annotations

from pathlib import Path

import msgspec

from qloop.errors import InvalidInput, JournalError, UnknownName
from qloop.qpus.catalog import check_qpu_name
from qloop.runtime import layout
from qloop.runtime.embedded import Runtime
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.rows import RunInfo, SessionInfo
from qloop.runtime.journal.sqlite import SqliteStore
from qloop.runtime.lives import lives_of
from qloop.runtime.options import Options
from qloop.runtime.terms import kept_terms
from qloop.runtime.wishes import SessionWish


class Kept(msgspec.Struct):
    """What a session's row keeps of its wish."""

    qpu: str = ""
    shots: int = 0
    kind: str = "loop"
    weight: float = 1.0
    interactive_ttl_s: float = 0.0
    max_ttl_s: float = 0.0
    optimum: float | None = None


class Configuration(msgspec.Struct):
    """What a run's row keeps of its options."""

    qpus: tuple[str, ...] = ("exact",)
    policy: str = "efaas"
    placement: str = ""
    settings: dict[str, float] = {}
    clock: str = "real"
    seed: int = 0
    tenants: dict[str, float | dict[str, float]] = {}


def reopen(session: str, journal: str | None = None) -> tuple[Runtime, SessionWish]:
    """A runtime on the session's journal, as its run was set up, and the wish that opens the session again.

    Tenants' budgets and the prices are those of the run's last life; the session's own prices come first. `Conflict`
    if a QPU was handed over as an object, and its name opens another.
    """
    if not isinstance(session, str):
        raise InvalidInput(f"The session id is {session!r:.80}", "", "Give the text that Session.id shows")
    path = Path(journal) if journal is not None else layout.journal_path(layout.run_of_session(session))
    store = SqliteStore(path, create=False)
    try:
        info, run = _find(store, session, path)
        prices, lives = kept_terms(store, session).prices, lives_of(store, run.row.id)
    finally:
        store.close()
    _check_names(run)
    budgets = lives[-1].budgets if lives else {}
    prices = {**(lives[-1].prices if lives else {}), **prices}
    return Runtime(msgspec.structs.replace(options_of(run, path), prices=prices, budgets=budgets)), wish_of(info)


def options_of(run: RunInfo, path: Path) -> Options:
    """The options with which a run goes on."""
    kept = msgspec.json.decode(run.row.config, type=Configuration)
    clock: str | float = kept.clock if kept.clock in ("real", "virtual") else float(kept.clock)
    return Options(qpus=kept.qpus, policy=kept.policy, placement=kept.placement or None,
                   policy_settings=kept.settings, clock=clock, seed=kept.seed, tenants=kept.tenants, journal=path,
                   run=run.row.id, resume=True, program=run.row.program, grow=True)


def wish_of(info: SessionInfo) -> SessionWish:
    """The wish that opens a session again."""
    kept = msgspec.json.decode(info.row.settings, type=Kept)
    return SessionWish(name=info.row.name, tenant=info.row.tenant, seed=info.row.seed,
                       **msgspec.structs.asdict(kept))


def _check_names(run: RunInfo) -> None:
    """InvalidInput if a QPU of the run cannot be opened by its name."""
    for name in msgspec.json.decode(run.row.config, type=Configuration).qpus:
        try:
            check_qpu_name(name)
        except UnknownName as error:
            raise InvalidInput(f"The run {run.row.id} was set up with the QPU {name}, which no name opens",
                               "It was handed over as an object",
                               f"Hand it over again: Runtime(qpus=[...], run={run.row.id!r}, resume=True)") from error


def _find(store: Store, session: str, path: Path) -> tuple[SessionInfo, RunInfo]:
    info = store.get_session(session)
    if info is None:
        raise UnknownName("session", session, (known.row.id for known in store.sessions()))
    for run in store.runs():
        if run.row.id == info.row.run:
            return info, run
    raise JournalError(f"The journal {path} does not hold the run of session {session}", "It is damaged",
                       "Restore a backup")
