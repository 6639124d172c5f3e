"""The quantities of the evaluation, by name: unit, meaning, and which direction is better."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from qloop.simulator.analysis.measures import Measure

QUANTITIES: Mapping[str, Measure] = MappingProxyType({
    "gap_mean": Measure("s", "Loops: begin of a QPU run less the end of the one before, mean", -1),
    "gap_p50": Measure("s", "The same, median", -1),
    "gap_p95": Measure("s", "The same, 95 % quantile", -1),
    "gap_wait": Measure("s", "The waiting part of the mean gap: less thinking and network", -1),
    "gap_wait_p50": Measure("s", "The waiting part of the gap, median", -1),
    "gap_wait_p95": Measure("s", "The waiting part of the gap, 95 % quantile", -1),
    "ttns_start": Measure("s", "Loops: parameters ready to begin on a QPU, mean (TTNS start)", -1),
    "ttns_eq": Measure("s", "Loops: parameters ready to end on a QPU, mean (TTNS eq)", -1),
    "ttns_loop": Measure("s", "Loops: end of one quantum step to the end of the next, mean (TTNS loop)", -1),
    "ttns_p95": Measure("s", "The same, 95 % quantile", -1),
    "first_wait": Measure("s", "Loops: wait of the first quantum task, mean", -1),
    "makespan": Measure("s", "Loops: arrival to completion, mean over those that finished", -1),
    "loop_slowdown": Measure("number", "Loops: that time over the same alone on a warm QPU, mean", -1),
    "loops_done": Measure("count", "Loops that arrived after the warm-up and finished", 1),
    "normal_wait": Measure("s", "Background tasks: wait for a QPU, mean", -1),
    "normal_wait_p95": Measure("s", "Background tasks: wait for a QPU, 95 % quantile", -1),
    "normal_slowdown": Measure("number", "Background tasks: bounded slowdown, mean", -1),
    "normal_slowdown_p95": Measure("number", "Background tasks: bounded slowdown, 95 % quantile", -1),
    "normal_longest": Measure("s", "Background tasks and first shots of loops: longest wait", -1),
    "normal_gap": Measure("s", "Longest time in which such tasks waited and none of them was begun", -1),
    "normal_room": Measure("s", "What aging leaves for that: T_s, the longest run, and a calibration"),
    "qdc": Measure("share", "Useful QDC: QPUs' time in results", 1),
    "qdc_loops": Measure("share", "Of this for loops"),
    "qdc_background": Measure("share", "Of this for background tasks"),
    "qdc_cold": Measure("share", "QPUs' time for compiling and loading", -1),
    "qdc_lost": Measure("share", "QPUs' time in attempts that gave nothing", -1),
    "qdc_calibration": Measure("share", "QPUs' time in calibrations"),
    "qdc_down": Measure("share", "QPUs' time in outages", -1),
    "qdc_held": Measure("share", "QPUs' time idle while a session held them for itself", -1),
    "qdc_idle": Measure("share", "QPUs' time without any of these", -1),
    "calibrations_paid": Measure("share", "Loops: iterations that waited for a calibration", -1),
    "calibration_wait": Measure("s", "Loops: seconds of calibrations on an iteration's path, mean", -1),
    "calibrations_avoidable": Measure("share", "Loops: iterations that did so while another QPU idled long enough", -1),
    "epochs": Measure("number", "Loops: changes of calibration epoch in one that finished, mean", -1),
    "loss": Measure("nat", "Loops: loss -ln ESP, mean of iterations", -1),
    "excess_loss": Measure("nat", "Loops: loss -ln ESP above that of a fresh calibration, mean of iterations"),
    "signal_lost": Measure("share", "Loops: part of the signal lost by it, 1 - exp(-excess), mean of loops"),
    "cost": Measure("s", "QPU seconds of a loop that finished, held time included, mean", -1),
    "fair_share": Measure("number", "Jain's index over tenants of dominant share per weight", 1),
    "fair_least": Measure("number", "Least over largest dominant share per weight of a tenant", 1),
    "fair_lag": Measure("share", "Largest lag of two tenants' NORMAL service, as a part of its bound; saturated only",
                        -1),
    "fair_slowdown": Measure("number", "Jain's index over tenants of the mean slowdown of their loops", 1),
})
