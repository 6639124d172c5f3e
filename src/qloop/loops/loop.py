"""A variational loop: ask the optimizer, evaluate on a QPU, tell, again; waited for, or driven by events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qloop.loops.future import QuantumFuture
from qloop.loops.objective import Objective
from qloop.loops.optimizers.protocol import Optimizer, Stop
from qloop.loops.renewal import Renewal
from qloop.loops.result import Iteration, LoopResult
from qloop.loops.speculation.ahead import Ahead
from qloop.loops.speculation.options import Speculation
from qloop.loops.stepper import Stepper
from qloop.runtime.client import Client, Outcome

Values = NDArray[np.float64]
Think = Callable[[int], float]


class Loop:
    """One loop in one session.

    `run()` waits for its end. `start(done)` returns at once and goes on by events, so that many loops share one
    thread and, in virtual time, one clock; `think(k)` is then the classical time of iteration k in seconds.
    `reevaluate`: measure the incumbent again when the calibration epoch has changed (see `renewal`). `speculate`: ask
    ahead where QPUs are idle.
    """

    def __init__(self, client: Client, objective: Objective, stepper: Stepper,
                 callback: Callable[[Iteration], object] | None = None, think: Think | None = None,
                 reevaluate: bool = False, speculate: Speculation | None = None) -> None:
        self.client, self.objective, self.stepper, self.callback = client, objective, stepper, callback
        self.think = think or (lambda k: 0.0)
        self.history: list[Iteration] = []
        self.error: BaseException | None = None
        self.finished = False
        self._evaluations = self._resumed = 0
        self._began = self._asked = client.now_s()
        self._batch = 0
        self._clock = client.view(objective.session).clock
        self._done: Callable[[Loop], None] | None = None
        self._renewal = Renewal(reevaluate)
        self.ahead = Ahead(client, objective, speculate)

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer as it stands."""
        return self.stepper.optimizer

    def run(self) -> LoopResult:
        """Iterate to the end in this thread."""
        try:
            while not self.optimizer.done:
                self._tell(self._evaluate(self._ask()))
            return self._end()
        finally:        # whatever broke it off: nobody will want what was asked ahead
            self.ahead.close()

    def _evaluate(self, points: Values) -> Outcome:
        """Ask for the points and wait for their values; ask ahead meanwhile."""
        if self.ahead.on:
            return self.ahead.evaluate(points, self.optimizer, self._batch)
        objective = self.objective
        return self.client.evaluate(objective.session, objective.structure, points, objective.shots,
                                    iteration=self._batch)

    def start(self, done: Callable[[Loop], None]) -> None:
        """Begin, and go on by events; `done(self)` is called at the end, with `error` set if it failed."""
        self._done = done
        self._next()

    def _next(self) -> None:
        """Ask for the next batch; its results will call back."""
        try:
            points = self._ask()
            future = self.objective.submit_batch(self.ahead.coming(points), iteration=self._batch,
                                                 cpu_s=self.think(self._batch))
            self.ahead.asked(self.optimizer, self._batch)
        except Exception as error:
            self._fail(error)
            return
        future.add_done_callback(self._arrived)

    def _arrived(self, future: QuantumFuture[Values]) -> None:
        """The values are there: tell them, unless the incumbent is to be measured again before."""
        try:
            outcome = future.outcome()
            self.ahead.answered(outcome)
            if self._renewal.is_due(self.optimizer, outcome):
                self.objective.submit_batch(self.optimizer.x[None], iteration=self._batch).add_done_callback(
                    lambda again: self._renewed(outcome, again))
                return
        except Exception as error:
            self._fail(error)
            return
        self._tell_later(outcome)

    def _renewed(self, outcome: Outcome, future: QuantumFuture[Values]) -> None:
        """The incumbent was measured again: now the values that wait."""
        try:
            self._renewal.take(self.optimizer, future.outcome())
        except Exception as error:
            self._fail(error)
            return
        self._tell_later(outcome)

    def _tell_later(self, outcome: Outcome) -> None:
        """Tell the values, and go on when the classical step is over."""
        try:
            self.stepper.tell_later(np.array(outcome.values), self._batch, self.think(self._batch),
                                    lambda error: self._told(outcome, error))
        except Exception as error:
            self._fail(error)

    def _told(self, outcome: Outcome, error: BaseException | None) -> None:
        """The classical step is over: the next batch, or the end."""
        if error is None:
            try:
                self._keep(outcome)
            except Exception as raised:     # the user's callback
                error = raised
        if error is not None:
            self._fail(error)
        elif not self.optimizer.done:
            self._next()
        else:
            self._end()
            if self._done is not None:
                self._done(self)

    def _fail(self, error: BaseException) -> None:
        self.error, self.finished = error, True
        self.ahead.close()
        if self._done is not None:
            self._done(self)

    def _ask(self) -> Values:
        if self._batch == 0:    # an earlier loop of the session may have converged
            self.client.close_session(self.objective.session, converged=False)
        self.client.note(self.objective.session, "iteration_begin", iteration=self._batch)
        points = self.optimizer.ask()
        self._asked = self.client.now_s()
        return points

    def _tell(self, outcome: Outcome) -> None:
        """Give the optimizer its values, after its incumbent's if need be, and wait until it took them."""
        if self._renewal.is_due(self.optimizer, outcome):
            objective = self.objective
            self._renewal.take(self.optimizer, self.client.evaluate(
                objective.session, objective.structure, self.optimizer.x[None], objective.shots, iteration=self._batch))
        self.stepper.tell(np.array(outcome.values), self._batch)
        self._keep(outcome)

    def _keep(self, outcome: Outcome) -> None:
        """Keep the figures of an iteration whose values were told."""
        now, values, (renewed, again) = self.client.now_s(), np.array(outcome.values), self._renewal.collect()
        bought = (outcome,) if again is None else (outcome, again)
        self._evaluations += sum(len(one.values) for one in bought)
        self._resumed += sum(len(one.values) for one in bought if one.source == "journal")
        energy = self.optimizer.value
        entry = Iteration(self._batch + 1, float(values.min()) if energy is None else energy,
                          sum(len(one.values) for one in bought), now - self._began, now - self._asked,
                          all(one.source == "journal" for one in bought),
                          outcome.cost if again is None else outcome.cost + again.cost, renewed, self.ahead.deviation)
        self.history.append(entry)
        session, structure = self.objective.session, self.objective.structure
        self.client.note(session, "iteration_end", iteration=self._batch, energy=entry.energy, renewed=renewed,
                         noiseless=self.client.ideal(session, structure, self.optimizer.x))
        self._batch += 1
        if self.callback is not None:
            self.callback(entry)

    def _end(self) -> LoopResult:
        self.finished = True
        self.ahead.close()
        if self.optimizer.reason in (Stop.TOLERANCE, Stop.STAGNATION):
            self.client.close_session(self.objective.session, converged=True)
        return self.result()

    def result(self) -> LoopResult:
        """The answer as far as the loop came."""
        optimizer = self.optimizer
        reason = optimizer.reason
        best = optimizer.value
        if best is None:
            best = min((entry.energy for entry in self.history), default=float("nan"))
        return LoopResult(x=optimizer.x, fun=best, nit=optimizer.iteration, nfev=self._evaluations,
                          success=self.error is None and optimizer.done and reason != "diverged",
                          message="" if reason is None else reason.value, session=self.objective.session,
                          optimizer=optimizer.name, shots=self.objective.shots,
                          clock=self._clock, resumed=self._resumed,
                          iterations=self.history, speculation=self.ahead.report(),
                          cost=self.client.view(self.objective.session).cost)
