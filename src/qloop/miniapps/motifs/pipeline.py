"""Multistage pipeline: data on a worker, two trainings on QPUs, an evaluation on both, one after the other."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.loops.optimizers.by_name import make
from qloop.miniapps.motifs import learning
from qloop.miniapps.motifs.motif import Motif
from qloop.miniapps.motifs.parameters import Choice, Parameters, Real, Whole
from qloop.miniapps.motifs.record import Asked, Check, Recorder, Result, collect, emulated
from qloop.miniapps.motifs.site import Site
from qloop.miniapps.motifs.training import Training
from qloop.miniapps.problems.problem import philox

NAME = "pipeline"
ROUNDING = 1e-9
START_STREAM = 18
Floats = NDArray[np.float64]


class Pipeline(Parameters, frozen=True, kw_only=True):
    """A classifier that learns from a teacher, and an autoencoder that compresses states; exact on exact QPUs."""

    features: Annotated[int, Whole(1, 6, "qubits", "Features of a point, and qubits of the classifier")] = 2
    layers: Annotated[int, Whole(1, 6, "layers", "Layers of the classifier and of the encoder")] = 1
    train: Annotated[int, Whole(4, 1000, "points", "Points to learn from")] = 40
    test: Annotated[int, Whole(10, 1000, "points", "Points to be judged by")] = 40
    iterations: Annotated[int, Whole(1, 10_000, "iterations", "Of each training")] = 60
    starts: Annotated[int, Whole(1, 100, "starts", "Of the classifier; the one with the least loss counts")] = 2
    optimizer: Annotated[str, Choice(("cma-es", "spsa", "nelder-mead"), "Who trains the classifier")] = "nelder-mead"
    qubits: Annotated[int, Whole(2, 8, "qubits", "Width of the states that are compressed")] = 3
    latent: Annotated[int, Whole(1, 6, "qubits", "Qubits that they are compressed into")] = 1
    spread: Annotated[float, Real(0.0, 1.0, "", "How far the states leave the latent qubits")] = 0.1
    states: Annotated[int, Whole(2, 200, "states", "States that the encoder learns from")] = 8
    shots: Annotated[int, Whole(0, 1_000_000, "shots", "Shots of each evaluation; 0: exact values")] = 0
    behind: Annotated[float, Real(0.0, 1.0, "", "How far test accuracy may be behind the classical machine, and "
                                                "compression behind the best there is")] = 0.1
    seed: Annotated[int, Whole(0, 2**31 - 1, "", "Of data, hidden circuits and starts")] = 0

    def agree(self) -> None:
        """Something is left to be thrown away."""
        if self.latent >= self.qubits:
            raise InvalidInput(f"latent is {self.latent}, and qubits {self.qubits}", "Nothing would be compressed",
                               "Give fewer latent qubits")


def run(parameters: Pipeline, site: Site) -> Result:
    """Make data, train the encoder and the classifier, evaluate, and compare with the classical answers."""
    record = Recorder(NAME, parameters, site)
    wish = (parameters.features, parameters.layers, parameters.train, parameters.test, parameters.seed)
    with record.phase("submit"):
        handle = site.submit(learning.made_data, *wish)
    (data,) = record.gather("data", [handle], phase="stage")
    with site.session(shots=parameters.shots or None) as session:
        with record.phase("compile"):
            circuit = learning.compressor(parameters.qubits, parameters.latent, parameters.layers, parameters.spread,
                                          parameters.seed)
            trash = learning.trash_is_zero(parameters.qubits, parameters.latent)
            encoder = session.objective(circuit, trash)
            model = session.objective(learning.classifier(parameters.features, parameters.layers),
                                      learning.first_z(parameters.features))
        samples = learning.angles(parameters.latent, parameters.states, parameters.seed)
        kept = _compressed(parameters, Training(record, site, encoder, parameters.qubits), samples)
        weights, loss = _taught(parameters, Training(record, site, model, parameters.features), data)
        asked = [Asked(site, model.submit_batch(learning.rows(weights, data.test)), parameters.features)]
        (values,) = collect(record, "evaluate", asked)
    exact, classical, best = _classically(parameters, site, record, data, weights, samples)
    told = {"accuracy": learning.accuracy(values, data.test_labels), "classical_accuracy": classical, "loss": loss,
            "exact_accuracy": learning.accuracy(exact, data.test_labels), "compression": kept, "best_compression": best}
    return record.finish(told, checks(parameters, told, values, exact, emulated(asked)))


def _classically(parameters: Pipeline, site: Site, record: Recorder, data: learning.Data, weights: Floats,
                 samples: Floats) -> tuple[Floats, float, float]:
    """From workers: the model's exact test values, the classical machine's accuracy, and the best compression."""
    with record.phase("submit"):
        outputs = site.submit(learning.outputs, parameters.features, parameters.layers, weights, data.test)
        accuracy = site.submit(learning.fourier_accuracy, data)
        best = site.submit(learning.best_compression, parameters.qubits, parameters.latent, parameters.layers,
                           parameters.spread, parameters.seed, samples)
    (exact,) = record.gather("judge", [outputs])
    classical, bound = record.gather("judge", [accuracy, best])
    return exact, classical, bound


def checks(parameters: Pipeline, told: dict[str, float], values: Floats, exact: Floats, noisy: bool) -> list[Check]:
    """Both trainings against what is classically the best, and values against a state vector."""
    found = [Check("test accuracy", told["accuracy"], told["classical_accuracy"], parameters.behind,
                   "as far behind the classical machine as wished", "above"),
             Check("compression", told["compression"], told["best_compression"], parameters.behind,
                   "as far behind the best encoder as wished", "above")]
    if parameters.shots == 0 and not noisy:
        found += [Check("compression bound", told["compression"], told["best_compression"], ROUNDING,
                        "no encoder keeps more than the largest eigenvalues; rounding", "below"),
                  Check("worst test value", float(np.abs(values - exact).max()), 0.0, ROUNDING, "rounding", "below")]
    return found


def _compressed(parameters: Pipeline, training: Training, samples: Floats) -> float:
    """The mean probability of empty trash after training; each angle is in one gate, so Rotosolve's steps are exact."""
    generator = np.random.Generator(philox(parameters.seed, START_STREAM))
    start = generator.uniform(-0.1, 0.1, training.objective.n_parameters - parameters.latent)
    optimizer = make("rotosolve", start, parameters.iterations, parameters.seed, last_evaluation=True)
    training.run("compress", optimizer, lambda angles: np.hstack([samples, np.tile(angles, (len(samples), 1))]),
                 lambda values: 1.0 - float(values.mean()))
    return 1.0 - training.loss


def _taught(parameters: Pipeline, training: Training, data: learning.Data) -> tuple[Floats, float]:
    """The classifier's weights and their mean squared error, the best of so many starts."""
    generator = np.random.Generator(philox(parameters.seed, START_STREAM + 1))
    found: list[tuple[float, Floats]] = []
    for number in range(parameters.starts):
        start = generator.uniform(-np.pi, np.pi, learning.weights_of(parameters.features, parameters.layers))
        optimizer = make(parameters.optimizer, start, parameters.iterations, parameters.seed + number)
        weights = training.run("train", optimizer, lambda weights: learning.rows(weights, data.train),
                               lambda values: float(np.mean((values - data.train_labels) ** 2)))
        found.append((training.loss, weights))
    loss, weights = min(found, key=lambda one: one[0])
    return weights, loss


MOTIF = Motif(name=NAME, parameters=Pipeline, run=run, coupling="mixed", uses=("workers", "qpus"), seconds=1.5,
              about="data, two trainings and an evaluation", exercises="stages that need different resources in turn",
              exact="least squares on the model's own functions, and the eigenvalues of the states")
