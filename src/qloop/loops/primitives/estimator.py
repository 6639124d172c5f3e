"""EstimatorV2: expectation values as Qiskit asks for them, from a session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Unpack

from qiskit.primitives import BaseEstimatorV2

from qloop.loops.primitives import asking, estimation
from qloop.loops.primitives.call import PrimitiveCall
from qloop.loops.primitives.observables import Catalogue
from qloop.loops.primitives.options import Options, precision_of, shots_for
from qloop.loops.primitives.primitive import Primitive, each
from qloop.loops.primitives.settings import SessionSettings


class EstimatorV2(Primitive, BaseEstimatorV2):      # type: ignore[misc]
    """Qiskit's estimator in a session of qloop: `EstimatorV2(session=s)`, or `EstimatorV2(qpu="exact")` for its own.

    `mode` is another name of `session`. A precision p buys `ceil(1 / p^2)` shots, in each measured basis; 0 asks for
    exact values (on a twin, those of its noise). Where neither PUB nor run names one, `default_precision` counts, then
    `shots`, then the session's shots. `options` are `default_precision` and `default_shots`; further keywords open the
    session, see `qloop.Session`. `drop_idle`: leave qubits out that neither circuit nor observable touches.
    """

    def __init__(self, mode: object = None, *, session: object = None, options: Mapping[str, Any] | None = None,
                 default_precision: float | None = None, shots: int | None = None, drop_idle: bool = True,
                 **settings: Unpack[SessionSettings]) -> None:
        self.options = Options(("default_precision", "default_shots"), options,
                               default_precision=default_precision, default_shots=shots)
        super().__init__(mode, session, self.options.default_shots, drop_idle, settings)
        self._catalogue = Catalogue()

    @property
    def default_precision(self) -> float | None:
        """The precision of PUBs that name none; None: by shots."""
        precision: float | None = self.options.default_precision
        return precision

    def run(self, pubs: Iterable[Any], *, precision: float | None = None) -> PrimitiveCall:
        """Submit the tasks of all PUBs, `(circuit, observables, parameter values, precision)`, and return at once.

        Each distinct observable of a PUB is one task over all its sets of parameters. Nothing is submitted if a PUB is
        wrong (`InvalidInput`, `Refused`). A task known to take less than 5 ms may be done when this returns.
        """
        with self._lock:
            given = self.session
            client = given.client
            wanted = self._shots_without_pub(precision, given.shots)
            desk = estimation.Desk(client, given.id, self._album, self._catalogue, wanted, self._drop_idle)
            plans = each(pubs, desk.plan)
            asked = [part for plan in plans for part in plan.parts()]
            number = self._next_call()
            asking.submit(client, given.id, asked, number)
        asking.run_now(client, asked)
        return PrimitiveCall(f"{given.id}/estimates-{number}", client, asked,
                             partial(estimation.result, plans, asked, given.id))

    def _shots_without_pub(self, precision: float | None, of_session: int) -> int:
        if precision is None:
            precision = self.options.default_precision
        if precision is not None:
            return shots_for(precision_of(precision))
        return int(self.options.default_shots or of_session)
