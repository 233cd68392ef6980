"""Tickets: a number without gaps, facts that may be amended, and a log that only grows.

    verb           from                            to
    open           -                               open
    acknowledge    open acknowledged               acknowledged (who was first stays)
    amend          open acknowledged resolved      as it was
    note           any                             as it was
    resolve        open acknowledged               resolved
    void           open acknowledged resolved      void
    join           any                             as it was: it explains faults of others (children.py)
    release        any                             as it was: it explains them no more
    merge          open acknowledged               merged: another ticket, of its cause, explains it

Numbers come from one series in the transaction that writes the ticket: a failed commit takes its numbers back. A wrong
ticket is voided with a reason, never deleted. What the table does not allow raises StoreError (cause `conflict`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.waiting import Key
from roundsman_collector.store import audit, children, series
from roundsman_collector.store.children import Child
from roundsman_collector.store.errors import StoreError, conflict
from roundsman_collector.store.sql import clean, json_text, run

SERIES = "ticket"
ALLOWED = {
    "acknowledge": ("open", "acknowledged"),
    "amend": ("open", "acknowledged", "resolved"),
    "note": ("open", "acknowledged", "resolved", "void", "merged"),
    "resolve": ("open", "acknowledged"),
    "void": ("open", "acknowledged", "resolved"),
    "join": ("open", "acknowledged", "resolved", "void", "merged"),
    "release": ("open", "acknowledged", "resolved", "void", "merged"),
}
TEXT_LIMIT = 4000
ROBOT = "roundsman"
"""Who did what nobody did."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketOpen:
    """A new ticket of a device, or of an agent (`@` and its id). `opened_ms` is when it became known; `year` stands in
    its number: the year it is at the site.

    `ticket`: a negative number of the caller's choice, by which later changes of the same batch may speak of it.
    """

    subject: str
    agent_no: int
    component: str
    code: str
    severity: str
    service_class: str
    fault_from_ms: int
    opened_ms: int
    year: int
    opened_late: bool = False
    who: str = ROBOT
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    ticket: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketAmend:
    """Better facts; None leaves a fact as it is."""

    ticket: int
    at_ms: int
    who: str = ROBOT
    fault_from_ms: int | None = None
    fault_to_ms: int | None = None
    severity: str | None = None
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketResolve:
    """It is over. `fault_to_ms` is when the fault ended (None: nobody knows), `outcome` one word for why."""

    ticket: int
    at_ms: int
    outcome: str
    fault_to_ms: int | None = None
    who: str = ROBOT
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketVoid:
    """It should never have been; `text` says why and may not be empty."""

    ticket: int
    at_ms: int
    text: str
    who: str = ROBOT
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketAcknowledge:
    """Somebody takes it."""

    ticket: int
    at_ms: int
    who: str
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketNote:
    """Somebody says something about it."""

    ticket: int
    at_ms: int
    who: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketJoin:
    """The ticket's cause explains these faults from now on; their own tickets, where they have any, are merged."""

    ticket: int
    at_ms: int
    children: Sequence[Child]
    who: str = ROBOT
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketLeave:
    """The ticket's cause explains these faults no more: they are over, or on their own again (`is_release`)."""

    ticket: int
    at_ms: int
    children: Sequence[Key]
    is_release: bool = False
    who: str = ROBOT
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


TicketLater = TicketAmend | TicketResolve | TicketVoid | TicketAcknowledge | TicketNote | TicketJoin | TicketLeave
TicketChange = TicketOpen | TicketLater


class TicketOpened(NamedTuple):
    """What was allocated for a TicketOpen."""

    id: int
    number: str


class TicketRow(NamedTuple):
    """A ticket as it stands. state: open, acknowledged, resolved, void, merged (into the ticket `merged_into`)."""

    id: int
    number: str
    subject: str
    agent_no: int
    component: str
    code: str
    severity: str
    service_class: str
    state: str
    fault_from_ms: int
    fault_to_ms: int | None
    opened_ms: int
    opened_late: bool
    acknowledged_ms: int | None
    acknowledged_by: str | None
    resolved_ms: int | None
    outcome: str
    merged_into: int | None = None


class TicketEvent(NamedTuple):
    """A line of a ticket's log."""

    id: int
    ticket_id: int
    at_ms: int
    who: str
    verb: str
    text: str
    data: dict[str, Any]


COLUMNS = ", ".join(TicketRow._fields)


def change(connection: Connection, changes: Sequence[TicketChange]) -> tuple[TicketOpened, ...]:
    """Make the changes in their order; return what was opened, in that order."""
    opens = [one for one in changes if isinstance(one, TicketOpen)]
    next_number = _allocate(connection, len(opens))
    mark = series.mark(connection) if opens else ""
    opened: list[TicketOpened] = []
    ids: dict[int, int] = {}
    for one in changes:
        if isinstance(one, TicketOpen):
            new = _open(connection, one, f"{mark}{next_number + len(opened):06d}")
            opened.append(new)
            ids[one.ticket] = new.id
        else:
            _later(connection, one, ids.get(one.ticket, one.ticket) if one.ticket < 0 else one.ticket)
    return tuple(opened)


def _allocate(connection: Connection, count: int) -> int:
    """The first of `count` numbers. Taken in the caller's transaction: rolled back, they were never given."""
    if not count:
        return 0
    run(
        connection,
        "INSERT INTO series (name, next) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET next = series.next + ?",
        SERIES,
        1 + count,
        count,
    )
    return int(run(connection, "SELECT next FROM series WHERE name = ?", SERIES).scalar_one()) - count


def _open(connection: Connection, new: TicketOpen, number: str) -> TicketOpened:
    name = f"{new.year:04d}-{number}"
    ticket_id = run(
        connection,
        "INSERT INTO ticket (number, subject, agent_no, component, code, severity, service_class, state, "
        "fault_from_ms, opened_ms, opened_late, outcome) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, '') RETURNING id",
        name,
        new.subject,
        new.agent_no,
        new.component,
        new.code,
        new.severity,
        new.service_class,
        new.fault_from_ms,
        new.opened_ms,
        new.opened_late,
    ).scalar_one()
    _log(connection, ticket_id, new.opened_ms, "open", new)
    return TicketOpened(ticket_id, name)


def _later(connection: Connection, one: TicketLater, ticket_id: int) -> None:
    match one:
        case TicketJoin():
            _join(connection, one, ticket_id)
            return
        case TicketLeave():
            _leave(connection, one, ticket_id)
            return
        case TicketAmend():
            verb = "amend"
            sets: dict[str, object] = {
                name: value
                for name in ("fault_from_ms", "fault_to_ms", "severity")
                if (value := getattr(one, name)) is not None
            }
        case TicketResolve():
            verb = "resolve"
            sets = {
                "state": "resolved",
                "resolved_ms": one.at_ms,
                "fault_to_ms": one.fault_to_ms,
                "outcome": one.outcome,
            }
        case TicketVoid():
            verb, sets = "void", {"state": "void", "outcome": "void"}
            if not one.text.strip():
                raise conflict(f"ticket {ticket_id} is voided without a reason", "ticket", "say why in `text`")
        case TicketAcknowledge():
            verb, sets = "acknowledge", _first_acknowledgement(connection, one, ticket_id)
        case TicketNote():
            verb, sets = "note", {}
    number, state = _must_be(connection, ticket_id, verb)
    if sets:
        names = ", ".join(f"{name} = ?" for name in sets)
        run(connection, f"UPDATE ticket SET {names} WHERE id = ?", *sets.values(), ticket_id)
    _log(connection, ticket_id, one.at_ms, verb, one)
    if one.who != ROBOT:
        deed = audit.Deed(who=one.who, at_ms=one.at_ms)
        after = {"state": sets.get("state", state), **({"text": one.text} if one.text else {})}
        audit.add(connection, deed, f"ticket.{verb}", f"ticket:{number}", before={"state": state}, after=after)


def _join(connection: Connection, one: TicketJoin, ticket_id: int) -> None:
    _must_be(connection, ticket_id, "join")
    children.join(connection, ticket_id, one.children, one.at_ms)
    said = {
        "count": len(one.children),
        "merged": sum(1 for child in one.children if child.ticket is not None),
    }
    _log(connection, ticket_id, one.at_ms, "join", replace(one, data={**said, **one.data}))


def _leave(connection: Connection, one: TicketLeave, ticket_id: int) -> None:
    children.leave(connection, one.children, one.at_ms)
    if one.is_release:
        _must_be(connection, ticket_id, "release")
        _log(connection, ticket_id, one.at_ms, "release", replace(one, data={"count": len(one.children), **one.data}))


def _first_acknowledgement(connection: Connection, one: TicketAcknowledge, ticket_id: int) -> dict[str, object]:
    by = run(connection, "SELECT acknowledged_by FROM ticket WHERE id = ?", ticket_id).scalar()
    return {} if by else {"state": "acknowledged", "acknowledged_ms": one.at_ms, "acknowledged_by": one.who}


def _must_be(connection: Connection, ticket_id: int, verb: str) -> tuple[str, str]:
    """A ticket's number and state, if the verb works on it."""
    found = run(connection, "SELECT number, state FROM ticket WHERE id = ?", ticket_id).first()
    if found is None:
        raise StoreError(
            what=f"cannot {verb} ticket {ticket_id}: there is none with this id",
            where="ticket",
            do="look it up by its number",
            cause="conflict",
        )
    if found[1] not in ALLOWED[verb]:
        raise conflict(
            f"cannot {verb} ticket {found[0]}: it is {found[1]}",
            "ticket",
            f"{verb} works on {', '.join(ALLOWED[verb])}",
        )
    return found[0], found[1]


def _log(connection: Connection, ticket_id: int, at_ms: int, verb: str, one: TicketChange) -> None:
    run(
        connection,
        "INSERT INTO ticket_event (ticket_id, at_ms, who, verb, text, data) VALUES (?, ?, ?, ?, ?, ?)",
        ticket_id,
        at_ms,
        clean(one.who, 160),
        verb,
        clean(one.text, TEXT_LIMIT),
        json_text(dict(one.data)),
    )


def read(connection: Connection, where: str, values: Sequence[object], limit: int) -> list[TicketRow]:
    """Tickets that match, by id; `where` is a condition of this package's own making."""
    found = run(connection, f"SELECT {COLUMNS} FROM ticket WHERE {where} LIMIT ?", *values, limit)
    place = TicketRow._fields.index("opened_late")
    return [TicketRow(*row)._replace(opened_late=bool(row[place])) for row in found]


def log_of(connection: Connection, ticket_id: int) -> list[TicketEvent]:
    """A ticket's log, in order."""
    found = run(
        connection,
        "SELECT id, ticket_id, at_ms, who, verb, text, data FROM ticket_event WHERE ticket_id = ? ORDER BY id",
        ticket_id,
    )
    return [TicketEvent(*row)._replace(data=json.loads(row[6])) for row in found]
