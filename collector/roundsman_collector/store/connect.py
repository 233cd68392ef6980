"""From what stands in the configuration to connections: a path, or a database URL.

/var/lib/roundsman/roundsman.sqlite3      SQLite, the default
postgresql+psycopg://...                  PostgreSQL
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from roundsman_collector.store import sqlite
from roundsman_collector.store.errors import StoreError, explained

# SQLAlchemy's drivers and the marks they use for values: see sql.py.
MARKS = {"sqlite": "qmark", "postgresql": "format"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database is. `path` is None for a server's."""

    url: URL
    path: Path | None

    def __str__(self) -> str:
        return str(self.path) if self.path else self.url.render_as_string(hide_password=True)


def place(where: str | Path) -> Place:
    """Understand a path or URL."""
    text = str(where)
    if "://" not in text:
        path = Path(text).absolute()
        return Place(URL.create("sqlite", database=str(path)), path)
    try:
        url = make_url(text)
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError) as error:
        raise _not_understood(text.partition("@")[2] or text) from error
    if url.get_backend_name() not in MARKS:
        raise _not_understood(url.render_as_string(hide_password=True))
    if url.get_backend_name() != "sqlite":
        return Place(url, None)
    if url.database in (None, "", ":memory:"):
        raise _not_understood(text)
    return place(Path(str(url.database)))


def _not_understood(shown: str) -> StoreError:
    return StoreError(
        what="this names no database",
        where=shown,
        do="write the path of a SQLite file, or postgresql+psycopg://user@host/name",
        cause="cannot_open",
    )


def connector(where: Place, *, writes: bool) -> Engine:
    """What makes connections to a database: ones that write, or ones that cannot."""
    marks = MARKS[where.url.get_backend_name()]
    try:
        if where.path:
            engine = create_engine(where.url, paramstyle=marks, pool_size=5, max_overflow=35)
            sqlite.prepare(engine, writes=writes)
        else:
            engine = create_engine(
                where.url, paramstyle=marks, isolation_level="READ COMMITTED" if writes else "REPEATABLE READ"
            )
    except ModuleNotFoundError as error:
        raise StoreError(
            what=f"the driver {error.name} is not installed",
            where=str(where),
            do=f"install {error.name}",
            cause="cannot_open",
        ) from error
    return engine


@contextmanager
def transaction(engine: Engine, doing: str, where: Place) -> Iterator[Connection]:
    """A connection in a transaction of its own; whatever goes wrong is rolled back and explained."""
    with explained(doing, str(where)), engine.begin() as connection:
        yield connection
