"""What was written down of customers: every conversation of a window, and what each ticket of a period has on file.

    conversations(connection, scope, (from_ms, to_ms)) -> [Conversation(kind="again", ...), ...]      by time
    records(connection, KeptAsked(...)) -> [TicketRecords(ticket, steps, files, review), ...]         by number

A conversation is a line of a ticket's log: a report by people, another call, a call to the customer, a follow-up; or a
slip of an inquiry, of which no ticket is made. It belongs to the window in which it was written down. Records are those
of the tickets that were opened in the period, voided ones, too: what was written down stays. A customer is told of
those that were opened for them alone: who has the device now does not hear what others said.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.intervals import Pair
from roundsman_collector.roles import Scope
from roundsman_collector.store import slips
from roundsman_collector.store.fault_counts import tickets_within
from roundsman_collector.store.kept import KeptAsked, conditions
from roundsman_collector.store.sql import chunks, look, marks, quoted

Kind = Literal["reported", "again", "contacted", "follow_up", "inquiry"]
KINDS: Mapping[Kind, tuple[str, str]] = {
    "reported": ("报修", "reported"),
    "again": ("再次来电", "called again"),
    "contacted": ("联系客户", "customer contacted"),
    "follow_up": ("回访", "followed up"),
    "inquiry": ("咨询", "inquiry"),
}
VERBS: Mapping[str, Kind] = {"open": "reported", "call": "again", "contact": "contacted", "follow_up": "follow_up"}
REVIEW = "review"
FILED = ("open", "call", "contact", "report", "sign", "follow_up", "confirm", REVIEW)
"""Steps that leave a record."""


class Conversation(NamedTuple):
    """`way`: a word of the ticket's source, of a report; else phone. `is_reached` None: nobody said.

    `number`: a ticket's; of an inquiry, a slip's, which is about no `subject`.
    """

    id: int
    at_ms: int
    kind: Kind
    way: str
    number: str
    subject: str
    code: str
    customer: str | None
    site: str | None
    who: str
    is_reached: bool | None
    words: str


def conversations(connection: Connection, scope: Scope, window: Pair) -> list[Conversation]:
    """Those that were written down in [from, to), of the tickets that a scope reaches."""
    reached, values = tickets_within(scope)
    rows = look(
        connection,
        "SELECT event.id, event.at_ms, event.verb, event.who, event.text, event.data, ticket.number, ticket.subject, "
        "ticket.code, ticket.customer, ticket.site, ticket.source FROM ticket_event AS event "
        "JOIN ticket ON ticket.id = event.ticket_id "
        f"WHERE event.at_ms >= ? AND event.at_ms < ? AND event.verb IN ({quoted(VERBS)}) "
        f"AND (event.verb <> 'open' OR ticket.source <> 'monitoring') AND {reached} ORDER BY event.at_ms, event.id",
        *window,
        *values,
    )
    talks = [
        Conversation(
            id=event,
            at_ms=at_ms,
            kind=VERBS[verb],
            way=source if verb == "open" else "phone",
            number=number,
            subject=subject,
            code=code,
            customer=customer,
            site=site,
            who=who,
            is_reached=_is_reached(verb, json.loads(data)),
            words=text,
        )
        for event, at_ms, verb, who, text, data, number, subject, code, customer, site, source in rows
    ]
    return sorted([*talks, *_inquiries(connection, scope, window)], key=lambda one: one.at_ms)


def _inquiries(connection: Connection, scope: Scope, window: Pair) -> list[Conversation]:
    """What people only asked: slips that are not void."""
    found = slips.of_days(connection, scope, slips.SlipFilter(kind="inquiry", made=window))
    return [
        Conversation(
            id=row.id,
            at_ms=row.made_ms,
            kind="inquiry",
            way="phone",
            number=row.number,
            subject="",
            code="",
            customer=row.customer,
            site=row.site,
            who=row.made_by,
            is_reached=None,
            words=" → ".join(filter(None, (said.values.get("question"), said.values.get("answer")))),
        )
        for row, said in found
        if row.state != "void"
    ]


def _is_reached(verb: str, data: Mapping[str, Any]) -> bool | None:
    if verb == "contact":
        return data.get("outcome") != "not_reached"
    return bool(data.get("reached", True)) if verb == "follow_up" else None


class Review(NamedTuple):
    """Who looked a ticket's records through last, when, and whether they were as they should be."""

    who: str
    at_ms: int
    accepted: bool


class TicketRecords(NamedTuple):
    """A ticket and what is on file of it: how many of which step and of which kind of file."""

    ticket: int
    number: str
    opened_ms: int
    code: str
    state: str
    subject: str
    customer: str | None
    site: str | None
    engineer: str | None
    steps: Mapping[str, int]
    files: Mapping[str, int]
    review: Review | None


def records(connection: Connection, asked: KeptAsked) -> list[TicketRecords]:
    """What is on file of the tickets of a period, by number."""
    (where, values), (reached, more) = conditions(asked), tickets_within(asked.scope)
    rows = look(
        connection,
        "SELECT ticket.id, ticket.number, ticket.opened_ms, ticket.code, ticket.state, ticket.subject, "
        f"ticket.customer, ticket.site, ticket.engineer FROM ticket WHERE {where} AND {reached} "
        "ORDER BY ticket.id",
        *values,
        *more,
    )
    found: list[TicketRecords] = []
    for part in chunks(rows):
        ids = [row[0] for row in part]
        steps, reviews = _steps(connection, ids)
        filed = _files(connection, ids)
        found += (
            TicketRecords._make((*row, steps.get(row[0], {}), filed.get(row[0], {}), reviews.get(row[0])))
            for row in part
        )
    return found


def _steps(connection: Connection, ids: Sequence[int]) -> tuple[dict[int, dict[str, int]], dict[int, Review]]:
    rows = look(
        connection,
        f"SELECT ticket_id, verb, count(*) FROM ticket_event WHERE ticket_id IN ({marks(len(ids))}) "
        f"AND verb IN ({quoted(FILED)}) GROUP BY ticket_id, verb",
        *ids,
    )
    reviews = look(
        connection,
        f"SELECT ticket_id, who, at_ms, data FROM ticket_event WHERE ticket_id IN ({marks(len(ids))}) "
        f"AND verb = '{REVIEW}' ORDER BY id",
        *ids,
    )
    return _counted(rows), {
        ticket: Review(who, at_ms, bool(json.loads(data).get("accepted", True))) for ticket, who, at_ms, data in reviews
    }


def _files(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    return _counted(
        look(
            connection,
            f"SELECT ticket_id, kind, count(*) FROM file WHERE ticket_id IN ({marks(len(ids))}) "
            "AND named_ms IS NOT NULL GROUP BY ticket_id, kind",
            *ids,
        )
    )


def _counted(rows: Iterable[tuple[Any, ...]]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for ticket, name, number in rows:
        found[ticket][name] = number
    return found
