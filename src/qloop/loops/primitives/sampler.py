"""SamplerV2: bit strings as Qiskit asks for them, from a session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Unpack

from qiskit.primitives import BaseSamplerV2

from qloop.loops.primitives import asking, sampling
from qloop.loops.primitives.call import PrimitiveCall
from qloop.loops.primitives.options import Options, shots_of
from qloop.loops.primitives.primitive import Primitive, each
from qloop.loops.primitives.settings import SessionSettings

DEFAULT_SHOTS = 1024
"""What Qiskit's own StatevectorSampler takes if nobody asks for another number."""


class SamplerV2(Primitive, BaseSamplerV2):      # type: ignore[misc]
    """Qiskit's sampler in a session of qloop: `SamplerV2(session=s)`, or `SamplerV2(qpu="exact")` for its own.

    `mode` is another name of `session`. Where neither PUB nor run names a number of shots, `shots` counts (also called
    `default_shots`, as argument and as option), then the session's, then 1024. Further keywords open the session, see
    `qloop.Session`. `drop_idle`: leave qubits out that the circuit does not touch.
    """

    def __init__(self, mode: object = None, *, session: object = None, options: Mapping[str, Any] | None = None,
                 shots: int | None = None, default_shots: int | None = None, drop_idle: bool = True,
                 **settings: Unpack[SessionSettings]) -> None:
        self.options = Options(("default_shots",), options, default_shots=default_shots if shots is None else shots)
        super().__init__(mode, session, self.options.default_shots, drop_idle, settings)

    @property
    def default_shots(self) -> int:
        """The shots of PUBs that name none."""
        return int(self.options.default_shots or self.session.shots or DEFAULT_SHOTS)

    def run(self, pubs: Iterable[Any], *, shots: int | None = None) -> PrimitiveCall:
        """Submit the tasks of all PUBs, `circuit` or `(circuit, parameter values, shots)`, and return at once.

        Each PUB is one task over all its sets of parameters. Nothing is submitted if a PUB is wrong (`InvalidInput`,
        `Refused`). A task known to take less than 5 ms may be done when this returns.
        """
        with self._lock:
            given = self.session
            client = given.client
            wanted = self.default_shots if shots is None else shots_of(shots)
            desk = sampling.Desk(client, given.id, self._album, wanted, self._drop_idle)
            plans = each(pubs, desk.plan)
            asked = [part for plan in plans for part in plan.parts]
            number = self._next_call()
            asking.submit(client, given.id, asked, number)
        asking.run_now(client, asked)
        return PrimitiveCall(f"{given.id}/samples-{number}", client, asked,
                             partial(sampling.result, plans, asked, given.id))
