"""Futures as arguments: the graph runs in its order, and what fails or is cancelled ends what needs it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import CallFailed, Cancelled, InvalidInput, UserCodeError
from qloop.runtime.embedded import Runtime

from . import tasks


def test_futures_are_arguments_also_inside_of_containers(virtual: Runtime) -> None:
    add, total = tasks.add.options(runtime=virtual), tasks.total.options(runtime=virtual)
    one, two = add.submit(0), add.submit(1)
    three = total.submit([one, (two)], {"a": one, "b": 5})
    assert three.state == "blocked"
    assert "It waits for add" in three.explain()
    assert three.result() == 9
    assert add.submit(three, b=one).result() == 10


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_random_graph_computes_what_plain_calls_compute(data: st.DataObject) -> None:
    """Each node adds up some earlier ones; some fail. Exactly their descendants fail, the others have their values."""
    n = data.draw(st.integers(1, 12))
    needs = [data.draw(st.sets(st.integers(0, node - 1), max_size=3)) if node else set() for node in range(n)]
    broken = data.draw(st.sets(st.integers(0, n - 1), max_size=3))
    repeated = data.draw(st.sets(st.integers(0, n - 1)))
    expected: list[int | None] = []
    with Runtime(clock="virtual", workers=data.draw(st.integers(1, 3)), journal=":memory:") as runtime:
        futures = []
        for node in range(n):
            inputs = [futures[earlier] for earlier in sorted(needs[node])]
            retries = 2 if node in repeated else 0      # these are held back here, the others by the engine
            function = tasks.fail if node in broken else tasks.total
            given_ = ("way",) if node in broken else (inputs, {"own": node})
            futures.append(function.options(runtime=runtime, retries=retries, after=inputs).submit(*given_))
            values = [expected[earlier] for earlier in needs[node]]
            expected.append(None if node in broken or None in values else sum(values) + node)
        errors = [future.exception() for future in futures]
        for node, future in enumerate(futures):
            if expected[node] is not None:
                assert future.result() == expected[node]
            elif any(expected[earlier] is None for earlier in needs[node]):
                assert isinstance(errors[node], CallFailed)
                assert "fail, which it waited for, failed" in str(errors[node])
            else:
                assert isinstance(errors[node], UserCodeError)


def test_cancelling_one_cancels_what_needs_it(virtual: Runtime) -> None:
    add = tasks.add.options(runtime=virtual, estimate=10.0)
    first = add.submit(1)
    second, other = add.submit(first), add.submit(5)
    third = add.options(retries=1).submit(second)       # held here
    fourth = add.submit(third)
    assert first.cancel()
    for future in (first, second, third, fourth):
        assert isinstance(future.exception(), Cancelled)
        assert future.cancelled()
    assert "add, which it waited for, was cancelled" in str(fourth.exception())
    assert other.result() == 6
    assert not other.cancel()


def test_a_failure_is_passed_on_with_its_origin(virtual: Runtime) -> None:
    broken = tasks.fail.options(runtime=virtual).submit("luck")
    last = tasks.add.options(runtime=virtual).submit(tasks.add.options(runtime=virtual).submit(broken))
    with pytest.raises(CallFailed, match=r"fail, which it waited for, failed: .*no luck"):
        last.result()
    late = tasks.add.options(runtime=virtual).submit(last)      # it has failed already
    assert isinstance(late.exception(), CallFailed)


def test_after_waits_without_taking_the_value(virtual: Runtime) -> None:
    first = tasks.add.options(runtime=virtual, estimate=3.0).submit(1)
    second = tasks.add.options(runtime=virtual, after=[first]).submit(1)
    assert second.result() == 2
    assert second.times.began_s >= first.times.ended_s


def test_futures_of_another_runtime_are_refused(virtual: Runtime) -> None:
    future = tasks.add.options(runtime=virtual).submit(1)
    with Runtime(clock="virtual", workers=1, journal=":memory:") as other:
        for wrong in (lambda: tasks.add.options(runtime=other).submit([future]),
                      lambda: tasks.add.options(runtime=other, after=future).submit(1)):
            with pytest.raises(InvalidInput, match="runs on another runtime"):
                wrong()


def test_callbacks_are_told_once(virtual: Runtime) -> None:
    told = []
    future = tasks.add.options(runtime=virtual).submit(1)
    future.add_done_callback(told.append)
    future.result()
    future.add_done_callback(told.append)
    assert told == [future, future]
