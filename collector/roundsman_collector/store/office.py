"""The door for what people keep: users and sessions, tokens, the register, ways of being told, rounds, the audit log.

    office = Office.open("/var/lib/roundsman/roundsman.sqlite3")        beside the engine, from any process
    with office.change("adding a customer") as change: ...              one short transaction, audited by who made it

The engine's tables are the engine's (door.py); what the engine has to know or to do is asked of it by a command
(reads.View.ask). Everything here is written in short transactions beside it. A change and its audit row are stored
together or not at all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from roundsman_collector.store.connect import Place, connector, place, transaction


class Office:
    """The door for what people keep. Make it with Office.open(); many threads may use it."""

    def __init__(self, where: Place) -> None:
        self._place = where
        self._write = connector(where, writes=True)

    @classmethod
    def open(cls, where: str | Path) -> "Office":
        """Open a database that a collector has made (View.open says whether it is one)."""
        return cls(place(where))

    def close(self) -> None:
        """Let go of the database."""
        self._write.dispose()

    def __enter__(self) -> "Office":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _change(self, doing: str) -> Iterator[Connection]:
        with transaction(self._write, doing, self._place) as connection:
            yield connection

    # --- people: people.py -------------------------------------------------------------------------------------------

    # --- the register: entries.py ------------------------------------------------------------------------------------

    # --- ways of being told, and the outbox: notices.py --------------------------------------------------------------

    # --- rounds and errands: rounds.py -------------------------------------------------------------------------------
