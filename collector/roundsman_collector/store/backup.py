"""A copy of the database while it is written to, and what makes a copy a database of its own again.

    copy(source, target, progress) -> Copied     as it was at one moment; the collector goes on meanwhile
    check(path) -> Copied                        whole, and of a schema that this program knows
    begin_anew(path, made_ms, now_ms, life) -> epoch     a restored copy: agents are to send again what it lacks
    with claimed(where) as server: put_back(server, path, where, now_ms, progress)      into a server's database
    note(where, made_ms)                         the database remembers when it was last backed up

A copy is a SQLite file, whatever it was made of (transfer.py).

SQLite's own backup reads a snapshot page by page: a read transaction holds the snapshot, so that nothing begins again
when the collector writes, and the writer waits for nothing. Meanwhile its log cannot be folded in and grows by what is
written; the next checkpoint does it, and a log beyond 64 MB is cut. VACUUM INTO would give a smaller file, at many
times the CPU, on the two cores that take the reports.
"""

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.store import audit, migrate, postgres, schema, sqlite, transfer
from roundsman_collector.store.connect import Place, claim, connector, place, transaction
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.series import LIFE, next_life
from roundsman_collector.store.sql import keep_fact, run

PAGES = 512
"""Pages (2 MB) that are copied between two looks at progress."""
BACKUP_MS = "backup_ms"
SESSION_LETTERS = 12
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Copied:
    """What a database says of itself."""

    epoch: str
    schema: str


def size_of(where: str | Path) -> int:
    """Bytes of a database."""
    at = place(where)
    if at.path:
        return sqlite.size(at.path)
    with _reading(at, "the size") as connection:
        return postgres.size(connection)


def copy(where: str | Path, target: Path, progress: Progress) -> Copied:
    """Copy the database as it is at this moment; `progress` is told how much is done, and how much there is in all."""
    at = place(where)
    return _copied_file(at.path, target, progress) if at.path else _copied_server(at, target, progress)


def _copied_server(at: Place, target: Path, progress: Progress) -> Copied:
    with _reading(at, "everything") as connection:
        found = migrate.revision(connection)
        migrate.refuse_newer(found, str(at))
        if found != schema.REVISION:
            raise StoreError(
                what=f"the database has schema {found or 'none'}, older than this program's {schema.REVISION}",
                where=str(at),
                do="start the collector once: it brings the schema up to date",
                cause="older",
            )
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with _explained("writing the copy", target):
            transfer.out(connection, target, progress)
    with _explained("reading the copy", target), closing(_opened(target)) as copied:
        return _facts(copied, target)


@contextmanager
def _reading(at: Place, what: str) -> Iterator[Connection]:
    """One moment of a server's database, for as long as it takes."""
    engine = connector(at, writes=False)
    try:
        with transaction(engine, f"reading {what}", at) as connection:
            postgres.patient(connection)
            yield connection
    finally:
        engine.dispose()


def _copied_file(source: Path, target: Path, progress: Progress) -> Copied:
    with _explained("copying the database", source), closing(_opened(source)) as read, closing(_made(target)) as write:
        read.execute("BEGIN")
        read.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it is one moment
        read.backup(write, pages=PAGES, progress=lambda _, left, pages: progress(pages - left, pages))
        read.execute("ROLLBACK")
        write.execute("PRAGMA journal_mode = DELETE").fetchone()  # one file, without a log beside it
        return _facts(write, target)


def check(path: Path) -> Copied:
    """Look through every page of a copy. Raises StoreError when it is damaged, or newer than this program."""
    with _explained("checking the copy", path), closing(_opened(path)) as copied:
        found = copied.execute("PRAGMA integrity_check(5)").fetchall()
        if found != [("ok",)]:
            said = "; ".join(str(row[0]) for row in found)
            raise StoreError(
                what=f"the copy is damaged: {said}", where=str(path), do="take another backup", cause="damaged"
            )
        broken = copied.execute("PRAGMA foreign_key_check").fetchmany(5)
        if broken:
            raise StoreError(
                what=f"rows in the copy point to nothing: {broken}",
                where=str(path),
                do="take another backup",
                cause="damaged",
            )
        facts = _facts(copied, path)
    migrate.refuse_newer(facts.schema, str(path))
    return facts


@contextmanager
def claimed(where: str | Path) -> Iterator[Engine]:
    """Be the only collector of a database, that is there or will be, for a while. Raises StoreError."""
    at = place(where)
    with closing(claim(at)) as hold:
        engine = connector(at, writes=True, hold=hold)
        try:
            if at.path is None:  # the first connection takes the lock, and keeps it
                with transaction(engine, "taking hold of the database", at):
                    pass
            yield engine
        finally:
            engine.dispose()


def put_back(server: Engine, path: Path, where: str, now_ms: int, progress: Progress) -> str:
    """Put a copy that began anew into a server's database, in one transaction; what was there is set aside.

    Returns the schema in which that is now; empty: there was nothing.
    """
    at = place(where)
    with transaction(server, "putting the backup back", at) as connection:
        postgres.patient(connection)
        aside = postgres.set_aside(connection, f"before_restore_{now_ms // 1000}")
        migrate.upgrade(connection, str(at))
        transfer.back(connection, path, progress)
    return aside


def life_of(where: str | Path) -> int:
    """Which life of a database this is (series.py); 0 where there is none, or it cannot be read any more."""
    at = place(where)
    if at.path is None:
        with _reading(at, "its life") as connection:
            if not migrate.revision(connection):
                return 0
            return int(run(connection, "SELECT value FROM meta WHERE key = ?", LIFE).scalar() or 0)
    return _life_of_file(at.path)


def _life_of_file(path: Path) -> int:
    if not path.exists():
        return 0
    try:
        with closing(_opened(path)) as read:
            found = read.execute("SELECT value FROM meta WHERE key = ?", (LIFE,)).fetchone()
            return int(found[0]) if found else 0
    except (sqlite3.Error, ValueError):
        return 0


def begin_anew(path: Path, made_ms: int, now_ms: int, life: int) -> str:
    """Make a restored copy the database of a collector, in one transaction; returns its new epoch. `life`: that of the
    database whose place it takes.

    epoch         new: agents send everything unsettled again, and say what they have not any more
    session       stays: the broker may hold reports for the name under which the collector has always come
    known_ms      now: nothing that is told from here on was known before
    life          another: numbers of tickets and rounds get another mark (series.py)
    people        everybody logs in again, and one-time links are void: they may have been used or ended since
    notices       those that waited are dead: they may have been sent since; a person may send them again
    """
    at = place(path)
    engine = connector(at, writes=True)
    try:
        with transaction(engine, "beginning anew", at) as connection:
            migrate.upgrade(connection, str(at))
            epoch = _anew(connection, made_ms, now_ms, life)
    finally:
        engine.dispose()  # the last one out folds the log in
    return epoch


def _anew(connection: Connection, made_ms: int, now_ms: int, life: int) -> str:
    facts = {row[0]: row[1] for row in run(connection, "SELECT key, value FROM meta")}
    epoch = secrets.token_hex(8)
    changed = {
        "epoch": epoch,
        "session": facts.get("session", facts["epoch"][:SESSION_LETTERS]),
        "known_ms": str(max(now_ms, int(facts.get("known_ms", 0)))),
        LIFE: str(next_life(now_ms, life, int(facts.get(LIFE, 0)))),
        "restored_ms": str(now_ms),
        BACKUP_MS: str(made_ms),
    }
    for key, value in changed.items():
        keep_fact(connection, key, value)
    run(connection, "UPDATE session SET ended_ms = ? WHERE ended_ms IS NULL", now_ms)
    run(connection, "UPDATE invitation SET expires_ms = ? WHERE used_ms IS NULL AND expires_ms > ?", now_ms, now_ms)
    run(
        connection,
        "UPDATE notice SET state = 'dead', done_ms = ?, error = 'a backup was restored; it may have been sent before' "
        "WHERE state = 'new'",
        now_ms,
    )
    deed = audit.Deed(who=ROBOT, at_ms=now_ms)
    before = {"epoch": facts["epoch"], "known_ms": int(facts.get("known_ms", 0))}
    audit.add(connection, deed, "database.restore", "database", before=before, after={"epoch": epoch, "of_ms": made_ms})
    return epoch


def note(where: str | Path, made_ms: int) -> None:
    """Let the database remember when it was last backed up."""
    at = place(where)
    engine = connector(at, writes=True)
    try:
        with transaction(engine, "noting the backup", at) as connection:
            keep_fact(connection, BACKUP_MS, str(made_ms))
    finally:
        engine.dispose()


def _facts(connection: sqlite3.Connection, path: Path) -> Copied:
    found = connection.execute(
        "SELECT (SELECT value FROM meta WHERE key = 'epoch'), (SELECT version_num FROM alembic_version)"
    ).fetchone()
    if not all(found):
        raise StoreError(
            what="this is no database of Roundsman", where=str(path), do="name another file", cause="missing"
        )
    return Copied(epoch=found[0], schema=found[1])


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=10.0)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _made(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")  # the whole is synced when it is done
    return connection


@contextmanager
def _explained(doing: str, path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        told = sqlite.explain(error)
        raise StoreError(
            what=f"{told.what} while {doing}: {error}", where=str(path), do=told.do, cause=told.cause, again=told.again
        ) from error
