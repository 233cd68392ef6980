"""/tickets: what is to be done, what it stands on, and a person's word on it.

A person's word is a command: a row that the engine answers within a moment. The engine decides; this only asks.

    POST /tickets                           ->   201 a new ticket · 200 the one that the fault has already
    POST /tickets/2026-000007/acknowledge   ->   200 the ticket · 409 the engine says no · 202 it has not answered yet

A ticket has a version, its ETag: who sends `If-Match` with a step acts on what they saw, or not at all (412). Who sends
`Idempotency-Key` may send again: what was done under it is told again, not done again.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, cast

from fastapi import APIRouter, Body, Header, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import telling
from roundsman_collector.api.access import Act, See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.shapes import AskedShape, TicketFullShape, TicketsShape, TicketState
from roundsman_collector.api.ticket_steps import said as checked
from roundsman_collector.api.whole_numbers import note
from roundsman_collector.core.level import CLOCKS
from roundsman_collector.core.lifecycle import STATES, STEPS, is_persons, offered, standing_of
from roundsman_collector.core.model import Ref
from roundsman_collector.core.sla import Reading
from roundsman_collector.reports.dossier import masked_data
from roundsman_collector.roles import Who
from roundsman_collector.rules.promised import promised_from
from roundsman_collector.store import CommandRow, SampleRow, StoreError, TicketEvent, TicketRow
from roundsman_collector.store.commands import KEY_LIMIT
from roundsman_collector.store.openings import TEXT_LIMIT
from roundsman_collector.store.tickets import as_event
from roundsman_collector.store.witness import RecordRow
from roundsman_collector.wording import short
from roundsman_wire.report import Sample

PAGE_LIMIT = 500
LOOK_EVERY_S = 0.05
REFS_SHOWN = 10
CHILDREN_SHOWN = 500

router = APIRouter(prefix="/tickets", tags=["tickets"])

TicketName = Annotated[str, Path(description="A ticket's number (2026-000007) or id.", min_length=1, max_length=40)]


class Words(BaseModel):
    """What a person says with a step."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    text: str = Field(default="", max_length=TEXT_LIMIT, description="in the person's own words; a note must have some")
    data: dict[str, Any] = Field(default_factory=dict, description="what the step says beside: docs/tickets.md")


class Caller(BaseModel):
    """Who reports a fault."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(default="", max_length=200)
    phone: str = Field(default="", max_length=60)


class Fault(BaseModel):
    """A fault that a person reports."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    subject: str = Field(
        min_length=1, max_length=80, description="a device id, or # and a site's where nobody knows yet"
    )
    code: str = Field(default="", max_length=80, description="of GET /rules; empty: it is not named yet")
    component: str = Field(default="", max_length=80)
    severity: Literal["", "urgent", "major", "minor"] = ""
    service_class: Literal["", "clerk", "maintenance", "replacement"] = ""
    customer_priority: Literal["", "urgent", "major", "minor"] = Field(
        default="", description="how urgent the customer calls it; some promises depend on it"
    )
    text: str = Field(min_length=1, max_length=TEXT_LIMIT, description="what is wrong, in the caller's words")
    wish: str = Field(default="", max_length=400, description="what the customer wishes: when, who, how")
    caller: Caller = Field(default_factory=Caller)
    source: Literal["phone", "qr", "api"] = "api"
    called_ms: int | None = Field(
        default=None, ge=1, le=2**53, description="when the call came, if that was before now"
    )
    since_ms: int | None = Field(default=None, ge=1, le=2**53, description="since when, as far as the caller knows")


Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=8, max_length=KEY_LIMIT, pattern=r"^[!-~]+$")]
Match = Annotated[str | None, Header(alias="If-Match", max_length=40)]


@router.get("", response_model=TicketsShape, summary="Tickets, the newest first")
def tickets(
    request: Request,
    who: See,
    state: Annotated[
        list[TicketState] | None, Query(description="In one of these states.", max_length=len(STATES))
    ] = None,
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


@router.post(
    "",
    status_code=201,
    response_model=TicketFullShape,
    responses={
        200: {"model": TicketFullShape, "description": "The fault has a ticket; the report was added to it."},
        202: {"model": AskedShape, "description": "The engine has not answered yet."},
    },
    summary="Report a fault",
)
def report(request: Request, who: Act, fault: Fault, key: Key = None) -> Any:
    """Open a ticket for what somebody reports: by phone, by the QR label, by a program."""
    desk = desk_of(request)
    answer = ask_to_open(desk, who, fault, key)
    if answer.state == "new":
        return JSONResponse(_not_yet(answer, ""), 202)
    told = answer.result or {}
    found = full(desk, who, *ticket_or_404(desk, who, str(told["number"])))
    return _answer(found, 200 if told.get("is_known") else 201)


@router.get("/{ticket}", response_model=TicketFullShape, summary="One ticket with its log and evidence")
def ticket(request: Request, who: See, ticket: TicketName) -> Any:
    """A ticket, everything that was done about it, and the records that it stands on."""
    desk = desk_of(request)
    return _answer(full(desk, who, *ticket_or_404(desk, who, ticket)), 200)


def _answer(found: dict[str, Any], status: int) -> JSONResponse:
    shown = TicketFullShape.model_validate(found).model_dump(mode="json", by_alias=True)
    return JSONResponse(shown, status, headers={"ETag": f'"{found["version"]}"'})


@router.post(
    "/{ticket}/{verb}",
    response_model=TicketFullShape,
    responses={202: {"model": AskedShape, "description": "The engine has not answered yet."}},
    summary="Take a step: acknowledge a ticket, send somebody, sign, close it",
)
def act(
    request: Request,
    ticket: TicketName,
    verb: Annotated[str, Path(description="What is to be done: a step of docs/tickets.md.", max_length=40)],
    who: Act,
    words: Annotated[Words | None, Body()] = None,
    key: Key = None,
    match: Match = None,
) -> Any:
    """Ask the engine; wait two seconds for its answer. 409: it says no, and why. 412: the ticket is another by now."""
    desk = desk_of(request)
    said = words or Words()
    answer = ask(desk, who, ticket, verb, said.text, data=said.data, seen=version_of(match), key=key)
    if answer.state == "new":
        return JSONResponse(_not_yet(answer, ticket), 202)
    return _answer(full(desk, who, *ticket_or_404(desk, who, ticket)), 200)


def version_of(match: str | None) -> int | None:
    """The version of `If-Match: "17"`; None where there is none."""
    if match is None or match.strip() == "*":
        return None
    plain = match.strip().removeprefix("W/").strip('"')
    if not (plain.isascii() and plain.isdigit() and len(plain) < 19):
        raise bad_parameter("header If-Match", f"{short(match)} is no version", "the ETag of GET")
    return int(plain)


def ask(
    desk: Desk,
    who: Who,
    ticket: str,
    verb: str,
    text: str,
    *,
    data: Mapping[str, Any] | None = None,
    seen: int | None = None,
    key: str | None = None,
) -> CommandRow:
    """Ask for a step and wait a moment: the command, done or still new; Problem where the engine says no.

    `seen`: the version the person acts on; None: on whatever it is now.
    """
    row, _ = ticket_or_404(desk, who, ticket)
    if not is_persons(verb):
        raise bad_parameter("path.verb", f"there is no step {short(verb)}", "a step of docs/tickets.md")
    if verb == "note" and not text.strip():
        raise bad_parameter("body.text", "a note without words says nothing", "some text")
    if not who.may(STEPS[verb].right):
        raise Problem(
            403,
            "not_allowed_to_you",
            what=f"your role does not let you {verb} a ticket",
            where=f"ticket {row.number}",
            expected=f"the right {STEPS[verb].right}",
            do="ask a service manager",
        )
    args: dict[str, Any] = {"ticket": row.id, "text": text}
    if said := checked(verb, data or {}):
        args["data"] = said
    if seen is not None:
        args["seen"] = seen
    if STEPS[verb].right == "overrule":
        args["may_overrule"] = True
    return judged(asked(desk, who, verb, args, key), f"ticket {row.number}", seen)


def ask_to_open(desk: Desk, who: Who, fault: Fault, key: str | None, *, at_most: int | None = None) -> CommandRow:
    """Ask for a ticket for what somebody reports. `at_most`: so many live ones its subject may have from this source;
    beyond, it joins the newest."""
    if not desk.view.reaches(who.scope, fault.subject):
        raise bad_parameter("body.subject", f"there is no {short(fault.subject)}", "a device's id, or # and a site's")
    if fault.code and not desk.knows_fault(fault.code):
        raise bad_parameter(
            "body.code", f"there is no fault {short(fault.code)}", "a code of GET /api/v1/rules, or none"
        )
    if fault.called_ms is not None and fault.called_ms > desk.now_ms():
        raise bad_parameter("body.called_ms", "a call of the future", "a time that has passed")
    args = {name: value for name, value in fault.model_dump().items() if value not in (None, "")}
    if at_most is not None:
        args["at_most"] = at_most
    return judged(asked(desk, who, "open", args, key), "the report", None)


def asked(desk: Desk, who: Who, verb: str, args: Mapping[str, Any], key: str | None) -> CommandRow:
    """A command, once it is answered or that takes too long; Problem for a key that stands for another one."""
    try:
        command_id = desk.view.ask(who=who.id, verb=verb, args=args, now_ms=desk.now_ms(), key=key)
    except StoreError as error:
        if error.cause != "conflict":
            raise
        raise Problem(
            422,
            "key_used",
            what="this Idempotency-Key stands for another request",
            where="header Idempotency-Key",
            expected="a key that was not used, or the same request again",
            do="choose a new key",
        ) from error
    return awaited(desk, command_id)


def judged(answer: CommandRow, where: str, seen: int | None) -> CommandRow:
    """The command, or the Problem of an engine that says no. `why_zh` and `why_en` are for people."""
    if answer.state != "failed":
        return answer
    told = answer.result or {}
    is_newer = told.get("cause") == "newer"
    raise StepProblem(
        412 if is_newer and seen is not None else 409,
        "newer" if is_newer else "not_allowed",
        what=str(told.get("error", "the engine said no")),
        where=where,
        expected="a step that its state allows",
        do="look at it as it stands now",
        zh=str(told.get("zh", "")),
        en=str(told.get("en", "")),
    )


class StepProblem(Problem):
    """A step that the engine does not take. `zh` and `en`: why, for the person who wanted it; may be empty."""

    def __init__(
        self, status: int, code: str, *, what: str, where: str, expected: str, do: str, zh: str, en: str
    ) -> None:
        super().__init__(status, code, what=what, where=where, expected=expected, do=do)
        self.zh, self.en = zh, en


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
    if who.may("act") and any(masked_data(one.data) != one.data for one in log):
        note(desk, who, f"ticket:{row.number}", "a number in its log")
    return {
        **telling.ticket(desk, row, desk.view.agent_names([row.agent_no]), explained),
        "merged_into": _merged_into(desk, who, row),
        "children": children(desk, who, row),
        "events": [telling.ticket_event(one if who.may("act") else _masked(one)) for one in log],
        "version": standing_of(as_event(one) for one in log).version,
        "steps": steps(who, row.state),
        "clocks": clocks(desk, row, log),
        "evidence": _evidence(desk, who, row, log),
    }


def clocks(desk: Desk, row: TicketRow, log: list[TicketEvent]) -> list[dict[str, Any]]:
    """How the ticket's clocks stand now, each with the stretches that it is made of."""
    found = None if row.level_id is None else desk.view.promised(row.level_id)
    if found is None:
        return []
    promised = promised_from(found[0].body, found[1])
    return [_clock(one) for one in promised.read([as_event(line) for line in log], desk.now_ms())]


def _clock(one: Reading) -> dict[str, Any]:
    zh, en = CLOCKS[one.clock]
    return {
        "clock": one.clock,
        "name_zh": zh,
        "name_en": en,
        "state": one.state,
        "kind": one.row.kind,
        "source": one.row.source,
        **stamped("start", one.start_ms),
        **stamped("due", one.due_ms),
        **stamped("promised_due", one.promised_due_ms),
        **stamped("ended", one.ended_ms),
        "target_ms": one.target_ms,
        "elapsed_ms": one.elapsed_ms,
        "remaining_ms": one.remaining_ms,
        "recorded_breach": one.recorded_breach,
        "segments": [
            {**stamped("from", part.from_ms), **stamped("to", part.to_ms), "kind": part.kind, "reason": part.reason}
            for part in one.segments
        ],
    }


def asked_for(desk: Desk, row: TicketRow) -> frozenset[str]:
    """The steps that this ticket needs because its service level asks for them: a diagnosis, a review."""
    found = None if row.level_id is None else desk.view.promised(row.level_id)
    if found is None:
        return frozenset()
    level = promised_from(found[0].body, found[1]).level
    named = {"examine": level.examined_first, "review": level.review}
    return frozenset(verb for verb, is_asked in named.items() if is_asked)


def steps(who: Who, state: str) -> list[dict[str, str]]:
    """What somebody can do with a ticket in this state, as far as the state and their role say."""
    return [
        {"verb": verb, "name_zh": STEPS[verb].zh, "name_en": STEPS[verb].en}
        for verb in offered(state)
        if who.may(STEPS[verb].right)
    ]


def _masked(one: TicketEvent) -> TicketEvent:
    return one._replace(data=masked_data(one.data))


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
    return [_told(desk, who, one, _record(desk, row, one.ref)) for one in references(log)]


def _record(desk: Desk, row: TicketRow, ref: Ref) -> RecordRow | None:
    return None if row.agent_no is None else desk.view.record(row.agent_no, ref)


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
