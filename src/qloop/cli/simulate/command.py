"""`qloop simulate ACTION`: declares the actions, each in a module of its own, and hands over to the one asked for."""

from __future__ import annotations

import argparse
import warnings
from typing import Any, Protocol

from qloop.cli import console
from qloop.cli.simulate import paper, replay
from qloop.cli.simulate import run as campaign


class Action(Protocol):
    """What the module of an action offers."""

    def add(self, actions: Any) -> None:
        """Declare the action and its arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; returns the exit code."""


ACTIONS: dict[str, Action] = {
    "run": campaign,
    "paper": paper,
    "replay": replay,
}


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("simulate", help="simulate a platform and its load")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    for action in ACTIONS.values():
        action.add(actions)


def run(args: argparse.Namespace) -> int:
    """Do what the action does; returns the exit code."""
    with warnings.catch_warnings():
        warnings.showwarning = told
        return int(ACTIONS[args.action].run(args))


def told(message: Warning | str, *place: object, **more: object) -> None:
    """A warning as a line, without the place in the code, which says nothing to who gave the command."""
    console.say(f"warning: {message}")
