"""Reads the source of the product without importing it: modules, their imports, functions and surfaces."""

from __future__ import annotations

import ast
import dataclasses
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "qloop"


@dataclasses.dataclass(frozen=True)
class Module:
    """One file of the product, parsed."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def room(self) -> str:
        """The second part of the name: "engine" for qloop.engine.tasks; "" for qloop itself."""
        return self.name.partition(".")[2].partition(".")[0]


@dataclasses.dataclass(frozen=True)
class Import:
    """One import: who, what (a whole dotted name), in which line, and whether it is run when the module is imported."""

    importer: str
    target: str
    line: int
    at_top: bool


@functools.cache
def modules() -> dict[str, Module]:
    """Every module of qloop by its dotted name."""
    return {module.name: module for module in map(parse, sorted(SOURCE.rglob("*.py")))}


def parse(path: Path) -> Module:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, path, ast.parse(path.read_text(), str(path)))


def imports(module: Module, known: frozenset[str]) -> Iterator[Import]:
    """Every import of a module, those in functions and under TYPE_CHECKING too.

    `from qloop.model import events` counts as qloop.model.events if that is in `known`, else as qloop.model. Asking for
    qloop's version only is not counted: it is a constant that knows nothing of the house.
    """
    for node, at_top in _walk(module.tree.body, at_top=True):
        match node:
            case ast.Import(names=names):
                targets = [alias.name for alias in names]
            case ast.ImportFrom(module=source, names=names, level=level):
                targets = list(_from_targets(_absolute(module, source, level), names, known))
            case _:
                continue
        yield from (Import(module.name, target, node.lineno, at_top) for target in targets)


def _from_targets(source: str, names: list[ast.alias], known: frozenset[str]) -> Iterator[str]:
    for alias in names:
        whole = f"{source}.{alias.name}"
        if whole != "qloop.__version__":
            yield whole if whole in known else source


def _absolute(module: Module, source: str | None, level: int) -> str:
    if not level:
        return source or ""
    package = module.name if module.path.name == "__init__.py" else module.name.rpartition(".")[0]
    above = package.split(".")[: len(package.split(".")) - level + 1]
    return ".".join([*above, *([source] if source else [])])


def _walk(body: list[ast.stmt], at_top: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """Every statement, and whether it is run at import: not in a function, not for the type checker only."""
    for statement in body:
        yield statement, at_top
        lazy = isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) or _type_checking(statement)
        for _, value in ast.iter_fields(statement):
            blocks = value if isinstance(value, list) else []
            inner = [item for item in blocks if isinstance(item, ast.stmt)]
            inner += [item for block in blocks if isinstance(block, (ast.ExceptHandler, ast.match_case))
                      for item in block.body]
            yield from _walk(inner, at_top and not lazy)


def _type_checking(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


@functools.cache
def tracked_files() -> tuple[Path, ...]:
    """The files that belong to the repository: what git tracks or would add."""
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, check=True, text=True).stdout
    return tuple(path for name in listing.split("\0") if name and (path := ROOT / name).is_file())


def python_files() -> tuple[Path, ...]:
    """The Python files among them."""
    return tuple(path for path in tracked_files() if path.suffix == ".py")


def text_of(path: Path) -> str:
    """The text of a file; empty for a binary one."""
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode("utf-8")
