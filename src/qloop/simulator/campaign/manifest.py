"""What is run in a folder, so that only the same is ever added to it, and where results come from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qloop import __version__
from qloop.errors import Conflict
from qloop.simulator.campaign import parquet
from qloop.simulator.campaign.document import named_files
from qloop.simulator.campaign.errors import CampaignError
from qloop.simulator.campaign.origin import observer_told, policy_told
from qloop.simulator.campaign.plan import Campaign
from qloop.simulator.campaign.unit import Observe, simulated
from qloop.simulator.provenance import surroundings

FORMAT = 2
NAME = "campaign.json"
FILED = ("arrivals", "sessions")      # the tables that name data files
TOLD = 6


def identity(campaign: Campaign, observe: Observe = simulated) -> dict[str, Any]:
    """Everything that the numbers of a replication depend on, and what its rows mean.

    How many replications there are is left out: a campaign may be continued with more. Raises InvalidInput for a policy
    of one's own or an `observe` whose change could not be seen.
    """
    document, plan = campaign.document, campaign.plan
    axes = [(str(axis.path[-1]), value) for axis in plan.grid.axes if axis.path[0] in FILED for value in axis.values]
    return {
        "format": FORMAT,
        "qloop": __version__,
        "scenario": _plain({key: value for key, value in document.tables.items() if key != "campaign"}),
        "grid": {axis.name: _plain(axis.values) for axis in plan.grid.axes},
        "combine": plan.grid.combine,
        "sessions": plan.sessions,
        "data": {name: _digest(path) for name, path in named_files(document, axes).items()},
        "policies": {name: policy_told(record) for name, record in campaign.policies.items()},
        "observe": observer_told(observe),
    }


def fingerprint(found: Mapping[str, Any]) -> str:
    """A short name of an identity."""
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:32]


def agree(folder: Path, campaign: Campaign, observe: Observe = simulated) -> bool:
    """Whether this campaign was begun in the folder before; if nothing was, it is from now on.

    Raises Conflict, with what differs, if another was.
    """
    wanted = identity(campaign, observe)
    path = folder / NAME
    if path.exists():
        held = _read(path)
        if held != wanted:
            said = list(_differences(held, wanted))
            more = f"; and {len(said) - TOLD} more" if len(said) > TOLD else ""
            raise Conflict(f"{folder} holds the results of another campaign", "; ".join(said[:TOLD]) + more,
                           "Name another folder with --out, or take the change back")
        return True
    parquet.write_text(path, json.dumps({"fingerprint": fingerprint(wanted), "campaign": wanted}, indent=1) + "\n")
    return False


def _read(path: Path) -> dict[str, Any]:
    """The identity that a folder holds."""
    try:
        found = json.loads(path.read_text("utf-8"))
        held: dict[str, Any] = found["campaign"]
        sound = fingerprint(held) == found["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CampaignError(f"{path} cannot be read", str(error), "Name another folder with --out") from error
    if not sound:
        raise CampaignError(f"{path} was changed by hand", "Its fingerprint does not belong to it",
                            "Name another folder with --out")
    return held


def _differences(held: Any, wanted: Any, at: str = "") -> Iterator[str]:
    """What differs, by dotted path: there and now."""
    if isinstance(held, Mapping) and isinstance(wanted, Mapping):
        for key in dict.fromkeys((*held, *wanted)):
            yield from _differences(held.get(key), wanted.get(key), f"{at}.{key}" if at else key)
    elif isinstance(held, list) and isinstance(wanted, list) and len(held) == len(wanted):
        for place, (one, other) in enumerate(zip(held, wanted, strict=True)):
            yield from _differences(one, other, f"{at}.{place}")
    elif held != wanted:
        yield f"{at.removeprefix('scenario.')} was {_said(held)} and is {_said(wanted)}"


def _said(value: Any) -> str:
    said = "not given" if value is None else json.dumps(value)
    return said if len(said) <= 60 else f"{said[:57]}..."


def _plain(value: Any) -> Any:
    """The value as JSON gives it back; infinity and dates as texts."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not np.isfinite(value):
        return repr(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _digest(path: Path) -> str:
    """The content of a data file; one that is not there is told of when the scenario is read."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32] if path.is_file() else "missing"


def provenance(campaign: Campaign, cpu_s: float, observe: Observe = simulated) -> dict[str, str]:
    """Where results come from, as texts beside a table."""
    found = identity(campaign, observe)
    return {**surroundings(), "seed": str(campaign.document.tables.get("scenario", {}).get("seed", 0)),
            "fingerprint": fingerprint(found), "campaign": json.dumps(found), "scenario": campaign.text,
            "cpu_s": repr(cpu_s)}
