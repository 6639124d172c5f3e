"""Caches in a loop: compiled once and beside it, loaded and measured as the plan says, laid out anew when it pays."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

import qloop
from qloop.errors import InvalidInput
from qloop.qpus.caches.ahead import Ahead, Piece
from qloop.qpus.caches.keys import RELAYOUT_ABOVE
from qloop.qpus.caches.twins import CachePlan
from qloop.qpus.drift.model import Drift
from qloop.qpus.protocol import Request
from qloop.qpus.twin import TwinQpu
from tests.runtime.two_qubits import ENERGY, circuit, runtime

ANSATZ = efficient_su2(4, reps=2)
ISING = SparsePauliOp.from_list([("ZZII", 1.0), ("IZZI", 1.0), ("IIZZ", 1.0), ("XIII", 0.5)])


def twin(**settings) -> TwinQpu:
    return TwinQpu("hanoi", name=settings.pop("name", "twin"), **settings)


def test_after_the_first_iteration_every_task_finds_its_circuit_compiled():
    first, second = twin(name="a"), twin(name="b", seed=1)
    with runtime(first, second, clock="virtual", trace=True) as platform:
        sessions = [qloop.Session(f"s{k}", runtime=platform, shots=100) for k in range(3)]
        loops = [session.loop(circuit(), ENERGY, [0.1, 0.2], maxiter=5) for session in sessions]
        for loop in loops:
            loop.start(lambda loop: None)
        platform.run_until(lambda: all(loop.finished for loop in loops))
        placed = [event for event in platform.trace().events if type(event).__name__ == "Placed"]
    misses = [event for event in placed if not event.caches["isa"]]
    assert len(placed) > 15
    assert all(event.iteration == 0 for event in misses), misses
    assert sum(qpu.cache_counts()["isa"].misses for qpu in (first, second)) <= 2, "compiled once for each QPU"


def test_other_qpus_are_compiled_for_beside_the_loop():
    first, second = twin(name="a"), twin(name="b")
    with runtime(first, second, clock=1e3) as platform, qloop.Session("s", runtime=platform, shots=10) as session:
        session.objective(ANSATZ, ISING)
        end = time.monotonic() + 60.0
        while not len(second._caches.isa):
            assert time.monotonic() < end, "nothing was compiled ahead"
            time.sleep(0.01)
        structure = next(iter(platform.sessions.find(session.id).shelf.sources))
        assert platform.parts.programs.has(platform.sessions.find(session.id).shelf, structure, "b")
        child = platform.parts.programs.ahead._child
    assert child is not None
    assert child.poll() is not None, "the child ends with its runtime"
    again = twin(name="c").compile(ANSATZ, ISING)
    assert second.compile(ANSATZ, ISING).isa == again.isa, "the same as here"
    assert second.cache_counts()["isa"].hits == 1


def test_loading_costs_what_the_plan_says():
    """Each look by hand: cold, warm, cold after its time, cold in a new epoch, cold when another took its place."""
    qpu = twin(caches=CachePlan(waveforms=1, waveform_ttl_s=300.0, load_s=2.0))
    one, other = qpu.compile(circuit(), ENERGY), qpu.compile(ANSATZ, ISING)

    def cold(program, at_s: float, epoch: int = 0) -> float:
        request = Request(np.zeros((1, program.n_parameters)), 10, (b"k" * 32,), False, epoch, round(at_s * 1e9))
        return qpu.set_up(program, request, 7) * 1e-9

    lasts = qpu.duration(one, Request(np.zeros((1, 2)), 10, (b"k" * 32,))) * 1e-9
    assert [cold(one, 0), cold(one, 10), cold(one, 300), cold(one, 601 + lasts)] == [2.0, 0.0, 0.0, 2.0]
    assert [cold(one, 610, epoch=1), cold(one, 620, epoch=1)] == [2.0, 0.0]
    assert [cold(other, 630, epoch=1), cold(one, 640, epoch=1)] == [2.0, 2.0]
    counts = qpu.cache_counts()["waveform"]
    assert (counts.hits, counts.expired, counts.invalidated, counts.evicted) == (3, 1, 1, 2)
    plain = twin()
    asked = Request(np.zeros((1, 2)), 10, (b"k" * 32,))
    assert plain.set_up(plain.compile(circuit(), ENERGY), asked, 7) == 7, "the policy's own account"


@pytest.mark.parametrize("overhead_s", [100.0, 400.0])
def test_a_circuit_does_not_leave_while_it_runs(overhead_s):
    """Its time begins when the task ends: back to back tasks that last longer than that find it loaded."""
    qpu = twin(task_overhead_s=overhead_s, calibration_interval_s=0.0,
               caches=CachePlan(waveforms=8, load_s=7.0, waveform_ttl_s=300.0))
    with runtime(qpu, clock="virtual") as platform, \
            qloop.Session("s", runtime=platform, shots=10, interactive_ttl="1h") as session:
        f = session.objective(circuit(), ENERGY)
        for k in range(4):
            f([0.1 * k, 0.2])
        counts, warm = qpu.cache_counts()["waveform"], platform.now_s()
        assert (counts.hits, counts.misses, counts.expired) == (3, 1, 0)
        for wait_s, misses in ((290.0, 1), (310.0, 2)):
            waited: list[int] = []
            platform.later(wait_s, lambda done=waited: done.append(1))
            platform.run_until(lambda done=waited: bool(done))
            f([wait_s, 0.2])
            assert qpu.cache_counts()["waveform"].misses == misses
    assert warm == pytest.approx(7.0 + 4 * overhead_s, abs=1.0)


def test_readout_is_measured_once_an_epoch_and_corrected():
    qpu = twin(mitigate_readout=True, rep_delay_s=None, task_overhead_s=0.0, cold_s=0.0)
    plain = twin(task_overhead_s=0.0, cold_s=0.0)
    with runtime(qpu, clock="virtual") as platform, qloop.Session("s", runtime=platform) as session:
        f = session.objective(ANSATZ, ISING)
        theta = [0.1] * ANSATZ.num_parameters
        begun = platform.now_s()
        better = f(theta)
        first = platform.now_s() - begun
        f([0.2] * ANSATZ.num_parameters)
        second = platform.now_s() - begun - first
    program = plain.compile(ANSATZ, ISING)
    rep_s = plain.device.snapshot.rep_delay_ns.default * 1e-9
    assert first - second == pytest.approx(2 * 4096 * rep_s), "two circuits of 4096 shots, once"
    raw = plain.evaluate(program, Request(np.full((1, ANSATZ.num_parameters), 0.1), 0, ()))
    success = program.isa.success
    assert raw.values[0] == pytest.approx(success.esp * raw.ideal[0])
    assert better == pytest.approx(success.esp * math.exp(-success.ln_readout) * raw.ideal[0])
    assert abs(better - raw.ideal[0]) < abs(raw.values[0] - raw.ideal[0])


def test_mitigation_scales_the_shot_noise_with_the_signal():
    qpu, plain = twin(mitigate_readout=True), twin()
    theta = np.full((400, 2), 0.4)
    keys = tuple(k.to_bytes(32, "big") for k in range(400))
    noisy = plain.evaluate(plain.compile(circuit(), ENERGY), Request(theta, 50, keys)).values
    program = qpu.compile(circuit(), ENERGY)
    mended = qpu.evaluate(program, Request(theta, 50, keys)).values
    assert mended == pytest.approx(np.array(noisy) * math.exp(-program.isa.success.ln_readout))


def drifted(name: str = "twin") -> TwinQpu:
    return TwinQpu("torino", name=name, drift="x4", calibration_interval_s=3600.0, seed=3)


def test_a_layout_is_made_anew_only_when_an_epoch_changed_it_enough():
    qpu = drifted()
    program = qpu.compile(ANSATZ, ISING)
    assert not qpu.is_stale(program, 0)
    hours = [round(h * 3600e9) for h in range(1, 49)]
    changes = [abs(math.log(qpu.esp_at(program, at)) - program.isa.success.ln_esp) for at in hours]
    epochs = [qpu.epoch_at(at) for at in hours]
    stale = [qpu.is_stale(program, at) for at in hours]
    assert stale == [epoch > 0 and change > RELAYOUT_ABOVE for epoch, change in zip(epochs, changes, strict=True)]
    assert any(stale)
    assert not all(stale)
    at = hours[stale.index(True)]
    function, arguments = qpu.relayout(program, at)
    fresh = qpu.laid_out(program, function(*arguments), at)
    assert qpu.esp_at(fresh, at) >= qpu.esp_at(program, at)
    assert fresh.key.layout_epoch == qpu.epoch_at(at)
    assert not qpu.is_stale(fresh, at)
    assert fresh.structure == program.structure


def test_a_loop_goes_on_with_the_better_layout():
    qpu = drifted()
    with runtime(qpu, clock="virtual") as platform, \
            qloop.Session("s", runtime=platform, max_time="300h", interactive_ttl="300h") as session:
        f = session.objective(ANSATZ, ISING)
        shelf = platform.sessions.find(session.id).shelf
        structure = next(iter(shelf.sources))
        before = shelf.programs[structure, "twin"]
        for k in range(400):
            f([0.01 * k] * ANSATZ.num_parameters)
            if shelf.programs[structure, "twin"] is not before:
                break
            waited: list[int] = []
            platform.later(1800.0, lambda done=waited: done.append(1))
            platform.run_until(lambda done=waited: bool(done))
        after = shelf.programs[structure, "twin"]
        assert after is not before
        assert after.key.layout_epoch > before.key.layout_epoch == 0
        now = round(platform.now_s() * 1e9)
        assert qpu.esp_at(after, now) >= qpu.esp_at(before, now)


def test_a_frozen_twin_keeps_its_layout_for_ever():
    qpu = twin()
    program = qpu.compile(ANSATZ, ISING)
    assert not any(qpu.is_stale(program, round(h * 3600e9)) for h in range(1, 200))


@pytest.mark.parametrize("plan", [CachePlan(waveforms=-1), CachePlan(waveforms=1.5), CachePlan(isas=0),
                                  CachePlan(mitigations=0), CachePlan(load_s=-1.0), CachePlan(load_s=math.nan),
                                  CachePlan(waveform_ttl_s=0.0), CachePlan(waveform_ttl_s=math.inf)])
def test_impossible_plans_are_refused(plan):
    with pytest.raises(InvalidInput):
        twin(caches=plan)


ROUGH = Drift().scaled(20)


def test_an_esp_that_underflows_is_compared_all_the_same():
    """T1 may fall so far that no double holds the ESP: it is 0, its logarithm is not."""
    qpu = TwinQpu("torino", drift=ROUGH, seed=1, calibration_interval_s=600.0, task_overhead_s=300.0)
    deep = efficient_su2(4, reps=40, entanglement="linear")
    program = qpu.compile(deep, ISING)
    zeros = [at for at in range(0, 36_000 * 10**9, 60 * 10**9) if qpu.esp_at(program, at) == 0.0]
    assert zeros
    at = next(at for at in zeros if qpu.epoch_at(at) > 0)
    assert qpu.is_stale(program, at)
    function, arguments = qpu.relayout(program, at)
    fresh = qpu.laid_out(program, function(*arguments), at)
    assert qpu._life.ln_esp(fresh.isa, at) >= qpu._life.ln_esp(program.isa, at)
    with runtime(qpu, clock="virtual") as platform, \
            qloop.Session("s", runtime=platform, max_time="300h", interactive_ttl="300h") as session:
        f = session.objective(deep, ISING)
        while platform.now_s() < 1e-9 * at:
            f([platform.now_s()] * deep.num_parameters)


class Failing(TwinQpu):
    """Its search for a layout fails."""

    error: BaseException = ValueError("no such layout")

    def is_stale(self, program, now_ns):
        if self.error is not None:
            raise self.error
        return super().is_stale(program, now_ns)


@pytest.mark.parametrize("settings", [{"calibration_interval_s": 15.0, "calibration_length_s": 1.0},
                                      {"calibration_interval_s": 0.0, "maintenance": [(10.0, 20.0), (40.0, 50.0)]}])
def test_a_calibration_ends_though_no_layout_is_found(settings, caplog):
    """After a window, and after an absence that ends with a calibration: the loop goes on as its circuit lies."""
    qpu = Failing("hanoi", name="twin", drift="x4", **settings)
    with runtime(qpu, clock="virtual") as platform, qloop.Session("s", runtime=platform, shots=100) as session:
        f = session.objective(circuit(), ENERGY)
        for k in range(30):
            f([0.1 * k, 0.2])
        assert platform.now_s() > 60.0
        assert platform.qpus()[0].epoch >= 2
    assert "No new layout was found on QPU twin" in caplog.text
    assert "no such layout" in caplog.text


def test_a_calibration_ends_though_the_search_is_interrupted():
    qpu = Failing("hanoi", name="twin", drift="x4", calibration_interval_s=15.0, calibration_length_s=1.0)
    qpu.error = KeyboardInterrupt()
    with runtime(qpu, clock="virtual", sound=False) as platform, \
            qloop.Session("s", runtime=platform, shots=100) as session:
        f = session.objective(circuit(), ENERGY)
        with pytest.raises(KeyboardInterrupt):
            for k in range(30):
                f([0.1 * k, 0.2])
        qpu.error = None
        for k in range(30):
            f([0.1 * k, 0.3])
        assert not platform.qpus()[0].calibrating


def test_what_cannot_be_taken_does_not_end_the_compiling_beside_the_loop(caplog):
    ahead, taken = Ahead(), []

    def refuse(found):
        raise ValueError(f"not {found}")

    assert ahead.begin(Piece(math.gcd, (4, 6), refuse))
    assert ahead.begin(Piece(math.gcd, (9, 6), taken.append))
    end = time.monotonic() + 60.0
    while not taken:
        assert time.monotonic() < end
        time.sleep(0.01)
    ahead.close()
    assert taken == [3]
    assert "not 2" in caplog.text
