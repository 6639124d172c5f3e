"""What a campaign would stumble over once it has begun, looked for before: data sets, platforms, goals of `until`."""

from __future__ import annotations

from qloop.errors import QloopError, UnknownName
from qloop.simulator.analysis.measures import MEASURES
from qloop.simulator.campaign.errors import told_as
from qloop.simulator.campaign.plan import Campaign
from qloop.simulator.choices import idle_settings
from qloop.simulator.platform import world
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.sessions import SessionModel


def verify(campaign: Campaign) -> None:
    """Read every data set, and look for what the built-in measures or the platform model do not know.

    Of a large grid the points that `Campaign.telling` gives. Raises InvalidInput or UnknownName with the place in the
    file.
    """
    until, document = campaign.plan.until, campaign.document
    if until and until.quantity not in MEASURES:
        with document.at("campaign", "until", "quantity"):
            raise UnknownName("quantity for [campaign.until]", until.quantity, MEASURES)
    read: list[SessionModel] = []
    for point in campaign.telling():
        with document.at("sessions"):
            try:
                _look_into(campaign.scenario(point), read)
            except QloopError as error:
                alone = len(campaign.plan.grid) == 1
                raise told_as(error, "" if alone else f"{campaign.plan.grid.said(point)}: ") from None


def _look_into(scenario: Scenario, read: list[SessionModel]) -> None:
    """Read the data set of a point, unless it was read for another one."""
    world.check(scenario)
    if scenario.sessions not in read:
        scenario.sessions.load()
        read.append(scenario.sessions)


def idle(campaign: Campaign) -> list[str]:
    """A sentence for each policy of the campaign under which some given setting has no effect."""
    found: dict[str, None] = {}
    for point in campaign.telling():
        scenario = campaign.scenario(point)
        found[idle_settings(scenario.order(), scenario.settings)] = None
    return [sentence for sentence in found if sentence]
