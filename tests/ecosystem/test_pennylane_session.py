"""The device is a loop like any other: what it bought is kept, what fails is said, what nobody awaits is dropped."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from pennylane import numpy as pnp

import qloop
from qloop.errors import QpuError, SessionEnded
from qloop.loops.pennylane.device import SessionDevice
from qloop.testing.scripted_qpu import Fault
from tests.runtime.two_qubits import runtime, scripted

FIELD = qml.Hamiltonian([1.0, 0.5], [qml.Z(0) @ qml.Z(1), qml.X(1)])


class Crash(Exception):
    pass


def _train(dev, steps, crash_after=None):
    """Some steps of gradient descent from shots; every number that was seen."""
    @qml.qnode(dev, diff_method="parameter-shift")
    def cost(x):
        qml.RY(x[0], 0)
        qml.CNOT([0, 1])
        qml.RX(x[1], 1)
        return qml.expval(FIELD)

    noisy, x, seen = qml.set_shots(cost, 300), pnp.array([0.3, -0.4], requires_grad=True), []
    for step in range(steps):
        if step == crash_after:
            raise Crash
        x = x - 0.2 * qml.grad(noisy)(x)
        seen += [float(noisy(x)), *map(float, x)]
    return seen


def test_training_goes_on_after_a_crash_and_buys_nothing_twice(tmp_path):
    with qloop.Runtime(journal=":memory:") as platform, qloop.Session("t", runtime=platform, seed=9) as session:
        undisturbed, whole = _train(SessionDevice(wires=2, session=session), 6), session.usage()
    journal = tmp_path / "run.qloop"
    with pytest.raises(Crash), qloop.Runtime(journal=journal) as platform, \
            qloop.Session("t", runtime=platform, seed=9) as session:
        identity = session.id
        _train(SessionDevice(wires=2, session=session), 6, crash_after=3)
    with qloop.Session.from_id(identity, str(journal)) as session:
        assert _train(SessionDevice(wires=2, session=session), 6) == undisturbed
        assert session.usage()["shots"] == whole["shots"]
        assert 0 < session.usage()["resumed"] < whole["results"]


def test_a_qpu_that_fails_for_good_is_said_and_nothing_is_left_running():
    qpu = scripted(dict.fromkeys(range(2, 20), Fault.RAISE))
    with runtime(qpu) as platform:      # checks at its end that nothing waits and nothing runs
        dev = SessionDevice(wires=2, runtime=platform)

        @qml.qnode(dev)
        def circuit():
            qml.H(0)
            return qml.expval(qml.Z(0)), qml.expval(qml.X(0)), qml.expval(qml.Y(1)), qml.expval(qml.Z(1))

        with pytest.raises(QpuError, match="scripted"):
            circuit()
        dev.close()


def test_ctrl_c_drops_what_is_left():
    qpu = scripted()

    with runtime(qpu) as platform:
        dev = SessionDevice(wires=1, runtime=platform)
        client = dev.session._client
        gathered = []

        def gather(ticket, timeout=None):
            gathered.append(ticket)
            raise KeyboardInterrupt

        client.gather = gather
        tape = qml.tape.QuantumScript([qml.RX(0.3, 0)], [qml.expval(qml.Z(0)), qml.expval(qml.X(0))])
        with pytest.raises(KeyboardInterrupt):
            dev.execute([tape])
        del client.gather
        assert all(ticket.done for ticket in gathered)
        assert dev.execute(tape)[0] == pytest.approx(np.cos(0.3))
        dev.close()


def test_a_device_whose_session_has_ended_says_so():
    with runtime() as platform:
        dev = SessionDevice(wires=1, runtime=platform)
        node = qml.QNode(lambda: qml.expval(qml.Z(0)), dev)
        assert node() == 1.0
        dev.close()
        dev.close()
        with pytest.raises(SessionEnded):
            node()


def test_two_devices_take_turns_on_one_qpu():
    """Tapes of two tenants' devices on one emulated QPU: both are served, in virtual time."""
    with runtime(scripted(seconds=2.0), clock="virtual", sound=False) as platform:
        devices = [SessionDevice(wires=1, session=qloop.Session(f"s{k}", runtime=platform, tenant=f"t{k}"))
                   for k in range(2)]
        tape = qml.tape.QuantumScript([qml.RX(0.5, 0)], [qml.expval(qml.Z(0)), qml.expval(qml.Y(0))])
        for dev in devices * 2:
            mean, other = dev.execute(tape)
            assert mean == pytest.approx(np.cos(0.5))
            assert other == pytest.approx(-np.sin(0.5))
        assert platform.now_s() == pytest.approx(16.0, abs=4.0)
        for dev in devices:
            dev.session.close()
