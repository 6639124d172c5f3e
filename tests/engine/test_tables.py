"""The state tables are total, and what has ended stays so."""

from __future__ import annotations

from qloop.model.states import (
    SERVICE_TABLE,
    SESSION_ENDED,
    SESSION_TABLE,
    TASK_ENDED,
    TASK_TABLE,
    Service,
    SessionState,
    TaskState,
    Trigger,
    Wish,
)


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


def test_every_wish_of_an_operator_is_answered_and_repeating_it_changes_nothing() -> None:
    assert set(SERVICE_TABLE) == set(Service)
    for row in SERVICE_TABLE.values():
        assert set(row) == set(Wish)
        for wish, after in row.items():
            assert SERVICE_TABLE[after][wish] is after


def test_what_is_retired_stays_so_and_only_resuming_puts_a_qpu_back() -> None:
    assert set(SERVICE_TABLE[Service.RETIRED].values()) == {Service.RETIRED}
    on = {(was, wish) for was, row in SERVICE_TABLE.items() for wish, after in row.items() if after is Service.ON}
    assert on == {(was, Wish.RESUME) for was in Service if was is not Service.RETIRED}
