"""What guesses of a session came to, as it is counted: launched, hit, squashed, and the seconds of QPUs they took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from qloop.policies.speculate import affordable, at_risk, worth
from qloop.runtime.ticket import QuantumTicket

SMOOTHING = 0.3     # weight of the newest task in the mean


class Stake(msgspec.Struct, frozen=True):
    """What speaks for a guess: how likely it is, how long before it is wanted it can begin, and what it may cost.

    `time_value`, `qpu_value`: what a second of waiting and a second of a QPU are worth; `budget`: squashed over useful
    QPU-seconds of its session, at most; `remote`: whether it may run on a QPU that others run.
    """

    probability: float = 1.0
    lead_s: float = 0.0
    time_value: float = 1.0
    qpu_value: float = 0.0
    budget: float = 0.0
    remote: bool = False


class Speculated(msgspec.Struct, frozen=True):
    """What a session's guesses came to so far; seconds are of QPUs.

    `wasted_s` is what squashed guesses took, `useful_s` what all committed tasks took; `open` guesses are neither.
    `masked_s`: time from the launch of a guess to the earlier of its end and its commitment, over committed ones.
    `reused`: squashed guesses that were asked for after all, whose time stays counted as wasted. `refused`: why the
    runtime takes no guesses, empty if it does. `qpus`: on how many they may run.
    """

    launched: int = 0
    committed: int = 0
    squashed: dict[str, int] = {}
    open: int = 0
    wasted_s: float = 0.0
    useful_s: float = 0.0
    masked_s: float = 0.0
    reused: int = 0
    refused: str = ""
    qpus: int = 1

    @property
    def text(self) -> str:
        """One line for people."""
        squashed = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in self.squashed.items())
        return (f"{self.launched} guesses, {self.committed} hit, {sum(self.squashed.values())} squashed"
                f"{f' ({squashed})' if squashed else ''}{f', {self.reused} reused' if self.reused else ''}; "
                f"{self.masked_s:.4g} s masked, {self.wasted_s:.4g} s of QPUs wasted"
                f"{f'; {self.refused}' if self.refused else ''}")


@dataclass(slots=True)
class Tally:
    """The same as it is counted, and the mean of an evaluation; who changes it holds the lock of the session's book."""

    launched: int = 0
    committed: int = 0
    squashed: Counter[str] = field(default_factory=Counter)
    wasted_ns: int = 0
    useful_ns: int = 0
    masked_ns: int = 0
    mean_ns: float = 0.0
    reused: int = 0
    refused: str = ""
    error: str = ""
    leaving: dict[str, QuantumTicket] = field(default_factory=dict)

    def allows(self, stake: Stake, ticket: QuantumTicket, longest_s: float, others: Iterable[QuantumTicket],
               now_ns: int) -> bool:
        """Whether a guess is worth its place and can be paid for beside the others; notes with it what it risks.

        `longest_s`: what it may take of a QPU where nothing is loaded. One that is certain risks nothing, and no waste
        that it is not to blame for keeps it away.
        """
        qpu_s = self.mean_ns * 1e-9 * len(ticket.thetas)
        if not worth(stake.probability, min(qpu_s, stake.lead_s), stake.time_value, qpu_s, stake.qpu_value):
            return False
        ticket.risk_s = at_risk(stake.probability, max(qpu_s, longest_s))
        if not ticket.risk_s:
            return True
        risked = ticket.risk_s + sum(other.risk_s for other in others if not other.squashed)
        wasted_s = (self.wasted_ns + self._leaving_ns(now_ns)) * 1e-9
        return affordable(wasted_s, risked, self.useful_ns * 1e-9, stake.budget)

    def took(self, ticket: QuantumTicket, measured_ns: int, *, over: bool = True) -> None:
        """An attempt left its QPU, for good if it is `over`; to which account it goes may turn out later."""
        ticket.took_ns += measured_ns
        if over:
            ticket.tallied = ticket.attempt
            self.leaving.pop(ticket.id, None)
        if ticket.squashed:
            self.wasted_ns += measured_ns
        elif not ticket.speculative:
            self.useful_ns += measured_ns
            if over:
                each = measured_ns / len(ticket.thetas)
                self.mean_ns += (SMOOTHING if self.mean_ns else 1.0) * (each - self.mean_ns)

    def adopt(self, ticket: QuantumTicket) -> None:
        """From now on the guess is a task like others; what it took before is useful."""
        if ticket.speculative:
            ticket.speculative = False
            self.useful_ns += ticket.took_ns

    def wanted(self, ticket: QuantumTicket, now_ns: int) -> None:
        """A guess is committed."""
        self.committed += 1
        self.masked_ns += max(0, min(now_ns, ticket.ended_ns or now_ns) - ticket.launched_ns)

    def unwanted(self, ticket: QuantumTicket, reason: str) -> bool:
        """A guess is squashed, once; whether it was not before."""
        if ticket.squashed:
            return False
        ticket.squashed = reason
        self.squashed[reason] += 1
        self.wasted_ns += ticket.took_ns
        if ticket.tallied < ticket.attempt:
            self.leaving[ticket.id] = ticket
        return True

    def _leaving_ns(self, now_ns: int) -> int:
        """What squashed guesses took so far that have not left their QPUs yet."""
        return sum(max(0, now_ns - one.begun_ns) for one in list(self.leaving.values())
                   if one.begun_ns >= one.launched_ns)

    def view(self, now_ns: int) -> Speculated:
        """As it stands."""
        known = self.committed + self.squashed.total()
        return Speculated(self.launched, self.committed, dict(sorted(self.squashed.items())), self.launched - known,
                          (self.wasted_ns + self._leaving_ns(now_ns)) * 1e-9, self.useful_ns * 1e-9,
                          self.masked_ns * 1e-9, self.reused, self.refused or self.error)
