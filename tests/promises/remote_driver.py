"""A program that loops over a remote QPU, run as a child that is killed -9 and started again until it ends.

`python -m tests.promises.remote_driver FOLDER RECOVERY LIFE`: the provider lives in a file and outlives each child; a
child kills itself at a moment drawn from the number of its life, at any step of a purchase; from life 40 on it lives.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import qloop
from qloop.qpus.protocol import Recovery
from qloop.testing.faults import kill_this_process
from qloop.testing.provider import Provider, Wire
from qloop.testing.scripted_remote import ScriptedRemoteQpu
from tests.runtime.two_qubits import ENERGY, circuit

PLAN = {("submit", 3): Wire.REPLY_LOST, ("submit", 7): Wire.DOUBLED, ("status", 9): Wire.NOT_SENT,
        ("submit", 12): Wire.LATE, ("result", 5): Wire.TRUNCATED}
ITERATIONS = 10


def main(folder: Path, recovery: Recovery, life: int) -> None:
    """One life; prints the answer if it comes to its end."""
    provider = Provider(PLAN, recovery=recovery, file=folder / "provider.json", late=3)
    qpu = ScriptedRemoteQpu(provider, settle_s=0.2, poll_s=0.002)
    left = int(np.random.Generator(np.random.Philox(key=life)).integers(1, 40))

    def step(point: str) -> None:
        nonlocal left
        left -= 1
        if left == 0 and life < 40:
            kill_this_process()

    with qloop.Runtime(qpus=[qpu], journal=folder / "journal.sqlite", run="r", resume=life > 0) as platform:
        platform.parts.quantum.remote.step = step
        with qloop.Session("vqe", runtime=platform) as session:
            found = session.minimize(circuit(), ENERGY, [0.3, -0.2], optimizer="nelder-mead", maxiter=ITERATIONS)
            print("answer", np.asarray(found.x).tobytes().hex(), found.nfev, session.details().results)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Recovery(sys.argv[2]), int(sys.argv[3]))
