"""Containers: a pool of idle ones for each tenant, newest used first, given back after the keep-alive."""

from __future__ import annotations

from typing import Any

from qloop.policies.lifetimes import is_kept
from qloop.simulator.platform.accounts import add_container
from qloop.simulator.platform.features import STATELESS
from qloop.simulator.platform.memory import COLDS, FULL, HELD_SINCE, IDLE_POOL, LAST, SESSION, TENANT

SINCE, NEWER, OLDER = 0, 1, 2
TOP, BOTTOM = 0, 1


def acquire(m: Any, p: Any, work: Any, i: int) -> bool:
    """Give the session in slot i a container of its tenant; returns whether it was warm."""
    st, row = m.state, m.slots[i]
    tenant = work.times[row[SESSION], TENANT]
    row[HELD_SINCE] = st[LAST]
    node = m.tops[TOP, tenant]
    if node >= 0 and is_kept(m.pool[node, SINCE] * 1e-9, st[LAST] * 1e-9, p.keep_alive):
        add_container(m, p, m.pool[node, SINCE], st[LAST])
        unlink(m, tenant, node)
        return True
    m.result[row[SESSION], COLDS] += 1
    return False


def unlink(m: Any, tenant: int, node: int) -> None:
    """Take an idle container out of its tenant's line."""
    newer, older = m.pool[node, NEWER], m.pool[node, OLDER]
    if newer >= 0:
        m.pool[newer, OLDER] = older
    else:
        m.tops[TOP, tenant] = older
    if older >= 0:
        m.pool[older, NEWER] = newer
    else:
        m.tops[BOTTOM, tenant] = newer
    m.pool[node, NEWER] = m.state[IDLE_POOL]
    m.state[IDLE_POOL] = node


def expire(m: Any, p: Any, tenant: int) -> None:
    """Account and forget the tenant's containers whose keep-alive is over."""
    st = m.state
    while True:
        node = m.tops[BOTTOM, tenant]
        if node < 0 or is_kept(m.pool[node, SINCE] * 1e-9, st[LAST] * 1e-9, p.keep_alive):
            return
        add_container(m, p, m.pool[node, SINCE], m.pool[node, SINCE] + int(p.keep_alive * 1e9))
        unlink(m, tenant, node)


def release(m: Any, p: Any, work: Any, i: int) -> None:
    """The session in slot i gives its container back: it idles, or is gone if nothing is kept."""
    st, row = m.state, m.slots[i]
    if row[HELD_SINCE] < 0:
        return
    tenant = work.times[row[SESSION], TENANT]
    add_container(m, p, row[HELD_SINCE], st[LAST])
    row[HELD_SINCE] = -1
    if STATELESS:
        return
    expire(m, p, tenant)
    node = st[IDLE_POOL]
    if node < 0:
        st[FULL] = 1
        return
    st[IDLE_POOL] = m.pool[node, NEWER]
    top = m.tops[TOP, tenant]
    m.pool[node, SINCE], m.pool[node, NEWER], m.pool[node, OLDER] = st[LAST], -1, top
    if top >= 0:
        m.pool[top, NEWER] = node
    else:
        m.tops[BOTTOM, tenant] = node
    m.tops[TOP, tenant] = node


def discard(m: Any, p: Any, i: int) -> None:
    """The session in slot i breaks the start of its container off: nobody gets it."""
    add_container(m, p, m.slots[i, HELD_SINCE], m.state[LAST])
    m.slots[i, HELD_SINCE] = -1


def settle_containers(m: Any, p: Any) -> None:
    """At the end of the run: account the containers that are still there."""
    st = m.state
    for tenant in range(m.tops.shape[1]):
        expire(m, p, tenant)
        node = m.tops[BOTTOM, tenant]
        while node >= 0:
            add_container(m, p, m.pool[node, SINCE], st[LAST])
            node = m.pool[node, NEWER]
    for i in range(len(m.slots)):
        if m.slots[i, HELD_SINCE] >= 0:
            add_container(m, p, m.slots[i, HELD_SINCE], st[LAST])
            m.slots[i, HELD_SINCE] = -1
