"""How many workers an elastic pilot should have: pure functions of counts and seconds, as all decisions are.

A pilot brings up more workers when tasks wait that it could run, if a new worker would be there before the present
ones have worked the backlog off; it brings one up ahead of a hot loop that comes back from its QPU; and it lets a
worker go that has been idle for its keep-alive time while no loop is expected back.
"""

from __future__ import annotations


def wanted(present: float, running: float, waiting: float, backlog_s: float, returning: float, least: float,
           most: float, cold_s: float) -> float:
    """The number of workers that a pilot should have or be bringing up.

    `present`: those it has or has ordered; `running`, `waiting`: workers that its running tasks take and its waiting
    ones would; `backlog_s`: seconds of work that wait or still run, 0 if nobody knows; `returning`: loops that will
    want a worker before a new one could be there; `least`, `most`: its bounds; `cold_s`: how long a new worker takes.
    """
    need = running + waiting + returning
    if need > present > 0.0 and 0.0 < backlog_s <= cold_s and returning + running <= present:
        need = present      # they will be free before a new one is there
    return min(most, max(least, need))


def may_go(idle_s: float, keep_alive_s: float, present: float, needed: float, least: float) -> bool:
    """Whether an idle worker may be let go: idle long enough, and neither needed nor among those to be kept."""
    return idle_s >= keep_alive_s and present > least and present > needed


def learned(cold_s: float, measured_s: float, count: float) -> float:
    """The expected start-up time of a worker after one more was measured: a mean that forgets, over about eight."""
    return cold_s + (measured_s - cold_s) / min(count + 1.0, 8.0)
