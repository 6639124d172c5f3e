"""`qloop simulate run`: what it prints, keeps and refuses."""

import json
import warnings
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from qloop.simulator.campaign.errors import CampaignError
from qloop.simulator.campaign.run import Interrupted

from .calling import Caller

TEXT = """[scenario]
name = "tiny"
policy = "fifo"
duration = "4 h"
seed = 3

[arrivals]
rate = "20 /h"

[sessions]
iterations = 5

[campaign]
replications = 4
"""


@pytest.fixture
def tiny(folder: Path) -> Path:
    """A scenario file in the working folder."""
    (folder / "tiny.toml").write_text(TEXT)
    (folder / "until.toml").write_text(TEXT + '[campaign.until]\nquantity = "drip"\nrelative = "5 %"\n')
    return folder


def test_it_prints_a_table_and_keeps_results(tiny: Path, call: Caller) -> None:
    done = call("simulate", "run", "tiny.toml", "--set", "qpus.0.count=2", "--processes", "1")
    assert done.code == 0
    assert "tiny: 1 point, 4 replications" in done.out
    assert "1 point x 4 replications: about" in done.err
    table = pq.read_table(tiny / "out" / "tiny" / "replications.parquet")
    assert table.num_rows == 4
    came, finished, left = (table.column(name).to_pylist() for name in ("arrivals", "finished", "censored"))
    assert came == [done_ + open_ for done_, open_ in zip(finished, left, strict=True)]
    assert min(came) > 40


def test_it_goes_on_with_more_replications_and_prints_json(tiny: Path, call: Caller) -> None:
    (tiny / "tiny.toml").write_text(TEXT + '[campaign.grid]\n"qpus.0.count" = [1, 2]\n')
    common = ("simulate", "run", "tiny.toml", "--out", "here", "--sessions", "--json", "--processes", "1")
    first = call(*common, "--replications", "2").document
    done = call(*common)
    assert "4 of 8 replications are finished" in done.err
    assert [one["values"] for one in done.document["told"]] == [{"qpus.0.count": 1}, {"qpus.0.count": 2}]
    assert done.document["replications"] == 8
    assert first["replications"] == 4
    sessions = pq.read_table(tiny / "here" / "sessions.parquet")
    arrivals = pq.read_table(tiny / "here" / "replications.parquet").column("arrivals").to_pylist()
    assert sessions.num_rows == sum(arrivals)
    assert arrivals[:4] == arrivals[4:]         # the same sessions at both points


def test_it_refuses_another_scenario_in_the_same_folder(tiny: Path, call: Caller) -> None:
    assert call("simulate", "run", "tiny.toml", "--processes", "1").code == 0
    done = call("simulate", "run", "tiny.toml", "--processes", "1", "--set", "scenario.seed=4")
    assert done.code == 2
    assert "scenario.seed was 3 and is 4" in done.err


def test_check_shows_every_parameter_and_runs_nothing(tiny: Path, call: Caller) -> None:
    (tiny / "tiny.toml").write_text(TEXT + '[campaign.grid]\n"qpus.0.count" = [1, 2, 3]\n')
    done = call("simulate", "run", "tiny.toml", "--check")
    assert done.code == 0
    assert "3 points x 4 replications" in done.out
    for said in ("scenario.duration", "4 h", "1 ms to 90 d", "classical.keep_alive", "qpus.0.drift.sd",
                 "grid: qpus.0.count", "1, 2, 3", "20 /h"):
        assert said in done.out or said == "20 /h"
    assert not (tiny / "out").exists()
    document = call("simulate", "run", "tiny.toml", "--check", "--json").document
    assert (document["points"], document["scenario"]["scenario"]["duration"]) == (3, "4 h")


def test_a_setting_that_the_policy_does_not_read_is_told_of(tiny: Path, call: Caller) -> None:
    words = ("simulate", "run", "tiny.toml", "--set", "settings.phi=0.3", "--processes", "1")
    said = "the setting phi has no effect under fifo, which does not read it"
    assert [said in call(*words, *more).err for more in (("--check",), (), ("--check", "--policy", "efaas"))] == [
        True, True, False]


def test_points_that_did_not_reach_what_was_asked_are_marked(tiny: Path, call: Caller) -> None:
    (tiny / "tiny.toml").write_text(TEXT.replace("replications = 4", "") + '[campaign.until]\nquantity = "time_mean"\n'
                                    "absolute = 1e-6\nleast = 5\nmost = 6\n")
    done = call("simulate", "run", "tiny.toml", "--processes", "1")
    assert "6 *" in done.out
    assert ("* 1 of 1 points stopped at 6 replications before the interval of time_mean was as narrow as "
            "[campaign.until] asks") in " ".join(done.out.split())


def test_a_warning_is_a_line_without_the_place_in_the_code(tiny: Path, call: Caller,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    def warned(args: object) -> int:
        warnings.warn("slow", RuntimeWarning, stacklevel=1)
        return 0

    monkeypatch.setattr("qloop.cli.simulate.run.run", warned)
    assert call("simulate", "run", "tiny.toml").err == "warning: slow\n"


@pytest.mark.parametrize(("words", "code", "said"), [
    (("missing.toml",), 2, "missing.toml cannot be read"), (("tiny.toml", "--set", "qpus.0.count"), 2, "sets nothing"),
    (("tiny.toml", "--set", "qpus.0.count=-1"), 2, "count is -1"), (("tiny.toml", "--policy", "fido"), 2, "'fido'"),
    (("tiny.toml", "--set", "qpus.0.cuont=1"), 2, "Did you mean 'count'"),
    (("tiny.toml", "--processes", "0"), 2, "0 processes"),
    (("tiny.toml", "--replications", "0"), 2, "replications is 0"),
    (("tiny.toml", "--set", "scenario.warmup=5 h"), 2, "warm-up"),
    (("tiny.toml", "--policy", "fifo", "lifo", "fifo"), 2, "The policy fifo is given twice"),
    (("tiny.toml", "--check", "--set", "sessions.data=nowhere"), 2, "There is no data set"),
    (("until.toml",), 2, "Did you mean 'drop'"), (("until.toml", "--check"), 2, "until.toml, line 16"),
])
def test_bad_input(tiny: Path, call: Caller, words: tuple[str, ...], code: int, said: str) -> None:
    done = call("simulate", "run", *words)
    assert (done.code, said in done.err, done.out) == (code, True, ""), done.err
    assert not (tiny / "out").exists() or not list((tiny / "out").rglob("*.parquet"))


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_an_interrupt_says_how_to_go_on(tiny: Path, call: Caller, monkeypatch: pytest.MonkeyPatch,
                                        words: tuple[str, ...]) -> None:
    def interrupted(*args: object, **named: object) -> None:
        raise Interrupted(Path("out/tiny"), 3, 4)

    monkeypatch.setattr("qloop.simulator.campaign.run.run_campaign", interrupted)
    monkeypatch.setattr("sys.argv", ["qloop", "simulate", "run", "a file.toml", *words])
    done = call("simulate", "run", "tiny.toml", *words)
    assert done.code == 130
    said = json.loads(done.out)["error"]["do"] if words else done.err
    assert "qloop simulate run 'a file.toml'" in said
    assert "3 of 4 replications are kept in out/tiny" in (done.out if words else done.err)


def test_a_full_disk_ends_the_command_with_advice(tiny: Path, call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **named: object) -> None:
        raise CampaignError("The disk is full", "No space left on device", "Make room")

    monkeypatch.setattr("qloop.simulator.campaign.store.Store.add", full)
    done = call("simulate", "run", "tiny.toml", "--processes", "1")
    assert (done.code, "The disk is full" in done.err, "Make room" in done.err) == (1, True, True)
