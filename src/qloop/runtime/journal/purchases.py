"""What the journal keeps of dealings with QPUs: the intent to ask one that others run, and the account of each call.

An intent stands for one evaluation that is to be bought, under a token made here and known to the provider. It is
written before anything is asked, so that a later life knows what may be under way. Times are ns since the run's start.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from qloop.errors import InvalidInput
from qloop.runtime.journal.rows import DIGEST_BYTES, INT64_MAX, check_id, check_time


class IntentState(enum.StrEnum):
    """Life of an intent. OPEN: it may or may not have been asked; ACCEPTED: the provider has it; HELD: nobody can know,
    and a person decides; DONE: its result is here; ABANDONED: nothing was bought, nothing will come of it.
    """

    OPEN = "open"
    ACCEPTED = "accepted"
    HELD = "held"
    DONE = "done"
    ABANDONED = "abandoned"


ENDED_INTENT: Final = frozenset({IntentState.DONE, IntentState.ABANDONED})


class IntentRow(msgspec.Struct, frozen=True):
    """The intent to buy the evaluation of this digest from this QPU: `token` names it at the provider, `epoch` is the
    calibration that its circuit was compiled for.
    """

    token: str
    session: str
    digest: bytes
    task: str
    qpu: str
    shots: int
    epoch: int
    at_ns: int

    def content(self) -> tuple[object, ...]:
        """What must be equal when the same token comes again."""
        return (self.session, self.digest, self.qpu, self.shots)


class IntentInfo(msgspec.Struct, frozen=True):
    """An intent and how it stands: `provider` is the provider's id of the task, empty before it is known."""

    row: IntentRow
    state: IntentState
    provider: str
    reason: str
    ended_at_ns: int


class CallOutcome(enum.StrEnum):
    """What came of a call. SQUASHED: it ran and was paid for, and its result is nobody's."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SQUASHED = "squashed"


class CallRow(msgspec.Struct, frozen=True):
    """One call of a QPU, as it is billed; written once, when the call has ended.

    `id` is `SESSION#N`, the session's N-th call counted from 1 over all lives of the run, unique in the journal.
    Times are ns of the run's clock. `shots` counts as results do (shots times parameter sets); `circuits` are what the
    QPU ran (parameter sets times groups), `executions` its repetitions (circuits times shots): what providers bill.
    `amount` is in billionths of the currency. `intent` and `provider_id` name the call at a remote provider.
    """

    id: str
    session: str
    task: str
    attempt: int
    tenant: str
    qpu: str
    outcome: str
    project: str = ""
    epoch: int = 0
    begun_ns: int = 0
    ended_ns: int = 0
    evaluations: int = 0
    circuits: int = 0
    shots: int = 0
    executions: int = 0
    net_ns: int = 0
    billed_ns: int = 0
    amount: int = 0
    currency: str = ""
    price: str = ""
    intent: str = ""
    provider_id: str = ""
    reason: str = ""


def check_intent(row: IntentRow) -> None:
    """Refuse an intent that no store may keep: `InvalidInput`."""
    check_id("intent", row.token)
    if len(row.digest) != DIGEST_BYTES:
        raise InvalidInput(f"An intent's digest has {len(row.digest)} bytes",
                           f"An evaluation key's digest has {DIGEST_BYTES}", "Use EvaluationKey.digest()")
    if not (0 <= row.shots <= INT64_MAX and 0 <= row.epoch <= INT64_MAX):
        raise InvalidInput(f"An intent with shots={row.shots}, epoch={row.epoch}", "Each must be from 0 to 2**63 - 1",
                           "Correct the value")
    check_time(row.at_ns)


def check_call(row: CallRow) -> None:
    """Refuse an account that no store may keep: `InvalidInput`."""
    check_id("call", row.id)
    numbers = (row.attempt, row.epoch, row.evaluations, row.circuits, row.shots, row.executions, row.net_ns,
               row.billed_ns, row.amount)
    if not all(0 <= number <= INT64_MAX for number in numbers) or row.ended_ns < row.begun_ns:
        raise InvalidInput(f"The call {row.id} cannot be accounted", f"One of {numbers} is out of range, or it ended "
                           f"at {row.ended_ns} ns, before it began", "Correct the value")
    check_time(row.begun_ns)
    check_time(row.ended_ns)
