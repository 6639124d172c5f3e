"""Where a mini-app of the command line runs: a runtime of its own, with a line that tells how far it is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from qloop.cli import order
from qloop.model.needs import ANYWHERE, Needs

if TYPE_CHECKING:
    from collections.abc import Callable

    from qloop.loops.session import Session
    from qloop.miniapps.motifs.site import Handle, Site

T = TypeVar("T")
TENANT = "default"      # of sessions that name none


@contextmanager
def place(args: argparse.Namespace, name: str) -> Iterator[Site]:
    """The site that the options ask for; raises what is wrong with them before anything runs."""
    from qloop.miniapps.motifs.site import InProcess, OnWorkers
    from qloop.runtime.embedded import Runtime
    from qloop.runtime.pilots import pilot_specs

    pilots = order.pilots_of([word.strip() for word in args.pilots.split(",") if word.strip()])
    with ExitStack() as stack:
        runtime = stack.enter_context(Runtime(qpus=qpus_of(args), workers=args.workers, pilots=pilots,
                                              journal=":memory:", clock=order.clock_of(args.clock),
                                              budgets={TENANT: args.budget} if args.budget else {}))
        slots = sum(spec.most for spec in pilot_specs(args.workers, pilots))
        site: Site = stack.enter_context(OnWorkers(runtime, slots)) if slots else InProcess(runtime)
        if args.json or not sys.stderr.isatty():
            yield site
        else:
            yield stack.enter_context(_watched(site, name))


def qpus_of(args: argparse.Namespace) -> list[str]:
    """The names of the QPUs."""
    return [name.strip() for name in args.qpus.split(",")]


@contextmanager
def _watched(site: Site, name: str) -> Iterator[Site]:
    """The same site, with a line on the terminal's error stream that counts its tasks."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.fields[told]}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        yield Counted(site, bar, bar.add_task(name, total=None, told=""))


class Counted:
    """A site that tells a bar of its tasks, and is the one inside otherwise."""

    def __init__(self, site: Site, bar: Any, line: Any) -> None:
        self._site, self._bar, self._line = site, bar, line
        self._sent = self._back = 0

    @property
    def slots(self) -> int:
        """How many classical tasks run at a time."""
        return self._site.slots

    def submit(self, function: Callable[..., T], *arguments: Any, needs: Needs = ANYWHERE,
               modelled_s: float = 0.0) -> Handle[T]:
        """Submit, and count."""
        self._sent += 1
        self._show()
        return CountedHandle(self._site.submit(function, *arguments, needs=needs, modelled_s=modelled_s), self.returned)

    def gang(self, function: Callable[..., T], *arguments: Any, ranks: int, limit_s: float) -> Handle[list[T]]:
        """Submit, and count as one task."""
        self._sent += 1
        self._show()
        return CountedHandle(self._site.gang(function, *arguments, ranks=ranks, limit_s=limit_s), self.returned)

    def returned(self) -> None:
        """A classical task is back."""
        self._back += 1
        self._show()

    def _show(self) -> None:
        self._bar.update(self._line, told=f"{self._back:,} of {self._sent:,} classical tasks")

    def session(self, name: str = "", **settings: Any) -> Session:
        """A session on the runtime."""
        return self._site.session(name, **settings)

    def now_s(self) -> float:
        """Seconds of the site's clock."""
        return self._site.now_s()

    def until(self, finished: Callable[[], bool]) -> None:
        """Let time pass."""
        self._site.until(finished)


class CountedHandle:
    """A handle that tells when its result is taken."""

    def __init__(self, inner: Any, told: Callable[[], None]) -> None:
        self._inner, self._told = inner, told

    def result(self) -> Any:
        """The result; counted."""
        value = self._inner.result()
        self._told()
        return value

    @property
    def ran_s(self) -> float:
        """Seconds that it ran."""
        return float(self._inner.ran_s)

    @property
    def waited_s(self) -> float:
        """Seconds that it waited."""
        return float(self._inner.waited_s)

    @property
    def moved(self) -> int:
        """Bytes that travelled."""
        return int(self._inner.moved)
