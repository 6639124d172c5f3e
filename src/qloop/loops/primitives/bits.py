"""From counts to Qiskit's arrays of bits, one for each classical register."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qloop.loops.primitives.circuits import Known
from qloop.model.evaluation import generator

Row = tuple[dict[str, int], bytes]


@dataclass(frozen=True, slots=True)
class Register:
    """A classical register: the place of each bit in the counts' bit strings, from the right; None: always 0."""

    name: str
    places: tuple[int | None, ...]

    @property
    def size(self) -> int:
        """How many bits it has."""
        return len(self.places)


def registers_of(known: Known, narrow: bool) -> tuple[Register, ...]:
    """The circuit's registers; `narrow`: the counts hold the written bits alone."""
    circuit = known.circuit
    written = sorted(known.readout)
    place = {bit: k if narrow else bit for k, bit in enumerate(written)}
    index = {bit: k for k, bit in enumerate(circuit.clbits)}
    return tuple(Register(register.name, tuple(place.get(index[bit]) for bit in register))
                 for register in circuit.cregs)


def packed(rows: Sequence[Row], registers: Sequence[Register], shots: int, n_rows: int) -> list[NDArray[np.uint8]]:
    """For each register the bits of all shots, (rows, shots, bytes), most significant bit first, as Qiskit packs them.

    A row's shots come in an order drawn from its digest, the same for all registers: counts forget the order, and who
    looks at the first hundred shots must not see only the smallest bit strings.
    """
    found = [np.zeros((n_rows, shots, (register.size + 7) // 8), dtype=np.uint8) for register in registers]
    for number, (counts, digest) in enumerate(rows):
        bits = _bits(list(counts))
        order = np.repeat(np.arange(len(counts)), list(counts.values()))
        order = generator(digest).permutation(order)
        for register, array in zip(registers, found, strict=True):
            array[number] = _pack(bits, register)[order]
    return found


def _bits(keys: list[str]) -> NDArray[np.uint8]:
    """Bit strings as (strings, bits), clbit 0 first, with a column of zeros behind them."""
    text = np.frombuffer("".join(keys).encode("ascii"), dtype=np.uint8).reshape(len(keys), -1)
    bits = np.zeros((text.shape[0], text.shape[1] + 1), dtype=np.uint8)
    bits[:, :-1] = text[:, ::-1] & 1        # of the characters "0" and "1"
    return bits


def _pack(bits: NDArray[np.uint8], register: Register) -> NDArray[np.uint8]:
    columns = [-1 if place is None else place for place in reversed(register.places)]
    return np.packbits(bits[:, [-1] * (-register.size % 8) + columns], axis=-1)
