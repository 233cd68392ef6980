"""What every subject of a View reads with: a connection and a snapshot for one question."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from roundsman_collector.store.connect import Place, connector, transaction


class Reading:
    """A database that is read."""

    def __init__(self, where: Place) -> None:
        self._place = where
        self._read = connector(where, writes=False)

    @contextmanager
    def _reading(self, what: str) -> Iterator[Connection]:
        """A snapshot for one question; `what` stands in the words of what goes wrong."""
        with transaction(self._read, f"reading {what}", self._place) as connection:
            yield connection
