"""Which version of a simulation library is installed."""

from __future__ import annotations

from importlib import metadata, util


def installed(distribution: str, module: str = "") -> str | None:
    """The distribution's version, or None if its module cannot be imported here."""
    if util.find_spec(module or distribution) is None:
        return None
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
