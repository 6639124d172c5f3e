"""Allocations from Slurm: one submission for all that are asked for at once, one watcher for all that there are.

The watcher asks `squeue` about everything in one command, soon after something has changed and ever more rarely while
nothing does. A controller that does not answer changes nothing but the pace: what runs goes on, nothing is declared
lost. A submission that was not answered is looked for under its own name before it is made again.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from qloop.pilots import slurm_orphans
from qloop.pilots.allocator import Allotment, Gone, Invitation
from qloop.pilots.slurm_client import SlurmClient, SlurmRefused, SlurmSilent
from qloop.pilots.slurm_ledger import Held, Ledger, News, live
from qloop.pilots.slurm_listing import SlurmAnswerError
from qloop.pilots.slurm_options import SlurmOptions, options
from qloop.pilots.slurm_script import Desk, script

_MOST_AT_ONCE: Final = 256      # allocations of one submission (MaxArraySize is 1001 by default)
_MOST_LOOKED_UP: Final = 32     # of allocations that a listing lacks, one by one
_SETTLE_S: Final = 10.0         # after which a listing without a submission says that it was not taken, at most
_SILENT_S: Final = 60.0         # longest pause between questions to a controller that does not answer
_REFUSED_S: Final = 300.0       # longest pause before asking again for more than Slurm would give
_GIVE_UP_S: Final = 900.0       # silence after which a pilot without any allocation gives up
_CLOSE_S: Final = 10.0
_GROWTH: Final = 1.6


class SlurmAllocator:
    """The allocations of one pilot (`qloop.pilots.allocator.Allocator`). `settings`: `pilot`, and `SlurmOptions`."""

    def __init__(self, invitation: Invitation, allotment: Allotment, settings: Mapping[str, Any], *,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._invitation, self._allotment, self._clock = invitation, allotment, clock
        self._options = msgspec.convert(settings["options"], SlurmOptions).check()
        self._client = SlurmClient(self._options.command_timeout_s, self._options.slurm_conf)
        self._desk = Desk(self._options.folder, str(settings["pilot"]))
        self._desk.keep_token(invitation.token)
        self._ledger = Ledger()
        self._wanted: dict[str, None] = {}
        self._unwanted: dict[str, None] = {}        # ids that are to be cancelled
        self._serial, self._pause_s = 0, self._options.least_watch_s
        self._look_at, self._ask_at = math.inf, 0.0
        self._refused_s = self._options.most_watch_s
        self._silent_since = 0.0
        self._orphans = slurm_orphans.orphans(self._desk.folder.parent)

    @property
    def period_s(self) -> float:
        """When `poll` has something to do next, in seconds from now."""
        at = [self._look_at] if self._ledger.called() or self._unwanted else []
        at += [self._asks_at()] if self._wanted else []
        return min(max(0.01, min(at, default=self._clock() + 1.0) - self._clock()), 60.0)

    def acquire(self, name: str) -> None:
        """Ask for an allocation of this name; it is submitted by the next `poll`, together with others."""
        self._wanted[name] = None

    def release(self, name: str) -> None:
        """This allocation is not wanted any more, whatever has become of it."""
        if name in self._wanted:
            del self._wanted[name]
        elif slurm_id := self._ledger.release(name):
            self._unwanted[slurm_id] = None
        self._soon()

    def poll(self) -> list[Gone]:
        """Submit, cancel and look, each if it is time for it; which allocations have ended."""
        gone: list[Gone] = []
        now = self._clock()
        if self._wanted and now >= self._asks_at():
            gone += self._submit()
        if self._unwanted and now >= self._look_at:
            self._cancel()
        if self._ledger.called() and now >= self._look_at:
            gone += self._look()
        if self._orphans and not self._silent_since and not self._ledger.doubtful:
            self._bury(self._orphans.pop())
        return gone

    def close(self) -> None:
        """Cancel everything of ours and see it end; nobody gets in with the token any more."""
        self._desk.lock_out()
        self._wanted.clear()
        self._unwanted |= dict.fromkeys(held.slurm_id for held in self._ledger.held.values())
        end = self._clock() + _CLOSE_S
        self._client.timeout_s = min(self._client.timeout_s, _CLOSE_S / 2)
        while self._ledger.called() and self._clock() < end:
            with contextlib.suppress(SlurmSilent, SlurmRefused, SlurmAnswerError):
                self._client.cancel(list(self._unwanted))
                alive = live(self._client.listing(self._ledger.called()))
                self._unwanted = dict.fromkeys(alive)
                if not alive and not self._ledger.doubtful:
                    break
            time.sleep(0.1)
        if not self._unwanted and not self._ledger.doubtful:
            self._desk.clear()
            return
        _say(f"Slurm did not confirm the end of all allocations; cancel them with: "
             f"scancel --me --name={','.join(self._ledger.called())}")

    # -- asking

    def _asks_at(self) -> float:
        """When to ask for what is wanted: patience is for those who have something."""
        return self._ask_at if self._ledger.held or self._ledger.doubtful else 0.0

    def _submit(self) -> list[Gone]:
        """One submission for what is wanted. What Slurm refuses is asked for again, unless nothing else is there."""
        names = list(self._wanted)[:_MOST_AT_ONCE]
        self._serial += 1
        called = f"{self._desk.called}-{self._serial}"
        plan = self._desk.plan(self._serial, names, self._invitation, self._allotment)
        said = script(self._options, self._allotment, self._invitation.python, plan)
        asked = [*options(self._options, self._allotment), "-J", called, f"--array=0-{len(names) - 1}",
                 f"--output={self._desk.output}", "--open-mode=append"]
        self._soon()
        try:
            self._ledger.take(called, self._client.submit(asked, said), names)
        except (SlurmSilent, SlurmAnswerError) as error:
            self._ledger.doubt(called, names, self._clock())
            _say(str(error))
        except SlurmRefused as error:
            return self._refused(names, str(error))
        self._wanted = {name: None for name in self._wanted if name not in names}
        self._refused_s = self._options.most_watch_s
        return []

    def _refused(self, names: Iterable[str], words: str) -> list[Gone]:
        """Slurm will not give these: the end of a pilot that has nothing else, and otherwise a matter of patience."""
        if not self._ledger.held and not self._ledger.doubtful:
            for name in names:
                self._wanted.pop(name, None)
            return [Gone(name, f"Slurm refused the allocation. {words} {_ADVICE}", final=True) for name in names]
        _say(f"Slurm gives no more allocations now: {words}")
        self._wanted |= dict.fromkeys(names)
        self._ask_at = self._clock() + self._refused_s
        self._refused_s = min(_REFUSED_S, 2.0 * self._refused_s)
        return []

    def _cancel(self) -> None:
        """Cancel what is not wanted; what Slurm does not hear stays to be cancelled."""
        ids = list(self._unwanted)
        try:
            self._client.cancel(ids)
        except SlurmSilent:
            return
        except SlurmRefused as error:
            _say(str(error))
        for slurm_id in ids:
            self._unwanted.pop(slurm_id, None)

    # -- looking

    def _look(self) -> list[Gone]:
        """Ask Slurm what has become of all allocations; what follows from its answer."""
        asked_at = self._clock()
        try:
            listing = self._client.listing(self._ledger.called())
            again = self._ledger.settle(listing, asked_at - min(_SETTLE_S, 3.0 * self._options.command_timeout_s))
        except (SlurmSilent, SlurmAnswerError, SlurmRefused) as error:
            return self._silence(str(error))
        self._silent_since = 0.0
        news = self._ledger.compare(listing)
        self._look_up(news)
        self._wanted |= dict.fromkeys(again)
        self._unwanted |= dict.fromkeys(news.cancel)
        for remark in news.remarks:
            _say(remark)
        calm = not news.changed and not self._ledger.doubtful and not news.cancel
        self._pause_s = (min(self._options.most_watch_s, self._pause_s * _GROWTH) if calm
                         else self._options.least_watch_s)
        self._look_at = self._clock() + self._pause_s
        return self._told(news)

    def _bury(self, orphan: Path) -> None:
        """Cancel what a pilot has left behind whose process died without its end; try again in the next life."""
        with contextlib.suppress(SlurmSilent, SlurmAnswerError, SlurmRefused):
            if called := slurm_orphans.called(orphan):
                self._client.cancel(live(self._client.listing(called)))
            shutil.rmtree(orphan, ignore_errors=True)

    def _look_up(self, news: News) -> None:
        """Ask one by one for what the listing lacks; what Slurm does not answer now is asked for the next time."""
        with contextlib.suppress(SlurmSilent, SlurmAnswerError, SlurmRefused):
            for held in news.missing[:_MOST_LOOKED_UP]:
                self._ledger.look_up(held, *self._client.state(held.slurm_id), news)

    def _told(self, news: News) -> list[Gone]:
        """Which allocations are gone, with what they wrote last if that may be why."""
        gone = [Gone(held.name, self._why(held, clause)) for held, clause in news.ended]
        for held, clause in news.never:
            gone += self._refused([held.name], clause)
        return gone

    def _why(self, held: Held, clause: str) -> str:
        words = self._desk.words(held.slurm_id)
        said = f". It wrote last:\n{words}" if words else ""
        return f"Slurm's allocation {held.slurm_id} is over: {clause}{said}"

    def _silence(self, words: str) -> list[Gone]:
        """Nobody answers: ask ever more rarely, and give up only what never was there."""
        now = self._clock()
        if not self._silent_since:
            self._silent_since = now
            _say(f"{words} Nothing is taken as lost; asking again")
        self._pause_s = min(_SILENT_S, 2.0 * self._pause_s)
        self._look_at = now + self._pause_s
        if self._ledger.held or now - self._silent_since < _GIVE_UP_S:
            return []
        names = [name for names, _ in self._ledger.doubtful.values() for name in names if name]
        for name in names:
            self._ledger.release(name)
        return [Gone(name, f"Slurm has not answered for {now - self._silent_since:.0f} s. {words}") for name in names]

    def _soon(self) -> None:
        """Something is about to change: look soon."""
        self._pause_s = self._options.least_watch_s
        self._look_at = min(self._look_at, self._clock() + self._pause_s)


_ADVICE: Final = ("See which partitions, limits and accounts there are (sinfo, sacctmgr show assoc), and change the "
                  "pilot's options.")


def _say(words: str) -> None:
    """A remark for the log of the pilot's engine process."""
    print(words, file=sys.stderr, flush=True)
