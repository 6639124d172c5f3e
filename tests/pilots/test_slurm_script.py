"""What is handed to sbatch: options, script and plan; what a user may not slip into them; what the agent is told."""

from __future__ import annotations

import json
import math
import shlex
import stat
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput
from qloop.pilots.allocator import Allotment, Invitation
from qloop.pilots.slurm_inside import arguments
from qloop.pilots.slurm_options import SlurmOptions, check_size, opened, options
from qloop.pilots.slurm_script import Desk, script

SECRET = "a-token-that-nobody-else-may-see"
INVITATION = Invitation("10.0.0.1:4711", SECRET, sys.executable)


def test_the_size_of_an_allocation_becomes_options():
    size = Allotment(nodes=2, cores=8, memory_bytes=2**33 + 1, gpus=2, walltime_s=90.0)
    assert options(SlurmOptions(), size) == [
        "--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=8", "--mem=8193M", "--time=2", "--gres=gpu:2", "--requeue"]
    assert options(SlurmOptions(requeue=False), Allotment()) == [
        "--nodes=1", "--ntasks-per-node=1", "--cpus-per-task=1", "--no-requeue"]


def test_what_the_site_knows_is_passed_on():
    given_ = SlurmOptions(partition="gpu,long", account="project-7", qos="high", reservation="tutorial",
                          constraint="a100&ib", gres="gpu:a100:2,nvme:1").check()
    asked = options(given_, Allotment(gpus=2))
    assert asked[3:] == ["--gres=gpu:a100:2,nvme:1", "--partition=gpu,long", "--account=project-7", "--qos=high",
                         "--reservation=tutorial", "--constraint=a100&ib", "--requeue"]


@settings(deadline=None)
@given(st.floats(10.0, 1e7))
def test_slurm_is_asked_for_at_least_the_walltime_and_less_than_a_minute_more(walltime_s):
    asked = options(SlurmOptions(), Allotment(walltime_s=walltime_s))
    minutes = int(next(word for word in asked if word.startswith("--time=")).removeprefix("--time="))
    assert walltime_s <= 60 * minutes < walltime_s + 60


WRONG = [
    ({"partition": "a b"}, "The partition of a Slurm pilot is 'a b'"),
    ({"partition": "-x"}, "The partition of a Slurm pilot"),
    ({"account": "x\n#SBATCH --uid=0"}, "The account of a Slurm pilot"),
    ({"qos": "$(id)"}, "The qos of a Slurm pilot"),
    ({"lines": ("--exclusive\nrm -rf x",)}, "must be one line"),
    ({"lines": ("exclusive",)}, "is no option of sbatch"),
    ({"lines": ("--array=0-9",)}, "the pilot itself says --array"),
    ({"lines": ("-p fast",)}, "Leave it out and set partition instead"),
    ({"lines": ("--time=5",)}, "set walltime_s instead"),
    ({"lines": ("--wrap=true",)}, "Leave it out."),
    ({"setup": ("module load x\0",)}, "must be one line"),
    ({"setup": ("",)}, "must be one line"),
    ({"command_timeout_s": 0.0}, "Give seconds from 0.05"),
    ({"most_watch_s": math.nan}, "Give seconds from 0.05"),
    ({"least_watch_s": 20.0}, "more than most_watch_s, 15.0"),
]


def test_options_that_would_be_something_else_are_refused():
    for wrong, words in WRONG:
        with pytest.raises(InvalidInput) as caught:
            SlurmOptions(**wrong).check()
        assert words in str(caught.value)


@pytest.mark.parametrize(("given_", "words"), [
    ({"partitoin": "x"}, "no option of a Slurm pilot named 'partitoin'. Did you mean 'partition'?"),
    ({"lines": 7}, "not what it should be"),
    ({"setup": "two\nlines"}, "must be one line"),
    ({"requeue": "yes"}, "not what it should be"),
])
def test_a_mapping_of_options_is_checked(given_, words):
    with pytest.raises(InvalidInput) as caught:
        opened(given_)
    assert words in str(caught.value)


def test_one_line_needs_no_list():
    given_ = opened({"lines": "--exclusive", "setup": ["module load a", "module load b"]})
    assert (given_.lines, given_.setup) == (("--exclusive",), ("module load a", "module load b"))


def test_sizes_that_no_slurm_could_give_are_refused():
    for wrong in ({"nodes": 0}, {"cores": 0}, {"cores": 2.0}, {"gpus": -1}, {"memory_bytes": -1}, {"workers": True},
                  {"walltime_s": 5.0}, {"walltime_s": math.nan}):
        with pytest.raises(InvalidInput, match=r"Give (an integer|at least)"):
            check_size(Allotment(**wrong))


def made(folder, *, nodes=1, **more):
    desk = Desk(str(folder / "root"), "a pilot/with signs")
    desk.keep_token(SECRET)
    size, asked = Allotment(nodes=nodes, cores=4), SlurmOptions(**more).check()
    plan = desk.plan(3, ["p-1", "p-2"], INVITATION, size)
    return desk, plan, script(asked, size, INVITATION.python, plan)


def test_the_token_is_in_one_file_that_nobody_else_may_read(tmp_path):
    desk, plan, text = made(tmp_path)
    assert stat.S_IMODE(desk.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((desk.folder / "token").stat().st_mode) == 0o600
    assert (desk.folder / "token").read_text() == SECRET
    assert SECRET not in text + plan.read_text() + " ".join(options(SlurmOptions(), Allotment()))
    desk.lock_out()
    assert not (desk.folder / "token").exists()
    desk.clear()
    assert list((tmp_path / "root").iterdir()) == []


def test_two_pilots_of_one_name_have_names_of_their_own_at_slurm(tmp_path):
    one, two = (Desk(str(tmp_path), "same") for _ in range(2))
    assert one.called != two.called
    assert one.called.startswith("qloop-same-")


def test_a_script_is_the_users_lines_and_then_the_agent(tmp_path):
    _, plan, text = made(tmp_path, lines=("--exclusive",), setup=("module load python", "export A='b c'"))
    assert text.splitlines() == ["#!/bin/bash", "#SBATCH --exclusive", "module load python", "export A='b c'",
                                 f'exec {sys.executable} -P -m qloop.pilots.slurm_inside {plan} "$SECONDS"']
    several = made(tmp_path, nodes=2, python="/opt/my python/bin/python")[2].splitlines()[-1]
    words = shlex.split(several)
    assert words[:2] == ["exec", "srun"]
    assert {"--nodes=2", "--ntasks=2", "--overlap"} <= set(words)
    assert "/opt/my python/bin/python" in words


def test_a_script_is_a_script_of_the_shell_even_with_signs_in_its_paths(tmp_path):
    odd = tmp_path / "a b'c$d"
    odd.mkdir()
    echo = odd / "python"
    echo.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    echo.chmod(0o755)
    _, plan, text = made(odd, python=str(echo), setup=("sleep 1.1",))
    done = subprocess.run(["bash"], input=text, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[:4] == ["-P", "-m", "qloop.pilots.slurm_inside", str(plan)]
    assert int(done.stdout.splitlines()[4]) >= 1       # what the lines of the user took counts against the walltime


@pytest.mark.parametrize("sign", ["%j", "\\n"])
def test_folders_that_sbatch_would_misread_are_refused(tmp_path, sign):
    with pytest.raises(InvalidInput, match="Name another one with folder="):
        Desk(str(tmp_path / sign), "p")


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="on a file system that the nodes share"):
        Desk(str(tmp_path / "file" / "below"), "p")


def plan(**more):
    return {"names": ["p-1", "p-2"], "hub": "h:1", "token_file": "/t", "cores": 4, "memory_bytes": 0, "nodes": 1,
            "gpus": 0, "workers": 0, "walltime_s": 0.0, **more}


def told(given_, environment, spent_s=0.0, granted_s=math.nan):
    words = arguments(given_, environment, spent_s, granted_s)
    return dict(zip(words[::2], words[1::2], strict=True))


def test_an_agent_is_told_which_allocation_it_is():
    assert told(plan(), {"SLURM_ARRAY_TASK_ID": "1"}) == {
        "--hub": "h:1", "--name": "p-2", "--cores": "4", "--token-file": "/t",
        "--gpus": ""}
    second = told(plan(nodes=2, gpus=1, workers=3, memory_bytes=5), {
        "SLURM_ARRAY_TASK_ID": "0", "SLURM_NODEID": "1", "SLURMD_NODENAME": "n7"})
    assert (second["--name"], second["--node"]) == ("p-1/1", "n7")
    assert "--gpus" not in second       # those that Slurm shows it
    assert (second["--workers"], second["--memory-bytes"]) == ("3", "5")


def test_memory_that_slurm_gave_unasked_is_a_bound():
    assert told(plan(), {"SLURM_MEM_PER_NODE": "4000"})["--memory-bytes"] == str(4000 * 2**20)
    assert told(plan(), {"SLURM_MEM_PER_CPU": "1000", "SLURM_CPUS_ON_NODE": "8"})["--memory-bytes"] == str(8000 * 2**20)
    assert told(plan(memory_bytes=7), {"SLURM_MEM_PER_NODE": "4000"})["--memory-bytes"] == "7"


@settings(deadline=None)
@given(st.floats(10.0, 1e6), st.floats(0.0, 1e6))
def test_an_agent_ends_before_its_allocation_would(walltime_s, spent_s):
    left = float(told(plan(walltime_s=walltime_s), {}, spent_s)["--walltime"])
    assert left == pytest.approx(max(1.0, walltime_s - spent_s - 5.0), abs=1e-3)
    granted = float(told(plan(), {}, spent_s, walltime_s)["--walltime"])
    assert granted == pytest.approx(max(1.0, walltime_s - 5.0), abs=1e-3)


@pytest.mark.parametrize("granted_s", [math.nan, math.inf])
def test_without_a_walltime_there_is_no_end(granted_s):
    assert "--walltime" not in told(plan(), {}, 3.0, granted_s)


def test_a_plan_is_read_as_it_was_written(tmp_path):
    desk, path, _ = made(tmp_path)
    read = told(json.loads(path.read_text()), {"SLURM_ARRAY_TASK_ID": "1"})
    assert (read["--name"], read["--token-file"]) == ("p-2", str(desk.folder / "token"))
