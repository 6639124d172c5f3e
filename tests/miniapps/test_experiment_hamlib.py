"""Graphs from files in HamLib's layout: Hamiltonians as OpenFermion's text, and lists of edges."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput, MissingExtra
from qloop.miniapps.problems.maxcut import regular_graph
from qloop.miniapps.recording import hamlib
from qloop.miniapps.recording.instances import stored
from qloop.miniapps.recording.plan import Plan

h5py = pytest.importorskip("h5py")
Edges = tuple[tuple[int, int], ...]


def hamiltonian(edges: Edges, sign: float = -1.0, wrap: str = "{}") -> str:
    """The text that OpenFermion writes for sum (1 - Z Z) / 2."""
    terms = [(len(edges) / 2, "")] + [(sign * 0.5, f"Z{i} Z{j}") for i, j in edges]
    return " +\n".join(f"{wrap.format(weight)} [{term}]" for weight, term in terms)


def write(path: Path, content: dict[str, object]) -> Path:
    with h5py.File(path, "w") as file:
        for key, value in content.items():
            file[key] = value
    return path


def test_both_kinds_of_files_give_the_same_graphs(tmp_path: Path) -> None:
    graphs = {f"reg-3_n-{size}_rinst-{number:02d}": regular_graph(size, number) for size in (4, 6, 10)
              for number in range(3)}
    one = hamlib.read(write(tmp_path / "ham.hdf5", {key: hamiltonian(edges) for key, edges in graphs.items()}), (4, 6))
    two = hamlib.read(write(tmp_path / "graph.hdf5", {key: np.array(edges) for key, edges in graphs.items()}), (4, 6))
    assert one == two
    assert {size: sorted(found) for size, found in one.items()} == {4: [0, 1, 2], 6: [0, 1, 2]}
    for key, edges in graphs.items():
        size, number = int(key.split("_")[1][2:]), int(key[-2:])
        if size != 10:
            assert (one[size][number].edges, one[size][number].name) == (edges, key)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), sign=st.sampled_from([-1.0, 1.0]), grouped=st.booleans(),
       wrap=st.sampled_from(["{}", "({}+0j)", "{:.1f}", "{:e}"]), order=st.integers(0, 2**32))
def test_signs_forms_groups_and_orders_do_not_matter(
        seed: int, sign: float, wrap: str, grouped: bool, order: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    edges = regular_graph(6, seed)
    mixed = np.random.Generator(np.random.Philox(key=order)).permutation(np.array(edges)).tolist()
    text = hamiltonian(tuple((j, i) for i, j in mixed), sign, wrap)
    key = "binary/maxcut/reg-3_n-6_rinst-07" if grouped else "reg-3_n-6_rinst-07"
    found = hamlib.read(write(tmp_path_factory.mktemp("h") / "f.hdf5", {key: text}), (6,))
    assert found[6][7].edges == edges


@pytest.mark.parametrize(("content", "told"), [
    ("-0.5 [Z0 X1]", r"has the term \[Z0 X1\]. MaxCut has products of two Z only"),
    ("-0.5 [Z0 Z1 Z2]", r"has the term \[Z0 Z1 Z2\]"),
    ("-0.5 [Z0 Z1] +\n-0.7 [Z1 Z2]", "has the weights"), ("-0.7 [Z1 Z2]", "Only unweighted graphs"),
    ("0.5 [Z0 Z1] +\n-0.5 [Z1 Z2]", "has the weights"), ("nonsense", "cannot be read at 'nonsense'"),
    ("-0.5 [Z0 Z9]", r"has the edge \(0, 9\). Its key says 4 nodes"), ("-0.5 [Z1 Z1]", r"has the edge \(1, 1\)"),
    ("-0.5 [Z0 Z1] +\n-0.5 [Z1 Z0]", "has an edge twice"), ("1.0 []", "has no edges"),
    ("(0.5+1j) [Z0 Z1]", "It is not real"), ("-+0.5 [Z0 Z1]", "It is no number"),
    (np.array([0, 1, 2]), r"has the shape \(3,\)"), (np.array([0.5]), "neither a text nor a list of edges"),
])
def test_what_is_no_unweighted_graph_is_told(content: object, told: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=told) as caught:
        hamlib.read(write(tmp_path / "f.hdf5", {"reg-3_n-4_rinst-00": content}), (4,))
    assert "key 'reg-3_n-4_rinst-00'" in str(caught.value)


def test_files_that_are_missing_damaged_or_too_small_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no file"):
        hamlib.read(tmp_path / "none.hdf5", (4,))
    (tmp_path / "bad.hdf5").write_bytes(b"PK\x03\x04 a zip file")
    with pytest.raises(InvalidInput, match=r"is not an HDF5 file.*unpack it"):
        hamlib.read(tmp_path / "bad.hdf5", (4,))
    path = write(tmp_path / "f.hdf5", {"reg-3_n-4_rinst-00": hamiltonian(regular_graph(4, 0)), "about": "other things"})
    found = hamlib.read(path, (4, 6))
    with pytest.raises(InvalidInput, match=r"has no graph of 6 nodes. Its sizes: 4"):
        stored(found, Plan(sizes=(4, 6), instances=1), "f.hdf5")
    with pytest.raises(InvalidInput, match="has 1 graphs of 4 nodes, and 2 are asked for"):
        stored(found, Plan(sizes=(4,), instances=2), "f.hdf5")
    assert stored(found, Plan(sizes=(4,), instances=1), "f.hdf5")(4, 0).edges == regular_graph(4, 0)


def test_two_kinds_of_graphs_in_one_file_are_told(tmp_path: Path) -> None:
    text = hamiltonian(regular_graph(4, 0))
    path = write(tmp_path / "f.hdf5", {"reg-3_n-4_rinst-00": text, "star_n-4_rinst-00": text})
    with pytest.raises(InvalidInput, match="is a second instance 0 of 4 nodes"):
        hamlib.read(path, (4,))


def test_a_fingerprint_tells_files_apart(tmp_path: Path) -> None:
    one = write(tmp_path / "f.hdf5", {"a": "x"})
    first = hamlib.fingerprint(one)
    assert first.startswith("f.hdf5 ")
    assert hamlib.fingerprint(write(one, {"a": "y"})) != first


def test_without_h5py_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtra, match=r"Reading a HamLib file needs .* pip install 'qloop\[hamlib\]'"):
        hamlib.read(tmp_path / "f.hdf5", (4,))
