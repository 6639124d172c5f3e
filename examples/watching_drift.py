"""A day on a twin that drifts: how likely a circuit succeeds, minute by minute, and what calibrations mend."""

import importlib.util

from qloop.miniapps.problems.registry import problem
from qloop.qpus.twin import TwinQpu

MINUTE = 60 * 10**9
chain = problem("ising", nodes=10, layers=4)

# The device is looked at once an hour, and calibrated (2 minutes) where a reference circuit has lost more than 5 %.
twin = TwinQpu("torino", seed=7, drift="x1", recalibrate="monitor", maintenance=[(14 * 3600.0, 15 * 3600.0)])
program = twin.compile(chain.circuit, chain.observable)
minutes = range(0, 24 * 60, 5)
esps = [twin.esp_at(program, minute * MINUTE) for minute in minutes]

windows, window = [], twin.next_window(0)
while window is not None and window.begin_ns < minutes.stop * MINUTE:
    windows.append(window.begin_ns / MINUTE)
    window = twin.next_window(window.begin_ns + 1)

calibrated = program.isa.success.esp
print(f"as calibrated: ESP {calibrated:.3f}; at the begin, with parameters a day old: {esps[0]:.3f}")
print(f"over the day: ESP from {min(esps):.3f} to {max(esps):.3f}")
print(f"{len(windows)} calibrations, and epoch {twin.epoch_at(minutes.stop * MINUTE)} at the end")

if importlib.util.find_spec("matplotlib") is None:
    print("no figure: it needs pip install 'qloop[plot]'")
else:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([minute / 60 for minute in minutes], esps, color="black", linewidth=1.0)
    axes.axhline(calibrated, color="grey", linestyle=":", label="as calibrated")
    for k, begin in enumerate(windows):
        axes.axvline(begin / 60, color="tab:blue", alpha=0.5, label="calibration" if k == 0 else None)
    away = twin.next_absence(0)
    axes.axvspan(away.begin_ns / MINUTE / 60, away.end_ns / MINUTE / 60, color="0.9", label=away.reason)
    axes.set(xlabel="hours since the run's begin", ylabel="ESP", xlim=(0, 24),
             title=f"A circuit of ten qubits on {twin.describe().device}, drifting")
    axes.legend(loc="lower right", fontsize=8)
    figure.savefig("watching_drift.png", dpi=150)
    print("drawn: watching_drift.png")
