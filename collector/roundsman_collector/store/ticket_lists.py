"""Lists of tickets: narrowed, newest first, and counted, as far as somebody reaches them.

    page(connection, scope, TicketFilter(states=("open",), sites=("s-1",)), before_id=None, limit=50)
    counts(connection, scope, TicketFilter(...)) -> {"open": 12, "resolved": 40}

Kind, site and engineer are those of the device now, where it stands now; a taker acknowledged the ticket.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from roundsman_collector.roles import Scope
from roundsman_collector.store import reach
from roundsman_collector.store.sql import look, marks
from roundsman_collector.store.tickets import TicketRow, row_of


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketFilter:
    """Which tickets a list shows: each field narrows it; empty ones do not.

    `text`: all its words have to be found in number, subject, code or what the device is found by. `codes`: faults
    whose names the text means; a ticket of one of them is found, too.
    """

    states: tuple[str, ...] = ()
    text: str = ""
    codes: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    engineers: tuple[str, ...] = ()
    takers: tuple[str, ...] = ()
    subject: str | None = None


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
    "sites": ("site.id", STANDS),
    "takers": ("ticket.acknowledged_by", ""),
    "engineers": ("COALESCE(place.engineer, site.engineer)", STANDS),
}
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
