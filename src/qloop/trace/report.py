"""A report as tables for a terminal; its JSON form is `Report.to_json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from qloop.trace.metrics.distribution import Distribution
from qloop.trace.metrics.qdc import PARTS
from qloop.trace.metrics.summary import Report
from qloop.trace.metrics.ttns import Ttns

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_BAR = 24


def render(report: Report) -> Group:
    """Everything in a report, as rich tables to print."""
    from rich.console import Group
    from rich.text import Text

    tables = (_ttns(report.ttns), _qdc(report), _convergence(report), _fairness(report), _rest(report))
    notes = [Text(f"Note: {report.truncated}", style="yellow")] if report.truncated else []
    return Group(_title(report), *notes, *(table for table in tables if table.row_count))


def side_by_side(reports: Mapping[str, Report]) -> Table:
    """The main numbers of several runs, one column each; with two, the change from the first to the second."""
    names = list(reports)
    clocks = ", ".join(dict.fromkeys(report.header.clock for report in reports.values()))
    table = _table(f"Side by side (clock: {clocks})", "", *names, *(["change"] if len(names) == 2 else []))
    for label, unit, values in _main_numbers(list(reports.values())):
        cells = [_number(value, unit) for value in values]
        table.add_row(label, *cells, *([_change(values[0], values[1], unit)] if len(names) == 2 else []))
    return table


def _main_numbers(reports: list[Report]) -> Iterable[tuple[str, str, list[float | None]]]:
    """(label, unit, one value a report) of each main number."""
    yield "waiting part of the gap, mean", "s", [r.ttns.waiting.mean for r in reports]
    yield "waiting part of the gap, p95", "s", [r.ttns.waiting.p95 for r in reports]
    yield "TTNS gap, mean", "s", [r.ttns.gap.mean for r in reports]
    yield "TTNS gap, p50", "s", [r.ttns.gap.p50 for r in reports]
    yield "TTNS start, mean", "s", [r.ttns.start.mean for r in reports]
    yield "QDC, useful", "%", [r.qdc.useful * 100 for r in reports]
    yield "QDC, useful for loops", "%", [r.qdc.useful_loops * 100 for r in reports]
    for n, row in enumerate(reports[0].convergence if reports else ()):
        if row.loops == 0:
            continue
        label = f"converged, {row.rule} (of {row.loops} loops)"
        yield label, "", [r.convergence[n].converged for r in reports]
        yield f"time to {row.rule}, median", "s", [r.convergence[n].median_s for r in reports]
    yield "slowdown of loops, mean", "x", [r.fairness.slowdown_loops.mean for r in reports]
    yield "slowdown of background, bounded, mean", "x", [r.fairness.bounded_background.mean for r in reports]
    yield "background wait for a QPU, mean", "s", [r.ttns_background.first_start.mean for r in reports]
    yield "fairness between tenants (Jain)", "", [r.fairness.jain for r in reports]
    yield "makespan of the run", "s", [r.horizon_s for r in reports]


def _title(report: Report) -> Table:
    """What was run, where and when."""
    head, counts = report.header, report.counts
    table = _table("qloop trace", "", "")
    source = f"qloop {head.qloop}" + (f" at {head.commit[:12]}" if head.commit else "")
    qpus = ", ".join(f"{q.name} ({q.device or q.kind})" if q.device or q.kind else q.name for q in head.qpus)
    seeds = ", ".join(f"{name} {seed}" for name, seed in head.seeds.items())
    rows = (("policy", head.policy), ("clock", head.clock), ("observed", f"{report.horizon_s:,.3f} s"),
            ("QPUs", qpus), ("sessions", f"{counts.loops} loops, {counts.background} background, "
                                         f"{counts.tenants} tenants"),
            ("quantum tasks", f"{counts.quantum_tasks:,} with {counts.results:,} results, {counts.shots:,} shots, "
                              f"{counts.failed_attempts} failed attempts"),
            ("seeds", seeds), ("configuration", head.configuration_hash), ("recorded by", source),
            ("started", head.started_at), ("machine", head.machine), ("note", head.note))
    table.columns[1].justify = "left"
    for name, value in rows:
        if value:
            table.add_row(name, value)
    return table


def _ttns(found: Ttns) -> Table:
    """TTNS in its four readings."""
    table = _table("Time to the next shot, loops (s)", "", "n", "mean", "p50", "p95", "p99")
    rows: tuple[tuple[str, Distribution], ...] = (
        ("gap: last shot to next shot", found.gap), ("  waiting part", found.waiting), ("  thinking", found.think),
        ("  network", found.network), ("start: ready to QPU begin", found.start),
        ("eq: ready to QPU end", found.eq), ("loop: begin to result", found.loop),
        ("first iteration: start", found.first_start), ("first iteration: eq", found.first_eq),
        ("first iteration: loop", found.first_loop))
    for label, d in rows:
        if d.n:
            table.add_row(label, f"{d.n:,}", *(_number(x, "") for x in (d.mean, d.p50, d.p95, d.p99)))
    return table


def _qdc(report: Report) -> Table:
    """What the QPUs did, as shares and bars."""
    table = _table(f"QPU duty cycle: {report.qdc.useful:.1%} useful", "use", "share", " " * _BAR)
    for part in PARTS:
        share = getattr(report.qdc, part)
        if share > 0:
            table.add_row(part.replace("_", " "), f"{share:.1%}", "█" * round(share * _BAR) or "▏")
    table.columns[2].justify = "left"
    return table


def _convergence(report: Report) -> Table:
    """When the loops were done."""
    table = _table("Convergence", "rule", "converged", "median (s)", "mean up to the horizon (s)")
    for row in report.convergence:
        if row.loops:
            table.add_row(row.rule, f"{row.converged} of {row.loops}", _number(row.median_s, ""),
                          _number(row.restricted_mean_s, ""))
    return table


def _fairness(report: Report) -> Table:
    """Who got what."""
    found = report.fairness
    title = "Tenants" if found.jain is None else f"Tenants: Jain {found.jain:.3f}, min/max {found.min_over_max:.3f}"
    table = _table(title, "tenant", "weight", "CPU-seconds", "QPU-seconds", "dominant share", "per weight")
    for s in found.shares:
        table.add_row(s.tenant, f"{s.weight:g}", f"{s.cpu_seconds:,.2f}", f"{s.qpu_seconds:,.2f}",
                      f"{s.dominant:.2%}", f"{s.per_weight:.2%}")
    return table


def _rest(report: Report) -> Table:
    """Slowdown, drift, speculation, caches and cost, one number a line."""
    fair, drift, guess, paid = report.fairness, report.drift, report.speculation, report.cost
    table = _table("Further numbers", "", "")
    rows: list[tuple[str, float | None, str]] = [
        ("slowdown of loops, mean", fair.slowdown_loops.mean, "x"),
        ("slowdown of background, bounded, mean", fair.bounded_background.mean, "x"),
        ("lag between tenants / its bound", fair.lag.over_bound if fair.lag else None, ""),
        ("iterations that waited for a calibration", drift.iterations_paying or None, ""),
        ("  seconds of it on the critical path", drift.critical_path_s or None, "s"),
        ("ln ESP lost to drift, mean (nats)", drift.mean_loss_nats, ""),
        ("energy bias, mean", drift.energy_bias, ""),
        ("further epochs a session saw, mean", drift.extra_epochs, ""),
        ("guesses launched", guess.launched or None, ""),
        ("  hit", guess.committed if guess.launched else None, ""),
        *((f"  squashed, {reason.replace('_', ' ')}", count, "") for reason, count in guess.squashed.items()),
        ("  hit rate", _percent(guess.hit_rate), "%"),
        ("  coverage of iterations", _percent(guess.coverage) if guess.launched else None, "%"),
        ("  QPU-seconds wasted", guess.wasted_s if guess.launched else None, "s"),
        ("  wasted / useful QPU time", _percent(guess.waste_ratio) if guess.launched else None, "%"),
        ("  seconds hidden", guess.masked_s if guess.launched else None, "s"),
        *((f"{name} cache, hit rate", use.rate * 100, "%") for name, use in report.caches.each.items()),
        ("cold starts", report.caches.cold_starts or None, ""),
        (f"QPU-seconds to solution ({paid.rule}), mean", paid.seconds_to_solution, "s"),
        ("money to solution, mean", paid.money_to_solution if paid.price_per_second else None, "")]
    for label, value, unit in rows:
        if value is not None:
            table.add_row(label, _number(value, unit))
    return table


def _table(title: str, *columns: str) -> Table:
    """A table of the house: numbers right, texts left."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
                  show_header=any(columns), pad_edge=False)
    for n, column in enumerate(columns):
        table.add_column(column, justify="left" if n == 0 else "right")
    return table


def _number(value: float | None, unit: str) -> str:
    """A number with at most four significant digits, or a dash."""
    if value is None:
        return "–"
    if isinstance(value, int) or (unit == "" and value == round(value) and abs(value) < 1e6):
        return f"{round(value):,}"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{text} {unit}".strip()


def _change(before: float | None, after: float | None, unit: str) -> str:
    """The change from one value to the other: points for shares, per cent for the rest."""
    if before is None or after is None:
        return "–"
    if unit == "%":
        return f"{after - before:+.1f} points"
    change = round((after - before) / abs(before), 3) if before else None
    return "–" if change is None else "same" if change == 0 else f"{change:+.1%}"


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100
