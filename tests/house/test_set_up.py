"""The set-up: what is pinned is what is asked for, and what cannot work is said plainly."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from source_tree import ROOT

LINE = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*)==([0-9][0-9a-z.+]*)")


def _pinned() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), "every line is name==version"
    return {match[1]: match[2] for match in found if match}


def _required() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    texts = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    texts += [text for extra in project["project"]["optional-dependencies"].values() for text in extra]
    return [need for text in texts if (need := Requirement(text)).name != "qloop"]


def test_everything_that_is_required_is_pinned_within_its_bounds() -> None:
    pinned = _pinned()
    wrong = [str(need) for need in _required()
             if not need.specifier.contains(pinned.get(canonicalize_name(need.name), "0"))]
    assert not wrong, "run `make pin`"


def test_every_requirement_has_a_lower_and_an_upper_bound() -> None:
    for need in _required():
        signs = {part.operator for part in need.specifier}
        assert ">=" in signs, need
        assert "<" in signs, need


def _set_up(python: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script where no other Python can be found."""
    fake = folder / "python3"
    fake.write_text(f"#!/bin/sh\n{python}\n")
    fake.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(fake), "PATH": str(folder)}
    return subprocess.run(["/bin/sh", ROOT / "tools" / "set_up.sh", "plot", "stamp"], cwd=folder, env=environment,
                          capture_output=True, text=True)


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    done = _set_up('case "$1" in --version) echo "Python 3.9.2";; *) exit 1;; esac', tmp_path)
    assert done.returncode == 1
    assert "qloop needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert "Python 3.9.2" in done.stderr


def test_a_python_without_venv_is_told_apart(tmp_path: Path) -> None:
    done = _set_up('case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac', tmp_path)
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr


@pytest.mark.parametrize("name", ["tools/set_up.sh", ".ci/run"])
def test_scripts_can_be_run(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
    assert (ROOT / name).read_text().startswith("#!")
    assert "set -eu" in (ROOT / name).read_text()
