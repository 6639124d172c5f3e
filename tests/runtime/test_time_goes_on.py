"""A resumed run goes on at the time at which its last life ended, so a drifting twin is what it would have been."""

from __future__ import annotations

import pytest

import qloop
from qloop.qpus.twin import TwinQpu
from tests.runtime.two_qubits import ENERGY, circuit, runtime

POINTS = [[0.1 * k, 0.3] for k in range(12)]


def values(platform: qloop.Runtime, points) -> list[float]:
    """What a loop sees, one evaluation after the other."""
    with qloop.Session("s", runtime=platform, shots=200) as session:
        f = session.objective(circuit(), ENERGY)
        return [f(point) for point in points]


def twin() -> TwinQpu:
    return TwinQpu("torino", name="twin", drift="x4", task_overhead_s=1200.0, cold_s=0.0,
                   calibration_interval_s=5000.0, seed=5)


@pytest.mark.parametrize("crash_after", [1, 4, 7, 11])
def test_a_drifting_twin_is_the_same_after_a_crash(tmp_path, crash_after):
    with runtime(twin(), clock="virtual") as platform:
        whole = values(platform, POINTS)
        end = platform.now_s()
    journal = tmp_path / "journal.qloop"
    with pytest.raises(ZeroDivisionError), \
            runtime(twin(), clock="virtual", journal=journal, run="r") as platform, \
            qloop.Session("s", runtime=platform, shots=200) as session:
        f = session.objective(circuit(), ENERGY)
        for point in POINTS[:crash_after]:
            f(point)
        raise ZeroDivisionError
    with runtime(twin(), clock="virtual", journal=journal, run="r", resume=True) as platform:
        begun = platform.now_s()
        assert begun > 1200.0 * crash_after
        assert values(platform, POINTS) == whole
        assert platform.now_s() == pytest.approx(end)


def test_a_scaled_clock_goes_on_too(tmp_path):
    journal = tmp_path / "journal.qloop"
    for life in range(3):
        with runtime(twin(), clock=1e5, journal=journal, run="r", resume=life > 0) as platform:
            assert platform.now_s() >= 1200.0 * life
            with pytest.raises(ZeroDivisionError), \
                    qloop.Session("s", runtime=platform, max_time="400h", interactive_ttl="400h") as session:
                session.objective(circuit(), ENERGY)([0.1 * life, 0.2])
                raise ZeroDivisionError
