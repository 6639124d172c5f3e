"""What is known of a Slurm pilot's allocations, and what follows from a listing of them. No commands, no clock.

An allocation is *held* from its submission until Slurm says that it has ended. What Slurm lists under our names and we
do not hold is a stray: a submission that was given up for lost and came after all, or an ended allocation that
somebody requeued. Strays are cancelled, so that no allocation is open without an owner.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from qloop.pilots.slurm_listing import Seen
from qloop.pilots.slurm_states import Phase, hopeless, phase, sentence

_WATCHED: Final = 64        # submissions that are over, but may have strays
_QUIET: Final = 40          # listings without one, after which they are not expected any more
_LIVE: Final = frozenset({Phase.WAITING, Phase.STARTING, Phase.RUNNING, Phase.PAUSED, Phase.UNKNOWN})


@dataclass(slots=True)
class Held:
    """An allocation of ours: its name, its id at Slurm, under what it was submitted, and how it was last seen."""

    name: str
    slurm_id: str
    called: str
    state: str = "PENDING"
    restarts: int = 0
    reason: str = ""


@dataclass(slots=True)
class News:
    """What a listing tells: allocations that `ended` (with a clause why), that can `never` start, that are `missing`
    from it (to be asked for one by one), ids to `cancel`, remarks, and whether anything `changed`.
    """

    ended: list[tuple[Held, str]] = field(default_factory=list)
    never: list[tuple[Held, str]] = field(default_factory=list)
    missing: list[Held] = field(default_factory=list)
    cancel: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    changed: bool = False


class Ledger:
    """The allocations of one pilot."""

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}                             # by the allocation's name
        self.doubtful: dict[str, tuple[tuple[str, ...], float]] = {}    # called -> names, when it was asked
        self._given_up: dict[str, int] = {}         # called, over but for strays -> listings since without one
        self._said: set[str] = set()

    def called(self) -> list[str]:
        """The names under which something may be listed."""
        found = {held.called: None for held in self.held.values()}
        return list(found | dict.fromkeys(self.doubtful) | dict.fromkeys(self._given_up))

    def take(self, called: str, slurm_id: str, names: Sequence[str]) -> None:
        """Slurm took this submission: task k of its array is the allocation of the k-th name."""
        self.doubtful.pop(called, None)
        for index, name in enumerate(names):
            if name:
                self.held[name] = Held(name, f"{slurm_id}_{index}", called)
            else:
                self._let_go(called)        # released while it was in doubt: a stray

    def doubt(self, called: str, names: Sequence[str], at_s: float) -> None:
        """Nobody knows whether Slurm took this submission."""
        self.doubtful[called] = (tuple(names), at_s)

    def settle(self, listing: Iterable[Seen], asked_before_s: float) -> list[str]:
        """Find doubtful submissions in a listing; the names of those that are not there, though they were asked for
        before this time: they are to be asked for again.
        """
        ids = {row.name: row.id.partition("_")[0] for row in listing}
        again: list[str] = []
        for called, (names, at_s) in list(self.doubtful.items()):
            if called in ids:
                self.take(called, ids[called], names)
            elif at_s <= asked_before_s:
                del self.doubtful[called]
                self._let_go(called)
                again += [name for name in names if name]
        return again

    def release(self, name: str) -> str:
        """This allocation is not wanted any more: its id, to be cancelled; "" if there is none.

        If its submission is in doubt, the listing that shows it shows a stray.
        """
        held = self.held.pop(name, None)
        if held is not None:
            self._let_go(held.called)
            return held.slurm_id
        for called, (names, at_s) in self.doubtful.items():
            self.doubtful[called] = (tuple("" if one == name else one for one in names), at_s)
        return ""

    def compare(self, listing: Sequence[Seen]) -> News:
        """What this listing says of all that is held, and of strays. Doubts are to be settled by it before."""
        news, rows = News(), {row.id: row for row in listing}
        news.cancel = self._strays(listing)
        for held in list(self.held.values()):
            row = rows.get(held.slurm_id)
            if row is None:
                news.missing.append(held)
            else:
                self._seen(held, row.state, row.restarts, row.reason, news)
        return news

    def _strays(self, listing: Sequence[Seen]) -> list[str]:
        """The ids of strays. A submission that has shown none for long is not watched any more."""
        ours = {held.slurm_id for held in self.held.values()}
        strays = [row for row in listing if row.id not in ours and phase(row.state) in _LIVE]
        seen = {row.name for row in strays}
        self._given_up = {called: 0 if called in seen else quiet + 1 for called, quiet in self._given_up.items()
                          if called in seen or quiet < _QUIET}
        return [row.id for row in strays]

    def look_up(self, held: Held, state: str, restarts: int, news: News) -> None:
        """What Slurm says of an allocation that was missing from the listing; state "": it does not know it."""
        if not state:
            self._end(held, "Slurm does not list it any more", news)
        else:
            self._seen(held, state, restarts, "", news)

    def _seen(self, held: Held, state: str, restarts: int, reason: str, news: News) -> None:
        news.changed = news.changed or (held.state, held.restarts) != (state, restarts)
        held.state, held.restarts, held.reason = state, restarts, reason
        match phase(state):
            case Phase.ENDED:
                self._end(held, sentence(state), news)
            case Phase.WAITING if hopeless(reason):
                del self.held[held.name]
                self._let_go(held.called)
                news.cancel.append(held.slurm_id)
                news.never.append((held, f"Slurm keeps it waiting for ever: {reason}"))
            case Phase.UNKNOWN if state not in self._said:
                self._said.add(state)
                news.remarks.append(f"Of Slurm's allocation {held.slurm_id}: {sentence(state)}; it is waited for")
            case _:
                pass

    def _end(self, held: Held, why: str, news: News) -> None:
        del self.held[held.name]
        self._let_go(held.called)       # somebody may requeue it
        news.changed = True
        news.ended.append((held, why))

    def _let_go(self, called: str) -> None:
        """Watch for strays of this submission, as long as it is among the last so many."""
        self._given_up.pop(called, None)
        self._given_up[called] = 0
        while len(self._given_up) > _WATCHED:
            del self._given_up[next(iter(self._given_up))]


def live(listing: Iterable[Seen]) -> list[str]:
    """The ids in a listing that have not ended and are not ending."""
    return [row.id for row in listing if phase(row.state) in _LIVE]
