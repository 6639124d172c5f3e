"""QPUs whose names carry options."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qloop
from qloop.errors import InvalidInput, UnknownName
from qloop.qpus import catalog
from qloop.qpus.catalog import check_qpu_name, open_qpu
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import LocalQpu
from qloop.qpus.twin import TwinQpu
from qloop.qpus.wish import is_wish, parse_wish


def my_qpu(seed: int, **options: Any) -> LocalQpu:
    return ExactQpu(name=f"mine-{seed}-{options}")


def test_options_in_a_name_are_those_of_the_class() -> None:
    wish = "twin-torino?drift=x2&seed=5&calibration_interval_s=1800&calibration_length_s=30.5"
    qpu = open_qpu(wish, seed=9)
    made = TwinQpu("torino", name=wish, seed=5, drift="x2", calibration_interval_s=1800, calibration_length_s=30.5)
    assert isinstance(qpu, TwinQpu)
    assert qpu.describe() == made.describe()
    assert qpu.describe().name == wish
    assert qpu.next_window(0) == made.next_window(0)
    assert qpu.snapshot_at(10**13) == made.snapshot_at(10**13)
    assert open_qpu("exact?n_qubits=7").describe().n_qubits == 7


def test_the_runs_seed_counts_where_none_is_written() -> None:
    wish = "twin-hanoi?drift=x1"
    assert open_qpu(wish, seed=9).snapshot_at(0) == open_qpu("twin-hanoi?drift=x1&seed=9").snapshot_at(0)
    assert open_qpu(wish, seed=9).snapshot_at(0) != open_qpu(wish, seed=8).snapshot_at(0)


def test_options_beside_the_name_are_added() -> None:
    assert open_qpu("twin-hanoi?drift=x1", cold_s=0.5).describe().cold_s == 0.5
    with pytest.raises(InvalidInput, match=r"is given 'cold_s' twice\. In its name and beside it"):
        open_qpu("twin-hanoi?cold_s=1", cold_s=0.5)


def test_a_session_names_it() -> None:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

    circuit = QuantumCircuit(1)
    circuit.x(0)
    wish = "twin-hanoi?drift=x1"
    with (qloop.Runtime(qpus=[wish, "exact"], clock="virtual", journal=":memory:") as runtime,
          qloop.Session(runtime=runtime, qpu=wish) as session):
        future = session.submit(circuit, SparsePauliOp("Z"), [])
        assert -1.0 < future.result() < -0.9
        assert future.metadata()["qpu"] == wish


@pytest.mark.parametrize(("wish", "error", "says"), [
    ("twin-torrino?drift=x1", UnknownName, "There is no QPU named 'twin-torrino'. Did you mean 'twin-torino'?"),
    ("twin-torino?drft=x1", UnknownName, "There is no option of QPU twin-torino named 'drft'. Did you mean 'drift'?"),
    ("exact?drift=x1", UnknownName, "There is no option of QPU exact named 'drift'. Choose one of: n_qubits, seed,"),
    ("twin-torino?drift=x3", UnknownName, "There is no drift profile named 'x3'."),
    ("twin-torino?failures=3", UnknownName, "There is no option of QPU twin-torino named 'failures'."),
    ("twin-torino?", InvalidInput, "has an option that cannot be read: ''. Options follow the name as NAME?OPTION=VAL"),
    ("twin-torino?drift", InvalidInput, "has an option that cannot be read: 'drift'."),
    ("twin-torino?=x1", InvalidInput, "has an option that cannot be read: '=x1'."),
    ("twin-torino?drift=x1&&seed=1", InvalidInput, "Write twin-torino?drift=x1&seed=5, for example."),
    ("twin-torino?drift=x1&drift=x2", InvalidInput, "has the option 'drift' twice. Leave one of them out."),
    ("twin-torino?seed=abc", InvalidInput, "has seed 'abc'. It takes a number. Write it without a unit."),
    ("twin-torino?seed=-1", InvalidInput, "has the seed -1. Give an integer from 0 to 2^63 - 1."),
    ("twin-torino?cold_s=1s", InvalidInput, "has cold_s '1s'. It takes a number."),
    ("twin-torino?cold_s=-1", InvalidInput, "cold_s is -1. it must be from 0 to 1e+06 seconds."),
    ("twin-torino?nominal_shots=2.5", InvalidInput, "has nominal_shots 2.5. It takes a whole number."),
    ("twin-torino?drift=" + "x" * 600, InvalidInput, "A name has at most 500 printable characters"),
    ("twin-torino?drift=x1\n", InvalidInput, "cannot be named so"),
])
def test_wishes_that_cannot_be_are_refused(wish: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as caught:
        open_qpu(wish)
    assert says in str(caught.value)


def test_names_are_checked_without_opening_anything() -> None:
    check_qpu_name("twin-torino")
    check_qpu_name("twin-torino?drift=x1")
    with pytest.raises(UnknownName, match="no QPU named 'nothing'"):
        check_qpu_name("nothing")
    with pytest.raises(UnknownName, match="option of QPU twin-torino named 'colour'"):
        check_qpu_name("twin-torino?colour=red")


def test_a_plugin_takes_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = metadata.EntryPoint("mine", f"{__name__}:my_qpu", catalog.GROUP)
    monkeypatch.setattr(metadata, "entry_points", lambda *, group: [entry])
    assert open_qpu("mine?a=1&b=2.5&c=x&seed=4").describe().name == "mine-4-{'a': 1, 'b': 2.5, 'c': 'x'}"


names = st.text("abcxyz_-09", min_size=1, max_size=10)


@given(names, st.dictionaries(names, st.one_of(st.integers(-10**18, 10**18), st.floats(allow_nan=False)), min_size=1,
                              max_size=5))
def test_what_is_written_is_read(name: str, options: dict[str, int | float]) -> None:
    text = name + "?" + "&".join(f"{key}={value!r}" for key, value in options.items())
    assert is_wish(text)
    assert parse_wish(text) == (name, options)
