"""This machine's constants on disk: where they lie, what they were measured with, and when they no longer hold."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import msgspec

from qloop.errors import InvalidInput
from qloop.planner.model import Constants
from qloop.planner.typical import TYPICAL
from qloop.qpus.simulators.versions import installed

ENVIRONMENT = "QLOOP_CACHE_DIR"
SCHEMA = 1
_LIBRARIES = ("qloop", "numpy", "qiskit", "qiskit-addon-cutting", "qulacs", "qiskit-aer")


class Machine(msgspec.Struct, frozen=True):
    """What constants depend on: processor, cores, system and versions."""

    processor: str
    cores: int
    system: str
    python: str
    versions: dict[str, str]


class Others(msgspec.Struct, frozen=True):
    """Other simulators: how much longer than forecast matrix product states take, and seconds of a stabilizer
    simulation by itself, gate, and string times qubits."""

    mps: float = 1.0
    stabilizer: tuple[float, float, float] = (2e-3, 4e-5, 2e-5)


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Constants with their origin. `spread` is the mean accuracy, in per cent, on the runs they were learned from."""

    constants: Constants
    others: Others = Others()
    machine: Machine
    date: str
    configurations: int
    seconds: float
    fit: float
    load: float
    schema: int = SCHEMA


def this_machine() -> Machine:
    """The machine at hand."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    versions = {name: found for name in _LIBRARIES if (found := installed(name, name.replace("-", "_")))}
    return Machine(_processor(), cores, platform.system(), platform.python_version(), versions)


def now() -> str:
    """The date and time of day, UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())


def constants_path() -> Path:
    """Where calibrations are kept: `planner.json` in QLOOP_CACHE_DIR, or in the user's cache directory."""
    chosen = os.environ.get(ENVIRONMENT)
    if chosen:
        return Path(chosen) / "planner.json"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qloop" / "planner.json"


def save(calibration: Calibration, path: Path | None = None) -> Path:
    """Write a calibration whole or not at all; `InvalidInput` where nothing can be written."""
    path = path or constants_path()
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(msgspec.json.format(msgspec.json.encode(calibration), indent=1))
        part.replace(path)
    except OSError as error:
        raise InvalidInput(f"The calibration cannot be kept in {path}", str(error.strerror or error),
                           f"Set {ENVIRONMENT} to a folder that can be written") from error
    return path


def load(path: Path | None = None) -> Calibration | None:
    """The calibration on disk, None if there is none; `InvalidInput` if it cannot be read or is of another schema."""
    path = path or constants_path()
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Calibration)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidInput(f"The calibration in {path} cannot be read", str(error),
                           "Measure it again with: qloop dreamer calibrate") from error
    if found.schema != SCHEMA:
        raise InvalidInput(f"The calibration in {path} has schema {found.schema}", f"This qloop reads {SCHEMA}",
                           "Measure it again with: qloop dreamer calibrate")
    return found


def typical() -> Calibration:
    """Constants of a usual machine, for where nothing was measured."""
    return Calibration(constants=TYPICAL, machine=Machine("", 0, "", "", {}), date="", configurations=0, seconds=0.0,
                       fit=0.0, load=0.0)


def doubts(calibration: Calibration, here: Machine) -> list[str]:
    """Why a calibration may not hold on this machine; empty if nothing speaks against it."""
    if not calibration.configurations:
        return ["this machine is not calibrated, typical constants are used (run: qloop dreamer calibrate)"]
    there = calibration.machine
    found = [f"it was measured on {was or 'another machine'}, this is {is_}" for was, is_ in
             ((there.processor, here.processor), (f"{there.cores} cores", f"{here.cores} cores")) if was != is_]
    changed = [f"{name} {there.versions.get(name, 'none')} -> {version}" for name, version in here.versions.items()
               if there.versions.get(name) != version]
    if changed:
        found.append(f"versions changed: {', '.join(changed)}")
    if calibration.load > there.cores:
        found.append(f"it was measured at a load of {calibration.load:.1f} on {there.cores} cores, so what workers "
                     "cost is uncertain (run again when the machine is quiet: qloop dreamer calibrate)")
    return found


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
