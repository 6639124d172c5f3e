"""Stand-ins for the simulation: cheap, importable, and as exact a function of scenario and number as the real one."""

import os
import time

import numpy as np

from qloop.errors import InvalidInput
from qloop.simulator.campaign.unit import Seen
from qloop.simulator.scenario import Scenario


def drawn(scenario: Scenario, number: int, sessions: bool) -> Seen:
    """Three draws that depend on the number, on the seed and on the QPUs, and on nothing else."""
    generator = np.random.Generator(np.random.Philox(key=[scenario.seed, number]))
    value, other, count = generator.normal(), generator.random(), scenario.n_qpus
    columns = {"size": np.arange(number % 3 + 1), "time_s": generator.random(number % 3 + 1)}
    return Seen({"value": value + count, "other": other, "qpus": float(count)}, columns if sessions else {})


def slow(scenario: Scenario, number: int, sessions: bool) -> Seen:
    """The same, not at once, so that one can come in between."""
    time.sleep(float(os.environ.get("QLOOP_TEST_PAUSE", "0.05")))
    return drawn(scenario, number, sessions)


def refusing(scenario: Scenario, number: int, sessions: bool) -> Seen:
    """The fifth replication is refused."""
    if number == 4:
        raise InvalidInput("It does not fit", "It is too wide", "Make it narrower")
    return drawn(scenario, number, sessions)


def broken(scenario: Scenario, number: int, sessions: bool) -> Seen:
    """The fifth replication shows a fault."""
    if number == 4:
        raise ZeroDivisionError("a fault of the kernel")
    return drawn(scenario, number, sessions)


def vanishing(scenario: Scenario, number: int, sessions: bool) -> Seen:
    """The process of the fifth replication ends without a word."""
    if number == 4:
        os._exit(9)
    return drawn(scenario, number, sessions)
