"""Where runs lie on disk: one journal a run, so that two programs never meet on a file."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

from qloop.errors import UnknownName

ENVIRONMENT = "QLOOP_HOME"


def home() -> Path:
    """The folder of all runs: $QLOOP_HOME, or `.qloop` in the working folder."""
    return Path(os.environ.get(ENVIRONMENT) or ".qloop")


def new_run_id() -> str:
    """An id that sorts by time and does not repeat: `r20260102-030405-1a2b3c`."""
    return f"r{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"


def journal_path(run: str) -> Path:
    """The journal of a run."""
    return home() / "runs" / f"{run}.qloop"


def files_folder(journal: Path) -> Path:
    """The folder of large values beside a journal."""
    return journal.with_name(f"{journal.name}.files")


def trace_path(run: str) -> Path:
    """The trace of a run."""
    return home() / "runs" / f"{run}.trace.jsonl"


def run_ids() -> list[str]:
    """The runs that have a journal, oldest first."""
    folder = home() / "runs"
    return sorted(path.stem for path in folder.glob("*.qloop")) if folder.is_dir() else []


def run_of_session(session: str) -> str:
    """The run in whose journal a session lies; its id begins with the run's."""
    run = session.rsplit(".", 1)[0]
    if not journal_path(run).is_file():
        raise UnknownName("session", session, (f"{known}.*" for known in run_ids()))
    return run
