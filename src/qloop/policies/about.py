"""What each policy is, in a sentence: for the reference page and for lists of policies."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ABOUT: Mapping[str, str] = MappingProxyType({
    "fifo": "A standard queue: every iteration of a loop queues again.",
    "lifo": "The newest task first.",
    "sjf": "The shortest task first, by its estimate.",
    "random": "Any waiting task, each as likely as another.",
    "weighted": "A lottery: any waiting task, with a chance in proportion to its weight.",
    "fifo_swap": "The queue of the paper's program, which fills the hole at its front with the newest task.",
    "easy": "First in, first out, with the gap before a calibration window filled (EASY backfilling).",
    "reservation": "A QPU for one session alone, from its first shot until it closes.",
    "faas": "Stateless functions: a standard queue, cold containers and cold QPUs at every iteration.",
    "fairshare": "IBM's fair-share queue: the tenant that used least in the last 28 days, first in, first out inside.",
    "session": "IBM's sessions: a QPU for one session alone while it is active, and no calibration inside.",
    "batch": "IBM's batches: the tasks of those that began go first, at most five of one at a time, nobody alone.",
    "pilot": "One wait for a QPU, then no queue for the session's tasks until the walltime; blind to calibrations.",
    "sfq": "Start-time fair queuing of QPU seconds.",
    "drfq": "Dominant-resource fair queuing of CPU and QPU seconds, without classes.",
    "paper_score": "The priority score of the paper on a real queue: active sessions, anti-urgent time, weight.",
    "efaas": "Loops first, the rest never starved, fair by both resources, placed by calibration and caches.",
    "efaas_expected": "`efaas` with newcomers in order of the QPU seconds that they are expected to bring, with aging.",
    "efaas-no-hot": "`efaas` without the class of loops in progress.",
    "efaas-no-due": "`efaas` without the due rule: where loops never end, the rest starves.",
    "efaas-no-aging": "`efaas` with the deficit alone in its due rule.",
    "efaas-no-deficit": "`efaas` with the age alone in its due rule.",
    "efaas-no-hysteresis": "`efaas` that leaves a session's last QPU for any gain.",
    "efaas-no-epoch": "`efaas` without a cost of another calibration epoch.",
    "efaas-no-fidelity": "`efaas` without a cost of fidelity.",
    "efaas-no-correction": "`efaas` whose accounts stay as they were estimated.",
    "efaas-no-cpu": "`efaas` charged for QPU seconds alone.",
    "efaas-no-warmth": "`efaas` placed by the shortest wait alone: no caches, calibrations or fidelity.",
    "efaas-no-pool": "`efaas` whose workers serve classical tasks first in, first out.",
    "efaas-no-speculation": "`efaas` that takes no speculative task.",
})
