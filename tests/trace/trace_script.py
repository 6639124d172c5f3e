"""Writing small traces by hand, in seconds."""

from __future__ import annotations

from qloop.trace import schema as ev
from qloop.trace.provenance import QpuInfo, new_header
from qloop.trace.reader import Trace
from qloop.trace.recorder import Recorder


def ns(seconds: float) -> int:
    return round(seconds * 1_000_000_000)


class Script:
    """Events by short names; what a test does not mention is not recorded."""

    def __init__(self, qpus=("A",), horizon_s=0.0, workers=0, seeds=None, policy="fifo", clock="virtual"):
        self.recorder = Recorder(new_header(
            clock=clock, policy=policy, qpus=[QpuInfo(q) for q in qpus], horizon_ns=ns(horizon_s), workers=workers,
            seeds=seeds))

    def add(self, make, t, **fields):
        self.recorder.emit(make, ns(t), **fields)
        return self

    def open(self, t, session, tenant="t1", kind="loop", tenant_weight=1.0, optimum=None):
        return self.add(ev.SessionOpened, t, session=session, tenant=tenant, session_kind=kind,
                        tenant_weight=tenant_weight, optimum=optimum)

    def close(self, t, session):
        return self.add(ev.SessionClosed, t, session=session)

    def step(self, session, k, *, p, b, e, r, i=None, qpu="A", up=0.0, down=0.0, class_="normal", exact=None,
             measured=None, epoch=0, loss=None, overhead=0.0, shots=100):
        """One iteration with one task: i begin, p ready, b and e on the QPU, r result."""
        task = {"session": session, "iteration": k, "task": f"{session}/{k}"}
        if i is not None:
            self.add(ev.IterationBegin, i, session=session, iteration=k)
        self.add(ev.ParamsReady, p, **task)
        self.add(ev.Submitted, p + up, **task, network_ns=ns(up))
        self.add(ev.Enqueued, p + up, **task, qpu=qpu, class_=class_)
        self.run(session, k, b, e, qpu=qpu, class_=class_, epoch=epoch, loss=loss, overhead=overhead, shots=shots)
        return self.add(ev.Result, r, **task, qpu=qpu, shots=shots, epoch=epoch, network_ns=ns(down),
                        values=() if measured is None else (measured,), noiseless=() if exact is None else (exact,))

    def run(self, session, k, b, e, *, qpu="A", class_="normal", epoch=0, loss=None, overhead=0.0, shots=100,
            task=None, attempt=1, outcome="done", speculative=False):
        """One attempt on a QPU."""
        where = {"session": session, "iteration": k, "task": task or f"{session}/{k}", "qpu": qpu, "attempt": attempt}
        self.add(ev.QpuBegin, b, **where, class_=class_, speculative=speculative)
        return self.add(ev.QpuEnd, e, **where, shots=shots, epoch=epoch, outcome=outcome, loss=loss,
                        overhead_ns=ns(overhead))

    def calibrate(self, b, e, epoch, qpu="A", session=""):
        self.add(ev.CalibrationBegin, b, qpu=qpu, session=session)
        return self.add(ev.CalibrationEnd, e, qpu=qpu, epoch=epoch)

    def trace(self) -> Trace:
        return self.recorder.trace()
