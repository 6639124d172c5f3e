"""The live subset of `qloop evaluate efaas`: what is asked for, what came out, and its part of the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from qloop.cli import console
from qloop.cli.evaluate_units import DEVICES, EVERY_S, LENGTH_S, PRICE, Unit, checked, number, shared
from qloop.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from rich.console import RenderableType

    from qloop.miniapps.compared.found import Found
    from qloop.miniapps.compared.numbers import Run
    from qloop.miniapps.compared.speculated import Guessed
    from qloop.miniapps.compared.wish import Wish

ALSO, ONLY = "also", "only"
FOLDER = "live"


@dataclass(frozen=True, slots=True)
class Live:
    """What came out, and the files that hold it."""

    found: Found
    files: tuple[Path, ...]

    def as_dict(self) -> dict[str, Any]:
        """Targets and files as plain data; the numbers are in the files."""
        from msgspec import to_builtins

        return {"targets": to_builtins(self.found.targets()), "files": [str(path) for path in self.files]}

    def shown(self) -> list[RenderableType]:
        """The targets, and where the rest is."""
        table = console.table("Live targets", "target", "verdict", "why")
        for one in self.found.targets():
            table.add_row(one.title, one.verdict, console.plain(one.why))
        return [table, console.plain(f"live: {', '.join(map(str, self.files))}")]


def add(parser: Any) -> None:
    """Declare the arguments of the live subset."""
    live = parser.add_argument_group("the live subset", "Real VQE loops on three emulated QPUs that drift, and what "
                                     "speculation gains, in virtual time.")
    live.add_argument("--live", nargs="?", const=ALSO, choices=(ALSO, ONLY), help="run it too, or only it")
    live.add_argument("--live-seeds", type=int, metavar="N", help="its seeds (default 5)")
    live.add_argument("--live-loads", metavar="A,B", help="its loads (default 0.7,0.85)")
    live.add_argument("--live-policies", metavar="A,B",
                      help="its policies, also as NAME:SETTING=VALUE (default fifo, faas, reservation, efaas, "
                           "and efaas:chunk_s=0 if efaas has chunks)")


def wished(args: Any) -> Wish | None:
    """What the arguments mean, None without --live; InvalidInput or UnknownName for what cannot be."""
    from qloop.miniapps.compared.wish import Wish

    if args.live is None:
        _refuse_without_live(args)
        return None
    if args.live == ONLY and args.page:
        raise InvalidInput("--live only and --page were given", "The page holds the sweep, too",
                           "Give --live: of the sweep, what is finished is read back")
    given: dict[str, Any] = {"seed": args.seed, "policies": _policies(args.live_policies)}
    if args.live_seeds is not None:
        given["seeds"] = args.live_seeds
    if args.live_loads is not None:
        given["loads"] = tuple(number("load", word) for word in args.live_loads.split(","))
    wish = Wish(**given).check()
    for name in wish.policies:
        checked(name)
    return wish


def _refuse_without_live(args: Any) -> None:
    """InvalidInput for settings of what is not run."""
    for name in ("live_seeds", "live_loads", "live_policies"):
        if getattr(args, name) is not None:
            raise InvalidInput(f"--{name.replace('_', '-')} was given without --live", "The live subset is not run",
                               "Add --live, or leave it out")


def perform(wish: Wish, out: str, watch: Any, processes: int | None = None) -> Live:
    """Run every seed and write numbers and figures; QloopError after Ctrl-C, or if the folder cannot be written."""
    from qloop.miniapps.compared.files import write
    from qloop.simulator.evaluation.looks import COLOURS

    _check_extras()
    found = compared(wish, watch, processes)
    second = dict.fromkeys((name for name in wish.policies if ":" in name), "#56B4E9")
    return Live(found, write(found, Path(out) / FOLDER, {**COLOURS, **second}))


def compared(wish: Wish, watch: Any, processes: int | None = None) -> Found:
    """Run every seed; the numbers do not depend on how many processes share the work."""
    from qloop.miniapps.compared.found import Found
    from qloop.model.prices import price_named

    units: list[Unit] = [(wish, seed, False) for seed in wish.every_seed]
    units += [(wish, seed, True) for seed in wish.every_seed[:wish.guessing_seeds]]
    found: dict[int, list[Run | Guessed]] = {}
    for nth, rows in shared(units, processes):
        found[nth] = rows
        what = "speculation" if units[nth][2] else "loops"
        watch.at(len(found), len(units), f"live: {what}, seed {units[nth][1]}")
    every = [row for nth in sorted(found) for row in found[nth]]
    price = price_named(PRICE)
    runs, guesses = (tuple(row for row in every if type(row).__name__ == kind) for kind in ("Run", "Guessed"))
    return Found(wish, cast("tuple[Run, ...]", runs), cast("tuple[Guessed, ...]", guesses), price.currency, price.name)


def text_of(found: Found) -> str:
    """The sections of the page."""
    from qloop.miniapps.compared.sections import sections

    devices = ", ".join(f"twin-{name}" for name in DEVICES)
    return sections(found, devices, f"each is calibrated for {LENGTH_S:g} s every {EVERY_S / 60:g} min")


def earlier(out: str) -> tuple[str, dict[str, Path]]:
    """The sections of what was run before, and its figures by name; nothing if nothing was."""
    from qloop.miniapps.compared.files import read_back
    from qloop.miniapps.compared.sections import FIGURES

    found = read_back(Path(out) / FOLDER)
    drawn = {name: Path(out) / FOLDER / "figures" / f"{name}.png" for name in FIGURES}
    return ("", {}) if found is None else (text_of(found), {n: path for n, path in drawn.items() if path.exists()})


def _policies(words: str | None) -> tuple[str, ...]:
    """The policies that are meant; by default, if efaas has chunks, also efaas without them."""
    from qloop.miniapps.compared.wish import POLICIES
    from qloop.policies.columns import CHUNK_S

    if words is not None:
        return tuple(word.strip() for word in words.split(",") if word.strip())
    chunked = checked("efaas").settings.get(CHUNK_S, 0.0) > 0.0
    return (*POLICIES, "efaas:chunk_s=0") if chunked else POLICIES


def _check_extras() -> None:
    """MissingExtra before anything runs."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise MissingExtra("The live subset", "plot") from None
