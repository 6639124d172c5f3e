"""CMA-ES (N. Hansen, arXiv:1604.00772) by the `cma` library, without its global randomness, files or clock."""

from __future__ import annotations

import copy
import math
from typing import Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike

from qloop.errors import InvalidInput, MissingExtra
from qloop.loops.optimizers import arguments, draws
from qloop.loops.optimizers.asktell import AskTell, Progress, Settings, misfit
from qloop.loops.optimizers.protocol import Array, Stop

LARGEST_POPULATION = 100_000
REASONS = (
    (Stop.TOLERANCE, frozenset({"tolx", "tolfun", "tolfunhist", "tolfunrel"})),
    (Stop.DIVERGED, frozenset({"tolfacupx"})),
    (Stop.ILL_CONDITIONED, frozenset({"noeffectaxis", "noeffectcoord", "tolconditioncov", "tolupsigma"})),
)
"""The library's names of its stop conditions, the most telling first; any other one means stagnation."""


class CmaesSettings(Settings, frozen=True, kw_only=True):
    """Constructor arguments of CMAES."""

    sigma0: float
    popsize: int
    tolx: float
    tolfun: float


class CmaesState(Progress, kw_only=True):
    """All values told so far, float64 bytes in order, and (iteration, value) of each renewal of the incumbent.

    They and the settings are the whole state.
    """

    told: bytes = b""
    renewed: tuple[tuple[int, float], ...] = ()


class CMAES(AskTell[CmaesSettings, CmaesState]):
    """Minimizes by sampling generations from a normal distribution that it adapts to the ranks of the values.

    Each ask is one generation of `popsize` points (default 4 + 3 ln P). `sigma0` is the initial standard deviation in
    each parameter. `x` is the best point evaluated and `value` its told value. Beside maxiter it stops by the library's
    own tests (`tolx`, `tolfun`, stagnation, condition). A dump holds the values told; loading replays them and refuses
    the dump if another version of the library would go another way. Errors: `InvalidInput`, `MissingExtra` (cma).
    """

    name = "cma-es"
    settings_type = CmaesSettings
    state_type = CmaesState

    def __init__(self, x0: ArrayLike, *, maxiter: int = 200, seed: int = 0, sigma0: float = 0.5,
                 popsize: int | None = None, tolx: float = 1e-11, tolfun: float = 1e-11) -> None:
        start = arguments.point(x0)
        settings = CmaesSettings(
            x0=start, maxiter=arguments.whole("maxiter", maxiter, 1), seed=arguments.seed(seed),
            sigma0=arguments.real("sigma0", sigma0, above=0),
            popsize=(4 + int(3 * math.log(len(start))) if popsize is None
                     else arguments.whole("popsize", popsize, 4, LARGEST_POPULATION)),
            tolx=arguments.real("tolx", tolx, least=0), tolfun=arguments.real("tolfun", tolfun, least=0))
        self._strategy = _strategy(settings)
        super().__init__(settings, CmaesState(x=np.array(start)))

    def fork(self) -> Self:
        """An independent copy; the library's object is copied whole, its generator included."""
        twin = super().fork()
        twin._strategy = copy.deepcopy(self._strategy)
        return twin

    @property
    def keeps_incumbent(self) -> bool:
        """Once a generation is told: the best of later ones is compared with the best so far."""
        return self._state.value is not None

    def _renew(self, value: float) -> None:
        self._state.value = value
        self._state.renewed += ((self._state.iteration, value),)

    def _propose(self) -> Array:
        return np.array(self._strategy.ask(), dtype=np.float64)

    def _absorb(self, batch: Array, values: Array) -> Stop | None:
        state = self._state
        self._strategy.tell(list(batch.copy()), values.tolist())
        state.told += values.astype("<f8").tobytes()
        best = int(np.argmin(values))
        if state.value is None or values[best] < state.value:
            state.x, state.value = batch[best].copy(), float(values[best])
        state.iteration += 1
        # The library counts flat generations whenever it is asked, so it is asked exactly once per tell.
        return self._library_reason() or (Stop.MAXITER if state.iteration >= self._settings.maxiter else None)

    def _library_reason(self) -> Stop | None:
        conditions = set(self._strategy.stop())
        if not conditions:
            return None
        return next((reason for reason, names in REASONS if names & conditions), Stop.STAGNATION)

    def _resume(self, state: Progress) -> None:
        """Tell all values again, and refuse the dump unless that ends in the state that was dumped."""
        dumped = cast(CmaesState, state)
        values, generation = np.frombuffer(dumped.told, dtype="<f8"), self._settings.popsize
        if len(values) != generation * dumped.iteration:
            raise misfit(f"{len(values)} values are not {dumped.iteration} generations of {generation}")
        for row in values.reshape(-1, generation):
            self._renew_as(dumped)
            self.ask()
            self.tell(row)
        self._renew_as(dumped)
        self._state.asked = dumped.asked
        if not _same(self._state, dumped):
            raise misfit("replaying its values leads to another state")

    def _renew_as(self, dumped: CmaesState) -> None:
        """Renew the incumbent as it was at this iteration."""
        for iteration, value in dumped.renewed:
            if iteration == self._state.iteration and self._state.value is not None:
                self._renew(value)


class _Normals:
    """Standard normal arrays for the library, as `randn(*shape)`; a counter is all its state, so copies are exact."""

    def __init__(self, seed: int) -> None:
        self.seed, self.drawn = seed, 0

    def __call__(self, *shape: int) -> Array:
        source = draws.bits(self.seed, self.drawn, draws.Stream.CMAES_NORMALS)
        self.drawn += 1
        return np.random.Generator(source).standard_normal(shape)


def _strategy(settings: CmaesSettings) -> Any:
    """The library's object, told to use our generator and to leave files, screen and clock alone."""
    try:
        import cma
    except ImportError:
        raise MissingExtra("CMA-ES", "cma") from None
    options = {
        "randn": _Normals(settings.seed), "seed": math.nan, "popsize": settings.popsize, "maxiter": math.inf,
        "tolx": settings.tolx, "tolfun": settings.tolfun, "verbose": -10, "verb_log": 0, "signals_filename": "",
    }
    try:
        return cma.CMAEvolutionStrategy(list(settings.x0), settings.sigma0, options)
    except ValueError as error:
        raise InvalidInput("CMA-ES cannot start", str(error), "Choose other arguments") from error


def _same(one: CmaesState, other: CmaesState) -> bool:
    """Whether two states agree in every bit."""
    pairs = ((getattr(one, field), getattr(other, field)) for field in one.__struct_fields__)
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)
