"""`qloop plan capacity`: the answer of Erlang's formula from a scenario file, and clear refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from qloop.simulator.capacity.erlang import mean_wait

from .calling import Caller

# M/M/Q: 2.5 sessions per second of one quantum task of 1 s each, next to no classical work
SCENARIO = """
[scenario]
name = "line"
policy = "fifo"
duration = "30 min"
warmup = "2 min"

[arrivals]
kind = "poisson"
rate = "2.5 /s"

[sessions]
sizes = [4]
pre = 0
post = 0
classical = "1 us"
quantum = {kind = "exponential", mean = "1 s"}
iterations = 1
"""


@pytest.fixture
def line(folder: Path) -> str:
    """A scenario file."""
    (folder / "line.toml").write_text(SCENARIO)
    return "line.toml"


def test_the_answer_is_erlangs_and_the_document_has_everything(call: Caller, line: str) -> None:
    best = next(c for c in range(1, 20) if mean_wait(c, 2.5, 1.0) < 0.12)
    done = call("plan", "capacity", line, "--goal", "wait_mean < 120 ms", "--goal", "drop < 5 %", "--qpus", "1..12",
                "--workers", "1..4", "--price-qpu", "1.6/s", "--price-worker", "0.01/s", "--json")
    assert (done.code, done.err) == (0, "")
    found = done.document
    answer = found["answer"]
    assert (answer["qpus"], answer["workers"], answer["speed"]) == (best, 1, 1e9)
    assert answer["per_hour"] == pytest.approx(3600 * (1.6 * best + 0.01))
    goal = answer["goals"]["wait_mean"]
    assert goal["low"] < mean_wait(best, 2.5, 1.0) < goal["high"] < 0.12
    assert found["binding"] == ["wait_mean < 0.12 s"]
    assert [(one["qpus"], one["status"]) for one in found["cheaper"]] == [(best - 1, "missed")]
    assert found["platforms"] == 48
    assert len(found["judged"]) < 10


def test_the_table_marks_the_answer_and_progress_goes_to_stderr(call: Caller, line: str) -> None:
    done = call("plan", "capacity", line, "--goal", "wait_mean < 120 ms", "--qpus", "3..6")
    assert done.code == 0
    (row,) = (text for text in done.out.splitlines() if text.strip().startswith("answer"))
    assert row.split()[:4] == ["answer", "1", "1e+09", "5"]
    assert "wait_mean < 0.12 s" in done.out
    assert "answer: 1 worker of 1e+09 operations/s and 5 QPUs" in done.err
    assert "what is one step cheaper does not meet 'wait_mean < 0.12 s'" in done.err
    assert "C = 1, S = 1e+09, Q = 4: missed" in done.err
    assert "no prices are given" in done.err


def test_goals_that_no_platform_meets_are_said_with_the_binding_one(call: Caller, line: str) -> None:
    done = call("plan", "capacity", line, "--goal", "wait_mean < 120 ms", "--goal", "drop < 5 %", "--qpus", "1..3")
    assert done.code == 1
    assert "No platform within the bounds meets the goals; the largest misses 'wait_mean < 0.12 s'\n" in done.err
    told = call("plan", "capacity", line, "--goal", "wait_mean < 120 ms", "--qpus", "1..3", "--json")
    assert (told.code, told.document["answer"], told.document["binding"]) == (1, None, ["wait_mean < 0.12 s"])


@pytest.mark.parametrize(("words", "said"), [
    ((), "No goal is given"),
    (("--goal", "dorp < 5 %"), "Did you mean 'drop'?"),
    (("--goal", "drop < 500 %"), "Give a value from 0 to 1"),
    (("--goal", "drop is small"), "is no goal"),
    (("--goal", "drop < 5 %", "--goal", "drop > 10 %"), "contradict each other"),
    (("--goal", "drop < 5 %", "--qpus", "9..1"), "is an empty range"),
    (("--goal", "drop < 5 %", "--workers", "0..4"), "A platform has at least one"),
    (("--goal", "drop < 5 %", "--speeds", "fast"), "--speeds is 'fast'"),
    (("--goal", "drop < 5 %", "--price-qpu", "cheap"), "--price-qpu is 'cheap'"),
    (("--goal", "drop < 5 %", "--price-worker", "2e9=1/s"), "no price for workers of speed"),
    (("--goal", "drop < 5 %", "--kind", "new"), "no kind of QPU named 'new'"),
    (("--goal", "drop < 5 %", "--replications", "1"), "Give at least 2"),
    (("--goal", "drop < 5 %", "--processes", "0"), "processes were asked for"),
    (("--gaol", "drop < 5 %"), "Did you mean --goal?"),
])
def test_bad_input_is_told_before_anything_runs(call: Caller, line: str, words: tuple[str, ...], said: str) -> None:
    done = call("plan", "capacity", line, *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_settings_that_the_policy_does_not_read_are_told(call: Caller, line: str) -> None:
    Path(line).write_text(SCENARIO + "[scenario.settings]\nphi = 0.3\n")
    done = call("plan", "capacity", line, "--goal", "wait_mean < 1 h", "--qpus", "4")
    assert (done.code, "the setting phi has no effect under fifo" in done.err) == (0, True)


def test_a_missing_scenario_is_told(call: Caller, folder: Path) -> None:
    done = call("plan", "capacity", "none.toml", "--goal", "drop < 5 %")
    assert (done.code, "none.toml" in done.err) == (2, True)


def test_an_unknown_policy_of_the_file_is_told(call: Caller, line: str) -> None:
    text = Path(line).read_text()
    Path(line).write_text(text.replace('policy = "fifo"', 'policy = "fifi"'))
    done = call("plan", "capacity", line, "--goal", "drop < 5 %")
    assert (done.code, "Did you mean 'fifo'?" in done.err) == (2, True)
    assert "line.toml" in done.err
