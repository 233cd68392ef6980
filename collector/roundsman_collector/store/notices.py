"""The outbox: what is to be told to whom, written in the transaction of what it tells of.

    state      new        waits for the delivery (wake_at_ms: not before)
               sent       the other end has taken it
               dead       it could not be told; a person may try again
               gathered   a digest tells of it: too many at once, or a way that is told by the day
               over       nobody needs it any more: the ticket is over, or somebody has answered
    held       why a new one waits, beside failing: `old` (below), `answer` (perhaps somebody answers), `quiet` (the
               way's quiet hours), `daily` (it is told once a day)

    what befalls a ticket                                   event
    open; it is over, or never was                          opened; resolved, voided
    ... where somebody was sent: it only tells them         recovered, verified (mended, and the readings say so)
    reopen, recur; call                                     reopened; called_again
    dispatch (who was sent before hears it too)             dispatched
    warn, breach of a clock                                 warned, breached

A notice has a key that is unique on its way (`opened:17`), so that nothing is told twice for one happening. What is
told again until somebody answers is a notice of its own (`opened:17~2`), written when the one before was told.

Replayed history never pages (law 3). A ticket that opens and is over in the same transaction tells nobody. One that
opens with a fault of old may be the work of a queue that is still being taken: it is held for two minutes, and if it is
over by then, nobody hears of its opening or its end.
"""

import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.lifecycle import MENDED, SENT
from roundsman_collector.store import audit, people, ways
from roundsman_collector.store import tickets as ticket_rows
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.people import PersonRow
from roundsman_collector.store.sql import chunks, clean, json_text, many, marks, run
from roundsman_collector.store.tickets import (
    TicketChange,
    TicketLater,
    TicketOpen,
    TicketOpened,
    TicketResolve,
    TicketRow,
    TicketStep,
    TicketVoid,
)
from roundsman_collector.store.ways import Belonging, Event, WayRow

State = Literal["new", "sent", "dead", "gathered", "over"]
STATES: tuple[State, ...] = ("new", "sent", "dead", "gathered", "over")
MONITORING = "monitoring"
TEST = "test"
DIGEST = "digest"
TEXT_LIMIT = 500
Held = Literal["", "old", "answer", "quiet", "daily"]
AWAITED: tuple[Event, ...] = ("opened", "called_again", "dispatched", "breached", "reopened")
"""What somebody has to answer: a way that waits for that hears of it later, or again."""
OF_STEPS: Mapping[str, Event] = {
    "call": "called_again",
    "dispatch": "dispatched",
    "warn": "warned",
    "breach": "breached",
    "recover": "recovered",
    "verify": "verified",
    "resolve": "resolved",
    "reopen": "reopened",
    "recur": "reopened",
    "void": "voided",
}
"""What a line of a ticket's log is as news. Other lines are none."""
ENDS: tuple[Event, ...] = ("recovered", "verified", "resolved", "reopened", "voided")
"""How the fault stands: of several in one transaction the last counts."""
OVERS: tuple[Event, ...] = ("recovered", "verified", "resolved", "voided")
FRESH_MS = 10 * 60_000
"""A fault that began longer ago is not news of this moment."""
HOLD_MS = 2 * 60_000


class NoticeRow(NamedTuple):
    """A notice as it is kept. `body` holds the facts at the time of the event; see `_facts`.

    `subject`: the ticket's, or empty. `tries`: how often it was tried. `error`: what the last try met, or nothing.
    `due_ms`: since when it might be told (None: since it was made); it is tried for some days from then on.
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
    ticket_id: int | None = None
    severity: str = ""
    held: Held = ""
    due_ms: int | None = None


class News(NamedTuple):
    """What befell a ticket in a transaction, when it became known, and who did it with which words."""

    ticket_id: int
    event: Event
    who: str
    text: str
    at_ms: int = 0
    data: Mapping[str, Any] = MappingProxyType({})

    @property
    def key(self) -> str:
        """What is unique of it. A ticket opens and is voided once; the rest may befall it again."""
        if self.event in ("opened", "voided"):
            return f"{self.event}:{self.ticket_id}"
        clock = f":{self.data.get('clock', '')}" if self.event in ("warned", "breached") else ""
        return f"{self.event}:{self.ticket_id}:{self.at_ms}{clock}"


COLUMNS = ", ".join(NoticeRow._fields)
BODY = NoticeRow._fields.index("body")
INSERT = (
    "INSERT INTO notice "
    "(way, key, event, subject, body, made_ms, state, tries, wake_at_ms, error, ticket_id, severity, held, due_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, 'new', 0, ?, '', ?, ?, ?, ?) ON CONFLICT (way, key) DO NOTHING"
)


def news(changes: Sequence[TicketChange], opened: Sequence[TicketOpened]) -> list[News]:
    """What is worth telling of a transaction's changes. Pure.

    Only how a ticket stands at the end counts; one that was opened and ended here was over before anybody could know.
    """
    fresh = iter(opened)
    ids: dict[int, int] = {}
    found: dict[tuple[int, str], News] = {}
    new: set[int] = set()
    for change in changes:
        if isinstance(change, TicketOpen):
            made = next(fresh)
            ids[change.ticket] = made.id
            if made.how == "open":
                new.add(made.id)
                words = "" if change.source == MONITORING else change.text
                found[made.id, "opened"] = News(made.id, "opened", change.who, words, change.opened_ms)
            elif made.how in OF_STEPS:
                event = OF_STEPS[made.how]
                found[made.id, _slot(event, {})] = News(made.id, event, change.who, "", change.opened_ms)
            continue
        ticket_id = ids[change.ticket] if change.ticket < 0 else change.ticket
        one = _of_change(change, ticket_id)
        if one is None:
            continue
        if ticket_id in new and one.event in ENDS:
            found = {key: kept for key, kept in found.items() if key[0] != ticket_id}
        else:
            found[ticket_id, _slot(one.event, one.data)] = one
    return list(found.values())


def _of_change(change: TicketLater, ticket_id: int) -> News | None:
    """What a change of a ticket is as news, or nothing."""
    match change:
        case TicketResolve():
            event: Event | None = "resolved"
        case TicketVoid():
            event = "voided"
        case TicketStep():
            event = OF_STEPS.get(change.verb)
        case _:
            event = None
    return None if event is None else News(ticket_id, event, change.who, change.text, change.at_ms, change.data)


def _slot(event: Event, data: Mapping[str, Any]) -> str:
    """What of a ticket the news is about: later news of the same takes its place, so a breach that of a warning."""
    if event in ("warned", "breached"):
        return f"clock {data.get('clock', '')}"
    return "end" if event in ENDS else event


@dataclass(slots=True)
class _Desk:
    """What bears on who hears of a transaction's news, looked up once."""

    connection: Connection
    tickets: Mapping[int, TicketRow]
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
        if known is None or known.role not in roles:
            return False
        home = self.home(subject)
        scope = known.scope
        return scope.everything or bool(home.groups & scope.groups) or bool(home.customers & scope.customers)


class _Hearers:
    """The ways by whose they are: of hundreds of engineers' own only those are asked whom a ticket concerns."""

    def __init__(self, listeners: Sequence[WayRow]) -> None:
        self._own: dict[str | None, list[WayRow]] = {}
        for way in listeners:
            self._own.setdefault(way.person, []).append(way)
        self.people = tuple(person for person in self._own if person is not None)

    def of(self, people: Iterable[str]) -> list[WayRow]:
        """Everybody's ways, and these people's own."""
        return [*self._own.get(None, ()), *(way for one in sorted(people) for way in self._own.get(one, ()))]


def write(connection: Connection, told: Sequence[News], listeners: Sequence[WayRow], now_ms: int) -> None:
    """Put a notice into the outbox for each way that wants the news. The changes must be written already."""
    if not told or not listeners:
        return
    desk = _Desk(connection, {row.id: row for row in _tickets(connection, [one.ticket_id for one in told])})
    hearers = _Hearers(listeners)
    rows: list[tuple[object, ...]] = []
    for one in (_as_it_ended(one, desk.tickets[one.ticket_id]) for one in told):
        ticket = desk.tickets[one.ticket_id]
        wanting = [
            way for way in hearers.of(_concerned(desk, one, ticket, hearers.people)) if _wants(desk, way, one, ticket)
        ]
        body = json_text(_facts(desk, ticket, one)) if wanting else ""
        for way in wanting:
            if one.event in OVERS and _was_held(connection, way.id, ticket.id, now_ms):
                continue
            if way.timing.after_minutes and one.event not in AWAITED and not _was_told(connection, way.id, ticket.id):
                continue
            held, wake_at_ms = _hold(way, one, ticket, now_ms)
            rows.append(
                (
                    way.id,
                    one.key,
                    one.event,
                    ticket.subject,
                    body,
                    now_ms,
                    wake_at_ms,
                    ticket.id,
                    ticket.severity,
                    held,
                    wake_at_ms,
                )
            )
    many(connection, INSERT, rows)


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


def _concerned(desk: _Desk, one: News, ticket: TicketRow, own: Sequence[str]) -> set[str]:
    """Whom of those with a way of their own a ticket concerns: who is sent, and who was until now, where somebody else
    is sent instead. Of a clock those whom its service level names (core/level.py, Escalation), or who is sent."""
    found = {ticket.engineer or "", _engineer(one)} - {""}
    named = one.data.get("tell")
    if one.event in ("warned", "breached") and named:
        sent = found if "engineer" in named else set()
        return sent | {one for one in own if desk.answers_for(one, set(named) - {"engineer"}, ticket.subject)}
    if one.event == "dispatched":
        sql = "SELECT data FROM ticket_event WHERE ticket_id = ? AND verb = 'dispatch' ORDER BY id DESC LIMIT 2"
        found |= {_named(json.loads(row[0])) for row in run(desk.connection, sql, ticket.id)} - {""}
    return found


def _engineer(one: News) -> str:
    return _named(one.data) if one.event == "dispatched" else ""


def _named(data: Mapping[str, Any]) -> str:
    """Who is sent by a dispatch."""
    return str(data.get("engineer") or "")


def _hold(way: WayRow, one: News, ticket: TicketRow, now_ms: int) -> tuple[Held, int]:
    """Why a notice waits before it is told, and until when."""
    if way.timing.after_minutes and one.event in AWAITED:
        return "answer", now_ms + way.timing.after_minutes * 60_000
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


def _tickets(connection: Connection, ids: Iterable[int]) -> list[TicketRow]:
    found: list[TicketRow] = []
    for part in chunks(ids):
        found += ticket_rows.read(connection, f"id IN ({marks(len(part))})", part, len(part))
    return found


def _facts(desk: _Desk, ticket: TicketRow, one: News) -> dict[str, Any]:
    """A ticket's facts as they are at this moment: what is told later does not change with it.

    Of a caller nothing but the words: names and telephone numbers stay on the ticket.
    """
    engineer = _engineer(one) or ticket.engineer or ""
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
    values = (way, key, event, "", json_text(dict(body)), now_ms, now_ms, None, "", "", now_ms)
    return int(run(connection, sql, *values).scalar_one())


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
        "UPDATE notice SET state = 'new', tries = 0, wake_at_ms = ?, due_ms = ?, held = '', done_ms = NULL "
        "WHERE id = ?",
        deed.at_ms,
        deed.at_ms,
        notice,
    )
    audit.add(connection, deed, "notice.retry", str(notice), before={"error": found.error, "tries": found.tries})


def retry_all(connection: Connection, way: int, deed: Deed) -> int:
    """Try everything again that is dead on a way, but for tests; return how many they are."""
    _must_be_used(connection, way)
    dead = run(
        connection,
        "UPDATE notice SET state = 'new', tries = 0, wake_at_ms = ?, due_ms = ?, held = '', done_ms = NULL "
        f"WHERE way = ? AND state = 'dead' AND event <> '{TEST}'",
        deed.at_ms,
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
