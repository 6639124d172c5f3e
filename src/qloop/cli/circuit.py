"""`qloop circuit check FILE ...`: what somebody else's circuit is, without trusting it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.cli.exits import Exit

if TYPE_CHECKING:
    from qloop.intake.facts import Facts

NAMED = 6       # kinds of gates that the table names


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("circuit", help="check a circuit that somebody else wrote")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    check = actions.add_parser(
        "check", help="read an OpenQASM 2 or QPY file in a sandbox and measure it",
        description="Read an OpenQASM 2 or QPY file as the intake does, bounded and in a sandboxed process, and print\n"
                    "its measures, or why it is refused (exit code 2).")
    check.add_argument("file", metavar="FILE", help="the file; its format is told by its content")
    check.add_argument("--format", choices=("qasm2", "qpy"), metavar="FORMAT", help="qasm2 or qpy")


def run(args: argparse.Namespace) -> int:
    """Print a table or JSON; a refusal is an error."""
    from qloop.intake.reader import Reader

    with Reader() as reader:
        found = reader.examine(Path(args.file), format=args.format)
    if args.json:
        console.document({"file": args.file, "circuits": [_as_dict(facts) for facts in found]})
        return Exit.OK
    table = console.table(f"Circuits of {console.plain(Path(args.file).name)}", "circuit", "qubits", "bits", "gates",
                          "written out", "depth", "parameters", "kinds",
                          right=("qubits", "bits", "gates", "written out", "depth", "parameters"))
    for facts in found:
        table.add_row(console.plain(_printable(facts.name)), f"{facts.qubits:,}", f"{facts.clbits:,}",
                      f"{facts.instructions:,}", f"{facts.expanded:,}", f"{facts.depth:,}", f"{facts.parameters:,}",
                      console.plain(_kinds(facts)))
    console.show(table)
    return Exit.OK


def _kinds(facts: Facts) -> str:
    """The most frequent gates."""
    ranked = sorted(facts.gates.items(), key=lambda item: (-item[1], item[0]))
    told = ", ".join(f"{_printable(name)} {count:,}" for name, count in ranked[:NAMED])
    return told + (f", {len(ranked) - NAMED} more" if len(ranked) > NAMED else "")


def _printable(name: str) -> str:
    """A name from the file, harmless to a terminal."""
    from qloop.intake.refusal import printable

    return printable(name, 40)


def _as_dict(facts: Facts) -> dict[str, Any]:
    import msgspec

    return dict(msgspec.to_builtins(facts))
