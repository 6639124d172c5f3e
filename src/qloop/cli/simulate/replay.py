"""`qloop simulate replay TRACE`: what a recorded run would have been under another policy or on another platform."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.cli.exits import Exit
from qloop.errors import InvalidInput, MissingExtra, UnknownName

if TYPE_CHECKING:
    from qloop.policies.record import Policy
    from qloop.simulator.replay.changes import Change
    from qloop.simulator.replay.compare import Numbers
    from qloop.simulator.replay.recorded import Recorded
    from qloop.simulator.replay.replay import ReplayResult
    from qloop.trace.reader import Trace

ABOUT = """Replay a recorded run: the same tasks, thinking times and calibrations meet the scheduler again.
The first column is the recording, the second its replay under the recorded policy, which shows how far
the replay can be trusted; the others answer "what if". Changes are against the second column."""
MOST_IN_FIGURE = 4


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("replay", help="replay a recorded run under other policies or on other QPUs",
                                   description=ABOUT)
    parser.add_argument("trace", metavar="TRACE", help="a trace that qloop recorded, .jsonl or .jsonl.gz")
    parser.add_argument("--policy", nargs="+", default=[], metavar="P",
                        help="policies to replay under (default: the recorded one)")
    parser.add_argument("--placement", metavar="NAME", help="placement of these policies: least_wait or warm")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
                        help="settings of these policies, such as phi=0.3")
    parser.add_argument("--qpus", type=int, metavar="N",
                        help="so many QPUs: the first of the recorded ones, or copies of them in turn")
    parser.add_argument("--add-qpu", nargs="+", action="extend", default=[], metavar="NAME",
                        help="a further QPU like the recorded one of this name")
    parser.add_argument("--drop-qpu", nargs="+", action="extend", default=[], metavar="NAME",
                        help="without this QPU")
    parser.add_argument("--speed-think", type=float, default=1.0, metavar="FACTOR",
                        help="classical steps take FACTOR times as long; 0.5: half as long")
    parser.add_argument("--seed", type=int, metavar="N", help="draws of random policies (default: the run's seed)")
    parser.add_argument("--out", metavar="FILE", help="write the simulated traces here; the policy's name is added to "
                                                      "the file's where there are several")
    parser.add_argument("--plot", metavar="FIGURE", help="draw recorded and replayed lanes here, as PNG and PDF "
                                                         "(needs qloop[plot])")


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    from qloop.simulator.replay.recorded import read_work
    from qloop.trace.reader import read

    settings, change = _settings(args.set), _change(args)
    trace = read(args.trace)
    own, others = _policies(args, trace, settings)
    _check_figure(args, len(others) + (own is not None))
    work = read_work(trace)
    results = _replayed(args, work, own, others, change)
    files = _written(args, results, own is not None)
    if args.json:
        console.document(_as_dict(args, results, files))
        return Exit.OK
    _print(work, results, own is not None, trace)
    for file in files:
        console.say(f"written: {file}")
    return Exit.OK


def _settings(words: list[str]) -> dict[str, float]:
    """The settings as numbers by name."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            equals = ""
        if not (name and equals):
            raise InvalidInput(f"{word!r} is no setting", "A setting is a name, '=' and a number",
                               "Give, for example, --set phi=0.3")
    return found


def _change(args: argparse.Namespace) -> Change:
    from qloop.simulator.replay.changes import Change

    if args.qpus is not None and args.qpus < 1:
        raise InvalidInput(f"--qpus is {args.qpus}", "A platform has at least one QPU", "Give a whole number from 1")
    return Change(args.qpus or 0, tuple(args.add_qpu), tuple(args.drop_qpu), args.speed_think)


def _policies(args: argparse.Namespace, trace: Trace, settings: dict[str, float],
              ) -> tuple[Policy | None, list[tuple[str, Policy]]]:
    """The recorded policy, None if it is not known here, and the others, with what distinguishes them in words."""
    from qloop.runtime.plugins import find_policy
    from qloop.simulator.choices import each_once

    told, changes = trace.header.configuration, _change(args)
    asked = each_once(args.policy) or ([trace.header.policy] if settings or args.placement else [])
    differs = [args.placement or "", *(f"{name}={value:g}" for name, value in settings.items())]
    others = []
    for name in asked:
        label = " ".join(part for part in (name, *differs) if part)
        others.append((label, find_policy(name, args.placement, settings)))
    try:
        own = find_policy(trace.header.policy, told.get("placement") or None, told.get("settings") or {})
    except UnknownName:
        if not others:
            raise
        console.say(f"note: the recorded policy, {trace.header.policy!r}, is not known here and is left out")
        return None, others
    if not changes.nothing and not others:
        others = [(own.name, own)]
    same = changes.nothing and not settings and not args.placement and not told.get("settings")
    return own, [(label, policy) for label, policy in others if not (same and policy.name == own.name)]


def _replayed(args: argparse.Namespace, work: Recorded, own: Policy | None, others: list[tuple[str, Policy]],
              change: Change) -> list[ReplayResult]:
    """The replay under the recorded policy, if it is known, then the others."""
    from qloop.simulator.replay.changes import Change
    from qloop.simulator.replay.host import host_for
    from qloop.simulator.replay.replay import replay_under

    host = host_for(len(work.tasks), len(others) + 1)
    if host.compiler is not None:
        console.note("compiling the replay, about half a minute for each policy")
    found = [] if own is None else [replay_under(work, own, Change(), host, label=f"replayed ({own.name})")]
    settings = {"placement": args.placement or "", "settings": _settings(args.set)}
    for name, policy in others:
        label = ", ".join(part for part in (name, change.text()) if part)
        found.append(replay_under(work, policy, change, host, label=label, seed=args.seed, configuration=settings))
    return found


def _check_figure(args: argparse.Namespace, replays: int) -> None:
    if args.plot and replays + 1 > MOST_IN_FIGURE:
        raise InvalidInput(f"A figure of {replays + 1} runs was asked for",
                           f"At most {MOST_IN_FIGURE} fit side by side", "Name fewer policies")


def _written(args: argparse.Namespace, results: list[ReplayResult], with_own: bool) -> list[Path]:
    """Write what was asked for; returns the files."""
    from qloop.trace.recorder import write

    files: list[Path] = []
    if args.out:
        chosen = results[1:] if with_own and len(results) > 1 else results
        for result in chosen:
            path = Path(args.out) if len(chosen) == 1 else _beside(Path(args.out), result.label)
            write(result.trace, path)
            files.append(path)
    if args.plot:
        files += _drawn(args.plot, results)
    return files


def _beside(path: Path, label: str) -> Path:
    """The file's name with the label before its suffixes."""
    stem, dot, suffixes = path.name.partition(".")
    plain = re.sub(r"[^\w.=]+", "-", label).strip("-")
    return path.with_name(f"{stem}-{plain}{dot}{suffixes}")


def _drawn(place: str, results: list[ReplayResult]) -> tuple[Path, ...]:
    try:
        from qloop.trace.plots import comparison, save

        shown = {"recorded": results[0].recorded, **{result.label: result.trace for result in results}}
        return save(comparison(shown), place)
    except ImportError as error:
        raise MissingExtra("The figure", "plot") from error
    except OSError as error:
        raise InvalidInput(f"The figure {place} cannot be written", error.strerror or str(error),
                           "Name another file") from error


def _print(work: Recorded, results: list[ReplayResult], with_own: bool, trace: Trace) -> None:
    from qloop.simulator.replay.compare import numbers

    runs = ["recorded", *(result.label for result in results)]
    rows = numbers([results[0].recorded_metrics, *(result.metrics for result in results)])
    title = (f"Replay of {len(work.tasks):,} quantum tasks of {len(work.sessions):,} sessions, recorded under "
             f"{trace.header.policy} ({trace.header.clock} clock)")
    table = console.table(title, "", *map(console.plain, runs), right=tuple(map(console.plain, runs)))
    base = 1 if with_own else 0
    for row in rows:
        cells = [_cell(row, n, base) for n in range(len(runs))]
        table.add_row(row.name, *cells)
    console.show(table)
    if with_own:
        console.show(_fidelity(results[0], trace))
    for note in dict.fromkeys(note for result in results for note in result.notes):
        console.say(f"note: {note}")


def _cell(row: Numbers, n: int, base: int) -> str:
    """A value, and for what-ifs how much it differs from the replay of the recording."""
    value = row.values[n]
    if value is None:
        return "–"
    digits = 4 if row.unit == "" else 2
    text = f"{value:,.{digits}f} {row.unit}".strip()
    more = row.difference(n, base)
    if n <= base or more is None:
        return text
    return f"{text} [dim]({more:+,.{digits}f})[/]"


def _fidelity(own: ReplayResult, trace: Trace) -> str:
    """How well the replay under the recorded policy repeats the recording."""
    recorded = len(trace.index.attempts)
    if own.exact:
        return (f"Under {own.policy} the replay makes all {recorded:,} starts of the recording: same time to the "
                "nanosecond, same QPU.")
    return (f"Under {own.policy} the replay makes {own.equal_starts:,} of the {recorded:,} recorded starts at the same "
            "time on the same QPU; compare the first two columns for what that means.")


def _as_dict(args: argparse.Namespace, results: list[ReplayResult], files: list[Path]) -> dict[str, Any]:
    from qloop.simulator.replay.compare import numbers

    rows = numbers([results[0].recorded_metrics, *(result.metrics for result in results)])
    told = [{"label": result.label, "policy": result.policy, "starts": result.starts,
             "equal_starts": result.equal_starts, "exact": result.exact, "guessed": result.guessed,
             "stuck": result.stuck, "notes": result.notes, "numbers": {row.name: row.values[n] for row in rows}}
            for n, result in enumerate(results, start=1)]
    return {"trace": args.trace, "recorded": {row.name: row.values[0] for row in rows},
            "units": {row.name: row.unit for row in rows}, "replays": told, "files": files}
