"""Reading Slurm's answers: what a real one printed, and what nobody should take for an answer."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.pilots.slurm_listing import FORMAT, Seen, SlurmAnswerError, listing, seconds, shown, submitted

RECORDED = Path(__file__).parent / "recorded" / "squeue-22.05.txt"      # Slurm 22.05.8, --Format=FORMAT
NAME = "qloop-a-x1-1"


def test_what_squeue_printed_is_read():
    seen = {row.id: row for row in listing(RECORDED.read_text())}
    assert len(seen) == 14
    assert {row.name for row in seen.values()} == {NAME}
    assert seen["1_0"].state == "CANCELLED"
    assert seen["2_0"] == Seen("2_0", "FAILED", 0, 365 * 86_400.0, "n1", NAME, "NonZeroExitCode")
    assert seen["5_0"] == Seen("5_0", "PENDING", 1, 60.0, "", NAME, "BeginTime")
    assert seen["1_1"].reason == "job requeued in held state"
    assert seen["3_0"] == Seen("3_0", "RUNNING", 0, 86_400 + 7_200 - 2.0, "n1", NAME, "")
    assert (seen["7_0"].state, seen["8_0"].state, seen["8_0"].left_s) == ("SUSPENDED", "STOPPED", 298.0)


@pytest.mark.parametrize("lines", [
    "slurm_load_jobs error: something\n", "1_0|RUNNING|0\n", "x|RUNNING|0|1:00|n1|a|None|\n",
    "1_0|RUNNING|many|1:00|n1|a|None|\n", "<html>busy</html>\n"])
def test_half_an_answer_is_none(lines):
    with pytest.raises(SlurmAnswerError, match="cannot be read"):
        listing(RECORDED.read_text() + lines)


def test_fields_are_read_whether_they_are_padded_or_not():
    padded = RECORDED.read_text()
    bare = "\n".join("|".join(field.strip() for field in line.split("|")) for line in padded.splitlines())
    assert listing(bare) == listing(padded)
    assert listing("") == listing("\n \n") == []
    assert FORMAT.count("|") == FORMAT.count(",") + 1


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_times_in_all_their_forms(days, hours, minutes, rest):
    whole = ((days * 24 + hours) * 60 + minutes) * 60 + rest
    assert seconds(f"{days}-{hours:02}:{minutes:02}:{rest:02}") == whole
    assert seconds(f"{hours:02}:{minutes:02}:{rest:02}") == whole - days * 86_400
    assert seconds(f"{minutes}:{rest:02}") == 60 * minutes + rest
    assert seconds("UNLIMITED") == math.inf


@pytest.mark.parametrize("text", ["", "INVALID", "NOT_SET", "-1:00", "1:2:3:4", "Partition_Limit"])
def test_no_time_is_no_number(text):
    assert math.isnan(seconds(text))


@pytest.mark.parametrize(("text", "expected"), [
    ("4711\n", "4711"), ("4711;east\n", "4711"), ("Welcome to 12 nodes!\n99\nYour quota: 7 h\n4711\n", "4711")])
def test_the_id_of_a_submission_is_found_below_messages_of_the_site(text, expected):
    assert submitted(text) == expected


@pytest.mark.parametrize("text", ["", "Submitted batch 12x\n", "id 7\n"])
def test_no_id_is_told(text):
    with pytest.raises(SlurmAnswerError, match="no id"):
        submitted(text)


def test_what_scontrol_shows_is_read():
    text = ("JobId=8 ArrayJobId=6 ArrayTaskId=0 JobName=a UserId=b(1000) Priority=1 JobState=NODE_FAIL Reason=NodeDown "
            "Requeue=1 Restarts=2 BatchFlag=1 ExitCode=0:0")
    assert shown(text) == ("NODE_FAIL", 2)
    assert shown("") == ("", 0)
