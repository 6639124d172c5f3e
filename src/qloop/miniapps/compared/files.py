"""The live subset on disk: everything as JSON, the runs and the guesses as tables, the figures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from qloop.errors import QloopError
from qloop.miniapps.compared import figures
from qloop.miniapps.compared.found import Found, read
from qloop.trace.drawing.style import save

NAME = "live.json"


def write(found: Found, folder: Path, colours: Mapping[str, str]) -> tuple[Path, ...]:
    """Write `live.json`, `live-runs.csv`, `live-speculation.csv` and the figures; QloopError if that cannot be."""
    told = {NAME: json.dumps(found.document(), indent=1) + "\n",
            "live-runs.csv": _table([{"seed": run.seed, "load": run.load, "policy": run.policy, **run.numbers}
                                     for run in found.runs])}
    drawn = {"live-energy": figures.energy(found, colours)}
    if found.guesses:
        told["live-speculation.csv"] = _table([msgspec.to_builtins(row) for row in found.guesses])
        drawn["live-speculation"] = figures.speculation(found)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in told.items():
            (folder / name).write_text(text)
        pictures = [path for name, one in drawn.items() for path in save(one, folder / "figures" / name)]
    except OSError as error:
        raise QloopError(f"{folder} cannot be written", error.strerror or str(error),
                         "Give another folder with --out") from error
    return (*(folder / name for name in told), *pictures)


def read_back(folder: Path) -> Found | None:
    """What an earlier command wrote there; None if nothing that can be read did."""
    try:
        return read(json.loads((folder / NAME).read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    sink = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(sink, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue()
