"""How fast the platform simulator is, in CPU seconds, and what an open session weighs.

    python -m benchmarks.platform_speed [--quick] [--parts PART ...] [--policies NAME ...] [--out FILE.json]

Kernels are compiled before they are clocked; only the part `starts` measures compiling. Beside FILE.json
(benchmarks/results/platform.json) lie a page, .md, and a figure, .png and .pdf, of the cost of an event against the
tasks that wait.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))       # found by `python -m benchmarks.platform_speed` as by its path

import platform_starts as starts  # noqa: E402
from measuring import machine, target, write  # noqa: E402
from platform_figure import draw  # noqa: E402
from platform_page import beyond_log, page  # noqa: E402
from platform_scenarios import (  # noqa: E402
    Clocking,
    busy,
    extended_run,
    integer_loop_s,
    open_arrays,
    paper_run,
    random_read_ns,
    steady,
)

from qloop.simulator.paper.model import PlatformModel, big_classical, big_quantum, small  # noqa: E402

ORDERS = ("fifo", "fifo_swap", "lifo", "random", "weighted")
CURVES = ("fifo", "fifo, lanes of each QPU", "random", "weighted", "efaas")
LOADS = (0.55, 0.8, 0.95)
# CPU seconds of the authors' program, one thread (simulator.md), and what ours may take
REFERENCE_S = MappingProxyType({"small, fifo": 0.286, "small, random": 0.297, "small, weighted": 0.844,
                                "C study, C = 2, one day": 576.0, "C study, C = 6, one day": 15.8,
                                "Q study, Q = 4, every 450 s": 0.268})
BOUND_S = MappingProxyType({"small, fifo": 0.03, "small, random": 0.03, "small, weighted": 0.03,
                            "C study, C = 2, one day": 0.1})
PLAIN, EVERYTHING = 5e6, 3e6        # events/s wanted
SECOND_S, FIRST_S, SESSION_BYTES = 2.0, 30.0, 512.0


def clock(run: Callable[[int], Clocking], numbers: int, rounds: int) -> dict[str, Any]:
    """CPU seconds of replications 0, 1, ...: the mean over their best of `rounds`, and the median of all."""
    run(0)      # loads the compiled kernel
    clocked = [[run(number) for _ in range(rounds)] for number in range(numbers)]
    events = [runs[0].found.events for runs in clocked]
    best = [min(one.kernel_s for one in runs) for runs in clocked]
    return {
        "all_s": statistics.fmean(min(one.all_s for one in runs) for runs in clocked),
        "all_median_s": statistics.median(one.all_s for runs in clocked for one in runs),
        "kernel_s": statistics.fmean(best), "events": statistics.fmean(events),
        "kernel_median_s": statistics.median(one.kernel_s for runs in clocked for one in runs),
        "events_per_s": sum(events) / sum(best), "widest": max(runs[0].found.widest for runs in clocked)}


def paper_models(policies: Sequence[str]) -> Iterator[tuple[str, PlatformModel]]:
    """The points of the paper's model that are clocked."""
    yield from ((f"small, {name}", small(name)) for name in ORDERS if name in policies)
    if "random" in policies:
        for workers in (2, 6):
            yield f"C study, C = {workers}, one day", big_classical(workers, 450.0)
        yield "Q study, Q = 4, every 450 s", big_quantum(4, 450.0)


def measure_paper(wish: argparse.Namespace) -> list[dict[str, Any]]:
    """The paper's model: drawing the sessions and the kernel, and the kernel alone."""
    return [{"what": what, "reference_s": REFERENCE_S.get(what), **clock(partial(paper_run, model), 5, wish.rounds)}
            for what, model in paper_models(wish.policies)]


def measure_extended(wish: argparse.Namespace) -> list[dict[str, Any]]:
    """The extended model on three QPUs under efaas, plain and with everything on."""
    rows = []
    for everything in (False, True):
        for load in LOADS:
            scenario = busy(load, everything=everything)
            one = clock(partial(extended_run, scenario), 3, wish.rounds)
            arguments = extended_run(scenario).arguments
            slot = sum(open_arrays(arguments).values()) / len(arguments[0].slots)
            rows.append({"everything": everything, "load": load, "bytes_a_slot": slot, **one})
    return rows


def measure_backlog(wish: argparse.Namespace) -> dict[str, Any]:
    """Cost of an event by the tasks that wait, and of one read at random in as much memory as their sessions take."""
    sizes = [10**k for k in range(1, 7) if 10**k <= wish.largest]
    rows = []
    for curve in (name for name in CURVES if name in wish.policies):
        for size in sizes:
            print(f"{curve}: {size:,} tasks wait", file=sys.stderr, flush=True)
            rows.append({"curve": curve, **steady(curve.partition(",")[0], size + 3, 3, wish.events, wish.rounds,
                                                  own_lanes="," in curve)})
    reads = [{"waiting": size, "ns": random_read_ns(size * 392, 2)} for size in sizes]
    return {"rows": rows, "random read": reads}


def measure_qpus(wish: argparse.Namespace) -> list[dict[str, Any]]:
    """Events a second with many QPUs and two sessions for each."""
    rows = []
    for policy, most in (("fifo", 10_000), ("efaas", 1000)):
        for qpus in (10, 100, 1000, 10_000):
            if policy in wish.policies and qpus <= min(most, wish.largest):
                events = 3 * qpus if policy == "efaas" and qpus > 100 else max(wish.events // 4, 3 * qpus)
                rows.append(steady(policy, 2 * qpus, qpus, events, 2 if wish.quick else 3))
    return rows


def measure_memory(wish: argparse.Namespace) -> list[dict[str, Any]]:
    """Bytes of an open session."""
    return [starts.memory(sessions) for sessions in (100_000, 1_000_000) if sessions <= max(wish.largest, 100_000)]


def measure_starts(wish: argparse.Namespace) -> list[dict[str, Any]]:
    """Starts of fresh processes."""
    return [starts.start(name, 3) for name in list(starts.STARTS)[:1 if wish.quick else None]]


PARTS = MappingProxyType({"paper": measure_paper, "extended": measure_extended, "backlog": measure_backlog,
                          "qpus": measure_qpus, "memory": measure_memory, "starts": measure_starts})


def targets(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What was promised, beside what was measured."""
    for row in found.get("paper", ()):
        if row["what"] in BOUND_S:
            each = row["kernel_s"] / row["events"] * 1e9
            why = f"the kernel alone takes {row['kernel_s']:.3f} s, {each:.1f} ns an event"
            yield target(row["what"], BOUND_S[row["what"]], row["all_s"], "CPU s", why)
    for row in found.get("extended", ()):
        what = "everything on" if row["everything"] else "efaas"
        yield target(f"extended, {what}, load {row['load']}", EVERYTHING if row["everything"] else PLAIN,
                     row["events_per_s"], "events/s", least=True)
    for curve, worst in beyond_log(found.get("backlog", {}).get("rows", ())).items():
        yield target(f"{curve}: growth of an event's cost since 10 tasks, over that of log n", 1.0, worst, "x",
                     "what the processor's caches do not hold: see the line of one random read")
    for row in found.get("memory", ()):
        yield target(f"bytes of an open session, {row['sessions']:,} open", SESSION_BYTES, row["bytes_each"], "bytes")
    for row in found.get("starts", ()):
        yield target(f"first start, {row['what']}", FIRST_S, row["first"]["cpu_s"], "CPU s")
        yield target(f"second start, {row['what']}", SECOND_S, row["second"]["cpu_s"], "CPU s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no more than 100,000 tasks, one start")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--policies", nargs="+", choices=sorted({*ORDERS, *CURVES}), default=[*ORDERS, *CURVES])
    parser.add_argument("--largest", type=int, help="most tasks that wait")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "platform.json")
    wish = parser.parse_args()
    wish.rounds, wish.events = (2, 100_000) if wish.quick else (5, 300_000)
    wish.largest = wish.largest or (100_000 if wish.quick else 1_000_000)
    begun, about = time.perf_counter(), machine()
    found: dict[str, Any] = {"machine": about, "integer_loop_s": integer_loop_s(3)}
    for part in wish.parts:
        print(f"== {part}", file=sys.stderr, flush=True)
        found[part] = PARTS[part](wish)
    found |= {"load_average_after": machine()["load_average"], "took_s": round(time.perf_counter() - begun, 1),
              "integer_loop_after_s": integer_loop_s(3), "targets": list(targets(found))}
    wish.out.parent.mkdir(parents=True, exist_ok=True)
    write(wish.out, found)
    text = page(found, wish.out.with_suffix(".png").name)
    wish.out.with_suffix(".md").write_text(text, encoding="utf-8")
    if "backlog" in found:
        draw(found["backlog"], wish.out.with_suffix(""))
    print(text)


if __name__ == "__main__":
    main()
