"""Loops that the tests have workers run."""

import os

import numpy as np

import qloop


def _report(entry):
    qloop.log_metric("energy", entry.energy, entry.number)


def _h2():
    from qloop.miniapps.problems.registry import problem

    return problem("h2")


@qloop.function
def minimise(optimizer, maxiter, shots, qpu=None, name="h2"):
    h2 = _h2()
    qloop.log_metric("pid", os.getpid())
    with qloop.Session(name, shots=shots, qpu=qpu) as session:
        found = session.minimize(h2.circuit, h2.observable, h2.initial_point(seed=1), optimizer=optimizer,
                                 maxiter=maxiter, seed=5, callback=_report)
        return found.x.tobytes(), found.fun, found.nfev, found.resumed, session.usage()


@qloop.function
def with_scipy(maxiter, shots):
    from scipy.optimize import minimize

    h2 = _h2()
    qloop.log_metric("pid", os.getpid())
    with qloop.Session("h2", shots=shots) as session:
        objective = session.objective(h2.circuit, h2.observable)

        def watched(theta):
            value = objective(theta)
            qloop.log_metric("energy", value)
            return value

        found = minimize(watched, h2.initial_point(seed=1), method="COBYLA", options={"maxiter": maxiter})
        return found.x.tobytes(), found.fun, found.nfev, 0, session.usage()


@qloop.function
def evaluate_in_two_sessions():
    h2 = _h2()
    theta = h2.initial_point(seed=1)
    with qloop.Session() as exact, qloop.Session(shots=100) as sampled:
        value = exact.objective(h2.circuit, h2.observable)(theta)
        futures = [sampled.submit(h2.circuit, h2.observable, theta) for _ in range(3)]
        values = [future.result() for future in futures]
        counts = sampled.sample(h2.circuit, theta, shots=50).result()
        return value, values, sum(counts.values()), exact.id, sampled.id, all(future.done() for future in futures)


@qloop.function
def what_goes_wrong():
    """The errors that the runtime's answers become here, by class and words."""
    h2 = _h2()
    with qloop.Session(shots=10) as session:
        objective = session.objective(h2.circuit, h2.observable)
        found = []
        for wrong in (lambda: objective([1.0]), lambda: objective([np.nan] * objective.n_parameters),
                      lambda: qloop.Session("other", qpu="nowhere"), lambda: session.minimize("circuit", h2.observable),
                      lambda: session.minimize(h2.circuit, h2.observable, maxiter=2, workers=True)):
            try:
                wrong()
            except Exception as error:
                found.append((type(error).__name__, str(error)))
        return found


@qloop.function
def left_open(name):
    return qloop.Session(name).id


@qloop.function
def for_ever(qpu):
    h2 = _h2()
    with qloop.Session("endless", qpu=qpu, shots=100) as session:
        objective = session.objective(h2.circuit, h2.observable)
        step = 0
        while True:
            step += 1
            qloop.log_metric("energy", objective(h2.initial_point(seed=step)))


@qloop.function(cores=2, ranks=2)
def sum_over_ranks(scale):
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    if world.Get_rank() == 0:
        qloop.log_metric("ranks", world.Get_size())
    return scale * world.allreduce(world.Get_rank() + 1)
