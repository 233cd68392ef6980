"""/agents: what an agent says of itself, commands to it, and configurations that are pushed to it.

    GET  /agents/gw-2                                    what it says of itself, what it offers to be asked
    POST /agents/gw-2/commands {"verb": "log_tail", "args": {"log": "kiosk"}}                 201: it will be sent
    POST /agents/gw-2/commands {"verb": "reboot", "consent": {…}, "confirm": "gw-2"}          goes once, audited
    GET  /agents/gw-2/commands · /agents/gw-2/commands/{id}                                   and what it answered
    POST /agents/gw-2/configurations {"text": "[uplink]\\n…", "rollback_s": 600}              201; dry_run: looked at
    POST /agents/gw-2/configurations/withdraw

An agent is whoever reaches all of it: its group, or every device that it speaks for. To others it is not there.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import Command, Configure, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import problem_of
from roundsman_collector.api.moments import EXPECTED, read, stamped
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.telling import ROOT
from roundsman_collector.core import configured
from roundsman_collector.core.asking import (
    CAPABILITY,
    CHANGING,
    EXPIRES_S,
    HOW,
    LONGEST_S,
    SHORTEST_S,
    TEXT_LIMIT,
    VERBS,
    WHO_LIMIT,
    Consent,
    Verb,
)
from roundsman_collector.core.configured import Body, ConfigurationError, Flaw, Line
from roundsman_collector.roles import Who
from roundsman_collector.store import AgentNow, AskedRow, AskWish, EntryError, PushRow, PushWish
from roundsman_collector.store.audit import Deed
from roundsman_collector.wording import short
from roundsman_wire.codec import config_hash

PAGE_LIMIT = 200
TEXT_BYTES = 512 * 1024
"""Characters of a configuration at most, with its comments."""

router = APIRouter(prefix="/agents", tags=["agents"])

AgentId = Annotated[str, Path(description="An agent's id.", min_length=1, max_length=64)]
CommandId = Annotated[str, Path(description="A command's id.", min_length=1, max_length=64)]
PushId = Annotated[int, Path(description="A push's number.", ge=1, le=2**62)]


class Agreed(BaseModel):
    """Who of the customer's people agreed to it, how and when, for which device."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    who: str = Field(min_length=1, max_length=WHO_LIMIT, description="the name of the customer's contact")
    how: str = Field(max_length=20, description=", ".join(HOW))
    at: str | int = Field(description=EXPECTED)
    device: str = Field(max_length=63, description="the device that it is about")
    text: str = Field("", max_length=TEXT_LIMIT, description="to what, in words")


class AskShape(BaseModel):
    """What is to be asked. What changes something needs a consent, and the agent's id once more."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    verb: Verb
    args: dict[str, str | int] = Field(default_factory=dict, max_length=8)
    expires_s: float = Field(EXPIRES_S, ge=SHORTEST_S, le=LONGEST_S, description="the agent refuses it after that")
    consent: Agreed | None = None
    confirm: str = Field("", max_length=64, description="the agent's id, for what changes something")


class PushShape(BaseModel):
    """A configuration: as a text (TOML or JSON), or as tables."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = Field(None, max_length=TEXT_BYTES)
    body: dict[str, Any] | None = None
    rollback_s: int = Field(configured.ROLLBACK_S, ge=configured.SHORTEST_S, le=configured.LONGEST_S)
    note: str = Field("", max_length=configured.NOTE_LIMIT, description="why, in words")
    dry_run: bool = Field(False, description="look through it, and push nothing")


class MoreShape(BaseModel):
    """Anything more is told beside."""

    model_config = ConfigDict(extra="allow")


class CommandShape(MoreShape):
    """A command as it stands: `waiting`, `sent`, `answered`, `refused` (by the agent), `expired`."""

    id: str
    agent: str
    verb: str
    state: Literal["waiting", "sent", "answered", "refused", "expired"]
    args: dict[str, Any]
    device: str | None
    asked_by: str
    asked_ms: int
    expires_ms: int
    sent_ms: int | None
    done_ms: int | None
    detail: str
    output: str
    consent: dict[str, Any] | None
    links: dict[str, str]


class CommandsShape(BaseModel):
    """A page of commands, the newest first."""

    commands: list[CommandShape]
    next_before_ms: int | None


class PushedShape(MoreShape):
    """A configuration that was pushed, without its tables."""

    id: int
    agent: str
    hash: str
    state: Literal["new", "sent", "confirmed", "refused", "rolled_back", "replaced", "withdrawing", "withdrawn"]
    note: str
    rollback_s: int
    made_by: str
    made_ms: int
    sent_ms: int | None
    done_ms: int | None
    detail: str
    links: dict[str, str]


class PushedFullShape(PushedShape):
    """… and with them."""

    body: dict[str, Any]


class LookedShape(BaseModel):
    """What a configuration would be, looked through and not pushed. `difference`: from the one pushed before."""

    hash: str
    dry_run: Literal[True]
    difference: list[str]


class PushesShape(BaseModel):
    """A page of them, the newest first."""

    configurations: list[PushedShape]
    next_before: int | None


class AgentShape(MoreShape):
    """An agent, and what it says of itself; null where it has not said anything yet."""

    id: str
    group: str
    devices: list[str]
    offers: list[str]
    versions: dict[str, str] | None
    platform: str | None
    config_hash: str | None
    pushed: PushedShape | None
    links: dict[str, str]


@router.get("/{agent}", response_model=AgentShape, summary="One agent, and what it says of itself")
def one(request: Request, who: Command, agent: AgentId) -> dict[str, Any]:
    """Its versions, what it may be asked, and what configuration it has beside the one that was pushed last."""
    desk = desk_of(request)
    now = agent_or_404(desk, who, agent)
    last = desk.view.pushes(now.id, limit=1)
    at = f"{ROOT}/agents/{now.id}"
    return {
        "id": now.id,
        "group": now.group,
        "devices": list(now.devices),
        "offers": offered(now),
        "versions": now.born.versions if now.born else None,
        "platform": now.born.platform if now.born else None,
        "config_hash": now.born.config_hash if now.born else None,
        **stamped("born", now.born.received_ms if now.born else None),
        "pushed": told_push(last[0]) if last else None,
        "links": {
            "self": at,
            "commands": f"{at}/commands",
            "configurations": f"{at}/configurations",
            "page": f"/agents/{now.id}",
        },
    }


# --- commands --------------------------------------------------------------------------------------------------------


@router.get("/{agent}/commands", response_model=CommandsShape, summary="What people asked of an agent")
def commands(
    request: Request,
    who: Command,
    agent: AgentId,
    before_ms: Annotated[int | None, Query(description="`next_before_ms` of the page before.", ge=1, le=2**53)] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)] = 50,
) -> dict[str, Any]:
    """The newest first; commands of the same millisecond may be told twice."""
    desk = desk_of(request)
    now = agent_or_404(desk, who, agent)
    rows = desk.view.asked(now.id, limit=limit + 1, before_ms=before_ms)
    return {
        "commands": [told_command(row) for row in rows[:limit]],
        "next_before_ms": rows[limit - 1].asked_ms if len(rows) > limit else None,
    }


@router.post("/{agent}/commands", response_model=CommandShape, status_code=201, summary="Ask something of an agent")
def ask(request: Request, who: Command, agent: AgentId, wish: AskShape) -> dict[str, Any]:
    """It is sent as soon as there is a line; what changes something goes once. 409: it cannot be asked now."""
    desk = desk_of(request)
    if wish.verb in CHANGING and wish.confirm != agent:
        raise Problem(
            409,
            "not_confirmed",
            what=f"{wish.verb} changes something, and is not confirmed",
            where="body.confirm",
            expected="the agent's id once more",
            do="make sure that it is the right machine, and ask again with confirm",
        )
    consent = None if wish.consent is None else consent_of(wish.consent)
    made = asked(
        desk,
        who,
        deed_of(request, who),
        agent,
        AskWish(verb=wish.verb, args=wish.args, consent=consent, expires_s=wish.expires_s),
    )
    return told_command(made)


@router.get("/{agent}/commands/{command}", response_model=CommandShape, summary="One command, and what was answered")
def command_of(request: Request, who: Command, agent: AgentId, command: CommandId) -> dict[str, Any]:
    """How a command stands; once it is answered, the agent's words and what it sent beside."""
    return told_command(command_or_404(desk_of(request), who, agent, command))


# --- configurations --------------------------------------------------------------------------------------------------


@router.get("/{agent}/configurations", response_model=PushesShape, summary="What was pushed to an agent")
def pushes(
    request: Request,
    who: Configure,
    agent: AgentId,
    before: Annotated[int | None, Query(description="`next_before` of the page before.", ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)] = 50,
) -> dict[str, Any]:
    """The newest first."""
    desk = desk_of(request)
    now = agent_or_404(desk, who, agent)
    rows = desk.view.pushes(now.id, limit=limit + 1, before_id=before)
    return {
        "configurations": [told_push(row) for row in rows[:limit]],
        "next_before": rows[limit - 1].id if len(rows) > limit else None,
    }


@router.post(
    "/{agent}/configurations",
    response_model=PushedFullShape | LookedShape,
    status_code=201,
    summary="Push a configuration to an agent",
)
def push(request: Request, who: Configure, agent: AgentId, wish: PushShape) -> dict[str, Any]:
    """Looked through here, checked in full by the agent, and taken back by it when it hears of nobody any more."""
    desk = desk_of(request)
    now = agent_or_404(desk, who, agent)
    body = body_of(wish)
    found = configured.flaws(body)
    if found:
        raise flawed(found)
    if wish.dry_run:
        lines = difference(desk, now, body)
        return {"hash": config_hash(body), "dry_run": True, "difference": [f"{one.sign}{one.text}" for one in lines]}
    wanted = PushWish(body=body, rollback_s=wish.rollback_s, note=wish.note)
    return full_push(pushed(desk, who, deed_of(request, who), now.id, wanted))


@router.post("/{agent}/configurations/withdraw", response_model=PushedFullShape, summary="Withdraw what was pushed")
def withdraw(request: Request, who: Configure, agent: AgentId) -> dict[str, Any]:
    """The broker keeps it no more. The agent keeps what it has until another one comes."""
    desk = desk_of(request)
    return full_push(withdrawn(desk, who, deed_of(request, who), agent))


@router.get(
    "/{agent}/configurations/{push}", response_model=PushedFullShape, summary="One configuration that was pushed"
)
def push_of(request: Request, who: Configure, agent: AgentId, push: PushId) -> dict[str, Any]:
    """Its tables, and what became of it."""
    return full_push(push_or_404(desk_of(request), who, agent, push))


# --- shared with the pages and the command line ----------------------------------------------------------------------


def agent_or_404(desk: Desk, who: Who, agent: str) -> AgentNow:
    """The agent; Problem where there is none, or none all of which they reach: which of the two is not told."""
    found = desk.view.agent_now(agent, scope=who.scope)
    if found is None:
        raise Problem(
            404,
            "no_agent",
            what=f"there is no agent {short(agent)}",
            where="path",
            expected="an agent of the register, all of whose devices you reach",
            do="look it up on the page of one of its devices",
        )
    return found


def command_or_404(desk: Desk, who: Who, agent: str, command: str) -> AskedRow:
    """A command to an agent; Problem where there is none."""
    now = agent_or_404(desk, who, agent)
    found = desk.view.asked_one(command)
    if found is None or found.agent != now.id:
        raise Problem(
            404,
            "no_command",
            what=f"there is no command {short(command)}",
            where="path",
            expected="the id of a command to this agent",
            do=f"look it up in GET {ROOT}/agents/{now.id}/commands",
        )
    return found


def push_or_404(desk: Desk, who: Who, agent: str, push: int) -> PushRow:
    """A push to an agent; Problem where there is none."""
    now = agent_or_404(desk, who, agent)
    found = desk.view.push(now.id, push)
    if found is None:
        raise Problem(
            404,
            "no_configuration",
            what=f"there is no configuration {push} of this agent",
            where="path",
            expected="the number of one that was pushed to it",
            do=f"look it up in GET {ROOT}/agents/{now.id}/configurations",
        )
    return found


def offered(now: AgentNow) -> list[Verb]:
    """What an agent may be asked: what it says it can do and we know; before it said anything, who it is."""
    if now.born is None:
        return ["birth"]
    return [verb for verb in VERBS if f"{CAPABILITY}{verb}" in now.born.capabilities]


def consent_of(given: Agreed) -> Consent:
    """A consent as it was written."""
    at_ms = read(str(given.at), "body.consent.at")
    return Consent(who=given.who, how=given.how, at_ms=at_ms, device=given.device, text=given.text)


def asked(desk: Desk, who: Who, deed: Deed, agent: str, wish: AskWish) -> AskedRow:
    """Ask, audited; Problem where it cannot be."""
    try:
        new = desk.office.ask_agent(agent, wish, deed=deed, scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    found = desk.view.asked_one(new)
    assert found is not None, "it was just written"
    return found


def pushed(desk: Desk, who: Who, deed: Deed, agent: str, wish: PushWish) -> PushRow:
    """Push, audited; Problem where it cannot be."""
    try:
        new = desk.office.push_config(agent, wish, deed=deed, scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    return push_or_404(desk, who, agent, new)


def withdrawn(desk: Desk, who: Who, deed: Deed, agent: str) -> PushRow:
    """Withdraw, audited; Problem where there is nothing to withdraw."""
    try:
        last = desk.office.withdraw_config(agent, deed=deed, scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    return push_or_404(desk, who, agent, last)


def body_of(wish: PushShape) -> Body:
    """The tables of a wish; Problem where they cannot be read."""
    if (wish.text is None) == (wish.body is None):
        raise bad_parameter("body", "it has both a text and tables, or neither", "`text`, or `body`")
    if wish.body is not None:
        return wish.body
    try:
        return configured.read(wish.text or "")
    except ConfigurationError as error:
        raise bad_parameter("body.text", str(error), "the tables of agent.toml, as TOML or JSON") from error


def flawed(found: list[Flaw]) -> Problem:
    """What is wrong with a configuration, all of it."""
    return Problem(
        422,
        "bad_configuration",
        what="; ".join(flaw.said for flaw in found),
        where=", ".join(flaw.place or "body" for flaw in found),
        expected="the tables of agent.toml without what is the agent's own, secrets by name",
        do="mend it and push again",
    )


def difference(desk: Desk, now: AgentNow, body: Body) -> list[Line]:
    """What is other than in what was pushed before."""
    before = desk.view.pushes(now.id, limit=1)
    return configured.compared(before[0].body if before else {}, body)


STATES: dict[str, Literal["waiting", "sent", "answered", "refused", "expired"]] = {
    "new": "waiting",
    "sent": "sent",
    "done": "answered",
    "failed": "refused",
    "expired": "expired",
}


def told_command(row: AskedRow) -> dict[str, Any]:
    """A command as it stands."""
    at = f"{ROOT}/agents/{row.agent}/commands/{row.id}"
    consent = row.agreed
    return {
        "id": row.id,
        "agent": row.agent,
        "verb": row.verb,
        "state": STATES[row.state],
        "args": row.args,
        "device": row.device,
        "asked_by": row.asked_by,
        **stamped("asked", row.asked_ms),
        **stamped("expires", row.expires_ms),
        **stamped("sent", row.sent_ms),
        **stamped("done", row.done_ms),
        "detail": row.detail,
        "output": row.output,
        "consent": consent,
        "links": {"self": at, "page": f"/agents/{row.agent}/commands/{row.id}"},
    }


def told_push(row: PushRow) -> dict[str, Any]:
    """A push as it stands, without its tables."""
    return {
        "id": row.id,
        "agent": row.agent,
        "hash": row.hash,
        "state": row.state,
        "note": row.note,
        "rollback_s": row.rollback_s,
        "made_by": row.made_by,
        **stamped("made", row.made_ms),
        **stamped("sent", row.sent_ms),
        **stamped("done", row.done_ms),
        "detail": row.detail,
        "links": {
            "self": f"{ROOT}/agents/{row.agent}/configurations/{row.id}",
            "page": f"/agents/{row.agent}/configuration",
        },
    }


def full_push(row: PushRow) -> dict[str, Any]:
    """… with its tables."""
    return told_push(row) | {"body": row.body}
