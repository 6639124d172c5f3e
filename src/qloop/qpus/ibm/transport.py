"""The wire under `qiskit-ibm-runtime`: what was sent, what came back, and no resending behind the runtime's back.

IBM's client sends a POST again, up to five times, when the answer is a 5xx. A task whose reply was lost would be bought
twice, so its HTTP adapters are replaced by this one: every request goes out once, within the call's time, and leaves an
`Exchange`, from which `failures` tells what is surely not there from what may be. Headers are never kept.
"""

from __future__ import annotations

import threading
import time
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import ConnectionError as LostConnection
from requests.exceptions import ConnectTimeout, ProxyError, RequestException, SSLError

from qloop.qpus.ibm.exchange import Exchange

CONNECT_S = 10.0
LEAST_S = 0.05
_WORDS = 600


class Wire(HTTPAdapter):
    """An HTTP adapter that sends once; `call_s` bounds all requests between two `begin`s of a thread together."""

    def __init__(self, call_s: float) -> None:
        super().__init__(max_retries=0)
        self.request_s = call_s
        self._own = threading.local()

    def begin(self) -> None:
        """A call begins in this thread: forget its exchanges, restart its time."""
        self._own.exchanges = []
        self._own.until = time.monotonic() + self.request_s

    def exchanges(self) -> list[Exchange]:
        """What this thread has exchanged since `begin`."""
        return getattr(self._own, "exchanges", [])

    def send(self, request: PreparedRequest, stream: bool = False, timeout: Any = None, verify: Any = True,
             cert: Any = None, proxies: Any = None) -> Response:
        """Send a request once; the errors are those of `requests`."""
        exchange = Exchange(str(request.method), urlsplit(str(request.url)).path.rstrip("/"))
        self.exchanges().append(exchange)
        left = max(LEAST_S, getattr(self._own, "until", time.monotonic() + self.request_s) - time.monotonic())
        try:
            response = super().send(request, stream=stream, timeout=(min(CONNECT_S, left), left), verify=verify,
                                    cert=cert, proxies=proxies)
        except RequestException as error:
            exchange.sent = not _never_left(error)
            raise
        exchange.status = response.status_code
        if response.status_code >= 400:
            _read_refusal(exchange, response)
        return response


class Identity(AuthBase):
    """IBM's own authentication, of which a failure is told at once.

    After a failed exchange of the API key its token manager takes the exchange to be still under way, and lets every
    request wait for 60 s; so its note of it is cleared.
    """

    def __init__(self, inner: Any, seconds: float) -> None:
        self.inner, self.tm = inner, inner.tm
        self.tm.http_config = {**(self.tm.http_config or {}), "timeout": seconds}
        self.tm.request_time = 0

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """The request with its headers; with the API key itself, as IBM's client does it, if there is no token."""
        prepared: PreparedRequest = self.inner(request)
        if not str(prepared.headers.get("Authorization", "")).startswith("Bearer"):
            self.tm.request_time = 0
        return prepared


def _never_left(error: RequestException) -> bool:
    """Whether the connection was not even made."""
    if isinstance(error, ConnectTimeout | ProxyError | SSLError):
        return True
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, LostConnection) and type(cause).__name__ in ("NewConnectionError", "NameResolutionError")


def _read_refusal(exchange: Exchange, response: Response) -> None:
    """The service's own code and words, of either form that its API has had."""
    exchange.retry_after_s = _seconds(response.headers.get("Retry-After", ""))
    try:
        body = response.json()
        error = body["errors"][0] if "errors" in body else body["error"]
        exchange.code, exchange.words = int(error.get("code", 0)), str(error.get("message", ""))[:_WORDS]
    except (RequestException, ValueError, LookupError, TypeError, AttributeError):
        exchange.words = "" if "<" in response.text[:_WORDS] else response.text[:_WORDS]


def _seconds(header: str) -> float:
    """Seconds of a Retry-After header: a number or an HTTP date; 0 if it is neither."""
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
