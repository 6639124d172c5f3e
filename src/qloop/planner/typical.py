"""Constants of a usual machine (a server core of 2024, AVX-512), for where nothing was measured; seconds by feature."""

from __future__ import annotations

from qloop.planner.model import Constants, Sharing

TYPICAL = Constants(
    task=(2.2e-4, 4.7e-6, 2e-9, 4.4e-7, 1.8e-9, 9.8e-10, 2.3e-10, 2.6e-10, 1e-6, 1.2e-10, 1e-5, 6.8e-6, 1.7e-9, 5e-11,
          1.7e-9, 8.8e-9),
    prepare=(3.1e-4, 1.7e-5, 5.3e-6, 6e-4, 2e-5, 2.5e-6, 8.5e-5, 5e-6, 2.5e-5),
    join=(1.5e-4, 3.2e-5, 7.5e-9),
    sharing=Sharing(slower=0.1, per_batch_s=5e-4, per_task_s=3e-4, per_gate_s=8e-6))
