"""Which version of IBM's client is here, and whether qloop works with it."""

from __future__ import annotations

from importlib import metadata

from qloop.errors import MissingExtra, QpuError

CLIENT = "qiskit-ibm-runtime"
# Earlier ones speak an interface with pulses (0.40), or lose their REST client (0.41).
LEAST = (0, 42)
BELOW = (0, 60)


def client_version() -> str:
    """The version of `qiskit-ibm-runtime`; `MissingExtra` without it, `QpuError` for one that is not supported."""
    try:
        version = metadata.version(CLIENT)
    except metadata.PackageNotFoundError as error:
        raise MissingExtra("A QPU of IBM", "ibm") from error
    if not LEAST <= _numbers(version) < BELOW:
        raise QpuError(f"{CLIENT} {version} is installed", f"qloop works with {_text(LEAST)} and later, below "
                       f"{_text(BELOW)}", "Install one of these: pip install 'qloop[ibm]'")
    return version


def versions() -> str:
    """The software that speaks to IBM, for messages."""
    return f"{CLIENT} {metadata.version(CLIENT)}, qiskit {metadata.version('qiskit')}"


def _numbers(version: str) -> tuple[int, int]:
    parts = [int(part) if part.isdigit() else 0 for part in version.split(".")[:2]]
    return (parts[0], parts[1]) if len(parts) > 1 else (parts[0], 0)


def _text(numbers: tuple[int, int]) -> str:
    return ".".join(map(str, numbers))
