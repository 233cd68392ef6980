"""The spool: records on disk until the collector has settled them.

    spool = Spool.open(folder, max_bytes=..., now=clock.now())
    n = spool.take({"kind": "sample", ...})        survives `kill -9` when it returns, a power cut after `fsync_ms`
    spool.unsettled(after=0, limit=100)            records by number
    spool.settle(upto, also, refused)              the only way, but for dropping, in which records leave

Every number given out is exactly one of: in the spool, settled, or declared lost. How:

* A number is used only when its block is reserved in the head file (head.py), fsynced. After an unclean stop the stream
  goes on behind the block; numbers of the block that the spool does not hold are a *loss*.
* Losses wait in a table of their own, neighbours merged, and become gap records (`declare`) once somebody listens: so
  years of a full disk cost a row, not a spool full of gap records.
* When the byte cap is reached, the oldest samples that say nothing new go first, then the oldest of anything.
* When the disk takes nothing more (free floor, full, read-only), records wait in memory, bounded, oldest lost first.
* A damaged spool is put into quarantine; a new stream with a higher session begins, and declares it.

SQLite, WAL, synchronous=NORMAL with a checkpoint (which fsyncs) every `fsync_ms`: docs/decisions/0003-spool.md.
"""

import json
import logging
import os
import sqlite3
import uuid
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any, Final, cast

from roundsman_agent import fault, head, machine
from roundsman_agent.clock import Moment, spoken
from roundsman_agent.limits import Limits
from roundsman_agent.loss import Loss, gap_record, losses_of, merged, touch, unnumbered
from roundsman_wire.codec import encode
from roundsman_wire.ranges import Range, RangeSet
from roundsman_wire.report import Record

__all__ = ["BLOCK", "Loss", "Spool", "SpoolBusy", "SpoolDenied"]

log = logging.getLogger("roundsman.spool")

BLOCK: Final = 256
"""Numbers reserved with one fsync."""
HELD_BYTES: Final = 512 * 1024
"""What memory holds while the disk takes nothing."""
NO_LIMITS: Final = Limits({})
GONE: Final = 32
"""Ranges that a birth names as gone."""
_PAGE: Final = 4096
_BROKEN_AFTER: Final = 3
"""Times the same file may fail to be read before it counts as damaged."""

# Primary result codes of SQLite that speak of the disk, not of the file's content.
_DISK_CODES: Final = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    n INTEGER PRIMARY KEY, t INTEGER NOT NULL, until INTEGER NOT NULL, device TEXT, keep INTEGER NOT NULL,
    crc INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS loss (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, from_t INTEGER, to_t INTEGER, count INTEGER NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS stream (
    one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, session INTEGER NOT NULL, reserved INTEGER NOT NULL,
    newest INTEGER NOT NULL, newest_t INTEGER);
"""
# `stream.newest` is raised whenever records leave: the highest number that ever was in the table is the greater of it
# and of record's own highest. What lies behind, up to the reserved number, was never here or a power cut took it.


class SpoolBusy(Exception):
    """Another agent works in this data folder."""


class SpoolDenied(Exception):
    """The data folder cannot be made or written by this user."""


class _Damaged(Exception):
    """The file is not a spool that can be trusted."""


class _DiskRefuses(Exception):
    """The disk takes nothing at the moment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Held:
    """A record that waits in memory."""

    t: int
    until: int
    device: str | None
    keep: bool
    body: bytes


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
        self._db: sqlite3.Connection | None = None
        self._cap = max_bytes
        self._stored = 0  # the highest number that ever was in the file
        self._stored_t: int | None = None
        self._held: dict[int, _Held] = {}
        self._held_bytes = 0
        self._held_losses: list[Loss] = []
        self._owed = RangeSet()  # settled, but the disk would not delete them
        self._is_holding = False
        self._is_dirty = False
        self._synced = 0
        self._failures = 0
        self._newest_of: dict[str, int] = {}
        self._said: dict[str, int] = {}  # device -> checksum of what its newest sample says in words
        self._has_losses = False
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
        if self._db is not None and not self._is_holding and self._head is not None:
            try:
                self._db.execute(
                    "UPDATE stream SET newest = ?, newest_t = ?, reserved = ?",
                    (self.newest, self._stored_t, self.newest),
                )
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                stopped = head.Stopped(boot=now.boot, system_stopping=system_stopping)
                self._write_head(replace(self._head, reserved=self.newest, stopped=stopped))
            except (sqlite3.Error, OSError) as error:
                log.error("spool: cannot close in order, the next start will declare a hole: %s", error)
        elif self._held:
            log.error("spool: the disk still takes nothing; %d records in memory are lost", len(self._held))
        self._abandon()

    def _abandon(self) -> None:
        """Let go of files without a word, as a kill would."""
        if self._db is not None:
            self._db.close()
            self._db = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

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
        except _Damaged as error:
            try:
                self._begin_anew(now, str(error))
            except (_DiskRefuses, _Damaged, OSError) as refusal:
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
            raise _Damaged(f"a column holds what was never written there: {error}") from error

    def _go_on(self, now: Moment) -> None:
        kept = head.read(self._path("head.json"))
        has_file = os.path.exists(self._path("spool.db"))
        is_unused = kept is None or kept.reserved == 0
        if not is_unused and not has_file:
            raise _Damaged("spool.db is gone")
        self.previous = kept
        self._connect()
        rows = self._rows("SELECT id, session, reserved, newest, newest_t FROM stream")
        if not rows:
            if not is_unused or self._rows("SELECT 1 FROM record LIMIT 1"):
                raise _Damaged("spool.db does not say which stream it is")
            self._adopt(kept or head.Head(stream=_new_stream(), session=0, reserved=0), now)
            return
        stream, session, reserved, newest, newest_t = rows[0]
        if kept is not None and kept.stream != stream:
            raise _Damaged(f"spool.db is of stream {stream}, head.json of {kept.stream}")
        if kept is None:  # its copy in the file may be one block behind
            log.warning("spool: head.json is missing or damaged; going on with its copy, one block further")
            kept = head.Head(stream=stream, session=session, reserved=reserved + BLOCK)
        self._read_in(newest, newest_t)
        if not 0 <= self._stored <= kept.reserved:
            raise _Damaged(f"it holds number {self._stored}, only {kept.reserved} were ever reserved")
        self._declare_hole(kept.reserved, is_same_boot=kept.boot == now.boot)
        fault.point("start.after_hole")
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
                record = _decoded(*row)
                if record is not None and record["kind"] == "sample":
                    self._said[device] = _said(record, self._limits)
        self._has_losses = bool(self._rows("SELECT 1 FROM loss LIMIT 1"))
        self.newest = self._stored
        self.last_change = self._stored

    def _declare_hole(self, reserved: int, *, is_same_boot: bool) -> None:
        """Numbers that were reserved and are not here: write the loss and the new end in one fsynced transaction.

        In the same boot no record was lost: what was taken survives a kill, so the numbers speak of no time. After a
        power cut they may have been records of at most two sync periods: the last one that stands here was written
        within a period of the last sync, and the cut came within a period after that.
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
        )
        log.warning("spool: unclean stop; numbers %d..%d were reserved and are not in the spool", hole.first, hole.last)

        def write(db: sqlite3.Connection) -> None:
            _add_loss(db, hole)
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

    def _begin_anew(self, now: Moment, cause: str) -> None:
        """Quarantine what is there and begin a new stream with a higher session; its first loss says why."""
        kept = head.read(self._path("head.json"))
        aside = self._quarantine(now)
        log.error("spool: damaged (%s); a new stream begins, the old file is %s", cause, aside or "gone")
        from_t, session = self._stored_t, max(self.session, kept.session if kept else 0)
        self._forget()
        self._connect()
        loss = Loss(first=None, last=None, from_t=from_t, to_t=now.wall, count=0, reason="spool_damaged")
        self._durably(lambda db: _add_loss(db, loss))
        self._has_losses = True
        self._adopt(head.Head(stream=_new_stream(), session=session, reserved=0, boot=kept.boot if kept else None), now)

    def _quarantine(self, now: Moment) -> str | None:
        """Move the damaged file aside, the one before it away. What is kept counts against the byte cap."""
        if self._db is not None:
            self._db.close()
            self._db = None
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

    def _forget(self) -> None:
        self.newest = self.last_change = self._stored = 0
        self._stored_t = None
        self._newest_of.clear()
        self._said.clear()
        self._owed = RangeSet()
        self._has_losses = False

    def _live_in_memory(self, now: Moment, cause: str) -> None:
        """No file can be used at all: a stream of its own, without reservations: nobody will continue it."""
        if self._db is not None:
            self._db.close()
            self._db = None
        kept = head.read(self._path("head.json"))
        self.previous = self.previous or kept
        log.error("spool: the disk refuses (%s); living in memory, on a stream of its own", cause)
        self._forget()
        self._head = None
        self.stream = _new_stream()
        self.session = max((kept.session if kept else 0) + 1, self.session + 1, now.wall // 1000)
        self._is_holding = True
        self._synced = now.mono

    def _connect(self) -> None:
        """Open the file and look through it: _Damaged when it cannot be trusted, _DiskRefuses when not opened."""
        if self._db is not None:
            self._db.close()
            self._db = None
        quarantined = sum(
            os.path.getsize(self._path(name)) for name in os.listdir(self.folder) if name.startswith("damaged-")
        )
        self._cap = self._max_bytes - quarantined
        wal_pages = max(self._cap // 8 // _PAGE, 16)
        try:
            db = sqlite3.connect(self._path("spool.db"), isolation_level=None, timeout=1.0, cached_statements=16)
        except sqlite3.Error as error:
            raise self._sorted_out(error) from error
        try:
            db.execute(f"PRAGMA page_size = {_PAGE}")
            db.execute("PRAGMA cache_size = -256")
            db.execute("PRAGMA journal_mode = WAL").fetchall()
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA wal_autocheckpoint = {wal_pages}").fetchall()
            db.execute(f"PRAGMA journal_size_limit = {wal_pages * _PAGE}").fetchall()
            found = db.execute("PRAGMA quick_check(1)").fetchone()
            if found != ("ok",):
                raise _Damaged(str(found[0]) if found else "no answer to quick_check")
            db.executescript(_SCHEMA)
            for table in ("record", "loss", "stream"):
                db.execute(f"SELECT * FROM {table} LIMIT 1").fetchall()
        except sqlite3.Error as error:
            db.close()
            raise self._sorted_out(error) from error
        except _Damaged:
            db.close()
            raise
        self._db = db

    def _sorted_out(self, error: sqlite3.Error) -> Exception:
        """Whether an error of SQLite speaks of the disk or of the file's content."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        text = f"{getattr(error, 'sqlite_errorname', 'error')}: {error}"
        if code & 0xFF in _DISK_CODES and code != sqlite3.SQLITE_IOERR_SHORT_READ:
            self._failures += 1
            if code & 0xFF != sqlite3.SQLITE_IOERR or self._failures < _BROKEN_AFTER:
                return _DiskRefuses(text)
        return _Damaged(text)

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
            self._hold_loss(unnumbered(record))
            return 0
        device = record["device"] if record["kind"] == "sample" else None
        said = _said(record, self._limits) if device is not None else None
        kept = _Held(
            t=record["t"],
            until=record["t"] + int(record.get("valid_s", 0) * 1000),
            device=device,
            keep=device is None or self._said.get(device) != said,
            body=encode({"n": n, **record}),
        )
        fault.point("spool.before_insert")
        if not self._insert(n, kept):
            return None
        fault.point("spool.after_insert")
        self.newest = n
        if kept.keep:
            self.last_change = n
        if device is not None and said is not None:
            self._newest_of[device] = n
            self._said[device] = said
        return n

    def _insert(self, n: int, kept: _Held) -> bool:
        """Put a record on disk, or hold it in memory; False when the file turned out damaged and a new stream began."""
        if self._db is None or self._is_holding or self._below_floor(len(kept.body)):
            self._hold(n, kept)
            return True
        try:
            self._make_room(len(kept.body))
            _insert_row(self._db, n, kept)
        except sqlite3.Error as error:
            if not self._survives(error):
                return False
            self._hold(n, kept)
            return True
        self._stored, self._stored_t = n, kept.t
        self._is_dirty = True
        return True

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
        if self._db is None or self._is_holding or self._head is None:
            return
        try:
            self._db.execute("UPDATE stream SET reserved = ?", (self._head.reserved,))
        except sqlite3.Error as error:
            log.warning("spool: the second copy of the reservation was not written: %s", error)

    def _write_head(self, new: head.Head) -> None:
        head.write(self._path("head.json"), new)
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
    def oldest(self) -> int:
        """The lowest number still here; `newest + 1` when the spool holds nothing."""
        numbers = [n for (n,) in self._ask("SELECT min(n) FROM record") if n is not None]
        return min([*numbers, *list(self._held)[:1]], default=self.newest + 1)

    def gone(self, limit: int = GONE) -> list[Range]:
        """At most `limit` ranges between `oldest` and `newest` that are not here and that nothing here declares lost.

        The collector has settled them, or heard that they are lost.
        """
        inner = self._ask(
            "SELECT n + 1, (SELECT min(n) FROM record AS next WHERE next.n > record.n) - 1 FROM record"
            " WHERE NOT EXISTS (SELECT 1 FROM record AS next WHERE next.n = record.n + 1) ORDER BY n LIMIT ?",
            limit + 1,
        )
        told = RangeSet((n, n) for n in self._held)
        for loss in self.losses():
            if loss.first is not None and loss.last is not None:
                told.add(loss.first, loss.last)
        for row in self._ask("SELECT n, crc, body FROM record WHERE device IS NULL"):
            record = _decoded(*row)
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
        for n, held in self._held.items():
            if n > after and len(records) < limit:
                records.append(json.loads(held.body))
        return records

    def read(self, numbers: Iterable[int]) -> list[Record]:
        """Those of these records that are still here, in the order asked for."""
        found: list[Record] = []
        for n in numbers:
            if n in self._held:
                found.append(json.loads(self._held[n].body))
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
            record = _decoded(n, crc, body)
            if record is None:
                log.error("spool: record %d is damaged; dropped and declared", n)
                self.drop(n, reason="spool_damaged")
            elif n not in self._owed:
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
        for n in [n for n in self._held if any(a <= n <= b for a, b in ranges)]:
            self._held_bytes -= len(self._held.pop(n).body)
        if self._db is None:
            return
        if self._is_holding:
            self._owe(ranges)
            return
        try:
            self._transact(lambda db: self._remove(db, ranges, "spool.in_settle"))
        except sqlite3.Error as error:
            self._survives(error)
            self._owe(ranges)
        fault.point("spool.after_settle")

    def _owe(self, ranges: Iterable[Range]) -> None:
        for a, b in ranges:
            self._owed.add(a, b)

    def _remove(self, db: sqlite3.Connection, ranges: Iterable[Range], point: str) -> None:
        """Delete records and raise `stream.newest`, so that the table's own highest number may go too."""
        _delete(db, ranges, newest=self._stored, newest_t=self._stored_t)
        fault.point(point)

    def drop(self, n: int, *, reason: str) -> None:
        """Give up one record and declare it."""
        held = self._held.pop(n, None)
        if held is not None:
            self._held_bytes -= len(held.body)
            self._hold_loss(Loss(first=n, last=n, from_t=held.t, to_t=held.until, count=1, reason=reason))
            return
        rows = self._ask("SELECT t, until FROM record WHERE n = ?", n)
        if not rows:
            return
        # A damaged row's own times are not to be believed.
        from_t, to_t = (None, None) if reason == "spool_damaged" else rows[0]
        loss = Loss(first=n, last=n, from_t=from_t, to_t=to_t, count=1, reason=reason)

        def write(db: sqlite3.Connection) -> None:
            _add_loss(db, loss)
            self._has_losses = True
            self._remove(db, [(n, n)], "spool.in_drop")

        try:
            self._transact(write)
        except sqlite3.Error as error:
            self._survives(error)

    def _make_room(self, size: int) -> None:
        """Drop the oldest until `size` more bytes fit under the cap."""
        while self._used() + size + 2 * _PAGE > self._cap - self._cap // 4:  # a quarter is for the WAL
            victims = self._victims("WHERE keep = 0") or self._victims("")
            if not victims:
                return

            def write(db: sqlite3.Connection, victims: list[tuple[int, int, int, bytes]] = victims) -> None:
                for loss in losses_of(victims):
                    _add_loss(db, loss)
                self._has_losses = True
                self._remove(db, _runs(n for n, *_ in victims), "spool.in_drop")

            self._transact(write)

    def _victims(self, where: str) -> list[tuple[int, int, int, bytes]]:
        """The oldest records for a twentieth of the cap: number, time, end of its validity, and the body of a gap."""
        budget = max(self._cap // 20, 8 * _PAGE)
        victims = []
        cursor = cast(sqlite3.Connection, self._db).execute(
            "SELECT n, t, until, CASE WHEN device IS NULL THEN body ELSE x'' END, length(body) + 40"
            f" FROM record {where} ORDER BY n"
        )
        for n, t, until, body, size in cursor:
            victims.append((n, t, until, body))
            budget -= size
            if budget <= 0:
                break
        cursor.close()
        return victims

    def _used(self) -> int:
        """Bytes of the file that hold something."""
        ((pages,),) = self._rows("PRAGMA page_count")
        ((spare,),) = self._rows("PRAGMA freelist_count")
        return cast(int, (pages - spare) * _PAGE)

    # --- losses -------------------------------------------------------------------------------------------------------

    @property
    def has_losses(self) -> bool:
        """Whether something is lost and not yet a gap record."""
        return self._has_losses and self._db is not None and not self._is_holding

    def losses(self) -> list[Loss]:
        """What is lost and not yet a gap record."""
        found = self._ask("SELECT first, last, from_t, to_t, count, reason FROM loss ORDER BY first")
        return [*map(_loss, found), *self._held_losses]

    def declare(self, now: Moment, limit: int = 50) -> int:
        """Turn losses into gap records; call it when somebody listens. Returns how many."""
        if not self.has_losses:
            return 0
        found = self._ask("SELECT first, last, from_t, to_t, count, reason FROM loss ORDER BY first LIMIT ?", limit)
        before, gaps = self.newest, []
        for row in found:
            n = self._number()
            if n == 0:
                break
            self.newest = n
            body = encode({"n": n, **gap_record(_loss(row), now)})
            gaps.append((row[0], n, _Held(t=now.wall, until=now.wall, device=None, keep=True, body=body)))

        def write(db: sqlite3.Connection) -> None:
            for first, n, kept in gaps:
                _insert_row(db, n, kept)
                db.execute("DELETE FROM loss WHERE first = ?", (first,))
            fault.point("spool.in_declare")

        try:
            self._transact(write)
        except sqlite3.Error as error:
            self.newest = before  # nobody has seen the numbers: they are as good as new
            self._survives(error)
            return 0
        if gaps:
            self._stored, self._stored_t = self.newest, now.wall
            self.last_change = self.newest
            self._is_dirty = True
        self._has_losses = bool(self._ask("SELECT 1 FROM loss LIMIT 1"))
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
        except (_DiskRefuses, _Damaged, OSError) as refusal:
            self._live_in_memory(self._seen, str(refusal))

    def _hold(self, n: int, kept: _Held) -> None:
        """Keep a record in memory; the oldest there give way."""
        self._held[n] = kept
        self._held_bytes += len(kept.body)
        while self._held_bytes > HELD_BYTES and len(self._held) > 1:
            first = next(iter(self._held))
            out = self._held.pop(first)
            self._held_bytes -= len(out.body)
            if self._head is None:
                self._hold_loss(Loss(first=None, last=None, from_t=out.t, to_t=out.until, count=1, reason="spool_full"))
            else:
                self._hold_loss(
                    Loss(first=first, last=first, from_t=out.t, to_t=out.until, count=1, reason="spool_full")
                )

    def _hold_loss(self, loss: Loss) -> None:
        """Remember a loss until the disk takes it; a kill before makes it part of the hole of an unclean stop."""
        for i, other in enumerate(self._held_losses):
            if other.reason == loss.reason and touch(other, loss):
                self._held_losses[i] = merged(other, loss)
                return
        self._held_losses.append(loss)

    def _retry(self, now: Moment) -> None:
        """Bring what waits in memory to the disk, if it takes it again."""
        if self._head is None:
            self._return_to_disk(now)
        elif self._is_holding or self._held_losses or len(self._owed):
            self._write_held()

    def _write_held(self) -> None:
        try:
            if self._is_holding and self._free(self.folder) < self._floor + self._held_bytes:
                return
            if self._db is None:
                self._connect()
            self._make_room(self._held_bytes)
            stored_t = next((held.t for held in reversed(self._held.values())), self._stored_t)
            self._transact(lambda db: self._write_all_held(db, stored_t))
        except sqlite3.Error as error:
            self._survives(error)
            return
        except (_DiskRefuses, OSError):
            return
        except _Damaged as error:
            self._replace_damaged(str(error))
            return
        if self._is_holding:
            log.warning("spool: the disk takes records again; %d came from memory", len(self._held))
        self._stored, self._stored_t = self.newest, stored_t
        self._has_losses = self._has_losses or bool(self._held_losses)
        self._held.clear()
        self._held_bytes = 0
        self._held_losses.clear()
        self._owed = RangeSet()
        self._is_holding, self._is_dirty, self._failures = False, True, 0

    def _write_all_held(self, db: sqlite3.Connection, stored_t: int | None) -> None:
        for n, held in self._held.items():
            _insert_row(db, n, held)
        for loss in self._held_losses:
            _add_loss(db, loss)
        _delete(db, self._owed, newest=self.newest, newest_t=stored_t)

    def _return_to_disk(self, now: Moment) -> None:
        """From a stream in memory back to a file: its records are taken again there, under new numbers."""
        waiting = [json.loads(held.body) for held in self._held.values()]
        held, held_bytes, losses = self._held, self._held_bytes, self._held_losses
        stream, session, newest = self.stream, self.session, self.newest
        self._held, self._held_bytes, self._held_losses = {}, 0, []
        try:
            if self._free(self.folder) < self._floor:
                raise _DiskRefuses("free floor")
            self.session = session
            self._continue_or_replace(now)
        except (_DiskRefuses, _Damaged, OSError):
            self._head = None
            self._held, self._held_bytes, self._held_losses = held, held_bytes, losses
            self.stream, self.session, self.newest = stream, session, newest
            return
        log.warning("spool: the disk is back; stream %s goes on with %d records from memory", self.stream, len(waiting))
        self._held_losses = losses
        for record in waiting:
            record.pop("n")
            self.take(record)

    def _continue_or_replace(self, now: Moment) -> None:
        floor = self.session
        try:
            self._continue(now)
        except _Damaged as error:
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
        if self._db is None or self._is_holding or not self._is_dirty:
            return
        fault.point("spool.before_sync")
        try:
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            self._survives(error)
            return
        self._is_dirty = False
        fault.point("spool.after_sync")

    # --- SQLite -------------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _rows(self, sql: str, *values: int) -> list[Any]:
        """All rows; raises what SQLite raises."""
        return cast(sqlite3.Connection, self._db).execute(sql, values).fetchall()

    def _ask(self, sql: str, *values: int) -> list[Any]:
        """All rows; none, and the trouble is dealt with, when the file cannot be read."""
        if self._db is None:
            return []
        try:
            return self._rows(sql, *values)
        except sqlite3.Error as error:
            self._survives(error)
            return []

    def _transact(self, write: Callable[[sqlite3.Connection], object]) -> None:
        """All of `write` or nothing of it."""
        db = cast(sqlite3.Connection, self._db)
        db.execute("BEGIN IMMEDIATE")
        try:
            write(db)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        self._is_dirty = True

    def _durably(self, write: Callable[[sqlite3.Connection], object]) -> None:
        """A transaction that a power cut cannot take back. Only at starts: _Damaged or _DiskRefuses when it fails."""
        db = cast(sqlite3.Connection, self._db)
        try:
            db.execute("PRAGMA synchronous = FULL")
            self._transact(write)
            db.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.Error as error:
            raise self._sorted_out(error) from error


def _insert_row(db: sqlite3.Connection, n: int, kept: _Held) -> None:
    row = (n, kept.t, kept.until, kept.device, kept.keep, zlib.crc32(kept.body), kept.body)
    db.execute("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def _delete(db: sqlite3.Connection, ranges: Iterable[Range], *, newest: int, newest_t: int | None) -> None:
    for a, b in ranges:
        db.execute("DELETE FROM record WHERE n BETWEEN ? AND ?", (a, b))
    db.execute("UPDATE stream SET newest = ?, newest_t = ?", (newest, newest_t))


def _add_loss(db: sqlite3.Connection, loss: Loss) -> None:
    """Write a loss, merged with the neighbours of the same reason."""
    first, last = loss.first, loss.last
    # Losses without numbers are one row per reason, under a key that no number has.
    key = first if first is not None else -1 - zlib.crc32(loss.reason.encode())
    touching = db.execute(
        "SELECT first, last, from_t, to_t, count, reason FROM loss WHERE reason = ? AND (last = ? OR first IN (?, ?))",
        (loss.reason, key - 1, key, key + 1 if last is None else last + 1),
    ).fetchall()
    for row in touching:
        db.execute("DELETE FROM loss WHERE first = ?", (row[0],))
        loss = merged(_loss(row), loss)
    key = loss.first if loss.first is not None else key
    db.execute(
        "INSERT OR REPLACE INTO loss VALUES (?, ?, ?, ?, ?, ?)",
        (key, key if loss.last is None else loss.last, loss.from_t, loss.to_t, loss.count, loss.reason),
    )


def _loss(row: Sequence[Any]) -> Loss:
    first, last, from_t, to_t, count, reason = row
    if first < 0:
        first = last = None
    return Loss(first=first, last=last, from_t=from_t, to_t=to_t, count=count, reason=reason)


def _runs(numbers: Iterable[int]) -> list[Range]:
    """Rising numbers as ranges."""
    found = RangeSet()
    for n in numbers:
        found.add(n, n)
    return list(found)


def _decoded(n: int, crc: int, body: object) -> Record | None:
    """The record of a row; None when its bytes are not what was written under this number."""
    if not isinstance(body, bytes) or zlib.crc32(body) != crc:
        return None
    record = json.loads(body)
    return cast(Record, record) if record["n"] == n else None


def _said(sample: Mapping[str, Any], limits: Limits) -> int:
    """A checksum of what a sample says apart from its numbers: words, what is unknown, what failed and why, and which
    limits its numbers have reached.

    Two samples in a row with the same checksum: the second tells nothing but numbers.
    """
    words = sorted((name, value) for name, value in sample["readings"].items() if isinstance(value, str))
    unknown = sorted(name for name, value in sample["readings"].items() if value is None)
    failed = sorted((name, code) for name, (code, _) in sample.get("failed", {}).items())
    reached = limits.bands(sample["readings"])
    return zlib.crc32(repr((words, unknown, failed, bool(sample["readings"]), reached)).encode())


def _new_stream() -> str:
    return uuid.uuid4().hex[:12]


def _remove(path: str) -> None:
    if os.path.exists(path):
        os.remove(path)
