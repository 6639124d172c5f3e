"""The life of a session: pre, then iterations of a classical and a quantum task, then post; its TTLs and its end."""

from __future__ import annotations

from typing import Any

from qloop.policies import columns as c
from qloop.policies.draws import uniform
from qloop.policies.ledger import lapse
from qloop.policies.lifetimes import is_refused
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform import result as res
from qloop.simulator.platform.accounts import (
    ARRIVAL,
    CLASSICAL_END,
    DELAY_END,
    END,
    EXPIRY,
    FAILURE,
    LAPSE,
    REFUSAL,
    draw_number,
    note,
    part_row,
)
from qloop.simulator.platform.classical import delay, end_classical, end_delay, give_up, join_workers
from qloop.simulator.platform.containers import acquire, discard, release
from qloop.simulator.platform.features import CLASSICAL_FAILS, CLOSED, CONTAINERS_ON, DELAYS_ON, LIVES_ON, STATELESS
from qloop.simulator.platform.lanes import make_ready, withdraw
from qloop.simulator.platform.memory import COST, LAST, LEFT, OUTCOME, PHASE, POST, PRE, SESSION, STAGE
from qloop.simulator.platform.nodes import add, remove, take

CRASH_STREAM = 42
CLASSICAL_STEP, QUANTUM_STEP, LAST_STEP = 0, 1, 2


def load_of(m: Any, work: Any, i: int) -> float:
    """The work of the classical task of the session's present stage, ns on a whole worker."""
    row = m.slots[i]
    if row[STAGE] == PRE:
        return float(work.loads[row[SESSION], mem.PRE_LOAD])
    if row[STAGE] == POST:
        return float(work.loads[row[SESSION], mem.POST_LOAD])
    return float(work.parts[part_row(m, work, i), mem.CLASSICAL_PART])


def compute(m: Any, p: Any, work: Any, w: Any, i: int) -> None:
    """The classical task of the present stage begins, in a container if there are any."""
    if LIVES_ON:
        revive(m, p, w, i)
    if CONTAINERS_ON and m.slots[i, mem.HELD_SINCE] < 0 and not acquire(m, p, work, i):
        delay(m, p, i, p.cold_start, mem.STARTING)
        return
    join_workers(m, p, w, i, load_of(m, work, i))


def after_classical(m: Any, i: int) -> int:
    """The next step after the classical task of the present stage, which is moved on."""
    row = m.slots[i]
    if row[STAGE] == COST:
        return QUANTUM_STEP
    if row[STAGE] == POST:
        return LAST_STEP
    row[STAGE] = COST if row[LEFT] > 0 else POST
    return CLASSICAL_STEP


def go_on(m: Any, p: Any, work: Any, w: Any, i: int, step: int) -> None:
    """The session takes its next step. A pre or post of no work at all is no task."""
    while step == CLASSICAL_STEP:
        if m.slots[i, STAGE] == COST or load_of(m, work, i) > 0.0:
            compute(m, p, work, w, i)
            return
        step = after_classical(m, i)
    if step == LAST_STEP:
        depart(m, p, work, w, i, res.DONE)
    elif DELAYS_ON and p.up > 0:
        delay(m, p, i, p.up, mem.UP)
    else:
        become_ready(m, p, work, w, i)


def become_ready(m: Any, p: Any, work: Any, w: Any, i: int) -> None:
    """The quantum task is ready."""
    if LIVES_ON:
        revive(m, p, w, i)
    make_ready(m, p, work, w, i)


def revive(m: Any, p: Any, w: Any, i: int) -> None:
    """A session that let its interactive TTL pass has a task again: it queues like a new one."""
    flow = w.flows[p.tenants + i]
    if flow[c.OPEN] < 1.0 and m.slots[i, STAGE] != POST:
        m.state[mem.FLOW_SEQ] += 1
        lapse(w.flows, p.tenants + i, float(m.state[mem.FLOW_SEQ]))
        remove(m.heap, p.lanes + mem.LIVES, p.life_at + i)
        set_timer(m, p, i)


def classical_end(m: Any, p: Any, work: Any, w: Any) -> int:
    """The first classical task to end leaves the workers; returns its slot."""
    i = end_classical(m, p, w)
    note(m, CLASSICAL_END, m.slots[i, SESSION], -1)
    if CONTAINERS_ON and (STATELESS or not p.hold_session):
        release(m, p, work, i)
    return int(i)


def after_work(m: Any, p: Any, work: Any, w: Any, i: int) -> None:
    """A classical task of the session has ended."""
    if is_expired(m, i):
        depart(m, p, work, w, i, res.EXPIRED)
    elif CLASSICAL_FAILS and uniform(p.key, CRASH_STREAM, draw_number(m, i)) < p.classical_failure:
        go_on(m, p, work, w, i, CLASSICAL_STEP)
    else:
        go_on(m, p, work, w, i, after_classical(m, i))


def delay_end(m: Any, p: Any, work: Any, w: Any) -> None:
    """A delay is over."""
    i = take(m.heap, p.lanes + mem.DELAYS)
    end_delay(m, p, i)
    row = m.slots[i]
    phase = row[PHASE]
    note(m, DELAY_END, row[SESSION], -1)
    if phase == mem.STARTING:
        join_workers(m, p, w, i, load_of(m, work, i))
    elif phase == mem.UP or phase == mem.PAUSING:
        become_ready(m, p, work, w, i)
    else:
        go_on(m, p, work, w, i, CLASSICAL_STEP)


def after_quantum(m: Any, p: Any, work: Any, w: Any, i: int) -> None:
    """A quantum attempt of the session has ended; TRIES is 0 if it gave a result."""
    row = m.slots[i]
    if is_expired(m, i) and row[LEFT] > 0:
        depart(m, p, work, w, i, res.EXPIRED)
    elif row[mem.TRIES] >= p.attempts:
        depart(m, p, work, w, i, res.FAILED)
    elif row[mem.TRIES] > 0:
        if DELAYS_ON and p.between > 0:
            delay(m, p, i, p.between, mem.PAUSING)
        else:
            make_ready(m, p, work, w, i)
    else:
        row[STAGE] = COST if row[LEFT] > 0 else POST
        if row[STAGE] == POST:
            m.result[row[SESSION], OUTCOME] = res.OPEN  # its last result came, though after its maximum TTL
            if LIVES_ON:
                remove(m.heap, p.lanes + mem.LIVES, p.life_at + i)
                add(m.heap, p.lanes + mem.LIVES, p.life_at + i, float(mem.NEVER), 0)
        if DELAYS_ON and p.down > 0:
            delay(m, p, i, p.down, mem.DOWN)
        else:
            go_on(m, p, work, w, i, CLASSICAL_STEP)


def arrive(m: Any, p: Any, work: Any, w: Any, session: int) -> None:
    """A session arrives: it is refused, or gets a slot and begins."""
    st = m.state
    m.result[session, mem.ARRIVED] = st[LAST]
    refused = is_refused(st[mem.CLASSICAL], st[mem.WAITING], st[mem.RUNNING], p.max_classical, p.max_quantum,
                         p.paper_admission)
    if refused or st[mem.ACTIVE] >= p.max_sessions:
        note(m, REFUSAL, session, -1)
        close(m, p, work, session, res.REFUSED)
    elif st[mem.ROOM] == 0:
        st[mem.FULL] = 1
    else:
        note(m, ARRIVAL, session, -1)
        open_session(m, p, work, w, session)


def open_session(m: Any, p: Any, work: Any, w: Any, session: int) -> None:
    """Give an admitted session its slot, and begin."""
    st = m.state
    st[mem.ROOM] -= 1
    st[mem.ACTIVE] += 1
    st[mem.WIDEST] = max(st[mem.WIDEST], st[mem.ACTIVE])
    i = int(m.slots[st[mem.ROOM], mem.FREE_SLOT])
    row, task, flow = m.slots[i], w.tasks[i], w.flows[p.tenants + i]
    row[SESSION], row[LEFT], row[STAGE] = session, work.times[session, mem.ITERATIONS], PRE
    row[mem.TRIES], row[mem.DRAWN], row[mem.VISITED], row[mem.HELD_SINCE], row[mem.LAST_SHOT] = 0, 0, 0, -1, -1
    task[c.WEIGHT], task[c.WIDTH] = work.loads[session, mem.PRIORITY], work.loads[session, mem.WIDTH]
    flow[:] = 0.0
    st[mem.FLOW_SEQ] += 1
    flow[c.SEQ], flow[c.OPEN], flow[c.WEIGHT] = st[mem.FLOW_SEQ], 1.0, 1.0
    flow[c.PARENT] = work.times[session, mem.TENANT]
    flow[c.LAST_END] = flow[c.LAST_QPU] = flow[c.LAST_EPOCH] = flow[c.HELD] = flow[c.ORDER] = -1.0
    flow[c.AWAY_SINCE] = flow[c.ACTIVE_SINCE] = -1.0
    flow[c.FLOW_COLUMNS:] = -1.0
    if LIVES_ON:
        set_timer(m, p, i)
    if DELAYS_ON and p.submit > 0:
        delay(m, p, i, p.submit, mem.SUBMITTING)
    else:
        go_on(m, p, work, w, i, CLASSICAL_STEP)


def depart(m: Any, p: Any, work: Any, w: Any, i: int, outcome: int) -> None:
    """The session in slot i leaves, with this outcome."""
    st, row = m.state, m.slots[i]
    w.flows[p.tenants + i][c.OPEN] = 0.0
    if CONTAINERS_ON:
        release(m, p, work, i)
    if LIVES_ON:
        remove(m.heap, p.lanes + mem.LIVES, p.life_at + i)
    m.slots[st[mem.ROOM], mem.FREE_SLOT] = i
    st[mem.ROOM] += 1
    st[mem.ACTIVE] -= 1
    session = int(row[SESSION])
    row[SESSION] = -1
    note(m, END if outcome == res.DONE else EXPIRY if outcome == res.EXPIRED else FAILURE, session, -1)
    close(m, p, work, session, outcome)


def close(m: Any, p: Any, work: Any, session: int, outcome: int) -> None:
    """Write down how a session ended; in a closed system its user thinks, and comes again."""
    m.result[session, mem.LEFT_AT], m.result[session, OUTCOME] = m.state[LAST], outcome
    if CLOSED:
        again = session + p.users
        if again >= len(work.times):
            m.state[mem.FULL] = 2
        else:
            at = m.state[LAST] + work.times[again, mem.THINK]
            add(m.heap, p.lanes + mem.USERS, p.user_at + session % p.users, float(at), again)


def is_idle(m: Any, i: int) -> bool:
    """Whether no task of the session waits or runs: it is in transfer, in submission, or pausing."""
    phase = m.slots[i, PHASE]
    return bool(phase == mem.SUBMITTING or phase == mem.UP or phase == mem.DOWN or phase == mem.PAUSING)


def expires_at(m: Any, p: Any, i: int) -> int:
    """When the session's maximum TTL is over, ns; one that has had its last shot does not expire any more."""
    row = m.slots[i]
    if p.max_ttl >= mem.NEVER or row[STAGE] == POST:
        return mem.NEVER
    return int(m.result[row[SESSION], mem.ARRIVED] + p.max_ttl)


def set_timer(m: Any, p: Any, i: int) -> None:
    """Set the session's timer, which is in no queue, to the next time at which a TTL may be over."""
    idle_over = m.state[LAST] + p.interactive if p.interactive < mem.NEVER else mem.NEVER
    at = min(expires_at(m, p, i), idle_over)
    add(m.heap, p.lanes + mem.LIVES, p.life_at + i, float(at), m.slots[i, SESSION])


def is_expired(m: Any, i: int) -> bool:
    """Whether the session only finishes what ran when its maximum TTL was over."""
    return bool(LIVES_ON and m.result[m.slots[i, SESSION], OUTCOME] == res.EXPIRED)


def look(m: Any, p: Any, work: Any, w: Any) -> None:
    """A session's timer is over: carry out its TTLs as far as they are."""
    st = m.state
    i = take(m.heap, p.lanes + mem.LIVES) - p.life_at
    node = p.life_at + i
    if st[LAST] >= expires_at(m, p, i):
        add(m.heap, p.lanes + mem.LIVES, node, float(mem.NEVER), 0)      # `depart` takes it out
        expire(m, p, work, w, i)
        return
    at = st[LAST] + p.interactive
    if is_idle(m, i):
        at = m.slots[i, mem.SINCE] + p.interactive
        if at <= st[LAST]:
            w.flows[p.tenants + i][c.OPEN] = 0.0
            note(m, LAPSE, m.slots[i, SESSION], -1)
            at = mem.NEVER
    add(m.heap, p.lanes + mem.LIVES, node, float(min(at, expires_at(m, p, i))), m.slots[i, SESSION])


def expire(m: Any, p: Any, work: Any, w: Any, i: int) -> None:
    """The maximum TTL is over: what runs is finished, what waits is not."""
    row = m.slots[i]
    phase = row[PHASE]
    w.flows[p.tenants + i][c.OPEN] = 0.0
    if phase == mem.COMPUTING or phase == mem.ON_QPU:
        m.result[row[SESSION], OUTCOME] = res.EXPIRED
        return
    if phase == mem.QUEUED:
        withdraw(m, p, w, i)
    elif phase == mem.IN_LINE:
        give_up(m, p, w, i)
    else:
        remove(m.heap, p.lanes + mem.DELAYS, i)
        end_delay(m, p, i)
        if CONTAINERS_ON and phase == mem.STARTING:
            discard(m, p, i)
    depart(m, p, work, w, i, res.EXPIRED)
