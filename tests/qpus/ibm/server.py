"""A scripted server that behaves like IBM's service: the REST calls that `qiskit-ibm-runtime` makes, on loopback.

Identity (an API key for a bearer token), backends, usage, tasks, metrics, results, sessions. `faults` is a script: each
fault meets the first requests that it matches and then is gone.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.qpus.ibm.routes import Answer, answer_of, refusal
from tests.qpus.ibm.world import World

PREFIX = "/experimental"
CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/0123:4567::"


@dataclasses.dataclass
class Fault:
    """Requests of `method` whose path matches `path`: `times` of them get `status`, or meet what is set here.

    `before`: the connection is dropped and nothing done. `after`: it is done, and the connection dropped. `delay`: the
    answer comes so many seconds late. `cut`: only this part of the answer's body is sent, as if it were whole.
    """

    method: str
    path: str
    times: int = 1
    status: int = 0
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: dict[str, Any] | str | None = None
    before: bool = False
    after: bool = False
    delay: float = 0.0
    cut: float = 0.0


class IbmServer:
    """The server, in a thread of its own; `url` and `iam_url` are what IBM's client is pointed at."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.tokens: dict[str, float] = {}
        self.token_life_s = 3600.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.iam_url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url = self.iam_url + PREFIX

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fault(self, method: str, path: str, **how: Any) -> Fault:
        planned = Fault(method, path, **how)
        with self.world.lock:
            self.faults.append(planned)
        return planned

    def count(self, method: str, path: str) -> int:
        """How many requests of this kind came."""
        with self.world.lock:
            return sum(one == method and bool(re.search(path, other)) for one, other in self.requests)

    def struck(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets."""
        with self.world.lock:
            self.requests.append((method, path))
            for fault in self.faults:
                if fault.times and fault.method == method and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None

    def bearer(self, key: str) -> Answer:
        """Identity: a token for a key."""
        if key not in self.world.keys:
            return Answer(400, {"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."})
        now = int(time.time())
        token = _jwt({"iat": now, "exp": now + int(self.token_life_s), "sub": str(time.time_ns())})
        self.tokens[token] = time.time() + self.token_life_s
        return Answer(200, {"access_token": token, "refresh_token": "none", "token_type": "Bearer",
                            "expires_in": int(self.token_life_s), "expiration": now + int(self.token_life_s)})

    def known(self, authorization: str) -> bool:
        """Whether a request's header names somebody."""
        kind, _, secret = authorization.partition(" ")
        if kind.lower() == "apikey":
            return secret in self.world.keys
        return self.tokens.get(secret, 0.0) > time.time() and bool(self.world.keys)


def _jwt(claims: dict[str, Any]) -> str:
    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"


def _handler(server: IbmServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = self.rfile.read(length)
            path = urlsplit(self.path).path
            fault = server.struck(self.command, path) or Fault("", "")
            if fault.before:
                self.drop()
            elif fault.status:
                self.send(Answer(fault.status, fault.body if fault.body is not None else
                                 refusal(fault.status, "scripted").body, fault.headers), fault)
            else:
                done = self.done(path, content)
                time.sleep(fault.delay)
                self.drop() if fault.after else self.send(done, fault)

        def done(self, path: str, content: bytes) -> Answer:
            if path == "/identity/token":
                form = parse_qs(content.decode())
                return server.bearer(form.get("apikey", [""])[0])
            if not server.known(self.headers.get("Authorization", "")):
                return refusal(401, "Invalid credentials.", 1201)
            query = parse_qs(urlsplit(self.path).query)
            query["api"] = [self.headers.get("IBM-API-Version", "")]
            body = json.loads(content) if content else {}
            return answer_of(server.world, self.command, path.removeprefix(PREFIX), query, body)

        def send(self, answer: Answer, fault: Fault) -> None:
            body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            data = b"" if answer.status == 204 else body.encode()
            if fault.cut:
                data = data[:max(1, int(len(data) * fault.cut))]
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)),
                                **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()

        def drop(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = answer  # noqa: N815

    return Handler
