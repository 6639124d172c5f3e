"""One name per thing, and nothing in the repository that belongs to one machine or one package source."""

import ast
import re
from collections.abc import Iterator

from source_tree import ROOT, modules, text_of, tracked_files

# The word means four things in this field (a circuit, a batch, a session, a Slurm allocation); the glossary has one
# word for each. `slurm_job` or a provider's own method `.job(...)` are fine.
VAGUE = {"job", "jobs", "Job", "Jobs", "job_id", "job_ids"}
QUALIFIED = re.compile(r"(?:slurm|batch|provider's|ibm|braket|runtime|background)\s+$", re.IGNORECASE)

# Written so that the pattern does not match itself.
DEVELOPER_PATH = re.compile(r"(?<![\w.~}:/])/(?:home|root|Users|work|tmp|mnt)/[A-Za-z0-9_]|[A-Z]:\\Users")
REGISTRY = re.compile(r"py[p]i\.org|python[h]osted\.org|registry\.np[m]js|crates\.i[o]|conda\.anaconda\.or[g]"
                      r"|proxy\.golang\.or[g]|--(?:extra-)?index-u[r]l|--find-l[i]nks", re.IGNORECASE)


def _bound_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The names that the source itself makes; what others call their things is not ours to change."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.arg(arg=name) | ast.alias(asname=str(name)):
                yield name, node.lineno


def _sentences(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, node.lineno


def _vague(text: str) -> bool:
    return any(not QUALIFIED.search(text[:found.start()]) for found in re.finditer(r"\bjobs?\b", text, re.IGNORECASE))


def _lines(pattern: re.Pattern[str]) -> list[str]:
    return [f"{path.relative_to(ROOT)}:{number} {found.group()}"
            for path in tracked_files() for number, line in enumerate(text_of(path).splitlines(), 1)
            for found in pattern.finditer(line)]


def test_nothing_is_called_by_the_vague_word() -> None:
    wrong = [f"{module.name} line {line}: {name}" for module in modules().values()
             for name, line in _bound_names(module.tree) if name in VAGUE]
    assert not wrong, "\n".join(wrong)


def test_no_sentence_of_the_product_uses_the_vague_word() -> None:
    wrong = [f"{module.name} line {line}: {text[:60]!r}" for module in modules().values()
             for text, line in _sentences(module.tree) if _vague(text)]
    assert not wrong, "\n".join(wrong)


def test_no_path_of_a_developers_machine() -> None:
    assert not (wrong := _lines(DEVELOPER_PATH)), "\n".join(wrong)


def test_no_package_registry_is_named() -> None:
    assert not (wrong := _lines(REGISTRY)), "\n".join(wrong)


def test_the_patterns_find_what_they_look_for() -> None:
    bad = ast.parse("job = 1\ndef f(jobs): ...\nself.job_id = 2\nimport x as Job\nfor job in y: ...\n")
    assert sorted(name for name, _ in _bound_names(bad) if name in VAGUE) == ["Job", "job", "job", "job_id", "jobs"]
    good = ast.parse("slurm_job = service.job(1)\njob_array = 2\n")
    assert not [name for name, _ in _bound_names(good) if name in VAGUE]
    assert _vague("the job waits")
    assert not _vague("the Slurm job waits")
    assert DEVELOPER_PATH.search("see " + "/" + "home/anna/x")
    for harmless in ("https://host{}home/page", "src{}work/a"):     # not the root's folder, but one inside another
        assert not DEVELOPER_PATH.search(harmless.format("/"))
    assert REGISTRY.search("https://py" + "pi.org/simple")
