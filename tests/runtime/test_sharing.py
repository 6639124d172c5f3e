"""Tenants' weights and quotas: given at the start, looked at and changed while loops run, and refused with reasons."""

from __future__ import annotations

import pytest

from qloop import Runtime, Session
from qloop.errors import InvalidInput, Refused, UnknownName
from qloop.miniapps.problems.registry import problem
from qloop.runtime.sharing import parsed

NAN = float("nan")
CHAIN = problem("ising", nodes=3, layers=1)
THETA = CHAIN.initial_point(seed=0)


def runtime(**settings: object) -> Runtime:
    return Runtime(qpus=["twin-hanoi"], clock="virtual", journal=":memory:", **settings)


def test_terms_are_changed_while_a_session_runs_and_told_in_the_trace() -> None:
    with runtime(tenants={"a": 2.0}, trace=True) as live, Session("s", runtime=live, tenant="a", shots=100) as session:
        session.submit(CHAIN.circuit, CHAIN.observable, THETA).result()
        live.set_tenant("a", weight=3.0)
        live.set_tenant("a", qpu_quota_s=1e-6, window_s=50.0)
        (view,) = live.tenants()
        assert (view.weight, view.qpu_quota_s, view.window_s, view.refused) == (3.0, 1e-6, 50.0, False)
        session.submit(CHAIN.circuit, CHAIN.observable, THETA + 1.0).result()
        assert live.tenants()[0].refused
        with pytest.raises(Refused, match=r"tenant a has used .* of its 1e-06 QPU seconds of this window") as found:
            session.submit(CHAIN.circuit, CHAIN.observable, THETA + 2.0)
        assert 0.0 < (found.value.retry_after or 0.0) <= 50.0
        live.set_tenant("a", lowered=0.5)
        assert live.tenants()[0].weight_now == 1.5
        session.submit(CHAIN.circuit, CHAIN.observable, THETA + 3.0).result()
        told = [event.weight for event in live.trace().events if type(event).__name__ == "TenantTerms"]
    assert told == [2.0, 3.0, 3.0, 3.0]


@pytest.mark.parametrize(("terms", "error", "words"), [
    ({"weight": 0}, InvalidInput, "The weight of tenant 'a' is 0"),
    ({"weight": -1.0}, InvalidInput, "The weight of tenant 'a' is -1.0"),
    ({"weight": NAN}, InvalidInput, "The weight of tenant 'a' is nan"),
    ({"qpu_quota_s": NAN}, InvalidInput, "qpu_quota_s of tenant 'a' is nan"),
    ({"qpu_quota_s": -2.0}, InvalidInput, "must be QPU seconds, 0 or more, not -2"),
    ({"window_s": 0.0}, InvalidInput, "The terms of tenant 'a' cannot hold"),
    ({"lowered": 2.0}, InvalidInput, r"a factor from 0 \(refuse\) to 1, not 2"),
    ({"wieght": 1.0}, UnknownName, "Did you mean 'weight'"),
])
def test_terms_that_cannot_hold_are_refused_and_change_nothing(terms: dict[str, float], error: type[Exception],
                                                               words: str) -> None:
    with runtime(tenants={"a": 2.0}) as live:
        with pytest.raises(error, match=words):
            live.set_tenant("a", **terms)
        assert live.tenants()[0].weight == 2.0
    with pytest.raises(error, match=words):
        runtime(tenants={"a": terms})


def test_words_of_the_command_line() -> None:
    assert parsed(["a=2", "b=1,qpu_quota_s=600,window_s=3600", "c=lowered=0.5"]) == {
        "a": 2.0, "b": {"weight": 1.0, "qpu_quota_s": 600.0, "window_s": 3600.0}, "c": {"lowered": 0.5}}


@pytest.mark.parametrize(("words", "told"), [
    (["a=1", "a=2"], "Tenant 'a' has two weights at once"),
    (["a=1,weight=2"], "say nothing, or one thing twice"),
    (["a"], "say nothing"),
    (["a=much"], "'much' is no number"),
    (["a=1,2"], "'2' has no name"),
    (["=1"], "The tenant's name is empty"),
])
def test_words_that_contradict_each_other_are_refused(words: list[str], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        parsed(words)


def test_a_run_keeps_its_tenants_terms() -> None:
    with runtime(tenants={"a": 2, "b": {"weight": 1, "qpu_quota_s": 5}}) as live:
        kept = live.options.configuration()["tenants"]
    assert kept == {"a": 2.0, "b": {"weight": 1.0, "qpu_quota_s": 5.0}}


def test_what_is_no_table_of_tenants_is_told_in_words() -> None:
    with pytest.raises(InvalidInput, match=r"tenants is .* Give a dict of weights, or of terms, by name"):
        Runtime(qpus=["exact"], tenants=[("a", 1.0), ("a", 2.0)])
