"""Room in a full spool: first what is settled, then thinning, then dropping the oldest, each in portions.

    Room(file).make(size, age, top)        True when `size` more bytes fit

A portion is one transaction of no more pages than the WAL has room for (spool_file.py), so a full spool may make room
at any time without a byte beyond its cap. What goes is written down as a loss in the same transaction.
"""

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

from roundsman_agent import fault, spool_losses
from roundsman_agent.loss import FULL, THINNED, Loss, gathered, losses_of
from roundsman_agent.spool_file import PAGE, SpoolFile, delete_rows
from roundsman_agent.thinning import DAY_MS, LADDER, Left, Row, Sieve
from roundsman_wire.ranges import Range, RangeSet

SHARE: Final = 20
"""Room is made for this part of the file at a time."""
_LEAF: Final = 3
"""Pages that deleting a row may touch: a leaf and the neighbours it is evened out with."""
_SPAN: Final = 4
"""Leaves over which as many bytes of rows as a page has may spread: each is at least a third full."""
_LOOK: Final = 256
_NEXT: Final = (
    f"SELECT n, t, until, device, keep, length(body) + 60 FROM record WHERE n > ? AND n <= ? ORDER BY n LIMIT {_LOOK}"
)
_SIZES: Final = f"SELECT n, length(body) + 60 FROM record WHERE n BETWEEN ? AND ? ORDER BY n LIMIT {_LOOK}"


class Age(NamedTuple):
    """What the spool knows of how old its records are."""

    wall: int
    old_upto: int
    """Records above this number are younger than a day, whatever their times say."""
    hour_upto: int
    """Records above this number are younger than an hour."""
    sent_upto: int
    """Records up to this number may have reached the collector."""


Top = tuple[int, int | None]
"""The highest number that ever was in the file, and its time."""


class Room:
    """Makes room in one file."""

    def __init__(self, file: SpoolFile) -> None:
        self._file = file
        self._sieves: list[tuple[int, Sieve]] = []
        self.forget()

    def forget(self) -> None:
        """Records left otherwise: what was seen of them says nothing any more."""
        self._sieves = [(step.beyond_ms, Sieve(step.every_ms)) for step in LADDER]

    def delete(self, ranges: Iterable[Range], top: Top) -> None:
        """Delete settled records, in as many transactions as it takes."""
        waiting = RangeSet(ranges)
        while waiting:
            portion, cost = self.portion_of(waiting)
            if not portion:
                continue

            def write(db: sqlite3.Connection, portion: RangeSet = portion) -> None:
                delete_rows(db, portion)
                db.execute("UPDATE stream SET newest = ?, newest_t = ?", top)
                fault.point("spool.in_settle")

            self._file.transact(write, pages=min(int(cost) + _LEAF, self._file.portion))
            self.forget()

    def portion_of(self, waiting: RangeSet) -> tuple[RangeSet, float]:
        """As many of these records as one transaction may delete, and the pages they touch; takes them out."""
        portion, cost = RangeSet(), 0.0
        for first, last in waiting:
            found = self._file.rows(_SIZES, first, last)
            for n, size in found:
                cost += (0 if portion and portion.last() == n - 1 else _LEAF) + _pages(size)
                if cost > self._file.portion and portion:
                    if n > first:
                        waiting.remove(first, n - 1)
                    return portion, cost
                portion.add(n, n)
            waiting.remove(first, found[-1][0] if len(found) == _LOOK else last)
            if len(found) == _LOOK:
                break
        return portion, cost

    def make(self, size: int, age: Age, top: Top) -> bool:
        """Thin, then drop, until `size` more bytes fit; False when nothing is left to drop and they do not."""
        file = self._file
        if file.has_room(size):
            return True
        enough = max(size, file.pages * PAGE // SHARE)
        for beyond_ms, sieve in self._sieves:
            upto = age.old_upto if beyond_ms >= DAY_MS else age.hour_upto
            while not file.has_room(enough) and self._thin(sieve, age.wall - beyond_ms, upto, age):
                pass
        while not file.has_room(enough) and self._drop(age, top):
            pass
        return file.has_room(size)

    # --- thinning -----------------------------------------------------------------------------------------------------

    def _thin(self, sieve: Sieve, before_t: int, upto: int, age: Age) -> bool:
        """One portion; False when there is nothing more to be seen."""
        left: list[Left] = []
        touched: set[int] = set()
        frontier: Row | None = None
        for n, t, until, device, keep, size in self._file.rows(_NEXT, sieve.after, upto):
            if before_t <= t <= age.wall:
                break
            frontier = Row(n, t, until, device, keep, sieve.place)
            sieve.place += size
            one = sieve.see(frontier)
            if one is not None:
                left.append(one)
                touched |= {one.place // PAGE, one.kept_place // PAGE}
                if _SPAN * (len(touched) + 2) > self._file.portion:
                    break
        if left and frontier is not None:
            self._leave_out(sieve, left, frontier, age, pages=_SPAN * len(touched))
        return frontier is not None

    def _leave_out(self, sieve: Sieve, left: list[Left], frontier: Row, age: Age, *, pages: int) -> None:
        every_s = sieve.limit_ms / 1000
        losses = gathered(
            Loss(
                first=one.n,
                last=one.n,
                from_t=one.from_t,
                to_t=one.to_t,
                count=1,
                reason=THINNED,
                every_s=every_s,
                upper=one.n <= age.sent_upto,
            )
            for one in sorted(left)
        )
        gone = RangeSet((one.n, one.n) for one in left)
        widened = list(sieve.widened.items())
        sieve.widened.clear()

        def write(db: sqlite3.Connection) -> None:
            delete_rows(db, gone)
            db.executemany("UPDATE record SET until = ? WHERE n = ?", [(until, n) for n, until in widened])
            for loss in losses:
                spool_losses.add(db, loss)
            speaks = sieve.speaks_since(frontier.t)
            times = {"upto": frontier.n - 1, "at_t": frontier.t, "from_t": speaks}
            spool_losses.absorb(db, **times, into=THINNED, every_s=every_s, sent_upto=age.sent_upto)
            fault.point("spool.in_thin")

        try:
            self._file.transact(write, pages=pages)
        except BaseException:
            self.forget()  # it believes that they have gone
            raise

    # --- dropping -----------------------------------------------------------------------------------------------------

    def _drop(self, age: Age, top: Top) -> bool:
        """The oldest samples without news; where there is none, the oldest of anything. False: there is nothing."""
        is_plain = True
        victims, cost = self._victims(keep=0)
        if not victims:
            is_plain = False
            victims, cost = self._victims(keep=1)
        if not victims:
            return False
        losses = losses_of(victims, sent_upto=age.sent_upto)
        last = victims[-1][0]
        next_plain = self._file.rows("SELECT n, t FROM record WHERE keep = 0 AND n > ? ORDER BY n LIMIT 1", last)
        if not is_plain:
            next_plain = self._file.rows("SELECT n, t FROM record WHERE n > ? ORDER BY n LIMIT 1", last)
        behind, behind_t = next_plain[0] if next_plain else (2**53, age.wall)

        def write(db: sqlite3.Connection) -> None:
            for loss in losses:
                spool_losses.add(db, loss)
            # What was thinned around a sample that goes now is thinned no more, but lost with it.
            times = {"upto": behind - 1, "at_t": behind_t, "from_t": behind_t}
            spool_losses.absorb(db, **times, into=FULL, every_s=None, sent_upto=age.sent_upto)
            delete_rows(db, RangeSet((n, n) for n, *_ in victims))
            db.execute("UPDATE stream SET newest = ?, newest_t = ?", top)
            fault.point("spool.in_drop")

        self._file.transact(write, pages=min(int(cost) + _LEAF, self._file.portion))
        self.forget()
        return True

    def _victims(self, *, keep: int) -> tuple[list[tuple[int, int, int, bytes]], float]:
        """The oldest of a kind for one portion (number, time, until, body of a gap), and the pages they touch."""
        budget = max(self._file.pages * PAGE // SHARE, 8 * PAGE)
        victims: list[tuple[int, int, int, bytes]] = []
        cost, place, last = 0.0, 0, -PAGE
        cursor = self._file.db.execute(
            "SELECT n, t, until, keep, CASE WHEN device IS NULL THEN body ELSE x'' END, length(body) + 60"
            " FROM record ORDER BY n"
        )
        for n, t, until, its, body, size in cursor:
            place += size
            if its != keep:
                continue
            step = min(_LEAF, _LEAF * (place - last) / PAGE) + size // PAGE
            if victims and (cost + step > self._file.portion - _LEAF or budget <= 0):
                break
            cost, last = cost + step, place
            victims.append((n, t, until, body))
            budget -= size
        cursor.close()
        return victims, cost


def _pages(size: int) -> float:
    """Pages that a row of a run of neighbours adds to those its deletion touches."""
    return _LEAF * size / PAGE if size < PAGE else _LEAF + size / PAGE
