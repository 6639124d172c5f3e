"""`qloop demo --simulated`: the demo's runs beside the simulator, which predicts them and replays them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.errors import MissingExtra

if TYPE_CHECKING:
    from qloop.miniapps.demo.perform import Audience, Wish
    from qloop.qpus.protocol import LocalQpu
    from qloop.simulator.replay.agreement import Agreement
    from qloop.simulator.replay.figure import Run

Make = Callable[[str, str | float], Any]
FIGURE = "live-and-simulated"


def perform(wish: Wish, clocks: Sequence[str | float], qpus: Sequence[LocalQpu], make: Make,
            audience: Audience) -> tuple[list[Agreement], dict[str, str]]:
    """Run the workload under each clock and policy, predict and replay it; returns findings, and what was written."""
    from qloop.miniapps.demo.perform import played, prepared
    from qloop.miniapps.demo.planned import plan, programs
    from qloop.runtime.plugins import find_policy
    from qloop.simulator.replay.agreement import agreement
    from qloop.simulator.replay.figure import Run
    from qloop.simulator.replay.planned import predict
    from qloop.trace import recorder

    folder, files, runs = Path(wish.out), dict[str, str](), list[Run]()
    workload = prepared(wish, qpus, audience)
    planned, known = plan(workload, qpus), programs(workload, qpus)
    predicted = {name: predict(planned, qpus, find_policy(name, None, {}), seed=wish.seed, programs=known)
                 for name in wish.policies}
    for name, trace in predicted.items():
        files[f"prediction of {name}"] = str(folder / f"predicted-{name}.jsonl.gz")
        recorder.write(trace, folder / f"predicted-{name}.jsonl.gz")
    for clock in clocks:
        for name in wish.policies:
            with make(name, clock) as platform:
                live = played(platform, workload, f"{name}, {platform.clock} clock", audience)
            words = live.header.clock.replace(" ", "-")
            files[f"{words} run of {name}"] = str(folder / f"{words}-{name}.jsonl.gz")
            recorder.write(live, folder / f"{words}-{name}.jsonl.gz")
            runs.append(Run(live, predicted[name], agreement(live, predicted[name])))
    return [run.found for run in runs], files | _drawn(runs, folder)


def render(found: Sequence[Agreement], files: dict[str, str]) -> None:
    """Print the numbers side by side, a sentence for each run, and what was written."""
    for one in found:
        columns = ("live", "replayed", "predicted", "off")
        table = console.table(f"{one.policy}, {one.clock} clock: {one.starts:,} starts", "", *columns, right=columns)
        for number in one.numbers:
            table.add_row(number.name, *(_cell(value, number.unit) for value in (number.live, number.replayed,
                                                                                 number.predicted)),
                          "–" if number.off is None else f"{number.off:+.2%}")
        console.show(table)
    for one in found:
        console.show(one.text())
    for what, path in files.items():
        console.show(f"{what}: {path}")


def _cell(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:,.4f} {unit}"


def _drawn(runs: Sequence[Run], folder: Path) -> dict[str, str]:
    """The figure, if there is something to draw with."""
    from qloop.simulator.replay.figure import draw
    from qloop.trace.plots import save

    try:
        png, pdf = save(draw(runs), folder / FIGURE)
    except MissingExtra:
        return {"figure (left out)": "pip install 'qloop[plot]'"}
    return {"figure": str(png), "figure for print": str(pdf)}
