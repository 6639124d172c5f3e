"""What can never work is said before anything is spent, with the number of the pub."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparseObservable, SparsePauliOp

import qloop
from qloop.errors import InvalidInput, Refused, SessionEnded, UnknownName
from qloop.qiskit import EstimatorV2, SamplerV2
from tests.loops.primitives.world import ENERGY, circuit, memory, start

A, B = Parameter("a"), Parameter("b")


@pytest.fixture(scope="module")
def ours() -> Iterator[tuple[EstimatorV2, SamplerV2]]:
    with memory() as runtime, qloop.Session("s", runtime=runtime) as session:
        yield EstimatorV2(session), SamplerV2(session)


def refused(primitive, pub, message, **options):
    """Refused with this message, although a good pub stands before it; and nothing is submitted."""
    session = primitive.session
    book = session.client.sessions.find(session.id)
    good = measured(circuit()) if isinstance(primitive, SamplerV2) else (circuit(), ENERGY, [0.1, 0.2])
    good = (good, [0.1, 0.2]) if isinstance(primitive, SamplerV2) else good
    asked = len(book.counter._asked)
    with pytest.raises(InvalidInput, match=message) as caught:
        primitive.run([good, pub], **options)
    assert str(caught.value).startswith("PUB 1: ") or options
    assert len(book.counter._asked) == asked
    assert session.usage()["results"] == 0


def measured(made: QuantumCircuit) -> QuantumCircuit:
    return made.measure_all(inplace=False)


def dynamic() -> dict[str, QuantumCircuit]:
    made = {name: QuantumCircuit(2, 2) for name in ("branch", "loop", "mid-circuit", "reset", "variable")}
    made["branch"].measure(0, 0)
    with made["branch"].if_test((0, 1)):
        made["branch"].x(1)
    with made["loop"].for_loop(range(3)):
        made["loop"].x(0)
    made["mid-circuit"].measure(0, 0)
    made["mid-circuit"].h(0)
    made["reset"].h(1)
    made["reset"].reset(1)
    made["variable"].add_var("v", made["variable"].clbits[0])
    for one in made.values():
        one.measure([0, 1], [0, 1])
    return made


WHY = {"branch": "'if_else' depends on classical bits", "loop": "'for_loop' depends on classical bits",
       "mid-circuit": "'h' follows a measurement of qubit 0", "reset": "Qubit 1 is reset after it was used",
       "variable": "It has classical variables"}


@pytest.mark.parametrize("name", WHY)
def test_dynamic_circuits(ours, name):
    made = dynamic()[name]
    refused(ours[1], made, f"The circuit is dynamic. .*{WHY[name]}.*Use a static circuit")
    refused(ours[0], (made, "ZZ"), f"The circuit is dynamic. .*{WHY[name]}")


def test_a_reset_before_anything_else_and_barriers_are_static(ours):
    made = QuantumCircuit(2)
    made.reset(0)
    made.barrier()
    made.x(1)
    with memory() as runtime, EstimatorV2(runtime=runtime) as estimator:
        assert estimator.run([(made, ["ZI", "IZ"])]).result()[0].data.evs.tolist() == [-1.0, 1.0]


def test_expectation_values_of_measured_circuits(ours):
    refused(ours[0], (measured(circuit()), "ZZ", [0.1, 0.2]), "The circuit measures qubits.*remove_final_measurements")


@pytest.mark.parametrize(("values", "message"), [
    (None, "The parameter 'a\\[0\\]' has no value. The circuit has 2 parameters, of which 2 got none"),
    ({"a[0]": 1.0}, "The parameter 'a\\[1\\]' has no value.*of which 1 got none"),
    ({"a[0]": 1.0, "a[1]": 2.0, "c": 3.0}, "There is a value for 'c'. The circuit has no such parameter"),
    ({"a[0]": 1.0, ("a[0]", "a[1]"): [2.0, 3.0]}, "The parameter 'a\\[0\\]' has two values"),
    ({"a[0]": [1.0, 2.0], "a[1]": [1.0, 2.0, 3.0]}, "The parameter values cannot be used"),
    ([1.0], "The parameter values have shape \\(1,\\). The circuit has 2 parameters"),
    ([1.0, 2.0, 3.0], "The parameter values have shape \\(3,\\)"),
    (0.5, "The parameter values have shape \\(\\)"),
    ([[0.0, np.nan]], "The parameter 'a\\[1\\]' of set \\(0,\\) is nan"),
    ({"a[0]": np.inf, "a[1]": 0.0}, "The parameter 'a\\[0\\]' of set \\(\\) is inf"),
    ([1j, 0.0], "The parameters are complex"),
    (["x", "y"], "The parameters are not numbers"),
    ([[1.0, 2.0], [3.0]], "The parameters are not numbers"),
])
def test_parameter_values(ours, values, message):
    refused(ours[0], (circuit(), "ZZ", values), message)
    refused(ours[1], (measured(circuit()), values), message)


def test_values_for_a_circuit_without_parameters(ours):
    bell = QuantumCircuit(2)
    refused(ours[0], (bell, "ZZ", [0.3]), "The circuit has no parameters")
    refused(ours[0], (bell, "ZZ", 0.3), "The circuit has no parameters")


@pytest.mark.parametrize(("wish", "message"), [
    (SparsePauliOp(["ZZ"], [A]), "An observable has free parameters. Only circuits may have parameters"),
    ([["ZZ"], [SparsePauliOp(["XX"], [2 * A + B])]], "An observable has free parameters"),
    ({"ZZ": A}, "An observable has free parameters"),
    (SparsePauliOp(["ZZ"], [np.nan]), "has a coefficient that is not finite"),
    ({"ZZ": np.inf}, "has a coefficient that is not finite"),
    (SparsePauliOp(["ZZ"], [1j]), "The observables cannot be used. Non-Hermitian"),
    ("ZZZ", "The observables act on 3 qubits, the circuit has 2.*apply_layout"),
    ("Z", "The observables act on 1 qubits, the circuit has 2"),
    (["ZZ", "ZZZ"], "The observables cannot be used. The number of qubits must be the same"),
    ("QQ", "The observables cannot be used"),
    (None, "The observables cannot be used. Invalid observable type"),
    (np.eye(4), "The observables cannot be used"),
    ([["ZZ", "XX"], ["ZZ"]], "The observables cannot be used"),
    (SparsePauliOp(["ZZ"], [0.0]), "The observables cannot be used. Empty observable"),
])
def test_observables(ours, wish, message):
    refused(ours[0], (circuit(), wish, [0.1, 0.2]), message)


def test_a_product_of_too_many_projectors(ours):
    wide = QuantumCircuit(30)
    refused(ours[0], (wide, SparseObservable.from_label("0" * 30)), "has 1073741824 Pauli strings once its projectors")


def test_shapes_that_do_not_go_together(ours):
    refused(ours[0], (circuit(), ["ZZ", "XX", "YY"], start(0, 2, 2)),
            "The observables have shape \\(3,\\) and the parameter sets \\(2,\\). Aligned at their last axes")


@pytest.mark.parametrize(("precision", "message"), [
    (-0.1, "The precision is -0.1. It is a standard error"), (np.nan, "The precision is nan"),
    (np.inf, "The precision is inf"), (1e-9, "The precision is 1e-09. It would take more than 100000000 shots"),
    (True, "The precision is True"), ("0.1", "The precision is '0.1'"), (1j, "The precision is 1j")])
def test_precisions(ours, precision, message):
    refused(ours[0], (circuit(), "ZZ", [0.1, 0.2], precision), message)
    with pytest.raises(InvalidInput, match=message):
        ours[0].run([(circuit(), "ZZ", [0.1, 0.2])], precision=precision)
    with pytest.raises(InvalidInput, match=message):
        ours[0].options.default_precision = precision


@pytest.mark.parametrize(("shots", "message"), [
    (0, "The number of shots is 0. Give an integer from 1"), (-5, "The number of shots is -5"),
    (2.0, "The number of shots is 2.0"), (True, "The number of shots is True"), ("9", "The number of shots is '9'"),
    (10**9, "The number of shots is 1000000000. Give an integer from 1 to 100000000")])
def test_shots(ours, shots, message):
    refused(ours[1], (measured(circuit()), [0.1, 0.2], shots), message)
    with pytest.raises(InvalidInput, match=message):
        ours[1].run([(measured(circuit()), [0.1, 0.2])], shots=shots)
    for make in (SamplerV2, EstimatorV2):
        with pytest.raises(InvalidInput, match=message):
            make(shots=shots)


def test_things_that_are_no_pubs(ours):
    estimator, sampler = ours
    refused(estimator, circuit(), r"It is a QuantumCircuit\. A call takes a list of PUBs\. Give \(circuit, obs")
    refused(estimator, (circuit(),), "It is a tuple of 1")
    refused(estimator, 3, "It is a int")
    refused(estimator, ("XX", "ZZ"), "Its circuit is a str")
    refused(sampler, (circuit(), 1, 2, 3), "It is a tuple of 4")
    refused(sampler, None, "It is a NoneType")
    refused(sampler, [3], "Its circuit is a int")
    for primitive in ours:
        with pytest.raises(InvalidInput, match=r"The PUBs are a QuantumCircuit.*Wrap it in a list"):
            primitive.run(circuit())
        with pytest.raises(InvalidInput, match="The PUBs are a int"):
            primitive.run(3)
        assert len(primitive.run([]).result()) == 0


def test_circuits_that_fit_nowhere(ours):
    with memory() as runtime, EstimatorV2(runtime=runtime) as estimator:
        wide = QuantumCircuit(70)
        wide.h(range(70))
        with pytest.raises(Refused, match=r"PUB 1: The circuit needs 70 qubits\..*has 64"):
            estimator.run([(circuit(), "ZZ", [0.1, 0.2]), (wide, "Z" * 70)])
        assert estimator.session.usage()["results"] == 0
    refused(ours[0], (QuantumCircuit(0), ""), "The circuit has no qubits")


@pytest.mark.parametrize("name", ["shape", "keys", "_data", "size"])
def test_registers_that_qiskits_results_have_no_place_for(ours, name):
    made = QuantumCircuit(QuantumRegister(1), ClassicalRegister(1, name))
    made.measure(0, 0)
    refused(ours[1], made, f"A classical register is named '{name}'.*Give the register another one")


def test_options_and_sessions():
    with pytest.raises(UnknownName, match=r"There is no option named 'default_precisoin'\. Did you mean"):
        EstimatorV2(options={"default_precisoin": 0.1})
    with pytest.raises(UnknownName, match="There is no option named 'resilience_level'"):
        EstimatorV2().options.resilience_level = 1
    with pytest.raises(InvalidInput, match="The options are 3"):
        SamplerV2(options=3)
    with pytest.raises(AttributeError):
        SamplerV2().options.default_precision       # noqa: B018
    with pytest.raises(UnknownName, match=r"There is no setting of a session named 'qpus'\. Did you mean 'qpu'"):
        EstimatorV2(qpus="exact")
    with pytest.raises(InvalidInput, match=r"The session is a str\. Primitives of qloop run in sessions.*qpu='...'"):
        SamplerV2(mode="exact")
    with memory() as runtime, qloop.Session("s", runtime=runtime) as session:
        with pytest.raises(InvalidInput, match="A session was given twice"):
            EstimatorV2(session, session=session)
        with pytest.raises(InvalidInput, match="A session and qpu were given"):
            EstimatorV2(session=session, qpu="exact")
        closed = SamplerV2(runtime=runtime)
        closed.close()
        with pytest.raises(SessionEnded, match="The primitive is closed"):
            closed.run([])
        estimator = EstimatorV2(session)
    with pytest.raises(SessionEnded, match="is not open"):
        estimator.run([(circuit(), "ZZ", [0.1, 0.2])])
