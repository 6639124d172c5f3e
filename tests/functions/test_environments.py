"""Environments: what a lock is, building one from it, and calls in it. Nothing is fetched: wheels are made here."""

import base64
import hashlib
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qloop
from qloop.errors import InvalidInput, QloopError, UserCodeError
from qloop.functions.environments import build, images
from qloop.functions.environments.environment import environment_of, locked
from qloop.functions.environments.lock import has_hashes, name_of, read_lock
from qloop.runtime.embedded import Runtime

from . import tasks

PATIENCE_S = 240
HASH = "sha256:" + "ab" * 32


def lock(folder: Path, text: str, name: str = "lock.txt") -> Path:
    (folder / name).write_text(text)
    return folder / name


def wheel(folder: Path, name: str, version: str, source: str, requires: str = "") -> Path:
    """A wheel of one module."""
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    files = {f"{name}.py": source,
             f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
             f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = []
    for file, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record.append(f"{file},sha256={digest},{len(text)}")
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return path


def direct(path: Path) -> str:
    """A line that pins a file by its content."""
    return f"{path.name.split('-')[0]} @ {path.as_uri()} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_a_lock_is_read_as_pip_reads_it(tmp_path: Path) -> None:
    path = lock(tmp_path, f"""# made by a tool
numpy==2.4.0 \\
    --hash={HASH} \\
    --hash=sha256:{'cd' * 32}
    # via scipy
Typing_Extensions[all]==4.0 ; python_version < "3.12" --hash={HASH}
""")
    lines = read_lock(path)
    assert lines == (f'Typing_Extensions[all]==4.0 ; python_version < "3.12" --hash={HASH}',
                     f"numpy==2.4.0 --hash={HASH} --hash=sha256:{'cd' * 32}")
    assert [name_of(line) for line in lines] == ["typing-extensions", "numpy"]
    assert has_hashes(lines)


@pytest.mark.parametrize(("text", "words"), [
    ("numpy\n", "pins no version"), ("numpy>=2.0\n", "pins no version"), ("-r other.txt\n", "is an option"),
    ("-e .\n", "is an option"), ("--pre\nnumpy==2.0\n", "is an option"), ("", "names no package"),
    ("a @ file:///a.whl\n", "needs a hash"), (f"a==1 --hash={HASH}\nb==2\n", "none for b"),
    ("numpy==2.0; import os\x00\n# \n--x", "option"), ("../local\n", "pins no version")])
def test_what_is_no_lock_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_lock(lock(tmp_path, text))


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("locks")
    for name in ("lock.txt", "pylock.toml"):
        (folder / name).write_bytes(data)
        try:
            lines = read_lock(folder / name)
        except InvalidInput:
            continue
        assert all("==" in line or " @ " in line for line in lines)


def test_the_locks_of_tools_are_read(tmp_path: Path) -> None:
    digest = "ab" * 32
    standard = lock(tmp_path, f"""
lock-version = "1.0"
[[packages]]
name = "numpy"
version = "2.4.0"
[[packages.wheels]]
url = "https://example.org/numpy.whl"
hashes = {{sha256 = "{digest}"}}
""", "pylock.toml")
    of_uv = lock(tmp_path, f"""
version = 1
[[package]]
name = "mine"
version = "0.1"
source = {{ virtual = "." }}
[[package]]
name = "numpy"
version = "2.4.0"
source = {{ registry = "https://example.org" }}
wheels = [{{ url = "https://example.org/numpy.whl", hash = "sha256:{digest}" }}]
""", "uv.lock")
    assert read_lock(standard) == read_lock(of_uv) == (f"numpy==2.4.0 --hash=sha256:{digest}",)
    with pytest.raises(InvalidInput, match="from a folder or a repository"):
        read_lock(lock(tmp_path, '[[package]]\nname = "a"\nversion = "1"\nsource = { git = "x" }\n', "uv.lock"))


def test_an_environment_is_named_by_its_content(tmp_path: Path) -> None:
    one, same = lock(tmp_path, "a==1\nb==2\n"), lock(tmp_path, "# other words\nb==2\na==1\n", "same.txt")
    assert locked(one).key == locked(same).key
    assert locked(one).key != locked(one, shares=True).key != locked(lock(tmp_path, "a==1\nb==3\n")).key
    for wrong in (3, "", "image:", "image:-x", tmp_path / "missing.txt"):
        with pytest.raises(InvalidInput):
            environment_of(wrong)


def test_without_a_container_runtime_an_image_is_refused(real: Runtime) -> None:
    try:
        images.runtime_here()
    except InvalidInput as error:
        words = str(error)
    else:
        pytest.skip("a container runtime works here")
    assert all(f"{name} is not installed" in words or f"{name} does not work" in words for name in images.RUNTIMES)
    future = tasks.add.options(runtime=real, environment="image:python:3.11-slim").submit(1)
    with pytest.raises(UserCodeError, match="No container runtime is there"):
        future.result(PATIENCE_S)


@pytest.mark.ci
def test_a_function_runs_in_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(build.CACHE, str(tmp_path / "cache"))
    first = lock(tmp_path, direct(wheel(tmp_path, "probe", "1.0", "VERSION = 1\n")))
    second = lock(tmp_path, direct(wheel(tmp_path, "probe", "2.0", "VERSION = 2\n")), "second.txt")

    def which(number: int, more: list[int] | None = None) -> tuple[int, int, bool]:
        import importlib.util
        import sys

        import probe

        qloop.progress(0.5, "half")
        qloop.log_metric("number", number, 3)
        print("from", sys.prefix)
        return number + sum(more or []), probe.VERSION, importlib.util.find_spec("numpy") is None

    def breaks() -> None:
        raise LookupError("not here")

    with Runtime(workers=2, journal=":memory:") as runtime:
        function = qloop.function(which).options(runtime=runtime)
        one = function.options(environment=first).submit(1)
        two = function.options(environment=str(second)).submit(2, [3])
        assert one.result(PATIENCE_S) == (1, 1, True)
        assert two.result(PATIENCE_S) == (5, 2, True)
        plain = tasks.add.options(runtime=runtime).submit(40)
        assert function.options(environment=first).submit(1, [plain]).result(PATIENCE_S) == (42, 1, True)
        assert (one.progress.text, dict(one.metrics), one.metric("number")[0].step) == ("half", {"number": 1.0}, 3)
        assert str(tmp_path / "cache") in one.logs()
        assert "is built: 1 packages" in one.logs()

        failed = qloop.function(breaks).options(runtime=runtime, environment=first).submit()
        with pytest.raises(UserCodeError, match="raised LookupError: not here"):
            failed.result(PATIENCE_S)
        assert "is built" not in failed.logs()      # it is there already
        first_frame = next(line for line in failed.traceback.splitlines() if line.startswith("  File"))
        assert first_frame.endswith("in breaks")

        array = np.arange(400_000.0)
        shared = locked(first, shares=True)
        assert np.array_equal(tasks.same.options(runtime=runtime, environment=shared).submit(array).result(PATIENCE_S),
                              array)


@pytest.mark.ci
def test_what_the_installer_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(build.CACHE, str(tmp_path / "cache"))
    path = wheel(tmp_path, "probe", "1.0", "VERSION = 1\n")
    damaged = locked(lock(tmp_path, direct(path)))
    path.write_bytes(path.read_bytes() + b"more")
    said: list[str] = []
    with pytest.raises(QloopError, match=r"(?is)cannot be built.*hash"):
        build.python_of(damaged, said.append)
    assert len(said) > 1
    assert not list((tmp_path / "cache" / "environments").glob("*/"))       # nothing half built is left
    lacking = locked(lock(tmp_path, direct(wheel(tmp_path, "other", "1.0", "", requires="nowhere-to-be-found"))))
    with pytest.raises(QloopError, match="nowhere-to-be-found"):
        build.python_of(lacking, said.append)


@pytest.mark.ci
def test_two_builders_build_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(build.CACHE, str(tmp_path / "cache"))
    environment = locked(lock(tmp_path, direct(wheel(tmp_path, "probe", "1.0", "VERSION = 1\n"))))
    said: list[str] = []
    builders = [threading.Thread(target=build.python_of, args=(environment, said.append)) for _ in range(3)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join(PATIENCE_S)
    assert sum("is built" in line for line in said) == 1
    python = build.python_of(environment, said.append)
    found = subprocess.run([python, "-c", "import probe; print(probe.VERSION)"], capture_output=True, text=True)
    assert found.stdout == "1\n"
    assert sys.prefix not in str(python)
