"""Files of tickets and of rounds: photos, documents, short videos, signatures. They lie in the database itself.

    add(connection, new, pieces(opened), limits, deed) -> FileRow     one transaction: the body, its row, the audit log
    claim(connection, shelf, owner_id, file_id, at_ms) -> FileRow     a line of its owner's log names it, and it stays
    drop_unnamed(connection, before_ms, limit)                        what no line ever named is gone after a day

In the database, because the signature under a ticket and the step that says so are then stored together or not at all,
and one backup holds both: a folder beside it would have to be copied at the same moment, and never is. A body is kept
once, under the SHA-256 of its bytes, in pieces of 256 kB: whoever reads or writes it holds one of them.

An upload is a row without `named_ms`. What adds `attach` or `sign` to the log claims it, in the transaction of that
line. An engineer who uploads and then closes the page leaves a row that nobody claims: it goes. A shelf is a table of
such rows, of the logs of one kind of thing.
"""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Literal, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.media import Kind, Media
from roundsman_collector.store import audit
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.sql import clean, marks, run

PIECE_BYTES = 256 * 1024
UNNAMED_MS = 86_400_000
"""So long an upload waits for a step that names it."""
DROPPED_AT_ONCE = 20
WARN_SHARE = 0.8
"""Beyond this share of the budget the health page and `roundsman doctor` warn."""
NAME_LIMIT = 120
ID_BEHIND = 2**53
"""Ids are drawn, not counted: an upload that went must not give its number to another file, which a late step names."""
KEY_LIMIT = 80


class Shelf(NamedTuple):
    """Where the files of one kind of thing stand: their table, its column that names the owner, the owner's table."""

    table: str
    column: str
    owner: str


TICKETS = Shelf("file", "ticket_id", "ticket")
ROUNDS = Shelf("round_file", "round_id", "round")
SLIPS = Shelf("slip_file", "slip_id", "slip")
SHELVES = (TICKETS, ROUNDS, SLIPS)
OF_REPORTS = (("report_file", "sha256"), ("report_confirmation", "picture"))
"""Where reports name bodies."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewFile:
    """What was uploaded. `key`: the same key of the same person is the same upload; None: every upload is its own."""

    owner_id: int
    kind: Kind
    name: str
    media: Media
    size: int
    sha256: str
    key: str | None = None
    shelf: Shelf = TICKETS


@dataclass(frozen=True, kw_only=True, slots=True)
class FileLimits:
    """How many bytes a file of each kind, the files of one ticket or round, and all of them may have."""

    photo: int = 10_000_000
    document: int = 20_000_000
    video: int = 50_000_000
    signature: int = 300_000
    ticket: int = 500_000_000
    total: int = 20_000_000_000

    def of(self, kind: Kind) -> int:
        """The limit of one file."""
        return {"photo": self.photo, "document": self.document, "video": self.video, "signature": self.signature}[kind]


class FileRow(NamedTuple):
    """A file, without its body."""

    id: int
    owner_id: int
    kind: str
    name: str
    media_type: str
    size: int
    sha256: str
    width: int | None
    height: int | None
    made_ms: int
    made_by: str
    key: str | None
    named_ms: int | None


class FileUsage(NamedTuple):
    """How many bodies there are, and their bytes."""

    files: int
    bytes: int


class FileRefused(Exception):
    """A file that cannot be kept: its key stands for another one, or its owner, or the whole store, is full."""

    def __init__(self, why: Literal["key", "ticket", "total"], limit_bytes: int = 0) -> None:
        super().__init__(f"the file was refused: {why}")
        self.why = why
        self.limit_bytes = limit_bytes


def _columns(shelf: Shelf) -> str:
    return ", ".join(shelf.column if name == "owner_id" else name for name in FileRow._fields)


def pieces(opened: IO[bytes]) -> Iterator[bytes]:
    """A file from its beginning, a piece at a time."""
    opened.seek(0)
    while piece := opened.read(PIECE_BYTES):
        yield piece


def add(connection: Connection, new: NewFile, body: Iterable[bytes], limits: FileLimits, deed: Deed) -> FileRow:
    """Keep a file. The same key again answers with what was kept then. Raises FileRefused."""
    drop_unnamed(connection, deed.at_ms - UNNAMED_MS, DROPPED_AT_ONCE)
    known = _of_key(connection, new, deed)
    if known is not None:
        return known
    _refuse_too_much(connection, new, limits)
    keep_body(connection, new.sha256, new.size, body)
    row = FileRow(
        id=secrets.randbelow(ID_BEHIND - 1) + 1,
        owner_id=new.owner_id,
        kind=new.kind,
        name=clean(new.name, NAME_LIMIT),
        media_type=new.media.media_type,
        size=new.size,
        sha256=new.sha256,
        width=new.media.width,
        height=new.media.height,
        made_ms=deed.at_ms,
        made_by=clean(deed.who, 160),
        key=new.key,
        named_ms=None,
    )
    shelf = new.shelf
    sql = (
        f"INSERT INTO {shelf.table} ({_columns(shelf)}) VALUES ({marks(len(row))}) "
        f"ON CONFLICT ({shelf.column}, made_by, key) DO NOTHING"
    )
    if not run(connection, sql, *row).rowcount:  # the same upload twice at once: the other one was first
        first = _of_key(connection, new, deed)
        assert first is not None, "a row with this key is what stood in the way"
        return first
    number = run(connection, f"SELECT number FROM {shelf.owner} WHERE id = ?", new.owner_id).scalar_one()
    after = {"file": row.id, "kind": row.kind, "size": row.size, "sha256": row.sha256}
    audit.add(connection, deed, "file.add", f"{shelf.owner}:{number}", after=after)
    return row


def _of_key(connection: Connection, new: NewFile, deed: Deed) -> FileRow | None:
    """What this key brought before."""
    if new.key is None:
        return None
    shelf = new.shelf
    sql = f"SELECT {_columns(shelf)} FROM {shelf.table} WHERE {shelf.column} = ? AND made_by = ? AND key = ?"
    found = run(connection, sql, new.owner_id, clean(deed.who, 160), new.key).first()
    if found is None:
        return None
    row = FileRow(*found)
    if (row.sha256, row.kind) != (new.sha256, new.kind):
        raise FileRefused("key")
    return row


def _refuse_too_much(connection: Connection, new: NewFile, limits: FileLimits) -> None:
    shelf = new.shelf
    sql = f"SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM {shelf.table} WHERE {shelf.column} = ?"
    if run(connection, sql, new.owner_id).scalar_one() + new.size > limits.ticket:
        raise FileRefused("ticket", limits.ticket)
    is_here = run(connection, "SELECT 1 FROM file_body WHERE sha256 = ?", new.sha256).first() is not None
    if not is_here and usage(connection).bytes + new.size > limits.total:
        raise FileRefused("total", limits.total)


def cut(content: bytes) -> Iterator[bytes]:
    """Bytes, a piece at a time."""
    return (content[at : at + PIECE_BYTES] for at in range(0, len(content), PIECE_BYTES))


def keep_body(connection: Connection, sha256: str, size: int, body: Iterable[bytes]) -> None:
    """Keep a body, unless it is there already."""
    sql = "INSERT INTO file_body (sha256, size) VALUES (?, ?) ON CONFLICT (sha256) DO NOTHING"
    if run(connection, sql, sha256, size).rowcount:
        for place, piece in enumerate(body):
            run(
                connection,
                "INSERT INTO file_piece (sha256, place, content) VALUES (?, ?, ?)",
                sha256,
                place,
                piece,
            )


def claim(
    connection: Connection,
    shelf: Shelf,
    owner_id: int,
    file_id: int,
    at_ms: int,
    *,
    is_signature: bool | None = None,
) -> FileRow:
    """Let a file stay, because a line of its owner's log names it. `is_signature`: what the line needs it to be.

    In the transaction of that line. Raises StoreError (`conflict`) where the owner has no such file (any more).
    """
    found = of(connection, shelf, owner_id, file_id)
    is_fit = bool(found) and is_signature in (None, found[0].kind == "signature")
    sql = f"UPDATE {shelf.table} SET named_ms = COALESCE(named_ms, ?) WHERE id = ?"
    if not is_fit or not run(connection, sql, at_ms, file_id).rowcount:  # it may go this very moment
        wanted = {True: "a signature", False: "a photo, document or video", None: "a file"}[is_signature]
        raise conflict(
            f"{shelf.owner} {owner_id} has no file {file_id} that is {wanted}",
            "file",
            "upload it again: what no step names is gone after a day",
        )
    return found[0]


def drop_unnamed(connection: Connection, before_ms: int, limit: int) -> int:
    """Delete at most `limit` uploads of each shelf from before then that no line ever named, with bodies of nobody; how
    many."""
    return sum(_drop_unnamed(connection, shelf, before_ms, limit) for shelf in SHELVES)


def _drop_unnamed(connection: Connection, shelf: Shelf, before_ms: int, limit: int) -> int:
    sql = f"SELECT id, sha256 FROM {shelf.table} WHERE named_ms IS NULL AND made_ms < ? ORDER BY made_ms LIMIT ?"
    old = run(connection, sql, before_ms, limit).all()
    for file_id, sha256 in old:
        gone = run(connection, f"DELETE FROM {shelf.table} WHERE id = ? AND named_ms IS NULL", file_id)
        if gone.rowcount and not _is_wanted(connection, sha256):
            run(connection, "DELETE FROM file_piece WHERE sha256 = ?", sha256)
            run(connection, "DELETE FROM file_body WHERE sha256 = ?", sha256)
    return len(old)


def _is_wanted(connection: Connection, sha256: str) -> bool:
    """Whether a body belongs to anything."""
    columns = (*((shelf.table, "sha256") for shelf in SHELVES), *OF_REPORTS)
    questions = (f"SELECT 1 FROM {table} WHERE {column} = ?" for table, column in columns)
    return any(run(connection, sql, sha256).first() is not None for sql in questions)


def of(connection: Connection, shelf: Shelf, owner_id: int, file_id: int | None = None) -> list[FileRow]:
    """The files of a ticket or round, the first first; or the one of them that has this id."""
    one, values = ("", ()) if file_id is None else (" AND id = ?", (file_id,))
    sql = f"SELECT {_columns(shelf)} FROM {shelf.table} WHERE {shelf.column} = ?{one} ORDER BY made_ms, id"
    return [FileRow(*row) for row in run(connection, sql, owner_id, *values)]


def piece(connection: Connection, sha256: str, place: int) -> bytes | None:
    """A piece of a body; None behind its last."""
    sql = "SELECT content FROM file_piece WHERE sha256 = ? AND place = ?"
    found = run(connection, sql, sha256, place).scalar()
    return None if found is None else bytes(found)


def usage(connection: Connection) -> FileUsage:
    """What all bodies take. Reads a narrow row of each, never what is in it."""
    sql = "SELECT count(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM file_body"
    return FileUsage(*run(connection, sql).one())
