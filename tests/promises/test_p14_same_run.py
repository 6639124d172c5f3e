"""P14: the state is the fold of its events, the same seed gives the same run, and a live run can be replayed."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

import qloop
from qloop.engine.state import State
from qloop.qpus.twin import TwinQpu
from qloop.testing.virtual import fresh_engine, log_of, refold, virtual_runtime
from tests.runtime.two_qubits import ENERGY, circuit, scripted

ROOT = Path(__file__).parents[2]
POLICIES = ("fifo", "efaas", "random", "weighted", "sjf", "easy", "reservation", "fifo_swap", "lifo")


def frozen(thing: Any, seen: tuple[int, ...] = ()) -> Any:
    """All that a state holds as plain data; what refers back to its owner is named by type only."""
    if id(thing) in seen:
        return type(thing).__name__
    seen = (*seen, id(thing))
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        names = [field.name for field in dataclasses.fields(thing) if field.name != "policy"]
        return [type(thing).__name__, *((name, frozen(getattr(thing, name), seen)) for name in names)]
    if isinstance(thing, dict):
        return [(frozen(key, seen), frozen(value, seen)) for key, value in thing.items()]
    if isinstance(thing, set):
        return sorted(map(str, thing))
    if isinstance(thing, list | tuple) or type(thing).__name__ == "deque":
        return [frozen(entry, seen) for entry in thing]
    return repr(thing)


def same(one: State, other: State) -> bool:
    return frozen(one) == frozen(other)


def virtual_run(policy: str, seed: int = 3) -> qloop.Runtime:
    """Loops and single tasks of two tenants on two twins with calibration windows, to the end."""
    twin = TwinQpu("hanoi", seed=seed, calibration_interval_s=15.0, calibration_length_s=2.0)
    platform = virtual_runtime([twin, scripted(name="b", seconds=2.0)], policy=policy, seed=seed,
                               tenants={"t0": 1.0, "t1": 2.0})
    sessions = [qloop.Session(f"s{k}", runtime=platform, tenant=f"t{k % 2}", shots=100) for k in range(4)]
    loops = [session.loop(circuit(), ENERGY, maxiter=4, think=lambda k: 0.7) for session in sessions[:3]]
    for loop in loops:
        loop.start(lambda loop: None)
    single = sessions[3].objective(circuit(), ENERGY)
    futures = [single.submit([0.1 * k, 0.3]) for k in range(6)]
    futures[4].cancel()
    platform.run_until(lambda: all(loop.finished for loop in loops) and all(future.done() for future in futures))
    for session in sessions:
        session.close()
    return platform


def trace_bytes(platform: qloop.Runtime) -> bytes:
    """The run's events and the decisions behind them."""
    decisions = [(now, event, list(commands)) for now, event, commands in log_of(platform)]
    text = msgspec.json.encode([list(platform.trace().events), decisions])
    return text.replace(platform.run.encode(), b"RUN")


@pytest.mark.parametrize("policy", POLICIES)
def test_the_state_is_the_fold_of_its_events(policy):
    platform = virtual_run(policy)
    again = refold(fresh_engine(platform), log_of(platform))
    assert same(again, platform.core.engine.state)
    kinds = {type(event).__name__ for _, event, _ in log_of(platform)}
    assert {"QuantumEnded", "CalibrationDue", "CalibrationEnded", "TaskCancelled", "SessionConverged"} <= kinds
    platform.close()


def test_a_state_that_differs_is_seen():
    platform = virtual_run("fifo")
    log = log_of(platform)
    again = refold(fresh_engine(platform), log)
    again.totals[3] += 1.0
    assert not same(again, platform.core.engine.state)
    with pytest.raises(AssertionError, match="instead of"):
        refold(fresh_engine(platform), log[4:])
    platform.close()


@pytest.mark.parametrize("policy", ["efaas", "random"])
def test_a_live_run_of_many_threads_is_replayed_to_the_same_decisions(policy):
    """Threads make the order of events a matter of chance; the decisions follow from that order all the same."""
    with qloop.Runtime(qpus=[scripted(name="a"), scripted(name="b")], policy=policy, journal=":memory:",
                       trace=True) as platform:

        def work(k: int) -> None:
            with qloop.Session(f"s{k}", runtime=platform, tenant=f"t{k % 2}") as session:
                f = session.objective(circuit(), ENERGY)
                futures = [f.submit([0.1 * n, 0.2]) for n in range(20)]
                futures[7].cancel()
                for n in range(20):
                    f([0.3, 0.1 * n])
                for future in futures:
                    future.exception(60)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        again = refold(fresh_engine(platform), log_of(platform))
        assert same(again, platform.core.engine.state)
        assert len(log_of(platform)) >= 2 * 4 * 39


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not():
    one, two, other = (virtual_run("random", seed) for seed in (3, 3, 4))
    assert trace_bytes(one) == trace_bytes(two)
    assert trace_bytes(one) != trace_bytes(other)
    for platform in (one, two, other):
        platform.close()


PROGRAM = ("import hashlib, sys; from tests.promises import test_p14_same_run as t;"
           "print(hashlib.sha256(b''.join(t.trace_bytes(t.virtual_run(p)) for p in sys.argv[1:])).hexdigest())")


def hash_under(hashseed: str, *policies: str) -> str:
    return subprocess.run([sys.executable, "-c", PROGRAM, *policies], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "PYTHONHASHSEED": hashseed}, check=True).stdout.strip()


def test_the_same_bytes_in_other_processes_whatever_the_hash_seed():
    here = hashlib.sha256(trace_bytes(virtual_run("efaas")) + trace_bytes(virtual_run("random"))).hexdigest()
    assert {hash_under(seed, "efaas", "random") for seed in ("0", "1")} == {here}


@pytest.mark.ci
def test_the_same_bytes_under_every_policy_and_five_hash_seeds():
    assert len({hash_under(seed, *POLICIES) for seed in ("0", "1", "2", "12345", "random")}) == 1
