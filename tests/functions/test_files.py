"""Large arguments and results: files by their content, opened by workers on this machine or fetched by others."""

import hashlib
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from qloop.errors import QloopError, UserCodeError
from qloop.functions import desk, files, parcel, reached
from qloop.model.limits import LARGE_BYTES
from qloop.runtime.embedded import Runtime

from . import tasks

PATIENCE_S = 120


@pytest.fixture
def store(tmp_path: Path) -> files.FileStore:
    return files.FileStore(tmp_path / "values", most_bytes=10_000)


def names(store: files.FileStore) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir() if path.name != files.TOKEN)


def test_a_file_is_there_under_its_hash_for_its_owner_alone(store: files.FileStore) -> None:
    ref = store.put(b"content")
    assert ref.name == hashlib.sha256(b"content").hexdigest()
    assert names(store) == [ref.name]
    assert bytes(store.open(ref)) == b"content"
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((store.folder / ref.name).stat().st_mode) == 0o600


def test_the_same_content_is_one_file_as_long_as_somebody_holds_it(store: files.FileStore) -> None:
    first, second = store.put(b"same"), store.put(memoryview(b"same"))
    assert first == second
    store.drop([first])
    assert names(store) == [first.name]
    store.drop([second])
    assert names(store) == []


def test_what_is_pinned_outlives_the_run(store: files.FileStore) -> None:
    kept, left = store.put(b"kept"), store.put(b"left")
    store.pin([kept])
    store.drop([kept])
    store.close()
    assert names(store) == [kept.name]
    assert store.has([kept])
    assert not store.has([kept, left])


def test_an_unpinned_store_goes_with_its_run(tmp_path: Path) -> None:
    store = files.FileStore(tmp_path / "values")
    store.put(b"x")
    store.close(keep=True)
    assert store.folder.exists()
    store.close()
    assert not store.folder.exists()


def test_a_store_has_an_end(store: files.FileStore) -> None:
    store.put(bytes(9_000))
    with pytest.raises(QloopError, match=r"does not fit .* 9032 of 10000 bytes are taken"):
        store.put(b"y" * 1_000)


def test_a_damaged_file_is_noticed(store: files.FileStore) -> None:
    ref = store.put(b"content")
    (store.folder / ref.name).write_bytes(b"c0ntent")
    with pytest.raises(QloopError, match="damaged"):
        store.open(ref)
    (store.folder / ref.name).unlink()
    with pytest.raises(QloopError, match="deleted"):
        store.open(ref)


def test_what_is_written_to_an_opened_file_stays_with_the_reader(store: files.FileStore) -> None:
    ref = store.put(b"content")
    view = store.open(ref)
    view[0:1] = b"C"
    assert bytes(store.open(ref)) == b"content"


def test_no_other_file_can_be_read_by_name(store: files.FileStore) -> None:
    for name in ("../secret", "/etc/passwd", "token"):
        with pytest.raises(QloopError):
            store.read(name, 0, 10)


def test_only_what_is_large_becomes_a_file(tmp_path: Path) -> None:
    store = files.FileStore(tmp_path / "values")
    small, large, text = np.arange(10), np.arange(LARGE_BYTES // 8), "t" * LARGE_BYTES
    packed = parcel.pack({"a": [small, large], "b": (large, 1)}, store)
    assert isinstance(packed.stream, bytes)
    assert [ref.size for ref in packed.refs] == [large.nbytes]      # one array, though it is there twice
    value = parcel.unpack(packed, store)
    assert np.array_equal(value["a"][1], large)
    value["a"][1][0] = 5        # it may be written to
    assert parcel.unpack(parcel.pack(text, store), store) == text
    assert isinstance(parcel.pack(text, store).stream, parcel.Ref)


def test_100_mb_there_and_back(real: Runtime) -> None:
    array = np.random.default_rng(1).random(13_000_000)       # 104 MB
    double = tasks.doubled.options(runtime=real)
    future = double.submit(array)
    assert [ref.size for ref in future.call.arguments.refs] == [array.nbytes]
    result, pid = future.result(PATIENCE_S)
    assert pid != os.getpid()
    assert np.array_equal(result, array * 2)
    total = tasks.sum_of.options(runtime=real).submit(double.submit(array).result(PATIENCE_S)[0])
    assert total.result(PATIENCE_S) == pytest.approx(2 * array.sum())
    store = future.desk.files()
    del future, total, result
    assert sum((store.folder / name).stat().st_size for name in names(store)) == 0      # nobody needs them any more


def test_a_large_result_goes_from_worker_to_worker(real: Runtime) -> None:
    made = tasks.zeros.options(runtime=real).submit(5_000_000)
    assert tasks.sum_of.options(runtime=real).submit(made).result(PATIENCE_S) == 0.0
    assert made.result(PATIENCE_S).nbytes == 5_000_000


def test_a_result_that_is_its_argument_stays(real: Runtime) -> None:
    array = np.arange(LARGE_BYTES)
    assert np.array_equal(tasks.same.options(runtime=real).submit(array).result(PATIENCE_S), array)


def test_a_worker_that_does_not_see_the_folder_fetches_what_it_needs(tmp_path: Path) -> None:
    with Runtime(workers=1, journal=tmp_path / "run.qloop") as runtime:
        store = desk.desk_of(runtime).files()
        assert store.folder == tmp_path / "run.qloop.files"
        (store.folder / files.TOKEN).write_text("another machine's folder")
        array = np.random.default_rng(2).random(reached.PIECE_BYTES // 8 + 1000)
        result, _ = tasks.doubled.options(runtime=runtime).submit(array).result(PATIENCE_S)
        assert np.array_equal(result, 2 * array)
        (store.folder / "nothing").touch()
    assert not store.folder.exists()


def test_a_file_that_is_gone_is_told(real: Runtime) -> None:
    made = tasks.zeros.options(runtime=real).submit(5_000_000)
    assert made.exception(PATIENCE_S) is None
    folder = made.desk.files().folder
    for path in folder.glob("*.*"):
        path.unlink()
    with pytest.raises(UserCodeError, match=r"cannot be opened here.*deleted"):
        made.result()
