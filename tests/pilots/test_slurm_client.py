"""Slurm's commands when they are not there, hang, refuse, or when nobody answers: programs that do just that."""

from __future__ import annotations

import os
import time

import pytest

from qloop.errors import InvalidInput
from qloop.pilots import slurm_client
from qloop.pilots.slurm_client import SlurmClient, SlurmRefused, SlurmSilent, clean
from qloop.pilots.slurm_listing import SlurmAnswerError

from .processes import all_gone
from .waiting import until


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A function that makes a command of Slurm which does what a line of shell says; there are no others."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name in slurm_client.NEEDED:
        (tmp_path / name).write_text("#!/bin/sh\nexit 0\n")
        (tmp_path / name).chmod(0o755)

    def make(name, line):
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")

    return make


def test_a_machine_without_slurm_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidInput) as caught:
        slurm_client.require()
    for word in ("no Slurm on this machine", "sbatch, squeue, scancel, scontrol not found", "login node",
                 "apt install slurm-client"):
        assert word in str(caught.value)


def test_a_pilot_on_a_machine_without_slurm_is_refused_at_once(tmp_path, monkeypatch):
    from qloop.pilots.slurm import SlurmPilot

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidInput, match="no Slurm on this machine"):
        SlurmPilot()


def test_a_command_that_hangs_is_ended_with_what_it_started(programs, tmp_path):
    programs("sbatch", f"sleep 600 & echo $! > {tmp_path}/pid; wait")
    begin = time.monotonic()
    with pytest.raises(SlurmSilent, match=r"sbatch did not answer within 0\.5 s"):
        SlurmClient(0.5).submit([], "#!/bin/sh\n")
    assert time.monotonic() - begin < 30.0
    until((tmp_path / "pid").exists, "it has started")
    assert all_gone([int((tmp_path / "pid").read_text())])


@pytest.mark.parametrize("words", [
    "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
    "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
    "slurm_load_jobs error: Slurm backup controller in standby mode",
    "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
    "slurm_load_jobs error: Zero Bytes were transmitted or received",
])
def test_a_controller_that_is_away_is_no_refusal(programs, words):
    for name in slurm_client.NEEDED:
        programs(name, f"echo '{words}' >&2; exit 1")
    client = SlurmClient(30.0)
    for act in (lambda: client.submit([], ""), lambda: client.listing(["a"]), lambda: client.state("1_0"),
                lambda: client.cancel(["1_0"])):
        with pytest.raises(SlurmSilent):
            act()


def test_a_refusal_comes_with_slurms_own_words(programs):
    programs("sbatch", "echo 'sbatch: error: invalid partition specified: nope' >&2; exit 1")
    with pytest.raises(SlurmRefused, match="invalid partition specified: nope"):
        SlurmClient(30.0).submit([], "")
    programs("sbatch", "exit 7")
    with pytest.raises(SlurmRefused, match="exit status 7 and no word"):
        SlurmClient(30.0).submit([], "")


def test_what_is_not_there_any_more_is_known_or_nothing(programs):
    for name in ("scontrol", "scancel"):
        programs(name, "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert SlurmClient(30.0).state("1_0") == ("", 0)
    SlurmClient(30.0).cancel(["1_0"])
    programs("squeue", "echo nonsense")
    with pytest.raises(SlurmAnswerError, match="another program"):
        SlurmClient(30.0).listing(["a"])


def test_many_ids_are_cancelled_in_several_commands(programs, tmp_path):
    programs("scancel", f"echo $# >> {tmp_path}/said")
    SlurmClient(30.0).cancel([f"1_{task}" for task in range(450)])
    assert (tmp_path / "said").read_text().split() == ["201", "201", "51"]     # and --quiet


def test_commands_do_not_see_what_a_user_set_for_other_purposes(programs, tmp_path, monkeypatch):
    for name in ("SQUEUE_FORMAT", "SLURM_JOB_ID", "SLURM_TIME_FORMAT", "SCANCEL_INTERACTIVE", "SBATCH_ACCOUNT"):
        monkeypatch.setenv(name, "mine")
    programs("squeue", f"env > {tmp_path}/environment")
    SlurmClient(30.0, "/etc/other.conf").listing(["a"])
    seen = dict(line.split("=", 1) for line in (tmp_path / "environment").read_text().splitlines() if "=" in line)
    assert seen["SLURM_CONF"] == "/etc/other.conf"
    assert seen["SBATCH_ACCOUNT"] == "mine"
    assert not [name for name in seen if name.startswith(("SQUEUE", "SCANCEL", "SLURM_J", "SLURM_T"))]
    assert clean({"SLURM_CONF": "a", "SLURM_JWT": "b", "SLURM_X": "c", "HOME": "d"}).keys() == {
        "SLURM_CONF", "SLURM_JWT", "HOME"}
    assert os.environ["SLURM_JOB_ID"] == "mine"
