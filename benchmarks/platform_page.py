"""The page of `platform_speed.py`: targets first, then every figure with what it contains."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from report import target_table

Found = Mapping[str, Any]


def beyond_log(rows: Sequence[Found]) -> dict[str, float]:
    """Of each curve, the most that cost(n)/cost(10) exceeds log n/log 10 by: at most 1 if it never does."""
    found: dict[str, float] = {}
    for row in rows:
        first = next(one for one in rows if one["curve"] == row["curve"])
        if row is not first:
            grown = row["ns"] / first["ns"] / (math.log(row["waiting"]) / math.log(first["waiting"]))
            found[row["curve"]] = max(found.get(row["curve"], 0.0), grown)
    return found


def fit(rows: Sequence[Found], curve: str) -> tuple[float, float, float]:
    """Of one curve: a and b of the least squares a + b log2 n, and the exponent of a power law through the points."""
    points = [(row["waiting"], row["ns"]) for row in rows if row["curve"] == curve]
    waiting, cost = np.log2([n for n, _ in points]), np.array([ns for _, ns in points])
    if len(points) < 2:
        return float(cost[0]), 0.0, 0.0
    b, a = np.polyfit(waiting, cost, 1)
    return float(a), float(b), float(np.polyfit(waiting, np.log2(cost), 1)[0])


def page(found: Found, figure: str) -> str:
    """The page in Markdown; `figure` is the name of the figure that lies beside it."""
    about = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = ["# Speed of the platform simulator", "",
             f"Machine: {about['processor']}, {about['cores']} cores, {about['system']}, Python {about['python']}. "
             f"Libraries: {versions}. Load average {about['load_average'][0]} before, "
             f"{found['load_average_after'][0]} after.", "",
             f"To compare with another machine: 10^8 steps of a fixed integer loop (xorshift, compiled) take "
             f"{found['integer_loop_s']:.3f} CPU s here before, and {found['integer_loop_after_s']:.3f} after. "
             "All figures are CPU seconds of one thread on compiled kernels, but for starts; best of several runs.", "",
             *target_table(found["targets"])]
    for part, table in (("paper", paper), ("extended", extended), ("backlog", backlog), ("qpus", qpus),
                        ("memory", memory), ("starts", starts)):
        if part in found:
            lines += ["", *table(found[part])]
    if "backlog" in found:
        lines += ["", f"![Cost of an event against waiting tasks]({figure})"]
    return "\n".join([*lines, ""])


def paper(rows: Sequence[Found]) -> Iterator[str]:
    """The paper's model."""
    yield from ("## The paper's model, one replication (CPU s)", "",
                "A replication draws its sessions, runs the kernel and copies its results; pooling replications is not "
                "in it. Means over five replications of the best of several runs of each; in brackets the median of "
                "all runs. The reference is the authors' program, measured for the specification on a machine of "
                "its own.", "",
                "| | replication | kernel alone | events | ns an event | reference | reference/ours |",
                "|---|---|---|---|---|---|---|")
    for row in rows:
        there, ns = row["reference_s"], row["kernel_s"] / row["events"] * 1e9
        beside = f"{there:g} | {there / row['all_s']:,.0f} x" if there else " | "
        yield (f"| {row['what']} | {row['all_s']:.4f} ({row['all_median_s']:.4f}) | {row['kernel_s']:.4f} "
               f"({row['kernel_median_s']:.4f}) | {row['events']:,.0f} | {ns:.1f} | {beside} |")


def extended(rows: Sequence[Found]) -> Iterator[str]:
    """The extended model."""
    yield from ("## The extended model, efaas on three QPUs, seven days", "",
                "Kernel alone. An event is a change of a session, a task or a QPU; steps of the drift grid are not "
                "counted. Everything on: two kinds of QPU with cold caches, calibrations, drift, outages and failed "
                "attempts; containers, both TTLs, transfer, retries, failing classical tasks; three tenants. The "
                "discipline of slots and closed loops are alternatives to what is on, and not in it.", "",
                "| | load | events | kernel, CPU s | million events/s (of the median run) | most open sessions |",
                "|---|---|---|---|---|---|")
    for row in rows:
        what = "everything on" if row["everything"] else "full state of efaas"
        yield (f"| {what} | {row['load']} | {row['events']:,.0f} | {row['kernel_s']:.3f} | "
               f"{row['events_per_s'] / 1e6:.2f} ({row['events'] / row['kernel_median_s'] / 1e6:.2f}) | "
               f"{row['widest']} |")


def backlog(found: Found) -> Iterator[str]:
    """Cost by waiting tasks."""
    rows, reads = found["rows"], found["random read"]
    yield from ("## Cost of an event against waiting tasks (ns)", "",
                "Sessions without end on three QPUs, so that as many tasks wait throughout; the best of several "
                "stretches after the first. The last line is one read at random in as many bytes as these "
                "sessions take, each place known only from the read before: what any program pays there.", "",
                "| | " + " | ".join(f"{row['waiting']:,}" for row in reads) + " | a + b log2 n | power of n |",
                "|---" * (len(reads) + 3) + "|")
    for curve in dict.fromkeys(row["curve"] for row in rows):
        a, b, power = fit(rows, curve)
        cells = " | ".join(f"{row['ns']:.0f}" for row in rows if row["curve"] == curve)
        yield f"| {curve} | {cells} | {a:.0f} + {b:.1f} log2 n | {power:.2f} |"
    yield "| one random read | " + " | ".join(f"{row['ns']:.1f}" for row in reads) + " | | |"


def qpus(rows: Sequence[Found]) -> Iterator[str]:
    """Many QPUs."""
    yield from ("## Many QPUs, two sessions each", "", "| policy | QPUs | lanes | ns an event | events/s |",
                "|---|---|---|---|---|")
    for row in rows:
        lanes = "shared" if row["shared_lanes"] else "of each QPU"
        yield f"| {row['policy']} | {row['qpus']:,} | {lanes} | {row['ns']:,.0f} | {row['events_per_s']:,.0f} |"
    yield from ("", "With lanes of each QPU, binding a task looks at all QPUs, and a QPU that falls idle at all lanes, "
                "once more for each head that prefers its own QPU: the cost of an event grows with the QPUs' number, "
                "and faster where sessions keep to their QPU, as under efaas. 10,000 QPUs under efaas are not "
                "measured: by the growth so far an event would take milliseconds.")


def memory(rows: Sequence[Found]) -> Iterator[str]:
    """Bytes of a session."""
    yield from ("## Memory of an open session (bytes)", "",
                "Counted: the kernel's arrays that grow with the open sessions (slots, nodes, keys, the policies' "
                "tasks and flows), over the most that were open. There are 1,024 slots at first and twice as many "
                "whenever they do not do, but never more than sessions come: right after a doubling it may be "
                "twice as much. TTLs add 40 bytes and containers 48. On top come, for each session that ever comes, "
                "its work and its results. The peak of the process contains all this, the arrays of the run before the "
                "last doubling, and what drawing the sessions takes for a moment.", "",
                "| open sessions | open | of these | for each that ever comes | growth of the process's peak |",
                "|---|---|---|---|---|")
    for row in rows:
        parts = ", ".join(f"{name} {size / row['widest']:.0f}" for name, size in row["open"].items() if size)
        yield (f"| {row['sessions']:,} | {row['bytes_each']:.0f} | {parts} | {row['ever_bytes_each']:.0f} | "
               f"{row['peak_bytes_each']:.0f} |")


def starts(rows: Sequence[Found]) -> Iterator[str]:
    """Starts."""
    yield from ("## Starts: a fresh process that runs one replication (s)", "",
                "First: no compiled kernel on disk. Second: the best of three with a warm disk cache. The targets are "
                "of CPU time; wall time was taken on a machine with other work. The last column is a process that only "
                "imports numpy and Numba.", "",
                "| | first: CPU (wall) | second: CPU (wall) | imports alone: CPU (wall) |", "|---|---|---|---|")
    for row in rows:
        cells = " | ".join(f"{row[name]['cpu_s']:.2f} ({row[name]['wall_s']:.2f})"
                           for name in ("first", "second", "bare interpreter"))
        yield f"| {row['what']} | {cells} |"
