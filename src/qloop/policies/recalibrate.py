"""When a QPU is calibrated anew, by the loss that is predicted for it, and when such a calibration begins.

It is due once the age of the calibration lets a reference circuit's loss grow by more than the QPU's bound. It begins
in a quiet moment: when no task waits in the QPU's first class and no loop that it served last is about to return, so
that it is on nobody's critical path; or at the end of the patience, which bounds the wait. What the policy itself does
not allow (`quiet_until`: inside an exclusive session) comes on top. The same functions decide live and simulated.
"""

from __future__ import annotations

from qloop.policies.anticipate import is_expected
from qloop.policies.columns import (
    AWAY_SINCE,
    DUE_AT,
    INF,
    LOSS_BOUND,
    PATIENCE,
    QUEUED,
    REFERENCE_LOSS,
    SERVED,
    TTL_HOT,
    Row,
    Table,
)
from qloop.policies.fits import grown


def predicted_loss(qpu: Row, now: float) -> float:
    """How much more than calibrated, in nats, the QPU's reference circuit is expected to lose by now."""
    return qpu[REFERENCE_LOSS] * (grown(qpu, 0.0, now) - 1.0)


def is_due(qpu: Row, now: float) -> bool:
    """Whether the predicted loss is more than is borne on this QPU."""
    return predicted_loss(qpu, now) > qpu[LOSS_BOUND]


def wait_until(flows: Table, qpus: Table, totals: Row, q: int, now: float) -> float:
    """Until when (s) a calibration that `is_due` waits on QPU q, if nothing happens before; -inf: it begins now.

    A window that was planned is none of these (DUE_AT below 0) and never waits here.
    """
    qpu = qpus[q]
    until = qpu[DUE_AT] + totals[PATIENCE]
    if qpu[DUE_AT] < 0.0 or until <= now:
        return -INF
    return until if qpu[QUEUED] > 0.0 or is_awaited(flows, qpu, totals, q, now) else -INF


def is_awaited(flows: Table, qpu: Row, totals: Row, q: int, now: float) -> bool:
    """Whether the loop that QPU q served last is thinking, and will be HOT when it is back."""
    row = int(qpu[SERVED])
    return row >= 0 and is_expected(flows[row], qpu, totals, q) and now - flows[row][AWAY_SINCE] <= totals[TTL_HOT]
