"""Reference results: what the authors' own program, built and run unaltered, says; and comparison with ours.

Source: the simulator of C. Cicconetti, "Modeling and Performance Evaluation of Hybrid Classical-Quantum Serverless
Computing Platforms", version 1.0.0, run with 100 replications (Q study: 20). `fifo_swap` is what the program calls
FIFO; `fifo` is the true order in the same program; the C study is of the program with exact events.
Times in s (pooled over replications), probabilities in percent.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from types import MappingProxyType

from qloop.errors import UnknownName
from qloop.simulator.paper.model import HOUR_S, PlatformModel, big_classical, big_quantum, small
from qloop.simulator.paper.run import Estimate, Outcome, run

QUANTITIES = ("drop %", "quantum tasks", "mean", "p25", "p50", "p75", "p95")
# policy: drop and half of its 95 % interval, then the other quantities
SMALL = MappingProxyType({
    "fifo_swap": (14.99, 0.59, 37.98, 14_071, 3_143, 5_248, 9_150, 46_377),
    "fifo": (15.01, 0.58, 37.99, 27_041, 16_164, 24_715, 36_075, 52_169),
    "lifo": (14.98, 0.58, 37.94, 13_632, 2_610, 4_524, 8_239, 47_637),
    "random": (15.01, 0.58, 38.00, 27_049, 16_217, 24_709, 36_073, 52_072),
    "weighted": (15.03, 0.59, 38.03, 26_919, 13_094, 21_780, 35_500, 66_399),
})
SMALL_CLASSICAL_TASKS = 0.0207
RANDOM_MEDIANS_BY_SIZE = MappingProxyType({4: 14_042, 6: 22_674, 8: 31_981, 10: 41_956})
WEIGHTED_MEDIANS_BY_PRIORITY = MappingProxyType({1: 39_570, 2: 21_891, 4: 12_654})
# seconds between arrivals: drop in % for Q = 1 .. 6
Q_STUDY = MappingProxyType({
    300: (92.8, 86.8, 80.7, 74.7, 68.6, 62.6),
    600: (85.6, 73.7, 61.6, 49.8, 37.7, 25.8),
    900: (78.4, 60.6, 42.5, 24.8, 7.8, 0.4),
})
# every 450 s, one day: for C = 1 .. 6
C_STUDY = MappingProxyType({
    "drop %": (65.1, 43.0, 45.9, 50.1, 50.5, 50.4),
    "classical tasks": (37.8, 36.2, 17.9, 4.3, 2.6, 2.3),
    "p50": (16.0 * HOUR_S, 9.8 * HOUR_S, 8.5 * HOUR_S, 10.7 * HOUR_S, 11.2 * HOUR_S, 11.4 * HOUR_S),
})
# every 450 s, seven days: C: drop in %
C_STUDY_WEEK = MappingProxyType({2: 61.4, 3: 60.7, 4: 61.4, 6: 61.5})
QUANTILE_TOLERANCE = 0.02
# how far a printed value may be from the one that was rounded
ROUNDING = MappingProxyType({"drop %": 0.05, "classical tasks": 0.05, "p50 C": 0.05 * HOUR_S})
STUDIES = ("small", "q", "c", "c week")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One quantity at one point: the reference, ours with half of its 95 % interval, and what may lie between them."""

    point: str
    quantity: str
    reference: float
    ours: Estimate
    allowed: float

    @property
    def agrees(self) -> bool:
        """Whether ours is as near to the reference as both intervals, or the tolerance, allow."""
        return abs(self.ours.mean - self.reference) <= self.allowed

    def __str__(self) -> str:
        mark = "agrees" if self.agrees else "DIFFERS"
        return (f"{self.point:24} {self.quantity:22} {self.reference:12,.5g} {self.ours.mean:12,.5g} "
                f"+- {self.ours.half:9,.3g}  {mark}")


def reproduce(study: str, replications: int = 100, seed: int = 0, *, executor: Executor | None = None,
              only: tuple[str | int, ...] = ()) -> Iterator[Comparison]:
    """Run a study of the paper in its compatible profile and compare it with the reference, point by point.

    Studies: "small" (`only`: policies), "q" (`only`: seconds between arrivals), "c" and "c week" (`only`: workers).
    Raises UnknownName for another study.
    """
    match study:
        case "small":
            chosen: list[str | int] = [name for name in SMALL if not only or name in only]
            for name in chosen:
                yield from compare_small(str(name), run(small(str(name)), replications, seed, executor=executor))
        case "q":
            for seconds in (point for point in Q_STUDY if not only or point in only):
                for qpus in range(1, 7):
                    found = run(big_quantum(qpus, seconds), replications, seed, executor=executor)
                    yield compare_q_study(qpus, seconds, found)
        case "c":
            for workers in (c for c in range(1, 7) if not only or c in only):
                found = run(big_classical(workers, 450), replications, seed, executor=executor)
                yield from compare_c_study(workers, found)
        case "c week":
            for workers in (c for c in C_STUDY_WEEK if not only or c in only):
                model: PlatformModel = big_classical(workers, 450, days=7.0)
                found = run(model, replications, seed, executor=executor)
                yield compare_c_study_week(workers, found)
        case _:
            raise UnknownName("study", study, STUDIES)


def compare_drop(point: str, reference: float, half: float | None, found: Outcome, runs: int) -> Comparison:
    """Drop probabilities in percent; a half unknown is taken from ours, scaled to the reference's replications."""
    mine = found.drop()
    ours = Estimate(100.0 * mine.mean, 100.0 * mine.half)
    other = half if half is not None else ours.half * (len(found.drops) / runs) ** 0.5
    joint = float((ours.half**2 + other**2) ** 0.5)
    return Comparison(point, "drop %", reference, ours, joint + (0.0 if half else ROUNDING["drop %"]))


def compare_quantile(point: str, label: str, reference: float, ours: Estimate, rounding: float = 0.0) -> Comparison:
    """Within 2 %; with few replications, within the joint interval if that is wider."""
    return Comparison(point, label, reference, ours,
                      max(QUANTILE_TOLERANCE * reference, 2.0**0.5 * ours.half) + rounding)


def compare_small(name: str, found: Outcome) -> Iterator[Comparison]:
    """All that the reference says of a policy in the small scenario."""
    drop, half, tasks, mean, *quantiles = SMALL[name]
    yield compare_drop(name, drop, half, found, 100)
    yield compare_quantile(name, "quantum tasks", tasks, found.quantum_tasks())
    yield compare_quantile(name, "classical tasks", SMALL_CLASSICAL_TASKS, found.classical_tasks())
    yield compare_quantile(name, "mean", mean, found.mean_time())
    for share, reference in zip((0.25, 0.5, 0.75, 0.95), quantiles, strict=True):
        yield compare_quantile(name, f"p{100 * share:.0f}", reference, found.quantile(share))
    if name == "random":
        for size, median in RANDOM_MEDIANS_BY_SIZE.items():
            yield compare_quantile(name, f"p50 of {size} qubits", median, found.quantile(0.5, size=size))
    if name == "weighted":
        for priority, median in WEIGHTED_MEDIANS_BY_PRIORITY.items():
            yield compare_quantile(name, f"p50 of priority {priority}", median, found.quantile(0.5, priority=priority))


def compare_c_study(workers: int, found: Outcome) -> Iterator[Comparison]:
    """All that it says of a point of the C study of 24 h, at an arrival every 450 s."""
    point, k = f"C={workers}, every 450 s", workers - 1
    yield compare_drop(point, C_STUDY["drop %"][k], None, found, 100)
    yield compare_quantile(point, "classical tasks", C_STUDY["classical tasks"][k], found.classical_tasks(),
                    ROUNDING["classical tasks"])
    yield compare_quantile(point, "p50", C_STUDY["p50"][k], found.quantile(0.5), ROUNDING["p50 C"])


def compare_q_study(qpus: int, seconds: int, found: Outcome) -> Comparison:
    """The drop probability at a point of the Q study that the reference has."""
    return compare_drop(f"Q={qpus}, every {seconds} s", Q_STUDY[seconds][qpus - 1], None, found, 20)


def compare_c_study_week(workers: int, found: Outcome) -> Comparison:
    """The drop probability at a point of the C study of seven days that the reference has."""
    return compare_drop(f"C={workers}, 7 days", C_STUDY_WEEK[workers], None, found, 100)
