"""How strongly a twin drifts: the numbers of the stochastic model, and its named profiles."""

from __future__ import annotations

import math

import msgspec

from qloop.errors import InvalidInput, UnknownName
from qloop.policies import drift as formulas

PROFILES = {"none": 0.0, "x0.5": 0.5, "x1": 1.0, "x2": 2.0, "x4": 4.0}
"""The factor of each profile (see `Drift.scaled`)."""

_YEAR_S = 366 * 86400.0
_MAX_FACTOR = 100.0
_BOUNDS = {
    "sd": (0.0, 5.0, ""), "relax_s": (1.0, _YEAR_S, "s"), "aging": (0.0, 10.0, "1/h"),
    "aging_limit_s": (0.0, _YEAR_S, "s"), "readout_sd": (0.0, 5.0, ""), "readout_relax_s": (1.0, _YEAR_S, "s"),
    "t1_sd": (0.0, 5.0, ""), "t1_relax_s": (1.0, _YEAR_S, "s"), "tls_every_s": (1.0, math.inf, "s"),
    "tls_hold_s": (1.0, _YEAR_S, "s"), "tls_factor": (0.01, 1.0, ""),
}


class Drift(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a twin's parameters wander (formulas: `qloop.policies.drift`); the defaults are the profile x1.

    `sd`, `readout_sd`, `t1_sd`: stationary standard deviations of ln(gate error), ln(readout error), ln(T1), each with
    its relaxation time in s. `aging` (1/h): growth of gate errors with the age of the calibration, which stops at
    `aging_limit_s`. A two-level system comes to each qubit every `tls_every_s` on average (inf: never), stays for
    `tls_hold_s`, and multiplies T1 with `tls_factor` meanwhile. `aged`: whether a run begins with parameters as old as
    the snapshot's dates say, or with all as just measured. `InvalidInput` for a number out of its range.
    """

    sd: float = formulas.GATE_SD
    relax_s: float = formulas.GATE_RELAX_S
    aging: float = formulas.AGING
    aging_limit_s: float = 24 * 3600.0
    readout_sd: float = formulas.READOUT_SD
    readout_relax_s: float = formulas.READOUT_RELAX_S
    t1_sd: float = formulas.T1_SD
    t1_relax_s: float = formulas.T1_RELAX_S
    tls_every_s: float = formulas.TLS_EVERY_S
    tls_hold_s: float = formulas.TLS_HOLD_S
    tls_factor: float = formulas.TLS_FACTOR
    aged: bool = True

    def __post_init__(self) -> None:
        for name, (low, high, unit) in _BOUNDS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise InvalidInput(f"The drift's {name} is {value!r:.40}", "",
                                   f"Give a number from {low:g} to {high:g} {unit}".rstrip())
        if not isinstance(self.aged, bool):
            raise InvalidInput(f"The drift's aged is {self.aged!r:.40}", "", "Give True or False")

    @property
    def on(self) -> bool:
        """Whether anything changes with time."""
        return max(self.sd, self.readout_sd, self.t1_sd, self.aging) > 0.0 or self.tls_every_s < math.inf

    def scaled(self, factor: float) -> Drift:
        """The same drift `factor` times as strong: its standard deviations, its aging, and the rate of TLS events.

        Relaxation and hold times and the depth of a TLS stay. `InvalidInput` for a factor below 0 or above 100.
        """
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0.0 <= factor <= _MAX_FACTOR:
            raise InvalidInput(f"The drift cannot be {factor!r:.40} times as strong", "A factor scales its strength",
                               f"Give a number from 0 (frozen) to {_MAX_FACTOR:g}")
        every = self.tls_every_s / factor if factor else math.inf
        return msgspec.structs.replace(self, sd=self.sd * factor, readout_sd=self.readout_sd * factor,
                                       t1_sd=self.t1_sd * factor, aging=self.aging * factor, tls_every_s=every)


def drift_of(wish: str | Drift) -> Drift:
    """The drift that is wished for, by the name of its profile or as such; `UnknownName`, `InvalidInput`."""
    if isinstance(wish, Drift):
        return wish
    if not isinstance(wish, str):
        raise InvalidInput(f"The drift is {wish!r:.40}", "It is neither a profile's name nor a Drift",
                           f"Give one of {', '.join(PROFILES)}, or a Drift of your own")
    if wish not in PROFILES:
        raise UnknownName("drift profile", wish, PROFILES)
    return Drift().scaled(PROFILES[wish])
