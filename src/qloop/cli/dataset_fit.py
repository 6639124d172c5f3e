"""`qloop dataset fit`: which distribution fits measurements, and whether it does."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.cli.dataset_record import sizes_of
from qloop.cli.exits import Exit
from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from qloop.trace.datasets.fit import Fit, Fitted
    from qloop.trace.datasets.samples import Sample

ABOUT = """Fit distributions to each size of each column by maximum likelihood and choose by BIC. The p-values of
Kolmogorov-Smirnov (KS) and Anderson-Darling (AD) are from a parametric bootstrap. Where even the best has
an AD p-value below 0.05 it is called rejected: use the values themselves then (kind "empirical", see --json).
The records are what scenario files take as a distribution."""
MOST_KEYS = 2 ** 63


def add(actions: Any) -> None:
    """Declare the action."""
    parser = actions.add_parser("fit", help="fit distributions to measurements", description=ABOUT)
    parser.add_argument("source", metavar="SOURCE", help="a data set, one of its tables, or a CSV file with a header")
    parser.add_argument("--column", default="", metavar="NAME", help="only this column, such as pre_s or "
                                                                     "iterations.classical_s")
    parser.add_argument("--sizes", default="", metavar="N,N", help="only these sizes (default: all)")
    parser.add_argument("--resamples", type=int, default=0, metavar="N",
                        help="of the bootstrap (default: 99 to 999, fewer for larger samples)")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default 0)")
    parser.add_argument("--plot", metavar="FIGURE", help="draw distributions and quantiles, as PNG and PDF")


def run(args: argparse.Namespace) -> int:
    """Fit, and print a table or JSON."""
    from qloop.trace.datasets.samples import samples

    if not 0 <= args.seed < MOST_KEYS:
        raise InvalidInput(f"The seed is {args.seed}", "", "Give a whole number from 0 to 2^63 - 1")
    found = samples(args.source, args.column, sizes_of(args.sizes))
    pairs = [(sample, _fitted(sample, args.seed, args.resamples)) for sample in found]
    figures = _figure(pairs, args.plot) if args.plot else []
    if args.json:
        told = [{"column": sample.column, "unit": sample.unit, "n_qubits": sample.size or None, **_as_dict(fitted)}
                for sample, fitted in pairs]
        console.document({"source": str(args.source), "samples": told, "figures": [str(file) for file in figures]})
        return Exit.OK
    console.show(_table(str(args.source), pairs))
    for file in figures:
        console.say(f"figure: {file}")
    return Exit.OK


def _fitted(sample: Sample, seed: int, resamples: int) -> Fitted:
    """The fit; its errors name the sample."""
    from qloop.trace.datasets.fit import fit

    try:
        return fit(sample.values, _generator(seed, sample), resamples)
    except InvalidInput as error:
        raise InvalidInput(f"{sample.name}: {error.what}", error.why, error.do) from None


def _generator(seed: int, sample: Sample) -> Any:
    """Draws that depend on the sample's name alone, not on what else is fitted."""
    from zlib import crc32

    import numpy as np

    return np.random.Generator(np.random.Philox(key=np.array([seed, crc32(sample.name.encode())], dtype=np.uint64)))


def _as_dict(fitted: Fitted) -> dict[str, Any]:
    import msgspec

    return {**msgspec.to_builtins(fitted), "best": fitted.best}


def _table(title: str, pairs: list[tuple[Sample, Fitted]]) -> Any:
    table = console.table(title, "column", "qubits", "n", "best by BIC", "KS p", "AD p", "verdict",
                          right=("qubits", "n", "KS p", "AD p"))
    for sample, fitted in pairs:
        head = (sample.column, str(sample.size or "-"), str(fitted.n))
        if not fitted.fits:
            table.add_row(*head, "none", "-", "-", "rejected")
            continue
        one = fitted.fits[0]
        table.add_row(*head, console.plain(written(one)), f"{one.ks_p:.2g}", f"{one.ad_p:.2g}",
                      "rejected" if fitted.rejected else "fits")
    return table


def written(one: Fit) -> str:
    """A record as a scenario file writes it."""
    parts = [f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value:.6g}"
             for key, value in one.record.items()]
    return f"{{{', '.join(parts)}}}"


def _figure(pairs: list[tuple[Sample, Fitted]], out: str) -> list[Path]:
    """One figure a column; several are told apart by the column's name."""
    from qloop.trace.datasets.figure import draw
    from qloop.trace.drawing.style import save

    columns = list(dict.fromkeys(sample.column for sample, _ in pairs))
    stem = Path(out)
    files: list[Path] = []
    for column in columns:
        name = stem.with_suffix("") if stem.suffix in (".png", ".pdf") else stem
        target = name if len(columns) == 1 else name.with_name(f"{name.name}-{column}")
        figure = draw([pair for pair in pairs if pair[0].column == column])
        try:
            files += save(figure, target)
        except OSError as error:
            raise InvalidInput(f"The figure {target} cannot be written", error.strerror or str(error),
                               "Name another file") from error
    return files
