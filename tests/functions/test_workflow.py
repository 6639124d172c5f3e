"""Workflows: journaled stages, taken up after a crash, and their pictures."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qloop
from qloop.errors import InvalidInput, UserCodeError
from qloop.functions.keys import digest_of, source_of, stage_key
from qloop.functions.picture import boxes_of
from qloop.functions.tree import layers_of
from qloop.runtime.embedded import Runtime
from qloop.runtime.retention import prune

from . import tasks

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    | st.tuples(inner, inner), max_leaves=8)


def lives(path: Path, *, resume: bool) -> Runtime:
    return Runtime(clock="virtual", workers=2, journal=path / "run.qloop", run="study", resume=resume)


def chain(runtime: Runtime, path: Path, failures: int) -> tuple[list[int], qloop.Workflow]:
    """Three stages; the second fails while its file is short."""
    with qloop.Workflow("chain", runtime=runtime) as workflow:
        first = workflow.stage(tasks.add, 1, b=2)
        second = workflow.stage(tasks.counted, str(path / "calls"), failures)
        third = workflow.stage(tasks.total, [first, second], {"large": workflow.stage(tasks.sum_of, np.ones(10))})
    return [first.result(), second.result(), third.result()], workflow


def test_stages_run_as_functions_do(virtual: Runtime, tmp_path: Path) -> None:
    values, workflow = chain(virtual, tmp_path, 0)
    assert values == [3, 1, 14.0]
    assert [stage.name for stage in workflow.stages] == ["add", "counted", "sum_of", "total"]
    assert layers_of(workflow.stages) == [0, 0, 0, 1]
    assert virtual.view(workflow.session).state == "closed"


def test_a_program_that_failed_goes_on_where_it_was(tmp_path: Path) -> None:
    with lives(tmp_path, resume=False) as runtime, pytest.raises(UserCodeError, match="attempt 1 of 1"):
        chain(runtime, tmp_path, 1)
    with lives(tmp_path, resume=True) as runtime:
        values, workflow = chain(runtime, tmp_path, 1)
        sources = {stage.name: stage.future.source for stage in workflow.stages}
        assert values == [3, 2, 15.0]
        assert sources == {"add": "journal", "sum_of": "journal", "counted": "worker", "total": "worker"}
        assert "journal" in workflow.tree()


def test_large_results_are_kept_with_the_journal(tmp_path: Path) -> None:
    def stages(runtime: Runtime, fail: bool) -> str:
        with qloop.Workflow("large", runtime=runtime) as workflow:
            made = workflow.stage(tasks.zeros, 3_000_000)
            total = workflow.stage(tasks.sum_of, made)
            assert total.result() == 0.0
            assert made.result().nbytes == 3_000_000
            if fail:
                raise KeyboardInterrupt
        return made.source

    with lives(tmp_path, resume=False) as runtime, pytest.raises(KeyboardInterrupt):
        stages(runtime, True)
    kept = [path for path in (tmp_path / "run.qloop.files").iterdir() if path.name != "token"]
    assert [path.stat().st_size for path in kept] == [3_000_000]
    with lives(tmp_path, resume=True) as runtime, pytest.raises(KeyboardInterrupt):
        stages(runtime, True)
    kept[0].unlink()        # what is gone is computed again
    with lives(tmp_path, resume=True) as runtime:
        assert stages(runtime, False) == "worker"


def test_large_results_go_with_a_run_that_is_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QLOOP_HOME", str(tmp_path))
    with (Runtime(clock="virtual", workers=1, run="study") as runtime,
          qloop.Workflow("large", runtime=runtime) as workflow):
        workflow.stage(tasks.zeros, 3_000_000)
    folder = tmp_path / "runs" / "study.qloop.files"
    assert sum(path.stat().st_size for path in folder.iterdir()) > 3_000_000
    assert prune(2**62, None, 0) == ["study"]
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_stage_that_was_changed_runs_anew_with_all_below_it(tmp_path: Path) -> None:
    def stages(runtime: Runtime, number: int, fail: bool) -> list[str]:
        with qloop.Workflow("changed", runtime=runtime) as workflow:
            first = workflow.stage(tasks.add, number)
            futures = [first, workflow.stage(tasks.add, first), workflow.stage(tasks.add, 100)]
            qloop.gather(futures)
            if fail:
                raise KeyboardInterrupt
        return [future.source for future in futures]

    with lives(tmp_path, resume=False) as runtime, pytest.raises(KeyboardInterrupt):
        stages(runtime, 1, True)
    with lives(tmp_path, resume=True) as runtime:
        assert stages(runtime, 2, False) == ["worker", "worker", "journal"]


def test_equal_stages_are_told_apart_by_their_order(virtual: Runtime, tmp_path: Path) -> None:
    with qloop.Workflow("equal", runtime=virtual) as workflow:
        stages = [workflow.stage(tasks.counted, str(tmp_path / "calls"), 0) for _ in range(3)]
    assert sorted(future.result() for future in stages) == [1, 2, 3]
    assert len({future.call.key for future in stages}) == 3


def test_what_is_no_stage_cannot_be_an_input(virtual: Runtime) -> None:
    other = tasks.add.options(runtime=virtual).submit(1)
    workflow = qloop.Workflow("mixed", runtime=virtual)
    with pytest.raises(InvalidInput, match="which is no stage"):
        workflow.stage(tasks.add, other)
    for name in ("functions", "a b", 3):
        with pytest.raises(InvalidInput):
            qloop.Workflow(name, runtime=virtual)


def test_killed_between_two_stages_it_goes_on(tmp_path: Path) -> None:
    """A program of its own is killed at its third stage; started again, it runs the rest alone."""
    program = tmp_path / "study.py"
    program.write_text(textwrap.dedent("""
        import os, signal, sys
        import qloop
        from pathlib import Path

        @qloop.function
        def step(number, before):
            with Path("calls").open("a") as file:
                file.write(f"{number} ")
            return number + before

        resume = len(sys.argv) > 1
        with (qloop.Runtime(clock="virtual", workers=1, journal="run.qloop", run="study", resume=resume) as runtime,
              qloop.Workflow("study", runtime=runtime) as workflow):
            value = 0
            for number in range(5):
                value = workflow.stage(step, number, value)
                value.result()
                if number == 2 and not resume:
                    os.kill(os.getpid(), signal.SIGKILL)
            print(value.result(), [stage.future.source for stage in workflow.stages])
        """))
    killed = subprocess.run([sys.executable, program.name], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -9, killed.stderr
    again = subprocess.run([sys.executable, program.name, "again"], cwd=tmp_path, capture_output=True, text=True,
                           timeout=120)
    assert again.stdout == f"10 {['journal'] * 3 + ['worker'] * 2}\n", again.stderr
    assert (tmp_path / "calls").read_text() == "0 1 2 3 4 "


def test_the_tree_tells_states_times_and_inputs(virtual: Runtime) -> None:
    with pytest.raises(UserCodeError), qloop.Workflow("study", runtime=virtual) as workflow:
        first = workflow.stage(tasks.add.options(estimate=3.0), 1)
        broken = workflow.stage(tasks.fail, "luck")
        workflow.stage(tasks.add.options(name="sum of both"), first, broken)
        assert workflow.tree().splitlines()[0].startswith("study: 3 stages, 1 blocked")
    lines = workflow.tree().splitlines()
    assert lines[0] == "study: 3 stages, 1 done, 2 failed"
    assert lines[1].split() == ["+", "add", "done", "3.5", "s"]
    assert lines[2].startswith("x fail ")
    assert "<- add, fail" in lines[3]
    assert "which it waited for, failed" in lines[3]


def test_a_picture_shows_every_stage_once_and_many_alike_as_one(virtual: Runtime, tmp_path: Path) -> None:
    with qloop.Workflow("study", runtime=virtual) as workflow:
        source = workflow.stage(tasks.add, 1)
        parts = [workflow.stage(tasks.add.options(name="part"), source, number) for number in range(12)]
        pair = [workflow.stage(tasks.add.options(name="pair"), part) for part in parts[:2]]
        workflow.stage(tasks.total, parts + pair, {})
        boxes = boxes_of(workflow.stages)
        workflow.plot(tmp_path / "before.svg")
    assert [box.title for box in boxes] == ["add", "12 x part", "pair", "pair 2", "total"]
    assert sum(len(box.stages) for box in boxes) == len(workflow.stages) == 16
    assert [sorted(box.above) for box in boxes] == [[], [0], [1], [1], [1, 2, 3]]
    workflow.plot(tmp_path / "after.png")
    assert (tmp_path / "after.png").stat().st_size > 5_000
    assert (tmp_path / "before.svg").read_text().startswith("<?xml")


@given(PLAIN, PLAIN)
@settings(max_examples=150, deadline=None)
def test_values_have_one_name_by_their_content(one: object, other: object) -> None:
    """Equal with equal types inside, equal digests; unequal, unequal digests."""
    again = eval(repr(one))     # another object with the same content
    assert digest_of(one) == digest_of(again)
    if repr(one) != repr(other) and one != other:
        assert digest_of(one) != digest_of(other)


def test_types_and_arrays_count() -> None:
    values = [1, 1.0, True, "1", b"1", (1,), [1], np.array([1]), np.array([1.0]), np.array([[1]]), {1: 2}, {1}, None]
    digests = [digest_of(value) for value in values]
    assert len(set(digests)) == len(values)
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of(0.0) != digest_of(-0.0)


def test_circuits_have_a_name_that_random_ids_do_not_change() -> None:
    from qiskit.circuit import Parameter, QuantumCircuit

    def made(angle: float) -> QuantumCircuit:
        circuit = QuantumCircuit(1)
        circuit.rx(Parameter("a") * angle, 0)
        return circuit

    assert digest_of(made(1.0)) == digest_of(made(1.0)) != digest_of(made(2.0))


def test_a_function_is_named_by_what_it_does() -> None:
    def one(x: int) -> int:
        return helper(x)    # a comment

    def helper(x: int) -> int:
        return x + 1

    before = stage_key(one, ((), {}), [], 0)
    with_options = stage_key(qloop.function(cores=2)(one), ((), {}), [], 0)

    def helper(x: int) -> int:      # noqa: F811
        return x + 2

    assert before == with_options
    assert stage_key(one, ((), {}), [], 0) != before
    assert "comment" not in source_of(one)
    assert source_of(len).startswith("builtins.len")


class Setting:
    """A plain class: its content names it."""

    def __init__(self, value):
        self.value = value

    def method(self):
        return self.value


def helped(value):
    return [inner_help(one) for one in range(value)]


def inner_help(one):
    return one + 1


def test_what_a_callable_is_bound_to_is_part_of_its_name():
    import functools

    import numpy as np

    from qloop.functions.keys import digest_of, sources

    pairs = [(functools.partial(pow, 3), functools.partial(pow, 4)), (np.poly1d([1, 2]), np.poly1d([3])),
             (Setting(1).method, Setting(2).method), (Setting(1), Setting(2)), ([1].count, [2].count)]
    for one, other in pairs:
        assert digest_of(one) != digest_of(other)
    assert digest_of(functools.partial(pow, 3)) == digest_of(functools.partial(pow, 3))
    assert digest_of(Setting(1)) == digest_of(Setting(1))
    assert any("one + 1" in text for text in sources(helped))


def test_states_of_qiskit_are_named_by_all_of_their_numbers():
    import numpy as np
    from qiskit.quantum_info import Statevector

    from qloop.functions.keys import digest_of

    zero = np.zeros(2**11, complex)
    first, second = zero.copy(), zero.copy()
    first[1000], second[1001] = 1.0, 1.0
    assert digest_of(Statevector(first)) != digest_of(Statevector(second))
    near = Statevector([1.0, 1e-10])
    assert digest_of(near) != digest_of(Statevector([1.0, 0.0]))
    assert digest_of(near) == digest_of(Statevector([1.0, 1e-10]))
