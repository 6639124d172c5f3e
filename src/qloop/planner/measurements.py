"""A file of measurements: each is a line as soon as it is made, so that a run that was interrupted goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from qloop.errors import InvalidInput
from qloop.planner.configurations import Configuration
from qloop.planner.effort import JOIN, PREPARE, TASK
from qloop.planner.machine import Machine, this_machine
from qloop.planner.measuring import Measured, Timed, crew, measure_cut, measure_whole, merged
from qloop.planner.model import Constants
from qloop.planner.probes import Probe, all_probes, measure_probe

SCHEMA = 1
VISITS = 3
"""Each configuration is measured at three moments, so that one mood of the machine does not decide."""
_STREAM = 4101
_PROBES = 0.1       # share of the progress

Tell = Callable[[float, str], None]
"""Told how much is done, from 0 to 1, and what is measured next."""


class Head(msgspec.Struct, frozen=True):
    """The first line of a file of measurements: where they are made, and by which constants cut circuits are split."""

    machine: Machine
    constants: Constants
    counted: tuple[str, ...] = (*TASK, *PREPARE, *JOIN)
    schema: int = SCHEMA

    def agrees(self, other: Head) -> bool:
        """Whether rows of both can be mixed."""
        return (self.machine, self.counted, self.schema) == (other.machine, other.counted, other.schema)


@dataclass(frozen=True, slots=True)
class Measurements:
    """Configurations and probes, measured."""

    configurations: tuple[Measured, ...]
    probes: tuple[Probe, ...]


def measure(path: Path, chosen: Sequence[Configuration], constants: Constants,
            tell: Tell = lambda done, text: None,
            probed: Sequence[tuple[str, int]] | None = None) -> Measurements:
    """Measure what the file does not hold yet, at three moments, in orders drawn once, and take the least.

    `constants` say how cut circuits are split on several workers, if the file does not say it already; `probed` are
    kinds and sizes of probes (None: all). `InvalidInput` for a file that is not of this machine with these versions, or
    cannot be read or written.
    """
    constants, known, probes = _read(path, constants)
    every = [(visit, one) for visit in range(VISITS) for one in _shuffled(chosen, visit)]
    left = [(visit, one) for visit, one in every if (one.name, visit) not in known]
    unseen = [each for each in (all_probes() if probed is None else probed) if each not in probes]
    if left or unseen:
        with crew(max((one.workers for _, one in left), default=1)) as pool, path.open("ab") as sink:
            for number, (kind, size) in enumerate(unseen):
                tell(_PROBES * number / len(unseen), f"probe of {kind}, {size} qubits")
                probes[kind, size] = pool.submit(measure_probe, kind, size).result()
                _write(sink, probes[kind, size])
            wholes = {(row.configuration.circuit_name, visit): row.whole for (_, visit), row in known.items()}
            for done, visit, one in _with_progress(left):
                tell(_PROBES + (1.0 - _PROBES) * done, one.name)
                whole: Timed = wholes.get((one.circuit_name, visit)) or measure_whole(pool, one)
                wholes[one.circuit_name, visit] = whole
                cut = measure_cut(pool, one, constants)
                known[one.name, visit] = Measured(one, whole, cut, os.getloadavg()[0], visit)
                _write(sink, known[one.name, visit])
    return Measurements(tuple(_together([known[one.name, visit] for visit in range(VISITS)]) for one in chosen),
                        tuple(probes.values()))


def _together(visits: Sequence[Measured]) -> Measured:
    """All visits of a configuration as one."""
    return Measured(visits[0].configuration, merged([one.whole for one in visits]), merged([one.cut for one in visits]),
                    float(np.mean([one.load for one in visits])))


def _write(sink: object, row: Measured | Probe) -> None:
    """One line, at once."""
    sink.write(msgspec.json.encode(row) + b"\n")  # type: ignore[attr-defined]
    sink.flush()  # type: ignore[attr-defined]


Found = tuple[Constants, dict[tuple[str, int], Measured], dict[tuple[str, int], Probe]]


def _read(path: Path, constants: Constants) -> Found:
    """A file's constants, and what it holds by name and visit, and by kind and size; begins it if there is none.

    A last line that is cut off is dropped.
    """
    here = Head(this_machine(), constants)
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(msgspec.json.encode(here) + b"\n")
        lines = path.read_bytes().splitlines(keepends=True)
        head = msgspec.json.decode(lines[0] if lines else b"", type=Head)
        whole = [line for line in lines[1:] if line.endswith(b"\n")]
        rows = [msgspec.json.decode(line, type=Measured | Probe) for line in whole]
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidInput(f"{path} holds no measurements of the planner", str(error),
                           "Choose another folder, or remove the file") from error
    if not head.agrees(here):
        raise InvalidInput(f"{path} was measured by another machine or other versions",
                           "Measurements of two machines do not mix", "Choose another folder, or remove the file")
    if len(whole) != len(lines) - 1:
        path.write_bytes(b"".join([lines[0], *whole]))
    return (head.constants, {(row.configuration.name, row.visit): row for row in rows if isinstance(row, Measured)},
            {(row.kind, row.n_qubits): row for row in rows if isinstance(row, Probe)})


def _shuffled(chosen: Sequence[Configuration], visit: int) -> list[Configuration]:
    random = np.random.Generator(np.random.Philox(key=np.array([_STREAM, visit], dtype=np.uint64)))
    return [chosen[k] for k in random.permutation(len(chosen))]


def _with_progress(chosen: Sequence[tuple[int, Configuration]]) -> list[tuple[float, int, Configuration]]:
    """Each with the share that is done before it; the first of a circuit measures it whole as well."""
    seen: set[tuple[str, int]] = set()
    weights = []
    for visit, one in chosen:
        circuit = one.circuit_name, visit
        weights.append(1.0 + (0.0 if circuit in seen else 6e-9 * one.layers * one.n_qubits * 2.0**one.n_qubits))
        seen.add(circuit)
    done = np.cumsum([0.0, *weights[:-1]]) / max(1e-9, sum(weights))
    return [(share, visit, one) for share, (visit, one) in zip(done.tolist(), chosen, strict=True)]
