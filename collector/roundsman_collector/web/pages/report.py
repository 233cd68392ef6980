"""报修登记: what somebody tells by phone, or by a device's label, becomes a ticket, or joins the one that is there.

/tickets/new                         look the device or the site up
/tickets/new?subject=kiosk-7         the form; #metro-a is a site where nobody knows yet which device it is
POST /tickets/new                    a ticket, or a repeated call on one that the caller means

Who calls is not to call twice for one problem: what is open here is shown before a new ticket can be made.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api import tickets
from roundsman_collector.api.access import Act
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import DEFAULT_ZONE
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.tickets import Caller, Fault, StepProblem
from roundsman_collector.core.lifecycle import LIVE, REPORTED
from roundsman_collector.roles import Who
from roundsman_collector.store import Card, FleetFilter
from roundsman_collector.store.commands import KEY_LIMIT
from roundsman_collector.store.openings import TEXT_LIMIT
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.fleet import summary_of
from roundsman_collector.web.pages.tickets import rows_of
from roundsman_collector.web.problems import heading_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import component_name
from roundsman_collector.web.words import N_, SEVERITIES
from roundsman_collector.web.zoned import TimeError, written, zone_name

FOUND = 20
"""So many devices and sites a search shows."""
MINE = 20
LIMITS = {"name": 200, "phone": 60, "text": TEXT_LIMIT, "wish": 400}
GIVEN = ("name", "phone", "text", "wish", "code", "since", "severity", "customer_priority")
HOW_BAD: Mapping[str, str] = {
    "urgent": N_("urgent: out of use"),
    "major": N_("major: a serious fault"),
    "minor": N_("minor"),
}
"""How urgent the customer calls it, in their words."""
NO_WORDS = N_("Write what is wrong, in the caller's words.")
NO_TIME = N_("Write a time such as 2026-11-22T10:00.")
TOO_LONG = N_("At most %(count)s characters.")
NO_FAULT = N_("Choose one of the list.")

Severity = Literal["", "urgent", "major", "minor"]

router = APIRouter()


@router.get("/tickets/new")
def report_page(
    request: Request,
    who: Act,
    q: Annotated[str, Query(max_length=80)] = "",
    subject: Annotated[str, Query(max_length=80)] = "",
    source: Literal["phone", "qr"] = "phone",
    code: Annotated[str, Query(max_length=80)] = "",
    text: Annotated[str, Query(max_length=TEXT_LIMIT)] = "",
) -> Response:
    """Look up what it is about, then write down what is wrong; `code` and `text` stand there already."""
    desk = desk_of(request)
    if subject and not desk.view.reaches(who.scope, subject):
        return _page(request, who, q=q or subject.lstrip("@#"))
    return _page(request, who, q=q, subject=subject, source=source, given={"code": code, "text": text})


@router.post("/tickets/new")
def report(request: Request, who: Act, fields: Annotated[dict[str, str], Depends(form)]) -> Response:
    """Ask for a ticket, or note the call on one that is there."""
    desk, saying = desk_of(request), saying_of(request)
    subject = fields.get("subject", "").strip()[:80]
    source: Literal["phone", "qr"] = "qr" if fields.get("source") == "qr" else "phone"
    if not subject or not desk.view.reaches(who.scope, subject):
        return _page(request, who, q=subject.lstrip("@#"), status=422)
    told = _read(desk, saying, subject, fields)
    if told.wrong:
        return _page(request, who, subject=subject, source=source, given=fields, wrong=told.wrong, status=422)
    try:
        return _asked(desk, who, subject, source, told, fields)
    except Problem as refused:
        if refused.status not in (409, 412, 422):
            raise
        why = _why(saying, refused)
        status = 422 if refused.status == 422 else 409
        return _page(request, who, subject=subject, source=source, given=fields, why=why, status=status)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    """What the form says; `wrong`: what is wrong with which field."""

    text: str = ""
    wish: str = ""
    code: str = ""
    severity: Severity = ""
    customer_priority: Severity = ""
    caller: Caller = field(default_factory=Caller)
    since_ms: int | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)


def _read(desk: Desk, saying: Saying, subject: str, fields: Mapping[str, str]) -> _Told:
    given = {name: fields.get(name, "").strip() for name in GIVEN}
    wrong = {name: saying(TOO_LONG, count=limit) for name, limit in LIMITS.items() if len(given[name]) > limit}
    if not given["text"]:
        wrong["text"] = saying(NO_WORDS)
    if given["code"] and not desk.knows_fault(given["code"]):
        wrong["code"] = saying(NO_FAULT)
    since_ms = None
    if given["since"]:
        try:
            since_ms = written(given["since"], _zone(desk, subject))
        except TimeError:
            wrong["since"] = saying(NO_TIME)
    if wrong:
        return _Told(wrong=wrong)
    return _Told(
        text=given["text"],
        wish=given["wish"],
        code=given["code"],
        severity=_severity(given["severity"]),
        customer_priority=_severity(given["customer_priority"]),
        caller=Caller(name=given["name"], phone=given["phone"]),
        since_ms=since_ms,
    )


def _severity(text: str) -> Severity:
    """One of the three, or none."""
    known: tuple[Severity, ...] = ("urgent", "major", "minor")
    return next((one for one in known if one == text), "")


def _asked(
    desk: Desk, who: Who, subject: str, source: Literal["phone", "qr"], told: _Told, fields: Mapping[str, str]
) -> Response:
    """Take the report; lead to the ticket that has it now."""
    key = fields.get("key", "")
    key = key if 8 <= len(key) <= KEY_LIMIT and key.isascii() and key.isprintable() and " " not in key else ""
    joined = fields.get("joins", "").strip()[:40]
    if joined:
        data = {name: value for name, value in told.caller.model_dump().items() if value}
        answer = tickets.ask(desk, who, joined, "call", told.text, data=data, key=key or None)
        return _to(joined, "joined=true" if answer.state != "new" else "waiting=true")
    fault = Fault(
        subject=subject,
        code=told.code,
        severity=told.severity,
        customer_priority=told.customer_priority,
        text=told.text,
        wish=told.wish,
        caller=told.caller,
        source=source,
        since_ms=told.since_ms,
    )
    answer = tickets.ask_to_open(desk, who, fault, key or None)
    if answer.state == "new":
        return RedirectResponse(f"/tickets?device={quote(subject, safe='')}", 303)
    result = answer.result or {}
    return _to(str(result["number"]), "joined=true" if result.get("is_known") else "")


def _to(number: str, query: str) -> Response:
    return RedirectResponse(f"/tickets/{quote(number, safe='')}{'?' if query else ''}{query}", 303)


def _why(saying: Saying, refused: Problem) -> str:
    """A refusal in the reader's language."""
    if isinstance(refused, StepProblem) and (said := saying.pair((refused.zh, refused.en))):
        return said
    heading, advice = heading_of(refused)
    return f"{saying(heading)}{'。' if saying.language == 'zh' else '. '}{saying(advice)}"


# --- what the page shows ---------------------------------------------------------------------------------------------


def _page(
    request: Request,
    who: Who,
    *,
    q: str = "",
    subject: str = "",
    source: str = "phone",
    given: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
    why: str = "",
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    shown: dict[str, Any] = {
        "q": q,
        "subject": subject,
        "source": source,
        "given": given or {},
        "wrong": wrong or {},
        "why": why,
        **(_form(desk, saying, who, subject) if subject else _search(request, saying, who, q)),
    }
    return page(request, who, "report.html", shown, status=status)


def _search(request: Request, saying: Saying, who: Who, q: str) -> dict[str, Any]:
    """Devices and sites that a search finds; nothing before anybody looked."""
    desk, words = desk_of(request), q.lower().split()
    if not words:
        return {"devices": [], "sites": [], "is_asked": False}
    found = summary_of(request).fleet(who.scope, FleetFilter(text=q), saying.now_ms, limit=FOUND)
    ids = [one.device for one in found.rows]
    cards = desk.view.cards_named(ids, scope=who.scope)
    sites = [
        one
        for one in desk.view.entries("site", scope=who.scope, limit=1000)
        if all(word in f"{one.id} {one.fields['name_zh']} {one.fields['name_en']}".lower() for word in words)
    ]
    return {
        "devices": [_device(saying, cards[one]) for one in ids if one in cards],
        "sites": [{"id": one.id, "name": one.fields[f"name_{saying.language}"]} for one in sites[:FOUND]],
        "is_asked": True,
    }


def _device(saying: Saying, card: Card) -> dict[str, Any]:
    zh = saying.language == "zh"
    names = (card.site_zh, card.place_zh) if zh else (card.site_en, card.place_en)
    return {
        "id": card.device,
        "name": card.name_zh if zh else card.name_en,
        "where": " ".join(name for name in names if name),
        "address": card.address or "",
        "customer": (card.customer_zh if zh else card.customer_en) or "",
    }


def _form(desk: Desk, saying: Saying, who: Who, subject: str) -> dict[str, Any]:
    """What stands around the form: the device, what is open of it, and the faults that it may have."""
    card = desk.view.cards_named([subject]).get(subject)
    site = None if subject[0] != "#" else desk.view.entry("site", subject[1:], scope=who.scope)
    live = desk.view.tickets(states=LIVE, subject=subject, limit=MINE, scope=who.scope)
    return {
        "device": None if card is None else _device(saying, card),
        "site_name": "" if site is None else site.fields[f"name_{saying.language}"],
        "live_tickets": rows_of(desk, saying, live),
        "faults": _faults(desk, saying, subject),
        "severities": [(name, saying.word("severity", name)) for name in SEVERITIES],
        "priorities": [(name, saying(said)) for name, said in HOW_BAD.items()],
        "zone": zone_name(saying, _zone(desk, subject)),
        "key": secrets.token_urlsafe(16),
    }


def _faults(desk: Desk, saying: Saying, subject: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The faults of the catalogue by part, those of parts that the device has first."""
    device = None if subject[0] in "@#" else desk.view.device(subject)
    readings = () if device is None else device.readings or ()
    has = {name.partition(".")[0].partition("[")[0] for name in readings}
    groups: dict[str, list[tuple[str, str]]] = {}
    for code in desk.faults:
        if code != REPORTED:
            groups.setdefault(code.partition(".")[0], []).append((code, desk.fault_name(code, saying.language)))
    parts = sorted(groups, key=lambda part: (part not in has, component_name(saying, part)))
    return [(component_name(saying, part), sorted(groups[part], key=lambda one: one[1])) for part in parts]


def _zone(desk: Desk, subject: str) -> str:
    """The time zone of the site."""
    card = desk.view.cards_named([subject]).get(subject)
    return DEFAULT_ZONE if card is None else card.time_zone or DEFAULT_ZONE
