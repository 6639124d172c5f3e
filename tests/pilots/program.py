"""A user's program, run by tests as a process of its own: starts a pilot, tells what runs, and then does as told.

    python -m tests.pilots.program HOW
"""

from __future__ import annotations

import os
import sys

from qloop.pilots.local import LocalPilot
from qloop.pilots.payload import open_value
from qloop.testing import pilot_tasks as tasks
from qloop.testing.pilot_drive import PilotDrive

from .processes import parent


def main(how: str) -> None:
    drive = PilotDrive(LocalPilot(), 2)
    pilot = drive.pilot
    assert isinstance(pilot, LocalPilot)
    idle, busy = drive.workers()
    below = open_value(drive.call(tasks.spawn_sleepers, False, worker=busy))
    below += open_value(drive.call(tasks.spawn_sleepers, True, worker=busy))
    attempt = drive.submit(tasks.sleep, 600.0, worker=busy)
    drive.began(attempt)
    workers = list(pilot.pids().values())
    try:
        print(parent(workers[0]), *workers, *below, flush=True)
        if how == "exit":
            sys.exit(0)
        while True:
            drive.listen(60.0)
    except KeyboardInterrupt:
        # The terminal's Ctrl-C reached this program alone: its workers are as they were.
        assert drive.ends(attempt) == 0
        print(open_value(drive.call(tasks.add, 20, 22, worker=idle)), drive.workers() == [idle, busy], flush=True)
        pilot.stop()
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
