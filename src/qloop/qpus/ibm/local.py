"""IBM's local testing mode behind the same verbs: fake backends, IBM's own primitives, Aer.

Its tasks live in this process and die with it: nothing was paid for, so a run that is resumed finds none and submits
again. What passes here goes through the same compiling, the same primitives and the same results as on the service.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

from qloop.errors import QpuError, UnknownName
from qloop.qpus.ibm.compiling import Compiled, pub_of
from qloop.qpus.ibm.grouping import Grouping
from qloop.qpus.ibm.port import Facts
from qloop.qpus.ibm.primitives import primitives
from qloop.qpus.ibm.program import Ask
from qloop.qpus.ibm.reduced import cut, simulator_of
from qloop.qpus.ibm.settings import Settings
from qloop.qpus.remote import Calibration, NotReady, Phase, Reading

if TYPE_CHECKING:
    from qiskit.transpiler import Target

OWN = "local-"      # how ids of local tasks begin
DEFAULT_REP_DELAY_S = 250e-6
_PHASES = {"INITIALIZING": Phase.QUEUED, "QUEUED": Phase.QUEUED, "RUNNING": Phase.RUNNING, "DONE": Phase.DONE,
           "CANCELLED": Phase.CANCELLED, "ERROR": Phase.FAILED}


class LocalPort:
    """One fake backend; `UnknownName` with the nearest name if there is none such."""

    def __init__(self, backend: str, settings: Settings) -> None:
        self._backend = _fake(backend)
        self._settings = settings
        self._tasks: dict[str, Any] = {}
        self._tags: dict[str, list[str]] = {}
        self._groups: dict[tuple[int, ...], Grouping] = {}
        self._simulators: dict[tuple[int, ...], Any] = {}
        self._lock = threading.Lock()
        taken = self._backend.properties().last_update_date
        self._calibration = Calibration(int(taken.timestamp()), str(taken))

    def facts(self) -> Facts:
        """What the backend is."""
        backend = self._backend
        basis = tuple(backend.configuration().basis_gates)
        return Facts(backend.name, int(backend.num_qubits), basis, rep_delay_ns(backend),
                     f"local testing mode of {backend.name}, its tasks end with this process")

    def calibration(self) -> Calibration:
        """That of the fake backend's data, which never changes."""
        return self._calibration

    def target(self) -> tuple[Target, int]:
        """The fake backend's."""
        return self._backend.target, self._calibration.epoch

    def submit(self, compiled: Compiled, ask: Ask, tag: str) -> str:
        """Start the evaluation in a thread of IBM's client."""
        small, qubits = cut(compiled)
        with self._lock:
            if qubits not in self._simulators:
                self._simulators[qubits] = simulator_of(self._backend.target, qubits)
                self._groups[qubits] = Grouping(self._settings)
            simulator, group = self._simulators[qubits], self._groups[qubits]
        task = _run(group.where(simulator), small, ask)
        name = f"{OWN}{task.job_id()}"
        with self._lock:
            self._tasks[name] = task
            self._tags.setdefault(tag, []).append(name)
        return name

    def find(self, tag: str) -> tuple[str, ...]:
        """Tasks of this process."""
        with self._lock:
            return tuple(self._tags.get(tag, ()))

    def reading(self, task: str) -> Reading:
        """Where it stands; a failed one was not bought, and one of a process that has ended has failed."""
        if task not in self._tasks:
            if task.startswith(OWN):
                return Reading(Phase.FAILED, "It ended with the process that it ran in", executed=False)
            return Reading(Phase.GONE, "The local testing mode has no task of this id")
        status = self._tasks[task].status()
        word = str(getattr(status, "name", status))
        phase = _PHASES.get(word, Phase.UNKNOWN)
        reason = str(self._tasks[task]._future.exception() or "")[:600] if phase is Phase.FAILED else ""
        return Reading(phase, reason, executed=False) if phase is Phase.FAILED else Reading(phase, reason)

    def answer(self, task: str) -> Any:
        """The primitive result."""
        phase = self.reading(task).phase
        if phase in (Phase.QUEUED, Phase.RUNNING):
            raise NotReady(f"The task {task!r} is {phase}", "", "Look at its status again")
        if phase is not Phase.DONE:
            raise QpuError(f"The task {task!r} has no result", f"It is {phase}. {self.reading(task).reason}".strip())
        return self._tasks[task].result()

    def ran_on(self, task: str) -> tuple[Calibration, bool]:
        """The only calibration there is."""
        return self._calibration, True

    def cancel(self, task: str) -> None:
        """Drop it if it has not begun."""
        if task in self._tasks:
            self._tasks[task].cancel()

    def close(self) -> None:
        """Close the sessions of IBM's client."""
        for group in self._groups.values():
            group.close()


def fake_names() -> tuple[str, ...]:
    """The names of the fake backends that IBM's client brings along."""
    return tuple(sorted(_fakes()))


def rep_delay_ns(backend: Any) -> int:
    """The backend's default pause before each shot (ns)."""
    seconds = getattr(backend.configuration(), "default_rep_delay", None)
    return round((seconds if isinstance(seconds, float) and 0.0 < seconds < 1.0 else DEFAULT_REP_DELAY_S) * 1e9)


def _fakes() -> dict[str, Any]:
    """The kinds of fake backends by name, none of them made."""
    from qiskit_ibm_runtime import fake_provider

    kinds = [kind for kind in vars(fake_provider).values() if isinstance(kind, type)]
    named = {str(getattr(kind, "backend_name", None) or ""): kind for kind in kinds}
    return {name: kind for name, kind in named.items() if name}


def _fake(name: str) -> Any:
    found = _fakes()
    if name not in found:
        raise UnknownName("fake backend of qiskit-ibm-runtime", name, found)
    return found[name]()


def _run(where: Any, compiled: Compiled, ask: Ask) -> Any:
    estimator, sampler = primitives()
    options = {"simulator": {"seed_simulator": ask.seed}}
    pubs = pub_of(compiled, ask.thetas, ask.counts)
    if ask.counts:
        return sampler(mode=where, options=options).run(pubs, shots=ask.shots)
    # The local estimator rounds 1/precision^2 up to whole shots; half a shot less meets every number exactly.
    return estimator(mode=where, options=options).run(pubs, precision=1.0 / math.sqrt(ask.shots - 0.5))
