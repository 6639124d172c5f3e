"""A twin's caches: which circuits are compiled, which are loaded, and of which qubits the readout was measured."""

from __future__ import annotations

import msgspec

from qloop.qpus.caches.cache import Cache, Counts
from qloop.qpus.caches.keys import WAVEFORM_TTL_S, IsaKey, MitigationKey, WaveformKey
from qloop.qpus.isa import LEVELS, Isa
from qloop.qpus.twin_options import nanoseconds, whole

MITIGATION_CIRCUITS = 2     # all qubits prepared in 0, and all in 1: what an uncorrelated readout model needs

MAX_TIME_NS = 10**15        # what loading may take, and how long a circuit stays loaded: eleven days
MAX_ENTRIES = 10**6


class CachePlan(msgspec.Struct, frozen=True, kw_only=True):
    """How many entries each cache holds. `waveforms` 0: loading is left to the policy's account of warmth.

    `load_s`: seconds to load a circuit that is not there any more, `waveform_ttl_s` after its last use at the latest;
    `mitigations` counts sets of qubits.
    """

    isas: int = 64
    waveforms: int = 0
    waveform_ttl_s: float = WAVEFORM_TTL_S
    load_s: float = 1.0
    mitigations: int = 64


class TwinCaches:
    """The caches of the twin of this name, for the device `target`."""

    def __init__(self, qpu: str, target: str, plan: CachePlan) -> None:
        ttl_ns = nanoseconds("waveform_ttl_s", plan.waveform_ttl_s, 1, MAX_TIME_NS)
        self.load = nanoseconds("load_s", plan.load_s, 0, MAX_TIME_NS)
        for cache, entries, least in (("waveform", plan.waveforms, 0), ("isa", plan.isas, 1),
                                      ("mitigation", plan.mitigations, 1)):
            whole(f"The capacity of the {cache} cache", entries, least, MAX_ENTRIES)
        self.qpu, self.target, self.plan = qpu, target, plan
        self.isa: Cache[IsaKey, Isa] = Cache("isa", plan.isas)
        self.waveform: Cache[WaveformKey, bool] = Cache("waveform", max(1, plan.waveforms), ttl_ns)
        self.mitigation: Cache[MitigationKey, bool] = Cache("mitigation", plan.mitigations)

    def key(self, structure: str, seed: int, layout_epoch: int = 0) -> IsaKey:
        """What names a compiled circuit here."""
        return IsaKey(structure, self.target, layout_epoch, LEVELS, seed)

    def load_ns(self, key: IsaKey, epoch: int, now_ns: int, expected_ns: int) -> int:
        """Loads the circuit if it is not loaded; the time that this takes. Waveforms of earlier epochs are void.

        Without a waveform cache it takes what is expected.
        """
        if not self.plan.waveforms:
            return expected_ns
        self.waveform.invalidate(lambda known: known.epoch < epoch)
        wave = WaveformKey(key, epoch, self.qpu)
        if self.waveform.get(wave, now_ns):
            return 0
        self.waveform.put(wave, True, now_ns)
        return self.load

    def in_use(self, key: IsaKey, epoch: int, until_ns: int) -> None:
        """The loaded circuit is in use until then."""
        self.waveform.refresh(WaveformKey(key, epoch, self.qpu), until_ns)

    def measure_ns(self, qubits: tuple[int, ...], epoch: int, shot_ns: int, shots: int) -> int:
        """Measures the qubits' readout errors if they are not known in this epoch; the time that this takes."""
        self.mitigation.invalidate(lambda known: known.epoch < epoch)
        key = MitigationKey(tuple(sorted(qubits)), epoch)
        if self.mitigation.get(key):
            return 0
        self.mitigation.put(key, True)
        return MITIGATION_CIRCUITS * shots * shot_ns

    def counts(self) -> dict[str, Counts]:
        """What each cache did so far, by its name."""
        return {cache.name: cache.counts() for cache in (self.isa, self.waveform, self.mitigation)}
