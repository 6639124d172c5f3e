"""What Slurm itself says of a pilot's allocations."""

from __future__ import annotations


def listed(slurm, pilot):
    """The ids that Slurm lists for a pilot of this name, and their states."""
    lines = slurm.run("squeue", "--noheader", "--array", "--states=PENDING,RUNNING,SUSPENDED", "--format=%i %T %j")
    return {line.split()[0]: line.split()[1] for line in lines.splitlines()
            if line.split()[2].startswith(f"qloop-{pilot}-")}


def id_of(slurm, pilot):
    """The only one."""
    [slurm_id] = listed(slurm, pilot)
    return slurm_id
