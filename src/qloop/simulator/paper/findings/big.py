"""What the big scenario says: more QPUs, more workers, and how much of that is the start of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
)
from qloop.simulator.paper.run import Floats, estimate
from qloop.simulator.paper.sample import OPEN, Sample
from qloop.simulator.paper.studies import ARRIVALS_S, COUNTS, c_name, q_name, week_name

SAME_POINTS = 0.01      # drop probabilities nearer than a percentage point count as equal
RISE = 0.05             # a median that is higher by less counts as not higher
CERTAIN = 0.001         # and below this, as zero: more QPUs cannot make them less
WARM_H, DAY_H, BLOCK_H = 12, 24, 6
Samples = Mapping[str, Sample]


def big_findings(samples: Samples) -> list[Finding]:
    """All findings of the big scenario for which the points were run."""
    found = []
    if all(q_name(q, s) in samples for q in COUNTS for s in ARRIVALS_S):
        found.append(more_qpus(samples))
    if all(c_name(c, s) in samples for c in COUNTS for s in ARRIVALS_S):
        found.append(interplay(samples))
        if all(week_name(c) in samples for c in COUNTS):
            found += [more_workers(samples), box_of_workers(samples)]
    return found


def more_qpus(samples: Samples) -> Finding:
    """Whether each further QPU lowers the drop probability."""
    said, falls = [], []
    for seconds in ARRIVALS_S:
        row = [samples[q_name(q, seconds)] for q in COUNTS]
        steps = [tails.difference(more.drops(), less.drops()) for less, more in pairwise(row)]
        served = [below(one.outcome.drop(), CERTAIN) for one in row]
        falls += [True if done else below(step) for step, done in zip(steps, served, strict=False)]
        said.append(f"every {seconds} s, Q = 1 .. 6: " + ", ".join(percent(one.outcome.drop()) for one in row))
    verdict = plain(every(falls))
    why = {HOLDS: "On the same sessions each further QPU lowers it at every load, unless nobody is refused any more."}
    return Finding("More QPUs", "The drop probability decreases steadily with Q for a given load.", verdict,
                   why.get(verdict, "At least one step does not lower it." if verdict == FAILS else ""), tuple(said))


def more_workers(samples: Samples) -> Finding:
    """Whether the drop probability rises with more workers, in a day, and in a week."""
    day, week = ([samples[name(c)] for c in COUNTS] for name in (c_name, week_name))
    rise_day = tails.difference(day[5].drops(), day[1].drops())
    rise_week = tails.difference(week[5].drops(), week[1].drops())
    late = tails.difference(week[5].drops(WARM_H), week[1].drops(WARM_H))
    said = [f"24 h, counted from 0, C = 1 .. 6: {_row(one.drops() for one in day)}",
            f"7 days, counted from 0: {_row(one.drops() for one in week)}",
            f"7 days, counted after 12 h: {_row(one.drops(WARM_H) for one in week)}",
            f"From C = 2 to C = 6: 24 h {points(rise_day)}; 7 days {points(rise_week)}; 7 days after 12 h "
            f"{points(late)}",
            *sensitivity(samples), _waves(week)]
    rises, stays = above(rise_day, SAME_POINTS), above(late, SAME_POINTS)
    if rises is None or (rises and stays is None and inside(late, -SAME_POINTS, SAME_POINTS) is None):
        verdict = UNDECIDED
    elif not rises:
        verdict = FAILS
    else:
        verdict = HOLDS if stays else ARTEFACT
    held_day, held_week = _held(day[1]) - _held(day[5]), _held(week[1]) - _held(week[5])
    why = {ARTEFACT: f"The rise from C = 2 to C = 6 is there in a run of 24 h and not in one of 7 days: "
                     f"{100 * rise_day.mean:.1f} points against {100 * late.mean:.1f} once the first 12 h are left "
                     "out. The platform starts empty, and whoever it still holds at the end was not refused. With "
                     f"C = 2 both queues fill before that: it holds {100 * held_day:.1f} % of the arrivals more than "
                     f"with C = 6 after 24 h, and {100 * held_week:.1f} % after 7 days. Only the filling differs.",
           HOLDS: "More workers make it worse in the long run, too.",
           FAILS: "There is no rise of a percentage point from C = 2 to C = 6 in a run of 24 h."}
    return Finding("Non-monotonic drop probability", "At constant load it is highest with C = 1, falls sharply to a "
                   "minimum, and increases again with further workers.", verdict, why.get(verdict, ""), tuple(said))


def sensitivity(samples: Samples) -> list[str]:
    """The drop probability against run length (a run's first days are the shorter run) and against warm-up."""
    said = []
    for workers in COUNTS:
        week = samples[week_name(workers)]
        lengths = ", ".join(f"{_length(h)} {100 * week.drops(0, h).mean():.1f}" for h in (6, 12, 24, 48, 96, 168))
        warm = ", ".join(f"{_length(h)} {100 * week.drops(h).mean():.1f}" for h in (1, 6, 12, 24, 48))
        said.append(f"C = {workers}, drop % by run length: {lengths}; of 7 days by warm-up left out: {warm}")
    return said


def box_of_workers(samples: Samples) -> Finding:
    """Whether medians fall and rise again with more workers, in a day, and in a week."""
    said, rises = [], []
    for label, name in (("24 h", c_name), ("7 days", week_name)):
        row = [samples[name(c)] for c in COUNTS]
        for share in (0.25, 0.5, 0.75):
            told = ", ".join(f"{tails.measure(tails.quantile(share), one).mean / 3600:.1f}" for one in row)
            said.append(f"{label}, {100 * share:.0f} % quantile in h, C = 1 .. 6: {told}")
        least = min(row[1:5], key=lambda one: tails.measure(tails.quantile(0.5), one).mean)
        gap = tails.ratio(tails.quantile(0.5), row[5], least)
        rises.append(above(gap, RISE))
        said.append(f"{label}, median at C = 6 against the least of C = 2 .. 5: {100 * gap.mean:+.1f} "
                    f"± {100 * gap.half:.1f} %")
    day, week = rises
    undecided = day is None or (day and week is None)
    verdict = UNDECIDED if undecided else FAILS if not day else HOLDS if week else ARTEFACT
    why = {HOLDS: "The median is least at few workers and higher at C = 6, in a day and in a week.",
           ARTEFACT: "The median rises again in a run of 24 h and not, by 5 % or more, in one of 7 days: the short run "
                     "ends before the sessions that wait longest are done, and those never count.",
           FAILS: "The median does not rise again by 5 % or more."}
    return Finding("Execution time against workers", "The 25 % and 50 % quantiles first decrease with C, then increase "
                   "again; the 75 % quantile increases steadily.", verdict, why.get(verdict, ""), tuple(said))


def interplay(samples: Samples) -> Finding:
    """Whether more workers mean fewer classical and more quantum tasks."""
    said, right, strict = [], [], []
    for seconds in ARRIVALS_S:
        row = [samples[c_name(c, seconds)].outcome.active for c in COUNTS]
        classical = [tails.difference(more[:, 0], less[:, 0]) for less, more in pairwise(row)]
        quantum = tails.difference(row[5][:, 1] + row[5][:, 2], row[0][:, 1] + row[0][:, 2])
        right += [above(quantum), below(tails.difference(row[5][:, 0], row[0][:, 0]))]
        strict += [below(step) for step in classical]
        said.append(f"every {seconds} s: classical tasks " + ", ".join(f"{one[:, 0].mean():.1f}" for one in row)
                    + "; quantum tasks " + ", ".join(f"{(one[:, 1] + one[:, 2]).mean():.1f}" for one in row))
    widest = max(row.widest for sample in samples.values() for row in sample.rows)
    said.append(f"Most sessions open at the same time in any run: {widest} (C_max + Q_max = 80)")
    works = every(right)
    verdict = UNDECIDED if works is None else FAILS if not works else HOLDS if every(strict) else IN_PART
    why = {HOLDS: "Each further worker leaves fewer classical tasks, and the quantum queue takes their place.",
           IN_PART: "From C = 1 to C = 6 classical tasks fall and quantum tasks rise at every load; single steps "
                    "between are not all told apart from none, or go the other way.",
           FAILS: "At some load classical tasks do not fall, or quantum tasks do not rise, from C = 1 to C = 6."}
    return Finding("Interplay", "As C increases, fewer classical and more quantum tasks are active.", verdict,
                   why.get(verdict, ""), tuple(said))


def _waves(week: Iterable[Sample]) -> str:
    """How far the drop probability still swings after the second day, by the time of arrival."""
    swings = []
    for sample in week:
        parts = [100 * sample.drops(h, h + BLOCK_H).mean() for h in range(2 * DAY_H, sample.hours, BLOCK_H)]
        swings.append(f"{min(parts):.0f} to {max(parts):.0f}")
    return f"By {BLOCK_H} h of arrival, from the third day on, drop %, C = 1 .. 6: {', '.join(swings)}"


def _held(sample: Sample) -> float:
    """The part of the arrivals that is in the system at the end of the run."""
    return float((sample.column("time_ns") == OPEN).sum() / sample.arrived.sum())


def _row(rows: Iterable[Floats]) -> str:
    return ", ".join(percent(estimate(one)) for one in rows)


def _length(hours: int) -> str:
    return f"{hours} h" if hours < DAY_H else f"{hours // DAY_H} d"
