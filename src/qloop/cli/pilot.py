"""`qloop pilot start|list|stop`: workers that are kept, by name, for the programs that come."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from qloop.cli import console, quantities
from qloop.cli.exits import Exit
from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from qloop.pilots.kept.words import Standing
    from qloop.pilots.spec import PilotSpec
    from qloop.runtime.keeping.operate import Seen

EXAMPLES = """examples
  qloop pilot start work --workers 4               four workers on this machine
  qloop pilot start big --kind slurm --workers 0-16 --walltime 2h --option partition=long
  qloop run vqe.py --pilot work                    or Runtime(pilots=["@work"]) in a program
  qloop pilot list
  qloop pilot stop work                            once no program uses it; --now ends it at once"""
WORKERS = re.compile(r"(\d+)(?:-(\d+))?")


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("pilot", help="keep workers by name for the programs that come", epilog=EXAMPLES,
                                   description="Keep workers for programs that come and go, and share them fairly.")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    _add_start(actions)
    actions.add_parser("list", help="the pilots that are kept: their workers, and who uses them")
    stop = actions.add_parser("stop", help="end one, once no program uses it any more")
    stop.add_argument("name", metavar="NAME", help="see 'qloop pilot list'")
    stop.add_argument("--now", action="store_true", help="end it at once; programs go on without it, or fail")


def _add_start(actions: Any) -> None:
    start = actions.add_parser("start", help="keep a pilot under a name", epilog=EXAMPLES)
    start.add_argument("name", metavar="NAME", help="how programs will call it")
    start.add_argument("--kind", default="local", metavar="K", help="local, dask, ray, slurm, or a plug-in's (default: "
                       "local)")
    start.add_argument("--workers", default="1", metavar="N[-M]", help="so many, or from N to M as needed (default: 1)")
    start.add_argument("--cores", type=int, default=0, metavar="N", help="of a node (default: one for each worker)")
    start.add_argument("--memory", default="0", metavar="SIZE", help="of a node, such as 16GiB (default: not limited)")
    start.add_argument("--gpus", type=int, default=0, metavar="N", help="of a node (default: 0)")
    start.add_argument("--workers-per-node", type=int, default=0, metavar="N", help="(default: one for each core)")
    start.add_argument("--address", default="", metavar="A", help="of a Dask or Ray cluster that is there already")
    start.add_argument("--walltime", default="0", metavar="TIME", help="after which all ends, such as 2h (default: no)")
    start.add_argument("--keep-alive", default="60", metavar="TIME",
                       help="after which idle workers beyond N go (default: 60s)")
    start.add_argument("--idle", default="1h", metavar="TIME",
                       help="after which all ends if no program uses it; 0 for never (default: 1h)")
    start.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="of the kind (repeatable)")
    start.add_argument("--wait", default="30s", metavar="TIME", help="for its first worker (default: 30s)")


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {"start": _start, "list": _list, "stop": _stop}
    return actions[args.action](args)


def spec_of(args: argparse.Namespace) -> PilotSpec:
    """The pilot that the options describe."""
    from qloop.pilots.spec import PilotSpec

    found = WORKERS.fullmatch(args.workers)
    if found is None:
        raise InvalidInput(f"--workers is {args.workers!r:.80}", "", "Give a number, or a range such as 0-8")
    least, most = int(found[1]), int(found[2] or found[1])
    return PilotSpec(kind=args.kind, name=args.name, least=least, most=most, cores=args.cores,
                     memory_bytes=quantities.size("--memory", args.memory), gpus=args.gpus,
                     workers_per_node=args.workers_per_node, address=args.address,
                     keep_alive_s=quantities.seconds("--keep-alive", args.keep_alive),
                     walltime_s=quantities.seconds("--walltime", args.walltime),
                     options=dict(map(quantities.setting, args.option))).check()


def _start(args: argparse.Namespace) -> int:
    from qloop.runtime.keeping import operate

    spec, wait = spec_of(args), quantities.seconds("--wait", args.wait)
    with _busy(args.json, f"starting {args.name}") as told:
        record = operate.start(args.name, spec, quantities.seconds("--idle", args.idle))
        standing = operate.until_ready(record, wait, lambda now: told(_said(now)))
    if args.json:
        console.document(_dict(operate.Seen(record, standing)))
        return Exit.OK
    there = standing.idle + standing.busy
    console.say(f"{args.name} is kept: {_said(standing)}")
    if not there and spec.least:
        console.say("No worker has come yet; it goes on waiting for them: 'qloop pilot list' tells")
    console.note(f"use it with --pilot {args.name}, or Runtime(pilots=[\"@{args.name}\"]); "
                 + (f"it ends after {args.idle} without a program" if record.idle_s else "it ends when it is told to"))
    return Exit.OK


def _list(args: argparse.Namespace) -> int:
    from qloop.runtime.keeping import operate

    found = operate.look()
    if args.json:
        console.document({"pilots": [_dict(one) for one in found]})
        return Exit.OK
    used = any(one.standing and one.standing.connected for one in found)
    console.show(*([_table(found)] if found else []), *([_users(found)] if used else []))
    for one in found:
        if one.standing is None:
            console.say(f"{one.record.name}: {one.problem}{'; removed from the list' if one.cleaned else ''}")
    if not found:
        console.note("No pilot is kept; 'qloop pilot start NAME' does that.")
    return Exit.OK


def _table(found: list[Seen]) -> Table:
    table = console.table("Kept pilots", "name", "kind", "workers", "busy", "idle", "coming", "nodes", "cores", "GPUs",
                          "since", "programs", "state", right=("busy", "idle", "coming", "nodes", "cores", "GPUs",
                                                              "programs"))
    for one in found:
        spec, standing = one.record.spec, one.standing
        bounds = str(spec.most) if spec.least == spec.most else f"{spec.least}-{spec.most}"
        if standing is None:
            table.add_row(one.record.name, spec.kind, bounds, "", "", "", "", "", "", _when(one.record.since_s), "",
                          "[red]gone[/]")
            continue
        nodes = standing.nodes.values()
        table.add_row(one.record.name, spec.kind, bounds, str(standing.busy), str(standing.idle), str(standing.coming),
                      str(len(nodes)), str(sum(node.cores for node in nodes)),
                      str(sum(len(node.gpus) for node in nodes)), _when(one.record.since_s),
                      str(len(standing.connected)), _state(one))
    return table


def _state(one: Seen) -> str:
    standing = one.standing
    assert standing is not None
    if standing.draining:
        return "draining"
    if standing.ends_in_s >= 0.0:
        return f"ends in {quantities.told(standing.ends_in_s)}"
    if standing.unused_s >= 0.0 and one.record.idle_s:
        return f"unused, ends in {quantities.told(max(0.0, one.record.idle_s - standing.unused_s))}"
    return "in use" if standing.connected else "unused"


def _users(found: list[Seen]) -> Table:
    table = console.table("Programs", "pilot", "program", "process", "since", "workers", "running", "waiting", "done",
                          right=("process", "workers", "running", "waiting", "done"))
    for one in found:
        for user in one.standing.connected if one.standing else ():
            table.add_row(one.record.name, console.plain(user.program), str(user.pid), _when(user.since_s),
                          f"{user.workers} of {user.wanted}", str(user.running), str(user.waiting), f"{user.ended:,}")
    return table


def _stop(args: argparse.Namespace) -> int:
    from qloop.runtime.keeping import operate

    with _busy(args.json, f"ending {args.name}"):
        standing = operate.stop(args.name, args.now)
    if args.json:
        console.document({"name": args.name, "ended": standing is None,
                          "programs": [] if standing is None else [user.program for user in standing.connected]})
    elif standing is None:
        console.say(f"{args.name} has ended")
    else:
        users = ", ".join(f"{user.program} (process {user.pid})" for user in standing.connected)
        console.say(f"{args.name} lets no further program in, and ends when {users} has left; --now ends it at once")
    return Exit.OK


def _dict(one: Seen) -> dict[str, Any]:
    import msgspec

    record, standing = one.record, one.standing
    return {"name": record.name, "kind": record.spec.kind, "least": record.spec.least, "most": record.spec.most,
            "keeper": record.keeper.pid, "host": record.host, "since_s": record.since_s, "idle_s": record.idle_s,
            "problem": one.problem or None, "standing": None if standing is None else msgspec.to_builtins(standing)}


def _said(now: Standing) -> str:
    coming = f", {now.coming} coming" if now.coming else ""
    here = now.idle + now.busy
    return f"{here} worker{'s' * (here != 1)}{coming}"


def _when(at_s: float) -> str:
    return time.strftime("%m-%d %H:%M", time.localtime(at_s))


@contextmanager
def _busy(quiet: bool, text: str) -> Iterator[Callable[[str], None]]:
    """Something that turns while one waits, where a person watches."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield lambda more: None
        return
    from rich.console import Console

    with Console(stderr=True).status(text) as status:
        yield lambda more: status.update(f"{text}: {more}")
