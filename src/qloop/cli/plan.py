"""`qloop plan capacity SCENARIO.toml --goal ...`: the cheapest workers, speed and QPUs that meet stated goals."""

from __future__ import annotations

import argparse
import warnings
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.cli.exits import Exit
from qloop.cli.simulate.command import told

if TYPE_CHECKING:
    from rich.table import Table

    from qloop.simulator.capacity.bounds import Bounds, CapacityPrices
    from qloop.simulator.capacity.judging import Judged
    from qloop.simulator.capacity.plan import Plan
    from qloop.simulator.scenario import Scenario

ABOUT = """Search for the cheapest platform that meets all goals under the load of a scenario file. A goal is met
if the 95 % interval over replications lies within its bound; where it does not say, more replications
are run. All platforms meet the same sessions. Nothing is changed in the file."""
EXAMPLES = """goals: a measure (drop, p95, mean, wait_mean, throughput, qpu_busy, ...), one of < <= > >=, and a value
  qloop plan capacity day.toml --goal 'drop < 5 %' --goal 'p95 < 2 h' --qpus 1..20 --workers 1..8
  qloop plan capacity day.toml --goal 'wait_mean < 1 min' --price-qpu 1.6/s --price-worker 0.01/s"""
SHOWN = 24


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("plan", help="how many QPUs and workers goals take")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    capacity = actions.add_parser("capacity", help="the cheapest platform that meets goals", description=ABOUT,
                                  epilog=EXAMPLES)
    capacity.add_argument("scenario", metavar="SCENARIO.toml", help="the scenario file: load, policy, run length")
    capacity.add_argument("--goal", action="append", default=[], metavar="GOAL",
                          help="such as 'drop < 5 %%' or 'p95 < 2 h'; may be given several times")
    capacity.add_argument("--qpus", default="1..20", metavar="RANGE",
                          help="numbers of QPUs to choose from: 1..20 or 1,2,4 (default 1..20)")
    capacity.add_argument("--workers", metavar="RANGE", help="numbers of workers to choose from (default: the file's)")
    capacity.add_argument("--speeds", metavar="LIST", help="speeds of workers, in operations/s (default: the file's)")
    capacity.add_argument("--price-qpu", metavar="PRICE", help="money per second of a QPU, such as 1.6/s (default 1)")
    capacity.add_argument("--price-worker", metavar="PRICE",
                          help="of a worker of 1e9 operations/s, in proportion for faster ones; or of each speed: "
                               "1e9=0.01/s,2e9=0.03/s (default 0.001)")
    capacity.add_argument("--kind", metavar="NAME", help="which QPUs are chosen, if the file has several kinds")
    capacity.add_argument("--replications", type=int, default=10, metavar="N",
                          help="replications of each platform at first (default 10)")
    capacity.add_argument("--most", type=int, default=160, metavar="N",
                          help="replications of a platform that stays undecided (default 160)")
    capacity.add_argument("--exhaustive", action="store_true",
                          help="judge every platform that is cheaper, leave none out")
    capacity.add_argument("--processes", type=int, default=1, metavar="N", help="processes to use (default 1)")


def run(args: argparse.Namespace) -> int:
    """Plan; exit code 1 if no platform meets the goals."""
    with warnings.catch_warnings():
        warnings.showwarning = told
        return _planned(args)


def _planned(args: argparse.Namespace) -> int:
    from qloop.simulator.campaign.processes import checked, spread
    from qloop.simulator.capacity.goals import parse_goals
    from qloop.simulator.capacity.plan import plan_capacity
    from qloop.simulator.choices import idle_settings

    goals = parse_goals(args.goal)
    processes = checked(args.processes)
    scenario = _scenario(args.scenario)
    idle = idle_settings(scenario.order(), scenario.settings)
    if idle:
        console.note(f"note: {idle}")
    bounds, prices = _bounds(args, scenario), _prices(args)
    with spread(processes) as executor:
        plan = plan_capacity(scenario, goals, bounds, prices=prices, kind=args.kind, first=args.replications,
                             most=args.most, exhaustive=args.exhaustive, executor=executor,
                             told=None if args.json else _tell)
    if args.json:
        console.document(as_dict(plan))
    else:
        console.show(_table(plan))
        _conclude(plan, args.price_qpu is None and args.price_worker is None)
    return Exit.OK if plan.answer is not None else Exit.FAILED


def _scenario(file: str) -> Scenario:
    """The scenario of a file; its policy may be one of a plug-in."""
    from qloop.policies import catalog
    from qloop.runtime.plugins import find_policy, policies
    from qloop.simulator.campaign.document import load

    document = load(file)
    name = document.tables.get("scenario", {}).get("policy")
    if not isinstance(name, str) or name in catalog.builtin():
        return document.scenario()
    found = policies()
    known = name in (*found.working, *found.broken)
    return document.scenario({name: find_policy(name, None, {})} if known else {})


def _bounds(args: argparse.Namespace, scenario: Scenario) -> Bounds:
    from qloop.simulator.capacity.bounds import Bounds, parse_counts, parse_speeds

    workers = parse_counts(args.workers, "--workers") if args.workers else (scenario.classical.workers,)
    speeds = parse_speeds(args.speeds) if args.speeds else (scenario.classical.capacity,)
    return Bounds(workers, speeds, parse_counts(args.qpus, "--qpus"))


def _prices(args: argparse.Namespace) -> CapacityPrices:
    """Prices as given; what is not given costs nothing, unless neither is."""
    from qloop.simulator.capacity.bounds import CapacityPrices, parse_price, parse_worker_prices

    if args.price_qpu is None and args.price_worker is None:
        return CapacityPrices()
    qpu = parse_price(args.price_qpu, "--price-qpu") if args.price_qpu is not None else 0.0
    worker, table = parse_worker_prices(args.price_worker or "0")
    return CapacityPrices(qpu, worker, table)


def _tell(one: Judged) -> None:
    """Progress: one platform is judged."""
    console.note(f"{one.point}: {one.status}, {one.replications} replications")


def _table(plan: Plan) -> Table:
    """What was judged around the answer, by cost; the answer is marked."""
    from qloop.simulator.analysis.shown import shown_measure

    quantities = [goal.quantity for goal in plan.goals]
    table = console.table(f"platforms judged: {len(plan.judged)} of {len(plan.bounds):,}", "", "workers C", "speed S",
                          "QPUs Q", "cost per h", "replications", *map(str, plan.goals), "verdict",
                          right=("workers C", "speed S", "QPUs Q", "cost per h", "replications"))
    for one in _rows(plan):
        said = [f"  {verdict}" if verdict != "met" and len(plan.goals) > 1 else "" for verdict in one.verdicts]
        cells = [f"{shown_measure(found, name)}{verdict}"
                 for name, found, verdict in zip(quantities, one.found, said, strict=True)]
        table.add_row("answer" if one is plan.answer else "", f"{one.point.workers}", f"{one.point.speed:g}",
                      f"{one.point.qpus}", f"{one.per_hour:,.2f}", f"{one.replications}", *map(console.plain, cells),
                      one.status, style="bold" if one is plan.answer else "")
    return table


def _rows(plan: Plan) -> list[Judged]:
    """All that was judged, or if that is much, what is nearest to the answer in cost."""
    if len(plan.judged) <= SHOWN:
        return list(plan.judged)
    middle = plan.answer.per_hour if plan.answer else plan.judged[-1].per_hour
    nearest = sorted(plan.judged, key=lambda one: abs(one.per_hour - middle))[:SHOWN]
    return sorted(nearest, key=lambda one: one.per_hour)


def _conclude(plan: Plan, unpriced: bool) -> None:
    """The answer in words, and what to know beside it."""
    if plan.answer is None:
        console.say(plan.why_not())
    else:
        of = plan.answer
        console.say(f"answer: {_count(of.point.workers, 'worker')} of {of.point.speed:g} operations/s and "
                    f"{_count(of.point.qpus, 'QPU')}, "
                    f"{of.per_hour:,.2f} per hour")
        for goal in plan.binding:
            console.say(f"  what is one step cheaper does not meet '{goal}'")
    for note in plan.notes():
        console.say(f"note: {note}")
    if unpriced:
        console.note("no prices are given: a QPU counts as 1000 workers of 1e9 operations/s")
    console.note(f"{plan.replications:,} replications in {plan.seconds:,.1f} s; "
                 "the 5 % of error are split over the looks at a platform")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def as_dict(plan: Plan) -> dict[str, Any]:
    """A plan for a JSON document; nan and infinity are null there."""
    return {"answer": _one(plan, plan.answer) if plan.answer else None, "why_not": plan.why_not(),
            "goals": [{"quantity": goal.quantity, "sign": goal.sign, "value": goal.value} for goal in plan.goals],
            "binding": [str(goal) for goal in plan.binding], "notes": plan.notes(),
            "frontier": [_one(plan, one) for one in plan.frontier],
            "cheaper": [_one(plan, one) for one in plan.cheaper], "judged": [_one(plan, one) for one in plan.judged],
            "platforms": len(plan.bounds), "replications": plan.replications, "seconds": plan.seconds}


def _one(plan: Plan, one: Judged) -> dict[str, Any]:
    found = {goal.quantity: {"mean": got.mean, "low": got.low, "high": got.high, "verdict": verdict}
             for goal, got, verdict in zip(plan.goals, one.found, one.verdicts, strict=True)}
    return {"workers": one.point.workers, "speed": one.point.speed, "qpus": one.point.qpus, "per_hour": one.per_hour,
            "replications": one.replications, "status": one.status, "goals": found, "measures": one.row}
