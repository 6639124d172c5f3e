"""A QPU with a script: it answers like the QPU it wraps, except where its plan says what goes wrong."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from qloop.errors import QpuError
from qloop.model.evaluation import SimulatorId
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import Absence, Away, LocalQpu, Program, QpuDescription, QpuResult, Request, Window

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp


class Fault(enum.Enum):
    """What goes wrong with one evaluation."""

    RAISE = "raise"                     # a QpuError
    CRASH = "crash"                     # an exception that is no QloopError
    NOT_A_NUMBER = "not a number"       # the first value is NaN
    INFINITE = "infinite"               # the first value is infinite
    TOO_FEW = "too few"                 # one result less than asked for
    TOO_MANY = "too many"               # one result more
    WRONG_SHOTS = "wrong shots"         # counts of one shot less
    HANG = "hang"                       # no answer until `release()`


class ScriptedQpu:
    """A `LocalQpu` around another one (by default an exact one).

    `plan` gives faults by the number of the evaluation, which counts from 1. `seconds` > 0 emulates a QPU whose tasks
    take that long. `watch` is called with each request before it is answered. `asked` lists all requests so far.
    """

    def __init__(self, plan: Mapping[int, Fault] | None = None, *, inner: LocalQpu | None = None,
                 name: str = "scripted", seconds: float = 0.0,
                 watch: Callable[[Request], object] | None = None) -> None:
        self.plan = dict(plan or {})
        self.asked: list[Request] = []
        self._inner = inner if inner is not None else ExactQpu(name)
        self.watch = watch
        self._name, self._seconds = name, seconds
        self._lock = threading.Lock()
        self._hanging, self._released = threading.Event(), threading.Event()

    def describe(self) -> QpuDescription:
        """The wrapped QPU's description under this one's name."""
        about = self._inner.describe()
        return msgspec.structs.replace(about, name=self._name, emulated=about.emulated or self._seconds > 0.0)

    def compile(self, circuit: QuantumCircuit, observable: SparsePauliOp | None, *,
                simulator: SimulatorId | None = None, seed: int = 0) -> Program:
        """As the wrapped QPU does."""
        return self._inner.compile(circuit, observable, simulator=simulator, seed=seed)

    def duration(self, program: Program, request: Request) -> int:
        """`seconds`, or what the wrapped QPU says."""
        return round(self._seconds * 1e9) or self._inner.duration(program, request)

    def evaluate(self, program: Program, request: Request) -> QpuResult:
        """The wrapped QPU's answer, spoiled as the plan says."""
        with self._lock:
            self.asked.append(request)
            fault = self.plan.get(len(self.asked))
        if self.watch is not None:
            self.watch(request)
        if fault is Fault.RAISE:
            raise QpuError(f"QPU {self._name} refused the task", "Its plan says so")
        if fault is Fault.CRASH:
            raise ZeroDivisionError("the QPU's driver has a bug")
        if fault is Fault.HANG:
            self._hanging.set()
            self._released.wait()
        result = msgspec.structs.replace(self._inner.evaluate(program, request), qpu=self._name)
        return result if fault is None else spoiled(result, fault)

    def next_window(self, after_ns: int) -> Window | None:
        """As the wrapped QPU says."""
        return self._inner.next_window(after_ns)

    def next_absence(self, after_ns: int) -> Absence | None:
        """As the wrapped QPU says, if it is ever away."""
        return self._inner.next_absence(after_ns) if isinstance(self._inner, Away) else None

    def epoch_at(self, now_ns: int) -> int:
        """As the wrapped QPU says, if it counts its epochs; else 0, and the runtime counts them."""
        return self._inner.epoch_at(now_ns) if isinstance(self._inner, Away) else 0

    def wait_until_hanging(self, timeout: float = 30.0) -> bool:
        """Until an evaluation hangs; False after `timeout` seconds."""
        return self._hanging.wait(timeout)

    def release(self) -> None:
        """Let all that hangs be answered, now and later."""
        self._released.set()


def spoiled(result: QpuResult, fault: Fault) -> QpuResult:
    """The result with a fault."""
    replace = msgspec.structs.replace
    match fault:
        case Fault.NOT_A_NUMBER:
            return replace(result, values=(float("nan"), *result.values[1:]))
        case Fault.INFINITE:
            return replace(result, values=(float("inf"), *result.values[1:]))
        case Fault.TOO_FEW:
            return replace(result, values=result.values[:-1], counts=result.counts[:-1])
        case Fault.TOO_MANY:
            return replace(result, values=result.values + result.values[:1], counts=result.counts + result.counts[:1])
        case Fault.WRONG_SHOTS:
            return replace(result, counts=tuple(one_less(row) for row in result.counts))
        case _:
            return result


def one_less(row: dict[str, int]) -> dict[str, int]:
    """Counts of one shot less."""
    first = next(iter(row))
    return {**row, first: row[first] - 1}
