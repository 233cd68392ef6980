"""What is new since somebody looked last: read once a second for all pages that are open (web/live.py).

    marks = heard.marks(connection)
    heard.since(connection, marks, {"kiosk-7"})   Heard(marks, subjects={"nvr-2"}, tickets={"2026-000007": "nvr-2"}, …)

Only the ends of tables are read, by their keys: this costs the same with ten devices and with a million.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store import sql
from roundsman_collector.store.sql import chunks, run

LIMIT = 5000
"""How many new rows of one table are looked through at once; the rest comes next time."""


class Marks(NamedTuple):
    """How far each table was read."""

    interval: int
    condition: int
    ticket_event: int
    round: int
    quarantine: int
    inbox_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What is new. `subjects`: devices, and `@` agents, whose ledger or faults changed; `tickets`: subjects by number.

    `received`: when the devices that were asked for were heard of last.
    """

    marks: Marks
    subjects: frozenset[str]
    tickets: dict[str, str]
    has_inbox: bool
    has_quarantine: bool
    has_round: bool
    received: dict[str, int]


ENDS = (
    "SELECT (SELECT COALESCE(max(id), 0) FROM interval), (SELECT COALESCE(max(id), 0) FROM condition), "
    "(SELECT COALESCE(max(id), 0) FROM ticket_event), (SELECT COALESCE(max(id), 0) FROM round), "
    "(SELECT COALESCE(max(id), 0) FROM quarantine), (SELECT COALESCE(max(last_ms), 0) FROM inbox)"
)


def marks(connection: Connection) -> Marks:
    """Where the tables end now."""
    return Marks(*run(connection, ENDS).one())


def since(connection: Connection, before: Marks, devices: Collection[str]) -> Heard:
    """What came after `before`, and when `devices` were heard of last."""
    ends = marks(connection)
    intervals = _new(connection, "SELECT id, device FROM interval", before.interval)
    conditions = _new(connection, "SELECT id, subject FROM condition", before.condition)
    events = _new(
        connection,
        "SELECT ticket_event.id, ticket.number, ticket.subject FROM ticket_event "
        "JOIN ticket ON ticket.id = ticket_event.ticket_id",
        before.ticket_event,
        "ticket_event.id",
    )
    return Heard(
        marks=ends._replace(
            interval=_end(intervals, ends.interval),
            condition=_end(conditions, ends.condition),
            ticket_event=_end(events, ends.ticket_event),
        ),
        subjects=frozenset(row[1] for row in [*intervals, *conditions]),
        tickets={row[1]: row[2] for row in events},
        has_inbox=ends.inbox_ms != before.inbox_ms,
        has_quarantine=ends.quarantine != before.quarantine,
        has_round=ends.round != before.round,
        received=_received(connection, devices),
    )


def _new(connection: Connection, select: str, after: int, key: str = "id") -> Sequence[Sequence[Any]]:
    return run(connection, f"{select} WHERE {key} > ? ORDER BY {key} LIMIT ?", after, LIMIT).all()


def _end(rows: Sequence[Sequence[Any]], end: int) -> int:
    """How far a table was read: to its end, unless there was too much."""
    return int(rows[-1][0]) if len(rows) == LIMIT else end


def _received(connection: Connection, devices: Collection[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in chunks(sorted(devices)):
        asked = f"SELECT device, received_ms FROM device_now WHERE device IN ({sql.marks(len(part))})"
        found.update((row[0], row[1]) for row in run(connection, asked, *part))
    return found
