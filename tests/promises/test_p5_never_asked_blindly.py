"""P5: a QPU is never asked blindly twice. Crashes at the five points around a request, for each means of recovery,
while the wire loses, delays or doubles: sixty cases, and what a person decides where nobody can know.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from qloop.errors import Held
from qloop.qpus.protocol import Recovery
from qloop.runtime.journal.purchases import IntentState
from qloop.testing.provider import Provider, Wire
from qloop.testing.scripted_remote import ScriptedRemoteQpu

from .purchases import POINTS, RECOVERIES, VALUE, Lives

WIRES = (Wire.REPLY_LOST, Wire.LATE, Wire.DOUBLED)


def is_reached(point: str, recovery: Recovery) -> bool:
    """Whether a life comes to the point although the wire breaks its first request.

    Only a provider's answer leads to `answered`: with a token the second request has one, else the task is found
    (`accepted`) without it. Without any means the task is held before both.
    """
    if recovery is Recovery.NONE:
        return point not in ("answered", "accepted")
    return point != "answered" or recovery is Recovery.TOKEN


@pytest.mark.parametrize(("point", "recovery", "wire"), list(itertools.product(POINTS, RECOVERIES, WIRES)))
def test_after_a_crash_the_provider_is_looked_at_before_it_is_asked(
        tmp_path: Path, point: str, recovery: Recovery, wire: Wire) -> None:
    provider = Provider({("submit", 1): wire}, recovery=recovery)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    held = False
    try:
        first = lives.live(crash_at=point)
    except Held:        # the wire broke before the point was reached, and this QPU cannot be asked
        first, held = None, True
    assert (first is None and not held) == is_reached(point, recovery), "it died where it should, and only there"
    asked_before = provider.read().calls.get("submit", 0)
    lives.renew()
    if recovery is Recovery.NONE and (held or point != "begin"):
        with pytest.raises(Held, match="qloop intents"):
            lives.live()
        assert provider.read().calls.get("submit", 0) == asked_before <= 1, "asked blindly"
        assert lives.intents()[-1].state is IntentState.HELD
        return
    if recovery is Recovery.NONE:       # nothing was intended before the crash, but now the wire breaks
        with pytest.raises(Held):
            lives.live()
        assert provider.read().calls["submit"] == 1
        return
    result = first or lives.live()
    assert result is not None
    assert result.values == pytest.approx((VALUE,))
    tokens = {task.token for task in provider.read().tasks}
    assert len(tokens) == 1, "one evaluation has one token, in every life"
    running = [task for task in provider.read().tasks if task.phase != "cancelled"]
    assert len(running) == provider.bought == 1, f"bought {provider.bought} times: {provider.read().tasks}"


@pytest.mark.parametrize("recovery", RECOVERIES)
def test_without_faults_it_is_asked_once(tmp_path: Path, recovery: Recovery) -> None:
    provider = Provider(recovery=recovery)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    result = lives.live()
    assert result is not None
    assert (provider.read().calls["submit"], provider.bought) == (1, 1)
    assert lives.steps == ["begin", "intended", "answered", "accepted", "fetched"]
    assert "find" not in provider.read().calls


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_every_point_of_every_life_still_buys_once(tmp_path: Path, point: str) -> None:
    """Ten crashes in a row at the same point: a tag is looked for each time, and found once it is there."""
    provider = Provider(recovery=Recovery.TAG)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    results = []
    for _ in range(10):
        lives.renew()
        results.append(lives.live(crash_at=point))
    lives.renew()
    results.append(lives.live())
    assert results[-1] is not None
    assert provider.bought == 1
    assert len({task.token for task in provider.read().tasks}) == 1
