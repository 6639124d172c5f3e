"""The demo on a terminal: what ran, the numbers side by side, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qloop.miniapps.demo.compare import Outcome, Row, Value, change_text

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

COLOURS = {"better": "green", "worse": "red", "same": "dim", "": ""}


def render(found: Outcome) -> Group:
    """Everything that the demo found, to be printed."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Table | Text] = [_setting(found), _side_by_side(found)]
    if found.verdict is not None:
        style = "bold green" if found.verdict.met else "bold yellow"
        parts.append(Text(found.verdict.text(), style=style))
    if found.not_gained:
        parts.append(Text("Nothing gained, or lost, in:"))
        parts += [Text(f"  {line}", style="dim") for line in found.not_gained]
    parts += [Text(f"{what}: {path}") for what, path in found.files.items()]
    return Group(*parts)


def _setting(found: Outcome) -> Table:
    """What ran, where, and how much of it."""
    mix = found.mix
    table = _table("qloop demo", "", "")
    table.columns[1].justify = "left"
    share = mix.offered_loops / mix.offered
    table.add_row("loops", f"{mix.loops}, {mix.iterations:,} iterations of {mix.step_s:.1f} s of QPU time on average")
    table.add_row("background", f"{mix.background:,} single tasks of {mix.background_s:.1f} s on average")
    table.add_row("load", f"{mix.offered:.3f} offered over {found.horizon_s:,.0f} s: loops {mix.offered_loops:.3f}, "
                          f"background {mix.offered_background:.3f} ({share:.0%} and {1 - share:.0%})")
    for n, qpu in enumerate(found.qpus):
        table.add_row("" if n else "QPUs", f"{qpu['name']}: emulated {qpu['device']}, {qpu['qubits']} qubits, "
                                           f"calibrated {qpu['calibrated_at']}")
    table.add_row("clock", f"{found.clock}; classical time is modelled, energies are computed")
    table.add_row("seed", f"{found.seed}, the same arrivals, thinking times and tasks under each policy")
    table.add_row("computed in", ", ".join(f"{name} {spent:.1f} s" for name, spent in found.seconds.items()))
    return table


def _side_by_side(found: Outcome) -> Table:
    """One column for each policy, and the change against the first."""
    two = len(found.policies) == 2
    changes = ["change"] if two else [f"{name} / {found.policies[0]}" for name in found.policies[1:]]
    table = _table("Side by side", "", "", *found.policies, *changes)
    table.columns[1].justify = "left"
    group = ""
    for row in found.rows:
        if group and row.group != group:
            table.add_section()
        table.add_row(row.group if row.group != group else "", row.label,
                      *(number(value, row.unit) for value in row.values), *_changes(row))
        group = row.group
    return table


def _changes(row: Row) -> Iterator[str]:
    """The changes of all policies but the first, coloured by whether they are good."""
    for n in range(1, len(row.values)):
        colour, text = COLOURS[row.gain(n)], change_text(row.changes[n], row.unit)
        yield f"[{colour}]{text}[/]" if colour else text


def number(value: Value, unit: str) -> str:
    """A value with its unit; a dash where there is none."""
    if value is None:
        return "–"
    if unit == "%":
        return f"{value:.1f} %"
    text = f"{value:,.0f}" if abs(value) >= 1000 or (unit == "" and value == round(value)) else f"{value:.3g}"
    return f"{text} {unit}".strip()


def _table(title: str, *columns: str) -> Table:
    """A table of the house: texts left, numbers right."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
                  show_header=any(columns), pad_edge=False)
    for n, column in enumerate(columns):
        table.add_column(column, justify="left" if n == 0 else "right", no_wrap=n != 0)
    return table
