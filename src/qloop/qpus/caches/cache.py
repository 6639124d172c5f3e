"""A bounded cache whose time is an argument: the least recently used entry leaves a full one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from qloop.errors import InvalidInput
from qloop.model.limits import NEVER

K = TypeVar("K")
V = TypeVar("V")


class Counts(msgspec.Struct, frozen=True):
    """What a cache did so far. A miss is a look that found nothing, or only what was over its time."""

    hits: int = 0
    misses: int = 0
    evicted: int = 0
    expired: int = 0
    invalidated: int = 0

    @property
    def hit_rate(self) -> float:
        """The share of looks that found something; 1 if nobody looked."""
        looks = self.hits + self.misses
        return self.hits / looks if looks else 1.0


class Cache(Generic[K, V]):
    """Up to `capacity` entries; one that was not used for more than `ttl_ns` is not found any more.

    Any thread may use it. Raises InvalidInput for a capacity below 1 or a time-to-live that is not above 0.
    """

    def __init__(self, name: str, capacity: int, ttl_ns: int = NEVER) -> None:
        if isinstance(capacity, bool) or not isinstance(capacity, int) or capacity < 1:
            raise InvalidInput(f"The capacity of the {name} cache is {capacity!r}", "", "Give an integer from 1")
        if not ttl_ns > 0:
            raise InvalidInput(f"The time-to-live of the {name} cache is {ttl_ns} ns", "", "Give a time above 0")
        self.name, self.capacity, self.ttl_ns = name, capacity, ttl_ns
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._counts = [0, 0, 0, 0, 0]
        self._lock = threading.Lock()

    def get(self, key: K, now_ns: int = 0) -> V | None:
        """The entry, used now; None if it is not there or its time is over."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None and now_ns - found[1] > self.ttl_ns:
                del self._entries[key]
                self._counts[3] += 1
                found = None
            self._counts[0 if found is not None else 1] += 1
            if found is None:
                return None
            self._entries[key] = (found[0], max(now_ns, found[1]))
            self._entries.move_to_end(key)
            return found[0]

    def peek(self, key: K, now_ns: int = 0) -> V | None:
        """The entry, without using it: nothing is counted, and its time goes on."""
        with self._lock:
            found = self._entries.get(key)
            return None if found is None or now_ns - found[1] > self.ttl_ns else found[0]

    def put(self, key: K, value: V, now_ns: int = 0) -> None:
        """Keep an entry, used now; the least recently used one leaves if there is no room."""
        with self._lock:
            self._entries[key] = (value, now_ns)
            self._entries.move_to_end(key)
            while len(self._entries) > self.capacity:
                self._entries.popitem(last=False)
                self._counts[2] += 1

    def refresh(self, key: K, now_ns: int) -> None:
        """What was in use until now: its time begins now."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries[key] = (found[0], max(now_ns, found[1]))

    def invalidate(self, is_void: Callable[[K], bool]) -> int:
        """Drop every entry whose key is void; returns how many."""
        with self._lock:
            void = [key for key in self._entries if is_void(key)]
            for key in void:
                del self._entries[key]
            self._counts[4] += len(void)
            return len(void)

    def counts(self) -> Counts:
        """What it did so far."""
        with self._lock:
            return Counts(*self._counts)

    def __len__(self) -> int:
        return len(self._entries)

    def __getstate__(self) -> dict[str, Any]:
        """A copy in another process begins empty."""
        return {"name": self.name, "capacity": self.capacity, "ttl_ns": self.ttl_ns}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)      # type: ignore[misc]
