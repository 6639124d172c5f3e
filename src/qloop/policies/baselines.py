"""The records of the baselines that `efaas` is compared with (docs/concepts/baselines.md)."""

from __future__ import annotations

from qloop.policies import batch, fairshare, order, pilot, place, reservation, score, session, sfq, tenure
from qloop.policies.columns import HOLD_IDLE, HOLD_MAX, LANES, TAU
from qloop.policies.record import Policy

INTERACTIVE_S, EIGHT_HOURS_S = 300.0, 8 * 3600.0    # IBM's times to live; a pilot's walltime
IBM_LANES = 5.0     # IBM's degree of parallelism of most QPUs
PAPER_TAU_S = 300.0


def records() -> tuple[Policy, ...]:
    """The baselines beside those that are plain orders."""
    return (
        Policy("faas", order.enter_fifo, order.pick_first, order.note_nothing, order.note_nothing, place.least_wait,
               stateless=True),
        Policy("fairshare", fairshare.enter, reservation.pick, order.note_nothing, fairshare.finish, place.least_wait,
               scan=fairshare.scan, shared=True),
        Policy("session", session.enter, reservation.pick, tenure.start, tenure.finish, place.least_wait,
               scan=session.scan, shared=True, quiet_until=session.quiet_until,
               settings={HOLD_IDLE: INTERACTIVE_S, HOLD_MAX: EIGHT_HOURS_S}),
        Policy("batch", batch.enter, reservation.pick, batch.start, batch.finish, place.least_wait, scan=batch.scan,
               shared=True, settings={HOLD_IDLE: INTERACTIVE_S, HOLD_MAX: EIGHT_HOURS_S, LANES: IBM_LANES}),
        Policy("pilot", pilot.enter, reservation.pick, tenure.start, tenure.finish, place.least_wait, scan=pilot.scan,
               shared=True, settings={HOLD_MAX: EIGHT_HOURS_S}),
        Policy("sfq", sfq.enter_sfq, sfq.pick, sfq.start, sfq.finish_sfq, place.least_wait),
        Policy("drfq", sfq.enter_drfq, sfq.pick, sfq.start, sfq.finish_drfq, place.least_wait),
        Policy("paper_score", score.enter, order.pick_first, order.note_nothing, order.note_nothing, place.least_wait,
               settings={TAU: PAPER_TAU_S}),
    )
