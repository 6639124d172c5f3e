"""What requests cost at the QPUs of a runtime: their own predictions under their prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from qloop.errors import InvalidInput
from qloop.model.cost import Cost, cost
from qloop.model.prices import UNPRICED, Price
from qloop.qpus.protocol import Program, Request
from qloop.qpus.remote import Qpu
from qloop.runtime.budget import Budget
from qloop.runtime.price_book import PriceBook
from qloop.runtime.programs import Programs
from qloop.runtime.ticket import Turn


class Charged(msgspec.Struct, frozen=True):
    """What one request takes from a QPU: circuits, executions of them, and the cost."""

    evaluations: int
    circuits: int
    executions: int
    shots: int
    cost: Cost
    price: str


class Pricing:
    """The prices of a runtime's QPUs, applied. `is_remote` says whether others run the QPU of a name."""

    def __init__(self, book: PriceBook, qpus: Mapping[str, Qpu], programs: Programs,
                 is_remote: Callable[[str], bool]) -> None:
        self.book, self.qpus, self.programs, self.is_remote = book, qpus, programs, is_remote

    def price(self, qpu: str) -> Price:
        """The price of a QPU."""
        return self.book.of(qpu, local=not self.is_remote(qpu))

    def charged(self, qpu: str, program: Program, request: Request, net_ns: int = 0) -> Charged:
        """What a request takes from a QPU that used `net_ns`; 0: as the QPU predicts, which emulated ones keep to."""
        evaluations = len(request.thetas)
        circuits = evaluations * (1 if request.counts else max(1, len(getattr(program, "groups", ()))))
        executions, price = circuits * request.shots, self.price(qpu)
        net = net_ns or self.qpus[qpu].duration(program, request)
        return Charged(evaluations, circuits, executions, evaluations * request.shots,
                       cost(price, net, circuits=circuits, executions=executions), price.name)

    def nothing(self, qpu: str, evaluations: int) -> Charged:
        """What a request takes that came to nothing, and for which nobody takes money."""
        price = self.price(qpu)
        return Charged(evaluations, 0, 0, 0, Cost(currency=price.currency), price.name)

    def not_free(self, pin: str) -> dict[str, Price]:
        """The prices other than free ones of the QPUs that a session may use."""
        known = {name: self.price(name) for name in ([pin] if pin else list(self.qpus))}
        return {name: price for name, price in known.items() if not price.free}

    def predicted(self, turn: Turn, qpu: str, net_ns: int = 0) -> Charged:
        """What an attempt's task takes from a QPU."""
        ticket = turn.ticket
        program = self.programs.get(ticket.session, turn.book.shelf, ticket.structure, qpu)
        request = Request(ticket.thetas, ticket.shots, ticket.identities, ticket.counts, 0, ticket.begun_ns)
        return self.charged(qpu, program, request, net_ns)

    def check_priced(self, whose: str, budget: Budget, pin: str) -> None:
        """InvalidInput for a budget of money where a QPU that may be used has no price."""
        unpriced = [name for name in ([pin] if pin else list(self.qpus)) if self.price(name) is UNPRICED]
        if budget.money and unpriced:
            raise InvalidInput(f"The budget of {whose} is {budget.text(budget.limit)}",
                               f"What QPU {unpriced[0]} costs is not known",
                               f"Give it a price: prices={{{unpriced[0]!r}: ...}}")
