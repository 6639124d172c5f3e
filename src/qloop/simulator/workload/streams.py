"""Numbers of the streams that a workload draws from: one for each kind of value, so that no two share a draw.

0 and 1 are the policies' own; 16 to 23 are those of the paper's model, and mean the same here.
"""

from __future__ import annotations

from qloop.simulator.paper.workload import ARRIVAL, COST, ITERATIONS, POST, PRE, PRIORITY, QUANTUM, SIZE

__all__ = ["ARRIVAL", "COST", "EACH_COST", "EACH_QUANTUM", "ITERATIONS", "POST", "PRE", "PRIORITY", "QUANTUM", "SIZE",
           "STATE", "STAY", "TENANT", "THINK"]

TENANT, THINK, STATE, STAY, EACH_COST, EACH_QUANTUM = range(24, 30)
