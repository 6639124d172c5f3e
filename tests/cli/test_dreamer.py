"""`qloop dreamer`: plans with all alternatives, constants that are kept or not there, and the accuracy's report."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from qloop.planner.configurations import configurations
from qloop.planner.machine import Calibration, constants_path, save, this_machine, typical
from qloop.planner.measurements import VISITS, Head
from qloop.planner.typical import TYPICAL
from tests.planner.measured import all_measured, probes

from .calling import Caller

QASM = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[4];
h q[0];
cx q[0],q[1];
cx q[1],q[2];
rz(0.3) q[2];
cx q[2],q[3];
"""
SIZES = (12, 14)


@pytest.fixture(autouse=True)
def _own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QLOOP_CACHE_DIR", str(folder / "cache"))


def _calibrated() -> Calibration:
    return msgspec.structs.replace(typical(), machine=this_machine(), date="2026-11-21 12:00 UTC", configurations=40)


def test_a_problem_is_planned_and_carried_out(call: Caller) -> None:
    done = call("dreamer", "plan", "ising", "nodes=8", "layers=1", "--workers", "2", "--search-seconds", "0.2", "--run",
                "--json")
    assert (done.code, done.err) == (0, "")
    found = done.document
    assert found["qubits"] == 8
    assert found["chosen"] == found["alternatives"][0]["name"]
    times = [one["predicted_s"] for one in found["alternatives"] if not one["why_not"]]
    assert times == sorted(times)
    whole = next(one for one in found["alternatives"] if one["name"] == "whole, state vector")
    assert whole["speed_up"] == 1.0
    assert all(one["speed_up"] == pytest.approx(whole["predicted_s"] / one["predicted_s"])
               for one in found["alternatives"])
    assert -7.0 - 8.0 <= found["value"] <= 15.0


def test_the_table_tells_every_alternative_and_why(call: Caller) -> None:
    done = call("dreamer", "plan", "maxcut", "nodes=8", "--error", "0.1", "--search-seconds", "0.2")
    assert done.code == 0
    for word in ("whole, state vector", "cut ", "sampling overhead", "subexperiments", "speed-up", "shots"):
        assert word in done.out
    assert "note: this machine is not calibrated" in done.err
    assert "answer: " in done.err


def test_a_file_is_planned(call: Caller, folder: Path) -> None:
    (folder / "own.qasm").write_text(QASM)
    done = call("dreamer", "plan", "own.qasm", "--observable", "ZIIZ=1, XXXX=0.5", "--run", "--json")
    assert done.code == 0
    assert done.document["value"] == pytest.approx(1.0, abs=2.0)
    assert done.document["qubits"] == 4


def test_what_does_not_fit_is_refused_with_the_nearest(call: Caller) -> None:
    done = call("dreamer", "plan", "maxcut", "nodes=12", "--memory", "0.0001", "--search-seconds", "0", "--json")
    assert done.code == 2
    error = done.document["error"]
    assert error["what"] == "There is no way to evaluate this circuit in 0.0001 GiB"
    assert "The nearest is '" in error["do"]


@pytest.mark.parametrize(("words", "what"), [
    (("plan", "isng"), "no file or problem named 'isng'"),
    (("plan", "ising", "nodes"), "'nodes' is no parameter of a problem"),
    (("plan", "ising", "nods=3"), "no parameter of ising named 'nods'"),
    (("plan", "ising", "nodes=four"), "nodes is 'four'"),
    (("plan", "own.qasm", "nodes=4"), "'nodes=4' is given for a file"),
    (("plan", "own.qasm", "--observable", "ZQ=1"), "--observable is 'ZQ=1'"),
    (("plan", "own.qasm", "--observable", "ZZ=1"), "acts on 2 qubits, the circuit has 4"),
    (("plan", "none.qasm"), "none.qasm"),
    (("plan", "ising", "--workers", "0"), "workers is 0"),
    (("plan", "ising", "--memory", "-1"), "--memory is -1"),
    (("plan", "ising", "--error", "nan"), "error is nan"),
    (("calibrate", "--seconds", "1"), "A calibration of 1 s is not possible"),
    (("accuracy", "--sizes", "twelve"), "--sizes is 'twelve'"),
    (("accuracy", "--sizes", "12,12"), "--sizes is '12,12'"),
    (("accuracy", "--workers", "0"), "--workers is '0'"),
    (("acuracy",), "named 'acuracy'"),
])
def test_bad_words_are_refused(call: Caller, folder: Path, words: tuple[str, ...], what: str) -> None:
    (folder / "own.qasm").write_text(QASM)
    done = call("dreamer", *words, "--json")
    assert done.code == 2
    assert what in done.document["error"]["what"]


def test_constants_are_shown_typical_or_kept(call: Caller) -> None:
    done = call("dreamer", "show")
    assert done.code == 0
    assert "typical" in done.out
    assert "qloop dreamer calibrate" in done.err
    save(_calibrated())
    done = call("dreamer", "show", "--json")
    assert done.document["configurations"] == 40
    assert done.err == ""


def test_a_broken_calibration_is_told(call: Caller) -> None:
    save(_calibrated())
    constants_path().write_text("{")
    done = call("dreamer", "plan", "ising")
    assert done.code == 2
    assert "qloop dreamer calibrate" in done.err


def test_the_accuracy_of_measurements_that_are_there(call: Caller, folder: Path) -> None:
    """All configurations of two sizes are in the file already, from a machine without noise, so none is measured."""
    visits = [msgspec.structs.replace(row, visit=visit) for visit in range(VISITS) for row in all_measured(SIZES)]
    rows = [*visits, *probes()]
    (folder / "found").mkdir()
    (folder / "found" / "measured.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n"
                                                              for row in (Head(this_machine(), TYPICAL), *rows)))
    done = call("dreamer", "accuracy", "--out", "found", "--sizes", "12,14")
    assert done.code == 0
    count = len(configurations(SIZES))
    assert f"clock on the wall, {count} configurations: accuracy of speed-ups 100.0 % mean" in done.err
    assert "(target 95 %: met)" in done.err
    assert "12 qubits, mean" in done.out
    assert {each.name for each in (folder / "found").iterdir()} == {
        "measured.jsonl", "accuracy.json", "accuracy.md", "accuracy.png", "accuracy.pdf"}
    assert len(msgspec.json.decode((folder / "found" / "accuracy.json").read_bytes())["wall"]["judged"]) == count
