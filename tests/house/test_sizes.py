"""The shape of the code: short files, short functions, shallow nesting, names that say something, no hidden state."""

import ast
from collections.abc import Iterator
from pathlib import Path

from source_tree import ROOT, functions, modules, python_files

LINES_OF_A_FILE = 300
LINES_OF_A_FUNCTION = 40  # from `def` to the end, without the docstring
NESTING = 3
# Functions that may be longer and deeper, each with the reason why it cannot be cut.
EXCEPTIONS: dict[str, set[str]] = {}
EMPTY_NAMES = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)


def _checked_files() -> list[Path]:
    """Functions and nesting are measured in everything but tests, whose tables may be long."""
    return [path for path in python_files() if path.relative_to(ROOT).parts[0] != "tests"]


def _places(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    allowed = EXCEPTIONS.get(path.relative_to(ROOT).as_posix(), set())
    for function in functions(ast.parse(path.read_text())):
        if function.name in allowed:
            continue
        yield f"{path.relative_to(ROOT)}:{function.lineno} {function.name}", function


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, its docstring and decorators excluded."""
    docstring = function.body[0] if ast.get_docstring(function) else None
    spoken = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - spoken


def depth(body: list[ast.stmt]) -> int:
    """The deepest nesting of blocks; `elif` is no deeper than its `if`, and a nested function begins anew."""
    return max((_depth_of(statement) for statement in body), default=0)


def _depth_of(statement: ast.stmt) -> int:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return 0
    if isinstance(statement, ast.If) and _is_elif(statement):
        return max(1 + depth(statement.body), _depth_of(statement.orelse[0]))
    inner = max((depth(block) for block in _blocks(statement)), default=0)
    return inner + isinstance(statement, BLOCKS)


def _is_elif(statement: ast.If) -> bool:
    rest = statement.orelse
    return len(rest) == 1 and isinstance(rest[0], ast.If) and rest[0].col_offset == statement.col_offset


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        yield getattr(statement, field, [])
    for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield part.body


def test_files_are_short() -> None:
    long = [f"{path.relative_to(ROOT)} has {lines} lines" for path in python_files()
            if (lines := len(path.read_text().splitlines())) > LINES_OF_A_FILE]
    assert not long, "\n".join(long)


def test_functions_are_short() -> None:
    long = [f"{place} has {lines} lines" for path in _checked_files() for place, function in _places(path)
            if (lines := length(function)) > LINES_OF_A_FUNCTION]
    assert not long, "\n".join(long)


def test_nesting_is_shallow() -> None:
    deep = [f"{place} is nested {levels} deep" for path in _checked_files() for place, function in _places(path)
            if (levels := depth(function.body)) > NESTING]
    assert not deep, "\n".join(deep)


def test_every_exception_is_still_needed() -> None:
    for name, allowed in EXCEPTIONS.items():
        long = {function.name for function in functions(ast.parse((ROOT / name).read_text()))
                if length(function) > LINES_OF_A_FUNCTION or depth(function.body) > NESTING}
        assert long == allowed, name


def test_modules_have_names_that_say_something() -> None:
    empty = [name for name in modules() if EMPTY_NAMES & set(name.split("."))]
    assert not empty, "\n".join(empty)


def test_modules_hold_no_mutable_state() -> None:
    """A table in capitals is data by agreement; anything else that can change has no place at module level."""
    wrong = []
    for module in modules().values():
        wrong += [f"{module.name} line {node.lineno}: global" for node in ast.walk(module.tree)
                  if isinstance(node, ast.Global)]
        wrong += [f"{module.name} line {line}: {name}" for name, line in _module_variables(module.tree)]
    assert not wrong, "\n".join(wrong)


def _module_variables(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, MUTABLE):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            yield from ((name, node.lineno) for name in names if not name.isupper() and name != "__all__")


def test_packages_begin_with_a_docstring_only() -> None:
    """No work at import: but for qloop itself, whose first file names the public surface."""
    busy = [module.name for module in modules().values()
            if module.path.name == "__init__.py" and module.name != "qloop" and len(module.tree.body) != 1]
    assert not busy, "\n".join(busy)


def test_the_measures_measure() -> None:
    outer, inner = functions(ast.parse(DEEP))
    assert length(outer) == 19
    assert depth(outer.body) == 5
    assert depth(inner.body) == 1
    chain = ast.parse("if a:\n    pass\n" + "elif b:\n    pass\n" * 9)
    assert depth(chain.body) == 1
    variables = _module_variables(ast.parse("a = []\nB = {}\nc: dict = {}\nd = ()\n__all__ = []"))
    assert list(variables) == [("a", 1), ("c", 3)]


DEEP = '''
def f():
    """One
    two."""
    if a:
        pass
    elif b:
        for x in y:
            with z:
                pass
    else:
        if c:
            try:
                pass
            except E:
                while d:
                    match e:
                        case 1:
                            pass
    def g():
        if a:
            pass
'''
