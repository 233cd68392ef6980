"""From what stands in the configuration to connections: a path, or a database URL.

/var/lib/roundsman/roundsman.sqlite3      SQLite, the default
postgresql://user@host/name               PostgreSQL: postgres.py says what else may stand in it

    with transaction(connector(at, writes=True), "adding a customer", at) as connection: ...      all of it or nothing
    hold = claim(at); connector(at, writes=True, hold=hold)                                        the engine's own
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection, Engine, RootTransaction, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from roundsman_collector.store import postgres, sqlite
from roundsman_collector.store.errors import StoreError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database is, and how that is said. `path` is None for a server's."""

    url: URL
    path: Path | None
    shown: str

    def __str__(self) -> str:
        return self.shown


class Hold(Protocol):
    """The hold of the one collector on its database."""

    def begin(self, connection: Connection) -> None:
        """The database is open: whoever comes back later finds who was here."""

    def close(self) -> None:
        """Let go."""


def place(where: str | Path) -> Place:
    """Understand a path or URL."""
    text = str(where)
    if "://" not in text:
        path = Path(text).absolute()
        return Place(URL.create("sqlite", database=str(path)), path, str(path))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise _not_understood(text.rpartition("@")[2]) from error
    if url.drivername == "postgresql":
        found = postgres.understood(url)
        return Place(found, None, postgres.shown(found))
    if url.drivername != "sqlite" or url.database in (None, "", ":memory:"):
        raise _not_understood(url.render_as_string(hide_password=True))
    return place(Path(str(url.database)))


def _not_understood(shown: str) -> StoreError:
    return StoreError(
        what="this names no database",
        where=shown,
        do="write the path of a SQLite file, or postgresql://user@host/name",
        cause="cannot_open",
    )


def claim(at: Place) -> Hold:
    """Become the only collector of a database: at once for a file, with the first connection for a server's."""
    return sqlite.Held(at.path) if at.path else postgres.Reign(str(at))


def is_collected(where: str | Path) -> bool:
    """Whether a collector has the database at a path or URL open for writing; False where that cannot be seen."""
    at = place(where)
    if at.path:
        return sqlite.is_held(at.path)
    engine = connector(at, writes=False)
    try:
        with transaction(engine, "looking for a collector", at) as connection:
            return postgres.is_held(connection)
    except StoreError:
        return False
    finally:
        engine.dispose()


def connector(where: Place, *, writes: bool, hold: Hold | None = None) -> Engine:
    """What makes connections to a database: ones that write, or ones that cannot. With a hold: the one collector's."""
    if where.path:
        return sqlite.create_engine(where.url, writes=writes)
    return postgres.create_engine(where.url, writes=writes, reign=hold if isinstance(hold, postgres.Reign) else None)


@contextmanager
def transaction(engine: Engine, doing: str, where: Place) -> Iterator[Connection]:
    """A connection in a transaction of its own; whatever goes wrong is rolled back and explained."""
    with explained(doing, str(where)), engine.connect() as connection:
        begun = connection.begin()
        named = connection.info.get(postgres.TRANSACTION)
        try:
            yield connection
        except BaseException:
            begun.rollback()
            raise
        _commit(begun, engine, named, where)


def _commit(begun: RootTransaction, engine: Engine, named: str | None, where: Place) -> None:
    """Store it. When the line breaks meanwhile, the server is asked what became of it."""
    try:
        begun.commit()
    except DBAPIError as error:
        if not error.connection_invalidated or named is None or not postgres.was_stored(engine, named, str(where)):
            raise


@contextmanager
def explained(doing: str, where: str) -> Iterator[None]:
    """Turn what the driver raises while `doing` into a StoreError about the database at `where`."""
    try:
        yield
    except DBAPIError as error:
        is_postgres = type(error.orig).__module__.startswith("pg8000")
        told, said = postgres.explain(error.orig) if is_postgres else (sqlite.explain(error.orig), str(error.orig))
        raise StoreError(
            what=f"{told.what} while {doing}: {said}", where=where, do=told.do, cause=told.cause, again=told.again
        ) from error
    except PoolTimeout as error:
        raise StoreError(
            what=f"all connections are in use while {doing}",
            where=where,
            do="ask less at a time, or wait",
            cause="locked",
            again=True,
        ) from error
