"""Container images as environments, where something runs them: podman, docker or apptainer."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from qloop.errors import InvalidInput
from qloop.functions.environments.environment import python_version

RUNTIMES: Final = ("podman", "docker", "apptainer")
_CHECK_S: Final = 20.0


def command_for(image: str, runner: Path, folder: str) -> list[str]:
    """The command that runs the call in `folder` in a container; InvalidInput if nothing here can."""
    name, path = runtime_here()
    call = ["python", "-B", "/qloop/runner/child.py", "/qloop/call", python_version()]
    if name == "apptainer":
        return [path, "exec", "--bind", f"{runner}:/qloop/runner:ro", "--bind", f"{folder}:/qloop/call",
                f"docker://{image}", *call]
    user = [] if name == "podman" else ["--user", f"{os.getuid()}:{os.getgid()}"]
    return [path, "run", "--rm", *user, "--volume", f"{runner}:/qloop/runner:ro", "--volume", f"{folder}:/qloop/call",
            image, *call]


def runtime_here() -> tuple[str, str]:
    """The container runtime of this machine that works: its name and its path; InvalidInput with what was tried."""
    said: list[str] = []
    for name in RUNTIMES:
        path = shutil.which(name)
        if path is None:
            said.append(f"{name} is not installed")
            continue
        trouble = _trouble(name, path)
        if not trouble:
            return name, path
        said.append(f"{name} does not work: {trouble}")
    raise InvalidInput("No container runtime is there to run an image", "; ".join(said),
                       "Install podman where the workers are, or give a lock file as environment")


def _trouble(name: str, path: str) -> str:
    """Why it does not work; empty if it does."""
    try:
        asked = subprocess.run([path, "--version" if name == "apptainer" else "info"], capture_output=True, text=True,
                               timeout=_CHECK_S, stdin=subprocess.DEVNULL, errors="replace")
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = asked.stderr.strip().splitlines()
    return "" if asked.returncode == 0 else lines[-1] if lines else f"exit status {asked.returncode}"
