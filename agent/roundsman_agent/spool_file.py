"""The spool's SQLite file: opened, looked through, written and synced, never larger with its WAL than it may be.

    cap = head + shm + WAL + database         each has its share, so that no moment sees more than the cap

    database   `max_page_count`: SQLite itself takes no page beyond it
    WAL        reused from its start once all of it is in the database. Each transaction says beforehand how many pages
               it may touch at most; if they do not fit behind what the WAL holds, a checkpoint comes first. If that
               cannot be (somebody else reads the file) the transaction is refused: records then wait in memory

A commit is in the operating system's hands (survives a kill), `sync` makes all commits survive a power cut, by one
fsync of the WAL. Pages move to the database when the WAL is full, not sooner: docs/decisions/0003-spool.md.
"""

import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

from roundsman_agent import spool_losses
from roundsman_agent.kept import Kept
from roundsman_wire.ranges import Range

PAGE: Final = 4096
FORM: Final = 1
"""Of the tables; 0 before losses had optional fields."""
FRAME: Final = PAGE + 24
HEAD_BYTES: Final = 3072
"""head.json, its copy, and one of them a second time while it is replaced."""
SHM_BYTES: Final = 32 * 1024
"""spool.db-shm, for a WAL of up to 16 MB."""
WAL_LEAST: Final = 220_000
WAL_MOST: Final = 2_000_000
MARGIN: Final = 8
"""Pages kept free in the database: what one insertion or deletion may need besides the record."""
SIDE_PAGES: Final = 20
"""Pages a transaction may touch besides those of its records: the losses, the stream, the tree above."""

# Primary result codes of SQLite that speak of the disk, not of the file's content.
DISK_CODES: Final = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}

_SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS record (
    n INTEGER PRIMARY KEY, t INTEGER NOT NULL, until INTEGER NOT NULL, device TEXT, keep INTEGER NOT NULL,
    crc INTEGER NOT NULL, body BLOB NOT NULL);
{spool_losses.SCHEMA}
CREATE TABLE IF NOT EXISTS stream (
    one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, session INTEGER NOT NULL, reserved INTEGER NOT NULL,
    newest INTEGER NOT NULL, newest_t INTEGER);
"""
# `stream.newest` is raised whenever records leave: the highest number that ever was in the table is the greater of it
# and of record's own highest. What lies behind, up to the reserved number, was never here or a power cut took it.


class Damaged(Exception):
    """The file is not a spool that can be trusted."""


class WalStuck(sqlite3.OperationalError):
    """The WAL cannot be emptied: another process reads spool.db."""

    sqlite_errorcode = sqlite3.SQLITE_BUSY
    sqlite_errorname = "SQLITE_BUSY"


class SpoolFile:
    """See the module. Raises what SQLite raises."""

    def __init__(self, path: str, *, max_bytes: int) -> None:
        """Open or make the file; Damaged when it cannot be trusted. `max_bytes` is for everything but quarantine."""
        self.path = path
        room = max_bytes - HEAD_BYTES - SHM_BYTES
        wal_bytes = min(max(max_bytes // 16, WAL_LEAST), WAL_MOST)
        self.wal_frames = (wal_bytes - 32) // FRAME
        self.pages = (room - wal_bytes) // PAGE
        """How many pages the database may have."""
        self.largest = min(self.wal_frames // 3, self.pages // 4) * PAGE
        """The largest record that is taken."""
        self._frames = 0  # of the WAL that may be in use, an upper bound
        self.db = sqlite3.connect(path, isolation_level=None, timeout=0.2, cached_statements=32)
        try:
            self._prepare()
        except BaseException:
            self.db.close()
            raise

    def _prepare(self) -> None:
        db = self.db
        db.execute(f"PRAGMA page_size = {PAGE}")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA cache_size = -256")
        db.execute("PRAGMA cache_spill = OFF")  # a spilled page would be written to the WAL before the commit
        db.execute("PRAGMA secure_delete = OFF").fetchall()  # Debian's default writes every page that it frees
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
        found = db.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise Damaged(str(found[0]) if found else "no answer to quick_check")
        self._frames = self.wal_size() // FRAME + 1
        busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            self._frames = 0
        db.execute(f"PRAGMA max_page_count = {self.pages}").fetchall()
        if db.execute("PRAGMA user_version").fetchone() != (FORM,):
            db.executescript(_SCHEMA)
            if "more" not in [column[1] for column in db.execute("PRAGMA table_info(loss)")]:
                db.execute("ALTER TABLE loss ADD COLUMN more TEXT")
            db.execute(f"PRAGMA user_version = {FORM}")
            self._frames += 2 * MARGIN
        for table in ("record", "loss", "stream"):
            db.execute(f"SELECT * FROM {table} LIMIT 1").fetchall()

    def close(self) -> None:
        """Let go of the file."""
        self.db.close()

    # --- reading ------------------------------------------------------------------------------------------------------

    def rows(self, sql: str, *values: int) -> list[Any]:
        """All rows."""
        return self.db.execute(sql, values).fetchall()

    def used(self) -> int:
        """Pages of the database that hold something."""
        ((pages,),) = self.rows("PRAGMA page_count")
        ((spare,),) = self.rows("PRAGMA freelist_count")
        return cast(int, pages - spare)

    def has_room(self, size: int) -> bool:
        """Whether `size` more bytes fit the database."""
        return self.used() + size // (PAGE - 16) + 1 + MARGIN <= self.pages

    def wal_size(self) -> int:
        """Bytes of the WAL's file."""
        try:
            return os.path.getsize(self.path + "-wal")
        except OSError:
            return 0

    # --- writing ------------------------------------------------------------------------------------------------------

    @property
    def portion(self) -> int:
        """How many pages of records one transaction may touch."""
        return self.wal_frames - 2 * SIDE_PAGES if self.wal_frames > 4 * SIDE_PAGES else self.wal_frames // 2

    def transact(self, write: Callable[[sqlite3.Connection], object], *, pages: int) -> None:
        """All of `write` or nothing of it; it touches at most `pages` pages of records."""
        frames = pages + SIDE_PAGES
        self._make_way(frames)
        db = self.db
        db.execute("BEGIN IMMEDIATE")
        try:
            write(db)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        finally:
            self._frames += frames

    def insert(self, n: int, kept: Kept) -> None:
        """One record, in a transaction of its own."""
        pages = len(kept.body) // (PAGE - 16) + MARGIN
        self._make_way(pages)
        before = self.rows("PRAGMA page_count"), self.rows("PRAGMA freelist_count")
        self._frames += pages
        insert_row(self.db, n, kept)
        if before == (self.rows("PRAGMA page_count"), self.rows("PRAGMA freelist_count")):
            self._frames += 1 - pages  # it went into the last page of the table, and nothing else was touched

    def durably(self, write: Callable[[sqlite3.Connection], object]) -> None:
        """A transaction that a power cut cannot take back."""
        self.db.execute("PRAGMA synchronous = FULL")
        try:
            self.transact(write, pages=MARGIN)
        finally:
            self.db.execute("PRAGMA synchronous = NORMAL")

    def sync(self) -> None:
        """Make all commits survive a power cut; OSError when the disk does not take it."""
        try:
            wal = os.open(self.path + "-wal", os.O_RDWR)
        except FileNotFoundError:  # nothing was written yet
            return
        try:
            getattr(os, "fdatasync", os.fsync)(wal)
        finally:
            os.close(wal)

    def end(self) -> None:
        """Move everything to the database and leave no WAL behind."""
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _make_way(self, frames: int) -> None:
        if self._frames + frames > self.wal_frames:
            self.empty_wal()

    def empty_wal(self) -> None:
        """Move everything to the database, so that the next transaction begins the WAL anew."""
        busy, logged, moved = self.db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        if busy or logged != moved:
            raise WalStuck("the WAL cannot be emptied: somebody else reads spool.db")
        self._frames = 0

    def shrink(self) -> bool:
        """Give pages that hold nothing back to the disk, a few at a time; False when there is nothing to give."""
        ((pages,),) = self.rows("PRAGMA page_count")
        ((spare,),) = self.rows("PRAGMA freelist_count")
        if pages <= self.pages or not spare:
            return False
        self._make_way(4 * MARGIN)
        self._frames += 4 * MARGIN
        self.db.execute(f"PRAGMA incremental_vacuum({MARGIN})").fetchall()
        self.empty_wal()
        self.db.execute(f"PRAGMA max_page_count = {self.pages}").fetchall()
        return True


def insert_row(db: sqlite3.Connection, n: int, kept: Kept) -> None:
    """Write a record."""
    row = (n, kept.t, kept.until, kept.device, kept.keep, zlib.crc32(kept.body), kept.body)
    db.execute("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def delete_rows(db: sqlite3.Connection, ranges: Iterable[Range]) -> None:
    """Delete records by number."""
    for a, b in ranges:
        db.execute("DELETE FROM record WHERE n BETWEEN ? AND ?", (a, b))
