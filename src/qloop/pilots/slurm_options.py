"""What a user asks of Slurm, checked before anything is submitted, and written as options of `sbatch`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from qloop.errors import InvalidInput, UnknownName
from qloop.pilots.allocator import Allotment

# The ranks of a task share the node of its worker, with other tasks that share its cores. One that fails ends all.
SRUN_HERE: Final = """sh -c 'unset SLURM_NTASKS_PER_NODE; exec srun --nodes=1 --nodelist="$SLURMD_NODENAME" \
--overlap --overcommit --kill-on-bad-exit=1 "$@"' srun"""
_WORD: Final = re.compile(r"[\w.,:+@=%/&|*()\[\]-]{1,256}")
_OPTION: Final = re.compile(r"(?P<name>--[a-z][a-z-]*|-[A-Za-z])(?:[= ].*)?")
# What the pilot itself says, with the field by which a user says it ("": none), or what would make of sbatch something
# else than one submission of its script.
_OURS: Final[Mapping[str, str]] = MappingProxyType({
    "partition": "partition", "p": "partition", "account": "account", "A": "account", "qos": "qos", "q": "qos",
    "gres": "gres", "time": "walltime_s", "t": "walltime_s", "mem": "memory_bytes", "cpus_per_task": "cores",
    "c": "cores", "nodes": "nodes", "N": "nodes", "constraint": "constraint", "C": "constraint",
    "reservation": "reservation", "requeue": "requeue", "no_requeue": "requeue",
    **dict.fromkeys((
        "array", "a", "job_name", "J", "ntasks", "n", "ntasks_per_node", "output", "o", "error", "e", "input", "i",
        "open_mode", "parsable", "wrap", "test_only", "wait", "W", "help", "h", "version", "V", "usage", "hold", "H",
        "bb", "bbf", "uid", "gid", "get_user_env", "clusters", "M", "quiet", "Q", "export", "export_file"), "")})
_LONGEST_LINE: Final = 4096
_LEAST_WALLTIME_S: Final = 10.0


class SlurmOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of allocations beyond their size.

    `partition`, `account`, `qos`, `reservation`, `constraint` and `gres` go to `sbatch` as they are ("": the site's
    default). `lines` are more options, each as behind `#SBATCH`; `setup` are lines of shell that run on the first node
    before the agent (`module load ...`). `python`: the interpreter of the agents ("": this one). `folder`: where the
    scripts and logs of the pilot lie, on a file system that the nodes share with this machine ("": `~/.qloop/slurm`).
    `requeue`: Slurm may start an allocation anew that lost its node. `mpi`: the command that starts a task's MPI ranks
    on its node (`srun` there). `slurm_conf`: of a Slurm that is not the default. A command of Slurm may
    take `command_timeout_s`; squeue is asked every `least_watch_s` seconds while something changes, and ever more
    rarely, down to every `most_watch_s`, while nothing does.
    """

    partition: str = ""
    account: str = ""
    qos: str = ""
    reservation: str = ""
    constraint: str = ""
    gres: str = ""
    lines: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    python: str = ""
    folder: str = ""
    requeue: bool = True
    mpi: str = SRUN_HERE
    slurm_conf: str = ""
    command_timeout_s: float = 30.0
    least_watch_s: float = 1.0
    most_watch_s: float = 15.0

    def check(self) -> SlurmOptions:
        """Itself; `InvalidInput` for what would be another option, or another line of a script."""
        for name in ("partition", "account", "qos", "reservation", "constraint", "gres"):
            value = getattr(self, name)
            if not isinstance(value, str) or (value and not _WORD.fullmatch(value)) or value.startswith("-"):
                raise InvalidInput(f"The {name} of a Slurm pilot is {value!r:.80}", "",
                                   "Give it as sbatch would take it, without blanks")
        for line in (*self.lines, *self.setup, self.mpi):
            if not isinstance(line, str) or not line.isprintable() or not 1 <= len(line) <= _LONGEST_LINE:
                raise InvalidInput(f"A line of a Slurm pilot is {line!r:.80}", "it must be one line of text",
                                   "Give several lines as several strings")
        for line in self.lines:
            self._check_line(line)
        for name in ("command_timeout_s", "least_watch_s", "most_watch_s"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0.05 <= value <= 3600.0:
                raise InvalidInput(f"A Slurm pilot's {name} is {value!r:.80}", "", "Give seconds from 0.05 to 3600")
        if self.least_watch_s > self.most_watch_s:
            raise InvalidInput(f"A Slurm pilot's least_watch_s is {self.least_watch_s!r}",
                               f"that is more than most_watch_s, {self.most_watch_s!r}", "Give at most as much")
        return self

    def _check_line(self, line: str) -> None:
        found = _OPTION.fullmatch(line)
        if found is None:
            raise InvalidInput(f"The line {line!r:.80} is no option of sbatch", "",
                               "Give it as behind #SBATCH, for example '--exclusive' or '--constraint=fast'")
        field = _OURS.get(found["name"].lstrip("-").replace("-", "_"))
        if field is not None:
            raise InvalidInput(f"The line {line!r:.80} is not for a user to say", "the pilot itself says "
                               f"{found['name']}", f"Leave it out{f' and set {field} instead' if field else ''}")


def opened(given: Mapping[str, Any]) -> SlurmOptions:
    """The options from a user's mapping, checked; `UnknownName` for one that there is not, else `InvalidInput`.

    One of `lines` or `setup` may be given alone, without a list.
    """
    for name in given:
        if name not in SlurmOptions.__struct_fields__:
            raise UnknownName("option of a Slurm pilot", name,
                              ("nodes", "host", "advertise", *SlurmOptions.__struct_fields__))
    lists = {name: [value] if isinstance(value, str) else value for name, value in given.items()
             if name in ("lines", "setup")}
    try:
        return msgspec.convert({**given, **lists}, SlurmOptions).check()
    except msgspec.ValidationError as error:
        raise InvalidInput("An option of a Slurm pilot is not what it should be", str(error), "") from error


def check_size(allotment: Allotment) -> None:
    """`InvalidInput` for an allocation that no Slurm could give."""
    for name, least in (("nodes", 1), ("cores", 1), ("memory_bytes", 0), ("gpus", 0), ("workers", 0)):
        value = getattr(allotment, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InvalidInput(f"An allocation of Slurm cannot have {name} = {value!r:.80}", "",
                               f"Give an integer from {least}")
    if allotment.walltime_s and not allotment.walltime_s >= _LEAST_WALLTIME_S:
        raise InvalidInput(f"A walltime of {allotment.walltime_s!r} s is too short for an allocation of Slurm", "",
                           f"Give at least {_LEAST_WALLTIME_S:g} s, or 0 for what the partition sets")


def options(given: SlurmOptions, allotment: Allotment) -> list[str]:
    """The options of `sbatch` for allocations of this size.

    They stand on its command line, where a user's SBATCH_ variables cannot override them. Slurm counts walltime in
    minutes: the time asked for is rounded up, and the agent keeps the exact one.
    """
    asked = [f"--nodes={allotment.nodes}", "--ntasks-per-node=1", f"--cpus-per-task={allotment.cores}"]
    if allotment.memory_bytes:
        asked.append(f"--mem={math.ceil(allotment.memory_bytes / 2**20)}M")
    if allotment.walltime_s:
        asked.append(f"--time={math.ceil(allotment.walltime_s / 60.0)}")
    if gres := _gres(given, allotment):
        asked.append(f"--gres={gres}")
    words = {"partition": given.partition, "account": given.account, "qos": given.qos,
             "reservation": given.reservation, "constraint": given.constraint}
    asked += [f"--{name}={value}" for name, value in words.items() if value]
    return [*asked, "--requeue" if given.requeue else "--no-requeue"]


def _gres(given: SlurmOptions, allotment: Allotment) -> str:
    """Generic resources of each node; the GPUs of the allotment unless the user has named their type."""
    named = [part for part in given.gres.split(",") if part]
    if allotment.gpus and not any(part.partition(":")[0] in ("gpu", "gres/gpu") for part in named):
        named.append(f"gpu:{allotment.gpus}")
    return ",".join(named)
