"""What must hold after every event. `check(state)` raises AssertionError with the first thing that does not."""

from __future__ import annotations

from qloop.engine import lanes, service
from qloop.engine.scaling import shape, units_of
from qloop.engine.state import Classical, Quantum, Shape, State
from qloop.model.states import SESSION_ENDED, TASK_ENDED, Service, SessionState, TaskState
from qloop.policies.columns import (
    ACTIVE_WEIGHT,
    AWAY_SINCE,
    BOUND,
    BUSY,
    CLASS,
    COMPUTING,
    EPOCH,
    ESTIMATE,
    INF,
    KEPT,
    KEPT_EPOCH,
    LAST_FINISH,
    MAX_CLASSES,
    N_QPUS,
    ONLINE,
    OUTSTANDING,
    PARENT,
    PAUSES,
    PIN,
    POOL_TASKS,
    POOL_TENANTS,
    POSITION,
    QUEUED,
    RUNNING,
    SEQ,
    SERVED,
    SERVERS,
    THINK,
    THINK_DEV,
    VIRTUAL,
    WAITING,
    WEIGHT,
)

IDLE = (SessionState.NEW, SessionState.THINKING)
NEAR = 1e-6     # seconds of rounding that a sum of estimates may gather


def check(state: State) -> None:
    """All invariants of the engine's state."""
    check_rows(state)
    check_lanes(state)
    check_qpus(state)
    check_service(state)
    check_sessions(state)
    check_timers(state)
    check_flows(state)
    check_workers(state)
    check_nodes(state)
    check_pilots(state)
    check_chunks(state)
    check_expected(state)
    check_tags(state)


def check_rows(state: State) -> None:
    """Every row in use belongs to one task that waits or runs, and every such task has a row."""
    used = [task for task in state.by_row if task is not None]
    assert len(used) + len(state.free_rows) == len(state.tasks) == len(state.by_row), "rows are lost"
    assert len(state.tickets) == len(state.tasks), "tickets are lost"
    for i, task in enumerate(state.by_row):
        if task is not None:
            assert task.row == i, f"task {task.id} lies in row {i} and thinks {task.row}"
            assert int(state.tasks[i][SEQ]) == task.seq, f"row {i} has another number than task {task.id}"
    for other in state.everything.values():
        assert other.state not in TASK_ENDED, f"{other.id} has ended and is kept"
        if isinstance(other, Quantum):
            assert (other.row >= 0) == (other.state is not TaskState.BLOCKED), f"{other.id}: row and state differ"
        assert bool(other.blockers) == (other.state is TaskState.BLOCKED), f"{other.id}: blockers and state differ"
    for earlier, later in state.dependents.items():
        assert later, f"{earlier}: an empty list of dependents is kept"
        assert earlier in state.everything, f"dependents of {earlier}, which has ended, are kept"
        assert all(earlier in (state.everything[task].blockers or ()) for task in later), f"{earlier}: dependents"


def check_lanes(state: State) -> None:
    """Each waiting task stands in exactly one lane (or is homeless), and the counts agree."""
    waiting = {task.row for task in state.by_row if task is not None and task.state is TaskState.READY}
    assert all(i in waiting and (task := state.by_row[i]) is not None and task.guess for i in state.guesses), "guesses"
    waiting -= state.guesses.keys()
    assert not any((task := state.by_row[i]) is not None and task.guess for i in waiting), "a guess waits in a lane"
    found = [i for lane in range(len(state.lanes)) for i in lanes.rows(state, lane)] + list(state.homeless)
    assert len(found) == len(set(found)), "a task waits twice"
    for lane, heap in enumerate(state.lanes):
        assert len(lanes.rows(state, lane)) == state.in_lane[lane], f"lane {lane}: count"
        assert state.heads[lane] == (lanes.rows(state, lane) or [-1])[0], f"lane {lane}: head"
        assert len(heap) <= 2 * state.in_lane[lane] + lanes.SLACK + state.waiting, f"lane {lane}: dead entries"
    assert set(found) == waiting, f"lanes {sorted(found)} but waiting {sorted(waiting)}"
    assert state.waiting == len(waiting), "the count of waiting tasks is wrong"
    for class_ in range(MAX_CLASSES):
        count = sum(int(state.tasks[i][CLASS]) == class_ for i in waiting - state.homeless.keys())
        assert state.totals[WAITING + class_] == count, f"waiting in class {class_}"
        for qpu in state.qpus:
            queued = sum(state.tasks[i][ESTIMATE] for i in waiting
                         if int(state.tasks[i][BOUND]) == qpu.row and int(state.tasks[i][CLASS]) == class_)
            assert abs(state.qpu_rows[qpu.row][QUEUED + class_] - queued) < NEAR * (1 + queued), f"queue of {qpu.id}"


def check_qpus(state: State) -> None:
    """A QPU is busy exactly if it runs a task or calibrates; no task runs twice."""
    running = [qpu.running for qpu in state.qpus if qpu.running is not None]
    assert len({task.id for task in running}) == len(running), "a task runs twice"
    guesses = [task for task in running if task.guess]
    assert state.guessing == len(guesses), "the count of running guesses is wrong"
    assert state.giving_way == sum(task.state is not TaskState.RUNNING for task in guesses), "who gives way"
    assert state.totals[RUNNING] == len(running) - len(guesses), "the count of running tasks is wrong"
    assert state.calibrating == sum(qpu.calibrating for qpu in state.qpus), "the count of calibrations is wrong"
    for qpu in state.qpus:
        busy = qpu.running is not None or qpu.calibrating
        assert not qpu.online or (state.qpu_rows[qpu.row][BUSY] > 0.0) == busy, f"{qpu.id}: busy differs"
        assert not (qpu.calibrating and qpu.running is not None), f"{qpu.id} runs while it calibrates"


def check_service(state: State) -> None:
    """Policies see as online what is there and may take tasks; what waits is bound to such a QPU, or to none."""
    takes = {qpu.row for qpu in state.qpus if qpu.online and qpu.service is Service.ON}
    assert {q for q, cells in enumerate(state.qpu_rows) if cells[ONLINE] > 0.0} == takes, "who takes tasks"
    assert state.totals[N_QPUS] == len(takes), "the count of QPUs that take tasks is wrong"
    assert state.apart == sum(qpu.online for qpu in state.qpus) - len(takes), "the count of QPUs apart is wrong"
    for qpu in state.qpus:
        gone = qpu.service is Service.RETIRED and qpu.running is None
        assert not (gone and qpu.online), f"{qpu.id} is retired and empty, and still online"
        assert qpu.service is not Service.ON or not qpu.reason, f"{qpu.id} is on, for a reason"
    for task in state.everything.values():
        if not isinstance(task, Quantum) or task.state is TaskState.RUNNING:
            continue
        assert (service.nowhere(state, task.wish) or [""])[0] != "retired", f"{task.id} waits for what is gone"
        bound = int(state.tasks[task.row][BOUND]) if task.row >= 0 else -1
        assert bound < 0 or bound in takes, f"{task.id} waits for {state.qpus[bound].id}, which takes no tasks"
    for i in state.homeless:
        costs = [state.policy.place(state.tasks, state.flows, state.qpu_rows, state.totals, i, q, state.t)
                 for q in takes]
        assert min(costs, default=INF) == INF, f"row {i} is in no lane, but a QPU would take it"


def check_sessions(state: State) -> None:
    """Each session's counts agree with its tasks."""
    for session in state.sessions.values():
        states = [task.state for task in session.tasks.values() if not is_guess(task)]
        assert session.guesses == len(session.tasks) - len(states), f"{session.id}: guesses"
        assert session.waiting == states.count(TaskState.READY), f"{session.id}: waiting"
        assert session.running == states.count(TaskState.RUNNING), f"{session.id}: running"
        if session.state not in SESSION_ENDED and session.state is not SessionState.CLOSING:
            busy = SessionState.RUNNING if session.running else SessionState.QUEUED if session.waiting else None
            assert session.state is busy or (busy is None and session.state in IDLE), f"{session.id}: {session.state}"
    for tenant, count in state.tenant_waiting.items():
        total = sum(len(session.tasks) - session.running - session.guesses for session in state.sessions.values()
                    if session.tenant == tenant)
        assert count == total, f"{tenant}: waiting"
    assert state.queued == sum(state.tenant_waiting.values()), "the count of accepted tasks that wait is wrong"


def is_guess(task: Quantum | Classical) -> bool:
    """Whether it is a speculative quantum task."""
    return isinstance(task, Quantum) and task.guess


def check_timers(state: State) -> None:
    """Each session has one live timer, not later than its next TTL; no more others are kept than live ones."""
    for session in state.sessions.values():
        if session.state in SESSION_ENDED:
            continue
        assert (session.timer_at, session.number, session.id) in state.timers, f"{session.id} has no timer"
        idle = not session.lapsed and session.waiting + session.running == 0
        lapse = session.idle_since + session.interactive_ttl if idle else session.expires_at
        assert session.timer_at <= min(lapse, session.expires_at), f"{session.id}: its timer is late"
    assert len(state.timers) <= 2 * len(state.sessions) + lanes.SLACK + len(state.sessions), "timers pile up"


def check_flows(state: State) -> None:
    """Outstanding tasks and active weights agree with the rows in use."""
    for session in state.sessions.values():
        rows = sum(task is not None and task.session is session and not task.guess for task in state.by_row)
        assert state.flows[session.row][OUTSTANDING] == rows, f"{session.id}: outstanding"
    for tenant, row in state.tenants.items():
        active = [state.flows[session.row] for session in state.sessions.values()
                  if int(state.flows[session.row][PARENT]) == row and state.flows[session.row][OUTSTANDING] > 0.0]
        assert state.flows[row][OUTSTANDING] == len(active), f"{tenant}: active sessions"
        weight = sum(flow[WEIGHT] for flow in active)
        assert abs(state.flows[row][ACTIVE_WEIGHT] - weight) < NEAR * (1 + weight), f"{tenant}: active weight"


def check_workers(state: State) -> None:
    """Slots taken and free add up."""
    for worker in state.workers.values():
        assert worker.free == worker.cores - len(worker.running) >= 0, f"{worker.id}: slots"
        assert worker.shares.keys() == worker.running.keys(), f"{worker.id}: shares"
        assert (worker.id in state.free_workers) == (worker.free > 0 and not worker.going), f"{worker.id}: is it free"
        assert len(worker.environments) <= state.limits.warm_environments, f"{worker.id}: environments"
    running: list[Quantum | Classical] = [qpu.running for qpu in state.qpus if qpu.running is not None]
    running += [task for worker in state.workers.values() for task in worker.running.values()]
    unwanted = {task.id for task in running if task.state is not TaskState.RUNNING}
    assert unwanted == set(state.unwanted), "the attempts that nobody wants"
    ready = [task for task in state.everything.values()
             if isinstance(task, Classical) and task.state is TaskState.READY]
    assert len(ready) == state.classical_ready, "the count of waiting classical tasks is wrong"
    for line in (state.classical, state.classical_normal):
        assert len(line) <= 2 * len(ready) + lanes.SLACK + 1, "a classical line is full of dead entries"
    if state.policy.fair_pool:
        assert state.totals[POOL_TASKS] == len(ready) + sum(len(one.running) for one in state.workers.values()), "pool"
        computing = sum(state.flows[row][COMPUTING] > 0.0 for row in state.tenants.values())
        assert state.totals[POOL_TENANTS] == computing, "tenants in the pool"


def check_nodes(state: State) -> None:
    """What of a node is taken and what is free add up to its capacity, and nobody has a GPU twice."""
    for node in state.nodes.values():
        shares = [share for name in node.workers for share in state.workers[name].shares.values()]
        gpus = [*node.gpus, *(gpu for share in shares for gpu in share.gpus)]
        assert node.workers, f"{node.id} has no workers and is kept"
        assert node.cores == node.capacity.cores - sum(share.cores for share in shares) >= 0, f"{node.id}: cores"
        assert sorted(gpus) == sorted(node.capacity.gpus), f"{node.id}: GPUs"
        taken = sum(share.memory_bytes for share in shares)
        assert node.memory == node.capacity.memory_bytes - taken, f"{node.id}: memory"
        assert node.memory >= 0 or node.capacity.memory_bytes == 0, f"{node.id}: memory is given twice"


def check_pilots(state: State) -> None:
    """Each pilot's workers are there, idle ones run nothing, and what waits is counted by its shape."""
    for pilot in state.pilots.values():
        own = {worker.id for worker in state.workers.values() if worker.pilot == pilot.id}
        assert pilot.workers.keys() == own, f"{pilot.id}: its workers"
        assert pilot.idle.keys() == {name for name in own if not state.workers[name].running}, f"{pilot.id}: idle ones"
        assert pilot.going.keys() <= own, f"{pilot.id}: a worker that left is still expected to"
        assert pilot.ordered >= 0, f"{pilot.id}: ordered workers"
        assert pilot.taken == sum(units_of(pilot, shape(task.wish)) for name in own
                                  for task in state.workers[name].running.values()), f"{pilot.id}: workers taken"
        present = len(own) - len(pilot.going) + pilot.ordered
        assert pilot.failed or present >= pilot.terms.least, f"{pilot.id} has fewer workers than its least"
    waiting: dict[Shape, int] = {}
    for task in state.everything.values():
        if isinstance(task, Classical) and task.state is TaskState.READY:
            kind = shape(task.wish)
            waiting[kind] = waiting.get(kind, 0) + 1
    assert {kind: found[0] for kind, found in state.shapes.items()} == waiting, "classical tasks by shape"


def check_chunks(state: State) -> None:
    """A task that keeps shots is bound to the QPU and the epoch that they are of, and only it is to be continued."""
    for i, task in enumerate(state.by_row):
        if task is None:
            continue
        cells, waits = state.tasks[i], task.state is TaskState.READY
        assert task.paused == (waits and cells[KEPT] > 0.0), f"{task.id}: whether it is to be continued"
        assert cells[PAUSES] > 0.0 or cells[KEPT] == 0.0, f"{task.id} keeps shots and never stood aside"
        if cells[KEPT] > 0.0 and (waits or task.state is TaskState.RUNNING):
            qpu = state.qpu_rows[int(cells[PIN])]
            assert qpu[EPOCH] == cells[KEPT_EPOCH], f"{task.id} keeps shots of another epoch"
            assert not waits or qpu[ONLINE] > 0.0, f"{task.id} keeps shots on a QPU that takes no tasks"
            assert not waits or state.policy.shared or cells[BOUND] == cells[PIN], f"{task.id} waits elsewhere"


def check_expected(state: State) -> None:
    """Whom a QPU keeps in mind has returned before; a session thinks only while no task of it waits or runs."""
    for session in state.sessions.values():
        flow = state.flows[session.row]
        assert flow[AWAY_SINCE] < 0.0 or flow[OUTSTANDING] == 0.0, f"{session.id} thinks, and has a task"
        assert flow[THINK] >= 0.0 <= flow[THINK_DEV], f"{session.id}: its thinking time"
    for qpu in state.qpus:
        kept = int(state.qpu_rows[qpu.row][SERVED])
        assert kept < len(state.flows), f"{qpu.id} keeps a session that is not there"
    assert state.wish_at > state.now, "a wish of the policy has passed"


def check_tags(state: State) -> None:
    """Virtual times and the tenants' positions in them are finite."""
    for at in (VIRTUAL, LAST_FINISH):
        assert all(abs(value) < INF for value in state.totals[at:at + SERVERS]), "virtual time"
    for tenant, row in state.tenants.items():
        told = state.flows[row][POSITION:POSITION + SERVERS]
        assert all(abs(value) < INF for value in told), f"{tenant}: its position"
