"""Session: a loop's place on the platform, from the first shot to the last."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike

from qloop.errors import InvalidInput
from qloop.loops import duration, estimates
from qloop.loops.future import QuantumFuture
from qloop.loops.loop import Loop, Think
from qloop.loops.objective import Objective, single
from qloop.loops.optimizers import by_name
from qloop.loops.optimizers.foreign import adopt
from qloop.loops.optimizers.protocol import Optimizer
from qloop.loops.progress import display
from qloop.loops.result import Iteration, LoopResult
from qloop.loops.speculation.forks import check_fork
from qloop.loops.speculation.options import Speculation, speculation
from qloop.loops.stepper import Inline, OnWorkers
from qloop.model.estimate import Estimate
from qloop.runtime.client import Client, Outcome, SessionView, SessionWish, connect, reopen

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp


class Session:
    """A session on a runtime: the program's own, or the one given. Use it as a context manager.

    `name`: the same in every life of a run, so that a resumed program finds its results. `qpu`: the only QPU to use.
    `shots`: the default of its evaluations, None for exact expectation values. `max_time`, `interactive_ttl`:
    seconds or texts such as "2h 30m". `weight`: its share among its tenant's sessions. `kind`: "loop" or
    "background". `budget`: "50 USD", "600 s" of billed QPU time or "10000 shots"; a call that might exceed it is not
    made, but raises `BudgetExceeded`. `project`: for what it is accounted. Both are kept by a session that is resumed
    without naming them. Raises `InvalidInput`, `UnknownName`, `Conflict`, or `Refused`, before anything is spent.
    """

    def __init__(self, name: str = "", *, runtime: Client | None = None, qpu: str | None = None,
                 shots: int | None = None, tenant: str = "default", weight: float = 1.0, seed: int | None = None,
                 max_time: float | str | None = None, interactive_ttl: float | str | None = None,
                 kind: str = "loop", optimum: float | None = None, budget: str | None = None,
                 project: str = "") -> None:
        self._client = client_of(runtime)
        self.shots = shot_count(shots)
        wish = SessionWish(name=name, tenant=tenant, weight=weight, seed=seed, shots=self.shots, kind=kind,
                           qpu=self._client.default_qpu if qpu is None else qpu, optimum=optimum,
                           max_ttl_s=duration.seconds("max_time", max_time),
                           interactive_ttl_s=duration.seconds("interactive_ttl", interactive_ttl),
                           budget="" if budget is None else budget, project=project)
        self.id = self._client.open_session(wish)
        self._closed = False
        self._owned = False

    @property
    def client(self) -> Client:
        """The runtime that it is open on, as whoever builds on sessions asks it for quantum tasks (`id` names it)."""
        return self._client

    @classmethod
    def from_id(cls, session: str, journal: str | None = None, *, budget: str | None = None) -> Self:
        """Take up a session of an earlier run, with all its results; `journal` if it is not under `.qloop`.

        Its prices and its budget are those that it had; `budget` replaces the latter.
        """
        client, wish = reopen(session, journal)
        try:
            opened = cls(wish.name, runtime=client, qpu=wish.qpu, shots=wish.shots or None, tenant=wish.tenant,
                         weight=wish.weight, seed=wish.seed, max_time=wish.max_ttl_s or None,
                         interactive_ttl=wish.interactive_ttl_s or None, kind=wish.kind, optimum=wish.optimum,
                         budget=budget)
        except BaseException:
            client.close()
            raise
        opened._owned = True
        return opened

    def objective(self, circuit: QuantumCircuit, observable: SparsePauliOp, *, shots: int | None = None,
                  timeout: float | None = None) -> Objective:
        """<circuit(theta)| observable |circuit(theta)> as a function, for `scipy.optimize.minimize` for example."""
        return Objective(self._client, self.id, circuit, observable, self._shots(shots), timeout)

    def submit(self, circuit: QuantumCircuit, observable: SparsePauliOp, theta: ArrayLike, *,
               shots: int | None = None) -> QuantumFuture[float]:
        """Ask for one expectation value and go on."""
        return self.objective(circuit, observable, shots=shots).submit(theta)

    def sample(self, circuit: QuantumCircuit, theta: ArrayLike = (), *, shots: int) -> QuantumFuture[dict[str, int]]:
        """Ask for counts of bit strings (Qiskit's order), of the measured qubits or, without measurements, of all."""
        drawn = required_shots(shots)
        structure = self._client.prepare(self.id, circuit, None)
        ticket = self._client.submit(self.id, structure, single(theta), drawn, counts=True)
        return QuantumFuture(self._client, ticket, first_counts)

    def minimize(self, circuit: QuantumCircuit, observable: SparsePauliOp, x0: ArrayLike | None = None, *,
                 optimizer: str | Optimizer = "spsa", maxiter: int = 100, shots: int | None = None,
                 seed: int | None = None, progress: bool | None = None, workers: bool = False,
                 callback: Callable[[Iteration], object] | None = None, reevaluate: bool = False,
                 speculate: Speculation | bool | None = None, **options: Any) -> LoopResult:
        """Run a variational loop to its end and return its result.

        `optimizer`: a name (`spsa`, `nelder-mead`, `adam`, `gradient-descent`, `rotosolve`, `cma-es`; `options` are its
        own), an ask/tell optimizer, or any object with `ask()` and `tell(values)`.
        `x0` (P,): where to start; by default small random angles from the session's seed. `progress`: show a bar;
        by default if a terminal watches. `workers`: run the classical steps on the runtime's workers. `reevaluate`:
        when the calibration epoch or the QPU has changed, measure the incumbent again, before new values are compared
        with it; it is paid for, and only optimizers that keep an incumbent's value ask for it.
        `speculate`: ask ahead where QPUs are idle; True, or `Speculation(...)`. It does not change the loop's course on
        an exact QPU, nor on a twin that the session is pinned to and whose noise is frozen, see `Speculation`.
        """
        loop = self.loop(circuit, observable, x0, optimizer=optimizer, maxiter=maxiter, shots=shots, seed=seed,
                         workers=workers, reevaluate=reevaluate, speculate=speculate, **options)
        title = f"{loop.optimizer.name}, session {self.id.rsplit('.', 1)[-1]}"
        with display(progress, title, maxiter) as bar:
            def both(entry: Iteration) -> None:
                bar.update(entry)
                if callback is not None:
                    callback(entry)

            loop.callback = both
            return loop.run()

    def loop(self, circuit: QuantumCircuit, observable: SparsePauliOp, x0: ArrayLike | None = None, *,
             optimizer: str | Optimizer = "spsa", maxiter: int = 100, shots: int | None = None,
             seed: int | None = None, workers: bool = False, think: Think | None = None, reevaluate: bool = False,
             speculate: Speculation | bool | None = None, **options: Any) -> Loop:
        """The loop of `minimize`, not begun: `run()` it, or `start()` it among others."""
        ahead = speculation(speculate)
        objective = self.objective(circuit, observable, shots=shots)
        chosen = self._optimizer(optimizer, objective.n_parameters, x0, maxiter, seed, options)
        if ahead is not None:
            check_fork(chosen)
        stepper = OnWorkers(self._client, self.id, chosen) if workers else Inline(self._client, chosen)
        return Loop(self._client, objective, stepper, think=think, reevaluate=reevaluate, speculate=ahead)

    def estimate(self, circuit: QuantumCircuit, observable: SparsePauliOp | None = None, *, evaluations: int = 1,
                 batch: int = 1, shots: int | None = None, optimizer: str | Optimizer | None = None,
                 maxiter: int = 100, x0: ArrayLike | None = None, **options: Any) -> Estimate:
        """What something would cost on each QPU that may run it; nothing is run.

        Either so many `evaluations` in calls of `batch`, or what `minimize` with this optimizer would ask for. Without
        an observable: of counts. Raises what is wrong with the request.
        """
        if optimizer is not None and (evaluations, batch) != (1, 1):
            raise InvalidInput("Both evaluations and an optimizer were given",
                               "The optimizer decides how many it asks for", "Give one of them")
        structure = self._client.prepare(self.id, circuit, observable)
        if optimizer is None:
            calls = estimates.of_evaluations(evaluations, batch, options)
        else:
            calls = estimates.of_loop(self._optimizer(optimizer, circuit.num_parameters, x0, maxiter, None, options))
        found = self._client.estimate(self.id, structure, calls, self._shots(shots), counts=observable is None)
        return estimates.estimate(found, calls, optimizer)

    def details(self) -> SessionView:
        """State, seed, clock, results and shots bought."""
        return self._client.view(self.id)

    def usage(self) -> dict[str, Any]:
        """What the session has bought: `results`, `shots`, and how many results of earlier lives it `resumed` with.

        And its account, earlier lives included: QPU `calls` (failed ones, too), `net_s` and `billed_s` of QPU time,
        `amount` in `currency` (empty if all was free).
        """
        view = self.details()
        cost = view.cost
        return {"results": view.results, "shots": view.shots, "resumed": view.resumed, "calls": view.calls,
                "net_s": cost.net_s, "billed_s": cost.billed_s, "amount": cost.value, "currency": cost.currency}

    def status(self) -> str:
        """Its state: new, queued, running, thinking, closing."""
        return self.details().state

    def close(self) -> None:
        """Take no further tasks, finish the accepted ones, and end."""
        self._end(cancel=False)

    def cancel(self) -> None:
        """Drop all its tasks and end."""
        self._end(cancel=True)

    def _end(self, *, cancel: bool = False, keep: bool = False) -> None:
        if self._closed:
            return
        self._closed = True
        self._client.close_session(self.id, cancel=cancel, keep=keep)
        if self._owned:
            self._client.close()

    def _shots(self, shots: int | None) -> int:
        return self.shots if shots is None else shot_count(shots)

    def _optimizer(self, wish: str | Optimizer, n_parameters: int, x0: ArrayLike | None, maxiter: int,
                   seed: int | None, options: dict[str, Any]) -> Optimizer:
        """The optimizer given, or the one of this name for the circuit's parameters."""
        if not isinstance(wish, str):
            return adopt(wish, maxiter)
        own = self.details().seed % 2**32 if seed is None else seed
        if n_parameters == 0:
            raise InvalidInput("The circuit has no parameters", "There is nothing to minimise over",
                               "Use session.submit(circuit, observable, []) for its value")
        start = self._start(n_parameters, own) if x0 is None else x0
        if "last_evaluation" in by_name.option_names(wish):
            options.setdefault("last_evaluation", True)     # so that `fun` is the energy at `x`, not an estimate
        return by_name.make(wish, start, maxiter, own, **options)

    def _start(self, n_parameters: int, seed: int) -> np.ndarray[Any, Any]:
        """Small random angles: enough to leave a symmetric point, not enough to get lost."""
        generator = np.random.Generator(np.random.Philox(key=seed))
        return generator.uniform(-0.1, 0.1, n_parameters)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Close; after an error or Ctrl-C the session stays in the journal, to be resumed."""
        self._end(keep=kind is not None)

    def __repr__(self) -> str:
        return f"<Session {self.id}>"


def client_of(runtime: object) -> Client:
    """The runtime given, or the program's own; InvalidInput for what is none."""
    if runtime is None:
        return connect()
    if not hasattr(runtime, "open_session"):
        raise InvalidInput(f"The runtime is {runtime!r:.80}", "", "Give a qloop.Runtime, or None for the program's own")
    return cast(Client, runtime)


def shot_count(shots: int | None) -> int:
    """The number of shots, 0 for None; InvalidInput for a number of shots that is none."""
    if shots is None:
        return 0
    if isinstance(shots, bool) or not isinstance(shots, int | np.integer) or shots <= 0:
        raise InvalidInput(f"The number of shots is {shots!r}", "",
                           "Give an integer above 0, or None for exact expectation values")
    return int(shots)


def required_shots(shots: int) -> int:
    """The number of shots; InvalidInput also for None."""
    if shots is None:
        raise InvalidInput("Counts were asked for without shots", "", "Give a number of shots above 0")
    return shot_count(shots)


def first_counts(outcome: Outcome) -> dict[str, int]:
    """The counts of a task of one row."""
    return outcome.counts[0]
