"""Who can be sent: the people, where they belong, what they can mend; and whom to send for a ticket, as rows of a page.

    /engineers             everybody you have a group or customer in common with, and sites that nobody looks after
    /engineers/li.na       one of them: service point, skills with the last day of each qualification
    suggestion_rows(...)   for the page of a ticket: going_parts.html draws them

Whoever keeps the register writes.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api.access import Act, Place, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import DEFAULT_ZONE
from roundsman_collector.api.going import Login, engineer_or_404, suggested
from roundsman_collector.core.contract import local_day
from roundsman_collector.core.going import Reason, best
from roundsman_collector.roles import Who
from roundsman_collector.store import Engineer, EntryError, SkillRow, TicketRow
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import COMPONENTS, KINDS, N_

router = APIRouter()

SHOWN = 8
"""So many candidates stand on a ticket's page; the API tells all."""
SOON_DAYS = 30
"""A qualification that ends within so many days is marked."""
POINTS = 500
WRONG: Mapping[str, str] = {
    "kind": N_("Write a kind of device such as kiosk, nvr, vehicle."),
    "component": N_("Write a component such as printer, or nothing."),
    "qualified_until": N_("Write a day such as 2027-06-30, or nothing."),
    "point": N_("There is no such service point."),
    "id": N_("There is no such service point."),
    "person": N_("This person cannot be sent, or lies beyond your scope."),
}

Fields = Annotated[dict[str, str], Depends(form)]


@router.get("/engineers")
def engineers_page(request: Request, who: Act) -> Response:
    """Everybody who can be sent."""
    desk, saying = desk_of(request), saying_of(request)
    today = local_day(desk.now_ms(), DEFAULT_ZONE)
    points = _points(desk, saying, who)
    orphans = desk.view.without_engineer(scope=who.scope)
    shown = {
        "people": [
            {
                "login": one.person.id,
                "name": one.person.name,
                "role": saying.word("role", one.person.role),
                "point": one.point,
                "point_name": points.get(one.point, one.point),
                "skills": [_skill(saying, skill, today) for skill in one.skills],
                "load": one.load,
            }
            for one in desk.view.engineers(scope=who.scope)
        ],
        "orphans": orphans,
        "may_write": who.may("place"),
    }
    return page(request, who, "engineers.html", shown)


@router.get("/engineers/{login}")
def engineer_page(request: Request, who: Act, login: Login) -> Response:
    """One of them."""
    return _engineer_page(request, who, engineer_or_404(desk_of(request), who, login))


@router.post("/engineers/{login}/point")
def put_point(request: Request, who: Place, login: Login, fields: Fields) -> Response:
    """Say to which service point they belong."""
    desk = desk_of(request)
    one = engineer_or_404(desk, who, login)
    try:
        point = fields.get("point", "").strip() or None
        desk.office.put_member(login, point, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _engineer_page(request, who, one, fields=fields, wrong={"point": WRONG[error.field]})
    return RedirectResponse(f"/engineers/{login}", 303)


@router.post("/engineers/{login}/skills")
def put_skill(request: Request, who: Place, login: Login, fields: Fields) -> Response:
    """Say what they can mend, and until when they are qualified for it."""
    desk = desk_of(request)
    one = engineer_or_404(desk, who, login)
    said = {name: fields.get(name, "").strip() for name in ("kind", "component", "qualified_until")}
    try:
        desk.office.put_skill(
            login,
            said["kind"].lower(),
            said["component"].lower(),
            qualified_until=said["qualified_until"] or None,
            deed=deed_of(request, who),
            scope=who.scope,
        )
    except EntryError as error:
        return _engineer_page(request, who, one, fields=fields, wrong={error.field: WRONG[error.field]})
    return RedirectResponse(f"/engineers/{login}", 303)


@router.post("/engineers/{login}/skills/end")
def end_skill(request: Request, who: Place, login: Login, fields: Fields) -> Response:
    """Take a skill back."""
    desk = desk_of(request)
    one = engineer_or_404(desk, who, login)
    try:
        desk.office.end_skill(
            login,
            fields.get("kind", ""),
            fields.get("component", ""),
            deed=deed_of(request, who),
            scope=who.scope,
        )
    except EntryError as error:
        return _engineer_page(request, who, one, fields=fields, wrong={error.field: WRONG[error.field]})
    return RedirectResponse(f"/engineers/{login}", 303)


def _engineer_page(
    request: Request,
    who: Who,
    one: Engineer,
    *,
    fields: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    today = local_day(desk.now_ms(), DEFAULT_ZONE)
    points = _points(desk, saying, who)
    shown = {
        "login": one.person.id,
        "name": one.person.name,
        "role": saying.word("role", one.person.role),
        "load": one.load,
        "point": one.point,
        "point_name": points.get(one.point, one.point),
        "points": [("", "—"), *points.items()],
        "skills": [_skill(saying, skill, today) for skill in one.skills],
        "kinds": [(kind, saying.word("kind", kind)) for kind in KINDS],
        "components": [(name, saying.word("component", name)) for name in COMPONENTS],
        "values": {"point": one.point, **(fields or {})},
        "wrong": {name: saying(text) for name, text in (wrong or {}).items()},
        "may_write": who.may("place"),
    }
    return page(request, who, "engineer.html", shown, status=422 if wrong else 200)


def _points(desk: Desk, saying: Saying, who: Who) -> dict[str, str]:
    rows = desk.view.entries("point", scope=who.scope, limit=POINTS)
    return {one.id: str(one.fields["name_zh" if saying.language == "zh" else "name_en"]) for one in rows}


def _skill(saying: Saying, one: SkillRow, today: date) -> dict[str, Any]:
    """A skill in words; `state`: over, or soon to be."""
    until = None if one.qualified_until is None else date.fromisoformat(one.qualified_until)
    left = None if until is None else (until - today).days
    return {
        "kind": one.kind,
        "kind_word": saying.word("kind", one.kind),
        "component": one.component,
        "component_word": saying.word("component", one.component) if one.component else "",
        "until": one.qualified_until or "",
        "state": "" if left is None or left > SOON_DAYS else "over" if left < 0 else "soon",
        "from_ms": one.from_ms,
        "made_by": one.made_by,
    }


# --- whom to send for a ticket ---------------------------------------------------------------------------------------


def suggestion_rows(desk: Desk, saying: Saying, row: TicketRow) -> list[dict[str, Any]]:
    """Whom to send, the first to ask first, as going_parts.html draws them."""
    _, found = suggested(desk, row)
    first = best(found)
    points = desk.view.entries_named("point", {one.candidate.point for one in found[:SHOWN] if one.candidate.point})
    names = {key: str(one.fields[f"name_{saying.language}"]) for key, one in points.items()}
    return [
        {
            "login": one.candidate.login,
            "name": one.candidate.name,
            "is_best": one is first,
            "reasons": saying.listed(_reason(saying, reason, names) for reason in one.reasons),
            "warnings": saying.listed(_reason(saying, reason, names) for reason in one.warnings),
        }
        for one in found[:SHOWN]
    ]


def _reason(saying: Saying, reason: Reason, points: Mapping[str, str]) -> str:
    """A reason in words, kinds of devices and service points by their names."""
    what = saying.word("kind", reason.what) if reason.code in ("skilled", "no_skill", "skill_over") else None
    if reason.code == "point":
        what = points.get(reason.what)
    return reason.told(saying.language, what)
