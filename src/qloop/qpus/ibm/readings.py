"""The service's words for where a task stands, as phases."""

from __future__ import annotations

from typing import Any

from qloop.qpus.remote import Phase, Reading

WORDS = {
    "INITIALIZING": Phase.QUEUED,
    "PENDING": Phase.QUEUED,
    "QUEUED": Phase.QUEUED,
    "RUNNING": Phase.RUNNING,
    "COMPLETED": Phase.DONE,
    "DONE": Phase.DONE,
    "FAILED": Phase.FAILED,
    "ERROR": Phase.FAILED,
    "CANCELLED": Phase.CANCELLED,
    "CANCELED": Phase.CANCELLED,
    "CANCELLED - RAN TOO LONG": Phase.FAILED,
}
RAN_TOO_LONG = 1305
ENDED_BADLY = (Phase.FAILED, Phase.CANCELLED)


def phase_of(answer: dict[str, Any]) -> tuple[Phase, str]:
    """The phase, and the service's reason, from a task's record."""
    state = answer.get("state")
    state = state if isinstance(state, dict) else {"status": answer.get("status", "")}
    word, code = str(state.get("status", "")), state.get("reasonCode") or state.get("reason_code") or 0
    phase = WORDS.get(word.upper(), Phase.UNKNOWN)
    if phase is Phase.CANCELLED and str(code) == str(RAN_TOO_LONG):
        phase = Phase.FAILED
    reason = str(state.get("reason") or "")
    if code:
        reason = f"Error code {code}. {reason}".strip()
    if phase is Phase.UNKNOWN:
        reason = f"IBM's service calls it {word[:80]!r}. {reason}".strip()
    return phase, reason[:600]


def executed(metrics: dict[str, Any]) -> bool:
    """Whether an unfinished task had begun to run: IBM bills what was consumed until then.

    A final usage of 0 means no; before the usage is final, a time of running counts as yes.
    """
    usage = _part(metrics, "usage")
    spent = [usage.get(name) for name in ("qpu_charge_time_seconds", "quantum_seconds")]
    if any(isinstance(seconds, int | float) and seconds > 0 for seconds in spent):
        return True
    if usage and usage.get("status", "pending") != "pending":
        return False
    return bool(began_at(metrics))


def began_at(metrics: dict[str, Any]) -> str:
    """When it began to run, as the service writes it; empty if it does not tell."""
    return str(_part(metrics, "timestamps").get("running") or "")


def _part(metrics: dict[str, Any], name: str) -> dict[str, Any]:
    part = metrics.get(name)
    return part if isinstance(part, dict) else {}


def position(metrics: dict[str, Any]) -> int:
    """How many stand before it, if the service tells: it counts from 1; -1 if it does not."""
    place = metrics.get("position_in_queue")
    return place - 1 if isinstance(place, int) and not isinstance(place, bool) and place >= 1 else -1


def reading_of(phase: Phase, reason: str, metrics: dict[str, Any] | None) -> Reading:
    """A reading; without metrics a failed task counts as bought, and its place in the queue is unknown."""
    if metrics is None:
        return Reading(phase, reason)
    if phase is Phase.QUEUED:
        return Reading(phase, reason, position(metrics))
    return Reading(phase, reason, executed=executed(metrics) if phase in ENDED_BADLY else True)
