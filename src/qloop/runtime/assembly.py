"""Putting a runtime together from its options, starting it, and taking it apart."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from qloop import __version__
from qloop.engine.engine import Engine
from qloop.errors import InvalidInput, UnknownName
from qloop.model.events import TaskCancelled
from qloop.policies.catalog import WARM_SETTINGS, named_settings
from qloop.policies.columns import WARM_TTL
from qloop.policies.record import Policy
from qloop.qpus.caches.ahead import Ahead
from qloop.qpus.catalog import open_qpu
from qloop.qpus.remote import Qpu, RemoteQpu
from qloop.runtime import layout
from qloop.runtime.accounting import Accounts
from qloop.runtime.calibrations import Calibrations, calibrate_again
from qloop.runtime.classical import ClassicalSide
from qloop.runtime.clock import make_clock
from qloop.runtime.core import Core
from qloop.runtime.effects import Effects
from qloop.runtime.environment import Environment
from qloop.runtime.journal.connection import Durability
from qloop.runtime.journal.memory import MemoryStore
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.rows import Run, RunState
from qloop.runtime.journal.sqlite import SqliteStore
from qloop.runtime.lives import Life, begin_life, check_same_qpus, fingerprints, lives_of, prices_of
from qloop.runtime.options import MEMORY, Options
from qloop.runtime.pilots import hold, pilot_specs
from qloop.runtime.plugins import find_policy
from qloop.runtime.price_book import price_book
from qloop.runtime.pricing import Pricing
from qloop.runtime.profiles import Profiles
from qloop.runtime.programs import Programs
from qloop.runtime.quantum import Book, QuantumSide
from qloop.runtime.recording import Recording
from qloop.runtime.sessions import Recent, Sessions
from qloop.runtime.sharing import terms_of
from qloop.runtime.ticket import QuantumTicket, Ticket
from qloop.runtime.timers import Stepper, Timers
from qloop.runtime.wishes import SessionWish
from qloop.trace.provenance import Header, QpuInfo, configuration_hash, new_header
from qloop.trace.recorder import Recorder
from qloop.trace.schema import SessionKind


@dataclass(slots=True)
class Parts:
    """The parts of a runtime."""

    run: str
    qpus: dict[str, Qpu]
    emulated: dict[str, bool]
    store: Store
    timers: Timers
    stepper: Stepper
    sessions: Sessions
    programs: Programs
    quantum: QuantumSide
    classical: ClassicalSide
    effects: Effects
    core: Core
    environment: Environment
    profiles: Profiles
    recording: Recording | None
    accounts: Accounts
    kinds: dict[str, tuple[SessionKind, float | None]]

    def may_inline(self, pin: str) -> bool:
        """Whether the waiting thread may run its task itself: no time is emulated where it can be placed."""
        emulated = self.emulated[pin] if pin else any(self.emulated.values())
        return not emulated and not self.timers.clock.virtual

    def abandon(self, ticket: QuantumTicket) -> None:
        """Nobody waits for this task any more: end it, and free the QPU that its thread would have used."""
        self.core.tell(TaskCancelled(ticket.id))
        if ticket.inline:
            self.quantum.give_back(ticket)


def assemble(options: Options) -> Parts:
    """All parts, connected; nothing runs yet."""
    chosen = keep_warm(find_policy(options.policy, options.placement, options.policy_settings))
    clock = make_clock(options.clock)
    qpus, prices = make_qpus(options), price_book(options.prices)
    if not options.grow:
        prices.check_names(qpus)
    run = options.run or layout.new_run_id()
    store = open_store(options, run)
    if options.resume:
        clock.go_on_from(store.last_ns(run))        # drift and epochs go on where they were
    timers = Timers(clock)
    sessions, programs = Sessions(run, options.seed, store), Programs(qpus, store)
    programs.ahead = None if clock.virtual else Ahead()
    quantum = QuantumSide(qpus, programs, store, timers)
    accounts = quantum.accounts = Accounts(store, Pricing(prices, qpus, programs, quantum.remote.has),
                                           options.budgets)
    classical = ClassicalSide(timers, hold(pilot_specs(options.workers, options.pilots), clock.virtual))
    effects = Effects(store, sessions, quantum, classical, timers)
    engine = Engine(chosen, options.limits, options.seed)
    kinds: dict[str, tuple[SessionKind, float | None]] = Recent()
    recording = None
    if options.trace:
        sink = None if options.trace is True else options.trace
        recorder = Recorder(header(options, chosen, clock.name, qpus), sink)
        recording = Recording(recorder, engine, effects.tickets.get, kinds)
        recording.compiled, recording.whole = partial(is_compiled, sessions, programs), quantum.remote.has
    core = Core(engine, clock, effects.obey, recording)
    core.give_up = effects.give_up
    quantum.remote.kept = sessions.kept.__contains__
    profiles = Profiles(qpus, programs, quantum.epochs, core.post)
    environment = Environment(qpus, quantum, core, timers, profiles, Calibrations(store, run).note)
    effects.core = quantum.core = quantum.remote.core = classical.core = core
    effects.environment = environment
    emulated = {name: is_timed(qpu) for name, qpu in qpus.items()}
    return Parts(run, qpus, emulated, store, timers, Stepper(timers), sessions, programs, quantum, classical,
                 effects, core, environment, profiles, recording, accounts, kinds)


def keep_warm(policy: Policy) -> Policy:
    """The policy with the platform's time of warmth where it has none of its own.

    How long a QPU keeps a circuit loaded is a fact of the QPU: without it, a policy whose placement does not look at
    warmth would pay for loading at every shot.
    """
    return policy.with_settings({WARM_TTL: WARM_SETTINGS[WARM_TTL], **policy.settings})


def require(parts: Parts, options: Options, name: str) -> None:
    """Make sure that a QPU is there: it joins, where the runtime may grow; UnknownName otherwise."""
    if name in parts.qpus:
        return
    if not options.grow:
        raise UnknownName("QPU", name, parts.qpus)
    qpu = open_qpu(name, seed=options.seed)
    parts.qpus[name], parts.emulated[name], parts.quantum.epochs[name] = qpu, is_timed(qpu), 0
    calibrate_again(parts.store, parts.run, {name: qpu})
    parts.environment.join(name)


def open_book(parts: Parts, wish: SessionWish) -> Book:
    """Journal a session, or find it there, with its account; nothing is scheduled yet."""
    parts.accounts.check(wish)
    book = parts.sessions.open(wish, parts.timers.clock.now())
    try:
        book.account = parts.accounts.open(book.id, wish)
    except BaseException:
        del parts.sessions.books[book.id]
        raise
    return book


def is_compiled(sessions: Sessions, programs: Programs, ticket: Ticket, qpu: str) -> bool:
    """Whether the circuit of a task is compiled for a QPU."""
    book = sessions.books.get(ticket.session)
    return book is not None and isinstance(ticket, QuantumTicket) and programs.has(book.shelf, ticket.structure, qpu)


def is_timed(qpu: Qpu) -> bool:
    """Whether a task takes the QPU's own time, so that the waiting thread cannot run it itself."""
    return isinstance(qpu, RemoteQpu) or qpu.describe().emulated


def make_qpus(options: Options) -> dict[str, Qpu]:
    """The QPUs by name; InvalidInput if two have the same."""
    made = [open_qpu(wish, seed=options.seed) if isinstance(wish, str) else wish for wish in options.qpus]
    qpus = {qpu.describe().name: qpu for qpu in made}
    if len(qpus) < len(made):
        raise InvalidInput("Two QPUs have the same name", "", "Give each QPU a name of its own")
    remote = [name for name, qpu in qpus.items() if isinstance(qpu, RemoteQpu)]
    if remote and options.clock != "real":
        raise InvalidInput(f"The clock is {options.clock}, but QPU {remote[0]} lives in real time", "",
                           "Use clock='real', or twins")
    return qpus


def open_store(options: Options, run: str) -> Store:
    """The journal: the one given, in memory, at a given place, or where the run's journal lies."""
    place = options.journal
    if place is not None and not isinstance(place, str | Path):
        return place
    if str(place) == MEMORY and options.resume:
        raise InvalidInput("A run cannot be resumed from a journal in memory", "It ended with its process",
                           "Give the journal's file, or leave it out")
    if str(place) == MEMORY:
        return MemoryStore()
    path = layout.journal_path(run) if place is None else Path(place)
    if place is None:
        path.parent.mkdir(parents=True, exist_ok=True)
    durability: Durability = "power" if options.durability == "power" else "process"
    return SqliteStore(path, durability=durability, create=not options.resume)


def header(options: Options, policy: Policy, clock: str, qpus: dict[str, Qpu]) -> Header:
    """The provenance of a trace. It names all settings of the policy: defaults may be others when it is replayed."""
    configuration = {**options.configuration(), "settings": named_settings(policy)}
    about = [qpu.describe() for qpu in qpus.values()]
    infos = [QpuInfo(name=qpu.name, kind=qpu.kind, device=qpu.device, n_qubits=qpu.n_qubits,
                     calibrated_at=qpu.calibrated_at, note=qpu.note) for qpu in about]
    return new_header(clock=clock, policy=options.policy_name, qpus=infos, seeds={"run": options.seed},
                      configuration=configuration, workers=options.workers,
                      started_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))


def begin(parts: Parts, options: Options) -> None:
    """Journal the run and bring its resources up; if that fails, all of them are let go of."""
    try:
        bring_up(parts, options)
    except BaseException:
        stop(parts)
        parts.store.close()
        raise


def bring_up(parts: Parts, options: Options) -> None:
    """Journal the run, then let QPUs and workers join."""
    configuration = options.configuration()
    if options.resume and not options.run:
        raise InvalidInput("A run is to be resumed, but not which", "",
                           "Give its id as run=; 'qloop sessions' lists them")
    known = [info.row.id for info in parts.store.runs()] if options.resume else [parts.run]
    if known and parts.run not in known:    # one that died before its first record is in none
        raise UnknownName("run in this journal", parts.run, known)
    life = Life(time.time_ns(), parts.timers.clock.now(), fingerprints(parts.qpus), dict(options.budgets),
                prices_of(parts.accounts.pricing.book))
    if options.resume and known:
        check_same_qpus(parts.run, lives_of(parts.store, parts.run), life.qpus)
    parts.store.begin_run(Run(parts.run, options.program, time.time_ns(), options.seed, parts.timers.clock.name,
                              __version__, "", configuration_hash(configuration),
                              msgspec.json.encode(configuration, order="sorted")))
    begin_life(parts.store, parts.run, life)
    parts.store.expire(2**62)
    for tenant, wish in options.tenants.items():
        parts.core.post(terms_of(tenant, wish))
    calibrate_again(parts.store, parts.run, parts.qpus)
    parts.environment.begin()
    parts.classical.begin()


def stop(parts: Parts) -> None:
    """End all threads and children."""
    parts.timers.stop()
    parts.quantum.stop()
    if parts.programs.ahead is not None:
        parts.programs.ahead.close()
    parts.classical.stop()


def end(parts: Parts, interrupted: bool) -> None:
    """Stop everything and close the journal; the first failure on the way is raised at the end."""
    stop(parts)
    state = RunState.INTERRUPTED if interrupted else RunState.DONE
    try:
        parts.store.end_run(parts.run, state, time.time_ns())
    finally:
        parts.store.close()
        if parts.recording is not None:
            parts.recording.recorder.close()
    if parts.effects.failures:
        raise parts.effects.failures[0]
