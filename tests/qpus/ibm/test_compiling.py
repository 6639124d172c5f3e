"""Compiled, cut and bound, a circuit is still itself: random circuits against Qiskit's state vector."""

from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import Statevector

from qloop.qpus.ibm.compiling import Compiled, pub_of
from qloop.qpus.ibm.opening import open_ibm
from qloop.qpus.ibm.qpu import IbmQpu
from qloop.qpus.ibm.reduced import cut
from tests.qpus.circuits_for_tests import circuits, observable, truth

QUICK = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def _qpu() -> IbmQpu:
    return open_ibm("ibm-local:fake_manila")


def _bound(compiled: Compiled, thetas: np.ndarray, counts: bool) -> list[QuantumCircuit]:
    """The circuits that IBM's primitives make of the PUB, row by row."""
    kind = SamplerPub if counts else EstimatorPub
    (pub,) = (kind.coerce(one) for one in pub_of(compiled, thetas, counts)[:1])
    bound = pub.parameter_values.bind_all(pub.circuit)
    return [bound[k] for k in range(len(thetas))] if compiled.columns else [pub.circuit] * len(thetas)


@QUICK
@given(circuits(max_qubits=4, max_gates=15), st.integers(0, 99))
def test_values_of_compiled_circuits_are_the_circuit_s(circuit: QuantumCircuit, seed: int) -> None:
    op = observable(circuit.num_qubits, seed, 5)
    thetas = np.random.default_rng(seed).uniform(-3, 3, (2, circuit.num_parameters))
    program = _qpu().compile(circuit, op, seed=seed)
    small, _ = cut(_qpu()._compiler.compiled(program, counts=False))
    for bound, theta in zip(_bound(small, thetas, counts=False), thetas, strict=True):
        value = Statevector(bound).expectation_value(small.observable).real
        assert abs(value - truth(circuit, op, theta)) < 1e-9


@QUICK
@given(circuits(max_qubits=4, max_gates=15), st.integers(0, 99), st.data())
def test_counted_bits_of_compiled_circuits_are_the_circuit_s(circuit: QuantumCircuit, seed: int,
                                                             data: st.DataObject) -> None:
    width = circuit.num_qubits
    measured = data.draw(st.lists(st.integers(0, width - 1), unique=True, max_size=width))
    places = data.draw(st.permutations(range(width + 1)))
    whole = QuantumCircuit(width, width + 1).compose(circuit)
    for qubit, place in zip(measured, places, strict=False):
        whole.measure(qubit, place)
    program = _qpu().compile(whole, None, seed=seed)
    assert program.n_bits == (width + 1 if measured else width)
    theta = np.random.default_rng(seed).uniform(-3, 3, (1, circuit.num_parameters))
    small, _ = cut(_qpu()._compiler.compiled(program, counts=True))
    (bound,) = _bound(small, theta, counts=True)
    readout = {bound.find_bit(item.clbits[0]).index: bound.find_bit(item.qubits[0]).index
               for item in bound.data if item.operation.name == "measure"}
    wanted = dict(zip(places, measured, strict=False)) or {k: k for k in range(width)}
    assert set(readout) == set(wanted)
    bits = sorted(wanted)
    found = Statevector(bound.remove_final_measurements(inplace=False)).probabilities([readout[bit] for bit in bits])
    expected = Statevector(circuit.assign_parameters(theta[0])).probabilities([wanted[bit] for bit in bits])
    assert np.allclose(found, expected, atol=1e-9)
