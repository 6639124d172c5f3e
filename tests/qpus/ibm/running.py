"""Executing what IBM's client sends, by Qiskit's exact simulators, and a device's data as the service gives them."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import qiskit_ibm_runtime.fake_provider as fakes
from qiskit.primitives import PrimitiveResult, PubResult, StatevectorEstimator, StatevectorSampler
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit_ibm_runtime import RuntimeDecoder, RuntimeEncoder

SEED = 20261121


def execute(program: str, params: dict[str, Any]) -> str:
    """The result of a primitive's run, as the service writes it."""
    inputs = json.loads(json.dumps(params), cls=RuntimeDecoder)
    run = {"estimator": _estimate, "sampler": _sample}[program]
    return json.dumps(run(inputs), cls=RuntimeEncoder)


def _estimate(inputs: dict[str, Any]) -> PrimitiveResult:
    shots = inputs["options"]["default_shots"]
    pubs = [EstimatorPub.coerce((circuit, observables, thetas), 1.0 / math.sqrt(shots))
            for circuit, observables, thetas, _ in inputs["pubs"]]
    found = StatevectorEstimator(seed=SEED).run(pubs).result()
    return PrimitiveResult([PubResult(one.data, {"shots": shots, "target_precision": 1.0 / math.sqrt(shots)})
                            for one in found], {"version": 2})


def _sample(inputs: dict[str, Any]) -> PrimitiveResult:
    pubs = [SamplerPub.coerce((circuit, thetas, shots)) for circuit, thetas, shots in inputs["pubs"]]
    return StatevectorSampler(seed=SEED).run(pubs).result()


def raw_configuration(name: str) -> dict[str, Any]:
    return _renamed("conf", name)


def raw_properties(name: str) -> dict[str, Any]:
    return _renamed("props", name)


def dated(properties: dict[str, Any], moment: str) -> dict[str, Any]:
    changed = copy.deepcopy(properties)
    changed["last_update_date"] = moment
    return changed


def _renamed(kind: str, name: str) -> dict[str, Any]:
    bare = name.removeprefix("ibm_")
    folder = Path(fakes.__file__).parent / "backends" / bare
    content: dict[str, Any] = json.loads((folder / f"{kind}_{bare}.json").read_text())
    return {**content, "backend_name": name}
