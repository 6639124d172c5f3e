"""Effects and policies take the place of names, so these names must mean one thing in the whole room."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from qloop.policies.catalog import builtin
from qloop.simulator.platform import features
from qloop.simulator.platform.compiled import SELDOM, Effects, substitutes

ROOM = Path(features.__file__).parent
OFF = Effects(*[False] * len(Effects._fields))
NAMES = frozenset(substitutes(builtin()["fifo"], OFF))


def bound_names(tree: ast.Module) -> set[str]:
    """Every name that a module binds anywhere, but for what it imports from `features`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.ImportFrom) and node.module != features.__name__:
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname for alias in node.names if alias.asname}
    return found


def modules() -> list[Path]:
    return sorted(path for path in ROOM.glob("*.py") if path.name != "features.py")


def test_features_holds_exactly_the_names_that_are_replaced() -> None:
    tree = ast.parse(Path(features.__file__).read_text())
    stated = {name for name in bound_names(tree) if name not in ("__all__", "annotations")}
    assert stated == NAMES


# the machinery that replaces them, and the parameters of a scenario, are not part of a kernel
@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_no_other_module_gives_such_a_name_a_meaning_of_its_own(path: Path) -> None:
    assert not bound_names(ast.parse(path.read_text())) & NAMES


def test_every_use_of_such_a_name_is_an_import_from_features() -> None:
    users = 0
    for path in modules():
        tree = ast.parse(path.read_text())
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
                    and node.module == features.__name__ for alias in node.names}
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in NAMES}
        assert used == imported, path.name
        users += bool(imported)
    assert users >= 4


def test_functions_that_stay_calls_exist() -> None:
    defined = {node.name for path in ROOM.glob("*.py") for node in ast.walk(ast.parse(path.read_text()))
               if isinstance(node, ast.FunctionDef)}
    assert defined >= SELDOM
