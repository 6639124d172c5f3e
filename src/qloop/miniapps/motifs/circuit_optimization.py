"""Circuit optimization: a transpilation search over seeds and levels in parallel, for one device."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np

from qloop.errors import InvalidInput
from qloop.miniapps.motifs import dense
from qloop.miniapps.motifs.drawn import drawn_circuit
from qloop.miniapps.motifs.motif import Motif
from qloop.miniapps.motifs.parameters import Choice, Parameters, Whole
from qloop.miniapps.motifs.record import Check, Recorder, Result
from qloop.miniapps.motifs.site import Site

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

NAME = "circuit-optimization"
LARGEST_CHECKED = 14
BASIS = ("rz", "sx", "x", "cz")
PROBES = 4
FIDELITY_LOSS = 1e-9


class CircuitOptimization(Parameters, frozen=True, kw_only=True):
    """A random circuit, transpiled for a small device with every seed at every level up to `level`."""

    qubits: Annotated[int, Whole(2, 100, "qubits", "Width of the circuit, and of the device")] = 6
    depth: Annotated[int, Whole(1, 100, "layers", "Layers of rotations and cx")] = 5
    device: Annotated[str, Choice(("line", "ring", "grid"), "How the device's qubits are connected")] = "line"
    tries: Annotated[int, Whole(1, 4096, "seeds", "Seeds of the transpiler that are tried at each level")] = 6
    level: Annotated[int, Whole(1, 3, "", "Optimization levels 1 to this one are tried")] = 3
    batch: Annotated[int, Whole(1, 1000, "tries", "Tries in one task")] = 2
    seed: Annotated[int, Whole(0, 2**31 - 1, "", "Of the circuit, and the first of the transpiler")] = 0

    def agree(self) -> None:
        """A grid is two rows."""
        if self.device == "grid" and (self.qubits % 2 or self.qubits < 4):
            raise InvalidInput(f"A grid of {self.qubits} qubits is wished", "It has two equal rows",
                               "Give an even number of at least 4, or another device")


class Try(msgspec.Struct, frozen=True):
    """One transpilation: its level and seed, what it costs, and the circuit as QPY."""

    level: int
    seed: int
    two_qubit: int
    depth: int
    size: int
    qpy: bytes


def run(parameters: CircuitOptimization, site: Site) -> Result:
    """Search, take the best, and check that it does what the circuit does."""
    record = Recorder(NAME, parameters, site)
    with record.phase("stage"):
        circuit = drawn_circuit(parameters.qubits, parameters.depth, parameters.seed, 0)
        wire, edges = packed(circuit), coupling(parameters.device, parameters.qubits)
        wishes = [(level, parameters.seed + n) for level in range(1, parameters.level + 1)
                  for n in range(parameters.tries)]
    with record.phase("submit"):
        handles = [site.submit(transpiled, wire, edges, wishes[first:first + parameters.batch])
                   for first in range(0, len(wishes), parameters.batch)]
    tries = [one for part in record.gather("search", handles, phase="compile") for one in part]
    with record.phase("reconstruct"):
        best = min(tries, key=lambda one: (one.two_qubit, one.depth, one.level, one.seed))
        chosen = opened(best.qpy)
    with record.phase("check"):
        kept = min(_kept(circuit, chosen, probe) for probe in range(PROBES)) if _small(circuit) else math.nan
    counts = [one.two_qubit for one in tries]
    told = {"two_qubit": best.two_qubit, "depth": best.depth, "level": best.level, "first": counts[0],
            "mean": float(np.mean(counts)), "worst": max(counts), "before": two_qubit_gates(circuit)}
    return record.finish(told, _checks(chosen, counts, edges, kept, _small(circuit)))


def _checks(chosen: QuantumCircuit, counts: Sequence[int], edges: Sequence[tuple[int, int]], kept: float,
            small: bool) -> list[Check]:
    """The chosen circuit against every single try, the device, and the circuit that was asked for."""
    near = {frozenset(edge) for edge in edges}
    far = sum(frozenset(chosen.find_bit(qubit).index for qubit in one.qubits) not in near
              for one in chosen.data if len(one.qubits) == 2)
    checks = [Check("two-qubit gates", two_qubit_gates(chosen), min(counts), 0.0, "never worse than the best single "
                    "try; counted anew", "below"),
              Check("gates off the device", far, 0.0, 0.0, "every gate is on two connected qubits")]
    if small:
        checks.append(Check("overlap with the circuit", kept, 1.0, FIDELITY_LOSS,
                            f"rounding; worst of {PROBES} random input states, up to layout and phase"))
    return checks


def transpiled(wire: bytes, edges: Sequence[tuple[int, int]], wishes: Sequence[tuple[int, int]]) -> list[Try]:
    """The circuit at each (level, seed)."""
    from qiskit import transpile
    from qiskit.transpiler import CouplingMap

    circuit = opened(wire)
    device = CouplingMap([list(edge) for edge in edges])
    device.make_symmetric()
    found = []
    for level, seed in wishes:
        made = transpile(circuit, coupling_map=device, basis_gates=list(BASIS), optimization_level=level,
                         seed_transpiler=seed, num_processes=1)
        found.append(Try(level, seed, two_qubit_gates(made), made.depth(), made.size(), packed(made)))
    return found


def two_qubit_gates(circuit: QuantumCircuit) -> int:
    """Gates on two qubits, barriers not counted."""
    return sum(len(one.qubits) == 2 and one.operation.name != "barrier" for one in circuit.data)


def coupling(device: str, n_qubits: int) -> tuple[tuple[int, int], ...]:
    """The connected pairs of a line, a ring or two rows."""
    if device == "grid":
        row = n_qubits // 2
        rungs = [(k, k + row) for k in range(row)]
        return (*[(k, k + 1) for k in range(n_qubits - 1) if k != row - 1], *rungs)
    line = [(k, k + 1) for k in range(n_qubits - 1)]
    return (*line, (0, n_qubits - 1)) if device == "ring" and n_qubits > 2 else tuple(line)


def packed(circuit: QuantumCircuit) -> bytes:
    """The circuit as QPY."""
    from qiskit import qpy

    buffer = io.BytesIO()
    qpy.dump(circuit, buffer)
    return buffer.getvalue()


def opened(wire: bytes) -> QuantumCircuit:
    """The circuit of QPY bytes that this program made."""
    from qiskit import qpy

    return qpy.load(io.BytesIO(wire))[0]


def _small(circuit: QuantumCircuit) -> bool:
    return bool(circuit.num_qubits <= LARGEST_CHECKED)


def _kept(circuit: QuantumCircuit, chosen: QuantumCircuit, probe: int) -> float:
    """|<U psi| V psi>|^2 for a random product of states psi, qubits taken from where the layout put them.

    A state that is a superposition of all basis states sees every column of the unitaries.
    """
    n = circuit.num_qubits
    start = dense.operations(drawn_circuit(n, 2, 7, probe))
    wanted = dense.run(n, [*start, *dense.operations(circuit)])
    initial = [chosen.layout.initial_index_layout()[qubit] for qubit in range(n)]
    final = chosen.layout.final_index_layout()
    moved = [dense.Operation(one.matrix, tuple(initial[qubit] for qubit in one.qubits)) for one in start]
    found = dense.run(n, [*moved, *dense.operations(chosen)])
    index = np.arange(1 << n)
    back = np.zeros_like(index)
    for qubit in range(n):
        back |= (index >> qubit & 1) << final[qubit]
    return float(abs(np.vdot(wanted, found[back])) ** 2)


MOTIF = Motif(name=NAME, parameters=CircuitOptimization, run=run, coupling="classical", uses=("workers",), seconds=3,
              about="a transpilation search over seeds and levels",
              exercises="classical tasks of unequal length; no QPU at all",
              exact="the chosen circuit's states against the original's, and its gates against every single try")
