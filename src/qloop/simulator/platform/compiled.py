"""The extended kernel compiled for a policy and the effects that a scenario has."""

from __future__ import annotations

import functools
from dataclasses import fields
from typing import Any, NamedTuple

from qloop.policies import session
from qloop.policies.record import Policy
from qloop.policies.switching import never
from qloop.simulator.platform import kernel
from qloop.simulator.soundness import watched
from qloop.simulator.specialise import Specialiser

INLINED = ("qloop.simulator.platform.", "qloop.policies.")
# Seldom on the way of a busy platform, and long to compile many times: these stay calls.
SELDOM = frozenset({
    "open_session", "depart", "look", "expire", "outage", "replace", "next_in_calendar", "movable", "advance",
    "join_children", "remove", "settle_containers", "settle_machines", "set_up_machines", "begin_calibration",
    "calibrate_if_due", "reach_edge", "note_dropped",
    "release", "acquire", "note_joined", "note_parted", "read_lane",
})


class Effects(NamedTuple):
    """Which of the extended effects a scenario has; what is off costs nothing."""

    shared_lanes: bool
    slots: bool
    containers: bool
    delays: bool
    lives: bool
    calibrates: bool
    drifts: bool
    outages: bool
    cold_qpu: bool
    attempts_fail: bool
    classical_fails: bool
    closed: bool
    blocks: bool = False
    recalibrates: bool = False
    chunks: bool = False


NAMES = ("SHARED_LANES", "SLOTS", "CONTAINERS_ON", "DELAYS_ON", "LIVES_ON", "CALIBRATES", "DRIFTS", "OUTAGES_ON",
         "COLD_QPU", "ATTEMPTS_FAIL", "CLASSICAL_FAILS", "CLOSED", "BLOCKS", "RECALIBRATES",
         "CHUNKS")


def substitutes(policy: Policy, effects: Effects) -> dict[str, Any]:
    """What takes the place of the names in `features`."""
    return {
        "enter": policy.enter, "pick": policy.pick, "start": policy.start, "finish": policy.finish,
        "scan": policy.scan or policy.pick, "place_cost": policy.place, "CLASSES": policy.classes,
        "quiet_until": policy.quiet_until or session.quiet_until, "QUIET": policy.quiet_until is not None,
        "switch": policy.switch or never, "pause": policy.pause,
        "STATELESS": policy.stateless, "ENTER_DRAWS": policy.enter_draws, "PICK_DRAWS": policy.pick_draws,
        "FAIR_POOL": policy.fair_pool and effects.slots, **dict(zip(NAMES, effects, strict=True)),
    }


def kernel_for(policy: Policy, effects: Effects) -> Any:
    """The compiled `simulate` for the functions of a policy; its settings and name do not matter."""
    told = tuple(getattr(policy, field.name) for field in fields(Policy) if field.name not in ("name", "settings"))
    return _compiled(told, effects)


@functools.cache
def _compiled(told: tuple[Any, ...], effects: Effects) -> Any:
    return specialiser(watched(Policy("", *told)), effects).kernel(kernel.simulate)


def is_made(policy: Policy, effects: Effects) -> bool:
    """Whether the kernel was compiled before, by this process or onto the disk; if not, the first run takes long."""
    loop = kernel_for(policy, effects)
    home = getattr(loop, "home", None)
    return bool(loop.signatures) or (home is not None and any(home.rglob("*.nbi")))


def specialiser(policy: Policy, effects: Effects) -> Specialiser:
    """What compiles the kernel for a policy and a set of effects."""
    return Specialiser(substitutes(policy, effects), "qloop.simulator.platform.", INLINED, SELDOM)
