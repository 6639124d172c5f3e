"""How a program names a kept pilot: `@NAME`, or, on the command line, its bare name where no kind is called so."""

from __future__ import annotations

from collections.abc import Iterable

from qloop.errors import InvalidInput, UnknownName
from qloop.pilots.kept import registry
from qloop.pilots.spec import PilotSpec, spec_of

MARK = "@"
KIND = "named"
_WARM_S = 0.05      # to a worker that is there already


def kept_spec(name: str, label: str = "") -> PilotSpec:
    """The kept pilot of this name as a runtime takes it. `UnknownName` with the nearest if there is none.

    A runtime takes as many of its workers as it has use for, and gives them back when they were idle for a second:
    others may wait for them, and they stay warm in any case.
    """
    spec = registry.find(name).spec
    startup = _WARM_S if spec.least else spec.startup
    return PilotSpec(kind=KIND, name=label or name, address=name, least=0, most=spec.most, cores=spec.cores,
                     memory_bytes=spec.memory_bytes, gpus=spec.gpus, workers_per_node=spec.workers_per_node,
                     keep_alive_s=1.0, startup_s=startup)


def filled(spec: PilotSpec) -> PilotSpec:
    """A specification of kind `named` with what its keeper holds; InvalidInput if it has options of its own."""
    if spec.options:
        raise InvalidInput(f"The kept pilot {spec.label!r} is given options", "It was started with its own",
                           "Leave them out, or give them to 'qloop pilot start'")
    return kept_spec(spec.address or spec.label, spec.name)


def pilot_word(word: str, kinds: Iterable[str]) -> str:
    """What `--pilot WORD` means: `@NAME` of a kept pilot, or a pilot of the program's own (`local:4`).

    `UnknownName`, with the nearest, if it is neither, and `InvalidInput` for what could be neither.
    """
    known, bare = tuple(kinds), word.removeprefix(MARK)
    if word.startswith(MARK) or registry.read(bare) is not None:
        registry.find(bare)
        return f"{MARK}{bare}"
    if ":" in word or MARK in word or bare in known or not word[:1].isalpha():
        spec_of(word)
        return word
    there = [record.name for record in registry.records() if record.there()]
    raise UnknownName("kept pilot or kind of pilot", word, [*there, *known])
