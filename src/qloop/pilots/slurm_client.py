"""Slurm's commands, each with a time limit, and with its own words when it refuses.

Three things may happen to a command, and they are kept apart: it answers; it refuses (`SlurmRefused`), and asking again
would change nothing; or nobody answers (`SlurmSilent`), because the controller is away or busy, and nothing is known.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from qloop.errors import InvalidInput, QloopError
from qloop.pilots import slurm_listing
from qloop.pilots.slurm_listing import Seen

NEEDED: Final = ("sbatch", "squeue", "scancel", "scontrol")
_AT_ONCE: Final = 200           # ids of one command
_SILENCE: Final = re.compile(
    r"unable to contact slurm controller|socket timed out|timed out|connection refused|connection reset|zero bytes"
    r"|standby mode|temporarily unable|slurm backup controller|message (?:receive|send) failure|transport"
    r"|communications? (?:connection|send|receive)|no route to host|network is unreachable|try again"
    r"|protocol authentication error|munge", re.IGNORECASE)
_NO_SUCH: Final = re.compile(r"invalid \w+ id", re.IGNORECASE)
# Slurm's commands obey these variables, which a user may have set for his own eyes, or which come from the allocation
# in which this program itself runs.
_FOREIGN: Final = re.compile(r"(SQUEUE|SCANCEL|SINFO|SCONTROL|SLURM)_.*")
_KEPT: Final = frozenset({"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT", "SLURM_CLUSTERS"})


class SlurmRefused(QloopError):
    """Slurm said no."""

    code = "slurm_refused"


class SlurmSilent(QloopError):
    """Slurm did not answer; whether it did what was asked is not known."""

    code = "slurm_silent"


def require() -> None:
    """`InvalidInput`, which says what to install, if Slurm's commands are not on the PATH."""
    absent = [name for name in NEEDED if shutil.which(name) is None]
    if absent:
        raise InvalidInput("There is no Slurm on this machine", f"{', '.join(absent)} not found on the PATH",
                           "Run this where sbatch works, such as a cluster's login node (perhaps after "
                           "'module load slurm'), or install it (Debian, Ubuntu: apt install slurm-client)")


class SlurmClient:
    """The commands of one Slurm; each ends within `timeout_s` seconds. `conf`: its slurm.conf ("": the default)."""

    def __init__(self, timeout_s: float, conf: str = "") -> None:
        self.timeout_s = timeout_s
        self._environment = clean(os.environ)
        if conf:
            self._environment["SLURM_CONF"] = conf

    def submit(self, options: Sequence[str], script: str) -> str:
        """Submit a script; its id. After `SlurmSilent` it may have been taken or not."""
        return slurm_listing.submitted(self._run("sbatch", "--parsable", *options, text=script))

    def listing(self, names: Sequence[str]) -> list[Seen]:
        """This user's allocations that were submitted under these names; one line each, ended ones for a while too."""
        return slurm_listing.listing(self._run(
            "squeue", "--me", f"--name={','.join(names)}", "--array", "--states=all", "--noheader",
            f"--Format={slurm_listing.FORMAT}"))

    def state(self, slurm_id: str) -> tuple[str, int]:
        """State and restarts of an allocation that `squeue` does not list; ("", 0) if Slurm does not know it."""
        try:
            return slurm_listing.shown(self._run("scontrol", "--oneliner", "show", "jobid", slurm_id))
        except SlurmRefused as error:
            if _NO_SUCH.search(str(error)):
                return "", 0
            raise

    def cancel(self, slurm_ids: Sequence[str]) -> None:
        """Cancel these allocations; one that has ended is no error."""
        for start in range(0, len(slurm_ids), _AT_ONCE):
            try:
                self._run("scancel", "--quiet", *slurm_ids[start:start + _AT_ONCE])
            except SlurmRefused as error:
                if not _NO_SUCH.search(str(error)):
                    raise

    def _run(self, *argv: str, text: str = "") -> str:
        """The standard output of a command."""
        try:
            process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       text=True, errors="replace", env=self._environment, start_new_session=True)
        except OSError as error:
            raise SlurmRefused(f"{argv[0]} cannot be run", str(error), "See the PATH of this program") from error
        try:
            out, said = process.communicate(text, timeout=self.timeout_s)
        except subprocess.TimeoutExpired as error:
            raise SlurmSilent(f"{argv[0]} did not answer within {self.timeout_s:g} s", "",
                              "See with sinfo and scontrol ping whether Slurm is well") from error
        finally:
            _end(process)
        if process.returncode == 0:
            return out
        words = said.strip() or f"exit status {process.returncode} and no word"
        kind = SlurmSilent if _SILENCE.search(words) else SlurmRefused
        raise kind(f"{argv[0]} failed", words)


def _end(process: subprocess.Popen[str]) -> None:
    """Nothing of a command that hangs is left, what it started included."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would change the meaning of Slurm's commands; SBATCH_ defaults of the user stay."""
    return {name: value for name, value in environment.items()
            if name in _KEPT or not _FOREIGN.fullmatch(name)}
