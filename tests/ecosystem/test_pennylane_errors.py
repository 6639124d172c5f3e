"""What the device cannot do is said before anything is spent: what, why, and what to do."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pennylane as qml
import pytest
from pennylane.exceptions import DeviceError, WireError

import qloop
from qloop.errors import InvalidInput, Refused, UnknownName
from qloop.loops.pennylane.device import SessionDevice
from tests.ecosystem.pennylane_circuits import device


@pytest.fixture(scope="module")
def dev():
    with device(wires=12) as made:
        yield made


def _run(dev, measurement, shots=None, steps=()):
    def circuit():
        for step in steps:
            qml.apply(step)
        return qml.apply(measurement)

    return qml.set_shots(qml.QNode(circuit, dev), shots)()


@pytest.mark.parametrize(("name", "measurement"), [
    ("state", qml.state()), ("density_matrix", qml.density_matrix(0)), ("purity", qml.purity(0)),
    ("vn_entropy", qml.vn_entropy(0)), ("mutual_info", qml.mutual_info([0], [1])),
])
@pytest.mark.parametrize("shots", [None, 100])
def test_what_only_a_simulator_knows(dev, name, measurement, shots):
    before = dev.session.usage()
    with pytest.raises(InvalidInput, match=f"cannot measure {name}. A QPU gives bit strings, never amplitudes"):
        _run(dev, measurement, shots)
    assert dev.session.usage() == before


def test_shadows(dev):
    with pytest.raises(InvalidInput, match=r"The device qloop.session cannot measure classical_shadow"):
        _run(dev, qml.classical_shadow([0, 1]), 100)


@pytest.mark.parametrize(("name", "measurement"), [("counts", qml.counts()), ("sample", qml.sample(qml.X(0)))])
def test_what_needs_shots(dev, name, measurement):
    with pytest.raises(InvalidInput, match=rf"{name} needs shots. The circuit runs without. Set them: qml.set_shots\("):
        _run(dev, measurement)


def test_measurements_before_the_end(dev):
    @qml.qnode(dev)
    def circuit():
        qml.H(0)
        bit = qml.measure(0)
        qml.cond(bit, qml.X)(1)
        return qml.expval(qml.Z(1))

    with pytest.raises(InvalidInput, match=r'measures before its end.* Give the QNode mcm_method="deferred"'):
        circuit()
    with pytest.raises(InvalidInput, match="measures before its end"):
        qml.set_shots(qml.QNode(circuit.func, dev, mcm_method="one-shot"), 10)()


def test_too_many_bit_strings(dev):
    with pytest.raises(InvalidInput, match=r"Probabilities of 12 wires were asked for without shots. Each of"):
        _run(dev, qml.probs())
    assert _run(dev, qml.probs(), shots=10)[0] == 1.0


def test_observables_that_are_no_pauli_sums(dev):
    wide = qml.Hermitian(np.eye(2**7), wires=range(7))
    with pytest.raises(InvalidInput, match=r"Hermitian of 7 wires is no Pauli sum. Matrices are expanded for up to 6"):
        _run(dev, qml.expval(wide))
    with pytest.raises(InvalidInput, match="is not Hermitian"):
        _run(dev, qml.expval(qml.s_prod(1j, qml.X(0))))
    with pytest.raises(InvalidInput, match=r"var of .*\.\.\. was asked for with shots. It is no Pauli word"):
        _run(dev, qml.var(sum((qml.Z(k) @ qml.X(k + 1) for k in range(7)), start=qml.Z(0))), shots=10)


def test_words_with_more_eigenvalues_than_fit():
    with device(wires=24) as wide:
        word = qml.prod(*map(qml.Z, range(24)))
        with pytest.raises(InvalidInput, match=r"var of a Pauli word on 24 wires .* listed for up to 20 wires"):
            _run(wide, qml.var(word), shots=5)
        tape = qml.tape.QuantumScript([qml.X(3)], [qml.expval(word), qml.expval(qml.Z(3))], shots=5)
        assert wide.execute(tape) == (-1.0, -1.0)


def test_operations_without_gates(dev):
    class Magic(qml.operation.Operation):
        num_wires = 1

    with pytest.raises(InvalidInput, match=r"Magic.* does not provide a decomposition. Use operations"):
        _run(dev, qml.expval(qml.Z(0)), steps=[Magic(wires=0)])


def test_refusals_are_pennylanes_errors_too(dev):
    with pytest.raises(DeviceError, match="cannot measure state"):
        _run(dev, qml.state())


def test_wires_that_the_device_lacks(dev):
    with pytest.raises(WireError, match=r"Cannot run circuit\(s\) on qloop.session .*: \{'z'\}"):
        _run(dev, qml.expval(qml.Z("z")))


def test_gradients_that_need_a_simulator(dev):
    with pytest.raises(Exception, match="does not support backprop"):
        qml.QNode(lambda: qml.expval(qml.Z(0)), dev, diff_method="backprop")()


def test_arguments():
    with pytest.raises(InvalidInput, match=r"The session is 3. Give a qloop.Session, or None"):
        SessionDevice(wires=1, session=3)
    with qloop.Runtime(journal=":memory:") as runtime:
        with pytest.raises(UnknownName, match="There is no QPU named 'exakt'"):
            SessionDevice(wires=1, runtime=runtime, qpu="exakt")
        with pytest.raises(InvalidInput, match=r"`int \| null`, got `str` - at `\$.seed`"):
            SessionDevice(wires=1, runtime=runtime, seed="lucky")


def test_a_circuit_too_wide_for_the_qpu():
    with qloop.Runtime(qpus=["twin-hanoi"], clock="virtual", journal=":memory:") as runtime:
        dev = SessionDevice(wires=30, runtime=runtime, qpu="twin-hanoi")
        with pytest.raises(Refused, match="The circuit needs 30 qubits"):
            _run(dev, qml.expval(qml.prod(*map(qml.Z, range(30)))))


def test_without_pennylane_the_extra_is_named():
    code = ("import sys; sys.modules['pennylane'] = None\nimport qloop\nfrom qloop.errors import MissingExtra\n"
            "try:\n    import qloop.loops.pennylane.device\nexcept MissingExtra as error:\n    print(error)\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ("The PennyLane device needs an optional library that is not installed. "
                                   "Install it with: pip install 'qloop[pennylane]'.")


def test_import_qloop_leaves_pennylane_alone():
    code = "import sys, qloop; qloop.Session; print('pennylane' in sys.modules, 'autograd' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
