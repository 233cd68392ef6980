"""/tickets: what is to be done, what it stands on, and a person's word on it.

A person's word is a command: a row that the engine answers within a moment. The engine decides; this only asks.

    POST /tickets/2026-000007/acknowledge   ->   200 the ticket · 409 the engine says no · 202 it has not answered yet
"""

import time
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NamedTuple, cast

from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import telling
from roundsman_collector.api.access import Act, See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.shapes import AskedShape, TicketFullShape, TicketsShape
from roundsman_collector.core.model import Ref
from roundsman_collector.roles import Who
from roundsman_collector.store import CommandRow, SampleRow, TicketEvent, TicketRow
from roundsman_collector.store.tickets import TEXT_LIMIT
from roundsman_collector.store.witness import RecordRow
from roundsman_collector.wording import short
from roundsman_wire.report import Sample

TicketState = Literal["open", "acknowledged", "resolved", "void", "merged"]
Verb = Literal["acknowledge", "note", "resolve"]
PAGE_LIMIT = 500
LOOK_EVERY_S = 0.05
REFS_SHOWN = 10
CHILDREN_SHOWN = 500

router = APIRouter(prefix="/tickets", tags=["tickets"])

TicketName = Annotated[str, Path(description="A ticket's number (2026-000007) or id.", min_length=1, max_length=40)]


class Words(BaseModel):
    """What a person says with it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    text: str = Field(default="", max_length=TEXT_LIMIT, description="in the person's own words; a note must have some")


@router.get("", response_model=TicketsShape, summary="Tickets, the newest first")
def tickets(
    request: Request,
    who: See,
    state: Annotated[list[TicketState] | None, Query(description="In one of these states.", max_length=5)] = None,
    device: Annotated[str | None, Query(description="Of one device, or of @ and an agent.", max_length=80)] = None,
    before: Annotated[int | None, Query(description="`next_before` of the page before.", ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)] = 100,
) -> dict[str, Any]:
    """A page of tickets. `next_before` leads to older ones."""
    desk = desk_of(request)
    rows = desk.view.tickets(states=state or (), subject=device, before_id=before, limit=limit + 1, scope=who.scope)
    page = rows[:limit]
    agents = desk.view.agent_names(row.agent_no for row in page)
    explained = desk.view.count_children([row.id for row in page], scope=who.scope)
    return {
        "tickets": [telling.ticket(desk, row, agents, explained) for row in page],
        "next_before": page[-1].id if len(rows) > limit else None,
    }


@router.get("/{ticket}", response_model=TicketFullShape, summary="One ticket with its log and evidence")
def ticket(request: Request, who: See, ticket: TicketName) -> dict[str, Any]:
    """A ticket, everything that was done about it, and the records that it stands on."""
    desk = desk_of(request)
    return full(desk, who, *ticket_or_404(desk, who, ticket))


@router.post(
    "/{ticket}/{verb}",
    response_model=TicketFullShape,
    responses={202: {"model": AskedShape, "description": "The engine has not answered yet."}},
    summary="Acknowledge a ticket, add a note, or resolve it",
)
def act(
    request: Request,
    ticket: TicketName,
    verb: Annotated[Verb, Path(description="What is to be done.")],
    who: Act,
    words: Annotated[Words | None, Body()] = None,
) -> Any:
    """Ask the engine; wait two seconds for its answer. 409: it says no, and why."""
    desk = desk_of(request)
    answer = ask(desk, who, ticket, verb, words.text if words else "")
    if answer.state == "new":
        return JSONResponse(_not_yet(answer, ticket), 202)
    return full(desk, who, *ticket_or_404(desk, who, ticket))


def ask(desk: Desk, who: Who, ticket: str, verb: Verb, text: str) -> CommandRow:
    """Ask the engine for something and wait a moment: the command, done or still new; Problem where it says no."""
    row, _ = ticket_or_404(desk, who, ticket)
    if verb == "note" and not text.strip():
        raise bad_parameter("body.text", "a note without words says nothing", "some text")
    args = {"ticket": row.id, "text": text}
    command_id = desk.view.ask(who=who.id, verb=verb, args=args, now_ms=desk.now_ms())
    answer = awaited(desk, command_id)
    if answer.state == "failed":
        raise Problem(
            409,
            "not_allowed",
            what=str((answer.result or {}).get("error", "the engine said no")),
            where=f"ticket {row.number}",
            expected=f"a ticket that {verb} works on",
            do="look at the ticket as it stands now",
        )
    return answer


def awaited(desk: Desk, command_id: int) -> CommandRow:
    """A command once it is answered, or as it is when that takes too long."""
    until = time.monotonic() + desk.answer_within_s
    while True:
        found = desk.view.command(command_id)
        assert found is not None, "commands are never deleted"
        if found.state != "new" or time.monotonic() >= until:
            return found
        time.sleep(LOOK_EVERY_S)


def _not_yet(answer: CommandRow, ticket: str) -> dict[str, Any]:
    return {
        "command": answer.id,
        "state": "new",
        "ticket": ticket,
        "do": "it will be done when the collector's engine runs; look at the ticket again in a while",
    }


def ticket_or_404(desk: Desk, who: Who, ticket: str) -> tuple[TicketRow, list[TicketEvent]]:
    """A ticket by number or id, with its log; Problem where there is none that they reach."""
    is_id = ticket.isascii() and ticket.isdigit() and len(ticket) < 19
    found = desk.view.ticket(int(ticket) if is_id else ticket)
    if found is None or not desk.view.reaches(who.scope, found[0].subject):
        raise Problem(
            404,
            "no_ticket",
            what=f"there is no ticket {short(ticket)}",
            where="path",
            expected="a number such as 2026-000007, or an id",
            do="look it up in GET /api/v1/tickets",
        )
    return found


def full(desk: Desk, who: Who, row: TicketRow, log: list[TicketEvent]) -> dict[str, Any]:
    """A ticket with its log and evidence, what its cause explains, and the ticket of its own cause."""
    explained = desk.view.count_children([row.id], scope=who.scope)
    return {
        **telling.ticket(desk, row, desk.view.agent_names([row.agent_no]), explained),
        "merged_into": _merged_into(desk, who, row),
        "children": children(desk, who, row),
        "events": [telling.ticket_event(one) for one in log],
        "evidence": _evidence(desk, who, row, log),
    }


def _merged_into(desk: Desk, who: Who, row: TicketRow) -> str | None:
    """The number of the ticket that a merged one became part of; of another's ticket nothing is told."""
    found = None if row.merged_into is None else desk.view.ticket(row.merged_into)
    return found[0].number if found is not None and desk.view.reaches(who.scope, found[0].subject) else None


def children(desk: Desk, who: Who, row: TicketRow) -> list[dict[str, Any]]:
    """What a ticket's cause explains and explained, those that it still does first."""
    found = desk.view.ticket_children(row.id, scope=who.scope, limit=CHILDREN_SHOWN)
    numbers = desk.view.ticket_numbers({one.merged_ticket_id for one in found if one.merged_ticket_id is not None})
    return [
        {
            "subject": one.subject,
            "component": one.component,
            "code": one.code,
            "name_zh": desk.fault_name(one.code, "zh"),
            "name_en": desk.fault_name(one.code, "en"),
            **stamped("fault_from", one.fault_from_ms),
            **stamped("joined", one.joined_ms),
            **stamped("left", one.left_ms),
            "ticket": None if one.merged_ticket_id is None else numbers[one.merged_ticket_id],
        }
        for one in found
    ]


# --- evidence --------------------------------------------------------------------------------------------------------


class Reference(NamedTuple):
    """A record that a ticket points at, and what it is to it."""

    role: str
    ref: Ref


def references(log: Iterable[TicketEvent]) -> list[Reference]:
    """The records that a ticket's log points at, each once, in the order they were named."""
    found: dict[tuple[str, int], Reference] = {}
    for event in log:
        for role, value in event.data.items():
            one = _as_ref(value)
            if one is not None:
                found.setdefault((one.stream, one.n), Reference(role, one))
    return list(found.values())[:REFS_SHOWN]


def _as_ref(value: object) -> Ref | None:
    if not isinstance(value, dict):
        return None
    stream, n, t = value.get("stream"), value.get("n"), value.get("t")
    if isinstance(stream, str) and isinstance(n, int) and isinstance(t, int):
        return Ref(stream, n, t)
    return None


def _evidence(desk: Desk, who: Who, row: TicketRow, log: list[TicketEvent]) -> list[dict[str, Any]]:
    """The records that a ticket points at; a reference whose record is not shown says why."""
    return [_told(desk, who, one, desk.view.record(row.agent_no, one.ref)) for one in references(log)]


def _told(desk: Desk, who: Who, one: Reference, found: RecordRow | None) -> dict[str, Any]:
    said = {"role": one.role, "ref": telling.ref(one.ref), "record": None, "device": None, "why": None}
    if found is None:
        return said | {"why": "not found: its day has been pruned, or its time is not the one it was received under"}
    if found.record["kind"] != "sample":
        return said | {"why": f"it is no sample: the agent said {found.record['kind']}"}
    device = found.record["device"]
    if not desk.view.reaches(who.scope, device):
        return said | {"why": "it is of a device that you do not reach"}
    record = cast(Sample, found.record)
    sample = SampleRow(found.seq, found.agent_no, found.stream, found.received_ms, record, found.as_of_ms)
    return said | {"record": telling.sample(sample), "device": device}
