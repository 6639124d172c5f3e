"""Calls on worker processes: what they say while they run, and how they end, however badly."""

import asyncio
import math
import os
import signal
import threading
from pathlib import Path

import pytest

import qloop
from qloop.errors import CallFailed, Cancelled, UserCodeError
from qloop.functions.story import MOST_LOG_CHARS
from qloop.runtime.embedded import Runtime

from . import tasks

PATIENCE_S = 120


def test_results_and_arguments_travel(real: Runtime) -> None:
    add = tasks.add.options(runtime=real)
    assert add.submit(add.submit(1), b=add.submit(2)).result(PATIENCE_S) == 5
    assert math.isnan(tasks.same.options(runtime=real).submit(math.nan).result(PATIENCE_S))
    scale = 3

    @qloop.function(runtime=real)
    def scaled(x: int) -> int:
        return scale * x

    assert list(scaled.map(range(5))) == [0, 3, 6, 9, 12]


def test_it_can_be_awaited(real: Runtime, tmp_path: Path) -> None:
    add = tasks.add.options(runtime=real)

    async def both() -> list[int]:
        return await asyncio.gather(add.submit(1), add.submit(2))

    assert asyncio.run(both()) == [2, 3]
    future = tasks.wait_for.options(runtime=real).submit(str(tmp_path / "never"))

    async def impatient() -> None:
        await asyncio.wait_for(future, 0.2)

    with pytest.raises(TimeoutError):
        asyncio.run(impatient())
    assert isinstance(future.exception(PATIENCE_S), Cancelled)


def test_it_tells_of_itself_while_it_runs(real: Runtime, tmp_path: Path) -> None:
    future = tasks.tell.options(runtime=real).submit(5)
    lines = [line for line in future.logs(follow=True) if not line.startswith("[")]
    assert lines == [f"line {step}" for step in range(5)]
    assert future.result(PATIENCE_S) != os.getpid()
    assert (future.progress.fraction, future.progress.text) == (1.0, "step 4")
    assert dict(future.metrics) == {"square": 16.0}
    points = future.metric("square")
    assert [(point.step, point.value) for point in points] == [(step, float(step**2)) for step in range(5)]
    assert [point.at_s for point in points] == sorted(point.at_s for point in points)
    assert future.metric("circle") == ()
    assert future.stdout.splitlines() == lines == future.logs().splitlines()


def test_what_is_printed_can_be_read_before_the_end(real: Runtime, tmp_path: Path) -> None:
    future = tasks.wait_for.options(runtime=real).submit(str(tmp_path / "go"))
    lines = (line for line in future.logs(follow=True) if not line.startswith("["))
    assert next(lines) == "waiting"
    assert future.state == "running"
    assert "It is running" in future.explain()
    (tmp_path / "go").touch()
    assert list(lines) == []
    assert future.result(PATIENCE_S)


def test_a_failure_shows_the_functions_own_traceback(real: Runtime) -> None:
    future = tasks.fail.options(runtime=real).submit("luck")
    with pytest.raises(UserCodeError, match="The function fail raised ValueError: no luck") as caught:
        future.result(PATIENCE_S)
    frames = [line for line in future.traceback.splitlines() if line.startswith("  File ")]
    assert len(frames) == 1
    assert "tasks.py" in frames[0]
    assert frames[0].endswith("in fail")
    assert future.traceback.endswith("ValueError: no luck\n")
    assert caught.value.stderr_text == future.stderr == "on its way\n"


def test_the_frames_of_an_argument_from_another_call_are_left_out_too(real: Runtime) -> None:
    value = tasks.same.options(runtime=real).submit("a")
    future = tasks.add.options(runtime=real).submit(value)
    assert isinstance(future.exception(PATIENCE_S), UserCodeError)
    assert "qloop/pilots" not in future.traceback
    assert "qloop/functions" not in future.traceback


def test_it_is_killed_when_its_time_is_up(real: Runtime, tmp_path: Path) -> None:
    future = tasks.wait_for.options(runtime=real, timeout=1.5).submit(str(tmp_path / "never"))
    after = tasks.add.options(runtime=real).submit(future)
    with pytest.raises(CallFailed, match=r"time limit of 1\.5 s"):
        future.result(PATIENCE_S)
    assert isinstance(after.exception(PATIENCE_S), CallFailed)
    assert future.stdout == "waiting\n"


def test_one_that_kills_its_process_is_tried_again_and_then_given_up(real: Runtime, tmp_path: Path) -> None:
    future = tasks.kill_itself.options(runtime=real).submit(str(tmp_path / "calls"))
    with pytest.raises(CallFailed, match="exit status 7"):
        future.result(PATIENCE_S)
    assert future.attempt == 3
    assert (tmp_path / "calls").read_text() == "xxx"
    assert "goodbye" in future.logs()


def test_one_that_prints_endlessly_is_bounded_and_can_be_cancelled(real: Runtime) -> None:
    future = tasks.say_endlessly.options(runtime=real).submit()
    lines = future.logs(follow=True)
    seen = 0
    while seen < 5_000:
        seen += next(lines).startswith("and so on")
    assert len(future.logs()) <= MOST_LOG_CHARS + 100
    assert future.cancel()
    assert isinstance(future.exception(PATIENCE_S), Cancelled)
    assert tasks.add.options(runtime=real).submit(1).result(PATIENCE_S) == 2


def test_one_that_takes_too_much_memory_fails_alone(real: Runtime) -> None:
    greedy = tasks.zeros.options(runtime=real, memory="64 MiB").submit(2**29)
    with pytest.raises(UserCodeError, match="MemoryError"):
        greedy.result(PATIENCE_S)
    assert tasks.zeros.options(runtime=real, memory="64 MiB").submit(100).result(PATIENCE_S).nbytes == 100


def test_a_result_that_cannot_travel_is_told(real: Runtime) -> None:
    with pytest.raises(UserCodeError, match="returned a lock that cannot be sent back"):
        tasks.lock.options(runtime=real).submit().result(PATIENCE_S)


def test_a_function_in_a_worker_submits_nothing(real: Runtime) -> None:
    with pytest.raises(UserCodeError, match="cannot submit further calls"):
        tasks.nested.options(runtime=real).submit().result(PATIENCE_S)


def test_a_worker_that_is_lost_costs_nothing_but_an_attempt(real: Runtime, tmp_path: Path) -> None:
    @qloop.function(runtime=real)
    def named(path: str) -> int:
        qloop.log_metric("pid", os.getpid())
        return tasks.wait_for(path) and os.getpid()

    future = named.submit(str(tmp_path / "go"))
    for line in future.logs(follow=True):
        if line == "waiting":
            break
    first = int(future.metrics["pid"])
    os.kill(first, signal.SIGKILL)
    threading.Timer(0.5, (tmp_path / "go").touch).start()
    assert future.result(PATIENCE_S) not in (first, os.getpid())
    assert future.attempt == 2


@pytest.mark.ci
def test_ten_thousand_calls_at_once(real: Runtime) -> None:
    add = tasks.add.options(runtime=real)
    futures = [add.submit(number) for number in range(10_000)]
    assert qloop.gather(futures) == list(range(1, 10_001))
    assert sum(add.map(range(10_000), in_flight=200)) == sum(range(1, 10_001))


@pytest.mark.ci
def test_a_program_without_a_runtime_gets_workers_of_its_own(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = ("import qloop\n@qloop.function\ndef square(x):\n    import os\n    return x * x, os.getpid()\n"
               "if __name__ == '__main__':\n    import os\n    found = list(square.map(range(4)))\n"
               "    print([value for value, _ in found], os.getpid() not in [pid for _, pid in found])\n")
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True,
                          timeout=PATIENCE_S)
    assert done.stdout == "[0, 1, 4, 9] True\n", done.stderr
    assert done.returncode == 0
