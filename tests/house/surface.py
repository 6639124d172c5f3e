"""The public surface of qloop as text, read from the source; run this file to write it down anew.

    python tests/house/surface.py
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from source_tree import Module, modules

STORED = Path(__file__).with_name("surface.txt")

# What the documentation tells users and authors of plug-ins to import. All else may change without notice.
PUBLIC = (
    "qloop",
    "qloop.errors",
    "qloop.cli.app",
    "qloop.intake.bounds",
    "qloop.intake.facts",
    "qloop.intake.reader",
    "qloop.loops.*",
    "qloop.miniapps.motifs.characterize",
    "qloop.miniapps.motifs.motif",
    "qloop.miniapps.motifs.parameters",
    "qloop.miniapps.motifs.record",
    "qloop.miniapps.motifs.registry",
    "qloop.miniapps.motifs.site",
    "qloop.miniapps.problems.problem",
    "qloop.miniapps.problems.registry",
    "qloop.model.cost",
    "qloop.model.estimate",
    "qloop.model.evaluation",
    "qloop.model.events",
    "qloop.model.commands",
    "qloop.model.limits",
    "qloop.model.needs",
    "qloop.model.planned",
    "qloop.model.prices",
    "qloop.pilots.agent_pilot",
    "qloop.pilots.allocator",
    "qloop.pilots.local",
    "qloop.pilots.payload",
    "qloop.pilots.protocol",
    "qloop.pilots.spec",
    "qloop.planner.cutting",
    "qloop.planner.machine",
    "qloop.planner.plan",
    "qloop.planner.runs",
    "qloop.policies.catalog",
    "qloop.policies.columns",
    "qloop.policies.fits",
    "qloop.policies.order",
    "qloop.policies.place",
    "qloop.policies.record",
    "qloop.qiskit",
    "qloop.qpus.caches.twins",
    "qloop.qpus.drift.absences",
    "qloop.qpus.drift.model",
    "qloop.qpus.exact",
    "qloop.qpus.fidelity",
    "qloop.qpus.forecast",
    "qloop.qpus.ibm.opening",
    "qloop.qpus.ibm.qpu",
    "qloop.qpus.protocol",
    "qloop.qpus.remote",
    "qloop.qpus.structure",
    "qloop.qpus.twin",
    "qloop.runtime.client",
    "qloop.runtime.embedded",
    "qloop.runtime.journal.protocol",
    "qloop.runtime.options",
    "qloop.runtime.wishes",
    "qloop.simulator.analysis.*",
    "qloop.simulator.campaign.*",
    "qloop.simulator.capacity.*",
    "qloop.simulator.offline.*",
    "qloop.simulator.paper.measurements",
    "qloop.simulator.paper.model",
    "qloop.simulator.paper.recorded",
    "qloop.simulator.paper.reference",
    "qloop.simulator.paper.run",
    "qloop.simulator.platform.parts",
    "qloop.simulator.platform.result",
    "qloop.simulator.platform.run",
    "qloop.simulator.published.run",
    "qloop.simulator.replay.planned",
    "qloop.simulator.replay.replay",
    "qloop.simulator.scenario",
    "qloop.simulator.simulate",
    "qloop.simulator.units",
    "qloop.simulator.workload.arrivals",
    "qloop.simulator.workload.distributions",
    "qloop.simulator.workload.offered",
    "qloop.simulator.workload.sessions",
    "qloop.testing.*",
    "qloop.trace.datasets.*",
    "qloop.trace.metrics.*",
    "qloop.trace.event",
    "qloop.trace.platform_events",
    "qloop.trace.reader",
    "qloop.trace.schema",
)


def surface() -> str:
    """One line for each public name: classes with their fields and methods, functions with their arguments."""
    chosen = [module for name, module in sorted(modules().items())
              if any(fnmatchcase(name, pattern) for pattern in PUBLIC)]
    return "".join(f"{line}\n" for module in chosen for line in _module_lines(module))


def _module_lines(module: Module) -> Iterator[str]:
    for node in module.tree.body:
        for line in _lines(node):
            yield f"{module.name}.{line}"


def _lines(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() if _public(node.name):
            yield _signature(node)
        case ast.ClassDef(name=name, bases=bases) if _public(name):
            yield f"{name}({', '.join(map(ast.unparse, bases))})"
            for member in node.body:
                yield from (f"{name}.{line}" for line in _lines(member))
        case ast.AnnAssign(target=ast.Name(id=name), annotation=kind) if _public(name):
            yield f"{name}: {ast.unparse(kind)}"
        case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
            yield f"__all__ = {ast.unparse(value)}"
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name) and _public(target.id))


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    kind = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    marks = {ast.unparse(mark) for mark in node.decorator_list}
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    if marks & {"property", "cached_property", "functools.cached_property"}:
        return f"{node.name}{result}"
    return f"{kind}{node.name}({ast.unparse(node.args)}){result}"


def _public(name: str) -> bool:
    return not name.startswith("_")


if __name__ == "__main__":
    STORED.write_text(surface())
