"""Hostile OpenQASM 2 meets a clear refusal, and harms nobody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qloop.intake.reader import Reader

from .hostile import HEAD, TEXTS, chain, doubling
from .leftovers import refusal

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_text_is_refused(name: str, reader: Reader) -> None:
    source, words = TEXTS[name]
    assert words in refusal(reader, source, format="qasm2")


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*")), ids=lambda path: path.name)
def test_a_hostile_file_is_refused(path: Path, reader: Reader) -> None:
    assert refusal(reader, path)


def test_reading_goes_on_after_all_of_them(reader: Reader) -> None:
    refusal(reader, doubling(31))
    assert reader.read(f"{HEAD}qreg q[2]; h q[0];").num_qubits == 2


def test_no_file_is_read_for_an_include(reader: Reader, tmp_path: Path) -> None:
    secret = tmp_path / "secret.inc"
    secret.write_text("xyzzy")
    said = refusal(reader, f'OPENQASM 2.0; include "{secret}"; qreg q[1];')
    assert "xyzzy" not in said
    os.mkfifo(tmp_path / "pipe")        # whoever opened it would wait for ever
    refusal(reader, f'include "{tmp_path}/pipe"; qreg q[1];')


def test_the_line_is_that_of_the_fault(reader: Reader) -> None:
    assert "at line 6." in refusal(reader, f"{HEAD}qreg q[2];\n\n// cx\ncx q[0], q[2];\n")
    assert "at line 3." in refusal(reader, f"{HEAD}qreg q[2000];")


def test_deep_and_costly_definitions_within_bounds_are_read(reader: Reader) -> None:
    assert reader.examine(chain(30))[0].expanded == 32
    facts = reader.examine(doubling(10))[0]
    assert (facts.instructions, facts.expanded) == (1, 2 ** 11 + 2 ** 10 - 1)


def test_no_more_than_an_excerpt_is_repeated(reader: Reader) -> None:
    said = refusal(reader, f"qreg q[1]; {'z' * 200} q[0];")
    assert "z" * 41 not in said
