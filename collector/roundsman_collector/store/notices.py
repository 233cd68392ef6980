"""The outbox: what is to be told to whom, written in the transaction of what it tells of.

    state      new        waits for the delivery (wake_at_ms: not before)
               sent       the other end has taken it
               dead       it could not be told; a person may try again
               gathered   a digest tells of it, because too many came at once
               over       the ticket was over before its opening could be told: the next notice says so

A notice has a key that is unique on its way (`opened:17`), so that nothing is told twice for one happening.

Replayed history never pages (law 3). A ticket that opens and is over in the same transaction tells nobody. One that
opens with a fault of old may be the work of a queue that is still being taken: it is held for two minutes, and if it is
over by then, nobody hears of its opening or its end.
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store import audit, ways
from roundsman_collector.store import tickets as ticket_rows
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.sql import chunks, clean, json_text, many, marks, run
from roundsman_collector.store.tickets import (
    TicketChange,
    TicketOpen,
    TicketOpened,
    TicketResolve,
    TicketRow,
    TicketVoid,
)
from roundsman_collector.store.ways import Belonging, Event, WayRow

State = Literal["new", "sent", "dead", "gathered", "over"]
STATES: tuple[State, ...] = ("new", "sent", "dead", "gathered", "over")
TEST = "test"
DIGEST = "digest"
TEXT_LIMIT = 500
FRESH_MS = 10 * 60_000
"""A fault that began longer ago is not news of this moment."""
HOLD_MS = 2 * 60_000


class NoticeRow(NamedTuple):
    """A notice as it is kept. `body` holds the facts at the time of the event; see `_facts`.

    `subject`: the ticket's, or empty. `tries`: how often it was tried. `error`: what the last try met, or nothing.
    """

    id: int
    way: int
    key: str
    event: str
    subject: str
    body: dict[str, Any]
    made_ms: int
    state: State
    tries: int
    wake_at_ms: int | None
    done_ms: int | None
    error: str


class News(NamedTuple):
    """What befell a ticket in a transaction, and who did it with which words."""

    ticket_id: int
    event: Event
    who: str
    text: str


COLUMNS = ", ".join(NoticeRow._fields)
BODY = NoticeRow._fields.index("body")
INSERT = (
    "INSERT INTO notice (way, key, event, subject, body, made_ms, state, tries, wake_at_ms, error) "
    "VALUES (?, ?, ?, ?, ?, ?, 'new', 0, ?, '') ON CONFLICT (way, key) DO NOTHING"
)


def news(changes: Sequence[TicketChange], opened: Sequence[TicketOpened]) -> list[News]:
    """What is worth telling of a transaction's changes. Pure.

    Only how a ticket stands at the end counts; one that was opened and ended here was over before anybody could know.
    """
    fresh = iter(opened)
    ids: dict[int, int] = {}
    found: dict[int, News] = {}
    new: set[int] = set()
    for change in changes:
        if isinstance(change, TicketOpen):
            ticket_id = next(fresh).id
            ids[change.ticket] = ticket_id
            new.add(ticket_id)
            found[ticket_id] = News(ticket_id, "opened", change.who, "")
        elif isinstance(change, TicketResolve | TicketVoid):
            ticket_id = ids[change.ticket] if change.ticket < 0 else change.ticket
            if ticket_id in new:
                found.pop(ticket_id, None)
            else:
                event: Event = "resolved" if isinstance(change, TicketResolve) else "voided"
                found[ticket_id] = News(ticket_id, event, change.who, change.text)
    return list(found.values())


def write(connection: Connection, told: Sequence[News], listeners: Sequence[WayRow], now_ms: int) -> None:
    """Put a notice into the outbox for each way that wants the news. The changes must be written already."""
    if not told or not listeners:
        return
    tickets = {row.id: row for row in _tickets(connection, [one.ticket_id for one in told])}
    is_narrow = any(way.filter.is_narrow for way in listeners)
    homes: dict[str, Belonging] = {}
    rows: list[tuple[object, ...]] = []
    for one in told:
        ticket = tickets[one.ticket_id]
        body = json_text(_facts(ticket, one))
        if is_narrow and ticket.subject not in homes:
            homes[ticket.subject] = ways.belonging(connection, ticket.subject)
        for way in listeners:
            if not way.filter.wants(one.event, ticket.severity):
                continue
            if way.filter.is_narrow and not way.filter.reaches(homes[ticket.subject]):
                continue
            if one.event != "opened" and _was_held(connection, way.id, ticket.id, now_ms):
                continue
            wake_at_ms = now_ms + (HOLD_MS if _is_old(one, ticket, now_ms) else 0)
            rows.append((way.id, f"{one.event}:{ticket.id}", one.event, ticket.subject, body, now_ms, wake_at_ms))
    many(connection, INSERT, rows)


def _is_old(one: News, ticket: TicketRow, now_ms: int) -> bool:
    return one.event == "opened" and now_ms - ticket.fault_from_ms > FRESH_MS


def _was_held(connection: Connection, way: int, ticket_id: int, now_ms: int) -> bool:
    """Whether the opening of a ticket that is now over was still held on this way; it is not told any more."""
    held = run(
        connection,
        "UPDATE notice SET state = 'over', wake_at_ms = NULL, done_ms = ? "
        "WHERE way = ? AND key = ? AND state = 'new' AND tries = 0 AND wake_at_ms > ?",
        now_ms,
        way,
        f"opened:{ticket_id}",
        now_ms,
    )
    return held.rowcount > 0


def _tickets(connection: Connection, ids: Iterable[int]) -> list[TicketRow]:
    found: list[TicketRow] = []
    for part in chunks(ids):
        found += ticket_rows.read(connection, f"id IN ({marks(len(part))})", part, len(part))
    return found


def _facts(ticket: TicketRow, one: News) -> dict[str, Any]:
    """A ticket's facts as they are at this moment: what is told later does not change with it."""
    return {
        "ticket": {
            "id": ticket.id,
            "number": ticket.number,
            "component": ticket.component,
            "code": ticket.code,
            "severity": ticket.severity,
            "service_class": ticket.service_class,
            "fault_from_ms": ticket.fault_from_ms,
            "fault_to_ms": ticket.fault_to_ms,
            "opened_ms": ticket.opened_ms,
            "resolved_ms": ticket.resolved_ms,
            "outcome": ticket.outcome,
        },
        "who": one.who,
        "text": clean(one.text, TEXT_LIMIT),
    }


# --- for people ------------------------------------------------------------------------------------------------------


def rows(
    connection: Connection,
    *,
    states: Sequence[str] = (),
    way: int | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[NoticeRow]:
    """The outbox, the newest first."""
    where, values = ["id < ?"], list[object]([2**62 if before_id is None else before_id])
    if states:
        where.append(f"state IN ({marks(len(states))})")
        values += states
    if way is not None:
        where.append("way = ?")
        values.append(way)
    return read(connection, f"{' AND '.join(where)} ORDER BY id DESC", values, limit)


def one(connection: Connection, notice: int) -> NoticeRow | None:
    """A notice."""
    return next(iter(read(connection, "id = ?", [notice], 1)), None)


def read(connection: Connection, where: str, values: Sequence[object], limit: int) -> list[NoticeRow]:
    """Notices that match; `where` is a condition of this package's own making."""
    found = run(connection, f"SELECT {COLUMNS} FROM notice WHERE {where} LIMIT ?", *values, limit)
    return [NoticeRow(*row)._replace(body=json.loads(row[BODY])) for row in found]


def count(connection: Connection) -> dict[str, int]:
    """How many notices wait and how many are dead."""
    found: dict[str, int] = {}
    for state in ("new", "dead"):
        found[state] = int(run(connection, "SELECT count(*) FROM notice WHERE state = ?", state).scalar_one())
    return found


def count_by_way(connection: Connection) -> dict[int, dict[str, int]]:
    """How many notices wait and how many are dead, by way; tests do not count. A way without any is not there."""
    sql = (
        "SELECT way, state, count(*) FROM notice "
        f"WHERE state IN ('new', 'dead') AND event <> '{TEST}' GROUP BY way, state"
    )
    found: dict[int, dict[str, int]] = {}
    for way, state, number in run(connection, sql):
        found.setdefault(int(way), {"new": 0, "dead": 0})[str(state)] = int(number)
    return found


def add_test(connection: Connection, way: int, deed: Deed) -> int:
    """A notice that says only that telling works; its id."""
    _must_be_used(connection, way)
    audit.add(connection, deed, "way.test", str(way))
    return add(
        connection, way, f"{TEST}:{secrets.token_hex(8)}", TEST, {"who": clean(deed.who, TEXT_LIMIT)}, deed.at_ms
    )


def add(connection: Connection, way: int, key: str, event: str, body: Mapping[str, Any], now_ms: int) -> int:
    """A notice that is about no single ticket; its id."""
    sql = INSERT.partition(" ON CONFLICT")[0] + " RETURNING id"
    return int(run(connection, sql, way, key, event, "", json_text(dict(body)), now_ms, now_ms).scalar_one())


def retry(connection: Connection, notice: int, deed: Deed) -> None:
    """Try a dead notice again, now."""
    found = one(connection, notice)
    if found is None:
        raise conflict(f"there is no notice {notice}", "notice", "look at the list of dead notices")
    if found.state != "dead":
        raise conflict(f"notice {notice} is {found.state}, not dead", "notice", "only what is dead is tried again")
    _must_be_used(connection, found.way)
    run(
        connection,
        "UPDATE notice SET state = 'new', tries = 0, wake_at_ms = ?, done_ms = NULL WHERE id = ?",
        deed.at_ms,
        notice,
    )
    audit.add(connection, deed, "notice.retry", str(notice), before={"error": found.error, "tries": found.tries})


def retry_all(connection: Connection, way: int, deed: Deed) -> int:
    """Try everything again that is dead on a way, but for tests; return how many they are."""
    _must_be_used(connection, way)
    dead = run(
        connection,
        "UPDATE notice SET state = 'new', tries = 0, wake_at_ms = ?, done_ms = NULL "
        f"WHERE way = ? AND state = 'dead' AND event <> '{TEST}'",
        deed.at_ms,
        way,
    )
    audit.add(connection, deed, "way.retry", str(way), after={"notices": dead.rowcount})
    return dead.rowcount


def _must_be_used(connection: Connection, way: int) -> None:
    if ways.known(connection, way).disabled_ms is not None:
        raise conflict(f"way {way} is disabled", "way", "enable it first")


def bury(connection: Connection, way: int, why: str, now_ms: int) -> None:
    """Nothing more is tried on a way."""
    run(
        connection,
        "UPDATE notice SET state = 'dead', wake_at_ms = NULL, done_ms = ?, error = ? WHERE way = ? AND state = 'new'",
        now_ms,
        why,
        way,
    )
