"""The tables of docs/concepts/noise.md, from the figures of `noise.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from usage import summary


def write_page(page: Path, results: Mapping[str, Any]) -> None:
    """Replace what stands between the marks `<!-- NAME -->` and `<!-- end -->`."""
    text = page.read_text(encoding="utf-8")
    tables = {"errors": error_table(results), "times": time_table(results), "usage": usage_table(results["usage"])}
    for name, lines in tables.items():
        block = "\n".join([f"<!-- {name} -->", *lines, "<!-- end -->"])
        text, times = re.subn(rf"<!-- {name} -->.*?<!-- end -->", lambda _, block=block: block, text, flags=re.DOTALL)
        if times != 1:
            raise SystemExit(f"{page} has {times} places for the table {name!r}")
    page.write_text(text, encoding="utf-8")


def error_table(results: Mapping[str, Any]) -> Iterator[str]:
    """By circuit and size: of each device two-qubit gates, ESP, and both errors in percent of the weight."""
    cells = results["cells"]
    devices = list(dict.fromkeys(row["device"] for row in cells))
    yield f"| circuit, qubits | {' | '.join(devices)} |"
    yield "|---" * (len(devices) + 1) + "|"
    for name, n in dict.fromkeys((row["circuit"], row["n"]) for row in cells):
        mine = {row["device"]: row for row in cells if (row["circuit"], row["n"]) == (name, n)}
        shown = " | ".join(f"{row['two_qubit_gates']}, {row['esp']:.2f}: {row['ideal']:.1%}, **{row['surrogate']:.1%}**"
                           for row in mine.values())
        yield f"| {name}, {n} | {shown} |"
    ideal, told, value = (sum(row[key] for row in cells) for key in ("ideal", "surrogate", "value"))
    yield ""
    count, stronger = len(cells), sum(row["bias"] > 0 for row in cells)
    yield (f"Over all {count} cells noise changes a value by {ideal / count:.1%} of the weight, and the surrogate is "
           f"off by {told / count:.1%}, which is {told / value:.0%} of the values; in {stronger} cells it takes the "
           "noise for stronger than Aer's model does.")


def time_table(results: Mapping[str, Any]) -> Iterator[str]:
    """Milliseconds by the number of the device's qubits that are used: the slowest cell of each."""
    about = results["machine"]
    yield "| qubits used | surrogate | Aer's model | the same, 4096 shots | first at a new noise |"
    yield "|---|---|---|---|---|"
    for used in sorted({row["used"] for row in results["cells"]}):
        mine = [row for row in results["cells"] if row["used"] == used]
        worst = " | ".join(_milliseconds([row[key] for row in mine])
                           for key in ("surrogate_s", "aer_s", "shots_s", "first_s"))
        yield f"| {used} | {worst} |"
    versions = about["versions"]
    yield ""
    yield (f"{about['processor']}, one thread, Aer {versions.get('qiskit-aer')}, load {about['load_average'][0]} on "
           f"{about['cores']} cores.")


def _milliseconds(seconds: list[float | None]) -> str:
    known = [one for one in seconds if one is not None]
    return f"{max(known) * 1e3:,.{0 if max(known) > 0.01 else 1}f}" if known else ""


def usage_table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """One line for each device."""
    yield ("| device | qubits | IBM's estimate (s) | twin (s) | error: median | worst "
           "| `task_overhead_s` that fits | median error then |")
    yield "|---|---|---|---|---|---|---|---|"
    for row in summary(rows):
        spans = {key: "{:.2f} to {:.2f}".format(*row[key]) for key in ("ibm_s", "twin_s")}
        yield (f"| ibm_{row['device']} | {row['n'][0]} to {row['n'][1]} | {spans['ibm_s']} | {spans['twin_s']} | "
               f"{row['median_error']:+.0%} | {row['worst_error']:+.0%} | {2.0 + row['missing_s']:.1f} | "
               f"{row['fitted_error']:.0%} |")
