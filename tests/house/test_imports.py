"""The import table of the house, read from the source with `ast`.

`MAY_IMPORT` says which rooms a room may know. It is the drawing of the architecture: what is decided (policies, engine)
knows nothing of what is done (runtime) or modelled (simulator), and those two never meet. An import inside a function
or for the type checker counts as well, since it is knowledge all the same.
"""

import ast
from graphlib import CycleError, TopologicalSorter

import pytest
from source_tree import Import, Module, imports, modules

PARTS = {"errors", "model", "policies", "engine", "qpus", "pilots", "trace"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "model": {"errors"},
    "policies": {"errors", "model"},
    "engine": {"errors", "model", "policies"},
    "qpus": {"errors", "model", "policies"},
    "pilots": {"errors", "model", "policies"},
    "trace": {"errors", "model", "policies"},
    # the border for circuits that others wrote: knows nothing of what is done with them
    "intake": {"errors", "model"},
    # the two places where the parts meet
    "runtime": PARTS,
    "simulator": PARTS,
    # what a user holds: QPUs by their protocol, the runtime by its client (see NARROW)
    "loops": {"errors", "model", "qpus", "runtime", "trace"},
    # what runs on workers, and what waits for it: the runtime by its client, the worker's line by `pilots.inside`
    "functions": {"errors", "model", "loops", "pilots", "qpus", "runtime"},
    "planner": {"errors", "model", "policies", "qpus", "trace"},
    # a workload is written as a user would write it
    "miniapps": {"errors", "model", "loops", "planner", "qpus", "trace"},
    # published for authors of plug-ins; nothing of the product leans on it
    "testing": {*PARTS, "runtime", "loops"},
    "service": {*PARTS, "runtime", "loops", "functions", "planner", "miniapps", "intake"},
    "cli": {*PARTS, "runtime", "simulator", "functions", "loops", "planner", "miniapps", "service", "testing",
            "intake"},
    # what Qiskit's users import: the primitives, and nothing else
    "qiskit": {"loops"},
    # `import qloop` offers the user's surface
    "": {"errors", "model", "functions", "loops", "runtime", "simulator"},
}

NARROW: dict[tuple[str, str], tuple[str, ...]] = {
    # from this room, into that one, only these modules
    ("loops", "runtime"): ("qloop.runtime.client",),
    ("functions", "runtime"): ("qloop.runtime.client",),
    ("functions", "pilots"): ("qloop.pilots.inside", "qloop.pilots.tracebacks"),
    ("functions", "loops"): ("qloop.loops.duration",),
    ("functions", "qpus"): ("qloop.qpus.structure",),
    ("loops", "qpus"): ("qloop.qpus.protocol",),
    ("miniapps", "qpus"): ("qloop.qpus.protocol",),
}

PURE_ROOMS = ("model", "policies", "engine")
# All that a pure room may import from outside qloop. Clocks, randomness, threads, files, sockets, logs and environment
# (time, datetime, random, secrets, asyncio, threading, os, pathlib, socket, subprocess, logging, sys) are absent, so a
# decision cannot reach them; time and random draws are arguments.
PURE_LIBRARIES = {
    "__future__", "abc", "bisect", "collections", "dataclasses", "enum", "functools", "hashlib", "heapq", "itertools",
    "math", "operator", "struct", "types", "typing", "msgspec", "numpy",
}

HEAVY = {
    "aer", "cma", "dask", "fastapi", "matplotlib", "networkx", "numba", "ortools", "pandas", "polars",
    "pyarrow", "qiskit", "qiskit_aer", "qiskit_ibm_runtime", "qulacs", "ray", "rich", "rustworkx", "scipy",
}

# A drop-in is a subclass of what it stands in for: who imports one of these has that library anyway.
DROP_INS = {
    "qloop.loops.primitives.call": "qiskit",
    "qloop.loops.primitives.estimator": "qiskit",
    "qloop.loops.primitives.sampler": "qiskit",
}

# Global randomness of NumPy; what remains are the classes that carry their own state.
NUMPY_RANDOM = {"Generator", "Philox", "SeedSequence", "BitGenerator"}


def _all_imports() -> list[Import]:
    known = frozenset(modules())
    return [found for module in modules().values() for found in imports(module, known)]


def _inner() -> list[Import]:
    return [found for found in _all_imports() if found.target.partition(".")[0] == "qloop"]


def _room(name: str) -> str:
    return name.partition(".")[2].partition(".")[0]


def _told(found: Import) -> str:
    return f"{found.importer} line {found.line} imports {found.target}"


def test_every_room_is_in_the_table() -> None:
    assert {module.room for module in modules().values()} <= set(MAY_IMPORT)


def test_rooms_import_only_what_the_table_allows() -> None:
    wrong = [_told(found) for found in _inner()
             if (room := _room(found.importer)) != (target := _room(found.target))
             and target not in MAY_IMPORT[room]]
    assert not wrong, "\n".join(wrong)


def test_narrow_doors_are_the_only_doors() -> None:
    wrong = [_told(found) for found in _inner()
             if (doors := NARROW.get((_room(found.importer), _room(found.target))))
             and not any(found.target == door or found.target.startswith(f"{door}.") for door in doors)]
    assert not wrong, "\n".join(wrong)


def test_the_table_itself_keeps_runtime_and_simulator_apart_and_has_no_cycle() -> None:
    assert "simulator" not in MAY_IMPORT["runtime"]
    assert "runtime" not in MAY_IMPORT["simulator"]
    list(TopologicalSorter(MAY_IMPORT).static_order())  # raises CycleError


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_pure_rooms_can_do_nothing(room: str) -> None:
    wrong = [_told(found) for found in _all_imports()
             if _room(found.importer) == room
             and (top := found.target.partition(".")[0]) != "qloop" and top not in PURE_LIBRARIES]
    assert not wrong, "\n".join(wrong)


def test_no_module_is_part_of_an_import_cycle() -> None:
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for found in _inner():
        if found.target != found.importer:
            graph[found.importer].add(found.target)
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    wrong = [_told(found) for found in _all_imports()
             if found.at_top and (library := found.target.partition(".")[0]) in HEAVY
             and DROP_INS.get(found.importer) != library]
    assert not wrong, "\n".join(wrong)


def test_drop_ins_are_imported_by_nobody_who_could_do_without() -> None:
    wrong = [_told(found) for found in _inner() if found.at_top and found.target in DROP_INS
             and found.importer not in {*DROP_INS, "qloop.qiskit"}]
    wrong += [_told(found) for found in _inner() if found.at_top and found.target == "qloop.qiskit"]
    assert not wrong, "\n".join(wrong)


def test_there_is_no_global_randomness() -> None:
    wrong = [f"{module.name} line {node.lineno} uses {ast.unparse(node)}"
             for module in modules().values() for node in ast.walk(module.tree)
             if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"np.random", "numpy.random"}
             and node.attr not in NUMPY_RANDOM]
    wrong += [_told(found) for found in _all_imports() if found.target == "random"]
    assert not wrong, "\n".join(wrong)


def test_the_reader_of_imports_sees_every_kind() -> None:
    code = ("import a.b, c\nfrom d import e\nfrom . import f\nfrom ..engine import tasks\n"
            "from qloop import __version__\n"
            "if TYPE_CHECKING:\n    import g\ntry:\n    import h\nexcept ImportError:\n    import i\n"
            "def lazy():\n    if 1:\n        from qloop.model import events, Nothing\n"
            "match c:\n    case 1:\n        import j\n")
    here = next(iter(modules().values())).path.parent / "room" / "file.py"
    module = Module("qloop.room.file", here, ast.parse(code))
    known = frozenset({"qloop.room.f", "qloop.engine.tasks", "qloop.model.events"})
    seen = {(found.target, found.at_top) for found in imports(module, known)}
    assert seen == {("a.b", True), ("c", True), ("d", True), ("qloop.room.f", True), ("qloop.engine.tasks", True),
                    ("g", False), ("h", True), ("i", True), ("qloop.model.events", False), ("qloop.model", False),
                    ("j", True)}
