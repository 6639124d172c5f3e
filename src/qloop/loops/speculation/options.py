"""What a user may say of speculation."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import msgspec

from qloop.errors import InvalidInput, UnknownName
from qloop.loops.optimizers import arguments
from qloop.loops.speculation.predict import PREDICTORS

Mode: TypeAlias = Literal["exact", "approximate"]
PAST = "past"
"""The predictor that foresees no values: guesses are weighed by the ways taken before."""
MAX_DEPTH = 16
MAX_WIDTH = 64


class Speculation(msgspec.Struct, frozen=True, kw_only=True):
    """How far and how broadly a loop asks ahead, and what that may cost.

    `depth`: batches ahead; `width`: guesses at each of them. `budget`: squashed over useful QPU-seconds, at most;
    0 asks only for what is certain. `mode` "exact" takes the very evaluation that is asked for, or none: on an exact
    QPU, and on a twin that the session is pinned to and whose noise is frozen (no calibration, no drift), the loop's
    course is the same to the bit; where noise changes with time it is that of a loop which is faster. "approximate"
    takes what was evaluated within `eps` (rad) of what is asked, so the course is another one. `predictor` says which
    guess is the likely one: "gp" and "linear" foresee values, "past" counts the ways taken before, which is cheaper
    and coarser, and cannot serve the approximate mode. `time_value` and `qpu_value`: what a second of waiting and a
    second of an idle QPU are worth. `remote`: whether guesses may be bought from providers, where wrong ones are paid
    for like any. Raises `InvalidInput`, and `UnknownName` for an unknown predictor.
    """

    depth: int = 1
    width: int = 1
    budget: float = 0.25
    mode: Mode = "exact"
    eps: float | None = None
    predictor: str = "gp"
    time_value: float = 1.0
    qpu_value: float = 0.1
    remote: bool = False

    def __post_init__(self) -> None:
        arguments.whole("depth", self.depth, 1)
        arguments.whole("width", self.width, 1)
        for name, value, most in (("depth", self.depth, MAX_DEPTH), ("width", self.width, MAX_WIDTH)):
            if value > most:
                raise InvalidInput(f"The {name} of speculation is {value}", f"At most {most} can be kept in view",
                                   f"Give 1 to {most}")
        for name in ("budget", "time_value", "qpu_value"):
            arguments.real(name, getattr(self, name), least=0)
        if not isinstance(self.remote, bool):
            raise InvalidInput(f"remote is {self.remote!r:.40}", "It says whether guesses may be bought from providers",
                               "Give True or False")
        self._check_mode()

    def _check_mode(self) -> None:
        """What belongs to the approximate mode alone, and what it cannot do without."""
        if self.mode not in get_args(Mode):
            raise InvalidInput(f"The mode of speculation is {self.mode!r:.40}", "",
                               "Choose 'exact', or 'approximate' where another course is no harm")
        if self.predictor not in (*PREDICTORS, PAST):
            raise UnknownName("predictor", self.predictor, (*PREDICTORS, PAST))
        if self.mode == "approximate" and self.predictor == PAST:
            raise InvalidInput("The approximate mode cannot go by the past alone",
                               "It takes what was evaluated at predicted points, and 'past' predicts no values",
                               "Choose the predictor 'gp' or 'linear', or the exact mode")
        if self.mode == "approximate" and self.eps is None:
            raise InvalidInput("The approximate mode has no eps", "It says how close a guess has to be to be taken",
                               "Give eps, the largest difference of an angle in rad, 0.01 for example")
        if self.eps is not None:
            arguments.real("eps", self.eps, least=0)
            if self.mode == "exact":
                raise InvalidInput(f"eps is {self.eps} in the exact mode", "There a guess is the very point or nothing",
                                   "Leave eps out, or choose mode='approximate'")


def speculation(wish: object) -> Speculation | None:
    """The options that are meant: None and False switch speculation off, True takes the defaults; `InvalidInput`."""
    if wish is None or wish is False:
        return None
    if wish is True:
        return Speculation()
    if not isinstance(wish, Speculation):
        raise InvalidInput(f"speculate is {wish!r:.80}", "", "Give Speculation(...), True for its defaults, or None")
    return wish
