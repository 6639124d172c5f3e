"""What `qloop dreamer` prints: tables, pages and documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qloop.cli import console

if TYPE_CHECKING:
    from rich.table import Table

    from qloop.planner.accuracy import Figures, Report
    from qloop.planner.judging import Judged
    from qloop.planner.machine import Calibration
    from qloop.planner.plan import Alternative, Plan

_WORST = 8


def plan_table(plan: Plan) -> Table:
    """All alternatives, the one that is taken first."""
    numbers = ("subexperiments", "terms", "workers", "predicted", "speed-up", "memory", "sampling overhead", "shots")
    shots = plan.question.error > 0
    columns = ["alternative", "found by", *numbers[:-1], *(numbers[-1:] if shots else ()), "why not"]
    title = f"{plan.circuit.num_qubits} qubits, {len(plan.circuit.data):,} gates"
    table = console.table(title, *columns, right=numbers)
    for one in plan.alternatives:
        cells = [one.name, one.source, f"{one.runs:,}", _big(one.terms), f"{one.workers}", _time(one.cost.seconds),
                 f"{plan.speed_up(one):,.3g} x", _memory(one.cost.memory_bytes), _big(one.overhead),
                 *([_big(one.shots)] if shots else ()), console.plain(one.why_not)]
        taken = one is plan.chosen
        table.add_row(*cells, style="bold" if taken else "dim" if one.why_not else None)
    return table


def plan_dict(plan: Plan, value: float | None) -> dict[str, Any]:
    """A plan for a JSON document."""
    return {"qubits": plan.circuit.num_qubits, "gates": len(plan.circuit.data), "answer": plan.why(),
            "chosen": plan.chosen.name, "cut": plan.chosen.is_cut, "value": value,
            "alternatives": [_one(plan, one) for one in plan.alternatives]}


def _one(plan: Plan, one: Alternative) -> dict[str, Any]:
    return {"name": one.name, "simulator": one.simulator, "found_by": one.source, "sizes": list(one.sizes),
            "workers": one.workers, "tasks": len(one.tasks), "subexperiments": one.runs, "terms": float(one.terms),
            "prepare_s": one.cost.prepare_s, "run_s": one.cost.run_s, "join_s": one.cost.join_s,
            "predicted_s": one.cost.seconds, "speed_up": plan.speed_up(one), "memory_bytes": one.cost.memory_bytes,
            "sampling_overhead": one.overhead, "shots": float(one.shots), "why_not": one.why_not}


def constants_table(found: Calibration) -> Table:
    """The constants with what each multiplies."""
    from qloop.planner.effort import JOIN, PREPARE, TASK

    here = found.machine
    told = f"{here.processor}, {here.cores} cores, {found.date}" if found.configurations else "typical"
    table = console.table(f"seconds by what is counted: {told}", "part", "counted", "seconds", right=("seconds",))
    for part, names in (("task", TASK), ("prepare", PREPARE), ("join", JOIN)):
        for name, value in zip(names, getattr(found.constants, part), strict=True):
            table.add_row(part, name.replace("_", " "), f"{value:.3g}")
    sharing = found.constants.sharing
    for name in ("slower", "per_batch_s", "per_task_s", "per_gate_s"):
        table.add_row("workers", name.replace("_", " "), f"{getattr(sharing, name):.3g}")
    table.add_row("others", "matrix product states, times their forecast", f"{found.others.mps:.3g}")
    for name, value in zip(("stabilizer", "gate", "string x qubit"), found.others.stabilizer, strict=True):
        table.add_row("others", f"stabilizer: {name}", f"{value:.3g}")
    return table


def calibration_dict(found: Calibration) -> dict[str, Any]:
    """A calibration for a JSON document."""
    import msgspec

    return dict(msgspec.to_builtins(found))


def accuracy_table(report: Report) -> Table:
    """Accuracy by size, and the worst configurations, by the clock on the wall."""
    columns = ("speed-up measured", "predicted", "accuracy", "noise")
    judged = report.wall.judged
    table = console.table(f"{len(judged)} configurations, each size predicted without its own measurements",
                          "configuration", *columns, "cut or not", right=columns)
    for size in sorted({one.n_qubits for one in judged}):
        own = [one for one in judged if one.n_qubits == size]
        right = sum(one.right for one in own)
        table.add_row(f"{size} qubits, mean", "", "", f"{sum(one.accuracy for one in own) / len(own):.1f} %", "",
                      f"{right} of {len(own)} right")
    for one in sorted(judged, key=lambda one: one.accuracy)[:_WORST]:
        table.add_row(one.name, f"{one.actual:.3g}", f"{one.predicted:.3g}", f"{one.accuracy:.1f} %",
                      f"{one.noise:.0%}", _right(one), style="dim")
    return table


def accuracy_told(report: Report) -> str:
    """The figures in a sentence each."""
    lines = [*_told("clock on the wall", report.wall), *_told("processor's clock, one worker", report.cpu),
             f"values of parts and whole differ by {report.worst_error:.1e} at most; mean load {report.load:.1f}"]
    return "\n".join(lines)


def _told(clock: str, found: Figures) -> list[str]:
    from qloop.planner.accuracy import TARGET_MEAN, TARGET_RIGHT

    return [f"{clock}, {found.configurations} configurations: accuracy of speed-ups {found.mean:.1f} % mean, "
            f"{found.median:.1f} % median (target {TARGET_MEAN:g} %: {_met(found.mean, TARGET_MEAN)})",
            f"  cut or not right in {found.right:.1f} % (target {TARGET_RIGHT:g} %: "
            f"{_met(found.right, TARGET_RIGHT)}); "
            f"{found.right_but_ties:.1f} % without {found.ties} ties, whose noise covers a speed-up of 1"]


def accuracy_page(report: Report, figure: str) -> str:
    """The results as a page, with the name of their figure."""
    versions = ", ".join(f"{name} {version}" for name, version in report.machine.versions.items())
    head = ["# Accuracy of the planner", "",
            f"Machine: {report.machine.processor}, {report.machine.cores} cores, {report.machine.system}, Python "
            f"{report.machine.python}; {report.date}; mean load {report.load:.1f}. Libraries: {versions}.", "",
            *(f"- {line.strip()}" for line in accuracy_told(report).splitlines()), "",
            "Each size is predicted by constants that were learned from all other sizes. Made by "
            "`qloop dreamer accuracy`.", "",
            f"![speed-ups, predicted against measured]({figure})", ""]
    return "\n".join([*head, *_rows("Clock on the wall", report.wall), *_rows("Processor's clock", report.cpu)])


def _rows(title: str, found: Figures) -> list[str]:
    rows = [f"| {one.name} | {one.actual:.3g} | {one.predicted:.3g} | {one.accuracy:.1f} % | {one.noise:.0%} | "
            f"{_right(one)} |" for one in found.judged]
    return [f"## {title}", "", "| configuration | measured | predicted | accuracy | noise | cut or not |",
            "|---|---|---|---|---|---|", *rows, ""]


def report_dict(report: Report) -> dict[str, Any]:
    """A report for a JSON document."""
    import msgspec

    found = dict(msgspec.to_builtins(report))
    for name, figures in (("wall", report.wall), ("cpu", report.cpu)):
        found[name]["judged"] = [{**msgspec.to_builtins(one), "accuracy": one.accuracy, "right": one.right,
                                  "tie": one.tie} for one in figures.judged]
    return found


def _right(one: Judged) -> str:
    return ("right" if one.right else "wrong") + (", a tie" if one.tie else "")


def encoded(report: Report) -> bytes:
    """A report as a file."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(report_dict(report)), indent=1)


def _met(value: float, target: float) -> str:
    return "met" if value >= target else f"missed by {target - value:.1f}"


def _big(value: float) -> str:
    return f"{value:,.0f}" if value < 1e6 else f"{value:.2g}"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:,.3g} ms" if seconds < 1 else f"{seconds:,.3g} s"


def _memory(size: int) -> str:
    return f"{size / 2**20:,.3g} MiB" if size < 2**30 else f"{size / 2**30:,.3g} GiB"
