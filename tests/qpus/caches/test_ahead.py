"""Compiling ahead in a child: the same as here, never in the way, and gone with its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from qiskit.circuit.library import efficient_su2

from qloop.qpus.caches.ahead import MOST_WAITING, Ahead, Piece
from qloop.qpus.device import Device
from qloop.qpus.isa import Isa, compile_isa
from qloop.qpus.snapshot_files import load_snapshot


def wait_for(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_the_child_makes_what_this_process_would() -> None:
    device, circuit = Device(load_snapshot("torino")), efficient_su2(3, reps=1)
    found: list[Isa] = []
    ahead = Ahead()
    assert ahead.begin(Piece(compile_isa, (circuit, (0, 1, 2), device, 7), found.append))
    wait_for(lambda: found)
    assert found == [compile_isa(circuit, (0, 1, 2), device, 7)]
    ahead.close()
    ahead.close()
    assert not ahead.begin(Piece(len, ((),), found.append))


def test_what_fails_there_is_left_to_be_done_here() -> None:
    taken: list[object] = []
    ahead = Ahead()
    ahead.begin(Piece(int, ("no number",), taken.append))
    ahead.begin(Piece(sum, ([1, 2],), taken.append))
    wait_for(lambda: taken)
    assert taken == [3]
    ahead.close()


def test_a_child_that_dies_disturbs_nobody() -> None:
    ahead, taken = Ahead(), list[object]()
    ahead.begin(Piece(os._exit, (3,), taken.append))
    ahead.begin(Piece(sum, ([1, 2],), taken.append))
    wait_for(lambda: not ahead.begin(Piece(sum, ([1],), taken.append)))
    assert taken == []
    ahead.close()


def test_too_much_work_is_not_taken() -> None:
    ahead = Ahead()
    answers = [ahead.begin(Piece(time.sleep, (60.0,), print)) for _ in range(MOST_WAITING + 8)]
    assert not all(answers)
    ahead.close()


def test_the_child_ends_with_its_parent() -> None:
    program = """
import time
from qloop.qpus.caches.ahead import Ahead, Piece
import os
ahead = Ahead()
ahead.begin(Piece(os.getpid, (), lambda pid: print(pid, flush=True)))
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not alive(child))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
