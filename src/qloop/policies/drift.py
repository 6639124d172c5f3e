"""Drift of a QPU between calibrations, as exact steps of a few stochastic processes; draws are arguments.

The logarithm of the gates' error is an Ornstein-Uhlenbeck process that a calibration resets, on top of a growth with
the age of the calibration; ln T1 is another one that no calibration touches; a two-level system that comes and goes
shortens T1 meanwhile. Steps are exact for any length, so the path does not depend on when it is read.
"""

from __future__ import annotations

import math

GRID_S = 60.0       # processes are advanced on this grid, whoever asks and when

# The strength that profile x1 has (spec: efaas 4). Standard deviations are of logarithms, times in s, AGING in 1/h.
GATE_SD, GATE_RELAX_S, AGING = 0.20, 6 * 3600.0, 0.01
READOUT_SD, READOUT_RELAX_S = 0.15, 6 * 3600.0
T1_SD, T1_RELAX_S = 0.25, 3600.0
TLS_EVERY_S, TLS_HOLD_S, TLS_FACTOR = 20 * 3600.0, 3600.0, 0.3


def ou_step(x: float, dt: float, sd: float, relax: float, z: float) -> float:
    """The process `dt` s later, for a standard normal z: mean x*exp(-dt/relax), variance sd^2*(1 - exp(-2dt/relax))."""
    decay = math.exp(-dt / relax)
    return x * decay + sd * math.sqrt(1.0 - decay * decay) * z


def telegraph_step(on: float, dt: float, every: float, hold: float, u: float) -> float:
    """A two-level system `dt` s later: 1 while it is active. It comes after `every` s and stays `hold` s on average."""
    up, down = 1.0 / every, 1.0 / hold
    stationary = up / (up + down)
    return 1.0 if u < stationary + (on - stationary) * math.exp(-(up + down) * dt) else 0.0


def telegraph_chance(on: float, dt: float, every: float, hold: float) -> float:
    """The probability that a two-level system is active `dt` s later: what `telegraph_step` compares its draw with."""
    up, down = 1.0 / every, 1.0 / hold
    stationary = up / (up + down)
    return stationary + (on - stationary) * math.exp(-(up + down) * dt)


def normal(u: float, v: float) -> float:
    """A standard normal number of two uniform ones in [0, 1) (Box and Muller)."""
    return math.sqrt(-2.0 * math.log(1.0 - u)) * math.cos(2.0 * math.pi * v)


def growth(gate: float, age_h: float, aging: float, t1: float, tls: float, tls_factor: float,
           idle_share: float) -> float:
    """How many times as large as calibrated a circuit's loss -ln ESP is.

    `gate` and `t1` are the logarithms' processes, `idle_share` the part of the loss that is decay in idle time, which
    goes with 1/T1.
    """
    factor = tls_factor if tls > 0.0 else 1.0
    return (1.0 - idle_share) * math.exp(gate) * (1.0 + aging * age_h) + idle_share * math.exp(-t1) / factor


def expected_growth(age_h: float, aging: float, sd: float, relax_h: float, idle_share: float) -> float:
    """The mean of `growth` at an age of the calibration, with T1 at its median: what can be predicted of it."""
    variance = sd * sd * (1.0 - math.exp(-2.0 * age_h / relax_h))
    return (1.0 - idle_share) * math.exp(0.5 * variance) * (1.0 + aging * age_h) + idle_share
