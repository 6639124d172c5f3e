"""Write constraints.txt: the versions of everything that qloop's extras install, as they are in this environment.

Run `make pin` after a change of the dependencies in pyproject.toml, with `.[dev,bench]` installed. Lines are plain
`name==version`, so that the same file holds on every system; a distribution that only some systems or Pythons need is
written all the same, because a constraint installs nothing by itself.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TARGET = Path(__file__).resolve().parent.parent / "constraints.txt"
START = (("qloop", ("dev", "bench")), ("hatchling", ()), ("editables", ()))
HEAD = "# Written by tools/pin.py (make pin): the versions that qloop is tested with. A constraint installs nothing.\n"


def closure() -> dict[str, str]:
    """Name and version of every distribution that the extras need, found by following what is installed."""
    versions: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(name, extra) for name, extras in START for extra in ("", *extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue    # another system's need
        versions[name] = found.version
        for text in found.requires or ():
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                target = canonicalize_name(need.name)
                waiting += [(target, wanted) for wanted in ("", *need.extras)]
    versions.pop("qloop")
    return versions


if __name__ == "__main__":
    lines = [f"{name}=={version}\n" for name, version in sorted(closure().items())]
    TARGET.write_text(HEAD + "".join(lines))
    print(f"{TARGET.name}: {len(lines)} distributions")
