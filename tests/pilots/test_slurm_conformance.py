"""The Slurm pilot passes the published conformance suite, on a real Slurm."""

from __future__ import annotations

import pytest

from qloop.testing.pilot_conformance import CHECKS

pytestmark = pytest.mark.ci


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_slurm_pilot_conforms(check, slurm_pilot):
    check(slurm_pilot)
