"""What a primitive is made with is checked when it is made, not when its session opens with the first run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qloop
from qloop.errors import InvalidInput
from qloop.loops.primitives.settings import SEEDS, seed_of
from qloop.qiskit import EstimatorV2, SamplerV2
from tests.loops.primitives.world import circuit, memory

WRONG = [
    ("drop_idle", "maybe", "drop_idle is 'maybe'. Give True or False"),
    ("drop_idle", None, "drop_idle is None. Give True or False"),
    ("drop_idle", 1, "drop_idle is 1. Give True or False"),
    ("qpu", 3, "The session's qpu is 3. Give the name of a QPU"),
    ("qpu", ["exact"], r"The session's qpu is \['exact'\]. Give the name of a QPU"),
    ("budget", 3, "The session's budget is 3. Give a text such as '50 USD'"),
    ("shots", "many", "The number of shots is 'many'. Give an integer from 1"),
    ("shots", 0, "The number of shots is 0. Give an integer from 1"),
    ("shots", True, "The number of shots is True. Give an integer from 1"),
    ("seed", "lucky", "The session's seed is 'lucky'. Give an integer, a numpy.random.Generator, or None"),
    ("seed", 1.5, "The session's seed is 1.5. Give an integer, a numpy"),
    ("seed", True, "The session's seed is True. Give an integer, a numpy"),
    ("seed", -1, "The session's seed is -1. Give an integer from 0 to"),
    ("seed", SEEDS, "The session's seed is 9223372036854775808. Give an integer from 0 to"),
    ("name", 3, "The session's name is 3. Give a text"),
    ("name", None, "The session's name is None. Give a text"),
    ("tenant", None, "The session's tenant is None. Give a text"),
    ("weight", "heavy", "The session's weight is 'heavy'. Give a number"),
    ("kind", 2, "The session's kind is 2. Give 'loop' or 'background'"),
    ("optimum", "low", "The session's optimum is 'low'. Give a number, or None"),
    ("project", 7, "The session's project is 7. Give a text"),
    ("max_time", "soon", "max_time is 'soon'. Write it as '2h 30m'"),
    ("interactive_ttl", -1, "interactive_ttl is -1. Give seconds above 0"),
    ("runtime", "here", "The runtime is 'here'. Give a qloop.Runtime, or None"),
]


@pytest.mark.parametrize("kind", [EstimatorV2, SamplerV2])
@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_wrong_types_are_told_at_once(kind, name, value, message):
    with pytest.raises(InvalidInput, match=message):
        kind(**{name: value})


@pytest.mark.parametrize("kind", [EstimatorV2, SamplerV2])
def test_what_a_session_takes_a_primitive_takes(kind):
    settings = {"name": "s", "qpu": None, "tenant": "anna", "weight": np.float64(2.0), "seed": np.int64(5),
                "max_time": "2h", "interactive_ttl": None, "kind": "background", "optimum": -1, "budget": None,
                "project": "p"}
    with memory() as runtime, kind(runtime=runtime, shots=np.int64(7), drop_idle=np.bool_(True), **settings) as ours:
        assert ours.session.details().seed == 5
        assert ours.session.shots == 7
    with memory() as runtime, qloop.Session("s", runtime=runtime) as session:
        assert kind(session, drop_idle=False).session is session


def test_a_generator_gives_the_seed():
    """The same one gives the same samples, and it goes on: the next primitive has another seed."""
    def drawn(seed: np.random.Generator | int) -> tuple[int, object]:
        with memory() as runtime, SamplerV2(runtime=runtime, seed=seed) as ours:
            made = circuit().measure_all(inplace=False)
            bits = ours.run([(made, [0.4, 1.2])], shots=200).result()[0].data.meas
            return ours.session.details().seed, bits.array.tolist()

    one, other = np.random.default_rng(3), np.random.default_rng(3)
    first, again, second = drawn(one), drawn(other), drawn(one)
    assert first == again
    assert drawn(first[0]) == first
    assert first[0] != second[0]
    assert first[1] != second[1]


@given(st.integers(0, 2**64))
def test_seeds_that_are_drawn_can_be_used(state):
    assert 0 <= seed_of(np.random.default_rng(state)) < SEEDS


def test_the_way_to_a_sessions_client_is_public():
    """Nothing outside of the session reaches into it."""
    with memory() as runtime, qloop.Session("s", runtime=runtime) as session:
        assert session.client is runtime
    loops = Path(qloop.loops.__file__ or qloop.loops.__path__[0])
    loops = loops if loops.is_dir() else loops.parent
    reaching = [path.name for room in ("primitives", "pennylane") for path in (loops / room).glob("*.py")
                if "session._client" in path.read_text() or "given._client" in path.read_text()]
    assert reaching == []
