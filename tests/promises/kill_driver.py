"""P4's laboratory, a process of its own: it kills -9 children that run a variational loop, and resumes them.

It is single-threaded and has imported and compiled everything, so that a child, forked from it, costs milliseconds.
`python -m tests.promises.kill_driver PLAN` prints what happened as JSON; PLAN is a `Plan` as JSON.

A ledger outside of the journal, one line for each evaluation that a QPU is asked for, says what was truly bought.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import threading
import time
from pathlib import Path

import msgspec
import numpy as np
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from scipy.optimize import minimize

import qloop
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import Request
from qloop.qpus.twin import TwinQpu
from qloop.runtime.journal.sqlite import SqliteStore
from qloop.runtime.options import Options
from qloop.testing.faults import KillAtCommit, Moment
from qloop.testing.scripted_qpu import ScriptedQpu

RUN, NAME = "r1", "loop"
HAMILTONIAN = SparsePauliOp.from_list([("ZZI", 1.0), ("IZZ", 1.0), ("XII", 0.7), ("IXI", 0.7), ("IIX", 0.7)])
ANSATZ = efficient_su2(3, reps=1)
START = np.linspace(-0.3, 0.4, ANSATZ.num_parameters)


class Plan(msgspec.Struct):
    """What to do: `kills` at random moments, and one before and after every `stride`-th commit."""

    folder: str
    optimizer: str
    qpu: str
    kills: int
    stride: int
    iterations: int = 12
    seed: int = 1


class Ended(msgspec.Struct):
    """What a child that lived to its end says."""

    x: str
    resumed: int
    results: int
    shots: int


class Report(msgspec.Struct):
    """What the campaign saw: `wrong` lists every run that did not end like the one without a crash."""

    x: str
    kills: int
    commits: int
    boundaries: int
    evaluations: int
    overpaid: int
    wrong: list[str]


class Laboratory:
    """Runs of one plan, each in its own folder."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.draw = plan, random.Random(plan.seed)
        if plan.qpu == "exact":
            self.inner, self.shots = ExactQpu("exact"), None
        else:
            self.inner, self.shots = TwinQpu("hanoi", calibration_interval_s=0.0), 300
        self.runs = self.kills = self.overpaid = 0
        self.wrong: list[str] = []

    def folder(self) -> Path:
        """A place for a new run."""
        self.runs += 1
        place = Path(self.plan.folder) / f"run-{self.runs}"
        place.mkdir()
        return place

    def live(self, folder: Path, hook: object = None) -> tuple[int, int]:
        """Fork a child that runs the loop or goes on with it; its process id, and the pipe on which it ends."""
        receive, send = os.pipe()
        pid = os.fork()
        if pid:
            os.close(send)
            return pid, receive
        code = 1
        try:
            os.write(send, msgspec.json.encode(self.work(folder, hook)))
            code = 0
        except BaseException as error:
            os.write(send, repr(error).encode())
        finally:
            os._exit(code)

    def work(self, folder: Path, hook: object) -> Ended:
        """The child's whole life."""
        journal = folder / "journal.qloop"
        ledger = os.open(folder / "ledger", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def note(request: Request) -> None:
            os.write(ledger, f"{len(request.thetas)} {len(request.thetas) * request.shots}\n".encode())

        qpu = ScriptedQpu(inner=self.inner, name="q", watch=note)
        store = SqliteStore(journal, hook=hook)
        options = Options(qpus=[qpu], journal=store, run=RUN, resume=journal.exists(), seed=7,
                          clock="real" if self.plan.qpu == "exact" else 1e5)
        with qloop.Runtime(options) as runtime:
            session = qloop.Session(NAME, runtime=runtime, qpu="q", shots=self.shots, max_time="300d")
            x = np.asarray(self.loop(session))
            view = session.details()
            session.close()
        return Ended(x.tobytes().hex(), view.resumed, view.results, view.shots)

    def loop(self, session: qloop.Session) -> np.ndarray:
        """A variational loop, by qloop's optimizer or by SciPy's own."""
        if self.plan.optimizer == "cobyla":
            objective = session.objective(ANSATZ, HAMILTONIAN)
            return minimize(objective, START, method="COBYLA", options={"maxiter": 2 * self.plan.iterations}).x
        return session.minimize(ANSATZ, HAMILTONIAN, START, optimizer=self.plan.optimizer,
                                maxiter=self.plan.iterations, progress=False).x

    def end(self, pid: int, receive: int) -> Ended | None:
        """Wait for a child: what it says at its end, None if it was killed."""
        with os.fdopen(receive, "rb") as pipe:
            said = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code == -signal.SIGKILL:
            self.kills += 1
            return None
        if code:
            raise RuntimeError(said.decode())
        return msgspec.json.decode(said, type=Ended)

    def kill_at_random(self, folder: Path, length: float) -> Ended | None:
        """One life that is killed after a random part of a whole run's time."""
        pid, receive = self.live(folder)
        if not select.select([receive], [], [], self.draw.uniform(0.0, length))[0]:
            os.kill(pid, signal.SIGKILL)
        return self.end(pid, receive)

    def judge(self, what: str, folder: Path, last: Ended, kills: int) -> None:
        """The run ended like the one without a crash, and bought nothing twice but what was in flight."""
        evaluations, shots = bought(folder)
        self.overpaid += evaluations - self.evaluations
        most = self.evaluations + kills * self.batch
        per_evaluation = self.shots or 0
        sound = (last.x == self.truth.x and last.results == self.truth.results and last.shots == self.truth.shots
                 and self.evaluations <= evaluations <= most and shots == evaluations * per_evaluation)
        if not sound:
            self.wrong.append(f"{what}: {last} after {evaluations} evaluations and {shots} shots, "
                              f"instead of {self.truth} after {self.evaluations}")

    def campaign(self) -> Report:
        """The run without a crash, then the others."""
        hook = folder_count()
        self.work(self.folder(), None)      # imports and compiles
        assert threading.active_count() == 1, "a child would be forked from a process with threads"
        folder = self.folder()
        begun = time.monotonic()
        truth = self.end(*self.live(folder))
        length = time.monotonic() - begun
        assert truth is not None
        self.truth = truth
        lines = (folder / "ledger").read_text().split("\n")[:-1]
        self.evaluations, self.batch = bought(folder)[0], max(int(line.split()[0]) for line in lines)
        commits = self.count_commits(hook)
        boundaries = 0
        for nth in range(1, commits + 1, self.plan.stride):
            for moment in ("before", "after"):
                boundaries += 1
                self.at_boundary(nth, moment)
        while self.kills - boundaries < self.plan.kills:
            folder, before, last = self.folder(), self.kills, None
            while last is None:
                last = self.kill_at_random(folder, length)
            self.judge(f"random kills {self.kills - before}", folder, last, self.kills - before)
        return Report(truth.x, self.kills, commits, boundaries, self.evaluations, self.overpaid, self.wrong)

    def count_commits(self, hook: KillAtCommit) -> int:
        """How many commits a whole life makes, told by a child that counts them and kills itself at none."""
        folder = self.folder()
        receive, send = os.pipe()
        pid = os.fork()
        if not pid:
            self.work(folder, hook)
            os.write(send, str(hook.committed).encode())
            os._exit(0)
        os.close(send)
        with os.fdopen(receive, "rb") as pipe:
            said = pipe.read()
        os.waitpid(pid, 0)
        return int(said)

    def at_boundary(self, nth: int, moment: Moment) -> None:
        """A run that is killed at one commit, and resumed."""
        folder = self.folder()
        assert self.end(*self.live(folder, KillAtCommit(nth, moment))) is None, "the child was not killed"
        last = self.end(*self.live(folder))
        assert last is not None
        self.judge(f"{moment} commit {nth}", folder, last, 1)


def folder_count() -> KillAtCommit:
    """A hook that counts commits and kills at none."""
    return KillAtCommit(2**62, "before")


def bought(folder: Path) -> tuple[int, int]:
    """Evaluations and shots that the QPU was asked for, by the ledger."""
    lines = [line.split() for line in (folder / "ledger").read_text().splitlines()] if folder.exists() else []
    return sum(int(line[0]) for line in lines), sum(int(line[1]) for line in lines)


if __name__ == "__main__":
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    sys.stdout.write(msgspec.json.encode(Laboratory(plan).campaign()).decode())
