"""Kernels on disk: named by all they were made from, so that a change is never met by an old one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qloop.policies.catalog import builtin, policy
from qloop.policies.columns import SEQ, Row, Table
from qloop.policies.order import enter_lifo
from qloop.simulator import specialise
from qloop.simulator.paper import heap, platform_kernel
from qloop.simulator.paper.compiled import fingerprint, kernel_for, specialiser
from qloop.simulator.specialise import NotKept, cache_home
from tests.policies.chosen import FIRST

STEP = 1.0


def newest(tasks: Table, i: int) -> float:
    return -STEP * tasks[i][SEQ]


def enter_newest(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """A user's policy with a function and a constant of its own."""
    return newest(tasks, i)


def mine():
    from dataclasses import replace

    return replace(builtin()["lifo"], name="mine", enter=enter_newest)


def test_each_policy_has_a_name_of_its_own() -> None:
    names = {name: fingerprint(builtin()[name]) for name in FIRST}      # others are these with other settings, or parts
    assert None not in names.values()
    assert len(set(names.values())) == len(names)
    assert names["fifo"] == fingerprint(builtin()["fifo"])


def test_settings_are_data_and_need_no_other_kernel() -> None:
    assert kernel_for(policy("efaas")) is kernel_for(policy("efaas", phi=0.5))


def test_a_change_of_a_constant_or_of_a_source_gives_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(mine())
    with monkeypatch.context() as change:
        change.setitem(globals(), "STEP", 2.0)
        assert fingerprint(mine()) != before
    read = Path.read_bytes
    for changed in (heap.__file__, specialise.__file__, enter_lifo.__code__.co_filename, __file__):
        with monkeypatch.context() as change:
            change.setattr(Path, "read_bytes",
                           lambda path, changed=changed: read(path) + (b"\n#" if str(path) == changed else b""))
            assert fingerprint(mine()) != before, changed
    assert fingerprint(mine()) == before


def test_what_has_no_source_is_not_kept() -> None:
    """A function typed at a prompt may change without a trace."""
    from dataclasses import replace

    scope: dict[str, object] = {}
    exec(compile("def enter(tasks, flows, qpus, totals, i, now, u):\n    return 1.0\n", "<prompt>", "exec"), scope)
    typed = specialiser(replace(builtin()["lifo"], enter=scope["enter"]))      # type: ignore[arg-type]
    assert typed.fingerprint(platform_kernel.simulate) is None
    assert typed.directory(platform_kernel.simulate) is None


def test_a_directory_that_cannot_be_written_is_told_of_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QLOOP_CACHE_DIR", str(tmp_path / "file"))
    assert cache_home().parent == tmp_path / "file"
    with pytest.warns(NotKept) as found:
        homes = [specialiser(builtin()[name]).directory(platform_kernel.simulate) for name in ("fifo", "lifo")]
    assert homes == [None, None]
    (said,) = found
    assert f"cannot be kept in {cache_home()} (Not a directory)" in str(said.message)
    assert "Set QLOOP_CACHE_DIR to a folder" in str(said.message)


@pytest.mark.ci
def test_the_second_process_reads_the_kernel_and_gives_the_same(tmp_path: Path) -> None:
    code = ("from qloop.simulator.paper.run import replicate; from qloop.simulator.paper.model import small\n"
            "from qloop.simulator.paper.compiled import kernel_for\n"
            "r = replicate(small('weighted', duration_s=90000.0), 1)\n"
            "print(sum(kernel_for(r.model.order()).stats.cache_hits.values()), r.end_ns.sum(), r.events)")
    told = [subprocess.run([sys.executable, "-c", code], env={**os.environ, "QLOOP_CACHE_DIR": str(tmp_path)},
                           capture_output=True, text=True, check=True).stdout.split() for _ in range(2)]
    assert [int(words[0]) for words in told] == [0, 1]
    assert told[0][1:] == told[1][1:]
    assert len(list((tmp_path / "kernels").iterdir())) == 1


@pytest.mark.ci
def test_a_users_policy_runs_without_a_change() -> None:
    from qloop.simulator.paper.model import small
    from qloop.simulator.paper.run import replicate

    own, lifo = (replicate(small(order, duration_s=90_000.0), 1) for order in (mine(), "lifo"))
    assert np.array_equal(own.end_ns, lifo.end_ns)
