"""`qloop trace report`: the tables name the clock, a cut file is told, and figures are written where asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from .calling import Caller


@pytest.fixture
def trace(call: Caller) -> Path:
    """The trace of a loop on a twin in virtual time."""
    return Path(call("run", "vqe.py", "--trace", "--json", "--clock", "virtual", "--qpus",
                     "twin-hanoi").document["trace"])


def test_the_report_says_the_clock_and_counts_what_the_run_did(call: Caller, trace: Path) -> None:
    done = call("trace", "report", str(trace))
    assert done.code == 0
    assert " virtual" in done.out
    for text in ("Time to the next shot", "QPU duty cycle", "twin-hanoi (ibm_hanoi)", "22 with 22 results"):
        assert text in done.out
    (one,) = call("trace", "report", str(trace), "--json").document["reports"]
    assert one["report"]["header"]["clock"] == "virtual"
    assert one["report"]["counts"]["results"] == 22
    assert one["report"]["truncated"] == ""


def test_a_cut_trace_is_reported_as_far_as_it_goes(call: Caller, trace: Path) -> None:
    whole = trace.read_bytes()
    trace.write_bytes(whole[:2 * len(whole) // 3])
    done = call("trace", "report", str(trace))
    assert done.code == 0
    assert "Note: the last line was cut short after" in done.out
    report = call("trace", "report", str(trace), "--json").document["reports"][0]["report"]
    assert "cut short" in report["truncated"]
    assert 0 < report["counts"]["results"] < 21


def test_several_traces_are_put_side_by_side(call: Caller, trace: Path) -> None:
    other = call("run", "vqe.py", "--trace", "--json", "--policy", "fifo").document["trace"]
    done = call("trace", "report", str(trace), other)
    assert done.code == 0
    head = next(line for line in done.out.splitlines() if "change" in line)
    assert head.split() == ["efaas", "fifo", "change"]
    assert "clock: virtual, real" in done.out
    named = call("trace", "report", str(trace), other, "--json").document["reports"]
    assert [(one["name"], one["file"]) for one in named] == [("efaas", str(trace)), ("fifo", other)]
    twice = call("trace", "report", str(trace), str(trace))
    assert (twice.code, "The same trace is named twice" in twice.err) == (2, True)


def test_the_figure_is_written_as_picture_and_as_pdf(call: Caller, trace: Path) -> None:
    pytest.importorskip("matplotlib")
    done = call("trace", "report", str(trace), "--out", "figures/run.png")
    assert done.code == 0
    assert "Warning" not in done.err
    assert Path("figures/run.png").read_bytes().startswith(b"\x89PNG")
    assert Path("figures/run.pdf").read_bytes().startswith(b"%PDF")
    assert call("trace", "report", str(trace), "--json", "--out", "run").document["figures"] == ["run.png", "run.pdf"]
    Path("file").write_text("")
    failed = call("trace", "report", str(trace), "--out", "file/run.png")
    assert (failed.code, "file/run.png cannot be written" in failed.err) == (2, True)


@pytest.mark.parametrize(("damage", "told"), [
    (b"", "is not a qloop trace"),
    (b"\x1f\x8bnonsense", "is damaged"),
    (b'{"format":"qloop-trace","version":99,"qloop":"9.9"}\n', "has trace format 99"),
    (b'{"format":"qloop-trace","version":1}\n', "The header of"),
])
def test_a_file_that_is_no_trace_is_refused(call: Caller, folder: Path, damage: bytes, told: str) -> None:
    (folder / "x.jsonl").write_bytes(damage)
    done = call("trace", "report", "x.jsonl")
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert "Traceback" not in done.err


def test_a_damaged_line_is_named(call: Caller, trace: Path) -> None:
    lines = trace.read_bytes().split(b"\n")
    lines[4] = lines[4][:-9]
    trace.write_bytes(b"\n".join(lines))
    done = call("trace", "report", str(trace))
    assert done.code == 2
    assert "Line 5 of" in done.err


def test_a_trace_that_contradicts_itself_is_reported_with_a_warning(call: Caller, trace: Path) -> None:
    assert "contradicts itself" not in call("trace", "report", str(trace)).err
    lines = trace.read_bytes().split(b"\n")
    trace.write_bytes(b"\n".join(line for line in lines if b'"qpu_end"' not in line))
    done = call("trace", "report", str(trace))
    assert done.code == 0
    assert "contradicts itself" in done.err
    assert "never ends" in done.err
