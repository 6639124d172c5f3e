"""Layer 1, pilots: which there are, what could run on them, and how many workers each is to have."""

from __future__ import annotations

from qloop.engine import nodes
from qloop.engine.state import Classical, Pilot, Shape, State, Worker, seconds
from qloop.model.commands import Command, GrowPilot, ReleaseWorker
from qloop.model.events import ClassicalSubmitted, PilotSet, WorkerJoined
from qloop.model.limits import NEVER
from qloop.policies import scale
from qloop.policies.columns import BUSY, ESTIMATE, STARTED_AT


def set_pilot(state: State, event: PilotSet) -> None:
    """A pilot is there, or has other bounds from now on."""
    pilot = state.pilots.get(event.pilot)
    if pilot is None:
        state.pilots[event.pilot] = pilot = Pilot(event.pilot, event, event.cold_s)
    pilot.terms, pilot.failed = event, ""
    look_again(state)


def fail_pilot(state: State, name: str, reason: str) -> bool:
    """The pilot will have no workers any more; False if it was not there."""
    pilot = state.pilots.get(name)
    if pilot is None:
        return False
    pilot.failed, pilot.ordered = reason or "it cannot bring up workers any more", 0
    look_again(state)
    return True


def joined(state: State, event: WorkerJoined) -> None:
    """A worker that was ordered, or that replaces another, is there."""
    pilot = state.pilots.get(event.pilot)
    if pilot is None:
        return
    pilot.workers[event.worker] = None
    pilot.idle[event.worker] = state.now
    pilot.ordered = max(0, pilot.ordered - 1)
    look_again(state)
    if event.startup_ns > 0:
        pilot.cold_s = scale.learned(pilot.cold_s, seconds(event.startup_ns), float(pilot.starts))
        pilot.starts += 1


def left(state: State, worker: Worker) -> None:
    """A worker is gone. Unless it was let go, its pilot replaces it."""
    pilot = state.pilots.get(worker.pilot)
    if pilot is None:
        return
    if pilot.workers.pop(worker.id, "") is None:
        pilot.taken -= sum(units_of(pilot, shape(task.wish)) for task in worker.running.values())
    pilot.idle.pop(worker.id, None)
    if worker.id in pilot.going:
        del pilot.going[worker.id]
    elif not pilot.failed:
        pilot.ordered += 1


def used(state: State, worker: Worker, task: Classical) -> None:
    """The worker has this task now."""
    pilot = state.pilots.get(worker.pilot)
    if pilot is not None:
        pilot.idle.pop(worker.id, None)
        pilot.taken += units_of(pilot, shape(task.wish))


def idle(state: State, worker: Worker, task: Classical) -> None:
    """The worker has it no more."""
    pilot = state.pilots.get(worker.pilot)
    if pilot is None or worker.id not in pilot.workers:
        return
    pilot.taken -= units_of(pilot, shape(task.wish))
    if not worker.running:
        pilot.idle[worker.id] = state.now
        state.scale_at = min(state.scale_at, state.now + pilot.terms.keep_alive_ns)


def look_again(state: State) -> None:
    """What waits, runs or will come back has changed: the pilots' numbers of workers are to be looked at."""
    if state.pilots:
        state.scale_at = state.now


# -- what could run where


def shape(wish: ClassicalSubmitted) -> Shape:
    """What of a task decides where it can run."""
    return wish.cores, wish.memory_bytes, wish.gpus, wish.pilot


def count(state: State, task: Classical, by: int) -> None:
    """One task of this shape more (or less) waits for a worker."""
    kind = shape(task.wish)
    waiting = state.shapes.setdefault(kind, [0, 0.0])
    waiting[0] += by
    waiting[1] += by * task.wish.estimate_s
    if waiting[0] == 0:
        del state.shapes[kind]


def could_run(pilot: Pilot, wish: ClassicalSubmitted) -> bool:
    """Whether the pilot, at its largest, could run the task."""
    return (not pilot.failed and pilot.terms.most > 0 and wish.pilot in ("", pilot.id)
            and nodes.holds(pilot.terms.node, wish))


def misfit(state: State, wish: ClassicalSubmitted) -> str:
    """Why no pilot can ever run the task, with the nearest one; empty if one can, or if no pilot is declared."""
    if wish.ranks > wish.cores:
        return f"it asks for {wish.ranks} ranks on {wish.cores} cores; give each rank a core"
    if not state.pilots:
        return misfit_of_workers(state, wish)
    if any(could_run(pilot, wish) for pilot in state.pilots.values()):
        return ""
    if wish.pilot and wish.pilot not in state.pilots:
        return f"there is no pilot {wish.pilot!r}; there are {', '.join(sorted(state.pilots))}"
    candidates = [pilot for pilot in state.pilots.values() if wish.pilot in ("", pilot.id)]
    nearest = max(candidates, key=lambda pilot: nearness(pilot, wish))
    return f"it needs {asked(wish)}; the nearest pilot, {nearest.id}, {offered(nearest)}"


def misfit_of_workers(state: State, wish: ClassicalSubmitted) -> str:
    """The same where workers join without a pilot: one may come at any time, unless a pilot was named."""
    return f"there is no pilot {wish.pilot!r}" if wish.pilot else ""


def nearness(pilot: Pilot, wish: ClassicalSubmitted) -> float:
    """How much of what the task needs the pilot's largest node has: 1 is all."""
    node = pilot.terms.node
    parts = [min(1.0, node.cores / wish.cores), 1.0 if wish.gpus == 0 else min(1.0, len(node.gpus) / wish.gpus)]
    if wish.memory_bytes and node.memory_bytes:
        parts.append(min(1.0, node.memory_bytes / wish.memory_bytes))
    return 0.0 if pilot.failed else min(parts)


def asked(wish: ClassicalSubmitted) -> str:
    """What a task needs, in words."""
    return needs_text(wish.cores, wish.memory_bytes, wish.gpus)


def offered(pilot: Pilot) -> str:
    """What the pilot's largest node has, in words."""
    if pilot.failed:
        return f"has failed: {pilot.failed}"
    node = pilot.terms.node
    return f"has nodes of {needs_text(node.cores, node.memory_bytes, len(node.gpus))}"


def needs_text(cores: int, memory_bytes: int, gpus: int) -> str:
    """Cores, memory and GPUs in words."""
    parts = [f"{cores} core{'s' if cores != 1 else ''}"]
    if memory_bytes:
        parts.append(f"{memory_bytes / 2**30:.3g} GiB of memory")
    parts.append(f"{gpus or 'no'} GPU{'s' if gpus > 1 else ''}")
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


# -- how many workers


def adjust(state: State, now: int, out: list[Command]) -> None:
    """Order workers for what waits and for loops that come back; let go of workers that were idle for long."""
    demand = assigned(state)
    coming, next_at = returning(state, now)
    state.scale_at = next_at
    for pilot in state.pilots.values():
        if pilot.failed:
            continue
        units, backlog_s = demand.get(pilot.id, (0, 0.0))
        present = len(pilot.workers) - len(pilot.going) + pilot.ordered
        busy = pilot.taken
        soon = coming.get(pilot.id, 0)
        terms = pilot.terms
        backlog_s += unfinished_s(state, pilot) if backlog_s > 0.0 else 0.0
        wish = int(scale.wanted(float(present), float(busy), float(units), backlog_s, float(soon),
                                float(terms.least), float(terms.most), pilot.cold_s))
        if wish > present:
            pilot.ordered += wish - present
            out.append(GrowPilot(pilot.id, wish - present))
        else:
            let_go(state, pilot, present, busy + units + soon, out)


def unfinished_s(state: State, pilot: Pilot) -> float:
    """Seconds of work that the pilot's running tasks still need; inf if nobody knows that of one of them."""
    left_s = 0.0
    for name in pilot.workers:
        for task in state.workers[name].running.values():
            rest = task.wish.estimate_s - seconds(state.now - task.begun_ns)
            if rest <= 0.0:
                return float("inf")
            left_s += rest
    return left_s


def let_go(state: State, pilot: Pilot, present: int, needed: int, out: list[Command]) -> None:
    """Release those that were idle for the pilot's keep-alive time, the longest idle first."""
    now, keep = state.now, pilot.terms.keep_alive_ns
    for name, since in list(pilot.idle.items()):
        if name in pilot.going:
            continue
        if now < since + keep:
            state.scale_at = min(state.scale_at, since + keep)
            return
        if not scale.may_go(seconds(now - since), seconds(keep), float(present), float(needed),
                            float(pilot.terms.least)):
            return
        pilot.going[name] = None
        state.workers[name].going = True
        state.free_workers.pop(name, None)
        present -= 1
        out.append(ReleaseWorker(pilot.id, name))


def assigned(state: State) -> dict[str, tuple[int, float]]:
    """For each pilot the workers that waiting tasks would take, and their seconds: idle ones, then the soonest."""
    found: dict[str, tuple[int, float]] = {}
    room = {pilot.id: pilot.terms.most - pilot.taken for pilot in state.pilots.values()}
    order = sorted(state.pilots.values(), key=_preference)
    for kind, (number, work_s) in state.shapes.items():
        able = [pilot for pilot in order if fits(pilot, kind)]
        left_over = int(number)
        for pilot in able:
            each = units_of(pilot, kind)
            here = min(left_over, max(0, room[pilot.id]) // each) if pilot is not able[-1] else left_over
            if here == 0:
                continue
            units, spent = found.get(pilot.id, (0, 0.0))
            found[pilot.id] = int(units + here * each), spent + work_s * here / number
            room[pilot.id] -= here * each
            left_over -= here
    return found


def _preference(pilot: Pilot) -> tuple[bool, float, int, str]:
    """Idle workers first, then what is there soonest, then the smaller node."""
    return not pilot.idle, pilot.cold_s, pilot.terms.node.cores, pilot.id


def fits(pilot: Pilot, kind: Shape) -> bool:
    """Whether tasks of this shape can run on the pilot."""
    cores, memory, gpus, wished = kind
    return could_run(pilot, ClassicalSubmitted("", "", cores=cores, memory_bytes=memory, gpus=gpus, pilot=wished))


def units_of(pilot: Pilot, kind: Shape) -> int:
    """How many of the pilot's workers a task of this shape takes: it leaves no core to that many."""
    node, workers = pilot.terms.node, max(1, pilot.terms.workers_per_node)
    parts = ((kind[0], node.cores), (kind[1], node.memory_bytes), (kind[2], len(node.gpus)))
    return max(1, *(-(-asked * workers // whole) for asked, whole in parts if asked and whole))


def returning(state: State, now: int) -> tuple[dict[str, int], int]:
    """Loops whose QPU is expected to be done before a new worker could be there, by pilot, and when to look again."""
    found: dict[str, int] = {}
    next_at = NEVER
    for qpu in state.qpus:
        if qpu.running is None or qpu.running.guess:
            continue
        pilot = state.pilots.get(qpu.running.session.pilot)
        if pilot is None:
            continue
        cells = state.tasks[qpu.running.row]
        at = round((cells[STARTED_AT] + cells[ESTIMATE]) * 1e9) if state.qpu_rows[qpu.row][BUSY] > 0.0 else now
        ahead = at - round(pilot.cold_s * 1e9)
        if ahead <= now:
            found[pilot.id] = found.get(pilot.id, 0) + 1
        else:
            next_at = min(next_at, ahead)
    return found, next_at
