"""How the database is doing, and what is new in it: for status pages and for who asks every second."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from roundsman_collector.store import (
    evidence,
    heard,
    schema,
    sqlite,
    ticket_clocks,
)
from roundsman_collector.store import tickets as ticket_rows
from roundsman_collector.store.evidence import Partition
from roundsman_collector.store.sql import run
from roundsman_collector.store.tallies import Tallies, tallies
from roundsman_collector.store.ticket_clocks import PutOff
from roundsman_collector.store.views.reading import Reading


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """How the database is doing. `oldest_as_of_seq`: where reading again would begin after a restart now."""

    epoch: str
    schema: str
    agents: int
    devices: int
    open_tickets: int
    intervals: int
    evidence_rows: int
    evidence_bytes: int
    database_bytes: int
    partitions: tuple[Partition, ...]
    last_seq: int
    pruned_to_seq: int
    dirty_units: int
    dirty_since_ms: int | None
    oldest_as_of_seq: int | None
    new_commands: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeping:
    """How much evidence there is by day, how many bytes of the file wait to be used again, and when the database was
    last backed up and restored (None: never)."""

    partitions: tuple[Partition, ...]
    spare_bytes: int
    backup_ms: int | None
    restored_ms: int | None


class HealthReads(Reading):
    """How it goes."""

    def marks(self) -> heard.Marks:
        """Where the tables end now: from here on heard() tells what is new."""
        with self._reading("the ends of the tables") as connection:
            return heard.marks(connection)

    def heard(self, before: heard.Marks, devices: Collection[str]) -> heard.Heard:
        """What came after `before`, and when `devices` were heard of last. Cheap: for who asks every second."""
        with self._reading("what is new") as connection:
            return heard.since(connection, before, devices)

    def tallies(self) -> Tallies:
        """How much there is of what: cheap enough to be asked every few seconds."""
        with self._reading("the tallies") as connection:
            return tallies(connection, self._place, self._size(connection))

    def status(self) -> Status:
        """How the database is doing. Counts rows: a matter of seconds in a large one."""
        with self._reading("the status") as connection:
            known = evidence.partitions(connection)
            dirty = run(
                connection, "SELECT count(*), min(dirty_since_ms) FROM unit WHERE dirty_since_ms IS NOT NULL"
            ).one()
            return Status(
                epoch=str(run(connection, "SELECT value FROM meta WHERE key = 'epoch'").scalar_one()),
                schema=schema.REVISION,
                agents=_count(connection, "agent WHERE removed_ms IS NULL"),
                devices=_count(connection, "device"),
                open_tickets=_count(connection, f"ticket WHERE {ticket_rows.TO_DO}"),
                intervals=_count(connection, "interval"),
                evidence_rows=sum(one.row_count for one in known),
                evidence_bytes=sum(one.byte_count for one in known),
                database_bytes=self._size(connection),
                partitions=known,
                last_seq=evidence.last_seq(connection, known),
                pruned_to_seq=evidence.pruned_to(connection),
                dirty_units=dirty[0],
                dirty_since_ms=dirty[1],
                oldest_as_of_seq=_oldest_as_of(connection),
                new_commands=_count(connection, "command WHERE state = 'new'"),
            )

    def put_off(self, limit: int) -> list[PutOff]:
        """Tickets whose clocks cannot be read, those first for which it is longest so."""
        with self._reading("tickets that are put off") as connection:
            return ticket_clocks.put_off(connection, limit)

    def keeping(self) -> Keeping:
        """What is kept and for how long: cheap, whatever the size."""
        with self._reading("what is kept") as connection:
            said = run(connection, "SELECT key, value FROM meta WHERE key IN ('backup_ms', 'restored_ms')")
            facts = {row[0]: int(row[1]) for row in said}
            return Keeping(
                partitions=evidence.partitions(connection),
                spare_bytes=sqlite.spare(connection) if self._place.path else 0,
                backup_ms=facts.get("backup_ms"),
                restored_ms=facts.get("restored_ms"),
            )

    def _size(self, connection: Connection) -> int:
        if self._place.path:
            return sqlite.size(self._place.path)
        return int(run(connection, "SELECT pg_database_size(current_database())").scalar_one())


def _oldest_as_of(connection: Connection) -> int | None:
    oldest = run(connection, "SELECT min(as_of_seq) FROM unit").scalar()
    read_from = run(connection, "SELECT value FROM meta WHERE key = 'read_from_seq'").scalar()
    return oldest if oldest is None or read_from is None else max(int(oldest), int(read_from) - 1)


def _count(connection: Connection, what: str) -> int:
    return int(run(connection, f"SELECT count(*) FROM {what}").scalar_one())
