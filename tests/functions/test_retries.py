"""Repeating a call after an exception: how often, for which, and when."""

from pathlib import Path

import pytest

from qloop.errors import InvalidInput, UserCodeError
from qloop.runtime.embedded import Runtime

from . import tasks


def test_it_is_repeated_with_growing_pauses(virtual: Runtime, tmp_path: Path) -> None:
    future = tasks.counted.options(runtime=virtual, retries=3, backoff=10.0).submit(str(tmp_path / "a"), 3)
    begin = virtual.now_s()
    assert future.result() == 4
    assert future.attempt == 4
    assert [failure.attempt for failure in future.failures] == [1, 2, 3]
    assert "attempt 2 of 3" in future.failures[1].error
    assert "in counted" in future.failures[0].traceback_text
    assert future.times.began_s - begin == pytest.approx(70.0, abs=1.0)     # 10 + 20 + 40 s
    assert "attempt 1 raised ValueError" in future.logs()


def test_the_last_failure_is_told_as_it_is(virtual: Runtime, tmp_path: Path) -> None:
    future = tasks.counted.options(runtime=virtual, retries=2, backoff=0).submit(str(tmp_path / "a"), 9)
    with pytest.raises(UserCodeError, match="attempt 3 of 9"):
        future.result()
    assert future.attempt == 3
    assert (tmp_path / "a").read_text() == "xxx"


@pytest.mark.parametrize(("retry_on", "raised", "calls"), [
    ((OSError, TimeoutError), FileNotFoundError, 3), (ValueError, KeyError, 1), (Exception, InvalidInput, 1)])
def test_only_the_listed_exceptions_are_repeated(virtual: Runtime, tmp_path: Path, retry_on: type, raised: type,
                                                 calls: int) -> None:
    function = tasks.counted.options(runtime=virtual, retries=2, retry_on=retry_on, backoff=0.0)
    with pytest.raises(UserCodeError, match=raised.__name__):
        function.submit(str(tmp_path / "a"), 9, raised).result()
    assert len((tmp_path / "a").read_text()) == calls


def test_what_needs_it_waits_for_the_attempt_that_counts(virtual: Runtime, tmp_path: Path) -> None:
    first = tasks.counted.options(runtime=virtual, retries=2).submit(str(tmp_path / "a"), 2)
    second = tasks.add.options(runtime=virtual).submit(first, b=10)
    assert "It waits for counted" in second.explain()
    assert second.result() == 13


def test_it_can_be_cancelled_while_it_pauses(virtual: Runtime, tmp_path: Path) -> None:
    first = tasks.counted.options(runtime=virtual, retries=2, backoff=100.0).submit(str(tmp_path / "a"), 2)
    second = tasks.add.options(runtime=virtual).submit(first)
    virtual.run_until(lambda: len(first.failures) == 1)
    assert "pauses" in first.explain()
    assert first.cancel()
    assert second.cancelled()
    assert (tmp_path / "a").read_text() == "x"


def test_its_story_can_be_followed_in_virtual_time(virtual: Runtime, tmp_path: Path) -> None:
    future = tasks.counted.options(runtime=virtual, retries=1).submit(str(tmp_path / "a"), 1)
    assert [line for line in future.logs(follow=True) if "attempt 1 raised ValueError" in line]
    assert future.done()
