"""What follows from listings of allocations, whatever Slurm and other people do in between."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.pilots.slurm_ledger import Ledger, live
from qloop.pilots.slurm_listing import Seen
from qloop.pilots.slurm_states import STATES, Phase, phase


def row(slurm_id, state, called="q-1", restarts=0, reason=""):
    return Seen(slurm_id, state, restarts, 60.0, "n1", called, reason)


def taken(*names, called="q-1", slurm_id="7"):
    ledger = Ledger()
    ledger.take(called, slurm_id, names)
    return ledger


def test_an_allocation_is_over_when_its_state_says_so_and_not_before():
    for state in STATES:
        ledger = taken("a", "b")
        news = ledger.compare([row("7_0", state), row("7_1", "RUNNING")])
        assert [held.name for held, _ in news.ended] == (["a"] if phase(state) is Phase.ENDED else []), state
        assert ("a" in ledger.held) == (phase(state) is not Phase.ENDED), state
        assert not news.cancel
        assert not news.missing


def test_a_requeued_allocation_is_the_same_and_is_not_over():
    ledger = taken("a")
    for state, restarts in (("RUNNING", 0), ("COMPLETING", 1), ("REQUEUED", 1), ("PENDING", 1), ("CONFIGURING", 1),
                            ("RUNNING", 1)):
        assert not ledger.compare([row("7_0", state, restarts=restarts)]).ended
    assert ledger.held["a"].restarts == 1
    assert not ledger.compare([row("7_0", "RUNNING", restarts=1)]).changed


def test_what_is_not_listed_is_looked_up_and_only_then_over():
    ledger = taken("a", "b")
    news = ledger.compare([])
    assert [held.name for held in news.missing] == ["a", "b"]
    assert not news.ended
    ledger.look_up(news.missing[0], "RUNNING", 0, news)
    ledger.look_up(news.missing[1], "", 0, news)
    assert [(held.name, why) for held, why in news.ended] == [("b", "Slurm does not list it any more")]
    assert list(ledger.held) == ["a"]


def test_an_unknown_state_is_told_once_and_nothing_is_concluded():
    ledger = taken("a")
    remarks = [ledger.compare([row("7_0", "DREAMING")]).remarks for _ in range(3)]
    assert "'DREAMING'" in remarks[0][0]
    assert remarks[1:] == [[], []]
    assert list(ledger.held) == ["a"]


def test_a_reason_that_never_passes_is_told_and_the_allocation_cancelled():
    ledger = taken("a", "b")
    news = ledger.compare([row("7_0", "PENDING", reason="PartitionTimeLimit"),
                           row("7_1", "PENDING", reason="Priority")])
    assert [(held.name, why) for held, why in news.never] == [
        ("a", "Slurm keeps it waiting for ever: PartitionTimeLimit")]
    assert news.cancel == ["7_0"]
    assert list(ledger.held) == ["b"]


def test_a_submission_in_doubt_is_found_by_its_name():
    ledger = Ledger()
    ledger.doubt("q-1", ["a", "b"], at_s=100.0)
    assert ledger.called() == ["q-1"]
    assert ledger.settle([], asked_before_s=99.0) == []         # too early to say
    listing = [row("9_0", "PENDING"), row("9_1", "PENDING")]
    assert ledger.settle(listing, asked_before_s=101.0) == []
    assert {name: held.slurm_id for name, held in ledger.held.items()} == {"a": "9_0", "b": "9_1"}
    assert not ledger.compare(listing).cancel


def test_a_submission_that_was_not_taken_is_made_again_and_cancelled_if_it_comes_late():
    ledger = Ledger()
    ledger.doubt("q-1", ["a"], at_s=100.0)
    assert ledger.settle([], asked_before_s=101.0) == ["a"]
    ledger.take("q-2", "12", ["a"])
    news = ledger.compare([row("11_0", "RUNNING", "q-1"), row("12_0", "PENDING", "q-2")])
    assert news.cancel == ["11_0"]
    assert list(ledger.held) == ["a"]


def test_what_was_released_while_in_doubt_is_cancelled_when_it_shows():
    ledger = Ledger()
    ledger.doubt("q-1", ["a", "b"], at_s=0.0)
    assert ledger.release("a") == ""
    listing = [row("9_0", "PENDING"), row("9_1", "PENDING")]
    ledger.settle(listing, asked_before_s=1.0)
    assert ledger.compare(listing).cancel == ["9_0"]
    assert list(ledger.held) == ["b"]
    gone = Ledger()
    gone.doubt("q-1", ["a"], at_s=0.0)
    gone.release("a")
    assert gone.settle([], asked_before_s=1.0) == []


def test_an_ended_allocation_that_somebody_requeues_is_a_stray():
    ledger = taken("a")
    assert ledger.compare([row("7_0", "CANCELLED")]).ended
    assert not ledger.compare([row("7_0", "CANCELLED")]).cancel
    assert ledger.compare([row("7_0", "PENDING", restarts=1)]).cancel == ["7_0"]


CALLED = ("q-1", "q-2", "q-3")
ROWS = st.builds(row, st.sampled_from([f"{number}_{task}" for number in (7, 8, 9) for task in (0, 1)]),
                 st.sampled_from([*STATES, "DREAMING"]), st.sampled_from(CALLED), st.integers(0, 3),
                 st.sampled_from(["", "Priority", "PartitionTimeLimit"]))
STEPS = st.lists(st.one_of(
    st.tuples(st.just("listed"), st.lists(ROWS, max_size=6, unique_by=lambda seen: seen.id)),
    st.tuples(st.just("lost"), st.sampled_from(["", "RUNNING", "FAILED"])),
    st.tuples(st.just("release"), st.sampled_from("abcdef"))), max_size=12)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_whatever_is_listed_every_name_ends_once_and_nothing_held_is_cancelled(steps):
    ledger = taken("a", "b")
    ledger.take("q-2", "8", ["c", "d"])
    ledger.doubt("q-3", ["e", "f"], at_s=0.0)
    over, released, again = [], set(), set()
    for what, given_ in steps:
        if what == "release":
            ledger.release(given_)
            released.add(given_)
            continue
        listing = given_ if what == "listed" else []
        again |= set(ledger.settle(listing, asked_before_s=1.0))
        news = ledger.compare(listing)
        for held in news.missing:
            ledger.look_up(held, given_ if what == "lost" else "RUNNING", 0, news)
        over += [held.name for held, _ in (*news.ended, *news.never)]
        held_ids = {held.slurm_id for held in ledger.held.values()}
        assert not held_ids & set(news.cancel)
        assert set(news.cancel) <= set(live(listing))
        assert not released & set(over[len(over) - len(news.ended) - len(news.never):])
    assert len(over) == len(set(over))
    in_doubt = {name for names, _ in ledger.doubtful.values() for name in names if name}
    groups = [set(over), released - set(over) - again, again, set(ledger.held), in_doubt]
    assert set().union(*groups) == set("abcdef")
    assert not (set(ledger.held) | in_doubt) & (set(over) | released)


def test_strays_are_not_expected_for_ever():
    ledger = taken("a")
    ledger.compare([row("7_0", "CANCELLED")])
    for _ in range(30):
        ledger.compare([])
    assert ledger.compare([row("7_0", "PENDING", restarts=1)]).cancel == ["7_0"]
    for _ in range(40):
        assert ledger.called() == ["q-1"]
        ledger.compare([])
    ledger.compare([])
    assert ledger.called() == []


def test_what_is_watched_for_strays_is_bounded():
    ledger = Ledger()
    for number in range(1_000):
        ledger.take(f"q-{number}", f"{number}", ["a"])
        assert ledger.release("a") == f"{number}_0"
    assert len(ledger.called()) == 64
    assert ledger.called()[-1] == "q-999"
