"""Calibration-aware placement: its cost grows with what is bad, cold minus warm is what was missed, and loops stay."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from qloop.policies import columns as c
from qloop.policies import fits
from qloop.policies.bind import bind, wait
from qloop.policies.catalog import policy
from qloop.policies.ledger import finished
from qloop.policies.place import calibrated, due_s, terms

SECONDS = st.floats(0.0, 100.0)
LOSS = st.floats(0.0, 3.0)
NOW = 1000.0


class Place:
    """One session's task before some QPUs, with every fact at hand."""

    def __init__(self, blocks: list[list[float]], busy: list[float], **settings: float) -> None:
        self.qpus = [c.new_qpu(9.0) for _ in blocks]
        for qpu, until in zip(self.qpus, busy, strict=True):
            qpu[c.BUSY], qpu[c.FREE_AT] = float(until > 0.0), NOW + until
            qpu[c.AGING_RATE], qpu[c.AGE_SD], qpu[c.AGE_RELAX], qpu[c.IDLE_SHARE] = 0.05, 0.2, 3600.0, 0.2
        self.flows = [c.new_flow(0.0, -1.0, 1.0), c.new_flow(1.0, 0.0, 1.0) + fits.no_visits(len(blocks))]
        self.tasks = [c.new_task(1.0, 1.0, 2.0, 1.0) + [cell for block in blocks for cell in block]]
        self.totals = c.new_totals()
        for column, value in policy("efaas", **settings).settings.items():
            self.totals[column] = value

    def cost(self, q: int, now: float = NOW) -> float:
        fits.note_best(self.tasks, self.qpus, 0, now)
        return self.price(q, now)

    def price(self, q: int, now: float = NOW) -> float:
        return (calibrated(self.tasks, self.flows, self.qpus, self.totals, 0, q, now)
                + wait(self.qpus[q], self.tasks[0][c.CLASS], now))

    def bind(self, now: float = NOW) -> int:
        return bind(calibrated, self.tasks, self.flows, self.qpus, self.totals, 0, now)

    def run(self, q: int, now: float = NOW) -> None:
        """The task runs there and ends at once: the session was there."""
        self.tasks[0][c.MEASURED] = 1.0
        held = list(self.qpus[q])
        self.flows[1][c.OUTSTANDING] = self.flows[0][c.OUTSTANDING] = 1.0
        finished(self.tasks, self.flows, self.qpus, self.totals, 0, q, now, True)
        self.qpus[q][:] = held

    def set(self, q: int, cell: int, value: float) -> None:
        self.tasks[0][c.TASK_COLUMNS + fits.FIT * q + cell] = value


BLOCK = st.builds(lambda loss, stale, *costs: [loss, stale, *costs], LOSS, st.floats(0.0, 1e5),
                  SECONDS, SECONDS, SECONDS, SECONDS)
PLACES = st.lists(st.tuples(BLOCK, SECONDS), min_size=2, max_size=4).map(
    lambda pairs: Place([block for block, _ in pairs], [busy for _, busy in pairs]))


@given(PLACES, st.floats(0.0, 500.0), st.floats(0.0, 200.0), st.floats(0.1, 50.0))
def test_the_cost_never_falls_as_the_wait_grows(place: Place, longer: float, window: float, length: float) -> None:
    """Also across a calibration window, before which the task must end."""
    place.qpus[0][c.WINDOW_AT], place.qpus[0][c.WINDOW_GAP] = NOW + window, 1e6
    place.qpus[0][c.WINDOW_S] = length
    before = place.cost(0)
    place.qpus[0][c.BUSY] = 1.0
    place.qpus[0][c.FREE_AT] = max(place.qpus[0][c.FREE_AT], NOW) + longer
    assert place.cost(0) >= before - 1e-9
    before = place.cost(0)
    place.qpus[0][c.QUEUED] += longer
    assert place.cost(0) >= before


@given(PLACES, st.floats(0.0, 1e6))
def test_the_cost_never_falls_as_the_calibration_ages(place: Place, older: float) -> None:
    before = place.cost(0)
    place.qpus[0][c.CALIBRATED_AT] -= older
    assert place.cost(0) >= before - 1e-9


@given(PLACES, st.floats(0.0, 5.0))
def test_the_cost_never_falls_as_errors_grow(place: Place, more: float) -> None:
    before = place.cost(0)
    place.set(0, fits.LOSS, place.tasks[0][c.TASK_COLUMNS + fits.LOSS] + more)
    assert place.cost(0) >= before - 1e-9


@given(PLACES, SECONDS)
def test_cold_minus_warm_is_what_the_caches_missed(place: Place, ago: float) -> None:
    cold = place.cost(0)
    block = place.tasks[0][c.TASK_COLUMNS:c.TASK_COLUMNS + fits.FIT]
    place.run(0, NOW - ago)
    place.set(0, fits.COMPILE, 0.0)
    missed = block[fits.COMPILE] + block[fits.LOAD] + block[fits.MITIGATE]
    assert math.isclose(cold - place.cost(0), missed, abs_tol=1e-9)


@given(PLACES, st.floats(301.0, 1e4))
def test_waveforms_cool_down_and_measured_errors_last_an_epoch(place: Place, ago: float) -> None:
    place.run(0, NOW - ago)
    fits.note_best(place.tasks, place.qpus, 0, NOW)
    block = place.tasks[0][c.TASK_COLUMNS:c.TASK_COLUMNS + fits.FIT]
    found = terms(place.tasks, place.flows, place.qpus, place.totals, 0, 0, NOW)
    assert found[3:5] == (block[fits.LOAD], 0.0)
    place.qpus[0][c.EPOCH] += 1.0
    found = terms(place.tasks, place.flows, place.qpus, place.totals, 0, 0, NOW)
    assert found[3:5] == (block[fits.LOAD], block[fits.MITIGATE])


@given(PLACES)
def test_a_task_is_bound_where_it_costs_least(place: Place) -> None:
    chosen = place.bind()
    costs = [place.price(q) for q in range(len(place.qpus))]
    assert chosen == costs.index(min(costs))


@given(PLACES, st.integers(2, 12))
def test_nothing_plays_ping_pong(place: Place, rounds: int) -> None:
    """As long as nothing else changes, a loop moves once at the most, whatever is warm where."""
    where = []
    for k in range(rounds):
        q = place.bind(NOW + k)
        where.append(q)
        place.run(q, NOW + k)
        for qpu in place.qpus:      # what else runs there goes on
            qpu[c.FREE_AT] += 1.0
        for other in range(len(place.qpus)):    # ages are part of "nothing changes", too
            place.qpus[other][c.CALIBRATED_AT] += 1.0
        place.set(q, fits.COMPILE, 0.0)
    assert sum(a != b for a, b in pairwise(where)) <= 1


@given(PLACES, st.floats(0.0, 1.0))
def test_a_loop_leaves_its_last_qpu_for_more_than_the_hysteresis_only(place: Place, share: float) -> None:
    place.run(0)
    fits.note_best(place.tasks, place.qpus, 0, NOW)
    stay = place.price(0)
    chosen = place.bind()
    least = min(place.price(q) for q in range(len(place.qpus)))
    if chosen == 0:
        assert stay - least <= max(0.3, 0.1 * stay)
    else:
        assert stay - place.price(chosen) > max(0.3, 0.1 * stay)


@given(PLACES, st.integers(0, 3))
def test_an_unfit_qpu_is_never_chosen(place: Place, which: int) -> None:
    q = which % len(place.qpus)
    place.set(q, fits.LOSS, math.inf)
    assert place.cost(q) == math.inf
    assert place.bind() != q
    for other in range(len(place.qpus)):
        place.set(other, fits.LOSS, math.inf)
    assert place.bind() == -1


@given(PLACES)
def test_an_unknown_loss_neither_costs_nor_makes_others_cost(place: Place) -> None:
    place.set(0, fits.LOSS, fits.UNKNOWN)
    assume(len(place.qpus) == 2)
    fits.note_best(place.tasks, place.qpus, 0, NOW)
    for q in range(2):
        assert terms(place.tasks, place.flows, place.qpus, place.totals, 0, q, NOW)[5] == 0.0


def test_fidelity_is_bought_at_its_price() -> None:
    """Half a nat at 60 s a nat: the better QPU is worth 30 s of waiting, and no more."""
    def busy(seconds: float) -> int:
        blocks = [[1.0, 0.0, 0.0, 0.0, 0.0, 0.0], [1.5, 0.0, 0.0, 0.0, 0.0, 0.0]]
        place = Place(blocks, [seconds, 0.0], lambda_fidelity=60.0)
        for qpu in place.qpus:
            qpu[c.AGING_RATE] = qpu[c.AGE_SD] = 0.0
        return place.bind()
    assert busy(29.0) == 0
    assert busy(31.0) == 1


def test_a_stale_snapshot_counts_as_an_old_calibration() -> None:
    """A parameter measured an hour before the calibration's begin has grown as one calibrated an hour earlier."""
    blocks = [[1.0, 3600.0, 0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    place = Place(blocks, [0.0, 0.0])
    place.qpus[1][c.CALIBRATED_AT] = -3600.0
    fresh, aged = (fits.loss_now(place.tasks[0], place.qpus[q], q, NOW) for q in (0, 1))
    assert fresh == aged > 1.0


def test_a_guess_on_a_qpu_does_not_put_a_task_behind_the_next_window() -> None:
    """It gives way at once, so the task that ends before the window pays for no calibration."""
    place = Place([[0.0] * fits.FIT], [50.0])
    place.qpus[0][c.WINDOW_AT], place.qpus[0][c.WINDOW_GAP], place.qpus[0][c.WINDOW_S] = NOW + 10.0, 1e6, 120.0
    assert due_s(place.tasks[0], place.qpus[0], NOW) == 120.0
    place.qpus[0][c.BUSY] = 0.5
    assert due_s(place.tasks[0], place.qpus[0], NOW) == 0.0
