"""How the clocks of tickets stood when they were looked at last: for lists and figures. The truth is their logs.

keep(connection, [ClocksTold(ticket=7, wake_at_ms=..., clocks=(...))])
of(connection, [7, 8]) -> {7: [ClockRow, ...]}
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store.sql import chunks, many, marks, run


class ClockRow(NamedTuple):
    """A clock: see core/sla.Reading."""

    clock: str
    state: str
    start_ms: int | None
    due_ms: int | None
    promised_ms: int | None
    ended_ms: int | None
    elapsed_ms: int
    is_breached: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ClocksTold:
    """How a ticket's clocks stand, and when it is to be looked at next (None: not before something happens to it)."""

    ticket: int
    wake_at_ms: int | None
    clocks: Sequence[ClockRow] = ()


COLUMNS = "clock, state, start_ms, due_ms, promised_ms, ended_ms, elapsed_ms, is_breached"


def keep(connection: Connection, told: Sequence[ClocksTold]) -> None:
    """Write how clocks stand now."""
    many(connection, "UPDATE ticket SET wake_at_ms = ? WHERE id = ?", [(one.wake_at_ms, one.ticket) for one in told])
    many(
        connection,
        f"INSERT INTO ticket_clock (ticket_id, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (ticket_id, clock) DO UPDATE SET state = excluded.state, start_ms = excluded.start_ms, "
        "due_ms = excluded.due_ms, promised_ms = excluded.promised_ms, ended_ms = excluded.ended_ms, "
        "elapsed_ms = excluded.elapsed_ms, is_breached = excluded.is_breached",
        [(one.ticket, *clock) for one in told for clock in one.clocks],
    )


def of(connection: Connection, tickets: Collection[int]) -> dict[int, list[ClockRow]]:
    """The clocks of these tickets, by ticket."""
    found: dict[int, list[ClockRow]] = {}
    for part in chunks(sorted(tickets)):
        rows = run(
            connection,
            f"SELECT ticket_id, {COLUMNS} FROM ticket_clock WHERE ticket_id IN ({marks(len(part))}) ORDER BY due_ms",
            *part,
        )
        for row in rows:
            found.setdefault(row[0], []).append(ClockRow(*row[1:])._replace(is_breached=bool(row[8])))
    return found
