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
from roundsman_collector.notify.facts import Facts
from roundsman_collector.notify.outcome import Reject, Retry
from roundsman_collector.notify.pacing import LIMIT, WINDOW_MS, Gathered, Later, plan, wake_after
from roundsman_collector.store import NoticeRow, Outbox, StoreError, Waiting, WayRow
from roundsman_wire.catalogue import Label

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.5
AFTER_TROUBLE_S = 5.0
PRUNE_EVERY_S = 24 * 3600.0
KEEP_MS = 90 * 86_400_000
"""How long what was told, or could not be, is kept."""
LEAVE_WITHIN_S = 3.0

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
    _prune_at: float = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Deliver until told to stop; what is on its way then gets a moment."""
        pause = 0.0
        while not stopping.wait(pause):
            try:
                self._look(stopping)
                self._prune()
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
        notice = waiting.notice
        if waiting.is_over:
            self.outbox.over(notice, now_ms)
            return True
        if notice.event not in ("test", "digest"):
            match plan(
                count=waiting.count, sent_lately=waiting.sent_lately, digest_ms=waiting.digest_ms, now_ms=now_ms
            ):
                case Later(until_ms=until_ms):
                    self._rests[way] = clock.mono_s() + min((until_ms - now_ms) / 1000, WINDOW_MS / 1000)
                    return False
                case Gathered():
                    count = self.outbox.gather(way, now_ms)
                    log.warning("too many notices at once: gathered into one", way=way, count=count)
                    return True
        return self._tell(waiting)

    def _tell(self, waiting: Waiting) -> bool:
        """Send it; False where those behind it have to wait too."""
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
                made_ms=notice.made_ms,
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
        )

    def _prune(self) -> None:
        mono = clock.mono_s()
        if mono < self._prune_at:
            return
        gone = self.outbox.prune(self.now_ms() - KEEP_MS)
        self._prune_at = mono + (LOOK_EVERY_S if gone else PRUNE_EVERY_S)
