"""The speculator of a loop: what it asks ahead of the committed path, and what of that is still worth keeping.

It never tells the loop anything: guesses go to the runtime's memo table, where the loop's own request finds them. So
the loop's course cannot depend on it, only the time that it takes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qloop.loops.optimizers.protocol import Optimizer
from qloop.loops.speculation.approximate import Foresight
from qloop.loops.speculation.candidates import candidates
from qloop.loops.speculation.guess import PENDING, Guess
from qloop.loops.speculation.options import PAST, Speculation
from qloop.model.states import TaskState
from qloop.runtime.client import Client, QuantumTicket, Stake

SMOOTHING = 0.3     # weight of the newest time in an average
LEAST_S = 1e-2      # of a lead, below which asking ahead takes longer than it could mask

Points = NDArray[np.float64]


@dataclass(slots=True, eq=False)
class Open:
    """A guess under way: `level` batches after the one that is asked now (1: the next), built on `parent`."""

    points: bytes
    ticket: QuantumTicket
    parent: Open | None
    level: int


class Speculator:
    """Asks ahead for one loop, by its options; the loop tells it where it stands."""

    def __init__(self, client: Client, session: str, structure: str, shots: int, options: Speculation) -> None:
        self.client, self.options = client, options
        self.session, self.structure, self.shots = session, structure, shots
        self.pinned = client.speculated(session).qpus == 1
        self.open: list[Open] = []
        self.approximate = options.mode == "approximate"
        self.foresight = None if options.predictor == PAST else Foresight(options.predictor, options.eps or 0.0)
        self.deviation, self.deviations = 0.0, list[float]()
        self._foreseen = False      # whether the optimizer's next points were ever known
        self._think = self._wait = math.nan
        self._asked = self._answered = math.nan

    def coming(self, points: Points) -> Points:
        """The loop is about to ask for these points: what was not guessed on them is squashed, with all built on it.

        Returns what to evaluate: the points themselves or, in the approximate mode, a guess that is close enough.
        """
        now = self.client.now_s()
        self._think, self._asked = smooth(self._think, now - self._answered), now
        chosen = points
        if self.approximate and self.foresight is not None:
            chosen = self._close_enough(self.foresight, points)
        self.keep(chosen.tobytes())
        return chosen

    def _close_enough(self, foresight: Foresight, points: Points) -> Points:
        """The guess for this batch that deviates by at most eps, or the points.

        What waits masks nothing, and what was measured in an epoch that is over is no value of this one.
        """
        self.deviation = 0.0
        for one in self.open:
            if one.level == 1 and not one.ticket.squashed:
                guessed = np.frombuffer(one.points).reshape(one.ticket.thetas.shape)
                decided = foresight.judge(guessed, points, same_epoch=self.client.is_current(one.ticket))
                if decided.commits and one.ticket.state is not TaskState.READY:
                    self.deviation = decided.deviation
                    self.deviations.append(decided.deviation)
                    return guessed
        return points

    def asked(self, optimizer: Optimizer, iteration: int) -> None:
        """The loop has asked: ask ahead of it. In the exact mode predictions only say which guess is the likely one."""
        depth, foresight = self.options.depth, self.foresight
        if self.approximate and foresight is not None:
            found = foresight.guesses(optimizer, depth)
        else:
            found = candidates(optimizer, depth, self.options.width, None if foresight is None else foresight.predict)
        self.launch(found, iteration)

    def answered(self, points: Points, values: Points, where: object = None) -> None:
        """The values (k,) of the points (k, P) that were evaluated are there; `where`: their QPU and epoch.

        In the exact mode a loop that goes from QPU to QPU is foreseen by the values of all: they weigh guesses only.
        """
        if self.foresight is not None:
            self.foresight.observe(points, values, where if self.approximate or self.pinned else None)
        self._answered = self.client.now_s()
        self._wait = smooth(self._wait, self._answered - self._asked)

    def keep(self, points: bytes) -> None:
        """These points are on the committed path; guesses that do not build on them are squashed, with all on them."""
        root = next((one for one in self.open if one.level == 1 and one.points == points), None)
        kept = [one for one in self.open if root is not None and one is not root and builds_on(one, root)]
        wanted = {id(one.ticket) for one in (kept if root is None else [root, *kept])}
        for one in self.open:
            if id(one.ticket) not in wanted:
                self.client.squash(one.ticket, "theta_mismatch")
        for one in kept:
            one.level -= 1
            one.parent = None if one.parent is root else one.parent
        self.open = kept

    def launch(self, guesses: list[Guess], iteration: int) -> None:
        """Ask ahead; a guess comes after the one that it builds on, and only if that one was made.

        What waits from before and is no longer among the likely ones gives its place to them.
        """
        self._give_up(guesses)
        self._foreseen = self._foreseen or bool(guesses)
        found: list[Open | None] = []
        for guess in guesses:
            parent = None if guess.parent == PENDING else found[guess.parent]
            orphan = guess.parent != PENDING and parent is None
            found.append(None if orphan else self._under_way(guess, parent, iteration)
                         or self._begin(guess, parent, iteration))

    def _give_up(self, guesses: list[Guess]) -> None:
        """Squash what waits and is not in the list, with all that is built on it."""
        listed = {guess.points.tobytes() for guess in guesses}
        for one in [one for one in self.open if one.points not in listed and one.ticket.state is TaskState.READY]:
            for lost in [other for other in self.open if other is one or builds_on(other, one)]:
                self.client.squash(lost.ticket, "theta_mismatch")
                self.open.remove(lost)

    def close(self) -> None:
        """The loop asks for nothing more."""
        for one in self.open:
            self.client.squash(one.ticket, "session_closed")
        self.open = []

    def _under_way(self, guess: Guess, parent: Open | None, iteration: int) -> Open | None:
        """The guess, if it was made before; one that had to give way is made again."""
        points = guess.points.tobytes()
        one = next((one for one in self.open if one.parent is parent and one.points == points), None)
        if one is not None and one.ticket.squashed:
            one.ticket = self._ask(guess, parent, one.level, iteration) or one.ticket
        return one

    def lead_s(self, level: int) -> float:
        """How long before it is wanted a guess can begin: while the loop thinks and, if there is another QPU, waits."""
        think = 0.0 if math.isnan(self._think) else self._think
        wait = 0.0 if math.isnan(self._wait) else self._wait
        return think + (0.0 if self.pinned else wait) + (level - 1) * (think + wait)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to mask, and nothing under way."""
        return not self.open and self.lead_s(1) < LEAST_S

    @property
    def why_none(self) -> str:
        """Why it may be that no guess was launched."""
        if self.idle and self.pinned:
            return "the one QPU runs the loop's own tasks, and the loop does not think long enough between them"
        if self.idle:
            return "the loop neither thinks nor waits long enough to run ahead of it"
        if not self._foreseen:
            return "the optimizer's next points depend on values that nobody has yet"
        if self.options.budget == 0.0:
            return "the budget is 0: only what is wanted for certain would be evaluated ahead"
        return "no guess was likely enough for its cost and this budget, or no QPU was free for one"

    def _begin(self, guess: Guess, parent: Open | None, iteration: int) -> Open | None:
        level = 1 if parent is None else parent.level + 1
        ticket = self._ask(guess, parent, level, iteration)
        if ticket is None:
            return None
        one = Open(guess.points.tobytes(), ticket, parent, level)
        self.open.append(one)
        return one

    def _ask(self, guess: Guess, parent: Open | None, level: int, iteration: int) -> QuantumTicket | None:
        """Have it evaluated, if it is worth it."""
        options = self.options
        stake = Stake(guess.probability, self.lead_s(level), options.time_value, options.qpu_value, options.budget,
                      options.remote)
        return self.client.speculate(self.session, self.structure, guess.points, self.shots, stake,
                                     iteration=iteration + level, ahead=tuple(one.ticket for one in chain(parent)))


def chain(last: Open | None) -> Iterator[Open]:
    """A guess and all that it builds on."""
    while last is not None:
        yield last
        last = last.parent


def builds_on(one: Open, root: Open) -> bool:
    """Whether a guess was made on the assumption of another."""
    return any(earlier is root for earlier in chain(one.parent))


def smooth(old: float, new: float) -> float:
    """The moving average; nan before the first time."""
    return old if math.isnan(new) else new if math.isnan(old) else old + SMOOTHING * (new - old)
