"""Plain SQL on a connection: the same text for SQLite and PostgreSQL, written with `?`.

    run(connection, "SELECT body FROM unit WHERE agent_no = ?", 7)
    look(connection, "SELECT body FROM unit WHERE agent_no = ?", 7)      the same for thousands of small looks
    many(connection, insert(unit), rows)         one statement, many rows as tuples: what the hot path is made of
    add(connection, table, rows)                 whole rows of a table: evidence

Only what both databases understand is written. A statement holds no other question mark but in quotes, and:

    a sum is a decimal there     CAST(SUM(x) AS BIGINT)
    truth is no number there     WHERE flapping, NOT coarse, values True and False; never = 1. Read with bool(...)
    LIKE tells a from A there    lower(...) on both sides; letters beyond ASCII are folded by neither
    NULL comes last there        no ORDER BY a column that may be NULL, or COALESCE it
    what is grouped by           stands in GROUP BY, all of it; what is ordered by stands in a SELECT DISTINCT
    a row's number               is asked for by RETURNING id, and may leave gaps; nothing counts on the next one
    max, min of two values       CASE WHEN; upserts by ON CONFLICT; no rowid, IFNULL, GLOB, strftime, json functions
    a value without a type       SELECT CAST(? AS BIGINT): the server must know what it compares or returns
    a NUL in a text              is refused there: what strangers say goes through clean() or json_text()
    a statement that fails       spoils its transaction there: nothing is caught inside of one and gone on with
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from pydantic_core import PydanticSerializationError, to_json
from sqlalchemy import Connection, CursorResult, Table
from sqlalchemy.exc import DBAPIError

from roundsman_collector.store import postgres

T = TypeVar("T")
CHUNK = 500
"""How many values go into one IN (...): both databases allow more, but nothing is gained."""


def run(connection: Connection, sql: str, *values: object) -> CursorResult[*tuple[Any, ...]]:
    """Run one statement."""
    return connection.exec_driver_sql(sql, values)


def look(connection: Connection, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows of a SELECT, fetched past SQLAlchemy's result: a tenth of the cost where a batch looks row by row."""
    driver = connection.dialect.loaded_dbapi
    try:
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())
    except driver.Error as error:
        raise DBAPIError.instance(sql, values, error, driver.Error) from error


def many(connection: Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement once per row; no rows, nothing happens."""
    if rows:
        connection.exec_driver_sql(sql, rows)


def add(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add whole rows, all columns in the order of the schema: the quickest way there is."""
    if connection.dialect.name == "postgresql":
        postgres.copy_in(connection, table, rows)
    else:
        many(connection, insert(table), rows)


def keep_fact(connection: Connection, key: str, value: str) -> None:
    """Write down one of the database's own facts (the table `meta`)."""
    run(
        connection,
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        key,
        value,
    )


@cache
def insert(table: Table, skip: tuple[str, ...] = ()) -> str:
    """INSERT of all columns but `skip`, in the order of the schema."""
    names = [column.name for column in table.columns if column.name not in skip]
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks(len(names))})"


@cache
def upsert(table: Table) -> str:
    """INSERT of all columns; where the primary key is there already, the row becomes this one."""
    keys = [column.name for column in table.primary_key.columns]
    rest = [column.name for column in table.columns if column.name not in keys]
    sets = ", ".join(f"{name} = excluded.{name}" for name in rest)
    return f"{insert(table)} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}"


def marks(count: int) -> str:
    """`?, ?, ?` for the columns of a row or the values of an IN."""
    return ", ".join("?" * count)


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The values in lists of at most `size`."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part


def json_text(value: object) -> str:
    """JSON for a text column. Half a surrogate pair, which no database takes, is written as an escape."""
    try:
        return to_json(value).decode()
    except PydanticSerializationError:
        return json.dumps(value, separators=(",", ":"))


def clean(text: str, limit: int) -> str:
    """At most `limit` characters of text from strangers, without what a text column refuses."""
    kept = text[:limit].replace("\0", "\N{REPLACEMENT CHARACTER}")
    return kept if _is_text(kept) else kept.encode("utf-8", "replace").decode("utf-8")


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def quoted(names: Iterable[str]) -> str:
    """Words of the program's own as a list in SQL: 'open', 'closed'."""
    return ", ".join(f"'{name}'" for name in names)
