"""A name that is not there is told with those that are; where there are none, that is said."""

from __future__ import annotations

import pytest

from qloop.errors import InvalidInput, UnknownName
from tests.runtime.two_qubits import runtime


def test_names_to_choose_from():
    assert str(UnknownName("QPU", "exat", ["twin", "exact"])) == (
        "There is no QPU named 'exat'. Did you mean 'exact'? Choose one of: exact, twin.")
    assert str(UnknownName("run", "r1", [])) == "There is no run named 'r1'. There are none."


@pytest.mark.parametrize("wrong", [["exact"], {}, 3, None, b"exact"])
def test_operators_name_a_qpu(wrong):
    with runtime() as platform:
        for verb in (platform.pause, platform.resume, platform.drain, platform.retire):
            with pytest.raises(InvalidInput, match=r"The QPU is .*\. QPUs are named\. Give the name of one"):
                verb(wrong)
        assert [qpu.state for qpu in platform.qpus()] == ["on"]
