"""How far each study lies from the reference as a whole: its points share their sessions, so they deviate together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from qloop.simulator.paper.agreement import REFERENCE_RUNS, admitted
from qloop.simulator.paper.findings.verdict import below, relative
from qloop.simulator.paper.measurements import shipped
from qloop.simulator.paper.reference import Q_STUDY
from qloop.simulator.paper.run import Estimate, Floats, estimate
from qloop.simulator.paper.sample import Sample
from qloop.simulator.paper.studies import COUNTS, STUDIES, q_name

BUSY = 0.999            # QPUs that are busy for this part of the time are busy all the time
HEAVIEST_S = min(Q_STUDY)
LEAST, MOST = min(COUNTS), max(COUNTS)
DIGITS = 0.001          # of a difference of two shares that are printed in percent with one decimal
NEAR, FAR = 1.0, 2.0    # standard errors within which a deviation tells nothing, and beyond which chance is unlikely
HALF_WAY = 0.5          # a study that deviates by less than this part of another's deviation does not share it
Samples = Mapping[str, Sample]


@dataclass(frozen=True, slots=True)
class Implied:
    """QPU seconds of a session that a drop probability implies, and their standard error."""

    mean: float
    error: float

    def away(self, exact: float) -> float:
        """How many standard errors they lie above the exact value."""
        return (self.mean - exact) / self.error


def deviations(samples: Samples) -> Iterator[str]:
    """Paragraphs: what the points of a study share, their common deviation, and which side is right."""
    found = admitted(samples)
    if not found:
        return
    yield ("The points of a study meet the same sessions: ours do so by construction, those of the reference probably, "
           "since its points deviate alike. What chance did to these sessions is in all points of a study at once. "
           "Points on one side are one deviation, not as many as there are points, and with another seed several may "
           "differ together. Comparisons within this run are sharper than those with the reference. Admitted sessions "
           "(1 - drop) against the reference, averaged over a study's points in each replication:")
    yield "\n".join(f"- {STUDIES[study]}: {common(rows, REFERENCE_RUNS[study])}" for study, rows in found.items())
    yield " ".join(part for part in (which_side(samples), other_studies(found)) if part)


def common(rows: Floats, runs: int) -> str:
    """The deviation that the points have in common, as a sentence.

    `rows`: relative differences, shape (points, replications). `runs`: replications of the reference, whose standard
    error is taken to be that of as many of ours.
    """
    each, by_point = rows.mean(axis=0), 100.0 * rows.mean(axis=1)
    mean = estimate(each)
    told = (f"{relative(mean)} over {len(rows)} point{'s' if len(rows) > 1 else ''} ({by_point.min():+z.1f} to "
            f"{by_point.max():+z.1f} % by point)")
    spread = float(each.std(ddof=1)) if len(each) > 1 else 0.0
    if not spread:
        return told
    theirs, both = (mean.mean / (spread * variance**0.5) for variance in (1 / runs, 1 / runs + 1 / len(each)))
    told += (f"; that is {theirs:+.1f} standard errors of a reference of {runs} replications, and {both:+.1f} of the "
             "difference, ours included")
    moving = rows[rows.std(axis=1) > 0.0]
    if len(moving) > 1:
        pairs = np.corrcoef(moving)[np.triu_indices(len(moving), 1)]
        told += f"; two of these points are correlated by {pairs.mean():.2f} on average"
    return told


def session_qpu_s(sizes: tuple[int, ...]) -> float:
    """Expected QPU seconds of a session, exactly: its iterations and its quantum time are drawn independently."""
    return float(np.mean([one.iterations.mean() * one.quantum_s.mean() for one in shipped(sizes).values()]))


def which_side(samples: Samples) -> str:
    """The QPU seconds of a session that drop probabilities imply, ours and the reference's, against the exact ones.

    Where QPUs are never idle, each further one admits the sessions that it serves until the end of the run: what the
    empty start and the full queues at the end change is the same for any number of QPUs.
    """
    few, many = (samples.get(q_name(q, HEAVIEST_S)) for q in (LEAST, MOST))
    if few is None or many is None or not (_busy(few) and _busy(many)):
        return ""
    n = min(len(few), len(many))
    falls = few.drops()[:n] - many.drops()[:n]
    fall, known = float(falls.mean()), (Q_STUDY[HEAVIEST_S][LEAST - 1] - Q_STUDY[HEAVIEST_S][MOST - 1]) / 100.0
    spread = float(falls.std(ddof=1)) if n > 1 else 0.0
    if fall <= 0.0 or not spread:
        return ""
    model = many.model
    served = (MOST - LEAST) * model.duration_s / (1.0 + model.duration_s / model.interarrival_s)
    ours = Implied(served / fall, served / fall**2 * spread / n**0.5)
    theirs = Implied(served / known, served / known**2 * spread / REFERENCE_RUNS["q"]**0.5)
    exact = session_qpu_s(model.sizes)
    return (f"Which side is right: a session of the Q study takes {exact:,.0f} QPU seconds on average (the mean number "
            "of iterations times the mean quantum time, averaged over the sizes: exact from the data). At an arrival "
            f"every {HEAVIEST_S} s all QPUs are always busy, so a further QPU admits as many more sessions as it can "
            f"serve. From Q = {LEAST} to Q = {MOST}, and with the expected number of arrivals, the drop probabilities "
            f"of this run imply {ours.mean:,.0f} s a session ({ours.away(exact):+.1f} standard errors from the exact "
            f"value), those of the reference {theirs.mean:,.0f} s ({theirs.away(exact):+.1f}, if its replications vary "
            f"as ours do; its printed digits leave ± {served / known**2 * DIGITS:.0f} s). "
            f"{judged(ours, theirs, exact)}")


def other_studies(found: Mapping[str, Floats]) -> str:
    """The deviations of the studies of the same sizes whose reference has more replications than the Q study's."""
    others = {study: estimate(found[study].mean(axis=0)) for study in ("c", "week") if study in found}
    if "q" not in found or not others:
        return ""
    own = float(found["q"].mean())
    sign = 1.0 if own > 0.0 else -1.0
    less = [below(Estimate(sign * one.mean, one.half), HALF_WAY * abs(own)) for one in others.values()]
    if False in less:
        follows = "at least one deviates alike, which speaks for a cause other than chance."
    elif True in less:
        follows = f"not as the Q study does, which speaks for chance in its {REFERENCE_RUNS['q']} replications."
    else:
        follows = "the intervals leave open whether they do as the Q study does."
    told = ", ".join(f"{relative(one)} ({STUDIES[study]})" for study, one in others.items())
    return (f"Studies of sessions of the same sizes, for which the reference has {REFERENCE_RUNS['c']} replications, "
            f"deviate by {told}: {follows}")


def judged(ours: Implied, theirs: Implied, exact: float) -> str:
    """What follows for the side that deviates."""
    mine, other = abs(ours.away(exact)), abs(theirs.away(exact))
    if max(mine, other) < NEAR:
        return "Both are near it: this does not tell which side deviates."
    if min(mine, other) > FAR:
        return "Both are far from it: this does not tell which side is right."
    if mine >= other:
        return "The common deviation is more likely on the side of this run."
    had = "longer sessions, or more of them," if theirs.mean > exact else "shorter sessions, or fewer of them,"
    return (f"The common deviation is more likely on the reference's side: its {REFERENCE_RUNS['q']} replications seem "
            f"to have had {had} than are to be expected. Chance may do that; another cause in its program is not "
            "excluded.")


def _busy(sample: Sample) -> bool:
    """Whether the QPUs were busy from the warm-up on."""
    return float(sample.outcome.active[:, 2].mean()) >= BUSY * sample.model.qpus
