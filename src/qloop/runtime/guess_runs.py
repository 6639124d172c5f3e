"""Speculative tasks on QPUs: cut off when they must give way, their values held back until somebody wants them.

Nothing of a guess leaves the process before it is committed, but what it costs: a QPU that others run was bought from,
so there the result is journaled at once, as any that was paid for.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from qloop.model.commands import AbortQuantum
from qloop.model.cost import Cost
from qloop.model.states import Outcome as Ending
from qloop.runtime.accounting import Accounts
from qloop.runtime.core import Core
from qloop.runtime.journal.purchases import CallRow
from qloop.runtime.remote.side import RemoteSide
from qloop.runtime.ticket import Outcome, QuantumTicket, Turn
from qloop.runtime.timers import Timers

REASONS: Final = ("theta_mismatch", "epoch_change", "budget", "preempted", "session_closed")


@dataclass(slots=True)
class Held:
    """The values of a guess that nobody wants yet, with the account of the call."""

    turn: Turn
    outcome: Outcome
    call: CallRow


class Cuts:
    """The guesses that are on QPUs now, so that they can be cut off."""

    def __init__(self) -> None:
        self._turns: dict[str, Turn] = {}

    def begin(self, turn: Turn) -> None:
        """A guess has a QPU."""
        turn.cut = threading.Event()
        self._turns[turn.place] = turn

    def cut(self, task: str, attempt: int, qpu: str) -> Turn | None:
        """Cut off this attempt; None if it is no guess, or is over."""
        turn = self._turns.get(qpu)
        if turn is None or (turn.ticket.id, turn.attempt) != (task, attempt) or turn.cut is None or turn.over:
            return None
        turn.cut.set()
        return turn

    def cut_all(self) -> None:
        """The runtime stops."""
        for turn in list(self._turns.values()):
            if turn.cut is not None:
                turn.cut.set()


class GuessSide:
    """What the quantum side does with guesses; the rest of it is `quantum.QuantumSide`."""

    timers: Timers
    remote: RemoteSide
    core: Core | None
    accounts: Accounts | None
    cuts: Cuts

    def _keep(self, turn: Turn, outcome: Outcome) -> Outcome:
        raise NotImplementedError

    def _store(self, turn: Turn, outcome: Outcome, call: CallRow, *, spent: bool, bought: bool = False) -> Outcome:
        raise NotImplementedError

    def _report(self, turn: Turn, ending: Ending, outcome: Outcome | None, error: Exception | None, measured: int,
                late: int = 0) -> None:
        raise NotImplementedError

    def _kept(self, turn: Turn, outcome: Outcome) -> Outcome:
        """The outcome of an attempt that is over: of a guess, journaled now if somebody wants it, or held back.

        Where the QPU left before, nothing was bought, wanted or not: what it would have brought was never taken.
        """
        if turn.cut is None or turn.gone or self.remote.has(turn.place) or self._hold(turn, outcome):
            return outcome
        return self._keep(turn, outcome)

    def _pay(self, turn: Turn, outcome: Outcome) -> CallRow:
        """The account of a guess that has its values; it is spent."""
        assert self.accounts is not None
        call = self.accounts.bought(turn, outcome, self.timers.clock.now())
        self.accounts.settle(turn.ticket, call)
        return call

    def _pay_cut(self, turn: Turn, net_ns: int) -> None:
        """The account of a guess that was cut off after `net_ns`."""
        assert self.accounts is not None
        self.accounts.cut_off(turn, net_ns, self.timers.clock.now())

    def keep_held(self, held: Held) -> Outcome:
        """A guess is wanted that has its values: now they are a result, in the journal."""
        return self._store(held.turn, held.outcome, held.call, spent=True)

    def keep_again(self, held: Held) -> Outcome:
        """A squashed guess is asked for after all: its values are a result, whose account was written before."""
        free = msgspec.structs.replace(held.call, net_ns=0, billed_ns=0, amount=0)
        return self._store(held.turn, replace(held.outcome, source="memo", cost=Cost()), free, spent=True)

    def cut(self, command: AbortQuantum) -> None:
        """A guess must give way; called with the core's lock held. A QPU that cannot stop goes on to its end."""
        turn = self.cuts.cut(command.task, command.attempt, command.qpu)
        if turn is not None and self.timers.clock.virtual:
            assert self.core is not None
            self.core.afterwards(lambda: self._cut_virtually(turn))

    def _cut_virtually(self, turn: Turn) -> None:
        """In virtual time the QPU is free at once."""
        if not turn.over:
            length = self.timers.clock.now() - turn.ticket.begun_ns
            self._pay_cut(turn, length)
            self._report(turn, Ending.CANCELLED, None, None, length)

    def _hold(self, turn: Turn, outcome: Outcome) -> bool:
        """Keep the values back if the guess is not wanted yet; whether they were."""
        ticket = turn.ticket
        if not ticket.speculative:
            return False
        held = Held(turn, outcome, self._pay(turn, outcome))
        if not self._put_by(turn, held):
            self.keep_held(held)
        return True

    def _put_by(self, turn: Turn, held: Held) -> bool:
        """Leave the values with the ticket; False if somebody has wanted it meanwhile, who may not have seen them."""
        ticket = turn.ticket
        with turn.book.lock:
            squashed, wanted = bool(ticket.squashed), not ticket.speculative
            ticket.held = None if squashed or wanted else held
        if squashed:
            self.account_squashed(ticket, held)
        return squashed or not wanted

    def account_squashed(self, ticket: QuantumTicket, held: Held) -> None:
        """Nobody wants the values of this guess: its call is kept by itself. Of nothing taken there is no account."""
        assert self.accounts is not None
        if held.call.net_ns or held.call.amount:
            self.accounts.squashed(ticket, held.call, spent=True)

    def _end_virtually(self, turn: Turn, ending: Ending, outcome: Outcome | None, error: Exception | None,
                       length: int) -> None:
        """The emulated time is over, unless the attempt was cut off before."""
        if turn.over:
            return
        try:
            outcome = None if outcome is None else self._kept(turn, outcome)
        except Exception as raised:
            ending, error = Ending.FAILED, raised
        self._report(turn, ending, outcome, error, length)


def squash_reason(reason: str) -> str:
    """Why a guess came to nothing, as traces name it: what failed or was cancelled otherwise had to give way."""
    return reason if reason in REASONS else "preempted"
