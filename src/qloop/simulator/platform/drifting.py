"""The drift of each QPU, advanced on its grid when somebody looks: the path does not depend on who looks when."""

from __future__ import annotations

from typing import Any

from qloop.policies import columns as c
from qloop.policies.draws import uniform
from qloop.policies.drift import growth as growth_of
from qloop.policies.drift import normal, ou_step, telegraph_step
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform.memory import GATE, STEP, T1, TLS

# streams of draws (0 and 1 are the policies' own, 16 to 31 the workload's)
GATE_STREAM, T1_STREAM, TLS_STREAM = 32, 34, 36


def advance(m: Any, p: Any, q: int) -> None:
    """Bring the drift of QPU q up to the last grid point."""
    facts, state = m.machines[q], m.drifts[q]
    wanted = m.state[mem.LAST] // p.grid_ns
    dt = p.grid_ns * 1e-9
    step = int(state[STEP])
    while step < wanted:
        step += 1
        counter = (q << 40) | step
        if facts[mem.SD] > 0.0:
            z = normal(uniform(p.key, GATE_STREAM, counter), uniform(p.key, GATE_STREAM + 1, counter))
            state[GATE] = ou_step(state[GATE], dt, facts[mem.SD], facts[mem.RELAX], z)
        if facts[mem.T1_SD] > 0.0:
            z = normal(uniform(p.key, T1_STREAM, counter), uniform(p.key, T1_STREAM + 1, counter))
            state[T1] = ou_step(state[T1], dt, facts[mem.T1_SD], facts[mem.T1_RELAX], z)
        if facts[mem.TLS_EVERY] < mem.LONG_S:
            u = uniform(p.key, TLS_STREAM, counter)
            state[TLS] = telegraph_step(state[TLS], dt, facts[mem.TLS_EVERY], facts[mem.TLS_HOLD], u)
    state[STEP] = step


def growth(m: Any, p: Any, q: int) -> float:
    """How many times as large as calibrated the losses on QPU q are now."""
    advance(m, p, q)
    facts, state = m.machines[q], m.drifts[q]
    age_h = (m.state[mem.LAST] * 1e-9 - state[mem.CALIBRATED_AT]) / 3600.0
    return growth_of(state[GATE], age_h, facts[mem.AGING], state[T1], state[TLS], facts[mem.TLS_FACTOR],
                        facts[mem.IDLE_SHARE])


def calibrated(m: Any, p: Any, w: Any, q: int) -> None:
    """A calibration ends: gates are as calibrated, T1 and two-level systems go on as they are."""
    advance(m, p, q)
    m.drifts[q, GATE] = 0.0
    m.drifts[q, mem.CALIBRATED_AT] = w.qpus[q][c.CALIBRATED_AT] = m.state[mem.LAST] * 1e-9
