"""A state over ranks is the state in one piece: any program, 1 to 8 ranks, threads here and MPI for two."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motif_sites import on_threads

from qloop.errors import InvalidInput, QloopError
from qloop.miniapps.motifs import dense, state_vector
from qloop.miniapps.motifs.drawn import drawn_circuit
from qloop.miniapps.motifs.ranks import on_ranks
from qloop.miniapps.motifs.split_state import Ranks, SplitState

HERE = str(Path(__file__).parent)


def gathered(ranks: Ranks, n_qubits: int, program: list[dense.Operation]) -> Any:
    """The part of this rank, where its amplitudes belong, the norm, and bytes sent."""
    state = SplitState(n_qubits, ranks)
    state.run(program)
    return state.indices(), state.local, state.norm(), state.sent


def whole(parts: list[Any], n_qubits: int) -> np.ndarray:
    """The state in one piece; every amplitude is somewhere exactly once."""
    found = np.full(1 << n_qubits, np.nan, complex)
    for indices, amplitudes, _, _ in parts:
        assert np.isnan(found[indices]).all()
        found[indices] = amplitudes
    return found


@settings(max_examples=25, deadline=None)
@given(extra=st.integers(2, 4), power=st.integers(0, 3), layers=st.integers(1, 4), seed=st.integers(0, 2**20))
def test_any_program_gives_the_same_state(extra: int, power: int, layers: int, seed: int) -> None:
    n = extra + power
    program = list(dense.operations(drawn_circuit(n, layers, seed, 0)))
    parts = on_threads(gathered, 1 << power, n, program)
    assert np.allclose(whole(parts, n), dense.run(n, program), atol=1e-12)
    assert all(norm == pytest.approx(1.0) for _, _, norm, _ in parts)
    assert (sum(sent for *_, sent in parts) > 0) == (power > 0)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_fourier_transform_is_the_discrete_one(size: int) -> None:
    n, basis = 6, 37
    found = whole(on_threads(gathered, size, n, state_vector.fourier(n, basis)), n)
    column = np.fft.ifft(np.eye(1 << n)[basis]) * np.sqrt(1 << n)
    assert np.allclose(found, column, atol=1e-12)


def test_diagonal_gates_need_no_exchange() -> None:
    turn = np.diag(np.exp(1j * np.arange(4))).astype(complex)
    program = [dense.Operation(turn, (3, 4)), dense.Operation(turn, (4, 0))]
    assert [sent for *_, sent in on_threads(gathered, 4, 5, program)] == [0, 0, 0, 0]


def test_an_exchange_moves_half_of_a_rank() -> None:
    x = np.array([[0, 1], [1, 0]], complex)
    parts = on_threads(gathered, 2, 5, [dense.Operation(x, (4,))])
    assert [sent for *_, sent in parts] == [16 * 8, 16 * 8]


def test_too_many_ranks_are_refused() -> None:
    with pytest.raises(ValueError, match="too many"):
        on_threads(gathered, 4, 3, [])


def test_mpi_ranks_hold_one_state() -> None:
    program = list(dense.operations(drawn_circuit(7, 3, 5, 0)))
    parts = on_ranks(_known, (7, program), 2, 60.0)
    assert np.allclose(whole(parts, 7), dense.run(7, program), atol=1e-12)
    assert all(sent > 0 for *_, sent in parts)


def _known(ranks: Ranks, n_qubits: int, program: list[dense.Operation]) -> Any:
    return gathered(ranks, n_qubits, program)


def fail_on_one(ranks: Ranks) -> None:
    """Rank 1 fails while rank 0 waits for it."""
    if ranks.rank == 1:
        raise RuntimeError("rank one gave up")
    ranks.total(1.0)


def wait_for_ever(ranks: Ranks, folder: str) -> None:
    """Each rank leaves its process id, and stays."""
    (Path(folder) / f"{ranks.rank}.pid").write_text(str(os.getpid()))
    time.sleep(600.0)


@pytest.mark.ci
def test_a_rank_that_fails_ends_all_and_its_words_come_back() -> None:
    with pytest.raises(QloopError, match="rank one gave up"):
        on_ranks(fail_on_one, (), 2, 60.0)


@pytest.mark.ci
def test_ranks_past_their_limit_are_ended_and_none_is_left(tmp_path: Path) -> None:
    with pytest.raises(QloopError, match="2 ranks were ended after 5 s"):
        on_ranks(wait_for_ever, (str(tmp_path),), 2, 5.0)
    pids = [int(file.read_text()) for file in tmp_path.glob("*.pid")]
    until = time.monotonic() + 10.0
    while any(_alive(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in pids)


def _alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


@pytest.mark.parametrize("ranks", [0, 3, -2, True, 2.0, 8192])
def test_numbers_of_ranks_that_cannot_be_are_refused(ranks: Any) -> None:
    with pytest.raises(InvalidInput, match="A state is split in halves"):
        on_ranks(fail_on_one, (), ranks, 1.0)
