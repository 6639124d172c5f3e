"""The connection to IBM's service: made once, by reference, over a wire that does not send twice.

Every call goes through `call`, which turns the client's exceptions into qloop's and leaves none of them behind: neither
as cause nor as context, since what an exception of a client holds is not ours to vouch for.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from qloop.errors import InvalidInput, QloopError, QpuError, UnknownName
from qloop.qpus.ibm.credentials import Reference, hidden
from qloop.qpus.ibm.failures import failure_of
from qloop.qpus.ibm.software import versions
from qloop.qpus.remote import CredentialsRefused, Unanswered

if TYPE_CHECKING:
    from qloop.qpus.ibm.transport import Wire

_T = TypeVar("_T")

CALLS = 4
"""A verb makes at most so many calls, of which each has its share of the verb's time."""
UNREACHED = ("ConnectionError", "ConnectTimeout", "NameResolutionError", "NewConnectionError", "gaierror")
"""Kinds of errors of a connection that was never there."""


class Connection:
    """`QiskitRuntimeService`, made at first use from a reference, or given."""

    def __init__(self, credentials: Reference, call_s: float, service: Any = None) -> None:
        self._credentials, self._call_s, self._service = credentials, call_s, service
        self._wire: Wire | None = None
        if service is None:
            credentials.check()

    def backend(self, name: str) -> Any:
        """IBM's backend of this name; `UnknownName` with the nearest name if the account has none such."""
        service = self._connected()
        try:
            return self.call(f"open the backend {name!r}", lambda: service.backend(name))
        except QloopError as error:
            failure = error
        finally:
            self._replace_adapters(service)
        # The client swallows why it sees no backend, so the list is read once more, over our own wire.
        api = service._active_api_client
        names = [_name_of(one) for one in self.call("list the backends", api.list_backends)]
        raise failure if name in names else UnknownName("backend of IBM's service", name, names)

    def call(self, what: str, action: Callable[[], _T], *, writing: bool = False) -> _T:
        """Do it; what goes wrong is raised as one of qloop's errors, without secrets and without a chain."""
        wire = self._its_wire()
        wire.begin()
        try:
            return action()
        except Exception as error:
            failure = failure_of(what, error, wire.exchanges(), versions(), writing=writing)
        raise self._cleaned(failure)

    def last_status(self) -> int:
        """The HTTP status of this thread's last answer; 0 if there was none."""
        exchanges = self._its_wire().exchanges()
        return exchanges[-1].status if exchanges else 0

    def _connected(self) -> Any:
        if self._service is None:
            from qiskit_ibm_runtime import QiskitRuntimeService

            arguments = self._credentials.arguments()
            self._service = self._opened(lambda: QiskitRuntimeService(**arguments))
        self._replace_adapters(self._service)
        return self._service

    def _opened(self, make: Callable[[], Any]) -> Any:
        """IBM's client asks the service while it is made, over its own wire: judged by the kind of its exception.

        That wire waits for ever, so it is made in a thread that is left behind after the time of a verb.
        """
        made: list[Any] = []
        failed: list[tuple[str, str, bool]] = []

        def work() -> None:
            try:
                made.append(make())
            except Exception as error:
                failed.append((type(error).__name__, str(error)[:400], is_of_the_network(error)))

        worker = threading.Thread(target=work, name="qloop-ibm-connecting", daemon=True)
        worker.start()
        worker.join(self._call_s)
        if made:
            return made[0]
        if not failed:
            raise Unanswered("IBM's service did not answer", f"Connecting took more than {self._call_s:g} s",
                             "Check the network")
        raise self._cleaned(self._refusal(*failed[0]))

    def _refusal(self, kind: str, words: str, network: bool) -> QloopError:
        """Why IBM's client could not be made."""
        if network:     # the client takes any failure here for that of a key
            return Unanswered("IBM's service could not be reached", words, "Check the network; the key may be fine")
        if kind in ("IBMNotAuthorizedError", "InvalidAccountError", "AccountNotFoundError"):
            return CredentialsRefused("IBM's service does not accept the credentials", words,
                                      "Make a new API key, or correct the saved one")
        if kind in ("IBMInputValueError", "ValueError"):
            return InvalidInput("IBM's client does not take the account", words, "Correct it")
        return QpuError("IBM's service cannot be opened", f"{kind}: {words}", "Check network and account")

    def _replace_adapters(self, service: Any) -> None:
        """Our wire under every REST client that the service has made by now."""
        from qloop.qpus.ibm.transport import Identity

        wire = self._its_wire()
        try:
            apis = {id(api): api for api in (*service._api_clients.values(), service._active_api_client)}
            sessions = [api._session for api in apis.values()]
        except AttributeError as error:
            reason = str(error)
        else:
            for session in sessions:
                session.mount("http://", wire)
                session.mount("https://", wire)
                if type(session.auth).__name__ == "CloudAuth":
                    session.auth = Identity(session.auth, wire.request_s)
            return
        raise QpuError("qloop cannot look after the connection of this version of IBM's client",
                       f"{versions()}: {reason}", "Install a version that qloop names in its extra 'ibm'")

    def _its_wire(self) -> Wire:
        if self._wire is None:
            from qloop.qpus.ibm.transport import Wire

            self._wire = Wire(self._call_s / CALLS)
        return self._wire

    def _cleaned(self, error: QloopError) -> QloopError:
        """The same error, should the service or the client have repeated a secret, without it."""
        secrets = self._secrets()
        error.what, error.why = hidden(error.what, secrets), hidden(error.why, secrets)
        error.args = (hidden(str(error), secrets),)
        return error

    def _secrets(self) -> tuple[str, ...]:
        """The keys that the reference leads to, and the bearer tokens that were made of them."""
        found = [] if self._service is None else [getattr(getattr(self._service, "_account", None), "token", "")]
        if self._service is None:
            with contextlib.suppress(QloopError):
                found += self._credentials.keys()
        for api in getattr(self._service, "_api_clients", {}).values():
            found.append(getattr(getattr(api._session.auth, "tm", None), "access_token", ""))
        return tuple(secret for secret in found if secret)


def is_of_the_network(error: BaseException | None) -> bool:
    """Whether the error, or one that it came from, is that of a connection that was never there."""
    while error is not None:
        if type(error).__name__ in UNREACHED:
            return True
        error = error.__cause__ or error.__context__
    return False


def _name_of(listed: Any) -> str:
    """A backend's name: early versions of the client list names, later ones records."""
    return str(listed.get("name", "") if isinstance(listed, dict) else listed)
