"""A twin that drifts: what a time decides, what a calibration renews, and what none of it changes."""

from __future__ import annotations

import hashlib
import math
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

from qloop.qpus.calibration import ages
from qloop.qpus.drift.drifting import Drifting
from qloop.qpus.drift.model import Drift
from qloop.qpus.drift.parameters import parameters_of
from qloop.qpus.protocol import Away, LocalQpu, Request, Window
from qloop.qpus.snapshot_checks import check_snapshot
from qloop.qpus.twin import TwinQpu
from tests.qpus.snapshots_for_tests import line, line_data, parsed

S, MINUTE, HOUR = 10**9, 60 * 10**9, 3600 * 10**9
FRESH = Drift(aged=False)
KEY = (b"k" * 32,)


def state(twin: TwinQpu, now_ns: int):     # type: ignore[no-untyped-def]
    found = twin._life.state_at(now_ns)
    assert found is not None
    return found


@lru_cache
def circuit(n_qubits: int = 4, reps: int = 3) -> tuple[QuantumCircuit, SparsePauliOp]:
    return efficient_su2(n_qubits, reps=reps), SparsePauliOp("Z" * n_qubits)


def test_without_drift_time_changes_nothing() -> None:
    twin, named = TwinQpu("hanoi", seed=3), TwinQpu("hanoi", seed=3, drift="none")
    for each in (twin, named, TwinQpu("hanoi", seed=3, drift=Drift().scaled(0.0))):
        program = each.compile(*circuit())
        theta = np.linspace(0.0, 1.0, program.n_parameters)[np.newaxis]
        answers = [each.evaluate(program, Request(theta, 500, KEY, at_ns=at)) for at in (0, 7 * HOUR, 400 * HOUR)]
        assert answers[0] == answers[1] == answers[2]
        assert each.esp_at(program, 30 * HOUR) == program.isa.success.esp
        assert each.snapshot_at(30 * HOUR) is each.device.snapshot
        assert "noise frozen at" in each.describe().note
    assert isinstance(twin, LocalQpu)
    assert isinstance(twin, Away)


def test_frozen_values_are_those_of_the_time_before_there_was_drift() -> None:
    """Recorded with the version that knew no drift: a Bell state on two qubits, and the calibration windows."""
    twin = TwinQpu(line(2), seed=3)
    bell = QuantumCircuit(2)
    bell.sx(0)
    bell.cx(0, 1)
    program = twin.compile(bell, SparsePauliOp(["II", "ZZ", "ZI", "XX"], [1.0, 1.0, 0.5, 0.25]))
    none = np.zeros((1, 0))
    assert twin.evaluate(program, Request(none, 1000, KEY)).values[0].hex() == "0x1.f020c49ba5e35p+0"
    assert twin.evaluate(program, Request(none, 0, ())).values[0].hex() == "0x1.f3290e2771444p+0"
    counts = twin.evaluate(program, Request(none, 1000, KEY, counts=True)).counts[0]
    assert counts == {"00": 487, "01": 15, "10": 16, "11": 482}
    assert twin.next_window(0) == Window(3_083_775_906_684, 120 * S)
    assert twin.epoch_at(10**15) == 277


def test_a_drifting_twin_answers_as_it_is_then() -> None:
    twin = TwinQpu("torino", drift="x1")
    program = twin.compile(*circuit())
    theta = np.linspace(0.0, 1.0, program.n_parameters)[np.newaxis]
    for at in (0, 10 * MINUTE + 5, 26 * HOUR):
        answer = twin.evaluate(program, Request(theta, 0, (), epoch=7, at_ns=at))
        assert answer.values[0] == twin.esp_at(program, at) * answer.ideal[0]
        assert answer.epoch == 7
    esps = {twin.esp_at(program, k * MINUTE) for k in range(100)}
    assert len(esps) == 100
    assert twin.esp_at(program, 7 * MINUTE) == twin.esp_at(program, 8 * MINUTE - 1), "constant between grid points"
    assert "noise drifts from" in twin.describe().note


def test_counts_drift_too() -> None:
    """A failed shot is uniformly random: the share of |00> is (3 ESP + 1)/4."""
    twin = TwinQpu(line(2), drift=Drift(sd=5.0, aged=False), calibration_interval_s=0.0)
    circuit = QuantumCircuit(2)
    for _ in range(20):
        circuit.cx(0, 1)
    program = twin.compile(circuit, None)
    for at in (0, 9 * HOUR):
        counts = twin.evaluate(program, Request(np.zeros((1, 0)), 40_000, KEY, counts=True, at_ns=at)).counts[0]
        assert counts["00"] / 40_000 == pytest.approx((3 * twin.esp_at(program, at) + 1) / 4, abs=0.012)
    assert twin.esp_at(program, 0) != twin.esp_at(program, 9 * HOUR)


def test_at_the_moment_of_a_measurement_all_is_as_the_snapshot_says() -> None:
    twin = TwinQpu("torino", drift=FRESH)
    program = twin.compile(*circuit(6))
    assert twin.esp_at(program, 0) == pytest.approx(program.isa.success.esp, rel=1e-12)
    begin = state(twin, 59 * S)
    assert np.all(begin.errors == 1.0)
    assert np.all(begin.t1 == 1.0)
    assert not begin.tls.any()


def test_a_calibration_renews_gates_and_readout_but_not_t1() -> None:
    twin = TwinQpu("torino", drift=msgspec.structs.replace(FRESH, tls_every_s=3600.0), calibration_interval_s=7200.0)
    never = TwinQpu("torino", drift=twin._life.drift, calibration_interval_s=0.0)
    window = twin.next_window(3 * HOUR)
    end = window.begin_ns + window.length_ns
    before, after, later = state(twin, end - 1), state(twin, end), state(twin, end + 3 * HOUR // 2)
    assert before.errors.std() > 0.1
    assert np.all(after.errors == 1.0)
    assert after.as_of_ns == end
    assert later.errors.std() > 0.05
    for at in (end - 1, end, end + 3 * HOUR // 2):
        assert np.array_equal(state(twin, at).t1, state(never, at).t1)
        assert np.array_equal(state(twin, at).tls, state(never, at).tls)
    assert after.t1.std() > 0.1
    assert after.tls.sum() > 10
    assert np.all(after.t1[after.tls] < before.t1.max())
    assert not np.array_equal(later.errors, state(never, end + 3 * HOUR // 2).errors)


def test_a_two_level_system_shortens_t1() -> None:
    data = Drift(sd=0.0, aging=0.0, readout_sd=0.0, t1_sd=0.0, tls_every_s=3600.0, aged=False)
    twin = TwinQpu("torino", drift=data)
    found = state(twin, 50 * HOUR)
    assert set(found.t1.tolist()) == {0.3, 1.0}
    assert np.array_equal(found.t1 == 0.3, found.tls)
    assert found.tls.mean() == pytest.approx(0.5, abs=0.2)
    assert np.all(found.errors == 1.0)


def test_errors_grow_by_a_hundredth_an_hour_up_to_a_day() -> None:
    """Only aging: 1 + 0.01 h of the calibration's age for gates, nothing for readout."""
    quiet = Drift(sd=0.0, readout_sd=0.0, t1_sd=0.0, tls_every_s=math.inf, aged=False)
    twin = TwinQpu("torino", drift=quiet, calibration_interval_s=0.0)
    split = twin._life.drifting.parameters.readout_at
    for hours, factor in ((0, 1.0), (5, 1.05), (24, 1.24), (100, 1.24)):
        found = state(twin, hours * HOUR).errors
        assert found[:split] == pytest.approx(factor)
        assert np.all(found[split:] == 1.0)


def test_a_run_begins_as_old_as_the_snapshot_says() -> None:
    """The line's errors were measured 1 h, its T1 24 h before; both wander from there, exactly."""
    n = 60
    twin = TwinQpu(line(n), drift=Drift(tls_every_s=math.inf), calibration_interval_s=0.0)
    known = twin._life.drifting.parameters
    assert set(known.error_ages.tolist()) == {3600.0}
    assert set(known.t1_ages.tolist()) == {86400.0}
    found = [state(TwinQpu(line(n), seed=k, drift=Drift(tls_every_s=math.inf)), 0) for k in range(60)]
    gates = np.log(np.array([one.errors[:known.readout_at] for one in found]) / 1.01)
    readout = np.log(np.array([one.errors[known.readout_at:] for one in found]))
    t1 = np.log(np.array([one.t1 for one in found]))
    for drawn, variance in ((gates, 0.04 * (1 - math.exp(-1 / 3))), (readout, 0.0225 * (1 - math.exp(-1 / 3))),
                            (t1, 0.0625)):
        assert drawn.mean() == pytest.approx(0.0, abs=4 * math.sqrt(variance / drawn.size))
        assert drawn.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / drawn.size))


def test_a_place_without_error_has_no_age_of_its_own() -> None:
    """rz never errs, so its date does not matter; of gates that share a process the oldest counts."""
    data = line_data(2)
    data["dates"] = ["2026-01-01T00:00:00Z", "2026-01-01T23:00:00Z", "2025-12-31T00:00:00Z"]
    for gate in data["gates"]:
        if gate["name"] == "rz":
            gate["error"]["date"] = [2, 2]
        if gate["name"] == "x":
            gate["error"]["date"] = [0, 1]
    snapshot = parsed(data)
    known = parameters_of(snapshot, ages(snapshot, TwinQpu(snapshot)._life, 0))
    assert known.error_ages.tolist() == [86400.0, 3600.0, 3600.0, 3600.0, 3600.0]
    assert known.index["cx", (0, 1)] == known.index["cx", (1, 0)] == 2
    assert known.couplers == ((0, 1),)


def test_the_drifted_snapshot_says_the_same() -> None:
    """Its ESP, by hand over the compiled circuit's operations, is the twin's."""
    from qloop.qpus.device import Device

    twin = TwinQpu("torino", drift="x4")
    program, at = twin.compile(*circuit(6)), 5 * HOUR
    then = twin.snapshot_at(at)
    check_snapshot(then, "drifted")
    errors = {(gate.name, place): error for gate in then.gates
              for place, error in zip(gate.qubits, gate.error.value, strict=True)}
    ln_esp = sum(use.times * math.log1p(-errors.get((use.name, use.qubits),
                                                    then.qubits.readout_error.value[use.qubits[0]]))
                 for use in program.isa.uses)
    ln_esp -= sum(idle / then.qubits.t1_ns.value[qubit] + idle / then.qubits.t2_ns.value[qubit]
                  for qubit, idle in program.isa.idle_ns)
    assert twin.esp_at(program, at) == pytest.approx(math.exp(ln_esp), rel=1e-12)
    assert then.dates == twin.device.snapshot.dates
    assert Device(then).working == twin.device.working, "what works goes on working, what is broken stays so"


def test_an_error_never_exceeds_a_half() -> None:
    twin = TwinQpu(line(2), drift=Drift(sd=5.0, relax_s=1.0, readout_sd=5.0, readout_relax_s=1.0, aged=False))
    program = twin.compile(*circuit(2))
    worst = sum(use.times for use in program.isa.uses) * math.log(0.5)
    for minute in range(200):
        assert twin.esp_at(program, minute * MINUTE) >= math.exp(worst) * math.exp(-1.0)
        assert max(twin.snapshot_at(minute * MINUTE).qubits.readout_error.value) < 0.5


times = st.lists(st.integers(0, 60 * HOUR), min_size=1, max_size=12)


@settings(max_examples=15, deadline=None)
@given(times, st.randoms(use_true_random=False), st.sampled_from(["interval", "predicted", "monitor"]))
def test_any_order_of_reading_gives_the_same_twin(asked: list[int], random, rule: str) -> None:   # type: ignore[no-untyped-def]
    def fresh() -> TwinQpu:
        return TwinQpu(line(4), seed=9, drift="x4", recalibrate=rule, maintenance=[(30_000.0, 40_000.0)])

    first, second = fresh(), fresh()
    program, copy = first.compile(*circuit(3)), second.compile(*circuit(3))
    known = {at: (first.esp_at(program, at), first.epoch_at(at), first.next_window(at)) for at in asked}
    random.shuffle(asked)
    for at in asked:
        assert (second.esp_at(copy, at), second.epoch_at(at), second.next_window(at)) == known[at]


def test_a_factor_changes_the_strength_and_not_the_draws() -> None:
    """Common random numbers: with twice the strength, twice the logarithm."""
    once, twice = (TwinQpu("hanoi", name="q", drift=Drift(aging=0.0).scaled(f), calibration_interval_s=0.0)
                   for f in (1.0, 2.0))
    at = 17 * HOUR
    assert np.log(state(twice, at).errors) == pytest.approx(2.0 * np.log(state(once, at).errors), rel=1e-9)


def test_seed_and_name_decide_and_options_in_the_name_do_not() -> None:
    def errors(**options: object) -> bytes:
        return state(TwinQpu("hanoi", drift="x1", **options), HOUR).errors.tobytes()     # type: ignore[arg-type]

    assert errors(seed=1) == errors(seed=1)
    assert errors(seed=1) != errors(seed=2)
    assert errors(name="a") != errors(name="b")
    assert errors(name="a") == errors(name="a?drift=x1")


DIGEST = """
import hashlib
from qloop.qpus.twin import TwinQpu
twin = TwinQpu("hanoi", seed=5, drift="x2", recalibrate="monitor")
print(hashlib.sha256(b"".join(twin._life.state_at(k * 3600 * 10**9).errors.tobytes() for k in (9, 3, 20))).hexdigest())
"""


def test_another_process_and_a_pickled_twin_see_the_same() -> None:
    twin = TwinQpu("hanoi", seed=5, drift="x2", recalibrate="monitor")
    here = hashlib.sha256(b"".join(state(twin, k * HOUR).errors.tobytes() for k in (9, 3, 20))).hexdigest()
    there = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True, timeout=60)
    assert there.stdout.strip() == here
    copy = pickle.loads(pickle.dumps(twin))
    assert np.array_equal(state(copy, 20 * HOUR).errors, state(twin, 20 * HOUR).errors)
    assert len(pickle.dumps(twin)) < 100_000, "paths are made again, not sent"


def test_threads_read_it_together() -> None:
    twin = TwinQpu(line(5), seed=5, drift="x2", recalibrate="monitor")
    program = twin.compile(*circuit(4))
    at = [int(k) for k in np.random.default_rng(0).integers(0, 100 * HOUR, 200)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda now: (twin.esp_at(program, now), twin.epoch_at(now)), at))
    alone = TwinQpu(line(5), seed=5, drift="x2", recalibrate="monitor")
    other = alone.compile(*circuit(4))
    assert together == [(alone.esp_at(other, now), alone.epoch_at(now)) for now in at]


def test_many_qpus_wander_by_themselves() -> None:
    """Ten twins: no two share a draw, so their logarithms are uncorrelated."""
    logs = np.array([np.log(state(TwinQpu("torino", drift=Drift(aging=0.0), name=f"q{k}"), 30 * HOUR).errors)
                     for k in range(6)])
    off = np.corrcoef(logs) - np.eye(6)
    assert np.abs(off).max() < 5.0 / math.sqrt(logs.shape[1])


def test_drifting_is_a_function_of_the_last_calibration_alone() -> None:
    snapshot = line(4)
    known = parameters_of(snapshot, ages(snapshot, TwinQpu(snapshot)._life, 0))
    one, other = (Drifting(FRESH, known, 1, "q") for _ in range(2))
    for since in (None, 5 * S, 2 * HOUR + 7, None, 5 * S):
        for at in (3 * HOUR, 2 * HOUR + 7, 100 * HOUR):
            assert np.array_equal(one.at(since, at).errors, other.at(since, at).errors)
    assert np.all(one.at(2 * HOUR + 7, 2 * HOUR + 59 * S).errors == 1.0)
