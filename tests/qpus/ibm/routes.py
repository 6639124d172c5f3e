"""The REST interface of the scripted service: a request and the world give an answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.qpus.ibm.running import dated
from tests.qpus.ibm.world import CANCELLED, COMPLETED, FINAL, QUEUED, Group, Task, World

Query = dict[str, list[str]]


@dataclasses.dataclass
class Answer:
    status: int
    body: dict[str, Any] | str | list[Any]
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


def refusal(status: int, message: str, code: int = 1000) -> Answer:
    return Answer(status, {"errors": [{"code": code, "message": message, "solution": "", "more_info": ""}],
                           "trace": "trace"})


def answer_of(world: World, method: str, path: str, query: Query, body: dict[str, Any]) -> Answer:
    parts = [part for part in path.split("/") if part]
    room = {"backends": _backends, "instances": _instances, "jobs": _tasks, "sessions": _groups}.get(parts[0])
    if room is None:
        return refusal(404, f"No route {path}")
    with world.lock:
        return room(world, method, parts[1:], query, body)


def _backends(world: World, method: str, parts: list[str], query: Query, body: dict[str, Any]) -> Answer:
    if not parts:
        names = [world.backend, "ibm_lagos"]
        if query["api"][0] < "2025":
            return Answer(200, {"devices": names})
        return Answer(200, {"devices": [{"name": name, "status": {"name": "online"}, "qubits": 5, "queue_length": 3}
                                        for name in names]})
    if parts[0] != world.backend:
        return refusal(404, "Backend not found.", 1007)
    if parts[1] == "configuration":
        return Answer(200, world.configuration)
    if parts[1] == "status":
        return Answer(200, {"state": world.operational, "status": world.status, "message": "",
                            "length_queue": 3, "backend_version": "1.1.4"})
    if parts[1] == "defaults":
        return Answer(200, {})  # pulses, which early clients ask for
    moment = datetime.fromisoformat(query["updated_before"][0]) if "updated_before" in query else world.now()
    return Answer(200, dated(world.properties, world.calibrated(moment).isoformat()))


def _instances(world: World, method: str, parts: list[str], query: Query, body: dict[str, Any]) -> Answer:
    return Answer(200, world.usage)


def _tasks(world: World, method: str, parts: list[str], query: Query, body: dict[str, Any]) -> Answer:
    if not parts:
        return _submit(world, body) if method == "POST" else _list(world, query)
    if parts[0] not in world.tasks:
        return refusal(404, "Job not found.", 1291)
    task = world.tasks[parts[0]]
    verbs: dict[str, Callable[[World, Task], Answer]] = {"": _look, "results": _results, "metrics": _metrics,
                                                         "cancel": _cancel}
    return verbs["".join(parts[1:])](world, task)


def _submit(world: World, body: dict[str, Any]) -> Answer:
    pending = [task for task in world.tasks.values() if task.state not in FINAL]
    if world.pending_limit and len(pending) >= world.pending_limit:
        return refusal(400, "You have reached the maximum number of pending jobs.", 3458)
    if not world.operational:
        return refusal(400, "The Backend is not available.", 1004)
    if body.get("session_id"):
        group = world.group(body["session_id"])
        if not group.accepting:
            return refusal(400, "Job is part of a session that's been closed", 4001)
        group.state = "active"
    task = world.submit(body)
    return Answer(200, {"id": task.id, "backend": world.backend})


def _list(world: World, query: Query) -> Answer:
    found = [task for task in world.live() if all(tag in task.tags for tag in query.get("tags", []))]
    if query.get("sort") != ["ASC"]:
        found.reverse()
    begin = int(query.get("offset", ["0"])[0])
    page = found[begin:begin + int(query.get("limit", ["200"])[0])]
    return Answer(200, {"jobs": [_record(world, task, task.state) for task in page], "count": len(found)})


def _record(world: World, task: Task, word: str) -> dict[str, Any]:
    state: dict[str, Any] = {"status": word}
    if task.reason:
        state |= {"reason": task.reason, "reasonCode": task.code}
    return {"id": task.id, "backend": world.backend, "state": state, "status": word, "program": {"id": task.program},
            "created": task.created.isoformat(), "tags": task.tags, "session_id": task.session, "params": {},
            "estimated_running_time_seconds": 3.0}


def _look(world: World, task: Task) -> Answer:
    return Answer(200, _record(world, task, world.look(task)))


def _results(world: World, task: Task) -> Answer:
    if task.state != COMPLETED or not task.result:
        return Answer(204, "")
    return Answer(200, task.result)


def _metrics(world: World, task: Task) -> Answer:
    waiting = [one.id for one in world.tasks.values() if one.state == QUEUED]
    times = {"created": task.created.isoformat()}
    if task.running and not world.hide_running:
        times["running"] = task.running.isoformat()
    body: dict[str, Any] = {"timestamps": times, "usage": {
        "qpu_charge_time_seconds": task.seconds, "status": "complete" if task.state in FINAL else "pending"}}
    if task.id in waiting:
        body["position_in_queue"] = waiting.index(task.id) + 1
    return Answer(200, body)


def _cancel(world: World, task: Task) -> Answer:
    if task.state in FINAL:
        return refusal(409, "Job already finished.", 1295)
    task.state = CANCELLED
    return Answer(204, "")


def _groups(world: World, method: str, parts: list[str], query: Query, body: dict[str, Any]) -> Answer:
    if not parts:
        return Answer(200, _described(world, world.open_group(body)))
    if parts[0] not in world.groups:
        return refusal(404, "Session not found.", 1287)
    group = world.group(parts[0])
    if method == "PATCH":
        group.accepting, group.state = bool(body["accepting_jobs"]), "closed"
    elif method == "DELETE":
        group.accepting, group.state = False, "closed"
    return Answer(200, _described(world, group))


def _described(world: World, group: Group) -> dict[str, Any]:
    return {"id": group.id, "backend_name": world.backend, "mode": group.mode, "max_ttl": group.max_ttl,
            "state": group.state, "accepting_jobs": group.accepting, "elapsed_time": 0.0}
