"""A purchase from its begin to its result, taken up where an earlier attempt or life left it."""

from __future__ import annotations

from qloop.qpus.protocol import QpuResult
from qloop.runtime.journal.purchases import IntentInfo, IntentState
from qloop.runtime.remote.asking import ask, in_doubt, intend
from qloop.runtime.remote.deal import Deal, held
from qloop.runtime.remote.watching import wait


def buy(deal: Deal, known: IntentInfo | None = None) -> tuple[QpuResult, IntentInfo]:
    """The result and the intent that it was bought under; `known` is the unended intent of this evaluation.

    Raises `Held` where a person decides, `Lost` where surely nothing was bought, `Left` where the runtime closes,
    `NotAccepted` from a QPU that is offline, and what the provider refused or failed with.
    """
    deal.step("begin")
    if known is None:
        intent = ask(deal, intend(deal))
    elif known.state is IntentState.HELD:
        raise held(known)
    elif known.state is IntentState.OPEN:
        intent = in_doubt(deal, known)
    else:
        intent = known
    return wait(deal, intent), intent
