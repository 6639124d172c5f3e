"""How large an untrusted circuit may be, and what reading it may cost."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from qloop.errors import InvalidInput

MIB: Final = 1 << 20
CEILINGS: Final = {
    # What a bound may be raised to. Beyond it the reader's own work (lists of all tokens, tables of gates) would hurt.
    "bytes": 64 * MIB, "circuits": 10_000, "qubits": 100_000, "clbits": 1_000_000, "instructions": 10_000_000,
    "expanded": 10_000_000, "depth": 10_000_000, "definitions": 10_000, "nesting": 100, "name_length": 10_000,
    "parameters": 1_000_000, "metadata_bytes": 16 * MIB, "result_bytes": 1024 * MIB, "seconds": 3600.0,
    "cpu_seconds": 3600, "memory_bytes": 1 << 40,
}
LEAST_MEMORY: Final = 16 * MIB


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one reading; each is a whole number from 1 but for `seconds`.

    Of a source: `bytes`, `circuits` (QPY may hold several), `definitions` of gates (text), and over all its circuits
    `instructions` (registers broadcast) and `expanded` (gates and all that definitions in the source are written out
    to). Of each circuit: `qubits` and `clbits` (sums of registers), `depth`, free `parameters`, `metadata_bytes`,
    `nesting` (of parentheses, of definitions within definitions, of control flow), `name_length` of any identifier.
    Of the sandbox: `seconds` by the clock, `cpu_seconds` of processor time, `memory_bytes` of address space beyond what
    the parsers take before they read anything, `result_bytes` it may answer. Raises `InvalidInput` for a wrong bound.
    """

    bytes: int = MIB
    circuits: int = 100
    qubits: int = 1_000
    clbits: int = 10_000
    instructions: int = 100_000
    expanded: int = 100_000
    depth: int = 100_000
    definitions: int = 2_000
    nesting: int = 32
    name_length: int = 256
    parameters: int = 10_000
    metadata_bytes: int = 65_536
    result_bytes: int = 64 * MIB
    seconds: float = 10.0
    cpu_seconds: int = 8
    memory_bytes: int = 512 * MIB

    def __post_init__(self) -> None:
        for name, most in CEILINGS.items():
            value = getattr(self, name)
            kinds = (int, float) if name == "seconds" else (int,)
            if isinstance(value, bool) or not isinstance(value, kinds):
                raise InvalidInput(f"The bound {name} is a {type(value).__name__}", "It is a number", f"Give {name}=N")
            if not (math.isfinite(value) and 0 < value <= most):
                raise InvalidInput(f"The bound {name} is {value}", f"It is from 1 to {most:,}", "Choose one in between")
        if self.memory_bytes < LEAST_MEMORY:
            raise InvalidInput(f"The bound memory_bytes is {self.memory_bytes:,}",
                               "The smallest circuit takes more than that", f"Give at least {LEAST_MEMORY:,}")
