"""What `qloop dreamer plan` is asked about: a file's circuit and an observable, or a problem of qloop's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qloop.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

_ENDINGS = (".qasm", ".qpy")
_STREAM = 4102


def problem_from(what: str, words: Sequence[str], observable: str | None,
                 seed: int) -> tuple[QuantumCircuit, SparsePauliOp]:
    """The bound circuit and the observable. `InvalidInput` or `UnknownName` for what cannot be found or read."""
    if Path(what).suffix in _ENDINGS or Path(what).exists():
        if words:
            raise InvalidInput(f"{words[0]!r} is given for a file", "Only problems take parameters",
                               "Leave it out, or name a problem")
        circuit = _from_file(Path(what))
        return _bound(circuit, seed), _observable(observable, circuit.num_qubits)
    from qloop.miniapps.problems.registry import names, problem

    if what not in names():
        raise UnknownName("file or problem", what, names())
    made = problem(what, **dict(map(_parameter, words)))
    circuit = made.circuit.assign_parameters(made.initial_point(seed))
    return circuit, made.observable if observable is None else _observable(observable, made.n_qubits)


def _from_file(path: Path) -> QuantumCircuit:
    """A circuit that somebody else may have written: read through the intake."""
    from qloop.intake.reader import read_circuit

    return read_circuit(path)


def _bound(circuit: QuantumCircuit, seed: int) -> QuantumCircuit:
    """Free parameters drawn by the seed: what is planned depends on angles only where they are special."""
    if not circuit.num_parameters:
        return circuit
    if seed < 0:
        raise InvalidInput(f"--seed is {seed}", "", "Give 0 or more")
    random = np.random.Generator(np.random.Philox(key=np.array([seed, _STREAM], dtype=np.uint64)))
    return circuit.assign_parameters(random.uniform(-np.pi, np.pi, circuit.num_parameters))


def _observable(text: str | None, n_qubits: int) -> SparsePauliOp:
    """`ZZI=1,IXX=0.5`, qubit 0 rightmost; without a text the mean of Z over all qubits."""
    from qiskit.exceptions import QiskitError
    from qiskit.quantum_info import SparsePauliOp

    if text is None:
        return SparsePauliOp.from_sparse_list([("Z", [k], 1.0 / n_qubits) for k in range(n_qubits)], n_qubits)
    try:
        pairs = [word.partition("=") for word in text.split(",")]
        return SparsePauliOp.from_list([(letters.strip(), float(value or 1.0)) for letters, _, value in pairs])
    except (ValueError, QiskitError) as error:
        raise InvalidInput(f"--observable is {text!r:.80}", str(error).strip("'\""),
                           "Give Pauli strings with weights, such as ZZI=1,IXX=0.5") from error


def _parameter(word: str) -> tuple[str, Any]:
    """`nodes=20` as a name and a value."""
    name, sign, text = word.partition("=")
    if not sign or not name or not text:
        raise InvalidInput(f"{word!r} is no parameter of a problem", "", "Write NAME=VALUE, such as nodes=20")
    if text in ("true", "false"):
        return name, text == "true"
    for kind in (int, float):
        try:
            return name, kind(text)
        except ValueError:
            continue
    return name, text
