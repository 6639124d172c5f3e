"""The evaluation from end to end: run what is missing, judge the targets, draw, and write tables and the text."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.errors import MissingExtra
from qloop.simulator.evaluation import contenders, figures, findings, plan, results, tradeoffs
from qloop.simulator.evaluation.campaign import Campaign
from qloop.simulator.evaluation.plan import Entry
from qloop.simulator.evaluation.results import Results
from qloop.simulator.evaluation.storage import Setting
from qloop.simulator.evaluation.targets import Target, targets
from qloop.simulator.paper.campaign import Watch
from qloop.simulator.paper.storage import write_text
from qloop.simulator.provenance import surroundings

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came out: results, the targets' verdicts, the files, and what it cost."""

    results: Results
    targets: tuple[Target, ...]
    text: str
    files: tuple[Path, ...]
    figures: tuple[Path, ...]
    about: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Everything but the tables as one document."""
        return {"about": self.about, "targets": [asdict(one) for one in self.targets],
                "left_out": dict(self.results.left_out), "missing": list(contenders.missing()),
                "files": [str(path) for path in self.files], "figures": [str(path) for path in self.figures]}


def evaluate(entries: Sequence[Entry], setting: Setting, out: str | Path, watch: Watch, *,
             processes: int | None = None) -> Evaluation:
    """Run what is missing in the folder, and write points, tables, figures and the text there.

    Raises InvalidInput for what cannot be, before anything runs; KeyboardInterrupt after Ctrl-C, QloopError if the disk
    is full: what is finished is kept then, and the next call goes on.
    """
    began = time.perf_counter()
    _check_extras()
    plan.checked(setting.seed, max(entry.replications for entry in entries))
    campaign = Campaign(entries, setting, out, processes)
    campaign.run(watch)
    watch.stage("tables, figures and text")
    found = Results(campaign.entries, campaign.found, setting, campaign.left_out)
    judged = targets(found)
    about = {**surroundings(), "seed": setting.seed, "processes": campaign.processes,
             "replications": max((entry.replications for entry in entries if not entry.tuning), default=0),
             "duration_s": setting.stage.duration_s, "warmup_s": setting.stage.warmup_s, "entries": len(entries),
             "runs": sum(entry.replications for entry in entries), "read_back": campaign.read_back}
    text = findings.text(found, judged, about)
    tables = results.write(found, campaign.out, about)
    write_text(campaign.out / "findings.md", text + "\n")
    drawn = draw(found, campaign.out / "figures")
    cost = {"cpu_s": round(campaign.cpu_s, 1), "compile_cpu_s": round(campaign.compile_s, 1),
            "wall_s": round(time.perf_counter() - began, 1)}
    return Evaluation(found, judged, text, (campaign.out / "findings.md", *tables), drawn, about | cost)


def draw(found: Results, folder: Path) -> tuple[Path, ...]:
    """Draw every figure of which there are numbers, as PNG and PDF."""
    from qloop.trace.drawing.style import save

    return tuple(path for name, make in _makers(found).items() for path in save(make(found), folder / name))


def _makers(found: Results) -> Mapping[str, Callable[[Results], Figure]]:
    """The figures for which something was run, by name."""
    parts = {entry.part for entry in found.entries if entry.key in found.found}
    makers: dict[str, Callable[[Results], Figure]] = {}
    if plan.SWEEP in parts or plan.WIDE in parts:
        makers |= {"against-load": figures.against_load}
    if plan.SWEEP in parts:
        makers |= {"where": figures.where}
    if plan.FRONTIER in parts:
        makers |= {"frontier": tradeoffs.frontier}
    if plan.ABLATIONS in parts:
        makers |= {"ablations": tradeoffs.ablations}
    if plan.SENSITIVITY in parts:
        makers |= {"sensitivity": tradeoffs.sensitivity}
    if any(cell.saturated and found.has(cell, contenders.EFAAS) for cell in found.cells()):
        makers |= {"saturated": figures.saturated}
    return makers


def _check_extras() -> None:
    """MissingExtra before anything runs."""
    try:
        import matplotlib  # noqa: F401
        import numba  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError:
        raise MissingExtra("The evaluation", "plot,simulator") from None
