"""What cannot be asked of speculation, and how it is told."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qloop.errors import InvalidInput, UnknownName
from qloop.loops.session import Session
from qloop.loops.speculation.options import Speculation
from qloop.testing.virtual import virtual_runtime

from .courses import START, TWIN, circuit, observable

WRONG = [
    ({"depth": 0}, "depth is 0"), ({"depth": 1.5}, "depth is 1.5"), ({"depth": True}, "depth is True"),
    ({"depth": 17}, "The depth of speculation is 17. At most 16 can be kept in view. Give 1 to 16"),
    ({"width": 0}, "width is 0"), ({"width": -2}, "width is -2"),
    ({"width": 65}, "The width of speculation is 65. At most 64 can be kept in view. Give 1 to 64"),
    ({"budget": -0.1}, "budget is -0.1"), ({"budget": math.nan}, "budget is nan"),
    ({"budget": math.inf}, "budget is inf"), ({"budget": "a lot"}, "budget is 'a lot'"),
    ({"eps": -1e-3}, "eps is -0.001"), ({"eps": math.nan}, "eps is nan"),
    ({"time_value": -1.0}, "time_value is -1"), ({"qpu_value": math.nan}, "qpu_value is nan"),
    ({"remote": "yes"}, "remote is 'yes'. .*Give True or False"),
    ({"mode": "exakt"}, "The mode of speculation is 'exakt'. .*Choose 'exact', or 'approximate'"),
    ({"mode": "approximate", "predictor": "past"},
     "The approximate mode cannot go by the past alone. It takes what was evaluated at predicted points, and 'past' "
     "predicts no values. Choose the predictor 'gp' or 'linear', or the exact mode"),
    ({"mode": "approximate"}, "The approximate mode has no eps. .*Give eps, the largest difference of an angle"),
    ({"mode": "exact", "eps": 0.1}, "eps is 0.1 in the exact mode. .*Leave eps out, or choose mode='approximate'"),
]


@pytest.mark.parametrize(("wrong", "words"), WRONG, ids=[str(wrong) for wrong, _ in WRONG])
def test_wrong_and_contradictory_options_are_refused(wrong, words):
    with pytest.raises(InvalidInput, match=words):
        Speculation(**wrong)


def test_an_unknown_predictor_is_told_with_the_known_ones():
    with pytest.raises(UnknownName, match=r"'gpp'.*gp"):
        Speculation(predictor="gpp")


class Shared:
    """Asks for random points; its fork is shallow."""

    def __init__(self) -> None:
        self.point, self.best, self.told = np.array(START), math.inf, [0]

    iteration = property(lambda self: self.told[0])
    done = property(lambda self: self.told[0] >= 6)
    x = property(lambda self: self.point)
    value = property(lambda self: self.best)
    reason = None
    name = "shared"

    def ask(self):
        return (self.point + 0.1 * self.told[0])[None]

    def tell(self, values):
        self.told[0] += 1

    def fork(self):
        other = Shared()
        other.__dict__.update(self.__dict__)
        return other


def test_an_optimizer_whose_fork_shares_state_is_refused_before_anything_is_bought():
    with virtual_runtime((TWIN,)) as runtime:
        session = Session("s", runtime=runtime, qpu=TWIN, shots=10)
        with pytest.raises(InvalidInput, match=r"fork\(\) of .*does not make an independent copy.*both hold .*told"):
            session.minimize(circuit(), observable(), optimizer=Shared(), speculate=True)
        assert session.details().results == 0
        session.close()


@pytest.mark.parametrize("wish", [3, "yes", {"depth": 2}])
def test_speculate_takes_options_or_true(wish):
    with virtual_runtime((TWIN,)) as runtime:
        session = Session("s", runtime=runtime, qpu=TWIN, shots=10)
        with pytest.raises(InvalidInput, match="Give Speculation"):
            session.minimize(circuit(), observable(), START, optimizer="nelder-mead", speculate=wish)
        session.close()
