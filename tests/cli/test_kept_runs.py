"""What a runtime leaves in its journal, so that the command can take it up: states, configurations, the order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

import qloop
from qloop.errors import InvalidInput
from qloop.runtime import layout
from qloop.runtime.clock import make_clock
from qloop.runtime.current import default_options
from qloop.runtime.history import find_run, program_text, program_words
from qloop.runtime.options import Options
from qloop.runtime.ordered import ENVIRONMENT, Ordered


def circuit() -> QuantumCircuit:
    made = QuantumCircuit(1)
    made.ry(Parameter("theta"), 0)
    return made


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_a_run_with_a_session_that_broke_off_is_kept_as_interrupted(folder: Path,
                                                                    error: type[BaseException] | None) -> None:
    runtime = qloop.Runtime()
    try:
        with qloop.Session("a", runtime=runtime) as session:
            session.objective(circuit(), SparsePauliOp("Z"))([0.3])
            if error is not None:
                raise error
    except (ValueError, KeyboardInterrupt):
        pass
    runtime.close()
    past = find_run(runtime.run)
    assert (past.state, past.resumable, past.results) == (("interrupted", True, 1) if error else ("done", False, 1))


def test_who_closes_a_runtime_may_say_whether_it_is_to_go_on(folder: Path) -> None:
    for interrupted, state in ((True, "interrupted"), (False, "done")):
        runtime = qloop.Runtime()
        qloop.Session("a", runtime=runtime)
        runtime.close(interrupted=interrupted)
        assert find_run(runtime.run).state == state


@pytest.mark.parametrize(("first", "second"), [(60, 60.0), (0.5, 0.5), ("virtual", "virtual")])
def test_a_run_is_taken_up_with_the_same_numbers_in_another_spelling(folder: Path, first: float | str,
                                                                     second: float | str) -> None:
    with qloop.Runtime(clock=first, tenants={"a": 2}) as runtime:
        session = qloop.Session("a", runtime=runtime)
    again = qloop.Session.from_id(session.id)
    assert again.id == session.id
    again.cancel()
    same = (Options(clock=clock, tenants={"a": two}).configuration() for clock, two in ((first, 2), (second, 2.0)))
    assert len({str(one) for one in same}) == 1


@pytest.mark.parametrize("scale", [60, 0.25, 1e7, 1 / 3])
def test_a_scaled_clock_is_named_as_traces_name_it(scale: float) -> None:
    with qloop.Runtime(clock=scale, journal=":memory:", trace=True) as runtime:
        named = runtime.trace().header.clock
    assert named == make_clock(scale).name
    assert float(named.removeprefix("scaled ").removesuffix("x")) == scale


def test_the_order_is_for_the_process_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    order = Ordered("r1", seed=5, qpus=("twin-hanoi",), process=os.getpid())
    monkeypatch.setenv(ENVIRONMENT, _json(order))
    assert default_options() == Options(grow=True, seed=5, qpus=("twin-hanoi",))
    own = order.identity(Options(policy="fifo", seed=9))
    assert (own.run, own.policy, own.seed, own.grow) == ("r1", "fifo", 9, False)
    monkeypatch.setenv(ENVIRONMENT, _json(Ordered("r1", seed=5, process=os.getpid() + 1)))
    assert default_options() == Options(grow=True)


@pytest.mark.parametrize("text", ["{", "7", '{"seed": 1}', '{"run": "r1", "seed": "one"}'])
def test_an_order_that_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(ENVIRONMENT, text)
    with pytest.raises(InvalidInput, match=f"The environment variable {ENVIRONMENT} cannot be read"):
        default_options()


@pytest.mark.parametrize("words", [("/a/b.py",), ("/a b/c.py", "x", "", "y z", "--d='e'", 'f"')])
def test_a_program_is_journaled_with_its_arguments(words: tuple[str, ...]) -> None:
    assert program_words(program_text(Path(words[0]), words[1:])) == words


def test_programs_that_others_wrote_into_a_journal_are_one_word() -> None:
    assert program_words("it's") == ("it's",)
    assert program_words("") == ()


def test_runs_lie_where_the_environment_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(layout.ENVIRONMENT, str(folder / "elsewhere"))
    with qloop.Runtime() as runtime:
        qloop.Session("a", runtime=runtime).close()
    assert (folder / "elsewhere" / "runs" / f"{runtime.run}.qloop").is_file()
    assert not (folder / ".qloop").exists()


def _json(order: Ordered) -> str:
    import msgspec

    return msgspec.json.encode(order).decode()
