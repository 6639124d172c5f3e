"""The published comparison of twins' durations with IBM's estimates is what the benchmark finds today."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "concepts" / "noise.md"


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    before = set(sys.modules)
    import noise_page
    import usage

    yield usage, noise_page
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(ROOT / "benchmarks")):
            del sys.modules[name]


def test_the_table_in_the_docs_is_true(benchmarks: Any) -> None:
    usage, page = benchmarks
    rows = usage.estimates()
    assert {row["device"]: sum(one["device"] == row["device"] for one in rows) for row in rows} == {
        "torino": 15, "sherbrooke": 11}
    for row in rows:
        assert row["error"] == pytest.approx((row["twin_s"] - row["ibm_s"]) / row["ibm_s"])
        assert 2.0 + 4096 * 250e-6 <= row["twin_s"] < 3.5        # the rule: 2 s, and 250 us before each shot
    block = PAGE.read_text(encoding="utf-8").partition("<!-- usage -->\n")[2].partition("\n<!-- end -->")[0]
    assert block.splitlines() == list(page.usage_table(rows))


def test_the_table_of_errors_covers_what_it_promises(benchmarks: Any) -> None:
    text = PAGE.read_text(encoding="utf-8").partition("<!-- errors -->\n")[2].partition("\n<!-- end -->")[0]
    for circuit in ("EfficientSU2", "QAOA", "UCC-like"):
        for n in (4, 6, 8, 10, 12):
            (line,) = [line for line in text.splitlines() if line.startswith(f"| {circuit}, {n} |")]
            assert line.count("**") == 6
