"""How much there is of what: counts for those who watch the collector, each found by an index or a small table.

    tallies(connection, place) -> Tallies

Unlike reads.Status nothing here walks through the ledger: it may be asked every few seconds, whatever the size.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from roundsman_collector.store import evidence, quarantine, schema
from roundsman_collector.store.connect import Place
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.quarantine import CounterRow
from roundsman_collector.store.sql import run
from roundsman_collector.store.tickets import TO_DO

LAST_ROW = "SELECT received_ms FROM {table} ORDER BY seq DESC LIMIT 1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tallies:
    """`evidence_*` is what is kept now, `last_seq` what was ever written; times are None where there is none."""

    schema: str
    agents: int
    tickets: Mapping[tuple[str, str], int]
    """How many are not over, by severity and state."""
    tickets_put_off: int
    """Of how many the clocks cannot be read."""
    evidence_rows: int
    evidence_bytes: int
    last_seq: int
    last_report_ms: int | None
    settling_agents: int
    settling_since_ms: int | None
    commands_waiting: int
    inbox: int
    quarantine: int
    notices: Mapping[str, int]
    """How many are in the outbox, by state."""
    notices_waiting_since_ms: int | None
    counters: tuple[CounterRow, ...]
    database_bytes: int
    disk_free_bytes: int | None
    """Of the disk that holds the database; None where a server keeps it."""


WAITING_SINCE = "SELECT min(COALESCE(due_ms, made_ms)) FROM notice WHERE state = 'new'"
"""What is held is not late: it waits since it might be told."""


def tallies(connection: Connection, place: Place, database_bytes: int) -> Tallies:
    """Count; `database_bytes` is handed through."""
    known = evidence.partitions(connection)
    dirty = run(connection, "SELECT count(*), min(dirty_since_ms) FROM unit WHERE dirty_since_ms IS NOT NULL").one()
    open_tickets = run(
        connection,
        f"SELECT severity, state, count(*) FROM ticket WHERE {TO_DO} GROUP BY severity, state",
    )
    notices = run(connection, "SELECT state, count(*) FROM notice GROUP BY state")
    return Tallies(
        schema=schema.REVISION,
        agents=_count(connection, "agent WHERE removed_ms IS NULL"),
        tickets={(severity, state): count for severity, state, count in open_tickets},
        tickets_put_off=_count(connection, "ticket_put_off"),
        evidence_rows=sum(one.row_count for one in known),
        evidence_bytes=sum(one.byte_count for one in known),
        last_seq=evidence.last_seq(connection, known),
        last_report_ms=_last_report(connection, [one.table_name for one in known]),
        settling_agents=dirty[0],
        settling_since_ms=dirty[1],
        commands_waiting=_count(connection, "command WHERE state = 'new'"),
        inbox=_count(connection, "inbox"),
        quarantine=_count(connection, "quarantine"),
        notices={str(state): count for state, count in notices},
        notices_waiting_since_ms=run(connection, WAITING_SINCE).scalar(),
        counters=tuple(quarantine.counters(connection)),
        database_bytes=database_bytes,
        disk_free_bytes=_disk_free(place),
    )


def _count(connection: Connection, what: str) -> int:
    return int(run(connection, f"SELECT count(*) FROM {what}").scalar_one())


def _last_report(connection: Connection, tables: list[str]) -> int | None:
    """When the newest row of evidence was received; the newest days may have none yet."""
    for table in reversed(tables):
        found = run(connection, LAST_ROW.format(table=table)).scalar()
        if found is not None:
            return int(found)
    return None


def _disk_free(place: Place) -> int | None:
    if place.path is None:
        return None
    try:
        return shutil.disk_usage(place.path.parent).free
    except OSError as error:
        raise StoreError(
            what=f"it cannot be told how much room there is: {error.strerror}",
            where=str(place.path.parent),
            do="check that the folder is there and its disk is mounted",
            cause="io",
            again=True,
        ) from error
