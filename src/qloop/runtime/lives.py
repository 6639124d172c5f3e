"""The lives of a run: when each began, and what it was set up with beside its configuration. The run's log keeps them.

A configuration names QPUs; a QPU that was handed over as an object may differ from the one that its name opens, and a
resumed run may raise its budgets. So neither is part of what must be equal when a run is taken up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from qloop.errors import Conflict
from qloop.model.prices import Price
from qloop.qpus.remote import Qpu, RemoteQpu
from qloop.runtime.journal.protocol import Store
from qloop.runtime.price_book import ALL, PriceBook


class Life(msgspec.Struct, frozen=True, tag="life"):
    """One life of a run: `begun_ns` of the run's clock was `started_at_ns` of Unix time.

    `qpus` are fingerprints by name, `budgets` those of tenants, `prices` by QPU ("*": all others).
    """

    started_at_ns: int
    begun_ns: int
    qpus: dict[str, str] = {}
    budgets: dict[str, str] = {}
    prices: dict[str, Price] = {}


def begin_life(store: Store, run: str, life: Life) -> None:
    """Journal that a life of the run begins."""
    store.append(run, [msgspec.json.encode(life)])


def lives_of(store: Store, run: str) -> tuple[Life, ...]:
    """The lives of a run, the first one first; those of versions that kept none are missing."""
    found = []
    for _, event in store.read_log(run):
        try:
            found.append(msgspec.json.decode(event, type=Life))
        except msgspec.MsgspecError:        # the log is open to other entries
            continue
    return tuple(found)


def prices_of(book: PriceBook) -> dict[str, Price]:
    """A price book as the option that makes it again."""
    return {**book.by_qpu, **({} if book.rest is None else {ALL: book.rest})}


def fingerprints(qpus: Mapping[str, Qpu]) -> dict[str, str]:
    """What tells the QPUs of this life from others of the same names; QPUs that others run have none."""
    found = {name: fingerprint(qpu) for name, qpu in qpus.items()}
    return {name: text for name, text in found.items() if text}


def fingerprint(qpu: Qpu) -> str:
    """The QPU's own `fingerprint` (a text, or a method that returns one), or else a hash of its description."""
    own = getattr(qpu, "fingerprint", None)
    if own is not None:
        return str(own() if callable(own) else own)
    if isinstance(qpu, RemoteQpu):
        return ""
    return hashlib.sha256(msgspec.json.encode(qpu.describe())).hexdigest()[:24]


def check_same_qpus(run: str, earlier: Iterable[Life], qpus: Mapping[str, str]) -> None:
    """`Conflict` if a QPU of this life has another fingerprint than the one of its name in an earlier life."""
    for life in earlier:
        for name, known in life.qpus.items():
            if qpus.get(name, known) != known:
                raise Conflict(f"The QPU {name} is not the one that the run {run} was set up with",
                               "Its options or its snapshot are others, so that its results would not fit those in "
                               "the journal, which keeps only its name",
                               f"Resume with the same object: Runtime(qpus=[...], run={run!r}, resume=True). In a new "
                               "run, name a twin with its options, such as 'twin-torino?drift=x4&seed=7': it is "
                               "reopened so")
