"""What optimizers say to bad input: what, why and what to do, before anything is spent."""

from __future__ import annotations

import sys

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput, MissingExtra, UnknownName
from qloop.loops.optimizers import by_name, wire
from qloop.loops.optimizers.by_name import KINDS, make
from qloop.loops.optimizers.spsa import SPSA

every_name = pytest.mark.parametrize("name", KINDS)


@every_name
@pytest.mark.parametrize(("x0", "message"), [
    ([], r"x0 has the shape \(0,\)\. it must be one-dimensional with at least one"),
    ([[1.0, 2.0]], r"x0 has the shape \(1, 2\)"),
    (0.5, r"x0 has the shape \(\)"),
    ([0.1, float("nan"), float("inf")], r"x0 holds NaN or infinity \(at 1, 2\)\. Make every entry of x0 a finite"),
    (["a"], "x0 is not an array of real numbers"),
    ([1j], "x0 is not an array of real numbers"),
    ([[1.0], [1.0, 2.0]], "x0 is not an array of real numbers"),
])
def test_starting_points(name: str, x0: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make(name, x0)  # type: ignore[arg-type]


@every_name
@pytest.mark.parametrize(("argument", "given", "message"), [
    ("maxiter", 0, "maxiter is 0. it must be a whole number of at least 1"),
    ("maxiter", 2.5, "maxiter is 2.5. it must be a whole number"),
    ("maxiter", True, "maxiter is True. it must be a whole number"),
    ("seed", -1, "seed is -1. it must be a whole number of at least 0 and at most 18446744073709551615"),
    ("seed", 2**64, "seed is 18446744073709551616"),
    ("seed", "x", "seed is 'x'"),
])
def test_common_arguments(name: str, argument: str, given: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make(name, [0.0], **{argument: given})  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "option", "given", "message"), [
    ("spsa", "a", 0.0, "a is 0.0. it must be a finite number > 0. Choose another a."),
    ("spsa", "c", float("nan"), "c is nan. it must be a finite number > 0"),
    ("spsa", "stability", -1, "stability is -1. it must be a finite number >= 0"),
    ("spsa", "blocking", float("inf"), "blocking is inf. it must be a finite number >= 0"),
    ("spsa", "last_evaluation", 1, "last_evaluation is 1. it must be True or False"),
    ("spsa", "calibration_pairs", 0, "calibration_pairs is 0"),
    ("nelder-mead", "step", "wide", "step is 'wide'. it must be a finite number > 0"),
    ("nelder-mead", "initial_simplex", [[0, 0], [1, 0]], r"has the shape \(2, 2\)\. 2 parameters need 3 vertices"),
    ("nelder-mead", "initial_simplex", [[0, 0], [1, 1], [2, 2]], "initial_simplex is flat. its edges do not span"),
    ("nelder-mead", "initial_simplex", [[0, 0], [1, 1], [2, np.nan]], "initial_simplex holds NaN or infinity"),
    ("adam", "beta1", 1.0, "beta1 is 1.0. it must be a finite number >= 0 and < 1"),
    ("adam", "frequencies", [1, 2, 3], "frequencies has 3 entries. there are 2 parameters"),
    ("adam", "frequencies", 0, "frequencies is 0. it must be a whole number of at least 1 and at most 4096"),
    ("cma-es", "popsize", 3, "popsize is 3. it must be a whole number of at least 4"),
    ("cma-es", "sigma0", -0.5, "sigma0 is -0.5. it must be a finite number > 0"),
])
def test_options(name: str, option: str, given: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make(name, [0.1, 0.2], **{option: given})


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no optimizer named 'spas'. Did you mean 'spsa'\? Choose one of: adam"):
        make("spas", [0.0])
    with pytest.raises(UnknownName, match=r"no option of adam named 'learning_rat'. Did you mean 'learning_rate'\?"):
        make("adam", [0.0], learning_rat=0.1)
    with pytest.raises(UnknownName, match="no option of spsa named 'x0x'"):
        make("spsa", [0.0], x0x=1)


def test_names_are_found_in_any_usual_spelling() -> None:
    assert make("Nelder_Mead", [0.0]).name == "nelder-mead"
    assert make("SPSA", [0.0]).name == "spsa"
    assert {name: kind.name for name, kind in KINDS.items()} == {name: name for name in KINDS}


@every_name
def test_a_refused_tell_changes_nothing(name: str) -> None:
    optimizer = make(name, [0.1, 0.2])
    fresh = optimizer.dumps()
    with pytest.raises(InvalidInput, match=f"{name} was told values it did not ask for. Call ask"):
        optimizer.tell(np.zeros(2))
    assert optimizer.dumps() == fresh
    k = len(optimizer.ask())
    asked = optimizer.dumps()
    with pytest.raises(InvalidInput, match=rf"told values of shape \({k + 1},\). its batch has {k} points"):
        optimizer.tell(np.zeros(k + 1))
    with pytest.raises(InvalidInput, match=rf"Tell an array of shape \({k},\)"):
        optimizer.tell(np.zeros((k, 1)))
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(InvalidInput, match=r"values holds NaN or infinity \(at 1\)"):
            optimizer.tell(np.where(np.arange(k) == 1, bad, 0.0))
    with pytest.raises(InvalidInput, match="values is not an array of real numbers"):
        optimizer.tell(np.array(["low"] * k))
    assert optimizer.dumps() == asked
    optimizer.tell(np.arange(k, dtype=float))
    with pytest.raises(InvalidInput, match="did not ask"):
        optimizer.tell(np.arange(k, dtype=float))


@every_name
def test_a_stopped_optimizer_says_why(name: str) -> None:
    optimizer = make(name, [0.1, 0.2], maxiter=1)
    while not optimizer.done:
        optimizer.tell(np.arange(len(optimizer.ask()), dtype=float))
    with pytest.raises(InvalidInput, match=f"{name} has stopped. its reason: maxiter. Read x and value"):
        optimizer.ask()
    with pytest.raises(InvalidInput, match=f"{name} has stopped"):
        optimizer.tell(np.zeros(1))


def test_cma_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cma", None)
    with pytest.raises(MissingExtra, match=r"CMA-ES needs an optional library.*pip install 'qloop\[cma\]'"):
        make("cma-es", [0.0, 1.0])


@every_name
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_damaged_dump_is_refused(name: str, data: st.DataObject) -> None:
    blob = make(name, [0.1, 0.2]).dumps()
    at, flip = data.draw(st.integers(0, len(blob) - 1)), data.draw(st.integers(1, 255))
    damaged = blob[:at] + bytes([blob[at] ^ flip]) + blob[at + 1:]
    for bytes_ in (damaged, blob[:at], blob + b"\0"):
        with pytest.raises(InvalidInput, match=r"These bytes are not the dump of an optimizer. their checksum"):
            by_name.loads(bytes_)


def sealed(body: object) -> bytes:
    """A dump with a valid checksum around any content: what a forger would make."""
    data = body if isinstance(body, bytes) else wire.encode(body)
    return wire._checksum(data) + data


def test_foreign_and_newer_dumps_are_refused() -> None:
    dump = wire.unpack(make("spsa", [0.1]).dumps())
    with pytest.raises(InvalidInput, match=r"This dump has the format 2. this qloop reads format 1"):
        by_name.loads(sealed(msgspec.structs.replace(dump, format=2)))
    with pytest.raises(InvalidInput, match=r"This is the dump of 'adam'. 'spsa' cannot continue it"):
        SPSA.loads(make("adam", [0.1]).dumps())
    with pytest.raises(UnknownName, match=r"no optimizer named 'spsb'. Did you mean 'spsa'"):
        by_name.loads(sealed(msgspec.structs.replace(dump, name="spsb")))
    for body in (b"", b"\xc1", [1, 2], {"format": 1}):
        with pytest.raises(InvalidInput, match="The dump of an optimizer cannot be read"):
            by_name.loads(sealed(body))


@every_name
def test_dumps_whose_parts_contradict_each_other_are_refused(name: str) -> None:
    dump = wire.unpack(make(name, [0.1, 0.2]).dumps())
    longer = wire.unpack(make(name, [0.1, 0.2, 0.3]).dumps())
    state = msgspec.msgpack.decode(dump.state)
    batch = np.frombuffer(state["batch"][1]) + 1e-9
    replay = "replaying its values" if name == "cma-es" else None
    forged = [
        (msgspec.structs.replace(dump, state=longer.state), replay or "has the shape"),
        (with_state(dump, {**state, "batch": [state["batch"][0], batch.tobytes()]}), replay or "batch does not follow"),
        (with_state(dump, {**state, "x": [[2], b"short"]}), r"array of shape \(2,\) cannot have 5 bytes"),
        (with_state(dump, {**state, "x": [[2], np.full(2, np.nan).tobytes()]}), "holds NaN or infinity"),
        (with_state(dump, {**state, "x": [[-1, -2], bytes(16)]}), "must be a shape and bytes"),
        (with_state(dump, {**state, "x": 5}), "cannot be read"),
        (with_state(dump, {**state, "iteration": -1}), "cannot be read"),
        (with_state(dump, {**state, "reason": "bored"}), "cannot be read"),
        (msgspec.structs.replace(dump, settings=msgspec.Raw(msgspec.msgpack.encode({"x0": []}))), "cannot be read"),
    ]
    for forgery, message in forged:
        with pytest.raises(InvalidInput, match=message):
            by_name.loads(sealed(forgery))


def with_state(dump: wire.Dump, state: dict[str, object]) -> wire.Dump:
    return msgspec.structs.replace(dump, state=msgspec.Raw(msgspec.msgpack.encode(state)))


@pytest.mark.parametrize(("name", "field"), [("nelder-mead", "turns"), ("spsa", "judged"), ("cma-es", "renewed")])
def test_dumps_of_earlier_versions_go_on_as_they_would_have(name: str, field: str) -> None:
    """What was counted for guessing, or renewed, is not in them: that changes no course."""
    optimizer = make(name, [0.1, 0.2], maxiter=6)
    for _ in range(3):
        points = optimizer.ask()
        optimizer.tell(np.sum(np.cos(points), axis=1))
    dump = wire.unpack(optimizer.dumps())
    state = msgspec.msgpack.decode(dump.state)
    del state[field]
    loaded = by_name.loads(sealed(with_state(dump, state)))
    while not optimizer.done:
        points = optimizer.ask()
        assert np.array_equal(loaded.ask(), points)
        for one in (optimizer, loaded):
            one.tell(np.sum(np.cos(points), axis=1))
    assert loaded.done


def test_a_dump_of_bad_settings_is_refused_like_the_arguments() -> None:
    dump = wire.unpack(make("spsa", [0.1]).dumps())
    bad = {**msgspec.msgpack.decode(dump.settings), "maxiter": 0}
    with pytest.raises(InvalidInput, match="maxiter is 0"):
        by_name.loads(sealed(msgspec.structs.replace(dump, settings=msgspec.Raw(msgspec.msgpack.encode(bad)))))
