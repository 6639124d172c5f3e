"""What an engine's own worker does for an allocation: it starts an agent as a process of its own and waits for its end.

So neither the engine's threads nor its restarts meet a task. The agent ends when the engine's worker does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from qloop.pilots.allocator import TOKEN_VARIABLE
from qloop.pilots.sharing import THREAD_VARIABLES


def run_agent(words: Sequence[str], token: str) -> str:
    """Run the agent of this command line, by the Python of this process; how it ended, with its last words."""
    # Engines set the numbers of threads for themselves; a worker of ours is one core until a task asks for more.
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1"), TOKEN_VARIABLE: token}
    with tempfile.TemporaryFile() as log:
        agent = subprocess.Popen([sys.executable, *words[1:]], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 env=environment, start_new_session=True)
        try:
            status = agent.wait()
        except BaseException:
            agent.terminate()
            agent.wait()
            raise
        log.seek(max(0, log.tell() - 1000))
        said = log.read().decode(errors="replace").strip()
    return f"its agent ended with exit status {status}" + (f": {said}" if said else "")
