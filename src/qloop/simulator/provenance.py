"""Where numbers come from: versions, machine and time, for whoever reads a file later."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from qloop import __version__


def surroundings() -> dict[str, str]:
    """Versions of what computes and writes, the machine, and when this is."""
    return {"qloop": __version__, "python": platform.python_version(), "numpy": np.__version__,
            "numba": _version("numba"), "pyarrow": _version("pyarrow"),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
            "written": datetime.now(UTC).isoformat(timespec="seconds")}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
