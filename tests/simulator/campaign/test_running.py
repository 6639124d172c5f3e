"""Running: the same results on any executor and in any order, after any break, and what stops a campaign."""

import errno
import json
import random
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qloop import __version__
from qloop.errors import Conflict, InvalidInput, Refused, UnknownName
from qloop.simulator import whole
from qloop.simulator.campaign import estimate, store
from qloop.simulator.campaign.document import loads
from qloop.simulator.campaign.errors import CampaignError
from qloop.simulator.campaign.plan import Campaign, campaign_for, campaign_of
from qloop.simulator.campaign.results import pair
from qloop.simulator.campaign.run import run_campaign
from qloop.simulator.campaign.unit import Done, Span
from qloop.simulator.scenario import Scenario

from . import observing

TEXT = """# three platforms
[scenario]
seed = 5
[campaign]
replications = 9
[campaign.grid]
"qpus.0.count" = [1, 2, 4]
"""


class Shuffled(Executor):
    """Runs nothing until asked for a result, then in an order of its own."""

    def __init__(self, seed: int) -> None:
        self.waiting: list[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = []
        self.random = random.Random(seed)
        self.threads = ThreadPoolExecutor(1)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, fn, args))
        self.threads.submit(self._one)
        return future

    def _one(self) -> None:
        future, fn, args = self.waiting.pop(self.random.randrange(len(self.waiting)))
        future.set_result(fn(*args))


def _campaign(**changes: Any) -> Campaign:
    return campaign_of(loads(TEXT), **changes)


def _read(folder: Path, name: str = "replications.parquet") -> pa.Table:
    return pq.read_table(folder / name).replace_schema_metadata(None)


def _parts(folder: Path) -> list[Path]:
    return list((folder / "parts").glob("part-*")) if (folder / "parts").exists() else []


def test_results_have_a_row_for_each_replication_and_say_where_they_come_from(tmp_path: Path) -> None:
    found = run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    table = pq.read_table(tmp_path / "replications.parquet")
    assert table.column("point").to_pylist() == [point for point in range(3) for _ in range(9)]
    assert table.column("replication").to_pylist() == list(range(9)) * 3
    assert table.column("qpus.0.count").to_pylist() == [count for count in (1, 2, 4) for _ in range(9)]
    expected = [observing.drawn(Scenario(seed=5), number, False).measures["other"] for number in range(9)]
    assert table.column("other").to_pylist() == expected * 3      # common random numbers
    about = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert (about["qloop"], about["seed"], about["scenario"]) == (__version__, "5", TEXT)
    assert about.keys() >= {"python", "numpy", "numba", "machine", "fingerprint", "cpu_s", "written"}
    assert (tmp_path / "campaign.toml").read_text() == TEXT
    assert found.points[2].values == {"qpus.0.count": 4}
    assert found.points[2].measures["value"][0] == pytest.approx(np.mean(table.column("value").to_pylist()[18:]))
    told = json.loads((tmp_path / "summary.json").read_text())
    assert told["told"][1]["measures"]["qpus"] == {"mean": 2.0, "half": 0.0}
    assert "| 4 | 9 |" in (tmp_path / "summary.md").read_text()
    assert not _parts(tmp_path)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_completion_changes_nothing(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qloop.simulator.campaign.agenda.LEAST_S", 0.0)
    run_campaign(_campaign(sessions=True), tmp_path / "plain", processes=1, observe=observing.drawn)
    run_campaign(_campaign(sessions=True), tmp_path / "shuffled", processes=2, executor=Shuffled(seed),
                 observe=observing.drawn)
    for name in ("replications.parquet", "sessions.parquet"):
        assert _read(tmp_path / "plain", name).equals(_read(tmp_path / "shuffled", name))


def test_sessions_are_numbered_within_their_replication(tmp_path: Path) -> None:
    run_campaign(_campaign(sessions=True), tmp_path, processes=1, observe=observing.drawn)
    table = _read(tmp_path, "sessions.parquet")
    assert table.num_rows == 3 * sum(number % 3 + 1 for number in range(9))
    keys = list(zip(*(table.column(name).to_pylist() for name in ("point", "replication", "session")), strict=True))
    assert keys == [(point, number, one) for point in range(3) for number in range(9) for one in range(number % 3 + 1)]


def test_until_makes_as_many_replications_as_each_point_needs(tmp_path: Path) -> None:
    text = TEXT + '[campaign.until]\nquantity = "value"\nabsolute = 0.5\nleast = 5\nmost = 60\n'
    found = run_campaign(campaign_of(loads(text)), tmp_path, processes=1, observe=observing.drawn)
    assert len({one.replications for one in found.points}) == 1      # value - count is the same at each point
    assert found.points[0].measures["value"][1] <= 0.5
    with pytest.raises(UnknownName, match="Did you mean 'value'"):
        run_campaign(campaign_of(loads(text.replace('"value"', '"vale"'))), tmp_path / "b", processes=1,
                     observe=observing.drawn)


def test_more_replications_are_added_to_those_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_campaign(_campaign(), tmp_path / "grown", processes=1, observe=observing.drawn)
    assert run_campaign(_campaign(replications=12), tmp_path / "grown", processes=1,
                        observe=observing.drawn).replications == 36
    run_campaign(_campaign(replications=12), tmp_path / "once", processes=1, observe=observing.drawn)
    assert _read(tmp_path / "grown").equals(_read(tmp_path / "once"))
    monkeypatch.setenv(observing.FAULT, "broken")       # nothing is left to run
    assert run_campaign(_campaign(), tmp_path / "grown", processes=1, observe=observing.drawn).replications == 36


@pytest.mark.parametrize(("old", "new", "said"), [
    ("seed = 5", "seed = 6", "scenario.seed was 5 and is 6"),
    ("[1, 2, 4]", "[1, 2, 3]", "grid.qpus.0.count.2 was 4 and is 3"),
    ("[campaign]\n", "[campaign]\nsessions = true\n", "sessions was false and is true"),
    ("seed = 5", 'seed = 5\nwarmup = "2 h"', "scenario.warmup was not given and is \"2 h\""),
])
def test_a_changed_scenario_is_refused_with_what_differs(tmp_path: Path, old: str, new: str, said: str) -> None:
    run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    with pytest.raises(Conflict) as found:
        run_campaign(campaign_of(loads(TEXT.replace(old, new))), tmp_path, processes=1, observe=observing.drawn)
    assert found.value.why == said
    assert "--out" in found.value.do


def test_changed_data_are_refused_too(tmp_path: Path) -> None:
    text = '[arrivals]\nkind = "recorded"\nfile = "came.csv"\ncolumn = "at_s"\n'
    (tmp_path / "came.csv").write_text("at_s\n1\n2\n")
    run_campaign(campaign_of(loads(text, str(tmp_path / "s.toml"))), tmp_path / "out", processes=1,
                 observe=observing.drawn)
    (tmp_path / "came.csv").write_text("at_s\n1\n3\n")
    with pytest.raises(Conflict, match=r"data\.came\.csv was"):
        run_campaign(campaign_of(loads(text, str(tmp_path / "s.toml"))), tmp_path / "out", processes=1,
                     observe=observing.drawn)


def test_one_folder_takes_one_campaign_at_a_time(tmp_path: Path) -> None:
    held = store.Store(tmp_path)
    held.open()
    with pytest.raises(Conflict, match="is running in"):
        run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    held.close()
    run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)


def test_a_replication_that_is_refused_names_its_point_and_what_is_finished_is_kept(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(observing.FAULT, "refused")
    with pytest.raises(InvalidInput) as found:
        run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    monkeypatch.delenv(observing.FAULT)
    assert str(found.value) == ("point 0 (qpus.0.count = 1), replication 4: It does not fit. It is too wide. "
                                "Make it narrower.")
    made = sum(pq.read_metadata(path).num_rows for path in _parts(tmp_path))
    assert made == 3 + 3            # the three pilots, and replications 1 to 3
    run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    run_campaign(_campaign(), tmp_path / "once", processes=1, observe=observing.drawn)
    assert _read(tmp_path).equals(_read(tmp_path / "once"))


def test_a_fault_is_told_with_its_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(observing.FAULT, "broken")
    with pytest.raises(CampaignError, match="ZeroDivisionError: a fault of the kernel") as found:
        run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    assert "observing.py" in found.value.why


def test_a_full_disk_is_told_and_nothing_finished_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, written = whole._to_disk, []

    def full(sink: Any) -> None:
        written.append(sink)
        if len(written) > 7:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(sink)

    monkeypatch.setattr("qloop.simulator.campaign.agenda.MOST_OF_A_UNIT", 2)
    monkeypatch.setattr(whole, "_to_disk", full)
    with pytest.raises(CampaignError, match=r"The disk is full.*Everything that was finished is kept"):
        run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    monkeypatch.setattr(whole, "_to_disk", real)
    kept = sum(pq.read_metadata(path).num_rows for path in _parts(tmp_path))
    assert kept == 3 + 2 * 2        # two texts, three pilots, two units; the eighth file did not fit
    assert not list(tmp_path.rglob("*.tmp"))
    run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    run_campaign(_campaign(), tmp_path / "once", processes=1, observe=observing.drawn)
    assert _read(tmp_path).equals(_read(tmp_path / "once"))


def test_a_truncated_part_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(observing.FAULT, "refused")
    with pytest.raises(InvalidInput):
        run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    monkeypatch.delenv(observing.FAULT)
    part = sorted(_parts(tmp_path))[0]
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(CampaignError, match=rf"{part.name} cannot be read.*is run again"):
        run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    part.unlink()
    assert run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn).replications == 27


def test_a_manifest_that_was_changed_is_refused(tmp_path: Path) -> None:
    run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    text = (tmp_path / "campaign.json").read_text()
    (tmp_path / "campaign.json").write_text(text.replace('"seed": 5', '"seed": 6'))
    with pytest.raises(CampaignError, match="changed by hand"):
        run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    (tmp_path / "campaign.json").write_text(text[:40])
    with pytest.raises(CampaignError, match="cannot be read"):
        run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be used"):
        run_campaign(_campaign(), tmp_path / "file", processes=1, observe=observing.drawn)
    with pytest.raises(InvalidInput, match="0 processes"):
        run_campaign(_campaign(), tmp_path / "new", processes=0, observe=observing.drawn)


def test_parts_are_merged_and_doubles_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MERGED_AT", 4)
    held = store.Store(tmp_path)
    held.open()
    rows = [(number * 7 % 50, number * 7 % 50 // 25) for number in range(60)]
    for point, number in rows:
        held.add(Done((Span(point, number, number + 1),), {
            "point": np.array([point]), "replication": np.array([number], np.int32), "x": np.array([point + 0.5])}, {},
            0.25, 0.0))
    assert len(held.files()) < 12
    assert held.cpu_s() == pytest.approx(15.0)
    table = pa.concat_tables(store.slabs(held.files(), store.KEYS, most_rows=9))
    assert list(zip(table["point"].to_pylist(), table["replication"].to_pylist(), strict=True)) == sorted(set(rows))
    assert table["x"].to_pylist() == [point + 0.5 for point, _ in sorted(set(rows))]


def test_a_million_points_are_told_their_time_and_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(observing.PAUSE, "0.05")
    counts = list(range(1, 1001))
    made = campaign_for(Scenario(), {"qpus.0.count": counts, "seed": counts}, replications=100)
    with pytest.raises(Refused) as found:
        run_campaign(made, tmp_path, processes=2, observe=observing.drawn)
    assert str(found.value).startswith("1,000,000 points x 100 replications: about ")
    assert "days on 2 processes. More than 12 hours is not begun" in str(found.value)
    assert "--yes" in found.value.do


def test_times_in_words() -> None:
    assert [estimate.duration(one) for one in (0.0, 0.5, 1.0, 44.4, 90.0, 5400.0, 1_036_800.0)] == [
        "no time", "a second", "1 second", "44 seconds", "1.5 minutes", "1.5 hours", "12 days"]
    assert estimate.said(1, 1, 2.0, 1) == "1 point x 1 replication: about 2 seconds on 1 process"
    assert estimate.said(2, 9, 2.0, 2, up_to=True) == (
        "2 points x up to 9 replications: at most about 2 seconds on 2 processes")


def test_numbers_with_their_intervals() -> None:
    assert [pair(1234.567, 12.3), pair(0.14999, 0.0059), pair(0.5, 0.0), pair(float("nan"), 1.0)] == [
        "1,235 ± 12", "0.1500 ± 0.0059", "0.5", "-"]
