"""The energy bias and the calibrations on the critical path, on traces small enough to be computed by hand."""

import pytest
from trace_script import Script, ns

from qloop.trace import schema as ev
from qloop.trace.metrics.bias import Bias, End, ends, energy_bias
from qloop.trace.metrics.calibrations import Paid, paid


def close(expected):
    return pytest.approx(expected, rel=1e-12, abs=1e-12)


def loop(*values, optimum=-2.0, name="s", measured=0.5):
    """A loop whose iterations have these noiseless energies, each measured `measured` higher."""
    script = Script().open(0, name, optimum=optimum)
    for k, value in enumerate(values):
        script.step(name, k, p=3 * k, b=3 * k + 1, e=3 * k + 2, r=3 * k + 2, exact=value, measured=value + measured)
    return script.trace()


def test_a_loop_ends_at_the_mean_of_its_last_iterations():
    assert ends(loop(2.0, 1.0, -1.0, -1.5), last=2) == {"s": End(2.0, close(-1.25), close(-0.75))}
    assert ends(loop(2.0, 1.0), last=10)["s"].noiseless == close(1.5)


def test_the_bias_is_a_part_of_the_way_from_the_first_energy_to_the_optimum():
    # The way is 2 - (-2) = 4. The run ends at -1, the reference at -1.5: .5/4 higher; measured it is .5 + .3 - .5 = .3.
    found = energy_bias(loop(2.0, 0.0, -1.0, measured=0.3), loop(2.0, 0.0, -1.5), last=1)
    assert found == Bias(1, close(0.125), close(0.3 / 4))


def test_a_run_against_itself_has_no_bias():
    one = loop(2.0, 1.0, -1.0)
    assert energy_bias(one, one) == Bias(1, 0.0, 0.0)


def test_the_bias_of_energies_that_are_scaled_and_shifted_is_the_same():
    plain = energy_bias(loop(2.0, -1.0), loop(2.0, -1.5), last=1).noiseless
    other = energy_bias(loop(107.0, 92.0, optimum=87.0), loop(107.0, 89.5, optimum=87.0), last=1).noiseless
    assert plain == close(other)


def test_loops_without_an_optimum_or_a_way_or_a_partner_are_left_out():
    assert energy_bias(loop(1.0, 0.0), loop(1.0, 0.0, optimum=None)) == Bias(0, None, None)
    assert energy_bias(loop(1.0, 0.0), loop(-2.0, -2.0)).loops == 0
    assert energy_bias(loop(1.0, 0.0, name="a"), loop(1.0, 0.0, name="b")).loops == 0


def waited(*, b=20.0, other_busy=(), structure=None, losses=None, qpus=("A", "B")):
    """A loop ready at 10 s on A, which is calibrated from 5 to 18 s; B runs something in the given spans."""
    script = Script(qpus=qpus, horizon_s=100).open(0, "s").open(0, "other", kind="background")
    for n, (begin, end) in enumerate(other_busy):
        script.run("other", n, begin, end, qpu="B")
    for qpu, loss in (losses or {}).items():
        script.add(ev.Profiled, 0, structure=structure, qpu=qpu, loss=loss or 0.0,
                   unfit="too wide" if loss is None else "")
    script.calibrate(5, 18, 1)
    script.step("s", 0, p=10, b=b, e=b + 2, r=b + 2)
    if structure is not None:
        script.add(ev.Submitted, 10, session="s", iteration=0, task="s/0", structure=structure)
    return script.trace()


def test_a_calibration_on_the_way_is_avoidable_where_another_qpu_idles():
    assert paid(waited()) == Paid(1, 1, 1, close(8.0))      # from 10 to 18 s


def test_a_busy_other_qpu_makes_it_unavoidable():
    assert paid(waited(other_busy=[(2, 30)])) == Paid(1, 1, 0, close(8.0))


def test_the_idle_time_has_to_be_longer_than_what_moving_costs():
    gaps = waited(other_busy=[(2, 12), (13.5, 30)])         # B idles 1.5 s in the middle
    assert paid(gaps, move_s=1.0).avoidable == 1
    assert paid(gaps, move_s=1.5).avoidable == 0
    pieces = waited(other_busy=[(2, 11), (11.9, 13), (13.9, 30)])       # .9 s twice is not 1 s
    assert paid(pieces, move_s=1.0).avoidable == 0


def test_a_worse_qpu_costs_its_loss_besides():
    facts = {"structure": "c", "losses": {"A": 0.1, "B": 1.5}}
    assert paid(waited(**facts), nat_s=5.0).avoidable == 0      # 1 + 5 * 1.4 = 8 s, and 8 s are not longer
    assert paid(waited(**facts), nat_s=4.9).avoidable == 1
    assert paid(waited(structure="c", losses={"A": 1.5, "B": 0.1}), nat_s=1e6).avoidable == 1


def test_a_qpu_that_does_not_fit_avoids_nothing():
    assert paid(waited(structure="c", losses={"A": 0.1, "B": None})).avoidable == 0


def test_who_waits_for_no_calibration_pays_none():
    script = Script(qpus=("A", "B")).open(0, "s").calibrate(1, 4, 1)
    trace = script.step("s", 0, p=4, b=9, e=10, r=10).trace()
    assert paid(trace) == Paid(1, 0, 0, 0.0)
    assert paid(waited(qpus=("A",), b=ns(18) * 1e-9)).avoidable == 0     # there is no other QPU
