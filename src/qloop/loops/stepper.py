"""The classical step of a loop: in this process, or on a worker of the pilot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qloop.loops.optimizers.by_name import loads
from qloop.loops.optimizers.protocol import Optimizer
from qloop.runtime.client import Client, Ticket

Values = NDArray[np.float64]
Told = Callable[[BaseException | None], None]


class Stepper(Protocol):
    """Tells an optimizer its values."""

    optimizer: Optimizer

    def tell(self, values: Values, iteration: int) -> None:
        """Take the values of the last batch; afterwards the optimizer knows its next one."""

    def tell_later(self, values: Values, iteration: int, think_s: float, told: Told) -> None:
        """The same by events: `told(error or None)` is called `think_s` seconds of work later."""


class Inline:
    """The step runs here; in virtual time it takes as long as it is modelled to."""

    def __init__(self, client: Client, optimizer: Optimizer) -> None:
        self.client, self.optimizer = client, optimizer

    def tell(self, values: Values, iteration: int) -> None:
        """Take the values of the last batch."""
        self.optimizer.tell(values)

    def tell_later(self, values: Values, iteration: int, think_s: float, told: Told) -> None:
        """Take the values now, and go on after the time that this is modelled to take."""
        error: BaseException | None = None
        try:
            self.optimizer.tell(values)
        except Exception as raised:
            error = raised
        self.client.later(think_s, lambda: told(error))


class OnWorkers:
    """The step runs as a classical task that the engine schedules; the optimizer's state travels with it.

    A step that is lost with its worker is repeated from the same state, so the loop's course does not change. One that
    cannot travel is refused here, before anything is spent.
    """

    def __init__(self, client: Client, session: str, optimizer: Optimizer) -> None:
        self.client, self.session, self.optimizer = client, session, loads(optimizer.dumps())

    def tell(self, values: Values, iteration: int) -> None:
        """Take the values of the last batch."""
        ticket = self.client.call(self.session, advance, self.optimizer.dumps(), values.tobytes(), iteration=iteration)
        self.optimizer = loads(self.client.answer(ticket))

    def tell_later(self, values: Values, iteration: int, think_s: float, told: Told) -> None:
        """Send the step to a worker; its answer comes as an event."""
        def arrived(ticket: Ticket) -> None:
            error: BaseException | None = None
            try:
                self.optimizer = loads(self.client.answer(ticket))
            except Exception as raised:
                error = raised
            self.client.later(0.0, lambda: told(error))

        self.client.call(self.session, advance, self.optimizer.dumps(), values.tobytes(), iteration=iteration,
                         modelled_s=think_s).when_done(arrived)


def advance(state: bytes, values: bytes) -> bytes:
    """The step itself, as a worker runs it: the optimizer's state after it was told."""
    optimizer = loads(state)
    optimizer.ask()
    optimizer.tell(np.frombuffer(values))
    return optimizer.dumps()
