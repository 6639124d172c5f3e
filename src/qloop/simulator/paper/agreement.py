"""Every point of a campaign that the reference knows, ours beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from qloop.simulator.paper import reference
from qloop.simulator.paper.reference import Comparison
from qloop.simulator.paper.run import Floats
from qloop.simulator.paper.sample import Sample
from qloop.simulator.paper.studies import COUNTS, REPRESENTATIVE_S, c_name, q_name, small_name, week_name

REFERENCE_RUNS = MappingProxyType({"small": 100, "q": 20, "c": 100, "week": 100})     # replications of the reference


def agreement(samples: Mapping[str, Sample]) -> Iterator[tuple[str, Comparison]]:
    """(study, comparison) for what was run, in the order of the spec."""
    for policy in reference.SMALL:
        if small_name(policy) in samples:
            for line in reference.compare_small(policy, samples[small_name(policy)].outcome):
                yield "small", line
    for seconds in reference.Q_STUDY:
        for qpus in COUNTS:
            if q_name(qpus, seconds) in samples:
                yield "q", reference.compare_q_study(qpus, seconds, samples[q_name(qpus, seconds)].outcome)
    for workers in COUNTS:
        if c_name(workers) in samples:
            for line in reference.compare_c_study(workers, samples[c_name(workers)].outcome):
                yield "c", line
    for workers in reference.C_STUDY_WEEK:
        if week_name(workers) in samples:
            yield "week", reference.compare_c_study_week(workers, samples[week_name(workers)].outcome)


def sides(compared: Iterable[tuple[str, Comparison]]) -> dict[str, tuple[int, int]]:
    """Study: how many quantities lie below the reference, and how many above it."""
    found: dict[str, tuple[int, int]] = {}
    for study, line in compared:
        below, above = found.get(study, (0, 0))
        found[study] = (below + (line.ours.mean < line.reference), above + (line.ours.mean > line.reference))
    return found


def admitted(samples: Mapping[str, Sample]) -> dict[str, Floats]:
    """Study: relative differences of the admitted sessions (1 - drop) from the reference's.

    Shape (points, replications): a row a point that was run and whose drop probability the reference knows, and the
    replications that all of them have.
    """
    found: dict[str, list[Floats]] = {}
    for study, name, drop in _drops():
        if name in samples:
            found.setdefault(study, []).append((1.0 - samples[name].drops()) / (1.0 - drop / 100.0) - 1.0)
    return {study: np.array([row[:min(map(len, rows))] for row in rows]) for study, rows in found.items()}


def _drops() -> Iterator[tuple[str, str, float]]:
    """(study, name of the point, drop probability of the reference in percent)."""
    yield from (("small", small_name(policy), values[0]) for policy, values in reference.SMALL.items())
    yield from (("q", q_name(qpus, seconds), values[qpus - 1])
                for seconds, values in reference.Q_STUDY.items() for qpus in COUNTS)
    yield from (("c", c_name(workers, REPRESENTATIVE_S), reference.C_STUDY["drop %"][workers - 1])
                for workers in COUNTS)
    yield from (("week", week_name(workers), drop) for workers, drop in reference.C_STUDY_WEEK.items())


def as_dict(study: str, line: Comparison) -> dict[str, Any]:
    """A comparison for a table or a JSON document."""
    return {"study": study, "point": line.point, "quantity": line.quantity, "reference": line.reference,
            "ours": line.ours.mean, "half": line.ours.half, "allowed": line.allowed, "agrees": line.agrees}
