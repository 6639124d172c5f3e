"""What a campaign would stumble over later is told before anything is run."""

from pathlib import Path

import numpy as np
import pytest

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.campaign import estimate
from qloop.simulator.campaign.document import loads
from qloop.simulator.campaign.plan import campaign_of
from qloop.simulator.campaign.results import as_dict, as_markdown
from qloop.simulator.campaign.run import Quiet, run_campaign
from qloop.simulator.campaign.stopping import Until
from qloop.simulator.campaign.verify import idle, verify

from . import observing

UNKNOWN_GOAL = '[scenario]\nname = "a"\n[campaign.until]\nquantity = "drup"\nrelative = "5 %"\n'
UNTIL = ('[campaign.grid]\nseed = [1, 2]\n[campaign.until]\nquantity = "{}"\nabsolute = 0.001\nleast = 5\nmost = 9\n')


class Notes(Quiet):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def test_a_quantity_that_is_not_measured(tmp_path: Path) -> None:
    campaign = campaign_of(loads(UNKNOWN_GOAL, "day.toml"))
    with pytest.raises(UnknownName, match=r"day.toml, line 4: .*'drup'.*'drop'"):
        verify(campaign)
    notes = Notes()
    with pytest.raises(UnknownName, match="drup"):
        run_campaign(campaign, tmp_path / "out", processes=1, watch=notes)
    assert notes.said == []         # not even a kernel was compiled


@pytest.mark.parametrize(("text", "said"), [
    ('[sessions]\ndata = "nowhere"\n', r"day.toml, line 1: There is no data set .*nowhere"),
    ('[campaign.grid]\n"sessions.data" = ["shipped", "nowhere"]\n', r"point 1 .*There is no data set"),
    ('[[qpus]]\nqubits = 3\n', "Sessions of .* qubits fit on no QPU")])
def test_data_sets_and_platforms_are_looked_into(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        verify(campaign_of(loads(text, "day.toml")))


def test_settings_that_nothing_reads_are_told(tmp_path: Path) -> None:
    text = '[scenario]\npolicy = "fifo"\n[scenario.settings]\nphi = 0.3\n[campaign]\nreplications = 5\n'
    told = ["the setting phi has no effect under fifo, which does not read it"]
    assert idle(campaign_of(loads(text))) == told
    assert idle(campaign_of(loads(text), policy=["efaas", "lifo"])) == [told[0].replace("fifo", "lifo")]
    notes = Notes()
    run_campaign(campaign_of(loads(text)), tmp_path, processes=1, observe=observing.drawn, watch=notes)
    assert notes.said[0] == told[0]


def test_points_that_stopped_without_what_was_asked_are_marked(tmp_path: Path) -> None:
    for quantity, met in (("other", False), ("qpus", True)):
        campaign = campaign_of(loads(UNTIL.format(quantity)))
        found = run_campaign(campaign, tmp_path / quantity, processes=1, observe=observing.drawn)
        made = 5 if met else 9
        assert [(one.met, one.replications) for one in found.points] == [(met, made)] * 2
        assert [one["met"] for one in as_dict(found)["told"]] == [met] * 2
        text = as_markdown(found, campaign)
        assert ("| 1 | 5 |" if met else r"| 1 | 9 \* |") in text
        assert ("2 of 2 points stopped at 9" in text) != met
    plain = run_campaign(campaign_of(loads("[campaign]\nreplications = 5\n")), tmp_path / "fixed", processes=1,
                         observe=observing.drawn)
    assert plain.points[0].met is None


def test_the_most_replications_are_enough_and_yet_do_not_meet() -> None:
    until, wide = Until(quantity="x", absolute=0.1, least=5, most=6), np.array([0.0, 9.0] * 3)
    assert until.enough(wide)
    assert not until.met(wide)
    assert not until.met(np.full(6, np.nan))


def test_a_long_first_replication_is_told_of_before_it_begins() -> None:
    notes = Notes()
    busy = campaign_of(loads('[arrivals]\nevery = "5 ms"\n'))
    estimate.pilots(busy, observing.drawn, [], notes.note)
    assert notes.said == ["the scenario: a first replication of about 17,280,000 arrivals, to see how long the "
                          "campaign takes"]
    estimate.pilots(campaign_of(loads("")), observing.drawn, [], notes.note)
    assert len(notes.said) == 1


@pytest.mark.parametrize("text", ['[scenario]\nseed = 1\nseed = 2\n', "[arrivals]\nevery = 1\n[arrivals]\nrate = 2\n",
                                  "[qpus]\ncount = 1\n[qpus]\ncount = 2\n"])
def test_a_key_that_is_there_twice(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"is not TOML.*line .*each key once in its table"):
        loads(text)
    with pytest.raises(InvalidInput, match="in quotes"):
        loads("[scenario]\nwarmup = 12 h\n")
