"""A kept pilot is a pilot: the conformance suite, over the keeper's socket."""

from __future__ import annotations

import pytest

from qloop.pilots.named import NamedPilot
from qloop.testing.pilot_conformance import CHECKS


@pytest.mark.ci
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_kept_pilot_conforms(check, kept_by_module):
    check(lambda: NamedPilot("shared"))
