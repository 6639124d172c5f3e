"""What every adapter of a remote QPU must do, as checks that any test runner can call.

Each entry of `CHECKS` takes a `Bench` on a provider of its own and raises `AssertionError` where the adapter breaks
the contract of `qloop.qpus.remote`; those of `remote_conformance_faults.FAULT_CHECKS` also need the bench's faults:

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_conformance(check): check(Bench(open=lambda: MyQpu(...)))
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from qloop.errors import InvalidInput, QpuError
from qloop.model.evaluation import SimulatorId
from qloop.qpus.protocol import Recovery, Request
from qloop.qpus.remote import Duplicate, NotReady, Phase, RemoteQpu
from qloop.testing.remote_bench import ANGLES, Bench, Check, ansatz, compiled, raised, request


def it_describes_itself(bench: Bench) -> None:
    """Once and for its life; times are positive and its calibration is one of this era."""
    qpu = bench.open()
    description, remote = qpu.describe(), qpu.remote()
    assert isinstance(qpu, RemoteQpu)
    assert description == qpu.describe()
    assert description.name
    assert description.n_qubits >= 2
    assert description.recovery is not Recovery.PURE
    assert remote.provider
    assert min(remote.settle_s, remote.call_s, remote.poll_s) >= 0.0
    assert remote.call_s > 0.0
    assert qpu.calibration() == qpu.calibration()
    assert qpu.calibration().epoch > 0
    assert qpu.next_window(0) is None


def programs_name_their_software(bench: Bench) -> None:
    """A journal's choice is kept if it is the same, and refused with both versions if it is not."""
    from qloop.qpus.structure import structure_hash

    qpu = bench.open()
    program = compiled(qpu, observed=False)
    assert program.n_parameters == 2
    assert program.structure == structure_hash(ansatz(), None)
    assert compiled(qpu, simulator=program.simulator).simulator == program.simulator
    other = SimulatorId(program.simulator.name, "0.0.1-older")
    raised(QpuError, lambda: compiled(qpu, simulator=other), "0.0.1-older", program.simulator.version)


def values_are_right(bench: Bench) -> None:
    """Row by row, within the statistics of the shots."""
    qpu = bench.open()
    result = bench.run(qpu, compiled(qpu), request(bench))
    assert len(result.values) == 3
    assert not result.counts
    for value, (a, b) in zip(result.values, ANGLES, strict=True):
        truth = 2.0 * math.cos(a) - math.cos(a) * math.cos(b) + 0.5
        assert abs(value - truth) <= bench.tolerance(3.0), (value, truth)


def counts_are_right(bench: Bench) -> None:
    """Each row has its shots; without measurements qubit k is bit k from the right."""
    qpu = bench.open()
    result = bench.run(qpu, compiled(qpu, observed=False), request(bench, counts=True))
    assert not result.values
    for count, (a, b) in zip(result.counts, ANGLES, strict=True):
        assert sum(count.values()) == bench.shots
        assert set(count) <= {"00", "01", "10", "11"}
        for bit, truth in ((-1, math.cos(a)), (0, math.cos(a) * math.cos(b))):
            seen = sum(number * (1 - 2 * int(bits[bit])) for bits, number in count.items()) / bench.shots
            assert abs(seen - truth) <= bench.tolerance(), (count, truth)


def measured_bits_keep_their_places(bench: Bench) -> None:
    """A circuit's own measurements say which bit is which; unmeasured bits are 0. No parameters is fine."""
    from qiskit import QuantumCircuit

    qpu, circuit = bench.open(), QuantumCircuit(2, 3)
    circuit.x(0)
    circuit.measure(0, 2)
    circuit.measure(1, 1)
    program = qpu.compile(circuit, None)
    asked = Request(np.zeros((2, 0)), bench.shots, (bytes([1]) * 32, bytes([2]) * 32), counts=True)
    for count in bench.run(qpu, program, asked).counts:
        assert sum(count.values()) == bench.shots
        assert all(len(bits) == 3 and bits[2] == "0" for bits in count)
        assert count.get("100", 0) >= bench.shots * (1.0 - bench.tolerance())


def shots_are_as_asked(bench: Bench) -> None:
    """And a request for exact values gets them, or shots where there are none to be had."""
    qpu = bench.open()
    program = compiled(qpu)
    assert bench.run(qpu, program, request(bench, 1, shots=37), "few").shots == 37
    found = bench.run(qpu, program, request(bench, 1, shots=0), "exact")
    assert (found.shots == 0) == bench.exact
    if bench.exact:
        a, b = ANGLES[0]
        assert abs(found.values[0] - (2.0 * math.cos(a) - math.cos(a) * math.cos(b) + 0.5)) < 1e-9


def results_say_where_they_are_from(bench: Bench) -> None:
    """QPU, calibration epoch and software; asked for again, they are the same."""
    qpu = bench.open()
    program, asked = compiled(qpu), request(bench, 2)
    task = qpu.submit(program, asked, "origin")
    assert bench.ended(qpu, task).phase is Phase.DONE
    result = qpu.result(task, program, asked)
    assert result.qpu == qpu.describe().name
    assert result.epoch == qpu.calibration().epoch
    assert result.simulator == str(program.simulator)
    assert qpu.result(task, program, asked) == result


def a_task_is_found_by_its_token(bench: Bench) -> None:
    """Unless nothing can be found at this provider."""
    qpu = bench.open()
    program, asked = compiled(qpu), request(bench, 1)
    assert qpu.find("token-one") == ()
    task = qpu.submit(program, asked, "token-one")
    found = qpu.find("token-one")
    assert found == (() if qpu.describe().recovery is Recovery.NONE else (task,))
    assert qpu.find("token-on") == ()
    assert bench.ended(qpu, task).phase is Phase.DONE
    assert qpu.find("token-one") == found


def submitting_again_does_what_recovery_says(bench: Bench) -> None:
    """A token: the same task. A client's id: refused. A tag: another task, found after the first."""
    qpu = bench.open()
    program, asked = compiled(qpu), request(bench, 1)
    recovery, first = qpu.describe().recovery, qpu.submit(program, asked, "twice")
    if recovery is Recovery.CLIENT_ID:
        raised(Duplicate, lambda: qpu.submit(program, asked, "twice"))
        assert qpu.find("twice") == (first,)
        return
    second = qpu.submit(program, asked, "twice")
    assert (first == second) == (recovery is Recovery.TOKEN)
    expected = {Recovery.TOKEN: (first,), Recovery.TAG: (first, second), Recovery.NONE: ()}
    assert qpu.find("twice") == expected[recovery]
    assert {bench.ended(qpu, task).phase for task in (first, second)} == {Phase.DONE}


def a_result_is_there_when_the_task_is_done(bench: Bench) -> None:
    """Before that it is `NotReady`, or the task has just been done."""
    qpu = bench.open()
    program, asked = compiled(qpu), request(bench, 1)
    task = qpu.submit(program, asked, "early")
    try:
        early = qpu.result(task, program, asked)
    except NotReady:
        early = None
    assert bench.ended(qpu, task).phase is Phase.DONE
    assert early in (None, qpu.result(task, program, asked))


def an_unknown_task_is_gone(bench: Bench) -> None:
    """Its status says so, it has no result, and cancelling it harms nobody."""
    qpu = bench.open()
    program, asked = compiled(qpu), request(bench, 1)
    assert qpu.status("no-such-task").phase is Phase.GONE
    refusal = raised(QpuError, lambda: qpu.result("no-such-task", program, asked))
    assert not isinstance(refusal, NotReady)
    qpu.cancel("no-such-task")


def cancelling_ends_a_task(bench: Bench) -> None:
    """As cancelled, or as what it was before the provider got to it; cancelling twice is harmless."""
    qpu = bench.open()
    program, asked = compiled(qpu), request(bench, 1)
    task = qpu.submit(program, asked, "unwanted")
    qpu.cancel(task)
    reading = bench.ended(qpu, task)
    assert reading.phase in (Phase.CANCELLED, Phase.DONE, Phase.FAILED)
    qpu.cancel(task)
    assert qpu.status(task).phase is reading.phase
    if reading.phase is Phase.CANCELLED:
        raised(QpuError, lambda: qpu.result(task, program, asked))


def durations_grow_with_the_work(bench: Bench) -> None:
    """In whole ns; more rows and more shots never take less."""
    qpu = bench.open()
    program = compiled(qpu)
    one, three = (qpu.duration(program, request(bench, rows)) for rows in (1, 3))
    more = qpu.duration(program, request(bench, 1, shots=10 * bench.shots))
    assert isinstance(one, int)
    assert 0 <= one <= three
    assert one <= more


def what_cannot_work_is_refused_before_it_is_sent(bench: Bench) -> None:
    """Wrong shapes, numbers, shots, widths, programs: `InvalidInput`, and the provider has seen nothing."""
    from qiskit import QuantumCircuit

    qpu = bench.open()
    program, blind = compiled(qpu), compiled(qpu, observed=False)
    wide = QuantumCircuit(qpu.describe().n_qubits + 1)
    digest = (bytes(32),)
    for bad, of in ((Request(np.zeros((1, 3)), 10, digest), program), (Request(np.zeros(2), 10, digest), program),
                    (Request(np.array([[np.nan, 0.0]]), 10, digest), program),
                    (Request(np.zeros((1, 2)), -1, digest), program), (request(bench, 1), blind)):
        raised(InvalidInput, lambda bad=bad, of=of: qpu.submit(of, bad, "bad"))  # type: ignore[misc]
    raised(InvalidInput, lambda: qpu.compile(wide, None), "qubits")
    raised(InvalidInput, lambda: qpu.compile("h 0", None))
    assert qpu.find("bad") == ()


def closing_twice_is_harmless(bench: Bench) -> None:
    """Also before anything was asked."""
    bench.open().close()
    qpu = bench.open()
    bench.run(qpu, compiled(qpu), request(bench, 1))
    qpu.close()
    qpu.close()


def another_adapter_sees_the_same_tasks(bench: Bench) -> None:
    """As after a crash: by token it finds what runs, and takes its result."""
    qpu = bench.open()
    if not bench.survives or qpu.describe().recovery is Recovery.NONE:
        return
    program, asked = compiled(qpu), request(bench)
    task = qpu.submit(program, asked, "orphan")
    heir = bench.open()
    assert heir.find("orphan") == (task,)
    assert bench.ended(heir, task).phase is Phase.DONE
    assert heir.result(task, compiled(heir), asked) == qpu.result(task, program, asked)


CHECKS: Final[tuple[Check, ...]] = (
    it_describes_itself, programs_name_their_software, values_are_right, counts_are_right,
    measured_bits_keep_their_places, shots_are_as_asked, results_say_where_they_are_from, a_task_is_found_by_its_token,
    submitting_again_does_what_recovery_says, a_result_is_there_when_the_task_is_done, an_unknown_task_is_gone,
    cancelling_ends_a_task, durations_grow_with_the_work, what_cannot_work_is_refused_before_it_is_sent,
    closing_twice_is_harmless, another_adapter_sees_the_same_tasks,
)
