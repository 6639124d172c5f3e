"""What a folder's results belong to: anything that changes them is seen, and what was finished is never lost."""

import dataclasses
import functools
import itertools
import types
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from qloop.errors import Conflict, InvalidInput
from qloop.policies import catalog
from qloop.policies.record import Policy
from qloop.simulator.campaign import manifest, parquet
from qloop.simulator.campaign.document import loads
from qloop.simulator.campaign.errors import CampaignError
from qloop.simulator.campaign.plan import Campaign, campaign_for, campaign_of
from qloop.simulator.campaign.run import run_campaign
from qloop.simulator.scenario import Scenario

from . import observing

TEXT = '[campaign]\nreplications = 9\n[campaign.grid]\n"qpus.0.count" = [1, 2, 4]\n'
FIFO = catalog.policy("fifo")
MADE = """
from qloop.policies.catalog import policy
WEIGHT, TABLE = {weight}, {table}
def key(i, now, slope={slope}):
    # {comment}
    return now * WEIGHT + i * slope + TABLE[0]
def enter(tasks, flows, qpus, totals, i, now, u):
    return key(i, now)
place = policy("fifo").place
"""


def _campaign(**changes: Any) -> Campaign:
    return campaign_of(loads(TEXT), **changes)


def _own(policy: Policy) -> str:
    return manifest.fingerprint(manifest.identity(campaign_for(Scenario(policy=policy))))


def _written(**changes: str) -> Policy:
    """A policy of a module of this text, as at a prompt."""
    given = {"weight": "1.0", "table": "(2.0, 3.0)", "slope": "0.5", "comment": "why"}
    module = types.ModuleType("mine")
    exec("import numpy as np\n" + MADE.format(**{**given, **changes}), module.__dict__)
    return dataclasses.replace(FIFO, name="mine", enter=module.enter)


def test_whatever_is_changed_in_a_policy_of_ones_own_is_another_campaign() -> None:
    lifo, efaas = catalog.policy("lifo"), catalog.policy("efaas")
    made = [FIFO, dataclasses.replace(FIFO, pick=efaas.pick), dataclasses.replace(FIFO, enter=lifo.enter),
            dataclasses.replace(FIFO, start=efaas.start), dataclasses.replace(FIFO, finish=efaas.finish),
            dataclasses.replace(FIFO, place=catalog.placements()["warm"][0]),
            dataclasses.replace(FIFO, scan=FIFO.pick), dataclasses.replace(FIFO, classes=FIFO.classes + 1),
            dataclasses.replace(FIFO, shared=not FIFO.shared), dataclasses.replace(FIFO, enter_draws=True),
            dataclasses.replace(FIFO, pick_draws=True), FIFO.with_settings({0: 0.25}), FIFO.with_settings({0: 0.5}),
            FIFO.with_settings({0: float("inf")}), FIFO.with_settings({1: 0.5})]
    for (one, its), (other, of_other) in itertools.combinations(enumerate(map(_own, made)), 2):
        assert its != of_other, (one, other)
    assert _own(dataclasses.replace(FIFO)) == _own(FIFO)


def test_the_code_of_a_policy_and_all_that_it_reads_are_part_of_it() -> None:
    made = [_written(), _written(weight="2.0"), _written(table="(2.5, 3.0)"), _written(slope="0.75"),
            _written(table="np.array([2.0, 3.0])"), _written(table="np.array([2.0, 4.0])")]
    assert len({_own(one) for one in made}) == len(made)
    assert _own(_written(comment="another reason")) == _own(_written())


def test_a_policy_that_cannot_be_told_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"enter of the policy mine reads \[2\.0\].*would leave no trace"):
        _own(_written(table="[2.0]"))


def test_another_policys_results_are_not_returned(tmp_path: Path) -> None:
    run_campaign(campaign_for(Scenario(policy=FIFO)), tmp_path, processes=1, observe=observing.drawn)
    with pytest.raises(Conflict, match=r'policies\.fifo\.settings\.7 was not given and is "0\.5"'):
        run_campaign(campaign_for(Scenario(policy=FIFO.with_settings({7: 0.5}))), tmp_path, processes=1,
                     observe=observing.drawn)


def test_what_observes_is_part_of_a_campaign(tmp_path: Path) -> None:
    run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    with pytest.raises(Conflict, match=r'observe was "tests\.simulator\.campaign\.observing\.drawn'):
        run_campaign(_campaign(), tmp_path, processes=1, observe=observing.again)
    told = [manifest.identity(_campaign(), functools.partial(observing.drawn, sessions=one)) for one in (True, False)]
    assert told[0]["observe"] != told[1]["observe"]
    with pytest.raises(InvalidInput, match=r"cannot observe a campaign.*at the top of a module"):
        run_campaign(_campaign(), tmp_path / "b", processes=1, observe=lambda *told: observing.drawn(*told))


@pytest.mark.parametrize("changed", ["a/times.csv", "b/times.csv", "c/times.csv"])
def test_data_files_of_one_name_are_told_apart(tmp_path: Path, changed: str) -> None:
    for folder in "abc":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "times.csv").write_text("arrival_s\n1\n20\n30\n")
    text = ('[arrivals]\nkind = "recorded"\nfile = "a/times.csv"\n[sessions.quantum]\nkind = "empirical"\n'
            'file = "b/times.csv"\ncolumn = "arrival_s"\n[campaign.grid]\n'
            '"arrivals.file" = ["a/times.csv", "c/times.csv"]')

    def found() -> dict[str, Any]:
        told: dict[str, Any] = manifest.identity(campaign_of(loads(text, str(tmp_path / "s.toml"))))["data"]
        return told

    before = found()
    assert list(before) == ["a/times.csv", "b/times.csv", "c/times.csv"]
    (tmp_path / changed).write_text("arrival_s\n2\n20\n30\n")
    assert [name for name, digest in found().items() if digest != before[name]] == [changed]


class Batch(Executor):
    """Ends all units at once: some with results, others with an error of the executor."""

    def __init__(self, units: int, errors: dict[int, BaseException]) -> None:
        self.units, self.errors = units, errors
        self.held: list[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.held.append((future, fn, args))
        if len(self.held) == self.units:
            for place, (one, run, given) in enumerate(self.held):
                if place in self.errors:
                    one.set_exception(self.errors[place])
                else:
                    one.set_result(run(*given))
        return future


def _kept(folder: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in (folder / "parts").glob("part-*"))


@pytest.mark.parametrize("error", [RuntimeError("gone"), BrokenProcessPool("gone")])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_units_that_end_beside_a_failed_one_are_kept(tmp_path: Path, place: int, error: Exception,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qloop.simulator.campaign.agenda.MOST_OF_A_UNIT", 2)
    with pytest.raises(CampaignError):
        run_campaign(_campaign(), tmp_path, processes=2, executor=Batch(4, {place: error}), observe=observing.drawn)
    assert _kept(tmp_path) == 3 + 3 * 2        # three pilots and three units


def test_units_that_end_beside_a_refused_replication_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qloop.simulator.campaign.agenda.MOST_OF_A_UNIT", 2)
    monkeypatch.setenv(observing.FAULT, "refused")
    with pytest.raises(InvalidInput, match="replication 4: It does not fit"):
        run_campaign(_campaign(), tmp_path, processes=2, executor=Batch(4, {}), observe=observing.drawn)
    # the units hold the replications 1 and 2, 3 and 4, 5 and 6, 7 and 8 of the first point
    assert _kept(tmp_path) == 3 + 2 + 1 + 2 + 2


def test_units_that_ended_before_a_pool_broke_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Breaks(Batch):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            if len(self.held) == self.units:
                raise BrokenProcessPool("gone")
            return super().submit(fn, *args, **kwargs)

    monkeypatch.setattr("qloop.simulator.campaign.agenda.MOST_OF_A_UNIT", 2)
    with pytest.raises(CampaignError, match="ended without an answer"):
        run_campaign(_campaign(), tmp_path, processes=2, executor=Breaks(3, {}), observe=observing.drawn)
    assert _kept(tmp_path) == 3 + 3 * 2


def test_a_kill_between_the_two_texts_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = parquet.write_text

    def killed(path: Path, text: str) -> None:
        if path.name == "campaign.toml":
            raise KeyboardInterrupt
        real(path, text)

    monkeypatch.setattr(parquet, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    assert (tmp_path / manifest.NAME).exists()
    monkeypatch.setattr(parquet, "write_text", real)
    run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    assert (tmp_path / "campaign.toml").read_text() == TEXT


def test_the_file_of_an_extended_campaign_has_the_new_numbers(tmp_path: Path) -> None:
    run_campaign(_campaign(), tmp_path, processes=1, observe=observing.drawn)
    run_campaign(_campaign(replications=12), tmp_path, processes=1, observe=observing.drawn)
    assert loads((tmp_path / "campaign.toml").read_text()).tables["campaign"]["replications"] == 12
    again = campaign_of(loads((tmp_path / "campaign.toml").read_text()))
    found = run_campaign(again, tmp_path, processes=1, observe=observing.drawn)
    assert found.replications == 36
    assert np.array_equal(pq.read_table(tmp_path / "replications.parquet")["replication"].to_numpy(),
                          np.tile(np.arange(12), 3))
