"""A guess: a batch that an optimizer may ask for, known before the values on which it depends."""

from __future__ import annotations

import msgspec

from qloop.loops.optimizers.protocol import Array

PENDING = -1
"""As `parent`: the batch that is asked now and whose values are not known yet."""


class Guess(msgspec.Struct, frozen=True, eq=False):
    """Points (k, P) that may be asked for, and how likely that is as far as one knows now.

    `parent` is the index, in the list that the guess is in, of the guess after whose batch it would be asked; `PENDING`
    for one that would come next. `probability` counts the parent's in: it never exceeds it.
    """

    points: Array
    probability: float
    parent: int = PENDING
