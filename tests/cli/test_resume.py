"""`qloop run --resume`: after an error, Ctrl-C or kill -9 the same answer, and only what was missing is bought."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from .calling import Called, Caller, Child


def only_run(call: Caller) -> dict[str, object]:
    """The one session that is journaled."""
    (one,) = call("sessions", "--json").document["sessions"]
    return one


def check_resumed(resumed: Called, whole: Called, found: int) -> None:
    """The answer is the undisturbed run's, bit by bit; `found` results were not bought again."""
    parameters, evaluations, from_journal = resumed.answer
    assert (parameters, evaluations) == tuple(whole.answer[:2])
    assert f"the journal holds {found} result" in resumed.err
    counts = re.search(r"has (\d+) results \(([\d,]+) shots\) of 1 session, (\d+) of them bought now", resumed.err)
    expected = re.search(r"has (\d+) results \(([\d,]+) shots\)", whole.err)
    assert counts is not None
    assert expected is not None
    assert counts.group(1, 2) == expected.group(1, 2)
    assert int(counts.group(3)) == int(counts.group(1)) - found
    assert int(from_journal) > 0


def test_a_program_that_raised_goes_on_where_it_was(call: Caller, monkeypatch: pytest.MonkeyPatch,
                                                    tmp_path: Path) -> None:
    monkeypatch.setenv("STOP", "8")
    broken = call("run", "vqe.py", "--seed", "11")
    assert broken.code == 1
    assert broken.err.rstrip().endswith("resume with: qloop run vqe.py --resume")
    left = only_run(call)
    assert [left[what] for what in ("state", "run_state", "resumable", "results")] == ["open", "interrupted", True, 8]
    monkeypatch.delenv("STOP")
    resumed = call("run", "vqe.py", "--resume")
    monkeypatch.setenv("QLOOP_HOME", str(tmp_path / "elsewhere"))
    check_resumed(resumed, call("run", "vqe.py", "--seed", "11"), 8)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "code", "state"), [(signal.SIGINT, 130, "interrupted"),
                                                       (signal.SIGKILL, -9, "killed")])
def test_an_interrupted_process_goes_on_where_it_was(call: Caller, child: Callable[..., Child], number: signal.Signals,
                                                     code: int, state: str, monkeypatch: pytest.MonkeyPatch,
                                                     tmp_path: Path) -> None:
    running = child("run", "vqe.py", "--seed", "3", PAUSE="0.2")
    running.until("iteration 6")
    running.send(number)
    ended = running.end()
    assert ended.code == code
    if number is signal.SIGINT:
        assert "Traceback" not in ended.err
        assert ended.err.rstrip().endswith("resume with: qloop run vqe.py --resume")
    left = only_run(call)
    assert (left["state"], left["run_state"], left["resumable"]) == ("open", state, True)
    found = left["results"]
    assert isinstance(found, int)
    assert 6 <= found < 21
    resumed = call("run", "vqe.py", "--resume", str(left["run"]))
    assert resumed.code == 0
    monkeypatch.setenv("QLOOP_HOME", str(tmp_path / "elsewhere"))
    check_resumed(resumed, call("run", "vqe.py", "--seed", "3"), found)


def test_a_run_that_is_still_running_is_not_taken_up(call: Caller, child: Callable[..., Child]) -> None:
    running = child("run", "vqe.py", PAUSE="0.5")
    running.until("iteration 1")
    done = call("run", "vqe.py", "--resume")
    assert done.code == 2
    assert "is still running)" in done.err
    named = call("sessions").err.split()[0]
    assert "is running now" in call("sessions").err
    again = call("run", "vqe.py", "--resume", named)
    assert again.code == 4
    assert f"is in use by process {running.process.pid}" in again.err
    running.send(signal.SIGKILL)
    running.end()


def test_the_latest_interrupted_run_of_this_very_file_is_taken(call: Caller, folder: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOP", "2")
    other = folder / "other"
    other.mkdir()
    (other / "vqe.py").write_text((folder / "vqe.py").read_text())
    first, second = (call("run", "vqe.py", "--json").document["run"] for _ in range(2))
    elsewhere = call("run", "other/vqe.py", "--json").document["run"]
    monkeypatch.delenv("STOP")
    third = call("run", "vqe.py", "--json").document["run"]
    monkeypatch.chdir(other)
    monkeypatch.setenv("QLOOP_HOME", str(folder / ".qloop"))
    taken = [call("run", "../vqe.py", "--resume", "--json").document for _ in range(2)]
    assert sorted(one["run"] for one in taken) == sorted((first, second))
    assert all(one["found_results"] == 2 and one["state"] == "done" for one in taken)
    assert call("run", "../vqe.py", "--resume").code == 2
    assert call("run", "vqe.py", "--resume", "--json").document["run"] == elsewhere
    assert third not in (one["run"] for one in taken)


def test_the_programs_arguments_and_configuration_are_those_of_the_run(call: Caller, folder: Path,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "vqe.py").write_text((folder / "vqe.py").read_text() + "\nprint('arguments', sys.argv[1:])\n")
    monkeypatch.setenv("STOP", "2")
    run = call("run", "vqe.py", "a b", "--policy", "fifo", "--clock", "60", "--qpus", "exact,twin-hanoi", "--json",
               "--", "--x").document["run"]
    monkeypatch.delenv("STOP")
    for words, told in ((("--seed", "4"), "--seed: it has 0, and 4 is asked for"),
                        (("--policy", "efaas"), "--policy: it has fifo, and efaas is asked for"),
                        (("--qpus", "exact"), "--qpus: it has exact,twin-hanoi, and exact is asked for"),
                        (("--clock", "real"), "--clock: it has 60.0, and real is asked for"),
                        (("c",), "the program's arguments: it has a b,--x, and c is asked for")):
        refused = call("run", "vqe.py", "--resume", *words)
        assert refused.code == 2
        assert f"The run {run} was set up with another configuration" in refused.err
        assert told in refused.err
        assert "without this option" in refused.err
    resumed = call("run", "vqe.py", "--resume", "--clock", "60x", "--seed", "0")
    assert resumed.code == 0, resumed.err
    assert "arguments ['a b', '--x']" in resumed.out


def test_a_run_that_cannot_go_on_is_refused_with_the_reason(call: Caller, folder: Path) -> None:
    run = call("run", "vqe.py", "--json").document["run"]
    done = call("run", "vqe.py", "--resume", run)
    assert (done.code, f"The run {run} cannot be resumed\n  why:  It is done" in done.err) == (2, True)
    (folder / "other.py").write_text("print('other')\n")
    done = call("run", "other.py", "--resume", run)
    assert (done.code, "is one of another program" in done.err, done.out) == (2, True, "")
    done = call("run", "vqe.py", "--resume", run[:-1])
    assert done.code == 2
    assert f"Did you mean '{run}'?" in done.err


OWN = '''
import os, qloop
from qloop.miniapps.problems.registry import problem

stop = int(os.environ.get("STOP", "0"))
with qloop.Runtime(qpus=("twin-hanoi", "twin-torino"), clock="virtual", policy="fifo", seed=4,
                   tenants={"b": 2}) as runtime:
    sessions = [qloop.Session(f"s{k}", runtime=runtime, shots=100, tenant="ab"[k % 2]) for k in range(4)]
    loops = []
    for k, session in enumerate(sessions):
        maxcut = problem("maxcut", nodes=4, seed=k)
        loops.append(session.loop(maxcut.circuit, maxcut.observable, maxiter=6, think=lambda k: 1.5))
        loops[-1].start(lambda loop: None)
    runtime.run_until(lambda: all(loop.finished for loop in loops)
                      or (stop and min(len(loop.history) for loop in loops) >= stop))
    if stop:
        raise RuntimeError("stopped on purpose")
    found = b"".join(loop.result().x.tobytes() for loop in loops)
    results = [loop.result() for loop in loops]
    print("answer", found.hex(), sum(one.nfev for one in results), sum(one.resumed for one in results))
    for session in sessions:
        session.close()
'''


def test_a_program_with_a_runtime_of_its_own_goes_on_too(call: Caller, folder: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "own.py").write_text(OWN)
    whole = call("run", "own.py", "--policy", "efaas")
    assert whole.code == 0, whole.err
    assert "not used, as the program sets up its own runtime: --policy" in whole.err
    monkeypatch.setenv("STOP", "2")
    broken = call("run", "own.py", "--json")
    assert (broken.code, broken.document["policy"], broken.document["clock"]) == (1, "fifo", "virtual")
    assert [one["resumable"] for one in broken.document["sessions"]] == [True] * 4
    monkeypatch.delenv("STOP")
    resumed = call("run", "own.py", "--resume")
    assert resumed.code == 0, resumed.err
    assert resumed.answer[1] == whole.answer[1]
    assert int(resumed.answer[2]) > 0
    (folder / "own.py").write_text(OWN.replace('policy="fifo"', 'policy="lifo"'))
    monkeypatch.setenv("STOP", "1")
    again = call("run", "own.py", "--json").document
    monkeypatch.delenv("STOP")
    (folder / "own.py").write_text(OWN)
    refused = call("run", "own.py", "--resume")
    assert refused.code == 2
    assert again["run"] in refused.err
    assert "with another content" in refused.err


def test_only_the_first_runtime_is_the_runs(call: Caller, folder: Path) -> None:
    (folder / "two.py").write_text(
        "import qloop\nwith qloop.Runtime() as a, qloop.Runtime() as b, qloop.Runtime(journal=':memory:') as c:\n"
        "    print(a.run, b.run, c.run)\n    qloop.Session('x', runtime=a).close()\n")
    done = call("run", "two.py")
    first, *others = done.out.split()
    assert done.code == 0, done.err
    assert done.err.split()[1] == first
    assert len({first, *others}) == 3


def test_each_life_of_a_run_has_a_trace_of_its_own(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOP", "3")
    first = call("run", "vqe.py", "--trace", "--json").document["trace"]
    monkeypatch.delenv("STOP")
    second = call("run", "vqe.py", "--trace", "--json", "--resume").document["trace"]
    assert first != second
    counts = [call("trace", "report", one, "--json").document["reports"][0]["report"]["counts"]["results"]
              for one in (first, second)]
    assert counts == [3, 22]
