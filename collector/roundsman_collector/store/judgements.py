"""What customers said of the tickets of a period (core/judgements.py), for those that are in any figure.

found(connection, KeptAsked(...)) -> [JudgedRow(ticket=..., judgement=Judgement(...)), ...]      the newest first

A customer is told of the tickets that were opened for them: who has the device now does not hear what others said.
"""

import json
from collections import defaultdict
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.judgements import VERBS, Judgement, judged
from roundsman_collector.core.ticket_log import Event
from roundsman_collector.store.fault_counts import tickets_within
from roundsman_collector.store.kept import JUDGED, KeptAsked, conditions
from roundsman_collector.store.sql import look, quoted


class JudgedRow(NamedTuple):
    """A ticket and what its customer said. `engineer` None: nobody was sent."""

    ticket: int
    number: str
    subject: str
    engineer: str | None
    judgement: Judgement


def found(connection: Connection, asked: KeptAsked) -> list[JudgedRow]:
    """The judgements of the tickets that are asked for, by ticket, the newest first."""
    (where, values), (reached, more) = conditions(asked), tickets_within(asked.scope)
    rows = look(
        connection,
        "SELECT ticket.id, ticket.number, ticket.subject, ticket.engineer, event.id, event.at_ms, event.who, "
        "event.verb, event.text, event.data FROM ticket JOIN ticket_event AS event ON event.ticket_id = ticket.id "
        f"WHERE {where} AND {reached} AND {JUDGED} AND event.verb IN ({quoted(VERBS)}) "
        "ORDER BY ticket.id DESC, event.id",
        *values,
        *more,
    )
    logs: dict[tuple[int, str, str, str | None], list[Event]] = defaultdict(list)
    for ticket, number, subject, engineer, event, at_ms, who, verb, text, data in rows:
        logs[ticket, number, subject, engineer].append(Event(event, at_ms, who, verb, text, json.loads(data)))
    told = ((at, judged(log)) for at, log in logs.items())
    return [JudgedRow(*at, judgement) for at, judgement in told if judgement is not None]
