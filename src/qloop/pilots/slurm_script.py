"""The folder of a Slurm pilot on the shared file system, and the script that each of its allocations runs.

The folder is the user's own (mode 0700). The token lies in it in a file of mode 0600: it is neither in the script,
which Slurm keeps and shows, nor on a command line. What an allocation writes goes to a log in the folder.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from qloop.errors import InvalidInput
from qloop.pilots import slurm_orphans
from qloop.pilots.allocator import Allotment, Invitation
from qloop.pilots.slurm_options import SlurmOptions

_TAIL_BYTES: Final = 2_000


class Desk:
    """The folder of one pilot, under `root`; `called`: the name under which its allocations are submitted."""

    def __init__(self, root: str, pilot: str) -> None:
        above = Path(root).expanduser() if root else Path.home() / ".qloop" / "slurm"
        label = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in pilot)[:40]
        try:
            above.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(prefix=f"{label}-", dir=above)).resolve()
        except OSError as error:
            raise InvalidInput(f"The folder {str(above)!r} for a Slurm pilot cannot be used", str(error),
                               "Name one with folder=, on a file system that the nodes share with this machine"
                               ) from error
        if any(sign in str(self.folder) for sign in "%\\\n\r"):
            self.folder.rmdir()
            raise InvalidInput(f"The folder {str(above)!r} cannot be named to sbatch",
                               "its path has a % or a backslash", "Name another one with folder=")
        self.called = f"qloop-{self.folder.name}"
        slurm_orphans.sign(self.folder)

    def keep_token(self, token: str) -> None:
        """Where agents find the token, and nobody else."""
        descriptor = os.open(self.folder / "token", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as end:
            end.write(token)

    def plan(self, serial: int, names: Sequence[str], invitation: Invitation, allotment: Allotment) -> Path:
        """Write what the agents of one submission are told: their names in order, and their size."""
        path = self.folder / f"plan-{serial}.json"
        path.write_text(json.dumps({
            "names": list(names), "hub": invitation.address, "token_file": str(self.folder / "token"),
            "cores": allotment.cores, "memory_bytes": allotment.memory_bytes, "gpus": allotment.gpus,
            "nodes": allotment.nodes, "workers": allotment.workers, "walltime_s": allotment.walltime_s}))
        return path

    @property
    def output(self) -> str:
        """Where the allocations write, for `sbatch --output`; what is started anew appends to its own."""
        return str(self.folder / "%A_%a.log")

    def words(self, slurm_id: str) -> str:
        """The end of what an allocation wrote; "" if that is nothing."""
        number, _, task = slurm_id.partition("_")
        found = [path for path in self.folder.glob(f"{number}_*.log") if not task or path.stem == slurm_id]
        try:
            with found[0].open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
                return log.read().decode(errors="replace").strip()
        except (OSError, IndexError):
            return ""

    def lock_out(self) -> None:
        """Take the token away: an allocation that starts later finds no way in."""
        (self.folder / "token").unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def script(options: SlurmOptions, allotment: Allotment, python: str, plan: Path) -> str:
    """The batch script of allocations: the user's lines, then an agent on each node, which takes the script's place.

    The agent begins with the seconds that the lines have taken, since they count against the walltime.
    """
    agent = [options.python or python, "-P", "-m", "qloop.pilots.slurm_inside", str(plan)]
    # --overlap: the agents hold no cores against the MPI ranks that they start with srun themselves.
    srun = ["srun", f"--nodes={allotment.nodes}", f"--ntasks={allotment.nodes}", "--ntasks-per-node=1", "--overlap",
            "--kill-on-bad-exit=0", "--unbuffered", "--export=ALL"] if allotment.nodes > 1 else []
    return "\n".join(["#!/bin/bash", *(f"#SBATCH {line}" for line in options.lines), *options.setup,
                      f'exec {shlex.join([*srun, *agent])} "$SECONDS"', ""])
