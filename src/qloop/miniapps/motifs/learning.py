"""Quantum machine learning without effects: data with exact answers, models, losses, and classical references."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.miniapps.motifs import dense
from qloop.miniapps.problems.problem import philox

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

DATA_STREAM, STATE_STREAM = 15, 16
MARGIN = 0.15       # of the teacher's value: points nearer to its border are not drawn
MOST_DRAWS = 100_000
Floats = NDArray[np.float64]


class Data(msgspec.Struct, frozen=True):
    """Points (count, features) with labels (count,) of -1 and 1 for training and test, and the teacher's weights."""

    train: Floats
    train_labels: Floats
    test: Floats
    test_labels: Floats
    teacher: Floats


def classifier(features: int, layers: int) -> QuantumCircuit:
    """ry of each feature on its qubit, then `layers` times ry and rz of weights and a line of cx, and a last ry.

    The parameters are features x, then weights w; the label is the sign of <Z> of qubit 0.
    """
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector

    w, x = ParameterVector("w", weights_of(features, layers)), ParameterVector("x", features)
    circuit, left = QuantumCircuit(features, name="classifier"), iter(w)
    for qubit in range(features):
        circuit.ry(x[qubit], qubit)
    for _ in range(layers):
        for qubit in range(features):
            circuit.ry(next(left), qubit)
            circuit.rz(next(left), qubit)
        for qubit in reversed(range(1, features)):
            circuit.cx(qubit, qubit - 1)
    circuit.ry(next(left), 0)
    return circuit


def weights_of(features: int, layers: int) -> int:
    """How many weights the classifier has."""
    return 2 * features * layers + 1


def rows(weights: Floats, points: Floats) -> Floats:
    """Parameters (points, all) of the classifier at these weights; weights come first in Qiskit's order."""
    return np.hstack([np.tile(weights, (len(points), 1)), points])


def first_z(features: int) -> SparsePauliOp:
    """Z of qubit 0."""
    from qiskit.quantum_info import SparsePauliOp

    return SparsePauliOp.from_sparse_list([("Z", [0], 1.0)], num_qubits=features)


def outputs(features: int, layers: int, weights: Floats, points: Floats) -> Floats:
    """The exact <Z> (count,) of the classifier at each point."""
    circuit, observable = classifier(features, layers), first_z(features)
    return np.array([dense.value_of(dense.bound(circuit, row), observable) for row in rows(weights, points)])


def made_data(features: int, layers: int, train: int, test: int, seed: int) -> Data:
    """Uniform points in [-pi, pi)^features, labelled by a classifier with weights of its own, away from its border."""
    generator = np.random.Generator(philox(seed, DATA_STREAM))
    for _ in range(MOST_DRAWS):
        teacher = generator.uniform(-np.pi, np.pi, weights_of(features, layers))
        points = generator.uniform(-np.pi, np.pi, (4 * (train + test), features))
        values = outputs(features, layers, teacher, points)
        clear = np.abs(values) >= MARGIN
        balance = float(np.mean(values[clear] > 0.0)) if clear.any() else 0.0
        if clear.sum() >= train + test and 0.35 <= balance <= 0.65:
            points, labels = points[clear], np.sign(values[clear])
            return Data(points[:train], labels[:train], points[train:train + test], labels[train:train + test], teacher)
    raise ValueError(f"No teacher tells {train + test} points apart")


def accuracy(values: Floats, labels: Floats) -> float:
    """The share of points whose value has the label's sign."""
    return float(np.mean(np.sign(values) == labels))


def fourier_accuracy(data: Data) -> float:
    """The test accuracy of least squares on the model's own functions: products of 1, cos and sin of each feature.

    Every classifier of this form is a sum of them (Schuld, Sweke and Meyer, PRA 103, 032430, 2021), so this is the
    classical machine that quantum training has to match.
    """
    weights, *_ = np.linalg.lstsq(_products(data.train), data.train_labels, rcond=None)
    return accuracy(_products(data.test) @ weights, data.test_labels)


def _products(points: Floats) -> Floats:
    """The functions (points, 3^features)."""
    each = np.stack([np.ones_like(points), np.cos(points), np.sin(points)])
    columns = range(points.shape[1])
    return np.stack([np.prod([each[kind, :, k] for k, kind in zip(columns, kinds, strict=True)], axis=0)
                     for kinds in itertools.product(range(3), repeat=points.shape[1])], axis=1)


def compressor(qubits: int, latent: int, layers: int, spread: float, seed: int) -> QuantumCircuit:
    """A family of states on all qubits that a hidden circuit made of `latent` ones, then an encoder with free angles.

    The next qubit turns along by `spread` times the first angle, which no encoder can keep in full. Parameters: the
    states' angles t (one for each latent qubit), then the encoder's w. Source: Romero, Olson and Aspuru-Guzik, Quantum
    Sci. Technol. 2, 045001 (2017).
    """
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector

    t, w = ParameterVector("t", latent), ParameterVector("w", qubits * (layers + 1))
    circuit = QuantumCircuit(qubits, name="compressor")
    for qubit in range(latent):
        circuit.ry(t[qubit], qubit)
    circuit.ry(spread * t[0], latent)
    hidden = np.random.Generator(philox(seed, STATE_STREAM)).uniform(-np.pi, np.pi, (layers, qubits))
    for row in hidden:
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
        for qubit in range(qubits):
            circuit.ry(float(row[qubit]), qubit)
    left = iter(w)
    for layer in range(layers + 1):
        for qubit in range(qubits):
            circuit.ry(next(left), qubit)
        for qubit in reversed(range(qubits - 1) if layer < layers else range(0)):
            circuit.cx(qubit, qubit + 1)
    return circuit


def trash_is_zero(qubits: int, latent: int) -> SparsePauliOp:
    """The projector on 0 of all qubits from `latent` on: a product of (1 + Z) / 2."""
    from qiskit.quantum_info import SparsePauliOp

    trash = range(latent, qubits)
    return SparsePauliOp.from_sparse_list(
        [("Z" * count, list(where), 0.5 ** len(trash)) for count in range(len(trash) + 1)
         for where in itertools.combinations(trash, count)], num_qubits=qubits)


def angles(latent: int, count: int, seed: int) -> Floats:
    """Angles (count, latent) of a training set of states."""
    return np.random.Generator(philox(seed, STATE_STREAM + 1)).uniform(0.0, 2.0 * np.pi, (count, latent))


def best_compression(qubits: int, latent: int, layers: int, spread: float, seed: int, samples: Floats) -> float:
    """The largest mean probability of empty trash that any encoder reaches.

    It is the sum of the 2^latent largest eigenvalues of the states' mean density matrix (same source).
    """
    circuit = compressor(qubits, latent, layers, spread, seed)
    zeros = np.zeros(circuit.num_parameters - latent)
    # the encoder at angle 0 is a permutation of basis states, which changes no eigenvalue
    states = [dense.run(qubits, dense.operations(dense.bound(circuit, [*row, *zeros]))) for row in samples]
    mean = sum((np.outer(state, state.conj()) for state in states), np.zeros((1 << qubits,) * 2)) / len(states)
    return float(np.linalg.eigvalsh(mean)[-(1 << latent):].sum())
