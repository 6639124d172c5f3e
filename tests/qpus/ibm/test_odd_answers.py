"""Whatever the service answers, an adapter raises only what its protocol names."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qloop.errors import QpuError
from qloop.qpus.ibm.readings import began_at, executed, phase_of, position, reading_of
from qloop.qpus.remote import Phase, Reading
from tests.qpus.ibm.asking import asked, ended, program_of
from tests.qpus.ibm.conftest import Open
from tests.qpus.ibm.server import IbmServer

LEAVES = (st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
          | st.text(max_size=8))
NAMES = st.sampled_from(["state", "status", "reason", "reasonCode", "usage", "timestamps", "running", "jobs", "tags",
                         "id", "qpu_charge_time_seconds", "position_in_queue", "last_update_date", "created", "x"])
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
                        max_leaves=12)
RECORDS = st.dictionaries(NAMES, ANYTHING, max_size=5)


@given(RECORDS)
def test_readings_of_odd_records_are_readings(record: dict[str, Any]) -> None:
    phase, reason = phase_of(record)
    assert isinstance(phase, Phase)
    assert isinstance(executed(record), bool)
    assert position(record) >= -1
    assert isinstance(began_at(record), str)
    reading = reading_of(phase, reason, record)
    assert isinstance(reading, Reading)
    assert len(reading.reason) <= 600


def _found(verb: Callable[[], Any]) -> Any:
    """What the verb returns; None if it raises an error of the protocol, and only then."""
    with contextlib.suppress(QpuError):
        found = verb()
        assert found is not None
        return found
    return None


@pytest.mark.parametrize("path", [r"/jobs/[^/]+$", "/metrics$", "/results$", "/properties$", "/jobs$"])
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(answer=ANYTHING)
def test_odd_answers_are_errors_of_the_protocol_or_harmless(path: str, answer: Any, opened: Open,
                                                            server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    task = qpu.submit(program, asked(), "odd")
    ended(qpu, task)
    verbs = (lambda: qpu.status(task), lambda: qpu.result(task, program, asked()), lambda: qpu.find("odd"),
             qpu.calibration)
    for verb in verbs:
        fault = server.fault("GET", path, status=200, body=answer if answer is not None else "null")
        found = _found(verb)
        assert not any(map(math.isnan, getattr(found, "values", ())))
        fault.times = 0
