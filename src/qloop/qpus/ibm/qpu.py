"""An IBM QPU behind the protocol of remote QPUs (`qloop.qpus.remote`).

Recovery is by tag: each task bears its token as a tag, and after a lost reply the service's list is searched for it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from qloop.model.evaluation import SimulatorId
from qloop.qpus.ibm.answers import result_of
from qloop.qpus.ibm.compiling import Compiler, check_width
from qloop.qpus.ibm.credentials import Reference
from qloop.qpus.ibm.local import LocalPort
from qloop.qpus.ibm.port import Facts, Port
from qloop.qpus.ibm.primitives import check_options
from qloop.qpus.ibm.program import IbmProgram, ask_of, check_software, own_program
from qloop.qpus.ibm.service import ServicePort
from qloop.qpus.ibm.settings import DEFAULT_SHOTS, Mode, settings_of
from qloop.qpus.ibm.software import CLIENT, client_version
from qloop.qpus.ibm.tags import tag_of
from qloop.qpus.protocol import Program, QpuDescription, QpuResult, Recovery, Request, Window
from qloop.qpus.remote import Calibration, Reading, RemoteDescription

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

OVERHEAD_S = 2.0
"""IBM's rule for a task's QPU time: 2 s + executions * (rep_delay + circuit length) (IBM Quantum documentation,
"Workload usage")."""

SETTLE_S, POLL_S = 20.0, 10.0
LOCAL_SETTLE_S, LOCAL_POLL_S = 0.0, 0.05


class IbmQpu:
    """A QPU of IBM's service, or with `local` a fake backend of the local testing mode (see `RemoteQpu`).

    `mode` groups the tasks: each on its own, in a batch, or in a session (see `Mode`); `max_time` bounds a batch or
    session, in seconds or as '2h 30m'. Requests for 0 shots get `default_shots`, since hardware has no exact values.
    `resilience_level` is IBM's error mitigation of expectation values, `optimization_level` the transpiler's,
    `max_execution_s` IBM's own bound for one task, `options` further options of IBM's primitives (the last three do
    nothing locally). `call_s` bounds each call; `settle_s` and `poll_s` are those of `RemoteDescription`. A task's tag
    at IBM is its token, after `tag_prefix`. Credentials are a `Reference`, or an existing `QiskitRuntimeService` as
    `service`. Raises `InvalidInput`, `UnknownName`, `MissingExtra` and, if the reference leads nowhere,
    `CredentialsRefused`; nothing is asked yet.
    """

    def __init__(self, backend: str, *, mode: str = Mode.JOB, max_time: int | str | None = None, local: bool = False,
                 credentials: Reference | None = None, service: Any = None, name: str = "",
                 default_shots: int = DEFAULT_SHOTS, optimization_level: int = 1, resilience_level: int = 1,
                 max_execution_s: int = 0, tag_prefix: str = "", call_s: float = 60.0,
                 settle_s: float = SETTLE_S, poll_s: float = POLL_S, options: Mapping[str, Any] | None = None) -> None:
        self._software = SimulatorId(CLIENT, client_version())
        self._settings = settings_of(mode=mode, max_time=max_time, default_shots=default_shots,
                                     optimization_level=optimization_level, resilience_level=resilience_level,
                                     max_execution_s=max_execution_s, tag_prefix=tag_prefix, call_s=call_s,
                                     settle_s=settle_s, poll_s=poll_s, options=options)
        check_options(self._settings)
        self._name = name or f"{'ibm-local' if local else 'ibm'}:{backend}"
        self._local = local
        self._facts: Facts | None = None
        self._port: Port = (LocalPort(backend, self._settings) if local else
                            ServicePort(backend, self._settings, credentials or Reference(), service))
        self._compiler = Compiler(self._port.target, optimization_level)

    def __reduce__(self) -> NoReturn:
        raise TypeError("An IBM QPU holds a connection and credentials, so it is not pickled; open it where it is used")

    def describe(self) -> QpuDescription:
        """What this QPU is; asks the service the first time."""
        facts, calibration = self._known(), self._port.calibration()
        kind = "ibm-local" if self._local else "ibm"
        return QpuDescription(self._name, kind, facts.n_qubits, Recovery.TAG, facts.note, facts.backend,
                              calibration.taken, facts.basis_gates)

    def remote(self) -> RemoteDescription:
        """How to deal with it."""
        wishes = self._settings
        if self._local:
            return RemoteDescription("IBM (local testing mode)", LOCAL_SETTLE_S, wishes.call_s, LOCAL_POLL_S)
        return RemoteDescription("IBM", wishes.settle_s, wishes.call_s, wishes.poll_s)

    def calibration(self) -> Calibration:
        """The device's present calibration, by the date of its properties; what is compiled from now on is for it."""
        return self._port.calibration()

    def compile(self, circuit: QuantumCircuit, observable: SparsePauliOp | None, *,
                simulator: SimulatorId | None = None, seed: int = 0) -> IbmProgram:
        """Check a circuit and its observable, and compile them for the present calibration.

        Raises `InvalidInput` for what does not fit, `QpuError` if `simulator` names another version of IBM's client.
        """
        check_software(simulator, self._software)
        program = IbmProgram(circuit, observable, self._software, seed)
        check_width(program.n_qubits, self._known().n_qubits)
        self._compiler.compiled(program, observable is None)
        return program

    def duration(self, program: Program, request: Request) -> int:
        """Predicted ns of QPU time: `2 s + rows * groups * shots * (rep_delay + circuit length)`."""
        ask = ask_of(program, request, self._settings.default_shots)
        compiled = self._compiler.compiled(ask.program, ask.counts)
        executions = len(ask.thetas) * compiled.groups * ask.shots
        return round(OVERHEAD_S * 1e9) + executions * (self._known().rep_delay_ns + compiled.length_ns)

    def next_window(self, after_ns: int) -> Window | None:
        """None: IBM's calibrations are met, not planned."""
        return None

    def submit(self, program: Program, request: Request, token: str) -> str:
        """Submit the request once, compiled for the calibration that was seen last, with its token as a tag."""
        ask = ask_of(program, request, self._settings.default_shots)
        compiled = self._compiler.compiled(ask.program, ask.counts)
        return self._port.submit(compiled, ask, tag_of(token, self._settings.tag_prefix))

    def find(self, token: str) -> tuple[str, ...]:
        """IBM's ids of the tasks that bear the token's tag, the oldest first."""
        return self._port.find(tag_of(token, self._settings.tag_prefix))

    def status(self, task: str) -> Reading:
        """Where a task stands."""
        return self._port.reading(task)

    def result(self, task: str, program: Program, request: Request) -> QpuResult:
        """The result of a task that is done, with the epoch of the calibration that it ran on.

        The service tells when a task began to run and which calibration was in force then. Where it does not tell the
        time, the present calibration stands in, with a warning in the log of `qloop.qpus.ibm`.
        """
        own_program(program)
        ask = ask_of(program, request, self._settings.default_shots)
        answer = self._port.answer(task)
        calibration, known = self._port.ran_on(task)
        if not known:
            logging.getLogger("qloop.qpus.ibm").warning(
                "IBM does not say which calibration task %s ran on; the present one (%s) is noted", task,
                calibration.taken)
        return result_of(answer, ask, self._name, calibration.epoch)

    def cancel(self, task: str) -> None:
        """Ask for a task to be dropped; one that has ended stays as it is."""
        self._port.cancel(task)

    def close(self) -> None:
        """Close the batch or session, if one is open."""
        self._port.close()

    def _known(self) -> Facts:
        if self._facts is None:
            self._facts = self._port.facts()
        return self._facts
