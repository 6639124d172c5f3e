"""What `run` returns: a handle on the tasks of one call, with the methods that Qiskit's programs expect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qiskit.primitives import BasePrimitiveJob, PrimitiveResult
from qiskit.providers import JobStatus

from qloop.loops.future import QuantumFuture, check_timeout
from qloop.loops.primitives import asking
from qloop.loops.primitives.asking import Part
from qloop.runtime.client import Client

STATES = {"ready": JobStatus.QUEUED, "running": JobStatus.RUNNING, "done": JobStatus.DONE,
          "failed": JobStatus.ERROR, "cancelled": JobStatus.CANCELLED}
# The state of a call is the first of these in which one of its tasks is.
ORDER = (JobStatus.ERROR, JobStatus.CANCELLED, JobStatus.RUNNING, JobStatus.QUEUED, JobStatus.DONE)


class PrimitiveCall(BasePrimitiveJob[PrimitiveResult[Any], JobStatus]):     # type: ignore[misc]
    """The tasks of one `run`, submitted. In virtual time only `result()` lets time pass."""

    def __init__(self, name: str, client: Client, asked: Sequence[Part],
                 read: Callable[[], PrimitiveResult[Any]]) -> None:
        super().__init__(name)
        self._client, self._asked, self._read = client, asked, read
        self._result: PrimitiveResult[Any] | None = None

    def result(self, timeout: float | None = None) -> PrimitiveResult[Any]:
        """Wait for all tasks; raises what went wrong, or TimeoutError after `timeout` seconds, and they go on."""
        check_timeout(timeout)
        if self._result is None:
            last = None if timeout is None else self._client.now_s() + timeout
            for part in self._asked:
                left = None if last is None else max(0.0, last - self._client.now_s())
                asking.gather(self._client, part, left)
            self._result = self._read()
        return self._result

    def status(self) -> JobStatus:
        """QUEUED, RUNNING, DONE, ERROR or CANCELLED: of its tasks, the one that stands worst."""
        found = {STATES[future.status()] for future in self._futures()}
        return next((state for state in ORDER if state in found), JobStatus.DONE)

    def done(self) -> bool:
        """Whether all results are there."""
        return self.status() is JobStatus.DONE

    def running(self) -> bool:
        """Whether a task of it is on a QPU."""
        return self.status() is JobStatus.RUNNING

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self.status() is JobStatus.CANCELLED

    def in_final_state(self) -> bool:
        """Whether all its tasks are done, failed, or cancelled."""
        return all(future.done() for future in self._futures())

    def cancel(self) -> bool:
        """Drop the tasks that are not done; False if all were."""
        dropped = [future.cancel() for future in self._futures() if not future.done()]
        return any(dropped)

    def _futures(self) -> list[QuantumFuture[Any]]:
        return [QuantumFuture(self._client, part.ticket, lambda outcome: outcome)
                for part in self._asked if part.ticket is not None]

    def __repr__(self) -> str:
        return f"<PrimitiveCall {self._job_id} {self.status().name}>"
