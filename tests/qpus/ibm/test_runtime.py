"""The runtime on the scripted service: whatever the wire does, each evaluation is bought once; no key is journaled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qloop
from tests.qpus.ibm.asking import turned
from tests.qpus.ibm.conftest import KEY, Open
from tests.qpus.ibm.server import IbmServer

ANGLES = (0.3, 1.2, 2.5)
TASKS = "/jobs$"
FAULTS: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "none": [],
    "reply lost": [("POST", TASKS, {"after": True})],
    "reply cut": [("POST", TASKS, {"cut": 0.3})],
    "server error": [("POST", TASKS, {"status": 502})],
    "too many requests": [("POST", TASKS, {"status": 429, "headers": {"Retry-After": "0"}, "times": 2})],
    "silent before": [("GET", "/usage$", {"before": True})],
    "looks fail": [("GET", r"/jobs/[^/]+$", {"status": 500, "times": 3})],
    "result cut": [("GET", "/results$", {"cut": 0.5, "times": 2})],
    "search fails": [("POST", TASKS, {"after": True}), ("GET", TASKS, {"status": 503, "times": 2})],
}


def _values(qpu: Any, journal: Path) -> list[float]:
    from qiskit.quantum_info import SparsePauliOp

    with (qloop.Runtime(qpus=[qpu], seed=3, journal=str(journal)) as runtime,
          qloop.Session("loop", runtime=runtime, shots=800) as session):
        objective = session.objective(turned(), SparsePauliOp("Z"))
        return [objective(np.array([angle])) for angle in ANGLES]


@pytest.mark.parametrize("mode", ["job", "session"])
@pytest.mark.parametrize("fault", FAULTS)
def test_each_evaluation_is_bought_once(fault: str, mode: str, opened: Open, server: IbmServer,
                                        tmp_path: Path) -> None:
    qpu = opened(mode=mode, settle_s=0.2, poll_s=0.02)
    qpu.describe()
    for method, path, how in FAULTS[fault]:
        server.fault(method, path, **how)
    values = _values(qpu, tmp_path / "run.journal")
    assert np.allclose(values, np.cos(ANGLES), atol=0.2)
    assert len(server.world.tasks) == len(ANGLES)
    assert len({task.tags[0] for task in server.world.live()}) == len(ANGLES)
    assert all(not group.accepting for group in server.world.groups.values()), "sessions do not leak"
    assert len(server.world.groups) == (mode == "session")
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("run.journal*") if path.is_file())
    assert b"qloop-" in held
    assert KEY.encode() not in held
    assert not any(token.encode() in held for token in server.tokens)
