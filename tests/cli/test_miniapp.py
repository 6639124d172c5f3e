"""`qloop miniapp`: lists, runs, characterises, and says what is wrong with a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from qloop.cli.miniapp_places import Counted
from qloop.miniapps.motifs import registry
from qloop.miniapps.motifs.circuit_cutting import CircuitCutting
from qloop.miniapps.motifs.site import InProcess
from qloop.miniapps.motifs.split_state import Ranks
from qloop.runtime.embedded import Runtime
from qloop.simulator.campaign.document import load

from .calling import Caller


def test_the_list_has_all_seven_and_their_parameters(call: Caller) -> None:
    done = call("miniapp", "list")
    assert done.code == 0
    assert all(name in done.out for name in registry.OWN)
    found = call("miniapp", "list", "--json").document
    assert [one["name"] for one in found["miniapps"]] == list(registry.OWN)
    assert found["broken"] == {}
    one = call("miniapp", "list", "circuit-cutting", "--json").document
    qubits = next(each for each in one["parameters"] if each["name"] == "qubits")
    assert qubits == {"name": "qubits", "default": 10, "unit": "qubits", "range": "whole number from 3 to 24",
                      "what": "Width of the whole circuit"}
    assert "--widest" in call("miniapp", "list", "circuit-cutting").out


def test_a_run_prints_values_checks_and_times(call: Caller) -> None:
    done = call("miniapp", "run", "circuit-cutting", "--qubits", "6", "--widest=3", "--depth", "2")
    assert done.code == 0
    assert "recombined value" in done.out
    assert "yes" in done.out
    assert "reconstruct" in done.out
    found = call("miniapp", "run", "circuit-cutting", "--qubits", "6", "--widest", "3", "--json").document
    assert found["holds"]
    assert found["parameters"]["qubits"] == 6
    assert found["values"]["value"] == pytest.approx(found["values"]["exact"], abs=1e-9)
    assert found["tasks"]["classical"] > 2


def test_a_check_that_does_not_hold_is_exit_code_1(call: Caller) -> None:
    done = call("miniapp", "run", "variational-loop", "--iterations", "1", "--optimizer", "spsa", "--quality", "0.99")
    assert done.code == 1
    assert "NO" in done.out


def test_twins_and_clocks_are_chosen_by_name(call: Caller) -> None:
    found = call("miniapp", "run", "circuit-execution", "--circuits", "2", "--qubits", "3", "--depth", "2",
                 "--shots", "0", "--qpus", "twin-torino,twin-hanoi", "--clock", "virtual", "--json").document
    assert found["holds"]
    assert 0.0 < found["values"]["contrast"] < 1.0


def test_a_budget_is_not_exceeded(call: Caller) -> None:
    done = call("miniapp", "run", "circuit-execution", "--budget", "3000 shots", "--circuits", "4", "--qubits", "2")
    assert done.code == 3
    assert "3,000 shots" in done.err or "3000 shots" in done.err


@pytest.mark.parametrize(("words", "told"), [
    (("run", "circuit-cuting"), "Did you mean 'circuit-cutting'?"),
    (("run", "pipeline", "--qbits", "3"), "Did you mean 'qubits'?"),
    (("run", "pipeline", "--qubits", "many"), "Give qubits as a whole number from 2 to 8 (qubits)"),
    (("run", "pipeline", "--qubits"), "expected one argument"),
    (("run", "pipeline", "--qubits", "3", "--qubits=4"), "--qubits is given twice"),
    (("run", "pipeline", "3"), "Unrecognized arguments: 3"),
    (("run", "pipeline", "--qpus", "twin-tornio"), "Did you mean 'twin-torino'?"),
    (("run", "pipeline", "--workers", "-1"), "The number of workers is -1"),
    (("run", "pipeline", "--clock", "fast"), "clock"),
    (("run", "pipeline", "--pilots", "rai:2"), "Did you mean 'ray'?"),
    (("run", "pipeline", "--pilots", "2"), "'2' does not name a pilot"),
    (("characterize", "pipeline", "--chains", "-1"), "-1 chains are asked for"),
    (("list", "--qubits", "3"), "Unrecognized arguments: --qubits"),
    (("list", "nothing"), "There is no mini-app named 'nothing'"),
    (("characterize", "pipeline", "--runs", "0"), "0 runs are asked for"),
    (("characterize", "pipeline", "--up-to", "-4"), "A grid of up to -4 cores"),
    (("run",), "NAME")])
def test_what_is_wrong_is_told_before_anything_runs(call: Caller, words: tuple[str, ...], told: str) -> None:
    done = call("miniapp", *words)
    assert done.code == 2
    assert told in done.err
    assert done.out == ""


def test_a_folder_that_cannot_be_written_is_told(call: Caller, folder: Path) -> None:
    (folder / "file").write_text("in the way")
    done = call("miniapp", "characterize", "circuit-cutting", "--out", "file")
    assert done.code == 2
    assert "The folder file cannot be written" in done.err


def test_a_character_is_scenario_files_for_simulate(call: Caller, folder: Path) -> None:
    done = call("miniapp", "characterize", "circuit-cutting", "--qubits", "6", "--widest", "3", "--runs", "2",
                "--up-to", "8")
    assert done.code == 0
    assert "simulate it: qloop simulate run out/circuit-cutting/3-subexperiments.toml" in done.err
    files = sorted((folder / "out" / "circuit-cutting").iterdir())
    assert [file.name for file in files] == ["1-stage.toml", "2-compile.toml", "3-subexperiments.toml",
                                             "4-reconstruct.toml"]
    text = files[2].read_text()
    assert "# circuit-cutting, stage subexperiments" in text
    scenario = load(files[2]).scenario()
    assert scenario.name == "circuit-cutting-subexperiments"
    checked = call("simulate", "run", str(files[2]), "--check")
    assert checked.code == 0
    assert "grid: classical.workers" in checked.out


def test_a_character_as_json(call: Caller) -> None:
    found = call("miniapp", "characterize", "variational-loop", "--iterations", "5", "--quality", "0", "--runs", "1",
                 "--json").document
    loop = next(stage for stage in found["stages"] if stage["name"] == "loop")
    assert len(loop["quantum_s"]) == len(loop["classical_s"]) > 5
    assert found["cpu_qpu_ratio"] > 0.0
    assert found["coupling"] == "tight"


@pytest.mark.ci
def test_makespans_on_more_cores_are_predicted(call: Caller) -> None:
    words = ("miniapp", "characterize", "circuit-cutting", "--qubits", "8", "--widest", "3", "--batch", "1",
             "--runs", "1", "--up-to", "16", "--chains", "64", "--predict")
    found = call(*words, "--json").document["predicted_s"]
    assert list(found) == ["1", "2", "4", "8", "16"]
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert "times as fast" in call(*words).out


class Bar:
    """What a progress bar is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def update(self, line: object, told: str) -> None:
        """Keep it."""
        self.told.append(told)


def test_a_line_counts_the_tasks() -> None:
    bar = Bar()
    with Runtime(journal=":memory:") as runtime:
        site = Counted(InProcess(runtime), bar, None)
        handles = [site.submit(divmod, 7, n) for n in (2, 3)]
        assert [handle.result() for handle in handles] == [(3, 1), (2, 1)]
        assert site.gang(rank_of, ranks=1, limit_s=5.0).result() == [0]
        assert handles[0].waited_s == 0.0
        assert handles[0].moved > 0
        assert handles[0].ran_s > 0.0
        assert registry.motif("circuit-cutting").run(CircuitCutting(qubits=4, widest=2, depth=2), site).holds
    assert bar.told[:6] == ["0 of 1 classical tasks", "0 of 2 classical tasks", "1 of 2 classical tasks",
                            "2 of 2 classical tasks", "2 of 3 classical tasks", "3 of 3 classical tasks"]


def rank_of(ranks: Ranks) -> int:
    """The number of this rank."""
    return ranks.rank
