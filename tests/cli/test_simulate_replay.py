"""`qloop simulate replay`: the recording, its replay and what-ifs side by side; what cannot be read or done is told."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from qloop.trace.reader import read

from .calling import Caller


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A trace of several loops on two QPUs in virtual time."""
    from qloop.trace.recorder import write
    from tests.simulator.replay.live_world import World

    path = tmp_path_factory.mktemp("trace") / "run.jsonl"
    write(World(8, "efaas", 14, calm=True).run(), path)
    return path.read_bytes()


@pytest.fixture
def trace(recorded: bytes, call: Caller) -> Path:
    path = Path("run.jsonl")
    path.write_bytes(recorded)
    return path


def test_recorded_replayed_and_what_if_side_by_side(call: Caller, trace: Path) -> None:
    done = call("simulate", "replay", str(trace), "--policy", "fifo", "easy")
    assert done.code == 0, done.err
    attempts = read(trace).index.attempts
    starts, tasks = len(attempts), len({attempt.task.name for attempt in attempts})
    assert f"Replay of {tasks} quantum tasks of 14 sessions, recorded under efaas (virtual clock)" in done.out
    assert f"the replay makes all {starts} starts of the recording" in done.out
    assert starts > tasks       # one stood aside
    for text in ("replayed (efaas)", "gap, p99", "waiting part of the gap, mean", "QDC, useful", "makespan",
                 "dominant share per weight, a", "slowdown of loops, mean"):
        assert text in done.out
    (makespan,) = (line for line in done.out.splitlines() if line.split()[:1] == ["makespan"])
    assert makespan.count(" s ") == 4
    assert makespan.count("(") == 2     # the changes of both what-ifs


def test_json_holds_every_number_and_how_it_was_come_by(call: Caller, trace: Path) -> None:
    told = call("simulate", "replay", str(trace), "--policy", "fifo", "--json").document
    own, other = told["replays"]
    assert (own["label"], own["exact"], own["starts"]) == ("replayed (efaas)", True, own["equal_starts"])
    assert own["numbers"] == told["recorded"]
    assert (other["policy"], other["exact"]) == ("fifo", False)
    assert told["units"]["makespan"] == "s"


def test_what_ifs_are_written_and_can_be_reported_and_replayed(call: Caller, trace: Path) -> None:
    done = call("simulate", "replay", str(trace), "--policy", "fifo", "sjf", "--qpus", "1", "--out", "new.jsonl.gz")
    assert done.code == 0, done.err
    names = ["new-fifo-1-QPUs.jsonl.gz", "new-sjf-1-QPUs.jsonl.gz"]
    assert sorted(path.name for path in Path().glob("new*")) == names
    assert read(names[0]).header.policy == "fifo"
    assert len(read(names[0]).qpus) == 1
    assert call("trace", "report", *names).code == 0
    again = call("simulate", "replay", names[0], "--json").document["replays"]
    assert [one["exact"] for one in again] == [True]


def test_settings_and_thinking_are_named_in_the_column(call: Caller, trace: Path) -> None:
    makespans = []
    for factor in ("0.5", "2"):
        told = call("simulate", "replay", str(trace), "--set", "phi=0.3", "--placement", "least_wait", "--speed-think",
                    factor, "--json").document
        assert [one["label"] for one in told["replays"]] == [
            "replayed (efaas)", f"efaas least_wait phi=0.3, thinking x{factor}"]
        makespans.append(told["replays"][1]["numbers"]["makespan"])
    assert makespans[0] < makespans[1]


def test_settings_that_a_policy_does_not_read_are_told(call: Caller, trace: Path) -> None:
    done = call("simulate", "replay", str(trace), "--policy", "fifo", "efaas", "--set", "phi=0.3")
    assert done.err.count("the setting phi has no effect under") == 1
    assert "note: the setting phi has no effect under fifo" in done.err


def test_a_figure_shows_the_lanes(call: Caller, trace: Path) -> None:
    pytest.importorskip("matplotlib")
    done = call("simulate", "replay", str(trace), "--policy", "fifo", "--plot", "lanes.png")
    assert done.code == 0, done.err
    assert Path("lanes.png").read_bytes().startswith(b"\x89PNG")
    assert Path("lanes.pdf").read_bytes().startswith(b"%PDF")


def test_a_cut_trace_is_replayed_as_far_as_it_goes(call: Caller, trace: Path) -> None:
    whole = trace.read_bytes()
    trace.write_bytes(whole[:2 * len(whole) // 3])
    done = call("simulate", "replay", str(trace))
    assert done.code == 0, done.err
    assert "note: the last line was cut short after" in done.err
    packed = gzip.compress(whole)
    Path("cut.jsonl.gz").write_bytes(packed[:len(packed) // 2])
    assert "note: the" in call("simulate", "replay", "cut.jsonl.gz").err


def header(trace: Path, **changes: object) -> None:
    """Change the header of a trace."""
    first, _, rest = trace.read_bytes().partition(b"\n")
    trace.write_bytes(json.dumps({**json.loads(first), **changes}).encode() + b"\n" + rest)


def test_what_is_no_trace_is_said(call: Caller, trace: Path) -> None:
    Path("note.txt").write_text("not a trace\n")
    done = call("simulate", "replay", "note.txt")
    assert (done.code, "note.txt is not a qloop trace" in done.err) == (2, True)
    done = call("simulate", "replay", "nowhere.jsonl")
    assert (done.code, "nowhere.jsonl cannot be read" in done.err) == (2, True)
    first = trace.read_bytes().partition(b"\n")[0]
    Path("empty.jsonl").write_bytes(first + b"\n")
    done = call("simulate", "replay", "empty.jsonl")
    assert (done.code, "There is nothing to replay in this trace" in done.err) == (2, True)
    header(trace, version=99)
    done = call("simulate", "replay", str(trace))
    assert (done.code, "has trace format 99" in done.err, "Upgrade qloop" in done.err) == (2, True, True)


def test_lines_in_another_order_make_the_same_run(call: Caller, trace: Path) -> None:
    lines = trace.read_bytes().splitlines(keepends=True)
    Path("other.jsonl").write_bytes(b"".join([lines[0], *reversed(lines[1:])]))
    assert call("simulate", "replay", "other.jsonl", "--json").document["replays"][0]["exact"]


@pytest.mark.parametrize(("words", "text"), [
    (["--policy", "efas"], "efaas"), (["--policy", "fifo", "sjf", "fifo"], "The policy fifo is given twice"),
    (["--set", "phy=0.3"], "phi"), (["--set", "phi"], "'phi' is no setting"),
    (["--set", "phi=big"], "'phi=big' is no setting"), (["--set", "phi=7"], "It is a share"),
    (["--placement", "cold"], "least_wait"), (["--drop-qpu", "q9"], "'q9'"), (["--qpus", "-3"], "is -3"),
    (["--speed-think", "-1"], "-1.0 times as long"),
    (["--policy", "fifo", "sjf", "lifo", "--plot", "x.png"], "fit side by side")])
def test_what_cannot_be_done_is_said_with_what_could(call: Caller, trace: Path, words: list[str], text: str) -> None:
    done = call("simulate", "replay", str(trace), *words)
    assert done.code == 2
    assert text in done.err, done.err


def test_a_policy_of_the_program_s_own_is_left_out(call: Caller, trace: Path) -> None:
    header(trace, policy="my-own")
    done = call("simulate", "replay", str(trace))
    assert (done.code, "my-own" in done.err) == (2, True)
    done = call("simulate", "replay", str(trace), "--policy", "fifo")
    assert done.code == 0, done.err
    assert "'my-own', is not known here and is left out" in done.err
    assert "replayed (" not in done.out


def test_a_file_that_cannot_be_written_is_said(call: Caller, trace: Path) -> None:
    done = call("simulate", "replay", str(trace), "--out", "no/such/folder.jsonl")
    assert done.code == 2
    assert "cannot be written" in done.err
