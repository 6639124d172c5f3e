"""A variational loop as a function: its quantum results come from the scheduler, and outlive its worker (P4)."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import qloop
from qloop.errors import Cancelled
from qloop.functions.future import Future
from qloop.miniapps.problems.registry import problem
from qloop.qpus.structure import structure_hash
from qloop.runtime.embedded import Runtime
from qloop.runtime.questions import circuit_bytes, circuit_of, observable_of, observable_parts

from . import loop_tasks

PATIENCE_S = 240


def run_with_kills(runtime: Runtime, function: object, arguments: tuple[object, ...], moments: list[int]) -> Future:
    """Run it, killing its worker once it has told of so many more energies."""
    future = function.options(runtime=runtime).submit(*arguments)
    until, seen = time.monotonic() + PATIENCE_S, 0
    for moment in moments:
        pid = future.metrics.get("pid")
        while not future.done() and len(future.metric("energy")) < seen + moment and time.monotonic() < until:
            time.sleep(0.001)
        pid, seen = future.metrics.get("pid"), len(future.metric("energy"))
        if pid is not None and not future.done():
            os.kill(int(pid), signal.SIGKILL)
        while not future.done() and future.metrics.get("pid") == pid and time.monotonic() < until:
            time.sleep(0.001)
    return future


def test_circuits_and_observables_travel_unchanged() -> None:
    for name in ("h2", "ising", "lih", "maxcut"):
        one = problem(name)
        again = structure_hash(circuit_of(circuit_bytes(one.circuit)), observable_of(observable_parts(one.observable)))
        assert again == structure_hash(one.circuit, one.observable)
    assert observable_of(observable_parts(None)) is None


def test_a_loop_in_a_worker_goes_as_it_goes_here() -> None:
    h2 = problem("h2")
    with (Runtime(journal=":memory:", seed=3) as runtime, qloop.Session("h2", runtime=runtime, shots=200) as session):
        here = session.minimize(h2.circuit, h2.observable, h2.initial_point(seed=1), maxiter=15, seed=5)
        bought = session.usage()["shots"]
    with Runtime(workers=1, journal=":memory:", seed=3) as runtime:
        future = loop_tasks.minimise.options(runtime=runtime).submit("spsa", 15, 200)
        x, fun, nfev, resumed, usage = future.result(PATIENCE_S)
        assert (np.frombuffer(x) == here.x).all()
        assert (fun, nfev, resumed, usage["shots"]) == (here.fun, here.nfev, 0, bought)
        assert future.metrics["energy"] == here.iterations[-1].energy


def test_it_resumes_on_another_worker_without_buying_a_shot_twice() -> None:
    with Runtime(workers=1, journal=":memory:") as runtime:
        x, fun, nfev, _, usage = loop_tasks.minimise.options(runtime=runtime).submit("spsa", 30, 100).result(PATIENCE_S)
    with Runtime(workers=1, journal=":memory:") as runtime:
        future = run_with_kills(runtime, loop_tasks.minimise, ("spsa", 30, 100), [8, 9])
        again = future.result(PATIENCE_S)
        assert future.attempt == 3
        assert again[:3] == (x, fun, nfev)
        assert again[3] >= 8
        assert again[4]["shots"] == usage["shots"]


@pytest.mark.ci
@pytest.mark.parametrize(("optimizer", "qpu"), [("spsa", "exact"), ("nelder-mead", "exact"), ("cobyla", "exact"),
                                                ("spsa", "twin")])
def test_killed_at_random_moments_it_gives_the_same_bits(optimizer: str, qpu: str) -> None:
    draw = np.random.Generator(np.random.Philox(key=len(optimizer)))
    frozen = "twin-torino?calibration_interval_s=0.0"
    qpus, clock, pin = (["exact"], "real", None) if qpu == "exact" else ([frozen], 300.0, frozen)
    call = (loop_tasks.with_scipy, (25, 50)) if optimizer == "cobyla" else (
        loop_tasks.minimise, (optimizer, 25, 50, pin))

    def life(moments: list[int]) -> tuple:
        with Runtime(workers=1, journal=":memory:", qpus=qpus, clock=clock) as runtime:
            return run_with_kills(runtime, *call, moments).result(PATIENCE_S)

    expected = life([])
    for _ in range(3):
        found = life([int(moment) for moment in draw.integers(0, 14, 2)])
        assert found[:3] == expected[:3]
        assert found[4]["shots"] == expected[4]["shots"]


def test_several_sessions_futures_and_counts_in_one_function(real: Runtime) -> None:
    future = loop_tasks.evaluate_in_two_sessions.options(runtime=real).submit()
    value, values, counted, exact, sampled, done = future.result(PATIENCE_S)
    assert abs(value - np.mean(values)) < 1.0
    assert counted == 50
    assert exact != sampled
    assert done
    assert real.view(exact).state == real.view(sampled).state == "closed"


def test_errors_come_back_as_what_they_are(real: Runtime) -> None:
    found = loop_tasks.what_goes_wrong.options(runtime=real).submit().result(PATIENCE_S)
    kinds = [kind for kind, _ in found]
    assert kinds == ["InvalidInput", "InvalidInput", "UnknownName", "InvalidInput", "InvalidInput"]
    assert "1 parameters were given" in found[0][1]
    assert "is nan" in found[1][1]
    assert "'nowhere'" in found[2][1]
    assert "cannot have others run on workers" in found[4][1]


def test_a_session_that_was_left_open_ends_with_its_call(real: Runtime) -> None:
    session = loop_tasks.left_open.options(runtime=real).submit("forgotten").result(PATIENCE_S)
    until = time.monotonic() + PATIENCE_S
    while real.view(session).state != "closed" and time.monotonic() < until:
        time.sleep(0.01)
    assert real.view(session).state == "closed"


def test_cancelling_the_call_ends_its_session() -> None:
    with Runtime(workers=1, journal=":memory:", qpus=["twin-torino"], clock=1000.0) as runtime:
        future = loop_tasks.for_ever.options(runtime=runtime).submit("twin-torino")
        until = time.monotonic() + PATIENCE_S
        while len(future.metric("energy")) < 2 and not future.done() and time.monotonic() < until:
            time.sleep(0.01)
        assert future.cancel(), future.exception()
        assert isinstance(future.exception(), Cancelled)
        view = runtime.view(f"{runtime.run}.endless")
        assert view.state == "cancelled"
        bought = view.shots
        time.sleep(0.2)
        assert runtime.view(f"{runtime.run}.endless").shots == bought


@pytest.mark.ci
def test_the_program_itself_may_die_too(tmp_path: Path) -> None:
    """Killed in the middle of a loop in a worker, the program is started again: nothing is bought twice."""
    program = tmp_path / "study.py"
    program.write_text(textwrap.dedent("""
        import os, signal, sys, time
        import qloop
        from tests.functions import loop_tasks

        if __name__ == "__main__":
            with qloop.Runtime(workers=1, journal=sys.argv[1], run="study", resume="again" in sys.argv) as runtime:
                future = loop_tasks.minimise.options(runtime=runtime).submit("spsa", 30, 100)
                while "die" in sys.argv and len(future.metric("energy")) < 10:
                    time.sleep(0.001)
                if "die" in sys.argv:
                    os.kill(os.getpid(), signal.SIGKILL)
                x, fun, nfev, resumed, usage = future.result(240)
                print(x.hex(), fun, nfev, resumed >= (10 if "again" in sys.argv else 0), usage["shots"])
        """))

    def run(journal: str, *how: str) -> subprocess.CompletedProcess[str]:
        root = str(Path(__file__).parents[2])
        return subprocess.run([sys.executable, program.name, journal, *how], cwd=tmp_path, capture_output=True,
                              text=True, timeout=PATIENCE_S, env={**os.environ, "PYTHONPATH": root})

    whole = run("whole.qloop")
    assert whole.returncode == 0, whole.stderr
    assert run("parts.qloop", "die").returncode == -signal.SIGKILL
    again = run("parts.qloop", "again")
    assert again.returncode == 0, again.stderr
    assert again.stdout == whole.stdout


@pytest.mark.ci
def test_a_function_on_ranks_returns_what_rank_0_does(real: Runtime) -> None:
    future = loop_tasks.sum_over_ranks.options(runtime=real).submit(2)
    assert future.result(PATIENCE_S) == 6
    assert dict(future.metrics) == {"ranks": 2.0}
