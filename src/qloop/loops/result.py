"""What a loop leaves: the answer, why it stopped, and every iteration's figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import MissingExtra
from qloop.loops.speculation.report import SpeculationReport
from qloop.model.cost import Cost


@dataclass(frozen=True, slots=True)
class Iteration:
    """One iteration: its best known energy after it, evaluations in it, and seconds since the loop began.

    `cost` is what was paid for it now: nothing for what the journal knew. `renewed`: the incumbent's value as it was
    measured again in this iteration, because the calibration epoch had changed; it is one of the evaluations.
    `deviation`: by how much (rad) the points evaluated differ from those asked for, in approximate speculation alone.
    """

    number: int
    energy: float
    evaluations: int
    at_s: float
    wait_s: float
    known: bool
    cost: Cost = Cost()
    renewed: float | None = None
    deviation: float = 0.0


@dataclass(slots=True)
class LoopResult:
    """The result of a variational loop, with SciPy's names: `x`, `fun`, `nfev`, `nit`, `success`, `message`.

    `iterations` holds the history; `resumed` counts evaluations that came from the journal instead of a QPU. `cost` is
    all that the session has spent so far, in earlier lives, too. `speculation`: what asking ahead came to; None if the
    loop did not.
    """

    x: NDArray[np.float64]
    fun: float
    nit: int
    nfev: int
    success: bool
    message: str
    session: str
    optimizer: str
    shots: int
    clock: str
    resumed: int = 0
    iterations: list[Iteration] = field(default_factory=list)
    speculation: SpeculationReport | None = None
    cost: Cost = Cost()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {"x": [float(v) for v in self.x], "fun": self.fun, "nit": self.nit, "nfev": self.nfev,
                "success": self.success, "message": self.message, "session": self.session,
                "optimizer": self.optimizer, "shots": self.shots, "clock": self.clock, "resumed": self.resumed,
                "net_s": self.cost.net_s, "billed_s": self.cost.billed_s, "amount": self.cost.value,
                "currency": self.cost.currency,
                "speculation": None if self.speculation is None else self.speculation.to_dict()}

    def plot(self, path: str | Path | None = None, *, optimum: float | None = None, axes: Any = None) -> Any:
        """Energy against iteration; with `optimum` a line for it. Saved to `path` (PNG, PDF); returns the axes.

        Raises MissingExtra without matplotlib.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise MissingExtra("Plotting a loop", "plot") from error
        if axes is None:
            axes = Figure(figsize=(6.4, 3.6), layout="constrained").add_subplot()
        numbers = [entry.number for entry in self.iterations]
        axes.plot(numbers, [entry.energy for entry in self.iterations], color="#0072B2", label=self.optimizer)
        if optimum is not None:
            axes.axhline(optimum, color="#D55E00", linestyle="--", label="exact ground energy")
        axes.set_xlabel("iteration")
        axes.set_ylabel("energy")
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        if path is not None:
            axes.figure.savefig(path, dpi=150)
        return axes

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th style='text-align:left'>{name}</th><td>{value}</td></tr>" for name, value in (
            ("energy", f"{self.fun:.8g}"), ("iterations", self.nit), ("evaluations", self.nfev),
            ("stopped", self.message), ("session", self.session), ("clock", self.clock), ("cost", self.cost.text),
            *(() if self.speculation is None else (("speculation", self.speculation.text),))))
        return f"<table>{rows}</table>"
