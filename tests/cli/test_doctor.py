"""`qloop doctor` and `qloop qpus`: what they say is true."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from qloop.cli import checks
from qloop.qpus.medians import medians
from qloop.qpus.snapshot_files import load_snapshot, snapshot_names

from .calling import Caller


def test_a_healthy_installation_is_told_as_such(call: Caller, folder: Path) -> None:
    done = call("doctor", "--json")
    findings = {one["name"]: one for one in done.document["findings"]}
    assert (done.code, done.document["healthy"]) == (0, True)
    assert {one["area"] for one in findings.values()} == {"Python", "libraries", "simulators", "plugins", "journal",
                                                          "machine"}
    assert findings["numpy"]["detail"] == np.__version__
    assert findings["scipy"]["detail"] == metadata.version("scipy")
    assert {one["status"] for one in done.document["findings"] if one["name"] == "qulacs"} == {"ok"}
    assert "journal mode wal" in findings["SQLite"]["detail"]
    assert list(folder.iterdir()) == [folder / "vqe.py"]
    text = call("doctor")
    assert text.code == 0
    assert "All is well." in text.err
    assert "✗" not in text.out


def test_a_missing_needed_library_is_an_error_and_a_missing_extra_is_not(call: Caller,
                                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    changed = (("no-such-library", "numbers", True), ("no-such-extra", "dreams: qloop[dreams]", False))
    monkeypatch.setattr(checks, "LIBRARIES", changed)
    done = call("doctor")
    assert done.code == 1
    assert "1 thing that qloop needs is broken: no-such-library" in done.err
    statuses = {one["name"]: one["status"] for one in call("doctor", "--json").document["findings"]}
    assert (statuses["no-such-library"], statuses["no-such-extra"]) == ("broken", "missing")


def test_a_simulator_with_a_wrong_answer_is_found(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qloop.qpus.simulators.qulacs_state.QulacsState.version", lambda self: None)
    assert {one.name: one.status for one in checks.simulators()}["qulacs"] == "missing"
    monkeypatch.undo()
    monkeypatch.setattr(checks, "_try_simulator", lambda name: (0.1, 1e-6))
    assert {one.status for one in checks.simulators()} <= {"broken", "missing"}
    assert any(one.status == "broken" for one in checks.simulators())


def test_a_home_that_cannot_be_made_is_an_error(call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QLOOP_HOME", str(folder / "vqe.py" / "home"))
    done = call("doctor")
    assert done.code == 1
    assert "set QLOOP_HOME" in done.out


def test_a_check_that_fails_itself_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("no clock on this machine")

    monkeypatch.setattr(checks, "_clock_step", broken)
    found = {one.name: one for one in checks.everything()}
    assert found["machine"].status == "broken"
    assert "no clock on this machine" in found["machine"].detail


def test_little_disk_is_a_warning(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(checks, "LITTLE_DISK", 2**62)
    assert {one.name: one.status for one in checks.journal()}["free disk"] == "warning"


@pytest.mark.parametrize("name", snapshot_names())
def test_medians_are_those_of_what_works(name: str) -> None:
    snapshot, found = load_snapshot(name), medians(load_snapshot(name))
    works = [error for error in snapshot.qubits.readout_error.value if error < 0.5]
    assert found.readout == median(works)
    two = next(gate for gate in snapshot.gates if gate.name == found.two_qubit_gate)
    assert found.two_qubit == median(error for error in two.error.value if error < 0.5)
    assert found.esp_ghz == pytest.approx(
        (1 - found.one_qubit) * (1 - found.two_qubit) ** 7 * (1 - found.readout) ** 8)


def test_the_table_of_qpus_holds_what_the_snapshots_say(call: Caller) -> None:
    told = {one["name"]: one for one in call("qpus", "--json").document["qpus"]}
    assert set(told) == {"exact", *(f"twin-{name}" for name in snapshot_names())}
    assert told["exact"]["medians"] is None
    assert told["twin-hanoi"]["device"] == load_snapshot("hanoi").device
    table = call("qpus").out
    for name, one in told.items():
        row = next(line for line in table.splitlines() if line.strip().startswith(name))
        assert str(one["n_qubits"]) in row.split()
        assert one["note"] in table
        assert one["medians"] is None or f"{one['medians']['readout']:.1e}" in row.split()
