"""The real kernel behind a campaign."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from qloop.policies import catalog
from qloop.simulator.analysis.measures import MEASURES
from qloop.simulator.campaign.document import loads
from qloop.simulator.campaign.plan import campaign_for, campaign_of
from qloop.simulator.campaign.run import run_campaign
from qloop.simulator.platform.run import replicate
from qloop.simulator.scenario import Scenario

TEXT = """[scenario]
policy = "fifo"
duration = "1 day"
[campaign]
replications = 4
[campaign.grid]
"arrivals.every" = ["5 min", "10 min"]
"""


@pytest.mark.ci
def test_measures_are_the_same_to_the_last_bit_on_one_process_and_on_two(tmp_path: Path,
                                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qloop.simulator.campaign.run.WORTH_SPREADING_S", 0.0)
    made = campaign_of(loads(TEXT), sessions=True)
    for processes in (1, 2):
        run_campaign(made, tmp_path / str(processes), processes=processes)
    for name in ("replications.parquet", "sessions.parquet"):
        one, two = (pq.read_table(tmp_path / str(processes) / name).replace_schema_metadata(None)
                    for processes in (1, 2))
        assert one.schema == two.schema
        for column in one.column_names:
            assert np.array_equal(one[column].to_numpy().astype(object), two[column].to_numpy().astype(object)) or \
                np.array_equal(one[column].to_numpy(), two[column].to_numpy(), equal_nan=True), column
    rows = pq.read_table(tmp_path / "1" / "replications.parquet")
    assert rows.column_names == ["point", "replication", "arrivals.every", *MEASURES]
    sessions = pq.read_table(tmp_path / "1" / "sessions.parquet")
    alone = replicate(made.scenario(1), 2)
    chosen = [row for row in sessions.to_pylist() if (row["point"], row["replication"]) == (1, 2)]
    assert [row["arrival_s"] for row in chosen] == (alone.arrival_ns * 1e-9).tolist()
    assert [row["outcome"] for row in chosen] == alone.outcome.tolist()


@pytest.mark.ci
def test_a_policy_of_ones_own_goes_to_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qloop.simulator.campaign.run.WORTH_SPREADING_S", 0.0)
    own = catalog.policy("fifo").with_settings({})
    found = run_campaign(campaign_for(Scenario(policy=own), replications=3), tmp_path / "own", processes=2)
    plain = run_campaign(campaign_for(Scenario(policy="fifo"), replications=3), tmp_path / "plain", processes=1)
    assert repr(found.points[0].measures) == repr(plain.points[0].measures)
