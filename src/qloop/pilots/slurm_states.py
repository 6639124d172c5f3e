"""What each state of a Slurm allocation means to a pilot, and which reasons for waiting will never pass.

The table names every state of Slurm's documentation (`squeue`, section of state codes, 20.11 to 25.05) once. A state
that it does not name is `UNKNOWN`: it is told, and nothing is concluded from it.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


class Phase(enum.Enum):
    """How far an allocation has come. Only `RUNNING` means that our agent may be at work."""

    WAITING = "waiting"         # nothing is allocated
    STARTING = "starting"       # nodes are allocated, but not ready; nothing of ours runs
    RUNNING = "running"
    PAUSED = "paused"           # ours, but its processes are stopped
    ENDING = "ending"           # its processes have been told to end, or have ended
    ENDED = "ended"             # it will not run again under this id, unless somebody requeues it
    UNKNOWN = "unknown"


# state -> phase, and what is told of an allocation that ended or pauses so
STATES: Final[Mapping[str, tuple[Phase, str]]] = MappingProxyType({
    "PENDING": (Phase.WAITING, "it waits for its nodes"),
    "REQUEUED": (Phase.ENDING, "Slurm requeued it"),
    "REQUEUE_FED": (Phase.WAITING, "the federation requeued it"),
    "REQUEUE_HOLD": (Phase.WAITING, "it was requeued and is held; release it with scontrol release"),
    "SPECIAL_EXIT": (Phase.WAITING, "it was requeued in a special state and is held; release it with scontrol release"),
    "RESV_DEL_HOLD": (Phase.WAITING, "its reservation was deleted and it is held"),
    "EXPEDITING": (Phase.WAITING, "Slurm requeued it with priority"),
    "CONFIGURING": (Phase.STARTING, "its nodes are made ready"),
    "POWER_UP_NODE": (Phase.STARTING, "its nodes are powered up"),
    "RUNNING": (Phase.RUNNING, "it runs"),
    "RESIZING": (Phase.RUNNING, "it changes its size"),
    "SIGNALING": (Phase.RUNNING, "it is being signalled"),
    "SUSPENDED": (Phase.PAUSED, "it is suspended"),
    "STOPPED": (Phase.PAUSED, "its processes are stopped"),
    "COMPLETING": (Phase.ENDING, "its processes are ending"),
    "STAGE_OUT": (Phase.ENDING, "its files are staged out"),
    "UPDATE_DB": (Phase.ENDING, "it is being booked"),
    "COMPLETED": (Phase.ENDED, "its script has ended"),
    "CANCELLED": (Phase.ENDED, "somebody cancelled it (scancel)"),
    "FAILED": (Phase.ENDED, "its script failed"),
    "TIMEOUT": (Phase.ENDED, "Slurm ended it at its walltime"),
    "DEADLINE": (Phase.ENDED, "it could not end before its deadline"),
    "NODE_FAIL": (Phase.ENDED, "a node of it failed"),
    "BOOT_FAIL": (Phase.ENDED, "a node of it could not be booted"),
    "LAUNCH_FAILED": (Phase.ENDED, "it could not be launched on its nodes"),
    "RECONFIG_FAIL": (Phase.ENDED, "a node of it could not be configured"),
    "OUT_OF_MEMORY": (Phase.ENDED, "it used more memory than it had asked for"),
    "PREEMPTED": (Phase.ENDED, "Slurm preempted it for another"),
    "REVOKED": (Phase.ENDED, "another cluster of the federation runs it"),
})

# Reasons for which Slurm keeps an allocation waiting although it can never start as it was asked for. A cluster without
# EnforcePartLimits takes such a submission first.
_NEVER: Final = re.compile(
    r"BadConstraints|DependencyNeverSatisfied|InvalidAccount|InvalidQOS|PartitionTimeLimit|PartitionNodeLimit"
    r"|AssocMax\w*PerJobLimit|QOSMax\w*PerJobLimit|QOSMin\w*|AccountNotAllowed|QOSNotAllowed|JobHeldAdmin"
    r"|AssociationTimeLimit|QOSTimeLimit")


def phase(state: str) -> Phase:
    """The phase of an allocation in this state of Slurm; `UNKNOWN` for a word that is not in the table."""
    return STATES.get(state, (Phase.UNKNOWN, ""))[0]


def sentence(state: str) -> str:
    """What this state says of an allocation, in a clause."""
    return STATES.get(state, (Phase.UNKNOWN, f"Slurm calls its state {state!r:.60}, which qloop does not know"))[1]


def hopeless(reason: str) -> bool:
    """Whether an allocation that waits for this reason would wait for ever."""
    return _NEVER.fullmatch(reason.strip("() ")) is not None
