"""When a replay looks at TTLs, and when the policy is asked again: at the ticks for which the engine would ask."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

from qloop.model.limits import NEVER
from qloop.policies.columns import INF, OPEN, WAKE
from qloop.simulator.replay import memory as at
from qloop.simulator.replay.memory import ask
from qloop.simulator.replay.sessions import drop

WAKE_AT, WISH_AT, WAKES, LATER = at.WAKE_AT, at.WISH_AT, at.WAKES, at.LATER


def look_again(w: Any, r: Any, s: int, when: int) -> None:
    """Look at the session's TTLs at a time, but not later than its life lasts."""
    when = min(when, w.opened_ns[s] + w.life_ns[s])
    if when < NEVER // 2:
        r.look_at[s] = when
        heappush(r.timers, (int(when), int(s)))


def is_live(r: Any, when: int, s: int) -> bool:
    """Whether this is the session's latest timer."""
    return bool(r.closed[s] == 0 and r.look_at[s] == when)


def tick(p: Any, w: Any, r: Any, world: Any, now: int) -> None:
    """Carry out the TTLs that are over; as in the engine this is a part of every event, before anything else."""
    while len(r.timers) > 0 and r.timers[0][0] <= now:
        when, s = heappop(r.timers)
        if is_live(r, when, s):
            look(p, w, r, world, s, now)


def look(p: Any, w: Any, r: Any, world: Any, s: int, now: int) -> None:
    """Carry out the session's TTLs as far as they are over."""
    flows = world[1]
    if now >= w.opened_ns[s] + w.life_ns[s]:
        drop(p, w, r, world, s, now, True)
        return
    again = (r.idle_since[s] if r.active[s] == 0 else now) + w.ttl_ns[s]
    if r.active[s] == 0 and again <= now:
        r.lapsed[s] = 1
        flows[len(flows) - len(w.tenant) + s][OPEN] = 0.0
        again = w.opened_ns[s] + w.life_ns[s]
    look_again(w, r, s, again)


def wake(r: Any, totals: Any, now: int) -> None:
    """Ask for a tick where a TTL or the policy needs one, unless an earlier one is under way."""
    if now >= r.number[WAKE_AT]:
        r.number[WAKE_AT] = NEVER
    if now >= r.number[WISH_AT]:
        r.number[WISH_AT] = NEVER
    if totals[WAKE] < INF:
        r.number[WISH_AT] = min(r.number[WISH_AT], max(now + 1, int(totals[WAKE] * 1e9)))
        totals[WAKE] = INF
    while len(r.timers) > 0 and not is_live(r, r.timers[0][0], r.timers[0][1]):
        heappop(r.timers)
    when = r.number[WISH_AT]
    if len(r.timers) > 0 and r.timers[0][0] < when:
        when = r.timers[0][0]
    if when < r.number[WAKE_AT]:
        r.number[WAKE_AT] = max(when, now)
        ask(r, r.number[WAKE_AT], WAKES, 0, LATER + r.number[at.COUNT])
