"""Distributed state vector: one large state over several ranks, which exchange halves of it."""

from __future__ import annotations

import math
import os
import time
from typing import Annotated

import msgspec
import numpy as np

from qloop.errors import InvalidInput
from qloop.miniapps.motifs import dense
from qloop.miniapps.motifs.drawn import drawn_circuit
from qloop.miniapps.motifs.motif import Motif
from qloop.miniapps.motifs.parameters import Choice, Parameters, Real, Whole
from qloop.miniapps.motifs.record import Check, Recorder, Result
from qloop.miniapps.motifs.site import Site
from qloop.miniapps.motifs.split_state import Ranks, SplitState
from qloop.miniapps.problems.problem import philox

NAME = "state-vector"
BASIS_STREAM = 13
ROUNDING = 1e-11
BYTES_EACH = 64     # of an amplitude, with copies and indices that live for a moment


class StateVector(Parameters, frozen=True, kw_only=True):
    """A circuit whose final state is known in closed form, so that every rank can check its own amplitudes."""

    qubits: Annotated[int, Whole(3, 40, "qubits", "Width: takes 64 bytes times 2^qubits over all ranks")] = 16
    ranks: Annotated[int, Whole(1, 4096, "ranks", "Processes that hold the state together", power=True)] = 2
    circuit: Annotated[str, Choice(("qft", "mirror"), "The Fourier transform of a basis state, or random layers and "
                                                      "their inverse")] = "qft"
    depth: Annotated[int, Whole(1, 200, "layers", "Random layers of the mirror")] = 4
    seed: Annotated[int, Whole(0, 2**31 - 1, "", "Of the basis state, or of the layers")] = 0
    limit_s: Annotated[float, Real(1.0, 86_400.0, "s", "After so long the ranks are ended")] = 600.0

    def agree(self) -> None:
        """Each rank holds at least two qubits."""
        if self.qubits - (self.ranks.bit_length() - 1) < 2:
            raise InvalidInput(f"There are {self.ranks} ranks for {self.qubits} qubits",
                               "Each rank must hold two of them, for gates on two", "Give fewer ranks or more qubits")


class Part(msgspec.Struct, frozen=True):
    """What a rank tells: its largest error of an amplitude, the state's norm, seconds, and bytes that it sent."""

    error: float
    norm: float
    compute_s: float
    exchange_s: float
    sent: int
    exchanges: int


def run(parameters: StateVector, site: Site) -> Result:
    """Carry the circuit out on all ranks, and compare every amplitude with the closed form."""
    record = Recorder(NAME, parameters, site)
    wish = (parameters.qubits, parameters.circuit, parameters.depth, parameters.seed)
    with record.phase("submit"):
        handle = site.gang(computed, *wish, ranks=parameters.ranks, limit_s=parameters.limit_s)
    (parts,) = record.gather("simulate", [handle], ranks=parameters.ranks)
    sent = sum(part.sent for part in parts)
    told = {"worst_error": max(part.error for part in parts), "norm": parts[0].norm, "sent_bytes": sent,
            "exchanges": max(part.exchanges for part in parts), "compute_s": max(part.compute_s for part in parts),
            "exchange_s": max(part.exchange_s for part in parts)}
    why = "rounding of double precision over all gates"
    checks = [Check("worst amplitude", told["worst_error"], 0.0, ROUNDING, why, "below"),
              Check("norm", told["norm"], 1.0, ROUNDING, why)]
    if parameters.ranks > 1:
        checks.append(Check("bytes sent", sent, 1.0, 0.0, "ranks that hold one state cannot do without", "above"))
    return record.finish(told, checks)


class Timed:
    """Ranks that keep the time of their exchanges."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks, self.rank, self.size, self.seconds = ranks, ranks.rank, ranks.size, 0.0

    def exchange(self, values: dense.Complex, partner: int) -> dense.Complex:
        """Exchange, and keep the time."""
        begun = time.perf_counter()
        received = self._ranks.exchange(values, partner)
        self.seconds += time.perf_counter() - begun
        return received

    def total(self, value: float) -> float:
        """The sum over all ranks."""
        return self._ranks.total(value)


def computed(ranks: Ranks, qubits: int, circuit: str, depth: int, seed: int) -> Part:
    """Carry the circuit out on this rank's part, and compare with the closed form."""
    check_memory(qubits)
    timed = Timed(ranks)
    basis = int(np.random.Generator(philox(seed, BASIS_STREAM)).integers(0, 1 << qubits))
    program = fourier(qubits, basis) if circuit == "qft" else mirror(qubits, depth, seed)
    begun = time.perf_counter()
    state = SplitState(qubits, timed)
    state.run(program)
    took = time.perf_counter() - begun
    wanted = fourier_amplitudes(state, basis) if circuit == "qft" else (state.indices() == 0).astype(np.complex128)
    error = float(np.abs(state.local - wanted).max())
    return Part(error, state.norm(), took - timed.seconds, timed.seconds, state.sent, state.exchanges)


def check_memory(qubits: int) -> None:
    """`InvalidInput` if this node, which all ranks share, cannot hold a state and what is computed beside it."""
    wanted, there = BYTES_EACH << qubits, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if wanted > there:
        raise InvalidInput(f"A state of {qubits} qubits takes {wanted / 2**30:,.1f} GiB on all ranks together",
                           f"Their node has {there / 2**30:,.1f} GiB", "Give fewer qubits")


def fourier(n_qubits: int, basis: int) -> list[dense.Operation]:
    """Prepare |basis>, then its quantum Fourier transform with the swaps at its end."""
    x = np.array([[0, 1], [1, 0]], np.complex128)
    h = np.array([[1, 1], [1, -1]], np.complex128) / math.sqrt(2.0)
    swap = np.eye(4, dtype=np.complex128)[[0, 2, 1, 3]]
    program = [dense.Operation(x, (qubit,)) for qubit in range(n_qubits) if basis >> qubit & 1]
    for qubit in reversed(range(n_qubits)):
        program.append(dense.Operation(h, (qubit,)))
        for other in range(qubit):
            turn = np.array([1, 1, 1, np.exp(1j * math.pi / (1 << (qubit - other)))], np.complex128)
            program.append(dense.Operation(np.diag(turn), (other, qubit)))
    return program + [dense.Operation(swap, (qubit, n_qubits - 1 - qubit)) for qubit in range(n_qubits // 2)]


def fourier_amplitudes(state: SplitState, basis: int) -> dense.Complex:
    """exp(2 pi i basis k / 2^n) / 2^(n/2) at the indices k of this rank; the product is reduced exactly first."""
    size = 1 << state.n_qubits
    turns = ((state.indices() * basis) & (size - 1)) / size
    return np.asarray(np.exp(2j * math.pi * turns) / math.sqrt(size), np.complex128)


def mirror(n_qubits: int, depth: int, seed: int) -> list[dense.Operation]:
    """Random layers, then their inverse: |0...0> comes back."""
    forth = dense.operations(drawn_circuit(n_qubits, depth, seed, 0))
    back = [dense.Operation(one.matrix.conj().T, one.qubits) for one in reversed(forth)]
    return [*forth, *back]


MOTIF = Motif(name=NAME, parameters=StateVector, run=run, coupling="tight", uses=("workers",), seconds=1,
              about="one large state over several ranks",
              exercises="a gang of processes at once, and communication between them",
              exact="the Fourier transform's amplitudes, or |0...0> after a mirror, in closed form")
