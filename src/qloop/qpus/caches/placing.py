"""What a QPU offers whose layouts can be made again: a run that goes on finds each circuit where it lay."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from qloop.qpus.protocol import Program


@runtime_checkable
class Placing(Protocol):
    """A QPU that tells by the errors of which time a circuit was laid out, and can lay it out by them once more."""

    def laid_out_ns(self, program: Program) -> int:
        """The time whose errors chose the program's layout, in ns since the run's start; 0 for the first layout."""

    def laid_out_again(self, program: Program, at_ns: int) -> Program:
        """The program on the layout that was found at a time, whether or not it is the better one now."""
