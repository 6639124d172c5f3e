"""A loop with a budget on a twin that is billed like IBM's QPU: estimated, stopped by the budget, resumed with more."""

import qloop
from qloop.errors import BudgetExceeded
from qloop.miniapps.problems.registry import problem

chain = problem("ising", nodes=4, layers=1)
start = chain.initial_point(seed=7)
loop = {"optimizer": "spsa", "maxiter": 20}
platform = {"qpus": ["twin-hanoi"], "clock": "virtual", "prices": "ibm-pay-as-you-go", "run": "priced", "seed": 7}

try:
    with (qloop.Runtime(**platform) as runtime,
          qloop.Session("ising", runtime=runtime, shots=1000, budget="100 USD", project="chains") as session):
        print(session.estimate(chain.circuit, chain.observable, x0=start, **loop))
        session.minimize(chain.circuit, chain.observable, start, **loop)
except BudgetExceeded as stopped:
    print(f"\nstopped: {stopped.why}\n")

with (qloop.Runtime(**platform, resume=True) as runtime,
      qloop.Session("ising", runtime=runtime, shots=1000, budget="300 USD") as session):
    result = session.minimize(chain.circuit, chain.observable, start, **loop)

print(f"{result.resumed} of {result.nfev} evaluations came from the journal")
paid = result.cost
print(f"paid in all: {paid.text} for {paid.billed_s:.0f} s, of which the QPU worked {paid.net_s:.1f} s")
