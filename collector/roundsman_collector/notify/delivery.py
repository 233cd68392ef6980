"""The delivery: looks into the outbox, gives each way with something due a thread, and marks what became of it.

    Delivery(outbox, senders, ...).run(stopping)

The loop does nothing that can hang. A thread goes through what is due on its way, in order, and ends. Failures are
logged once when a way breaks and once when it is back; each stands with its notice too.
"""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from roundsman_collector import clock, fault
from roundsman_collector.core.recurrence import Rules
from roundsman_collector.notify.dial import CONNECT_S, TOTAL_S
from roundsman_collector.notify.facts import Facts
from roundsman_collector.notify.outcome import Reject, Retry
from roundsman_collector.notify.pacing import (
    LIMIT,
    PACES,
    WINDOW_MS,
    Alone,
    Gathered,
    Held,
    Later,
    Over,
    Turn,
    plan,
    wake_after,
)
from roundsman_collector.store import NoticeRow, Outbox, StoreError, Waiting, WayRow
from roundsman_collector.store.notices import Held as Why
from roundsman_wire.catalogue import Label

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.5
AFTER_TROUBLE_S = 5.0
PRUNE_EVERY_S = 24 * 3600.0
WARN_EVERY_S = 3600.0
KEEP_MS = 90 * 86_400_000
"""How long what was told, or could not be, is kept."""
LEAVE_WITHIN_S = 3.0

LASTS_MS = round(1000 * (CONNECT_S + TOTAL_S))
"""The longest that a message is on its way."""

Sender = Callable[[Facts, WayRow], None]
"""Renders and sends; raises Retry or Reject."""


@dataclass
class Delivery:
    """See the module. `public_url` is where the console is found; empty: nothing is said of it."""

    outbox: Outbox
    senders: Mapping[str, Sender]
    faults: Mapping[str, Label]
    public_url: str = ""
    now_ms: Callable[[], int] = clock.now_ms
    luck: Callable[[], float] = random.random
    _busy: dict[int, threading.Thread] = field(default_factory=dict)
    _rests: dict[int, float] = field(default_factory=dict)
    _broken: set[int] = field(default_factory=set)
    _asking: threading.Lock = field(default_factory=threading.Lock)
    _prune_at: float = 0.0
    recurring: Rules | None = None
    """When the same fault comes too often; None: nobody is warned of it."""
    _warn_at: float = 0.0
    _warning: threading.Thread | None = None

    def run(self, stopping: threading.Event) -> None:
        """Deliver until told to stop; what is on its way then gets a moment."""
        pause = 0.0
        while not stopping.wait(pause):
            try:
                self._look(stopping)
                self._prune()
                self._warn()
                pause = LOOK_EVERY_S
            except StoreError as error:
                log.error("the outbox cannot be read; it is tried again", problem=str(error))
                pause = AFTER_TROUBLE_S
        until = clock.mono_s() + LEAVE_WITHIN_S
        for thread in list(self._busy.values()):
            thread.join(max(0.0, until - clock.mono_s()))

    def _look(self, stopping: threading.Event) -> None:
        self._busy = {way: thread for way, thread in self._busy.items() if thread.is_alive()}
        mono = clock.mono_s()
        for way, is_test in self.outbox.ways_with_work(self.now_ms()).items():
            if way in self._busy or (not is_test and mono < self._rests.get(way, 0.0)):
                continue
            thread = threading.Thread(target=self._serve, args=(way, stopping), name=f"way-{way}", daemon=True)
            self._busy[way] = thread
            thread.start()

    def _serve(self, way: int, stopping: threading.Event) -> None:
        """Tell what is due on a way. The one net: whatever goes wrong here is this way's alone."""
        try:
            while not stopping.is_set() and self.step(way):
                pass
        except StoreError as error:
            log.error("the outbox cannot be used; it is tried again", way=way, problem=str(error))
            self._rests[way] = clock.mono_s() + AFTER_TROUBLE_S
        except Exception:
            log.exception("a notice could not be handled; it is tried again", way=way)
            self._rests[way] = clock.mono_s() + 12 * AFTER_TROUBLE_S

    def step(self, way: int) -> bool:
        """Tell the next notice of a way, or put it off; False: nothing is due any more."""
        now_ms = self.now_ms()
        waiting = self.outbox.next(way, now_ms, lately_ms=WINDOW_MS, limit=LIMIT)
        if waiting is None:
            return False
        if waiting.notice.event in ("test", "digest"):
            return self._tell(waiting)
        match plan(_turn(waiting), waiting.way.timing, PACES[waiting.way.kind], now_ms):
            case Alone():
                return self._tell(waiting)
            case Over():
                self.outbox.over(waiting.notice, now_ms)
            case Held(until_ms=until_ms, is_daily=is_daily, spares_urgent=spares_urgent):
                why: Why = "daily" if is_daily else "quiet"
                self.outbox.hold(way, now_ms, why=why, until_ms=until_ms, spares_urgent=spares_urgent)
            case Gathered(is_daily=is_daily):
                count = self.outbox.gather(way, now_ms, is_daily=is_daily)
                log.info("notices are told in one", way=way, count=count)
            case Later(until_ms=until_ms):
                self._rest(way, until_ms, now_ms)
                return False
        return True

    def _rest(self, way: int, until_ms: int, now_ms: int) -> None:
        """Leave a way alone for a while. What is due then is looked up anew: this saves only the looking."""
        self._rests[way] = clock.mono_s() + min((until_ms - now_ms) / 1000, WINDOW_MS / 1000)

    def _tell(self, waiting: Waiting) -> bool:
        """Send it; False where those behind it have to wait too."""
        way, limits = waiting.way, PACES[waiting.way.kind].bot
        if not limits:
            return self._send(waiting)
        with self._asking:
            now_ms = self.now_ms()
            claim = self.outbox.claim(way.bot, limits, now_ms, LASTS_MS)
        if claim.id is None:
            self._rest(way.id, claim.until_ms, now_ms)
            return False
        try:
            return self._send(waiting)
        finally:
            self.outbox.finish(claim, self.now_ms())

    def _send(self, waiting: Waiting) -> bool:
        notice, way = waiting.notice, waiting.way
        try:
            self.senders[way.kind](self._facts(waiting), way)
        except Retry as problem:
            return self._failed(notice, way, problem)
        except Reject as problem:
            self._said(way, str(problem))
            self.outbox.dead(notice, self.now_ms(), str(problem))
            return True
        fault.hit("notify.sent")
        self.outbox.sent(notice, self.now_ms())
        if way.id in self._broken:
            self._broken.discard(way.id)
            log.info("a way of being told works again", way=way.id, name=way.name)
        if notice.event == "test":
            self._rests.pop(way.id, None)
        return True

    def _failed(self, notice: NoticeRow, way: WayRow, problem: Retry) -> bool:
        """Put it off, or give it up. A test is tried once: somebody is waiting for the answer."""
        self._said(way, str(problem))
        now_ms = self.now_ms()
        wake_at_ms = None
        if notice.event != "test":
            wake_at_ms = wake_after(
                due_ms=notice.made_ms if notice.due_ms is None else notice.due_ms,
                tries=notice.tries + 1,
                now_ms=now_ms,
                luck=self.luck(),
                asked_s=problem.after_s,
            )
        if wake_at_ms is None:
            self.outbox.dead(notice, now_ms, str(problem))
            return True
        self.outbox.again(notice, wake_at_ms, str(problem))
        return False

    def _said(self, way: WayRow, problem: str) -> None:
        if way.id not in self._broken:
            self._broken.add(way.id)
            log.error("a way of being told does not work", way=way.id, name=way.name, problem=problem)

    def _facts(self, waiting: Waiting) -> Facts:
        notice = waiting.notice
        subjects = {str(one["subject"]) for one in notice.body.get("entries", ())}
        return Facts(
            id=f"{self.outbox.epoch}-{notice.id}",
            event=notice.event,
            subject=notice.subject,
            body=notice.body,
            made_ms=notice.made_ms,
            way=waiting.way.name,
            names=waiting.names,
            subjects={subject: self.outbox.names(subject) for subject in sorted(subjects)},
            faults=self.faults,
            public_url=self.public_url,
            time_zone=waiting.way.timing.time_zone,
        )

    def _warn(self) -> None:
        """Look for what recurs, in a thread of its own: the faults of a year take a while."""
        if self.recurring is None or clock.mono_s() < self._warn_at:
            return
        if self._warning is None or not self._warning.is_alive():
            self._warn_at = clock.mono_s() + WARN_EVERY_S
            self._warning = threading.Thread(target=self._look_back, name="recurrence", daemon=True)
            self._warning.start()

    def _look_back(self) -> None:
        assert self.recurring is not None, "asked before"
        try:
            count = self.outbox.warn(self.recurring, self.now_ms())
        except StoreError as error:
            log.error("what recurs cannot be looked for; it is tried again in an hour", problem=str(error))
        else:
            if count:
                log.info("the same faults came again and again", warnings=count)

    def _prune(self) -> None:
        mono = clock.mono_s()
        if mono < self._prune_at:
            return
        gone = self.outbox.prune(self.now_ms() - KEEP_MS)
        self._prune_at = mono + (LOOK_EVERY_S if gone else PRUNE_EVERY_S)


def _turn(waiting: Waiting) -> Turn:
    return Turn(
        made_ms=waiting.notice.made_ms,
        severity=waiting.notice.severity,
        passes=waiting.notice.passes,
        is_over=waiting.is_over,
        count=waiting.count,
        held_count=waiting.held_count,
        sent_lately=waiting.sent_lately,
        digest_ms=waiting.digest_ms,
    )
