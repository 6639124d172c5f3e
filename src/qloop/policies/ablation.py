"""`efaas` minus each of its parts, to see what each is worth; all else is efaas's own, also what it will become.

Most parts have a setting that turns them off. The functions here call those of `efaas` with one fact hidden from them
for the length of the call.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from qloop.policies import place
from qloop.policies.columns import (
    AGING,
    CPU,
    ESTIMATE,
    HYSTERESIS,
    HYSTERESIS_REL,
    LAMBDA_EPOCH,
    LAMBDA_FIDELITY,
    MEASURED,
    PHI,
    TTL_HOT,
    Row,
    Table,
)
from qloop.policies.efaas import enter, finish
from qloop.policies.record import Policy

NO_TIME = -1.0      # a TTL that no task is ready within, not even one without thinking time
NEVER_S = 1e9       # longer than any run


def finish_uncorrected(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """As `efaas`, but the estimate passes for the truth, so that all accounts stay as they were estimated."""
    task = tasks[i]
    measured = task[MEASURED]
    if q >= 0:
        task[MEASURED] = task[ESTIMATE]
    finish(tasks, flows, qpus, totals, i, q, now)
    task[MEASURED] = measured


def enter_without_cpu(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """As `efaas`, but charged for QPU seconds alone."""
    task = tasks[i]
    cpu, task[CPU] = task[CPU], 0.0
    key = enter(tasks, flows, qpus, totals, i, now, u)
    task[CPU] = cpu
    return key


def finish_without_cpu(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """As `efaas`, but corrected by QPU seconds alone."""
    task = tasks[i]
    cpu, task[CPU] = task[CPU], 0.0
    finish(tasks, flows, qpus, totals, i, q, now)
    task[CPU] = cpu


def records(whole: Policy) -> Iterable[Policy]:
    """The variants of `whole`, the record of efaas."""
    parts = {
        "hot": {TTL_HOT: NO_TIME}, "due": {AGING: NEVER_S, PHI: 0.0}, "aging": {AGING: NEVER_S}, "deficit": {PHI: 0.0},
        "hysteresis": {HYSTERESIS: 0.0, HYSTERESIS_REL: 0.0}, "epoch": {LAMBDA_EPOCH: 0.0},
        "fidelity": {LAMBDA_FIDELITY: 0.0},
    }
    for part, settings in parts.items():
        yield replace(whole.with_settings(settings), name=f"efaas-no-{part}")
    yield replace(whole, name="efaas-no-correction", finish=finish_uncorrected)
    yield replace(whole, name="efaas-no-cpu", enter=enter_without_cpu, finish=finish_without_cpu)
    yield replace(whole.with_placement(place.least_wait, {HYSTERESIS: 0.0, HYSTERESIS_REL: 0.0}),
                  name="efaas-no-warmth")
    yield replace(whole, name="efaas-no-pool", fair_pool=False)
    yield replace(whole, name="efaas-no-speculation", guess=None)
