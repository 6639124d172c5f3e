"""The sections of the evaluation's page that follow from the live subset's numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qloop.miniapps.compared.found import Found, percent
from qloop.miniapps.compared.speculated import Guessed
from qloop.miniapps.compared.unit import REFERENCE
from qloop.trace.metrics.bias import LAST
from qloop.trace.metrics.qdc import PARTS
from qloop.trace.metrics.statistics import Interval

FIGURES = {
    "live-energy": "Energy against time: what is left of the way from a loop's first energy to its exact optimum, mean "
                   "over loops; lines are means over seeds, bands reach from the least to the greatest seed.",
    "live-speculation": "Speculation by load and budget: bars are means over seeds, dots are seeds."}
# what a row of the main table shows: label, number, factor, digits
ROWS = (
    ("waiting part of the gap (s)", "waiting_s", 1.0, 2), ("gap (s)", "gap_s", 1.0, 2),
    ("TTNS, step to step (s)", "ttns_loop_s", 1.0, 2), ("first wait of a loop (s)", "first_wait_s", 1.0, 1),
    ("wait of a background task (s)", "background_wait_s", 1.0, 1),
    ("loops converged, q = .90 (%)", "converged_q=0.90", 100.0, 0),
    ("time to q = .90, up to the end (s)", "mean_s_q=0.90", 1.0, 0),
    ("loops converged, q = .95 (%)", "converged_q=0.95", 100.0, 0),
    ("time to q = .95, up to the end (s)", "mean_s_q=0.95", 1.0, 0),
    ("loops converged, q = .99 (%)", "converged_q=0.99", 100.0, 0),
    ("QPU s to solution", "qpu_s_to_solution", 1.0, 0), ("money to solution", "money_to_solution", 1.0, 0),
    ("QPU s of all loops per converged one", "qpu_s_per_converged", 1.0, 0),
    ("Jain over tenants", "jain_tenants", 1.0, 3))
DRIFT = (
    ("iterations that paid a calibration", "calibrations_paid", 1.0, 1),
    ("of these avoidable", "calibrations_avoidable", 1.0, 1),
    ("calibrations on the critical path (s)", "calibration_wait_s", 1.0, 1),
    ("loss of ESP beyond a calibration (mnat)", "drift_loss_nats", 1e3, 1),
    ("epochs seen - 1", "extra_epochs", 1.0, 2))
BIASES = (("noiseless energy at the end", "bias_noiseless"), ("measured energy at the end", "bias_measured"),
          ("by drift alone, same parameters and QPU", "bias_drift"))


def sections(found: Found, devices: str, calibrations: str) -> str:
    """Everything, in Markdown; `devices` and `calibrations` say what ran it."""
    parts = (_head(found, devices, calibrations), _targets(found), _tables(found), _drift(found), _bias(found),
             _speculation(found), _figures())
    return "\n".join(line for part in parts for line in part)


def _head(found: Found, devices: str, calibrations: str) -> Iterator[str]:
    wish = found.wish
    yield "## Live: real loops on emulated QPUs"
    yield ""
    yield (f"Not simulated but run, by the engine that serves users, in virtual time: {len(wish.loops)} VQE and QAOA "
           f"loops of three tenants ({', '.join(wish.loops)}) and background tasks arrive within {wish.horizon_s:g} s "
           f"at {devices}, whose errors drift (x1); {calibrations}. Every energy is computed. {wish.seeds} seeds, the "
           "same for all policies; brackets hold 95 % bootstrap intervals over seeds. With so few seeds they are "
           "indications. A container of 5 s at every iteration of `faas` counts as waiting.")
    yield ""
    yield "```text"
    yield "qloop evaluate efaas --live only"
    yield "```"
    yield ""


def _targets(found: Found) -> Iterator[str]:
    yield "| target | verdict | |"
    yield "|---|---|---|"
    for one in found.targets():
        yield f"| {one.title} | **{one.verdict}** | {one.why} |"
    yield ""


def _tables(found: Found) -> Iterator[str]:
    for load in found.wish.loads:
        yield f"**Load {load:g}**"
        yield ""
        yield from _table(found, load, ROWS)
        yield ""
        yield "Where the QPUs' time went (%):"
        yield ""
        yield from _table(found, load, tuple((part.replace("_", " "), f"qdc_{part}", 100.0, 1) for part in PARTS))
        yield ""
    yield (f"Money in {found.currency} by the price `{found.price}`. Time to q is the mean of converged loops and of "
           "those that were not, which count up to the end of the run.")
    yield ""


def _table(found: Found, load: float, rows: tuple[tuple[str, str, float, int], ...]) -> Iterator[str]:
    """A row for each number, a column for each policy."""
    yield "| | " + " | ".join(found.policies()) + " |"
    yield "|---|" + "---:|" * len(found.policies())
    for label, name, factor, digits in rows:
        cells = [shown(found.mean(policy, load, name), factor, digits) for policy in found.policies()]
        yield f"| {label} | " + " | ".join(cells) + " |"


def _drift(found: Found) -> Iterator[str]:
    yield "### Live: the price of drift and calibrations"
    yield ""
    yield ("Each run; a calibration is *avoidable* if meanwhile another QPU idled without a break for longer than "
           "moving there would have cost: 1 s of loading, and 5 s for each nat by which the circuit does worse there.")
    yield ""
    for load in found.wish.loads:
        yield f"Load {load:g}:"
        yield ""
        yield from _table(found, load, DRIFT)
        yield ""


def _bias(found: Found) -> Iterator[str]:
    yield "### Live: the energy bias"
    yield ""
    yield ("The reference is the same loop, with the same draws and nobody beside the loops, on a QPU that is freshly "
           "calibrated for ever: of the three the one that does best with its circuit. A loop's end is the mean of its "
           f"last {LAST} iterations, and a difference is told as a part of its way from E0 to E*. The first row asks "
           "whether loops went to the right place: it is the target's. The second holds also what other QPUs than the "
           "best one add to the noise; the third takes the QPUs as they were chosen, and compares each value with "
           "what a fresh calibration of that QPU would have given for the same parameters.")
    yield ""
    yield "| load | bias (% of the way) | " + " | ".join(found.policies()) + " |"
    yield "|---|---|" + "---:|" * len(found.policies())
    for load in found.wish.loads:
        for label, name in BIASES:
            means = [found.mean(policy, load, name) for policy in found.policies()]
            yield f"| {load:g} | {label} | " + " | ".join("-" if m is None else percent(m) for m in means) + " |"
    yield ""
    left = [100 * run.noiseless[-1] for run in found.of(REFERENCE, 0.0) if run.noiseless]
    if left:
        yield f"The reference itself has {np.mean(left):.1f} % of the way left after 20 min."
        yield ""


def _speculation(found: Found) -> Iterator[str]:
    if not found.guesses:
        return
    yield "## Speculation: gain by budget and load"
    yield ""
    yield (f"One loop of {found.wish.guessed} iterations on one QPU, 4 qubits, 8 parameters, 1.5 s of thinking, "
           "beside background tasks for a part of the QPU's time. The loop's course is the same to the bit at every "
           "budget, or nothing would be told. *Rounds*: tasks that were not evaluated or running already when they "
           "were asked for.")
    yield ""
    yield "| optimizer | load | budget | times as fast | rounds | guesses | hit | wasted (s) | masked (s) |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    groups: dict[tuple[str, float, float], list[Guessed]] = {}
    for row in found.guesses:
        if row.budget is not None:
            groups.setdefault((row.optimizer, row.load, row.budget), []).append(row)
    for (name, load, budget), rows in groups.items():
        yield f"| {name} | {load:g} | {budget:g} | " + " | ".join(_guessed(rows)) + " |"
    yield ""
    idle = sorted({row.optimizer for row in found.guesses}
                  - {row.optimizer for row in found.guesses if row.launched})
    if idle:
        yield (f"Nothing is launched for {' and '.join(idle)}: its next point depends on a value that nobody has yet, "
               "and the exact mode takes no other point.")
        yield ""


def _guessed(rows: list[Guessed]) -> Iterator[str]:
    """The cells of one budget at one load: means over seeds."""
    yield f"{np.mean([row.faster for row in rows]):.2f}"
    yield f"{np.mean([row.rounds for row in rows]):.0f} of {np.mean([row.iterations for row in rows]):.0f}"
    yield f"{np.mean([row.launched for row in rows]):.0f}"
    yield f"{100 * sum(row.hits for row in rows) / max(sum(row.launched for row in rows), 1):.0f} %"
    yield f"{np.mean([row.wasted_s for row in rows]):.1f}"
    yield f"{np.mean([row.masked_s for row in rows]):.1f}"


def _figures() -> Iterator[str]:
    for name, caption in FIGURES.items():
        yield f"![{caption}](figures/evaluation-{name}.png)"
        yield ""
        yield f"*{caption}*"
        yield ""


def shown(one: Interval | None, factor: float, digits: int) -> str:
    """A mean with its interval; a dash if nothing was told."""
    if one is None:
        return "-"
    mean, low, high = (factor * value for value in (one.difference, one.low, one.high))
    if one.n == 1 or high - low < 10.0**-digits:
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
