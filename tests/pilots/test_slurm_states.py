"""Slurm's states: one total table, nothing guessed."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.pilots.slurm_states import STATES, Phase, hopeless, phase, sentence

# Section JOB STATE CODES of squeue's manual, in 22.05; and what later releases (to 25.05) have added.
DOCUMENTED = [
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "CONFIGURING", "COMPLETING", "DEADLINE", "FAILED", "NODE_FAIL",
    "OUT_OF_MEMORY", "PENDING", "PREEMPTED", "RUNNING", "RESV_DEL_HOLD", "REQUEUE_FED", "REQUEUE_HOLD", "REQUEUED",
    "RESIZING", "REVOKED", "SIGNALING", "SPECIAL_EXIT", "STAGE_OUT", "STOPPED", "SUSPENDED", "TIMEOUT"]
LATER = ["LAUNCH_FAILED", "RECONFIG_FAIL", "POWER_UP_NODE", "UPDATE_DB", "EXPEDITING"]


def test_the_table_is_total_and_has_no_state_that_there_is_not():
    assert sorted(STATES) == sorted(DOCUMENTED + LATER)


def test_every_phase_but_unknown_occurs_and_none_is_guessed():
    assert {found for found, _ in STATES.values()} == set(Phase) - {Phase.UNKNOWN}


def test_the_states_that_others_misread():
    read = {"CONFIGURING": Phase.STARTING, "POWER_UP_NODE": Phase.STARTING, "COMPLETING": Phase.ENDING,
            "REQUEUED": Phase.ENDING, "REQUEUE_HOLD": Phase.WAITING, "PREEMPTED": Phase.ENDED,
            "NODE_FAIL": Phase.ENDED, "TIMEOUT": Phase.ENDED, "OUT_OF_MEMORY": Phase.ENDED,
            "SUSPENDED": Phase.PAUSED, "STOPPED": Phase.PAUSED, "RUNNING": Phase.RUNNING}
    assert {state: phase(state) for state in read} == read


@settings(deadline=None)
@given(st.text())
def test_what_is_not_in_the_table_is_unknown_and_named(word):
    assert (phase(word) is Phase.UNKNOWN) == (word not in STATES)
    if word not in STATES:
        assert repr(word)[:50] in sentence(word)


def test_every_sentence_is_a_clause():
    for _, clause in STATES.values():
        assert re.fullmatch(r"[A-Za-z][^.]*[^. ]", clause)


def test_reasons_that_pass_and_reasons_that_never_do():
    passing = ["Resources", "Priority", "None", "", "BeginTime", "Dependency", "ReqNodeNotAvail, UnavailableNodes:n1",
               "QOSMaxJobsPerUserLimit", "AssocGrpCpuLimit", "NodeDown", "PartitionDown", "JobHeldUser",
               "launch failed requeued held"]
    lasting = ["PartitionTimeLimit", "(PartitionNodeLimit)", "BadConstraints", "InvalidQOS", "InvalidAccount",
               "QOSMaxCpuPerJobLimit", "AssocMaxWallDurationPerJobLimit", "DependencyNeverSatisfied"]
    assert [reason for reason in passing if hopeless(reason)] == []
    assert [reason for reason in lasting if not hopeless(reason)] == []
