"""Lock files: which packages an environment has, each in one version. Read as text; nothing is installed here.

`requirements.txt` with a pinned version (or a file with its hash) in each line, `pylock.toml` (PEP 751) or `uv.lock`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from qloop.errors import InvalidInput

MOST_BYTES: Final = 2**22
_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\[[A-Za-z0-9._,\s-]*\])?"
_PINNED: Final = re.compile(rf"({_NAME})\s*===?\s*([A-Za-z0-9.!+_-]+)\s*(;[^#]*)?")
_DIRECT: Final = re.compile(rf"({_NAME})\s*@\s*(\S+)\s*(;[^#]*)?")
_HASH: Final = re.compile(r"\s*--hash=(sha(?:256|384|512):[0-9a-f]+)")
_ADVICE: Final = "Write a lock: one name==version in each line, as pip-compile, 'uv export' or 'pip freeze' do"


def read_lock(path: Path) -> tuple[str, ...]:
    """The lines of a lock file as pip takes them, in order of name; InvalidInput for what pins nothing."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"The lock file {path} cannot be read", str(error),
                           "Give the path of a lock file") from error
    if len(data) > MOST_BYTES:
        raise InvalidInput(f"The lock file {path} has {len(data)} bytes", f"The limit is {MOST_BYTES}", _ADVICE)
    try:
        text = data.decode()
        found = sorted(_of_toml(path, text) if path.suffix in (".toml", ".lock") else _of_requirements(path, text))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"The lock file {path} cannot be read", str(error), _ADVICE) from error
    _check(path, found)
    return tuple(found)


def has_hashes(lines: tuple[str, ...]) -> bool:
    """Whether the content of what is installed is checked."""
    return any("--hash=" in line for line in lines)


def name_of(line: str) -> str:
    """The package's name in its normal form."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[=@;]", line, maxsplit=1)[0]).lower()


def _check(path: Path, lines: list[str]) -> None:
    if not lines:
        raise InvalidInput(f"The lock file {path} names no package", "", _ADVICE)
    bare = [line for line in lines if "--hash=" not in line]
    if len(bare) < len(lines) and bare:
        raise InvalidInput(f"The lock file {path} has hashes, but none for {name_of(bare[0])}",
                           "All packages have hashes, or none has", "Lock again, with hashes for all")


def _of_requirements(path: Path, text: str) -> Iterator[str]:
    joined = re.sub(r"\\\n\s*", " ", text)
    for number, raw in enumerate(joined.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        if not line:
            continue
        if line.startswith("-"):
            raise InvalidInput(f"Line {number} of {path} is an option: {line:.80}", "A lock says what, not from where",
                               "Set pip's own configuration for that, and take the line out")
        hashes = _HASH.findall(line)
        wanted = _HASH.sub("", line).strip()
        pinned, direct = _PINNED.fullmatch(wanted), _DIRECT.fullmatch(wanted)
        if pinned is None and (direct is None or not hashes):
            why = "What it installs could change" + (" (a file or address needs a hash)" if direct else "")
            raise InvalidInput(f"Line {number} of {path} pins no version: {wanted:.80}", why, _ADVICE)
        yield " ".join((wanted, *(f"--hash={one}" for one in sorted(hashes))))


def _of_toml(path: Path, text: str) -> Iterator[str]:
    """The packages of a pylock.toml or uv.lock that come from an index, by version and hash."""
    tables: Any = tomllib.loads(text)
    packages = tables.get("packages", tables.get("package", []))
    if not isinstance(packages, list):
        raise InvalidInput(f"The lock file {path} has no list of packages", "", "Give a pylock.toml or a uv.lock")
    for one in packages:
        source = one.get("source", {})
        if "virtual" in source or "editable" in source:
            continue        # the project that was locked, not one of its packages
        if "version" not in one or not {"directory", "vcs", "git", "path"}.isdisjoint({*one, *source}):
            raise InvalidInput(f"{path} has the package {one.get('name')!r} from a folder or a repository",
                               "Its content could change", "Lock packages with versions alone")
        files = [*one.get("wheels", []), *([one["sdist"]] if "sdist" in one else [])]
        marker = f" ; {one['marker']}" if "marker" in one else ""
        hashes = sorted(f" --hash={found}" for found in map(_hash_of, files) if found)
        yield f"{one['name']}=={one['version']}{marker}{''.join(hashes)}"


def _hash_of(file: Any) -> str:
    if "hash" in file:
        return str(file["hash"])
    found = file.get("hashes", {}).get("sha256", "")
    return f"sha256:{found}" if found else ""
