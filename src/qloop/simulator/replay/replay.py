"""Replaying a recorded run: the same work under the same or another policy, on the same or another platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.errors import InvalidInput, UnknownName
from qloop.policies.catalog import NO_EXTRA, SETTINGS, WARM_SETTINGS
from qloop.policies.catalog import policy as named
from qloop.policies.columns import WARM_TTL
from qloop.policies.record import Policy
from qloop.simulator.choices import idle_settings
from qloop.simulator.replay import memory as at
from qloop.simulator.replay.changes import Change, changed
from qloop.simulator.replay.host import Host, Log, host_for
from qloop.simulator.replay.recorded import Recorded, read_work
from qloop.simulator.replay.writing import as_trace, new_header
from qloop.trace.metrics.summary import Report, summary
from qloop.trace.reader import Trace, read

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Change", "ReplayResult", "recorded_policy", "replay", "replay_under"]


@dataclass(frozen=True)
class ReplayResult:
    """A replayed run.

    `recorded` is the trace it was made from, `trace` the simulated one, `label` what differs in words. `starts` counts
    the starts on QPUs, `equal_starts` those that are in the recording too, to the nanosecond and on the same QPU;
    `guessed` those whose time on the QPU was not recorded but estimated; `stuck` tasks that never ran. `notes` say what
    the recording did not hold and how that was met.
    """

    recorded: Trace
    trace: Trace
    policy: str
    label: str
    starts: int
    equal_starts: int
    guessed: int
    stuck: int
    notes: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether the replay made every decision of the recording, and no other."""
        return self.equal_starts == self.starts == len(self.recorded.index.attempts)

    @cached_property
    def metrics(self) -> Report:
        """Every metric of the simulated run."""
        return summary(self.trace)

    @cached_property
    def recorded_metrics(self) -> Report:
        """Every metric of the recorded run."""
        return summary(self.recorded)

    def summary(self) -> dict[str, dict[str, float | None]]:
        """The main numbers by name: `recorded`, `replayed` and their `difference`."""
        from qloop.simulator.replay.compare import numbers

        return {row.name: {"recorded": row.values[0], "replayed": row.values[1], "difference": row.difference(1)}
                for row in numbers([self.recorded_metrics, self.metrics])}

    def plot(self) -> Figure:
        """QPU lanes and loops, recorded beside replayed; needs the extra `plot`."""
        from qloop.trace.plots import comparison

        return comparison({"recorded": self.recorded, self.label: self.trace})


def replay(trace: Trace | str | Path, policy: str | Policy | None = None, *, qpus: int = 0, add: tuple[str, ...] = (),
           drop: tuple[str, ...] = (), think: float = 1.0, placement: str | None = None,
           settings: Mapping[str, float] | None = None, seed: int | None = None,
           compiled: bool | None = None) -> ReplayResult:
    """Run a recorded run's work again under a policy (default: the recorded one, with its settings).

    `qpus`, `add`, `drop`, `think` as in `Change`; `seed` names the draws of random policies (default: the run's).
    `compiled`: as compiled code or as plain Python; default: whichever is sooner done. Raises `TraceError` for what is
    no sound trace, `InvalidInput`, `UnknownName`.
    """
    found = trace if isinstance(trace, Trace) else read(trace)
    work = read_work(found)
    if policy is None and placement is None and not settings:
        record = recorded_policy(found)
    else:
        wish = found.header.policy if policy is None else policy
        record = _chosen(wish, placement, settings or {})
    host = host_for(len(work.tasks), 1, compiled)
    return replay_under(work, record, Change(qpus, tuple(add), tuple(drop), think), host, seed=seed,
                        configuration={"placement": placement or "", "settings": dict(settings)} if settings else {})


def replay_under(work: Recorded, policy: Policy, change: Change, host: Host, *, label: str = "",
                 seed: int | None = None, configuration: Mapping[str, Any] | None = None) -> ReplayResult:
    """Replay work that was read once; `policy` is complete, with its placement and settings."""
    made = changed(work, change)
    log = host.run(keep_warm(policy), made.work, seed=work.seed if seed is None else seed,
                   workers=work.trace.header.workers)
    name = label or ", ".join(part for part in (policy.name, change.text()) if part)
    header = new_header(made, policy.name, {**(configuration or {}), "replay": name},
                        f"replayed by the simulator: {name}")
    simulated = as_trace(made, log, header, change.think)
    starts = [(t, i, q) for t, kind, i, q, _ in log if kind == at.START]
    same = {(a.task.name, a.begin, a.begun.qpu) for a in work.trace.index.attempts}
    equal = sum((made.tasks[i].name, t, made.devices.names[q]) in same for t, i, q in starts)
    guessed = sum(bool(made.times.guessed[i, q]) for _, i, q in starts)
    stuck = _stuck(made, log)
    idle = _idle(policy, configuration or {})
    return ReplayResult(work.trace, simulated, policy.name, name, len(starts), equal, guessed, stuck,
                        (*made.notes, *idle, *_told(name, len(starts), guessed, stuck), *_unsent(name, made, log),
                         *_windows(made, log)))


def recorded_policy(trace: Trace) -> Policy:
    """The policy of a recorded run, with its placement and settings; UnknownName if it is a plugin's or a program's."""
    told = trace.header.configuration
    settings = told.get("settings") or {}
    return _chosen(trace.header.policy, told.get("placement") or None,
                   settings if isinstance(settings, dict) else {})


def keep_warm(policy: Policy) -> Policy:
    """The policy with the platform's time of warmth where it has none of its own, as live runs have it."""
    return policy.with_settings({WARM_TTL: WARM_SETTINGS[WARM_TTL], **policy.settings})


def _chosen(wish: str | Policy, placement: str | None, settings: Mapping[str, float]) -> Policy:
    for name in settings:
        if name not in SETTINGS:
            raise UnknownName("policy setting", name, SETTINGS)
    if isinstance(wish, Policy):
        return named(wish.name, placement, extra={wish.name: wish}, **dict(settings))
    if not isinstance(wish, str):
        raise InvalidInput(f"The policy is {wish!r:.80}", "", "Give a name or a Policy record")
    return named(wish, placement, extra=NO_EXTRA, **dict(settings))


def _stuck(made: Recorded, log: Log) -> int:
    """How many tasks neither ran nor were cancelled."""
    left = {i for _, kind, i, _, _ in log if kind in (at.FINISH, at.REMOVED)}
    dropped = {e for _, kind, e, _, _ in log if kind == at.CLOSE}
    number = {name: s for s, name in enumerate(made.sessions)}
    return sum(i not in left and number[task.session] not in dropped for i, task in enumerate(made.tasks))


def _unsent(label: str, made: Recorded, log: Log) -> list[str]:
    """A note if tasks did not get to be submitted, since cancels and TTLs come at the times of the recording."""
    sent = {i for _, kind, i, _, _ in log if kind == at.READY}
    cancelled = {i for _, kind, i, _, _ in log if kind == at.REMOVED} - sent
    ended = {made.sessions[s] for _, kind, s, _, _ in log if kind == at.CLOSE}
    lost = sum(i not in sent and i not in cancelled and task.session in ended for i, task in enumerate(made.tasks))
    told = []
    if cancelled:
        told.append(f"{label}: {len(cancelled)} tasks were cancelled before they were submitted: cancels come at the "
                    "times at which they were recorded, and these tasks came later than in the recording")
    if lost:
        told.append(f"{label}: {lost} tasks were not submitted: their session was cancelled, at the recorded time, or "
                    "expired before they came")
    return told


def _idle(policy: Policy, configuration: Mapping[str, Any]) -> list[str]:
    """A note if settings were asked for that the policy does not read."""
    told = idle_settings(policy, configuration.get("settings") or {})
    return [told] if told else []


def _windows(made: Recorded, log: Log) -> list[str]:
    """A note if windows came whose length was not recorded."""
    came = sorted({q for _, kind, _, q, _ in log if kind == at.DUE and made.devices.assumed[q]})
    lengths = ", ".join(f"{made.devices.length_ns[q] * 1e-9:g} s on {made.devices.names[q]}" for q in came)
    return [f"no window was recorded there: calibrations are taken to last {lengths}"] if came else []


def _told(label: str, starts: int, guessed: int, stuck: int) -> list[str]:
    told = []
    if guessed:
        told.append(f"{label}: {guessed} of {starts} tasks ran on a QPU for which the recording holds no like task; "
                    "their time there is estimated from how much slower or faster that QPU was for others")
    if stuck:
        told.append(f"{label}: {stuck} tasks never ran: nothing could be expected to let them start")
    return told
