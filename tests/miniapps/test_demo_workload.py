"""What the demo draws: the same for the same seed, as much as was wished, and what the QPUs are really asked for."""

import numpy as np
import pytest

from qloop.errors import InvalidInput
from qloop.miniapps.demo import cast, workload
from qloop.qpus.catalog import open_qpu

HORIZON = 1500.0


@pytest.fixture(scope="module")
def qpus():
    return [open_qpu("twin-hanoi"), open_qpu("twin-torino")]


@pytest.fixture(scope="module")
def circuits():
    return cast.background_problems()[:2]


def drawn(qpus, circuits, seed=3, load=0.8, horizon_s=HORIZON):
    chosen = [role for role in cast.roles() if role.name in ("h2-a", "ising-4", "qaoa-4")]
    return workload.draw(chosen, circuits, qpus, seed=seed, load=load, horizon_s=horizon_s)


def test_the_cast_is_what_was_promised():
    roles = cast.roles()
    assert len(roles) >= 8
    assert len({role.name for role in roles}) == len(roles)
    assert {role.tenant for role in roles} == set(cast.TENANTS)
    assert {role.problem for role in roles} == {"maxcut", "ising", "h2", "lih"}
    sizes = {role.parameters["nodes"] for role in roles if role.problem == "maxcut"}
    assert min(sizes) == 4
    assert max(sizes) == 12
    assert {"qaoa", "efficient_su2"} <= {role.parameters["ansatz"] for role in roles if role.problem == "maxcut"}


def test_the_offered_load_is_the_wished_one_to_half_a_task(qpus, circuits):
    for load in (0.6, 0.85):
        mix = drawn(qpus, circuits, load=load).mix
        longest = 20.0
        assert abs(mix.offered - load) * mix.capacity_s <= longest / 2
        assert mix.offered == pytest.approx(mix.offered_loops + mix.offered_background)
        assert mix.offered_background * mix.capacity_s == pytest.approx(mix.background * mix.background_s)


def test_a_seed_gives_the_same_workload_and_another_seed_another(qpus, circuits):
    one, again, other = (drawn(qpus, circuits, seed) for seed in (3, 3, 4))
    assert one.background == again.background
    assert [part.arrival_s for part in one.parts] == [part.arrival_s for part in again.parts]
    assert [part.think(k) for part in one.parts for k in range(9)] == [
        part.think(k) for part in again.parts for k in range(9)]
    assert all((a.optimizer().x == b.optimizer().x).all() for a, b in zip(one.parts, again.parts, strict=True))
    assert one.background != other.background
    assert [part.think(0) for part in one.parts] != [part.think(0) for part in other.parts]


def test_everything_arrives_within_the_horizon_and_loops_apart(qpus, circuits):
    found = drawn(qpus, circuits)
    times = [task.arrival_s for task in found.background]
    assert times == sorted(times)
    assert times[0] >= 0.0
    assert times[-1] <= HORIZON
    width = workload.OPENING * HORIZON / len(found.parts)
    assert sorted(int(part.arrival_s // width) for part in found.parts) == list(range(len(found.parts)))


def test_a_longer_horizon_keeps_the_draws_of_a_task(qpus, circuits):
    short, long = drawn(qpus, circuits), drawn(qpus, circuits, horizon_s=2 * HORIZON)
    named = {task.name: task for task in long.background}
    assert all((named[task.name].circuit, named[task.name].shots, named[task.name].tenant)
               == (task.circuit, task.shots, task.tenant) for task in short.background)


def test_thinking_times_have_the_mean_and_spread_they_should(qpus, circuits):
    values = np.array([part.think(k) for part in drawn(qpus, circuits).parts for k in range(len(part.batches))])
    error = workload.THINK_S * workload.THINK_SPREAD / np.sqrt(len(values))
    assert abs(values.mean() - workload.THINK_S) < 4 * error
    assert values.min() > 0.0


def test_a_rehearsal_counts_what_the_optimizer_asks(qpus, circuits):
    for part in drawn(qpus, circuits).parts:
        optimizer, found = part.optimizer(), []
        while not optimizer.done:
            points = optimizer.ask()
            found.append(len(points))
            optimizer.tell(np.cos(points).sum(axis=1))
        assert tuple(found) == part.batches


@pytest.mark.parametrize(("wish", "message"), [
    ({"load": 1.0}, "The load is 1.0. At 1 and above the queues grow without end"),
    ({"load": float("nan")}, "The load is nan"),
    ({"load": 0.01}, "A load of 0.01 is too small. The loops alone offer 0."),
    ({"horizon_s": 0.0}, "The horizon is 0.0 seconds"),
    ({"horizon_s": float("inf")}, "The horizon is inf seconds"),
])
def test_what_cannot_be_drawn_says_so(qpus, circuits, wish, message):
    with pytest.raises(InvalidInput) as told:
        drawn(qpus, circuits, **wish)
    assert message in str(told.value)
