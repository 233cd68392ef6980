"""/tickets: what is to be done, what it stands on, and a person's word on it.

A person's word is a command: a row that the engine answers within a moment. The engine decides; this only asks.

    POST /tickets/2026-000007/acknowledge   ->   200 the ticket · 409 the engine says no · 202 it has not answered yet
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import telling
from roundsman_collector.api.access import Act, See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.shapes import AskedShape, TicketFullShape, TicketsShape
from roundsman_collector.core.model import Ref
from roundsman_collector.roles import Who
from roundsman_collector.store import CommandRow, SampleRow, TicketEvent, TicketRow
from roundsman_collector.store.tickets import TEXT_LIMIT
from roundsman_collector.wording import short

TicketState = Literal["open", "acknowledged", "resolved", "void"]
Verb = Literal["acknowledge", "note", "resolve"]
PAGE_LIMIT = 500
LOOK_EVERY_S = 0.05
NEAR_MS = 15 * 60_000
"""How far from a reference's event time its record is looked for: its own clock may differ from the repaired time."""
LOOK_S = 1.5
"""How long the records of one ticket are looked for: evidence is a chain, and walking far back takes its time."""
LOOK_ROWS = 500
REFS_SHOWN = 10
AGENT_DEVICES = 20

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
    state: Annotated[list[TicketState] | None, Query(description="In one of these states.", max_length=4)] = None,
    device: Annotated[str | None, Query(description="Of one device, or of @ and an agent.", max_length=80)] = None,
    before: Annotated[int | None, Query(description="`next_before` of the page before.", ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)] = 100,
) -> dict[str, Any]:
    """A page of tickets. `next_before` leads to older ones."""
    desk = desk_of(request)
    rows = desk.view.tickets(states=state or (), subject=device, before_id=before, limit=limit + 1, scope=who.scope)
    page = rows[:limit]
    agents = agent_names(desk)
    return {
        "tickets": [telling.ticket(desk, row, agents) for row in page],
        "next_before": page[-1].id if len(rows) > limit else None,
    }


@router.get("/{ticket}", response_model=TicketFullShape, summary="One ticket with its log and evidence")
def ticket(request: Request, who: See, ticket: TicketName) -> dict[str, Any]:
    """A ticket, everything that was done about it, and the records that it stands on."""
    desk = desk_of(request)
    return full(desk, *ticket_or_404(desk, who, ticket))


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
    return full(desk, *ticket_or_404(desk, who, ticket))


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


def agent_names(desk: Desk) -> dict[int, str]:
    """Agents' ids by their numbers in the database."""
    return {row.no: row.id for row in desk.view.agents()}


def full(desk: Desk, row: TicketRow, log: list[TicketEvent]) -> dict[str, Any]:
    """A ticket with its log and evidence."""
    agents = agent_names(desk)
    return {
        **telling.ticket(desk, row, agents),
        "events": [telling.ticket_event(one) for one in log],
        "evidence": _evidence(desk, row, log, agents),
    }


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


def _evidence(desk: Desk, row: TicketRow, log: list[TicketEvent], agents: dict[int, str]) -> list[dict[str, Any]]:
    """The records that a ticket points at; a reference whose record is not found says why."""
    wanted = references(log)
    found: dict[Ref, tuple[str, SampleRow]] = {}
    until = time.monotonic() + LOOK_S
    for device in _subjects(desk, row, agents):
        missing = [one.ref for one in wanted if one.ref not in found]
        if not missing:
            break
        found.update((ref, (device, sample)) for ref, sample in find(desk, device, missing, until).items())
    return [_told(one, found.get(one.ref)) for one in wanted]


def _told(one: Reference, found: tuple[str, SampleRow] | None) -> dict[str, Any]:
    said = {"role": one.role, "ref": telling.ref(one.ref)}
    if found is None:
        why = "not found near this time: pruned, too far back to be looked for here, or a record that is no sample"
        return {**said, "record": None, "device": None, "why": why}
    device, sample = found
    return {**said, "record": telling.sample(sample), "device": device, "why": None}


def _subjects(desk: Desk, row: TicketRow, agents: dict[int, str]) -> Iterator[str]:
    """The devices whose samples the ticket may stand on: its own, or some of its agent's."""
    if not row.subject.startswith("@"):
        yield row.subject
        return
    agent = agents.get(row.agent_no)
    mine = (one.id for one in desk.view.devices(limit=1000) if one.agent == agent)
    yield from list(mine)[:AGENT_DEVICES]


def find(desk: Desk, device: str, refs: Sequence[Ref], until: float) -> dict[Ref, SampleRow]:
    """The samples that references name, looked for around their times, newest first; those found in time."""
    wanted = {(ref.stream, ref.n): ref for ref in refs}
    from_ms, to_ms = min(ref.t for ref in refs) - NEAR_MS, max(ref.t for ref in refs) + NEAR_MS
    found: dict[Ref, SampleRow] = {}
    before: int | None = None
    while before is None or time.monotonic() < until:
        page = desk.view.samples(device, from_ms, to_ms, limit=LOOK_ROWS, before_seq=before)
        for row in page.samples:
            ref = wanted.get((row.stream, row.sample["n"]))
            if ref is not None:
                found[ref] = row
        before = page.next_seq
        if before is None or len(found) == len(wanted):
            break
    return found
