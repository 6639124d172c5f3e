"""What a twin is made from and with, checked."""

from __future__ import annotations

from qloop.errors import InvalidInput
from qloop.qpus.caches.twins import CachePlan
from qloop.qpus.protocol import LocalQpu
from qloop.qpus.snapshot import Snapshot
from qloop.qpus.snapshot_checks import check_snapshot
from qloop.qpus.snapshot_files import load_snapshot
from qloop.qpus.twin_options import nanoseconds


def check_kinds(name: object, exact: object, caches: object, mitigate_readout: object) -> None:
    """`InvalidInput` for a twin's options that are no numbers, if they are of another kind than documented."""
    if not isinstance(name, str):
        raise InvalidInput(f"A twin's name is {name!r:.40}", "", "Give a text, or leave it out")
    if exact is not None and (isinstance(exact, type) or not isinstance(exact, LocalQpu)):
        raise InvalidInput(f"A twin has exact={exact!r:.40}", "It computes the noise-free values",
                           "Give a QPU of this process, such as an ExactQpu, or leave it out")
    if not (isinstance(caches, CachePlan | None) and isinstance(mitigate_readout, bool)):
        raise InvalidInput(f"A twin has caches={caches!r:.60}, mitigate_readout={mitigate_readout!r:.60}",
                           "The first is a CachePlan or None, the second True or False", "Correct it")


def checked(snapshot: object) -> Snapshot:
    """A snapshot by its name or as data."""
    data = load_snapshot(snapshot) if isinstance(snapshot, str) else snapshot
    if not isinstance(data, Snapshot):
        raise InvalidInput(f"A twin is made from {snapshot!r:.60}", "It is neither a snapshot nor a name",
                           "Give a name such as 'torino', or a Snapshot")
    check_snapshot(data, f"The snapshot {data.name!r}")
    return data


def rep_delay_ns(snapshot: Snapshot, seconds: float | None) -> int:
    """The delay before each shot: as wished, within what the device can do, or the device's own."""
    delay = snapshot.rep_delay_ns
    return delay.default if seconds is None else nanoseconds("rep_delay_s", seconds, delay.low, delay.high)
