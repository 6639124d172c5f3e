"""Grids: which points there are, what is set at each, and what is wrong with a grid."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.campaign import paths
from qloop.simulator.campaign.document import loads
from qloop.simulator.campaign.grid import Axis, Grid
from qloop.simulator.campaign.plan import campaign_for, campaign_of
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Poisson

TWO_KINDS = '[[qpus]]\nname = "eagle"\ncount = 2\n[[qpus]]\nname = "heron"\n'


@given(st.lists(st.lists(st.integers(), min_size=1, max_size=5, unique=True), max_size=4))
def test_a_product_has_every_combination_once_the_last_axis_fastest(values: list[list[int]]) -> None:
    grid = Grid(tuple(Axis(str(n), ("a", str(n)), tuple(one)) for n, one in enumerate(values)))
    assert [grid.values(point) for point in range(len(grid))] == list(itertools.product(*values))


def test_a_zip_goes_side_by_side() -> None:
    made = campaign_for(Scenario(), {"qpus.0.count": [1, 2, 3], "arrivals.every": ["300 s", "150 s", "100 s"]},
                        combine="zip")
    assert len(made.plan.grid) == 3
    assert made.plan.grid.named(1) == {"qpus.0.count": 2, "arrivals.every": "150 s"}
    assert (made.scenario(2).n_qpus, made.scenario(2).arrivals) == (3, Poisson(every_s=100.0))


@pytest.mark.parametrize(("path", "value", "told"), [
    ("policy", "lifo", lambda s: s.policy == "lifo"), ("scenario.seed", 7, lambda s: s.seed == 7),
    ("qpus.1.count", 5, lambda s: s.qpus[1].count == 5), ("qpus.eagle.count", 4, lambda s: s.qpus[0].count == 4),
    ("qpus.heron.drift.sd", 0.5, lambda s: s.qpus[1].drift.sd == 0.5 and s.qpus[0].drift.sd == 0.0),
    ("tenants.0.weight", 3, lambda s: s.tenants[0].weight == 3.0),
    ("classical.cold_start", "2 s", lambda s: s.classical.cold_start_s == 2.0),
    ("arrivals", "6 /h", lambda s: s.arrivals == Poisson(every_s=600.0)),
    ("sessions.quantum", {"kind": "exponential", "mean": "2 s"}, lambda s: s.sessions.quantum.mean == 2.0),
    ("settings.phi", 0.25, lambda s: s.settings == {"phi": 0.25}),
])
def test_a_path_sets_one_value(path: str, value: Any, told: Any) -> None:
    document = loads(TWO_KINDS)
    made = campaign_of(document, changes={path: value})
    assert told(made.document.scenario())
    assert document == loads(TWO_KINDS)


@pytest.mark.parametrize(("path", "kind", "said"), [
    ("qpus.0.cuont", UnknownName, "Did you mean 'count'"), ("qpus.egle.count", UnknownName, "Did you mean 'eagle'"),
    ("qpus.2.count", UnknownName, "member of [[qpus]]"), ("qpus.count", InvalidInput, "does not say which"),
    ("qpus.0.drift", InvalidInput, "qpus.0.drift.sd"), ("classical", InvalidInput, "names a table"),
    ("clasical.workers", UnknownName, "Did you mean 'classical'"), ("campaign.replications", UnknownName, "named"),
    ("classical.workrs", UnknownName, "Did you mean 'workers'"), ("", InvalidInput, "no path"),
    ("qpus..count", InvalidInput, "no path"), ("polcy", UnknownName, "Did you mean 'policy'"),
])
def test_a_path_that_leads_nowhere(path: str, kind: type[InvalidInput], said: str) -> None:
    with pytest.raises(kind) as found:
        paths.parse(path, loads(TWO_KINDS).tables)
    assert said in str(found.value)


@pytest.mark.parametrize(("text", "said"), [
    ("[campaign]\nreplications = 0", "c.toml, line 2: [campaign] replications is 0"),
    ("[campaign]\nreplicatoins = 3", "c.toml, line 2: There is no key in [campaign] named 'replicatoins'"),
    ('[campaign]\n[campaign.grid]\n"qpus.0.count" = 3', 'c.toml, line 2: "qpus.0.count" in [campaign.grid] is 3'),
    ('[campaign.grid]\n"qpus.0.count" = []', 'c.toml, line 1: "qpus.0.count" in [campaign.grid] is []'),
    ('[campaign.grid]\n"qpus.0.count" = [1, 1]', 'c.toml, line 1: "qpus.0.count" in [campaign.grid] has 1 twice'),
    ('[campaign.grid]\n"qpus.0.count" = [1, -1]',
     "c.toml, line 1: point 1 (qpus.0.count = -1): [[qpus]] number 1 count is -1"),
    ('[campaign.grid]\npolicy = ["fifo", "fido"]', "c.toml, line 1: point 1 (policy = fido): There is no policy"),
    ('[campaign]\ncombine = "zip"\n[campaign.grid]\n"qpus.0.count" = [1, 2]\npolicy = ["fifo"]',
     "c.toml, line 3: The lists of [campaign.grid] are of different lengths"),
    (f'[campaign]\nreplications = 100000\n[campaign.grid]\nseed = [1, 2, 3]\n"arrivals.every" = {list(range(1, 1001))}',
     "c.toml, line 1: 3,000 points with up to 100,000 replications are 300,000,000 runs"),
    ('[campaign.until]\nabsolute = 0.1', "c.toml, line 1: [campaign.until] has no quantity"),
    ('[campaign.until]\nquantity = "drop"', "c.toml, line 1: [campaign.until] has no width"),
    ('[campaign.until]\nquantity = "drop"\nabsolute = 0.1\nleast = 2', "c.toml, line 4: [campaign.until] least is 2"),
    ('[campaign.until]\nquantity = "drop"\nabsolute = 0.1\nmost = 6',
     "c.toml, line 1: [campaign.until] makes at least 10"),
])
def test_what_is_wrong_with_a_campaign(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as found:
        campaign_of(loads(text, "c.toml"))
    assert str(found.value).startswith(said)


def test_policies_of_the_command_line_take_the_place_of_those_of_the_file() -> None:
    document = loads('[campaign]\nreplications = 7\n[campaign.grid]\npolicy = ["fifo", "lifo"]\n'
                     '"qpus.0.count" = [1, 2]')
    one = campaign_of(document, policy=["sjf"], replications=3)
    assert (one.document.scenario().policy, len(one.plan.grid), one.plan.replications) == ("sjf", 2, 3)
    several = campaign_of(document, policy=["sjf", "random"])
    assert [several.scenario(point).policy for point in range(4)] == ["sjf", "sjf", "random", "random"]
    with pytest.raises(InvalidInput, match=r"The policy sjf is given twice.*once"):
        campaign_of(document, policy=["sjf", "random", "sjf"])


def test_the_text_of_a_changed_campaign_is_a_file_of_the_same_campaign() -> None:
    document = loads('[scenario]\nseed = 3\n[campaign.grid]\n"qpus.0.count" = [1, 2]\n[campaign.until]\n'
                     'quantity = "drop"\nrelative = "5 %"', "c.toml")
    made = campaign_of(document, changes={"arrivals.every": "5 min"}, policy=["fifo", "lifo"])
    again = campaign_of(loads(made.text))
    assert again.plan == made.plan
    assert [again.scenario(n) for n in range(4)] == [made.scenario(n) for n in range(4)]
    assert campaign_of(document).text == document.text
