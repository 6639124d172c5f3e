"""What the documentation shows, runs; and what it links to, is there."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def _named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _with_code() -> list[Path]:
    return [page for page in PAGES if BLOCK.search(page.read_text())]


def _anchor(heading: str) -> str:
    """The anchor that a heading gets: lower case, hyphens for spaces, punctuation dropped."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _links() -> Iterator[tuple[Path, str, str]]:
    for page in PAGES:
        for target, anchor in LINK.findall(FENCED.sub("", page.read_text())):
            if "://" not in target:
                yield page, target, anchor


def _in_time() -> list[Any]:
    """The pages. The README's first block is `examples/first_loop.py`, and its last compiles a kernel: in CI."""
    return [pytest.param(page, marks=[pytest.mark.ci] if _named(page) == "README.md" else []) for page in _with_code()]


@pytest.mark.parametrize("page", _in_time(), ids=_named)
def test_the_code_of_a_page_runs_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    code = "\n".join(block for block in BLOCK.findall(page.read_text()))
    program = tmp_path / "page.py"
    program.write_text(code)
    done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_links_lead_somewhere() -> None:
    broken = []
    for page, target, anchor in _links():
        file = (page.parent / target).resolve() if target else page
        if not file.exists():
            broken.append(f"{_named(page)}: {target}")
        elif anchor and anchor not in map(_anchor, HEADING.findall(file.read_text())):
            broken.append(f"{_named(page)}: {target}#{anchor}")
    assert not broken, "\n".join(broken)


def test_the_first_loop_of_the_readme_is_the_example() -> None:
    block = BLOCK.search((ROOT / "README.md").read_text())
    assert block is not None
    example = (ROOT / "examples" / "first_loop.py").read_text()
    assert block[1].strip() == example.partition('"""\n\n')[2].strip()


def test_the_functions_of_the_readme_run() -> None:
    (block,) = [block for block in BLOCK.findall((ROOT / "README.md").read_text()) if "@qloop.function" in block]
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


@pytest.mark.ci
def test_the_scenario_of_the_readme_runs() -> None:
    (block,) = [block for block in BLOCK.findall((ROOT / "README.md").read_text()) if "qloop.Scenario" in block]
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "20 replications of 604,800 s" in done.stdout
    assert "qpu_busy" in done.stdout
