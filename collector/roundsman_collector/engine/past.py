"""The evidence of one agent in the order of event time, a piece at a time, however much there is.

    chain, newest first     [row 9: 10:07] [row 8: 10:06] [row 6: 09:10 .. 09:50] [row 4: 10:05] ...      read(): once
    known of each row       from when to when it speaks, and how many records of it: 32 bytes
    pieces, oldest first    | 09:10 .. 09:50 | 10:05, 10:06 | 10:07 ...                                    pieces()

A rebuild must see the oldest first, the chain leads to the newest first, and what is late may lie anywhere in it.
Therefore the chain is walked once to learn when each row speaks, and then the rows of each stretch of time are read
again. What is small enough is kept from the first time. A stretch is cut shorter where it turns out to hold too much,
so that some ten thousand records are in memory at once, whatever an agent sent. A row that reaches over a cut is read
for both sides of it.

Both are generators that stand still where a pause does no harm; while one does, rows may be added, none may go.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from roundsman_collector.core.dating import EARLIEST_MS, Base, better, event_time, gap_time
from roundsman_collector.core.model import Item, Milliseconds, Spec
from roundsman_collector.engine.intake import AHEAD_MS, is_ahead
from roundsman_collector.store.door import Store
from roundsman_collector.store.evidence import EvidenceRow
from roundsman_collector.store.samples import told_in

PIECE = 4_000
"""How many records a piece is meant to hold: some 40 ms of a rebuild, 5 MB."""
KEPT = 20_000
"""Up to how many records are kept from the first reading."""
ROWS_FIRST, ROWS_MOST = 64, 1000
NO_RECORDS = ("birth", "lost")
FOREVER = 2**62


class GoneError(Exception):
    """Evidence that was there before the pause is not there any more."""


class Told(NamedTuple):
    """A row, decoded."""

    row: EvidenceRow
    birth: str
    records: list[Mapping[str, Any]]


def decoded(row: EvidenceRow) -> Told:
    """A row with records, read."""
    return Told(row._replace(body=b""), *told_in(row))


class Clocks:
    """The bases of boots: those known, and what clock records add."""

    def __init__(self, known: Mapping[str, Base]) -> None:
        self.known = known
        self._found: dict[str, Base] = {}

    def hear(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Take note of the clock records; those of a newer row first."""
        for record in records:
            if record["kind"] == "clock":
                self._found[record["boot"]] = better(self._found.get(record["boot"]), record)

    def bases(self) -> dict[str, Base]:
        """The best of each boot, the one heard of last at the end."""
        return joined(self.known, dict(reversed(self._found.items())))


def joined(bases: Mapping[str, Base], more: Mapping[str, Base]) -> dict[str, Base]:
    """The better of two bases of each boot."""
    best = dict(bases)
    for boot, base in more.items():
        known = best.get(boot)
        if known is None or (base.error_ms, base.n) < (known.error_ms, known.n):
            best[boot] = base
    return best


def items_of(
    rows: Iterable[EvidenceRow], bases: Mapping[str, Base], specs: Mapping[str, Spec]
) -> tuple[list[Item], dict[str, Base]]:
    """The dated items of all these rows, oldest first, and the bases of boots with what their clock records add."""
    told = [decoded(row) for row in rows if row.kind not in NO_RECORDS]
    clocks = Clocks(bases)
    for one in reversed(told):
        clocks.hear(one.records)
    best = clocks.bases()
    return [item for one in told for item in dated(one, best, specs)], best


def dated(told: Told, bases: Mapping[str, Base], specs: Mapping[str, Spec]) -> list[Item]:
    """The items of a row that have a time."""
    row, birth, records = told
    spec, stream = specs.get(birth), row.stream
    return [
        Item(t, stream, record["n"], record, spec)
        for record, t in zip(records, times(told, bases), strict=True)
        if t is not None
    ]


def times(told: Told, bases: Mapping[str, Base]) -> list[Milliseconds | None]:
    """When the records of a row are to be judged, None for those that have no time."""
    latest_ms = told.row.received_ms + AHEAD_MS
    found: list[Milliseconds | None] = []
    for record in told.records:
        t = record["t"]
        if not (record["kind"] == "sample" and record.get("ntp", True) and EARLIEST_MS <= t <= latest_ms):
            t = _time_of(record, bases, told.row.received_ms)
        found.append(t)
    return found


def _time_of(record: Mapping[str, Any], bases: Mapping[str, Base], received_ms: Milliseconds) -> Milliseconds | None:
    t = event_time(record, bases.get(record["boot"]))
    if t is None or is_ahead(t, received_ms):  # a base that came later may date what is nonsense
        return None
    return gap_time(record, t) if record["kind"] == "gap" and record["from_t"] is not None else t


class Past:
    """See the module. What lies before `after_ms` is left out; `late_since_ms`: what was received since may be late.

    `too_late`: how many items received since then speak of a time that is not behind `after_ms`.
    """

    def __init__(
        self,
        store: Store,
        agent_no: int,
        bases: Mapping[str, Base],
        specs: Mapping[str, Spec],
        after_ms: Milliseconds,
        late_since_ms: Milliseconds,
    ) -> None:
        self.bases = dict(bases)
        self.has_loose = False
        """Whether any time depends on a base."""
        self.too_late = 0
        self._store = store
        self._agent_no = agent_no
        self._specs = specs
        self._after_ms = after_ms
        self._late_since_ms = late_since_ms
        self._clear()

    def _clear(self) -> None:
        self._seqs, self._froms, self._tos, self._counts = array("q"), array("q"), array("q"), array("q")
        self._kept: dict[int, Told] | None = {}
        self._kept_records = 0
        self.too_late = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return not self._seqs

    @property
    def from_ms(self) -> Milliseconds:
        """When it begins."""
        return min(self._froms, default=FOREVER)

    def read(self, head_seq: int | None, down_to_seq: int) -> Iterator[None]:
        """Learn when the rows of a chain speak; once, before anything else."""
        yield from self._walk(head_seq, down_to_seq)
        better_ones = self._clocks.bases()
        changed, self.bases = better_ones != self.bases, better_ones
        if changed and self.has_loose:  # some were dated by what was known before: now all is known
            self._clear()
            yield from self._walk(head_seq, down_to_seq)

    def _walk(self, head_seq: int | None, down_to_seq: int) -> Iterator[None]:
        self._clocks = Clocks(self.bases)
        limit, seq = ROWS_FIRST, head_seq
        while seq is not None and seq >= down_to_seq:
            rows = self._store.evidence_down(self._agent_no, seq, down_to_seq, limit)
            if not rows:
                return
            records = sum(self._note(decoded(row)) for row in rows if row.kind not in NO_RECORDS)
            limit = max(1, min(ROWS_MOST, 2 * limit, PIECE * len(rows) // max(1, records)))
            seq = rows[-1].prev_seq
            yield

    def _note(self, told: Told) -> int:
        """Note when a row speaks; how many records it has."""
        self._clocks.hear(told.records)
        self.has_loose = self.has_loose or any(not record.get("ntp", True) for record in told.records)
        found = [t for t in times(told, self.bases) if t is not None]
        if told.row.received_ms >= self._late_since_ms:
            self.too_late += sum(1 for t in found if t <= self._after_ms)
        if found and max(found) >= self._after_ms:
            self._seqs.append(told.row.seq)
            self._froms.append(min(found))
            self._tos.append(max(found))
            self._counts.append(len(found))
            self._keep(told)
        return len(told.records)

    def _keep(self, told: Told) -> None:
        if self._kept is not None:
            self._kept[told.row.seq] = told
            self._kept_records += len(told.records)
            if self._kept_records > KEPT:
                self._kept = None

    def pieces(self) -> Iterator[Sequence[Item]]:
        """All items, in pieces: each a stretch of time, the oldest first. An empty one is but a pause."""
        order = sorted(range(len(self._seqs)), key=self._froms.__getitem__)
        reaching: list[int] = []
        begin, place = self._after_ms, 0
        while place < len(order) or reaching:
            rows, place = self._next(order, place, reaching)
            end = self._froms[order[place]] if place < len(order) else FOREVER
            stretch = _Stretch(begin, end, 2 * PIECE + max(self._counts[one] for one in rows))
            for told in self._told(rows):
                if told is None:
                    yield ()
                else:
                    stretch.add(dated(told, self.bases, self._specs))
            yield from stretch.parts()
            begin = stretch.end
            while place and self._froms[order[place - 1]] >= begin:
                place -= 1
            reaching = [one for one in rows if self._froms[one] < begin <= self._tos[one]]

    def _next(self, order: Sequence[int], place: int, reaching: Sequence[int]) -> tuple[list[int], int]:
        """The rows that reach into the next stretch and those that begin in it."""
        rows, records = list(reaching), 0
        while place < len(order) and (records < PIECE or self._froms[order[place]] == self._froms[order[place - 1]]):
            rows.append(order[place])
            records += self._counts[order[place]]
            place += 1
        return rows, place

    def _told(self, rows: Iterable[int]) -> Iterator[Told | None]:
        """These rows by seq; None is a pause."""
        for part in self._portions(sorted(rows, key=self._seqs.__getitem__)):
            seqs = [self._seqs[one] for one in part]
            if self._kept is not None:
                yield from (self._kept[seq] for seq in seqs)
                continue
            found = self._store.evidence_at(seqs)
            if len(found) != len(seqs):
                raise GoneError(f"{len(seqs) - len(found)} rows of evidence of agent {self._agent_no} have gone")
            yield from map(decoded, found)
            yield None

    def _portions(self, rows: Iterable[int]) -> Iterator[list[int]]:
        """Rows of about a piece's records, to be read at once."""
        part, records = [], 0
        for one in rows:
            part.append(one)
            records += self._counts[one]
            if records >= PIECE:
                yield part
                part, records = [], 0
        if part:
            yield part

    def items_after(self, from_ms: Milliseconds) -> Iterator[Item]:
        """All items later than a time, in no order."""
        for told in self._told(one for one in range(len(self._seqs)) if self._tos[one] > from_ms):
            if told is not None:
                yield from (item for item in dated(told, self.bases, self._specs) if item.t > from_ms)


class _Stretch:
    """Items of [begin, end); `end` moves to an earlier time when there are more than `most` of them."""

    def __init__(self, begin: Milliseconds, end: Milliseconds, most: int) -> None:
        self.begin = begin
        self.end = end
        self._most = most
        self._items: list[Item] = []

    def add(self, items: Iterable[Item]) -> None:
        self._items.extend(item for item in items if self.begin <= item.t < self.end)
        if len(self._items) > self._most:
            self._items.sort(key=_time)
            self.end = max(self._items[PIECE].t, self.begin + 1)
            self._items = [item for item in self._items if item.t < self.end]

    def parts(self) -> Iterator[Sequence[Item]]:
        """The items; where there are many, cut between two times."""
        if len(self._items) <= 2 * PIECE:
            yield self._items
            return
        part: list[Item] = []
        self._items.sort(key=_time)
        for _, of_a_time in groupby(self._items, key=_time):
            part.extend(of_a_time)
            if len(part) >= PIECE:
                yield part
                part = []
        yield part


def _time(item: Item) -> Milliseconds:
    return item.t
