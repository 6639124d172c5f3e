import subprocess
import sys
from itertools import pairwise

import pytest
from rich.console import Console
from trace_queue_model import simulate
from trace_script import Script

from qloop.errors import InvalidInput, MissingExtra
from qloop.trace import plots
from qloop.trace.drawing import spans
from qloop.trace.metrics.summary import summary
from qloop.trace.report import render, side_by_side


@pytest.fixture(scope="module")
def two():
    plan = {"loops": 5, "iterations": 12, "background": 40, "span_s": 120}
    return {"fifo": simulate(**plan), "hot": simulate(order="hot", **plan)}


def printed(what):
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(what)
    return console.export_text()


def test_the_tables_hold_the_numbers_of_the_report(two):
    report = summary(two["fifo"])
    text = printed(render(report))
    assert "virtual" in text
    assert f"{report.ttns.waiting.mean:.4g}" in text
    assert f"{report.qdc.useful:.1%} useful" in text
    assert all(share.tenant in text for share in report.fairness.shares)
    both = printed(side_by_side({name: summary(trace) for name, trace in two.items()}))
    change = summary(two["hot"]).ttns.waiting.mean / report.ttns.waiting.mean - 1
    assert f"{change:+.1%}" in both
    assert "clock: virtual" in both


def test_the_tables_of_an_empty_trace_can_be_printed():
    assert "virtual" in printed(render(summary(Script().trace())))


@pytest.mark.parametrize("draw", [
    lambda t: plots.lanes(t["fifo"]), lambda t: plots.lanes(t["fifo"], by="session", within=(10, 40)),
    lambda t: plots.lanes(t["hot"], by="class"), lambda t: plots.sessions(t["hot"], most=3),
    lambda t: plots.energies(t["hot"], {"loop-1": -1.5}), plots.comparison,
    lambda t: plots.comparison({"one": t["fifo"]}),
    lambda t: plots.comparison({"empty": Script().trace(), "short": Script().open(0, "s").trace()})])
def test_figures_are_written_as_png_and_pdf(two, tmp_path, draw):
    png, pdf = plots.save(draw(two), tmp_path / "new" / "figure-0.85", dpi=60)
    assert (png.name, pdf.name) == ("figure-0.85.png", "figure-0.85.pdf")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert pdf.read_bytes().startswith(b"%PDF")


def test_the_comparison_shows_what_it_promises(two):
    figure = plots.comparison(two)
    titles = [ax.get_title() for ax in figure.axes]
    assert [title for title in titles if title] == ["fifo", "hot", "waiting between shots", "QPU duty cycle",
                                                    "slowdown, background"]
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"tenant-a", "background task", "calibration", "waiting", "thinking"} <= legend
    texts = {text.get_text() for ax in figure.axes for text in ax.texts}
    assert f"{summary(two['fifo']).ttns.waiting.mean:.3g} s" in texts
    assert "clock: virtual" in figure._supxlabel.get_text()


def test_drawing_leaves_the_settings_of_the_user_alone(two):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    plots.lanes(two["fifo"])
    assert dict(mpl.rcParams) == before


def test_the_room_is_imported_without_its_heavy_libraries():
    code = ("import sys, qloop.trace.plots, qloop.trace.report, qloop.trace.recorder, qloop.trace.check;"
            "print({'matplotlib', 'rich', 'scipy', 'qiskit'} & sys.modules.keys())")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_what_cannot_be_drawn(two, monkeypatch):
    with pytest.raises(InvalidInput, match="0 traces do not fit"):
        plots.comparison({})
    with pytest.raises(InvalidInput, match=r"coloured by 'moon'.*tenant, session, class"):
        plots.lanes(two["fifo"], by="moon")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"qloop\[plot\]"):
        plots.lanes(two["fifo"])


def test_the_states_of_a_session_do_not_overlap_and_running_is_what_ran(two):
    for trace in two.values():
        for session in spans.loop_rows(trace):
            bars = spans.session_bars(trace, session)
            edges = sorted(bar for found in bars.values() for bar in found)
            for (begin, size), (after, _) in pairwise(edges):
                assert begin + size <= after + 1e-6
            ran = sum(a.end - a.begin for a in trace.index.attempts if a.task.session == session.name)
            assert sum(size for _, size in bars[spans.RUNNING]) == pytest.approx(ran / 1e9)


def test_the_window_lies_inside_the_run_and_errors_begin_at_one(two):
    begin, end = spans.window(list(two.values()))
    assert 0 <= begin < end <= min(t.horizon_ns for t in two.values()) / 1e9
    for curves in spans.errors(two).values():
        assert len(curves) == 5
        assert all(left[0] == pytest.approx(1) for _, left in curves.values())


def staggered():
    """Three loops of ten seconds, of which only b and c are open together; d opens when all else is over."""
    script = Script()
    for name, begin in (("a", 0.0), ("b", 20.0), ("c", 24.0), ("d", 60.0)):
        script.open(begin, name)
        for k in range(5):
            at = begin + 2 * k
            script.step(name, k, p=at, b=at + 0.1, e=at + 1, r=at + 1)
        script.close(begin + 10, name)
    return script.trace()


def test_the_window_shows_as_many_open_loops_as_it_can():
    trace = staggered()
    begin, end = spans.window([trace, trace], tasks=4)
    assert begin == pytest.approx(25.0)
    assert end == pytest.approx(25.0 + 4 * 0.9)
    assert [row.name for row in spans.open_rows([trace], (begin, end))] == ["b", "c"]
    assert [row.name for row in spans.open_rows([trace], (40.0, 50.0))] == ["a", "b", "c", "d"]


def test_an_empty_lane_says_why_it_is_empty():
    trace = staggered()
    texts = {text.get_text() for ax in plots.sessions(trace, within=(21, 50)).axes for text in ax.texts}
    assert texts == {"done since 10 s", "opens at 60 s"}


def test_the_median_curve_holds_the_last_value():
    curves = [([1.0, 3.0], [0.5, 0.1]), ([2.0], [0.4]), ([2.5], [0.2])]
    # At 0: all 1. At 1: .5 1 1. At 2: .5 .4 1. At 2.5: .5 .4 .2. At 4: .1 .4 .2.
    assert spans.median_curve(curves, [0, 1, 2, 2.5, 4]) == [1, 1, 0.5, 0.4, 0.2]
