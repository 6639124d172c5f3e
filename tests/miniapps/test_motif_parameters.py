"""Parameters of every mini-app: ranges are enforced, words are read, and messages say what to do."""

from __future__ import annotations

import math
import sys
from importlib import metadata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from motif_sites import Late, runtime

from qloop.errors import InvalidInput, MissingExtra, UnknownName
from qloop.miniapps.motifs import ranks, registry
from qloop.miniapps.motifs.circuit_cutting import CircuitCutting
from qloop.miniapps.motifs.circuit_execution import MOTIF, CircuitExecution
from qloop.miniapps.motifs.circuit_optimization import CircuitOptimization
from qloop.miniapps.motifs.parameters import Choice, Real, Whole, as_dict, defaults, ranges, read
from qloop.miniapps.motifs.pipeline import Pipeline
from qloop.miniapps.motifs.state_vector import StateVector

EVERY = [(name, parameter) for name in registry.OWN for parameter in ranges(registry.motif(name).parameters)]


@pytest.mark.parametrize(("name", "parameter"), EVERY)
def test_every_parameter_is_told_and_refuses_what_is_out_of_its_range(name: str, parameter: str) -> None:
    kind = registry.motif(name).parameters
    span = ranges(kind)[parameter]
    assert span.what
    assert span.bounds
    wrong: list[Any] = [None, [1], math.nan, True]
    wrong += ["nothing such"] if isinstance(span, Choice) else [span.low - 1, span.high + 1, "3", math.inf]
    for value in wrong:
        with pytest.raises(InvalidInput) as caught:
            kind(**{parameter: value})
        assert parameter in caught.value.what
        assert caught.value.do


@pytest.mark.parametrize("name", registry.OWN)
def test_defaults_are_valid_and_come_back_from_words(name: str) -> None:
    kind = registry.motif(name).parameters
    words = {key.replace("_", "-"): str(value) for key, value in defaults(kind).items()}
    assert read(kind, words, name) == kind()
    assert as_dict(kind()) == defaults(kind)


def test_messages() -> None:
    with pytest.raises(UnknownName) as caught:
        read(CircuitExecution, {"qbits": "3"}, "circuit-execution")
    assert str(caught.value).startswith("There is no parameter of circuit-execution named 'qbits'")
    assert caught.value.why == "Did you mean 'qubits'?"
    with pytest.raises(InvalidInput) as refused:
        read(CircuitExecution, {"qubits": "three"}, "circuit-execution")
    assert (refused.value.what, refused.value.why) == ("qubits is 'three'", "It must be a whole number")
    assert refused.value.do == "Give qubits as a whole number from 1 to 24 (qubits)"
    with pytest.raises(UnknownName, match="Did you mean 'workers'"):
        CircuitExecution(where="worker")


@pytest.mark.parametrize(("make", "what"), [
    (lambda: CircuitCutting(qubits=5, widest=5), "Nothing would be cut"),
    (lambda: StateVector(qubits=4, ranks=8), "Each rank must hold two"),
    (lambda: StateVector(ranks=3), "not of this kind"),
    (lambda: CircuitOptimization(qubits=7, device="grid"), "two equal rows"),
    (lambda: Pipeline(latent=3, qubits=3), "Nothing would be compressed")])
def test_parameters_that_do_not_go_together(make: Any, what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        make()


@given(low=st.integers(-5, 5), width=st.integers(0, 9), value=st.integers(-20, 20))
def test_a_range_takes_exactly_its_numbers(low: int, width: int, value: int) -> None:
    for span in (Whole(low, low + width, "", "of a test"), Real(low, low + width, "", "of a test")):
        if low <= value <= low + width:
            assert span.checked("it", value) == value
        else:
            with pytest.raises(InvalidInput, match="out of range"):
                span.checked("it", value)


def test_an_unknown_mini_app_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'state-vector'"):
        registry.motif("state-vectors")


@pytest.mark.parametrize(("library", "name", "given", "extra"), [
    ("mthree", "error-mitigation", {}, "mitigation"), ("qiskit_addon_cutting", "circuit-cutting", {}, "cutting")])
def test_a_library_that_is_not_there_is_told_before_any_task(monkeypatch: pytest.MonkeyPatch, library: str, name: str,
                                                             given: dict[str, Any], extra: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    motif = registry.motif(name)
    with runtime() as r:
        site = Late(r)
        with pytest.raises(MissingExtra, match=rf"qloop\[{extra}\]"):
            motif.run(motif.parameters(**given), site)
        assert site.waiting == []


def test_ranks_without_mpi_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"qloop\[mpi\]"):
        ranks.on_ranks(divmod, (1, 2), 2, 5.0)


class Point:
    """An entry point of somebody's package."""

    def __init__(self, name: str, loaded: Any) -> None:
        self.name, self.value, self._loaded = name, f"somebody:{name}", loaded

    def load(self) -> Any:
        """What it is, or how it fails."""
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


def test_plug_ins_are_found_and_broken_ones_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [Point("mine", MOTIF), Point("text", "a text"), Point("raises", ImportError("no such thing")),
              Point("pipeline", MOTIF)]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points if group == "qloop.miniapps" else [])
    assert registry.names() == (*registry.OWN, "mine", "raises", "text")
    assert registry.motif("mine") is MOTIF
    assert registry.motif("pipeline").name == "pipeline"
    found = registry.motifs()
    assert "mine" in found.working
    assert found.broken == {
        "pipeline": "Its name 'pipeline' belongs to a mini-app of qloop's own, which is used.",
        "raises": "somebody:raises does not load. ImportError: no such thing",
        "text": "somebody:text is a str, not a Motif record."}
    with pytest.raises(InvalidInput, match="plug-in 'raises' does not work"):
        registry.motif("raises")
