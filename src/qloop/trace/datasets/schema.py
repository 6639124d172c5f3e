"""What a data set holds: tables and columns, each with its unit, and which columns must be there.

Source: Table 1 of C. Cicconetti, "Modeling and Performance Evaluation of Hybrid Classical-Quantum Serverless Computing
Platforms", whose columns are split here into their parts. A column is there for every row of a table, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import UnknownName

VERSION = 1
LARGEST_WHOLE = 2**63 - 1

Kind = Literal["whole", "real", "text"]
Rows = Mapping[str, NDArray[Any]]


class Column(msgspec.Struct, frozen=True):
    """A column: `least` is the smallest value it may hold, None if negative ones are fine."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    required: bool = False
    least: float | None = 0.0


class Table(msgspec.Struct, frozen=True):
    """A table: no two rows agree in all of `key`; `rising` counts up within rows that agree in the rest of the key."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    rising: str = ""

    def column(self, name: str) -> Column:
        """The column of this name; `UnknownName`, with the nearest, if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownName(f"column of {self.name}", name, self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns, in their order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the columns that must be there."""
        return tuple(column.name for column in self.columns if column.required)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Tables by name, each a mapping of column names to arrays of one length: int64, float64, or objects (texts)."""

    tables: Mapping[str, Rows]

    def table(self, name: str) -> Rows:
        """The table of this name, empty if the data set has none; `UnknownName` for a name that no table has."""
        if name not in TABLES:
            raise UnknownName("table", name, TABLES)
        return self.tables.get(name, {})

    def sizes(self, name: str = "experiments") -> tuple[int, ...]:
        """The sizes (qubits) in a table, sorted."""
        rows = self.table(name)
        return tuple(int(size) for size in np.unique(rows["n_qubits"])) if rows else ()


def rows_of(rows: Rows) -> int:
    """How many rows a table has."""
    return len(next(iter(rows.values()))) if rows else 0


def _size(required: bool = True) -> Column:
    return Column("n_qubits", "whole", "qubits", "size of the problem and of its circuit", required, 1.0)


EXPERIMENTS = Table(
    "experiments", "One row for each experiment: a session from its wish to its last sample.",
    (_size(),
     Column("instance", "whole", "", "number of the problem instance among those of its size", True),
     Column("seed", "whole", "", "seed of the experiment: its start, and the shots of its session"),
     Column("num_iterations", "whole", "iterations", "evaluations until the optimizer stopped", True, 1.0),
     Column("queued_s", "real", "s", "from the wish until the function began on a fresh worker"),
     Column("initialising_s", "real", "s", "loading of the function's libraries on that worker"),
     Column("init_s", "real", "s", "making circuit, operator and starting point"),
     Column("transpile_s", "real", "s", "checking and compiling the circuit for the QPU"),
     Column("pre_s", "real", "s", "all before the first iteration: the sum of the four above", True),
     Column("cost_time_s", "real", "s", "mean processor time of the classical step of an iteration", True),
     Column("post_s", "real", "s", "the final sampling run", True),
     Column("initial_cost", "real", "", "cost at the starting point", least=None),
     Column("final_cost", "real", "", "cost that the optimizer reports at its end", least=None),
     Column("max_cut", "real", "edges", "the maximum cut, by trying every split"),
     Column("sampled_cut", "real", "edges", "mean number of edges that the final samples cut"),
     Column("best_cut", "real", "edges", "most edges that a final sample cut"),
     Column("approximation_ratio", "real", "", "sampled_cut / max_cut"),
     Column("graph", "text", "", "where the graph is from: its seed, or its key in a HamLib file", least=None)),
    key=("n_qubits", "instance"))

ITERATIONS = Table(
    "iterations", "One row for each iteration of an experiment, in the order in which they ran.",
    (_size(),
     Column("instance", "whole", "", "the experiment's instance"),
     Column("iteration", "whole", "", "number of the iteration, from 0"),
     Column("classical_s", "real", "s", "processor time of the optimizer's step before the evaluation"),
     Column("quantum_s", "real", "s", "the evaluation, from its submission to its value", True),
     Column("cost", "real", "", "its value", least=None)),
    key=("n_qubits", "instance", "iteration"), rising="iteration")


def _estimates(name: str, meaning: str) -> Table:
    return Table(name, meaning,
                 (Column("unix_s", "real", "s", "when the estimate was asked for, since 1970", True),
                  _size(),
                  Column("backend", "text", "", "the QPU's name", True, None),
                  Column("quantum_s", "real", "s", "predicted time of one evaluation", True)),
                 key=("unix_s", "n_qubits", "backend"), rising="unix_s")


TABLES: Mapping[str, Table] = MappingProxyType({table.name: table for table in (
    EXPERIMENTS, ITERATIONS,
    _estimates("estimates", "A provider's own estimates of the time of one evaluation, on its least busy QPU."),
    _estimates("backend_estimates", "The same for QPUs that were named."))})
