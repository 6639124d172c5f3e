"""`qloop usage`: sums over the accounts of QPU calls, and the accounts as a CSV file."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import qloop
from qloop.cli.exits import Exit
from qloop.errors import QpuError
from qloop.model.prices import Price
from qloop.runtime import layout
from qloop.testing.scripted_qpu import Fault, ScriptedQpu
from tests.runtime.two_qubits import ENERGY, circuit, scripted

from .calling import Caller

PRICE = Price.of("test", currency="USD", per_second=1, granule_s=1)


def ran(run: str, clock: str = "virtual", price: Price = PRICE) -> None:
    """A run with two tenants on two QPUs: five calls of 1.5 s, and one that fails."""
    qpus = [ScriptedQpu({2: Fault.RAISE}, seconds=1.5, name="left"), ScriptedQpu(seconds=0.5, name="right")]
    layout.journal_path(run).parent.mkdir(parents=True, exist_ok=True)
    with qloop.Runtime(qpus=qpus, clock=clock, prices=price, run=run) as platform, \
            qloop.Session("a", runtime=platform, tenant="alice", project="h2", qpu="left", shots=10) as alice, \
            qloop.Session("b", runtime=platform, tenant="[bob]", qpu="right", shots=5) as bob:
        f, g = alice.objective(circuit(), ENERGY), bob.objective(circuit(), ENERGY)
        f([0.1, 0.2])
        with pytest.raises(QpuError):
            f([0.2, 0.2])
        f.values([[0.3, 0.2], [0.4, 0.2]])
        for k in range(3):
            g([0.1 * k, 0.0])


def test_sums_by_each_key(call: Caller) -> None:
    ran("r1")
    done = call("usage", "--by", "tenant", "--json").document
    assert done["usage"] == [
        {"tenant": "[bob]", "calls": 3, "failed": 0, "evaluations": 3, "shots": 15, "net_s": 1.5, "billed_s": 3.0,
         "amount": "3.00", "currency": "USD"},
        {"tenant": "alice", "calls": 3, "failed": 1, "evaluations": 3, "shots": 30, "net_s": 3.0, "billed_s": 4.0,
         "amount": "4.00", "currency": "USD"}]
    assert done["total"] == [{"calls": 6, "failed": 1, "evaluations": 6, "shots": 45, "net_s": 4.5, "billed_s": 7.0,
                              "amount": "7.00", "currency": "USD"}]
    for key, names in (("project", ["", "h2"]), ("qpu", ["left", "right"]), ("session", ["r1.a", "r1.b"])):
        found = call("usage", "--by", key, "--json").document["usage"]
        assert [one[key] for one in found] == names
        assert sum(one["calls"] for one in found) == 6


def test_the_table_is_for_people(call: Caller) -> None:
    ran("r1")
    done = call("usage", "--by", "tenant")
    assert done.code == Exit.OK
    for text in ("QPU use by tenant", "[bob]", "alice", "4.00 USD", "total", "7.00 USD"):
        assert text in done.out


def test_runs_and_currencies_are_kept_apart(call: Caller) -> None:
    ran("r1")
    ran("r2", price=Price.of("lab", currency="EUR", per_second=2))
    both = call("usage", "--by", "tenant", "--json").document
    assert [(one["tenant"], one["currency"], one["amount"]) for one in both["usage"]] == [
        ("[bob]", "EUR", "3.00"), ("[bob]", "USD", "3.00"), ("alice", "EUR", "6.00"), ("alice", "USD", "4.00")]
    assert [one["currency"] for one in both["total"]] == ["EUR", "USD"]
    one = call("usage", "--run", "r2", "--json").document
    assert [row["session"] for row in one["usage"]] == ["r2.a", "r2.b"]
    other = call("usage", "--journal", str(layout.journal_path("r1")), "--json").document
    assert [row["session"] for row in other["usage"]] == ["r1.a", "r1.b"]


def test_every_call_is_a_line_of_the_csv_file(call: Caller) -> None:
    ran("r1")
    done = call("usage", "--csv", "calls.csv")
    assert "6 calls are written to calls.csv" in done.err
    with Path("calls.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 6
    first = lines[0]
    assert (first["run"], first["session"], first["tenant"], first["project"]) == ("r1", "r1.a", "alice", "h2")
    assert (first["qpu"], first["outcome"], first["attempt"], first["epoch"]) == ("left", "done", "1", "0")
    assert (first["begun_s"], first["ended_s"], first["begun_at"]) == ("0.00", "1.50", "")
    assert (first["net_s"], first["billed_s"], first["amount"], first["currency"]) == ("1.50", "2.00", "2.00", "USD")
    assert [line["outcome"] for line in lines] == ["done", "failed", "done", "done", "done", "done"]
    assert lines[1]["reason"].startswith("QpuError: ")
    assert len({line["id"] for line in lines}) == 6


def test_in_real_time_a_line_says_when_it_was(call: Caller) -> None:
    with qloop.Runtime(qpus=[scripted(seconds=0.01)], run="r1") as platform, \
            qloop.Session("a", runtime=platform) as session:
        session.objective(circuit(), ENERGY)([0.1, 0.2])
    call("usage", "--csv", "calls.csv")
    with Path("calls.csv").open(newline="") as file:
        line = next(csv.DictReader(file))
    assert line["begun_at"].startswith("20")
    assert line["begun_at"].endswith("Z")
    assert (line["amount"], line["currency"], line["price"]) == ("0.00", "", "free")


def test_a_budget_ends_a_program_as_a_limit_does(call: Caller, folder: Path) -> None:
    (folder / "spend.py").write_text("""
import qloop
from qiskit import QuantumCircuit
with qloop.Session("s", budget="2 shots") as session:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    for shots in (1, 1, 1):
        print(sum(session.sample(circuit, shots=shots).result().values()), flush=True)
""")
    done = call("run", "spend.py")
    assert (done.code, done.out) == (Exit.REFUSED, "1\n1\n")
    assert "2 shots of 2 shots are spent, and the call would cost 1 shots" in done.err
    assert "Raise the budget (budget= of the session) and resume" in done.err
    again = call("run", "spend.py", "--resume")
    assert (again.code, again.out) == (Exit.REFUSED, "1\n1\n"), "what was bought is bought; a third shot is not"


def test_nothing_yet(call: Caller) -> None:
    done = call("usage")
    assert done.code == Exit.OK
    assert "No call is accounted under .qloop yet." in done.err


def test_a_journal_that_cannot_be_read_is_named_and_disturbs_no_other(call: Caller) -> None:
    ran("r1")
    ran("r2")
    layout.journal_path("r2").write_text("Dear diary, " * 1000)
    done = call("usage", "--json").document
    assert [one["session"] for one in done["usage"]] == ["r1.a", "r1.b"]
    assert "is not a journal of qloop" in done["problems"][0]["what"]
    assert "is not a journal of qloop" in call("usage").err


@pytest.mark.parametrize(("words", "told", "code"), [
    (("--by", "person"), "There is no key named 'person'", Exit.INPUT),
    (("--run", "r9"), "There is no run named 'r9'", Exit.INPUT),
    (("--journal", "none.qloop"), "none.qloop cannot be opened", Exit.JOURNAL),
    (("--csv", "no/such/folder.csv"), "The accounts cannot be written to no/such/folder.csv", Exit.INPUT),
    (("extra",), "Unrecognized arguments: extra", Exit.INPUT)])
def test_bad_words(call: Caller, words: tuple[str, ...], told: str, code: Exit) -> None:
    ran("r1")
    done = call("usage", *words)
    assert (done.code, done.out) == (code, "")
    assert told in done.err
