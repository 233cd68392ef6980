"""Tickets: a number without gaps, facts that may be amended, and a log that only grows.

    change(connection, [TicketOpen(...), TicketStep(verb="dispatch", ...), TicketResolve(...)]) -> what was opened
    log_of(connection, ticket)                    its lines
    read(connection, "state = ?", ["open"], 100)  rows

Which step leads where is said in core/lifecycle.py; a row is what a ticket's log says, written in the same transaction.
What the evidence says goes with how far people have got:

    what the engine says    nobody was sent     somebody was sent    mended
    resolve (it is over)    resolve             recover              verify, where it is only `fixed`; else recover
    void (it never was)     void                recover              recover
    open (it is back)       reopen              recur                reopen

Numbers come from one series in the transaction that writes the ticket: a failed commit takes its numbers back. A wrong
ticket is voided with a reason, never deleted. What the table does not allow raises StoreError (cause `conflict`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core import lifecycle
from roundsman_collector.core.lifecycle import LIVE, MENDED, OVER, STEPS, UNSENT, Standing
from roundsman_collector.core.ticket_log import ROBOT, Event
from roundsman_collector.core.waiting import Key
from roundsman_collector.store import audit, children, openings, reservations, step_effects, taking_along
from roundsman_collector.store.children import Child
from roundsman_collector.store.errors import StoreError, conflict
from roundsman_collector.store.openings import TEXT_LIMIT
from roundsman_collector.store.sql import chunks, clean, json_text, look, many, marks, quoted, run

TO_DO = f"state IN ({quoted(LIVE)})"
"""Of a ticket of which somebody has something to do."""
HOLDS = f"resolved_ms IS NULL AND {TO_DO}"
"""... and whose fault is not over."""
LINES = ("promise", "warn", "breach")
"""Steps of the engine that move no ticket on: what is due next is told with them (ClocksTold)."""
PROMISED = ("site", "place", "customer", "contract", "zone", "level_id")
"""What a promise says of a ticket and its row keeps."""
BEGAN_BEFORE = "fault_from_was_ms"
"""In the data of `amend`: when the fault was said to have begun until then."""
SETS_NO_WAKE = ("promise", "warn", "breach", "note", "attach", "join", "release")
"""Steps after which no clock can stand otherwise, or which set the next look themselves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketOpen:
    """A new ticket of a device, of an agent (`@` and its id), or of a site (`#` and its id) where nobody can say yet
    which device it is. `opened_ms` is when it became known; `year` stands in its number: the year it is at the site.

    `ticket`: a negative number of the caller's choice, by which later changes of the same batch may speak of it.
    `watched`: evidence speaks for it. One that is watched goes on with the ticket that the same fault has already: that
    people opened for it, that somebody was sent for, or that was over for less than its service level's reopen window.
    """

    subject: str
    agent_no: int | None
    component: str
    code: str
    severity: str
    service_class: str
    fault_from_ms: int
    opened_ms: int
    year: int
    opened_late: bool = False
    source: str = "monitoring"
    watched: bool = True
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
class TicketStep:
    """A step of core/lifecycle.py, by a person or the engine. `data`: what it says beside its words."""

    ticket: int
    at_ms: int
    verb: str
    who: str = ROBOT
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketNote:
    """The engine says something about it."""

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


TicketLater = TicketAmend | TicketResolve | TicketVoid | TicketStep | TicketNote | TicketJoin | TicketLeave
TicketChange = TicketOpen | TicketLater


class TicketOpened(NamedTuple):
    """What was allocated for a TicketOpen. how: `open`, or how a ticket that was there goes on: `reopen`, `recur`,
    `amend`."""

    id: int
    number: str
    how: str = "open"


class TicketRow(NamedTuple):
    """A ticket as it stands: see schema.ticket and core/lifecycle.py."""

    id: int
    number: str
    subject: str
    agent_no: int | None
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
    source: str = "monitoring"
    watched: bool = True
    site: str | None = None
    place: str | None = None
    customer: str | None = None
    contract: str | None = None
    zone: str | None = None
    engineer: str | None = None
    waiting: str = ""
    wake_at_ms: int | None = None
    level_id: int | None = None
    arrival_ms: int | None = None
    reopens_ms: int = 0


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
    made = _Made(connection, [one for one in changes if isinstance(one, TicketOpen)])
    for one in changes:
        if isinstance(one, TicketOpen):
            made.open(one)
        elif isinstance(one, TicketStep) and one.verb in LINES:
            made.line(one)
        else:
            made.write()
            ticket_id = made.ids.get(one.ticket, one.ticket) if one.ticket < 0 else one.ticket
            _later(connection, _naming(one, made.named), ticket_id)
    made.write()
    made.numbers.keep()
    return tuple(made.opened)


class _Made:
    """What was opened so far, and what waits to be written at once: new tickets, then lines that move none on."""

    def __init__(self, connection: Connection, new: Sequence[TicketOpen]) -> None:
        self._connection = connection
        self._fresh: list[TicketOpen] = []
        self._lines: list[TicketStep] = []
        self._known = openings.going_on(connection, new)
        self.numbers = openings.Numbers(connection, len(new))
        self.opened: list[TicketOpened] = []
        self.ids: dict[int, int] = {}
        self.named: dict[object, str] = {}

    def open(self, new: TicketOpen) -> None:
        """Open a ticket, or let the one go on that the fault has already."""
        key = (new.subject, new.code)
        if "transferred_from" in new.data:
            new = replace(new, data={**new.data, **taking_along.gathered(self._connection, _from(new))})
        if self._lines or key in self._known:
            self.write()
        again = _again(self._connection, new) if key in self._known else None
        self._known.add(key)
        if again is None:
            self._fresh.append(new)
        else:
            self._keep(new, again)

    def line(self, step: TicketStep) -> None:
        """Write a line that moves no ticket on."""
        self._lines.append(step)

    def write(self) -> None:
        """Write what waits."""
        if self._fresh:
            made = openings.write(self._connection, self._fresh, self.numbers)
            for new, (ticket_id, number) in zip(self._fresh, made, strict=True):
                self._keep(new, TicketOpened(ticket_id, number))
        _write_lines(
            self._connection, [replace(one, ticket=self.ids.get(one.ticket, one.ticket)) for one in self._lines]
        )
        self._fresh, self._lines = [], []

    def _keep(self, new: TicketOpen, opened: TicketOpened) -> None:
        self.opened.append(opened)
        self.ids[new.ticket] = opened.id
        self.named[new.ticket] = opened.number


def _from(new: TicketOpen) -> str:
    return str(new.data["transferred_from"])


def _write_lines(connection: Connection, lines: Sequence[TicketStep]) -> None:
    """What moves no ticket on, all at once: thousands of new tickets are promised something at a time."""
    rows = [
        (one.ticket, one.at_ms, one.who, one.verb, clean(one.text, TEXT_LIMIT), json_text(one.data)) for one in lines
    ]
    many(connection, openings.INSERT_LINE, rows)
    promises = [one for one in lines if one.verb == "promise"]
    many(
        connection,
        f"UPDATE ticket SET {', '.join(f'{name} = ?' for name in PROMISED)}, reopens_ms = ? WHERE id = ?",
        [(*(one.data.get(name) for name in PROMISED), one.data.get("reopens_ms", 0), one.ticket) for one in promises],
    )


def _naming(one: TicketLater, named: Mapping[object, str]) -> TicketLater:
    """A transfer names the ticket that goes on by its number, which it got in this transaction."""
    if not isinstance(one, TicketStep) or one.data.get("to") not in named:
        return one
    return replace(one, data={**one.data, "to": named[one.data["to"]]})


def _again(connection: Connection, new: TicketOpen) -> TicketOpened | None:
    """The ticket that this fault has already and that goes on; None: it gets a new one."""
    if not new.watched or "transferred_from" in new.data:
        return None
    found = look(
        connection,
        f"SELECT id, number, state, watched, resolved_ms FROM ticket WHERE subject = ? AND code = ? AND "
        f"(component = ? OR NOT watched) AND (({TO_DO}) OR (state = 'resolved' AND resolved_ms > ? - reopens_ms)) "
        "ORDER BY id DESC LIMIT 1",
        new.subject,
        new.code,
        new.component,
        new.opened_ms,
    )
    if not found:
        return None
    ticket_id, number, state, watched, resolved_ms = found[0]
    if watched and resolved_ms is None:
        return None
    verb = "reopen" if state in (*MENDED, "resolved") else "recur" if watched else "amend"
    step = TicketStep(ticket=ticket_id, at_ms=new.opened_ms, verb=verb, text=new.text, data=new.data)
    _step(connection, step, ticket_id)
    run(
        connection,
        "UPDATE ticket SET watched = ?, component = ?, agent_no = ?, resolved_ms = NULL, fault_to_ms = NULL, "
        "outcome = '' WHERE id = ?",
        True,
        new.component,
        new.agent_no,
        ticket_id,
    )
    return TicketOpened(ticket_id, number, verb)


def _later(connection: Connection, one: TicketLater, ticket_id: int) -> None:
    match one:
        case TicketJoin():
            _join(connection, one, ticket_id)
        case TicketLeave():
            _leave(connection, one, ticket_id)
        case TicketStep():
            _step(connection, one, ticket_id)
        case TicketNote():
            _write(connection, one, ticket_id, "note", {})
        case TicketAmend():
            names = ("fault_from_ms", "fault_to_ms", "severity")
            sets = {name: value for name in names if (value := getattr(one, name)) is not None}
            told = replace(one, data={**one.data, **_began_before(connection, one, ticket_id)})
            _write(connection, told, ticket_id, "amend", sets)
        case TicketResolve():
            _end(connection, one, ticket_id, "resolve", {"fault_to_ms": one.fault_to_ms, "outcome": one.outcome})
        case TicketVoid():
            if not one.text.strip():
                raise conflict(f"ticket {ticket_id} is voided without a reason", "ticket", "say why in `text`")
            _end(connection, one, ticket_id, "void", {"outcome": "void"})


def _began_before(connection: Connection, one: TicketAmend, ticket_id: int) -> dict[str, int]:
    """When the fault was said to have begun, where it is said otherwise now: what was known stays known."""
    if one.fault_from_ms is None:
        return {}
    was = run(connection, "SELECT fault_from_ms FROM ticket WHERE id = ?", ticket_id).scalar()
    return {} if was is None or was == one.fault_from_ms else {BEGAN_BEFORE: int(was)}


def _end(
    connection: Connection, one: TicketResolve | TicketVoid, ticket_id: int, verb: str, sets: Mapping[str, object]
) -> None:
    """The evidence says that a fault is over, or never was: what that does to the ticket depends on its state."""
    state = run(connection, "SELECT state FROM ticket WHERE id = ?", ticket_id).scalar()
    if state in UNSENT or state not in LIVE:
        _write(connection, one, ticket_id, verb, {"resolved_ms": one.at_ms, **sets} if verb == "resolve" else sets)
        return
    data = {**one.data, "never": True} if verb == "void" else one.data
    proves = state == "fixed" and verb == "resolve"
    facts = {"resolved_ms": one.at_ms, **sets}
    _write(connection, replace(one, data=data), ticket_id, "verify" if proves else "recover", facts)


def _step(connection: Connection, one: TicketStep, ticket_id: int) -> None:
    sets: dict[str, object] = {}
    _must_be(connection, ticket_id, one.verb)
    one = replace(one, data=step_effects.taken(connection, one, ticket_id))
    if one.verb == "resolve":
        sets = {"resolved_ms": one.at_ms, "outcome": lifecycle.BY_PERSON}
    elif one.verb == "void":
        sets = {"outcome": "void_by_person"}
    elif one.verb in ("verify", "recover") and one.who == ROBOT:
        sets = {"resolved_ms": one.at_ms}
    elif one.verb == "reopen" and _outcome(connection, ticket_id) == lifecycle.BY_PERSON:
        sets = {"resolved_ms": None, "outcome": ""}
    _write(connection, one, ticket_id, one.verb, sets)


def _outcome(connection: Connection, ticket_id: int) -> str:
    return str(run(connection, "SELECT outcome FROM ticket WHERE id = ?", ticket_id).scalar())


class _Was(NamedTuple):
    number: str
    state: str
    acknowledged_ms: int | None
    acknowledged_by: str | None
    engineer: str | None
    waiting: str
    arrival_ms: int | None
    resolved_ms: int | None


def _write(connection: Connection, one: TicketChange, ticket_id: int, verb: str, sets: Mapping[str, object]) -> None:
    """A line of the log, and the row as it is then."""
    was = _must_be(connection, ticket_id, verb)
    at_ms = one.opened_ms if isinstance(one, TicketOpen) else one.at_ms
    event_id = _log(connection, ticket_id, at_ms, verb, one)
    standing = Standing(
        state=was.state,
        acknowledged_ms=was.acknowledged_ms,
        engineer=was.engineer or "",
        waiting=was.waiting,
        arrival_ms=was.arrival_ms,
        fault_is_over=was.resolved_ms is not None,
    )
    now = lifecycle.after(standing, Event(event_id, at_ms, one.who, verb, one.text, one.data))
    row: dict[str, object] = {
        "state": now.state,
        "acknowledged_ms": now.acknowledged_ms,
        "acknowledged_by": was.acknowledged_by or (one.who if now.acknowledged_ms is not None else None),
        "engineer": now.engineer or None,
        "waiting": now.waiting,
        "arrival_ms": now.arrival_ms,
        **({} if verb in SETS_NO_WAKE else {"wake_at_ms": at_ms}),
        **sets,
    }
    names = ", ".join(f"{name} = ?" for name in row)
    run(connection, f"UPDATE ticket SET {names} WHERE id = ?", *row.values(), ticket_id)
    if now.state in OVER and was.state not in OVER:
        reservations.end_of(connection, ticket_id, one.who, at_ms)
    if one.who != ROBOT:
        deed = audit.Deed(who=one.who, at_ms=at_ms)
        after = {"state": now.state, **({"text": one.text} if one.text else {})}
        audit.add(connection, deed, f"ticket.{verb}", f"ticket:{was.number}", before={"state": was.state}, after=after)


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


def _must_be(connection: Connection, ticket_id: int, verb: str) -> _Was:
    """A ticket as it was, if the verb works on it."""
    rows = look(connection, f"SELECT {', '.join(_Was._fields)} FROM ticket WHERE id = ?", ticket_id)
    if not rows:
        raise StoreError(
            what=f"cannot {verb} ticket {ticket_id}: there is none with this id",
            where="ticket",
            do="look it up by its number",
            cause="conflict",
        )
    found = rows[0]
    if found[1] not in STEPS[verb].from_:
        raise conflict(
            f"cannot {verb} ticket {found[0]}: it is {found[1]}",
            "ticket",
            f"{verb} works on {', '.join(STEPS[verb].from_)}",
        )
    return _Was(*found)


def _log(connection: Connection, ticket_id: int, at_ms: int, verb: str, one: TicketChange) -> int:
    ((event_id,),) = look(
        connection,
        "INSERT INTO ticket_event (ticket_id, at_ms, who, verb, text, data) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        ticket_id,
        at_ms,
        clean(one.who, 160),
        verb,
        clean(one.text, TEXT_LIMIT),
        json_text(dict(one.data)),
    )
    return int(event_id)


def read(connection: Connection, where: str, values: Sequence[object], limit: int) -> list[TicketRow]:
    """Tickets that match, by id; `where` is a condition of this package's own making."""
    found = run(connection, f"SELECT {COLUMNS} FROM ticket WHERE {where} LIMIT ?", *values, limit)
    return [row_of(row) for row in found]


def row_of(found: Sequence[Any]) -> TicketRow:
    """A row of the database's, its truth values as Python's."""
    row = TicketRow(*found)
    return row._replace(opened_late=bool(row.opened_late), watched=bool(row.watched))


def events_of(connection: Connection, ticket_id: int) -> list[Event]:
    """A ticket's log for the functions that read it."""
    return [as_event(one) for one in log_of(connection, ticket_id)]


def events_of_many(connection: Connection, ids: Sequence[int]) -> dict[int, list[Event]]:
    """The logs of these tickets."""
    found: dict[int, list[Event]] = {ticket: [] for ticket in ids}
    for part in chunks(ids):
        rows = run(
            connection,
            "SELECT id, ticket_id, at_ms, who, verb, text, data FROM ticket_event "
            f"WHERE ticket_id IN ({marks(len(part))}) ORDER BY id",
            *part,
        )
        for row in rows:
            found[row[1]].append(Event(row[0], row[2], row[3], row[4], row[5], json.loads(row[6])))
    return found


def as_event(one: TicketEvent) -> Event:
    """A line of a log for the functions that read it."""
    return Event(one.id, one.at_ms, one.who, one.verb, one.text, one.data)


def log_of(connection: Connection, ticket_id: int) -> list[TicketEvent]:
    """A ticket's log, in order."""
    found = run(
        connection,
        "SELECT id, ticket_id, at_ms, who, verb, text, data FROM ticket_event WHERE ticket_id = ? ORDER BY id",
        ticket_id,
    )
    return [TicketEvent(*row)._replace(data=json.loads(row[6])) for row in found]
