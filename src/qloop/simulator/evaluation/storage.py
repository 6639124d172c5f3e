"""A cell under a contender as a Parquet file: a row for each replication, and what it was made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.policies.record import Policy
from qloop.simulator.evaluation.plan import Entry, seed_of
from qloop.simulator.evaluation.platform import Stage, scenario
from qloop.simulator.evaluation.quantities import QUANTITIES
from qloop.simulator.evaluation.workload import Work
from qloop.simulator.paper.storage import UnreadableError, file, parquet
from qloop.simulator.platform import world
from qloop.simulator.platform.compiled import Effects, specialiser
from qloop.simulator.scenario import Scenario

SCHEMA = 1
Columns = dict[str, NDArray[np.float64]]
TOLD = tuple(one for one in fields(Policy) if one.name not in ("name", "settings"))
SOURCES = ("calibrated", "lag", "measured", "platform", "quantities", "shots", "starving", "workload")


@dataclass(frozen=True, slots=True)
class Setting:
    """What all entries of an evaluation share."""

    stage: Stage
    work: Work
    seed: int

    def scenario(self, entry: Entry) -> Scenario:
        """The scenario of an entry."""
        return scenario(entry.cell, self.stage, self.work, entry.contender.record(),
                        seed_of(self.seed, entry.tuning))

    @property
    def first_s(self) -> float:
        """What a session's first quantum task loses to cold caches under every policy, s."""
        return self.stage.compile_s + self.stage.load_s


def made_from(entry: Entry, setting: Setting) -> str:
    """A name for everything that the numbers of an entry depend on: parameters, code, compiler."""
    record = entry.contender.record()
    told = (SCHEMA, asdict(entry.cell), asdict(setting), entry.tuning, sorted(record.settings.items()),
            kernel_of(entry, setting), _sources())
    return hashlib.sha256(repr(told).encode()).hexdigest()[:24]


def kernel_of(entry: Entry, setting: Setting) -> str | None:
    """The fingerprint of the kernel that runs an entry, made once for each kernel."""
    record, effects = entry.contender.record(), world.effects(setting.scenario(entry))
    return _fingerprint(tuple(getattr(record, one.name) for one in TOLD), effects)


@cache
def _fingerprint(told: tuple[Any, ...], effects: Effects) -> str | None:
    from qloop.simulator.platform.kernel import simulate

    record = Policy(**{"name": "", **dict(zip((one.name for one in TOLD), told, strict=True))})
    return specialiser(record, effects).fingerprint(simulate)


@cache
def _sources() -> str:
    """A name for what draws and measures."""
    here = Path(__file__).parent
    return hashlib.sha256(b"".join((here / f"{name}.py").read_bytes() for name in SOURCES)).hexdigest()


def path_of(folder: Path, entry: Entry) -> Path:
    """The file of an entry."""
    plain = "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in entry.contender.name)
    return folder / "points" / ("tuning" if entry.tuning else "evaluation") / entry.cell.name / f"{plain}.parquet"


def write(path: Path, entry: Entry, columns: Mapping[str, NDArray[np.float64]], made: str) -> None:
    """Write an entry's replications 0, 1, ...; QloopError if the file cannot be written."""
    import pyarrow as pa

    about = {"schema": SCHEMA, "made_from": made, "cell": asdict(entry.cell), "contender": entry.contender.name,
             "policy": entry.contender.policy, "settings": dict(entry.contender.settings), "tuning": entry.tuning}
    table = pa.table({name: columns[name] for name in QUANTITIES})
    with file(path) as sink:
        parquet().write_table(table.replace_schema_metadata({"qloop": json.dumps(about)}), sink, compression="zstd")


def read(path: Path, made: str) -> Columns | None:
    """The replications of a file that was made so; None if there is none or it was made otherwise.

    Raises UnreadableError if the file is damaged.
    """
    import pyarrow as pa

    if not path.exists():
        return None
    try:
        table = parquet().read_table(path)
        about = json.loads(table.schema.metadata[b"qloop"])
        if about["made_from"] != made:
            return None
        return {name: np.asarray(table[name].to_numpy(), np.float64) for name in QUANTITIES}
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise UnreadableError((str(error).splitlines() or [type(error).__name__])[0]) from error
