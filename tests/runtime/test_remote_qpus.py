"""Sessions on QPUs that others run: loops, crashes of the wire in mid-loop, moves, holds, cancels, resumption."""

from __future__ import annotations

import threading
import time

import pytest

import qloop
from qloop.errors import Cancelled, Held, InvalidInput, QpuError
from qloop.policies.columns import EPOCH
from qloop.qpus.protocol import Recovery
from qloop.runtime.journal.purchases import IntentState
from qloop.testing.provider import Provider, Wire
from qloop.testing.scripted_remote import ScriptedRemoteQpu
from tests.runtime.two_qubits import ENERGY, circuit, runtime, value

START = [0.3, -0.2]


def remote(plan=None, *, recovery=Recovery.TOKEN, queue=1, name="remote", **settings) -> ScriptedRemoteQpu:
    return ScriptedRemoteQpu(Provider(plan, recovery=recovery, queue=queue), name=name, **settings)


def until(happened, seconds: float = 30.0) -> None:
    """Wait for something; fail if it does not come."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


def test_a_loop_is_the_same_near_and_far():
    qpu = remote()
    with runtime(qpu) as platform, qloop.Session("vqe", runtime=platform) as session:
        far = session.minimize(circuit(), ENERGY, START, optimizer="nelder-mead", maxiter=12)
    with runtime("exact") as platform, qloop.Session("vqe", runtime=platform) as session:
        near = session.minimize(circuit(), ENERGY, START, optimizer="nelder-mead", maxiter=12)
    assert far.fun == near.fun
    assert list(far.x) == list(near.x)
    assert qpu.provider.bought == qpu.provider.read().calls["submit"]
    assert qpu.closed == 1


def test_a_loop_goes_through_a_bad_wire():
    wires = [Wire.REPLY_LOST, Wire.BUSY, Wire.NOT_SENT, Wire.TRUNCATED, Wire.DOUBLED]
    plan = {(verb, nth): wires[(nth + shift) % 5] for shift, verb in enumerate(("submit", "status", "result"))
            for nth in range(2, 60, 3)}
    qpu = remote(plan)
    with runtime(qpu) as platform, qloop.Session("vqe", runtime=platform) as session:
        result = session.minimize(circuit(), ENERGY, START, optimizer="nelder-mead", maxiter=8)
        assert session.details().results == qpu.provider.bought
        assert {intent.state for intent in platform.store.intents()} == {IntentState.DONE}
    assert result.fun == pytest.approx(value(result.x))


def test_waiting_work_moves_when_a_qpu_goes_offline_inside_a_session():
    lost, kept = remote({("submit", nth): Wire.OFFLINE for nth in range(2, 99)}, name="a"), remote(name="b")
    with runtime(lost, kept) as platform, qloop.Session("s", runtime=platform) as session:
        futures = [session.submit(circuit(), ENERGY, [0.1 * k, 0.2]) for k in range(6)]
        assert [future.result(20.0) for future in futures] == pytest.approx([value([0.1 * k, 0.2]) for k in range(6)])
        places = {future.outcome().qpu for future in futures}
    assert places == {"a", "b"}
    assert (lost.provider.bought, kept.provider.bought) == (1, 5)


def test_a_qpu_that_comes_back_is_used_again():
    qpu = remote({("submit", 2): Wire.OFFLINE, ("submit", 3): Wire.OFFLINE})
    with runtime(qpu) as platform, qloop.Session("s", runtime=platform) as session:
        for angle in (0.0, 0.1, 0.2, 0.3):
            found = session.submit(circuit(), ENERGY, [angle, 0.2]).result(20.0)
            assert found == pytest.approx(value([angle, 0.2]))
    assert qpu.provider.bought == 4


def test_a_held_task_says_what_to_do_and_the_rest_goes_on():
    qpu = remote({("submit", 1): Wire.REPLY_LOST}, recovery=Recovery.NONE)
    with runtime(qpu) as platform, qloop.Session("s", runtime=platform) as session:
        with pytest.raises(Held, match="qloop intents adopt"):
            session.submit(circuit(), ENERGY, [0.1, 0.2]).result(20.0)
        with pytest.raises(Held):       # asked for again, it is still the same one
            session.submit(circuit(), ENERGY, [0.1, 0.2]).result(20.0)
        assert session.submit(circuit(), ENERGY, [0.3, 0.2]).result(20.0) == pytest.approx(value([0.3, 0.2]))
    assert qpu.provider.read().calls["submit"] == 2


def test_a_refusal_reaches_the_user_in_the_providers_words():
    qpu = remote({("submit", 1): Wire.REFUSED})
    with runtime(qpu) as platform, qloop.Session("s", runtime=platform) as session, \
            pytest.raises(QpuError, match="Its script says so"):
        session.submit(circuit(), ENERGY, [0.1, 0.2]).result(20.0)


def test_a_cancelled_task_is_cancelled_at_the_provider():
    qpu = remote(queue=10**6)
    with runtime(qpu, sound=False) as platform, qloop.Session("s", runtime=platform) as session:
        future = session.submit(circuit(), ENERGY, [0.1, 0.2])
        until(lambda: qpu.provider.read().calls.get("status"))
        session.cancel()
        with pytest.raises(Cancelled):
            future.result(20.0)
        until(lambda: qpu.provider.read().calls.get("cancel"))
    assert qpu.provider.bought == 0
    assert [task.phase for task in qpu.provider.read().tasks] == ["cancelled"]


def test_a_run_that_ends_early_finds_its_task_again(tmp_path):
    """The program leaves (an error, Ctrl-C) while the provider works; the next life waits for the same task."""
    qpu, journal = remote(queue=10**6), tmp_path / "journal.sqlite"
    with runtime(qpu, journal=journal, run="r", sound=False) as platform, pytest.raises(TimeoutError), \
            qloop.Session("s", runtime=platform) as session:
        session.objective(circuit(), ENERGY).submit([0.1, 0.2]).result(0.2)
    assert "cancel" not in qpu.provider.read().calls
    qpu.provider.queue = 1
    with runtime(qpu, journal=journal, run="r", resume=True) as platform, \
            qloop.Session("s", runtime=platform) as session:
        assert session.submit(circuit(), ENERGY, [0.1, 0.2]).result(20.0) == pytest.approx(value([0.1, 0.2]))
        assert [intent.state for intent in platform.store.intents()] == [IntentState.DONE]
    assert qpu.provider.read().calls["submit"] == qpu.provider.bought == 1


def test_a_task_under_way_elsewhere_is_taken_up_there(tmp_path):
    """In the next life the engine places the task on another QPU, but it was asked of the first one."""
    first, second, journal = remote(queue=10**6, name="first"), remote(name="second"), tmp_path / "journal.sqlite"
    with runtime(first, second, journal=journal, run="r", sound=False) as platform, pytest.raises(TimeoutError), \
            qloop.Session("s", runtime=platform) as session:
        session.submit(circuit(), ENERGY, [0.1, 0.2]).result(0.2)
    first.provider.queue = 20
    with runtime(first, second, journal=journal, run="r", resume=True) as platform, \
            qloop.Session("s", runtime=platform) as session:
        other = session.submit(circuit(), ENERGY, [0.5, 0.2])      # it takes the first QPU's turn
        again = session.submit(circuit(), ENERGY, [0.1, 0.2])
        assert again.result(20.0) == pytest.approx(value([0.1, 0.2]))
        assert other.result(20.0) == pytest.approx(value([0.5, 0.2]))
        assert again.outcome().qpu == "first"
    assert (first.provider.bought, second.provider.bought) == (2, 0)


def test_a_remote_qpu_has_real_time():
    with pytest.raises(InvalidInput, match="lives in real time"):
        qloop.Runtime(qpus=[remote()], clock="virtual", journal=":memory:")


@pytest.mark.parametrize("moment", ["compile", "submit", "start"])
def test_p9_a_calibration_in_between_is_never_silent(moment):
    """The result names the calibration it ran on, and says if its circuit was compiled for another."""
    plan = {"compile": {("calibration", 2): Wire.CALIBRATED}, "submit": {("submit", 2): Wire.CALIBRATED},
            "start": {("status", 3): Wire.CALIBRATED}}[moment]
    qpu = remote(plan, queue=3)
    with runtime(qpu) as platform, qloop.Session("s", runtime=platform) as session:
        outcomes = []
        for k in range(3):
            outcomes.append(session.submit(circuit(), ENERGY, [0.1 * k, 0.2]).outcome(20.0))
        mismatches = [outcome.epoch != outcome.compiled_epoch for outcome in outcomes]
        ran = [task.epoch for task in qpu.provider.read().tasks]
        assert [outcome.epoch for outcome in outcomes] == ran, "the epoch is that of the calibration it ran on"
        assert outcomes[-1].epoch == outcomes[-1].compiled_epoch == 1_700_003_600
        assert [row.epoch for row in platform.store.results(session.id)] == ran
    assert sum(mismatches) == (0 if moment == "compile" else 1), "compiled anew before it was sent, or it says so"


def test_the_engine_learns_the_epoch_that_was_met():
    qpu = remote({("submit", 2): Wire.CALIBRATED})
    with runtime(qpu) as platform, qloop.Session("s", runtime=platform) as session:
        epochs = []
        for angle in (0.1, 0.2):
            session.submit(circuit(), ENERGY, [angle, 0.2]).result(20.0)
            epochs.append(platform.core.ask(lambda engine: engine.state.qpu_rows[0][EPOCH]))
    assert epochs == [1_700_000_000, 1_700_003_600]


def test_a_drained_remote_qpu_finishes_what_its_provider_has():
    far, near = remote(queue=40, name="far"), remote(name="near")
    with runtime(far, near) as platform, qloop.Session("s", runtime=platform) as session:
        first = session.submit(circuit(), ENERGY, [0.1, 0.2])
        until(lambda: far.provider.read().calls.get("status"))
        waiting = [session.submit(circuit(), ENERGY, [0.1 * k, 0.3]) for k in range(4)]
        assert platform.drain("far", timeout=20.0)
        assert first.result(20.0) == pytest.approx(value([0.1, 0.2]))
        assert first.outcome().qpu == "far"
        assert {future.outcome(20.0).qpu for future in waiting} == {"near"}
        platform.retire("far")
    assert (far.provider.bought, near.provider.bought) == (1, 4)


def test_two_attempts_of_a_task_do_not_buy_it_twice():
    """The QPU that has the task goes offline for others; another one has the task's next attempt meanwhile."""
    far = remote({("submit", 2): Wire.OFFLINE}, recovery=Recovery.TAG, queue=30, name="far")
    near = remote(name="near")
    with runtime(far, near, sound=False) as platform, qloop.Session("s", runtime=platform) as session:
        first = session.submit(circuit(), ENERGY, [0.1, 0.2])
        until(lambda: far.provider.read().calls.get("status"))
        platform.parts.environment.presence.leave_for("far", 60.0, "as if offline")      # the engine moves the task
        assert first.result(20.0) == pytest.approx(value([0.1, 0.2]))
        until(lambda: platform.core.ask(lambda engine: not engine.state.unwanted))
    assert far.provider.bought + near.provider.bought == 1
    assert first.outcome().qpu == "far"


def test_a_callback_that_ends_its_thread_stops_nobody_else():
    with runtime(remote(), sound=False) as platform, qloop.Session("s", runtime=platform) as session:
        first = session.submit(circuit(), ENERGY, [0.1, 0.2])
        first.add_done_callback(lambda future: exit())
        first.result(20.0)
        second = session.submit(circuit(), ENERGY, [0.2, 0.2])
        assert second.result(20.0) == pytest.approx(value([0.2, 0.2]))


def test_a_qpu_that_is_offline_at_the_start_joins_later():
    far, near = remote({("calibration", 1): Wire.OFFLINE}, name="far"), remote(name="near")
    with runtime(far, near) as platform, qloop.Session("s", runtime=platform) as session:
        assert session.submit(circuit(), ENERGY, [0.1, 0.2]).outcome(20.0).qpu == "near"
        until(lambda: platform.core.ask(lambda engine: engine.state.qpus[0].online))


def test_a_blip_of_the_calibration_is_asked_again():
    qpu = remote({("calibration", nth): Wire.BUSY for nth in (2, 3, 5)})
    with runtime(qpu) as platform, qloop.Session("s", runtime=platform) as session:
        for angle in (0.1, 0.2, 0.3):
            assert session.submit(circuit(), ENERGY, [angle, 0.2]).result(20.0) == pytest.approx(value([angle, 0.2]))
    assert qpu.provider.bought == 3


def test_a_runtime_that_cannot_begin_lets_go_of_everything(tmp_path):
    bad, journal = remote({("calibration", 1): Wire.CREDENTIALS}), tmp_path / "journal.sqlite"
    before = threading.active_count()
    with pytest.raises(QpuError, match="has expired"):
        qloop.Runtime(qpus=[bad], journal=journal)
    assert bad.closed == 1
    with runtime(remote(), journal=journal):        # the file is not in use
        pass
    until(lambda: threading.active_count() <= before)
