"""Tells the engine what each structure costs on each QPU: before its first task, and again in each new epoch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from qloop.engine.profiles import MOST_STRUCTURES
from qloop.errors import QloopError
from qloop.model.events import StructureProfiled
from qloop.qpus.forecast import Forecast, Forecasting
from qloop.qpus.protocol import Program
from qloop.qpus.remote import Qpu
from qloop.runtime.programs import Programs, Shelf

MOST_TOLD = MOST_STRUCTURES // 2    # structures that are remembered; the engine must not forget any of them earlier
NARROWEST = -1                      # qubits of a QPU of which nothing can be told


class Profiles:
    """What the engine was told; `post` hands it an event."""

    def __init__(self, qpus: Mapping[str, Qpu], programs: Programs, epochs: Mapping[str, int],
                 post: Callable[[StructureProfiled], None]) -> None:
        self.qpus, self.programs, self.epochs, self.post = qpus, programs, epochs, post
        self._told: dict[str, dict[str, StructureProfiled]] = {}    # by structure and QPU; as the engine keeps them
        self._widths: dict[str, int] = {}
        self._lock = threading.Lock()

    def tell(self, shelf: Shelf, structure: str, pin: str = "") -> None:
        """Before a task is submitted: what is known of its circuit on the QPUs that it may run on.

        Of one that is still being compiled there is the expected time of that only; it is told anew once it is done.
        """
        told, width = self._told.get(structure), shelf.sources[structure].n_qubits
        for name in [pin] if pin else list(self.qpus):
            before = None if told is None else told.get(name)
            open_still = before is None or (before.loss < 0.0 and not before.unfit)
            if open_still and self._width(name) >= width:
                self._look(shelf, structure, name, before)

    def renew(self, name: str) -> None:
        """A QPU is in a new epoch: tell again what is known of all structures there.

        Those that cannot be told now, or did not fit, are looked at again when their next task comes.
        """
        with self._lock:
            known = [event for qpus in self._told.values() if (event := qpus.get(name)) is not None]
        for event in known:
            program = self.programs.shared(event.structure, name)
            try:
                if program is not None:
                    self._send(self._profile(event.structure, name, program))
                elif event.unfit or event.loss >= 0.0:
                    self._forget(event.structure, name)
            except Exception:       # what was told before holds on, and the others are still to be told
                logging.getLogger("qloop").exception("QPU %s has no forecast for its new epoch", name)

    def _width(self, name: str) -> int:
        """The qubits of a QPU, looked up once: its submitters wait for it."""
        known = self._widths.get(name)
        if known is None:
            qpu = self.qpus[name]
            known = qpu.describe().n_qubits if isinstance(qpu, Forecasting) else NARROWEST
            self._widths[name] = known
        return known

    def _look(self, shelf: Shelf, structure: str, name: str, before: StructureProfiled | None) -> None:
        try:
            program = self.programs.known(shelf, structure, name)
        except QloopError as error:
            self._send(StructureProfiled(structure, name, unfit=str(error)))
            return
        if program is not None:
            self._send(self._profile(structure, name, program))
        elif before is None:
            self._send(StructureProfiled(structure, name, compile_s=self.programs.compile_s,
                                         load_s=self.qpus[name].describe().cold_s))

    def _profile(self, structure: str, name: str, program: Program) -> StructureProfiled:
        qpu = self.qpus[name]
        assert isinstance(qpu, Forecasting)
        fit = qpu.fit(program, self.epochs[name])
        return StructureProfiled(structure, name, fit.loss, fit.stale_s, 0.0, 0.0, fit.load_s, fit.mitigation_s)

    def _send(self, event: StructureProfiled) -> None:
        """Tell it, unless the same was told before."""
        with self._lock:
            known = self._told.get(event.structure, {})
            if known.get(event.qpu) == event:
                return
            self._told.pop(event.structure, None)       # the engine, too, counts from when it was told last
            self._told[event.structure] = {**known, event.qpu: event}
            if len(self._told) > MOST_TOLD:
                del self._told[next(iter(self._told))]
        self.post(event)

    def _forget(self, structure: str, name: str) -> None:
        """What was told of a structure on a QPU holds no more."""
        with self._lock:
            self._told.get(structure, {}).pop(name, None)


def forecast(qpu: Qpu, epoch: int) -> Forecast:
    """A QPU's calibration and expected drift, as far as it says."""
    return qpu.forecast(epoch) if isinstance(qpu, Forecasting) else Forecast()
