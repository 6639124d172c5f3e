"""A session's life: its states, its ends, its time-to-live, and taking it up again."""

from __future__ import annotations

import numpy as np
import pytest

import qloop
from qloop.errors import Cancelled, Conflict, InvalidInput, JournalError, SessionEnded, UnknownName
from qloop.testing.scripted_qpu import Fault
from tests.runtime.two_qubits import ENERGY, circuit, runtime, scripted, value

START = [0.4, 0.5]
HOUR = 3600.0


def test_the_states_of_a_live_session():
    qpu = scripted({2: Fault.HANG})
    with runtime(qpu) as platform, qloop.Session("s", runtime=platform) as session:
        assert session.status() == "new"
        f = session.objective(circuit(), ENERGY)
        f(START)
        assert session.status() == "thinking"
        futures = [f.submit(START) for _ in range(2)]
        assert qpu.wait_until_hanging()
        assert session.status() == "running"
        assert [future.status() for future in futures] == ["running", "ready"]
        session.close()
        assert session.status() == "closing"
        with pytest.raises(SessionEnded, match=f"session {session.id} takes no further tasks"):
            f.submit(START)
        qpu.release()
        assert [future.result(30) for future in futures] == pytest.approx([value(START)] * 2)
        assert session.status() == "closed"


def test_close_drains_even_when_the_runtime_ends(tmp_path):
    """What was accepted is finished, journaled and told before the runtime is gone."""
    with qloop.Runtime(qpus=[scripted(seconds=0.05)], journal=tmp_path / "j.qloop") as platform:
        session = qloop.Session("s", runtime=platform)
        futures = [session.submit(circuit(), ENERGY, START) for _ in range(3)]
        session.close()
    assert [future.result(0) for future in futures] == pytest.approx([value(START)] * 3)


def test_a_cancelled_session_stays_so(tmp_path):
    journal = tmp_path / "j.qloop"
    with qloop.Runtime(journal=journal) as platform:
        session = qloop.Session("s", runtime=platform)
        session.cancel()
        session.cancel()
        with pytest.raises(SessionEnded, match="The session 's' was cancelled earlier in this run"):
            qloop.Session("s", runtime=platform)
    for _ in range(2):      # the journal is free again after the refusal
        with pytest.raises(SessionEnded, match="was cancelled earlier in this run"):
            qloop.Session.from_id(session.id, str(journal))


def test_close_drains_in_virtual_time():
    with runtime(scripted(seconds=5.0), clock="virtual", sound=False) as platform:
        session = qloop.Session("s", runtime=platform)
        futures = [session.submit(circuit(), ENERGY, START) for _ in range(3)]
        session.close()
    assert all(future.done() for future in futures)
    assert futures[2].result() == pytest.approx(value(START))


def test_cancel_drops_everything():
    qpu = scripted({1: Fault.HANG})
    with runtime(qpu) as platform:
        session = qloop.Session("s", runtime=platform)
        futures = [session.submit(circuit(), ENERGY, START) for _ in range(3)]
        assert qpu.wait_until_hanging()
        session.cancel()
        for future in futures:
            with pytest.raises(Cancelled, match="was cancelled"):
                future.result(30)
            assert future.status() == "cancelled"
        qpu.release()
        with qloop.Session("other", runtime=platform) as other:
            assert other.objective(circuit(), ENERGY)(START) == pytest.approx(value(START))
        assert len(qpu.asked) == 2, "a cancelled task was started"


def test_after_the_maximum_time_queued_tasks_fail_and_the_running_one_finishes():
    with runtime(scripted(seconds=100.0), clock="virtual") as platform, \
            qloop.Session("s", runtime=platform, max_time=150.0) as session:
        first, second, third = (session.submit(circuit(), ENERGY, START) for _ in range(3))
        assert first.result() == pytest.approx(value(START))
        with pytest.raises(SessionEnded, match="maximum time-to-live is over"):
            third.result()
        assert platform.now_s() == pytest.approx(150.0)
        assert second.result() == pytest.approx(value(START))
        assert platform.now_s() == pytest.approx(200.0)
        with pytest.raises(SessionEnded, match="It is expired"):
            session.submit(circuit(), ENERGY, START)


def test_after_the_interactive_time_a_session_queues_again_and_goes_on():
    """Idle for longer than its interactive TTL it loses its place, not its life: its next task is NORMAL."""
    with runtime(scripted(seconds=1.0), clock="virtual", trace=True) as platform, \
            qloop.Session("s", runtime=platform, interactive_ttl=10.0, max_time="2h") as session:
        f = session.objective(circuit(), ENERGY)
        for wait in (2.0, 2.0, 15.0, 2.0):
            f.submit(START).result()
            due: list[float] = []
            platform.later(wait, lambda due=due: due.append(1.0))
            platform.run_until(lambda due=due: bool(due))
        f.submit(START).result()
        classes = [event.class_ for event in platform.trace().events if type(event).__name__ == "QpuBegin"]
        assert classes == ["normal", "hot", "hot", "normal", "hot"]


def test_an_error_in_the_with_block_leaves_the_session_to_be_resumed(tmp_path):
    journal = tmp_path / "j.qloop"
    with pytest.raises(RuntimeError, match="mine"), qloop.Runtime(journal=journal) as platform, \
            qloop.Session("s", runtime=platform) as session:
        session.objective(circuit(), ENERGY)(START)
        raise RuntimeError("mine")
    with qloop.Session.from_id(session.id, str(journal)) as again:
        assert {"results": 1, "shots": 0, "resumed": 1}.items() <= again.usage().items()
        assert again.objective(circuit(), ENERGY).submit(START).metadata()["source"] == "journal"


def test_a_session_that_was_left_and_taken_up_in_the_same_run_can_be_closed(tmp_path):
    journal = tmp_path / "j.qloop"
    with qloop.Runtime(journal=journal) as platform:
        with pytest.raises(RuntimeError), qloop.Session("s", runtime=platform) as session:
            session.objective(circuit(), ENERGY)(START)
            raise RuntimeError
        with qloop.Session("s", runtime=platform) as again:
            assert again.usage()["resumed"] == 1
        states = [str(info.state) for info in platform.store.sessions()]
    assert states == ["closed"]


@pytest.mark.parametrize("optimizer", ["spsa", "nelder-mead", "adam"])
@pytest.mark.parametrize("shots", [None, 128])
def test_from_id_goes_on_where_the_loop_stood(tmp_path, optimizer, shots):
    journal = tmp_path / "j.qloop"
    with qloop.Runtime(journal=journal, seed=3) as platform:
        session = qloop.Session("s", runtime=platform, shots=shots)
        with pytest.raises(StopIteration):
            session.minimize(circuit(), ENERGY, START, optimizer=optimizer, maxiter=30, callback=stop_at(10))
        known = session.usage()["results"]
    with qloop.Session.from_id(session.id, str(journal)) as again:
        assert (again.details().seed, again.shots) == (session_seed(3), shots or 0)
        result = again.minimize(circuit(), ENERGY, START, optimizer=optimizer, maxiter=30)
        assert result.nit == 30
        fresh = len(result.iterations) - known
        assert [entry.known for entry in result.iterations] == [True] * known + [False] * fresh
    with qloop.Runtime(journal=":memory:", seed=3) as platform, \
            qloop.Session("s", runtime=platform, shots=shots) as session:
        whole = session.minimize(circuit(), ENERGY, START, optimizer=optimizer, maxiter=30)
    assert whole.x.tobytes() == result.x.tobytes()
    assert [entry.energy for entry in whole.iterations] == [entry.energy for entry in result.iterations]


def stop_at(number: int):
    def callback(entry) -> None:
        if entry.number == number:
            raise StopIteration

    return callback


def session_seed(seed: int) -> int:
    from qloop.runtime.sessions import derive

    return derive(seed, "s")


def test_from_id_says_what_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("QLOOP_HOME", str(tmp_path))
    with qloop.Runtime() as platform:
        name = qloop.Session("mine", runtime=platform).id
        with pytest.raises(JournalError, match=r"in use by this process .*One process at a time"):
            qloop.Session.from_id(name)
    with pytest.raises(UnknownName, match=r"no session named '.*\.mind'. Did you mean '.*\.mine'"):
        qloop.Session.from_id(name[:-4] + "mind")
    with pytest.raises(UnknownName, match=r"no session named 'r-elsewhere\.x'"):
        qloop.Session.from_id("r-elsewhere.x")
    with qloop.Session.from_id(name) as session:
        assert session.id == name
    qloop.Session.from_id(name).close()


def test_two_open_sessions_of_one_name():
    with runtime() as platform, qloop.Session("s", runtime=platform), \
            pytest.raises(Conflict, match="A session named 's' is open in this run"):
        qloop.Session("s", runtime=platform)


def test_a_name_stands_for_one_session_for_ever():
    """P2: the same wish is the same session; another wish under its name is a conflict, and changes nothing."""
    with runtime() as platform:
        with qloop.Session("s", runtime=platform, shots=10) as session:
            session.objective(circuit(), ENERGY)(START)
        for other in ({"shots": 20}, {"shots": 10, "tenant": "t"}, {"shots": 10, "seed": 4}):
            with pytest.raises(Conflict):
                qloop.Session("s", runtime=platform, **other)
        with qloop.Session("s", runtime=platform, shots=10) as again:
            assert {"results": 1, "shots": 10, "resumed": 1}.items() <= again.usage().items()


def test_nameless_sessions_are_numbered_and_differ():
    with runtime() as platform, qloop.Session(runtime=platform) as one, qloop.Session(runtime=platform) as two:
        assert (one.id, two.id) == (f"{platform.run}.session-1", f"{platform.run}.session-2")
        assert one.details().seed != two.details().seed


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf"), float("nan")])
def test_impossible_weights(weight):
    with runtime() as platform:
        with pytest.raises(InvalidInput, match=r"weight of the session is .* Give a number from 1e-06 to 1e\+06"):
            qloop.Session(runtime=platform, weight=weight)
        with pytest.raises(InvalidInput, match="weight of tenant 't' is"):
            qloop.Runtime(tenants={"t": weight}, journal=":memory:")


def test_sessions_share_a_runtime_by_their_weights():
    """Two backlogged tenants of weights 1 and 3 on one QPU get a quarter and three quarters of it."""
    with runtime(scripted(seconds=10.0), clock="virtual", tenants={"a": 1.0, "b": 3.0}, trace=True) as platform:
        sessions = [qloop.Session(name, runtime=platform, tenant=name) for name in "ab"]
        for session in sessions:
            f = session.objective(circuit(), ENERGY)
            for _ in range(80):
                f.submit(START)
        platform.run_until(lambda: platform.now_s() >= 800.0)
        begun = [event.session for event in platform.trace().events if type(event).__name__ == "QpuBegin"]
        assert np.mean([session == sessions[1].id for session in begun]) == pytest.approx(0.75, abs=0.05)
        for session in sessions:
            session.cancel()
        platform.run_until(lambda: not platform.core.engine.state.unwanted)


def test_usage_can_be_asked_after_the_end():
    with runtime(scripted()) as platform:
        with qloop.Session("s", runtime=platform) as session:
            session.minimize(circuit(), ENERGY, START, maxiter=2)
            bought = session.usage()
        assert session.usage() == bought
        assert bought["results"] > 2
        assert session.status() == "closed"
