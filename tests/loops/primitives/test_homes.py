"""Where primitives live: in a given session or one of their own, under any clock, on twins, and in a later life."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import numpy as np
import pytest
from qiskit import QuantumCircuit

import qloop
from qloop.errors import BudgetExceeded
from qloop.model.prices import Price
from qloop.qiskit import EstimatorV2, SamplerV2
from qloop.qpus.exact import ExactQpu
from tests.loops.primitives.world import ENERGY, circuit, memory, scripted, start, value

THETA = [0.4, 0.5]


def bell() -> QuantumCircuit:
    made = QuantumCircuit(2)
    made.h(0)
    made.cx(0, 1)
    made.measure_all()
    return made


def test_a_given_session_stays_open():
    with memory() as runtime, qloop.Session("s", runtime=runtime, shots=50) as session:
        with EstimatorV2(mode=session) as ours, SamplerV2(session) as sampler:
            assert ours.session is ours.mode is session
            assert ours.run([(circuit(), ENERGY, THETA)]).result()[0].metadata["shots"] == 50
            assert sampler.run([bell()]).result()[0].data.meas.num_shots == 50
        assert session.status() == "thinking"
        assert ours.run([(circuit(), ENERGY, THETA)], precision=0).result()[0].data.evs == pytest.approx(value(THETA))


def test_its_own_session_is_opened_by_the_first_run_and_closed_at_the_end():
    with memory() as runtime:
        ours = EstimatorV2(runtime=runtime, qpu="exact", name="own", tenant="anna", seed=5)
        assert not runtime.sessions.books
        call = ours.run([(circuit(), ENERGY, THETA)])
        view = ours.session.details()
        assert (view.name, view.tenant, view.seed, view.qpu) == ("own", "anna", 5, "exact")
        ours.close()
        ours.close()
        assert call.result()[0].data.evs == pytest.approx(value(THETA))
        assert runtime.view(view.id).state == "closed"


def test_after_an_error_its_own_session_can_be_resumed():
    with memory() as runtime:
        with pytest.raises(ZeroDivisionError), EstimatorV2(runtime=runtime) as ours:
            session = ours.session.id
            raise ZeroDivisionError
        assert session in runtime.sessions.kept


def test_without_anything_it_uses_the_programs_own_runtime(tmp_path):
    program = ("from qiskit import QuantumCircuit\nfrom qloop.qiskit import EstimatorV2\n"
               "c = QuantumCircuit(1); c.ry(0.5, 0)\n"
               "print(EstimatorV2(qpu='exact').run([(c, 'Z')]).result()[0].data.evs)\n")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(np.cos(0.5))


@pytest.mark.parametrize("clock", ["real", 50.0, "virtual"])
def test_every_clock(clock):
    qpu = scripted(seconds=0.5 if clock == "virtual" else 0.02)
    with memory(qpu, clock=clock) as runtime, EstimatorV2(runtime=runtime) as ours, SamplerV2(ours.session) as sampler:
        calls = [ours.run([(circuit(), [ENERGY, "ZZ"], start(k, 2, 1, 2))]) for k in range(3)]
        bits = sampler.run([bell()], shots=100)
        for k, call in enumerate(calls):
            np.testing.assert_allclose(call.result()[0].data.evs[:, 0], [value(row[0]) for row in start(k, 2, 1, 2)],
                                       atol=1e-12)
        assert set(bits.result()[0].data.meas.get_counts()) == {"00", "11"}
        if clock == "virtual":
            assert [call.result().metadata["waiting_s"] for call in calls] == pytest.approx([0.5, 1.5, 2.5], abs=1e-6)


def test_virtual_time_lets_a_wait_time_out_and_go_on():
    with memory(scripted(seconds=10.0), clock="virtual") as runtime, EstimatorV2(runtime=runtime) as ours:
        call = ours.run([(circuit(), [ENERGY, "ZZ"], THETA)])
        with pytest.raises(TimeoutError):
            call.result(timeout=15.0)
        assert runtime.now_s() == pytest.approx(15.0)
        assert not call.done()
        assert call.result()[0].data.evs[0] == pytest.approx(value(THETA))


def test_on_a_twin_values_have_its_noise_and_metadata_its_epoch():
    with memory("twin-hanoi", clock="virtual") as runtime, EstimatorV2(runtime=runtime) as ours:
        exact = ours.run([(circuit(), ENERGY, THETA)], precision=0).result()[0]
        assert 0.8 * value(THETA) < exact.data.evs < value(THETA)
        noisy = ours.run([(circuit(), ENERGY, THETA)], precision=0.01).result()
        assert abs(noisy[0].data.evs - exact.data.evs) < 5 * noisy[0].data.stds
        assert (noisy[0].metadata["qpu"], noisy[0].metadata["epoch"]) == ("twin-hanoi", 0)
        assert noisy.metadata["shots_bought"] == 10_000
        bits = SamplerV2(ours.session).run([bell()], shots=4000).result()[0].data.meas.get_counts()
        assert bits["00"] + bits["11"] > 3600
        assert len(bits) == 4


PRICE = Price.of("test", currency="USD", per_second=1, granule_s=1)


def test_costs_are_told_and_a_budget_stops_the_call_that_would_exceed_it():
    qpu = scripted(seconds=1.5)
    with (memory(qpu, clock="virtual", prices=PRICE) as runtime,
          EstimatorV2(runtime=runtime, budget="11 USD", project="h2", shots=20) as ours):
        result = ours.run([(circuit(), [ENERGY, "ZZ"], THETA), (circuit(), "XX", THETA)]).result()
        assert result[0].metadata["cost"] == {"net_s": 3.0, "billed_s": 4.0, "amount": 4.0, "currency": "USD"}
        assert result.metadata["cost"]["amount"] == ours.session.usage()["amount"] == 6.0
        with pytest.raises(BudgetExceeded, match=r"of 11\.00 USD are spent"):
            ours.run([(circuit(), ["ZI", "IZ", "YY"], THETA)])
        assert len(qpu.asked) == 4      # the first of the three had begun; the second was dropped with the call
        assert ours.run([(circuit(), "ZI", THETA)]).result().metadata["cost"]["amount"] == 2.0
        assert ours.session.usage()["amount"] == 10.0
        assert ours.session.details().project == "h2"


class Hardware:
    """A QPU without exact values: who asks for none gets those of 2500 shots."""

    def __init__(self) -> None:
        self._inner = ExactQpu("hardware")

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def describe(self):
        return self._inner.describe()

    def compile(self, circuit, observable, *, simulator=None, seed=0):
        return self._inner.compile(circuit, observable, simulator=simulator)

    def duration(self, program, request):
        return 0

    def next_window(self, after_ns):
        return None

    def evaluate(self, program, request):
        return self._inner.evaluate(program, msgspec.structs.replace(request, shots=request.shots or 2500))


def test_where_there_are_no_exact_values_errors_and_shots_are_those_that_were_taken():
    with memory(Hardware()) as runtime, EstimatorV2(runtime=runtime) as ours:
        result = ours.run([(circuit(), ["ZI", "IZ"], THETA)]).result()
        assert (result[0].metadata["shots"], result[0].metadata["target_precision"]) == (2500, 0.0)
        np.testing.assert_allclose(result[0].data.stds, np.sqrt((1 - result[0].data.evs**2) / 2500))
        assert result.metadata["shots_bought"] == 5000


def life(journal, resume):
    """The same program, in whichever life of its run."""
    with (qloop.Runtime(journal=journal, run="r1", resume=resume, qpus=["exact"]) as runtime,
          EstimatorV2(runtime=runtime, name="loop") as ours):
        sampler = SamplerV2(ours.session)
        calls = [ours.run([(circuit(), [ENERGY, "ZZ"], start(k, 3, 1, 2), precision)])
                 for k, precision in enumerate((0, 0.1, 0.1))]
        bits = [sampler.run([bell()], shots=200) for _ in range(2)]
        values = [call.result()[0].data.evs for call in calls]
        shots = [call.result()[0].data.meas.array for call in bits]
        return values, shots, [call.result().metadata for call in (*calls, *bits)], ours.session.usage()


def test_a_later_life_finds_all_results_and_even_the_order_of_shots(tmp_path):
    first = life(tmp_path / "j.qloop", resume=False)
    second = life(tmp_path / "j.qloop", resume=True)
    for mine, other in zip((*first[0], *first[1]), (*second[0], *second[1]), strict=True):
        np.testing.assert_array_equal(mine, other)
    assert not np.array_equal(*first[1])
    assert [about["source"] for about in first[2]] == ["qpu"] * 5
    assert [about["source"] for about in second[2]] == ["journal"] * 5
    assert [about["shots_bought"] for about in second[2]] == [0] * 5
    assert (first[3]["resumed"], second[3]["resumed"]) == (0, first[3]["results"])
    assert first[3]["shots"] == second[3]["shots"] == 2 * 6 * 100 + 2 * 200
