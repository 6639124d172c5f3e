"""The text of a campaign, in Markdown: what holds, what was an artefact and why, and how it was found out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qloop.simulator.paper.agreement import sides
from qloop.simulator.paper.findings.verdict import VERDICTS, Finding
from qloop.simulator.paper.reference import Comparison
from qloop.simulator.paper.studies import STUDIES

Agreement = Sequence[tuple[str, Comparison]]


def markdown(findings: Sequence[Finding], agreement: Agreement, arrivals: str, about: Mapping[str, Any],
             left_out: Sequence[str]) -> str:
    """The whole text; `about` tells the replications, the seed and the machine."""
    return "\n".join([*_head(findings, about), *_findings(findings), *_agreement(agreement, arrivals),
                      *_method(left_out)]) + "\n"


def counts(agreement: Agreement) -> dict[str, tuple[int, int]]:
    """Study: how many quantities agree with the reference, of how many."""
    found: dict[str, tuple[int, int]] = {}
    for study, line in agreement:
        agree, known = found.get(study, (0, 0))
        found[study] = (agree + line.agrees, known + 1)
    return found


def _head(findings: Sequence[Finding], about: Mapping[str, Any]) -> Iterator[str]:
    yield "# The paper's results, reproduced"
    yield ""
    yield ("C. Cicconetti, \"Modeling and Performance Evaluation of Hybrid Classical-Quantum Serverless Computing "
           "Platforms\", run again in the compatible profile.")
    yield ""
    yield (f"{about['replications']} replications, seed {about['seed']}, qloop {about['qloop']}, Python "
           f"{about['python']}, NumPy {about['numpy']}, Numba {about['numba']}, {about['machine']}, "
           f"{about['written']}. Every verdict below follows from the numbers of "
           "this run and their 95 % intervals.")
    yield ""
    yield "| claim | verdict |"
    yield "|---|---|"
    for finding in sorted(findings, key=lambda one: VERDICTS.index(one.verdict)):
        yield f"| {finding.title} | {finding.verdict} |"
    yield ""


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        yield f"## {finding.title}: {finding.verdict}"
        yield ""
        yield f"Claim: {finding.claim}"
        yield ""
        if finding.why:
            yield finding.why
            yield ""
        yield from (f"- {sentence}" for sentence in finding.evidence)
        yield ""


def _agreement(agreement: Agreement, arrivals: str) -> Iterator[str]:
    yield "## Agreement with the authors' program"
    yield ""
    yield ("Drop probabilities agree if they lie within the joint 95 % interval; quantiles and averages, within 2 % or "
           "the joint interval if that is wider. The criterion is pointwise at 95 %: it judges each comparison by "
           "itself, and says nothing of all of them at once.")
    yield ""
    lie = sides(agreement)
    for study, (agree, known) in counts(agreement).items():
        yield (f"- {STUDIES[study]}: {agree} of {known} agree; {lie[study][0]} lie below the reference, "
               f"{lie[study][1]} above")
    yield ""
    if arrivals:
        yield arrivals
        yield ""
    yield "| point | quantity | reference | this run | agrees |"
    yield "|---|---|---:|---:|---|"
    for _, line in agreement:
        ours = f"{line.ours.mean:,.5g} ± {line.ours.half:,.2g}"
        yield f"| {line.point} | {line.quantity} | {line.reference:,.5g} | {ours} | {'yes' if line.agrees else 'no'} |"
    yield ""


def _method(left_out: Sequence[str]) -> Iterator[str]:
    yield "## How"
    yield ""
    yield ("Compatible profile: refusals are counted from time 0, sessions by when they end after the warm-up, and a "
           "session is refused when waiting quantum tasks have reached Q_max. All points of a study meet the same "
           "sessions, so differences between points are paired by replication. Intervals of quantiles are those of ten "
           "groups of replications. Quantiles with the unfinished sessions are those of Kaplan and Meier. The first "
           "days of a run of seven days are a run of that length.")
    if left_out:
        yield ""
        yield "Left out:"
        yield ""
        yield from (f"- {reason}" for reason in left_out)
