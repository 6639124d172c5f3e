"""A study as a whole against the reference: the side of its points, their common deviation, and who is right."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from qloop.simulator.paper.agreement import admitted, agreement, sides
from qloop.simulator.paper.findings import counting, deviation
from qloop.simulator.paper.findings.deviation import Implied
from qloop.simulator.paper.findings.text import markdown
from qloop.simulator.paper.measurements import shipped
from qloop.simulator.paper.model import DAY_S, big_quantum
from qloop.simulator.paper.reference import Q_STUDY
from qloop.simulator.paper.sample import Sample, hours_of
from qloop.simulator.paper.studies import COUNTS, q_name, small_name
from qloop.simulator.paper.workload import draw, key_of

from .synthetic import drawn, row

ABOUT = dict.fromkeys(("replications", "seed", "qloop", "python", "numpy", "numba", "machine", "processors", "written"),
                      "x")
ARRIVALS = 1000


def study(shares: Callable[[float, int], np.ndarray]) -> dict[str, Sample]:
    """The Q study with these admitted shares by replication, told from the reference's share and the QPUs."""
    found = {}
    for seconds, drops in Q_STUDY.items():
        for qpus in COUNTS:
            model, rows = big_quantum(qpus, seconds), []
            for share in shares(1.0 - drops[qpus - 1] / 100.0, qpus):
                one = row(np.zeros(1), np.ones(1), model=model)
                came, gone = np.zeros((2, hours_of(model)), np.int64)
                came[0], gone[0] = 10**7, round(10**7 * (1.0 - share))
                rows.append(replace(one, arrived=came, refused=gone, active=np.array([1.0, 20.0, float(qpus), 0.5])))
            found[q_name(qpus, seconds)] = Sample(model, tuple(rows))
    return found


def shifted(by: float, spread: float = 0.01, replications: int = 20) -> dict[str, Sample]:
    """Every point has the same relative deviation in a replication: `by` on average, with this standard deviation."""
    z = np.resize([-1.0, 1.0], replications)
    moved = 1.0 + by + spread * z / z.std(ddof=1)
    return study(lambda share, _: np.minimum(share * moved, 1.0))


def q_line(samples: dict[str, Sample]) -> str:
    """What is told of the Q study."""
    return next(line for line in counting.drawn(samples).splitlines() if line.startswith("- Q study"))


def test_points_below_and_above_are_told() -> None:
    samples = shifted(0.01)
    samples[q_name(2, 600)] = shifted(-0.01)[q_name(2, 600)]
    compared = tuple(agreement(samples))
    below = sum(line.ours.mean < line.reference for _, line in compared)
    assert sides(compared) == {"q": (below, 18 - below)}
    assert below in (16, 17)        # at Q = 6 every 900 s all are admitted: it may lie on the other side
    text = markdown([], compared, counting.drawn(samples), ABOUT, [])
    assert f"{below} lie below the reference, {18 - below} above" in text
    assert "pointwise at 95 %" in text
    assert "one deviation" in text


def test_the_common_deviation_is_that_of_the_admitted_sessions() -> None:
    rows = admitted(shifted(0.02))["q"]
    assert rows.shape == (18, 20)
    assert rows.mean(axis=1)[:17] == pytest.approx(0.02, abs=1e-3)
    assert rows.mean(axis=1)[17] == pytest.approx(0.004, abs=1e-3)      # 99.6 % are admitted: no room for more


def test_standard_errors_are_those_of_the_replications_of_the_reference() -> None:
    rows = np.tile(0.02 + 0.01 * np.resize([-1.0, 1.0], 80) / np.resize([-1.0, 1.0], 80).std(ddof=1), (3, 1))
    told = deviation.common(rows, 20)
    assert told.startswith("+2.0 ± 0.2 % over 3 points (+2.0 to +2.0 % by point)")
    assert "+8.9 standard errors of a reference of 20 replications" in told         # .02 / (.01 / sqrt 20)
    assert "+8.0 of the difference" in told                                         # .02 / (.01 sqrt(1/20 + 1/80))
    assert "correlated by 1.00 on average" in told
    assert deviation.common(-rows, 20).startswith("-2.0 ± 0.2 %")


def test_independent_points_are_told_as_such() -> None:
    r = np.random.Generator(np.random.Philox(key=3))
    told = deviation.common(r.normal(0.0, 0.01, (10, 4000)), 20)
    found = re.search(r"correlated by (-?[\d.]+) on average", told)
    assert found
    assert abs(float(found[1])) <= 0.02


def test_one_replication_has_no_standard_error() -> None:
    once = {name: Sample(one.model, one.rows[:1]) for name, one in shifted(0.01).items()}
    told = q_line(once)
    assert "± ? %" in told
    assert "standard errors" not in told
    assert deviation.which_side(once) == ""


def test_the_exact_qpu_seconds_are_the_mean_of_what_is_drawn() -> None:
    model = big_quantum(1, 60, duration_s=80 * DAY_S)
    sessions = draw(model, shipped(model.sizes), key_of(5, 0))
    needs = sessions.iterations * (sessions.quantum_ns * 1e-9)
    error = needs.std() / len(needs) ** 0.5
    assert abs(needs.mean() - deviation.session_qpu_s(model.sizes)) < 4.0 * error
    assert deviation.session_qpu_s(model.sizes) == pytest.approx(4884.0, abs=0.5)


def test_drops_of_a_known_work_imply_that_work() -> None:
    """Each QPU admits what it serves: the slope says how long sessions are, whatever is admitted besides."""
    model = big_quantum(1, 300)
    came = 1.0 + model.duration_s / model.interarrival_s
    wobble = 1.0 + 0.01 * np.resize([-1.0, 1.0], 20)
    exact = deviation.session_qpu_s(model.sizes)
    samples = study(lambda _, qpus: 0.01 + qpus * model.duration_s / (exact * came) * wobble)
    told = deviation.which_side({name: one for name, one in samples.items() if name.endswith("-300s")})
    found = re.search(r"of this run imply ([\d,]+) s a session \(([-+.\d]+) standard", told)
    assert found
    assert float(found[1].replace(",", "")) == pytest.approx(exact, abs=1.0)
    assert abs(float(found[2])) <= 0.1
    assert "those of the reference 4,964 s" in told
    assert "on the reference's side" in told
    idle = {name: Sample(one.model, tuple(replace(r, active=0.9 * r.active) for r in one.rows))
            for name, one in samples.items()}
    assert deviation.which_side(idle) == ""


@pytest.mark.parametrize(("ours", "theirs", "said"), [
    (Implied(101.0, 2.0), Implied(110.0, 4.0), "longer sessions, or more of them,"),
    (Implied(101.0, 2.0), Implied(90.0, 4.0), "shorter sessions, or fewer of them,"),
    (Implied(110.0, 2.0), Implied(101.0, 4.0), "on the side of this run"),
    (Implied(101.0, 2.0), Implied(103.0, 4.0), "which side deviates"),
    (Implied(110.0, 2.0), Implied(90.0, 4.0), "which side is right"),
])
def test_the_side_follows_from_the_numbers(ours: Implied, theirs: Implied, said: str) -> None:
    assert said in deviation.judged(ours, theirs, 100.0)


def test_other_studies_of_the_same_sizes_speak_for_chance_or_against_it() -> None:
    alike, away, none = (np.full((4, 10), by) for by in (0.015, -0.01, 0.001))
    own = np.full((18, 10), 0.02)
    for quiet in (away, none):
        assert "speaks for chance in its 20" in deviation.other_studies({"q": own, "week": quiet})
    told = deviation.other_studies({"q": own, "c": away, "week": alike})
    assert "a cause other than chance" in told
    assert "-1.0 ± 0.0 % (C study, 36 points, 24 h), +1.5 ± 0.0 % (C study at 8" in told
    assert "leave open" in deviation.other_studies({"q": own, "week": np.tile(np.resize([-0.1, 0.1], 10), (4, 1))})
    assert "speaks for chance" in deviation.other_studies({"q": -own, "week": -none})
    assert deviation.other_studies({"q": own, "small": away}) == ""


def test_without_a_study_nothing_is_told() -> None:
    assert list(deviation.deviations({})) == []
    assert "Q study" not in counting.drawn({small_name("random"): drawn(3600.0, 4, 1)})
