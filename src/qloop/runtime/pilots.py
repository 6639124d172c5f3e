"""The pilots that a runtime is set up with: from words and specifications to what carries them out.

Kinds that other packages add are found under the entry point group `qloop.pilots`: each is a function that takes a
`PilotSpec` and returns a pilot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module, metadata
from types import MappingProxyType
from typing import cast

from qloop.errors import InvalidInput, UnknownName
from qloop.pilots.protocol import Pilot
from qloop.pilots.spec import PilotSpec, spec_of
from qloop.runtime.classical import Held
from qloop.runtime.keeping import by_name

GROUP = "qloop.pilots"
KINDS: Mapping[str, str] = MappingProxyType({
    "local": "qloop.pilots.local", "dask": "qloop.pilots.dask", "ray": "qloop.pilots.ray",
    "slurm": "qloop.pilots.slurm", "named": "qloop.pilots.named"})
OWN_WORKERS = "worker"      # the pilot of the option `workers`; its workers are worker-1, worker-2, ...
OpenPilot = Callable[[PilotSpec], Pilot]


def pilot_specs(workers: int, wishes: Sequence[str | PilotSpec]) -> list[PilotSpec]:
    """What a runtime with these options has; InvalidInput, UnknownName for what cannot be."""
    if isinstance(wishes, str):
        raise InvalidInput(f"The pilots are {wishes!r:.80}", "", f"Give a list: pilots=[{wishes!r:.80}]")
    found = [PilotSpec(name=OWN_WORKERS, least=workers, most=workers, startup_s=0.0)] if workers else []
    for wish in wishes:
        if not isinstance(wish, str | PilotSpec):
            raise InvalidInput(f"A pilot is {wish!r:.80}", "", "Give a word such as 'local:4', or a PilotSpec")
        spec = _spec(wish) if isinstance(wish, str) else wish.check()
        spec = by_name.filled(spec) if spec.kind == by_name.KIND else spec
        if spec.kind not in KINDS and spec.kind not in plugin_kinds():
            raise UnknownName("kind of pilot", spec.kind, (*KINDS, *plugin_kinds()))
        found.append(spec)
    names = [spec.label for spec in found]
    for name in names:
        if names.count(name) > 1:
            raise InvalidInput(f"Two pilots are named {name!r}", "Tasks are pinned to pilots by name",
                               "Give each PilotSpec a name of its own")
    return found


def _spec(word: str) -> PilotSpec:
    """A pilot of a word; `@NAME` is one that a keeper holds."""
    return by_name.kept_spec(word[1:]) if word.startswith(by_name.MARK) else spec_of(word)


def plugin_kinds() -> list[str]:
    """The kinds that other packages add."""
    return [point.name for point in metadata.entry_points(group=GROUP) if point.name not in KINDS]


def hold(specs: Sequence[PilotSpec], virtual: bool) -> list[Held]:
    """The pilots, opened but not started; in virtual time they are modelled."""
    return [Held(spec, None if virtual else open_pilot(spec)) for spec in specs]


def open_pilot(spec: PilotSpec) -> Pilot:
    """The pilot of this specification, not started."""
    return opener(spec.kind)(spec)


def opener(kind: str) -> OpenPilot:
    """What opens pilots of this kind."""
    if kind in KINDS:
        return cast("OpenPilot", import_module(KINDS[kind]).open_pilot)
    for point in metadata.entry_points(group=GROUP):
        if point.name == kind:
            return cast("OpenPilot", point.load())
    raise UnknownName("kind of pilot", kind, (*KINDS, *plugin_kinds()))
