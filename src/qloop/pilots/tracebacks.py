"""The traceback of a user's function, as if it had been called at home."""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Final

_OURS: Final = ("qloop.pilots.", "qloop.functions.", "qloop.runtime.")


def own_text(error: BaseException) -> str:
    """The traceback that begins in the user's code: the frames of qloop that called it are left out."""
    elsewhere = getattr(error, "own_traceback", "")
    if isinstance(elsewhere, str) and elsewhere:
        return elsewhere        # it was raised in another process
    try:
        return "".join(traceback.format_exception(type(error), error, theirs(error.__traceback__)))
    except BaseException:
        return f"{type(error).__name__} (its traceback could not be printed)\n"


def theirs(frames: TracebackType | None) -> TracebackType | None:
    """The frames from the first that is not qloop's machinery; all of them, if that raised by itself."""
    found = frames
    while found is not None and str(found.tb_frame.f_globals.get("__name__", "")).startswith(_OURS):
        found = found.tb_next
    return found if found is not None else frames
