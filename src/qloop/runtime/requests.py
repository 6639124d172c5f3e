"""Checks of what a loop asks for, before anything is spent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.model.limits import MAX_BATCH, MAX_SHOTS
from qloop.runtime.programs import Source
from qloop.runtime.quantum import Book


def check(thetas: NDArray[np.float64], n_parameters: int, shots: int, counts: bool) -> NDArray[np.float64]:
    """The parameter sets as a contiguous (batch, parameters) array of float64; InvalidInput if they cannot be used.

    It is a copy: optimizers change their arrays in place while a submitted task still waits.
    """
    try:
        rows = np.array(thetas, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise InvalidInput("The parameters are not numbers", str(error), "Give a sequence of real numbers") from None
    rows = rows.reshape(1, -1) if rows.ndim == 1 else rows
    if rows.ndim != 2 or not 1 <= len(rows) <= MAX_BATCH:
        raise InvalidInput(f"The parameter sets have shape {rows.shape}", "",
                           f"Give (batch, parameters) with 1 to {MAX_BATCH} sets")
    if rows.shape[1] != n_parameters:
        raise InvalidInput(f"{rows.shape[1]} parameters were given", f"The circuit has {n_parameters}",
                           "Give one value for each parameter, in the order of circuit.parameters")
    if not np.isfinite(rows).all():
        where = np.argwhere(~np.isfinite(rows))[0]
        raise InvalidInput(f"Parameter {where[1]} of set {where[0]} is {rows[tuple(where)]}", "",
                           "Give finite values; an optimizer that diverged needs smaller steps")
    check_shots(shots, counts)
    return rows


def check_shots(shots: int, counts: bool) -> None:
    """InvalidInput unless `shots` is 0 (exact expectation values) or a possible number of shots."""
    if isinstance(shots, bool) or not isinstance(shots, int | np.integer):
        raise InvalidInput(f"The number of shots is {shots!r}", "", "Give an integer")
    if not 0 <= shots <= MAX_SHOTS:
        raise InvalidInput(f"The number of shots is {shots}", "",
                           f"Give 1 to {MAX_SHOTS}, or None for exact expectation values")
    if counts and shots == 0:
        raise InvalidInput("Counts were asked for without shots", "", "Give a number of shots above 0")


def source(book: Book, structure: str) -> Source:
    """The prepared circuit of this structure."""
    found = book.shelf.sources.get(structure)
    if found is None:
        raise InvalidInput("The circuit was not prepared in this session", "", "Call prepare first")
    return found
