"""A replication in numbers: every quantity of the evaluation, from the log and the sessions' results."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qloop.simulator.analysis.measures import SHORT_RUN_S, jain
from qloop.simulator.evaluation.calibrated import paid
from qloop.simulator.evaluation.lag import worst_lag
from qloop.simulator.evaluation.platform import Stage
from qloop.simulator.evaluation.quantities import QUANTITIES
from qloop.simulator.evaluation.shots import Shots, calibrations, shots
from qloop.simulator.evaluation.starving import longest_pause
from qloop.simulator.evaluation.workload import Brought, Work
from qloop.simulator.platform import result as r

NS = 1e9
NAN = float("nan")
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Found = dict[str, float]


def measure(one: r.Replication, brought: Brought, stage: Stage, work: Work, *, aging: float = NAN,
            ttl_hot: float = NAN, holds: bool = False, saturated: bool = False) -> Found:
    """Every quantity of QUANTITIES, in its order; nan where there is nothing of its kind.

    What begins after the warm-up counts. `aging`: T_s of the policy, if it has one; `holds`: whether a session keeps
    its QPU while it thinks, which is then part of its cost; `saturated`: whether tenants wait all the time, so that
    their lag means something.
    """
    table = shots(one, brought)
    held = _held(table, one) if holds else np.zeros(len(one.arrival_ns))
    found = {**_gaps(table, one, work), **_normal(table, one, stage, aging, ttl_hot),
             **_loops(one, brought, work, stage), **_time(table, one, held),
             **_drift(table, one, brought, stage), **_cost(one, brought, held),
             **_fair(table, one, brought, work, stage),
             "fair_lag": worst_lag(table, one) if saturated else NAN}
    return {name: float(found[name]) for name in QUANTITIES}


def _mean(values: NDArray[np.generic]) -> float:
    return float(values.mean()) if len(values) else NAN


def _at(values: Floats, share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else NAN


def _gaps(table: Shots, one: r.Replication, work: Work) -> Found:
    """Gaps between the steps of loops, their waiting part, and TTNS."""
    network = round(work.network_s * NS)
    chosen = np.flatnonzero(table.loop & (table.k > 0) & (table.begin >= one.warm_ns))
    gap = table.begin[chosen] - table.end[chosen - 1]
    wait = (gap - table.think[chosen] - network) / NS
    ended = table.ended[chosen]
    whole = (table.end[chosen] - table.end[chosen - 1])[ended] / NS
    ready = table.ready[chosen] - network
    first = table.loop & (table.k == 0) & (table.begin >= one.warm_ns)
    return {"gap_mean": _mean(gap / NS), "gap_p50": _at(gap / NS, 0.5), "gap_p95": _at(gap / NS, 0.95),
            "gap_wait": _mean(wait), "gap_wait_p50": _at(wait, 0.5), "gap_wait_p95": _at(wait, 0.95),
            "ttns_start": _mean((table.begin[chosen] - ready) / NS),
            "ttns_eq": _mean((table.end[chosen] - ready)[ended] / NS),
            "ttns_loop": _mean(whole), "ttns_p95": _at(whole, 0.95), "first_wait": _mean(table.wait[first] / NS)}


def _normal(table: Shots, one: r.Replication, stage: Stage, aging: float, ttl_hot: float) -> Found:
    """What others pay: waits and slowdowns of background tasks, and how long NORMAL was left waiting."""
    chosen = ~table.loop & (table.ready >= one.warm_ns) & table.ended
    wait, run = table.wait[chosen] / NS, table.served[chosen] / NS
    slow = np.maximum(1.0, (wait + run) / np.maximum(run, SHORT_RUN_S))
    first = (table.k == 0) & (table.ready >= one.warm_ns)
    longest = float(table.wait[first].max()) / NS if first.any() else NAN
    pause = longest_pause(table, one, ttl_hot)
    room = aging + float(table.served.max(initial=0)) / NS + stage.calibration_s
    return {"normal_wait": _mean(wait), "normal_wait_p95": _at(wait, 0.95), "normal_slowdown": _mean(slow),
            "normal_slowdown_p95": _at(slow, 0.95), "normal_longest": longest, "normal_gap": pause,
            "normal_room": room}


def _alone(one: r.Replication, brought: Brought, work: Work, stage: Stage) -> Floats:
    """What each session would take alone on a platform that is warm after its first shot, s."""
    drawn, n = brought.drawn, len(one.arrival_ns)
    ends = drawn.begin[:n] + drawn.iterations[:n]
    sums = np.concatenate([[0.0], np.cumsum(drawn.cost + drawn.quantum_ns)]) / NS
    each = sums[ends] - sums[drawn.begin[:n]]
    return np.asarray(each + drawn.iterations[:n] * work.network_s + stage.compile_s + stage.load_s)


def _loops(one: r.Replication, brought: Brought, work: Work, stage: Stage) -> Found:
    """How long loops take to their end."""
    done = one.measured() & brought.is_loop[:len(one.arrival_ns)]
    took = (one.left_ns - one.arrival_ns)[done] / NS
    return {"makespan": _mean(took), "loops_done": float(done.sum()),
            "loop_slowdown": _mean(took / _alone(one, brought, work, stage)[done])}


def _time(table: Shots, one: r.Replication, held: Floats) -> Found:
    """The partition of the QPUs' time after the warm-up."""
    room = float(len(one.qpus) * (one.horizon_ns - one.warm_ns))
    used = one.qpus.sum(axis=0) / room
    spells = table.spells
    after = np.clip(spells.end - np.maximum(spells.begin, one.warm_ns), 0, None)
    inside = np.minimum(table.quantum, np.bincount(spells.task, after, len(table.k)))
    part = float(inside[table.loop].sum()) / max(float(inside.sum()), 1.0)
    busy = float(used[[r.EXECUTED, r.COLD, r.LOST, r.CALIBRATED, r.DOWN]].sum())
    holding = min(1.0 - busy, float(held.sum()) * NS / room)
    return {"qdc": used[r.EXECUTED], "qdc_loops": used[r.EXECUTED] * part,
            "qdc_background": used[r.EXECUTED] * (1.0 - part), "qdc_cold": used[r.COLD], "qdc_lost": used[r.LOST],
            "qdc_calibration": used[r.CALIBRATED], "qdc_down": used[r.DOWN], "qdc_held": holding,
            "qdc_idle": 1.0 - busy - holding}


def _held(table: Shots, one: r.Replication) -> Floats:
    """For each session: s after the warm-up in which a QPU idled between two runs of it, nobody else's between."""
    spells = table.spells
    order = np.lexsort((spells.begin, spells.qpu))
    owner = table.session[spells.task]
    session, qpu, begin, end = (column[order] for column in (owner, spells.qpu, spells.begin, spells.end))
    same = (session[1:] == session[:-1]) & (qpu[1:] == qpu[:-1])
    idle = np.clip(begin[1:] - np.maximum(end[:-1], one.warm_ns), 0, None) / NS * same
    held: Floats = np.bincount(session[1:], idle, len(one.arrival_ns)).astype(np.float64)
    return held


def _drift(table: Shots, one: r.Replication, brought: Brought, stage: Stage) -> Found:
    """Calibrations on the way of loops, epochs that they saw, and what drift took from their signal."""
    seconds, avoidable = paid(table, one, calibrations(one), stage.compile_s + stage.load_s)
    chosen = table.loop & (table.begin >= one.warm_ns)
    n = len(one.arrival_ns)
    done = one.measured() & brought.is_loop[:n]
    quality = np.array([kind.error for kind in one.scenario.qpus for _ in range(kind.count)])
    errors = np.bincount(table.session[table.ended], quality[table.qpu[table.ended]], n)
    steps = np.maximum(one.steps, 1)
    nominal = one.scenario.error_per_qubit * one.size * errors / steps
    excess = (one.loss / steps - nominal)[done]
    weight = one.steps[done]
    return {"calibrations_paid": _mean(seconds[chosen] > 0.0), "calibration_wait": _mean(seconds[chosen]),
            "calibrations_avoidable": _mean(avoidable[chosen]), "epochs": _mean(one.epochs[done]),
            "loss": float(one.loss[done].sum() / weight.sum()) if weight.sum() else NAN,
            "excess_loss": float(np.average(excess, weights=weight)) if weight.sum() else NAN,
            "signal_lost": _mean(1.0 - np.exp(-excess))}


def _cost(one: r.Replication, brought: Brought, held: Floats) -> Found:
    """QPU seconds that a finished loop took, with what it held and did not use."""
    done = one.measured() & brought.is_loop[:len(one.arrival_ns)]
    return {"cost": _mean(one.served_ns[done] / NS + held[done])}


def _fair(table: Shots, one: r.Replication, brought: Brought, work: Work, stage: Stage) -> Found:
    """What tenants got of the scarcer of both resources, and how long their loops took."""
    tenants = one.scenario.tenants
    weights = np.array([tenant.weight for tenant in tenants])
    owner, spells = one.tenant[table.session], table.spells
    after = np.clip(spells.end - np.maximum(spells.begin, one.warm_ns), 0, None) / NS
    quantum = np.bincount(owner[spells.task], after, len(tenants)) / len(one.qpus)
    thought = np.where(table.begin >= one.warm_ns, table.think, 0) / NS
    classical = np.bincount(owner, thought, len(tenants)) / one.scenario.classical.workers
    used = np.maximum(quantum, classical) / weights
    done = one.measured() & brought.is_loop[:len(one.arrival_ns)]
    slow = ((one.left_ns - one.arrival_ns) / NS / _alone(one, brought, work, stage))[done]
    number = np.bincount(one.tenant[done], minlength=len(tenants))
    means = np.bincount(one.tenant[done], slow, len(tenants))[number > 0] / number[number > 0]
    return {"fair_share": jain(used), "fair_least": float(used.min() / used.max()) if used.max() > 0.0 else NAN,
            "fair_slowdown": jain(means)}
