"""`qloop circuit check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qloop.cli.app import main

from .circuits import packed, rich

BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'


def test_a_circuit_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                               monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "bell.qasm"
    file.write_text(BELL)
    assert main(["circuit", "check", str(file), "--json"]) == 0
    (facts,) = json.loads(capsys.readouterr().out)["circuits"]
    assert {name: facts[name] for name in ("qubits", "clbits", "instructions", "depth", "parameters")} == {
        "qubits": 2, "clbits": 2, "instructions": 4, "depth": 3, "parameters": 0}
    assert facts["gates"] == {"measure": 2, "cx": 1, "h": 1}
    monkeypatch.setenv("COLUMNS", "200")    # a narrow terminal would break the list of gates
    assert main(["circuit", "check", str(file)]) == 0
    told = capsys.readouterr().out
    assert "bell.qasm" in told
    assert "measure 2, cx 1, h 1" in told


def test_all_circuits_of_a_file_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "three.qpy"
    file.write_bytes(packed(*rich()))
    assert main(["circuit", "check", str(file)]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in ("loop", "arrays", "gates"))


def test_a_hostile_one_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.qasm"
    file.write_text("OPENQASM 2.0;\nqreg q[20000000];")
    assert main(["circuit", "check", str(file)]) == 2
    told = capsys.readouterr().err
    assert "refused at line 2" in told
    assert "20,000,000 qubits" in told
    assert main(["circuit", "check", str(file), "--json", "--format", "qasm2"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "invalid_input"
