"""What runs first in an allocation of Slurm: it finds out which allocation this is, and becomes its agent.

    python -m qloop.pilots.slurm_inside PLAN SECONDS

`PLAN`: the file that `slurm_script.Desk.plan` wrote; `SECONDS`: how long the lines before it took.
"""

from __future__ import annotations

import json
import math
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from qloop.pilots.slurm_listing import seconds

_PATIENCE_S: Final = 20.0
_SPARE_S: Final = 5.0       # of what Slurm grants, in which the allocation's processes end


def arguments(plan: Mapping[str, Any], environment: Mapping[str, str], spent_s: float, granted_s: float) -> list[str]:
    """The agent's arguments. `granted_s`: what Slurm says is left of the walltime (inf or nan: it does not say).

    The agent is told to end `_SPARE_S` before the walltime that the pilot asked for, or that Slurm set by itself.
    """
    name = plan["names"][int(environment.get("SLURM_ARRAY_TASK_ID", "0"))]
    if plan["nodes"] > 1:
        name = f"{name}/{environment['SLURM_NODEID']}"
    told = ["--hub", plan["hub"], "--name", name, "--cores", str(plan["cores"]), "--token-file", plan["token_file"]]
    if memory_bytes := plan["memory_bytes"] or _granted_bytes(environment):
        told += ["--memory-bytes", str(memory_bytes)]
    if plan["workers"]:
        told += ["--workers", str(plan["workers"])]
    if not plan["gpus"]:
        told += ["--gpus", ""]      # a node may have some, but they are not ours
    if host := environment.get("SLURMD_NODENAME", ""):
        told += ["--node", host]
    total_s = plan["walltime_s"] - spent_s if plan["walltime_s"] else granted_s
    return [*told, "--walltime", f"{max(1.0, total_s - _SPARE_S):.3f}"] if math.isfinite(total_s) else told


def _granted_bytes(environment: Mapping[str, str]) -> int:
    """The memory of this node that Slurm gave where nobody asked for any; 0: it does not say."""
    whole = int(environment.get("SLURM_MEM_PER_NODE", "0"))
    each = int(environment.get("SLURM_MEM_PER_CPU", "0")) * int(environment.get("SLURM_CPUS_ON_NODE", "1"))
    return (whole or each) * 2**20


def granted(slurm_id: str) -> float:
    """What Slurm says is left of this allocation's walltime, in seconds; nan if it does not say."""
    try:
        done = subprocess.run(["squeue", "--noheader", "-j", slurm_id, "--format=%L"], capture_output=True,
                              text=True, timeout=_PATIENCE_S, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return float("nan")
    return seconds(done.stdout.split()[0]) if done.stdout.split() else float("nan")


def main(argv: list[str]) -> None:
    """Become the agent."""
    plan = json.loads(Path(argv[0]).read_text())
    left_s = granted(os.environ.get("SLURM_JOB_ID", "")) if not plan["walltime_s"] else float("nan")
    sys.argv[1:] = arguments(plan, os.environ, float(argv[1]), left_s)
    runpy.run_module("qloop.pilots.agent", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
