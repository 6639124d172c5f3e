"""Calling the command: in this process, or as a real child that can be interrupted and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qloop.cli.app import main
from qloop.runtime.current import default_runtime
from qloop.runtime.ordered import taken

VQE = '''
import os, sys, time
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
import qloop

pause, stop = float(os.environ.get("PAUSE", "0")), int(os.environ.get("STOP", "0"))
energy = SparsePauliOp.from_list([("ZZI", 1.0), ("IZZ", 1.0), ("XII", 0.5), ("IXI", 0.5), ("IIX", 0.5)])


def told(entry):
    print("iteration", entry.number, flush=True)
    time.sleep(pause)
    if entry.number == stop:
        raise RuntimeError("stopped on purpose")


with qloop.Session("ising", shots=100) as session:
    found = session.minimize(efficient_su2(3, reps=1), energy, optimizer="spsa", maxiter=20, callback=told)
    print("answer", found.x.tobytes().hex(), found.nfev, found.resumed, flush=True)
'''


@dataclass(frozen=True)
class Called:
    """What a call left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def answer(self) -> list[str]:
        """The words of the program's line `answer`: parameters, evaluations, and how many came from the journal."""
        return next(line for line in self.out.splitlines() if line.startswith("answer")).split()[1:]


class Caller:
    """Calls `main` in this process, each time as a fresh one would see it."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.capfd = capfd

    def __call__(self, *words: str) -> Called:
        self.capfd.readouterr()
        try:
            code = main(words)
        except SystemExit as error:
            code = int(error.code or 0)
        finally:
            forget_runtime()
        out, err = self.capfd.readouterr()
        return Called(code, out, err)


def forget_runtime() -> None:
    """The program's own runtime is made once in a process; the next call shall make its own."""
    if default_runtime.cache_info().currsize:
        default_runtime().close()
    default_runtime.cache_clear()
    taken.cache_clear()


class Child:
    """A real process that runs the command, and the lines it prints."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        variables = {**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", **environment}
        self.process = subprocess.Popen([sys.executable, "-m", "qloop.cli", *words], cwd=folder, env=variables,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def until(self, line: str) -> list[str]:
        """Read its stdout up to this line; what was read."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for text in self.process.stdout:
            lines.append(text.rstrip("\n"))
            if lines[-1] == line:
                return lines
        raise AssertionError(f"it ended without {line!r}: {lines}, {self.end().err}")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self) -> Called:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=60)
        return Called(self.process.returncode, out, err)


def children(folder: Path) -> Iterator[Any]:
    """Makes children in a folder; none is left at the end."""
    made: list[Child] = []

    def start(*words: str, **environment: str) -> Child:
        made.append(Child(folder, *words, **environment))
        return made[-1]

    yield start
    for child in made:
        if child.process.poll() is None:
            child.process.kill()
            child.process.communicate()
