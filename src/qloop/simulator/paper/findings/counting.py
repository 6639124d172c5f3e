"""What the rules change: which sessions are counted, when a session is refused; and what this run drew."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qloop.simulator.paper import tails
from qloop.simulator.paper.findings.deviation import deviations
from qloop.simulator.paper.findings.verdict import (
    ARTEFACT,
    FAILS,
    HOLDS,
    UNDECIDED,
    Finding,
    above,
    every,
    inside,
    percent,
    points,
    relative,
)
from qloop.simulator.paper.model import HOUR_S
from qloop.simulator.paper.run import Estimate, estimate
from qloop.simulator.paper.sample import OPEN, Sample
from qloop.simulator.paper.studies import POLICIES, c_name, paper_rule, small_name, week_name

SAME_POINTS, SAME = 0.01, 0.02
Samples = Mapping[str, Sample]
CENSORED = (*(small_name(policy) for policy in POLICIES), c_name(2), c_name(6), week_name(2), week_name(6))
RULES = tuple(name for name in (small_name("random"), small_name("lifo"), c_name(2), c_name(6)))


def counting_findings(samples: Samples) -> list[Finding]:
    """Findings about counting and admission for which the points were run."""
    found = []
    if any(name in samples for name in CENSORED):
        found.append(censoring(samples))
    if any(name in samples and paper_rule(name) in samples for name in RULES):
        found.append(admission(samples))
    return found


def censoring(samples: Samples) -> Finding:
    """How much the warm-up and the unfinished sessions change."""
    known = {name: samples[name] for name in CENSORED if name in samples}
    gaps = [tails.difference(one.drops(_warm(one)), one.drops()) for one in known.values()]
    medians = [_with_unfinished(one) for one in known.values()]
    said = [_counted(name, one, gap, median)
            for (name, one), gap, median in zip(known.items(), gaps, medians, strict=True)]
    harmless = every(inside(gap, -SAME_POINTS, SAME_POINTS) for gap in gaps)
    unseen = every(inside(median, -SAME, SAME) for median in medians)
    clear = any(above(gap, SAME_POINTS) for gap in gaps) or any(above(one, SAME) for one in medians)
    verdict = HOLDS if harmless and unseen else ARTEFACT if clear else UNDECIDED
    why = {HOLDS: "Counting from 0 and leaving out the unfinished changes drop probabilities by less than a percentage "
                  "point and medians by less than 2 %.",
           ARTEFACT: "Refusals are counted from time 0, when the empty platform refuses nobody, and sessions that are "
                     "unfinished at the end are never recorded: drop probabilities and times come out too low, most of "
                     "all in runs of 24 h, and under orders that leave some sessions behind."}
    return Finding("Counting", "Refusals counted from time 0, and the sessions that end within the run, stand for "
                   "the platform (so the paper's program counts).", verdict, why.get(verdict, ""),
                   tuple(said))


def _counted(name: str, sample: Sample, gap: Estimate, median: Estimate) -> str:
    """What counting changes at one point."""
    left = sample.unfinished().sum() / max(int((sample.finished("corrected") | sample.unfinished()).sum()), 1)
    open_now = (sample.column("time_ns") == OPEN).sum() / len(sample)
    bound = "" if tails.tells(0.5, sample) else "at least "
    return (f"{name}: drop {percent(sample.outcome.drop())} from 0, {percent(estimate(sample.drops(_warm(sample))))} "
            f"after the warm-up ({points(gap)}); unfinished {open_now:.1f} a run, {100 * left:.1f} % of those that "
            f"arrived after the warm-up; median with them {bound}{relative(median)}")


def _warm(sample: Sample) -> int:
    """The warm-up in hours."""
    return int(sample.model.warmup_s // HOUR_S)


def admission(samples: Samples) -> Finding:
    """What the rule that the paper describes changes against the one of its program."""
    said, drops, medians = [], [], []
    for name in (one for one in RULES if one in samples and paper_rule(one) in samples):
        own, other = samples[paper_rule(name)], samples[name]
        gap, median = tails.difference(own.drops(), other.drops()), tails.ratio(tails.quantile(0.5), own, other)
        drops.append(gap)
        medians.append(median)
        said.append(f"{name}: drop {points(gap)}, median {relative(median)} under the paper's rule "
                    f"({len(own)} replications, paired)")
    same = every([*(inside(gap, -SAME_POINTS, SAME_POINTS) for gap in drops),
                  *(inside(one, -SAME, SAME) for one in medians)])
    verdict = {True: HOLDS, False: FAILS, None: UNDECIDED}[same]
    why = {HOLDS: "Both rules give the same drop probability within a percentage point, and medians within 2 %.",
           FAILS: "The program counts waiting quantum tasks and refuses at the bound; the paper counts running ones, "
                  "too, and refuses beyond it. With Q QPUs the program's queue is about Q - 1 longer, and the numbers "
                  "differ by more than a percentage point or 2 % of a median."}
    return Finding("Admission rule", "The rule of the program (refuse when pending quantum tasks reach Q_max) and that "
                   "of the paper (when those pending and in execution exceed it) come to the same.", verdict,
                   why.get(verdict, ""), tuple(said))


def drawn(samples: Samples) -> str:
    """What chance did: to the arrivals, and to each study as a whole, in paragraphs."""
    return "\n\n".join(part for part in (_arrivals(samples), *deviations(samples)) if part)


def _arrivals(samples: Samples) -> str:
    """How many sessions the small scenario's replications drew, against how many are to be expected."""
    name = next((small_name(policy) for policy in POLICIES if small_name(policy) in samples), "")
    if not name:
        return ""
    sample = samples[name]
    came, model = sample.arrived.sum(axis=1), sample.model
    expected = 1.0 + model.duration_s / model.interarrival_s
    away = float((came.mean() - expected) / np.sqrt((expected - 1.0) / len(sample)))
    return (f"Arrivals a run in the small scenario: {came.mean():,.1f}, expected {expected:,.0f} ({away:+.1f} standard "
            "deviations).")


def _with_unfinished(sample: Sample) -> Estimate:
    """How much longer the median is if the unfinished sessions count, and only those after the warm-up do."""
    return tails.excess(tails.censored_quantile(0.5), tails.quantile(0.5), sample)
