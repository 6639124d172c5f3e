"""Runs a campaign: over processes, in any order, with the same results; what is finished is on the disk at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from qloop.errors import InvalidInput, QloopError, UnknownName
from qloop.simulator.campaign import estimate, manifest, parquet, results
from qloop.simulator.campaign.agenda import Agenda
from qloop.simulator.campaign.errors import CampaignError
from qloop.simulator.campaign.plan import Campaign
from qloop.simulator.campaign.processes import Inline, checked, spread
from qloop.simulator.campaign.store import KEYS, Store
from qloop.simulator.campaign.unit import Done, Failure, Observe, perform, simulated, unit_of
from qloop.simulator.campaign.verify import idle, verify

# Starting processes costs more than so many seconds of work.
WORTH_SPREADING_S = 3.0
LOOK_S = 0.5


class Watch(Protocol):
    """Who is told how a campaign goes."""

    def note(self, text: str) -> None:
        """Something to know."""

    def at(self, finished: int, total: int, left_s: float) -> None:
        """So many replications are finished; the rest takes about so long."""


class Quiet:
    """Nobody is told."""

    def note(self, text: str) -> None:
        """Nothing."""

    def at(self, finished: int, total: int, left_s: float) -> None:
        """Nothing."""


class Interrupted(KeyboardInterrupt):
    """A campaign was interrupted; `finished` of `total` replications are kept in `folder`."""

    def __init__(self, folder: Path, finished: int, total: int) -> None:
        self.folder, self.finished, self.total = folder, finished, total
        super().__init__(f"{finished:,} of {total:,} replications are kept in {folder}")


@dataclass(slots=True)
class _Pace:
    """What replications took so far."""

    seconds: float
    made: int = 0
    spent: float = 0.0

    def seen(self, done: Done) -> None:
        self.made += len(done.rows["point"])
        self.spent += done.wall_s
        if self.made:
            self.seconds = self.spent / self.made


def run_campaign(campaign: Campaign, folder: str | Path, *, processes: int | None = None,
                 executor: Executor | None = None, yes: bool = False, watch: Watch | None = None,
                 observe: Observe = simulated) -> results.Summary:
    """Run what is not yet finished of a campaign in its folder, and write the results.

    `processes` (all processors if not given) are started, unless an `executor` is handed in, which is fed for so many.
    The results do not depend on either. `observe` makes the measures of one replication; it must be importable.
    Raises Refused for more than 12 h unless `yes`; Conflict if the folder holds another campaign; CampaignError for a
    full disk or a lost process; Interrupted after Ctrl-C. What was finished is kept in every case.
    """
    width, told = checked(processes), watch or Quiet()
    parquet.arrow()
    if observe is simulated:
        verify(campaign)
    for sentence in idle(campaign):
        told.note(sentence)
    store = Store(Path(folder))
    store.open()
    try:
        agenda = _begun(campaign, store, observe, told)
        if agenda.left:
            _run(campaign, store, agenda, _Means(width, executor, observe, told, yes))
        return results.write(store, campaign, observe)
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class _Means:
    """What a campaign is run with."""

    width: int
    executor: Executor | None
    observe: Observe
    watch: Watch
    yes: bool


def _begun(campaign: Campaign, store: Store, observe: Observe, watch: Watch) -> Agenda:
    """What is to be done in the folder, after what was done there before."""
    before = manifest.agree(store.folder, campaign, observe)
    _keep_text(store.folder / "campaign.toml", campaign.text)
    agenda = Agenda(campaign.plan)
    until = campaign.plan.until
    for rows in store.rows((*KEYS, until.quantity) if until else KEYS):
        agenda.known(rows)
    agenda.begin()
    if before and agenda.finished:
        watch.note(f"going on in {store.folder}: {agenda.finished:,} of {agenda.total:,} replications are finished")
    return agenda


def _keep_text(path: Path, text: str) -> None:
    """Bring the scenario file up to date: a kill may have come before it was written, or more be asked for now."""
    if not path.is_file() or path.read_bytes() != text.encode():
        parquet.write_text(path, text)


def _run(campaign: Campaign, store: Store, agenda: Agenda, means: _Means) -> None:
    """Warm up, say how long it will take, and run the rest."""
    estimate.warm(campaign, means.observe, means.watch.note)
    made = [(point, 0) for point in range(agenda.points) if agenda.has(point, 0)] if agenda.finished else []
    pilots = estimate.pilots(campaign, means.observe, made, means.watch.note)
    pace = _Pace(0.0)
    for done in pilots:
        _check_quantity(campaign, done)
        _keep(campaign, store, agenda, pace, done)
    pace.seconds = pace.seconds or estimate.timed(campaign, means.observe) or 1.0
    agenda.begin()
    seconds = estimate.left(agenda.points * campaign.plan.most - agenda.finished, pace.seconds, means.width)
    text = estimate.said(agenda.points, campaign.plan.most, seconds, means.width,
                         up_to=campaign.plan.until is not None)
    estimate.check(text, seconds, means.yes)
    means.watch.note(text)
    width = means.width if seconds * means.width > WORTH_SPREADING_S or means.executor else 1
    with nullcontext(means.executor) if means.executor else spread(width) as executor, _interrupts() as stop:
        _drive(campaign, store, agenda, pace, executor, width, means, stop)


def _drive(campaign: Campaign, store: Store, agenda: Agenda, pace: _Pace, executor: Executor, width: int,
           means: _Means, stop: threading.Event) -> None:
    """Keep the executor fed until nothing is left."""
    under_way: set[Future[Done]] = set()
    room = 1 if isinstance(executor, Inline) else 2 * width
    try:
        while not stop.is_set():
            while len(under_way) < room and (spans := agenda.take(pace.seconds, width)):
                under_way.add(executor.submit(perform, unit_of(campaign, spans, means.observe)))
            if not under_way:
                return
            ended = wait(under_way, LOOK_S, FIRST_COMPLETED).done
            under_way -= ended
            _keep_all(campaign, store, agenda, pace, ended)
            means.watch.at(agenda.finished, agenda.total, estimate.left(agenda.left, pace.seconds, width))
        _save(campaign, store, agenda, pace, under_way)
        raise Interrupted(store.folder, agenda.finished, agenda.total)
    except BrokenExecutor as error:
        _save(campaign, store, agenda, pace, under_way)
        raise _lost(error) from error
    finally:
        for future in under_way:
            future.cancel()


def _save(campaign: Campaign, store: Store, agenda: Agenda, pace: _Pace, under_way: set[Future[Done]]) -> None:
    """Keep what was finished in the moment of the interrupt, or of the loss of a process."""
    _keep_all(campaign, store, agenda, pace,
              {one for one in under_way if one.done() and not one.cancelled() and not one.exception()})


def _keep_all(campaign: Campaign, store: Store, agenda: Agenda, pace: _Pace, ended: set[Future[Done]]) -> None:
    """Keep what each unit made, and only then raise what went wrong in one; what the disk refuses is raised at once."""
    wrong: list[QloopError | BrokenExecutor] = []
    for future in ended:
        try:
            done = _result(future)
        except (QloopError, BrokenExecutor) as error:
            wrong.append(error)
            continue
        _count(store, agenda, pace, done)
        wrong += [_failed(campaign, done.failure)] if done.failure is not None else []
    if wrong:
        raise wrong[0]


def _keep(campaign: Campaign, store: Store, agenda: Agenda, pace: _Pace, done: Done) -> None:
    """Keep what a unit made, then raise what went wrong in it."""
    _count(store, agenda, pace, done)
    if done.failure is not None:
        raise _failed(campaign, done.failure)


def _count(store: Store, agenda: Agenda, pace: _Pace, done: Done) -> None:
    """Bring a unit's results to the disk, and only then count them."""
    if len(done.rows["point"]):
        store.add(done)
        agenda.ended(done.rows)
        pace.seen(done)


def _result(future: Future[Done]) -> Done:
    """What a future holds; whatever an executor raises is a CampaignError."""
    try:
        return future.result()
    except (QloopError, BrokenExecutor):
        raise
    except Exception as error:
        raise CampaignError(f"The executor failed: {type(error).__name__}: {error}", "",
                            "What was finished is kept. A policy of one's own must be importable by name") from error


def _failed(campaign: Campaign, failure: Failure) -> QloopError:
    """The error for a replication that could not be run."""
    what = f"{campaign.plan.grid.said(failure.point)}, replication {failure.number}: {failure.what}"
    if not failure.trace:
        return InvalidInput(what, failure.why, failure.do)
    return CampaignError(what, failure.trace.strip(),
                         "What was finished is kept. If no policy of your own is at fault, report it")


def _lost(error: BrokenExecutor) -> CampaignError:
    return CampaignError("A process of the campaign ended without an answer", f"Perhaps the memory was full ({error})",
                         "What was finished is kept. Start the same command again, with fewer --processes")


def _check_quantity(campaign: Campaign, done: Done) -> None:
    """UnknownName if what `until` looks at is not measured."""
    until = campaign.plan.until
    known = [name for name in done.rows if name not in KEYS]
    if until and done.failure is None and until.quantity not in known:
        raise UnknownName("quantity for [campaign.until]", until.quantity, known)


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """The first Ctrl-C sets the event, so that nothing is torn; the second interrupts at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def first(number: int, frame: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
