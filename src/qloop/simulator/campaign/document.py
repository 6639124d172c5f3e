"""A scenario file: TOML text, what it says as tables, and the `Scenario` and `Plan` that these mean.

Errors name the file, the line, the table and the key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from qloop.errors import InvalidInput, QloopError, UnknownName
from qloop.policies import catalog
from qloop.policies.record import Policy
from qloop.simulator.campaign import records
from qloop.simulator.campaign.errors import told_as
from qloop.simulator.campaign.lines import line_of
from qloop.simulator.platform import parts
from qloop.simulator.scenario import Scenario
from qloop.simulator.units import quantity
from qloop.simulator.workload import arrivals, sessions

NO_POLICIES: Mapping[str, Policy] = MappingProxyType({})
SINGLE: Mapping[str, type] = MappingProxyType({
    "classical": parts.Classical, "transfer": parts.Transfer, "lifetimes": parts.Lifetimes, "retries": parts.Retries,
    "admission": parts.Admission})
MANY: Mapping[str, type] = MappingProxyType({"tenants": parts.Tenant, "qpus": parts.QpuKind})
TABLES = ("scenario", "arrivals", "sessions", *MANY, *SINGLE, "campaign")
NAMES = ("name", "policy", "placement")
LARGEST_FILE = 4_000_000
TWICE = ("overwrite", "twice", "redefine", "mutate")      # how the parser tells of a key that is there already


@dataclass(frozen=True, slots=True)
class Document:
    """What a scenario file holds: its tables, and its text and folder, from which relative names of files start."""

    tables: Mapping[str, Any]
    text: str = ""
    file: str = ""

    @property
    def folder(self) -> Path:
        """Where relative names of data files start."""
        return Path(self.file).resolve().parent if self.file else Path.cwd()

    def scenario(self, policies: Mapping[str, Policy] = NO_POLICIES) -> Scenario:
        """The scenario; `policies` are one's own by name, beside those of the catalog.

        Raises InvalidInput or UnknownName with file, line, table and key.
        """
        return _Reader(self).scenario(policies)

    @contextmanager
    def at(self, *path: str | int) -> Iterator[None]:
        """Whatever is refused inside is told with the file and the line of this key, if there is a text."""
        try:
            yield
        except QloopError as error:
            line = line_of(self.text, path)
            place = ", line ".join(filter(None, (Path(self.file).name, str(line or "")))) if self.text else ""
            raise told_as(error, f"{place}: " if place else "") from None


def load(file: str | Path) -> Document:
    """The document in a file; InvalidInput if it cannot be read, is not TOML or has unknown tables."""
    path = Path(file)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InvalidInput(f"{file} is larger than 4 MB", "A scenario file holds parameters",
                               "Keep data in a CSV or Parquet file that the scenario names")
        text = path.read_text("utf-8")
    except OSError as error:
        raise InvalidInput(f"The scenario file {file} cannot be read", error.strerror or str(error),
                           "Name a file in TOML; see examples/scenarios") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The scenario file {file} is not text in UTF-8",
                           f"Byte {error.start} does not belong there", "Save it as UTF-8") from error
    return loads(text, str(file))


def loads(text: str, file: str = "") -> Document:
    """The document of a TOML text; `file` is what messages call it."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{file or 'The scenario'} is not TOML", str(error), _toml_advice(str(error))) from error
    made = Document(tables, text, file)
    for key, value in tables.items():
        with made.at(key):
            _check_table(key, value)
    return made


def _toml_advice(said: str) -> str:
    """What to do about an error of the TOML parser."""
    if any(word in said for word in TWICE):
        return ("Give each key once in its table, and each [table] once: remove one of the two. Several kinds of QPUs "
                "or tenants are written as [[qpus]] and [[tenants]], with two brackets")
    return 'Write text in quotes, as in: warmup = "12 h"'


def _check_table(key: str, value: Any) -> None:
    """Raise unless this is one of the tables of a scenario, in its shape."""
    if key not in TABLES:
        raise UnknownName("table", key, TABLES)
    if key in MANY and not (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
        raise InvalidInput(f"{key} is not a list of tables", "", f"Write each as [[{key}]], with two brackets")
    if key not in MANY and not isinstance(value, dict) and key != "arrivals":
        raise InvalidInput(f"{key} is not a table", "", f"Write it as [{key}]")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes the scenario of a document."""

    document: Document

    def scenario(self, policies: Mapping[str, Policy]) -> Scenario:
        tables = self.document.tables
        given: dict[str, Any] = self._scenario_table(tables.get("scenario", {}), policies)
        for key, kind in SINGLE.items():
            if key in tables:
                given[key] = self._record(kind, tables[key], f"[{key}]", (key,))
        for key, kind in MANY.items():
            if key in tables:
                given[key] = tuple(self._record(kind, {"name": _default_name(key, place), **one},
                                                f"[[{key}]] number {place + 1}", (key, place))
                                   for place, one in enumerate(tables[key]))
        for key, parse in (("arrivals", arrivals.parse), ("sessions", sessions.parse)):
            if key in tables:
                with self.document.at(key):
                    given[key] = parse(_with_folder(_complete(key, tables[key]), self.document.folder), f"[{key}]")
        with self.document.at("scenario"):
            return Scenario(**given)

    def _scenario_table(self, table: Mapping[str, Any], policies: Mapping[str, Policy]) -> dict[str, Any]:
        """The arguments that [scenario] gives."""
        known = records.declared(Scenario)
        label, given = "[scenario]", {}
        for key, value in table.items():
            with self.document.at("scenario", key):
                records.check_keys({key: value}, (*known, *NAMES, "settings"), label)
                if key in known:
                    given[known[key].name] = records.read(known[key], value, f"{label} {key}")
                else:
                    given[key] = _settings(value) if key == "settings" else _name(value, f"{label} {key}")
                _check_catalog(key, value, policies)
        if given.get("policy") in policies:
            given["policy"] = _with_settings(policies[given["policy"]], given)
        return given

    def _record(self, kind: type, table: Mapping[str, Any], label: str, path: tuple[str | int, ...]) -> Any:
        """One dataclass of a table."""
        known = records.declared(kind)
        more = tuple(name for name in ("name", "drift") if name in kind.__dataclass_fields__)  # type: ignore[attr-defined]
        given: dict[str, Any] = {}
        for key, value in table.items():
            with self.document.at(*path, key):
                records.check_keys({key: value}, (*known, *more), label)
                if key in known:
                    given[known[key].name] = records.read(known[key], value, f"{label} {key}")
                elif key == "name":
                    given[key] = _name(value, f"{label} name")
                elif not isinstance(value, dict):
                    raise InvalidInput(f"{label} drift is {value!r}", "", "Write it as [qpus.drift]")
            if key == "drift":
                given[key] = self._record(parts.Drift, value, f"{label} [qpus.drift]", (*path, key))
        with self.document.at(*path):
            return kind(**given)


def _check_catalog(key: str, value: Any, policies: Mapping[str, Policy]) -> None:
    """Raise UnknownName for a policy or a placement that nobody knows."""
    known = {"policy": (*catalog.builtin(), *policies), "placement": tuple(catalog.placements())}.get(key)
    if known is not None and value not in known:
        raise UnknownName(key, value, known)


def _complete(key: str, table: Any) -> Any:
    """Arrivals that only say how often are a Poisson process, as without a table at all."""
    often = isinstance(table, Mapping) and table and set(table) <= {"rate", "every"}
    return {"kind": arrivals.Poisson.kind, **table} if key == "arrivals" and often else table


def _default_name(key: str, place: int) -> str:
    """The name of a tenant or a kind of QPU that has none in the file."""
    return f"{'tenant' if key == 'tenants' else 'qpu'}-{place + 1}"


def _name(value: Any, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 100:
        raise InvalidInput(f"{name} is {value!r}", "It is a name", "Give text of 1 to 100 characters, in quotes")
    return value


def _settings(value: Any) -> dict[str, float]:
    """The policy's settings; their names and values are checked with the policy."""
    if not isinstance(value, dict):
        raise InvalidInput(f"[scenario] settings is {value!r}", "", "Write them as [scenario.settings]")
    return {key: quantity(one, "s" if isinstance(one, str) and "%" not in one else _plain(one),
                                  f"[scenario.settings] {key}") for key, one in value.items()}


def _plain(value: Any) -> str:
    """The dimension of a setting that is not written as a time."""
    return "share" if isinstance(value, str) else "number"


def _with_settings(policy: Policy, given: dict[str, Any]) -> Policy:
    """One's own policy; it takes its settings from its record."""
    if given.pop("settings", None) or given.pop("placement", None):
        raise InvalidInput(f"The policy {policy.name} is one of your own, with settings and placement of its own", "",
                           "Leave out settings and placement, or set them in the record")
    return policy


def _with_folder(value: Any, folder: Path) -> Any:
    """The same, with the names of data files made absolute from the folder of the scenario file."""
    if isinstance(value, Mapping):
        return {key: str(folder / one) if _names_file(key, one) else _with_folder(one, folder)
                for key, one in value.items()}
    if isinstance(value, list):
        return [_with_folder(one, folder) for one in value]
    return value


def _names_file(key: str, value: Any) -> bool:
    """Whether a key names a data file or a folder of them."""
    return isinstance(value, str) and (key == "file" or (key == "data" and value != sessions.SHIPPED))


def data_files(document: Document) -> list[Path]:
    """The data files that a document names, and those in the folders that it names, in order."""
    return sorted(set(named_files(document).values()))


def named_files(document: Document, more: Iterable[tuple[str, Any]] = ()) -> dict[str, Path]:
    """The data files that a document names, by these names, and those in the folders that it names, in order.

    `more` are keys with values from elsewhere, such as a grid.
    """
    tables = [document.tables.get(key, {}) for key in ("arrivals", "sessions")]
    names = {name for table in (*tables, *({key: value} for key, value in more)) for name in _files(table)}
    found: dict[str, Path] = {}
    for name in sorted(names):
        path = document.folder / name
        inside = sorted(path.iterdir()) if path.is_dir() else []
        found.update({str(Path(name) / one.name): one for one in inside} if path.is_dir() else {name: path})
    return found


def _files(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            if _names_file(key, one):
                yield one
            else:
                yield from _files(one)
    elif isinstance(value, list):
        for one in value:
            yield from _files(one)
