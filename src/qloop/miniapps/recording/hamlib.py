"""Graphs of a local HamLib HDF5 file, such as `ham-graph-regular_reg-3.hdf5` or `graph-regular_reg-3.hdf5`.

HamLib (Sawaya et al., Quantum 8, 1559, 2024) keeps one data set an instance under a key such as
`reg-3_n-10_rinst-04`, at the top or in groups. It is either the Hamiltonian, as the text that OpenFermion writes
("4.5 [] +\\n-0.5 [Z0 Z3] +\\n ..."), or the list of edges, integers of shape (edges, 2). A MaxCut Hamiltonian there is
sum over edges of (1 - Z_i Z_j) / 2: the number of edges cut, to be maximised.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from qloop.errors import InvalidInput, MissingExtra
from qloop.miniapps.problems.maxcut import Edges
from qloop.miniapps.recording.instances import Instance

SIZE, NUMBER = re.compile(r"(?:^|[_/])n-(\d+)(?=_|/|$)"), re.compile(r"(?:^|[_/])rinst-(\d+)(?=_|/|$)")
TERM = re.compile(r"\s*(\(?[-+0-9.eEj]+\)?)\s*\[([^\]]*)\]\s*")
FACTOR = re.compile(r"Z(\d+)")
LONGEST = 10_000_000


def read(path: Path, sizes: tuple[int, ...]) -> dict[int, dict[int, Instance]]:
    """The instances of these sizes by size and number; MissingExtra without h5py.

    Raises InvalidInput for a file that is not there, not HDF5, or holds something that is no unweighted graph.
    """
    found: dict[int, dict[int, Instance]] = {}
    with _opened(path) as file:
        for key, data in _leaves(file, ""):
            size, number = SIZE.search(key), NUMBER.search(key)
            if size is None or number is None or int(size[1]) not in sizes:
                continue
            where = f"{path}, key {key!r}"
            instance = Instance(int(size[1]), int(number[1]), _edges(data, int(size[1]), where), key)
            if found.setdefault(instance.n_qubits, {}).setdefault(instance.number, instance) is not instance:
                raise InvalidInput(f"{where} is a second instance {instance.number} of {instance.n_qubits} nodes", "",
                                   "Give a file of one kind of graphs")
    return found


def fingerprint(path: Path) -> str:
    """The name and the first 16 hex digits of SHA-256 of a file."""
    with path.open("rb") as file:
        return f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


def _opened(path: Path) -> Any:
    try:
        import h5py
    except ImportError:
        raise MissingExtra("Reading a HamLib file", "hamlib") from None
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}", "", "Name a HamLib file, unpacked from its .zip")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InvalidInput(f"{path} is not an HDF5 file", str(error).splitlines()[0],
                           "HamLib's files come in a .zip: unpack it, or load it again") from None


def _leaves(group: Any, above: str) -> Iterator[tuple[str, Any]]:
    """All data sets below a group, with their whole keys."""
    for name in group:
        key, item = f"{above}/{name}" if above else name, group[name]
        if hasattr(item, "keys"):
            yield from _leaves(item, key)
        else:
            yield key, item


def _edges(data: Any, size: int, where: str) -> Edges:
    """The edges of one data set."""
    if np.issubdtype(data.dtype, np.integer):
        pairs = np.asarray(data[()])
        if pairs.ndim != 2 or pairs.shape[1] != 2:
            raise InvalidInput(f"{where} has the shape {pairs.shape}", "A list of edges has two columns",
                               "Give a file of graphs or of their MaxCut Hamiltonians")
        return _graph(pairs.tolist(), size, where)
    text = data[()]
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if not isinstance(text, str) or len(text) > LONGEST:
        raise InvalidInput(f"{where} is neither a text nor a list of edges", f"Its type is {data.dtype}",
                           "Give a file of graphs or of their MaxCut Hamiltonians")
    return _graph(list(_pairs(text, where)), size, where)


def _pairs(text: str, where: str) -> Iterator[list[int]]:
    """The node pairs of the terms Z_i Z_j; InvalidInput unless all have the coefficient -1/2 or all +1/2."""
    at, weights = 0, set()
    while at < len(text.rstrip()):
        term = TERM.match(text, at)
        if term is None:
            raise InvalidInput(f"{where} cannot be read at {text[at:at + 30]!r}",
                               "It is not a sum of terms such as -0.5 [Z0 Z3]", "Give MaxCut Hamiltonians")
        factors = term[2].split()
        nodes = [int(found[1]) for factor in factors if (found := FACTOR.fullmatch(factor))]
        if len(nodes) != len(factors) or len(nodes) not in (0, 2):
            raise InvalidInput(f"{where} has the term [{term[2][:40]}]", "MaxCut has products of two Z only",
                               "Give MaxCut Hamiltonians")
        if nodes:
            weights.add(_coefficient(term[1], where))
            yield nodes
        at = term.end() + text[term.end():term.end() + 1].count("+")
    if len(weights) > 1 or any(abs(abs(weight) - 0.5) > 1e-9 for weight in weights):
        raise InvalidInput(f"{where} has the weights {sorted(weights)[:4]}", "Only unweighted graphs can be recorded, "
                           "whose terms all have 1/2 or all -1/2", "Choose another file")


def _coefficient(text: str, where: str) -> float:
    """A real coefficient, which OpenFermion may write as a complex number."""
    try:
        value = complex(text)
    except ValueError:
        raise InvalidInput(f"{where} has the coefficient {text[:30]!r}", "It is no number", "Check the file") from None
    if value.imag:
        raise InvalidInput(f"{where} has the coefficient {text[:30]!r}", "It is not real", "Check the file")
    return value.real


def _graph(pairs: list[list[int]], size: int, where: str) -> Edges:
    """The edges, sorted; InvalidInput unless they are a simple graph on the nodes 0 to size - 1."""
    edges = sorted((min(pair), max(pair)) for pair in pairs)
    wrong = next((edge for edge in edges if edge[0] == edge[1] or edge[0] < 0 or edge[1] >= size), None)
    if wrong is not None:
        raise InvalidInput(f"{where} has the edge {wrong}", f"Its key says {size} nodes, 0 to {size - 1}",
                           "Check the file")
    if not edges or len(set(edges)) < len(edges):
        raise InvalidInput(f"{where} has {'an edge twice' if edges else 'no edges'}", "", "Check the file")
    return tuple(edges)
