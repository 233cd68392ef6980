"""Lists of tickets: narrowed, newest first, and counted, as far as somebody reaches them.

    page(connection, scope, TicketFilter(states=("open",), sites=("s-1",)), before_id=None, limit=50)
    counts(connection, scope, TicketFilter(...)) -> {"open": 12, "resolved": 40}
    warned(connection, [7, 8]) -> {7: {"repair": 80}}       how far the clocks of tickets are, by their warnings
    same(connection, row, limit=5)                          tickets of the same fault of the same device before it
    lines(connection, [7, 8], ("open", "call"))             lines of their logs with these verbs, for files of many

Kind, site and engineer are those of the device now, where it stands now; a taker acknowledged the ticket, and who was
sent stands on it.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.lifecycle import TO_MEND
from roundsman_collector.roles import Scope
from roundsman_collector.store import reach
from roundsman_collector.store.sql import chunks, look, marks, quoted, run
from roundsman_collector.store.tickets import TicketRow, read, row_of

ON_THEIR_WAY = ("running", "paused", "breached")
"""States of clocks that have not ended: core/sla.py."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketFilter:
    """Which tickets a list shows: each field narrows it; empty ones do not.

    `text`: all its words have to be found in number, subject, code or what the device is found by. `codes`: faults
    whose names the text means; a ticket of one of them is found, too. `due_before_ms`: a clock is due before, or
    over. `of`: who acknowledged it, or was sent. `is_unchecked`: people reported it, it is to mend, nobody has written
    down how to call them back or which device it is, and the customer was not asked since (待核实).
    """

    states: tuple[str, ...] = ()
    text: str = ""
    codes: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    engineers: tuple[str, ...] = ()
    takers: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    due_before_ms: int | None = None
    of: str | None = None
    subject: str | None = None
    is_unchecked: bool = False


class Line(NamedTuple):
    """A line of a ticket's log, for who needs few of them."""

    verb: str
    text: str
    data: dict[str, Any]


STANDS = (
    " LEFT JOIN installation ON installation.device = ticket.subject AND installation.to_ms IS NULL"
    " LEFT JOIN place ON place.id = installation.place AND place.to_ms IS NULL"
    " LEFT JOIN site ON site.id = place.site AND site.to_ms IS NULL"
)
KIND = " LEFT JOIN device ON device.id = ticket.subject"
SEARCH = " LEFT JOIN device_search ON device_search.device = ticket.subject"
SAID = "lower(ticket.number || ' ' || ticket.subject || ' ' || ticket.code || ' ' || COALESCE(device_search.text, ''))"
# field of the filter -> the column it narrows, and what has to be joined for it
NARROWED = {
    "states": ("ticket.state", ""),
    "severities": ("ticket.severity", ""),
    "kinds": ("device.kind", KIND),
    "sites": ("COALESCE(site.id, ticket.site)", STANDS),
    "takers": ("ticket.acknowledged_by", ""),
    "sent": ("ticket.engineer", ""),
    "sources": ("ticket.source", ""),
    "waiting": ("ticket.waiting", ""),
    "engineers": ("COALESCE(place.engineer, site.engineer)", STANDS),
}
DUE = (
    "EXISTS (SELECT 1 FROM ticket_clock WHERE ticket_clock.ticket_id = ticket.id AND "
    f"ticket_clock.state IN ({marks(len(ON_THEIR_WAY))}) AND ticket_clock.due_ms < ?)"
)
SAYS = (
    "EXISTS (SELECT 1 FROM ticket_event said WHERE said.ticket_id = ticket.id AND said.verb IN ({verbs}) "
    "AND said.data LIKE {like}{and_})"
)
"""What the log holds as json_text() writes it: within a value its quotes would have a backslash before them."""
UNCHECKED = (
    f"ticket.source <> 'monitoring' AND ticket.state IN ({quoted(TO_MEND)}) AND (ticket.subject LIKE '#%' OR NOT "
    + SAYS.format(
        verbs=quoted(("open", "call", "check")),
        like="""'%"phone":"%'""",
        and_=""" AND said.data NOT LIKE '%"phone":""%'""",
    )
    + ") AND NOT "
    + SAYS.format(verbs=quoted(("check", "open")), like="""'%"asked":"customer"%'""", and_="")
)
COLUMNS = ", ".join(f"ticket.{name}" for name in TicketRow._fields)


def page(
    connection: Connection, scope: Scope, wanted: TicketFilter, *, before_id: int | None, limit: int
) -> list[TicketRow]:
    """Tickets of a list, the newest first, older than `before_id`."""
    source, values = _list(scope, wanted)
    older = ""
    if before_id is not None:
        older, values = " AND ticket.id < ?", [*values, before_id]
    rows = look(connection, f"SELECT {COLUMNS} {source}{older} ORDER BY ticket.id DESC LIMIT ?", *values, limit)
    return [row_of(row) for row in rows]


def counts(connection: Connection, scope: Scope, wanted: TicketFilter) -> dict[str, int]:
    """How many tickets of a list are in each state; states that no ticket is in are not named."""
    source, values = _list(scope, wanted)
    return dict(look(connection, f"SELECT ticket.state, count(*) {source} GROUP BY ticket.state", *values))


def warned(connection: Connection, tickets: Collection[int]) -> dict[int, dict[str, int]]:
    """How far the clocks of these tickets were when the engine warned of them last, in percent, by ticket and clock."""
    found: dict[int, dict[str, int]] = {}
    for part in chunks(sorted(tickets)):
        where = f"ticket_id IN ({marks(len(part))}) AND verb = 'warn'"
        sql = f"SELECT ticket_id, data FROM ticket_event WHERE {where} ORDER BY id"
        for ticket_id, data in run(connection, sql, *part):
            told = json.loads(data)
            found.setdefault(ticket_id, {})[str(told.get("clock"))] = int(told.get("percent", 0))
    return found


def lines(connection: Connection, tickets: Collection[int], verbs: Sequence[str]) -> dict[int, list[Line]]:
    """The lines of these tickets' logs that have one of these verbs, in their order, by ticket."""
    found: dict[int, list[Line]] = {}
    for part in chunks(sorted(tickets)):
        where = f"ticket_id IN ({marks(len(part))}) AND verb IN ({marks(len(verbs))})"
        sql = f"SELECT ticket_id, verb, text, data FROM ticket_event WHERE {where} ORDER BY id"
        for ticket_id, verb, text, data in run(connection, sql, *part, *verbs):
            found.setdefault(ticket_id, []).append(Line(verb, text, json.loads(data)))
    return found


def same(connection: Connection, row: TicketRow, *, limit: int) -> list[TicketRow]:
    """The tickets of the same fault of the same subject that were opened before this one, the newest first."""
    where = "subject = ? AND code = ? AND id < ? ORDER BY id DESC"
    return read(connection, where, (row.subject, row.code, row.id), limit)


def _list(scope: Scope, wanted: TicketFilter) -> tuple[str, list[object]]:
    """FROM and WHERE of a list, with their values."""
    reached, values = reach.subjects_within(scope)
    parts, joins = [reached], dict[str, None]()
    for field, (column, joined) in NARROWED.items():
        allowed: Sequence[str] = getattr(wanted, field)
        if allowed:
            parts.append(f"{column} IN ({marks(len(allowed))})")
            values = [*values, *allowed]
            joins[joined] = None
    if wanted.of is not None:
        parts.append("(ticket.acknowledged_by = ? OR ticket.engineer = ?)")
        values = [*values, wanted.of, wanted.of]
    if wanted.due_before_ms is not None:
        parts.append(DUE)
        values = [*values, *ON_THEIR_WAY, wanted.due_before_ms]
    if wanted.is_unchecked:
        parts.append(UNCHECKED)
    if wanted.subject is not None:
        parts.append("ticket.subject = ?")
        values = [*values, wanted.subject]
    words = wanted.text.lower().split()
    if words:
        joins[SEARCH] = None
        found = " AND ".join(f"{SAID} LIKE ? ESCAPE '!'" for _ in words)
        meant = f" OR ticket.code IN ({marks(len(wanted.codes))})" if wanted.codes else ""
        parts.append(f"({found}{meant})")
        values = [*values, *map(_anywhere, words), *wanted.codes]
    return f"FROM ticket{''.join(joins)} WHERE {' AND '.join(parts)}", values


def _anywhere(word: str) -> str:
    """The word as LIKE finds it anywhere: what LIKE has a meaning for stands for itself."""
    for special in "!%_":
        word = word.replace(special, f"!{special}")
    return f"%{word}%"
