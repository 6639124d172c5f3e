"""Reading what Slurm's commands print: one line of `squeue` for each allocation, and the ids that `sbatch` gives."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from qloop.errors import QloopError

# Widths are bounds: squeue cuts a field that is longer, and pads one that is shorter. The reason comes last because it
# alone is free text.
_FIELDS: Final = (("JobArrayID", 48), ("State", 32), ("RestartCnt", 12), ("TimeLeft", 24), ("BatchHost", 128),
                  ("Name", 256), ("Reason", 256))
FORMAT: Final = ",".join(f"{name}:{width}|" for name, width in _FIELDS)

_ID: Final = re.compile(r"\d+(_\d+)?")
_TIME: Final = re.compile(r"(?:(?P<days>\d+)-)?(?:(?:(?P<hours>\d+):)?(?P<minutes>\d+):)?(?P<seconds>\d+)")
_SUBMITTED: Final = re.compile(r"^(?P<id>\d+)(;\S*)?$", re.MULTILINE)
_FIELD: Final = re.compile(r"(\w+)=(\S*)")


class SlurmAnswerError(QloopError):
    """A command of Slurm printed what cannot be read."""

    code = "slurm_answer"


class Seen(NamedTuple):
    """An allocation as Slurm shows it: `left_s` until its walltime (inf: no end, nan: not said), `restarts` so far."""

    id: str
    state: str
    restarts: int
    left_s: float
    host: str
    name: str
    reason: str


def listing(text: str) -> list[Seen]:
    """The allocations that `squeue --noheader --array --Format=FORMAT` printed.

    Raises `SlurmAnswerError` for a line that is none: half an answer would look like allocations that have ended.
    """
    return [_line(line) for line in text.splitlines() if line.strip()]


def _line(line: str) -> Seen:
    fields = [field.strip() for field in line.split("|", len(_FIELDS) - 1)]
    if len(fields) != len(_FIELDS) or not _ID.fullmatch(fields[0]) or not fields[2].isdigit():
        raise SlurmAnswerError("squeue printed a line that cannot be read", repr(line[:200]),
                               "See whether another program is called by the name of squeue")
    name, state, restarts, left, host, called, reason = fields
    return Seen(name, state, int(restarts), seconds(left), _given(host), called, _given(reason.removesuffix("|")))


def _given(field: str) -> str:
    field = field.strip()
    return "" if field in ("N/A", "None", "(null)", "n/a") else field


def seconds(text: str) -> float:
    """`[days-][[hours:]minutes:]seconds` as seconds; inf for UNLIMITED, nan for what says nothing."""
    if text == "UNLIMITED":
        return float("inf")
    found = _TIME.fullmatch(text)
    if found is None:
        return float("nan")
    days, hours, minutes, rest = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + rest)


def submitted(text: str) -> str:
    """The id that `sbatch --parsable` printed; messages of the site may come before it."""
    found = list(_SUBMITTED.finditer(text))
    if not found:
        raise SlurmAnswerError("sbatch printed no id", repr(text[-200:]),
                               "See whether another program is called by the name of sbatch")
    return found[-1]["id"]


def shown(text: str) -> tuple[str, int]:
    """State and restarts from what `scontrol show` printed; ("", 0) if they are not there."""
    fields = dict(_FIELD.findall(text))
    restarts = fields.get("Restarts", "0")
    return fields.get("JobState", ""), int(restarts) if restarts.isdigit() else 0
