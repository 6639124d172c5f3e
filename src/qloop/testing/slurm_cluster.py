"""A real Slurm on this machine for tests: munged, slurmctld and a slurmd for each node, in a folder of its own.

It installs nothing (`tools/install_slurm.sh` does, on Debian), needs neither systemd nor cgroups, listens on loopback
alone and shares nothing with a Slurm that this machine may have. A keeper process ends all of it with the test run.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from qloop.errors import QloopError
from qloop.testing import slurm_conf
from qloop.testing.keeper import Daemons

COMMANDS: Final = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
_PATIENCE_S: Final = 60.0
_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin"      # where daemons are, and users' paths often do not lead


def found() -> dict[str, str]:
    """The programs of Slurm and munge that are installed here, by name."""
    path = f"{os.environ.get('PATH', os.defpath)}:{_PATH}"
    return {name: place for name in COMMANDS if (place := shutil.which(name, path=path))}


def missing() -> str:
    """Why no Slurm can be started here, in a sentence; "" if one can."""
    absent = [name for name in COMMANDS if name not in found()]
    if not absent:
        return ""
    return (f"Slurm is not installed here ({', '.join(absent)} not found); on Debian: "
            "apt-get install slurmctld slurmd slurm-client munge")


class SlurmCluster:
    """A Slurm with `nodes` nodes of `cores` cores and `memory_mib` MiB, all of them this machine.

    Its partitions are those of `slurm_conf.PARTITIONS`. `environment` is what a client of it needs. Raises
    `QloopError` if it is not installed, or not idle within a minute; the message ends with the daemons' last words.
    """

    def __init__(self, nodes: int = 3, cores: int = 2, memory_mib: int = 4096, *, node_timeout_s: int = 10,
                 min_age_s: int = 60) -> None:
        if absent := missing():
            raise QloopError("No Slurm can be started", absent)
        self.names = [f"n{number}" for number in range(1, nodes + 1)]
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self._programs, self._daemons = found(), Daemons(self.folder)
        try:
            self.conf = slurm_conf.write(self.folder, nodes=self.names, cores=cores, memory_mib=memory_mib,
                                         node_timeout_s=node_timeout_s, min_age_s=min_age_s)
            self._start_munge()
            self.start_controller()
            for name in self.names:
                self.start_node(name)
            self.until(lambda: self.states() == dict.fromkeys(self.names, "idle"), "all nodes are idle")
        except BaseException:
            self.stop()
            raise

    @property
    def environment(self) -> Mapping[str, str]:
        """The variable by which every command of Slurm finds this one."""
        return {"SLURM_CONF": str(self.conf)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.stop()

    # -- what a person does

    def run(self, *argv: str, text: str = "") -> str:
        """What a command of Slurm prints. Raises `QloopError` with its own words if it fails."""
        done = subprocess.run([self._programs[argv[0]], *argv[1:]], input=text, capture_output=True, text=True,
                              timeout=_PATIENCE_S, env={**os.environ, **self.environment})
        if done.returncode:
            raise QloopError(f"{' '.join(argv)} failed", done.stderr.strip())
        return done.stdout

    def states(self) -> dict[str, str]:
        """Each node's state as `sinfo` tells it, `idle` or `down*` for instance."""
        lines = self.run("sinfo", "--noheader", "--Node", "--partition=main", "--format=%N %t").splitlines()
        nodes = (line.split() for line in lines)
        return {node[0]: node[1] for node in nodes}

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Wait until `true()`; a command that fails counts as not yet. `QloopError` after a minute."""
        end, why = time.monotonic() + _PATIENCE_S, ""
        while time.monotonic() < end:
            try:
                if true():
                    return
                why = ""
            except QloopError as error:
                why = str(error)
            time.sleep(0.05)
        raise QloopError(f"In {_PATIENCE_S:g} s never: {what}", why, f"The daemons said:\n{self.words()}")

    def words(self) -> str:
        """The ends of the daemons' logs."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}: {line}" for log in logs for line in log.read_text().splitlines()[-8:])

    def left_over(self) -> str:
        """What waited or ran, as squeue lists it; it has been cancelled, and all nodes are idle again."""
        found = self.run("squeue", "--noheader", "--array", "--states=PENDING,RUNNING,SUSPENDED", "--format=%i %T %j")
        if found:
            self.run("scancel", *(line.split()[0] for line in found.splitlines()))
        self.until(lambda: self.states() == dict.fromkeys(self.names, "idle"), "all nodes are idle again")
        return found

    # -- what befalls a cluster

    def start_controller(self, *, forgetful: bool = False) -> None:
        """Start slurmctld; what it saved before is taken up, unless it is `forgetful`."""
        self._daemon("slurmctld", "slurmctld", "-D", "-f", str(self.conf), *(["-c"] if forgetful else []))

    def start_node(self, name: str) -> None:
        """Start the slurmd of this node."""
        (self.folder / f"spool.{name}").mkdir(exist_ok=True)
        self._daemon(f"slurmd.{name}", "slurmd", "-D", "-N", name, "-f", str(self.conf))

    def signal_controller(self, number: int) -> None:
        """SIGKILL: it is gone; SIGSTOP: it hangs, and every command with it, until SIGCONT."""
        self._daemons.signal("slurmctld", number)

    def lose_node(self, name: str) -> None:
        """The slurmd of this node is gone at once; what it had started runs on, as when a network is cut."""
        self._daemons.signal(f"slurmd.{name}", signal.SIGKILL)

    def alive(self) -> list[str]:
        """The daemons that run."""
        return self._daemons.alive()

    def stop(self) -> None:
        """End every process of it, and what it started; remove its folder. May be repeated."""
        self._daemons.close()

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        (self.folder / "state").mkdir()
        # --force: the folder may lie where others may write (the system's folder for temporary files), its files not.
        files = [f"--{what}={self.folder}/munge.{end}" for what, end in
                 (("socket", "socket"), ("key-file", "key"), ("pid-file", "pid"), ("seed-file", "seed"))]
        self._daemon("munged", "munged", "--foreground", "--force", *files, f"--log-file={self.folder}/munged.own.log")
        self.until((self.folder / "munge.socket").exists, "munged has a socket")

    def _daemon(self, name: str, program: str, *argv: str) -> None:
        arguments: Sequence[str] = [self._programs[program], *argv]
        self._daemons.start(name, arguments, self.folder / f"{name}.stdout.log")
