"""`qloop miniapp characterize`: what a motif is as a workload, and the scenario files for `qloop simulate`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.cli.exits import Exit
from qloop.cli.miniapp_places import place, qpus_of
from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from rich.table import Table

    from qloop.miniapps.motifs.characterize import Profile, Stage
    from qloop.miniapps.motifs.motif import Motif
    from qloop.miniapps.motifs.parameters import Parameters

MOST_CORES = 1 << 20
MOST_RUNS = 1000
REPLICATIONS = 10
MOST_CHAINS = 100_000     # a scenario file of less than a megabyte


def characterized(args: argparse.Namespace, motif: Motif, parameters: Parameters) -> int:
    """Run it, write a scenario file for each stage, and tell what was found."""
    from qloop.miniapps.demo.perform import folder_of
    from qloop.miniapps.motifs.characterize import characterize

    if not 1 <= args.runs <= MOST_RUNS:
        raise InvalidInput(f"{args.runs} runs are asked for", "", f"Give 1 to {MOST_RUNS}")
    if not 0 <= args.up_to <= MOST_CORES:
        raise InvalidInput(f"A grid of up to {args.up_to} cores is asked for", "", f"Give 1 to {MOST_CORES}")
    if not 0 <= args.chains <= MOST_CHAINS:
        raise InvalidInput(f"{args.chains} chains are asked for", "", f"Give 1 to {MOST_CHAINS:,}")
    folder = folder_of(args.out or f"out/{motif.name}")
    with place(args, motif.name) as site:
        found = characterize(motif, parameters, site, qpus=len(qpus_of(args)), runs=args.runs)
    files = [_written(found, stage, number, folder, args) for number, stage in enumerate(found.stages, 1)]
    cores = _grid(args.up_to) or [found.slots]
    predicted = _predicted(found, files, cores) if args.predict else {}
    if args.json:
        console.document({**as_dict(found, files), "predicted_s": predicted or None})
    else:
        _tell(found, files)
        if predicted:
            console.show(_makespans(found, predicted))
    return Exit.OK


def _grid(up_to: int) -> list[int]:
    """The powers of two up to a number."""
    return [1 << k for k in range(up_to.bit_length())]


def _makespans(found: Profile, predicted: dict[int, float]) -> Table:
    """What the simulator says of each number of cores; with as many as were measured, the measured one beside it."""
    table = console.table(f"{found.motif}: simulated makespan", "cores", "s", "times as fast", "measured s",
                          right=("cores", "s", "times as fast", "measured s"))
    first = next(iter(predicted.values()))
    for cores, seconds in predicted.items():
        table.add_row(f"{cores:,}", f"{seconds:.4g}", f"{first / seconds:.3g}",
                      f"{found.makespan_s:.4g}" if cores == found.slots else "")
    return table


def _predicted(found: Profile, files: list[Path], cores: list[int]) -> dict[int, float]:
    """The makespan on so many cores, s: the stages follow each other, and so their simulated makespans add up."""
    from dataclasses import replace

    from qloop.simulator.campaign.document import load
    from qloop.simulator.platform.run import replicate

    totals = dict.fromkeys(cores, 0.0)
    for stage, path in zip(found.stages, files, strict=True):
        scenario = load(path).scenario()
        for count in cores:
            workers = replace(scenario.classical, workers=max(1, count // stage.ranks))
            at = replace(scenario, classical=workers)
            ends = [float(replicate(at, number).left_ns.max()) for number in range(REPLICATIONS)]
            totals[count] += sum(ends) * 1e-9 / REPLICATIONS
    return totals


def _written(found: Profile, stage: Stage, number: int, folder: Path, args: argparse.Namespace) -> Path:
    """The scenario file of a stage, which was read again before it is kept."""
    from qloop.miniapps.motifs.characterize import scenario_tables
    from qloop.simulator.campaign.document import loads
    from qloop.simulator.campaign.dump import toml
    from qloop.simulator.whole import whole

    chains = args.chains if stage.chains > 1 or stage.quantum_s else 0
    path = folder / f"{number}-{stage.name}.toml"
    tables = scenario_tables(found, stage, workers=_grid(args.up_to), chains=chains)
    text = f"{_header(found, stage)}\n{toml(tables)}"
    loads(text, str(path)).scenario()
    with whole(path) as sink:
        sink.write(text.encode())
    return path


def _header(found: Profile, stage: Stage) -> str:
    """What was measured, as the file's first lines."""
    given = ", ".join(f"{name} {value}" for name, value in found.parameters.items())
    lines = (f"{found.motif}, stage {stage.name}: {stage.chains:,} chains of tasks; coupling {found.coupling}",
             f"measured on {found.slots} workers and {found.qpus} QPUs, {found.runs} warm runs of "
             f"{found.makespan_s:.4g} s, a cold one {found.cold_s:.4g} s",
             f"{stage.moved:,} bytes of arguments and results; a worker stands for {stage.ranks} cores",
             f"parameters: {given}",
             "stages follow each other: the makespan of the motif is the sum of their time_max")
    return "".join(f"# {line}\n" for line in lines)


def _tell(found: Profile, files: list[Path]) -> None:
    table = console.table(f"{found.motif}: {found.makespan_s:.4g} s warm, {found.cold_s:.4g} s cold", "stage", "chains",
                          "ranks", "classical tasks", "mean s", "quantum tasks", "mean s each", "bytes moved",
                          "scenario", right=("chains", "ranks", "classical tasks", "mean s", "quantum tasks",
                                             "mean s each", "bytes moved"))
    for stage, path in zip(found.stages, files, strict=True):
        table.add_row(stage.name, f"{stage.chains:,}", f"{stage.ranks}",
                      f"{len(stage.classical_s) // found.runs:,}", _mean(stage.classical_s),
                      f"{len(stage.quantum_s) // found.runs:,}", _mean(stage.quantum_s), f"{stage.moved:,}", str(path))
    console.show(table)
    console.say(f"coupling {found.coupling}; {found.rate:,.4g} tasks/s; {found.classical_s:.4g} core seconds and "
                f"{found.quantum_s:.4g} QPU seconds a run")
    widest = max(range(len(files)), key=lambda n: (found.stages[n].chains, found.stages[n].work_s))
    console.note(f"simulate it: qloop simulate run {files[widest]}")


def _mean(values: tuple[float, ...]) -> str:
    return f"{sum(values) / len(values):.4g}" if values else "-"


def as_dict(found: Profile, files: list[Path]) -> dict[str, Any]:
    """The profile for a JSON document."""
    stages = [{"name": stage.name, "chains": stage.chains, "ranks": stage.ranks, "width": stage.width,
               "classical_s": list(stage.classical_s), "quantum_s": list(stage.quantum_s),
               "overhead_s": stage.overhead_s, "setup_s": stage.setup_s, "moved": stage.moved, "scenario": str(path)}
              for stage, path in zip(found.stages, files, strict=True)]
    return {"motif": found.motif, "coupling": found.coupling, "parameters": found.parameters, "stages": stages,
            "runs": found.runs, "makespan_s": found.makespan_s, "cold_s": found.cold_s, "slots": found.slots,
            "qpus": found.qpus, "tasks_per_s": found.rate, "classical_s": found.classical_s,
            "quantum_s": found.quantum_s, "cpu_qpu_ratio": found.ratio if found.quantum_s else None}
