"""A session counts as converged from a loop's convergence until its next loop begins."""

from __future__ import annotations

import qloop
from qloop.policies.columns import CONVERGED
from tests.runtime.two_qubits import ENERGY, circuit, runtime

LOOSE = {"optimizer": "nelder-mead", "xatol": 10.0, "fatol": 10.0}


def test_only_a_convergence_is_told_and_the_next_loop_takes_it_back():
    with runtime() as platform, qloop.Session("s", runtime=platform) as session:
        def told() -> float:
            return platform.core.ask(
                lambda engine: engine.state.flows[engine.state.sessions[session.id].row][CONVERGED])

        used_up = session.minimize(circuit(), ENERGY, [0.4, 0.5], optimizer="nelder-mead", maxiter=2)
        assert (used_up.message, told()) == ("maxiter", 0.0)
        near = session.minimize(circuit(), ENERGY, [0.4, 0.5], **LOOSE)
        assert (near.message, told()) == ("tolerance", 1.0)
        during: list[float] = []
        session.minimize(circuit(), ENERGY, [0.6, 0.5], maxiter=2, callback=lambda entry: during.append(told()))
        assert during
        assert set(during) == {0.0}
        assert told() == 0.0
