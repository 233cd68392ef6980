"""What a ticket's cause explains: faults of others without a ticket of their own, or whose ticket was merged into it.

    join(connection, ticket, children, at_ms)      this ticket explains them from now on; their own are merged
    leave(connection, keys, at_ms)                 they are no more: over, or on their own again
    open_rows(connection) · of_ticket(...) · counts(...) · unticketed(connection)

A fault (subject, component, code) is explained by one ticket at a time. Rows stay when it has left, so a ticket tells
for ever what it explained. A thousand children are a handful of statements.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.lifecycle import LIVE, UNSENT
from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.core.waiting import Key
from roundsman_collector.store import conditions, reservations
from roundsman_collector.store.conditions import ConditionRow
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.sql import chunks, json_text, look, many, marks, quoted

MERGEABLE = UNSENT
CHUNK = 2000


class Child(NamedTuple):
    """A fault that a ticket is to explain. `ticket`: its own open one, to be merged. `is_moved`: it is explained
    by another ticket so far."""

    subject: str
    component: str
    code: str
    fault_from_ms: int
    ticket: int | None = None
    is_moved: bool = False

    @property
    def key(self) -> Key:
        """What a ticket of it would be of."""
        return self.subject, self.component, self.code


class ChildRow(NamedTuple):
    """A fault that a ticket explains, or did until `left_ms`. `merged_ticket_id`: the ticket of its own that it had."""

    id: int
    ticket_id: int
    subject: str
    component: str
    code: str
    fault_from_ms: int
    joined_ms: int
    left_ms: int | None
    merged_ticket_id: int | None

    @property
    def key(self) -> Key:
        """What a ticket of it would be of."""
        return self.subject, self.component, self.code


class ChildCount(NamedTuple):
    """How many faults a ticket explains now, and how many it ever did."""

    now: int
    ever: int


COLUMNS = ", ".join(ChildRow._fields)
OF_KEY = "subject = ? AND component = ? AND code = ? AND left_ms IS NULL"


def join(connection: Connection, ticket: int, children: Sequence[Child], at_ms: int) -> None:
    """Let a ticket explain these faults. Their own tickets are merged into it, with all that those explained."""
    merged = {one.ticket: one for one in children if one.ticket is not None}
    rows = _mergeable(connection, merged)
    moved = [(ticket, *one.key) for one in children if one.is_moved]
    many(connection, f"UPDATE ticket_child SET ticket_id = ? WHERE {OF_KEY}", moved)
    many(
        connection,
        "INSERT INTO ticket_child (ticket_id, subject, component, code, fault_from_ms, joined_ms, merged_ticket_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(ticket, *one.key, one.fault_from_ms, at_ms, one.ticket) for one in children if not one.is_moved],
    )
    if not rows:
        return
    many(
        connection,
        "UPDATE ticket SET state = 'merged', outcome = 'merged', merged_into = ? WHERE id = ?",
        [(ticket, one) for one in merged],
    )
    for one in _with_spares(connection, merged):
        reservations.end_of(connection, one, ROBOT, at_ms)
    many(
        connection,
        "UPDATE ticket_child SET ticket_id = ? WHERE ticket_id = ? AND left_ms IS NULL",
        [(ticket, one) for one in merged],
    )
    many(
        connection,
        "INSERT INTO ticket_event (ticket_id, at_ms, who, verb, text, data) VALUES (?, ?, 'roundsman', 'merge', '', ?)",
        [(row[0], at_ms, json_text(_clock(row, at_ms))) for row in rows],
    )


def _clock(row: Sequence[object], at_ms: int) -> dict[str, object]:
    """What a merged ticket's clock had run: merging does not make it forget. The other ticket may be another
    customer's, so it is named by the column alone."""
    _, state, opened_ms, acknowledged_ms = row
    assert isinstance(opened_ms, int)
    return {
        "was": state,
        "opened_ms": opened_ms,
        "acknowledged_ms": acknowledged_ms,
        "ran_ms": max(0, at_ms - opened_ms),
    }


def _mergeable(connection: Connection, tickets: Collection[int]) -> list[tuple[object, ...]]:
    """These tickets (id, state, opened, acknowledged); StoreError if one of them is over."""
    rows = [
        row
        for part in chunks(tickets)
        for row in look(
            connection,
            f"SELECT id, state, opened_ms, acknowledged_ms FROM ticket WHERE id IN ({marks(len(part))})",
            *part,
        )
    ]
    over = [row[0] for row in rows if row[1] not in MERGEABLE]
    if over or len(rows) != len(tickets):
        raise conflict(f"cannot merge tickets {over[:5]}: they are over", "ticket", "merge works on open ones")
    return rows


def _with_spares(connection: Connection, tickets: Collection[int]) -> list[int]:
    """Those of these tickets for which spares are kept, or were asked for."""
    sql = "SELECT DISTINCT ticket_id FROM stock_reservation WHERE state IN ('wanted', 'open') AND ticket_id IN ({})"
    return [row[0] for part in chunks(tickets) for row in look(connection, sql.format(marks(len(part))), *part)]


def leave(connection: Connection, keys: Iterable[Key], at_ms: int) -> None:
    """These faults are explained by no ticket any more."""
    many(connection, f"UPDATE ticket_child SET left_ms = ? WHERE {OF_KEY}", [(at_ms, *key) for key in keys])


# --- reading ---------------------------------------------------------------------------------------------------------


def open_rows(connection: Connection, after: int) -> list[ChildRow]:
    """The next faults that a ticket explains now, by id."""
    sql = f"SELECT {COLUMNS} FROM ticket_child WHERE left_ms IS NULL AND id > ? ORDER BY id LIMIT ?"
    return [ChildRow._make(row) for row in look(connection, sql, after, CHUNK)]


def of_ticket(
    connection: Connection, ticket: int, reached: str, values: Sequence[object], limit: int
) -> list[ChildRow]:
    """What a ticket explains and explained, those that still are first; as far as `reached` (reach.py) goes."""
    sql = (
        f"SELECT {COLUMNS} FROM ticket_child WHERE ticket_id = ? AND {reached} "
        "ORDER BY CASE WHEN left_ms IS NULL THEN 0 ELSE 1 END, id LIMIT ?"
    )
    return [ChildRow._make(row) for row in look(connection, sql, ticket, *values, limit)]


def counts(
    connection: Connection, tickets: Collection[int], reached: str, values: Sequence[object]
) -> dict[int, ChildCount]:
    """How much each of these tickets explains that explains anything, as far as `reached` (reach.py) goes."""
    found: dict[int, ChildCount] = {}
    for part in chunks(tickets):
        rows = look(
            connection,
            "SELECT ticket_id, count(*), sum(CASE WHEN left_ms IS NULL THEN 1 ELSE 0 END) FROM ticket_child "
            f"WHERE ticket_id IN ({marks(len(part))}) AND {reached} GROUP BY ticket_id",
            *part,
            *values,
        )
        found.update({row[0]: ChildCount(int(row[2]), int(row[1])) for row in rows})
    return found


def numbers(connection: Connection, tickets: Collection[int]) -> dict[int, str]:
    """The numbers of tickets."""
    found: dict[int, str] = {}
    for part in chunks(tickets):
        found |= dict(look(connection, f"SELECT id, number FROM ticket WHERE id IN ({marks(len(part))})", *part))
    return found


def unticketed(connection: Connection) -> list[ConditionRow]:
    """Faults that hold and that no ticket is of: neither their own, nor that of their cause.

    One whose ticket a person has resolved, voided or closed while it held is not among them.
    """
    same = "subject = condition.subject AND {0}.component = condition.component AND {0}.code = condition.code"
    ticket = (
        f"SELECT 1 FROM ticket WHERE ticket.{same.format('ticket')} "
        f"AND ((ticket.resolved_ms IS NULL AND ticket.state IN ({quoted(LIVE)})) OR EXISTS (SELECT 1 FROM ticket_event "
        "WHERE ticket_event.ticket_id = ticket.id AND ticket_event.verb IN ('resolve', 'void', 'close') "
        "AND ticket_event.who <> 'roundsman' AND ticket_event.at_ms >= condition.event_from_ms))"
    )
    child = (
        f"SELECT 1 FROM ticket_child WHERE ticket_child.{same.format('ticket_child')} AND ticket_child.left_ms IS NULL"
    )
    where = f"known_to_ms IS NULL AND event_to_ms IS NULL AND NOT EXISTS ({ticket}) AND NOT EXISTS ({child})"
    return conditions.read(connection, where, ())
