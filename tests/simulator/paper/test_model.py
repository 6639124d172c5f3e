"""Parameters, measurements and draws: bounds with clear messages, and values that depend on nothing but their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.policies.draws import uniform
from qloop.simulator.paper.draws import fill, uniforms
from qloop.simulator.paper.measurements import COLUMNS, HOME, shipped
from qloop.simulator.paper.model import PlatformModel, big_classical, big_quantum, small
from qloop.simulator.paper.run import run
from qloop.simulator.paper.workload import draw, key_of

BIG = (4, 8, 12, 16, 20, 24)
IBM = {4: 3.6550157744645406, 10: 4.040257770439536, 24: 5.321392515477962}


@pytest.mark.parametrize(("changes", "told"), [
    ({"workers": 0}, "workers is 0. Give a number from 1 to 100000"),
    ({"workers": 1.5}, "It counts things"),
    ({"qpus": -3}, "qpus is -3"),
    ({"qpus": True}, "qpus is True"),
    ({"capacity": float("nan")}, "capacity is nan. Give a number from 1 to 1e\\+15 operations/s"),
    ({"capacity": "fast"}, "capacity is 'fast'"),
    ({"interarrival_s": 0.0}, "interarrival_s is 0.0"),
    ({"duration_s": 1e12}, "duration_s is 1000000000000.0.* s"),
    ({"duration_s": float("inf")}, "duration_s is inf"),
    ({"warmup_s": 7 * 86_400.0}, "does not end before the run.*Give a shorter warm-up"),
    ({"sizes": ()}, "sizes is \\(\\)"),
    ({"priorities": (1, 0)}, "priorities is \\(1, 0\\)"),
])
def test_parameters_out_of_bounds_are_told(changes: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        small(**changes)


@pytest.mark.parametrize(("changes", "near"), [
    ({"policy": "fifo_swop"}, "fifo_swap"), ({"admission": "papers"}, "paper"), ({"counting": "correct"}, "corrected")])
def test_unknown_names_come_with_the_nearest(changes: dict[str, str], near: str) -> None:
    with pytest.raises(UnknownName, match=f"Did you mean '{near}'"):
        small(**changes)


def test_the_scenarios_are_those_of_table_2() -> None:
    assert (small().workers, small().capacity, small().qpus, small().duration_s) == (1, 1e9, 4, 604_800)
    study = big_quantum(6, 900)
    assert (study.qpus, study.interarrival_s, study.policy, study.sizes) == (6, 900, "random", BIG)
    day, week = big_classical(3, 450), big_classical(3, 450, days=7)
    assert (day.workers, day.capacity, day.duration_s, day.warmup_s) == (3, 1e7, 86_400, 3_600)
    assert (week.duration_s, week.warmup_s) == (604_800, 43_200)


def test_the_shipped_measurements_are_whole() -> None:
    measured = shipped(range(4, 25, 4))
    for size, one in measured.items():
        assert all(len(values) == 20 for values in (one.pre_s, one.cost_s, one.post_s, one.iterations)), size
        assert one.iterations.max() <= 1500
        assert 13.0 < one.pre_s.mean() < 15.0
    for size, mean in IBM.items():
        assert shipped([size])[size].quantum_s.mean() == pytest.approx(mean, rel=1e-12)
    assert (HOME / "LICENSE").read_text().startswith("MIT License")


def test_sizes_that_were_not_measured_are_told() -> None:
    with pytest.raises(InvalidInput, match=r"There is no .* for 5 qubits. Choose among: 4, 6, 8"):
        shipped([5])


def test_text_among_the_numbers_is_told(tmp_path: Path) -> None:
    for file in HOME.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert shipped([4], tmp_path)[4].iterations.sum() == shipped([4])[4].iterations.sum()
    path = tmp_path / next(iter(COLUMNS))
    text = path.read_text()
    path.write_text(text + "4,many\n")
    with pytest.raises(InvalidInput, match=f"The measurements in {path.name} cannot be read.*many"):
        shipped([4], tmp_path)
    path.write_text(text + "4,-1.0\n")
    with pytest.raises(InvalidInput, match="not finite or negative"):
        shipped([4], tmp_path)
    path.unlink()
    with pytest.raises(InvalidInput, match="cannot be read"):
        shipped([4], tmp_path)


@given(st.integers(0, 2**62), st.integers(0, 2**40), st.integers(0, 2**62))
def test_draws_by_the_many_are_the_draws_by_the_one(key: int, stream: int, first: int) -> None:
    one = [uniform(key, stream, first + k) for k in range(3)]
    assert uniforms(key, stream, first, 3).tolist() == one
    block = np.zeros(3)
    fill(block, key, stream, first, 3)
    assert block.tolist() == one


@pytest.mark.parametrize(("seed", "replication"), [(-1, 0), (2**31, 0), (0, -1), (0, 2**32)])
def test_seeds_out_of_range_are_told(seed: int, replication: int) -> None:
    with pytest.raises(InvalidInput, match="Give a seed from 0"):
        key_of(seed, replication)


def test_a_session_has_the_same_draws_in_a_longer_run_and_under_any_policy() -> None:
    measured, key = shipped(BIG), key_of(5, 7)
    week = draw(big_quantum(4, 600), measured, key)
    day = draw(big_classical(2, 600), measured, key)
    n = len(day.arrival_ns)
    assert 100 < n < len(week.arrival_ns)
    for name in week.__slots__:
        assert np.array_equal(getattr(week, name)[:n], getattr(day, name)), name
    other = draw(big_quantum(4, 600), measured, key_of(5, 8))
    assert not np.array_equal(other.pre[:n], day.pre)


def test_draws_follow_the_measurements() -> None:
    measured = shipped(BIG)
    sessions = draw(big_quantum(4, 30.0), measured, key_of(0, 0))
    n = len(sessions.arrival_ns)
    assert n == pytest.approx(7 * 2880, rel=0.03)
    assert np.diff(sessions.arrival_ns).std() == pytest.approx(30e9, rel=0.04)
    for size in BIG:
        chosen = sessions.size == size
        assert chosen.mean() == pytest.approx(1 / 6, abs=0.012)
        assert set(sessions.iterations[chosen].tolist()) == set(measured[size].iterations.astype(int).tolist())
        assert sessions.quantum_ns[chosen].mean() * 1e-9 == pytest.approx(measured[size].quantum_s.mean(), rel=0.02)
    assert abs(np.corrcoef(sessions.pre, sessions.post)[0, 1]) < 0.1


def test_a_joint_draw_takes_one_experiment() -> None:
    measured = shipped([8])
    sessions = draw(PlatformModel(sizes=(8,), joint=True), measured, 1)
    rows = {(round(p * 1e9), round(q * 1e9), round(n)) for p, q, n in zip(
        measured[8].pre_s, measured[8].post_s, measured[8].iterations, strict=True)}
    assert {(int(p), int(q), int(n)) for p, q, n in zip(
        sessions.pre, sessions.post, sessions.iterations, strict=True)} <= rows


def test_more_sessions_than_memory_are_told() -> None:
    with pytest.raises(InvalidInput, match=r"sessions would arrive.*Give a shorter run"):
        draw(small(interarrival_s=1e-6), shipped(small().sizes), 0)


def test_no_replications_are_told() -> None:
    with pytest.raises(InvalidInput, match="0 replications"):
        run(small(), 0)
