"""The command line itself: help, version, and words that nothing can be made of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qloop import __version__
from qloop.cli.app import COMMANDS
from qloop.cli.exits import Exit, exit_of
from qloop.cli.run import arranged
from qloop.errors import Conflict, JournalError, MissingExtra, QloopError, QpuError, Refused, UnknownName
from qloop.trace.errors import TraceError

from .calling import Caller


def test_the_version_is_the_packages(call: Caller) -> None:
    done = call("--version")
    assert (done.code, done.out) == (0, f"qloop {__version__}\n")


def test_the_overview_names_every_command_and_every_exit_code(call: Caller) -> None:
    plain, asked = call(), call("--help")
    assert plain.out == asked.out
    assert plain.code == asked.code == 0
    assert all(f"\n    {name}" in plain.out for name in COMMANDS)
    assert all(f"\n  {code.value} " in plain.out for code in Exit)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself_and_knows_json(call: Caller, name: str) -> None:
    done = call(name, "--help")
    assert done.code == 0
    assert "--json" in done.out


def test_the_command_starts_without_heavy_libraries() -> None:
    heavy = ("numpy", "qiskit", "scipy", "rich", "matplotlib", "qulacs", "numba", "asyncio")
    code = ("import sys; from qloop.cli.app import build; build().parse_args(['run', 'x.py', '--seed=1']); "
            f"print(*(name for name in {heavy!r} if name in sys.modules))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize(("words", "told"), [
    (("rnu", "x.py"), "There is no command named 'rnu'\n  why:  Did you mean 'run'?"),
    (("sesions",), "Did you mean 'sessions'?"),
    (("sessions", "shwo", "x"), "There is no action named 'shwo'\n  why:  Did you mean 'show'?"),
    (("trace", "reprot", "x"), "Did you mean 'report'?"),
    (("trace",), "required: ACTION"),
    (("trace", "report"), "required: FILE"),
    (("run",), "required: FILE.py"),
    (("run", "vqe.py", "--polcy", "fifo"), "Unrecognized arguments: --polcy. Did you mean --policy?"),
    (("run", "vqe.py", "--depth", "3"), "options of the program itself follow '--'"),
    (("run", "vqe.py", "--policy", "efas"), "There is no policy named 'efas'\n  why:  Did you mean 'efaas'?"),
    (("run", "vqe.py", "--qpus", "exact,twin-hanio"), "There is no QPU named 'twin-hanio'\n  why:  Did you mean"),
    (("run", "vqe.py", "--qpus", "exact,"), "There is no QPU named ''"),
    (("run", "vqe.py", "--qpus", "exact,exact"), "Two QPUs have the same name"),
    (("run", "vqe.py", "--clock", "vitual"), "There is no clock named 'vitual'\n  why:  Did you mean 'virtual'?"),
    (("run", "vqe.py", "--clock", "-2"), "A clock cannot run -2.0 times as fast as real time"),
    (("run", "vqe.py", "--clock", "0"), "A clock cannot run 0.0 times"),
    (("run", "vqe.py", "--clock", "nan"), "A clock cannot run nan times"),
    (("run", "vqe.py", "--seed", "-3"), "The seed is -3"),
    (("run", "vqe.py", "--seed", "9223372036854775808"), "The seed is 9223372036854775808"),
    (("run", "vqe.py", "--seed", "one"), "invalid int value: 'one'"),
    (("run", "vqe.py", "--seed"), "--seed: expected one argument"),
    (("run", "vqe.py", "--workers", "-1"), "The number of workers is -1"),
    (("run", "nothing.py"), "There is no file nothing.py"),
    (("run", "."), ". is a directory"),
    (("run", "broken.py"), "broken.py is not a Python program\n  why:  Line 2: "),
    (("run", "image.png"), "image.png is not a Python program"),
    (("run", "vqe.py", "--resume"), "There is no interrupted run of"),
    (("run", "vqe.py", "--resume", "r2026"), "There is no run 'r2026'"),
    (("qpus", "--", "x"), "Only 'qloop run' and 'qloop submit' pass on what follows '--'"),
    (("qpus", "x"), "Unrecognized arguments: x"),
    (("sessions", "--last", "0"), "--last is 0"),
    (("sessions", "--last", "-4"), "--last is -4"),
    (("sessions", "show"), "required: ID"),
    (("sessions", "show", "r1.a"), "There is no session 'r1.a'\n  why:  Nothing is journaled"),
    (("sessions", "prune"), "Nothing says what to keep"),
    (("sessions", "prune", "--keep-runs", "-1"), "keep_runs is -1"),
    (("sessions", "prune", "--keep-days", "-0.5"), "keep_days is -0.5"),
    (("sessions", "prune", "--keep-days", "nan"), "keep_days is nan"),
    (("sessions", "prune", "--keep-runs", "1.5"), "invalid int value"),
    (("sessions", "backup", "r1", "copy.qloop"), "There is no run 'r1'"),
    (("trace", "report", "nothing.jsonl"), "The trace nothing.jsonl cannot be read"),
    (("trace", "report", "vqe.py"), "vqe.py is not a qloop trace"),
    (("trace", "report", *"abcde"), "5 traces are asked for"),
])
def test_bad_words_are_refused_with_a_reason_and_nothing_is_made(call: Caller, folder: Path, words: tuple[str, ...],
                                                                 told: str) -> None:
    (folder / "broken.py").write_text("x = 1\ny = (\n")
    (folder / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    before = sorted(folder.iterdir())
    done = call(*words)
    assert told in done.err
    assert (done.code, done.out) == (Exit.INPUT, "")
    assert "Traceback" not in done.err
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("words", [("--json", "qpus", "x"), ("rnu", "--json"), ("run", "nothing.py", "--json"),
                                   ("sessions", "--json", "show", "r1.a"), ("sessions", "show", "r1.a", "--json"),
                                   ("trace", "report", "--json", "nothing.jsonl")])
def test_errors_are_json_where_json_is_asked_for(call: Caller, words: tuple[str, ...]) -> None:
    done = call(*words)
    error = done.document["error"]
    assert done.code == error["exit_code"] == Exit.INPUT
    assert error["what"]
    assert error["do"]
    assert error["code"] in ("invalid_input", "unknown_name", "trace")
    assert done.err == ""


def test_json_after_two_dashes_is_the_programs(call: Caller) -> None:
    done = call("run", "nothing.py", "--", "--json")
    assert done.out == ""
    assert "There is no file" in done.err


@pytest.mark.parametrize(("error", "code"), [
    (QloopError("x"), 1), (QpuError("x"), 1), (UnknownName("QPU", "x", ["y"]), 2), (Conflict("x"), 2),
    (MissingExtra("x", "plot"), 2), (TraceError("x"), 2), (Refused("x"), 3), (JournalError("x"), 4)])
def test_exit_codes_of_errors(error: QloopError, code: int) -> None:
    assert exit_of(error) == code


@pytest.mark.parametrize(("words", "order"), [
    ("f.py a --seed 3 b", "--seed=3 f.py a b"),
    ("--resume f.py a", "--resume=latest f.py a"),
    ("f.py --resume", "--resume=latest f.py"),
    ("f.py --resume r20260102-030405-1a2b3c x", "--resume=r20260102-030405-1a2b3c f.py x"),
    ("--resume r20260102-030405-1a2b3c f.py", "--resume=r20260102-030405-1a2b3c f.py"),
    ("--resume report.py", "--resume=latest report.py"),
    ("f.py --clock -1 --trace -", "--clock=-1 --trace f.py -"),
    ("f.py --trace --policy", "--trace f.py --policy"),
])
def test_options_of_run_may_stand_anywhere(words: str, order: str) -> None:
    assert arranged(words.split()) == order.split()
