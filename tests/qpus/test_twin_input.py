"""What a twin refuses: options of another kind than documented, numbers that are none, and what is out of range."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import Measure, XGate
from qiskit.transpiler import InstructionProperties, Target

from qloop.errors import InvalidInput, UnknownName
from qloop.qpus.caches.twins import CachePlan
from qloop.qpus.exact import ExactQpu
from qloop.qpus.fidelity import success_of
from qloop.qpus.twin import TwinQpu
from tests.qpus.snapshots_for_tests import line

NO_NUMBERS = ("a", "1", [], (), {}, math.nan, math.inf, -math.inf, -1, True, 1e300, 10**400, 1j, np.True_)
SECONDS = ("task_overhead_s", "rep_delay_s", "cold_s", "calibration_interval_s", "calibration_length_s")


@pytest.mark.parametrize("option", [*SECONDS, "nominal_shots", "seed", "recalibrate_above"])
@pytest.mark.parametrize("value", [*NO_NUMBERS, None], ids=lambda value: f"{type(value).__name__} {value!r:.12}")
def test_what_is_no_number_is_refused(option: str, value: object) -> None:
    if (option, value) == ("rep_delay_s", None):
        return      # the device's own
    with pytest.raises(InvalidInput) as caught:
        TwinQpu(line(), **{option: value})      # type: ignore[arg-type]
    assert f"{value!r:.40}"[:39] in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(("options", "says"), [
    ({"seed": 2**63}, "seed is 9223372036854775808. Give an integer from 0 to 9223372036854775807."),
    ({"seed": 1.0}, "seed is 1.0. Give an integer"),
    ({"nominal_shots": 1.5}, "nominal_shots is 1.5. Give an integer from 1 to 100000000."),
    ({"nominal_shots": 10**9}, "nominal_shots is 1000000000. Give an integer"),
    ({"calibration_interval_s": 0.5, "calibration_length_s": 0.1},
     "A calibration every 0.5 s. No device is calibrated so often, or so seldom. Give seconds from 1 to 3.16224e+08"),
    ({"calibration_interval_s": 1e10}, "A calibration every 1e+10 s."),
    ({"calibration_length_s": (True, 5.0)}, "A calibration takes (True, 5.0) s. It is neither a number nor a range"),
    ({"name": 3}, "A twin's name is 3. Give a text, or leave it out."),
    ({"name": None}, "A twin's name is None."),
    ({"exact": 3}, "A twin has exact=3. It computes the noise-free values. Give a QPU of this process"),
    ({"exact": ExactQpu}, None),
    ({"caches": "x"}, "A twin has caches='x', mitigate_readout=False."),
    ({"mitigate_readout": 1}, "A twin has caches=None, mitigate_readout=1."),
    ({"caches": CachePlan(load_s=1e300)}, "load_s is 1e+300. it must be from 0 to 1e+06 seconds."),
    ({"caches": CachePlan(load_s=True)}, "load_s is True."),
    ({"caches": CachePlan(waveform_ttl_s="a")}, "waveform_ttl_s is 'a'. it must be from 1e-09 to 1e+06 seconds."),
    ({"caches": CachePlan(waveform_ttl_s=1e12)}, "waveform_ttl_s is 1000000000000.0."),
    ({"caches": CachePlan(isas="a")}, "The capacity of the isa cache is 'a'. Give an integer from 1 to 1000000."),
    ({"caches": CachePlan(waveforms=10**7)}, "The capacity of the waveform cache is 10000000. Give an integer from 0"),
    ({"caches": CachePlan(mitigations=True)}, "The capacity of the mitigation cache is True."),
])
def test_what_cannot_be_is_refused(options: dict[str, object], says: str | None) -> None:
    if says is None:
        says = "A twin has exact=<class"
    with pytest.raises(InvalidInput) as caught:
        TwinQpu(line(), **options)      # type: ignore[arg-type]
    assert says in str(caught.value)


@pytest.mark.parametrize("snapshot", [3, None, True, b"torino", ["torino"]])
def test_a_twin_is_made_from_a_snapshot(snapshot: object) -> None:
    with pytest.raises(InvalidInput, match=r"A twin is made from .*Give a name such as 'torino', or a Snapshot"):
        TwinQpu(snapshot)      # type: ignore[arg-type]
    with pytest.raises(UnknownName):
        TwinQpu("")


def test_numbers_of_numpy_are_numbers() -> None:
    """And the same ones: the twin is the same."""
    ours = TwinQpu(line(), seed=5, nominal_shots=100, cold_s=1, task_overhead_s=0.5, calibration_interval_s=900.0)
    theirs = TwinQpu(line(), seed=np.int64(5), nominal_shots=np.int32(100), cold_s=np.float32(1),   # type: ignore[arg-type]
                     task_overhead_s=np.float64(0.5), calibration_interval_s=np.float64(900.0))
    assert theirs.describe() == ours.describe()
    assert [theirs.next_window(at) for at in (0, 10**13)] == [ours.next_window(at) for at in (0, 10**13)]


def target(length: float) -> Target:
    made = Target(num_qubits=1)
    made.add_instruction(XGate(), {(0,): InstructionProperties(1e-8, 0.001)})
    made.add_instruction(Measure(), {(0,): InstructionProperties(length, 0.01)})
    return made


def test_an_esp_is_that_of_a_circuit_on_a_target() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    assert success_of(circuit, target(1e-6)).ln_esp == pytest.approx(math.log(0.999 * 0.99))
    for values, says in (((3, target(1e-6)), "The circuit is a int."), ((circuit, 3), "The target is a int."),
                         ((circuit, target(-5.0)), r"measure on qubits \(0,\) takes -5 s. No operation ends before"),
                         ((circuit, target(math.nan)), "takes nan s")):
        with pytest.raises(InvalidInput, match=says):
            success_of(*values)      # type: ignore[arg-type]
