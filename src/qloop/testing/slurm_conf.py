"""The configuration of a Slurm that lives on one machine, in one folder, on loopback, for the length of a test run."""

from __future__ import annotations

import getpass
import platform
import secrets
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

# What a partition may not do is what tests of refusals need: one that is short, one that is closed, one that yields.
PARTITIONS: Final[Mapping[str, str]] = {
    "main": "Default=YES MaxTime=UNLIMITED PriorityTier=10",
    "short": "MaxTime=2 MaxNodes=1 PriorityTier=10",
    "closed": "State=INACTIVE PriorityTier=10",
    "low": "MaxTime=UNLIMITED PriorityTier=1 PreemptMode=REQUEUE",
}

_IDS: Final = 60_000_000        # Slurm begins anew at 67,043,328

_CONF: Final = """\
# Everything is in this folder and on loopback: it meets no other Slurm of this machine.
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/spool.%n
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdLogFile={folder}/slurmd.%n.log
SlurmdParameters=config_overrides
# No cgroups, no accounting, no affinity: plain processes.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=pmi2
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=qpu
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
EnforcePartLimits=ALL
ReturnToService=2
# MPICH names shared memory after the id of an allocation: two clusters of one machine must not count alike.
FirstJobId={first_id}
# Fast in everything that a test has to wait for.
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_interval=1
KillWait=2
MinJobAge={min_age_s}
InactiveLimit=0
SlurmctldTimeout=300
SlurmdTimeout={node_timeout_s}
MessageTimeout=5
JobRequeue=1
{nodes}
{partitions}
"""


def write(folder: Path, *, nodes: Sequence[str], cores: int, memory_mib: int, node_timeout_s: int,
          min_age_s: int) -> Path:
    """Write `slurm.conf` and `gres.conf` into the folder, with ports that are free now; the path of the former.

    Each node has `cores` cores, `memory_mib` MiB and one gres `qpu`. A node that does not answer for
    `node_timeout_s` seconds is down; what has ended is listed for `min_age_s` seconds more.
    """
    host = platform.node().partition(".")[0]
    first, *ports = free_ports(1 + len(nodes))
    lines = [f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cores} Sockets=1 "
             f"CoresPerSocket={cores} ThreadsPerCore=1 RealMemory={memory_mib} Gres=qpu:1 State=UNKNOWN"
             for name, port in zip(nodes, ports, strict=True)]
    partitions = [f"PartitionName={name} Nodes={','.join(nodes)} {rules}" for name, rules in PARTITIONS.items()]
    path = folder / "slurm.conf"
    path.write_text(_CONF.format(host=host, controller_port=first, user=getpass.getuser(), folder=folder,
                                 first_id=1 + secrets.randbelow(_IDS),
                                 node_timeout_s=node_timeout_s, min_age_s=min_age_s, nodes="\n".join(lines),
                                 partitions="\n".join(partitions)))
    (folder / "gres.conf").write_text(f"NodeName={','.join(nodes)} Name=qpu Count=1\n")
    return path


def free_ports(count: int) -> list[int]:
    """Ports of loopback that are free now, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
