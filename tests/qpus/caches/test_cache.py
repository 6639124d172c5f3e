"""The bounded cache against a model, and its keys."""

from __future__ import annotations

import pickle
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.errors import InvalidInput
from qloop.qpus.caches.cache import Cache, Counts
from qloop.qpus.caches.keys import IsaKey, MitigationKey, WaveformKey

steps = st.lists(st.tuples(st.sampled_from(["get", "put", "peek", "refresh", "drop"]), st.integers(0, 5),
                           st.integers(0, 4)), max_size=60)


@given(steps, st.integers(1, 4), st.integers(1, 8))
def test_it_does_what_a_plain_list_would(actions: list[tuple[str, int, int]], capacity: int, ttl: int) -> None:
    cache: Cache[int, str] = Cache("test", capacity, ttl)
    model: list[tuple[int, str, int]] = []      # the least recently used first
    counts = {"hits": 0, "misses": 0, "evicted": 0, "expired": 0, "invalidated": 0}
    now = 0
    for action, key, passed in actions:
        now += passed
        known = next((entry for entry in model if entry[0] == key), None)
        over = known is not None and now - known[2] > ttl
        if action == "get":
            counts["expired"] += over
            counts["hits" if known and not over else "misses"] += 1
            if known:
                model.remove(known)
            if known and not over:
                model.append((key, known[1], now))
            assert cache.get(key, now) == (known[1] if known and not over else None)
        elif action == "peek":
            assert cache.peek(key, now) == (known[1] if known and not over else None)
        elif action == "refresh":
            cache.refresh(key, now)
            if known:
                model[model.index(known)] = (key, known[1], now)
        elif action == "drop":
            assert cache.invalidate(lambda name, key=key: name == key) == (known is not None)  # type: ignore[misc]
            counts["invalidated"] += known is not None
            model = [entry for entry in model if entry[0] != key]
        else:
            cache.put(key, f"value at {now}", now)
            model = [entry for entry in model if entry[0] != key] + [(key, f"value at {now}", now)]
            counts["evicted"] += max(0, len(model) - capacity)
            model = model[-capacity:]
        assert len(cache) == len(model) <= capacity
    assert cache.counts() == Counts(**counts)


def test_a_cache_that_is_sent_away_arrives_empty() -> None:
    cache: Cache[int, int] = Cache("test", 3, 7)
    cache.put(1, 1)
    copy = pickle.loads(pickle.dumps(cache))
    assert (copy.capacity, copy.ttl_ns, len(copy), copy.counts()) == (3, 7, 0, Counts())
    copy.put(2, 2)
    assert copy.get(2) == 2


def test_threads_may_share_one() -> None:
    cache: Cache[int, int] = Cache("test", 8)

    def work(first: int) -> None:
        for nth in range(2000):
            cache.put((first + nth) % 16, nth)
            cache.get(nth % 16)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = cache.counts()
    assert counts.hits + counts.misses == 8000
    assert len(cache) == 8


@pytest.mark.parametrize(("capacity", "ttl"), [(0, 1), (-1, 1), (True, 1), (1.5, 1), (1, 0), (1, -5)])
def test_impossible_caches_are_refused(capacity: int, ttl: int) -> None:
    with pytest.raises(InvalidInput, match="of the isa cache is"):
        Cache("isa", capacity, ttl)


def test_a_key_tells_apart_whatever_matters() -> None:
    isa = IsaKey("s", "torino", 3, (1, 2), 7)
    others = [IsaKey("t", "torino", 3, (1, 2), 7), IsaKey("s", "hanoi", 3, (1, 2), 7),
              IsaKey("s", "torino", 4, (1, 2), 7), IsaKey("s", "torino", 3, (1,), 7),
              IsaKey("s", "torino", 3, (1, 2), 8)]
    assert len({isa, *others}) == 6
    waves = [WaveformKey(isa, 1, "a"), WaveformKey(isa, 2, "a"), WaveformKey(isa, 1, "b"),
             WaveformKey(others[0], 1, "a")]
    assert len(set(waves)) == 4
    assert len({MitigationKey((1, 2), 1), MitigationKey((2, 1), 1), MitigationKey((1, 2), 2)}) == 3
