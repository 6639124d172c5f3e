"""The engine's records. The policies' tables lie beside them; a record knows the number of its row."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from qloop.engine.nodes import Node
from qloop.model.events import ClassicalSubmitted, PilotSet, QuantumSubmitted, StructureProfiled
from qloop.model.limits import NEVER, Limits
from qloop.model.needs import Share
from qloop.model.states import Service, SessionState, TaskState
from qloop.policies.columns import Row, Table, new_totals
from qloop.policies.record import Policy

Place = tuple[float, int, str]        # in a line before the workers: key, seq, task
Terms = tuple[tuple[str, float], ...]
Guessed = tuple[int, float, float, float]    # QPU row, end (s), calibration epoch, QPU seconds of a guess that ended
Entry = tuple[float, float, int, int]     # of a lane: key, seq, row, ticket


@dataclass(slots=True)
class Session:
    """A session: its tasks by id (in order of arrival), how many wait and run, and when its one timer is due.

    Speculative ones are in `tasks`, and counted in `guesses` only.
    """

    id: str
    tenant: str
    row: int
    number: int     # in order of opening
    opened_at: int
    interactive_ttl: int
    expires_at: int
    state: SessionState = SessionState.NEW
    tasks: dict[str, Quantum | Classical] = field(default_factory=dict)
    waiting: int = 0
    running: int = 0
    idle_since: int = 0
    lapsed: bool = False
    timer_at: int = NEVER
    worker: str = ""        # the last one that ran a task of it, and that worker's pilot
    pilot: str = ""
    guesses: int = 0
    guessed: dict[str, Guessed] = field(default_factory=dict)   # that have values, and nobody wanted yet


class Quantum(msgspec.Struct, eq=False):
    """A quantum task. `row` is its row in the policies' table, -1 while it is blocked."""

    id: str
    session: Session
    wish: QuantumSubmitted
    seq: int
    state: TaskState = TaskState.BLOCKED
    row: int = -1
    attempt: int = 0
    qpu: int = -1
    hot: bool = False
    guess: bool = False
    paused: bool = False        # it waits to be continued
    restarts: int = 0           # attempts whose shots were dropped for no fault of theirs
    terms: Terms = ()
    blockers: dict[str, None] | None = None


class Classical(msgspec.Struct, eq=False):
    """A classical task."""

    id: str
    session: Session
    wish: ClassicalSubmitted
    seq: int
    state: TaskState = TaskState.BLOCKED
    attempt: int = 0
    worker: str = ""
    ready_ns: int = 0
    begun_ns: int = 0
    restarts: int = 0           # attempts that were lost before they began, for no fault of the task's
    blockers: dict[str, None] | None = None
    cells: Row = []     # what policies see of it, where they order classical tasks


Task = Quantum | Classical


@dataclass(slots=True)
class Qpu:
    """A QPU: what runs on it, and whether a calibration is due (its length in ns) or under way.

    `service` is what the operator wants of it, for `reason`; it takes new tasks only if it is online and ON. While it
    is offline, `away` says why and `back_ns` when it is expected back.
    """

    id: str
    row: int
    online: bool = True
    running: Quantum | None = None
    calibrating: bool = False
    due_ns: int = 0
    service: Service = Service.ON
    reason: str = ""
    away: str = ""
    back_ns: int = NEVER


@dataclass(slots=True)
class Worker:
    """A worker of a pilot: its slots, of which `free` are free, its node, what it runs, which environments are warm.

    `shares` has what each running task takes of the node; `going`: it was let go, and takes no further task.
    """

    id: str
    cores: int
    free: int
    environments: dict[str, None]       # the least recently used one first
    node: Node
    pilot: str = ""
    running: dict[str, Classical] = field(default_factory=dict)
    shares: dict[str, Share] = field(default_factory=dict)
    going: bool = False


@dataclass(slots=True)
class Pilot:
    """A pilot: its terms, its workers, how many more are on their way, and which are idle since when (ns).

    `cold_s` is how long a worker takes to join, learned from `starts` that were measured; `going` were let go and have
    not left yet; `failed` says why it has no workers any more.
    """

    id: str
    terms: PilotSet
    cold_s: float
    ordered: int = 0
    taken: int = 0          # workers that running tasks keep from others, by what they take of a node
    starts: int = 0
    failed: str = ""
    workers: dict[str, None] = field(default_factory=dict)
    idle: dict[str, int] = field(default_factory=dict)      # the longest idle one first
    going: dict[str, None] = field(default_factory=dict)


Shape = tuple[int, int, int, str]       # of a classical task: cores, bytes of memory, GPUs, pilot


class Ended(msgspec.Struct, eq=False):
    """A task reached its last state; the layers above have yet to hear of it."""

    task: Task
    state: TaskState
    reason: str
    was: TaskState


@dataclass(slots=True)
class State:
    """All that the engine knows: a fold of its events.

    `misfit` is the moving average of |measured - estimate|/estimate, at most 1: how little estimates say.
    `t` is `now` in the seconds that policies see. `waiting` counts quantum tasks that are ready; `queued` and
    `tenant_waiting` all tasks that were accepted and do not run yet, blocked ones too. `unwanted` holds ended tasks
    whose last attempt still runs. `lane_of` and `tickets` say for each row in which lane it waits and which entry
    there stands for it (0: none); `in_lane` counts those of each lane, and `heads` has the row of
    its first task (-1: empty). `apart` counts QPUs that are online and take no new task, because the operator said so:
    what they do is in the counts of what runs and calibrates, and they are not among the QPUs that policies count.
    `guesses` are the rows of speculative tasks that wait, beside all lanes and all counts of waiting tasks; `guessing`
    counts those that run, `giving_way` those of them that were told to stop.
    """

    policy: Policy
    limits: Limits
    seed: int
    tasks: Table = field(default_factory=list)
    flows: Table = field(default_factory=list)
    qpu_rows: Table = field(default_factory=list)
    totals: Row = field(default_factory=new_totals)
    now: int = 0
    t: float = 0.0
    seq: int = 0                # quantum tasks so far
    classical_seq: int = 0
    flow_seq: int = 0
    decisions: int = 0
    misfit: float = 0.0
    tenants: dict[str, int] = field(default_factory=dict)
    tenant_waiting: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    dying: dict[str, Session] = field(default_factory=dict)
    everything: dict[str, Task] = field(default_factory=dict)
    unwanted: dict[str, None] = field(default_factory=dict)
    dependents: dict[str, dict[str, None]] = field(default_factory=dict)
    by_row: list[Quantum | None] = field(default_factory=list)
    tickets: list[int] = field(default_factory=list)
    lane_of: list[int] = field(default_factory=list)
    ticket: int = 0
    free_rows: list[int] = field(default_factory=list)
    free_flows: list[int] = field(default_factory=list)
    qpus: list[Qpu] = field(default_factory=list)
    profiles: dict[str, dict[int, StructureProfiled]] = field(default_factory=dict)
    qpu_ids: dict[str, int] = field(default_factory=dict)
    calibrating: int = 0
    recalibrates: bool = False  # some QPU is calibrated by its predicted loss (policies/recalibrate.py)
    apart: int = 0
    workers: dict[str, Worker] = field(default_factory=dict)
    free_workers: dict[str, Worker] = field(default_factory=dict)   # with a free slot, the last one used at the end
    nodes: dict[str, Node] = field(default_factory=dict)
    pilots: dict[str, Pilot] = field(default_factory=dict)
    shapes: dict[Shape, list[float]] = field(default_factory=dict)  # of waiting classical tasks: how many, seconds
    scale_at: int = NEVER       # when the numbers of workers are to be looked at again
    lanes: list[list[Entry]] = field(default_factory=list)
    in_lane: list[int] = field(default_factory=list)
    heads: list[int] = field(default_factory=list)
    homeless: dict[int, None] = field(default_factory=dict)
    guesses: dict[int, None] = field(default_factory=dict)
    guessing: int = 0
    giving_way: int = 0
    waiting: int = 0
    queued: int = 0
    classical: list[Place] = field(default_factory=list)
    classical_normal: list[Place] = field(default_factory=list)
    classical_ready: int = 0
    slots_changed: bool = False
    timers: list[tuple[int, int, str]] = field(default_factory=list)
    wake_at: int = NEVER
    wish_at: int = NEVER        # when the policy wants to be asked again
    ended: deque[Ended] = field(default_factory=deque)

    def next_flow_seq(self) -> int:
        """The number of the next session or tenant: rows are used again, numbers are not."""
        self.flow_seq += 1
        return self.flow_seq


NS = 1e-9       # of a second; both hosts convert alike


def seconds(ns: int) -> float:
    """Nanoseconds as the seconds that policies see."""
    return ns * NS
