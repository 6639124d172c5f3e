"""The folder of a recording: finished experiments are kept at every moment, whatever ends the process.

An experiment is committed by its row in `experiments.csv`, appended in one write after its trace and its rows in
`iterations.csv` are there. When a recording goes on, a row that was cut short and iterations without a committed
experiment are dropped, so that no experiment is there twice or in part.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from qloop.errors import Conflict, InvalidInput
from qloop.miniapps.recording.experiment import Record
from qloop.trace.datasets import csv_files
from qloop.trace.datasets.schema import EXPERIMENTS, ITERATIONS

SETTINGS, LOCK = "recording.json", ".lock"


class Ledger:
    """Opens the folder of a recording, new or to go on with; a context manager, as only one process may write.

    `identity` must be that of the earlier run; `about` is provenance. Raises Conflict if it is another, or if another
    process is recording there; InvalidInput if the folder cannot be used.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        self.folder = folder
        self.experiments, self.iterations = folder / "experiments.csv", folder / "iterations.csv"
        try:
            (folder / "traces").mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder)
        except OSError as error:
            raise InvalidInput(f"{folder} cannot be used", error.strerror or str(error), "Name another one") from None
        try:
            _agree(folder, identity, about)
            self.done = self._mend()
        except BaseException:
            self.close()
            raise

    def trace(self, size: int, number: int) -> Path:
        """Where the trace of an experiment is kept."""
        return self.folder / "traces" / f"q{size:02d}-i{number:03d}.trace.jsonl.gz"

    def part(self, size: int, number: int) -> Path:
        """Where it is written while the experiment runs."""
        return self.folder / "traces" / f"part-{self.trace(size, number).name}"

    def commit(self, record: Record) -> None:
        """Keep a finished experiment; InvalidInput if the disk does not take it (what was kept stays)."""
        row = record.row
        size, number = int(row["n_qubits"]), int(row["instance"])
        columns = [name for name in EXPERIMENTS.names if name in row]
        steps = zip(record.classical_s, record.quantum_s, record.cost, strict=True)
        lines = [csv_files.line((size, number, k, *step)) for k, step in enumerate(steps)]
        try:
            if self.part(size, number).exists():
                self.part(size, number).replace(self.trace(size, number))
            _append(self.iterations, ITERATIONS.names, lines)
            _append(self.experiments, columns, [csv_files.line([row[name] for name in columns])])
        except OSError as error:
            raise InvalidInput(f"The recording in {self.folder} cannot be written", error.strerror or str(error),
                               "Free space and give the same command again; finished experiments are kept") from None
        self.done.add((size, number))

    def _mend(self) -> set[tuple[int, int]]:
        """Drop what a kill left unfinished; the (size, number) of all committed experiments."""
        done = {_name(line) for line in _whole_lines(self.experiments)[1:]}
        steps = _whole_lines(self.iterations)
        while len(steps) > 1 and _name(steps[-1]) not in done:
            steps.pop()
        if steps and _content(self.iterations) != "".join(steps):
            csv_files.replace(self.iterations, "".join(steps).encode())
        for part in (self.folder / "traces").glob("part-*"):
            part.unlink()
        return done

    def close(self) -> None:
        """Let others record here."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _locked(folder: Path) -> int:
    """The lock of a folder; the system takes it back when the process ends, however it ends."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise Conflict(f"Another process is recording in {folder}", "", "Wait for it, or name another folder") from None
    return lock


def _agree(folder: Path, identity: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """The settings are those of the recording that is there; they are written if none is."""
    path = folder / SETTINGS
    if not path.exists():
        if (folder / "experiments.csv").exists() or (folder / "experiments.parquet").exists():
            raise Conflict(f"{folder} holds a data set that was not recorded there", f"It has no {SETTINGS}",
                           "Name another folder")
        content = msgspec.json.encode({"settings": identity, "about": about})
        csv_files.replace(path, msgspec.json.format(content, indent=2))
        return
    try:
        there = msgspec.json.decode(path.read_bytes())["settings"]
    except (OSError, msgspec.DecodeError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} cannot be read", str(error), "Name another folder") from None
    for name, value in identity.items():
        if there.get(name) != value:
            raise Conflict(f"The recording in {folder} was begun with {name} {there.get(name)!r}, not {value!r}",
                           "Its rows would not belong together", "Give the same settings, or name another folder")


def _append(path: Path, header: Sequence[str], lines: Sequence[str]) -> None:
    """Append whole lines in one write, and wait until the disk has them."""
    with path.open("ab", buffering=0) as file:
        begun = file.tell()
        text = ("" if begun else csv_files.line(header)) + "".join(lines)
        content = text.encode()
        if file.write(content) != len(content):
            os.ftruncate(file.fileno(), begun)
            raise OSError(28, "No space left on device")
        os.fsync(file.fileno())


def _content(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _whole_lines(path: Path) -> list[str]:
    """The lines that end; a last one that was cut short is removed from the file."""
    content = _content(path)
    whole = content[:content.rfind("\n") + 1]
    if len(whole) < len(content):
        csv_files.replace(path, whole.encode())
    return whole.splitlines(keepends=True)


def _name(line: str) -> tuple[int, int]:
    """The (size, number) with which a row begins."""
    size, number = line.split(",")[:2]
    return int(size), int(number)
