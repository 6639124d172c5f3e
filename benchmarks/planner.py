"""How well the planner foretells what cutting is worth: speed-ups of configurations whose size it never saw.

    python -m benchmarks.planner [--measured FILE.jsonl] [--out FILE.json]

Measures this machine for about eight minutes, as `qloop dreamer accuracy` does; what FILE.jsonl holds already is not
measured again. Beside FILE.json (benchmarks/results/planner.json) lie a page, .md, and a figure, .png and .pdf.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from qloop.cli import dreamer_shown
from qloop.planner.accuracy import report
from qloop.planner.accuracy_figure import draw
from qloop.planner.configurations import configurations
from qloop.planner.machine import load, typical
from qloop.planner.measurements import measure

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Measure, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measured", type=Path, help="keeps the measurements (default: a temporary file)")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "planner.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = args.measured or Path(folder) / "measured.jsonl"
        measured = measure(path, configurations(), (load() or typical()).constants, _tell)
    found = report(measured)
    stem = args.out.with_suffix("")
    args.out.write_bytes(dreamer_shown.encoded(found) + b"\n")
    draw(found, stem)
    stem.with_suffix(".md").write_text(dreamer_shown.accuracy_page(found, f"{stem.name}.png"), encoding="utf-8")
    print(dreamer_shown.accuracy_told(found))


def _tell(done: float, text: str) -> None:
    """A line for each measurement."""
    print(f"{100 * done:3.0f} % {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
