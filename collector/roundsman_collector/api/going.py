"""Who goes: the people who can be sent, the service point they belong to, their skills, and whom to send for a ticket.

    GET /tickets/2026-000007/suggestion        whom to ask first, with the reasons; it dispatches nobody
    GET /engineers · GET /engineers/li.na      whom you have a group or customer in common with
    PUT /engineers/li.na/point                 {"point": "tianhe"}, from now on; null: none
    PUT /engineers/li.na/skills                {"kind": "kiosk", "qualified_until": "2027-06-30"}
    POST /engineers/li.na/skills/end           {"kind": "kiosk"}

Service points themselves are entries of the register: /points.
"""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import Act, Place, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import problem_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.tickets import TicketName, ticket_or_404
from roundsman_collector.core.going import Facts, Reason, Suggested, best, suggest
from roundsman_collector.roles import Who
from roundsman_collector.store import Engineer, EntryError, TicketRow
from roundsman_collector.wording import short

Login = Annotated[str, Path(description="A login name.", min_length=1, max_length=63)]

router = APIRouter(tags=["who goes"])


class Said(BaseModel):
    """What all bodies share."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class PointBody(Said):
    """To which service point somebody belongs; null: to none."""

    point: str | None = Field(max_length=63)


class SkillName(Said):
    """Which skill."""

    kind: str = Field(min_length=1, max_length=63, description="a kind of device: kiosk, nvr, vehicle …")
    component: str = Field("", max_length=63, description="one kind of component of it; empty: all of it")


class SkillBody(SkillName):
    """A skill, and the last day of its qualification; null: no end."""

    qualified_until: date | None = None


class SkillShape(BaseModel):
    """What somebody can mend, since when it is known."""

    kind: str
    component: str
    qualified_until: date | None
    from_ms: int
    from_: str | None = Field(alias="from")
    made_by: str


class EngineerShape(BaseModel):
    """Somebody who can be sent. `load`: tickets that they were sent for and have not done."""

    login: str
    name: str
    role: str
    point: str | None
    skills: list[SkillShape]
    load: int


class EngineersShape(BaseModel):
    """People, by login name."""

    engineers: list[EngineerShape]


class ReasonShape(BaseModel):
    """Why somebody stands where they stand."""

    code: str
    what: str
    zh: str
    en: str


class CandidateShape(BaseModel):
    """Somebody who could go. `is_best`: nothing speaks against sending them, and something for it."""

    login: str
    name: str
    point: str | None
    duty: str | None
    is_off: bool
    load: int
    visit: str | None = Field(description="the ticket that they are out for now")
    reasons: list[ReasonShape]
    warnings: list[ReasonShape]
    is_best: bool


class SuggestionShape(BaseModel):
    """Whom to send, the first to ask first, and what that stands on."""

    ticket: str
    subject: str
    kind: str | None
    group: str | None
    site: str | None
    place: str | None
    zone: str | None
    points: list[str]
    candidates: list[CandidateShape]


@router.get(
    "/tickets/{ticket}/suggestion", response_model=SuggestionShape, summary="Whom to send for a ticket, and why"
)
def suggestion(request: Request, who: Act, ticket: TicketName) -> dict[str, Any]:
    """Everybody who could go, in the order in which to ask them; a missing qualification is a warning."""
    desk = desk_of(request)
    row, _ = ticket_or_404(desk, who, ticket)
    facts, found = suggested(desk, row)
    first = best(found)
    return {
        "ticket": row.number,
        "subject": row.subject,
        "kind": facts.kind or None,
        "group": facts.group or None,
        "site": facts.site or None,
        "place": facts.place or None,
        "zone": facts.zone or None,
        "points": sorted(facts.points),
        "candidates": [told_candidate(one, is_best=one is first) for one in found],
    }


@router.get("/engineers", response_model=EngineersShape, summary="Who can be sent")
def engineers(request: Request, who: Act) -> dict[str, Any]:
    """Whom you have a group or customer in common with."""
    return {"engineers": [told(one) for one in desk_of(request).view.engineers(scope=who.scope)]}


@router.get("/engineers/{login}", response_model=EngineerShape, summary="Somebody who can be sent")
def engineer(request: Request, who: Act, login: Login) -> dict[str, Any]:
    """Where they belong, what they can mend, what they have to do."""
    return told(engineer_or_404(desk_of(request), who, login))


@router.put("/engineers/{login}/point", response_model=EngineerShape, summary="Say to which service point they belong")
def put_point(request: Request, who: Place, login: Login, body: PointBody) -> dict[str, Any]:
    """From now on; the time before stays as it was."""
    desk = desk_of(request)
    try:
        desk.office.put_member(login, body.point or None, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    return told(engineer_or_404(desk, who, login))


@router.put("/engineers/{login}/skills", response_model=EngineerShape, summary="Say what they can mend")
def put_skill(request: Request, who: Place, login: Login, body: SkillBody) -> dict[str, Any]:
    """From now on, up to the last day of the qualification."""
    desk = desk_of(request)
    until = None if body.qualified_until is None else body.qualified_until.isoformat()
    try:
        desk.office.put_skill(
            login,
            body.kind,
            body.component,
            qualified_until=until,
            deed=deed_of(request, who),
            scope=who.scope,
        )
    except EntryError as error:
        raise problem_of(error) from error
    return told(engineer_or_404(desk, who, login))


@router.post("/engineers/{login}/skills/end", response_model=EngineerShape, summary="Take a skill back")
def end_skill(request: Request, who: Place, login: Login, body: SkillName) -> dict[str, Any]:
    """From now on; the time before stays as it was."""
    desk = desk_of(request)
    try:
        desk.office.end_skill(login, body.kind, body.component, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    return told(engineer_or_404(desk, who, login))


# --- shared with the pages -------------------------------------------------------------------------------------------


def suggested(desk: Desk, row: TicketRow) -> tuple[Facts, tuple[Suggested, ...]]:
    """What a ticket is about, and everybody who could go, the first to ask first."""
    now_ms = desk.now_ms()
    question = desk.view.going(row.subject, row.component, now_ms)
    return question.facts, suggest(question.facts, question.candidates, now_ms)


def engineer_or_404(desk: Desk, who: Who, login: str) -> Engineer:
    """Somebody who can be sent and with whom they have a group or customer in common."""
    found = desk.view.engineers(scope=who.scope, person=login)
    if not found:
        raise Problem(
            404,
            "no_engineer",
            what=f"there is nobody {short(login)} who can be sent",
            where="path",
            expected="a login name of GET /api/v1/engineers",
            do="look it up in the list",
        )
    return found[0]


def told(one: Engineer) -> dict[str, Any]:
    """Somebody who can be sent as the API says it."""
    return {
        "login": one.person.id,
        "name": one.person.name,
        "role": one.person.role,
        "point": one.point or None,
        "skills": [
            {
                "kind": skill.kind,
                "component": skill.component,
                "qualified_until": skill.qualified_until,
                **stamped("from", skill.from_ms),
                "made_by": skill.made_by,
            }
            for skill in one.skills
        ],
        "load": one.load,
    }


def told_candidate(one: Suggested, *, is_best: bool) -> dict[str, Any]:
    """Somebody who could go as the API says it."""
    who = one.candidate
    return {
        "login": who.login,
        "name": who.name,
        "point": who.point or None,
        "duty": who.duty,
        "is_off": who.is_off,
        "load": who.load,
        "visit": who.visit or None,
        "reasons": [_told_reason(reason) for reason in one.reasons],
        "warnings": [_told_reason(reason) for reason in one.warnings],
        "is_best": is_best,
    }


def _told_reason(reason: Reason) -> dict[str, str]:
    return {"code": reason.code, "what": reason.what, "zh": reason.told("zh"), "en": reason.told("en")}
