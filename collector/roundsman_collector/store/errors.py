"""What can go wrong with the database, in words for the person who must see to it.

`StoreError.cause` is one word for code and counters; `again` says whether the same call may succeed later without
anybody changing the data: then the caller waits and repeats it as it is, instead of looking for the bad part.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from roundsman_collector.store import sqlite


class StoreError(Exception):
    """The database did not do what was asked of it; nothing of the failed transaction was stored."""

    def __init__(self, *, what: str, where: str, do: str, cause: str, again: bool = False) -> None:
        super().__init__(f"{what} ({where}): {do}")
        self.what = what
        self.where = where
        self.do = do
        self.cause = cause
        """full, locked, read_only, cannot_open, io, damaged, newer, older, missing, conflict, other."""
        self.again = again


def conflict(what: str, where: str, do: str) -> StoreError:
    """Data that contradicts what is stored: a mistake of the caller, never repaired by trying again."""
    return StoreError(what=what, where=where, do=do, cause="conflict")


@contextmanager
def explained(doing: str, where: str) -> Iterator[None]:
    """Turn what the driver raises while `doing` into a StoreError about the database at `where`."""
    try:
        yield
    except DBAPIError as error:
        told = sqlite.explain(error.orig)
        raise StoreError(
            what=f"{told.what} while {doing}: {error.orig}", where=where, do=told.do, cause=told.cause, again=told.again
        ) from error
    except PoolTimeout as error:
        raise StoreError(
            what=f"all connections are in use while {doing}",
            where=where,
            do="ask less at a time, or wait",
            cause="locked",
            again=True,
        ) from error
