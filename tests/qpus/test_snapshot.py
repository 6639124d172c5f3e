"""Calibration snapshots: what is shipped is what the provider published, and nonsense is refused by name."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.qpus.device import Device
from qloop.qpus.snapshot import BROKEN_ERROR
from qloop.qpus.snapshot_files import load_snapshot, parse_snapshot, read_snapshot, snapshot_names

from .snapshots_for_tests import changed, line_data, parsed

FAKES = {"torino": "FakeTorino", "sherbrooke": "FakeSherbrooke", "hanoi": "FakeHanoiV2"}
SHAPE = {"torino": (133, 300, "cz", 129), "sherbrooke": (127, 144, "ecr", 122), "hanoi": (27, 56, "cx", 27)}


def test_the_shipped_ones_are_the_three_devices() -> None:
    assert snapshot_names() == ("hanoi", "sherbrooke", "torino")
    for name, (n_qubits, n_places, two_qubit, usable) in SHAPE.items():
        snapshot = load_snapshot(name)
        places = next(gate for gate in snapshot.gates if gate.name == two_qubit).qubits
        assert (snapshot.n_qubits, len(places), Device(snapshot).n_qubits) == (n_qubits, n_places, usable)
        assert snapshot.licence.startswith("Apache-2.0")
        assert FAKES[name] in snapshot.source


def test_the_shipped_files_are_small() -> None:
    folder = Path(importlib.import_module("qloop.qpus").__file__ or "").parent / "snapshots"
    assert max(path.stat().st_size for path in folder.glob("*.json")) < 50_000


@pytest.mark.parametrize("name", FAKES)
def test_the_shipped_values_are_the_providers(name: str) -> None:
    """Against the fake backend's own target and properties, dates included."""
    if importlib.util.find_spec("qiskit_ibm_runtime") is None:
        pytest.skip("qiskit-ibm-runtime is not installed (extra 'bench'), so its data cannot be compared")
    backend = getattr(importlib.import_module("qiskit_ibm_runtime.fake_provider"), FAKES[name])()
    properties, snapshot = backend.properties(), load_snapshot(name)
    qubits = snapshot.qubits
    for qubit in range(snapshot.n_qubits):
        t1, t1_date = properties.qubit_property(qubit, "T1")
        assert qubits.t1_ns.value[qubit] == pytest.approx(t1 * 1e9, rel=1e-5)
        assert qubits.t2_ns.value[qubit] == pytest.approx(properties.t2(qubit) * 1e9, rel=1e-5)
        assert qubits.readout_error.value[qubit] == pytest.approx(properties.readout_error(qubit), rel=1e-5)
        assert qubits.readout_ns.value[qubit] == pytest.approx(properties.readout_length(qubit) * 1e9, rel=1e-5)
        assert abs(_seconds_between(snapshot.dates[qubits.t1_ns.date[qubit]], t1_date)) < 1
    for gate in snapshot.gates:
        for place, error, length in zip(gate.qubits, gate.error.value, gate.length_ns.value, strict=True):
            assert error == pytest.approx(properties.gate_error(gate.name, place), rel=1e-5)
            assert length == pytest.approx(properties.gate_length(gate.name, place) * 1e9, rel=1e-5)


def _seconds_between(text: str, other: Any) -> float:
    from datetime import datetime

    return float((datetime.fromisoformat(text) - other).total_seconds())


@pytest.mark.parametrize("name", SHAPE)
def test_broken_couplers_and_qubits_are_never_offered(name: str) -> None:
    snapshot = load_snapshot(name)
    device = Device(snapshot)
    broken = {tuple(place) for gate in snapshot.gates
              for place, error in zip(gate.qubits, gate.error.value, strict=True) if error >= BROKEN_ERROR}
    offered = {tuple(device.working[qubit] for qubit in place)
               for operation in device.target().operation_names
               for place in device.target().qargs_for_operation_name(operation)}
    assert broken, "each of the three has broken couplers, so this test has something to find"
    assert not broken & offered
    assert all(snapshot.qubits.readout_error.value[qubit] < BROKEN_ERROR for qubit in device.working)


def test_a_device_that_is_cut_in_two_offers_its_larger_part() -> None:
    data = line_data(5)
    cut = [[1, 2], [2, 1]]
    pairs = data["gates"][0]["qubits"]
    data["gates"][0]["error"]["value"] = [1.0 if pair in cut else 0.02 for pair in pairs]
    assert Device(parsed(data)).working == (2, 3, 4)


@pytest.mark.parametrize(("path", "value", "says"), [
    (["qubits", "t1_ns", "value", 1], -5.0, "t1_ns of qubit 1 is -5.0"),
    (["qubits", "t2_ns", "value", 0], 0.0, "t2_ns of qubit 0 is 0.0"),
    (["qubits", "readout_error", "value", 2], 1.5, "readout_error of qubit 2 is 1.5. it must be a probability"),
    (["qubits", "readout_ns", "value"], [1000.0, 1000.0], "readout_ns has 2 values, not 3. a value or a date"),
    (["gates", 0, "error", "value", 0], 1.2, "error of cx on [0, 1] is 1.2"),
    (["gates", 2, "length_ns", "value", 1], -1.0, "length_ns of sx on [1] is -1.0"),
    (["gates", 0, "qubits", 0], [0, 7], "cx on qubits [0, 7]. it acts on 2 different qubit(s) of 0..2"),
    (["gates", 0, "qubits", 0], [1, 1], "cx on qubits [1, 1]"),
    (["gates", 0, "qubits", 0], [1, 2], "cx lists a place twice"),
    (["gates", 0, "name"], "cy", "gates ['cy', 'rz', 'sx', 'x'] but basis_gates"),
    (["gates", 0, "error", "date", 3], 9, "error of cx on [2, 1] has date index 9. there are 2 dates"),
    (["n_qubits"], 0, "n_qubits is 0"),
    (["n_qubits"], 4, "t1_ns has 3 values, not 4"),
    (["dt_ns"], 0.0, "dt_ns is 0.0"),
    (["rep_delay_ns", "default"], 600_000, "rep_delay_ns is 0..500000, default 600000"),
    (["taken"], "yesterday", "date 'yesterday'. dates are ISO 8601"),
    (["dates", 0], "2026-01-01T00:00:00", "dates are ISO 8601 with an offset"),
    (["format"], 2, "format 2. this qloop reads format 1"),
])
def test_an_absurd_value_is_named(path: list[str | int], value: object, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parsed(changed(path, value))
    assert says in str(caught.value)
    assert "make it anew" in caught.value.do


def test_a_basis_without_rotations_is_refused() -> None:
    data = line_data()
    data["gates"][2]["qubits"], data["basis_gates"] = [[0], [2], [1]], ["cx", "rz", "sx", "x"]
    parsed(data)
    for part in ("error", "length_ns"):
        data["gates"][2][part] = {key: values[:2] for key, values in data["gates"][2][part].items()}
    data["gates"][2]["qubits"] = [[0], [2]]
    with pytest.raises(InvalidInput, match="sx is missing on qubit 1"):
        parsed(data)


@pytest.mark.parametrize(("data", "says"), [
    (b"{", "is not a calibration snapshot"), (b"[1, 2]", "Expected `object`"), (b"\xff\xfe", "is not a calibration"),
    (json.dumps(line_data() | {"extra": 1}).encode(), "unknown field `extra`"),
    (json.dumps({k: v for k, v in line_data().items() if k != "taken"}).encode(), "missing required field `taken`"),
    (b" " * 8_000_001, "at most 8000000"),
    (json.dumps(line_data()).replace("100000.0", "NaN").encode(), "is not a calibration snapshot"),
    (json.dumps(line_data()).replace("100000.0", "1e999").encode(), "is not a calibration snapshot"),
])
def test_what_is_no_snapshot_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_snapshot(data)
    assert says in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 2000), st.integers(1, 30))
def test_a_damaged_file_gives_a_snapshot_or_a_clear_error(noise: bytes, begin: int, length: int) -> None:
    whole = json.dumps(line_data()).encode()
    damaged = whole[:begin] + noise + whole[begin + length:]
    with contextlib.suppress(InvalidInput):
        assert Device(parse_snapshot(damaged)).n_qubits <= 3


def test_names_and_files_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'torino'"):
        load_snapshot("torrino")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_snapshot(tmp_path / "none.json")
    (tmp_path / "line.json").write_text(json.dumps(line_data()))
    assert read_snapshot(tmp_path / "line.json").device == "a_line"


def test_a_device_on_which_nothing_works_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'line' has no working qubit"):
        Device(parsed(changed(["qubits", "readout_error", "value"], [0.5, 0.6, 1.0])))
