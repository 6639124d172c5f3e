"""The page of the documentation that holds the result: the findings, the figures, and the command that makes both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import copyfile
from types import MappingProxyType

from qloop.errors import QloopError
from qloop.simulator.evaluation.evaluate import Evaluation
from qloop.simulator.evaluation.platform import ERROR_PER_QUBIT, WORKERS
from qloop.simulator.paper.storage import write_text

FIGURES = {
    "where": "How much lower (or higher) the waiting part of the mean gap is under efaas than under fifo, in every "
             "cell. ±: not told apart.",
    "against-load": "The main policies against load on 3 QPUs.",
    "frontier": "Waiting part of the mean gap against NORMAL slowdown: efaas over phi for three T_s (dashed: without "
                "chunks), every policy as a point.",
    "saturated": "Saturated QPUs, one of four tenants asking for twice as much: the QPUs' time, and fairness.",
    "ablations": "What is more (or less) without each part of efaas.",
    "sensitivity": "Our constants, on seeds that are used for nothing else."}


def write(found: Evaluation, page: str | Path, more: str = "",
          pictures: Mapping[str, Path] = MappingProxyType({})) -> tuple[Path, ...]:
    """Write the page, and copy its figures to the folder `figures` beside it; QloopError if that cannot be.

    `more` is text that follows, such as that of the live subset, with the `pictures` that it shows, by name.
    The same results give the same bytes: nothing of the machine or the day is in it.
    """
    path = Path(page)
    drawn = {one.stem: one for one in found.figures if one.suffix == ".png"}
    lines = _lines(found, drawn, " --live" if more else "")
    write_text(path, "\n".join((*lines, *filter(None, (more.rstrip(),)))) + "\n")
    copies = []
    for name, source in {**drawn, **pictures}.items():
        if name in FIGURES or name in pictures:
            target = path.parent / "figures" / f"evaluation-{name}.png"
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                copyfile(source, target)
            except OSError as error:
                raise QloopError(f"{target} cannot be written", error.strerror or str(error),
                                 "Give another place with --page") from error
            copies.append(target)
    return (path, *copies)


def _lines(found: Evaluation, drawn: dict[str, Path], live: str) -> Iterator[str]:
    """The page."""
    yield "# EFaaS, measured"
    yield ""
    yield "Everything on this page is written by"
    yield ""
    yield "```text"
    yield f"qloop evaluate efaas{live} --page docs/evaluation.md"
    yield "```"
    yield ""
    yield from _method(found)
    for name, caption in FIGURES.items():
        if name in drawn:
            yield f"![{caption}](figures/evaluation-{name}.png)"
            yield ""
            yield f"*{caption}*"
            yield ""
    yield found.text


def _method(found: Evaluation) -> Iterator[str]:
    """What was simulated."""
    stage, work = found.results.setting.stage, found.results.setting.work
    yield "## What is compared"
    yield ""
    yield (f"Loops of {work.iterations:g} iterations on average (geometric), each {work.quantum_s:g} s on a QPU after "
           f"{work.think_s:g} s of thinking and {work.network_s:g} s of network, and single background tasks of "
           f"{work.background_s:g} s on average (exponential) arrive as two Poisson streams at four tenants of equal "
           "weight. The load counts the QPU seconds asked for, with the one compilation and loading "
           f"({stage.compile_s:g} + {stage.load_s:g} s) that a session pays under any policy. A QPU that a session did "
           f"not use last costs it {stage.load_s:g} s, its first time there {stage.compile_s:g} s more. Every "
           f"{stage.calibrate_every_s / 60:g} min each QPU is calibrated for {stage.calibration_s:g} s; between "
           f"calibrations its errors drift (profile x1; {ERROR_PER_QUBIT:g} nat for each qubit of a circuit). QPUs "
           "are alike, but where it says that their errors differ: then they are 1, 1.5 and 2 times as large. There "
           f"are {WORKERS} workers for each QPU, so thinking never waits. `faas` is stateless: a container of "
           f"{stage.cold_start_s:g} s at every iteration, which counts as waiting, and nothing kept on QPUs.")
    yield ""
    yield ("*Waiting part of the gap*: the time between two QPU runs of a loop, less thinking and network. *NORMAL "
           "slowdown*: the bounded slowdown of background tasks, max(1, (wait + run) / max(run, 10 s)). Other terms: "
           "[metrics](concepts/metrics.md), [glossary](glossary.md).")
    yield ""
