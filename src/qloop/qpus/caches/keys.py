"""What names an entry of each cache: all that it depends on, and nothing else (spec: efaas 3)."""

from __future__ import annotations

import msgspec

WAVEFORM_TTL_S = 300.0      # seconds after its last use that a QPU keeps a circuit loaded
RELAYOUT_ABOVE = 0.05       # change of ln ESP from which a layout of an earlier epoch is made anew


class IsaKey(msgspec.Struct, frozen=True):
    """A compiled circuit: its structure with symbolic parameters, the device, and how it was compiled.

    `layout_epoch` is the calibration epoch by whose errors its qubits were chosen.
    """

    structure: str
    target: str
    layout_epoch: int
    levels: tuple[int, ...]
    seed: int


class WaveformKey(msgspec.Struct, frozen=True):
    """A compiled circuit loaded into a QPU's controller; a calibration voids it, because pulses change."""

    isa: IsaKey
    epoch: int
    qpu: str


class MitigationKey(msgspec.Struct, frozen=True):
    """The measured readout errors of some qubits, which a calibration voids."""

    qubits: tuple[int, ...]
    epoch: int
