"""Compiling per calibration, and results that name the calibration they ran on (P9)."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import SparsePauliOp

from qloop.qpus.protocol import Request
from tests.qpus.ibm.asking import asked, ended, program_of
from tests.qpus.ibm.conftest import Open
from tests.qpus.ibm.server import IbmServer
from tests.qpus.ibm.world import FIRST_CALIBRATION


@pytest.mark.parametrize("when", ["before compiling", "before submitting", "before running", "while running", "after"])
def test_the_result_names_the_calibration_in_force_when_the_task_began_to_run(when: str, opened: Open,
                                                                              server: IbmServer) -> None:
    qpu, world = opened(), server.world
    first, later = int(FIRST_CALIBRATION.timestamp()), 0
    if when == "before compiling":
        later = int(world.recalibrate().timestamp())
    program = program_of(qpu)
    if when == "before submitting":
        later = int(world.recalibrate().timestamp())
    world.hold = True
    task = qpu.submit(program, asked(), "when")
    if when == "before running":
        later = int(world.recalibrate().timestamp())
    world.start(world.tasks[task])
    if when == "while running":
        world.recalibrate()
    world.finish(world.tasks[task])
    if when == "after":
        world.recalibrate()
    result = qpu.result(task, program, asked())
    assert result.epoch == (later if when.startswith("before") else first)


def test_it_compiles_once_for_each_calibration(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    compiler = qpu._compiler
    for k in range(3):
        qpu.calibration()
        qpu.submit(program, asked(), f"same{k}")
    program_of(qpu)
    qpu.duration(program, asked())
    assert compiler.compilations == 1
    server.world.recalibrate()
    qpu.submit(program, asked(), "unseen")
    assert compiler.compilations == 1, "nobody has asked for the calibration since"
    epoch = qpu.calibration().epoch
    qpu.submit(program, asked(), "seen")
    assert compiler.compilations == 2
    assert compiler.compiled(program, counts=False).epoch == epoch
    qpu.submit(program, asked(counts=True), "counted")
    assert compiler.compilations == 3


def test_a_calibration_that_the_service_does_not_tell_is_flagged(opened: Open, server: IbmServer,
                                                                 caplog: pytest.LogCaptureFixture) -> None:
    qpu = opened()
    program = program_of(qpu)
    task = qpu.submit(program, asked(), "silent")
    ended(qpu, task)
    server.world.hide_running = True
    with caplog.at_level(logging.WARNING, "qloop.qpus.ibm"):
        result = qpu.result(task, program, asked())
    assert result.epoch == qpu.calibration().epoch
    assert f"which calibration task {task} ran on; the present one" in caplog.text


def test_durations_follow_ibm_s_rule(opened: Open) -> None:
    qpu = opened()
    circuit, angle = QuantumCircuit(2), ParameterVector("a", 2)
    circuit.ry(angle[0], 0)
    circuit.ry(angle[1], 1)
    program = qpu.compile(circuit, SparsePauliOp(["ZZ", "XX", "ZI"]), seed=1)
    configuration = qpu._port._connected().configuration()
    length = qpu._compiler.compiled(program, counts=False).length_ns
    assert length > 3000, "readout takes microseconds on this device"
    for rows, shots in ((1, 1), (3, 1000)):
        request = Request(np.zeros((rows, 2)), shots, (bytes(32),) * rows)
        per_shot = round(configuration.default_rep_delay * 1e9) + length
        assert qpu.duration(program, request) == 2_000_000_000 + rows * 2 * shots * per_shot, "two groups: Z and X"


def test_parameters_that_compiling_removes_take_their_column_along(opened: Open) -> None:
    """An angle that cancels leaves the compiled circuit; the others must still meet their own numbers."""
    angle = [Parameter(name) for name in ("a", "b", "c")]
    circuit = QuantumCircuit(1)
    circuit.rz(angle[0], 0)
    circuit.rz(-angle[0], 0)
    circuit.ry(angle[2], 0)
    circuit.rz(angle[1], 0)
    qpu = opened("ibm-local:fake_manila")
    program = qpu.compile(circuit, SparsePauliOp("Z"), seed=1)
    request = Request(np.array([[5.0, 0.3, 0.0], [5.0, 0.3, np.pi]]), 2000, (bytes(32), bytes(32)))
    task = qpu.submit(program, request, "columns")
    while not ended_now(qpu, task):
        pass
    low, high = qpu.result(task, program, request).values
    assert low > 0.85
    assert high < -0.85


def ended_now(qpu: object, task: str) -> bool:
    from qloop.qpus.remote import Phase

    return qpu.status(task).phase is Phase.DONE  # type: ignore[attr-defined]


def test_several_registers_and_loose_bits_are_one_row_of_bits(opened: Open) -> None:
    circuit = QuantumCircuit(2)
    circuit.add_register(ClassicalRegister(1, "class"), ClassicalRegister(2, "out"))
    circuit.x(1)
    circuit.measure(1, 2)
    circuit.measure(0, 0)
    qpu = opened()
    program = qpu.compile(circuit, None)
    request = Request(np.zeros((1, 0)), 50, (bytes(32),), counts=True)
    task = qpu.submit(program, request, "registers")
    ended(qpu, task)
    assert qpu.result(task, program, request).counts == ({"100": 50},)
