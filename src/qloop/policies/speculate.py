"""Is this guess worth its place? Two pure rules over seconds: what it gains against what it costs, and a budget."""

from __future__ import annotations


def worth(probability: float, masked_s: float, time_value: float, qpu_s: float, qpu_value: float) -> bool:
    """Whether a guess gains more than it costs: p*masked*v_time > (1 - p)*q*v_qpu.

    `masked_s`: how much sooner the loop goes on if the guess is right; `qpu_s`: what it takes of a QPU. Both values are
    per second, in one unit.
    """
    return probability * masked_s * time_value > (1.0 - probability) * qpu_s * qpu_value


def at_risk(probability: float, qpu_s: float) -> float:
    """QPU seconds that a guess may waste: none of one that is certain."""
    return qpu_s if probability < 1.0 else 0.0


def affordable(wasted_s: float, risked_s: float, useful_s: float, budget: float) -> bool:
    """Whether squashed/useful QPU-seconds stay within the budget even if all that is at risk is squashed."""
    return wasted_s + risked_s <= budget * useful_s
