"""A forked child must not use its parent's runtime: it says so at once, whatever is asked, and the parent goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import qloop
from qloop.errors import QloopError
from tests.runtime.two_qubits import ENERGY, circuit, runtime, value


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_told_at_once(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with runtime("exact", journal=tmp_path / "journal.qloop") as platform, \
            qloop.Session("s", runtime=platform) as session:
        f = session.objective(circuit(), ENERGY)
        assert f([0.1, 0.2]) == pytest.approx(value([0.1, 0.2]))
        child = os.fork()
        if child == 0:
            lines = []
            for act in (lambda: f([0.3, 0.2]), lambda: f.submit([0.3, 0.2]).result(5.0),
                        lambda: qloop.Session("t", runtime=platform), session.details):
                try:
                    act()
                    lines.append("nothing was said")
                except QloopError as error:
                    lines.append(str(error))
            told.write_text("\n".join(lines))
            os._exit(0)
        os.waitpid(child, 0)
        assert f([0.3, 0.2]) == pytest.approx(value([0.3, 0.2]))
    lines = told.read_text().splitlines()
    assert len(lines) == 4
    for line in lines:
        assert f"made by process {os.getpid()}" in line
        assert "Make a runtime in this process" in line
