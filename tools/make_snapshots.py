"""Make the calibration snapshots that qloop ships from the fake backends of qiskit-ibm-runtime.

Run `python tools/make_snapshots.py` with qiskit-ibm-runtime installed (the `bench` extra). It writes one compact
JSON file per device to `src/qloop/qpus/snapshots/` and prints sizes. The layout of the file is the one that
`qloop.qpus.snapshot.Snapshot` reads. Two runs with the same qiskit-ibm-runtime write the same bytes.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

DEVICES = {"torino": "FakeTorino", "sherbrooke": "FakeSherbrooke", "hanoi": "FakeHanoiV2"}
TARGET_DIR = Path(__file__).resolve().parent.parent / "src" / "qloop" / "qpus" / "snapshots"
TO_NS = {"ns": 1.0, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9}
QUBIT_PARAMETERS = (("t1_ns", "T1"), ("t2_ns", "T2"), ("readout_error", "readout_error"),
                    ("readout_ns", "readout_length"))
GATE_PARAMETERS = (("error", "gate_error"), ("length_ns", "gate_length"))


def utc(text: str) -> str:
    """An ISO date with offset, as UTC to the second."""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rounded(value: float) -> float | int:
    """The value at six significant digits; whole numbers as integers."""
    short = float(f"{value:.6g}")
    return int(short) if short == int(short) else short


class Dates:
    """The table of distinct dates; parameters refer to it by index, which keeps the files small."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def index(self, text: str) -> int:
        """The index of a date in the table, added if it is new."""
        date = utc(text)
        if date not in self.rows:
            self.rows.append(date)
        return self.rows.index(date)


def column(records: list[dict[str, Any]], name: str, dates: Dates) -> dict[str, list[Any]]:
    """One parameter over many qubits or gates: values in ns or as probabilities, and a date each."""
    values, stamps = [], []
    for record in records:
        entry = next(item for item in record if item["name"] == name)
        values.append(rounded(entry["value"] * TO_NS.get(entry["unit"], 1.0)))
        stamps.append(dates.index(entry["date"]))
    return {"value": values, "date": stamps}


def gate_table(name: str, gates: list[dict[str, Any]], dates: Dates) -> dict[str, Any]:
    """All calibrated places of one gate, sorted by qubits."""
    chosen = sorted((gate for gate in gates if gate["gate"] == name), key=lambda gate: tuple(gate["qubits"]))
    records = [gate["parameters"] for gate in chosen]
    table: dict[str, Any] = {"name": name, "qubits": [gate["qubits"] for gate in chosen]}
    return table | {key: column(records, source, dates) for key, source in GATE_PARAMETERS}


def snapshot(short: str, class_name: str) -> dict[str, Any]:
    """The snapshot of one device as plain data."""
    module = importlib.import_module("qiskit_ibm_runtime.fake_provider")
    folder = Path(getattr(module, class_name).dirname)
    conf = json.loads((folder / f"conf_{short}.json").read_text())
    props = json.loads((folder / f"props_{short}.json").read_text())
    version = importlib.metadata.version("qiskit-ibm-runtime")
    dates = Dates()
    processor = conf.get("processor_type", {})
    basis = [name for name in conf["basis_gates"] if name != "reset"]
    low, high = (round(micro * 1000) for micro in conf["rep_delay_range"])
    return {
        "format": 1,
        "name": short,
        "device": props["backend_name"],
        "processor": f"{processor.get('family', '')} r{processor.get('revision', '')}".strip(),
        "source": f"qiskit-ibm-runtime {version}, fake backend {class_name} (conf_{short}.json, props_{short}.json)",
        "licence": "Apache-2.0, (C) Copyright IBM; converted, rounded to 6 digits",
        "taken": utc(props["last_update_date"]),
        "n_qubits": conf["n_qubits"],
        "dt_ns": rounded(conf["dt"]),
        "rep_delay_ns": {"default": round(conf["default_rep_delay"] * 1000), "low": low, "high": high},
        "basis_gates": basis,
        "qubits": {key: column(props["qubits"], source, dates) for key, source in QUBIT_PARAMETERS},
        "gates": [gate_table(name, props["gates"], dates) for name in basis],
        "dates": dates.rows,
    }


def main() -> None:
    """Write the snapshots and print their sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=TARGET_DIR, help="folder to write to")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for short, class_name in DEVICES.items():
        path = out / f"{short}.json"
        text = json.dumps(snapshot(short, class_name), separators=(",", ":"))
        path.write_text(text + "\n")
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
