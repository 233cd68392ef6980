"""Evidence: what agents recorded, a row per report, in a table per received day (UTC).

    seq   1   2   3   4   5   6   7   8        numbered by the engine, rising by time of receipt
    agent A   B   A   C   B   A   A   B
          ^-------|           |   |            prev_seq: each row names the one before of its agent
                  ^-----------+---|            (A: 7 -> 6 -> 3 -> 1)
          evidence_20261121 | evidence_20261122

The tables are ordered by `first_seq`, not by their names: a clock that was wrong by a day leaves a wrong name behind
and nothing else. To read an agent is to walk its chain, newest first; one that leads into a dropped table ends there.
A link that is missing from a table which should have it is damage, and is told.

Dropping is done in two steps: a partition leaves the list in one small transaction (`prune`), and then its table is
emptied a slice at a time (`clear`), because SQLite looks at every page of a table that it drops, and a day of a large
fleet would hold up the reports for a minute. A table that no partition names is one that is being emptied.

Where a fleet keeps runs and changes (engine/condensing.py), rows of an agent that stand one after the other in its
chain become one of kind `runs`, in one transaction. It bears the number of the newest of them, so that whoever walks
down to a seq in between meets it, and links to what the oldest linked to:

    3 <- 6 <- 7 <- 12          prev_seq of 12 is 7
    3 <------ 7 <- 12          6 and 7 are one, which is 7
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Connection, Row, inspect
from sqlalchemy.schema import CreateTable, DropTable

from roundsman_collector.store import postgres, schema
from roundsman_collector.store.errors import StoreError, conflict
from roundsman_collector.store.sql import add, chunks, json_text, keep_fact, look, marks, run
from roundsman_wire.ranges import Range

DAY_MS = 86_400_000
CHUNK = 1000
TABLE = re.compile(r"evidence_\d{8}")
RUNS: Final = "runs"
RECORDS = ("report", "history", RUNS)
"""Kinds of rows that hold records."""
COLUMNS = "seq, agent_no, prev_seq, kind, stream, first_n, last_n, received_ms, taken, body"


class EvidenceRow(NamedTuple):
    """One report as it was taken: the columns of an evidence table, in their order.

    `first_n`/`last_n` are the lowest and highest record number in the body. `taken` names those numbers of the body
    that were new (both ends included) where not all were; None: all. `prev_seq` is the agent's row before, None for
    its first.
    A birth or a stream's loss has stream "" or the stream lost, and 0 for numbers that mean nothing.
    `runs` is what several reports became (runs.py): `received_ms` is when the newest of them came.
    """

    seq: int
    agent_no: int
    prev_seq: int | None
    kind: Literal["report", "history", "birth", "lost", "runs"]
    stream: str
    first_n: int
    last_n: int
    received_ms: int
    taken: tuple[Range, ...] | None
    body: bytes


class Partition(NamedTuple):
    """One day's table. `last_seq` is None for the one that is written to."""

    day: str
    table_name: str
    first_seq: int
    last_seq: int | None
    row_count: int
    byte_count: int


def partitions(connection: Connection) -> tuple[Partition, ...]:
    """All partitions, oldest first."""
    found = run(
        connection,
        "SELECT day, table_name, first_seq, last_seq, row_count, byte_count FROM partition ORDER BY first_seq",
    )
    return tuple(Partition(*row) for row in found)


def last_seq(connection: Connection, known: Sequence[Partition]) -> int:
    """The largest seq there is; 0 in a new database. The newest partition is never dropped, so none is forgotten."""
    if not known:
        return 0
    newest = run(connection, f"SELECT max(seq) FROM {known[-1].table_name}").scalar()
    return int(newest) if newest is not None else known[-1].first_seq - 1


def pruned_to(connection: Connection) -> int:
    """The largest seq that has been dropped; 0 while everything is there."""
    return int(run(connection, "SELECT value FROM meta WHERE key = 'pruned_to_seq'").scalar() or 0)


def append(
    connection: Connection, rows: Sequence[EvidenceRow], known: tuple[Partition, ...], last: int
) -> tuple[Partition, ...]:
    """Add rows behind seq `last`; return the partitions as they are then."""
    if rows[0].seq <= last or any(a.seq >= b.seq for a, b in pairwise(rows)):
        raise conflict(
            f"evidence {rows[0].seq}..{rows[-1].seq} does not rise behind {last}",
            "evidence",
            "number evidence from last_seq() + 1 on, and commit it once",
        )
    for day, of_day in _by_day(rows):
        known = _opened(connection, day, of_day[0].seq, known)
        table = schema.evidence(known[-1].table_name)
        add(connection, table, [_stored(row) for row in of_day])
        run(
            connection,
            "UPDATE partition SET row_count = row_count + ?, byte_count = byte_count + ? WHERE day = ?",
            len(of_day),
            sum(len(row.body) for row in of_day),
            known[-1].day,
        )
    return known


def _by_day(rows: Sequence[EvidenceRow]) -> Iterator[tuple[str, Sequence[EvidenceRow]]]:
    if rows[0].received_ms // DAY_MS == rows[-1].received_ms // DAY_MS:
        yield day_of(rows[0].received_ms), rows
        return
    for day, of_day in groupby(rows, key=lambda row: row.received_ms // DAY_MS):
        yield day_of(day * DAY_MS), list(of_day)


def day_of(at_ms: int) -> str:
    """The name of the UTC day of a time: 20261121."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y%m%d")


def _stored(row: EvidenceRow) -> tuple[Any, ...]:
    return row if row.taken is None else row._replace(taken=json_text(row.taken))  # type: ignore[arg-type]


def _opened(connection: Connection, day: str, seq: int, known: tuple[Partition, ...]) -> tuple[Partition, ...]:
    """The partitions with the one for `day` at the end. A day that already has a closed one goes on in the newest:
    the clock was set back over midnight, and seq must rise from table to table."""
    if any(day == one.day for one in reversed(known)):
        return known
    closed = known
    if known:
        run(connection, "UPDATE partition SET last_seq = ? WHERE day = ?", seq - 1, known[-1].day)
        closed = (*known[:-1], known[-1]._replace(last_seq=seq - 1))
    new = Partition(day, f"evidence_{day}", seq, None, 0, 0)
    connection.execute(DropTable(schema.evidence(new.table_name), if_exists=True))  # let go, and not yet emptied
    connection.execute(CreateTable(schema.evidence(new.table_name)))
    run(
        connection,
        "INSERT INTO partition (day, table_name, first_seq, last_seq, row_count, byte_count) VALUES (?, ?, ?, ?, ?, ?)",
        *new,
    )
    return (*closed, new)


def prune(connection: Connection, to_seq: int) -> tuple[Partition, ...]:
    """Let go of the partitions that hold nothing behind `to_seq`; never the one being written to. Returns which.

    Their agents need a horizon (horizon.py) before. What is let go takes its room until it is cleared.
    """
    known = partitions(connection)
    dropped = tuple(one for one in known[:-1] if one.last_seq is not None and one.last_seq <= to_seq)
    for one in dropped:
        run(connection, "DELETE FROM partition WHERE day = ?", one.day)
    if dropped:
        keep_fact(connection, "pruned_to_seq", str(dropped[-1].last_seq))
    return dropped


def clear(connection: Connection, rows: int) -> bool:
    """Empty what was let go, at most `rows` of it; False: there is nothing more to do.

    SQLite keeps the pages of a file that are free and writes to them next, also where the disk is full. A server drops
    a table at once, however large; while somebody reads it, that is tried again later.
    """
    named = {one.table_name for one in partitions(connection)}
    left = [name for name in inspect(connection).get_table_names() if TABLE.fullmatch(name) and name not in named]
    if not left:
        return False
    name = left[0]
    if connection.dialect.name == "postgresql":
        postgres.hurry(connection)
        row = None
    else:
        row = run(connection, f"SELECT seq FROM {name} ORDER BY seq LIMIT 1 OFFSET ?", rows).first()
    if row is None:
        connection.execute(DropTable(schema.evidence(name)))
    else:
        run(connection, f"DELETE FROM {name} WHERE seq < ?", row[0])
    return True


def after(connection: Connection, known: Sequence[Partition], seq: int, limit: int = CHUNK) -> list[EvidenceRow]:
    """The next at most `limit` rows behind `seq`, in the order of seq, across partitions."""
    found: list[EvidenceRow] = []
    for one in known:
        if len(found) < limit and (one.last_seq is None or one.last_seq > seq):
            rows = run(
                connection,
                f"SELECT {COLUMNS} FROM {one.table_name} WHERE seq > ? ORDER BY seq LIMIT ?",
                seq,
                limit - len(found),
            )
            found.extend(_read(rows))
    return found


def bodies(connection: Connection, known: Sequence[Partition], numbers: Iterable[int]) -> dict[int, bytes]:
    """The bodies of the rows with these seqs, as far as they are still there."""
    found: dict[int, bytes] = {}
    for place, part in groupby(
        sorted(numbers), key=lambda seq: bisect_right(known, seq, key=lambda one: one.first_seq)
    ):
        if place:
            table = known[place - 1].table_name
            for few in chunks(part):
                asked = f"SELECT seq, body FROM {table} WHERE seq IN ({marks(len(few))})"
                found.update(look(connection, asked, *few))
    return found


def chain(
    connection: Connection,
    known: Sequence[Partition],
    head_seq: int,
    down_to_seq: int,
    where: str,
    chunk: int = CHUNK,
) -> Iterator[EvidenceRow]:
    """An agent's rows from `head_seq` down to `down_to_seq` (included), newest first; read `chunk` at a time."""
    seq: int | None = head_seq
    while seq is not None and seq >= down_to_seq:
        home = _home(known, seq)
        if home is None:
            return
        rows = _links(connection, home, seq, down_to_seq, chunk)
        if not rows:
            raise StoreError(
                what=f"evidence {seq} is missing from {home.table_name}",
                where=where,
                do="keep the file and restore a backup",
                cause="damaged",
            )
        yield from rows
        seq = rows[-1].prev_seq


def _home(known: Sequence[Partition], seq: int) -> Partition | None:
    place = bisect_right(known, seq, key=lambda one: one.first_seq) - 1
    return known[place] if place >= 0 else None


def _links(connection: Connection, home: Partition, seq: int, down_to: int, chunk: int) -> list[EvidenceRow]:
    """At most `chunk` links of a chain in one table, newest first. CROSS JOIN: first the link, then what it names."""
    names = ", ".join(f"older.{name}" for name in COLUMNS.split(", "))
    rows = run(
        connection,
        f"WITH RECURSIVE link ({COLUMNS}, depth) AS ("
        f"SELECT {COLUMNS}, 1 FROM {home.table_name} WHERE seq = ? "
        f"UNION ALL SELECT {names}, link.depth + 1 FROM link CROSS JOIN {home.table_name} older "
        f"WHERE older.seq = link.prev_seq AND older.seq >= ? AND link.depth < {chunk}) "
        f"SELECT {COLUMNS} FROM link",
        seq,
        down_to,
    )
    return sorted(_read(rows), key=lambda row: -row.seq)


class Link(NamedTuple):
    """A row without its body; `size` is that of the body in bytes, `table` where it stands."""

    seq: int
    prev_seq: int | None
    agent_no: int
    kind: str
    stream: str
    received_ms: int
    size: int
    table: str


def links(connection: Connection, known: Sequence[Partition], head_seq: int, limit: int) -> list[Link]:
    """An agent's rows from `head_seq` down to the first of kind `runs` (included), newest first, `limit` at most."""
    columns = "seq, prev_seq, agent_no, kind, stream, received_ms"
    older = ", ".join(f"older.{name}" for name in columns.split(", "))
    found: list[Link] = []
    seq: int | None = head_seq
    while seq is not None and len(found) < limit:
        home = _home(known, seq)
        if home is None:
            break
        rows = look(
            connection,
            f"WITH RECURSIVE link ({columns}, size, depth) AS ("
            f"SELECT {columns}, length(body), 1 FROM {home.table_name} WHERE seq = ? "
            f"UNION ALL SELECT {older}, length(older.body), link.depth + 1 FROM link "
            f"CROSS JOIN {home.table_name} older "
            f"WHERE older.seq = link.prev_seq AND link.kind <> '{RUNS}' AND link.depth < ?) "
            f"SELECT {columns}, size FROM link",
            seq,
            limit - len(found),
        )
        found += [Link._make((*row, home.table_name)) for row in sorted(rows, reverse=True)]
        if not rows or found[-1].kind == RUNS:
            break
        seq = found[-1].prev_seq
    return found


class Merge(NamedTuple):
    """Rows that follow one another in an agent's chain, oldest first, and the one that they become."""

    rows: Sequence[EvidenceRow]
    into: EvidenceRow


def merge(connection: Connection, known: Sequence[Partition], merges: Sequence[Merge], where: str) -> None:
    """Let rows of one partition each become one; what is in them was read in the same process, which alone writes."""
    for one in merges:
        into, home = one.into, _home(known, one.into.seq)
        numbers = [row.seq for row in one.rows[:-1]]
        changed = 0
        if home is not None and into.seq == one.rows[-1].seq and all(seq >= home.first_seq for seq in numbers):
            for few in chunks(numbers):
                gone = run(connection, f"DELETE FROM {home.table_name} WHERE seq IN ({marks(len(few))})", *few)
                changed += gone.rowcount
            changed += run(
                connection,
                f"UPDATE {home.table_name} SET prev_seq = ?, kind = ?, first_n = ?, last_n = ?, taken = NULL, body = ? "
                "WHERE seq = ? AND agent_no = ?",
                into.prev_seq,
                into.kind,
                into.first_n,
                into.last_n,
                into.body,
                into.seq,
                into.agent_no,
            ).rowcount
        if home is None or changed != len(one.rows):
            raise StoreError(
                what=f"of {len(one.rows)} rows of evidence of agent {into.agent_no} up to {into.seq}, "
                f"which were to become one, {changed} were there",
                where=where,
                do="keep the file and restore a backup",
                cause="damaged",
            )
        run(
            connection,
            "UPDATE partition SET row_count = row_count - ?, byte_count = byte_count - ? WHERE day = ?",
            len(numbers),
            sum(len(row.body) for row in one.rows) - len(into.body),
            home.day,
        )


def head_of(connection: Connection, known: Sequence[Partition], agent_no: int, before_seq: int | None = None) -> int:
    """The newest row of an agent's chain, or the one just before `before_seq` if that is the agent's; 0: it has none.

    The engine's memory on disk may lag behind, therefore all rows since are looked through.
    """
    home = None if before_seq is None else _home(known, before_seq - 1)
    if home is not None and before_seq is not None:
        there = run(connection, f"SELECT agent_no FROM {home.table_name} WHERE seq = ?", before_seq - 1).scalar()
        if there == agent_no:
            return before_seq - 1
    swept = int(run(connection, "SELECT head_seq FROM unit WHERE agent_no = ?", agent_no).scalar() or 0)
    for one in reversed(known):
        if one.last_seq is not None and one.last_seq <= swept:
            break
        newer = f"SELECT max(seq) FROM {one.table_name} WHERE seq > ? AND agent_no = ?"
        found = run(connection, newer, swept, agent_no).scalar()
        if found is not None:
            return int(found)
    return swept


def _read(rows: Iterable[Row[*tuple[Any, ...]]]) -> list[EvidenceRow]:
    kept = (EvidenceRow(*row) for row in rows)
    return [row if row.taken is None else row._replace(taken=taken_from(str(row.taken))) for row in kept]


def taken_from(text: str) -> tuple[Range, ...]:
    """`taken` as it is stored, as ranges."""
    return tuple((first, last) for first, last in json.loads(text))
