"""Baselines in the modelled world, worked by hand: what is cold under `faas`, and where a calibration may begin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qloop.simulator.platform.accounts import CALIBRATION_BEGIN
from qloop.simulator.platform.parts import Classical, Lifetimes, QpuKind

from .plain import plain
from .stage import lines, sessions, small, starts

LOOP = sessions(iterations=3, classical=1.0, quantum=1.0)
COLD = Classical(workers=1000, cold_start_s=2.0, keep_alive_s=600.0)
KEEPING = small(0.0, sessions=LOOP, classical=COLD, qpus=(QpuKind(compile_s=3.0, load_s=1.0),))


def test_a_platform_that_keeps_things_is_cold_once() -> None:
    """2 s container, 1 s step, then 3 + 1 + 1 s on the QPU; from then on 1 s and 1 s."""
    found = plain(KEEPING)
    assert [when for when, _, _ in starts(found)] == [3.0, 9.0, 11.0]
    assert found.colds.tolist() == [1]


@pytest.mark.parametrize("hold", ["task", "session"])
def test_stateless_functions_are_cold_at_every_iteration(hold: str) -> None:
    found = plain(replace(KEEPING, policy="faas", classical=replace(COLD, hold=hold)))
    assert [when for when, _, _ in starts(found)] == [3.0, 11.0, 19.0]
    assert found.colds.tolist() == [3]
    assert found.cold_ns.tolist() == [3 * 4_000_000_000]


def test_a_container_of_a_stateless_function_is_nobody_elses_either() -> None:
    """The second session comes when the first one's container is given back."""
    found = plain(replace(small(0.0, 3.0, sessions=sessions(classical=1.0), classical=COLD), policy="faas"))
    assert found.colds.tolist() == [1, 1]
    assert [when for when, _, _ in starts(found)] == [3.0, 6.0]


CALIBRATED = small(0.0, 3.5, sessions=LOOP, qpus=(QpuKind(calibrate_first_s=2.5, calibration_s=5.0),))


@pytest.mark.parametrize(("policy", "first", "calibrated"), [
    ("session", [1.0, 3.0, 5.0], 6.0), ("pilot", [1.0, 7.5, 9.5], 2.5), ("reservation", [1.0, 7.5, 9.5], 2.5)])
def test_no_calibration_begins_while_a_session_holds_the_qpu(policy: str, first: list[float],
                                                             calibrated: float) -> None:
    found = plain(replace(CALIBRATED, policy=policy))
    assert [when for when, session, _ in starts(found) if session == 0] == first
    assert [when for when, _, _, _ in lines(found, CALIBRATION_BEGIN)] == [calibrated]
    second = [when for when, session, _ in starts(found) if session == 1]
    assert second[0] == max(first[-1] + 1.0, 4.5 if policy != "session" else 11.0)


def test_a_session_lets_its_qpu_go_in_the_kernel_as_live() -> None:
    """70 s of thinking: the second session has the QPU 60 s after the first one's shot, and the first waits again."""
    slow = sessions(iterations=2, classical=70.0, quantum=1.0)
    found = plain(replace(small(0.0, 2.0, sessions=slow), policy="session", settings={"hold_idle": 60.0}))
    assert starts(found) == [(70.0, 0, 0), (131.0, 1, 0), (192.0, 0, 0), (202.0, 1, 0)]


def test_the_hosts_own_ttls_end_a_session_too() -> None:
    slow = sessions(iterations=2, classical=1.0, quantum=1.0)
    found = plain(replace(small(0.0, 0.5, sessions=slow), policy="session", lifetimes=Lifetimes(max_s=1.5)))
    assert [session for _, session, _ in starts(found)] == [0]
