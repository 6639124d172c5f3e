"""Every point of a campaign that the reference knows, ours beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qloop.simulator.paper import reference
from qloop.simulator.paper.reference import Comparison
from qloop.simulator.paper.sample import Sample
from qloop.simulator.paper.studies import COUNTS, c_name, q_name, small_name, week_name


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


def as_dict(study: str, line: Comparison) -> dict[str, Any]:
    """A comparison for a table or a JSON document."""
    return {"study": study, "point": line.point, "quantity": line.quantity, "reference": line.reference,
            "ours": line.ours.mean, "half": line.ours.half, "allowed": line.allowed, "agrees": line.agrees}
