"""What is told of a circuit that was let in."""

from __future__ import annotations

from typing import Final

import msgspec

KINDS: Final = 64


class Facts(msgspec.Struct, frozen=True):
    """Measures of one circuit; `expanded` counts the gates and all that their definitions are written out to.

    `gates` counts instructions by name, those in control flow included; the `KINDS` most frequent are named.
    """

    name: str
    qubits: int
    clbits: int
    instructions: int
    expanded: int
    depth: int
    parameters: int
    gates: dict[str, int]
