"""Verdicts follow from the numbers: the same code says another thing when the results are others."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from qloop.simulator.paper.findings import big, counting, small
from qloop.simulator.paper.findings.text import markdown
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
)
from qloop.simulator.paper.model import PlatformModel, big_classical
from qloop.simulator.paper.run import Estimate
from qloop.simulator.paper.sample import Sample, hours_of
from qloop.simulator.paper.studies import (
    ARRIVALS_S,
    COUNTS,
    POLICIES,
    c_name,
    paper_rule,
    q_name,
    small_name,
    week_name,
)

from .synthetic import drawn, row

NAN = float("nan")


def policies(**scale_h: float) -> dict[str, Sample]:
    """All policies with exponential times of these means; on the same seeds."""
    return {name: drawn(3600 * scale_h.get(name, 6.0), 12, 1) for name in POLICIES}


def flat(model: PlatformModel, drop: float, replications: int = 8, early: float | None = None,
         active: tuple[float, float] = (1.0, 20.0)) -> Sample:
    """Hundred arrivals an hour, refused with this probability, in the first 24 h with another; all takes an hour."""
    rows, hours = [], hours_of(model)
    for number in range(replications):
        r = np.random.Generator(np.random.Philox(key=number))
        part = np.full(hours, drop)
        part[:24] = drop if early is None else early
        gone = r.binomial(100, part)
        made = row(np.arange(hours) * 3600.0, np.full(hours, 3600.0), model=model)
        rows.append(replace(made, arrived=np.full(hours, 100), refused=gone,
                            active=np.array([active[0], active[1], 4.0, 0.5])))
    return Sample(model, tuple(rows))


@pytest.mark.parametrize(("found", "yes"), [
    (Estimate(1.0, 0.5), True), (Estimate(2.5, 0.4), False), (Estimate(1.9, 0.5), None), (Estimate(1.0, NAN), None),
    (Estimate(NAN, 0.1), None), (Estimate(-1.0, 0.5), False)])
def test_an_interval_within_bounds(found: Estimate, yes: bool | None) -> None:
    assert inside(found, 0.0, 2.0) is yes


def test_signs_and_all() -> None:
    assert (below(Estimate(-1, 0.5)), below(Estimate(1, 0.5)), below(Estimate(-1, 2))) == (True, False, None)
    assert (below(Estimate(0, 0)), above(Estimate(0, 0))) == (False, False)
    assert (above(Estimate(-1, 0.5)), above(Estimate(1, 0.5)), above(Estimate(-1, 2))) == (False, True, None)
    assert (every([True, None, False]), every([True, None]), every([True, True])) == (False, None, True)
    assert percent(Estimate(0.5, NAN)) == "50.0 ± ? %"


def test_a_fifo_that_is_none_and_one_that_is() -> None:
    swapped = small.first_in_first_out(policies(fifo_swap=1.5, lifo=1.4))
    assert swapped.verdict == ARTEFACT
    assert "nearer to LIFO than to FIFO" in swapped.why
    assert "A true FIFO has the median of Random" in swapped.why
    assert small.first_in_first_out(policies(lifo=1.4)).verdict == HOLDS
    few = {name: Sample(sample.model, sample.rows[:1]) for name, sample in policies(fifo_swap=1.5).items()}
    assert small.first_in_first_out(few).verdict == UNDECIDED
    assert "more replications" in small.first_in_first_out(few).why


def test_boxes() -> None:
    assert small.boxes(policies(lifo=1.0, fifo_swap=1.0)).verdict == ARTEFACT
    assert small.boxes(policies(lifo=1.0, fifo_swap=1.0, fifo=2.0)).verdict == HOLDS
    assert small.boxes(policies(lifo=12.0)).verdict == FAILS


def test_tails_with_and_without_the_unfinished() -> None:
    """A LIFO that finishes most at once and starves the rest: its finished p95 looks good, its real one is not."""
    def starving(base: Sample, part: float) -> Sample:
        rows = []
        for one in base.rows:
            r = np.random.Generator(np.random.Philox(key=len(rows)))
            starved = r.uniform(size=len(one.time_ns)) < part
            slow = starved & (r.uniform(size=len(starved)) < 0.3) & (one.arrival_ns < 4e14)
            time = np.where(starved, -1, one.time_ns)
            rows.append(replace(one, time_ns=np.where(slow, 150_000 * 10**9, time)))
        return Sample(base.model, tuple(rows))

    found = policies()
    found["lifo"] = starving(drawn(1800.0, 12, 1), 0.08)
    said = small.tail(found)
    assert said.verdict == HOLDS
    assert "is below Random" in said.why
    assert "artefact of censoring" in said.why
    assert small.tail(policies(lifo=2.0)).verdict == FAILS      # shorter everywhere
    assert small.tail(policies(lifo=9.0)).verdict == FAILS      # longer on average
    assert small.tail(policies()).verdict == FAILS              # the same


def test_sizes_and_priorities() -> None:
    found = policies()
    assert small.sizes(found).verdict in (FAILS, UNDECIDED)     # drawn without regard to size
    assert small.priorities(found).verdict in (FAILS, UNDECIDED)
    faster = {name: Sample(one.model, tuple(replace(r, time_ns=np.where(r.time_ns < 0, -1, (
        r.time_ns * (r.size / 4.0) ** 2 / (r.priority if name == "weighted" else 1)).astype(np.int64)))
        for r in one.rows)) for name, one in found.items()}
    assert small.sizes(faster).verdict == HOLDS
    assert small.priorities(faster).verdict in (HOLDS, UNDECIDED)
    assert "priority 1 takes" in small.priorities(faster).evidence[-1]


def test_drop_probabilities_of_policies() -> None:
    model = drawn(3600.0, 1, 1).model
    same = {name: flat(model, 0.15) for name in POLICIES}
    assert small.drops(same).verdict == HOLDS
    assert small.drops(same | {"lifo": flat(model, 0.25)}).verdict == FAILS


def workers(week: float, first: float = 0.4, second: float | None = None) -> dict[str, Sample]:
    """The C study: a day with a rise from C = 2 on, and a week with this drop probability at C = 6."""
    found = {}
    for c, s in product(COUNTS, ARRIVALS_S):
        rise = 0.6 if c == 1 else first + 0.02 * (c - 2)
        found[c_name(c, s)] = flat(big_classical(c, s), rise, active=(41.0 - 5 * c, 5.0 * c))
    for c in COUNTS:
        late = week if c == 6 else 0.6 if second is None else second
        found[week_name(c)] = flat(big_classical(c, 450, days=7.0), late, early=0.5)
    return found


def test_a_transient_and_a_lasting_rise() -> None:
    gone = big.more_workers(workers(0.6))
    assert gone.verdict == ARTEFACT
    assert "not in one of 7 days" in gone.why
    assert any("C = 6, drop % by run length" in line for line in gone.evidence)
    assert big.more_workers(workers(0.7)).verdict == HOLDS
    flat_day = workers(0.6) | {c_name(6): workers(0.6)[c_name(2)]}
    assert big.more_workers(flat_day).verdict == FAILS
    assert big.interplay(workers(0.6)).verdict == HOLDS
    assert {one.title for one in big.big_findings(workers(0.6))} == {
        "Interplay", "Non-monotonic drop probability", "Execution time against workers"}


def test_medians_that_rise_again() -> None:
    def lasting(sample: Sample, hours: float) -> Sample:
        took = np.int64(hours * 3600e9)
        return Sample(sample.model, tuple(replace(one, time_ns=one.time_ns // one.time_ns * (took + n * 10**9))
                                          for n, one in enumerate(sample.rows)))

    found = workers(0.6)
    found |= {c_name(6): lasting(found[c_name(6)], 2.0)}
    assert big.box_of_workers(found).verdict == ARTEFACT
    assert big.box_of_workers(found | {week_name(6): lasting(found[week_name(6)], 2.0)}).verdict == HOLDS
    assert big.box_of_workers(workers(0.6)).verdict == FAILS


def test_the_sensitivity_is_that_of_the_hours() -> None:
    sample = flat(big_classical(6, 450, days=7.0), 0.6, early=0.0)
    lines = big.sensitivity(dict.fromkeys([week_name(c) for c in COUNTS], sample))
    length, warm_up = (dict(zip(words[::2], map(float, words[1::2]), strict=True)) for words in (
        part.replace(" h ", "h ").replace(" d ", "d ").replace(",", "").split()
        for part in lines[0].removeprefix("C = 1, drop % by run length: ").split("; of 7 days by warm-up left out: ")))
    assert (length["6h"], length["1d"]) == (0.0, 0.0)
    assert length["2d"] == pytest.approx(30.0, abs=1.0)
    assert length["7d"] == pytest.approx(60.0 * 6 / 7, abs=1.0)
    assert warm_up["1d"] == pytest.approx(60.0, abs=1.0)


def test_more_qpus() -> None:
    found = {q_name(q, s): flat(drawn(3600.0, 1, 1).model, 0.9 - 0.1 * q) for q in COUNTS for s in ARRIVALS_S}
    assert big.more_qpus(found).verdict == HOLDS
    assert big.more_qpus(found | {q_name(4, 600): found[q_name(2, 600)]}).verdict == FAILS
    nobody = {name: flat(sample.model, 0.0) for name, sample in found.items() if name.startswith(("q5", "q6"))}
    assert big.more_qpus(found | nobody).verdict == HOLDS       # none can be fewer


def test_one_replication_decides_nothing() -> None:
    model = drawn(3600.0, 1, 1).model
    found = {q_name(q, s): flat(model, 0.9 - 0.1 * q, replications=1) for q in COUNTS for s in ARRIVALS_S}
    found |= {name: Sample(sample.model, sample.rows[:1]) for name, sample in workers(0.6).items()}
    found |= {small_name(name): Sample(one.model, one.rows[:1]) for name, one in policies(lifo=1.0).items()}
    found |= {paper_rule(small_name("random")): found[small_name("lifo")]}
    judged = [*small.small_findings(found), *big.big_findings(found), *counting.counting_findings(found)]
    assert len(judged) == 12
    assert {one.verdict for one in judged} == {UNDECIDED}


def test_counting_and_admission() -> None:
    model = drawn(3600.0, 1, 1).model
    name = small_name("random")
    even = {name: Sample(model, tuple(replace(one, refused=one.arrived // 4) for one in flat(model, 0.2).rows))}
    assert counting.censoring(even).verdict == HOLDS
    assert counting.censoring({name: flat(model, 0.9, early=0.0)}).verdict == ARTEFACT
    twin = even | {paper_rule(name): even[name]}
    assert counting.admission(twin).verdict == HOLDS
    assert counting.admission(even | {paper_rule(name): flat(model, 0.5)}).verdict == FAILS
    assert [one.title for one in counting.counting_findings(even)] == ["Counting"]
    assert "standard deviations" in counting.drawn(even)
    assert counting.drawn({}) == ""


def test_the_text_holds_every_verdict_and_says_what_is_left_out() -> None:
    found = [Finding("One", "it is so", HOLDS, "because", ("1 ± 1",)), Finding("Two", "it is", UNDECIDED, "", ()),
             Finding("Three", "also", IN_PART, "partly", ())]
    about = dict.fromkeys(("replications", "seed", "qloop", "python", "numpy", "numba", "machine", "processors",
                           "written"), "x")
    text = markdown(found, [], "arrivals", about, ["figure_08: no data"])
    assert text.index("| One | holds |") < text.index("| Three | holds in part |") < text.index("| Two | not decided")
    assert "## Two: not decided by this run" in text
    assert "more replications" in text
    assert "- figure_08: no data" in text
