"""A runtime with a real Slurm: it scales from nothing, pins, and loses no task whatever happens to allocations."""

from __future__ import annotations

import operator
import time
from pathlib import Path

import pytest

from qloop.errors import InvalidInput, Refused
from qloop.model.needs import Needs
from qloop.pilots.slurm import open_pilot
from qloop.pilots.spec import PilotSpec
from qloop.runtime.embedded import Runtime
from qloop.runtime.wishes import SessionWish

from .listed import listed
from .waiting import until

PATIENCE_S = 60.0


def spec(slurm, folder, **more):
    options = {"slurm_conf": str(slurm.conf), "folder": str(folder), "host": "127.0.0.1", "least_watch_s": 0.1,
               "most_watch_s": 0.5, **more.pop("options", {})}
    return PilotSpec(**{"kind": "slurm", "name": "batch", "least": 0, "most": 2, "cores": 1, "keep_alive_s": 0.5,
                        "options": options, **more})


def slow(seconds, value):
    time.sleep(seconds)
    return value


@pytest.mark.ci
def test_from_nothing_to_several_and_back_while_another_pilot_goes_on(slurm, tmp_path):
    with Runtime(qpus=["exact"], journal=":memory:", pilots=["local:1", spec(slurm, tmp_path)]) as run:
        session = run.open_session(SessionWish())
        assert not listed(slurm, "batch")
        far = [run.call(session, slow, 0.3, k, needs=Needs(pilot="batch")) for k in range(6)]
        near = run.call(session, operator.add, 1, 2, needs=Needs(pilot="local"))
        assert run.answer(near, PATIENCE_S) == 3
        assert [run.answer(ticket, PATIENCE_S) for ticket in far] == list(range(6))
        assert {ticket.place.partition("-")[0] for ticket in far} == {"batch"}
        assert near.place.startswith("local")
        until(lambda: not listed(slurm, "batch"), "all allocations are given back")


@pytest.mark.ci
def test_a_task_whose_allocation_is_cancelled_is_run_again(slurm, tmp_path):
    with Runtime(qpus=["exact"], journal=":memory:", pilots=[spec(slurm, tmp_path, most=1)]) as run:
        session = run.open_session(SessionWish())
        marks = tmp_path / "marks"
        ticket = run.call(session, mark_and_wait, str(marks))
        until(lambda: marks.exists() and len(marks.read_text()) == 1, "it has begun")
        slurm.run("scancel", *listed(slurm, "batch"))
        assert run.answer(ticket, PATIENCE_S) == 2


def mark_and_wait(path):
    """How often this was called; the first call waits for ever."""
    with Path(path).open("a") as file:
        file.write("x")
    calls = len(Path(path).read_text())
    if calls == 1:
        time.sleep(600.0)
    return calls


@pytest.mark.ci
def test_a_pilot_that_slurm_refuses_fails_its_tasks_and_leaves_the_other_pilot(slurm, tmp_path):
    refused = spec(slurm, tmp_path, options={"partition": "nope"})
    with Runtime(qpus=["exact"], journal=":memory:", pilots=["local:1", refused]) as run:
        session = run.open_session(SessionWish())
        ticket = run.call(session, operator.add, 1, 2, needs=Needs(pilot="batch"))
        with pytest.raises(Exception, match="invalid partition specified: nope"):
            run.answer(ticket, PATIENCE_S)
        assert run.answer(run.call(session, operator.add, 1, 2), PATIENCE_S) == 3
        with pytest.raises(Refused, match="has failed"):
            run.call(session, operator.add, 1, 2, needs=Needs(pilot="batch"))


@pytest.mark.parametrize(("wrong", "words"), [
    ({"address": "tcp://host:1"}, "Slurm is found by its configuration"),
    ({"options": {"partitoin": "x"}}, "no option of a Slurm pilot named 'partitoin'"),
    ({"options": {"nodes": 0}}, "cannot have nodes = 0"),
    ({"walltime_s": 3.0}, "too short for an allocation of Slurm"),
])
def test_a_wish_that_cannot_be_is_refused_before_anything_is_asked_of_slurm(wrong, words):
    with pytest.raises(InvalidInput) as caught:
        open_pilot(PilotSpec(kind="slurm", **wrong))
    assert words in str(caught.value)
