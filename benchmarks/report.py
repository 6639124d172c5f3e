"""From the benchmarks' figures to the table of results: what was promised, what was measured, and why it was missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from measuring import target

Found = Mapping[str, Any]
EVENTS_PER_S, DECISION_US, FLAT = 100_000.0, 1000.0, 1.5


def targets(results: Mapping[str, Found]) -> list[dict[str, Any]]:
    """All lines of the table. Some benchmarks write their own; those of the engine are read from its figures."""
    lines = [line for found in results.values() for line in found.get("targets", ())]
    return lines + list(engine_targets(results.get("engine", {})))


def engine_targets(found: Found) -> Iterator[dict[str, Any]]:
    """Throughput, a decision with a backlog, and the cost of a task from the 10th to the last."""
    for row in found.get("Throughput", ()):
        if row["policy"] == "efaas":
            yield target("Engine, efaas: events a second on one core", EVENTS_PER_S, row["events_per_s"], "/s",
                         f"{row['us_per_event']} us an event", least=True)
    for row in found.get("Decision with a backlog", ()):
        if row["policy"] == "efaas":
            yield target(f"Engine, efaas: a decision with {row['waiting']:,} waiting tasks, p99", DECISION_US,
                         row["p99_us"], "us", f"p50 {row['p50_us']} us, the worst {row['max_us']} us")
    for row in found.get("Cost of a task, us", ()):
        if row["policy"] == "efaas":
            costs = [value for name, value in row.items() if name.startswith("task ")]
            yield target(f"Engine, efaas: cost of the last task over the 10th ({row['what']})", FLAT,
                         costs[-1] / costs[0], "x", f"us by number of the task: {costs}")


def markdown(about: Found, results: Mapping[str, Found], stored: str, quick: bool) -> str:
    """The page of results."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    head = ["# Results", "",
            f"Machine: {about['processor']}, {about['cores']} cores, {about['system']}, Python {about['python']}.",
            f"Load average at the start: {about['load_average'][0]}. Libraries: {versions}.",
            f"{'A quick run' if quick else 'A full run'}; all figures are in `{stored}`. "
            "Contestants of one table took turns in one run.", ""]
    parts = (head, target_table(targets(results)), failures(results), overhead_table(results.get("overhead", {})),
             iteration_table(results.get("iteration", {})))
    return "\n".join(line for part in parts for line in part)


def target_table(lines: list[dict[str, Any]]) -> Iterator[str]:
    """What was promised and what was measured."""
    yield from ("## Targets", "", "| what | target | measured | met | why not |", "|---|---|---|---|---|")
    for line in lines:
        bound = f"{'>=' if line['least'] else '<='} {line['bound']:,g} {line['unit']}"
        met = "yes" if line["met"] else f"no: {missed(line)}"
        yield f"| {line['what']} | {bound} | {line['measured']:,.4g} {line['unit']} | {met} | {line['why']} |"
    yield ""


def missed(line: Mapping[str, Any]) -> str:
    """By how much."""
    over = line["measured"] / line["bound"]
    return f"{1 - over:.0%} below" if line["least"] else f"{over:.2f} x the bound"


def overhead_table(found: Found) -> Iterator[str]:
    """One call, beside the round trips of other tools."""
    if "one_loop" not in found:
        return
    rows = [("qloop: added to one call, one loop", found["one_loop"]["added"]),
            ("qloop: one whole call, one loop", found["one_loop"]["qloop"]),
            ("qloop: CPU time of this call", found["one_loop"]["cpu"]),
            ("control: a counting loop as long as this call", found["one_loop"]["control"]),
            ("qloop: one whole call, 8 busy loops on one QPU", found["busy"]["qloop"]),
            *found["local_mode"].items(), *found["peers"].items()]
    yield from ("## One QPU call, 4 qubits (us)", "", "| | p10 | p50 | p99 | calls |", "|---|---|---|---|---|")
    for name, row in rows:
        if "skipped" in row:
            yield f"| {name} | skipped: {row['skipped']} | | | |"
        else:
            yield f"| {name} | {row['p10_us']:.1f} | {row['p50_us']:.1f} | {row['p99_us']:.1f} | {row['calls']} |"
    yield from ("", f"With 8 busy loops in threads qloop adds {found['busy']['added_us_per_call']:.0f} us of wall time "
                "a call; the latency is that of eight who share one interpreter and one QPU.", "")


def iteration_table(found: Found) -> Iterator[str]:
    """Whole iterations by number of qubits."""
    results = found.get("results", ())
    if not results:
        return
    yield from ("## A VQE iteration (median ms)", "", f"| | {' | '.join(str(row['n']) for row in results)} |",
                "|---" * (len(results) + 1) + "|")
    for name in results[0]["field"]:
        cells = " | ".join(f"{row['field'][name]['p50_us'] / 1e3:.3f}" for row in results)
        yield f"| {name} | {cells} |"
    yield f"| qloop's simulator | {' | '.join(row['simulator'] for row in results)} |"
    yield ""
    yield from ("Qiskit Runtime's local mode samples 4096 shots; the others, but for qloop's own line with shots, "
                "give exact values.", "")


def failures(results: Mapping[str, Found]) -> Iterator[str]:
    """What did not run."""
    for name, found in results.items():
        if "failed" in found:
            yield from (f"`{name}` did not run: {found['failed']}", "")
