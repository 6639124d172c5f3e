"""How long NORMAL tasks waited without one of them being begun: what the aging rule of EFaaS bounds."""

from __future__ import annotations

import math

import numpy as np

from qloop.simulator.evaluation.shots import Shots
from qloop.simulator.platform.result import Replication

NS = 1e9


def longest_pause(table: Shots, one: Replication, ttl_hot: float) -> float:
    """The longest time, s, in which a NORMAL task waited all along and none was begun; 0 if none ever waited.

    NORMAL is what the spec says (efaas.md 2): the first task of a session, and one that comes more than `ttl_hot` s
    after the session's last (nan: first tasks alone), under whatever policy. Only tasks that began are known.
    """
    after = np.zeros(len(table.k), bool)
    if not math.isnan(ttl_hot):
        away = table.ready[1:] - table.end[:-1]
        after[1:] = (table.k[1:] > 0) & (away > ttl_hot * NS)
    spells = table.spells
    normal = ((table.k == 0) | after)[spells.task]
    ready, begin = np.sort(spells.since[normal]), np.sort(spells.begin[normal])
    if not len(begin):
        return 0.0
    # before begin n, the tasks ready are at least n + 1: the backlog since the last begin holds from when task n came
    since = np.maximum(ready, np.concatenate([[0], begin[:-1]]))
    pauses = (begin - since)[begin >= one.warm_ns]
    return float(pauses.max(initial=0)) / NS
