"""Every limit with its unit: nothing in qloop grows without bound; what is over a limit is refused with a reason."""

from __future__ import annotations

import msgspec

SECOND = 1_000_000_000          # nanoseconds
NEVER = 2**62                   # a time that does not come, ns (146 years)


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one engine."""

    open_sessions: int = 100_000
    waiting_tasks: int = 1_000_000
    waiting_per_tenant: int = 500_000
    waiting_per_session: int = 200_000
    warm_environments: int = 64                 # that one worker keeps; the least recently used one leaves
    passed_over_ns: int = 10 * SECOND           # after which a node is kept free for a large classical task
    attempts: int = 3                           # tries of one task before it fails
    interactive_ttl_ns: int = 300 * SECOND      # idle time after which a session's next task queues again
    max_ttl_ns: int = 8 * 3600 * SECOND         # life of a session


MIN_WEIGHT, MAX_WEIGHT = 1e-6, 1e6    # of sessions and tenants
MAX_ESTIMATE_S = 1e8            # largest estimate of one task, QPU or CPU seconds
MIN_WINDOW_S = 1.0              # shortest window of a quota, seconds
MAX_WINDOW_S = 366 * 24 * 3600.0        # longest window of a quota, seconds
MAX_SHOTS = 100_000_000         # shots of one quantum task
MAX_BATCH = 1_000_000           # parameter sets of one quantum task
MAX_TIMEOUT_S = 366 * 24 * 3600.0   # longest time-out anywhere, seconds
LARGE_BYTES = 2**20             # parts of arguments and results that are so large travel as files
MAX_FILES_BYTES = 2**36         # files of one run, together
