"""Readings by the local day, as reports come: what is watched for getting worse is kept for years (rules/trends.yaml).

    days.begin(next_seq)                   take over from the store how far they got
    days.take(draft.read, now_ms)          what a batch that is stored brought: at most some microseconds a report
    days.told(now_ms, next_seq)            what is to be written with the next sweep, or None
    days.kept(told)                        it is written

    report ──> a part of the fleet, by its name, in memory ──(5 minutes, or too much)──> reading_day, added
                 disk[/].used_percent, 20777: least 61.0 greatest 61.4 last 61.4, 5 looks

A device's readings of five minutes become one row's change. What waits in memory is evidence that a start reads again:
with each part that is written stands, in the same transaction, up to which evidence it is counted. So a record counts
once, whenever the collector dies; one that comes late counts for the day that it speaks of, one that comes again does
not reach us. A sample of a boot whose clock nobody knows yet has no day and is not counted, also later.
"""

from collections.abc import Iterable
from typing import Any
from zlib import crc32

import structlog

from roundsman_collector.core.dating import event_time
from roundsman_collector.core.local_days import DAY_MS, day_at
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.engine.unit import Memory, Read
from roundsman_collector.rules.trends import Trends
from roundsman_collector.store.door import Store
from roundsman_collector.store.evidence import RECORDS, EvidenceRow
from roundsman_collector.store.reading_days import KEPT_DAYS, DayRow, DaysTold
from roundsman_collector.store.samples import told_in

log = structlog.get_logger(__name__)

PARTS = 256
ROUND_MS = 5 * 60_000
MOST_WAITING = 1_500_000
"""Days of readings in memory: beyond this they are written sooner."""
ROWS_AT_ONCE = 2000
"""A part is written whole; when so many rows are together, the next ones wait for the next sweep."""
NAMES_MOST = 50_000
"""So many names of readings there may be: an agent that makes up new ones must not fill the table."""
LARGEST = 1e15


Key = tuple[str, int, str]


class ReadingDays:
    """See the module. One for the life of an engine."""

    def __init__(self, store: Store, trends: Trends) -> None:
        self.store = store
        self.trends = trends
        self.zones: dict[str, str] = {}
        """Of devices that do not stand in the usual time zone, as known some minutes ago."""
        self._waiting: dict[int, dict[Key, list[float]]] = {}
        """By part: [least, greatest, last, when, looks]."""
        self._since: dict[int, int] = {}
        """By part that waits: since when; the longest first."""
        self._counted: list[int] = [0] * PARTS
        """By part: evidence before this seq is in the table."""
        self._count = 0
        self._names: set[str] = set()
        self._zones_ms: int | None = None
        self._is_full = False

    @property
    def from_seq(self) -> int:
        """Evidence before this seq is counted for the whole fleet."""
        return min(self._counted)

    def begin(self, next_seq: int, now_ms: int) -> None:
        """Take over from the store; where no day was ever counted, they count from what comes next."""
        self._names = self.store.reading_names()
        self._look_for_zones(now_ms)
        known = self.store.days_counted()
        if known is None:
            known = (next_seq, {})
            self.store.count_days_from(next_seq)
        rest_seq, waiting = known
        self._counted = [waiting.get(part, rest_seq) for part in range(PARTS)]

    def take(self, read: Iterable[Read], now_ms: int) -> None:
        """Count samples whose evidence is stored; what is counted already is passed over."""
        oldest_ms = now_ms - KEPT_DAYS * DAY_MS
        is_kept, known, zones = self.trends.is_kept, self._names, self.zones
        for device, t_ms, seq, readings in read:
            part = mine = None
            for name, value in readings.items():
                if not is_kept(name) or not _is_number(value):
                    continue
                if name not in known and not self._is_named(name):
                    continue
                if mine is None:
                    part = crc32(device.encode()) % PARTS
                    if seq < self._counted[part] or t_ms < oldest_ms:
                        break
                    mine = self._waiting.get(part)
                    if mine is None:
                        mine = self._waiting[part] = {}
                        self._since[part] = now_ms
                    day = day_at(t_ms, zones.get(device, USUAL_ZONE))
                entry = mine.get((device, day, name))
                if entry is None:
                    mine[device, day, name] = [value, value, value, t_ms, 1]
                    self._count += 1
                else:
                    _add(entry, value, t_ms)

    def read_again(self, row: EvidenceRow, memory: Memory, now_ms: int) -> None:
        """Count a row of evidence that its unit's memory is past, and the days are not."""
        if row.kind not in RECORDS:
            return
        found = []
        for record in told_in(row)[1]:
            if record["kind"] == "sample" and record["readings"]:
                t_ms = event_time(record, memory.bases.get(record["boot"]))
                if t_ms is not None:
                    found.append(Read(record["device"], t_ms, row.seq, record["readings"]))
        self.take(found, now_ms)

    def told(self, now_ms: int, next_seq: int) -> DaysTold:
        """What is due to be written, with how far that gets. Zones are looked at again now and then."""
        if self._zones_ms is None or not 0 <= now_ms - self._zones_ms < ROUND_MS:
            self._look_for_zones(now_ms)
        rows: list[DayRow] = []
        left = dict(self._since)
        count = self._count
        for part, since_ms in self._since.items():
            is_due = count > MOST_WAITING or not 0 <= now_ms - since_ms < ROUND_MS
            if not is_due or len(rows) >= ROWS_AT_ONCE:
                break
            mine = self._waiting[part]
            rows += [_row(key, entry) for key, entry in mine.items()]
            count -= len(mine)
            del left[part]
        return DaysTold(rows, next_seq, {part: self._counted[part] for part in left})

    def kept(self, told: DaysTold) -> None:
        """It is written: let go of it."""
        for part in [part for part in self._since if part not in told.waiting]:
            self._count -= len(self._waiting.pop(part))
            del self._since[part]
        self._counted = [told.waiting.get(part, told.rest_seq) for part in range(PARTS)]

    def _look_for_zones(self, now_ms: int) -> None:
        self.zones = self.store.zones_elsewhere()
        self._zones_ms = now_ms

    def _is_named(self, name: str) -> bool:
        """Let there be another name, unless there are too many; that is told once."""
        if len(self._names) < NAMES_MOST:
            self._names.add(name)
            return True
        if not self._is_full:
            self._is_full = True
            log.error("there are too many readings to keep days of; new ones are left out", limit=NAMES_MOST)
        return False


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -LARGEST < value < LARGEST


def _add(entry: list[float], value: float, t_ms: int) -> None:
    """Another value of a day; of two at one time the larger is the last."""
    if value < entry[0]:
        entry[0] = value
    elif value > entry[1]:
        entry[1] = value
    if (t_ms, value) > (entry[3], entry[2]):
        entry[2], entry[3] = value, t_ms
    entry[4] += 1


def _row(key: Key, entry: list[float]) -> DayRow:
    device, day, reading = key
    least, greatest, last, last_ms, looks = entry
    return DayRow(device, day, reading, float(least), float(greatest), float(last), int(last_ms), int(looks))
