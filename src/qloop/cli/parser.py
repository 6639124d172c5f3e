"""The argument parser of all commands: its errors are qloop's, and each command takes `--json`."""

from __future__ import annotations

import argparse
import difflib
from typing import Any, NoReturn

from qloop.errors import InvalidInput, UnknownName


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that raises `InvalidInput` and `UnknownName`, with the nearest name, instead of exiting.

    `hint` is added to the advice.
    """

    hint = ""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, conflict_handler="resolve", **settings)
        self.add_argument("--json", action="store_true", default=argparse.SUPPRESS,
                          help="print one JSON document, errors as well")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; the command that a word was meant for says that it does not know it."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found, left

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong."""
        why = message[:1].upper() + message[1:]
        near = self._nearest(message)
        if near:
            why = f"{why}. Did you mean {near}?"
        raise InvalidInput(f"This is not how '{self.prog}' is used", why, f"See '{self.prog} --help'{self.hint}")

    def _nearest(self, message: str) -> str:
        """The option that an unknown one was probably meant to be."""
        _, found, words = message.partition("unrecognized arguments: ")
        wanted = words.split(" ")[0].partition("=")[0]
        near = difflib.get_close_matches(wanted, self._option_string_actions, n=1, cutoff=0.6) if found else []
        return near[0] if near else ""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """A word that must be one of a few: name the nearest."""
        if action.choices is not None and value not in action.choices:
            raise UnknownName(str(action.metavar or action.dest).lower(), value, map(str, action.choices))
