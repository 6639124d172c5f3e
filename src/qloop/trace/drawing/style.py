"""How figures look: colours that colour-blind readers tell apart, sizes for a paper's page, no global state.

Figures are made without pyplot, so they work on machines without a display and leave the user's settings alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.errors import MissingExtra
from qloop.trace.drawing.spans import BACKGROUND, CALIBRATION, OFFLINE, THINKING, WAITING, WASTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito (2008), in an order in which neighbours differ in lightness, too; their yellow, which white paper
# swallows, is replaced by Tol's olive.
GROUPS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999933", "#000000")
# Tol (2021), "muted": none of them is a group's colour.
POLICIES = ("#7A7A7A", "#882255", "#332288", "#117733")
INK, FAINT = "#222222", "#6B6B6B"

FIXED: Mapping[str, Mapping[str, Any]] = {
    BACKGROUND: {"facecolor": "#D3D3D3", "edgecolor": "white"},
    WASTE: {"facecolor": "white", "edgecolor": "#B2182B", "hatch": "xxxx"},
    CALIBRATION: {"facecolor": "white", "edgecolor": "#555555", "hatch": "//////"},
    OFFLINE: {"facecolor": "#4D4D4D", "edgecolor": "#4D4D4D"},
    WAITING: {"facecolor": "#F7CFC4", "edgecolor": "none"},
    THINKING: {"facecolor": "#9A9A9A", "edgecolor": "none"},
}

_SETTINGS: Mapping[str, Any] = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 8, "axes.titlesize": 9,
    "axes.labelsize": 8, "xtick.labelsize": 7.5, "ytick.labelsize": 7.5, "legend.fontsize": 7.5,
    "axes.edgecolor": FAINT, "axes.labelcolor": INK, "text.color": INK, "xtick.color": FAINT,
    "xtick.labelcolor": INK, "ytick.color": FAINT, "ytick.labelcolor": INK, "axes.linewidth": 0.7,
    "axes.spines.top": False, "axes.spines.right": False, "hatch.linewidth": 0.5, "pdf.fonttype": 42,
    "svg.hashsalt": "qloop",
}


@contextmanager
def styled() -> Iterator[None]:
    """qloop's settings for what is drawn inside; `MissingExtra` if matplotlib is not installed."""
    try:
        import matplotlib as mpl
    except ImportError:
        raise MissingExtra("Drawing figures", "plot") from None
    settings: Any = dict(_SETTINGS)
    with mpl.rc_context(settings):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def colours(groups: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The look of each group's bars; the groups with a fixed meaning look the same in every figure."""
    free = [group for group in groups if group not in FIXED]
    looks = {group: {"facecolor": GROUPS[n % len(GROUPS)], "edgecolor": "white"} for n, group in enumerate(free)}
    return looks | {group: dict(FIXED[group]) for group in groups if group in FIXED}


def save(figure: Figure, path: str | Path, *, dpi: int = 200) -> tuple[Path, Path]:
    """Write the figure beside `path` as PNG and PDF, and return the two; the folder is made if needed."""
    stem = Path(path)
    if stem.suffix in (".png", ".pdf"):
        stem = stem.with_suffix("")
    stem.parent.mkdir(parents=True, exist_ok=True)
    # Appended, not replaced: a name such as "load-0.85" must keep its end.
    png, pdf = stem.with_name(stem.name + ".png"), stem.with_name(stem.name + ".pdf")
    with styled():
        figure.savefig(png, dpi=dpi)
        figure.savefig(pdf, metadata={"CreationDate": None})
    return png, pdf
