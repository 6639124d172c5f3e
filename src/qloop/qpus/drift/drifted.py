"""A twin's life as its circuits feel it: ESP at a time, and the whole device at a time."""

from __future__ import annotations

import math
from collections import OrderedDict

import msgspec
import numpy as np

from qloop.qpus.drift.drifting import DriftState
from qloop.qpus.drift.life import Life
from qloop.qpus.drift.loss import Losses, losses_of
from qloop.qpus.drift.parameters import Parameters
from qloop.qpus.isa import Isa
from qloop.qpus.snapshot import BROKEN_ERROR, Column, Snapshot

_PROGRAMS = 64


class Drifted(Life):
    """A life whose effect on compiled circuits can be asked for; may be read by several threads."""

    def _set_up(self) -> None:
        super()._set_up()
        self._losses: OrderedDict[int, tuple[Isa, Losses]] = OrderedDict()

    def ln_esp(self, isa: Isa, now_ns: int) -> float:
        """ln ESP of a circuit at a time, finite even where the ESP itself is below the least number."""
        state = self.state_at(now_ns)
        return isa.success.ln_esp if state is None else self._losses_of(isa).ln_esp(state)

    def esp(self, isa: Isa, now_ns: int) -> float:
        """The ESP of a circuit at a time; where the noise is frozen, exactly the compiled one."""
        return math.exp(self.ln_esp(isa, now_ns))

    def snapshot_at(self, now_ns: int) -> Snapshot:
        """The snapshot as it would be measured at a time."""
        snapshot, state = self.source[0], self.state_at(now_ns)
        if state is None or self.drifting is None:
            return snapshot
        return snapshot_of(snapshot, self.drifting.parameters, state)

    def _losses_of(self, isa: Isa) -> Losses:
        """What can fail in a circuit; kept for the circuits used last (the same object each time)."""
        drifting = self.drifting
        assert drifting is not None
        with self._lock:
            known = self._losses.get(id(isa))
            if known is None:
                known = self._losses[id(isa)] = isa, losses_of(isa, self.source[0], drifting.parameters)
                while len(self._losses) > _PROGRAMS:
                    self._losses.popitem(last=False)
            self._losses.move_to_end(id(isa))
            return known[1]


def snapshot_of(snapshot: Snapshot, parameters: Parameters, state: DriftState) -> Snapshot:
    """The snapshot with every error and T1 and T2 as many times as large as in that state; broken stays broken."""
    qubits = snapshot.qubits
    readout = [parameters.index["measure", (qubit,)] for qubit in range(snapshot.n_qubits)]
    gates = tuple(msgspec.structs.replace(gate, error=_errors(
        gate.error, state, [parameters.index[gate.name, place] for place in gate.qubits])) for gate in snapshot.gates)
    return msgspec.structs.replace(snapshot, gates=gates, qubits=msgspec.structs.replace(
        qubits, t1_ns=_times(qubits.t1_ns, state), t2_ns=_times(qubits.t2_ns, state),
        readout_error=_errors(qubits.readout_error, state, readout)))


def _errors(column: Column, state: DriftState, index: list[int]) -> Column:
    """Errors that drifted, below that of a broken gate unless they were broken."""
    before = np.asarray(column.value, dtype=np.float64)
    least = np.nextafter(BROKEN_ERROR, 0.0)
    after = np.where(before < BROKEN_ERROR, np.minimum(before * state.errors[index], least), before)
    return Column(tuple(after.tolist()), column.date)


def _times(column: Column, state: DriftState) -> Column:
    return Column(tuple((np.asarray(column.value, dtype=np.float64) * state.t1).tolist()), column.date)
