"""Where the functions of one runtime are registered and submitted, in one session, with one store of files."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, cast

import cloudpickle

from qloop.errors import InvalidInput
from qloop.functions.arguments import take_out
from qloop.functions.call import Call, Callee
from qloop.functions.code import Registered
from qloop.functions.files import FileStore
from qloop.functions.future import Future
from qloop.functions.handle import Handle
from qloop.functions.parcel import Packed, Place, pack, sealed
from qloop.model.limits import MAX_TIMEOUT_S
from qloop.runtime.client import Client, Host, SessionWish, connect_workers

SESSION = "functions"       # the session of calls that belong to no workflow


class Desk:
    """The functions of one runtime. Any thread may use it."""

    def __init__(self, client: Host) -> None:
        self._client = weakref.ref(client)
        self._lock = threading.Lock()
        self._registered: MutableMapping[Any, Registered] = weakref.WeakKeyDictionary()
        self._open: weakref.WeakSet[Future[Any]] = weakref.WeakSet()
        self._counting = threading.Lock()
        self._files: FileStore | None = None
        self._sessions: dict[str, str] = {}
        self._calls = 0
        client.closing.append(self.close)

    @property
    def client(self) -> Host:
        """The runtime."""
        found = self._client()
        if found is None:
            raise InvalidInput("The runtime of this function is gone", "", "Keep the qloop.Runtime while you use it")
        return found

    def session(self, name: str = SESSION) -> str:
        """The id of an open session for calls, opened at the first."""
        with self._lock:
            if name not in self._sessions:
                wish = SessionWish(name=name, kind="background", max_ttl_s=MAX_TIMEOUT_S)
                self._sessions[name] = self.client.open_session(wish)
            return self._sessions[name]

    def files(self) -> FileStore:
        """The store of large values, made when there is one."""
        with self._lock:
            if self._files is None:
                self._files = FileStore(*self.client.files_folder())
            return self._files

    @property
    def place(self) -> Place:
        """Where large values lie."""
        return self.files().place

    def read(self, name: str, offset: int, size: int) -> bytes:
        """A piece of a file, for a worker that does not see it."""
        return self.files().read(name, offset, size)

    def submit(self, function: Callee, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Future[Any]:
        """Submit a call; see `Function.submit`."""
        return self.begin(self.call(function, args, kwargs))

    def begin(self, call: Call) -> Future[Any]:
        """The future of a call, which is on its way, or is done if the journal knows its result."""
        future: Future[Any] = Future(self, call)
        if call.key:
            future.known = self._known(future)
        with self._counting:
            self._open.add(future)
        future.begin()
        return future

    def call(self, function: Callee, args: tuple[Any, ...], kwargs: dict[str, Any], *,
             session: str = SESSION,
             keyed: Callable[[Any, Sequence[Handle]], str] | None = None) -> Call:
        """The call as it will be made; InvalidInput for what cannot be."""
        function.check(args, kwargs)
        inputs: list[Handle] = []
        given = take_out((args, kwargs), lambda one: isinstance(one, Handle), inputs)
        for one in (*inputs, *function.wish.after):
            if one.desk is not self:
                raise InvalidInput(f"{function.name} is to wait for {one.name}, which runs on another runtime",
                                   "Runtimes know nothing of each other",
                                   "Submit both to one runtime, or pass future.result()")
        with self._lock:
            self._calls += 1
            number = self._calls
        return Call(function.name, number, self.registered(function), self._packed(function.name, given),
                    tuple(inputs), function.wish, self.session(session),
                    "" if keyed is None else keyed(given, inputs))

    def _known(self, future: Future[Any]) -> bytes | None:
        """What the journal knows of a stage, as far as it can still be opened."""
        outcome = self.client.kept_stage(future.call.session, future.call.key)
        found = None if outcome is None else sealed(outcome)
        if isinstance(found, Packed):
            if not self.files().has(found.refs):
                return None
            self.take(future, found, keep=True)
        return outcome

    def registered(self, function: Callee) -> Packed:
        """The function as it travels; packed once, and again only if what it refers to was replaced since."""
        try:
            known = self._registered.get(function.inner)
        except TypeError:       # it cannot be a key
            known = None
        found = known if known is not None and known.fits(function) else Registered(function, self.files())
        if found is not known:
            try:
                self._registered[function.inner] = found
            except TypeError:
                return found.packed
        return found.packed

    def _packed(self, name: str, given: Any) -> Packed:
        """The arguments as they travel."""
        try:
            return pack(given, self.files())
        except InvalidInput:
            raise
        except (TypeError, AttributeError, ValueError, RecursionError, cloudpickle.pickle.PicklingError) as error:
            raise InvalidInput(f"The arguments of {name} cannot be sent to a worker",
                               f"{type(error).__name__}: {error}", "Pass plain data or arrays, and open files, "
                               "locks and connections inside the function") from error

    def drop(self, packed: Packed) -> None:
        """These arguments were used."""
        if packed.refs:
            self.files().drop(packed.refs)

    def take(self, future: Handle, result: Packed, keep: bool) -> None:
        """A result is there: its files stay as long as its future; for `keep` the journal names them for good."""
        if not result.refs:
            return
        files = self.files()
        if keep:
            files.pin(result.refs)
        files.hold(result.refs)
        weakref.finalize(future, files.drop, result.refs)

    def done(self, future: Handle) -> None:
        """A future has ended."""
        with self._counting:
            self._open.discard(cast("Future[Any]", future))

    def end_session(self, name: str, *, keep: bool = False, cancel: bool = False) -> None:
        """Close a session of this desk; `keep`: it can be taken up, `cancel`: drop its tasks."""
        with self._lock:
            session = self._sessions.pop(name, None)
        if session is not None:
            self.client.close_session(session, cancel=cancel, keep=keep)

    def close(self) -> None:
        """The runtime closes: nobody waits for what will not come; sessions in which all is done are closed."""
        with self._counting:        # a set that a pilot's thread changes cannot be gone through
            going = list(self._open)
        left = {future.call.session for future in going if not future.done()}
        for session in self._sessions.values():
            if session not in left:
                self.client.close_session(session)
        for future in going:
            future.give_up()
        if self._files is not None:
            self._files.close(keep=bool(left))


def desk_of(runtime: Client | None) -> Desk:
    """The desk of a runtime; None: of the program's own."""
    client = cast(Host, runtime) if runtime is not None else connect_workers()
    desks, lock = _desks()
    with lock:
        found = desks.get(client)
        if found is None:
            found = desks[client] = Desk(client)
        return found


@functools.cache
def _desks() -> tuple[weakref.WeakKeyDictionary[Host, Desk], threading.Lock]:
    return weakref.WeakKeyDictionary(), threading.Lock()
