"""One contract for three modes, local and on the scripted service: what passes here passes there."""

from __future__ import annotations

import pytest

from qloop.testing.remote_bench import Bench, Check
from qloop.testing.remote_conformance import CHECKS
from qloop.testing.remote_conformance_faults import FAULT_CHECKS
from tests.qpus.ibm.conftest import Open
from tests.qpus.ibm.server import IbmServer

MODES = ("job", "batch", "session")
# fake_manila's errors: a CX of about 1 %, readout of 2 to 3 % on each of two qubits, T1 and T2 beside them.
LOCAL_BIAS = 0.12


def _named(check: Check) -> str:
    return check.__name__


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("check", CHECKS, ids=_named)
def test_the_local_testing_mode_keeps_the_contract(check: Check, mode: str, opened: Open) -> None:
    check(Bench(open=lambda: opened("ibm-local:fake_manila", mode=mode), bias=LOCAL_BIAS, survives=False))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("check", [*CHECKS, *FAULT_CHECKS], ids=_named)
def test_the_service_keeps_the_contract(check: Check, mode: str, opened: Open, server: IbmServer) -> None:
    check(Bench(open=lambda: opened(mode=mode), pause=lambda: None,
                lose_reply=lambda: server.fault("POST", "/jobs$", after=True) and None,
                refuse=lambda: server.fault("POST", "/jobs$", status=429, headers={"Retry-After": "7"}) and None,
                recalibrate=lambda: server.world.recalibrate() and None))
