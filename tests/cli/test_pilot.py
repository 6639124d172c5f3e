"""`qloop pilot`: keeping pilots, what is listed, how they end, and programs and campaigns that use them by name."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from qloop.cli import quantities
from qloop.errors import InvalidInput
from qloop.pilots.kept import registry
from qloop.pilots.process_identity import bury
from qloop.runtime.keeping import operate
from qloop.runtime.submitting import records
from tests.pilots.processes import all_gone

USES = '''
import os
from qloop.runtime.client import connect
from qloop.runtime.wishes import SessionWish
client = connect()
session = client.open_session(SessionWish())
print("ran", client.answer(client.call(session, pow, 3, 4), 60.0))
print("places", *{ticket.place.split("-")[0] for ticket in [client.call(session, os.getpid)] if client.answer(ticket)})
'''
SLOW = '''
import pathlib, time
from qloop.runtime.client import connect
from qloop.runtime.wishes import SessionWish


def step(marker):
    again = marker.exists()
    marker.touch()
    time.sleep(0.0 if again else 600.0)
    return "second life"


client = connect()
session = client.open_session(SessionWish(name="one"))
print(client.answer(client.call(session, step, pathlib.Path("begun").absolute()), 120.0), flush=True)
'''
SCENARIO = """[scenario]
policy = "fifo"
duration = "4 h"
seed = 3
[arrivals]
rate = "20 /h"
[campaign]
replications = 4
"""


@pytest.fixture(autouse=True)
def _state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A state of its own; no keeper outlives its test."""
    monkeypatch.setenv("QLOOP_STATE", str(folder / "state"))
    yield
    for record in registry.records():
        if record.there():
            operate.stop(record.name, now=True)
        assert all_gone([record.keeper.pid])
        bury(record.keeper.pid)


def test_a_pilot_is_kept_used_by_name_and_ended(call, folder):
    started = call("pilot", "start", "work", "--workers", "1-2", "--idle", "10m")
    assert started.code == 0
    assert "work is kept: 1 worker" in started.err
    assert 'Runtime(pilots=["@work"])' in started.err
    (folder / "uses.py").write_text(USES)
    for word in ("work", "@work"):
        ran = call("run", "uses.py", "--pilot", word)
        assert (ran.code, "ran 81" in ran.out, "places work" in ran.out) == (0, True, True)
    listed = call("pilot", "list")
    assert "local  1-2" in " ".join(listed.out.split("│"))
    (told,) = call("pilot", "list", "--json").document["pilots"]
    assert (told["name"], told["kind"], told["least"], told["most"], told["idle_s"]) == ("work", "local", 1, 2, 600.0)
    assert told["standing"]["connected"] == []
    assert "token" not in str(told)
    keeper = told["keeper"]
    assert "work has ended" in call("pilot", "stop", "work").err
    assert all_gone([keeper])
    bury(keeper)
    assert "No pilot is kept" in call("pilot", "list").err


def test_a_keeper_that_was_killed_is_told_once(call):
    call("pilot", "start", "work", "--workers", "0-1")
    record = registry.find("work")
    assert record.keeper.signal(signal.SIGKILL)
    assert all_gone([record.keeper.pid])
    told = call("pilot", "list").err
    assert f"work: its keeper, process {record.keeper.pid}, has died; removed from the list" in told
    assert "No pilot is kept" in call("pilot", "list").err


@pytest.mark.parametrize(("words", "told"), [
    (("start", "work", "--kind", "lokal"), "Did you mean 'local'"),
    (("start", "work", "--workers", "many"), "Give a number, or a range such as 0-8"),
    (("start", "work", "--workers", "4-2"), "is to have 4 to 2 workers"),
    (("start", "work", "--memory", "lots"), "Give a size such as 16GiB"),
    (("start", "work", "--walltime", "soon"), "Write it as '2h 30m'"),
    (("start", "work", "--option", "partition"), "Write it as KEY=VALUE"),
    (("start", "work", "--option", "partition=long"), "is given an address or options"),
    (("start", "../work"), "cannot be named '../work'"),
    (("start", "work", "--kind", "named"), "is kept already by another keeper"),
    (("stop", "work"), "There is no kept pilot named 'work'"),
    (("start",), "the following arguments are required: NAME"),
])
def test_what_cannot_be_is_told(call, words, told):
    called = call("pilot", *words)
    assert called.code == 2
    assert told.lower() in called.err.lower()
    assert registry.names() == []


@pytest.mark.ci
def test_a_submitted_program_is_taken_up_on_the_same_pilot(call, folder):
    """Killed while a worker runs its task; its second life has the options of the first, and the worker back."""
    (folder / "slow.py").write_text(SLOW)
    call("pilot", "start", "work")
    assert call("submit", "slow.py", "--pilot", "work", "--seed", "3", "--retries", "1").code == 0
    end = time.monotonic() + 60.0
    while not (folder / "begun").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    first = records.find("slow-1")
    assert first.stand.program.signal(signal.SIGKILL)
    followed = call("logs", "-f", "slow-1")
    assert (followed.code, "second life" in followed.out) == (0, True), followed.out
    found = records.find("slow-1")
    assert found.stand.life == 2
    assert found.order.options == ("--seed=3", "--pilot=work")
    assert all_gone([found.stand.supervisor.pid])
    bury(found.stand.supervisor.pid)


@pytest.mark.ci
def test_a_campaign_runs_on_a_kept_pilot(call, folder):
    (folder / "tiny.toml").write_text(SCENARIO)
    assert call("simulate", "run", "tiny.toml", "--processes", "1", "--out", "here").code == 0
    call("pilot", "start", "work")
    for pilot, out in (("work", "kept"), ("local:2", "own")):
        done = call("simulate", "run", "tiny.toml", "--pilot", pilot, "--out", out)
        assert done.code == 0, done.err
        here, there = (pq.read_table(folder / name / "replications.parquet") for name in ("here", out))
        assert repr(here.to_pydict()) == repr(there.to_pydict())     # every digit, and nan where it is nan
    wrong = call("simulate", "run", "tiny.toml", "--pilot", "wrok", "--out", "none")
    assert wrong.code == 2
    assert "Did you mean 'work'" in wrong.err


def test_times_and_sizes_are_read_as_people_write_them():
    assert [quantities.seconds("x", text) for text in ("0", "90", "1.5h", "2h 30m")] == [0.0, 90.0, 5400.0, 9000.0]
    assert [quantities.size("x", text) for text in ("0", "512", "16GiB", "1.5 MB", "2k")] == [
        0, 512, 16 << 30, 1_500_000, 2000]
    assert [quantities.told(s) for s in (3.2, 600.0, 9000.0)] == ["3 s", "10 min", "2.5 h"]
    assert quantities.setting("nodes=2") == ("nodes", 2)
    assert quantities.setting("partition=long") == ("partition", "long")
    with pytest.raises(InvalidInput):
        quantities.seconds("--idle", "-3")
