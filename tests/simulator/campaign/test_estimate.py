"""What is said before a campaign begins: kernels are warmed whatever arrives, and times are right after a break."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qloop.simulator.campaign import estimate
from qloop.simulator.campaign.plan import campaign_for
from qloop.simulator.campaign.run import run_campaign
from qloop.simulator.platform.world import effects
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import MMPP, Closed, Recorded
from qloop.simulator.workload.distributions import Exponential

from . import observing


@pytest.mark.parametrize("arrivals", [
    Recorded(times_s=(600.0, 1200.0)), MMPP(rates=(1e-3, 1e-2), stays_s=(600.0, 60.0)),
    Closed(users=5000, think=Exponential(60.0))])
def test_the_run_that_warms_a_kernel_needs_the_same_kernel_and_has_hardly_a_session(arrivals: object) -> None:
    scenario = replace(Scenario(), arrivals=arrivals)
    short = estimate.brief(scenario)
    assert effects(short) == effects(scenario)
    assert short.duration_s == 1.0
    if isinstance(short.arrivals, Closed):
        assert short.arrivals.users == 1
    else:
        assert len(short.arrivals.times(0, 1_000_000_000)) == 1


class Watch:
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def at(self, *_: object) -> None:
        pass


def test_after_a_break_a_replication_is_timed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made before tells no times; a second each would be a guess, and may refuse to go on."""
    monkeypatch.setenv("QLOOP_TEST_PAUSE", "0")
    run_campaign(campaign_for(Scenario(), replications=2), tmp_path, processes=1, observe=observing.drawn)
    watch = Watch()
    monkeypatch.setattr(estimate, "LONGEST_S", 600.0)
    more = campaign_for(Scenario(), replications=1000)
    run_campaign(more, tmp_path, processes=1, observe=observing.drawn, watch=watch)
    assert not any("minute" in text for text in watch.notes), watch.notes
