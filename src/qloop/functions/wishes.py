"""What a function asks for when it runs elsewhere: resources, a time limit, retries; checked when it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from qloop.errors import InvalidInput, UnknownName
from qloop.functions.environments.environment import Environment, environment_of
from qloop.functions.handle import Handle
from qloop.loops import duration
from qloop.model.limits import MAX_ESTIMATE_S, MAX_TIMEOUT_S
from qloop.model.needs import ANYWHERE, Needs
from qloop.runtime.client import Client, check_needs

MOST_RETRIES: Final = 1000
MOST_BACKOFF_S: Final = 300.0       # between two attempts
_UNITS: Final = {"b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
                 "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*")
OPTIONS: Final = ("cores", "memory", "gpus", "ranks", "timeout", "environment", "retries", "retry_on", "backoff",
                  "pilot", "estimate", "runtime", "after", "name")


@dataclass(frozen=True, slots=True)
class Wish:
    """How a function is to run; `estimate_s`: what it takes in virtual time, `backoff_s`: before the first retry."""

    needs: Needs = ANYWHERE
    retries: int = 0
    retry_on: tuple[type[BaseException], ...] = (Exception,)
    backoff_s: float = 1.0
    estimate_s: float = 0.0
    environment: Environment | None = None
    runtime: Client | None = None
    after: tuple[Handle, ...] = ()
    name: str = ""

    def pause_s(self, failures: int) -> float:
        """Seconds of the run's clock to wait after so many failures: doubled each time, at most `MOST_BACKOFF_S`."""
        return min(MOST_BACKOFF_S, self.backoff_s * 2.0 ** min(failures - 1, 60))


def wish_of(options: dict[str, Any], given: Wish = Wish()) -> Wish:
    """The wish with these options over those of `given`; InvalidInput, UnknownName for what cannot be."""
    for name in options:
        if name not in OPTIONS:
            raise UnknownName("option of a function", name, OPTIONS)
    kept, now = given, dict(options)
    environment = _environment(now["environment"]) if "environment" in now else kept.environment
    needs = Needs(cores=now.get("cores", kept.needs.cores), gpus=now.get("gpus", kept.needs.gpus),
                  ranks=now.get("ranks", kept.needs.ranks), pilot=_text("pilot", now.get("pilot", kept.needs.pilot)),
                  memory_bytes=n_bytes(now["memory"]) if "memory" in now else kept.needs.memory_bytes,
                  limit_s=_limit(now["timeout"]) if "timeout" in now else kept.needs.limit_s,
                  environment="" if environment is None else environment.key[:16])
    return Wish(check_needs(needs), _retries(now.get("retries", kept.retries)),
                _exceptions(now.get("retry_on", kept.retry_on)),
                _seconds("backoff", now.get("backoff", kept.backoff_s), MOST_BACKOFF_S),
                _seconds("estimate", now.get("estimate", kept.estimate_s), MAX_ESTIMATE_S), environment,
                _runtime(now.get("runtime", kept.runtime)), _after(now.get("after", kept.after)),
                _text("name", now.get("name", kept.name)))


def n_bytes(wish: int | str | None) -> int:
    """An amount of memory in bytes, 0 for None; texts such as "2 GiB" or "500 MB". InvalidInput for another form."""
    if wish is None:
        return 0
    if isinstance(wish, int) and not isinstance(wish, bool) and wish >= 0:
        return wish
    found = _SIZE.fullmatch(wish) if isinstance(wish, str) else None
    if found is None or found[2].lower() not in _UNITS:
        raise InvalidInput(f"The memory is {wish!r:.80}", "",
                           "Give bytes, or a text such as '2 GiB' or '500 MB'")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def _limit(wish: float | str | None) -> float:
    seconds = duration.seconds("timeout", wish)
    if seconds > MAX_TIMEOUT_S:
        raise InvalidInput(f"timeout is {wish!r:.80}", "", f"Give at most {MAX_TIMEOUT_S:.0f} s")
    return seconds


def _seconds(name: str, wish: object, most: float) -> float:
    if wish == 0 and not isinstance(wish, bool):
        return 0.0
    if not isinstance(wish, int | float | str):
        raise InvalidInput(f"{name} is {wish!r:.80}", "", "Give seconds, or a text such as '2h 30m'")
    seconds = duration.seconds(name, wish)
    if seconds > most:
        raise InvalidInput(f"{name} is {wish!r:.80}", "", f"Give at most {most:g} s")
    return seconds


def _retries(wish: object) -> int:
    if isinstance(wish, bool) or not isinstance(wish, int) or not 0 <= wish <= MOST_RETRIES:
        raise InvalidInput(f"The number of retries is {wish!r:.80}", "", f"Give an integer from 0 to {MOST_RETRIES}")
    return wish


def _exceptions(wish: object) -> tuple[type[BaseException], ...]:
    kinds = wish if isinstance(wish, tuple | list) else (wish,)
    if not kinds or not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
        raise InvalidInput(f"retry_on is {wish!r:.80}", "A retry is for exceptions of these classes",
                           "Give exception classes, such as (OSError, TimeoutError)")
    return tuple(kinds)


def _text(name: str, wish: object) -> str:
    if not isinstance(wish, str) or not wish.isprintable() or len(wish) > 200:
        raise InvalidInput(f"The {name} is {wish!r:.80}", "", "Give a printable text of at most 200 characters")
    return wish


def _runtime(wish: object) -> Client | None:
    if wish is not None and not hasattr(wish, "open_session"):
        raise InvalidInput(f"The runtime is {wish!r:.80}", "", "Give a qloop.Runtime, or None for the program's own")
    return wish     # type: ignore[return-value]


def _after(wish: object) -> tuple[Handle, ...]:
    given = wish if isinstance(wish, tuple | list) else (wish,)
    for one in given:
        if not isinstance(one, Handle):
            raise InvalidInput(f"A call is to start after {one!r:.80}", "Only a future tells when something is done",
                               "Give the futures that fn.submit(...) returned")
    return tuple(given)


def _environment(wish: object) -> Environment | None:
    return None if wish is None else environment_of(wish)
