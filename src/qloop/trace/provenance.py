"""Where a trace comes from: everything needed to run it again, and to judge what its times mean."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from qloop.errors import InvalidInput
from qloop.trace.schema import FORMAT_VERSION

_CLOCK = re.compile(r"real|virtual|scaled \d+(\.\d+)?x")


class QpuInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A QPU as the report names it."""

    name: str
    kind: str = ""
    device: str = ""
    n_qubits: int = 0
    calibrated_at: str = ""
    note: str = ""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """A trace's first line.

    `clock` is `real`, `virtual` or `scaled 100x`; `horizon_ns` 0 means: until the last event; `workers` counts the
    slots of the classical side (0: not scheduled); `started_at` is the wall date of the run's start, ISO 8601.
    """

    format: str = "qloop-trace"
    version: int = FORMAT_VERSION
    qloop: str
    commit: str = ""
    clock: str
    policy: str
    seeds: dict[str, int] = {}
    configuration: dict[str, Any] = {}
    configuration_hash: str = ""
    qpus: tuple[QpuInfo, ...] = ()
    workers: int = 0
    horizon_ns: int = 0
    started_at: str = ""
    machine: str = ""
    note: str = ""


def new_header(*, clock: str, policy: str, qpus: Sequence[QpuInfo] = (), seeds: Mapping[str, int] | None = None,
               configuration: Mapping[str, Any] | None = None, workers: int = 0, horizon_ns: int = 0,
               started_at: str = "", note: str = "") -> Header:
    """A header with version, commit, configuration hash and machine filled in.

    `InvalidInput` for an unknown clock, a negative horizon, or a configuration that JSON cannot hold.
    """
    if not _CLOCK.fullmatch(clock):
        raise InvalidInput(f"{clock!r} is not a clock", "A report must say what its times mean",
                           "Use 'real', 'virtual' or for example 'scaled 100x'")
    if horizon_ns < 0 or workers < 0:
        raise InvalidInput("horizon_ns and workers cannot be negative", f"They are {horizon_ns} and {workers}",
                           "Use 0 for 'until the last event' and for 'not scheduled'")
    settings = dict(configuration or {})
    return Header(
        qloop=_version(), commit=source_commit(Path(__file__).parent), clock=clock, policy=policy,
        seeds=dict(seeds or {}), configuration=settings, configuration_hash=configuration_hash(settings),
        qpus=tuple(qpus), workers=workers, horizon_ns=horizon_ns, started_at=started_at, machine=_machine(), note=note)


def configuration_hash(configuration: Mapping[str, Any]) -> str:
    """The first 16 hex digits of SHA-256 of the configuration as JSON with sorted keys."""
    try:
        text = msgspec.json.encode(dict(configuration), order="sorted")
    except (TypeError, msgspec.MsgspecError) as error:
        raise InvalidInput("The configuration cannot be written into a trace", str(error),
                           "Use only numbers, texts, lists and mappings") from None
    return hashlib.sha256(text).hexdigest()[:16]


def source_commit(inside: Path) -> str:
    """The Git commit of the checkout that holds `inside`, read without Git; empty if there is none."""
    for folder in (inside, *inside.parents):
        git = folder / ".git"
        if git.exists() and (folder / "pyproject.toml").exists():
            return _head_of(git)
    return ""


def _head_of(git: Path) -> str:
    """The commit that HEAD names in a Git folder, or in the folder that a work tree's `.git` file points to."""
    try:
        if git.is_file():
            git = git.parent / git.read_text().removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref:"):
            return head
        name = head.removeprefix("ref:").strip()
        shared = git / (git / "commondir").read_text().strip() if (git / "commondir").exists() else git
        if (shared / name).exists():
            return (shared / name).read_text().strip()
        packed = (shared / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
    except (OSError, UnicodeDecodeError):
        return ""


def _version() -> str:
    """The installed version of qloop; `unknown` where its sources are run without being installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("qloop")
    except PackageNotFoundError:
        return "unknown"


def _machine() -> str:
    """What kind of machine this is, without its name."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
