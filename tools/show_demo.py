"""Run the demo and put its table and its figure into the README (`make show`)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out" / "demo"
BLOCK = re.compile(r"(<!-- demo: begin -->\n```text\n).*?(```\n<!-- demo: end -->)", re.DOTALL)


def demo() -> str:
    """What the demo prints, up to its verdict; it writes the figure as well."""
    command = [sys.executable, "-m", "qloop.cli", "demo", "--out", str(OUT)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "COLUMNS": "110"}, stdout=subprocess.PIPE, text=True,
                          check=True)
    return told(done.stdout)


def told(text: str) -> str:
    """The lines from the title to the verdict, without trailing blanks."""
    lines = [line.rstrip() for line in text.splitlines()]
    first = next(n for n, line in enumerate(lines) if line.startswith("qloop demo"))
    last = next(n for n, line in enumerate(lines) if line.startswith("efaas against fifo"))
    return "".join(f"{line}\n" for line in lines[first:last + 1])


def put(block: str) -> None:
    """Replace the README's block and figure."""
    readme = ROOT / "README.md"
    text, times = BLOCK.subn(lambda found: f"{found[1]}{block}{found[2]}", readme.read_text())
    assert times == 1, "the README has one place for the demo"
    readme.write_text(text)
    shutil.copy(OUT / "comparison.png", ROOT / "docs" / "figures" / "demo.png")


if __name__ == "__main__":
    put(demo())
