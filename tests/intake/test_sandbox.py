"""The box: its limits end a parser that is too hungry, too slow or too deep, and nothing gets out of it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from qiskit import qasm2

from qloop.errors import InvalidInput
from qloop.intake import wire
from qloop.intake.bounds import Bounds
from qloop.intake.facts import Facts
from qloop.intake.reader import Reader, read_circuit
from qloop.intake.sandbox import Sandbox, SandboxError, _exchange
from tests.pilots.processes import all_gone, children, descriptors, threads

from .hostile import HEAD
from .leftovers import below, descendants, refusal, zygote

BELL = f"{HEAD}qreg q[2]; h q[0]; cx q[0], q[1];"
WIDE = {"instructions": 10_000_000, "expanded": 10_000_000}
HUGE = f"{HEAD}qreg q[1000];" + "h q;" * 9_000      # 9 million gates: GiBs and minutes
LONG = f"{HEAD}qreg q[2];" + "cx q[0], q[1];\n" * 3_000


@pytest.mark.parametrize(("bounds", "words"), [
    (Bounds(memory_bytes=16 << 20, **WIDE), "memory"),
    (Bounds(cpu_seconds=1, **WIDE), "1 s of processor time"),
    (Bounds(seconds=0.05, **WIDE), "0.05 s"),
    (Bounds(result_bytes=100_000), "bytes as QPY"),
], ids=["memory", "processor", "clock", "answer"])
def test_a_parser_that_takes_too_much_is_ended(bounds: Bounds, words: str) -> None:
    with Reader(bounds) as reader:
        assert words in refusal(reader, HUGE if bounds.instructions > 1_000_000 else LONG)
        assert all_gone(below(reader))


def test_the_reader_leaves_no_process_and_no_descriptor() -> None:
    before = children()
    with Reader() as reader:
        reader.read(BELL)
        opened = descriptors()
        for _ in range(5):
            reader.read(BELL)
            refusal(reader, "qreg q[2]; h q;")
        assert descriptors() == opened
        mother = zygote(reader)
        assert all_gone(descendants(mother))
        assert threads(mother) == 1
    assert all_gone([mother])
    assert children() <= before


def test_nothing_of_the_callers_environment_reaches_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "xyzzy")
    with Reader() as reader:
        reader.read(BELL)
        assert b"xyzzy" not in Path(f"/proc/{zygote(reader)}/environ").read_bytes()


def test_a_zygote_that_dies_is_replaced() -> None:
    with Reader() as reader:
        reader.read(BELL)
        first = zygote(reader)
        os.kill(first, signal.SIGKILL)
        assert all_gone([first])
        assert reader.read(BELL).num_qubits == 2
        assert zygote(reader) != first


def test_a_keeper_that_dies_is_told_and_the_next_reading_works() -> None:
    with Reader(Bounds(**WIDE, memory_bytes=1 << 30)) as reader, ThreadPoolExecutor(1) as pool:
        reader.read(BELL)
        assert all_gone(below(reader))
        going = pool.submit(reader.examine, HUGE)
        while not (keepers := below(reader)) and not going.done():
            pass
        os.kill(keepers[0], signal.SIGKILL)
        with pytest.raises(SandboxError, match="watches over the parser"):
            going.result()
        assert reader.read(BELL).num_qubits == 2


def test_readings_go_on_side_by_side() -> None:
    with Reader() as reader, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: reader.read(f"{HEAD}qreg q[{n}]; h q;").num_qubits, range(1, 21)))
        assert found == list(range(1, 21))
        assert all_gone(below(reader))


def test_a_program_that_is_killed_leaves_nothing() -> None:
    code = ("import sys; from qloop.intake.reader import Reader; from qloop.intake.bounds import Bounds\n"
            "reader = Reader(Bounds(seconds=60.0)); reader.read(sys.argv[1])\n"
            "print(reader._sandbox._process.pid, flush=True); reader.read(sys.argv[2])")
    slow = f"{HEAD}qreg q[2]; creg c[1];" + "if(c==1) cx q[0], q[1];\n" * 4_900
    program = subprocess.Popen([sys.executable, "-c", code, BELL, slow], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    mother = int(program.stdout.readline())
    while not (family := descendants(mother)) and program.poll() is None:
        pass
    program.kill()
    program.communicate()
    assert all_gone([mother, *family])


class Liar(Sandbox):
    """A sandbox whose child has been taken over: it answers whatever it likes."""

    def __init__(self, outcome: tuple[int, int, bytes | None]) -> None:
        super().__init__()
        self.outcome = outcome

    def run(self, request: bytes, bounds: Bounds) -> tuple[int, int, bytes | None]:  # type: ignore[override]
        return self.outcome


BELL_FACTS = Facts("bell", 2, 0, 2, 2, 2, 0, {"h": 1, "cx": 1})
LIES = {
    "nothing": b"",
    "half a length": b"\x01",
    "a length of 4 GiB": b"\xff\xff\xff\xff{}",
    "no JSON": wire.framed(wire.Answer(), b"")[:4] + b"[[[[" * 20,
    "no circuit": wire.framed(wire.Answer(), b""),
    "no QPY": wire.framed(wire.Answer(circuits=(BELL_FACTS,)), b"QISKIT"),
    "a giant": wire.framed(wire.Answer(circuits=(BELL_FACTS,)), b"QISKIT\x12\x02\x06\x02" + b"\xff" * 100),
    "an escape sequence": wire.framed(wire.Answer(why="\x1b[2J\n" * 500, do="\u202e"), b""),
}


@pytest.mark.parametrize("name", LIES)
def test_a_child_that_lies_is_not_believed(name: str) -> None:
    reader = Reader()
    reader._sandbox = Liar((wire.ENDED, 0, LIES[name]))
    refusal(reader, BELL)


def test_facts_that_do_not_fit_the_circuits_are_refused() -> None:
    from .circuits import packed
    wide = qasm2.loads("OPENQASM 2.0; qreg q[900];")
    reader = Reader()
    reader._sandbox = Liar((wire.ENDED, 0, wire.framed(wire.Answer(circuits=(BELL_FACTS,)), packed(wide))))
    assert "contradicted" in refusal(reader, BELL)


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV, signal.SIGKILL, signal.SIGBUS])
def test_a_crash_is_a_refusal(number: signal.Signals) -> None:
    reader = Reader()
    reader._sandbox = Liar((wire.ENDED, int(number), b""))
    assert f"crash ({number.name})" in refusal(reader, BELL)


@pytest.mark.parametrize(("outcome", "words"), [
    ((wire.ENDED, wire.NO_LIMITS << 8, b""), "limits could not be set"),
    ((wire.NOT_STARTED, 11, b""), "No process can be started"),
])
def test_what_is_no_fault_of_the_source_is_no_invalid_input(outcome: tuple[int, int, bytes], words: str) -> None:
    reader = Reader()
    reader._sandbox = Liar(outcome)
    with pytest.raises(SandboxError, match=words) as caught:
        reader.read(BELL)
    assert not isinstance(caught.value, InvalidInput)


def test_an_answer_without_end_is_cut_off() -> None:
    ours, theirs = socket.socketpair()
    with ours, ThreadPoolExecutor(1) as pool:
        def talk() -> None:
            with theirs, contextlib.suppress(OSError):
                while True:
                    theirs.sendall(b"x" * 65_536)

        going = pool.submit(talk)
        assert _exchange(ours, b"request", 1 << 20, time.monotonic() + 60) is None
        ours.close()
        going.result()


def test_a_child_that_neither_listens_nor_answers_is_waited_for_until_its_time_is_over() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert _exchange(ours, b"x" * (8 << 20), 100, time.monotonic() + 0.1) == b""


@pytest.mark.ci
def test_a_zygote_that_is_stopped_does_not_hang_its_reader() -> None:
    with Reader(Bounds(seconds=0.1)) as reader:
        reader._sandbox._living()
        os.kill(zygote(reader), signal.SIGSTOP)
        with pytest.raises(SandboxError, match="has gone"):
            reader.examine("qreg q[1];")
    with Reader() as reader:
        assert reader.read(BELL).num_qubits == 2


def test_a_python_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(SandboxError, match="no process can be started"):
        read_circuit(BELL)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SandboxError, match="does not start"):
        read_circuit(BELL)


def test_a_reader_works_in_threads_that_end() -> None:
    with Reader() as reader:
        worker = threading.Thread(target=reader.read, args=(BELL,))
        worker.start()
        worker.join()
        assert reader.read(BELL).num_qubits == 2       # the zygote outlives the thread that started it
