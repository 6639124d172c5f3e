"""What IBM's QPUs are called."""

from __future__ import annotations

SERVICE, LOCAL = "ibm:", "ibm-local:"


def is_ibm(name: str) -> bool:
    """Whether a QPU's name is one of IBM's: `ibm:<backend>` or `ibm-local:<fake backend>`."""
    return name.startswith((SERVICE, LOCAL))
