"""Session models: the paper's sessions to the last bit, draws by number, shares, loads, and a word about bad input."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.paper import workload as paper
from qloop.simulator.paper.measurements import HOME, Measured, shipped
from qloop.simulator.paper.model import PlatformModel, big_quantum, small
from qloop.simulator.workload import arrivals
from qloop.simulator.workload.arrivals import Poisson
from qloop.simulator.workload.distributions import Constant, Exponential, Gamma, Geometric, LogNormal
from qloop.simulator.workload.offered import offered
from qloop.simulator.workload.sessions import SessionModel, parse, table

PARAMETRIC = SessionModel(sizes=(4, 8), size_weights=(3.0, 1.0), pre=Constant(2.0), classical=Gamma(0.5, 0.2),
                          quantum=LogNormal(4.0, 1.0), post=Exponential(1.0), iterations=Geometric(20.0))
MODELS = (SessionModel(), SessionModel(joint=True), PARAMETRIC, SessionModel(quantum=Exponential(3.0)),
          SessionModel(redraw="iteration", iterations=Geometric(9.0)))
BIG = shipped((4, 6, 8, 10, 12, 16, 20, 24))


def columns(drawn: Any) -> dict[str, Any]:
    return {name: getattr(drawn, name) for name in drawn.__slots__}


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([small(), small(joint=True), big_quantum(3, 450.0), PlatformModel(sizes=(6,), joint=True)]),
       st.integers(0, 2**31 - 1), st.integers(0, 2**32 - 1))
def test_sessions_of_a_data_set_are_those_of_the_papers_model(platform: PlatformModel, seed: int, run: int) -> None:
    key = paper.key_of(seed, run)
    there = paper.draw(platform, BIG, key)
    model = SessionModel(sizes=platform.sizes, priorities=platform.priorities, joint=platform.joint)
    arrival = Poisson(platform.interarrival_s, first_at_zero=True).times(key, round(platform.duration_s * 1e9))
    here = model.draw(key, 0, len(arrival), BIG).of_paper(arrival)
    for name in there.__slots__:
        assert getattr(here, name).dtype == getattr(there, name).dtype
        assert np.array_equal(getattr(here, name), getattr(there, name)), name


@pytest.mark.parametrize("model", MODELS, ids=range(len(MODELS)))
def test_a_session_depends_on_its_number_only(model: SessionModel) -> None:
    all_, some = (model.draw(7, first, count, BIG, (1.0, 2.0)) for first, count in ((0, 900), (400, 50)))
    whole, part = columns(all_), columns(some)
    for name in ("size", "priority", "tenant", "pre", "post", "iterations"):
        assert np.array_equal(whole[name][400:450], part[name]), name
    for s in range(50):
        there = all_.begin[400 + s] + all_.stride * np.arange(all_.iterations[400 + s])
        here = some.begin[s] + some.stride * np.arange(some.iterations[s])
        assert np.array_equal(all_.cost[there], some.cost[here])
        assert np.array_equal(all_.quantum_ns[there], some.quantum_ns[here])


def test_parametric_sessions_follow_their_distributions() -> None:
    n = 40_000
    drawn = PARAMETRIC.draw(3, 0, n, PARAMETRIC.load(), (1.0, 3.0))
    assert (drawn.size == 8).mean() == pytest.approx(0.25, abs=0.01)
    assert (drawn.tenant == 1).mean() == pytest.approx(0.75, abs=0.01)
    assert set(drawn.priority) == {1}
    assert set(drawn.pre) == {2e9}
    assert drawn.cost.mean() == pytest.approx(0.5e9, rel=0.02)
    assert drawn.cost.std() == pytest.approx(0.2e9, rel=0.03)
    assert drawn.quantum_ns.mean() == pytest.approx(4e9, rel=0.01)
    assert drawn.quantum_ns.std() == pytest.approx(1e9, rel=0.04)
    assert drawn.post.mean() == pytest.approx(1e9, rel=0.02)
    assert drawn.iterations.mean() == pytest.approx(20.0, rel=0.03)
    assert drawn.iterations.min() == 1
    values = np.array([drawn.cost, drawn.quantum_ns, drawn.post, drawn.iterations, drawn.size, drawn.tenant], float)
    assert np.abs(np.corrcoef(values) - np.eye(6)).max() < 4.5 / n**0.5


def test_iterations_are_drawn_anew_on_request_and_nothing_else_changes() -> None:
    import dataclasses

    anew = dataclasses.replace(PARAMETRIC, redraw="iteration")
    alike, each = (model.draw(3, 0, 3_000, {}) for model in (PARAMETRIC, anew))
    for name in ("size", "priority", "pre", "post", "iterations"):
        assert np.array_equal(getattr(alike, name), getattr(each, name)), name
    assert len(each.cost) == len(each.quantum_ns) == each.iterations.sum()
    assert len(alike.cost) == 3_000
    assert len(np.unique(each.quantum_ns)) > 0.99 * len(each.quantum_ns)
    assert each.quantum_ns.mean() == pytest.approx(4e9, rel=0.01)
    assert abs(np.corrcoef(each.quantum_ns, each.cost)[0, 1]) < 4.5 / len(each.cost)**0.5
    last = each.quantum_ns[each.begin + each.iterations - 1]
    assert abs(np.corrcoef(last, each.quantum_ns[each.begin])[0, 1]) < 0.4    # one in twenty has one iteration
    with pytest.raises(InvalidInput, match=r"The iterations of these sessions differ"):
        each.of_paper(np.zeros(3_000, np.int64))


def test_measured_iterations_drawn_anew_are_measured_values() -> None:
    model = SessionModel(sizes=(8,), redraw="iteration")
    drawn = model.draw(3, 0, 20, BIG)
    assert set(drawn.cost.tolist()) <= set(np.rint(BIG[8].cost_s * 1e9).tolist())
    assert drawn.cost.mean() == pytest.approx(BIG[8].cost_s.mean() * 1e9, rel=0.05)


@pytest.mark.parametrize("model", [*MODELS, SessionModel(sizes=(4, 24), size_weights=(1.0, 5.0))], ids=range(6))
def test_the_offered_load_is_the_mean_of_the_draws(model: SessionModel) -> None:
    n = 6_000
    drawn, load = model.draw(5, 0, n, BIG), offered(model, BIG)
    owner = np.repeat(np.arange(n), drawn.iterations) if drawn.stride else np.arange(n)
    rounds = np.ones(len(owner)) if drawn.stride else drawn.iterations
    for column, extra, expected in ((drawn.quantum_ns, 0.0, load.quantum_s),
                                    (drawn.cost, drawn.pre + drawn.post, load.classical_s)):
        total = (np.bincount(owner, column * rounds, n) + extra) / 1e9
        assert abs(total.mean() - expected) < 4.5 * total.std() / n**0.5
    assert load.iterations == pytest.approx(drawn.iterations.mean(), rel=0.06)
    assert load.qpus_busy(0.5) == 0.5 * load.quantum_s
    assert load.workers_busy(2.0) == 2.0 * load.classical_s


def test_the_offered_load_of_whole_experiments_knows_that_long_loops_may_be_slow_ones() -> None:
    rows = np.array([1.0, 10.0, 100.0])
    measured = {4: Measured(pre_s=rows, cost_s=rows, post_s=rows, iterations=rows, quantum_s=np.ones(3))}
    alone, joint = (offered(SessionModel(sizes=(4,), joint=joint), measured) for joint in (False, True))
    assert alone.classical_s == pytest.approx(37.0 + 37.0**2 + 37.0)
    assert joint.classical_s == pytest.approx(37.0 + (1.0 + 100.0 + 10_000.0) / 3.0 + 37.0)
    assert alone.quantum_s == joint.quantum_s == 37.0


@pytest.mark.parametrize("model", [*MODELS, SessionModel(priorities=(1, 2, 4), priority_weights=(1.0, 1.0, 2.0))])
def test_what_is_written_reads_the_same(model: SessionModel) -> None:
    assert parse(table(model)) == model


def test_what_people_write() -> None:
    said = {"sizes": [4, 8], "quantum": {"kind": "gamma", "mean": "4 s", "cv": 0.5}, "iterations": 20, "pre": "2 s",
            "redraw": "iteration"}
    assert parse(said) == SessionModel(sizes=(4, 8), quantum=Gamma(4.0, 2.0), iterations=Constant(20.0),
                                       pre=Constant(2.0), redraw="iteration")


def test_the_scenario_of_the_documentation_means_what_it_says() -> None:
    page = Path(__file__).parents[3] / "docs" / "how-to" / "describe-a-workload.md"
    said = tomllib.loads(page.read_text().split("```toml\n")[1].split("```")[0])
    assert arrivals.parse(said["arrivals"]) == arrivals.MMPP((2 / 3600, 120 / 3600), (18_000.0, 1_200.0))
    assert parse(said["sessions"]) == SessionModel(sizes=(4, 8), size_weights=(3.0, 1.0), iterations=Geometric(40.0),
                                                   quantum=LogNormal(4.0, 1.0), redraw="iteration")


def test_a_data_set_of_ones_own(tmp_path: Path) -> None:
    for file in HOME.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    here, there = SessionModel(data=str(tmp_path)), SessionModel()
    assert np.array_equal(here.draw(1, 0, 50, here.load()).cost, there.draw(1, 0, 50, there.load()).cost)
    assert PARAMETRIC.load() == {}
    assert SessionModel(pre=Constant(1.0)).measured == ("classical", "post", "quantum", "iterations")


@pytest.mark.parametrize(("said", "told"), [
    (3, "sessions is 3. Give a table"), ({"sizes": []}, "sizes of the sessions is []"),
    ({"sizes": 8}, "sizes of the sessions is 8"), ({"sizes": [0]}, "One of the sizes of the sessions is 0"),
    ({"sizes": [4.5]}, "Give a whole number from 1"),
    ({"priorities": [-1]}, "One of the priorities of the sessions is -1"),
    ({"size_weights": [1]}, "size_weights of the sessions has 1 numbers that add up to 1. There are 4 sizes"),
    ({"size_weights": [0, 0, 0, 0]}, "Give a weight for each, one of them above 0"),
    ({"size_weights": [1, 1, 1, "x"]}, "Number 4 of the size_weights of the sessions is 'x'"),
    ({"quantm": 1}, "sessions.quantm is no parameter of the sessions. Did you mean 'quantum'?"),
    ({"quantum": "-2 s"}, "sessions.quantum is '-2 s'. Give at least 0"),
    ({"quantum": {"kind": "gamma", "mean": "x", "sd": 1}}, "sessions.quantum.mean is 'x'"),
    ({"iterations": 2.5}, "sessions.iterations is 2.5. It counts things"),
    ({"iterations": 0}, "have 0 iterations on average. A session has at least one"),
    ({"iterations": {"kind": "uniform", "low": 0, "high": 1.8}}, "have 0.9 iterations on average"),
    ({"iterations": 1e9}, "have 1e+09 iterations on average. Give at most 16777216"),
    ({"joint": "yes"}, "joint is 'yes'. It is on or off"), ({"data": 3}, "data of the sessions is 3"),
    ({"joint": True, "redraw": "iteration"}, "drawn jointly, and each iteration anew")])
def test_what_means_nothing_is_told(said: Any, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(said)
    assert told in str(caught.value)


def test_names_sizes_and_folders_that_are_not_there_are_told() -> None:
    with pytest.raises(UnknownName, match=r"no redraw of the sessions named 'iterations'. Did you mean 'iteration'"):
        SessionModel(redraw="iterations")
    with pytest.raises(InvalidInput, match=r"There is no data set 'nowhere'. Give 'shipped', or a folder"):
        SessionModel(data="nowhere").load()
    with pytest.raises(InvalidInput, match=r"There is no .* for 5 qubits. Choose among: 4, 6, 8"):
        SessionModel(sizes=(5,)).load()
    with pytest.raises(InvalidInput, match=r"quantum of the sessions is 3.0. Give a distribution"):
        SessionModel(quantum=3.0)   # type: ignore[arg-type]


def test_more_iterations_than_memory_are_told() -> None:
    model = SessionModel(iterations=Constant(1e6), redraw="iteration")
    with pytest.raises(InvalidInput, match=r"have 1.0e\+08 iterations. A draw for each would not fit"):
        model.draw(1, 0, 100, BIG)
    alike = SessionModel(iterations=Constant(1e7)).draw(1, 0, 3, BIG)
    assert alike.iterations.tolist() == [10**7] * 3
