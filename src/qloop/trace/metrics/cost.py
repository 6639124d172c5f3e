"""Cost to solution: what a converged loop has paid; squashed and failed shots, and calibrations it caused, included."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from qloop.errors import InvalidInput
from qloop.trace.metrics.convergence import convergence
from qloop.trace.metrics.distribution import NS
from qloop.trace.metrics.usage import qpu_usage
from qloop.trace.reader import Trace

RULE = "q=0.95"


class Cost(msgspec.Struct, frozen=True):
    """QPU-seconds and money.

    `seconds_to_solution` and `money_to_solution` are means over the converged loops, each up to its convergence;
    `seconds_all_in` is the time of all loops, converged or not, per converged loop. None if none converged.
    """

    rule: str
    price_per_second: float
    converged: int
    qpu_seconds: float
    seconds_to_solution: float | None
    money_to_solution: float | None
    seconds_all_in: float | None
    money_all_in: float | None


def cost(trace: Trace, optima: Mapping[str, float] | None = None, *, price_per_second: float = 0.0,
         rule: str = RULE) -> Cost:
    """What loops pay until they converge under `rule` (of `convergence`); `InvalidInput` for an unknown rule."""
    found = {row.rule: row for row in convergence(trace, optima)}
    if rule not in found:
        raise InvalidInput(f"There is no convergence rule {rule!r}", "", f"Choose one of: {', '.join(found)}")
    until = {r.session: trace.index.sessions[r.session].opened + round(r.seconds / NS)
             for r in found[rule].each if r.seconds is not None}
    spent: dict[str, int] = defaultdict(int)
    total = 0
    loops = {name for name, session in trace.index.sessions.items() if session.kind == "loop"}
    for name, begin, end in qpu_usage(trace):
        if name in loops:
            total += end - begin
            spent[name] += max(0, min(end, until.get(name, 0)) - begin)
    n = len(until)
    mean = sum(spent[name] for name in until) * NS / n if n else None
    all_in = total * NS / n if n else None
    return Cost(rule, price_per_second, n, total * NS, mean, _money(mean, price_per_second), all_in,
                _money(all_in, price_per_second))


def _money(seconds: float | None, price: float) -> float | None:
    return None if seconds is None else seconds * price
