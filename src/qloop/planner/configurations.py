"""The configurations by which the planner is measured: circuits of several kinds, sizes and depths, ways to cut them.

They are chosen so that cutting is right for about half: few cuts of wide circuits pay, many cuts of narrow ones do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from qloop.errors import UnknownName

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

FAMILIES = ("clusters", "efficient", "ising", "brick")
SIZES = (14, 16, 18, 20, 22, 24)
MOST_LOG_WORK = 25      # log2 of amplitudes over all leaves of a block, so that no run takes minutes
_STREAM = 41


class Configuration(msgspec.Struct, frozen=True, order=True):
    """A circuit of a family, cut into contiguous `blocks`, on so many workers."""

    n_qubits: int
    family: str
    layers: int
    blocks: tuple[int, ...]
    workers: int

    @property
    def circuit_name(self) -> str:
        """The circuit, without how it is cut and run."""
        return f"{self.family}-{self.n_qubits}-{self.layers}"

    @property
    def name(self) -> str:
        """What names it in results."""
        return f"{self.circuit_name}/{'+'.join(map(str, self.blocks))}/{self.workers}w"

    @property
    def labels(self) -> list[int]:
        """The block of each qubit."""
        return [block for block, size in enumerate(self.blocks) for _ in range(size)]


def configurations(sizes: tuple[int, ...] = SIZES, workers: tuple[int, ...] = (1, 2)) -> tuple[Configuration, ...]:
    """All configurations of these sizes: of each family a shallow circuit and a deep one, cut in different ways."""
    found = []
    for place, size in enumerate(sizes):
        for number, family in enumerate(FAMILIES):
            for turn, wanted in enumerate((1 + (place + number) % 3, 6)):
                blocks = _blocks(size, place + number + turn, family)
                ends = min(wanted, (MOST_LOG_WORK - max(blocks)) // 2)
                found += [Configuration(size, family, _layers(family, ends, blocks), blocks, count)
                          for count in workers]
    return tuple(found)


def problem_of(chosen: Configuration) -> tuple[QuantumCircuit, SparsePauliOp]:
    """The circuit with angles drawn by its name, and the energy of a chain in a field. `UnknownName` for a family."""
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

    key = np.array([chosen.n_qubits * 1000 + chosen.layers, _STREAM + FAMILIES.index(_known(chosen.family))])
    random = np.random.Generator(np.random.Philox(key=key.astype(np.uint64)))
    circuit, n_qubits = QuantumCircuit(chosen.n_qubits), chosen.n_qubits
    build = {"efficient": _efficient, "ising": _ising, "brick": _brick, "clusters": _clusters}[chosen.family]
    for layer in range(chosen.layers):
        build(circuit, layer, random)
    for qubit in range(n_qubits):
        circuit.ry(random.uniform(-np.pi, np.pi), qubit)
    terms: list[Any] = [("ZZ", [k, k + 1], 1.0) for k in range(n_qubits - 1)]
    if chosen.family in ("ising", "efficient"):
        terms += [("X", [k], 0.7) for k in range(0, n_qubits, 4)]
    return circuit, SparsePauliOp.from_sparse_list(terms, num_qubits=n_qubits)


def _known(family: str) -> str:
    if family not in FAMILIES:
        raise UnknownName("family of circuits", family, FAMILIES)
    return family


def _layers(family: str, ends: int, blocks: tuple[int, ...]) -> int:
    """Layers with which no block is touched by more than `ends` cuts: bricks meet a border in every second layer."""
    borders = 1 if len(blocks) == 2 else 2
    return max(1, ends // borders) * (2 if family == "brick" else 1)


def _blocks(size: int, place: int, family: str) -> tuple[int, ...]:
    """Halves, a third and two thirds, or three parts; clusters are not halved."""
    third = size // 3
    ways = ((third, size - third), (third, third, size - 2 * third), (size // 2, size - size // 2))
    return ways[place % (2 if family == "clusters" else 3)]


def _efficient(circuit: Any, layer: int, random: np.random.Generator) -> None:
    """RY and RZ everywhere, then CNOTs along the line."""
    for qubit in range(circuit.num_qubits):
        circuit.ry(random.uniform(-np.pi, np.pi), qubit)
        circuit.rz(random.uniform(-np.pi, np.pi), qubit)
    for qubit in range(circuit.num_qubits - 1):
        circuit.cx(qubit, qubit + 1)


def _ising(circuit: Any, layer: int, random: np.random.Generator) -> None:
    """ZZ rotations along the line, then RX everywhere."""
    for qubit in range(circuit.num_qubits - 1):
        circuit.rzz(random.uniform(0.1, 1.5), qubit, qubit + 1)
    for qubit in range(circuit.num_qubits):
        circuit.rx(random.uniform(-np.pi, np.pi), qubit)


def _brick(circuit: Any, layer: int, random: np.random.Generator) -> None:
    """U everywhere, then CZ on even or odd pairs."""
    for qubit in range(circuit.num_qubits):
        circuit.u(*random.uniform(-np.pi, np.pi, 3), qubit)
    for qubit in range(layer % 2, circuit.num_qubits - 1, 2):
        circuit.cz(qubit, qubit + 1)


def _clusters(circuit: Any, layer: int, random: np.random.Generator) -> None:
    """ZZ rotations between most pairs that are near within a third of the qubits, one between thirds, then RX."""
    third = max(2, circuit.num_qubits // 3)
    for first in range(circuit.num_qubits):
        for second in range(first + 1, min(first + 4, circuit.num_qubits)):
            same = first // third == second // third
            if (same and random.random() < 0.8) or second == first + 1:
                circuit.rzz(random.uniform(0.1, 1.5), first, second)
    for qubit in range(circuit.num_qubits):
        circuit.rx(random.uniform(-np.pi, np.pi), qubit)
