"""Pilots pass the published conformance suite: the local one, and one of agents without an engine."""

from __future__ import annotations

import pytest

from qloop.pilots.local import LocalPilot
from qloop.testing.agents_here import HerePilot
from qloop.testing.pilot_conformance import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_local_pilot_conforms(check):
    check(LocalPilot)


@pytest.mark.ci
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_agents_conform(check):
    check(HerePilot)
