"""What can go wrong with the database, in words for the person who must see to it.

`StoreError.cause` is one word for code and counters; `again` says whether the same call may succeed later without
anybody changing the data: then the caller waits and repeats it as it is, instead of looking for the bad part.
"""

from typing import NamedTuple


class Told(NamedTuple):
    """A driver's error in plain words: cause, again as in StoreError."""

    cause: str
    what: str
    do: str
    again: bool


class StoreError(Exception):
    """The database did not do what was asked of it; nothing of the failed transaction was stored."""

    def __init__(self, *, what: str, where: str, do: str, cause: str, again: bool = False) -> None:
        super().__init__(f"{what} ({where}): {do}")
        self.what = what
        self.where = where
        self.do = do
        self.cause = cause
        """full, locked, read_only, cannot_open, io, damaged, newer, older, missing, conflict, superseded, doubt,
        other."""
        self.again = again


def conflict(what: str, where: str, do: str) -> StoreError:
    """Data that contradicts what is stored: a mistake of the caller, never repaired by trying again."""
    return StoreError(what=what, where=where, do=do, cause="conflict")
