"""IBM's service behind the same verbs, by `qiskit-ibm-runtime`.

Circuits go through IBM's own primitives, and what becomes of them is read from the service's records as they are: IBM's
own task object keeps an end once seen, hides the state word and waits by itself, none of which is wanted here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from qloop.errors import QloopError, QpuError
from qloop.qpus.ibm.compiling import Compiled
from qloop.qpus.ibm.connection import Connection
from qloop.qpus.ibm.credentials import Reference
from qloop.qpus.ibm.failures import QUOTA_RETRY_S, SessionOver
from qloop.qpus.ibm.grouping import Grouping
from qloop.qpus.ibm.local import rep_delay_ns
from qloop.qpus.ibm.port import Facts
from qloop.qpus.ibm.primitives import run
from qloop.qpus.ibm.program import Ask
from qloop.qpus.ibm.readings import ENDED_BADLY, began_at, phase_of, reading_of
from qloop.qpus.ibm.settings import Settings
from qloop.qpus.remote import Calibration, NotAccepted, NotReady, Phase, Reading, Unanswered

if TYPE_CHECKING:
    from qiskit.transpiler import Target

_T = TypeVar("_T")
_MOST_FOUND = 50
_WORKING = ("active", "", "available", "online")


class ServicePort:
    """One backend of the service. The first verb connects; `service` is an existing `QiskitRuntimeService`."""

    def __init__(self, backend: str, settings: Settings, credentials: Reference, service: Any = None) -> None:
        self._name, self._settings = backend, settings
        self._connection = Connection(credentials, settings.call_s, service)
        self._group = Grouping(settings)
        self._backend: Any = None
        self._seen: Calibration | None = None
        self._target: tuple[Target, int] | None = None
        self._lock = threading.RLock()

    def facts(self) -> Facts:
        """What the backend is."""
        backend = self._connected()
        basis = tuple(backend.configuration().basis_gates)
        return Facts(self._name, int(backend.num_qubits), basis, rep_delay_ns(backend),
                     f"{self._name} of IBM's service, mode {self._settings.mode}")

    def calibration(self) -> Calibration:
        """By the date of the properties, asked for anew."""
        backend = self._connected()
        properties = self._call("read the calibration", lambda: backend.properties(refresh=True))
        if properties is None:
            raise QpuError(f"IBM's service has no calibration of {self._name}", "It is a simulator, or retired",
                           "Choose a QPU")
        seen = _calibration(properties.last_update_date)
        with self._lock:
            self._seen = seen
        return seen

    def target(self) -> tuple[Target, int]:
        """The device, read anew once a later calibration has been seen."""
        backend = self._connected()
        with self._lock:
            if self._target is None or self._seen is None or self._seen.epoch != self._target[1]:
                self._call("read the device", backend.refresh)
                self._seen = _calibration(backend.properties().last_update_date)
                self._target = (backend.target, self._seen.epoch)
            return self._target

    def submit(self, compiled: Compiled, ask: Ask, tag: str) -> str:
        """Submit once; `NotAccepted` with `offline` if the backend does not take or run tasks now."""
        backend = self._connected()
        self._check_online(backend)
        try:
            return self._call("submit", lambda: run(self._group.where(backend), compiled, ask, tag, self._settings),
                              writing=True)
        except SessionOver:
            self._group.lost()
            raise

    def find(self, tag: str) -> tuple[str, ...]:
        """Ids of the tasks that bear the tag, the oldest first; one request, whatever the service says of more."""
        api = self._api()
        listed = self._call("search by tag", lambda: _listed(api.jobs_get(
            limit=_MOST_FOUND, skip=0, job_tags=[tag], descending=False)))
        mine = [one for one in listed if isinstance(one.get("tags"), list) and tag in one["tags"]]
        return tuple(str(one.get("id", "")) for one in sorted(mine, key=lambda one: str(one.get("created", ""))))

    def reading(self, task: str) -> Reading:
        """Where a task stands; `Phase.GONE` if the service knows none of this id."""
        record = self._record(task)
        if record is None:
            return Reading(Phase.GONE, "IBM's service knows no task of this id")
        phase, reason = phase_of(record)
        if phase is Phase.QUEUED or phase in ENDED_BADLY:
            return reading_of(phase, reason, self._metrics(task))
        return Reading(phase, reason)

    def answer(self, task: str) -> Any:
        """The primitive result, decoded; `NotReady` if there is none yet."""
        api = self._api()
        try:
            text = self._call("read the result", lambda: api.job_results(job_id=task))
        except QpuError as error:
            if self._connection.last_status() != 404 or self._record(task) is None:
                raise
            raise NotReady(f"The task {task!r} has no result yet", str(error), "Look again") from None
        if not text or not text.strip():
            raise NotReady(f"The task {task!r} has no result yet", "The service's answer is empty", "Look again")
        return _decoded(text)

    def ran_on(self, task: str) -> tuple[Calibration, bool]:
        """The calibration in force when the task began to run, by the service's history of properties."""
        began = began_at(self._metrics(task) or {})
        found = self._call("read the calibration of the run", lambda: self._in_force(began)) if began else None
        return (found, True) if found is not None else (self.calibration(), False)

    def cancel(self, task: str) -> None:
        """Ask for a task to be dropped; that it has ended or is gone is no error."""
        api = self._api()
        try:
            self._call("cancel", lambda: api.job_cancel(task), writing=True)
        except QpuError:
            if self._connection.last_status() not in (404, 409):
                raise

    def close(self) -> None:
        """Close the session; nothing is asked if none was opened."""
        if self._backend is not None:
            self._call("close the session", self._group.close, writing=True)

    def _in_force(self, began: str) -> Calibration | None:
        """The calibration at a time, if the service has one."""
        properties = self._api().backend_properties(self._name, datetime=_moment(began))
        taken = _fields(properties).get("last_update_date") if properties else None
        return _calibration(taken) if taken else None

    def _record(self, task: str) -> dict[str, Any] | None:
        api = self._api()
        try:
            return self._call("look at a task", lambda: _fields(api.job_get(task, exclude_params=True)))
        except QloopError:
            if self._connection.last_status() != 404:
                raise
            return None

    def _metrics(self, task: str) -> dict[str, Any] | None:
        """The service's times and usage of a task; None if it does not tell."""
        api = self._api()
        try:
            return self._call("read a task's metrics", lambda: _fields(api.job_metadata(job_id=task)))
        except QpuError:
            if self._connection.last_status() != 404:
                raise
            return None

    def _check_online(self, backend: Any) -> None:
        status = self._call("ask whether the QPU is online", backend.status, writing=True)
        if not status.operational or str(status.status_msg).lower() not in _WORKING:
            raise NotAccepted(f"The QPU {self._name} is offline", f"IBM says: {status.status_msg or 'not operational'}",
                              "It is asked again later", offline=True)
        usage = self._call("ask for the time left", backend.service.usage, writing=True)
        if isinstance(usage, dict) and usage.get("usage_limit_reached"):
            raise NotAccepted("The instance has no QPU time left", "IBM says: usage limit reached; tasks wait until "
                              "there is time again", "Wait, raise its limit, or use another instance", offline=True,
                              retry_after_s=QUOTA_RETRY_S)

    def _connected(self) -> Any:
        """The backend; `UnknownName` with the nearest name if the instance has none of this name."""
        with self._lock:
            if self._backend is None:
                self._backend = self._connection.backend(self._name)
            return self._backend

    def _api(self) -> Any:
        """The client of the REST interface that belongs to the backend."""
        return self._connected()._api_client

    def _call(self, what: str, action: Callable[[], _T], *, writing: bool = False) -> _T:
        return self._connection.call(f"{what} ({self._name})", action, writing=writing)


def _listed(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The records in an answer of the list: the only list that it holds."""
    (records,) = (value for value in _fields(answer).values() if isinstance(value, list))
    return [_fields(record) for record in records]


def _fields(answer: Any) -> dict[str, Any]:
    """The answer, if it is a record at all."""
    if not isinstance(answer, dict):
        raise TypeError(f"it is a {type(answer).__name__}")
    return answer


def _decoded(text: str) -> Any:
    """A result from its JSON; `Unanswered` if it is cut off or none."""
    from qiskit_ibm_runtime import RuntimeDecoder

    try:
        return json.loads(text, cls=RuntimeDecoder)
    except Exception as error:  # the decoder raises whatever the broken part makes it raise
        reason = f"{type(error).__name__}, after {len(text)} characters"
    raise Unanswered("IBM's result cannot be read", reason, "Ask for it again")


def _moment(text: Any) -> datetime:
    """A time of the service; without a zone it is UTC."""
    moment = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _calibration(taken: Any) -> Calibration:
    moment = _moment(taken)
    return Calibration(int(moment.timestamp()), moment.isoformat())
