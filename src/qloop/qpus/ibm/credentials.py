"""Whose account is used: named, never given. The key itself is read when IBM's client is made, and stays in it.

Three references: a saved account's name, an environment variable's name, a file's path. A key given in place of a
reference is refused without being repeated.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec

from qloop.errors import InvalidInput, UnknownName
from qloop.qpus.remote import CredentialsRefused

MASK = "(hidden)"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BEARER = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?")
_LONGEST_NAME = 30
_ADVICE = ("Save it once with QiskitRuntimeService.save_account(name='lab', ...) and give account='lab', or put it "
           "into an environment variable or a file and give key_variable='NAME' or key_file='path'")


class Reference(msgspec.Struct, frozen=True):
    """Where the key is: `account` (a saved one, "" for the default) in `account_file`, `key_variable` or `key_file`.

    `instance` is the service instance (its CRN or name) that is used and billed. It is no secret.
    """

    account: str = ""
    account_file: str = ""
    key_variable: str = ""
    key_file: str = ""
    instance: str = ""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not isinstance(getattr(self, name), str):
                raise InvalidInput(f"{name} must be a text", "", _ADVICE)
        if sum(bool(one) for one in (self.account, self.key_variable, self.key_file)) > 1:
            raise InvalidInput("Several credentials are referred to", "Only one of account, key_variable and key_file "
                               "can be used", "Keep one of them")
        if self.account and _looks_secret(self.account):
            raise _literal("account")
        if self.key_variable and (_looks_secret(self.key_variable) or not _VARIABLE.fullmatch(self.key_variable)):
            raise _literal("key_variable")
        if self.key_file and _looks_secret(self.key_file) and not Path(self.key_file).expanduser().exists():
            raise _literal("key_file")

    def arguments(self) -> dict[str, Any]:
        """The arguments of `QiskitRuntimeService`, key included; `CredentialsRefused` if there is none to be found."""
        shared: dict[str, Any] = {"instance": self.instance} if self.instance else {}
        if self.key_variable or self.key_file:
            return {**shared, "channel": "ibm_quantum_platform", "token": self._key()}
        if self.account_file:
            shared["filename"] = str(Path(self.account_file).expanduser())
        self._check_saved()
        return {**shared, "name": self.account} if self.account else shared

    def keys(self) -> list[str]:
        """The keys that the reference may lead to, so that they can be kept out of messages."""
        if self.key_variable or self.key_file:
            return [self._key()]
        return [str(account.get("token", "")) for account in _saved(self.account_file).values()]

    def check(self) -> None:
        """Raise `CredentialsRefused` or `UnknownName` if nothing stands behind the reference; asks nobody."""
        self.arguments()

    def _key(self) -> str:
        if self.key_variable:
            key = os.environ.get(self.key_variable, "").strip()
            if not key:
                raise CredentialsRefused(f"The environment variable {self.key_variable} holds no API key",
                                         "It is not set, or empty", f"Set it, for instance: export {self.key_variable}="
                                         "<your key>")
            return key
        try:
            key = Path(self.key_file).expanduser().read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = type(error).__name__
        else:
            reason = "" if key else "It is empty"
        if reason:
            raise CredentialsRefused(f"The file {self.key_file!r} holds no API key", reason,
                                     "Write the key into it, readable by you alone")
        return key

    def _check_saved(self) -> None:
        """A saved account must be there; only names are looked at."""
        names = saved_accounts(self.account_file)
        if self.account and self.account not in names and names:
            raise UnknownName("saved IBM account", self.account, names)
        if not names:
            raise CredentialsRefused("No IBM account is saved here", "", _ADVICE)


def saved_accounts(file: str = "") -> tuple[str, ...]:
    """The names of the accounts that IBM's client has saved."""
    return tuple(sorted(_saved(file)))


def _saved(file: str) -> dict[str, Any]:
    from qiskit_ibm_runtime import QiskitRuntimeService

    return dict(QiskitRuntimeService.saved_accounts(filename=str(Path(file).expanduser()) if file else None))


def refuse_literals(options: dict[str, Any]) -> None:
    """Raise `InvalidInput`, without repeating it, if a key itself was given as an option."""
    for name in ("token", "api_key", "apikey", "key", "password"):
        if name in options:
            raise _literal(name)


def hidden(text: str, secrets: tuple[str, ...]) -> str:
    """The text without the secrets, and without anything that has the form of a bearer token."""
    for secret in secrets:
        text = text.replace(secret, MASK) if secret else text
    return _BEARER.sub(MASK, text)


def _looks_secret(text: str) -> bool:
    """Long, and neither a path nor words: IBM's keys have 44 characters."""
    return len(text) > _LONGEST_NAME and not re.search(r"[\s/\\]", text) and bool(re.search(r"\d", text))


def _literal(name: str) -> InvalidInput:
    return InvalidInput(f"The value of {name} looks like an API key", "Keys are given by reference, so that none gets "
                        "into a program, a log or a journal", _ADVICE)
