"""The paper's platform as a network of Ciw: a node of processor sharing, a node of QPUs, a route for each session.

Ciw counts in floating-point seconds, draws service times when service begins and takes customer classes for
priorities; the draws are named by the customer's number here, so that it gets the very lengths that the kernel gets.
"""

from __future__ import annotations

from typing import Any

import ciw
import numpy as np

from qloop.simulator.paper.model import PlatformModel
from qloop.simulator.paper.workload import Sessions

SHARING, QPUS = 1, 2
DISCIPLINES = {"fifo": ciw.disciplines.FIFO, "lifo": ciw.disciplines.LIFO, "strict": ciw.disciplines.FIFO}


class Named(ciw.dists.Distribution):
    """The next length, in s, of the customer who asks."""

    def __init__(self, lengths: list[list[float]]) -> None:
        self.lengths = lengths
        self.taken = [0] * len(lengths)

    def sample(self, t: Any = None, ind: Any = None) -> float:
        """Customers are numbered from 1 in order of arrival."""
        s = ind.id_number - 1
        self.taken[s] += 1
        return self.lengths[s][self.taken[s] - 1]


def route(sessions: Sessions, s: int) -> list[int]:
    """Where a session goes after its `pre`."""
    rounds = [SHARING, QPUS] * int(sessions.iterations[s])
    return [*rounds, SHARING] if sessions.post[s] > 0 or rounds else []


def network(model: PlatformModel, sessions: Sessions, order: str) -> Any:
    """Classes are named by rank, the heaviest weight first; one class unless the order asks for more."""
    n = len(sessions.arrival_ns)
    weight = sessions.priority if order == "strict" else np.ones(n, np.int64)
    ranks = {value: f"class {k}" for k, value in enumerate(sorted(set(weight.tolist()), reverse=True))}
    classical, quantum = Named(classical_lengths(model, sessions)), Named(
        [[int(sessions.quantum_ns[s]) * 1e-9] * int(sessions.iterations[s]) for s in range(n)])

    def gaps(value: int) -> Any:
        times = np.concatenate([[0], sessions.arrival_ns[weight == value]])
        return ciw.dists.Sequential([*(np.diff(times) * 1e-9).tolist(), float("inf")])

    def way(individual: Any, simulation: Any) -> list[int]:
        return route(sessions, individual.id_number - 1)

    def every(value: Any) -> dict[str, Any]:
        return dict.fromkeys(ranks.values(), value)

    return ciw.create_network(
        arrival_distributions={name: [gaps(value), None] for value, name in ranks.items()},
        service_distributions=every([classical, quantum]), number_of_servers=[float("inf"), model.qpus],
        ps_thresholds=[model.workers, 1], service_disciplines=[ciw.disciplines.FIFO, DISCIPLINES[order]],
        routing=every(ciw.routing.ProcessBased(way)),
        priority_classes={name: k for k, name in enumerate(ranks.values())})


def classical_lengths(model: PlatformModel, sessions: Sessions) -> list[list[float]]:
    """The classical tasks of each session in order, in s on a whole worker."""
    slow = 1.0 / model.capacity
    return [[sessions.pre[s] * slow, *[sessions.cost[s] * slow] * int(sessions.iterations[s]),
             sessions.post[s] * slow] for s in range(len(sessions.arrival_ns))]


def run(model: PlatformModel, sessions: Sessions, order: str) -> tuple[np.ndarray, np.ndarray]:
    """The end of each session and the time that its quantum tasks waited, in s."""
    n = len(sessions.arrival_ns)
    simulation = ciw.Simulation(network(model, sessions, order), node_class=[ciw.PSNode, ciw.Node])
    simulation.simulate_until_max_customers(n, method="Finish")
    end, waited = np.zeros(n), np.zeros(n)
    for record in simulation.get_all_records():
        s = record.id_number - 1
        end[s] = max(end[s], record.exit_date)
        waited[s] += record.waiting_time if record.node == QPUS else 0.0
    return end, waited
