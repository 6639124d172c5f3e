"""Keepers: who is let in, how they end, what becomes of what ran, and that nothing foreign is touched."""

from __future__ import annotations

import operator
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from qloop.errors import Conflict, InvalidInput, QloopError, UnknownName
from qloop.model.states import Outcome
from qloop.pilots import messages
from qloop.pilots.credential import new_credential
from qloop.pilots.kept import line, registry, words
from qloop.pilots.named import NamedPilot
from qloop.pilots.payload import open_value
from qloop.pilots.process_identity import Identity, identity
from qloop.pilots.protocol import Ended, Joined, Left, PilotError
from qloop.pilots.spec import PilotSpec
from qloop.runtime.keeping import operate
from qloop.testing import pilot_tasks as tasks
from qloop.testing.pilot_drive import PilotDrive
from tests.pilots.processes import all_gone
from tests.pilots.waiting import until


def _workers(record):
    """The processes of its workers: children of its zygote."""
    with PilotDrive(NamedPilot(record.name), record.spec.least) as drive:
        return [open_value(drive.call(tasks.my_pid, worker=worker)) for worker in drive.workers()]


def test_workers_stay_warm_between_programs_and_are_renewed(keep):
    record = keep(least=1)
    with PilotDrive(NamedPilot("work")) as drive:
        first = open_value(drive.call(tasks.my_pid))
        assert open_value(drive.call(tasks.my_pid)) == first
        assert line.ask(record, words.Look()).connected[0].ended == 2
    with PilotDrive(NamedPilot("work")) as drive:       # a process that ran another program's tasks is not used
        assert open_value(drive.call(tasks.my_pid)) != first
    until(lambda: line.ask(record, words.Look()).connected == (), "nobody is connected")
    assert operate.stop("work") is None
    assert all_gone([record.keeper.pid])
    assert operate.look() == []


@pytest.mark.ci
def test_modules_beside_the_program_are_found(keep, tmp_path, monkeypatch):
    keep(least=1)
    (tmp_path / "beside_the_program.py").write_text("def seven():\n    return 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    import beside_the_program

    with PilotDrive(NamedPilot("work")) as drive:
        assert open_value(drive.call(beside_the_program.seven)) == 7
        assert open_value(drive.call(os.getcwd)) == str(tmp_path)


def test_a_keeper_that_is_killed_makes_its_pilot_fail_and_is_told(keep):
    record = keep()
    pids = _workers(record)
    with PilotDrive(NamedPilot("work"), 2) as drive:
        attempt = drive.submit(tasks.sleep, 600.0)
        drive.began(attempt)
        assert record.keeper.signal(signal.SIGKILL)
        assert drive.ended(attempt).outcome is Outcome.LOST
        assert drive.index(Left, attempt[0]) < drive.index(Ended, attempt[0])
        with pytest.raises(PilotError, match="'work' is gone"):
            drive.until(lambda: False, "it fails")
    assert all_gone([record.keeper.pid, *pids])
    with pytest.raises(InvalidInput, match=r"is no more.*has died.*Start it again"):
        NamedPilot("work")
    (seen,) = operate.look()
    assert "has died" in seen.problem
    assert seen.cleaned
    assert operate.look() == []
    assert keep().keeper != record.keeper       # the name is free again


PROGRAM = ("import sys, time\nfrom qloop.pilots.named import NamedPilot\n"
           "from qloop.testing.pilot_drive import PilotDrive\nfrom qloop.testing import pilot_tasks as tasks\n"
           "drive = PilotDrive(NamedPilot('work'), 2)\n"
           "for worker in drive.workers():\n    drive.began(drive.submit(tasks.sleep, 600.0, worker=worker))\n"
           "print('both run', flush=True)\ntime.sleep(600)\n")


def test_a_program_that_is_killed_gives_its_workers_back(keep):
    record = keep()
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == "both run\n"
        assert line.ask(record, words.Look()).busy == 2
        with PilotDrive(NamedPilot("work")) as drive:       # another one waits for its turn
            attempt = drive.submit(operator.add, 2, 3)
            assert not drive.listen(0.3)
            program.kill()
            assert open_value(drive.ended(attempt)) == 5
    finally:
        program.kill()
        program.wait()
        program.stdout.close()


def test_only_who_knows_the_token_is_let_in(keep, tmp_path):
    record = keep(least=0, most=1)
    for foreign in (new_credential(0.0).text(), new_credential(0.0).text()):
        with pytest.raises(PilotError, match=r"does not let this program in.*token is not this pilot's"):
            line.dial(msgspec.structs.replace(record, token=foreign), words.RUNTIME)
    with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as noisy:
        silent.connect(record.socket)
        noisy.connect(record.socket)
        noisy.sendall(b"\xff" * 4096)
        noisy.settimeout(60.0)
        while noisy.recv(4096):
            pass
        assert line.ask(record, words.Look()).connected == ()
    for path in (registry.home(), Path(record.socket), registry.record_file("work"), registry.log_file("work")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_caller_of_another_version_is_told_so(keep, monkeypatch):
    record = keep(least=0, most=1)
    monkeypatch.setattr(messages, "versions", lambda: {"qloop": "0.0.1", "Python": "2.7", "cloudpickle": "0"})
    with pytest.raises(PilotError, match=r"versions differ \(qloop 0.0.1 there"):
        line.dial(record, words.RUNTIME)


def test_stopping_waits_for_programs_and_lets_no_other_in(keep):
    record = keep(least=1)
    with PilotDrive(NamedPilot("work")) as drive:
        standing = operate.stop("work")
        assert standing is not None
        assert standing.draining
        assert [user.pid for user in standing.connected] == [os.getpid()]
        with pytest.raises(PilotError, match="about to end"):
            NamedPilot("work").start(1)
        assert open_value(drive.call(operator.add, 1, 1)) == 2
    assert all_gone([record.keeper.pid])


@pytest.mark.ci
def test_stopping_now_ends_what_runs(keep):
    record = keep(least=1)
    with PilotDrive(NamedPilot("work")) as drive:
        attempt = drive.submit(tasks.sleep, 600.0)
        drive.began(attempt)
        assert operate.stop("work", now=True) is None
        assert drive.ended(attempt).outcome is Outcome.LOST
        with pytest.raises(PilotError, match="told to stop"):
            drive.until(lambda: False, "it fails")
    assert all_gone([record.keeper.pid])


@pytest.mark.ci
@pytest.mark.parametrize("bound", [{"idle_s": 0.2}, {"walltime_s": 0.5}])
def test_a_keeper_ends_by_itself(keep, bound):
    record = keep(least=0, most=1, **{"idle_s": 0.0, **bound})
    until(lambda: registry.read("work") is None, "its record is removed")
    assert all_gone([record.keeper.pid])


def test_what_cannot_be_is_refused(keep):
    keep(least=0, most=2)
    with pytest.raises(UnknownName, match=r"no kept pilot named 'wrk'.*Did you mean 'work'"):
        NamedPilot("wrk")
    with pytest.raises(Conflict, match="is kept already"):
        operate.start("work", PilotSpec())
    with pytest.raises(InvalidInput, match="cannot be named 'a/b'"):
        operate.start("a/b", PilotSpec())
    with pytest.raises(InvalidInput, match="is given an address or options"):
        operate.start("other", PilotSpec(options={"partition": "long"}))
    assert registry.names() == ["work"]
    with NamedPilot("work") as pilot, pytest.raises(InvalidInput, match="workers"):
        pilot.start(3)


@pytest.mark.ci
def test_what_is_kept_on_another_machine_is_told_and_left_alone(keep):
    record = keep(least=0, most=1)
    registry.write(msgspec.structs.replace(record, host="login7"))
    for act in (lambda: operate.stop("work"), lambda: operate.stop("work", now=True), NamedPilot("work").start):
        with pytest.raises(InvalidInput, match=r"is on login7.*Run this on login7"):
            act(*(() if act.__name__ == "<lambda>" else (1,)))
    (seen,) = operate.look()
    assert (seen.problem, seen.cleaned) == ("on login7", False)
    with pytest.raises(Conflict, match=r"is kept already.*on login7"):
        operate.start("work", PilotSpec())
    assert record.keeper.alive()
    registry.write(record)


@pytest.mark.ci
def test_a_keeper_that_is_stopped_by_a_signal_is_ended_by_its_id(keep, monkeypatch):
    record = keep(least=0, most=1)
    monkeypatch.setattr(line, "PATIENCE_S", 0.2)
    assert record.keeper.signal(signal.SIGSTOP)
    with pytest.raises(QloopError, match="does not answer"):
        line.ask(record, words.Look())
    assert operate.stop("work", now=True) is None
    assert all_gone([record.keeper.pid])
    assert registry.names() == []


def test_a_reused_process_id_is_never_signalled():
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        known = identity(bystander.pid)
        assert known.alive()
        assert not Identity(bystander.pid, known.started + "0").signal(signal.SIGKILL)
        assert not Identity(bystander.pid, "").signal(signal.SIGKILL)
        assert known.signal(signal.SIGTERM)
        assert bystander.wait(60) == -signal.SIGTERM
        assert not known.alive()
        assert not known.signal(signal.SIGKILL)
    finally:
        bystander.kill()
        bystander.wait()


def test_a_folder_of_somebody_else_is_not_used(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pilots").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setenv("QLOOP_STATE", str(tmp_path))
    with pytest.raises(Exception, match="not this user's own"):
        registry.home()


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_pilots_of_real_engines_are_kept(keep, kind):
    """The second program finds the same allocation."""
    record, nodes = keep(least=1, kind=kind, cores=1), set()
    for _ in range(2):
        with PilotDrive(NamedPilot("work")) as drive:
            assert open_value(drive.call(operator.add, 2, 3)) == 5
            nodes |= {event.node for event in drive.events if isinstance(event, Joined)}
    assert len(nodes) == 1
    assert operate.stop("work") is None
    assert all_gone([record.keeper.pid])
