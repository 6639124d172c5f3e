"""The public surface changes on purpose or not at all, and costs a user nothing that is not used."""

import difflib
import re
import subprocess
import sys
from fnmatch import fnmatchcase

import surface
from source_tree import ROOT, modules

IMPORTED = re.compile(r"^from (qloop[\w.]*) import ", re.MULTILINE)
HEAVY = ("qiskit", "scipy", "matplotlib", "numba", "qulacs", "qiskit_aer", "rich", "cma", "networkx", "asyncio")


def test_the_public_surface_is_the_one_written_down() -> None:
    stored, now = surface.STORED.read_text().splitlines(), surface.surface().splitlines()
    change = "\n".join(difflib.unified_diff(stored, now, "surface.txt", "the source", lineterm="", n=0))
    assert not change, f"{change}\nIf this change of the public API is meant: python tests/house/surface.py"


def test_every_public_module_exists() -> None:
    missing = [name for name in surface.PUBLIC if "*" not in name and name not in modules()]
    assert not missing, "\n".join(missing)


def test_what_the_documentation_imports_is_public() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.py")]
    shown = {name for page in pages for name in IMPORTED.findall(page.read_text())}
    assert "qloop.miniapps.problems.registry" in shown
    wrong = [name for name in shown if not any(fnmatchcase(name, pattern) for pattern in surface.PUBLIC)
             and name != "qloop.policies"]
    assert not wrong, "\n".join(wrong)


def test_import_qloop_is_light() -> None:
    code = f"import sys, qloop; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_name_that_qloop_offers_is_there() -> None:
    import qloop

    offered = getattr(qloop, "__all__", ["__version__"])
    assert all(getattr(qloop, name) is not None for name in offered)
    assert set(offered) <= set(dir(qloop))
