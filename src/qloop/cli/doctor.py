"""`qloop doctor`: is everything there, and does it work?"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.cli.exits import Exit

if TYPE_CHECKING:
    from qloop.cli.checks import Finding

MARKS = {"ok": "[green]✓[/]", "missing": "[dim]–[/]", "warning": "[yellow]![/]", "broken": "[bold red]✗[/]"}


def add(subparsers: Any) -> None:
    """Declare the command."""
    subparsers.add_parser("doctor", help="check Python, libraries, simulators, plugins, journal folder, clock",
                          description="Check what qloop needs, by using it. Exit code 1 if something needed is broken.")


def run(args: argparse.Namespace) -> int:
    """Print all findings; exit 1 if something needed is broken."""
    from qloop.cli.checks import everything

    found = list(everything())
    broken = [finding for finding in found if finding.status == "broken"]
    if args.json:
        _print_json(found, not broken)
    else:
        _print(found, broken)
    return Exit.FAILED if broken else Exit.OK


def _print_json(found: list[Finding], healthy: bool) -> None:
    import msgspec

    console.document({"healthy": healthy, "findings": msgspec.to_builtins(found)})


def _print(found: list[Finding], broken: list[Finding]) -> None:
    table = console.table("qloop doctor", "", "", "", "found", "for")
    table.show_header = False
    area = ""
    for finding in found:
        if area and finding.area != area:
            table.add_section()
        shown = "" if finding.area == area else f"[bold]{finding.area}[/]"
        area = finding.area
        table.add_row(MARKS[finding.status], shown, finding.name, console.plain(finding.detail),
                      f"[dim]{console.plain(finding.about)}[/]")
    console.show(table)
    if broken:
        console.say(f"{len(broken)} thing{'s' * (len(broken) != 1)} that qloop needs "
                    f"{'is' if len(broken) == 1 else 'are'} broken: {', '.join(one.name for one in broken)}")
    else:
        console.say("All is well.")
