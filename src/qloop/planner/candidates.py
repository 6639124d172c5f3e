"""Ways to cut a circuit, from the memory bound down, within a bounded time: blocks of a line, and `find_cuts`.

Blocks take milliseconds. `find_cuts` of qiskit-addon-cutting also cuts wires and parts that are not contiguous, at up
to seconds a call; it is asked for a few sizes, the next only while its last answer says that there is time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qloop.errors import InvalidInput, MissingExtra
from qloop.planner.blocks import Blocks, best_blocks
from qloop.planner.cutting import Cut, cut_circuit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

MOST_BLOCKS = 8
MOST_CUTS = 24
"""More cannot be joined at once."""
BACKJUMPS = 100
_PAIR_S = 6e-5      # seconds of `find_cuts` for each pair of two-qubit gates, to guess its first call


@dataclass(frozen=True, slots=True)
class Candidate:
    """A circuit cut in one way; `source` says who found it."""

    source: str
    cut: Cut

    @property
    def sizes(self) -> tuple[int, ...]:
        """Qubits of the fragments, the widest first."""
        return tuple(sorted((fragment.tree.n_qubits for fragment in self.cut.fragments), reverse=True))


def candidates(circuit: QuantumCircuit, observable: SparsePauliOp, widest: int, seconds: float, *, seed: int = 0,
               clock: Callable[[], float] = time.perf_counter) -> Iterator[Candidate]:
    """Cut circuits whose fragments have at most `widest` qubits, until `seconds` are over; the first one always.

    `circuit` as `prepared` makes it. The quick formula's best come first. `MissingExtra` without qiskit-addon-cutting.
    """
    if widest < 1:
        return
    begun, blocks = clock(), best_blocks(circuit, widest)
    sizes = _asked(circuit.num_qubits, widest, blocks)
    for number, one in enumerate(blocks[:MOST_BLOCKS]):
        # Half of the time is for those that only `find_cuts` sees.
        if number and clock() - begun > seconds / 2:
            break
        if _crossings(circuit, one.labels) <= MOST_CUTS:
            yield Candidate("blocks", cut_circuit(circuit, observable, one.labels))
    two = sum(len(item.qubits) == 2 for item in circuit.data)
    last = _PAIR_S * two * circuit.num_qubits
    for size in sizes:
        before = clock()
        if before - begun + last > seconds:
            return
        found = _found(circuit, size, seed)
        if found is not None:
            yield Candidate("find_cuts", cut_circuit(found, observable))
        last = clock() - before


def _asked(n_qubits: int, widest: int, blocks: list[Blocks]) -> list[int]:
    """Sizes for `find_cuts`: that of the best blocks, a half, a third; or the bound itself if all are above it."""
    wanted = [max(blocks[0].sizes), -(-n_qubits // 2), -(-n_qubits // 3)]
    if not any(1 < size <= widest for size in wanted):
        wanted = [widest]
    return [size for size in dict.fromkeys(wanted) if 1 < size <= widest]


def _found(circuit: QuantumCircuit, size: int, seed: int) -> QuantumCircuit | None:
    """What `find_cuts` finds for fragments of at most `size` qubits, or None."""
    try:
        from qiskit_addon_cutting import DeviceConstraints, OptimizationParameters, find_cuts
    except ImportError as error:
        raise MissingExtra("Finding cuts", "cutting") from error
    try:
        marked, about = find_cuts(circuit, OptimizationParameters(seed=seed, max_backjumps=BACKJUMPS),
                                  DeviceConstraints(qubits_per_subcircuit=size))
    except (ValueError, InvalidInput):
        return None
    return marked if 0 < len(about["cuts"]) <= MOST_CUTS else None


def _crossings(circuit: QuantumCircuit, labels: tuple[int, ...]) -> int:
    """Gates between blocks."""
    return sum(len({labels[circuit.find_bit(bit).index] for bit in item.qubits}) > 1 for item in circuit.data)
