"""The spool: records on disk until the collector has settled them.

    spool = Spool.open(folder, max_bytes=..., now=clock.now())
    n = spool.take({"kind": "sample", ...})        survives `kill -9` when it returns, a power cut after `fsync_ms`
    spool.unsettled(after=0, limit=100)            records by number
    spool.settle(upto, also, refused)              the only way, but for thinning and dropping, in which records leave

Every number given out is exactly one of: in the spool, settled, or declared lost. How:

* A number is used only when its block is reserved in the head file (head.py), fsynced. After an unclean stop the stream
  goes on behind the block; numbers of the block that the spool does not hold are a *loss*.
* Losses wait in a table of their own (spool_losses.py), neighbours merged, and become gap records (`declare`) once
  somebody listens: so years of a full disk cost a few rows, not a spool full of gap records.
* When the byte cap is reached (spool_file.py keeps it to the byte), old samples that say nothing new are thinned; then
  the oldest of them go, then the oldest of anything (spool_room.py).
* When the disk takes nothing more (free floor, full, read-only), records wait in memory (spool_memory.py), bounded,
  oldest lost first.
* A damaged spool is put into quarantine; a new stream with a higher session begins, and declares it.
"""

import json
import logging
import os
import sqlite3
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import IO, Any, Final, cast

from roundsman_agent import fault, head, machine, spool_losses
from roundsman_agent.clock import Moment, spoken
from roundsman_agent.head import BLOCK
from roundsman_agent.kept import Kept, decoded, said
from roundsman_agent.limits import Limits
from roundsman_agent.loss import FULL, Loss, gap_record, of_row, unnumbered
from roundsman_agent.spool_file import DISK_CODES, MARGIN, PAGE, Damaged, SpoolFile, delete_rows, insert_row
from roundsman_agent.spool_memory import HELD_BYTES, Memory
from roundsman_agent.spool_room import Age, Room
from roundsman_agent.thinning import DAY_MS, HOUR_MS
from roundsman_wire.codec import encode
from roundsman_wire.ranges import Range, RangeSet
from roundsman_wire.report import Record

__all__ = ["BLOCK", "HELD_BYTES", "Loss", "Spool", "SpoolBusy", "SpoolDenied"]

log = logging.getLogger("roundsman.spool")

NO_LIMITS: Final = Limits({})
GONE: Final = 32
"""Ranges that a birth names as gone."""
_BEHIND: Final = 64
"""Blocks by which the second copy of the reserved number may be behind, should the WAL have lost its end as well."""
_ENDED: Final = 4
"""Damaged streams that are remembered."""
_BROKEN_AFTER: Final = 3
"""Times the same file may fail to be read before it counts as damaged."""
_OWED: Final = 32
"""Settled records that may still be on disk: they leave with the next one taken, or with the next sync."""
_LOSSES: Final = f"SELECT {spool_losses.COLUMNS} FROM loss"


class SpoolBusy(Exception):
    """Another agent works in this data folder."""


class SpoolDenied(Exception):
    """The data folder cannot be made or written by this user."""


class _DiskRefuses(Exception):
    """The disk takes nothing at the moment."""


class Spool:
    """See the module. One process, one thread; `open` makes it."""

    def __init__(
        self,
        folder: str,
        *,
        max_bytes: int,
        free_floor_bytes: int,
        fsync_ms: int,
        free: Callable[[str], int],
        limits: Limits,
    ) -> None:
        self.folder = folder
        self._limits = limits
        self.stream = ""
        self.session = 0
        self.newest = 0
        """The last number given; 0 before the first."""
        self.last_change = 0
        """The newest number that says something new: not a sample like the one before it."""
        self.previous: head.Head | None = None
        """The head as the last run left it; None when there was none or it is damaged."""
        self._max_bytes = max_bytes
        self._floor = free_floor_bytes
        self._fsync_ms = fsync_ms
        self._free = free
        self._head: head.Head | None = None
        self._lock: IO[bytes] | None = None
        self._file: SpoolFile | None = None
        self._room: Room | None = None
        self._stored = 0  # the highest number that ever was in the file
        self._stored_t: int | None = None
        self._memory = Memory()
        self._is_holding = False
        self._is_dirty = False
        self._synced = 0
        self._failures = 0
        self._newest_of: dict[str, int] = {}
        self._said: dict[str, int] = {}  # device -> checksum of what its newest sample says in words
        self._has_losses = False
        self._sent_upto = 0  # the highest number that may have reached the collector
        self._old_upto = 0  # the highest number that may be older than a day
        self._hours: deque[tuple[int, int]] = deque()  # (mono, newest) once an hour, for a day
        self._seen: Moment  # the time, as `open` and `tend` were told it

    # --- opening and closing ------------------------------------------------------------------------------------------

    @classmethod
    def open(
        cls,
        folder: str,
        *,
        now: Moment,
        max_bytes: int = 50_000_000,
        free_floor_bytes: int = 20_000_000,
        fsync_ms: int = 10_000,
        free: Callable[[str], int] = machine.free_bytes,
        limits: Limits = NO_LIMITS,
    ) -> "Spool":
        """Open or make the spool in a folder and raise its session. Starts whatever the disk and the files are like;
        only a foreign lock (SpoolBusy) or a folder that this user may not write (SpoolDenied) stops it."""
        spool = cls(
            folder,
            max_bytes=max_bytes,
            free_floor_bytes=free_floor_bytes,
            fsync_ms=fsync_ms,
            free=free,
            limits=limits,
        )
        spool._seen = now
        spool._lock_folder()
        fault.point("start.after_lock")
        spool._start(now)
        return spool

    def close(self, *, now: Moment, system_stopping: bool | None = None) -> None:
        """Sync everything and leave an orderly end: the next start goes on with the next number."""
        self._retry(now)
        self._pay()
        if self._file is not None and not self._is_holding and self._head is not None:
            values = (self.newest, self._stored_t, self.newest)
            try:
                self._transact(
                    lambda db: db.execute("UPDATE stream SET newest = ?, newest_t = ?, reserved = ?", values), pages=1
                )
                self._file.end()
                stopped = head.Stopped(boot=now.boot, system_stopping=system_stopping)
                self._write_head(replace(self._head, reserved=self.newest, stopped=stopped))
            except (sqlite3.Error, OSError) as error:
                log.error("spool: cannot close in order, the next start will declare a hole: %s", error)
        elif self._memory.records:
            log.error("spool: the disk still takes nothing; %d records in memory are lost", len(self._memory.records))
        self._abandon()

    def _abandon(self) -> None:
        """Let go of files without a word, as a kill would."""
        self._close_file()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = self._room = None

    def _lock_folder(self) -> None:
        try:
            os.makedirs(self.folder, mode=0o750, exist_ok=True)
            self._lock = machine.lock(self._path("lock"))
        except machine.AlreadyLocked:
            raise SpoolBusy(f"{self.folder}: another agent works in this data folder") from None
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            raise SpoolDenied(f"data folder {self.folder}: {error.strerror}") from error
        except OSError as error:
            log.error("spool: no lock in %s: %s", self.folder, error)

    def _start(self, now: Moment) -> None:
        """From files to a stream: continue it, replace it, or, while the disk refuses, live in memory on a new one."""
        try:
            self._continue(now)
        except Damaged as error:
            try:
                self._begin_anew(now, str(error))
            except (_DiskRefuses, Damaged, OSError) as refusal:
                self._live_in_memory(now, str(refusal))
        except (_DiskRefuses, OSError) as refusal:
            self._live_in_memory(now, str(refusal))

    def _continue(self, now: Moment) -> None:
        """Go on with the stream in the files, or make the first one."""
        try:
            self._go_on(now)
        except sqlite3.Error as error:
            raise self._sorted_out(error) from error
        except (TypeError, ValueError, KeyError) as error:  # SQLite lets any column hold anything
            raise Damaged(f"a column holds what was never written there: {error}") from error

    def _go_on(self, now: Moment) -> None:
        kept = head.read(self.folder)
        has_file = os.path.exists(self._path("spool.db"))
        # A head that cannot be read is none of a first start: there was a stream.
        is_unused = kept.reserved == 0 if kept is not None else not head.is_there(self.folder)
        if not is_unused and not has_file:
            raise Damaged("spool.db is gone")
        self.previous = kept
        self._connect()
        rows = self._rows("SELECT id, session, reserved, newest, newest_t FROM stream")
        if not rows:
            if not is_unused or self._rows("SELECT 1 FROM record LIMIT 1"):
                raise Damaged("spool.db does not say which stream it is")
            self._adopt(kept or head.Head(stream=_new_stream(), session=0, reserved=0), now)
            return
        stream, session, reserved, newest, newest_t = rows[0]
        if kept is not None and kept.stream != stream:
            raise Damaged(f"spool.db is of stream {stream}, head.json of {kept.stream}")
        if kept is None:  # its copy in the file may be behind
            log.warning(
                "spool: both heads are missing or damaged; going on with what spool.db knows, %d blocks further",
                _BEHIND,
            )
            kept = head.Head(stream=stream, session=session, reserved=reserved + _BEHIND * BLOCK)
        self._read_in(newest, newest_t)
        if not 0 <= self._stored <= kept.reserved:
            raise Damaged(f"it holds number {self._stored}, only {kept.reserved} were ever reserved")
        self._declare_hole(kept.reserved, is_same_boot=kept.boot == now.boot)
        if self.previous is None:  # a jump that stood in the WAL alone would be made to the same place once more
            self._opened()[0].end()
        self._sent_upto = self._old_upto = self._stored
        fault.point("start.after_hole")
        self._fit()
        self._adopt(replace(kept, session=max(kept.session, session), reserved=self._stored), now)

    def _read_in(self, newest: int, newest_t: int | None) -> None:
        """What the file knows of its newest number and of each device's last sample."""
        self._stored, self._stored_t = newest, newest_t
        for n, t in self._rows("SELECT n, t FROM record ORDER BY n DESC LIMIT 1"):
            if n > newest:
                self._stored, self._stored_t = n, t
        for device, n in self._rows("SELECT device, max(n) FROM record WHERE device IS NOT NULL GROUP BY device"):
            self._newest_of[device] = n
            for row in self._rows("SELECT n, crc, body FROM record WHERE n = ?", n):
                record = decoded(*row)
                if record is not None and record["kind"] == "sample":
                    self._said[device] = said(record, self._limits)
        self._has_losses = bool(self._rows("SELECT 1 FROM loss LIMIT 1"))
        self.newest = self._stored
        self.last_change = self._stored

    def _declare_hole(self, reserved: int, *, is_same_boot: bool) -> None:
        """Numbers that were reserved and are not here: write the loss and the new end in one fsynced transaction.

        In the same boot no record was lost: what was taken survives a kill, so the numbers speak of no time. After a
        power cut they may have been records of at most two sync periods: the last one that stands here was written
        within a period of the last sync, and the cut came within a period after that. An upper bound either way: if
        the WAL lost its end, some of them were records, and may have been sent.
        """
        if reserved <= self._stored:
            return
        hole = Loss(
            first=self._stored + 1,
            last=reserved,
            from_t=self._stored_t,
            to_t=None if self._stored_t is None else self._stored_t + (0 if is_same_boot else 2 * self._fsync_ms),
            count=0 if is_same_boot else reserved - self._stored,
            reason="unclean_stop",
            upper=True,
        )
        log.warning("spool: unclean stop; numbers %d..%d were reserved and are not in the spool", hole.first, hole.last)

        def write(db: sqlite3.Connection) -> None:
            spool_losses.add(db, hole)
            self._has_losses = True
            db.execute("UPDATE stream SET newest = ?, reserved = ?", (reserved, reserved))

        self._durably(write)
        self._stored = self.newest = self.last_change = reserved

    def _adopt(self, kept: head.Head, now: Moment) -> None:
        """Raise the session and make the head durable; from here the stream is ours."""
        session = max(kept.session + 1, now.wall // 1000)
        self._write_head(replace(kept, session=session, stopped=None))
        self.stream = kept.stream
        self._durably(
            lambda db: db.execute(
                "INSERT INTO stream VALUES (1, ?, ?, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET id = excluded.id,"
                " session = excluded.session, reserved = excluded.reserved",
                (kept.stream, session, kept.reserved, self._stored, self._stored_t),
            )
        )
        self.session = session
        self._synced = now.mono
        self._is_holding = False
        self._failures = 0
        fault.point("start.after_session")

    def _fit(self) -> None:
        """After the cap was lowered: drop what is too much, and give its pages back."""
        file, room = self._opened()
        if file.has_room(0) or room.make(0, self._age(), (self._stored, self._stored_t)):
            while file.shrink():
                pass
        self._has_losses = bool(self._rows("SELECT 1 FROM loss LIMIT 1"))

    def _begin_anew(self, now: Moment, cause: str) -> None:
        """Quarantine what is there and begin a new stream with a higher session; its first loss says why."""
        kept = head.read(self.folder)
        aside = self._quarantine(now)
        log.error("spool: damaged (%s); a new stream begins, the old file is %s", cause, aside or "gone")
        from_t, session = self._stored_t, max(self.session, kept.session if kept else 0)
        waiting = self._forget()
        self._connect()
        before = kept.ended if kept is not None else ()
        ended = (kept.stream, kept.reserved) if kept is not None and kept.reserved else None
        nothing = Loss(first=None, last=None, from_t=from_t, to_t=now.wall, count=0, reason="spool_damaged")
        losses = [replace(nothing, upper=True, ended=ended)]
        losses += [replace(nothing, from_t=None, to_t=None, upper=True, ended=one) for one in before]

        def write(db: sqlite3.Connection) -> None:
            for loss in losses:
                spool_losses.add(db, loss)

        self._durably(write)
        self._has_losses = True
        boot, times = (kept.boot, kept.quarantined + 1) if kept is not None else (None, 1)
        before = (*before, ended)[-_ENDED:] if ended is not None else before
        begun = head.Head(stream=_new_stream(), session=session, reserved=0, boot=boot, quarantined=times, ended=before)
        self._adopt(begun, now)
        self._take_again(waiting)

    def _quarantine(self, now: Moment) -> str | None:
        """Move the damaged file aside, the one before it away. What is kept counts against the byte cap."""
        self._close_file()
        for ending in ("-shm", "-wal"):  # first: a stale WAL must never meet a new file
            _remove(self._path("spool.db" + ending))
        path = self._path("spool.db")
        if not os.path.exists(path):
            return None
        for name in os.listdir(self.folder):
            if name.startswith("damaged-"):
                _remove(self._path(name))
        aside = self._path(f"damaged-{spoken(now.wall).replace(':', '')}.db")
        os.replace(path, aside)
        if os.path.getsize(aside) > self._max_bytes // 4:
            os.truncate(aside, self._max_bytes // 4)
        return aside

    def _forget(self) -> list[Kept]:
        """What was known of the stream; returns the records that waited in memory: they need new numbers."""
        self.newest = self.last_change = self._stored = self._sent_upto = self._old_upto = 0
        self._stored_t = None
        self._newest_of.clear()
        self._said.clear()
        self._hours.clear()
        self._has_losses = False
        memory, self._memory = self._memory, Memory()
        for loss in memory.losses:
            self._memory.lose(replace(loss, first=None, last=None, kept=()))
        return list(memory.records.values())

    def _take_again(self, waiting: Iterable[Kept]) -> None:
        """Records that waited in memory, under numbers of this stream."""
        for kept in waiting:
            record = json.loads(kept.body)
            record.pop("n")
            self.take(record)

    def _live_in_memory(self, now: Moment, cause: str) -> None:
        """No file can be used at all: a stream of its own, without reservations: nobody will continue it."""
        self._close_file()
        kept = head.read(self.folder)
        self.previous = self.previous or kept
        log.error("spool: the disk refuses (%s); living in memory, on a stream of its own", cause)
        waiting = self._forget()
        self._head = None
        self.stream = _new_stream()
        self.session = max((kept.session if kept else 0) + 1, self.session + 1, now.wall // 1000)
        self._is_holding = True
        self._synced = now.mono
        self._take_again(waiting)

    def _connect(self) -> None:
        """Open the file and look through it: Damaged when it cannot be trusted, _DiskRefuses when not opened."""
        self._close_file()
        quarantined = sum(
            os.path.getsize(self._path(name)) for name in os.listdir(self.folder) if name.startswith("damaged-")
        )
        try:
            self._file = SpoolFile(self._path("spool.db"), max_bytes=self._max_bytes - quarantined)
        except sqlite3.Error as error:
            raise self._sorted_out(error) from error
        self._room = Room(self._file)

    def _sorted_out(self, error: sqlite3.Error) -> Exception:
        """Whether an error of SQLite speaks of the disk or of the file's content."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        text = f"{getattr(error, 'sqlite_errorname', 'error')}: {error}"
        if code & 0xFF in DISK_CODES and code != sqlite3.SQLITE_IOERR_SHORT_READ:
            self._failures += 1
            if code & 0xFF != sqlite3.SQLITE_IOERR or self._failures < _BROKEN_AFTER:
                return _DiskRefuses(text)
        return Damaged(text)

    # --- taking -------------------------------------------------------------------------------------------------------

    def take(self, record: Mapping[str, Any]) -> int:
        """Give a record (without `n`) its number and keep it; 0 when none can be had: then it counts as lost."""
        for _ in range(2):  # the second time on a new stream, should the file turn out damaged
            n = self._take(record)
            if n is not None:
                return n
        self._live_in_memory(self._seen, "two files were damaged one after the other")
        return self._take(record) or 0

    def _take(self, record: Mapping[str, Any]) -> int | None:
        n = self._number()
        if n == 0:
            self._memory.lose(unnumbered(record))
            return 0
        device = record["device"] if record["kind"] == "sample" else None
        words = said(record, self._limits) if device is not None else None
        kept = Kept(
            t=record["t"],
            until=record["t"] + int(record.get("valid_s", 0) * 1000),
            device=device,
            keep=device is None or self._said.get(device) != words,
            body=encode({"n": n, **record}),
        )
        fault.point("spool.before_insert")
        if not self._insert(n, kept):
            return None
        fault.point("spool.after_insert")
        self.newest = n
        if kept.keep:
            self.last_change = n
        if device is not None and words is not None:
            self._newest_of[device] = n
            self._said[device] = words
        return n

    def _insert(self, n: int, kept: Kept) -> bool:
        """Put a record on disk, or hold it in memory; False when the file turned out damaged and a new stream began."""
        if self._file is None or self._is_holding or self._below_floor(len(kept.body)):
            self._memory.hold(n, kept, is_numbered=self._head is not None)
            return True
        try:
            if not self._make_room(len(kept.body)):
                self._give_up(n, kept)
            else:
                self._write(n, kept)
        except sqlite3.Error as error:
            if not self._survives(error):
                return False
            self._memory.hold(n, kept, is_numbered=self._head is not None)
            return True
        self._stored, self._stored_t = n, kept.t
        self._is_dirty = True
        return True

    def _write(self, n: int, kept: Kept) -> None:
        """The record goes in; what is settled goes out with it, so that both cost the same page."""
        file, room = self._opened()
        if not self._memory.owed:
            file.insert(n, kept)
            return
        left = self._memory.owed.copy()
        portion, cost = room.portion_of(left)

        def write(db: sqlite3.Connection) -> None:
            delete_rows(db, portion)
            fault.point("spool.in_settle")
            insert_row(db, n, kept)

        file.transact(write, pages=int(cost) + len(kept.body) // (PAGE - 16) + MARGIN)
        self._memory.owed = left
        room.forget()

    def _give_up(self, n: int, kept: Kept) -> None:
        """A record that the file will never have room for: its number is lost at once."""
        log.error("spool: a record of %d bytes has no room in a spool of %d", len(kept.body), self._max_bytes)
        reason = FULL if len(kept.body) <= self._opened()[0].largest else "too_large"
        loss = Loss(first=n, last=n, from_t=kept.t, to_t=kept.until, count=1, reason=reason)

        def write(db: sqlite3.Connection) -> None:
            spool_losses.add(db, loss)
            db.execute("UPDATE stream SET newest = ?, newest_t = ?", (n, kept.t))

        self._transact(write, pages=1)
        self._has_losses = True

    def _make_room(self, size: int) -> bool:
        """Whether `size` more bytes have room, after everything that may go has gone."""
        file, room = self._opened()
        if size > file.largest:
            return False
        if file.has_room(size):
            return True
        self._pay_now()
        found = room.make(size, self._age(), (self._stored, self._stored_t))
        self._has_losses = bool(self._rows("SELECT 1 FROM loss LIMIT 1"))
        self._is_dirty = True
        return found

    def _age(self) -> Age:
        since = self._seen.mono - HOUR_MS
        hour = max((n for mono, n in self._hours if mono <= since), default=0)
        return Age(self._seen.wall, self._old_upto, max(hour, self._old_upto), self._sent_upto)

    def _number(self) -> int:
        """The next number, its block reserved; 0 when the disk does not take the reservation."""
        number = self.newest + 1
        if self._head is None:  # a stream in memory: nobody will ever continue it
            return number
        if number > self._head.reserved:
            try:
                self._write_head(replace(self._head, reserved=self.newest + BLOCK))
            except OSError as error:
                self._begin_holding(f"no block of numbers: {error}")
                return 0
            self._copy_reservation()
            fault.point("start.after_reserve")
        return number

    def _copy_reservation(self) -> None:
        """The second copy of the reserved number; without the first one it is all there is."""
        if self._file is None or self._is_holding or self._head is None:
            return
        reserved = self._head.reserved
        try:
            self._transact(lambda db: db.execute("UPDATE stream SET reserved = ?", (reserved,)), pages=1)
        except sqlite3.Error as error:
            log.warning("spool: the second copy of the reservation was not written: %s", error)

    def _write_head(self, new: head.Head) -> None:
        head.write(self.folder, new)
        self._head = new

    def remember_boot(self, boot: str) -> None:
        """Its boot record is in the spool: write down that this boot is known."""
        if self._head is None:
            return
        try:
            self._write_head(replace(self._head, boot=boot))
        except OSError as error:
            log.error("spool: cannot note the boot, its record may be written twice: %s", error)

    # --- reading ------------------------------------------------------------------------------------------------------

    @property
    def quarantines(self) -> int:
        """How often a spool of this folder was found damaged and put aside."""
        return self._head.quarantined if self._head is not None else 0

    @property
    def oldest(self) -> int:
        """The lowest number still here; `newest + 1` when the spool holds nothing."""
        at = 0
        while found := self._ask("SELECT n FROM record WHERE n > ? ORDER BY n LIMIT 1", at):
            at = found[0][0]
            if at not in self._memory.owed:
                return cast(int, at)
        return next(iter(self._memory.records), self.newest + 1)

    def gone(self, limit: int = GONE) -> list[Range]:
        """At most `limit` ranges between `oldest` and `newest` that are not here and that nothing here declares lost.

        The collector has settled them, or heard that they are lost.
        """
        self._pay()
        inner = self._ask(
            "SELECT n + 1, (SELECT min(n) FROM record AS next WHERE next.n > record.n) - 1 FROM record"
            " WHERE NOT EXISTS (SELECT 1 FROM record AS next WHERE next.n = record.n + 1) ORDER BY n LIMIT ?",
            limit + 1,
        )
        told = RangeSet((n, n) for n in self._memory.records)
        for loss in self.losses():
            if loss.first is not None and loss.last is not None:
                told.add(loss.first, loss.last)
        for row in self._ask("SELECT n, crc, body FROM record WHERE device IS NULL"):
            record = decoded(*row)
            if record is not None and record["kind"] == "gap" and record["lost"]:
                told.add(*record["lost"])
        ends = ((first, self.newest if last is None else last) for first, last in inner)
        return [hole for first, last in ends if first <= last for hole in told.missing(first, last)][:limit]

    def unsettled(self, after: int = 0, limit: int = 100) -> list[Record]:
        """At most `limit` records with a number above `after`, by number."""
        records: list[Record] = []
        at = after
        while len(records) < limit:
            found = self._ask(
                "SELECT n, crc, body FROM record WHERE n > ? ORDER BY n LIMIT ?", at, limit - len(records)
            )
            records.extend(self._sound(found))
            if not found:
                break
            at = found[-1][0]
        for n, held in self._memory.records.items():
            if n > after and len(records) < limit:
                records.append(json.loads(held.body))
        return records

    def changes(self, after: int = 0, limit: int = 100) -> list[Record]:
        """The same, without samples that tell nothing but numbers."""
        rows = self._ask("SELECT n, crc, body FROM record WHERE n > ? AND keep = 1 ORDER BY n LIMIT ?", after, limit)
        found = self._sound(rows)
        held = [json.loads(one.body) for n, one in self._memory.records.items() if n > after and one.keep]
        return [*found, *held][:limit]

    def read(self, numbers: Iterable[int]) -> list[Record]:
        """Those of these records that are still here, in the order asked for."""
        found: list[Record] = []
        for n in numbers:
            if n in self._memory.records:
                found.append(json.loads(self._memory.records[n].body))
            else:
                found.extend(self._sound(self._ask("SELECT n, crc, body FROM record WHERE n = ?", n)))
        return found

    def newest_of_devices(self) -> list[int]:
        """The number of each device's newest sample, settled or not, rising."""
        return sorted(self._newest_of.values())

    def _sound(self, rows: Sequence[tuple[int, int, bytes]]) -> list[Record]:
        """Rows as records; one whose checksum is wrong is dropped, declared and left out."""
        records = []
        for n, crc, body in rows:
            record = decoded(n, crc, body)
            if record is None:
                log.error("spool: record %d is damaged; dropped and declared", n)
                self.drop(n, reason="spool_damaged")
            elif n not in self._memory.owed:
                records.append(record)
        return records

    # --- settling and dropping ----------------------------------------------------------------------------------------

    def settle(self, upto: int, also: Iterable[Range] = (), refused: Iterable[Range] = ()) -> None:
        """The collector has these: delete them. Numbers never given out are ignored."""
        ranges = [(1, upto)] if upto >= 1 else []
        ranges += [(a, b) for a, b in (*also, *refused) if 1 <= a <= b]
        ranges = [(a, min(b, self.newest)) for a, b in ranges if a <= self.newest]
        if not ranges:
            return
        self._memory.settle(ranges)
        if self._file is None:
            return
        if self._is_holding:
            self._memory.owe(ranges)
            return
        (lowest,) = (self._ask("SELECT min(n) FROM record") or [(None,)])[0]
        if lowest is not None:
            self._memory.owe((max(a, lowest), b) for a, b in ranges if b >= lowest)
        if self._memory.owed.count() > _OWED:
            self._pay()
        fault.point("spool.after_settle")

    def _pay(self) -> None:
        """Delete what is settled."""
        if self._file is None or self._is_holding:
            return
        try:
            self._pay_now()
        except sqlite3.Error as error:
            self._survives(error)

    def _pay_now(self) -> None:
        if self._memory.owed:
            self._opened()[1].delete(self._memory.owed, (self._stored, self._stored_t))
            self._memory.owed = RangeSet()
            self._is_dirty = True

    def sent(self, n: int) -> None:
        """Records up to this number were handed to the broker's connection: what is lost of them may have arrived."""
        self._sent_upto = max(self._sent_upto, n)

    def drop(self, n: int, *, reason: str) -> None:
        """Give up one record and declare it."""
        if n in self._memory.records:
            held = self._memory.drop(n)
            self._memory.lose(Loss(first=n, last=n, from_t=held.t, to_t=held.until, count=1, reason=reason))
            return
        rows = self._ask("SELECT t, until, length(body) FROM record WHERE n = ?", n)
        if not rows:
            return
        t, until, size = rows[0]
        # A damaged row's own times are not to be believed.
        from_t, to_t = (None, None) if reason == "spool_damaged" else (t, until)
        loss = Loss(first=n, last=n, from_t=from_t, to_t=to_t, count=1, reason=reason, upper=n <= self._sent_upto)

        def write(db: sqlite3.Connection) -> None:
            spool_losses.add(db, loss)
            delete_rows(db, [(n, n)])
            db.execute("UPDATE stream SET newest = ?, newest_t = ?", (self._stored, self._stored_t))
            fault.point("spool.in_drop")

        try:
            self._transact(write, pages=3 + size // PAGE)
            self._opened()[1].forget()
            self._has_losses = True
        except sqlite3.Error as error:
            self._survives(error)

    # --- losses -------------------------------------------------------------------------------------------------------

    @property
    def has_losses(self) -> bool:
        """Whether something is lost and not yet a gap record."""
        return self._has_losses and self._file is not None and not self._is_holding

    def losses(self) -> list[Loss]:
        """What is lost and not yet a gap record."""
        return [*map(of_row, self._ask(f"{_LOSSES} ORDER BY first")), *self._memory.losses]

    def declare(self, now: Moment, limit: int = 50) -> int:
        """Turn losses into gap records; call it when somebody listens. Returns how many."""
        if not self.has_losses:
            return 0
        self._seen = now
        before = self.newest
        try:
            gaps = self._declared(now, limit)
        except sqlite3.Error as error:
            self.newest = before  # nobody has seen the numbers: they are as good as new
            self._survives(error)
            return 0
        if gaps:
            self._stored, self._stored_t = self.newest, now.wall
            self.last_change = self.newest
        self._has_losses = bool(self._ask("SELECT 1 FROM loss LIMIT 1"))
        return gaps

    def _declared(self, now: Moment, limit: int) -> int:
        """One transaction of gap records."""
        file, _ = self._opened()
        self._make_room(file.portion // 2 * PAGE)
        gaps: list[tuple[int, int, Kept]] = []
        pages = 0
        for row in self._rows(f"{_LOSSES} ORDER BY first LIMIT ?", limit):
            n = self._number()
            if n == 0:
                break
            body = encode({"n": n, **gap_record(of_row(row), now)})
            pages += 2 * (len(body) // PAGE + 1)
            if gaps and pages > file.portion:
                break
            self.newest = n
            gaps.append((row[0], n, Kept(t=now.wall, until=now.wall, device=None, keep=True, body=body)))

        def write(db: sqlite3.Connection) -> None:
            for first, n, kept in gaps:
                insert_row(db, n, kept)
                db.execute("DELETE FROM loss WHERE first = ?", (first,))
            fault.point("spool.in_declare")

        self._transact(write, pages=min(pages, file.portion))
        return len(gaps)

    # --- when the disk refuses ----------------------------------------------------------------------------------------

    def _below_floor(self, size: int) -> bool:
        """Whether the disk has less free than it must keep; begins to hold in memory if so."""
        try:
            free = self._free(self.folder)
        except OSError as error:
            self._begin_holding(f"cannot ask for free space: {error}")
            return True
        if free - size >= self._floor:
            return False
        self._begin_holding(f"{free} bytes are free, {self._floor} must stay free")
        return True

    def _begin_holding(self, cause: str) -> None:
        if not self._is_holding:
            log.error("spool: the disk takes nothing (%s); holding records in memory", cause)
        self._is_holding = True

    def _survives(self, error: sqlite3.Error) -> bool:
        """After a failed write: True when the disk refuses and memory takes over, False when a new stream began."""
        sorted_out = self._sorted_out(error)
        if isinstance(sorted_out, _DiskRefuses):
            self._begin_holding(str(sorted_out))
            return True
        self._replace_damaged(str(sorted_out))
        return False

    def _replace_damaged(self, cause: str) -> None:
        try:
            self._begin_anew(self._seen, cause)
        except (_DiskRefuses, Damaged, OSError) as refusal:
            self._live_in_memory(self._seen, str(refusal))

    def _retry(self, now: Moment) -> None:
        """Bring what waits in memory to the disk, if it takes it again."""
        if self._head is None:
            self._return_to_disk(now)
        elif self._is_holding or self._memory.losses:
            self._write_held()

    def _write_held(self) -> None:
        held = len(self._memory.records)
        try:
            if self._is_holding and self._free(self.folder) < self._floor + self._memory.size:
                return
            if self._file is None:
                self._connect()
            while self._memory.records or self._memory.losses:
                self._write_portion()
        except sqlite3.Error as error:
            self._survives(error)
            return
        except (_DiskRefuses, OSError):
            return
        except Damaged as error:
            self._replace_damaged(str(error))
            return
        if self._is_holding:
            log.warning("spool: the disk takes records again; %d came from memory", held)
        self._is_holding, self._failures = False, 0
        self._pay()

    def _write_portion(self) -> None:
        """As much of what waits in memory as one transaction takes: losses first, they are of lower numbers."""
        file, _ = self._opened()
        losses, size = list(self._memory.losses[:8]), 0
        records: dict[int, Kept] = {}
        if len(self._memory.losses) <= len(losses):
            for n, kept in self._memory.records.items():
                size += len(kept.body) + PAGE // 4
                if records and 2 * size // PAGE > file.portion - MARGIN:
                    break
                records[n] = kept
        if not self._make_room(min(size, file.largest)):
            raise sqlite3.OperationalError("no room can be made")
        last = self.newest if len(records) == len(self._memory.records) else max(records, default=self._stored)
        last_t = records[max(records)].t if records else self._stored_t

        def write(db: sqlite3.Connection) -> None:
            for n, kept in records.items():
                if len(kept.body) <= file.largest:
                    insert_row(db, n, kept)
                else:
                    large = Loss(first=n, last=n, from_t=kept.t, to_t=kept.until, count=1, reason="too_large")
                    spool_losses.add(db, large)
            for loss in losses:
                spool_losses.add(db, loss)
            db.execute("UPDATE stream SET newest = ?, newest_t = ?", (last, last_t))

        self._transact(write, pages=min(2 * size // PAGE + MARGIN, file.portion))
        for n in records:
            self._memory.drop(n)
        del self._memory.losses[: len(losses)]
        self._has_losses = self._has_losses or bool(losses)
        self._stored, self._stored_t = max(self._stored, last), last_t

    def _return_to_disk(self, now: Moment) -> None:
        """From a stream in memory back to a file: its records are taken again there, under new numbers."""
        memory, self._memory = self._memory, Memory()
        stream, session, newest = self.stream, self.session, self.newest
        try:
            if self._free(self.folder) < self._floor:
                raise _DiskRefuses("free floor")
            self._continue_or_replace(now)
        except (_DiskRefuses, Damaged, OSError):
            self._head = None
            self._memory = memory
            self.stream, self.session, self.newest = stream, session, newest
            return
        log.warning("spool: the disk is back; stream %s goes on; %d records wait", self.stream, len(memory.records))
        for loss in memory.losses:
            self._memory.lose(loss)
        self._take_again(memory.records.values())

    def _continue_or_replace(self, now: Moment) -> None:
        floor = self.session
        try:
            self._continue(now)
        except Damaged as error:
            self._begin_anew(now, str(error))
        if self.session <= floor and self._head is not None:  # the stream in memory had a session of its own
            self._write_head(replace(self._head, session=floor + 1))
            self.session = floor + 1

    # --- time ---------------------------------------------------------------------------------------------------------

    def tend(self, now: Moment) -> None:
        """Call it often: fsyncs at most every `fsync_ms`, and tries again what the disk refused."""
        self._seen = now
        if now.mono - self._synced < self._fsync_ms:
            return
        self._synced = now.mono
        self._retry(now)
        self._note_hour(now)
        self._pay()
        if self._file is None or self._is_holding or not self._is_dirty:
            return
        fault.point("spool.before_sync")
        try:
            self._file.sync()
        except OSError as error:
            self._begin_holding(f"cannot sync: {error}")
            return
        self._is_dirty = False
        fault.point("spool.after_sync")

    def _note_hour(self, now: Moment) -> None:
        """Remember once an hour how far the numbers are: so a day is known whatever becomes of the wall clock."""
        if self._hours and now.mono < self._hours[-1][0]:
            self._hours.clear()
        if not self._hours or now.mono - self._hours[-1][0] >= HOUR_MS:
            self._hours.append((now.mono, self.newest))
        while self._hours and now.mono - self._hours[0][0] >= DAY_MS:
            self._old_upto = max(self._old_upto, self._hours.popleft()[1])

    # --- SQLite -------------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _opened(self) -> tuple[SpoolFile, Room]:
        """The file, where there is one."""
        assert self._file is not None and self._room is not None
        return self._file, self._room

    def _rows(self, sql: str, *values: int) -> list[Any]:
        """All rows; raises what SQLite raises."""
        return self._opened()[0].rows(sql, *values)

    def _ask(self, sql: str, *values: int) -> list[Any]:
        """All rows; none, and the trouble is dealt with, when the file cannot be read."""
        if self._file is None:
            return []
        try:
            return self._rows(sql, *values)
        except sqlite3.Error as error:
            self._survives(error)
            return []

    def _transact(self, write: Callable[[sqlite3.Connection], object], *, pages: int) -> None:
        """All of `write` or nothing of it."""
        self._opened()[0].transact(write, pages=pages)
        self._is_dirty = True

    def _durably(self, write: Callable[[sqlite3.Connection], object]) -> None:
        """A transaction that a power cut cannot take back. Only at starts: Damaged or _DiskRefuses when it fails."""
        try:
            self._opened()[0].durably(write)
        except sqlite3.Error as error:
            raise self._sorted_out(error) from error


def _new_stream() -> str:
    return uuid.uuid4().hex[:12]


def _remove(path: str) -> None:
    if os.path.exists(path):
        os.remove(path)
