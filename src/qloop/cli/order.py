"""What `qloop run` orders: a new run from its options, or an interrupted one as it was set up."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from qloop.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from qloop.runtime.history import Past
    from qloop.runtime.ordered import Ordered

LATEST = "latest"


def make(args: argparse.Namespace, path: Path, arguments: Sequence[str]) -> tuple[Ordered, Past | None]:
    """The order, checked, and the run that it takes up, if any.

    Raises `InvalidInput` or `UnknownName` for options that cannot work, `Conflict` for options that differ from those
    of the run to resume, `JournalError` if its journal cannot be used.
    """
    wishes = _wishes(args)
    _check(wishes)
    past = None if args.resume is None else _past(args.resume, path)
    order = _fresh(path, arguments, wishes, args.id) if past is None else _taken_up(past, arguments, wishes)
    order.wishes().check()
    return order, past


def _wishes(args: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, by the names they have in `Ordered`."""
    qpus = None if args.qpus is None else tuple(name.strip() for name in args.qpus.split(","))
    clock = None if args.clock is None else clock_of(args.clock)
    given = {"qpus": qpus, "policy": args.policy, "clock": clock, "seed": args.seed, "workers": args.workers,
             "tenants": _tenants(args.tenant),
             "pilots": pilots_of(args.pilot) if args.pilot else None}
    return {name: value for name, value in given.items() if value is not None}


def _tenants(words: Sequence[str] | None) -> dict[str, Any] | None:
    """The terms of tenants; None if none were given."""
    if not words:
        return None
    from qloop.runtime.sharing import parsed

    return dict(parsed(words))


def pilots_of(words: Sequence[str]) -> tuple[str, ...]:
    """The pilots of `--pilot`, of which the kept ones bear their mark; UnknownName with the nearest."""
    from qloop.runtime.keeping.by_name import pilot_word
    from qloop.runtime.pilots import KINDS, plugin_kinds

    return tuple(pilot_word(word, (*KINDS, *plugin_kinds())) for word in words)


def clock_of(text: str) -> str | float:
    """`real`, `virtual`, or a number with or without an x, as `make_clock` takes it."""
    try:
        return float(text.removesuffix("x"))
    except ValueError:
        return text


def _check(wishes: dict[str, Any]) -> None:
    """Refuse names and numbers that nothing could be made of, before anything is written."""
    from qloop.qpus.catalog import check_qpu_name
    from qloop.runtime.clock import make_clock
    from qloop.runtime.plugins import find_policy

    for name in wishes.get("qpus", ()):
        check_qpu_name(name)
    if len(set(wishes.get("qpus", ()))) < len(wishes.get("qpus", ())):
        raise InvalidInput("Two QPUs have the same name", f"--qpus {','.join(wishes['qpus'])}", "Name each once")
    if "clock" in wishes:
        make_clock(wishes["clock"])
    if "policy" in wishes:
        find_policy(wishes["policy"], None, {})


def _fresh(path: Path, arguments: Sequence[str], wishes: dict[str, Any], wanted: str | None) -> Ordered:
    from qloop.runtime import layout
    from qloop.runtime.history import program_text
    from qloop.runtime.ordered import Ordered

    run = layout.new_run_id() if wanted is None else _free(wanted)
    return Ordered(run, program_text(path, arguments), journal=str(layout.journal_path(run).absolute()),
                   process=os.getpid(), **wishes)


def _free(run: str) -> str:
    """A run's id that nobody has; InvalidInput or Conflict if it cannot be."""
    from qloop.runtime import layout
    from qloop.runtime.checks import NAME

    if not NAME.fullmatch(run):
        raise InvalidInput(f"The run id {run!r:.80} cannot be used", "It becomes the name of a file",
                           "Use letters, digits, '-' and '_', at most 64")
    if layout.journal_path(run).exists():
        raise Conflict(f"There is a run {run}", f"Its journal is {layout.journal_path(run)}",
                       f"Go on with it: --resume {run}; or choose another id")
    return run


def _past(wanted: str, path: Path) -> Past:
    """The run to take up: the one named, or the program's latest that can go on."""
    from qloop.runtime.history import find_run, interrupted

    if wanted == LATEST:
        return interrupted(path)
    past = find_run(wanted)
    if past.program[:1] != (str(path),):
        raise Conflict(f"The run {wanted} is one of another program",
                       f"It ran {' '.join(past.program) or 'without a file'}, and {path} is asked for",
                       "Resume it with its own program; 'qloop sessions' lists them")
    if not past.resumable:
        raise InvalidInput(f"The run {wanted} cannot be resumed", f"It is {past.state}", "Start a new run")
    return past


def _taken_up(past: Past, arguments: Sequence[str], wishes: dict[str, Any]) -> Ordered:
    """The order of the run as it was set up; other wishes are a conflict."""
    from qloop.runtime.ordered import Ordered
    from qloop.runtime.recovery import options_of

    kept = options_of(past.info, past.path)
    held = {"qpus": kept.qpus, "policy": kept.policy_name, "clock": kept.clock, "seed": kept.seed,
            "tenants": kept.tenants}
    for name, value in held.items():
        _agree(past, "--tenant" if name == "tenants" else f"--{name}", value, wishes.get(name))
    if arguments:
        _agree(past, "the program's arguments", past.program[1:], tuple(arguments))
    return Ordered(past.info.row.id, past.info.row.program, resume=True, qpus=tuple(map(str, kept.qpus)),
                   policy=kept.policy_name, placement=kept.placement, policy_settings=dict(kept.policy_settings),
                   clock=kept.clock, seed=kept.seed, tenants=cast("dict[str, Any]", kept.tenants),
                   workers=wishes.get("workers", 0), pilots=wishes.get("pilots", ()),
                   journal=str(past.path.absolute()), process=os.getpid())


def _agree(past: Past, what: str, kept: object, wish: object) -> None:
    """A wish must be what the run was set up with."""
    if wish is not None and wish != kept:
        raise Conflict(f"The run {past.info.row.id} was set up with another configuration",
                       f"{what}: it has {_told(kept)}, and {_told(wish)} is asked for; its results would not fit",
                       "Resume it without this option, or start a new run without --resume")


def _told(value: object) -> str:
    if not isinstance(value, tuple):
        return str(value)
    return ",".join(map(str, value)) or "none"
