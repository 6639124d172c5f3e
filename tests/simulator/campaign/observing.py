"""A stand-in for the simulation: cheap, importable, and as exact a function of scenario and number as the real one.

A campaign is continued only with what it was begun with, so faults and pauses come from outside.
"""

import os
import time

import numpy as np

from qloop.errors import InvalidInput
from qloop.simulator.campaign.unit import Seen
from qloop.simulator.scenario import Scenario

FAULT, PAUSE = "QLOOP_TEST_FAULT", "QLOOP_TEST_PAUSE"


def drawn(scenario: Scenario, number: int, sessions: bool) -> Seen:
    """Three draws that depend on the number, on the seed and on the QPUs, and on nothing else."""
    time.sleep(float(os.environ.get(PAUSE, "0")))
    if number == 4:
        _fail(os.environ.get(FAULT, ""))
    generator = np.random.Generator(np.random.Philox(key=[scenario.seed, number]))
    value, other, count = generator.normal(), generator.random(), scenario.n_qpus
    columns = {"size": np.arange(number % 3 + 1), "time_s": generator.random(number % 3 + 1)}
    return Seen({"value": value + count, "other": other, "qpus": float(count)}, columns if sessions else {})


def again(scenario: Scenario, number: int, sessions: bool) -> Seen:
    """The same under another name."""
    return drawn(scenario, number, sessions)


def _fail(fault: str) -> None:
    """What happens to the fifth replication: it is refused, shows a fault, or its process ends without a word."""
    if fault == "refused":
        raise InvalidInput("It does not fit", "It is too wide", "Make it narrower")
    if fault == "broken":
        raise ZeroDivisionError("a fault of the kernel")
    if fault == "vanished":
        os._exit(9)
