"""From a scenario to the arrays that the kernel works on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.policies import columns as c
from qloop.policies import fits
from qloop.policies.place import least_wait
from qloop.policies.record import Policy
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform.compiled import Effects
from qloop.simulator.platform.parts import DAY_S, QpuKind
from qloop.simulator.scenario import Scenario
from qloop.simulator.tables import World, totals_of
from qloop.simulator.workload.arrivals import Closed
from qloop.simulator.workload.drawn import Drawn

MOST_FITTED = 256       # QPUs of which each session's circuit is told: rows grow with their number
MOST_VISITED = 62       # QPUs that the bits of one number can name
GRID_NS = 60_000_000_000
MOST_NS = 1 << 53       # times are float64 in the queues: exact below this


def effects(scenario: Scenario) -> Effects:
    """Which effects the scenario has."""
    kinds, delays = scenario.qpus, scenario.transfer
    cold = scenario.classical.cold_start_s > 0.0
    drifts = any(kind.drift.on or kind.error != 1.0 for kind in kinds) or scenario.error_per_qubit > 0.0
    return Effects(
        shared_lanes=shared_lanes(scenario), slots=scenario.classical.discipline == "slots", containers=cold,
        delays=cold or delays.submit_s + delays.up_s + delays.down_s + scenario.retries.pause_s > 0.0,
        lives=min(scenario.lifetimes.interactive_s, scenario.lifetimes.max_s) < math.inf,
        calibrates=any(min(k.calibrate_every_s, k.calibrate_first_s, k.recalibrate_above) < math.inf for k in kinds),
        drifts=drifts, outages=any(k.mtbf_s < math.inf for k in kinds),
        cold_qpu=any(k.compile_s + k.load_s > 0.0 for k in kinds), attempts_fail=any(k.failure > 0.0 for k in kinds),
        classical_fails=scenario.classical.failure > 0.0, closed=isinstance(scenario.arrivals, Closed),
        blocks=has_blocks(scenario), recalibrates=any(k.recalibrate_above < math.inf for k in kinds),
        chunks=has_chunks(scenario.order()))


def has_blocks(scenario: Scenario) -> bool:
    """Whether policies are told of each session's circuit on each QPU: where it runs matters, and they are not many."""
    cold = any(kind.load_s > 0.0 for kind in scenario.qpus)
    return (cold or scenario.order().place is not least_wait) and scenario.n_qpus <= MOST_FITTED


def shared_lanes(scenario: Scenario) -> bool:
    """Whether all QPUs can serve the same lanes: the policy wants it so, or it does not matter where a task runs."""
    policy = scenario.order()
    if policy.shared:
        return True
    one = scenario.qpus[0]
    alike = len(scenario.qpus) == 1 and one.mtbf_s == math.inf and one.compile_s + one.load_s == 0.0
    still = min(one.calibrate_every_s, one.calibrate_first_s, one.recalibrate_above) == math.inf
    return policy.place is least_wait and alike and still and shipped(policy) and not has_chunks(policy)


def has_chunks(policy: Policy) -> bool:
    """Whether tasks may stand aside: each goes on where its shots are, so that its QPU matters."""
    return policy.switch is not None and policy.settings.get(c.CHUNK_S, 0.0) > 0.0


def shipped(policy: Policy) -> bool:
    """Whether the policy is of qloop's own functions, of which it is known that they do not look at lanes by QPU."""
    functions = (policy.enter, policy.pick, policy.start, policy.finish)
    return all(function.__module__.startswith("qloop.policies.") for function in functions)


def machines(kinds: Sequence[QpuKind]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The facts of all QPUs, and the entries of their caches."""
    rows: list[list[float]] = []
    entries = 0
    for kind in [one for one in kinds for _ in range(one.count)]:
        drift, first = kind.drift, kind.calibrate_first_s
        rows.append([
            kind.speed, kind.compile_s, kind.load_s, kind.warm_s, float(kind.cache), float(entries),
            kind.calibrate_every_s, kind.calibrate_every_s if first == math.inf else first, kind.calibration_s,
            kind.recalibrate_above, kind.mtbf_s, kind.mttr_s, kind.failure, kind.error, drift.sd, drift.relax_s,
            drift.aging, drift.t1_sd, drift.t1_relax_s, drift.tls_every_s, drift.tls_hold_s, drift.tls_factor,
            drift.idle_share])
        entries += kind.cache
    return np.array(rows), np.full((max(entries, 1), 3), -1.0)


def tables(scenario: Scenario, policy: Policy, slots: int) -> World:
    """The policies' tables of an empty platform: tenants first, then a row for each slot."""
    tenants = len(scenario.tenants)
    told = scenario.n_qpus if has_blocks(scenario) else 0
    flows = np.full((tenants + slots, c.FLOW_COLUMNS + fits.VISIT * told), -1.0)
    for row, tenant in enumerate(scenario.tenants):
        flows[row, :c.FLOW_COLUMNS] = c.new_flow(row + 1.0, -1.0, tenant.weight)
    flows[tenants:, :c.FLOW_COLUMNS] = c.new_flow(0.0, 0.0, 1.0)
    tasks = np.zeros((slots, c.TASK_COLUMNS + fits.FIT * told))
    tasks[:, :c.TASK_COLUMNS] = c.new_task(-1.0, 0.0, 0.0, 0.0)
    tasks[:, c.FLOW] = np.arange(tenants, tenants + slots)
    totals = totals_of(policy, float(scenario.classical.workers), scenario.n_qpus)
    rows = [qpu_row(kind) for kind in scenario.qpus for _ in range(kind.count)]
    return World(tasks, flows, np.array(rows), np.array(totals))


def qpu_row(kind: QpuKind) -> c.Row:
    """What policies are told of a QPU."""
    row = c.new_qpu(float(kind.qubits), kind.compile_s + kind.load_s, c.INF, seconds(kind.calibrate_every_s))
    row[c.AGING_RATE], row[c.AGE_SD], row[c.AGE_RELAX] = kind.drift.aging, kind.drift.sd, kind.drift.relax_s
    row[c.IDLE_SHARE], row[c.WINDOW_S] = kind.drift.idle_share, ns(kind.calibration_s) * 1e-9
    row[c.LOSS_BOUND], row[c.REFERENCE_LOSS] = kind.recalibrate_above, kind.error
    return row


def work(scenario: Scenario, drawn: Drawn, arrival: NDArray[np.int64], think: NDArray[np.int64]) -> mem.Work:
    """What the sessions bring, with classical work in ns on a whole worker."""
    n = len(drawn.size)
    slow = 1e9 / scenario.classical.capacity
    times = np.zeros((n, mem.TIMES), np.int64)
    times[:, mem.ARRIVAL], times[:, mem.ITERATIONS], times[:, mem.FIRST] = arrival, drawn.iterations, drawn.begin
    times[:, mem.STRIDE], times[:, mem.TENANT], times[:, mem.THINK] = drawn.stride, drawn.tenant, think
    error = scenario.error_per_qubit * drawn.size
    loads = np.stack([drawn.pre * slow, drawn.post * slow, drawn.priority, drawn.size, error], axis=1)
    parts = np.stack([drawn.cost * slow, drawn.quantum_ns], axis=1)
    return mem.Work(times, np.ascontiguousarray(loads, np.float64), np.ascontiguousarray(parts, np.float64))


def platform(scenario: Scenario, key: int, slots: int, on: Effects, lanes: int) -> mem.Platform:
    """The constants of a run."""
    classical, transfer, lives = scenario.classical, scenario.transfer, scenario.lifetimes
    tenants, bounds = len(scenario.tenants), scenario.admission
    users = scenario.arrivals.users if isinstance(scenario.arrivals, Closed) else 0
    qpu_at = slots * (2 if on.lives else 1)
    return mem.Platform(
        classical.workers, bounds.max_classical, bounds.max_quantum, bounds.max_sessions, bounds.rule == "paper", key,
        ns(scenario.warmup_s), ns(scenario.duration_s), ns(transfer.submit_s), ns(transfer.up_s), ns(transfer.down_s),
        ns(classical.cold_start_s), min(classical.keep_alive_s, 100 * DAY_S), classical.hold == "session",
        classical.failure, ns(lives.interactive_s), ns(lives.max_s), scenario.retries.attempts,
        ns(scenario.retries.pause_s), scenario.estimates == "exact", tenants, users, lanes, slots, qpu_at,
        qpu_at + 3 * scenario.n_qpus, GRID_NS)


def ns(seconds: float) -> int:
    """Whole ns; NEVER for what lies beyond every run."""
    return round(seconds * 1e9) if seconds * 1e9 < MOST_NS else mem.NEVER


def seconds(value: float) -> float:
    """Whole ns as policies see them."""
    return ns(value) * 1e-9 if value < mem.LONG_S else math.inf


def check(scenario: Scenario) -> None:
    """Raise InvalidInput for what the kernel cannot hold."""
    if scenario.n_qpus > MOST_VISITED and any(kind.compile_s > 0.0 for kind in scenario.qpus):
        raise InvalidInput(f"There are {scenario.n_qpus} QPUs on which circuits are compiled",
                           f"Which of them a session visited is kept for at most {MOST_VISITED}",
                           "Set compile_s to 0, or give fewer QPUs")
    widest = max(kind.qubits for kind in scenario.qpus)
    if max(scenario.sessions.sizes) > widest:
        raise InvalidInput(f"Sessions of {max(scenario.sessions.sizes)} qubits fit on no QPU",
                           f"The widest has {widest}", "Give a wider QPU, or smaller sessions")
