"""What a compiled kernel is made for: its policy's functions, and the effects that the scenario has.

The kernel's modules import these names; `compiled.py` puts the scenario's own values in their place before it
compiles, so that calls to the policy are direct and what is off costs nothing. As they stand they are plain `fifo`
with everything on: the kernel runs as plain Python, too.
"""

from __future__ import annotations

from qloop.policies.order import enter_fifo as enter
from qloop.policies.order import note_nothing as finish
from qloop.policies.order import note_nothing as pause
from qloop.policies.order import note_nothing as start
from qloop.policies.order import pick_first as pick
from qloop.policies.order import pick_first as scan
from qloop.policies.place import least_wait as place_cost
from qloop.policies.session import quiet_until
from qloop.policies.switching import never as switch

__all__ = ["enter", "finish", "pause", "pick", "place_cost", "quiet_until", "scan", "start", "switch"]

CLASSES = 1             # lanes of a QPU, or of the platform if they are shared
SHARED_LANES = False    # all QPUs serve the same lanes
ENTER_DRAWS = False     # whether `enter` reads its draw
PICK_DRAWS = False      # whether `pick` reads its draw
QUIET = False           # calibrations that are due may wait for the policy
STATELESS = False       # nothing is kept between two tasks of a session
SLOTS = True            # classical tasks have a worker each, and do not share
CONTAINERS_ON = True       # cold and warm starts
DELAYS_ON = True        # transfer, submission, pauses, cold starts
LIVES_ON = True         # TTLs of sessions
CALIBRATES = True       # calibration windows
RECALIBRATES = True     # calibrations that a predicted loss calls for
DRIFTS = True           # errors and their drift are followed
OUTAGES_ON = True       # QPUs fail
COLD_QPU = True         # first shots lose time
ATTEMPTS_FAIL = True    # quantum attempts fail
CLASSICAL_FAILS = True  # classical tasks fail
BLOCKS = True           # rows have blocks for each QPU (policies/fits.py)
CHUNKS = True           # long tasks run in chunks
FAIR_POOL = True        # classical tasks wait for workers in the policy's order
CLOSED = True           # a fixed number of users in place of a stream of arrivals
