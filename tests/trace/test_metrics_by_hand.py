"""Every metric on traces small enough to be computed by hand; the arithmetic stands beside the numbers."""

import pytest
from trace_script import Script, ns

from qloop.trace import schema as ev
from qloop.trace.check import check
from qloop.trace.metrics.distribution import cdf, describe
from qloop.trace.metrics.drift import drift
from qloop.trace.metrics.fairness import fairness, jain
from qloop.trace.metrics.qdc import partition, qdc
from qloop.trace.metrics.speculation import caches, speculation
from qloop.trace.metrics.ttns import ttns


def close(expected):
    return pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_a_distribution_of_four_numbers():
    # Sorted 1 2 4 9: mean 16/4; the median lies halfway between 2 and 4; p95 at rank 0.95*3 = 2.85: 4 + 0.85*5.
    found = describe([4, 1, 9, 2])
    assert (found.n, found.mean, found.p50, found.p95) == (4, 4.0, 3.0, close(8.25))
    assert (found.p99, found.low, found.high) == (close(4 + 0.97 * 5), 1.0, 9.0)
    assert describe([]).mean is None
    values, share = cdf([4, 1, 9, 2])
    assert list(values) == [1, 2, 4, 9]
    assert list(share) == [0.25, 0.5, 0.75, 1.0]


def two_steps():
    """k=0: i 0, p 1, upload .25, b 2, e 4, download .5, r 4.5. k=1: i 4.5, p 6, upload .25, b 9, e 10, r 10.5."""
    script = Script().open(0, "s")
    script.step("s", 0, i=0, p=1, b=2, e=4, r=4.5, up=0.25, down=0.5)
    return script.step("s", 1, i=4.5, p=6, b=9, e=10, r=10.5, up=0.25, down=0.5).close(11, "s")


def test_ttns_in_its_four_readings():
    found = ttns(two_steps().trace())
    assert found.start.mean == close(3)  # b - p = 9 - 6
    assert found.eq.mean == close(4)  # e - p = 10 - 6
    assert found.loop.mean == close(6)  # r - i = 10.5 - 4.5
    assert found.gap.mean == close(5)  # b1 - e0 = 9 - 4
    assert found.think.mean == close(1.5)  # p1 - r0 = 6 - 4.5
    assert found.network.mean == close(0.75)  # 0.5 down after k=0, 0.25 up before k=1
    assert found.waiting.mean == close(2.75)  # 5 - 1.5 - 0.75
    assert (found.first_start.mean, found.first_eq.mean, found.first_loop.mean) == (close(1), close(3), close(4.5))
    assert (found.start.n, found.first_start.n, ttns(two_steps().trace(), "background").start.n) == (1, 1, 0)


def test_waiting_for_a_worker_is_waiting_and_not_thinking():
    # From r0 = 4.5 to p1 = 6 the classical task ran only in [5.5, 6]: 0.5 s; so 5 - 0.5 - 0.75 = 3.75 s were waited.
    script = two_steps().add(ev.CpuBegin, 5.5, session="s", task="c1").add(ev.CpuEnd, 6, session="s", task="c1")
    found = ttns(script.trace())
    assert (found.think.mean, found.waiting.mean) == (close(0.5), close(3.75))


def test_parallel_tasks_of_a_step_count_from_first_begin_to_last_end():
    # k=0 on A [1,3] and B [1,4]; k=1 on A [6,7] and B [5,8]: gap = 5 - 4, think = p1 5 - r0 4 = 1.
    script = Script(qpus=("A", "B")).open(0, "s")
    for k, times in enumerate(((1, {"A": (1, 3), "B": (1, 4)}), (5, {"A": (6, 7), "B": (5, 8)}))):
        ready, runs = times
        for qpu, (b, e) in runs.items():
            task = {"session": "s", "iteration": k, "task": f"s/{k}/{qpu}"}
            script.add(ev.ParamsReady, ready, **task).run("s", k, b, e, qpu=qpu, task=task["task"])
            script.add(ev.Result, e, **task, qpu=qpu)
    found = ttns(script.close(9, "s").trace())
    assert (found.gap.mean, found.think.mean, found.waiting.mean) == (close(1), close(1), close(0))
    assert (found.start.mean, found.eq.mean) == (close(0), close(3))


def test_a_failed_attempt_does_not_end_the_gap():
    # k=1: attempt 1 runs [6,7] and fails, attempt 2 runs [8,9]: the gap is 8 - 4, not 6 - 4.
    script = Script().open(0, "s").step("s", 0, p=1, b=2, e=4, r=4)
    task = {"session": "s", "iteration": 1, "task": "s/1"}
    script.add(ev.ParamsReady, 5, **task).run("s", 1, 6, 7, outcome="failed")
    script.add(ev.TaskFailed, 7, **task, final=False).run("s", 1, 8, 9, attempt=2).add(ev.Result, 9, **task, attempt=2)
    trace = script.close(9, "s").trace()
    check(trace)
    assert ttns(trace).gap.mean == close(4)


def test_no_gap_is_measured_over_an_iteration_without_shots():
    # k=1 came from the journal and ran on no QPU; k=0 -> k=2 is then no time to the next shot of anyone's doing.
    script = Script().open(0, "s").step("s", 0, p=1, b=2, e=4, r=4)
    script.step("s", 2, p=6, b=7, e=8, r=8).step("s", 3, p=9, b=9.5, e=10, r=10)
    found = ttns(script.close(11, "s").trace()).gap
    assert (found.n, found.mean) == (1, close(1.5))


def guessed():
    """A guess for k=1 runs [4,6] while the loop thinks until 7, and is wanted; another, [6,7], is squashed."""
    script = Script(horizon_s=10).open(0, "s").step("s", 0, p=1, b=2, e=4, r=4.5)
    for name, b, e in (("g1", 4, 6), ("g2", 6, 7)):
        guess = {"session": "s", "iteration": 1, "task": name}
        script.add(ev.SpeculationLaunched, 3.5, **guess)
        script.run("s", 1, b, e, task=name, speculative=True)
    committed = {"session": "s", "iteration": 1, "task": "s/1"}
    script.add(ev.ParamsReady, 7, **committed)
    script.add(ev.SpeculationCommitted, 7, session="s", iteration=1, task="g1", by="s/1")
    script.add(ev.SpeculationSquashed, 7, session="s", iteration=1, task="g2", reason="theta_mismatch")
    return script.add(ev.Result, 7, **committed, source="memo").close(8, "s")


def test_speculation_makes_the_gap_shorter_than_the_thinking():
    trace = guessed().trace()
    check(trace)
    found = ttns(trace)
    # The guess begins at 4, just when k=0 ends: gap 0; thinking 7 - 4.5 = 2.5; so the waiting part is -2.5.
    assert (found.gap.mean, found.think.mean, found.waiting.mean) == (close(0), close(2.5), close(-2.5))


def test_the_numbers_of_speculation():
    found = speculation(guessed().trace())
    assert (found.launched, found.committed, found.squashed) == (2, 1, {"theta_mismatch": 1})
    assert (found.hit_rate, found.coverage) == (0.5, 1.0)
    # Useful: [2,4] and [4,6]; wasted: [6,7]. Hidden: from the launch at 3.5 to the guess's end at 6, before p = 7.
    assert (found.useful_s, found.wasted_s, found.waste_ratio) == (close(4), close(1), close(0.25))
    assert found.masked_s == close(2.5)


def test_the_duty_cycle_gives_each_second_to_one_use():
    script = Script(qpus=("A", "B"), horizon_s=20)
    script.open(0, "s").open(0, "g", kind="background")
    script.step("g", 0, p=0, b=0, e=3, r=3, overhead=0.5)  # background 2.5, overhead .5
    script.calibrate(3, 5, 1)  # calibration 2
    script.step("s", 0, p=1, b=5, e=7, r=7, epoch=1)  # normal: first iteration of a loop, 2
    script.step("s", 1, p=8, b=8, e=11, r=11, class_="hot", epoch=1)  # hot 3; idle [7,8] = 1
    script.add(ev.SpeculationLaunched, 11, session="s", iteration=2, task="x")
    script.run("s", 2, 11, 12, task="x", speculative=True, epoch=1)  # waste 1
    script.add(ev.SpeculationSquashed, 12, session="s", iteration=2, task="x", reason="budget")
    script.add(ev.ParamsReady, 12, session="s", iteration=3, task="y")
    script.run("s", 3, 12, 16, task="y", outcome="failed", epoch=1)  # failed 4
    script.add(ev.TaskFailed, 16, session="s", iteration=3, task="y")
    script.add(ev.QpuReserved, 15, qpu="A", session="s").add(ev.QpuReleased, 18, qpu="A", session="s")  # [16,18]: 2
    script.add(ev.QpuOffline, 1, qpu="B").add(ev.QpuOnline, 5, qpu="B")  # offline 4
    script.add(ev.ParamsReady, 17, session="s", iteration=4, task="z")
    script.run("s", 4, 18, 24, task="z", class_="hot", qpu="B", epoch=1)  # hot [18,20] = 2 of 6
    script.add(ev.TaskCancelled, 24, session="s", iteration=4, task="z").close(25, "s").close(25, "g")
    parts = partition(script.trace())
    assert parts == {
        "useful_background": ns(2.5 + 2), "overhead": ns(0.5), "calibration": ns(2), "useful_hot": ns(3 + 2),
        "speculation_waste": ns(1), "failed": ns(4), "reserved_idle": ns(2), "offline": ns(4),
        "idle": ns(40 - 4.5 - 0.5 - 2 - 5 - 1 - 4 - 2 - 4), "useful_loops": ns(2 + 5)}
    found = qdc(script.trace())
    assert (found.useful, found.useful_loops, found.capacity_s) == (close(9.5 / 40), close(7 / 40), close(40))


def test_the_duty_cycle_of_nothing():
    assert qdc(Script(qpus=()).trace()).idle == 1.0
    assert qdc(Script(qpus=("A",), horizon_s=5).trace()).idle == 1.0


def test_the_five_numbers_of_drift():
    script = Script(qpus=("A", "B")).open(0, "s").open(0, "g", kind="background")
    script.step("s", 0, p=1, b=2, e=3, r=3, measured=1.5, exact=1.0, loss=0.01)
    script.calibrate(4, 9, 1)
    script.step("s", 1, p=5, b=10, e=11, r=11, measured=0.5, exact=0.75, epoch=1, loss=0.03)  # waited 4 s of it
    script.calibrate(12, 14, 1, qpu="B")  # another QPU: nobody waited
    script.step("s", 2, p=13, b=15, e=16, r=16, epoch=1)
    script.calibrate(17, 18, 2)
    script.step("g", 0, p=17, b=19, e=20, r=20, epoch=2, loss=9.0)  # not a loop
    found = drift(script.trace())
    assert (found.iterations_paying, found.critical_path_s) == (1, close(4))
    assert found.mean_loss_nats == close(0.02)
    assert found.energy_bias == close((0.5 - 0.25) / 2)
    assert found.extra_epochs == close(1)  # epochs 0 and 1 of A


def test_parallel_tasks_pay_a_calibration_once():
    # Both tasks of k=0 wait from 1: on A through [2, 6], on B through [2, 5]. The slower one counts: 4 s, not 7.
    script = Script(qpus=("A", "B")).open(0, "s").calibrate(2, 6, 1).calibrate(2, 5, 1, qpu="B")
    for qpu in ("A", "B"):
        task = {"session": "s", "iteration": 0, "task": qpu}
        script.add(ev.ParamsReady, 1, **task).run("s", 0, 6, 7, qpu=qpu, task=qpu).add(ev.Result, 7, **task)
    found = drift(script.close(8, "s").trace())
    assert (found.iterations_paying, found.critical_path_s) == (1, close(4))


def test_caches_and_cold_starts():
    script = Script().open(0, "s")
    for k, hit in enumerate((False, True, True)):
        script.add(ev.Placed, k, session="s", iteration=k, task=f"s/{k}", qpu="A", caches={"isa": hit, "wave": k == 2})
    script.add(ev.ColdStart, 3, worker="w1", length_ns=ns(0.5)).add(ev.ColdStart, 3, worker="w2", length_ns=ns(0.25))
    script.add(ev.TranspileBegin, 4, session="s", iteration=0, task="s/0", qpu="A")
    script.add(ev.TranspileEnd, 6, session="s", iteration=0, task="s/0", qpu="A")
    found = caches(script.trace())
    assert {n: (c.lookups, c.hits, c.rate) for n, c in found.each.items()} == {
        "isa": (3, 2, close(2 / 3)), "wave": (3, 1, close(1 / 3))}
    assert (found.cold_starts, found.cold_start_s) == (2, close(0.75))
    assert (found.transpilations, found.transpile_s) == (1, close(2))


def test_jain_by_hand():
    assert jain([1, 1, 1]) == close(1)
    assert jain([1, 0, 0, 0]) == close(0.25)
    assert jain([1, 2, 3]) == close(36 / 42)  # (1+2+3)^2 / (3 * 14)
    assert jain([]) is None
    assert jain([0.0]) is None


def test_dominant_shares_and_slowdown():
    # 2 QPUs x 20 s = 40 QPU-seconds, 4 slots x 20 s = 80 CPU-seconds.
    script = Script(qpus=("A", "B"), workers=4, horizon_s=20).open(0, "s", tenant="x", tenant_weight=2.0)
    script.open(0, "g", tenant="y", kind="background")
    script.add(ev.CpuBegin, 0, session="s", task="c").add(ev.CpuEnd, 1, session="s", task="c")
    script.step("s", 0, p=1, b=2, e=6, r=6, up=0.5)  # waits .5
    script.calibrate(6, 8, 1, session="s")  # charged to s: 2 QPU-seconds
    script.step("g", 0, p=0, b=4, e=12, r=12, qpu="B")  # waits 4, runs 8
    script.close(6, "s").close(12, "g")
    found = fairness(script.trace())
    shares = {s.tenant: s for s in found.shares}
    assert (shares["x"].cpu_seconds, shares["x"].qpu_seconds) == (close(1), close(6))
    assert (shares["x"].dominant, shares["x"].per_weight) == (close(6 / 40), close(3 / 40))
    assert (shares["y"].dominant, shares["y"].per_weight) == (close(8 / 40), close(8 / 40))
    assert found.min_over_max == close(3 / 8)
    assert found.jain == close(11**2 / (2 * (9 + 64)))
    assert found.slowdown_loops.mean == close(6 / 5.5)
    assert found.slowdown_background.mean == close(12 / 8)
    assert found.bounded_loops.mean == 1.0  # 6 / max(5.5, 10) < 1
    assert found.bounded_background.mean == close(12 / 10)
    measured = fairness(script.trace(), alone={"g": 6.0})
    assert measured.slowdown_background.mean == close(2)
    assert found.unfinished == 0


def test_only_the_use_before_the_horizon_is_charged():
    script = Script(horizon_s=10).open(0, "s").step("s", 0, p=0, b=1, e=3, r=3).calibrate(8, 14, 1, session="s")
    script.run("s", 1, 14, 20, epoch=1)
    (share,) = fairness(script.trace()).shares
    assert share.qpu_seconds == close(2 + 2)  # [1, 3] and [8, 10]


def test_a_dominant_share_can_be_of_the_classical_side():
    script = Script(qpus=("A",), workers=2, horizon_s=10).open(0, "s")
    script.add(ev.CpuBegin, 0, session="s", task="c").add(ev.CpuEnd, 8, session="s", task="c")
    script.step("s", 0, p=8, b=8, e=9, r=9)
    (share,) = fairness(script.trace()).shares
    assert share.dominant == close(max(8 / 20, 1 / 10))
    assert fairness(script.trace()).unfinished == 1


def test_the_lag_of_two_tenants_that_both_wait():
    # f (weight 2) and g wait together in [2, 9]. f runs [2,5], g runs [5,9] on one QPU. Ahead = W_f/2 - W_g:
    # 0 at 2, 1.5 at 5, 1.5 - 4 at 9: the largest move is 4. Bound (1+1) * (3/2 + 4/1) = 11.
    script = Script(horizon_s=12).open(0, "f", tenant="f", tenant_weight=2.0).open(0, "g", tenant="g")
    script.step("g", 0, p=0, b=5, e=9, r=9).step("f", 0, p=2, b=2, e=5, r=5)
    for session, until in (("f", 9.0), ("g", 9.0)):
        task = {"session": session, "iteration": 1, "task": f"{session}/1"}
        script.add(ev.ParamsReady, 2, **task).add(ev.Submitted, 2, **task).add(ev.Enqueued, 2, **task, qpu="A")
        script.run(session, 1, until, until + 0.5 if session == "f" else until)
    lag = fairness(script.trace()).lag
    assert lag.tenants == ("f", "g")
    assert (lag.seconds, lag.bound_s, lag.over_bound) == (close(4), close(11), close(4 / 11))
