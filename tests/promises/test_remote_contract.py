"""The scripted provider's adapter keeps the contract of remote QPUs, with each means of recovery."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from qloop.qpus.protocol import Recovery
from qloop.testing.provider import Provider
from qloop.testing.remote_bench import Bench
from qloop.testing.remote_conformance import CHECKS
from qloop.testing.scripted_remote import ScriptedRemoteQpu


def bench(recovery: Recovery) -> Bench:
    """A fresh provider, and adapters to it."""
    provider = Provider(recovery=recovery, queue=1)
    return Bench(lambda: ScriptedRemoteQpu(provider), exact=True)


@pytest.mark.parametrize("recovery", [Recovery.TOKEN, Recovery.CLIENT_ID, Recovery.TAG, Recovery.NONE])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_adapter_keeps_the_contract(check: Callable[[Bench], None], recovery: Recovery) -> None:
    check(bench(recovery))
