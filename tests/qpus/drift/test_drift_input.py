"""Profiles by name, a drift of one's own, and what is refused with which words."""

from __future__ import annotations

import math

import pytest

from qloop.errors import InvalidInput, UnknownName
from qloop.qpus.drift.drifting import MAX_RUN_S
from qloop.qpus.drift.model import PROFILES, Drift, drift_of
from qloop.qpus.twin import TwinQpu
from tests.qpus.snapshots_for_tests import changed, line, parsed


@pytest.mark.parametrize("at_ns", [-1, round((MAX_RUN_S + 1) * 1e9), 1.5, "soon"])
def test_times_outside_the_run_are_refused(at_ns: object) -> None:
    twin = TwinQpu(line(2), drift="x1", calibration_interval_s=0.0)
    with pytest.raises(InvalidInput, match=r"The drift at .* ns is asked for.*Give a whole number of ns in"):
        twin.snapshot_at(at_ns)      # type: ignore[arg-type]


def test_profiles_are_factors_of_the_first() -> None:
    assert [drift_of(name) == Drift().scaled(factor) for name, factor in PROFILES.items()] == [True] * 5
    assert drift_of("x1") == Drift()
    double = drift_of("x2")
    assert (double.sd, double.readout_sd, double.t1_sd, double.aging) == (0.4, 0.3, 0.5, 0.02)
    assert (double.tls_every_s, double.tls_hold_s, double.tls_factor) == (36_000.0, 3600.0, 0.3)
    assert (double.relax_s, double.t1_relax_s) == (21_600.0, 3600.0)
    assert not drift_of("none").on
    assert all(drift_of(name).on for name in ("x0.5", "x1", "x2", "x4"))


@pytest.mark.parametrize(("wish", "says"), [
    ("x3", "There is no drift profile named 'x3'. Did you mean 'x4'? Choose one of: none, x0.5, x1, x2, x4."),
    (2.0, "The drift is 2.0. It is neither a profile's name nor a Drift. Give one of none,"),
    (None, "The drift is None."),
])
def test_unknown_profiles_are_refused(wish: object, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        TwinQpu(line(), drift=wish)     # type: ignore[arg-type]
    assert says in str(caught.value)
    assert isinstance(caught.value, UnknownName) is (wish == "x3")


@pytest.mark.parametrize(("numbers", "says"), [
    ({"sd": -0.1}, "The drift's sd is -0.1. Give a number from 0 to 5."),
    ({"t1_sd": math.nan}, "The drift's t1_sd is nan. Give a number from 0 to 5."),
    ({"relax_s": 0.0}, "The drift's relax_s is 0.0. Give a number from 1 to 3.16224e+07 s."),
    ({"aging": "fast"}, "The drift's aging is 'fast'. Give a number from 0 to 10 1/h."),
    ({"tls_factor": 0.0}, "The drift's tls_factor is 0.0. Give a number from 0.01 to 1."),
    ({"tls_every_s": 0.5}, "The drift's tls_every_s is 0.5. Give a number from 1 to inf s."),
    ({"aged": 1}, "The drift's aged is 1. Give True or False."),
])
def test_impossible_numbers_are_refused(numbers: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Drift(**numbers)    # type: ignore[arg-type]
    assert says in str(caught.value)


@pytest.mark.parametrize("factor", [-1.0, math.nan, math.inf, 101, True, "2"])
def test_a_factor_is_neither_negative_nor_absurd(factor: object) -> None:
    with pytest.raises(InvalidInput, match=r"cannot be .* times as strong.*Give a number from 0 \(frozen\) to 100"):
        Drift().scaled(factor)      # type: ignore[arg-type]


@pytest.mark.parametrize(("path", "value", "says"), [
    (["qubits", "t1_ns", "value", 1], 0.0, "t1_ns of qubit 1 is 0.0"),
    (["qubits", "t1_ns", "value", 1], 1e13, "t1_ns of qubit 1 is 10000000000000.0"),
    (["gates", 0, "error", "value", 0], 1.5, "error of cx on [0, 1] is 1.5"),
    (["gates", 0, "error", "date"], [1], "error has 1 dates, not 4"),
    (["dates", 1], "yesterday", "date 'yesterday'"),
])
def test_a_twin_refuses_to_drift_from_absurd_values(path: list[str | int], value: object, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        TwinQpu(parsed(changed(path, value)), drift="x1")
    assert says in str(caught.value)
