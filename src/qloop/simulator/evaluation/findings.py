"""The findings as sentences that follow from the numbers: where efaas wins, by how much, where nothing can be won."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qloop.simulator.evaluation import contenders, plan
from qloop.simulator.evaluation.cells import Cell
from qloop.simulator.evaluation.contenders import EFAAS, FIFO
from qloop.simulator.evaluation.results import Results, shown, table, three
from qloop.simulator.evaluation.targets import Target, lines, ordinary, place

SMALL_S = 0.25          # a waiting part below this is a fraction of one step: nothing that a policy could win
NORMAL = "normal_slowdown"


def text(results: Results, judged: tuple[Target, ...], about: Mapping[str, Any]) -> str:
    """The whole text, in Markdown."""
    parts = (_head(about), _targets(judged), _wins(results), _nothing(results), _price(results), _holding(results),
             _saturated(results), _drift(results), _variants(results), _ablations(results), _sensitive(results),
             _left_out(results))
    return "\n".join(line for part in parts for line in part)


def _head(about: Mapping[str, Any]) -> Iterator[str]:
    yield (f"{about['replications']} replications of {about['duration_s']:,.0f} s each, the first "
           f"{about['warmup_s']:,.0f} s not measured; seed {about['seed']}. All policies meet the same sessions; "
           "brackets hold paired bootstrap intervals of 95 %. Many settings are tried on fewer replications: the "
           f"frontier over phi and T_s on {plan.EDGE_REPLICATIONS}, our constants on {plan.TUNING_REPLICATIONS} of "
           "seeds that serve nothing else.")
    yield ""


def _targets(judged: tuple[Target, ...]) -> Iterator[str]:
    yield "## Targets"
    yield ""
    yield from lines(judged)
    yield ""
    for one in judged:
        if one.evidence:
            yield f"**{one.title}**: {one.verdict}. {one.why}"
            yield ""
            yield from (f"- {sentence}" for sentence in one.evidence)
            yield ""


def _wins(results: Results) -> Iterator[str]:
    """The cells in which the waiting part is lower, by intervals."""
    yield "## Where efaas wins, and by how much"
    yield ""
    rows = [(cell, results.reduction(cell, FIFO, EFAAS, "gap_wait")) for cell in ordinary(results)
            if results.has(cell, FIFO)]
    won = sorted((row for row in rows if row[1].low > 0.0), key=lambda row: -row[1].mean)
    lost = sorted((row for row in rows if row[1].high < 0.0), key=lambda row: row[1].mean)
    yield (f"Against `fifo`, the waiting part of the mean gap is lower in {len(won)} of {len(rows)} cells, higher in "
           f"{len(lost)}, and not told apart in {len(rows) - len(won) - len(lost)}.")
    yield ""
    if won:
        yield "| where lower | fifo (s) | efaas (s) | lower by | NORMAL slowdown, fifo | efaas |"
        yield "|---|---:|---:|---:|---:|---:|"
        yield from (_row(results, cell, f"{shown(one, 100.0)} %") for cell, one in won)
        yield ""
    if lost:
        yield "| where higher | fifo (s) | efaas (s) | higher by | NORMAL slowdown, fifo | efaas |"
        yield "|---|---:|---:|---:|---:|---:|"
        yield from (_row(results, cell, f"{three(results.difference(cell, FIFO, EFAAS, 'gap_wait').mean)} s")
                    for cell, _ in lost)
        yield ""


def _row(results: Results, cell: Cell, change: str) -> str:
    cells = [shown(results.mean(cell, name, one)) for one in ("gap_wait", NORMAL) for name in (FIFO, EFAAS)]
    return f"| {place(cell)} | {cells[0]} | {cells[1]} | {change} | {cells[2]} | {cells[3]} |"


def _nothing(results: Results) -> Iterator[str]:
    """The cells in which fifo's gap is thinking and network already."""
    yield "## Where nothing can be won"
    yield ""
    rows = [cell for cell in ordinary(results) if results.has(cell, FIFO)]
    median = [cell for cell in rows if results.mean(cell, FIFO, "gap_wait_p50").mean < 0.01]
    little = [cell for cell in rows if results.mean(cell, FIFO, "gap_wait").mean < SMALL_S]
    yield (f"In {len(median)} of {len(rows)} cells at least half of the iterations do not wait under `fifo`: its "
           f"median gap is thinking and network. In {len(little)} cells its mean wait is below {SMALL_S:g} s:")
    yield ""
    yield from (f"- {place(cell)}: {shown(results.mean(cell, FIFO, 'gap_wait'))} s under fifo, "
                f"{shown(results.mean(cell, EFAAS, 'gap_wait'))} s under efaas" for cell in little)
    yield ""


def _price(results: Results) -> Iterator[str]:
    """Who else pays."""
    cells = [cell for cell in results.cells(plan.SWEEP) if cell.qpus == 3 and cell.share == 0.5 and cell.load >= 0.7
             and not cell.saturated]
    if not cells:
        return
    yield "## What each policy costs whom"
    yield ""
    yield ("`cost`: QPU seconds of a loop that finished, with what it held and did not use; the money is that times "
           "the price of a second. Nothing is speculated here, so nothing of it is squashed.")
    yield ""
    for cell in cells:
        yield f"**{place(cell)}**"
        yield ""
        yield from table(results, cell, results.contenders(cell), (
            "gap_wait", "gap_p50", "ttns_start", "ttns_loop", "makespan", "first_wait", NORMAL, "normal_wait_p95",
            "cost"))
        yield ""


def _holding(results: Results) -> Iterator[str]:
    """The comparison with policies that keep QPUs, as it is."""
    yield "## Against policies that hold a QPU: reservation, session, pilot"
    yield ""
    yield ("Between two steps a session that holds its QPU waits for nobody, so no queue can beat its gap. It pays "
           "with its first wait and with the others' waits: while it thinks, the QPU idles.")
    yield ""
    for name in ("reservation", "session", "pilot"):
        cells = [cell for cell in ordinary(results) if results.has(cell, name)]
        better = [cell for cell in cells if results.difference(cell, name, EFAAS, "makespan").high < 0.0]
        if cells:
            yield (f"- `{name}`: loops finish sooner under efaas in {len(better)} of {len(cells)} cells"
                   + (f" (from load {min(cell.load for cell in better):g})" if better else "") + ".")
    yield ""


def _saturated(results: Results) -> Iterator[str]:
    """QDC where more is asked for than there is."""
    cells = [cell for cell in results.cells() if cell.saturated]
    if not cells:
        return
    yield "## Saturated QPUs"
    yield ""
    yield ("Only here does QDC depend on the policy; elsewhere it is the offered load. The partition of the QPUs' time "
           "is complete: no task fails, no QPU is offline, and nothing is speculated. `fair_lag`: the largest lag of "
           "two tenants as a part of its bound.")
    yield ""
    for cell in cells:
        yield f"**{place(cell)}**"
        yield ""
        yield from table(results, cell, results.contenders(cell), (
            "qdc", "qdc_loops", "qdc_background", "qdc_cold", "qdc_lost", "qdc_calibration", "qdc_held", "qdc_idle",
            "fair_share", "fair_least", "fair_lag", "gap_wait"))
        yield ""


def _drift(results: Results) -> Iterator[str]:
    """The five numbers of the drift penalty."""
    cells = [cell for cell in results.cells() if cell.load == 0.85 and cell.qpus == 3 and cell.share == 0.5
             and results.has(cell, EFAAS) and not cell.skewed]
    if not cells:
        return
    yield "## Drift"
    yield ""
    yield ("Iterations that met a calibration (of a thousand), its seconds on the path of a mean iteration, changes of "
           "epoch in a loop (another QPU is another epoch), the loss -ln ESP of an iteration, and what of it is above "
           "that of a fresh calibration of the same QPU.")
    yield ""
    yield ("| cell | policy | met (of 1000) | seconds (ms) | epochs - 1 | loss (nat) | above a fresh calibration "
           "(mnat) | signal lost by that (%) |")
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for cell in sorted(cells, key=lambda one: (one.kind, one.mixed, one.drift)):
        for name in results.contenders(cell):
            if name in contenders.MAIN:
                told = [shown(results.mean(cell, name, quantity), factor) for quantity, factor in (
                    ("calibrations_paid", 1e3), ("calibration_wait", 1e3), ("epochs", 1.0), ("loss", 1.0),
                    ("excess_loss", 1e3), ("signal_lost", 1e2))]
                yield f"| {place(cell)} | {name} | " + " | ".join(told) + " |"
    yield ""


def _variants(results: Results) -> Iterator[str]:
    """efaas against its own variants, paired."""
    names = [*contenders.VARIANTS, *sorted(contenders.OURS - {EFAAS})]
    cells = [cell for cell in results.cells() if results.has(cell, EFAAS) and any(
        results.has(cell, name) for name in names)]
    if not cells:
        return
    yield "## Variants of efaas"
    yield ""
    yield "What each has more (or less) than efaas, paired."
    yield ""
    yield "| cell | variant | waiting part (s) | NORMAL slowdown | NORMAL wait, 95 % (s) | loops' time to finish (s) |"
    yield "|---|---|---:|---:|---:|---:|"
    for cell in cells:
        for name in (one for one in names if results.has(cell, one)):
            told = [shown(results.difference(cell, EFAAS, name, quantity))
                    for quantity in ("gap_wait", NORMAL, "normal_wait_p95", "makespan")]
            yield f"| {place(cell)} | {name} | " + " | ".join(told) + " |"
    yield ""


def _ablations(results: Results) -> Iterator[str]:
    """What each part of efaas does."""
    cells = results.cells(plan.ABLATIONS)
    if not cells:
        return
    yield "## efaas without its parts"
    yield ""
    yield "What is more (or less) without the part than with it, paired."
    yield ""
    yield "| cell | without | waiting part (s) | NORMAL slowdown | epochs | Jain |"
    yield "|---|---|---:|---:|---:|---:|"
    for cell in cells:
        for name in results.contenders(cell):
            if name.startswith(contenders.ABLATED):
                told = [shown(results.difference(cell, EFAAS, name, quantity))
                        for quantity in ("gap_wait", NORMAL, "epochs", "fair_share")]
                yield f"| {place(cell)} | {name.removeprefix(contenders.ABLATED)} | " + " | ".join(told) + " |"
    yield ""


def _sensitive(results: Results) -> Iterator[str]:
    """How much the constants matter, on seeds of tuning."""
    cells = results.cells(plan.SENSITIVITY)
    tried = [row for row in contenders.sensitivity() if cells and results.has(cells[-1], row[2].name, tuning=True)]
    if not tried:
        return
    cell = cells[-1]
    yield f"## Our constants, on tuning seeds ({place(cell)})"
    yield ""
    yield "| constant | value | waiting part (s) | NORMAL slowdown | epochs |"
    yield "|---|---:|---:|---:|---:|"
    for constant, value, one in tried:
        told = [shown(results.mean(cell, one.name, quantity, tuning=True))
                for quantity in ("gap_wait", NORMAL, "epochs")]
        mark = " (default)" if value == contenders.default(constant) else ""
        yield f"| {constant} | {value:g}{mark} | " + " | ".join(told) + " |"
    yield ""


def _left_out(results: Results) -> Iterator[str]:
    """What was not compared."""
    absent = contenders.missing()
    told = [*(f"`{name}`: not in the catalog" for name in absent), *(f"constant `{name}`: not in the catalog"
            for name in contenders.untried()), *(f"`{name}`: {why}" for name, why in results.left_out.items())]
    if any(cell.qpus == 8 for cell in results.cells(plan.SWEEP)):
        told.append(f"reservation, session and pilot on 8 QPUs from load {plan.HOPELESS:g} on, but for one cell: their "
                    "line grows without end there")
    if told:
        yield "## Left out"
        yield ""
        yield from (f"- {one}" for one in told)
        yield ""
