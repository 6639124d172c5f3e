"""Campaigns on pilots: the same bytes as in this process, whoever runs them, also when a worker is lost on the way."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qloop.errors import QloopError
from qloop.pilots.process_identity import bury
from qloop.pilots.spec import PilotSpec
from qloop.runtime.executor import on_pilots
from qloop.runtime.keeping import operate
from qloop.simulator.campaign.document import loads
from qloop.simulator.campaign.errors import CampaignError
from qloop.simulator.campaign.plan import Campaign, campaign_of
from qloop.simulator.campaign.run import run_campaign
from qloop.testing import pilot_tasks as tasks

from . import observing

TEXT = """[scenario]
seed = 5
[campaign]
replications = 40
sessions = true
[campaign.grid]
"qpus.0.count" = [1, 2, 4]
"""
FILES = ("replications.parquet", "sessions.parquet")


def _campaign() -> Campaign:
    return campaign_of(loads(TEXT))


def _bytes(folder: Path) -> list[bytes]:
    """The rows and what is said of them, but for when they were written and what that took."""
    found = []
    for name in FILES:
        table = pq.read_table(folder / name)
        about = {key: value for key, value in table.schema.metadata.items() if key not in (b"written", b"cpu_s")}
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema.with_metadata(about)) as stream:
            stream.write_table(table.replace_schema_metadata(about).combine_chunks())
        found.append(sink.getvalue().to_pybytes())
    return found


@pytest.fixture
def alone(tmp_path: Path) -> list[bytes]:
    """What comes of it in this process."""
    run_campaign(_campaign(), tmp_path / "alone", processes=1, observe=observing.drawn)
    return _bytes(tmp_path / "alone")


def test_pilots_make_the_same_bytes(tmp_path: Path, alone: list[bytes]) -> None:
    with on_pilots("local:2") as executor:
        run_campaign(_campaign(), tmp_path / "here", processes=2, executor=executor, observe=observing.drawn)
    assert _bytes(tmp_path / "here") == alone


@pytest.mark.ci
def test_kept_pilots_make_the_same_bytes_and_so_do_several(tmp_path: Path, alone: list[bytes],
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QLOOP_STATE", str(tmp_path / "state"))
    record = operate.start("work", PilotSpec(least=1, most=2), 300.0)
    try:
        with on_pilots("@work", "local:1") as executor:
            run_campaign(_campaign(), tmp_path / "kept", processes=3, executor=executor, observe=observing.drawn)
    finally:
        operate.stop("work", now=True)
        bury(record.keeper.pid)
    assert _bytes(tmp_path / "kept") == alone


@pytest.mark.ci
def test_what_a_lost_worker_ran_is_repeated_and_a_deadly_unit_is_told(tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    with on_pilots("local:1") as executor:
        marker = tmp_path / "marker"
        assert executor.submit(_dies_once, str(marker)).result(60.0) == "alive"
        with pytest.raises(QloopError, match=r"was lost|SIGKILL"):
            executor.submit(tasks.die, signal.SIGKILL).result(60.0)
        waiting = executor.submit(tasks.sleep, 600.0)
        assert waiting.cancel()
        assert executor.submit(tasks.add, 1, 1).result(60.0) == 2
    monkeypatch.setenv(observing.FAULT, "broken")
    with on_pilots("local:1") as executor, pytest.raises(CampaignError, match="ZeroDivisionError"):
        run_campaign(_campaign(), tmp_path / "broken", processes=1, executor=executor, observe=observing.drawn)


def _dies_once(marker: str) -> str:
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"
