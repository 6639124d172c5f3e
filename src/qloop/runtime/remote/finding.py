"""Finding what became of a request whose reply was lost."""

from __future__ import annotations

import time
from collections.abc import Callable

from qloop.errors import QpuError
from qloop.qpus.remote import CredentialsRefused
from qloop.runtime.journal.purchases import IntentInfo
from qloop.runtime.remote.calls import pause
from qloop.runtime.remote.deal import Deal

MOST_SILENCES = 20
MOST_HANGING = 5.0      # times the bound of a call: so long a call that hangs is waited for


class Silent(QpuError):
    """The provider does not say which tasks it has."""

    code = "silent"


def find(deal: Deal, intent: IntentInfo, go_on: Callable[[], None]) -> tuple[str, ...]:
    """What bears the token at the provider; empty only once its lists have surely caught up.

    That is `settle_s` after the last call that could still carry the request out. `go_on` is called before each look,
    and raises what ends the search. `Silent` if the provider does not say, `CredentialsRefused`.
    """
    begun = since = time.monotonic()
    silences, looks, why = 0, 0, ""
    while True:
        go_on()
        if deal.hangs():
            since = time.monotonic()
            if since - begun > MOST_HANGING * deal.call_s:
                raise Silent(f"A call of QPU {deal.name} hangs, and may still carry the request out")
        sure = time.monotonic() - since >= deal.settle_s and not deal.hangs()
        try:
            found = deal.call("find", deal.qpu.find, intent.row.token)
        except CredentialsRefused:
            raise
        except QpuError as error:
            silences, why = silences + 1, str(error)
        else:
            if found or sure:
                return found
        if silences > MOST_SILENCES:
            raise Silent(f"QPU {deal.name} does not say which tasks it has", why)
        deal.sleep(pause(looks, max(deal.settle_s / 4.0, 1e-3)))
        looks += 1
