"""What the small scenario says: policies compared on the same sessions."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from qloop.simulator.paper import tails
from qloop.simulator.paper.findings.verdict import (
    ARTEFACT,
    FAILS,
    HOLDS,
    IN_PART,
    UNDECIDED,
    Finding,
    above,
    below,
    every,
    inside,
    percent,
    plain,
    points,
    relative,
    seconds,
)
from qloop.simulator.paper.run import Estimate
from qloop.simulator.paper.sample import Sample
from qloop.simulator.paper.studies import POLICIES, small_name

Policies = Mapping[str, Sample]
# what counts as no difference: a percentage point; 2 % of a median; a tenth, between priorities that are not known
SAME_POINTS, SAME, ALIKE = 0.01, 0.02, 0.1


def small_findings(samples: Mapping[str, Sample]) -> list[Finding]:
    """All findings of the small scenario; none if a policy was not run."""
    found = {policy: samples[small_name(policy)] for policy in POLICIES if small_name(policy) in samples}
    if len(found) < len(POLICIES):
        return []
    return [drops(found), first_in_first_out(found), boxes(found), tail(found), sizes(found), priorities(found)]


def drops(policies: Policies) -> Finding:
    """Whether drop probabilities are alike."""
    known = {name: tails.difference(sample.drops(), policies["random"].drops())
             for name, sample in policies.items() if name != "random"}
    said = [f"{name}: {percent(sample.outcome.drop(), 2)}"
            + (f", {points(known[name])} against random" if name in known else "")
            for name, sample in policies.items()]
    verdict = plain(every(inside(gap, -SAME_POINTS, SAME_POINTS) for gap in known.values()))
    return Finding("Drop probability of the policies", "It is comparable for all of them, 15 % on average.", verdict,
                   {HOLDS: "On the same sessions every policy is within a percentage point of random: the work offered "
                           "and the bounds decide who is refused, the order hardly does.",
                    FAILS: "At least one policy refuses clearly more or fewer sessions than random."}.get(verdict, ""),
                   tuple(said))


def first_in_first_out(policies: Policies) -> Finding:
    """Whether what the paper calls FIFO is one."""
    median = tails.quantile(0.5)
    swap = tails.ratio(median, policies["fifo_swap"], policies["fifo"])
    true = tails.ratio(median, policies["fifo"], policies["random"])
    lifo = tails.ratio(median, policies["fifo_swap"], policies["lifo"])
    other = inside(swap, -SAME, SAME)
    verdict = UNDECIDED if other is None else HOLDS if other else ARTEFACT
    near = abs(lifo.mean) < abs(swap.mean)
    why = {HOLDS: "Both orders have the same median in this run.",
           ARTEFACT: "The program removes the first waiting task by moving the last one into its place, so the newest "
                     "of those that waited at the previous dispatch is served next"
                     + (": an order much nearer to LIFO than to FIFO." if near else ".")
                     + (" A true FIFO has the median of Random." if inside(true, -SAME, SAME) else "")}
    return Finding("The order of FIFO", "Policy F schedules the oldest task.", verdict, why.get(verdict, ""), (
        f"Median, FIFO as coded (fifo_swap): {_measured(median, policies['fifo_swap'])}",
        f"Median, true FIFO (fifo): {_measured(median, policies['fifo'])}",
        f"Median, random: {_measured(median, policies['random'])}; lifo: {_measured(median, policies['lifo'])}",
        f"fifo_swap against fifo: {relative(swap)}; against lifo: {relative(lifo)}; fifo against random: "
        f"{relative(true)}"))


def boxes(policies: Policies) -> Finding:
    """Whether FIFO and LIFO have lower boxes than the random policies."""
    lower, said = {}, []
    for name in ("lifo", "fifo_swap", "fifo"):
        gaps = {(share, other): tails.ratio(tails.quantile(share), policies[name], policies[other])
                for other in ("random", "weighted") for share in (0.25, 0.5, 0.75)}
        lower[name] = every(below(gap) for gap in gaps.values())
        told = ", ".join(f"{relative(gaps[share, 'random'])}" for share in (0.25, 0.5, 0.75))
        said.append(f"{name} against random, 25/50/75 % quantiles: {told}")
    if lower["lifo"] is None or lower["fifo"] is None:
        verdict, why = UNDECIDED, ""
    elif lower["lifo"] and lower["fifo"]:
        verdict, why = HOLDS, "LIFO and a true FIFO are below both random policies in all three quartiles."
    elif lower["lifo"]:
        verdict = ARTEFACT
        why = ("It holds for LIFO" + (" and for FIFO as coded" if lower["fifo_swap"] else "") + ", and not for a true "
               "FIFO: a task that waits its turn waits for as many tasks as under a random order, on average.")
    else:
        verdict, why = FAILS, "LIFO is not below both random policies in all three quartiles."
    return Finding("Boxes of FIFO and LIFO", "F and L have significantly lower execution times in the box (25 to 75 %) "
                   "than the random policies R and W.", verdict, why, tuple(said))


def tail(policies: Policies) -> Finding:
    """Whether random orders reduce tails, and at which quantile; and what the unfinished sessions change."""
    lifo, random = policies["lifo"], policies["random"]
    gaps = {"mean": tails.ratio(tails.mean_time, lifo, random),
            "p95": tails.ratio(tails.quantile(0.95), lifo, random),
            "p99": tails.ratio(tails.quantile(0.99), lifo, random),
            "longest of a run": tails.ratio(tails.longest, lifo, random),
            "p95 with the unfinished": tails.ratio(tails.censored_quantile(0.95), lifo, random)}
    longer = {name: above(gap) for name, gap in gaps.items() if name != "mean"}
    return Finding("Tails", "Randomised policies increase the average execution time while reducing tail values (in "
                   "the reference, p95 is 47,637 s under LIFO and 52,072 s under Random).",
                   *_tail_verdict(gaps, longer),
                   (*(_tail_line(name, sample) for name, sample in policies.items()),
                    "lifo against random: " + "; ".join(f"{name} {relative(gap)}" for name, gap in gaps.items())))


def _tail_verdict(gaps: Mapping[str, Estimate], longer: Mapping[str, bool | None]) -> tuple[str, str]:
    """The verdict on the take-away and its reason."""
    far = every((longer["p99"], longer["longest of a run"]))
    if below(gaps["mean"]) is None or far is None:
        return UNDECIDED, ""
    if not below(gaps["mean"]) or not far:
        return FAILS, "LIFO's mean is not below Random's, or its far tail not above."
    p95 = {True: "above", False: "below", None: "not told apart from"}[longer["p95"]]
    why = (f"Random's mean is higher and its p99 and longest times are shorter. At p95 of the finished sessions LIFO "
           f"is {p95} Random")
    if longer["p95"] is True:
        return HOLDS, f"{why}, too."
    left_out = ("Its low p95 is an artefact of censoring: the sessions that it starves never appear."
                if longer["p95"] is False else "The sessions that it starves never appear in the other.")
    if longer["p95 with the unfinished"]:
        return HOLDS, (f"{why}, but that counts only sessions that ended: with those that were still waiting when the "
                       f"run ended, LIFO's p95 is above Random's. {left_out} LIFO is better for most, worse for the "
                       "rest.")
    if longer["p95 with the unfinished"] is None:
        return IN_PART, f"{why}; whether the take-away holds at p95, too, is not decided by this run."
    return IN_PART, f"{why}: the take-away holds beyond the 95th percentile only."


def _tail_line(name: str, sample: Sample) -> str:
    """One policy's tail."""
    told = [f"{label} {seconds(tails.measure(statistic, sample))}" for label, statistic in (
        ("mean", tails.mean_time), ("p95", tails.quantile(0.95)), ("p99", tails.quantile(0.99)),
        ("longest of a run", tails.longest))]
    own = []
    for share in (0.95, 0.99):
        bound = "" if tails.tells(share, sample) else "beyond "
        own.append(f"p{100 * share:.0f} {bound}{seconds(tails.measure(tails.censored_quantile(share), sample))}")
    outside = percent(tails.measure(tails.outliers, sample))
    return (f"{name}: {', '.join(told)}, outliers {outside}; with the unfinished sessions "
            f"({sample.unfinished().sum() / len(sample):.1f} a run) {', '.join(own)}")


def sizes(policies: Policies) -> Finding:
    """Whether times grow with the size."""
    said, rising = [], []
    for name, sample in policies.items():
        known = [tails.measure(tails.quantile(0.5), sample, tails.only(sample, size=size))
                 for size in sample.model.sizes]
        rising += [_apart(small, large) for small, large in pairwise(known)]
        said.append(f"{name}, medians of {'/'.join(map(str, sample.model.sizes))} qubits: "
                    + ", ".join(seconds(one) for one in known))
    verdict = plain(every(rising))
    why = {HOLDS: "Every step in size makes the median longer, under every policy: larger circuits take more "
                  "iterations.",
           FAILS: "Under at least one policy the median does not rise with every step in size."}
    return Finding("Size", "The execution time increases with the problem size.", verdict, why.get(verdict, ""),
                   tuple(said))


def priorities(policies: Policies) -> Finding:
    """Whether priorities matter to `weighted`, and to it alone."""
    said, same, ordered = [], [], []
    for name, sample in policies.items():
        known = [tails.measure(tails.quantile(0.5), sample, tails.only(sample, priority=one))
                 for one in sample.model.priorities]
        said.append(f"{name}, medians of priority {'/'.join(map(str, sample.model.priorities))}: "
                    + ", ".join(seconds(one) for one in known))
        if name == "weighted":
            ordered = [_apart(high, low) for low, high in pairwise(known)]
            said.append(f"weighted: priority 1 takes {known[0].mean / known[2].mean:.1f} times as long as priority 4")
        else:
            same.append(inside(_quotient(known[0], known[2]), -ALIKE, ALIKE))
    works, alike = every(ordered), every(same)
    verdict = UNDECIDED if works is None or alike is None else FAILS if not works else HOLDS if alike else IN_PART
    why = {HOLDS: "Under weighted each step in priority shortens the median; under the others the medians "
                    "of priorities 1 and 4 are within a tenth of each other.",
           IN_PART: "Under weighted each step in priority shortens the median, but under another policy "
                    "priorities 1 and 4 differ by more than a tenth, too.",
           FAILS: "Under weighted a higher priority does not shorten the median at each step."}
    return Finding("Priorities", "W makes execution times follow the priority; F, L and R do not know it.", verdict,
                   why.get(verdict, ""), tuple(said))


def _apart(low: Estimate, high: Estimate) -> bool | None:
    """Whether the second is clearly the larger (False: clearly the smaller)."""
    both = (low.half**2 + high.half**2) ** 0.5
    return above(Estimate(high.mean - low.mean, both))


def _quotient(one: Estimate, other: Estimate) -> Estimate:
    """How much larger the first of two independent estimates is, as a part of the second."""
    quotient = one.mean / other.mean
    return Estimate(quotient - 1.0, quotient * ((one.half / one.mean) ** 2 + (other.half / other.mean) ** 2) ** 0.5)


def _measured(statistic: tails.Statistic, sample: Sample) -> str:
    return seconds(tails.measure(statistic, sample))
