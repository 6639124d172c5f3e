"""Scenario files: what they say is what is simulated, both ways, and what is wrong in them is shown where it stands."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.policies import catalog
from qloop.simulator.campaign import records
from qloop.simulator.campaign.document import load, loads
from qloop.simulator.campaign.dump import dump
from qloop.simulator.campaign.lines import line_of
from qloop.simulator.platform import parts
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import MMPP, Closed, Daily, Poisson, Renewal
from qloop.simulator.workload.distributions import Exponential, LogNormal
from qloop.simulator.workload.sessions import SessionModel

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "scenarios"


def _value(field: dataclasses.Field[Any]) -> st.SearchStrategy[Any]:
    told = field.metadata
    if "names" in told:
        return st.sampled_from(told["names"])
    least, most = told["least"], told["most"]
    if told["whole"]:
        return st.integers(int(least), int(most))
    numbers = st.floats(least, min(most, 1e15))
    return numbers | st.just(math.inf) if most == math.inf else numbers


def _record(kind: type, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = {field.name: _value(field) for field in records.declared(kind).values()}
    return st.fixed_dictionaries({}, optional=fields).flatmap(
        lambda given: st.fixed_dictionaries(more).map(lambda rest: kind(**given, **rest)))


NAMES = st.text(min_size=1, max_size=12)
ARRIVALS = st.sampled_from([
    Poisson(every_s=0.1 + 0.2), Renewal(gap=LogNormal(mean=3.3, sd=1.1)), MMPP(rates=(0.1, 2.5), stays_s=(1e5, 33.3)),
    Closed(users=7, think=Exponential(mean=1 / 3)), Daily(every_s=300.0, amplitude=0.5)])
SESSIONS = st.sampled_from([
    SessionModel(), SessionModel(sizes=(4, 20), size_weights=(0.25, 0.75), quantum=Exponential(mean=0.1)),
    SessionModel(classical=LogNormal(mean=1e-3, sd=1e-4), redraw="iteration")])


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Any scenario that can be."""
    tenants = draw(st.lists(_record(parts.Tenant, name=NAMES), min_size=1, max_size=3, unique_by=lambda one: one.name))
    kinds = draw(st.lists(_record(parts.QpuKind, name=NAMES, drift=_record(parts.Drift)), min_size=1, max_size=3,
                          unique_by=lambda one: one.name))
    duration = draw(st.floats(1.0, 90 * 86400.0))
    return Scenario(
        name=draw(NAMES), policy=draw(st.sampled_from(sorted(catalog.builtin()))),
        placement=draw(st.none() | st.sampled_from(sorted(catalog.placements()))),
        settings=draw(st.just({}) | st.fixed_dictionaries({"phi": st.floats(0.0, 1.0)})),
        duration_s=duration, warmup_s=duration * draw(st.floats(0.0, 0.9)), seed=draw(st.integers(0, 2**31 - 1)),
        arrivals=draw(ARRIVALS), sessions=draw(SESSIONS), tenants=tuple(tenants),
        qpus=tuple(dataclasses.replace(kind, count=min(kind.count, 1000)) for kind in kinds),
        classical=draw(_record(parts.Classical)), transfer=draw(_record(parts.Transfer)),
        lifetimes=draw(_record(parts.Lifetimes)), retries=draw(_record(parts.Retries)),
        admission=draw(_record(parts.Admission)))


@settings(max_examples=60, deadline=None)
@given(scenarios(), st.booleans())
def test_a_scenario_survives_its_file(scenario: Scenario, every: bool) -> None:
    assert loads(dump(scenario, every=every)).scenario() == scenario


def test_an_empty_file_is_the_default() -> None:
    assert loads("").scenario() == Scenario()


def test_units_are_read() -> None:
    made = loads("""
        [scenario]
        duration = "7 days"
        warmup = "1h 30m"
        [arrivals]
        kind = "poisson"
        rate = "6 per hour"
        [classical]
        capacity = "2.5 Gop/s"
        failure = "3 %"
        keep_alive = "never"
        [[qpus]]
        name = "a"
        calibrate_every = "4 h"
        [qpus.drift]
        aging = "24 /day"
        [[qpus]]
        count = 2
        """).scenario()
    assert (made.duration_s, made.warmup_s, made.arrivals) == (604800.0, 5400.0, Poisson(every_s=600.0))
    assert (made.classical.capacity, made.classical.failure, made.classical.keep_alive_s) == (2.5e9, 0.03, math.inf)
    assert [(kind.name, kind.count) for kind in made.qpus] == [("a", 1), ("qpu-2", 2)]
    assert (made.qpus[0].calibrate_every_s, made.qpus[0].drift.aging) == (14400.0, 1.0)


@pytest.mark.parametrize(("text", "said"), [
    ('[scenario]\nduration = "7 dyas"', "bad.toml, line 2: [scenario] duration is '7 dyas'"),
    ('[scenario]\n\nwarmup = -1', "bad.toml, line 3: [scenario] warmup is -1.0"),
    ('[scenario]\nwarmup = "2 days"\n', "bad.toml, line 1: The warm-up of 172800 s does not end before the run"),
    ("[scenario]\nseed = 1.5", "bad.toml, line 2: [scenario] seed is 1.5"),
    ("[scenario]\nseed = nan", "bad.toml, line 2: [scenario] seed is nan"),
    ("[classical]\nworkers = 0", "bad.toml, line 2: [classical] workers is 0"),
    ('[classical]\nworkers = "four"', "bad.toml, line 2: [classical] workers is 'four'"),
    ("[classical]\nworkers = 1e300", "bad.toml, line 2: [classical] workers is 1"),
    ("[[qpus]]\n[[qpus]]\nfailure = true", "bad.toml, line 3: [[qpus]] number 2 failure is True"),
    ("[[qpus]]\n[qpus.drift]\nsd = 9", "bad.toml, line 3: [[qpus]] number 1 [qpus.drift] sd is 9.0"),
    ("[qpus]\ncount = 3", "bad.toml, line 1: qpus is not a list of tables"),
    ("transfer = 3", "bad.toml, line 1: transfer is not a table"),
    ('[[qpus]]\nname = "a"\n[[qpus]]\nname = "a"', "bad.toml: Two of the QPU kinds have one name"),
    ('[[qpus]]\ndrift = 1', "bad.toml, line 2: [[qpus]] number 1 drift is 1"),
    ('[arrivals]\nkind = "poisson"\nrate = "-3 /h"', "bad.toml, line 1: [arrivals].rate is '-3 /h'"),
    ("[scenario]\nname = 3", "bad.toml, line 2: [scenario] name is 3"),
    ("[scenario]\npolicy = fifo", "bad.toml is not TOML"),
])
def test_what_is_wrong_is_shown_where_it_stands(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as found:
        loads(text, "folder/bad.toml" if "not TOML" not in said else "bad.toml").scenario()
    assert str(found.value).startswith(said)
    assert found.value.do


@pytest.mark.parametrize(("text", "line", "nearest"), [
    ("[scenario]\nduratoin = 3", 2, "duration"), ("[scenario]\nwarmup_s = 3", 2, "warmup"),
    ("[[qpus]]\ncuont = 3", 2, "count"), ("[[qpus]]\n[qpus.drift]\nsdd = 1", 3, "sd"),
    ('[scenario]\npolicy = "efass"', 2, "efaas"), ('[classical]\ndiscipline = "slot"', 2, "slots"),
    ("\n[admision]\n", 2, "admission"), ('[scenario]\n# a comment\nplacement = "cheepest"', 3, ""),
])
def test_unknown_names_come_with_the_nearest(text: str, line: int, nearest: str) -> None:
    with pytest.raises(UnknownName) as found:
        loads(text, "bad.toml").scenario()
    assert found.value.what.startswith(f"bad.toml, line {line}: There is no ")
    assert nearest in found.value.why


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(tmp_path / "missing.toml")
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(InvalidInput, match=r"not text in UTF-8.*Byte 8"):
        load(tmp_path / "bytes.toml")
    (tmp_path / "long.toml").write_text("#" * 5_000_000)
    with pytest.raises(InvalidInput, match="larger than 4 MB"):
        load(tmp_path / "long.toml")


def test_data_files_are_looked_for_beside_the_scenario_file(tmp_path: Path) -> None:
    (tmp_path / "came.csv").write_text("at_s\n1\n2\n4.5\n")
    (tmp_path / "one.toml").write_text('[arrivals]\nkind = "recorded"\nfile = "came.csv"\ncolumn = "at_s"\n')
    made = load(tmp_path / "one.toml").scenario()
    assert list(made.arrivals.times_s) == [1.0, 2.0, 4.5]  # type: ignore[union-attr]


def test_lines_of_keys() -> None:
    text = '[a]\nx = 1\n"y.z" = 2\n[[b]]\n[b.c]\nd = 1\n[[b]]\n  [b.c]\n  d = 2\n'
    assert [line_of(text, path) for path in (("a",), ("a", "x"), ("a", "y.z"), ("b", 0, "c", "d"), ("b", 1, "c", "d"),
                                             ("b", 1, "e"), ("q",))] == [1, 2, 3, 6, 9, 7, 0]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_are_scenarios(path: Path) -> None:
    scenario = load(path).scenario()
    assert loads(dump(scenario)).scenario() == scenario
