"""The policies and placements by name; what plugins add is handed in (see `qloop.runtime.plugins`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from qloop.errors import InvalidInput, UnknownName
from qloop.policies import ablation, baselines, easy, efaas, expected, guesses, order, place, reservation, switching
from qloop.policies.chunks import LEAST_CHUNK_S
from qloop.policies.columns import (
    AGING,
    ANTICIPATE,
    CHUNK_S,
    DEFER,
    HOLD_IDLE,
    HOLD_MAX,
    HYSTERESIS,
    HYSTERESIS_REL,
    LAMBDA_EPOCH,
    LAMBDA_FIDELITY,
    LAMBDA_MOVE,
    LANES,
    PATIENCE,
    PHI,
    TAU,
    TTL_HOT,
    WARM_TTL,
)
from qloop.policies.record import Enter, Note, Pick, Place, Policy

SETTINGS = {
    "ttl_hot": TTL_HOT, "aging": AGING, "phi": PHI, "hysteresis": HYSTERESIS,
    "hysteresis_rel": HYSTERESIS_REL, "lambda_epoch": LAMBDA_EPOCH, "warm_ttl": WARM_TTL,
    "lambda_fidelity": LAMBDA_FIDELITY, "lambda_move": LAMBDA_MOVE,
    "anticipate": ANTICIPATE, "chunk_s": CHUNK_S, "patience": PATIENCE,
    "hold_idle": HOLD_IDLE, "hold_max": HOLD_MAX, "lanes": LANES, "tau": TAU, "defer": DEFER,
}
POSITIVE = {     # least value, and why
    "hold_idle": (1e-9, "A session would let its QPU go at once"), "lanes": (1.0, "No task of a batch could run"),
    "hold_max": (1e-9, "A session would let its QPU go at once"), "tau": (1e-9, "The score divides by it"),
}
WARM_SETTINGS = {HYSTERESIS: 0.3, HYSTERESIS_REL: 0.1, LAMBDA_EPOCH: 0.3, WARM_TTL: 300.0}
CALIBRATED_SETTINGS = {**WARM_SETTINGS, LAMBDA_FIDELITY: 5.0, LAMBDA_MOVE: 0.0}
EFAAS_SETTINGS = {TTL_HOT: 60.0, AGING: 60.0, PHI: 0.2, ANTICIPATE: 0.0, CHUNK_S: 0.5}
EXPECTED_SETTINGS = {HYSTERESIS: 0.0, HYSTERESIS_REL: 0.0, LAMBDA_EPOCH: 0.0, DEFER: 20.0}
NO_EXTRA: Mapping[str, Policy] = MappingProxyType({})


def _keyed(name: str, enter: Enter, start: Note = order.note_nothing, draws: bool = False) -> Policy:
    """An order by one key over the heads of all lanes, placed by the shortest wait."""
    return Policy(name, enter, order.pick_first, start, order.note_nothing, place.least_wait,
                  enter_draws=draws)


def _shared(name: str, enter: Enter, pick: Pick, scan: Pick | None, start: Note, classes: int = 1) -> Policy:
    """An order over lanes that all QPUs share."""
    return Policy(name, enter, pick, start, order.note_nothing, place.least_wait, scan=scan,
                  classes=classes, shared=True)


def builtin() -> dict[str, Policy]:
    """The policies that qloop ships, by name."""
    records = (
        _keyed("fifo", order.enter_fifo),
        _keyed("lifo", order.enter_lifo),
        _keyed("sjf", order.enter_sjf),
        _keyed("random", order.enter_random, order.start_race, draws=True),
        _keyed("weighted", order.enter_weighted, order.start_race, draws=True),
        _shared("fifo_swap", order.enter_swap, order.pick_swap, None, order.start_swap, classes=3),
        _shared("easy", order.enter_fifo, easy.pick, easy.scan, order.note_nothing),
        _shared("reservation", reservation.enter, reservation.pick, reservation.scan, reservation.start),
        Policy("efaas", efaas.enter, efaas.pick, efaas.start, efaas.finish, place.calibrated, classes=2,
               scan=efaas.scan, fair_pool=True, switch=switching.switch, pause=switching.pause,
               guess=guesses.enter_fair, guess_end=guesses.end_fair,
               settings={**CALIBRATED_SETTINGS, **EFAAS_SETTINGS}),
    )
    every = (*records[:-1], *baselines.records(), records[-1], _expected(records[-1]),
             *ablation.records(records[-1]))
    return {record.name: record for record in every}


def _expected(whole: Policy) -> Policy:
    """The variant of efaas that orders NORMAL by what its tasks are expected to bring."""
    made = replace(whole, name="efaas_expected", enter=expected.enter_expected, pick=expected.pick_expected,
                   start=expected.start_expected, finish=expected.finish_expected, pause=expected.pause_expected)
    return made.with_settings(EXPECTED_SETTINGS)


def placements() -> dict[str, tuple[Place, dict[int, float]]]:
    """The placements that qloop ships, by name, with their settings."""
    return {"least_wait": (place.least_wait, {HYSTERESIS: 0.0, HYSTERESIS_REL: 0.0}),
            "warm": (place.warm, WARM_SETTINGS),
            "calibrated": (place.calibrated, CALIBRATED_SETTINGS)}


def policy(name: str, placement: str | None = None, *, extra: Mapping[str, Policy] = NO_EXTRA,
           **settings: float) -> Policy:
    """The policy of this name, optionally with another placement and other settings (seconds, shares).

    `extra` are further policies by name; qloop's own come first. Raises UnknownName for an unknown policy, placement
    or setting, InvalidInput for a setting out of range.
    """
    known = {**extra, **builtin()}
    if name not in known:
        raise UnknownName("policy", name, known)
    found = known[name]
    if placement is not None:
        choices = placements()
        if placement not in choices:
            raise UnknownName("placement", placement, choices)
        found = found.with_placement(*choices[placement])
    return found.with_settings({_column(key): _value(key, value) for key, value in settings.items()})


def named_settings(policy: Policy) -> dict[str, float]:
    """A policy's settings by name, as `policy` takes them; what has no name (a plugin's own columns) is left out."""
    names = {column: name for name, column in SETTINGS.items()}
    return {names[column]: value for column, value in policy.settings.items() if column in names}


def _column(setting: str) -> int:
    if setting not in SETTINGS:
        raise UnknownName("policy setting", setting, SETTINGS)
    return SETTINGS[setting]


def _value(setting: str, value: float) -> float:
    if not (isinstance(value, int | float) and 0.0 <= value < float("inf")):
        raise InvalidInput(f"The policy setting {setting} is {value!r}", "",
                           "Give a finite number that is not negative")
    if setting in ("phi", "hysteresis_rel") and value > 1.0:
        raise InvalidInput(f"The policy setting {setting} is {value!r}", "It is a share", "Give at most 1")
    if setting == "chunk_s" and 0.0 < value < LEAST_CHUNK_S:
        raise InvalidInput(f"The policy setting chunk_s is {value!r}", "QPUs would do nothing but ask whether to go on",
                           f"Give at least {LEAST_CHUNK_S:g} s, or 0 for no chunks")
    least, why = POSITIVE.get(setting, (0.0, ""))
    if value < least:
        raise InvalidInput(f"The policy setting {setting} is {value!r}", why,
                           "Give at least 1" if least == 1.0 else "Give a number above 0")
    return float(value)
