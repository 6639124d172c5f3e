"""The state tables are total, and what has ended stays so."""

from __future__ import annotations

from qloop.model.states import SESSION_ENDED, SESSION_TABLE, TASK_ENDED, TASK_TABLE, SessionState, TaskState, Trigger


def test_every_session_state_answers_every_trigger() -> None:
    assert set(SESSION_TABLE) == set(SessionState)
    assert all(set(row) == set(Trigger) for row in SESSION_TABLE.values())


def test_ended_sessions_stay_ended() -> None:
    for state in SESSION_ENDED:
        assert set(SESSION_TABLE[state].values()) == {state}


def test_a_closing_session_only_ends() -> None:
    assert set(SESSION_TABLE[SessionState.CLOSING].values()) == {SessionState.CLOSING, *SESSION_ENDED}


def test_every_task_state_has_its_successors_and_ended_ones_have_none() -> None:
    assert set(TASK_TABLE) == set(TaskState)
    assert {state for state in TaskState if not TASK_TABLE[state]} == TASK_ENDED


def test_every_state_can_be_reached() -> None:
    reached = {SessionState.NEW}
    while more := {after for state in reached for after in SESSION_TABLE[state].values()} - reached:
        reached |= more
    assert reached == set(SessionState)
