"""The paper from end to end: run its points, draw its figures, compare with its program, and judge its claims."""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qloop.errors import InvalidInput, MissingExtra
from qloop.simulator.paper import results, storage
from qloop.simulator.paper.agreement import agreement, as_dict
from qloop.simulator.paper.campaign import Campaign, Watch
from qloop.simulator.paper.figures.drawn import Drawn, draw_all
from qloop.simulator.paper.figures.measured import Rows
from qloop.simulator.paper.findings.big import big_findings
from qloop.simulator.paper.findings.counting import counting_findings, drawn
from qloop.simulator.paper.findings.small import small_findings
from qloop.simulator.paper.findings.text import markdown
from qloop.simulator.paper.findings.verdict import Finding
from qloop.simulator.paper.reference import Comparison
from qloop.simulator.paper.studies import Point
from qloop.simulator.paper.workload import SEED_LIMIT
from qloop.simulator.provenance import surroundings


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What a campaign gave: a row a point, comparisons with the reference, verdicts, files, and CPU seconds by part."""

    rows: tuple[dict[str, Any], ...]
    agreement: tuple[tuple[str, Comparison], ...]
    findings: tuple[Finding, ...]
    drawn: Drawn
    files: tuple[Path, ...]
    read_back: int
    cpu_s: dict[str, float]
    wall_s: float
    about: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Everything as one document."""
        return {"about": self.about, "findings": [asdict(one) for one in self.findings],
                "agreement": [as_dict(study, line) for study, line in self.agreement], "points": list(self.rows),
                "figures": [str(path) for path in self.drawn.files], "left_out": list(self.drawn.left_out),
                "files": [str(path) for path in self.files], "points_read_back": self.read_back,
                "cpu_s": self.cpu_s, "wall_s": self.wall_s}


def check(seed: int) -> None:
    """Raise InvalidInput for a seed out of range, and MissingExtra without matplotlib: before anything is run."""
    if not 0 <= seed < SEED_LIMIT:
        raise InvalidInput(f"The seed is {seed}", "", "Give a whole number from 0 to 2^31 - 1")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise MissingExtra("Drawing the paper's figures", "plot") from None


def reproduce_paper(points: Sequence[Point], out: str | Path, watch: Watch, *, seed: int = 0,
                    processes: int | None = None, recording: Rows | None = None) -> Reproduction:
    """Run what is missing in the folder, and write points, tables, figures and the text there.

    `recording`: the table "experiments" of an own recording, for the panels that the shipped data cannot fill. Raises
    InvalidInput for arguments that can never work, QloopError if the disk is full, KeyboardInterrupt after Ctrl-C;
    finished points are kept in the last two cases, and the next call goes on.
    """
    began = time.perf_counter()
    check(seed)
    campaign = Campaign(points, seed, out, processes)
    campaign.run(watch)
    watch.stage("figures and text")
    before = time.process_time()
    samples = {point.name: campaign.samples[point.name] for point in points}
    figures = draw_all(samples, campaign.out / "figures", recording)
    judged = (*small_findings(samples), *counting_findings(samples), *big_findings(samples))
    compared = tuple(agreement(samples))
    rows = tuple(results.row(point, samples[point.name], seed) for point in points)
    about = {**surroundings(), "seed": seed, "replications": max(point.replications for point in points),
             "points": len(points), "processes": campaign.processes}
    files = results.write(campaign.out, rows, about)
    text = campaign.out / "findings.md"
    written = markdown(judged, compared, drawn(samples), about, figures.left_out)
    storage.write_text(text, written)
    cpu_s = {**campaign.cpu_s, "figures and text": time.process_time() - before}
    cpu_s["start and reading back"] = max(0.0, _cpu_so_far() - sum(cpu_s.values()))
    return Reproduction(rows, compared, judged, figures, (text, *files), len(campaign.read_back), cpu_s,
                        time.perf_counter() - began, about)


def _cpu_so_far() -> float:
    """CPU seconds of this process since it began, and of its ended children."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
