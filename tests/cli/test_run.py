"""`qloop run FILE.py`: the program runs as Python would run it, and nothing of what it says is swallowed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .calling import Caller, Child

LOOK = '''
import json, os, sys
import beside
print(json.dumps({"name": __name__, "file": __file__, "argv": sys.argv, "path": sys.path[0], "beside": beside.VALUE,
                  "main": sys.modules["__main__"].__dict__ is globals(), "cwd": os.getcwd()}))
os.chdir("/")
'''


def test_the_program_runs_as_python_would_run_it(call: Caller, folder: Path) -> None:
    place = folder / "sub"
    place.mkdir()
    (place / "look.py").write_text(LOOK)
    (place / "beside.py").write_text("VALUE = 42\n")
    argv, paths = list(sys.argv), list(sys.path)
    done = call("run", "sub/look.py", "a", "--seed", "1", "b c", "--", "--depth", "3", "--json", "--")
    told = json.loads(done.out)
    assert told == {"name": "__main__", "file": str(place / "look.py"), "path": str(place), "beside": 42, "main": True,
                    "argv": [str(place / "look.py"), "a", "b c", "--depth", "3", "--json", "--"], "cwd": str(folder)}
    assert done.code == 0
    assert "set up no runtime" in done.err
    assert (sys.argv, sys.path, Path.cwd()) == (argv, paths, folder)
    assert not (folder / ".qloop").exists()
    sys.modules.pop("beside")


def test_a_program_that_raises_shows_its_own_traceback_and_its_own_stderr(call: Caller, folder: Path) -> None:
    (folder / "raises.py").write_text(
        "import sys\ndef inner(x):\n    return 1 / x\nprint('out')\nprint('err', file=sys.stderr)\n"
        "try:\n    inner(0)\nexcept ZeroDivisionError as error:\n    raise ValueError('no value') from error\n")
    done = call("run", "raises.py")
    assert (done.code, done.out) == (1, "out\n")
    assert "err\n" in done.err
    file = folder / "raises.py"
    for line in (f'File "{file}", line 7, in <module>', f'File "{file}", line 3, in inner', "ZeroDivisionError",
                 f'File "{file}", line 9, in <module>', "ValueError: no value"):
        assert line in done.err
    assert "runpy" not in done.err
    assert "qloop/cli" not in done.err


@pytest.mark.parametrize(("how", "code", "told"), [
    ("sys.exit()", 0, "done"), ("sys.exit(0)", 0, "done"), ("sys.exit(7)", 7, "failed"),
    ("sys.exit('over and out')", 1, "over and out"), ("raise KeyboardInterrupt", 130, "interrupted")])
def test_the_programs_exit_code_is_the_commands(call: Caller, folder: Path, how: str, code: int, told: str) -> None:
    (folder / "exits.py").write_text(f"import sys\n{how}\n")
    done = call("run", "exits.py")
    assert done.code == code
    assert told in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(("line", "code", "told"), [
    ("qloop.Session('a', qpu='exat')", 2, "There is no QPU named 'exat'\n  why:  Did you mean 'exact'?"),
    ("qloop.Session('a').sample(QuantumCircuit(65), shots=1)", 3, "The circuit needs 65 qubits"),
    ("qloop.Session.from_id('x.y', journal='wrong.py')", 4, "wrong.py is not a journal of qloop"),
])
def test_an_error_of_qloop_is_told_without_a_traceback_and_with_its_place(call: Caller, folder: Path, line: str,
                                                                          code: int, told: str) -> None:
    (folder / "wrong.py").write_text(f"import qloop\nfrom qiskit import QuantumCircuit\ndef go():\n    {line}\ngo()\n")
    done = call("run", "wrong.py")
    assert done.code == code
    assert told in done.err
    assert f"  at:   wrong.py, line 4: {line}" in done.err
    assert "Traceback" not in done.err


def test_a_run_tells_its_name_and_journal_and_ends_as_done(call: Caller, folder: Path) -> None:
    done = call("run", "vqe.py", "--seed", "5")
    run = done.err.split()[1]
    assert f"journal .qloop/runs/{run}.qloop" in done.err
    assert f"done: run {run} has 22 results" in done.err
    assert "resume" not in done.err
    listed = call("sessions", "--json").document["sessions"]
    assert [(one["id"], one["state"], one["run_state"], one["resumable"], one["results"]) for one in listed] == [
        (f"{run}.ising", "closed", "done", False, 22)]


def test_json_is_one_document_and_the_program_prints_to_stderr(call: Caller, folder: Path) -> None:
    (folder / "vqe.py").write_text((folder / "vqe.py").read_text() + "\nimport os\nos.system('echo from a child')\n")
    done = call("run", "vqe.py", "--json", "--clock", "virtual", "--qpus", "twin-hanoi", "--trace")
    told = done.document
    assert (told["state"], told["exit_code"], told["error"], told["resume"]) == ("done", 0, None, None)
    assert (told["clock"], told["qpus"], told["policy"]) == ("virtual", ["twin-hanoi"], "efaas")
    assert told["results"] == told["sessions"][0]["results"] == 22
    assert Path(told["journal"]).is_file()
    assert Path(told["trace"]).is_file()
    assert "iteration 20" in done.err
    assert "from a child" in done.err


def test_json_of_a_failed_program_holds_its_error_and_how_to_go_on(call: Caller,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOP", "3")
    done = call("run", "vqe.py", "--json")
    told = done.document
    assert (done.code, told["exit_code"], told["state"]) == (1, 1, "failed")
    assert told["error"]["what"] == "RuntimeError: stopped on purpose"
    assert told["error"]["at"].startswith("vqe.py, line ")
    assert told["resume"] == "qloop run vqe.py --resume"
    assert "RuntimeError: stopped on purpose" in done.err


def test_a_child_process_of_the_program_has_a_run_of_its_own(call: Caller, folder: Path) -> None:
    """One journal has one writer: a child that inherits the environment must not meet its parent's."""
    (folder / "parent.py").write_text(
        "import subprocess, sys, qloop\nwith qloop.Session('a') as s:\n"
        "    subprocess.run([sys.executable, '-c', 'import qloop; print(qloop.Session(\"a\").id)'], check=True)\n"
        "    print(s.id)\n")
    done = call("run", "parent.py")
    inner, outer = done.out.split()
    assert done.code == 0
    assert inner.endswith(".a")
    assert inner != outer


def test_the_answer_does_not_depend_on_who_runs_the_program(call: Caller, folder: Path) -> None:
    first, second = call("run", "vqe.py"), call("run", "vqe.py", "--policy", "fifo")
    other = call("run", "vqe.py", "--seed", "1")
    assert first.answer == second.answer
    assert first.answer[0] != other.answer[0]


def test_classical_steps_run_on_workers(call: Caller, folder: Path) -> None:
    (folder / "vqe.py").write_text((folder / "vqe.py").read_text().replace("maxiter=20", "maxiter=20, workers=True"))
    with_workers = call("run", "vqe.py", "--workers", "1")
    assert with_workers.code == 0, with_workers.err
    (folder / "vqe.py").write_text((folder / "vqe.py").read_text().replace(", workers=True", ""))
    assert call("run", "vqe.py").answer == with_workers.answer


WORKER = '''
import sys, qloop
from qloop.runtime.client import connect

def fails(x):
    print("said by the worker", file=sys.stderr)
    return {}[x]

with qloop.Session("a") as session:
    client = connect()
    client.answer(client.call(session.id, fails, 7))
'''


def test_a_function_that_raises_on_a_worker_shows_its_own_traceback_and_its_own_stderr(call: Caller,
                                                                                       folder: Path) -> None:
    (folder / "worker.py").write_text(WORKER)
    done = call("run", "worker.py", "--workers", "1")
    assert done.code == 1
    for text in ("said by the worker", "in fails", "\nKeyError: 7", "Traceback (most recent call last)"):
        assert done.err.count(text) == 1, done.err


FULL = '''
import os, resource
if "FULL" in os.environ:
    limit = int(os.environ["FULL"])
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
'''


def test_a_full_disk_ends_the_run_with_a_message_and_it_goes_on_when_there_is_space(
        call: Caller, child: Callable[..., Child], folder: Path) -> None:
    """A limit on the size of files fails writes as a full disk does."""
    program = (folder / "vqe.py").read_text().replace("maxiter=20", "maxiter=200")
    (folder / "full.py").write_text(FULL + program)
    ended = child("run", "full.py", FULL=str(300_000)).end()
    assert ended.code == 4
    assert "the disk is full or fails" in ended.err
    assert "  at:   full.py, line " in ended.err
    assert ended.err.rstrip().endswith("resume with: qloop run full.py --resume")
    resumed = call("run", "full.py", "--resume")
    assert resumed.code == 0, resumed.err
    (folder / "whole.py").write_text(program)
    assert call("run", "whole.py").answer[:2] == resumed.answer[:2]
