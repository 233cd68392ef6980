"""Who hears of news, and from when on: a notice for each way that wants it, in the transaction of what it tells of.

    write(connection, news, listeners, now_ms)

A way that is nobody's own hears of what its filter wants. Somebody's own way hears of less, each for a reason:

    own            they are sent, or were until now; it was handed over to them; a clock's level names their role
    responsible    they answer for the place or site (售后服务责任人)     where the way wants that: `also`, responsible
    duty           they are on duty there now (主班)                  where the way wants that: `also`, duty
    backup         they are on backup duty there (备班): they hear of what has to be answered when nobody has after the
                   way's `backup_minutes`; at once where nobody on duty hears of it
    told           they were told of it on duty: they hear of its end, whoever is on duty by then

Whoever answers for a place or is on duty there (on_call.py) hears of it as far as their scope reaches. What somebody on
duty hears, for whichever reason, passes the quiet hours of such a way.

Replayed history never pages (law 3). A ticket that opens and is over in the same transaction tells nobody. One that
opens with a fault of old may be the work of a queue that is still being taken: it is held for two minutes, and if it is
over by then, nobody hears of its opening or its end.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.lifecycle import MENDED, SENT
from roundsman_collector.store import on_call, people, ways
from roundsman_collector.store import tickets as ticket_rows
from roundsman_collector.store.news import AWAITED, MONITORING, OVERS, News
from roundsman_collector.store.notices import INSERT, TEXT_LIMIT, Held
from roundsman_collector.store.on_call import NOBODY, OnCall
from roundsman_collector.store.people import PersonRow
from roundsman_collector.store.sql import chunks, clean, json_text, many, marks, run
from roundsman_collector.store.tickets import TicketRow
from roundsman_collector.store.ways import Also, Belonging, Event, WayRow

FRESH_MS = 10 * 60_000
"""A fault that began longer ago is not news of this moment."""
HOLD_MS = 2 * 60_000
CALLS: tuple[Event, ...] = ("opened", "called_again", "reopened", "warned", "breached")
"""What whoever is on duty is called for. What is told to one person alone, and how it ends, is no call."""
Reason = Literal["own", "responsible", "duty", "backup", "told"]
WANTED_BY: Mapping[Reason, Also] = {
    "responsible": "responsible",
    "duty": "duty",
    "backup": "duty",
    "told": "duty",
}
"""What of `also` lets a way hear for this reason."""


class Hearing(NamedTuple):
    """A way that hears of something, and why; no reasons: it is nobody's own."""

    way: WayRow
    reasons: frozenset[Reason] = frozenset()

    @property
    def is_backup(self) -> bool:
        """Whether it hears only in place of somebody else."""
        return self.reasons == {"backup"}


class _Listeners:
    """The ways by whose they are: of hundreds of engineers' own only those are asked whom a ticket concerns."""

    def __init__(self, listeners: Sequence[WayRow]) -> None:
        self.everybodys = [way for way in listeners if way.person is None]
        self._own: dict[str, list[WayRow]] = {}
        for way in listeners:
            if way.person is not None:
                self._own.setdefault(way.person, []).append(way)
        self.people = tuple(self._own)
        self.on_duty = [way for way in listeners if way.person is not None and "duty" in way.filter.also]
        self.are_called = any(way.filter.also for way in listeners if way.person is not None)

    def own(self, reasons: Mapping[str, Collection[Reason]]) -> list[Hearing]:
        """The own ways of these people that hear for these reasons."""
        found = []
        for person in sorted(reasons):
            for way in self._own.get(person, ()):
                mine = frozenset(one for one in reasons[person] if one == "own" or WANTED_BY[one] in way.filter.also)
                if mine:
                    found.append(Hearing(way, mine))
        return found


@dataclass(slots=True)
class _Desk:
    """What bears on who hears of a transaction's news, looked up once."""

    connection: Connection
    tickets: Mapping[int, TicketRow]
    listeners: _Listeners
    called: Mapping[str, OnCall]
    heard: Mapping[int, Collection[int]]
    """The ways that were told of a ticket that is over now."""
    homes: dict[str, Belonging] = field(default_factory=dict)
    people: dict[str, PersonRow | None] = field(default_factory=dict)

    def home(self, subject: str) -> Belonging:
        """Where a subject belongs."""
        if subject not in self.homes:
            self.homes[subject] = ways.belonging(self.connection, subject)
        return self.homes[subject]

    def person(self, person: str) -> PersonRow | None:
        """Somebody who may sign in; None: there is nobody by that name."""
        if person not in self.people:
            found = people.one(self.connection, person)
            self.people[person] = None if found is None or found.disabled_ms is not None else found
        return self.people[person]

    def answers_for(self, person: str, roles: Collection[str], subject: str) -> bool:
        """Whether somebody has one of these roles, and the subject is in reach of theirs."""
        known = self.person(person)
        return known is not None and known.role in roles and self.is_reached(person, subject)

    def is_reached(self, person: str, subject: str) -> bool:
        """Whether a subject is within somebody's scope."""
        known = self.person(person)
        if known is None:
            return False
        home, scope = self.home(subject), known.scope
        return scope.everything or bool(home.groups & scope.groups) or bool(home.customers & scope.customers)


def write(connection: Connection, told: Sequence[News], listeners: Sequence[WayRow], now_ms: int) -> None:
    """Put a notice into the outbox for each way that wants the news. The changes must be written already."""
    if not told or not listeners:
        return
    desk = _desk(connection, told, listeners, now_ms)
    rows: list[tuple[object, ...]] = []
    for one in (_as_it_ended(one, desk.tickets[one.ticket_id]) for one in told):
        ticket = desk.tickets[one.ticket_id]
        hearing = _hearing(desk, one, ticket)
        body = json_text(_facts(desk, ticket, one)) if hearing else ""
        for heard in hearing:
            way = heard.way
            if one.event in OVERS and _was_held(connection, way.id, ticket.id, now_ms):
                continue
            if way.timing.after_minutes and one.event not in AWAITED and not _was_told(connection, way.id, ticket.id):
                continue
            held, wake_at_ms = _hold(heard, one, ticket, now_ms)
            about = (way.id, one.key, one.event, ticket.subject, body, now_ms)
            called = desk.called.get(ticket.subject, NOBODY)
            passes = "duty" in way.filter.also and way.person in (called.primary | called.backup)
            rows.append((*about, wake_at_ms, ticket.id, ticket.severity, held, wake_at_ms, passes))
    many(connection, INSERT, rows)


def _desk(connection: Connection, told: Sequence[News], listeners: Sequence[WayRow], now_ms: int) -> _Desk:
    tickets = {row.id: row for row in _tickets(connection, [one.ticket_id for one in told])}
    known = _Listeners(listeners)
    called: Mapping[str, OnCall] = {}
    if known.are_called:
        called = on_call.of(connection, {row.subject for row in tickets.values()}, now_ms)
    ended = [one.ticket_id for one in told if one.event in OVERS] if known.on_duty else []
    return _Desk(connection, tickets, known, called, _heard(connection, ended))


def _hearing(desk: _Desk, one: News, ticket: TicketRow) -> list[Hearing]:
    """The ways that hear of something."""
    found = [Hearing(way) for way in desk.listeners.everybodys if _wants(desk, way, one, ticket)]
    own = [heard for heard in desk.listeners.own(_reasons(desk, one, ticket)) if _wants(desk, heard.way, one, ticket)]
    if not any("duty" in heard.reasons for heard in own):
        own = [heard._replace(reasons=heard.reasons | {"duty"}) if heard.is_backup else heard for heard in own]
    return found + [heard for heard in own if not heard.is_backup or one.event in AWAITED]


def _reasons(desk: _Desk, one: News, ticket: TicketRow) -> dict[str, set[Reason]]:
    """Whom of those with a way of their own a ticket concerns, and why."""
    found: dict[str, set[Reason]] = {person: {"own"} for person in _concerned(desk, one, ticket)}
    called = desk.called.get(ticket.subject, NOBODY)
    why: list[tuple[Reason, Iterable[str]]] = [("responsible", called.responsible)]
    if one.event in CALLS:
        why += [("duty", called.primary), ("backup", called.backup)]
    elif one.event in OVERS:
        heard = desk.heard.get(ticket.id, ())
        told = {way.person for way in desk.listeners.on_duty if way.id in heard and way.person is not None}
        why.append(("told", told))
    for reason, persons in why:
        for person in persons:
            if person in desk.listeners.people and desk.is_reached(person, ticket.subject):
                found.setdefault(person, set()).add(reason)
    return found


def _as_it_ended(one: News, ticket: TicketRow) -> News:
    """What the engine calls over, or never there, is told as what it did to the ticket (tickets.py)."""
    if one.event == "resolved" and ticket.state == "verified":
        return one._replace(event="verified")
    if one.event in ("resolved", "voided") and ticket.state in (*SENT, *MENDED):
        return one._replace(event="recovered")
    return one


def _wants(desk: _Desk, way: WayRow, one: News, ticket: TicketRow) -> bool:
    if not way.filter.wants(one.event, ticket.severity):
        return False
    if way.person is not None and desk.person(way.person) is None:
        return False
    return not way.filter.is_narrow or way.filter.reaches(desk.home(ticket.subject))


def _concerned(desk: _Desk, one: News, ticket: TicketRow) -> set[str]:
    """Whom a ticket concerns by itself: who is sent, and who was until now, where somebody else is sent instead; to
    whom it is handed over. Of a clock those whom its service level names (core/level.py, Escalation), or who is sent.
    """
    found = {ticket.engineer or "", _named(one)} - {""}
    named = one.data.get("tell")
    if one.event in ("warned", "breached") and named:
        sent = found if "engineer" in named else set()
        roles = set(named) - {"engineer"}
        return sent | {one for one in desk.listeners.people if desk.answers_for(one, roles, ticket.subject)}
    if one.event == "dispatched":
        sql = "SELECT data FROM ticket_event WHERE ticket_id = ? AND verb = 'dispatch' ORDER BY id DESC LIMIT 2"
        rows = run(desk.connection, sql, ticket.id)
        found |= {str(json.loads(row[0]).get("engineer") or "") for row in rows} - {""}
    return found


def _named(one: News) -> str:
    """Who is sent by a dispatch, or has it from now on by a hand-over; empty: nobody is named."""
    key = {"dispatched": "engineer", "handed_over": "to"}.get(one.event)
    return "" if key is None else str(one.data.get(key) or "")


def _hold(heard: Hearing, one: News, ticket: TicketRow, now_ms: int) -> tuple[Held, int]:
    """Why a notice waits before it is told, and until when."""
    timing = heard.way.timing
    minutes = max(timing.after_minutes, timing.backup_minutes) if heard.is_backup else timing.after_minutes
    if minutes and one.event in AWAITED:
        return "answer", now_ms + minutes * 60_000
    if one.event == "opened" and ticket.source == MONITORING and now_ms - ticket.fault_from_ms > FRESH_MS:
        return "old", now_ms + HOLD_MS
    return "", now_ms


def _was_held(connection: Connection, way: int, ticket_id: int, now_ms: int) -> bool:
    """Whether the opening of a ticket that is now over was still held on this way, because its fault is of old; it is
    not told any more, and its end is not either."""
    held = run(
        connection,
        "UPDATE notice SET state = 'over', wake_at_ms = NULL, done_ms = ? "
        "WHERE way = ? AND key = ? AND state = 'new' AND tries = 0 AND held = 'old' AND wake_at_ms > ?",
        now_ms,
        way,
        f"opened:{ticket_id}",
        now_ms,
    )
    return held.rowcount > 0


def _was_told(connection: Connection, way: int, ticket_id: int) -> bool:
    """Whether this way was told anything of a ticket."""
    sql = "SELECT 1 FROM notice WHERE ticket_id = ? AND way = ? AND state IN ('sent', 'gathered') LIMIT 1"
    return run(connection, sql, ticket_id, way).first() is not None


def _heard(connection: Connection, tickets: Sequence[int]) -> dict[int, set[int]]:
    """The ways that were told anything of these tickets, or are about to be."""
    found: dict[int, set[int]] = {}
    told = "state IN ('sent', 'gathered') OR (state = 'new' AND held <> 'answer')"
    for part in chunks(tickets):
        sql = f"SELECT DISTINCT ticket_id, way FROM notice WHERE ticket_id IN ({marks(len(part))}) AND ({told})"
        for ticket_id, way in run(connection, sql, *part):
            found.setdefault(ticket_id, set()).add(way)
    return found


def _tickets(connection: Connection, ids: Iterable[int]) -> list[TicketRow]:
    found: list[TicketRow] = []
    for part in chunks(ids):
        found += ticket_rows.read(connection, f"id IN ({marks(len(part))})", part, len(part))
    return found


def _facts(desk: _Desk, ticket: TicketRow, one: News) -> dict[str, Any]:
    """A ticket's facts as they are at this moment: what is told later does not change with it.

    Of a caller nothing but the words: names and telephone numbers stay on the ticket.
    """
    engineer = _named(one) or ticket.engineer or ""
    facts: dict[str, Any] = {
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
    if engineer:
        known = desk.person(engineer)
        facts["engineer"] = {"id": engineer, "name": known.name if known else engineer}
    if one.event in ("warned", "breached"):
        facts["clock"] = {key: one.data.get(key) for key in ("clock", "percent", "due_ms")}
    return facts
