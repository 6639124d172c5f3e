"""What something will cost, before it is run: one row for each QPU that could run it, and what was assumed."""

from __future__ import annotations

import msgspec

from qloop.errors import UnknownName
from qloop.model.cost import Cost
from qloop.model.prices import Price


class QpuEstimate(msgspec.Struct, frozen=True):
    """One QPU's estimate: the cost of all `calls` with `evaluations` and `shots` in all, under its price."""

    qpu: str
    cost: Cost
    calls: int
    evaluations: int
    shots: int
    price: Price

    @property
    def text(self) -> str:
        """The estimate in one line."""
        return (f"{self.qpu}: {self.cost.net_s:,.1f} s net, {self.cost.billed_s:,.1f} s billed, {self.cost.text} "
                f"({self.price.name}: {self.price.text})")


class Estimate(msgspec.Struct, frozen=True):
    """Estimates of all QPUs that a session may use, the cheapest first, with the assumptions under which they hold."""

    qpus: tuple[QpuEstimate, ...]
    assumptions: tuple[str, ...]

    def __getitem__(self, qpu: str) -> QpuEstimate:
        for found in self.qpus:
            if found.qpu == qpu:
                return found
        raise UnknownName("QPU in this estimate", qpu, (found.qpu for found in self.qpus))

    @property
    def most(self) -> QpuEstimate:
        """The estimate of the dearest QPU: what it costs at most, wherever it is placed."""
        return self.qpus[-1]

    def __str__(self) -> str:
        return "\n".join((*(found.text for found in self.qpus), *(f"- {text}" for text in self.assumptions)))

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("QPU", "net s", "billed s", "amount", "price"))
        rows = "".join(f"<tr><td>{escape(one.qpu)}</td><td>{one.cost.net_s:,.1f}</td><td>{one.cost.billed_s:,.1f}</td>"
                       f"<td>{one.cost.text}</td><td>{escape(one.price.name)}</td></tr>" for one in self.qpus)
        said = "".join(f"<li>{escape(text)}</li>" for text in self.assumptions)
        return f"<table><tr>{head}</tr>{rows}</table><ul>{said}</ul>"


def escape(text: str) -> str:
    """The text for HTML: the names of prices are their owners'."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def ranked(found: list[QpuEstimate]) -> tuple[QpuEstimate, ...]:
    """By amount, billed time and name."""
    return tuple(sorted(found, key=lambda one: (one.cost.amount, one.cost.billed_ns, one.qpu)))
