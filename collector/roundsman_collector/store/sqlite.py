"""All that is peculiar to SQLite: its pragmas, its transactions, its error codes, and the lock of the one writer.

WAL with synchronous=FULL: a commit is on the disk when it returns, and readers never wait for the writer. The driver's
own idea of when a transaction begins is switched off; a writer says BEGIN IMMEDIATE, so that it never finds out halfway
that somebody else was first, and DDL takes part in transactions like everything else.
"""

import contextlib
import fcntl
import os
import sqlite3
from pathlib import Path
from typing import IO, Any

from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy import create_engine as _create_engine

from roundsman_collector.store.errors import StoreError, Told

BUSY_TIMEOUT_MS = 10_000
PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -32768",  # 32 MiB per connection
    "PRAGMA temp_store = MEMORY",
)
# 16 MB of log between checkpoints: a page that is changed again and again is copied once.
# Debian's SQLite overwrites what is deleted: that would write every page of a day that goes, on a full disk as well.
WRITER_PRAGMAS = (
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA secure_delete = OFF",
)
READER_PRAGMAS = ("PRAGMA query_only = ON",)


UNKNOWN = Told("other", "the database refused", "see the message; if it stays, report it with the log", False)
# Primary result codes: https://www.sqlite.org/rescode.html
ERRORS = {
    sqlite3.SQLITE_FULL: Told("full", "the disk is full", "free space on that disk; the work is tried again", True),
    sqlite3.SQLITE_BUSY: Told("locked", "another program holds the database", "close what writes to it", True),
    sqlite3.SQLITE_LOCKED: Told("locked", "another program holds the database", "close what writes to it", True),
    sqlite3.SQLITE_READONLY: Told("read_only", "the database may not be written", "check owner and mount", False),
    sqlite3.SQLITE_CANTOPEN: Told("cannot_open", "the database cannot be opened", "check folder, owner, mount", False),
    sqlite3.SQLITE_IOERR: Told("io", "the disk reports an error", "look at the disk; the work is tried again", True),
    sqlite3.SQLITE_CORRUPT: Told("damaged", "the database is damaged", "keep the file and restore a backup", False),
    sqlite3.SQLITE_NOTADB: Told("damaged", "the file is no database", "keep the file and restore a backup", False),
    sqlite3.SQLITE_CONSTRAINT: Told("conflict", "a row contradicts the schema", "this is a mistake in the data", False),
}


def version() -> tuple[int, ...]:
    """The version of the SQLite library that Python brings."""
    return sqlite3.sqlite_version_info


def explain(error: BaseException | None) -> Told:
    """What the driver's error means; UNKNOWN for what is not in the table or not SQLite's."""
    code = getattr(error, "sqlite_errorcode", None)
    return UNKNOWN if code is None else ERRORS.get(code & 0xFF, UNKNOWN)


def create_engine(url: URL, *, writes: bool) -> Engine:
    """What makes connections that write, or that cannot: with their pragmas and proper transactions."""
    engine = _create_engine(url, paramstyle="qmark", pool_size=5, max_overflow=35)
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    pragmas = PRAGMAS + (WRITER_PRAGMAS if writes else READER_PRAGMAS)

    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(pragma).close()

    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", _connect)
    event.listen(engine, "begin", _begin)
    return engine


def size(path: Path) -> int:
    """Bytes of the database and its log on the disk."""
    return sum(file.stat().st_size for file in (path, Path(f"{path}-wal")) if file.exists())


def spare(connection: Connection) -> int:
    """Bytes of the file that hold nothing: what is written next goes there."""
    pages, size = (connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("freelist_count", "page_size"))
    return int(pages or 0) * int(size or 0)


class Held:
    """The lock of the one writer of the database at `path`: a file beside it. Raises StoreError: somebody has it.

    The lock goes with the process, however it ends; the file stays.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = _locked(path)
        except OSError as error:
            raise StoreError(
                what=f"the database cannot be opened for writing: {error.strerror}",
                where=str(path),
                do="check the folder's owner and mode, and its disk",
                cause="cannot_open",
            ) from error
        if isinstance(lock, str):
            raise StoreError(
                what=f"process {lock} has the database open for writing",
                where=str(path),
                do="stop that collector, or give this one a folder of its own",
                cause="locked",
            )
        self._lock = lock

    def begin(self, connection: Connection) -> None:
        """A file's lock cannot get lost: nothing has to be told to who comes back."""

    def close(self) -> None:
        """Let go."""
        self._lock.close()


def is_held(path: Path) -> bool:
    """Whether somebody has the lock."""
    with contextlib.suppress(OSError), open(f"{path}.lock", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _locked(path: Path) -> IO[str] | str:
    """The lock's open file, or the process id of who has it."""
    file = open(f"{path}.lock", "a+", encoding="ascii")  # noqa: SIM115  it stays open as long as the store
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        return holder or "unknown"
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
