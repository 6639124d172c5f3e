import gzip

import msgspec
import numpy as np
import pytest
from trace_queue_model import simulate
from trace_script import Script

from qloop.errors import InvalidInput, QloopError
from qloop.trace import schema as ev
from qloop.trace.errors import TraceError
from qloop.trace.provenance import configuration_hash, new_header, source_commit
from qloop.trace.reader import read
from qloop.trace.recorder import Recorder, write


@pytest.fixture(scope="module")
def run():
    return simulate(loops=2, iterations=5, background=10, span_s=60)


def header():
    return new_header(clock="virtual", policy="fifo")


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_what_is_written_is_read(run, tmp_path, name):
    write(run, tmp_path / name)
    again = read(tmp_path / name)
    assert (again.header, again.events, again.truncated) == (run.header, run.events, "")
    assert (tmp_path / name).read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
@pytest.mark.parametrize("block", [1, 7, 10_000])
def test_streaming_writes_the_same_file(run, tmp_path, name, block):
    with Recorder(run.header, tmp_path / name, keep=False, block=block) as recorder:
        for event in run.events:
            fields = {field: getattr(event, field) for field in event.__struct_fields__[2:]}
            recorder.emit(type(event), event.t, **fields)
    assert len(recorder) == len(run.events)
    kept = read(tmp_path / name)
    assert [msgspec.structs.replace(e, seq=0) for e in kept.events] == \
        [msgspec.structs.replace(e, seq=0) for e in run.events]
    with pytest.raises(TraceError, match="Read the file"):
        recorder.trace()


def test_what_was_flushed_can_be_read_while_the_run_goes_on(tmp_path):
    recorder = Recorder(header(), tmp_path / "run.jsonl.gz")
    recorder.emit(ev.QpuOffline, 5, qpu="A")
    recorder.flush()
    recorder.emit(ev.QpuOnline, 6, qpu="A")
    seen = read(tmp_path / "run.jsonl.gz")
    assert [event.t for event in seen.events] == [5]
    assert "ends before its end mark" in seen.truncated
    recorder.close()
    assert [event.t for event in read(tmp_path / "run.jsonl.gz").events] == [5, 6]


def test_events_told_late_are_put_in_order():
    recorder = Recorder(header())
    for t in (5, 9, 7, 7):
        recorder.emit(ev.QpuOffline, t, qpu="A")
    assert [(e.t, e.seq) for e in recorder.trace().events] == [(5, 0), (7, 2), (7, 3), (9, 1)]


@pytest.mark.parametrize("cut", [1, 2, 10, 30])
def test_a_cut_last_line_is_left_out_and_told(run, tmp_path, cut):
    path = tmp_path / "run.jsonl"
    write(run, path)
    path.write_bytes(path.read_bytes()[:-cut])
    again = read(path)
    assert again.events == run.events[:-1]
    assert "the last line was cut short" in again.truncated


def test_a_cut_compressed_file_keeps_what_can_be_read(run, tmp_path):
    path = tmp_path / "run.jsonl.gz"
    write(run, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    again = read(path)
    assert 0 < len(again.events) < len(run.events)
    assert again.events == run.events[: len(again.events)]
    assert again.truncated
    assert again.horizon_ns == again.events[-1].t


def test_damage_before_the_end_is_an_error_that_names_the_line(run, tmp_path):
    path = tmp_path / "run.jsonl"
    write(run, path)
    lines = path.read_bytes().split(b"\n")
    lines[4] = b'{"kind":"no_such_kind","t":1,"seq":2}'
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(TraceError, match=r"Line 5 of .*run\.jsonl is damaged.*no_such_kind"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"hello\n", b"[1,2]\n", b'{"a":1}\n', b"\xff\xfe\x00", b"\x1f\x8b\x08"])
def test_a_foreign_file_is_named_as_such(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(TraceError, match="is not a qloop trace"):
        read(tmp_path / "x")


def test_a_newer_format_asks_for_an_upgrade(run, tmp_path):
    newer = msgspec.structs.replace(run.header, version=99, qloop="9.9")
    (tmp_path / "x").write_bytes(msgspec.json.encode(newer) + b"\n")
    with pytest.raises(TraceError, match=r"format 99.*reads up to 2.*qloop 9\.9.*Upgrade qloop"):
        read(tmp_path / "x")


def test_a_damaged_header_and_damaged_compression_are_told(run, tmp_path):
    (tmp_path / "x").write_bytes(b'{"format":"qloop-trace","version":1}\n')
    with pytest.raises(TraceError, match=r"The header of .* is damaged"):
        read(tmp_path / "x")
    packed = bytearray(gzip.compress(b"a" * 1000))
    packed[10:16] = b"\xff" * 6
    (tmp_path / "y").write_bytes(bytes(packed))
    with pytest.raises(TraceError, match="y is damaged"):
        read(tmp_path / "y")


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(TraceError, match="cannot be read"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(TraceError, match="cannot be written"):
        Recorder(header(), tmp_path / "no" / "such" / "folder.jsonl")
    with pytest.raises(InvalidInput, match="keep its events or write them"):
        Recorder(header(), keep=False)
    assert issubclass(TraceError, QloopError)


def test_a_full_disk_ends_the_streaming_and_not_the_run(tmp_path):
    full = tmp_path / "run.jsonl"
    full.symlink_to("/dev/full")
    recorder = Recorder(header(), full, block=4)
    for t in range(20):
        recorder.emit(ev.QpuOffline, t, qpu="A")
    recorder.close()
    assert "No space left" in str(recorder.failure)
    assert len(recorder.trace().events) == 20


def test_numbers_of_numpy_and_numbers_that_are_none_can_be_recorded(tmp_path):
    task = {"session": "s", "iteration": 0, "task": "s/0"}
    with Recorder(header(), tmp_path / "run.jsonl") as recorder:
        recorder.emit(ev.QpuEnd, np.int64(5), **task, qpu="A", shots=np.int64(7), loss=np.float64(0.5))
        recorder.emit(ev.Result, 6, **task, values=(np.float64(0.25), float("nan")))
        recorder.emit(ev.Placed, 7, **task, qpu="A", cost={"wait": float("inf"), "load": 1.0})
    end, result, placed = read(tmp_path / "run.jsonl").events
    assert (end.t, end.shots, end.loss) == (5, 7, 0.5)
    assert (result.values, placed.cost) == ((0.25, None), {"wait": None, "load": 1.0})
    with pytest.raises(TraceError, match="An event holds a object"), Recorder(header(), tmp_path / "x") as recorder:
        recorder.emit(ev.QpuOffline, 5, qpu=object())


def test_the_horizon_is_the_last_event_unless_the_header_says_otherwise():
    assert Script().open(3, "s").trace().horizon_ns == 3_000_000_000
    assert Script(horizon_s=8).open(3, "s").trace().horizon_ns == 8_000_000_000
    assert Script(qpus=("B",)).run("s", 0, 1, 2, qpu="A").trace().qpus == ("B", "A")


@pytest.mark.parametrize("clock", ["real", "virtual", "scaled 100x", "scaled 2.5x"])
def test_clocks_that_exist(clock):
    assert new_header(clock=clock, policy="fifo").clock == clock


@pytest.mark.parametrize("clock", ["", "fast", "scaled", "scaled x", "scaled -3x"])
def test_clocks_that_do_not(clock):
    with pytest.raises(InvalidInput, match=r"is not a clock.*scaled 100x"):
        new_header(clock=clock, policy="fifo")


def test_the_configuration_hash_depends_on_content_and_not_on_order():
    first = configuration_hash({"a": 1, "b": {"c": 2, "d": [1, 2]}})
    assert first == configuration_hash({"b": {"d": [1, 2], "c": 2}, "a": 1})
    assert first != configuration_hash({"a": 1, "b": {"c": 2, "d": [2, 1]}})
    with pytest.raises(InvalidInput, match="cannot be written into a trace"):
        configuration_hash({"a": object()})
    with pytest.raises(InvalidInput, match="cannot be negative"):
        new_header(clock="real", policy="fifo", horizon_ns=-1)


def test_the_commit_is_read_from_a_checkout(tmp_path):
    package = tmp_path / "src" / "qloop"
    package.mkdir(parents=True)
    assert source_commit(package) == ""
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("")
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert source_commit(package) == ""
    (git / "packed-refs").write_text(f"# pack-refs\n{'b' * 40} refs/heads/main\n")
    assert source_commit(package) == "b" * 40
    (git / "refs" / "heads" / "main").write_text("a" * 40 + "\n")
    assert source_commit(package) == "a" * 40
    (git / "HEAD").write_text("c" * 40 + "\n")
    assert source_commit(package) == "c" * 40
