"""Compiled functions on disk: each value that one reads is in its name, and what cannot be compiled says why."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from qloop.errors import InvalidInput
from qloop.simulator.compile import Compiler, from_library, global_names, is_library
from qloop.simulator.specialise import Specialiser

from .readers import CONSTANTS, TEXT

ROOM = "room_of_a_test"
WAYS = ["by_array", "by_scalar", "by_named_tuple", "by_default", "by_jitted", "by_module", "by_inner_function",
        "by_closure", "by_called_closure"]
Load = Callable[[float], ModuleType]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Imports the module afresh, with another constant."""
    (tmp_path / f"{ROOM}.py").write_text(TEXT)
    (tmp_path / "constants_of_a_test.py").write_text(CONSTANTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("QLOOP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def fresh(k: float) -> ModuleType:
        monkeypatch.setenv("K_OF_A_TEST", str(k))
        for name in ("constants_of_a_test", ROOM):
            monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(ROOM)

    return fresh


def specialiser(enter: Any, finish: Any) -> Specialiser:
    return Specialiser({"enter": enter, "finish": finish}, ROOM, (), frozenset())


def kernel(module: ModuleType, way: str) -> Any:
    return specialiser(getattr(module, way), module.finish).kernel(module.simulate)


@pytest.mark.parametrize("way", WAYS)
def test_a_kernel_on_disk_is_never_that_of_another_value(load: Load, way: str) -> None:
    two, three, again = (kernel(load(k), way) for k in (2.0, 3.0, 2.0))
    # each is called in turn, so that the later ones find what the earlier ones left
    assert [loop(1.0) for loop in (two, three, again)] == [21.0, 31.0, 21.0]
    assert [sum(loop.stats.cache_hits.values()) for loop in (two, three, again)] == [0, 0, 1]


@pytest.mark.parametrize("way", [*WAYS, "by_comprehension", "with_keyword"])
def test_names_differ_by_values_alone(load: Load, way: str) -> None:
    def named(k: float) -> str | None:
        module = load(k)
        return specialiser(getattr(module, way), module.finish).fingerprint(module.simulate)

    assert named(2.0) is not None
    assert named(2.0) == named(2.0) != named(3.0)


def test_functions_that_change_places_give_another_name(load: Load) -> None:
    module = load(1.0)
    double, triple = module.double, module.triple           # of one line, and of one name
    loops = [specialiser(*pair).kernel(module.simulate) for pair in ((double, triple), (triple, double))]
    assert [loop(1.0) for loop in loops] == [23.0, 32.0]
    names = {"enter": double, "finish": triple}
    same = [Specialiser({**names, "start": start}, ROOM, (), frozenset()) for start in (double, triple)]
    assert len({one.fingerprint(module.again) for one in same}) == 2


@pytest.mark.parametrize("way", ["by_list", "by_class"])
def test_what_reads_something_unknown_is_not_kept(load: Load, way: str) -> None:
    module = load(2.0)
    assert specialiser(getattr(module, way), module.finish).fingerprint(module.simulate) is None
    assert specialiser(getattr(module, way), module.finish).directory(module.simulate) is None


def test_arrays_are_told_by_kind_and_shape_too(load: Load) -> None:
    def named(array: Any) -> str | None:
        module = load(2.0)
        module.ARRAY = array                                 # type: ignore[attr-defined]
        return specialiser(module.by_array, module.finish).fingerprint(module.simulate)

    zeros = [np.zeros(4), np.zeros((2, 2)), np.zeros((2, 2), order="F"), np.zeros(4, np.int64), np.float64(0.0)]
    assert len({named(array) for array in zeros}) == len(zeros)
    assert named(np.array([1.0, None])) is None


@pytest.mark.parametrize("options", [{"fastmath": True}, {"error_model": "numpy"}])
def test_the_options_of_a_compiled_function_are_told(load: Load, options: dict[str, Any]) -> None:
    import numba

    module = load(2.0)
    before = specialiser(module.by_jitted, module.finish).fingerprint(module.simulate)
    module.jitted = numba.njit(**options)(module.jitted.py_func)             # type: ignore[attr-defined]
    assert before is not None
    assert specialiser(module.by_jitted, module.finish).fingerprint(module.simulate) not in (before, None)


def test_names_inside_comprehensions_and_inner_functions_are_found(load: Load) -> None:
    module = load(2.0)
    assert global_names(module.by_inner_function) == ["helper"]
    assert set(global_names(module.by_comprehension)) == {"helper", "range", "sum"}
    assert Compiler().compile(module.by_comprehension)(3.0) == 6.0


def test_library_functions_are_left_to_numba_and_a_users_file_of_such_a_name_is_none(
        load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(map(from_library, (len, int, np.sqrt, np.float64, np.linspace, np.linalg.norm)))
    assert not from_library(load(1.0).helper)
    assert Compiler().compile(load(1.0).largest)(4.0) == 4.0
    assert is_library("calendar")
    own = ModuleType("calendar")
    own.__file__ = str(tmp_path / "calendar.py")
    monkeypatch.setitem(sys.modules, "calendar", own)
    assert not is_library("calendar")


def test_a_policy_of_an_outer_function_compiles_for_the_engines_kernel_too(load: Load) -> None:
    assert Compiler().compile(load(5.0).by_closure)(2.0) == 10.0


@pytest.mark.parametrize(("way", "told"), [
    ("first_of_two", r"first_of_two cannot be compiled. it calls itself "
                     r"\(first_of_two -> second_of_two -> first_of_two\). Write it as a loop."),
    ("with_keyword", r"with_keyword cannot be compiled. it has keyword-only arguments. Remove the \*"),
    ("too_early", r"early cannot be compiled. a variable of the function around it has no value yet. Give it"),
    ("PAIR", r"cannot be compiled. it is not a function made with def or lambda. Write a policy's functions as plain"),
])
def test_what_cannot_be_compiled_says_why(load: Load, way: str, told: str) -> None:
    module = load(1.0)
    with pytest.raises(InvalidInput, match=told):
        Compiler().compile(getattr(module, way))
    if way != "PAIR":
        with pytest.raises(InvalidInput, match=told):
            kernel(module, way)


def test_an_object_in_the_place_of_a_function_says_why(load: Load) -> None:
    from functools import partial

    module = load(1.0)
    with pytest.raises(InvalidInput, match=r"functools.partial.* cannot be compiled. it is not a function made with"):
        specialiser(partial(module.by_default, k=2.0), module.finish).kernel(module.simulate)


def test_after_an_error_the_same_compiler_still_works(load: Load) -> None:
    module, compiler = load(3.0), Compiler()
    for name in ("first_of_two", "second_of_two"):
        with pytest.raises(InvalidInput, match=rf"calls itself \({name} -> .* -> {name}\)"):
            compiler.compile(getattr(module, name))
    assert compiler.compile(module.helper)(1.0) == 3.0


def test_two_threads_never_see_each_others_directory(load: Load, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """Both would meet inside if they could: under the lock the first waits in vain."""
    from numba import config

    module, meeting = load(1.0), threading.Barrier(2)
    seen: list[tuple[str, str, bool]] = []

    class Loop:
        def __init__(self, home: str) -> None:
            self.home = home

        def enable_caching(self) -> None:
            try:
                meeting.wait(timeout=0.3)
                met = True
            except threading.BrokenBarrierError:
                met = False
            seen.append((self.home, config.CACHE_DIR, met))

    def make(home: Path) -> None:
        one = specialiser(module.double, module.triple)
        one.numba = type("Numba", (), {"config": config, "njit": lambda *_, **__: Loop(str(home))})
        one.directory = lambda first: home                   # type: ignore[method-assign]
        one.kernel(module.simulate)

    before = config.CACHE_DIR
    threads = [threading.Thread(target=make, args=(tmp_path / name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [(str(tmp_path / name), str(tmp_path / name), False) for name in "ab"]
    assert before == config.CACHE_DIR


@pytest.mark.parametrize("kind", ["*.nbi", "*.nbc", "*.nb?"])
@pytest.mark.parametrize("left", [0, 20])
def test_damaged_files_are_made_anew(load: Load, tmp_path: Path, kind: str, left: int) -> None:
    """A full disk or a power cut may truncate them; the kernel is then compiled again, and kept again."""
    way = WAYS[0]
    assert kernel(load(2.0), way)(1.0) == 21.0
    files = list((tmp_path / "cache").rglob(kind))
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:left])
    assert kernel(load(2.0), way)(1.0) == 21.0
    loop = kernel(load(2.0), way)
    assert loop(1.0) == 21.0
    assert sum(loop.stats.cache_hits.values()) == 1
