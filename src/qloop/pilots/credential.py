"""What an agent must know to join: a pilot's token, and the proofs that both sides know it.

A token travels from the pilot to its agents by an environment variable or a file of mode 0600. It holds a secret, when
that expires, and the fingerprint of the hub's certificate. Neither side sends it: each proves that it knows the secret
by an HMAC (SHA-256) over both sides' random numbers, what it says, and the certificate as it sees it, so that nobody
between them can answer for either.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import time
from pathlib import Path
from typing import Final

import msgspec

from qloop.errors import InvalidInput
from qloop.pilots.allocator import TOKEN_VARIABLE

NONCE_BYTES: Final = 32
_MARK: Final = "qloop1"


class Credential(msgspec.Struct, frozen=True):
    """A pilot's token. `name` is public; `expires_s`: Unix time, 0 for never; `certificate`: SHA-256 in hex, or ""."""

    name: str
    secret: bytes
    expires_s: int = 0
    certificate: str = ""

    def __repr__(self) -> str:
        return f"Credential({self.name!r}, ...)"

    def text(self) -> str:
        """As it is handed to agents."""
        return ".".join((_MARK, self.name, self.secret.hex(), str(self.expires_s), self.certificate))

    def expired(self) -> bool:
        """Whether its time is over, by this machine's clock."""
        return 0 < self.expires_s <= time.time()

    def proof(self, role: str, certificate: str, *said: bytes) -> bytes:
        """That who plays this role knows the secret and said this over a connection with this certificate."""
        parts = (role.encode(), certificate.encode(), *said)
        framed = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
        return hmac.new(self.secret, framed, hashlib.sha256).digest()

    def proven(self, given: bytes, role: str, certificate: str, *said: bytes) -> bool:
        """Whether this is that proof; takes as long for a wrong one."""
        return hmac.compare_digest(given, self.proof(role, certificate, *said))


def new_credential(valid_s: float, certificate: str = "") -> Credential:
    """A fresh one, valid for so many seconds from now (0: for ever)."""
    expires = int(time.time() + valid_s) + 1 if valid_s else 0
    return Credential(secrets.token_hex(8), secrets.token_bytes(32), expires, certificate)


def read_credential(text: str) -> Credential:
    """The token of this text. `InvalidInput` if it is none, without repeating it."""
    parts = text.strip().split(".")
    try:
        mark, name, secret, expires, certificate = parts
        if mark != _MARK or len(bytes.fromhex(secret)) != 32:
            raise ValueError
        return Credential(name, bytes.fromhex(secret), int(expires), certificate)
    except ValueError:
        raise InvalidInput("This is not a token of a qloop pilot", "",
                           f"Set {TOKEN_VARIABLE} to the token that the pilot gave, whole") from None


def find_token(path: str) -> str:
    """The token in the environment, which then holds it no more, or in the file at `path`."""
    told = os.environ.pop(TOKEN_VARIABLE, "")
    if told:
        return told
    if not path:
        raise InvalidInput("An agent needs its pilot's token to join", "it has been given none",
                           f"Set {TOKEN_VARIABLE}, or name a file of mode 0600 with --token-file")
    return _from_file(Path(path))


def _from_file(path: Path) -> str:
    try:
        with path.open() as file:
            about = os.fstat(file.fileno())
            if stat.S_IMODE(about.st_mode) & 0o077 or about.st_uid != os.geteuid():
                raise InvalidInput(f"The token file {path} can be read by others", "whoever reads it can join",
                                   "Give it to this user alone, with mode 0600, and start anew with a new token")
            return file.read(4096)
    except OSError as error:
        raise InvalidInput(f"The token file {path} cannot be read", str(error)) from error
