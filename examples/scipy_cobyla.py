"""SciPy's own minimizer on a session's objective; every evaluation is journaled all the same."""

from scipy.optimize import minimize

import qloop
from qloop.miniapps.problems.registry import problem

h2 = problem("h2")

with qloop.Session("cobyla") as session:
    objective = session.objective(h2.circuit, h2.observable)
    answer = minimize(objective, h2.initial_point(seed=1), method="COBYLA", options={"maxiter": 300})
    bought = session.usage()["results"]

print(f"H2: {answer.fun:.6f} hartree, exact {h2.ground_energy:.6f}; {bought} results in the journal")
