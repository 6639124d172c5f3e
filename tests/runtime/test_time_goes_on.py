"""A resumed run goes on at the time at which its last life ended, so a drifting twin is what it would have been."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp

import qloop
from qloop.qpus.drift.model import Drift
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


def chain() -> QuantumCircuit:
    """Four qubits in a row, so that where they lie decides which couplers err."""
    angles, made = ParameterVector("a", 2), QuantumCircuit(4)
    for _ in range(3):
        for qubit in range(4):
            made.ry(angles[qubit % 2] + 0.1 * qubit, qubit)
        for qubit in range(3):
            made.cx(qubit, qubit + 1)
    return made


ISING = SparsePauliOp.from_list([("ZZII", 1.0), ("IIZZ", 0.5)])
ROUGH = Drift().scaled(8)


def rough_twin() -> TwinQpu:
    return TwinQpu("torino", name="twin", drift=ROUGH, task_overhead_s=1200.0, cold_s=0.0,
                   calibration_interval_s=5000.0, seed=1)


def along(platform: qloop.Runtime, points, name: str = "s", crash: bool = False) -> list[tuple[float, int]]:
    """What a loop sees and by the errors of which time its circuit is laid out, after each evaluation."""
    seen = []
    with qloop.Session(name, runtime=platform, shots=200) as session:
        f = session.objective(chain(), ISING)
        for point in points:
            value = f(point)
            program, = platform.sessions.find(session.id).shelf.programs.values()
            seen.append((value, program.laid_out_ns))
        if crash:
            raise ZeroDivisionError
    return seen


@pytest.mark.parametrize("again", [False, True])
def test_a_renewed_layout_is_the_one_that_a_resumed_run_goes_on_with(tmp_path, again):
    """Wherever it ended, and once more if it ended again before the next calibration."""
    with runtime(rough_twin(), clock="virtual") as platform:
        whole = along(platform, POINTS)
    layouts = [at for _, at in whole]
    assert len(set(layouts)) >= 3, "the layout was renewed twice at least"
    crash_after = layouts.index(max(layouts)) + 1
    assert crash_after < len(POINTS)
    journal = tmp_path / "journal.qloop"
    for life in range(1 + again):
        with pytest.raises(ZeroDivisionError), \
                runtime(rough_twin(), clock="virtual", journal=journal, run="r", resume=life > 0) as platform:
            along(platform, POINTS[:crash_after], crash=True)
    with runtime(rough_twin(), clock="virtual", journal=journal, run="r", resume=True) as platform:
        got = along(platform, POINTS)
    assert [value for value, _ in got] == [value for value, _ in whole]
    assert [at for _, at in got][crash_after - 1:] == layouts[crash_after - 1:]


def test_a_session_that_began_on_a_renewed_layout_goes_on_with_it(tmp_path):
    """It never saw the renewal: it took what an earlier session had left."""
    journal = tmp_path / "journal.qloop"
    with pytest.raises(ZeroDivisionError), \
            runtime(rough_twin(), clock="virtual", journal=journal, run="r") as platform:
        left = along(platform, POINTS[:9])[-1][1]
        assert left > 0
        along(platform, POINTS[:1], "t", crash=True)
    with runtime(rough_twin(), clock="virtual", journal=journal, run="r", resume=True) as platform:
        assert along(platform, POINTS[:1], "t")[0][1] == left
