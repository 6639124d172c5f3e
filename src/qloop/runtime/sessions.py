"""Opening sessions, anew or where an earlier life of the run left them."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import Final, TypeVar

import msgspec

from qloop.errors import Conflict, SessionEnded
from qloop.runtime.checks import check_process, check_wish
from qloop.runtime.guess_runs import Held
from qloop.runtime.identity import Counter
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.rows import ENDED_SESSION, SessionRow, SessionState
from qloop.runtime.quantum import Book
from qloop.runtime.tally import Tally
from qloop.runtime.ticket import QuantumTicket
from qloop.runtime.wishes import SessionView, SessionWish

REMEMBERED: Final = 10_000
KEPT = ("qpu", "shots", "kind", "weight", "interactive_ttl_s", "max_ttl_s", "optimum")   # beside tenant, name, seed

V = TypeVar("V")


class Recent(dict[str, V]):
    """A mapping that forgets its oldest entries beyond `REMEMBERED`; any thread may add to it."""

    def __init__(self) -> None:
        super().__init__()
        self._adding = threading.Lock()

    def __setitem__(self, key: str, value: V) -> None:
        with self._adding:
            super().__setitem__(key, value)
            while len(self) > REMEMBERED:
                del self[next(iter(self))]


class Sessions:
    """The open sessions of a run by id, and the last 10,000 that ended in this life of it: their views (`past`) and why
    they ended (`ended`). Why an older one ended is known from the journal.
    """

    def __init__(self, run: str, seed: int, store: Store) -> None:
        self.run, self.seed, self.store = run, seed, store
        self.process = os.getpid()
        self.books: dict[str, Book] = {}
        self.ended: Recent[str] = Recent()
        self.past: Recent[SessionView] = Recent()
        self.speculated: Recent[Tally] = Recent()
        self.kept: set[str] = set()
        self._count = 0
        self._opening = threading.Lock()

    def open(self, wish: SessionWish, now_ns: int) -> Book:
        """Journal the session (or find it there) and make its book; nothing is scheduled yet."""
        check_process(self.process)
        check_wish(wish)
        with self._opening:
            return self._open(wish, now_ns)

    def _open(self, wish: SessionWish, now_ns: int) -> Book:
        name = wish.name or self._next_name()
        identity = f"{self.run}.{name}"
        if identity in self.books:
            raise Conflict(f"A session named {name!r} is open in this run", "A name stands for one session",
                           "Choose another name, or close the first one")
        seed = derive(self.seed, name) if wish.seed is None else wish.seed
        settings = msgspec.json.encode({field: getattr(wish, field) for field in KEPT})
        self.store.put_session(SessionRow(identity, self.run, wish.tenant, name, seed, settings, now_ns))
        info = self.store.get_session(identity)
        if info is not None and info.state in (SessionState.CANCELLED, SessionState.EXPIRED):
            raise SessionEnded(f"The session {name!r} was {info.state} earlier in this run", info.reason,
                               "Open a session of another name, or start a new run")
        return self._book(identity, seed, wish, name)

    def _book(self, identity: str, seed: int, wish: SessionWish, name: str) -> Book:
        book = Book(identity, seed, wish.qpu, wish.tenant, name, Counter(seed))
        for row in self.store.results(identity):
            book.memo[row.digest] = row
            book.results += 1
            book.shots += row.shots
        book.resumed = book.results
        self.kept.discard(identity)
        self.books[identity] = book
        return book

    def find(self, session: str) -> Book:
        """The book of an open session; SessionEnded if it is not open, QloopError in a forked child."""
        check_process(self.process)
        book = self.books.get(session)
        if book is None:
            raise SessionEnded(f"The session {session} is not open", self._why(session), "Open a new session")
        return book

    def _why(self, session: str) -> str:
        """Why a session is not open."""
        known = self.ended.get(session)
        if known is not None:
            return known
        info = self.store.get_session(session)
        if info is None or info.row.run != self.run:
            return "It was never opened"
        return f"It is {info.state}: {info.reason}" if info.state in ENDED_SESSION else "It waits to be taken up"

    def forget(self, ticket: QuantumTicket) -> None:
        """Nothing was bought for the task: who asks for the same again asks for the same evaluation."""
        book = self.books.get(ticket.session)
        if book is not None:
            book.counter.forget(ticket.structure, ticket.thetas, ticket.shots, ticket.identities)
            book.failed[ticket.digest] = book.failed.get(ticket.digest, 0) + 1

    def squashed(self, ticket: QuantumTicket, reason: str) -> Held | None:
        """A guess came to nothing; its number on the committed path was never given out.

        Returns its values if it had them just before it was told to end.
        """
        held: Held | None = None
        book = self.books.get(ticket.session)
        if book is not None:
            with book.lock:
                book.tally.unwanted(ticket, reason)
                held, ticket.held = ticket.held, None
            if book.guesses.get(ticket.digest) is ticket:
                book.guesses.pop(ticket.digest, None)
        return held

    def _next_name(self) -> str:
        """The name of a session that was opened without one: its number in the run's order."""
        self._count += 1
        return f"session-{self._count}"


def view_of(book: Book, state: str, clock: str) -> SessionView:
    """A session as its owner sees it."""
    simulators = tuple(sorted({str(program.simulator) for program in book.shelf.programs.values()}))
    account = book.account
    money = {} if account is None else account.view()
    return SessionView(id=book.id, name=book.name, tenant=book.tenant, state=state, seed=book.seed, clock=clock,
                       results=book.results, shots=book.shots, resumed=book.resumed, qpu=book.pin,
                       simulators=simulators, **money)


def derive(seed: int, name: str) -> int:
    """A session's seed from the run's: the same name gets the same one in every life of the run."""
    digest = hashlib.sha256(f"{seed}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
