"""What goes out next, and what is out and not settled yet. Pure but for reading the spool.

           newest of each device        what is taken from now on        everything older
                    |                              |                          |
                 current  ---- first ---->       live  ---- beside ---->    history  (bounded rate)

A record leaves the spool only when it is settled. Until then it is *waiting* or *out*. What is out longer than three
acknowledgement periods becomes waiting again and goes out as history; each time without any progress doubles the
patience, so that a dead collector behind a living broker does not get the same again for ever. A reset (new connection,
new epoch of the collector) makes everything waiting.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from roundsman_agent.spool import Spool
from roundsman_wire.ranges import Range, RangeSet
from roundsman_wire.report import Record

_PERIODS: Final = 3
_PATIENCE_LIMIT: Final = 64
"""Patience doubles up to this many times three periods."""
_HISTORY_BATCH: Final = 100
_CATCH_UP_MS: Final = 1000
"""History that is late by no more than this is made up for, so that the rate is kept however the loop is delayed."""
_LIVE_BATCH: Final = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Records to be sent together; `is_history` says on which topic."""

    records: list[Record]
    is_history: bool


@dataclass(kw_only=True, slots=True)
class _Out:
    """What went out together on one topic, as far as it is not settled."""

    left: RangeSet
    since: int
    is_history: bool


class Outbox:
    """See the module. Times are mono milliseconds."""

    def __init__(self, spool: Spool, *, records_per_s: float, ack_expected_ms: int, batch_ms: int, now: int) -> None:
        self._spool = spool
        self._records_per_s = records_per_s
        self._ack_expected_ms = ack_expected_ms
        self._batch_ms = batch_ms
        self._holds = False
        self._out = RangeSet()
        self._sendings: deque[_Out] = deque()
        self._current: deque[int] = deque()
        self._live_after = 0
        self._live_since: int | None = None
        self._history_after = 0
        self._history_at = now
        self._patience = {True: 1, False: 1}
        self.reset(now)

    def reset(self, now: int) -> None:
        """Everything in the spool is to be sent, the newest sample of each device first."""
        self._out = RangeSet()
        self._sendings.clear()
        self._current = deque(self._spool.newest_of_devices())
        self._live_after = self._spool.newest
        self._live_since = None
        self._history_after = 0
        self._history_at = now
        self._patience = {True: 1, False: 1}

    def spare(self, *, batch_ms: int, holds: bool) -> None:
        """From here live records wait so long for company; `holds`: only what says something new goes, at once.

        What was held goes as history when there is no need any more.
        """
        self._batch_ms = batch_ms
        if self._holds and not holds:
            self._history_after = 0
        self._holds = holds

    def next_live(self, now: int) -> Batch | None:
        """The current state first, then what was taken since the reset, once it is `batch_ms` old or has news."""
        if self._current:
            records = self._spool.read(self._current)
            self._current.clear()
            if records:
                return Batch(records=records, is_history=False)
        if self._spool.newest <= self._live_after:
            return None
        if self._live_since is None:
            self._live_since = now
        is_urgent = self._spool.last_change > self._live_after
        if not is_urgent and (self._holds or now - self._live_since < self._batch_ms):
            return None
        read = self._spool.changes if self._holds else self._spool.unsettled
        records = read(self._live_after, _LIVE_BATCH)
        if not records:
            self._live_after, self._live_since = self._spool.newest, None
            return None
        self._live_after = records[-1]["n"]
        self._live_since = None if self._live_after >= self._spool.newest else self._live_since
        return Batch(records=records, is_history=False)

    def next_history(self, now: int) -> Batch | None:
        """Older records that are not out, oldest first, at the rate, never more than a window."""
        if now < self._history_at or self._history_after >= self._live_after:
            return None
        room = min(self._window() - self._history_out(), _HISTORY_BATCH, max(int(self._records_per_s), 1))
        if room <= 0:
            return None
        while self._history_after < self._live_after:
            self._history_after = self._out.first_missing(self._history_after + 1) - 1
            found = (self._spool.changes if self._holds else self._spool.unsettled)(self._history_after, room)
            records = [r for r in found if r["n"] <= self._live_after and r["n"] not in self._out]
            self._history_after = found[-1]["n"] if found else self._live_after
            if records:
                begun = max(self._history_at, now - _CATCH_UP_MS)
                self._history_at = begun + int(len(records) * 1000 / self._records_per_s)
                return Batch(records=records, is_history=True)
        return None

    def sent(self, records: Iterable[Record], *, is_history: bool, now: int) -> None:
        """These were handed to the broker's connection."""
        ranges = RangeSet()
        for record in records:
            ranges.add(record["n"], record["n"])
        self._spool.sent(ranges.last())
        for first, last in ranges:
            self._out.add(first, last)
        self._sendings.append(_Out(left=ranges, since=now, is_history=is_history))

    def settled(self, ranges: Iterable[Range]) -> None:
        """The collector has these; whatever of them was out is progress."""
        ranges = list(ranges)
        for first, last in ranges:
            self._out.remove(first, last)
        for sending in self._sendings:
            for first, last in ranges:
                sending.left.remove(first, last)
            if not sending.left:
                # Live progress says nothing of history: a collector that is catching up settles live at once.
                self._patience[sending.is_history] = self._patience[False] = 1
        self._sendings = deque(one for one in self._sendings if one.left)

    def expire(self, now: int) -> int:
        """Make what was out too long waiting again; returns how many sendings."""
        late = [one for one in self._sendings if now - one.since >= self._waits(one)]
        if not late:
            return 0
        self._sendings = deque(one for one in self._sendings if now - one.since < self._waits(one))
        for first, last in (part for one in late for part in one.left):
            self._out.remove(first, last)
            self._history_after = min(self._history_after, first - 1)
            self._live_after = max(self._live_after, last)
        for is_history in {one.is_history for one in late}:
            self._patience[is_history] = min(self._patience[is_history] * 2, _PATIENCE_LIMIT)
        return len(late)

    @property
    def has_live(self) -> bool:
        """Whether live records wait."""
        return bool(self._current) or self._spool.newest > self._live_after

    def wake_at(self, now: int, *, may_history: bool = True) -> int | None:
        """When there may be something to do that no event announces; None when nothing waits.

        History that may not go out at the moment is nothing to wake for: whoever holds it back knows until when.
        """
        times = [one.since + self._waits(one) for one in self._sendings]
        if self._current:
            times.append(now)
        if self._spool.newest > self._live_after and not self._holds:
            times.append((self._live_since or now) + self._batch_ms)
        if may_history and self._history_after < self._live_after and self._history_out() < self._window():
            times.append(self._history_at)
        return min(times, default=None)

    @property
    def has_history(self) -> bool:
        """Whether older records wait."""
        return self._history_after < self._live_after

    def _waits(self, one: _Out) -> int:
        return _PERIODS * self._ack_expected_ms * self._patience[one.is_history]

    def _window(self) -> int:
        """How much history may be out: what the rate gives until patience ends."""
        return max(int(self._records_per_s * self._ack_expected_ms / 1000 * _PERIODS), _HISTORY_BATCH)

    def _history_out(self) -> int:
        return sum(one.left.count() for one in self._sendings if one.is_history)
