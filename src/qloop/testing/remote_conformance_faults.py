"""The part of the conformance suite of remote QPUs that needs the bench's faults: lost, refused, recalibrated."""

from __future__ import annotations

import math
from typing import Final

from qloop.qpus.protocol import Recovery
from qloop.qpus.remote import NotAccepted, Phase, Unanswered
from qloop.testing.remote_bench import ANGLES, Bench, Check, compiled, raised, request


def a_lost_reply_is_unanswered(bench: Bench) -> None:
    """The task is there all the same, exactly once, and its result is as good as any."""
    qpu = bench.open()
    program, asked = compiled(qpu), request(bench)
    bench.lose_reply()
    raised(Unanswered, lambda: qpu.submit(program, asked, "lost"))
    if qpu.describe().recovery is Recovery.NONE:
        return
    (task,) = qpu.find("lost")
    assert bench.ended(qpu, task).phase is Phase.DONE
    values = qpu.result(task, program, asked).values
    truths = [2.0 * math.cos(a) - math.cos(a) * math.cos(b) + 0.5 for a, b in ANGLES]
    assert all(abs(value - truth) <= bench.tolerance(3.0) for value, truth in zip(values, truths, strict=True))


def a_refused_submission_is_not_there(bench: Bench) -> None:
    """It may be sent again, and then it is there once."""
    qpu = bench.open()
    program, asked = compiled(qpu), request(bench, 1)
    bench.refuse()
    raised(NotAccepted, lambda: qpu.submit(program, asked, "refused"))
    assert qpu.find("refused") == ()
    task = qpu.submit(program, asked, "refused")
    assert bench.ended(qpu, task).phase is Phase.DONE
    assert qpu.find("refused") in ((task,), ())


def the_epoch_is_that_of_the_run(bench: Bench) -> None:
    """P9: a calibration between compiling and submitting is in the result; epochs grow."""
    qpu = bench.open()
    program, asked = compiled(qpu), request(bench, 1)
    before = qpu.calibration().epoch
    first = bench.run(qpu, program, asked, "before")
    bench.recalibrate()
    second = bench.run(qpu, program, asked, "after")
    assert first.epoch == before
    assert second.epoch == qpu.calibration().epoch > before
    assert bench.run(qpu, compiled(qpu), asked, "anew").epoch == second.epoch


FAULT_CHECKS: Final[tuple[Check, ...]] = (
    a_lost_reply_is_unanswered, a_refused_submission_is_not_there, the_epoch_is_that_of_the_run,
)
