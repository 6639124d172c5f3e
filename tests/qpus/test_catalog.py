"""QPUs by name, plugins included."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import pytest

from qloop.errors import InvalidInput, QpuError, UnknownName
from qloop.qpus import catalog
from qloop.qpus.catalog import list_qpus, open_qpu, qpu_names
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import LocalQpu
from qloop.qpus.twin import TwinQpu

BUILT_IN = ("exact", "twin-hanoi", "twin-sherbrooke", "twin-torino")


def my_qpu(seed: int, **options: Any) -> LocalQpu:
    return ExactQpu(name=f"mine-{seed}", **options)


def failing(seed: int) -> LocalQpu:
    raise RuntimeError("no such device")


def not_a_qpu(seed: int) -> object:
    return object()


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [metadata.EntryPoint(name, f"{__name__}:{target}", catalog.GROUP) for name, target in
               (("mine", "my_qpu"), ("failing", "failing"), ("odd", "not_a_qpu"), ("gone", "no_such_function"))]
    entries += [metadata.EntryPoint("away", "no_such_module:qpu", catalog.GROUP),
                metadata.EntryPoint("exact", f"{__name__}:my_qpu", catalog.GROUP)]
    monkeypatch.setattr(metadata, "entry_points",
                        lambda *, group: entries if group == "qloop.qpus" else [])


def test_the_names() -> None:
    assert set(BUILT_IN) <= set(qpu_names())


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_qpu_opens_under_its_name(name: str) -> None:
    qpu = open_qpu(name, seed=3)
    assert isinstance(qpu, LocalQpu)
    assert qpu.describe().name == name


def test_seed_and_options_arrive() -> None:
    twin = open_qpu("twin-hanoi", seed=3, calibration_length_s=30.0)
    assert twin.next_window(0) == TwinQpu("hanoi", seed=3, calibration_length_s=30.0).next_window(0)
    assert twin.next_window(0).begin_ns != open_qpu("twin-hanoi", seed=4).next_window(0).begin_ns
    assert open_qpu("exact", n_qubits=7).describe().n_qubits == 7


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no QPU named 'twin-torrino'\. Did you mean 'twin-torino'\?"):
        open_qpu("twin-torrino")


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"QPU 'twin-hanoi' cannot be opened with colour.*'colour'"):
        open_qpu("twin-hanoi", colour="red")
    with pytest.raises(InvalidInput, match=r"rep_delay_s is 'long'\. it must be from 0 to 0.0005 seconds"):
        open_qpu("twin-hanoi", rep_delay_s="long")


@pytest.mark.usefixtures("plugins")
def test_a_plugin_is_a_qpu_like_any_other() -> None:
    assert "mine" in qpu_names()
    assert open_qpu("mine", seed=5, n_qubits=9).describe().n_qubits == 9


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(("name", "says"), [
    ("failing", r"The QPU plugin 'failing' \(.*:failing\) failed\. RuntimeError: no such device"),
    ("odd", "returned a object. It lacks a method of LocalQpu"),
    ("gone", "'gone' .* failed. AttributeError"),
    ("away", "'away' .* failed. ModuleNotFoundError"),
])
def test_a_broken_plugin_is_named(name: str, says: str) -> None:
    with pytest.raises(QpuError, match=says):
        open_qpu(name)


@pytest.mark.usefixtures("plugins")
def test_broken_plugins_disturb_nothing_else() -> None:
    listing = list_qpus()
    assert [qpu.name for qpu in listing.qpus] == ["exact", "mine-0", "twin-hanoi", "twin-sherbrooke", "twin-torino"]
    assert set(listing.broken) == {"failing", "odd", "gone", "away", "exact (plugin)"}
    assert "no such device" in listing.broken["failing"]
    assert "which is used" in listing.broken["exact (plugin)"]
    assert open_qpu("exact").describe().name == "exact"
