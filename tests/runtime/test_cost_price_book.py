"""Which QPU has which price: options, and price lists in files."""

from __future__ import annotations

from pathlib import Path

import pytest

import qloop
from qloop.errors import InvalidInput, UnknownName
from qloop.model.money import UNIT
from qloop.model.prices import FREE, PRICES, UNPRICED, Price
from qloop.runtime.price_book import price_book

from .two_qubits import ENERGY, circuit, scripted

TOML = """
[prices.lab]
currency = "EUR"
per_second = 0.25
granule_s = 10
source = "contract 7"

[qpus]
"twin-hanoi" = "lab"
"*" = "free"
"""
JSON = """{"prices": {"lab": {"currency": "EUR", "per_second": "0.25", "granule_s": 10, "source": "contract 7"}},
           "qpus": {"twin-hanoi": "lab", "*": "free"}}"""


def test_without_prices_what_runs_here_is_free_and_what_others_run_is_not_known():
    book = price_book({})
    assert book.of("exact") is FREE
    assert book.of("ibm_torino", local=False) is UNPRICED
    assert book.currency == ""


def test_one_price_for_all_or_one_for_each():
    flex = PRICES["ibm-flex"]
    assert price_book("ibm-flex").of("any") is flex
    assert price_book(flex).of("any", local=False) is flex
    book = price_book({"a": "ibm-flex", "*": "iqm-pay-as-you-go"})
    assert book.of("a") is flex
    assert book.of("b") is PRICES["iqm-pay-as-you-go"]
    assert book.currency == "USD"


@pytest.mark.parametrize(("name", "text"), [("p.toml", TOML), ("p.json", JSON)])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_price_list_in_a_file(tmp_path, name, text, kind):
    file = tmp_path / name
    file.write_text(text)
    book = price_book(kind(file))
    assert book.of("twin-hanoi") == Price(name="lab", currency="EUR", per_second=UNIT // 4, granule_ns=10 * UNIT,
                                          source="contract 7")
    assert book.of("other") is FREE
    with qloop.Runtime(qpus=["twin-hanoi"], clock="virtual", journal=":memory:", prices=kind(file)) as platform, \
            qloop.Session("s", runtime=platform, shots=100, budget="3 EUR") as session:
        session.objective(circuit(), ENERGY)([0.1, 0.2])
        assert session.usage()["amount"] == 2.5
        with pytest.raises(qloop.errors.BudgetExceeded):
            session.objective(circuit(), ENERGY)([0.3, 0.2])


@pytest.mark.parametrize(("name", "text", "kind", "says"), [
    ("p.toml", "[prices.lab\n", InvalidInput, "The price list p.toml cannot be understood"),
    ("p.json", "{", InvalidInput, "The price list p.json cannot be understood"),
    ("p.json", "[1]", InvalidInput, "The price list p.json is no table"),
    ("p.json", '{"prices": {"lab": {"currency": "EUR", "per_second": NaN}}}', InvalidInput, "is nan"),
    ("p.toml", "[prices.lab]\ncurrency = 'EUR'\nper_second = nan\n", InvalidInput, "per_second of the price 'lab'"),
    ("p.toml", "[prices.lab]\ncurrency = 'EUR'\nper_second = -1\n", InvalidInput, "of the price 'lab' is -1"),
    ("p.toml", "[prices.lab]\ncurrency = 'EUR'\nper_secnd = 1\n", UnknownName, "Did you mean 'per_second'?"),
    ("p.toml", "[price.lab]\n", UnknownName, "table of the price list p.toml named 'price'. Did you mean 'prices'?"),
    ("p.toml", "prices = 3\n", InvalidInput, "'prices' of the price list p.toml is 3"),
    ("p.toml", "[prices]\nlab = 3\n", InvalidInput, "The price 'lab' is 3. A price is a table of fields"),
    ("p.toml", "[qpus]\na = 'lab'\n", UnknownName, "There is no price named 'lab'"),
    ("p.toml", "[qpus]\na = 4\n", InvalidInput, "A price is 4"),
    ("p.toml", "[prices.free]\n", InvalidInput, "names a price 'free'. That is the name of a public price"),
    ("p.toml", "[prices.a]\ncurrency = 'EUR'\n[prices.b]\ncurrency = 'USD'\n[qpus]\nx = 'a'\ny = 'b'\n", InvalidInput,
     "EUR and USD cannot be added"),
    ("p.toml", b"\xff\xfe", InvalidInput, "cannot be read")])
def test_a_price_list_that_makes_no_sense(tmp_path, name, text, kind, says):
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(kind) as caught:
        price_book(file)
    assert says in str(caught.value)


def test_other_files_are_no_price_lists(tmp_path):
    with pytest.raises(InvalidInput, match=r"prices.yaml is neither TOML nor JSON. Give a file that ends in .toml or"):
        price_book(tmp_path / "prices.yaml")


def test_a_qpu_that_joins_later_has_its_price():
    with qloop.Runtime(qpus=[scripted()], grow=True, journal=":memory:", clock="virtual",
                       prices={"twin-hanoi": "ibm-premium"}) as platform, \
            qloop.Session("s", runtime=platform, qpu="twin-hanoi", shots=100, budget="3 USD") as session:
        session.objective(circuit(), ENERGY)([0.1, 0.2])
        assert session.usage()["amount"] == pytest.approx(2.4)


@pytest.mark.parametrize("text", ["", "[prices.lab]\ncurrency = 'EUR'\nper_second = 1\n", "[qpus]\n"])
def test_a_price_list_that_prices_nothing_is_refused(tmp_path, text):
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match="gives no QPU a price"):
        price_book(str(path))
