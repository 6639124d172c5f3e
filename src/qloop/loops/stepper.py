"""The classical step of a loop: in this process, or on a worker of the pilot."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qloop.loops.optimizers.by_name import loads
from qloop.loops.optimizers.protocol import Optimizer
from qloop.runtime.client import Client

Values = NDArray[np.float64]


class Stepper(Protocol):
    """Tells an optimizer its values."""

    optimizer: Optimizer

    def tell(self, values: Values, iteration: int) -> None:
        """Take the values of the last batch; afterwards the optimizer knows its next one."""


class Inline:
    """The step runs here."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer

    def tell(self, values: Values, iteration: int) -> None:
        """Take the values of the last batch."""
        self.optimizer.tell(values)


class OnWorkers:
    """The step runs as a classical task that the engine schedules; the optimizer's state travels with it.

    A step that is lost with its worker is repeated from the same state, so the loop's course does not change.
    """

    def __init__(self, client: Client, session: str, optimizer: Optimizer) -> None:
        self.client, self.session, self.optimizer = client, session, optimizer

    def tell(self, values: Values, iteration: int) -> None:
        """Take the values of the last batch."""
        import cloudpickle

        payload = cloudpickle.dumps((advance, (self.optimizer.dumps(), values.tobytes()), {}))
        answer = self.client.answer(self.client.call(self.session, payload, iteration))
        self.optimizer = loads(cloudpickle.loads(answer))


def advance(state: bytes, values: bytes) -> bytes:
    """The step itself, as a worker runs it: the optimizer's state after it was told."""
    optimizer = loads(state)
    optimizer.ask()
    optimizer.tell(np.frombuffer(values))
    return optimizer.dumps()
