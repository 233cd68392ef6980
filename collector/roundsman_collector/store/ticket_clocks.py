"""How the clocks of tickets stood when they were looked at last: for lists and figures. The truth is their logs.

keep(connection, [ClocksTold(ticket=7, wake_at_ms=..., clocks=(...))], now_ms)
of(connection, [7, 8]) -> {7: [ClockRow, ...]}
put_off(connection, limit=20) -> [PutOff(number, since_ms, tries, error, again_ms)]     whose clocks cannot be read
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store.sql import chunks, clean, many, marks, run

ERROR_LIMIT = 300


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
    """How a ticket's clocks stand, and when it is to be looked at next (None: not before something happens to it).

    `error`: why they could not be read; empty: they were.
    """

    ticket: int
    wake_at_ms: int | None
    clocks: Sequence[ClockRow] = ()
    error: str = ""


class PutOff(NamedTuple):
    """A ticket whose clocks cannot be read: what stands in the way, since when, and when it is tried again."""

    number: str
    since_ms: int
    tries: int
    error: str
    again_ms: int | None


COLUMNS = "clock, state, start_ms, due_ms, promised_ms, ended_ms, elapsed_ms, is_breached"


def keep(connection: Connection, told: Sequence[ClocksTold], now_ms: int) -> None:
    """Write how clocks stand now."""
    if not told:
        return
    many(connection, "UPDATE ticket SET wake_at_ms = ? WHERE id = ?", [(one.wake_at_ms, one.ticket) for one in told])
    many(
        connection,
        f"INSERT INTO ticket_clock (ticket_id, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (ticket_id, clock) DO UPDATE SET state = excluded.state, start_ms = excluded.start_ms, "
        "due_ms = excluded.due_ms, promised_ms = excluded.promised_ms, ended_ms = excluded.ended_ms, "
        "elapsed_ms = excluded.elapsed_ms, is_breached = excluded.is_breached",
        [(one.ticket, *clock) for one in told for clock in one.clocks],
    )
    _put_off(connection, [one for one in told if one.error], now_ms)
    known = set(run(connection, "SELECT ticket_id FROM ticket_put_off").scalars())
    well = [(one.ticket,) for one in told if not one.error and one.ticket in known]
    many(connection, "DELETE FROM ticket_put_off WHERE ticket_id = ?", well)


def _put_off(connection: Connection, told: Sequence[ClocksTold], now_ms: int) -> None:
    many(
        connection,
        "INSERT INTO ticket_put_off (ticket_id, since_ms, tries, error) VALUES (?, ?, 1, ?) ON CONFLICT (ticket_id) "
        "DO UPDATE SET tries = ticket_put_off.tries + 1, error = excluded.error",
        [(one.ticket, now_ms, clean(one.error, ERROR_LIMIT)) for one in told],
    )


def put_off(connection: Connection, limit: int) -> list[PutOff]:
    """Tickets whose clocks cannot be read, those first for which it is longest so."""
    sql = (
        "SELECT ticket.number, since_ms, tries, error, ticket.wake_at_ms FROM ticket_put_off "
        "JOIN ticket ON ticket.id = ticket_put_off.ticket_id ORDER BY since_ms, ticket_id LIMIT ?"
    )
    return [PutOff(*row) for row in run(connection, sql, limit)]


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
