"""Every parameter of a scenario with its value, bounds and meaning, for people and for the reference page."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from qloop.simulator.campaign import records
from qloop.simulator.campaign.document import MANY, NAMES, SINGLE
from qloop.simulator.campaign.dump import toml_value
from qloop.simulator.campaign.plan import Plan
from qloop.simulator.campaign.stopping import Until
from qloop.simulator.platform.parts import Drift
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload import arrivals, sessions

Row = tuple[str, str, str, str]


def parameters(scenario: Scenario) -> Iterator[Row]:
    """Rows of dotted path, value, bounds and meaning."""
    for name in NAMES:
        value = getattr(scenario, name)
        yield f"scenario.{name}", str(getattr(value, "name", value)), "", ""
    for name, number in scenario.settings.items():
        yield f"scenario.settings.{name}", f"{number:g}", "", "A setting of the policy"
    yield from _record("scenario", scenario)
    for key, said in (("arrivals", arrivals.table(scenario.arrivals)), ("sessions", sessions.table(scenario.sessions))):
        yield from ((f"{key}.{name}", _cut(toml_value(value)), "", "") for name, value in said.items())
    for key in MANY:
        for place, one in enumerate(getattr(scenario, key)):
            yield f"{key}.{place}.name", one.name, "", ""
            yield from _record(f"{key}.{place}", one)
            if hasattr(one, "drift"):
                yield from _record(f"{key}.{place}.drift", one.drift)
    for key in SINGLE:
        yield from _record(key, getattr(scenario, key))


def _record(path: str, record: Any) -> Iterator[Row]:
    for key, field in records.declared(type(record)).items():
        value = records.written(field, getattr(record, field.name))
        yield f"{path}.{key}", str(value), records.bounds(field), field.metadata["what"]


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def reference() -> Iterator[tuple[str, str, Iterator[tuple[str, str, str, str, str]]]]:
    """For each table of a scenario file: its header, what it is, and rows of key, default, unit, bounds, meaning."""
    kinds: tuple[tuple[str, type], ...] = (
        ("[scenario]", Scenario), *((f"[[{key}]]", kind) for key, kind in MANY.items() if key == "tenants"),
        ("[[qpus]]", MANY["qpus"]), ("[qpus.drift]", Drift), *((f"[{key}]", kind) for key, kind in SINGLE.items()),
        ("[campaign]", Plan), ("[campaign.until]", Until))
    for header, kind in kinds:
        yield header, kind.__doc__ or "", _fields(kind)


def _fields(kind: type) -> Iterator[tuple[str, str, str, str, str]]:
    for key, field in records.declared(kind).items():
        default = "" if field.default is dataclasses.MISSING else toml_value(records.written(field, field.default))
        yield key, default, field.metadata.get("unit", ""), records.bounds(field), field.metadata["what"]

