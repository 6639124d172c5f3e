"""Which policies a test of all of them takes, and when: their number has grown beyond what each run has time for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from qloop.policies.catalog import builtin

FIRST = frozenset(("fifo", "fifo_swap", "lifo", "random", "weighted", "sjf", "easy", "reservation", "efaas"))


def whole() -> frozenset[str]:
    """The policies that are not another one minus a part."""
    return frozenset(name for name in builtin() if not name.startswith("efaas-"))


def in_time(at_once: frozenset[str], in_ci: frozenset[str], names: Iterable[str] = ()) -> list[Any]:
    """All policies, or these, as parameters of a test: for `make test`, for `make test-ci`, or `make test-all` only."""
    marks = {name: () if name in at_once else pytest.mark.ci if name in in_ci else pytest.mark.everything
             for name in names or builtin()}
    return [pytest.param(name, marks=marks[name]) for name in sorted(marks)]


# What is compiled, or tried at length, in CI besides: the rest are orders by a key or parts of these.
CI = frozenset(("session", "fairshare", "efaas_expected"))
QUICK = in_time(whole(), frozenset())
LONG = in_time(FIRST, CI)
