"""A purchase from its begin to its result, taken up where an earlier attempt or life left it."""

from __future__ import annotations

from qloop.qpus.protocol import QpuResult, Recovery
from qloop.runtime.journal.purchases import IntentInfo, IntentState
from qloop.runtime.remote.asking import ask, found_at, in_doubt, intend
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
        intent = take_up(deal, known)
    else:
        intent = known
    return wait(deal, intent), intent


def take_up(deal: Deal, known: IntentInfo) -> IntentInfo:
    """An intent that an earlier life may have asked for. If it has not, and its circuit is compiled for a calibration
    that is over, it is given up for a new one, so that each intent names the epoch of what was sent for it.
    """
    deal.doubt = True
    if known.row.epoch == deal.wanted.epoch or deal.qpu.describe().recovery is Recovery.NONE:
        return in_doubt(deal, known)
    found = found_at(deal, known)
    if found is not None:
        return found
    deal.move(known, IntentState.ABANDONED, reason="it was never sent, and the QPU was calibrated since")
    return ask(deal, intend(deal))

