"""Functions as they are written and called."""

import threading

import pytest

import qloop
from qloop.errors import Conflict, InvalidInput, Refused, UnknownName
from qloop.functions.wishes import n_bytes
from qloop.runtime.embedded import Runtime

from . import tasks

GIB = 2**30


def test_called_like_a_function_it_runs_here() -> None:
    assert tasks.add(2, b=3) == 5
    assert tasks.add.__name__ == "add"
    assert [tasks.add(one) for one in range(3)] == [1, 2, 3]


def test_submitted_it_runs_on_a_worker(virtual: Runtime) -> None:
    add = tasks.add.options(runtime=virtual)
    future = add.submit(2, b=3)
    assert not future.done()
    assert future.result() == 5
    assert future.done()
    assert future.state == "done"
    assert future.exception() is None
    assert future.attempt == 1


def test_a_map_keeps_the_order_and_bounds_what_is_under_way(virtual: Runtime) -> None:
    taken: list[int] = []

    def items():
        for item in range(500):
            taken.append(item)
            yield item

    results = tasks.add.options(runtime=virtual).map(items(), in_flight=10)
    assert len(taken) == 10
    assert next(results) == 1
    assert len(taken) == 11
    assert list(results) == list(range(2, 501))


def test_a_map_takes_several_iterables(virtual: Runtime) -> None:
    assert list(tasks.add.options(runtime=virtual).map([1, 2, 3], [10, 20])) == [11, 22]


def test_an_error_in_a_map_cancels_what_comes_after_or_is_returned(virtual: Runtime) -> None:
    add = tasks.add.options(runtime=virtual)
    with pytest.raises(qloop.errors.UserCodeError, match="TypeError"):
        list(add.map([1, "a", 2]))
    first, second, third = add.map([1, "a", 2], return_exceptions=True)
    assert (first, third) == (2, 3)
    assert isinstance(second, qloop.errors.UserCodeError)


def test_futures_are_gathered_in_their_order(virtual: Runtime) -> None:
    add = tasks.add.options(runtime=virtual)
    futures = [add.submit(number) for number in range(5)]
    assert qloop.gather(*futures) == qloop.gather(futures) == [1, 2, 3, 4, 5]
    failed = tasks.fail.options(runtime=virtual).submit("way")
    with pytest.raises(qloop.errors.UserCodeError):
        qloop.gather(futures[0], failed)
    assert qloop.gather(futures[0], failed, return_exceptions=True)[0] == 1
    with pytest.raises(InvalidInput, match="no future"):
        qloop.gather(1, 2)


def test_time_passes_as_it_was_estimated(virtual: Runtime) -> None:
    future = tasks.add.options(runtime=virtual, estimate="2m").submit(1)
    with pytest.raises(TimeoutError, match="It goes on"):
        future.result(timeout=60)
    assert future.result(timeout=70) == 2
    assert future.times.ended_s - future.times.began_s == pytest.approx(120.5)      # with a cold start


@pytest.mark.parametrize(("size", "expected"), [(None, 0), (5, 5), ("2 GiB", 2 * GIB), ("1.5GiB", 1.5 * GIB),
                                                ("500 MB", 500_000_000), ("3 kib", 3072)])
def test_memory_is_written_as_people_do(size: object, expected: float) -> None:
    assert n_bytes(size) == expected


@pytest.mark.parametrize("wish", ["2 GiB extra", "lots", -1, 2.5, True, "GiB"])
def test_memory_that_is_none_is_refused(wish: object) -> None:
    with pytest.raises(InvalidInput, match="2 GiB"):
        n_bytes(wish)


@pytest.mark.parametrize(("options", "words"), [
    ({"cores": 0}, "cores"), ({"cores": 1.5}, "cores"), ({"gpus": -1}, "gpus"), ({"ranks": 4}, "cores=4"),
    ({"timeout": "soon"}, "timeout"), ({"timeout": -1}, "timeout"), ({"retries": -1}, "retries"),
    ({"retries": True}, "retries"), ({"retry_on": "ValueError"}, "exception classes"), ({"retry_on": ()}, "classes"),
    ({"backoff": "x"}, "backoff"), ({"backoff": []}, "backoff"), ({"pilot": 3}, "pilot"), ({"runtime": 3}, "runtime"),
    ({"after": 3}, "future"), ({"name": "a\nb"}, "name"), ({"estimate": 1e30}, "at most")])
def test_options_are_checked_where_they_are_written(options: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        qloop.function(**options)(lambda: None)


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="'memory'"):
        qloop.function(memroy="1 GiB")


def test_only_plain_functions_can_be_functions() -> None:
    async def coroutine() -> None: ...

    def generator():
        yield 1

    for wrong in (coroutine, generator, 3):
        with pytest.raises(InvalidInput):
            qloop.function(wrong)
    with pytest.raises(InvalidInput, match="already"):
        qloop.function(tasks.add)


def test_wrong_arguments_are_told_at_once(virtual: Runtime) -> None:
    add = tasks.add.options(runtime=virtual)
    for wrong in (lambda: add.submit(), lambda: add.submit(1, 2, 3), lambda: add.submit(1, c=2)):
        with pytest.raises(InvalidInput, match="Its arguments are"):
            wrong()


def test_what_cannot_travel_is_told_at_once(virtual: Runtime) -> None:
    held = threading.Lock()
    with pytest.raises(InvalidInput, match=r"The arguments of add cannot be sent.*lock"):
        tasks.add.options(runtime=virtual).submit(held)

    @qloop.function(runtime=virtual)
    def holding() -> bool:
        return held.locked()

    with pytest.raises(InvalidInput, match=r"The function holding cannot be sent.*Open files"):
        holding.submit()
    future = tasks.add.options(runtime=virtual).submit(1)
    with pytest.raises(InvalidInput, match="cannot travel inside of another object"):
        tasks.same.options(runtime=virtual).submit({1, future})


def test_a_container_that_holds_itself_is_told(virtual: Runtime) -> None:
    endless: list[object] = [1]
    endless.append({"again": endless})
    with pytest.raises(InvalidInput, match="contains itself"):
        tasks.same.options(runtime=virtual).submit(endless)


def test_what_no_pilot_can_run_is_refused(virtual: Runtime) -> None:
    with pytest.raises(Refused, match="64"):
        tasks.add.options(runtime=virtual, cores=64).submit(1)
    with pytest.raises(Refused, match="elsewhere"):
        tasks.add.options(runtime=virtual, pilot="elsewhere").submit(1)


def test_a_runtime_without_workers_says_so() -> None:
    with (Runtime(journal=":memory:") as runtime, pytest.raises(InvalidInput, match="workers")):
        tasks.add.options(runtime=runtime).submit(1)


def test_a_pilot_can_be_hired_later() -> None:
    with Runtime(journal=":memory:", clock="virtual") as runtime:
        assert not runtime.has_workers
        runtime.hire("local:0-2")
        assert tasks.add.options(runtime=runtime).submit(1).result() == 2
        with pytest.raises(Conflict, match="named 'local'"):
            runtime.hire("local:1")


def test_a_helper_that_was_defined_anew_travels_anew(virtual: Runtime) -> None:
    def helper() -> int:
        return 1

    @qloop.function(runtime=virtual)
    def asks_it() -> int:
        return helper()

    assert asks_it.submit().result() == 1

    def helper() -> int:    # noqa: F811
        return 2

    assert asks_it.submit().result() == 2


def test_in_virtual_time_a_function_opens_no_session_and_submits_nothing(virtual: Runtime) -> None:
    @qloop.function(runtime=virtual)
    def opens() -> object:
        return qloop.Session("inner")

    for function, words in ((opens, "cannot open a session"),
                            (tasks.nested.options(runtime=virtual), "cannot submit further calls")):
        with pytest.raises(qloop.errors.UserCodeError, match=words):
            function.submit().result()


def test_a_function_is_packed_once(virtual: Runtime) -> None:
    @qloop.function(runtime=virtual)
    def one() -> int:
        return 1

    assert one.submit().call.code is one.submit().call.code


def test_outside_of_a_worker_telling_does_nothing() -> None:
    qloop.progress(0.5, "half")
    qloop.log_metric("energy", -1.5, 3)
    for wrong in (lambda: qloop.progress(float("nan")), lambda: qloop.progress("half"),
                  lambda: qloop.log_metric("", 1.0),
                  lambda: qloop.log_metric("a", "b"), lambda: qloop.log_metric("a", 1.0, step=0.5)):
        with pytest.raises(InvalidInput):
            wrong()


def test_a_runtime_that_is_closed_leaves_nobody_waiting() -> None:
    with Runtime(clock="virtual", workers=1, journal=":memory:") as runtime:
        add = tasks.add.options(runtime=runtime)
        first = tasks.counted.options(runtime=runtime, retries=3, backoff="5m").submit("/nowhere/at/all", 1)
        second = add.submit(first)
        add.submit(1).result()
    assert first.cancelled()
    assert second.cancelled()
    with pytest.raises(qloop.errors.Cancelled):
        second.result()
