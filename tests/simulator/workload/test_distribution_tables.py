"""Distributions in scenario files: every way to write one, and a clear word about every way that means nothing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.workload.distributions import (
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Gamma,
    Geometric,
    LogNormal,
    Pareto,
    TruncatedNormal,
    Uniform,
    Weibull,
    parse,
    table,
)

from .test_distributions import ANY


@pytest.mark.parametrize(("said", "unit", "meant"), [
    ("2 s", "s", Constant(2.0)), (2, "s", Constant(2.0)), ("500 ms", "s", Constant(0.5)), (40, "count", Constant(40.0)),
    ({"kind": "exponential", "mean": "10 min"}, "s", Exponential(600.0)),
    ({"kind": "lognormal", "mean": "2 s", "sd": "0.3 s"}, "s", LogNormal(2.0, 0.3)),
    ({"kind": "gamma", "mean": "2 s", "cv": 1.5}, "s", Gamma(2.0, 3.0)),
    ({"kind": "geometric", "mean": 12.5}, "count", Geometric(12.5)),
    ({"kind": "weibull", "mean": "1 h", "shape": 0.8}, "s", Weibull(3600.0, 0.8)),
    ({"kind": "truncated_normal", "center": -1, "sd": 2}, "s", TruncatedNormal(-1.0, 2.0)),
    ({"kind": "empirical", "values": ["1 s", "2 s"], "weights": [1, 3]}, "s", Empirical((1.0, 2.0), (1.0, 3.0))),
    (Pareto(2.0, 3.0), "s", Pareto(2.0, 3.0))])
def test_what_people_write(said: Any, unit: str, meant: Distribution) -> None:
    assert parse(said, unit) == meant


@given(ANY)
def test_what_is_written_reads_the_same(one: Distribution) -> None:
    assert parse(table(one), "s") == one


@pytest.mark.parametrize(("said", "told"), [
    ({"mean": 2}, "pre has no kind. Add kind, one of: constant, empirical"),
    ({"kind": "exponential", "mean": "2 S"}, "pre.mean is '2 S'. 'S' is no unit of time"),
    ({"kind": "exponential", "mean": 0}, "pre: mean of the exponential distribution is 0.0. Give a number above 0"),
    ({"kind": "exponential", "mean": math.nan}, "pre.mean is nan. It is not a finite number"),
    ({"kind": "exponential", "mean": 1e300}, "up to 1e+15"), ({"kind": "exponential", "mean": -1}, "pre.mean is -1"),
    ({"kind": "exponential", "maen": 1}, "pre.maen is no parameter of the exponential distribution. Did you"),
    ({"kind": "gamma", "mean": 1}, "pre has no sd. The gamma distribution needs it"),
    ({"kind": "gamma", "mean": 1, "sd": 1, "cv": 1}, "pre.cv is no parameter"),
    ({"kind": "gamma", "mean": 1, "sd": 1e9}, "sd of the gamma distribution is 1e+09 times its mean"),
    ({"kind": "uniform", "low": 3, "high": 2}, "Give a low below the high"),
    ({"kind": "pareto", "mean": 1, "shape": 1}, "shape of the pareto distribution is 1.0"),
    ({"kind": "weibull", "mean": 1, "shape": 0}, "shape of the weibull"),
    ({"kind": "geometric", "mean": 0.5}, "mean of the geometric distribution is 0.5. Give a number from 1"),
    ({"kind": "truncated_normal", "center": -50, "sd": 1}, "Next to nothing of it lies between"),
    ({"kind": "truncated_normal", "center": 1, "sd": 1, "low": 2, "high": 1}, "Give a low below the high"),
    ({"kind": "empirical", "values": []}, "has 0 values"),
    ({"kind": "empirical", "values": [1, "x"]}, "pre.values, number 2, is 'x'"),
    ({"kind": "empirical", "values": [1, -2]}, "pre.values, number 2, is -2"),
    ({"kind": "empirical", "values": [1, 2], "weights": [1]}, "has 2 values and 1 weights"),
    ({"kind": "empirical", "values": [1], "weights": [0]}, "are all 0"),
    ({"kind": "empirical", "file": "x.csv"}, "has a file and no column"), (None, "pre is None"), ([1], "pre is [1]")])
def test_what_means_nothing_is_told(said: Any, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(said, "s", "pre")
    assert told in str(caught.value)


def test_unknown_kinds_come_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no kind of distribution named 'log-normal'. Did you mean 'lognormal'"):
        parse({"kind": "log-normal", "mean": 1, "sd": 1})


@pytest.mark.parametrize(("make", "told"), [
    (lambda: Exponential("2 s"), "mean of the exponential distribution is '2 s'"),
    (lambda: Uniform(0.0, math.inf), "high of the uniform distribution is inf"),
    (lambda: LogNormal(1.0, True), "sd of the lognormal distribution is True"),
    (lambda: Constant(-1), "value of the constant distribution is -1. Give a number from 0"),
    (lambda: Empirical("abc"), "values of the empirical distribution is 'abc'"),
    (lambda: Empirical((1.0, math.nan)), "Number 2 of the values of the empirical distribution is nan")])
def test_records_check_what_they_are_given(make: Any, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make()
    assert told in str(caught.value)


def test_measured_values_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "times.csv"
    path.write_text("size,pre_s\n4,1.5\n6,2.5\n")
    found = parse({"kind": "empirical", "file": str(path), "column": "pre_s"})
    assert found == Empirical(np.array([1.5, 2.5]))
