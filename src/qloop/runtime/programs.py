"""Compiled circuits: once for each QPU, with the simulator that was chosen once for each session and journaled."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from qloop.errors import InvalidInput, QloopError, Refused
from qloop.model.evaluation import SimulatorId
from qloop.qpus.caches.ahead import Ahead, Piece
from qloop.qpus.caches.placing import Placing
from qloop.qpus.protocol import Caching, Program
from qloop.qpus.remote import Qpu, RemoteQpu
from qloop.runtime.journal.protocol import Store

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp


SMOOTHING = 0.3         # weight of the newest compilation in `Programs.compile_s`
MOST_SHARED = 4096      # compiled circuits that are kept for sessions to come


@dataclass(slots=True)
class Source:
    """A circuit with its observable, as a session gave it."""

    circuit: QuantumCircuit
    observable: SparsePauliOp | None
    n_qubits: int
    n_parameters: int


@dataclass(slots=True, weakref_slot=True, eq=False)
class Shelf:
    """What is compiled for one session: programs by (structure, QPU)."""

    sources: dict[str, Source] = field(default_factory=dict)
    programs: dict[tuple[str, str], Program] = field(default_factory=dict)


class Programs:
    """Compiles, and keeps what is compiled; sessions with the same structure and simulator share it."""

    def __init__(self, qpus: Mapping[str, Qpu], store: Store) -> None:
        self.qpus, self.store = qpus, store
        self.ahead: Ahead | None = None
        self.compile_s = 0.0        # what compiling took lately
        self._shared: dict[tuple[str, str, str], Program] = {}
        self._shelves: weakref.WeakKeyDictionary[Shelf, str] = weakref.WeakKeyDictionary()
        self._lock = threading.RLock()

    def prepare(self, session: str, shelf: Shelf, circuit: QuantumCircuit, observable: SparsePauliOp | None,
                pin: str = "") -> str:
        """Check a circuit on the first QPU that can hold it; returns its structure hash."""
        from qiskit import QuantumCircuit

        from qloop.qpus.structure import structure_hash

        if not isinstance(circuit, QuantumCircuit):
            raise InvalidInput(f"A circuit is a {type(circuit).__name__}", "qloop takes Qiskit circuits",
                               "Give a qiskit.QuantumCircuit")
        check_observable(observable)
        source = Source(circuit, observable, circuit.num_qubits, circuit.num_parameters)
        first = self._first(circuit.num_qubits, pin)
        structure = structure_hash(circuit, observable)
        shelf.programs[structure, first] = self._compile(session, structure, source, first)
        shelf.sources[structure] = source
        with self._lock:
            self._shelves[shelf] = session
        if not pin:
            self._compile_ahead(structure, source, first, shelf.programs[structure, first].simulator)
        return structure

    def get(self, session: str, shelf: Shelf, structure: str, qpu: str) -> Program:
        """The program of a prepared structure on a QPU, compiled now if it was not yet."""
        program = shelf.programs.get((structure, qpu))
        if program is None:
            program = shelf.programs[structure, qpu] = self._compile(session, structure, shelf.sources[structure], qpu)
        return program

    def renew(self, session: str, shelf: Shelf, structure: str, qpu: str) -> Program:
        """Compile anew, for the QPU's present calibration."""
        with self._lock:
            for key in [key for key in self._shared if key[:2] == (structure, qpu)]:
                del self._shared[key]
        program = self._compile(session, structure, shelf.sources[structure], qpu)
        shelf.programs[structure, qpu] = program
        return program

    def _compile_ahead(self, structure: str, source: Source, first: str, simulator: SimulatorId) -> None:
        """Compile for the other QPUs that the loop may come to: beside it, or in virtual time at once.

        Nothing is chosen by that for a session which never comes there, and what fails says so when it is needed.
        """
        for name, qpu in list(self.qpus.items()):
            if name == first or qpu.describe().n_qubits < source.n_qubits:
                continue
            if isinstance(qpu, Caching):
                piece = qpu.ahead(source.circuit, structure, source.observable)
            elif self.ahead is not None and (structure, name, "") not in self._shared:
                same = None if isinstance(qpu, RemoteQpu) else simulator
                piece = Piece(partial(qpu.compile, simulator=same), (source.circuit, source.observable),
                              partial(self._take_program, structure, name), here=True)
            else:
                continue
            if piece is not None and self.ahead is not None:
                self.ahead.begin(piece)
            elif piece is not None and not isinstance(found := piece.now(), Exception):
                piece.take(found)

    def _take_program(self, structure: str, qpu: str, program: Program) -> None:
        """Keep what was compiled beside the loop, unless somebody could not wait for it."""
        with self._lock:
            if (structure, qpu, "") not in self._shared:
                self._keep(structure, qpu, program)

    def known(self, shelf: Shelf, structure: str, qpu: str) -> Program | None:
        """The program on a QPU if it is compiled; it chooses nothing for the session. Raises why it cannot be."""
        found = shelf.programs.get((structure, qpu)) or self.shared(structure, qpu)
        if found is None and self.has(shelf, structure, qpu):
            source = shelf.sources[structure]
            found = self.qpus[qpu].compile(source.circuit, source.observable)
            self._take_program(structure, qpu, found)
        return found

    def shared(self, structure: str, qpu: str) -> Program | None:
        """What is compiled for sessions to come."""
        return self._shared.get((structure, qpu, ""))

    def lay_out_anew(self, name: str, now_ns: int) -> None:
        """A QPU is in a new epoch: look for better layouts where that is worth while, beside the loop if there is one.

        In virtual time, which stands still meanwhile, the next task already has the new layout.
        """
        qpu = self.qpus[name]
        if not isinstance(qpu, Caching):
            return
        with self._lock:
            known = {id(program): program for shelf in self._shelves
                     for (_, place), program in list(shelf.programs.items()) if place == name}.values()
        for program in known:
            try:
                self._look_for_layout(name, qpu, program, now_ns)
            except Exception:       # it goes on as it lies, and so do the others
                logging.getLogger("qloop").exception("No new layout was found on QPU %s", name)

    def _look_for_layout(self, name: str, qpu: Caching, program: Program, now_ns: int) -> None:
        if not qpu.is_stale(program, now_ns):
            return
        function, arguments = qpu.relayout(program, now_ns)
        take = partial(self._take_layout, name, qpu, program, now_ns)
        if self.ahead is None:
            take(function(*arguments))
        else:
            self.ahead.begin(Piece(function, arguments, take))

    def _take_layout(self, name: str, qpu: Caching, program: Program, now_ns: int, isa: object) -> None:
        """All sessions go on with the better layout, which their journals know from then on."""
        fresh = qpu.laid_out(program, isa, now_ns)
        with self._lock:
            self._share(program, fresh)
            here = [(shelf, session) for shelf, session in self._shelves.items()
                    if shelf.programs.get((program.structure, name)) is program]
            for shelf, _ in here:
                shelf.programs[program.structure, name] = fresh
        for _, session in here:
            self._journal_layout(session, name, fresh)

    def _journal_layout(self, session: str, qpu: str, program: Program) -> None:
        """Keep for a session when its layout was made, which is how it can be made again."""
        place = self.qpus[qpu]
        if isinstance(place, Placing):
            at_ns = place.laid_out_ns(program)
            self.store.put_checkpoint(session, f"layout:{program.structure}@{qpu}", at_ns, b"")

    def _share(self, program: Program, fresh: Program) -> None:
        """Sessions to come take the fresh program for that one."""
        for key, shared in self._shared.items():
            if shared is program:
                self._shared[key] = fresh

    def _as_it_lay(self, session: str, qpu: str, program: Program) -> Program:
        """The program on the layout that the session had last, or on a later one that others have brought about."""
        place = self.qpus[qpu]
        if not isinstance(place, Placing):
            return program
        kept = self.store.get_checkpoint(session, f"layout:{program.structure}@{qpu}")
        last, known = 0 if kept is None else kept.iteration, place.laid_out_ns(program)
        if last > known:
            fresh = place.laid_out_again(program, last)
            self._share(program, fresh)
            return fresh
        if last < known:
            self._journal_layout(session, qpu, program)
        return program

    def has(self, shelf: Shelf, structure: str, qpu: str) -> bool:
        """Whether it is compiled already: here, or beside the loop."""
        if (structure, qpu) in shelf.programs or (structure, qpu, "") in self._shared:
            return True
        found, source = self.qpus[qpu], shelf.sources.get(structure)
        return (source is not None and isinstance(found, Caching)
                and found.ahead(source.circuit, structure, source.observable) is None)

    def _first(self, width: int, pin: str) -> str:
        """A QPU that is wide enough; `Refused` if none is."""
        names = [pin] if pin else list(self.qpus)
        wide = [name for name in names if self.qpus[name].describe().n_qubits >= width]
        if wide:
            return wide[0]
        best = max(names, key=lambda name: self.qpus[name].describe().n_qubits)
        raise Refused(f"The circuit needs {width} qubits",
                      f"The widest QPU here, {best}, has {self.qpus[best].describe().n_qubits}",
                      "Use a narrower circuit or add a wider QPU", retry_after=0.0)

    def _compile(self, session: str, structure: str, source: Source, qpu: str) -> Program:
        """Compile with the journaled simulator, or choose one and journal it."""
        with self._lock:
            remote = isinstance(self.qpus[qpu], RemoteQpu)      # the provider's software, which others do not share
            key = f"simulator:{structure}@{qpu}" if remote else f"simulator:{structure}"
            stored = self.store.chosen(session).get(key)
            forced = None if stored is None else msgspec.json.decode(stored, type=SimulatorId)
            shared = self._shared.get((structure, qpu, "" if forced is None else str(forced)))
            if shared is None:
                begun = time.perf_counter()
                shared = self.qpus[qpu].compile(source.circuit, source.observable, simulator=forced)
                self.compile_s += SMOOTHING * (time.perf_counter() - begun - self.compile_s)
                self._keep(structure, qpu, shared)
            if forced is None:
                self.store.choose(session, key, msgspec.json.encode(shared.simulator))
            return self._as_it_lay(session, qpu, shared)

    def _keep(self, structure: str, qpu: str, program: Program) -> None:
        if program.structure != structure:
            raise QloopError(f"QPU {qpu} names the structure of a circuit differently", "Its compiler changed it",
                             "Report this as a bug of the QPU's plugin")
        self._shared[structure, qpu, ""] = program
        self._shared[structure, qpu, str(program.simulator)] = program
        while len(self._shared) > MOST_SHARED:      # the oldest; sessions that use it have it on their shelves
            del self._shared[next(iter(self._shared))]


def check_observable(observable: object) -> None:
    """InvalidInput unless it is None or a SparsePauliOp with numbers for coefficients."""
    import numpy as np
    from qiskit.quantum_info import SparsePauliOp

    if observable is None:
        return
    if not isinstance(observable, SparsePauliOp):
        raise InvalidInput(f"The observable is a {type(observable).__name__}", "qloop takes sums of Pauli strings",
                           "Give a qiskit.quantum_info.SparsePauliOp; SparsePauliOp('ZZI') makes one of a string")
    if not np.issubdtype(observable.coeffs.dtype, np.number):
        raise InvalidInput("The observable has coefficients that are not numbers", "Only circuits may have parameters",
                           "Bind the observable's parameters first")
