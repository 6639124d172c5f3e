"""A loop that is killed in the middle, and goes on where it was: nothing that was bought is bought again."""

import os
import signal
import subprocess
import sys

import qloop
from qloop.miniapps.problems.registry import problem

lih = problem("lih", layers=1)
PLAN = {"x0": lih.initial_point(seed=3), "optimizer": "spsa", "maxiter": 60, "seed": 3}


def first_life() -> None:
    """Die by SIGKILL in iteration 25: no cleaning up, no last words."""
    with qloop.Session("lih") as session:
        print(session.id, flush=True)
        session.minimize(lih.circuit, lih.observable, **PLAN,
                         callback=lambda entry: entry.number == 25 and os.kill(os.getpid(), signal.SIGKILL))


def second_life(identity: str) -> None:
    """The same program again, in the session that was left behind."""
    with qloop.Session.from_id(identity) as session:
        result = session.minimize(lih.circuit, lih.observable, **PLAN)
    print(f"resumed: {result.resumed} of {result.nfev} evaluations came from the journal")
    print(f"energy {result.fun:.4f} hartree, exact {lih.ground_energy:.4f}")


if len(sys.argv) > 1:
    first_life()
else:
    killed = subprocess.run([sys.executable, __file__, "first"], capture_output=True, text=True)
    print(f"the first life ended with status {killed.returncode}")
    second_life(killed.stdout.strip())
