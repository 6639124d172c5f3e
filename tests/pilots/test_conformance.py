"""The local pilot passes the published conformance suite."""

from __future__ import annotations

import pytest

from qloop.pilots.local import LocalPilot
from qloop.testing.pilot_conformance import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_local_pilot_conforms(check):
    check(LocalPilot)
