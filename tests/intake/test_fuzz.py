"""Whatever comes in, circuits or a refusal come out, and nothing stays behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from qiskit import QuantumCircuit

from qloop.errors import InvalidInput
from qloop.intake.bounds import Bounds
from qloop.intake.reader import Reader
from tests.pilots.processes import all_gone, children, descriptors

from .leftovers import below, check_message
from .mutate import PROGRAMS, damaged

# Less than by default, so that what explodes is ended sooner.
BOUNDS = Bounds(seconds=5.0, cpu_seconds=3, memory_bytes=256 << 20)


def _fuzz(sources: Iterable[bytes]) -> Counter[str]:
    """Read them all; how many were read, and how many refused."""
    outcomes: Counter[str] = Counter()
    before = children()
    with Reader(BOUNDS) as reader:
        reader.read("qreg q[1];")
        opened = descriptors()
        for source in sources:
            outcomes[_one(reader, source)] += 1
        assert descriptors() == opened
        assert all_gone(below(reader))
    assert children() <= before
    return outcomes


def _one(reader: Reader, source: bytes) -> str:
    try:
        found = reader.read_all(source)
    except InvalidInput as error:
        check_message(error)
        return "refused"
    assert all(isinstance(circuit, QuantumCircuit) for circuit in found)
    assert sum(len(circuit.data) for circuit in found) <= BOUNDS.instructions
    return "read"


def test_some_damaged_sources() -> None:
    assert _fuzz(damaged(60, seed=1)).total() == 60


@pytest.mark.ci
def test_many_damaged_sources() -> None:
    outcomes = _fuzz(damaged(700, seed=2))
    assert min(outcomes["read"], outcomes["refused"]) > 20


@pytest.mark.everything
def test_very_many_damaged_sources() -> None:
    outcomes = _fuzz(damaged(20_000, seed=3))
    assert min(outcomes["read"], outcomes["refused"]) > 400


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(text=PROGRAMS)
def test_programs_of_a_strange_grammar(text: str, reader: Reader) -> None:
    _one(reader, text.encode())


@pytest.mark.ci
@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(text=PROGRAMS)
def test_many_programs_of_a_strange_grammar(text: str, reader: Reader) -> None:
    _one(reader, text.encode())
