"""What is refused before anything is spent, and how circuits become what the device runs."""

from __future__ import annotations

import re
from typing import Any

import pennylane as qml
from pennylane.devices.preprocess import decompose, validate_device_wires
from pennylane.exceptions import DeviceError
from pennylane.measurements import ExpectationMP, ProbabilityMP, SampleMeasurement, VarianceMP

from qloop.errors import InvalidInput
from qloop.loops.pennylane.gates import supported
from qloop.loops.pennylane.observables import MATRIX_WIRES, WORD_WIRES, measurable, shown, word_of

NAME = "qloop.session"

DISTRIBUTION_WIRES = 10
"""The most wires of probabilities without shots: each of the 2^wires bit strings is one evaluation."""

_FEEDBACK = frozenset({"MidMeasure", "MidMeasureMP", "PauliMeasure", "Conditional"})


class NotOnThisDevice(InvalidInput, DeviceError):   # type: ignore[misc, unused-ignore]
    """A circuit that PennyLane allows and the device cannot run; PennyLane's own error for this as well."""


def add_transforms(program: Any, wires: Any, deferred: bool) -> Any:
    """Add to a PennyLane pipeline what makes any circuit one that the device runs, or refuses it."""
    if deferred:
        program.add_transform(qml.defer_measurements, allow_postselect=False)
    program.add_transform(_static)
    program.add_transform(_on_wires, wires=wires)
    program.add_transform(_measurable)
    program.add_transform(decompose, stopping_condition=supported, skip_initial_state_prep=False, name=NAME,
                          error=_undecomposed)
    program.add_transform(qml.transforms.broadcast_expand)
    return program


def _undecomposed(message: str) -> NotOnThisDevice:
    return NotOnThisDevice(message, "", "Use operations that PennyLane can decompose to gates")


def _first(results: Any) -> Any:
    return results[0]


@qml.transform      # type: ignore[untyped-decorator, unused-ignore]
def _static(tape: Any) -> tuple[Any, Any]:
    """Refuse what is measured before the end."""
    if any(type(operation).__name__ in _FEEDBACK for operation in tape.operations):
        raise NotOnThisDevice("The circuit measures before its end", f"The device {NAME} runs static circuits",
                              'Give the QNode mcm_method="deferred", which uses one wire more for each measurement')
    return (tape,), _first


@qml.transform      # type: ignore[untyped-decorator, unused-ignore]
def _on_wires(tape: Any, wires: Any = None) -> tuple[Any, Any]:
    """Check the wires, and name those of measurements of all wires."""
    (checked,), finish = validate_device_wires(tape, wires=wires or tape.wires, name=NAME)
    return (checked,), finish


@qml.transform      # type: ignore[untyped-decorator, unused-ignore]
def _measurable(tape: Any) -> tuple[Any, Any]:
    """Refuse measurements that a QPU cannot make."""
    for measurement in tape.measurements:
        _check(measurement, bool(tape.shots))
    return (tape,), _first


def _check(measurement: Any, has_shots: bool) -> None:
    if not isinstance(measurement, ExpectationMP | VarianceMP | ProbabilityMP | SampleMeasurement):
        raise NotOnThisDevice(f"The device {NAME} cannot measure {_named(measurement)}",
                              "A QPU gives bit strings, never amplitudes",
                              "Ask for expval, var, probs, counts or sample, or use a simulator such as default.qubit")
    if not has_shots and not isinstance(measurement, ExpectationMP | VarianceMP | ProbabilityMP):
        raise NotOnThisDevice(f"{_named(measurement)} needs shots", "The circuit runs without",
                              "Set them: qml.set_shots(qnode, 1000)")
    if has_shots:
        _check_eigenvectors(measurement)
        return
    wide = len(measurement.wires) > DISTRIBUTION_WIRES
    if wide and (measurement.obs is None or isinstance(measurement, ProbabilityMP)):
        raise NotOnThisDevice(f"Probabilities of {len(measurement.wires)} wires were asked for without shots",
                              f"Each of their 2^{len(measurement.wires)} bit strings is one evaluation",
                              f"Ask for at most {DISTRIBUTION_WIRES} wires, or set shots: qml.set_shots(qnode, 1000)")


def _check_eigenvectors(measurement: Any) -> None:
    """Refuse to read an observable from counts whose basis cannot be turned to."""
    observable = measurement.obs
    if observable is None or isinstance(measurement, ExpectationMP):
        return
    if word_of(observable) is not None:
        _check_word(measurement)
    elif not measurable(observable):
        raise NotOnThisDevice(f"{_named(measurement)} of {shown(observable)} was asked for with shots",
                              f"It is no Pauli word, and eigenvectors are found for up to {MATRIX_WIRES} wires only",
                              "Measure its Pauli words one by one, or ask for expval")


def _check_word(measurement: Any) -> None:
    """Refuse a Pauli word with more eigenvalues than one would write down."""
    wide = len(measurement.wires)
    if wide > WORD_WIRES:
        raise NotOnThisDevice(f"{_named(measurement)} of a Pauli word on {wide} wires was asked for with shots",
                              f"Its eigenvalues are listed for up to {WORD_WIRES} wires",
                              "Ask for expval, or for counts of the wires")


def _named(measurement: Any) -> str:
    """The measurement as its user wrote it, such as `vn_entropy`."""
    kind = re.sub("(?<=[a-z])(?=[A-Z])", "_", type(measurement).__name__.removesuffix("MP")).lower()
    return {"variance": "var", "probability": "probs"}.get(kind, kind)
