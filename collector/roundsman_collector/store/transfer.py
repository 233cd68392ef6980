"""All rows of a database on a server into a SQLite file, and back: a backup is the same file, whatever kept the truth.

    out(connection, path, progress)          a file with everything, as it was at one moment
    back(connection, path, progress)         everything in such a file, into the tables of a server that hold nothing

So a backup that was made of SQLite can be put back into PostgreSQL, and the other way round: that is how a collector
moves from one to the other. The schema of both sides is this program's: whoever calls has seen to that.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Connection, Table
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.schema import CreateTable

from roundsman_collector.store import evidence, migrate, postgres, schema
from roundsman_collector.store.connect import connector, place, transaction
from roundsman_collector.store.sql import insert, look, run

ROWS = 2000
"""How many rows are on their way at once."""
FEW_ROWS = {"file_piece": 40}
"""Of tables whose rows are large: 10 MB at once."""
Progress = Callable[[int, int], None]
"""Tables done, tables in all."""


def tables(connection: Connection) -> list[Table]:
    """All tables in an order in which rows may be put into them: those first that others point to."""
    known = evidence.partitions(connection)
    return [*schema.metadata.sorted_tables, *(schema.evidence(one.table_name) for one in known)]


# --- out -------------------------------------------------------------------------------------------------------------


def out(connection: Connection, path: Path, progress: Progress) -> None:
    """Write everything that the connection's transaction sees into a new file at `path`."""
    at = place(path)
    engine = connector(at, writes=True)
    try:
        with transaction(engine, "making the copy", at) as made:
            migrate.upgrade(made, str(at))
    finally:
        engine.dispose()
    found = tables(connection)
    with closing(sqlite3.connect(path, isolation_level=None)) as write:
        # One file, without a log beside it; nobody reads it before it is whole.
        for pragma in ("journal_mode = DELETE", "synchronous = OFF", "foreign_keys = OFF", "cache_size = -65536"):
            write.execute(f"PRAGMA {pragma}").fetchall()
        write.execute("BEGIN")
        for place_in_line, table in enumerate(found):
            progress(place_in_line, len(found))
            if evidence.TABLE.fullmatch(table.name):
                write.execute(str(CreateTable(table).compile(dialect=sqlite_dialect.dialect())))
            write.execute(f"DELETE FROM {table.name}")
            for rows in _read(connection, table):
                write.executemany(insert(table), rows)
        write.execute("COMMIT")
    progress(len(found), len(found))


def _read(connection: Connection, table: Table) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a server's table, some at a time: it may be larger than our memory."""
    names = ", ".join(column.name for column in table.columns)
    keys = ", ".join(column.name for column in table.primary_key.columns)
    run(connection, f"DECLARE going_out NO SCROLL CURSOR FOR SELECT {names} FROM {table.name} ORDER BY {keys}")
    while rows := look(connection, f"FETCH {FEW_ROWS.get(table.name, ROWS)} FROM going_out"):
        yield rows
    run(connection, "CLOSE going_out")


# --- back ------------------------------------------------------------------------------------------------------------


def back(connection: Connection, path: Path, progress: Progress) -> None:
    """Put everything in the file at `path` into a server's tables; what stood in them before is forgotten."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as read:
        days = [schema.evidence(str(row[0])) for row in read.execute("SELECT table_name FROM partition")]
        for table in days:
            connection.execute(CreateTable(table))
        found = [*schema.metadata.sorted_tables, *days]
        for table in reversed(schema.metadata.sorted_tables):
            run(connection, f"DELETE FROM {table.name}")
        for place_in_line, table in enumerate(found):
            progress(place_in_line, len(found))
            _copy_in(connection, table, read)
            _number_on(connection, table)
        run(connection, "ANALYZE")
    progress(len(found), len(found))


def _copy_in(connection: Connection, table: Table, read: sqlite3.Connection) -> None:
    """One statement for a whole table: rows may point to each other."""
    names = ", ".join(column.name for column in table.columns)
    flags = [place for place, column in enumerate(table.columns) if isinstance(column.type, Boolean)]
    rows = read.execute(f"SELECT {names} FROM {table.name}")
    postgres.copy_in(connection, table, (_kept(row, flags) for row in rows))


def _kept(row: Sequence[object], flags: Sequence[int]) -> list[object]:
    """As a server takes it: truth as truth, and no NUL in a text."""
    kept = [value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value for value in row]
    for at in flags:
        kept[at] = bool(kept[at])
    return kept


def _number_on(connection: Connection, table: Table) -> None:
    """The next row that gets its number from the server gets one behind all that are there."""
    key = table.autoincrement_column
    if key is None:
        return
    largest = f"(SELECT COALESCE(max({key.name}), 0) + 1 FROM {table.name})"
    run(connection, f"SELECT setval(pg_get_serial_sequence('{table.name}', '{key.name}'), {largest}, false)")
