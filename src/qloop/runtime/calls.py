"""Classical tasks as wishes: a call, what it needs, and which results of other tasks are among its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from qloop.errors import InvalidInput, Refused
from qloop.model.events import ClassicalSubmitted
from qloop.model.limits import MAX_TIMEOUT_S, SECOND
from qloop.model.needs import ANYWHERE, Needs
from qloop.pilots.payload import Slot, pack, pack_filled
from qloop.runtime.quantum import Book
from qloop.runtime.ticket import ClassicalTicket, QuantumTicket, Ticket

if TYPE_CHECKING:
    from qloop.runtime.assembly import Parts

NO_NAMES: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments; tickets of classical tasks among them stand for what those return."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What it is called in errors."""
        return str(getattr(self.function, "__qualname__", type(self.function).__name__))


@dataclass(frozen=True, slots=True)
class Attend:
    """Who follows a task while it runs: `hear` is told what it says (what, bytes), `asked` answers its questions.

    Both are called in a pilot's thread and must not wait.
    """

    hear: Callable[[str, bytes], None] | None = None
    asked: Callable[[bytes, Callable[[bytes], None]], None] | None = None


NOBODY = Attend()


def submit(parts: Parts, book: Book, call: Call, needs: Needs, iteration: int, modelled_s: float,
           after: Sequence[str], attend: Attend) -> ClassicalTicket:
    """Submit a call; `Refused` with the reason if no pilot can ever run it, the error of an argument that failed."""
    if not parts.classical.held:
        raise InvalidInput("There are no workers to run a classical task", "The runtime was set up without any",
                           "Set workers to at least 1, or give it pilots")
    ticket, earlier = ticket_of(book, call, iteration=iteration, modelled_s=modelled_s, needs=needs)
    ticket.hear, ticket.asked = attend.hear, attend.asked
    parts.effects.tickets[ticket.id] = ticket
    wish = wish_of(ticket, modelled_s, earlier, after)
    if needs == ANYWHERE:
        parts.core.post(wish)       # may come from within a loop's step, which cannot wait
    else:
        parts.core.tell(wish)
        if isinstance(ticket.error, Refused):
            raise ticket.error
    return ticket


def check_needs(needs: Needs) -> Needs:
    """Itself; InvalidInput for what no worker can be asked for."""
    for name, value, least in (("cores", needs.cores, 1), ("memory_bytes", needs.memory_bytes, 0),
                               ("gpus", needs.gpus, 0), ("ranks", needs.ranks, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**50:
            raise InvalidInput(f"The {name} of a task are {value!r:.80}", "", f"Give an integer of at least {least}")
    if needs.ranks > needs.cores:
        raise InvalidInput(f"A task asks for {needs.ranks} ranks on {needs.cores} cores", "Each rank takes a core",
                           f"Give cores={needs.ranks}")
    limit = needs.limit_s
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= MAX_TIMEOUT_S:
        raise InvalidInput(f"The time limit of a task is {limit!r:.80} s", "",
                           f"Give seconds from 0 (no limit) to {MAX_TIMEOUT_S:.0f}")
    return needs


def ticket_of(book: Book, call: Call, *, iteration: int, modelled_s: float,
              needs: Needs) -> tuple[ClassicalTicket, list[Ticket]]:
    """A ticket for the call, and the tickets whose results are among its arguments; nothing is submitted yet."""
    earlier: list[Ticket] = []
    args = tuple(_slotted(one, earlier) for one in call.arguments)
    kwargs = {name: _slotted(one, earlier) for name, one in call.named.items()}
    payload = pack(call.function, *args, **kwargs)
    book.submitted += 1
    ticket = ClassicalTicket(f"{book.id}/cpu-{book.submitted}", book.id, iteration=iteration, payload=payload,
                             modelled_ns=round(modelled_s * SECOND), needs=check_needs(needs))
    if earlier:
        ticket.fill = partial(_fill, call.name, payload, earlier)
    return ticket, earlier


def wish_of(ticket: ClassicalTicket, modelled_s: float, earlier: Sequence[Ticket],
            after: Sequence[str]) -> ClassicalSubmitted:
    """The ticket as the engine sees it; what has ended already is nothing to wait for."""
    needs = ticket.needs
    before = (*(one.id for one in earlier if not one.done), *after)
    return ClassicalSubmitted(ticket.id, ticket.session, needs.cores, modelled_s, needs.environment, ticket.iteration,
                              tuple(dict.fromkeys(before)), needs.memory_bytes, needs.gpus, needs.ranks, needs.pilot)


def _slotted(given: Any, earlier: list[Ticket]) -> Any:
    """The argument with slots in place of tickets, also inside of tuples, lists and dicts."""
    if isinstance(given, QuantumTicket):
        raise InvalidInput("A quantum task's result is an argument of a call", "Its values come as floats",
                           "Gather them first, or take them in the function")
    if isinstance(given, ClassicalTicket):
        if given.done and given.error is not None:
            raise given.error
        earlier.append(given)
        return Slot(len(earlier) - 1)
    if type(given) in (tuple, list):
        return type(given)(_slotted(one, earlier) for one in given)
    if type(given) is dict:
        return {key: _slotted(one, earlier) for key, one in given.items()}
    return given


def _fill(name: str, payload: bytes, earlier: Sequence[Ticket]) -> bytes:
    return pack_filled(name, payload, [one.outcome for one in earlier])
