"""`qloop qpus`: the QPUs that a program can name."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.cli.exits import Exit

if TYPE_CHECKING:
    from qloop.qpus.medians import Medians
    from qloop.qpus.protocol import QpuDescription


def add(subparsers: Any) -> None:
    """Declare the command."""
    subparsers.add_parser("qpus", help="list the QPUs that a program can name",
                          description="List the QPUs that Session(qpu=...) and 'qloop run --qpus' can name.")


def run(args: argparse.Namespace) -> int:
    """Print the table; a plugin that fails is named below it."""
    from qloop.qpus.catalog import list_qpus

    found = list_qpus()
    rows = [(qpu, _medians(qpu)) for qpu in found.qpus]
    if args.json:
        console.document({"qpus": [_as_dict(qpu, errors) for qpu, errors in rows], "broken": found.broken})
        return Exit.OK
    table = console.table("QPUs", "name", "kind", "device", "qubits", "calibrated", "1q error", "2q error", "readout",
                          "ESP", "cold",
                          right=("qubits", "1q error", "2q error", "readout", "ESP", "cold"))
    for qpu, errors in rows:
        cold = f"{qpu.cold_s:g} s" if qpu.cold_s else ""
        table.add_row(f"[bold]{console.plain(qpu.name)}[/]", qpu.kind, qpu.device, str(qpu.n_qubits),
                      qpu.calibrated_at[:10], *_errors(errors), cold)
    console.show(table)
    console.note("errors: medians; ESP: of a GHZ state of eight qubits; cold: set-up at a session's first shot")
    for qpu, _ in rows:
        console.show(f"[bold]{console.plain(qpu.name)}[/]  [dim]{console.plain(qpu.note)}[/]")
    for name, why in found.broken.items():
        console.say(f"broken plugin {name}: {why}")
    return Exit.OK


def _medians(qpu: QpuDescription) -> Medians | None:
    """The median errors of a shipped twin."""
    from qloop.qpus.medians import medians
    from qloop.qpus.snapshot_files import load_snapshot, snapshot_names

    snapshot = qpu.name.removeprefix("twin-")
    if qpu.kind != "twin" or snapshot not in snapshot_names():
        return None
    return medians(load_snapshot(snapshot))


def _errors(errors: Medians | None) -> tuple[str, str, str, str]:
    if errors is None:
        return "", "", "", ""
    return (f"{errors.one_qubit:.1e}", f"{errors.two_qubit:.1e}", f"{errors.readout:.1e}", f"{errors.esp_ghz:.2f}")


def _as_dict(qpu: QpuDescription, errors: Medians | None) -> dict[str, Any]:
    import msgspec

    return {**msgspec.to_builtins(qpu), "medians": None if errors is None else msgspec.to_builtins(errors)}
