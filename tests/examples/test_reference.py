"""The pages of docs/reference say what the source says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "tools" / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    made: dict[str, str] = _tool().pages()
    return made


@pytest.mark.parametrize("name", ["cli.md", "errors.md", "optimizers.md", "options.md", "policies.md",
                                  "scenario.md", "trace.md"])
def test_the_page_is_up_to_date(name: str, pages: dict[str, str]) -> None:
    assert (ROOT / "docs" / "reference" / name).read_text() == pages[name], "run `make docs`"


def test_every_page_is_compared(pages: dict[str, str]) -> None:
    assert {path.name for path in (ROOT / "docs" / "reference").glob("*.md")} == set(pages)
