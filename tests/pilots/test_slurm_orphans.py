"""Which folders of pilots are orphans: those of processes of this machine that are no more, and no others."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from qloop.pilots.slurm_orphans import called, orphans, sign

from .waiting import until

SIGN = ("import os, pathlib, sys; from qloop.pilots.slurm_orphans import sign; "
        "sign(pathlib.Path(sys.argv[1]), [os.getpid()])")


def folder(root, name, *, by=None, begun=None, **changed):
    """A signed folder; `begun` maps owners that are added to the beginning of their lives."""
    made = root / name
    made.mkdir()
    if by is None:
        sign(made)
    else:
        subprocess.run([sys.executable, "-c", SIGN, str(made)], check=True, timeout=60)
    owner = made / "owner.json"
    told = json.loads(owner.read_text()) | changed
    told["begun"] |= begun or {}
    owner.write_text(json.dumps(told))
    return made


def test_only_the_folders_of_the_dead_are_orphans(tmp_path):
    folder(tmp_path, "mine")
    dead = folder(tmp_path, "dead", by="another")
    reused = folder(tmp_path, "reused", by="another", begun={str(os.getpid()): "1"})    # the id has another owner now
    mine = json.loads((tmp_path / "mine" / "owner.json").read_text())["begun"]
    folder(tmp_path, "half-dead", by="another", begun={str(os.getpid()): mine[str(os.getpid())]})
    before = folder(tmp_path, "before-the-restart", boot="another")
    folder(tmp_path, "elsewhere", by="another", host="another")
    (tmp_path / "unsigned").mkdir()
    (tmp_path / "a-file").touch()
    (tmp_path / "nonsense").mkdir()
    (tmp_path / "nonsense" / "owner.json").write_text("[1]")
    assert orphans(tmp_path) == [before, dead, reused]


def test_a_process_that_nobody_has_buried_is_dead(tmp_path):
    (tmp_path / "x").mkdir()
    process = subprocess.Popen([sys.executable, "-c", f"{SIGN}; print(flush=True); input()", str(tmp_path / "x")],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"\n"
    assert orphans(tmp_path) == []
    process.kill()
    until(lambda: orphans(tmp_path) == [tmp_path / "x"], "it is seen dead, though it has not been waited for")
    process.communicate()


def test_there_is_a_bound_on_what_one_pilot_looks_after(tmp_path):
    for number in range(20):
        folder(tmp_path, f"dead-{number:02}", boot="another")
    assert [found.name for found in orphans(tmp_path)] == [f"dead-{number:02}" for number in range(16)]


def test_the_names_of_what_was_submitted(tmp_path):
    for serial in (10, 2, 1):
        (tmp_path / f"plan-{serial}.json").touch()
    (tmp_path / "token").touch()
    assert called(tmp_path) == [f"qloop-{tmp_path.name}-{serial}" for serial in (1, 2, 10)]
