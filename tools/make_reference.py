"""Write the pages of docs/reference that follow from the source: run it after a change (`make docs`).

A test compares the pages with what this writes, so they cannot grow old.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from qloop import errors
from qloop.cli.app import build
from qloop.cli.exits import TOLD
from qloop.loops.optimizers import by_name
from qloop.model.limits import Limits
from qloop.policies import about, catalog, columns
from qloop.runtime.options import Options
from qloop.simulator.campaign import listing
from qloop.simulator.campaign.dump import toml_value
from qloop.simulator.workload import arrivals, distributions
from qloop.simulator.workload.sessions import SessionModel
from qloop.trace import schema
from qloop.trace.datasets import reference_layout
from qloop.trace.datasets import schema as datasets

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTE = "<!-- Written by tools/make_reference.py from the source; `make docs` writes it anew. -->\n"


def pages() -> dict[str, str]:
    """The pages by file name."""
    made = {"trace.md": trace_page(), "policies.md": policies_page(), "options.md": options_page(),
            "errors.md": errors_page(), "optimizers.md": optimizers_page(), "cli.md": cli_page(),
            "datasets.md": datasets_page(), "scenario.md": scenario_page()}
    return {name: f"{NOTE}\n{text}" for name, text in made.items()}


def text_of(thing: Any) -> str:
    """A docstring as a paragraph of Markdown."""
    return inspect.cleandoc(thing.__doc__ or "")


def first_line(thing: Any) -> str:
    """The first line of a docstring."""
    return text_of(thing).partition("\n")[0]


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """A Markdown table; a bar in a cell is escaped."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def code(value: object) -> str:
    """A value as code."""
    return f"`{value}`"


def fields_of(struct: type[msgspec.Struct]) -> Iterator[tuple[str, str, str]]:
    """Name, type and default of a struct's fields, as they stand in a file."""
    kinds: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        kinds.update(inspect.get_annotations(base))
    for field in msgspec.structs.fields(struct):
        if field.default is not msgspec.NODEFAULT:
            default = code(repr(field.default))
        elif field.default_factory is not msgspec.NODEFAULT:
            default = code(repr(field.default_factory()))
        else:
            default = ""
        yield code(field.encode_name), code(kinds[field.name]), default


def words() -> Iterator[tuple[str, str]]:
    """The types of the schema that allow a few words only."""
    for name, kind in vars(schema).items():
        if getattr(kind, "__origin__", None) is Literal:
            yield code(name), ", ".join(map(code, get_args(kind)))


def trace_page() -> str:
    """Every kind of event, with the fields it adds to those that all have."""
    parts = ["# Trace schema\n", text_of(schema) + "\n",
             f"A trace file is JSON lines: a header (provenance), then one event a line. The format is number"
             f" {schema.FORMAT_VERSION}.\nEvery event has `t` and `seq`; task events also have `session`, `iteration`"
             " and `task`.\n", "## Words\n", table(("type", "one of"), words())]
    shared = {"t", "seq"}
    for kind in get_args(schema.AnyEvent):
        common = shared | ({"session", "iteration", "task"} if issubclass(kind, schema.TaskEvent) else set())
        rows = [row for row in fields_of(kind) if row[0].strip("`") not in common]
        parts.append(f"## {kind.__struct_config__.tag}\n\n{text_of(kind)}\n")
        if rows:
            parts.append(table(("field", "type", "default"), iter(rows)))
    return "\n".join(parts)


def policies_page() -> str:
    """The policies, placements and settings that the catalog knows."""
    names = {column: name for name, column in catalog.SETTINGS.items()}
    said = dict(re.findall(r"^([A-Z_]+) = \d+ +# (.*)$", inspect.getsource(columns), re.MULTILINE))
    orders = ((code(name), about.ABOUT[name], first_line(record.enter), first_line(record.scan or record.pick),
               "one line for all QPUs" if record.shared else "a line for each QPU",
               ", ".join(f"`{names[column]}={value:g}`" for column, value in record.settings.items()))
              for name, record in catalog.builtin().items())
    places = ((code(name), first_line(place),
               ", ".join(f"`{names[column]}={value:g}`" for column, value in settings.items()))
              for name, (place, settings) in catalog.placements().items())
    settings = ((code(name), said[name.upper()]) for name in catalog.SETTINGS)
    return "\n".join((
        "# Policies and settings\n",
        "`Runtime(policy=..., placement=..., policy_settings={...})`. How a policy is written:"
        " [a policy of your own](../how-to/write-a-policy.md).\n",
        "## Policies\n",
        table(("name", "what it is", "when a task becomes ready", "when a QPU is free", "lines", "settings"), orders),
        "## Placements\n", table(("name", "what it counts", "settings"), places),
        "## Settings\n", table(("name", "meaning"), settings)))


def datasets_page() -> str:
    """Every table of a data set, and the layout of the paper's measurements."""
    parts = ["# Data sets\n", text_of(datasets) + "\n",
             "A data set is a folder with a file for each table: `experiments.csv` or `experiments.parquet`, and so on;"
             "\nonly `experiments` must be there. CSV files are UTF-8 with a header row; floats are written so that"
             " they are read back\nto the last bit. Parquet files hold units and meanings in their columns' metadata."
             " How they are made:\n[record a data set](../how-to/record-a-dataset.md).\n"]
    for kind in datasets.TABLES.values():
        rows = ((code(column.name), {"whole": "integer", "real": "number", "text": "text"}[column.kind], column.unit,
                 "must be there" if column.required else "",
                 "" if column.least is None else f"{column.least:g}", column.meaning) for column in kind.columns)
        parts += [f"## {kind.name}\n", f"{kind.meaning} No two rows agree in {', '.join(map(code, kind.key))}.\n",
                  table(("column", "type", "unit", "", "least", "meaning"), rows)]
    files = ((code(name), code(f"n_qubits,{theirs}"), code(f"experiments.{ours}"))
             for name, (theirs, ours) in reference_layout.EXPERIMENT_FILES.items())
    others = [(code(reference_layout.ALL_EXECUTIONS), code("n_qubits,exec_time"), code("iterations.quantum_s"))]
    others += [(code(name), "no header", code(kind)) for name, kind in reference_layout.ESTIMATE_FILES.items()]
    return "\n".join((*parts, "## The reference layout\n", text_of(reference_layout) + "\n",
                      table(("file", "header", "table and column"), iter([*files, *others]))))


def options_page() -> str:
    """The options of a runtime, and its limits."""
    return "\n".join(("# Options of a runtime\n", "`qloop.Runtime(**options)`.\n", text_of(Options) + "\n",
                      table(("option", "type", "default"), (row for row in fields_of(Options) if row[0] != "`limits`")),
                      "## Limits\n", "`limits=Limits(...)` of `qloop.model.limits`; what is over a limit is refused.\n",
                      table(("limit", "type", "default"), fields_of(Limits))))


def errors_page() -> str:
    """Every error with its code."""
    kinds = (kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.QloopError))
    rows = ((code(kind.__name__), code(kind.code), ", ".join(code(base.__name__) for base in kind.__bases__),
             first_line(kind)) for kind in sorted(kinds, key=lambda kind: inspect.getsourcelines(kind)[1]))
    return "\n".join(("# Errors\n", text_of(errors) + "\n", "All are in `qloop.errors`.\n",
                      table(("error", "code", "also a", "meaning"), rows)))


def optimizers_page() -> str:
    """The optimizers with their options."""
    parts = ["# Optimizers\n", "`session.minimize(..., optimizer=NAME, **options)`, besides `x0`, `maxiter` and"
             " `seed`.\n"]
    for name, kind in by_name.KINDS.items():
        defaults = inspect.signature(kind).parameters
        rows = ((code(option), code(repr(defaults[option].default))) for option in by_name.option_names(name))
        parts += [f"## {name}\n", text_of(kind) + "\n", table(("option", "default"), rows)]
    return "\n".join(parts)


def scenario_page() -> str:
    """Every parameter of a scenario file."""
    parts = ["# Scenario files\n", "A scenario file is TOML; every table and every key may be left out. How to use it:"
             " [simulate a platform](../how-to/simulate-a-platform.md).\n",
             "Times are written as `\"600 s\"`, `\"12 h\"` or `\"2h 30m\"`, rates as `\"6 /h\"` or `\"every 10 min\"`,"
             " speeds as `\"2.5 Gop/s\"`, shares as `\"15 %\"`; a plain number is in the unit of the table below.\n"]
    for header, said, rows in listing.reference():
        cells = ((code(key), default and code(default), *rest) for key, default, *rest in rows)
        parts += [f"## {header}\n", inspect.cleandoc(said) + "\n",
                  table(("key", "default", "unit", "bounds", "meaning"), cells), *besides(header)]
    sessions = ((code(field.name), "measured" if field.default is None else code(toml_value(field.default)))
                for field in dataclasses.fields(SessionModel))
    parts += ["## [arrivals]\n", text_of(arrivals) + "\n",
              table(("kind", "meaning", "parameters"), kinds(arrivals.KINDS)),
              "## [sessions]\n", text_of(SessionModel) + "\n", table(("key", "default"), sessions),
              "## Distributions\n", text_of(distributions) + "\n",
              table(("kind", "meaning", "parameters"), kinds(distributions.KINDS))]
    return "\n".join(parts)


def besides(header: str) -> list[str]:
    """What a table holds besides its declared parameters."""
    notes = {"[scenario]": "Besides: `name`, `policy`, `placement` (see [policies](policies.md)), and the policy's"
                           " settings in `[scenario.settings]`.\n",
             "[[qpus]]": "Besides: `name`. Several `[[qpus]]` are several kinds.\n",
             "[[tenants]]": "Besides: `name`.\n",
             "[campaign]": "Besides: `[campaign.grid]`, a list of values for each dotted path, such as"
                           " `\"qpus.0.count\" = [1, 2, 3]`.\n",
             "[campaign.until]": "Besides: `quantity`, the measure whose interval is looked at, such as `\"drop\"`.\n"}
    return [notes[header]] if header in notes else []


def kinds(known: Mapping[str, type[Any]]) -> Iterator[tuple[str, str, str]]:
    """Kinds of something with their parameters."""
    for name, kind in known.items():
        yield code(name), first_line(kind), ", ".join(code(field.name.removesuffix("_s"))
                                                      for field in dataclasses.fields(kind))


def cli_page() -> str:
    """Every command with its arguments; written from the parser, since its help looks different in each Python."""
    parts = ["# Command line\n", "Every command takes `--json`, for one JSON document on the standard output.\n"]
    for parser, said in _commands(build(), ""):
        listed = [row for row in map(_argument, parser._actions) if row is not None]
        parts.append(f"## {parser.prog}\n\n{inspect.cleandoc(parser.description or said)}\n")
        if listed:
            parts.append(table(("argument", "default", "meaning"), iter(listed)))
    parts += ["## Exit codes\n", "```text", TOLD.partition("\n")[2], "```\n"]
    return "\n".join(parts)


def _commands(parser: argparse.ArgumentParser, said: str) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """The parser and all below it, each with the line that its parent says of it."""
    yield parser, said
    for group in parser._actions:
        if isinstance(group, argparse._SubParsersAction):
            for action in group._choices_actions:
                line = f"{(action.help or '')[:1].upper()}{(action.help or '')[1:]}."
                yield from _commands(group.choices[action.dest], line)


def _argument(action: argparse.Action) -> tuple[str, str, str] | None:
    """The row of an argument; None for those that every command has, and for what leads to commands."""
    if action.help == argparse.SUPPRESS or action.dest in ("help", "json", "version", "command"):
        return None
    if isinstance(action, argparse._SubParsersAction):
        return None
    name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
    if action.option_strings and action.nargs != 0:
        name += f" {action.metavar or action.dest.upper()}"
    plain = action.default in (None, False, "", [], argparse.SUPPRESS)
    help_text = (action.help or "") % {"default": action.default, "prog": "qloop"}
    return code(name), "" if plain else code(action.default), help_text


if __name__ == "__main__":
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (TARGET / name).write_text(text)
        print(f"docs/reference/{name}")
