"""Random circuits of PennyLane, and the two devices that must agree on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pennylane as qml
from hypothesis import strategies as st

import qloop
from qloop.loops.pennylane.device import SessionDevice

WIRES = ("a", 7, "b", 0)
"""Names on purpose out of order, so that a mix-up of wires and qubits shows."""

TURNS = (qml.RX, qml.RY, qml.RZ, qml.PhaseShift)
PLAIN = (qml.X, qml.Y, qml.Z, qml.H, qml.S, qml.T, qml.SX)
PAIRS = (qml.CNOT, qml.CY, qml.CZ, qml.CH, qml.SWAP, qml.ISWAP, qml.ECR)
PAIR_TURNS = (qml.CRX, qml.CRY, qml.CRZ, qml.IsingXX, qml.IsingYY, qml.IsingZZ, qml.ControlledPhaseShift,
              qml.IsingXY, qml.SingleExcitation)
PAULIS = (qml.X, qml.Y, qml.Z)

angles = st.floats(-7.0, 7.0).map(lambda angle: round(angle, 3))
single = st.sampled_from(WIRES)
several = st.permutations(WIRES)


@st.composite
def operations(draw: st.DrawFn) -> Any:
    """One operation; some have no gate of their own here and must be decomposed."""
    wires = draw(several)
    match draw(st.integers(0, 9)):
        case 0:
            return qml.Rot(draw(angles), draw(angles), draw(angles), wires=wires[0])
        case 1:
            return draw(st.sampled_from(PLAIN))(wires=wires[0])
        case 2:
            return draw(st.sampled_from(PAIRS))(wires=wires[:2])
        case 3:
            return draw(st.sampled_from(PAIR_TURNS))(draw(angles), wires=wires[:2])
        case 4:
            return qml.QubitUnitary(random_unitary(draw(st.integers(0, 999)), 2), wires=wires[:2])
        case 5:
            return qml.adjoint(draw(st.sampled_from((qml.S, qml.T, qml.SX)))(wires=wires[0]))
        case 6:
            return draw(st.sampled_from((qml.Toffoli, qml.CSWAP, qml.CCZ)))(wires=wires[:3])
        case 7:
            return qml.PauliRot(draw(angles), draw(st.text("XYZ", min_size=3, max_size=3)), wires=wires[:3])
        case 8:
            return qml.MultiControlledX(wires=wires, control_values=draw(st.tuples(*[st.booleans()] * 3)))
        case _:
            return draw(st.sampled_from(TURNS))(draw(angles), wires=wires[0])


@st.composite
def words(draw: st.DrawFn) -> Any:
    """A Pauli word on one to four wires."""
    wires = draw(several)[:draw(st.integers(1, 4))]
    return qml.prod(*(draw(st.sampled_from(PAULIS))(wire) for wire in wires)) if len(wires) > 1 else \
        draw(st.sampled_from(PAULIS))(wires[0])


@st.composite
def observables(draw: st.DrawFn) -> Any:
    """Anything that becomes a Pauli sum: words, sums, matrices, projectors, products of them."""
    wires = draw(several)
    match draw(st.integers(0, 6)):
        case 0:
            return qml.Hermitian(random_hermitian(draw(st.integers(0, 999)), 2), wires=wires[:2])
        case 1:
            return qml.Projector(draw(st.lists(st.integers(0, 1), min_size=3, max_size=3)), wires=wires[:3])
        case 2:
            return qml.H(wires[0]) @ qml.Y(wires[1])
        case 3 | 4:
            terms = draw(st.lists(st.tuples(st.floats(-2, 2), words()), min_size=1, max_size=5))
            return qml.Hamiltonian([coefficient for coefficient, _ in terms], [word for _, word in terms])
        case 5:
            return qml.s_prod(0.3, qml.H(wires[0])) + qml.Z(wires[0]) @ qml.Projector([1], wires=wires[2])
        case _:
            return draw(words())


def random_hermitian(seed: int, wires: int) -> np.ndarray[Any, Any]:
    generator = np.random.Generator(np.random.Philox(key=seed))
    half = generator.normal(size=(2**wires, 2**wires)) + 1j * generator.normal(size=(2**wires, 2**wires))
    return half + half.conj().T


def random_unitary(seed: int, wires: int) -> np.ndarray[Any, Any]:
    return np.linalg.eigh(random_hermitian(seed, wires))[1]


@contextmanager
def device(wires: Any = WIRES, **settings: Any) -> Iterator[SessionDevice]:
    """The device on a runtime of its own, with its journal in memory."""
    with qloop.Runtime(journal=":memory:", **settings) as runtime:
        made = SessionDevice(wires=wires, runtime=runtime, seed=11)
        yield made
        made.close()


def reference(wires: Any = WIRES) -> Any:
    """PennyLane's state-vector device, without what it remembers of other observables.

    Its memory of eigenvectors takes two sums for one if they look the same in a few digits, and then variances are
    wrong in the seventh.
    """
    qml.ops.op_math.CompositeOp._eigs.clear()
    return qml.device("default.qubit", wires=wires)
