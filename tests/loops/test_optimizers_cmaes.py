"""CMA-ES: the library's own course under our generator, its reasons to stop, and what it must not touch."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from qloop.errors import InvalidInput
from qloop.loops.optimizers import cmaes, wire
from qloop.loops.optimizers.cmaes import CMAES
from qloop.loops.optimizers.drive import drive
from qloop.loops.optimizers.protocol import Array, Stop

cma = pytest.importorskip("cma")


def ellipsoid(points: Array) -> Array:
    return (points - 0.5) ** 2 @ np.logspace(0, 3, points.shape[1])


def test_the_course_is_the_librarys_own() -> None:
    optimizer = CMAES(np.zeros(5), seed=3, sigma0=0.4, popsize=9)
    options = {"randn": cmaes._Normals(3), "seed": np.nan, "popsize": 9, "verbose": -10}
    theirs = cma.CMAEvolutionStrategy([0.0] * 5, 0.4, options)
    for _ in range(60):
        points = theirs.ask()
        assert np.array_equal(optimizer.ask(), points)
        values = ellipsoid(np.array(points))
        theirs.tell(points, values.tolist())
        optimizer.tell(values)
    assert optimizer.iteration == theirs.countiter == 60
    assert optimizer.value == theirs.result.fbest
    assert np.array_equal(optimizer.x, theirs.result.xbest)


def test_it_solves_an_ill_conditioned_bowl() -> None:
    outcome = drive(CMAES(np.full(6, 2.0), maxiter=1000), ellipsoid)
    assert outcome.x == pytest.approx(np.full(6, 0.5), abs=1e-4)
    assert outcome.reason is Stop.TOLERANCE


def test_flat_values_are_stagnation() -> None:
    outcome = drive(CMAES(np.zeros(3), tolfun=0.0), lambda points: np.full(len(points), 1.5))
    assert outcome.reason is Stop.STAGNATION
    assert outcome.value == 1.5
    assert 1 < outcome.iterations < 10


def test_a_slope_without_end_diverges() -> None:
    outcome = drive(CMAES(np.zeros(3), maxiter=5000), lambda points: points[:, 0])
    assert outcome.reason is Stop.DIVERGED


@pytest.mark.parametrize(("conditions", "reason"), [
    ({"tolx", "tolstagnation"}, Stop.TOLERANCE), ({"tolconditioncov"}, Stop.ILL_CONDITIONED),
    ({"noeffectaxis", "tolflatfitness"}, Stop.ILL_CONDITIONED), ({"tolxstagnation"}, Stop.STAGNATION),
    ({"a condition of some later version"}, Stop.STAGNATION),
])
def test_the_librarys_conditions_have_one_reason_each(conditions: set[str], reason: Stop,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer = CMAES(np.zeros(2))
    values = ellipsoid(optimizer.ask())
    monkeypatch.setattr(optimizer._strategy, "stop", lambda: dict.fromkeys(conditions))
    optimizer.tell(values)
    assert optimizer.reason is reason


def test_every_condition_the_library_knows_is_named_right() -> None:
    known = set(cma.CMAOptions()) | {"noeffectaxis", "noeffectcoord"}
    assert set().union(*(names for _, names in cmaes.REASONS)) <= known


def test_no_file_no_output_and_no_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                          capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cma_signals.in").write_text("{'maxiter': 1}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = drive(CMAES(np.zeros(1), maxiter=40), ellipsoid)
        drive(CMAES(np.zeros(7), maxiter=40).fork(), ellipsoid)
    assert outcome.iterations > 1
    assert [path.name for path in tmp_path.iterdir()] == ["cma_signals.in"]
    assert capfd.readouterr() == ("", "")


def test_a_dump_that_the_library_would_continue_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer = CMAES(np.zeros(3), seed=1)
    for _ in range(4):
        optimizer.tell(ellipsoid(optimizer.ask()))
    blob = optimizer.dumps()
    other = cma.CMAEvolutionStrategy.tell
    monkeypatch.setattr(cma.CMAEvolutionStrategy, "tell", lambda es, x, f: other(es, x[::-1], f))
    with pytest.raises(InvalidInput, match=r"replaying its values leads to another state.*same versions of qloop"):
        CMAES.loads(blob)


def test_a_dump_with_too_few_values_is_refused() -> None:
    optimizer = CMAES(np.zeros(3), popsize=6)
    optimizer.tell(ellipsoid(optimizer.ask()))
    optimizer._state.told = optimizer._state.told[:-8]
    with pytest.raises(InvalidInput, match="5 values are not 1 generations of 6"):
        CMAES.loads(wire.pack("cma-es", optimizer._settings, optimizer._state))
