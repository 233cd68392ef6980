"""Slips: forms of services that no ticket tells of, from an installation to a training (api/slips.py has the rules).

/slips                        those of a period, how many devices were fitted on which day, the way to a new one
/slips/new?kind=training      the form; POST /slips writes it
/slips/S2026-000007           what it says, what it lacks, who signs; POST …/write | photo | sign | void
/slips/S2026-000007/paper     on paper
"""

import secrets
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from roundsman_collector.api import slips as api
from roundsman_collector.api.access import Act, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import DEFAULT_ZONE
from roundsman_collector.api.files import within
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.slips import Number, slip_or_404
from roundsman_collector.api.telling import ROOT
from roundsman_collector.core.contract import local_day
from roundsman_collector.core.media import Kind
from roundsman_collector.core.slips import (
    KINDS,
    NAME_LIMIT,
    SIDES,
    STATES,
    WORDS_LIMIT,
    SlipKind,
    Standing,
    Wish,
    missing,
)
from roundsman_collector.reports import slip as papers
from roundsman_collector.reports.document import Document
from roundsman_collector.roles import Who
from roundsman_collector.store.files import KEY_LIMIT, SLIPS
from roundsman_collector.store.slips import SlipFilter, SlipRow
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import around, environment, page, saying_of
from roundsman_collector.web.problems import heading_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.sheet import sheet
from roundsman_collector.web.upload import keep_sent, sent_form
from roundsman_collector.web.words import LANGUAGES, N_
from roundsman_wire.catalogue import Label

PAGE_ROWS = 50
PICTURES = "image/png,image/jpeg,image/webp"
BYS: Mapping[str, str] = {"engineer": N_("Engineer"), "group": N_("Monitoring centre"), "site": N_("Site")}
ABOUT = ("day", "site", "device", "engineer")
SENT_BACK = (409, 412, 413, 415, 422)

router = APIRouter()

Sent = Annotated[dict[str, str], Depends(form)]
DayText = Annotated[str, Query(max_length=10, description="YYYY-MM-DD")]
Word = Annotated[str, Query(max_length=20)]


# --- the list --------------------------------------------------------------------------------------------------------


@router.get("/slips")
def slips_page(
    request: Request,
    who: See,
    kind: Word = "",
    state: Word = "",
    from_: Annotated[DayText, Query(alias="from")] = "",
    to: DayText = "",
    by: Word = "engineer",
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """Slips of a period, the newest first."""
    desk, saying = desk_of(request), saying_of(request)
    first, last = api.days_of(desk, _day(from_, "from"), _day(to, "to"))
    wanted = SlipFilter(
        kind=kind if kind in KINDS else None,
        state=state if state in STATES else None,
        first_day=first,
        last_day=last,
    )
    found = desk.view.slips(who.scope, wanted, before_id=before, limit=PAGE_ROWS + 1)
    people = desk.view.people_names()
    query = {"kind": wanted.kind or "", "state": wanted.state or "", "from": first, "to": last, "by": by}
    shown = {
        "kinds": [(one.id, one.title.of(saying.language)) for one in KINDS.values()],
        "states": [(name, saying.pair(pair)) for name, pair in STATES.items()],
        "bys": [(name, saying(word)) for name, word in BYS.items()],
        "wanted": query,
        "rows": [_row(one, people, saying) for one in found[:PAGE_ROWS]],
        "older": f"/slips?{urlencode({**query, 'before': found[PAGE_ROWS - 1].id})}" if len(found) > PAGE_ROWS else "",
        "installed": _installed(desk, who, (first, last), by if by in BYS else "engineer", people, saying),
        "aim": api.AIM_A_DAY,
        "may_write": who.may("act"),
    }
    return page(request, who, "slips.html", shown)


def _day(text: str, where: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise bad_parameter(f"query.{where}", "that is no day", "a day such as 2026-11-22") from error


def _row(one: SlipRow, people: Mapping[str, str], saying: Saying) -> dict[str, Any]:
    return {
        "number": one.number,
        "title": KINDS[one.kind].title.of(saying.language),
        "day": one.day,
        "about": one.device or one.site or "",
        "engineer": people.get(one.engineer, one.engineer),
        "state": one.state,
        "word": saying.pair(STATES[one.state]),  # type: ignore[index]
    }


def _installed(
    desk: Desk, who: Who, days: tuple[str, str], by: str, people: Mapping[str, str], saying: Saying
) -> list[dict[str, Any]]:
    found = desk.view.slips_installed(who.scope, days, by)
    names = people if by == "engineer" else {}
    return [
        {
            "day": one.day,
            "name": names.get(one.id, one.id) or "–",
            "fitted": one.fitted,
            "accepted": one.accepted,
            "is_reached": one.fitted >= api.AIM_A_DAY,
        }
        for one in reversed(found)
    ]


# --- a new one -------------------------------------------------------------------------------------------------------


@router.get("/slips/new")
def new_page(
    request: Request, who: Act, kind: Word = "", device: Annotated[str, Query(max_length=160)] = ""
) -> Response:
    """The form of a kind; what is known of a device is filled in once it is written."""
    return _new(request, who, api.kind_of(kind), {"device": device})


@router.post("/slips")
def begin(request: Request, who: Act, sent: Sent) -> Response:
    """Write the slip; where that may not be, the form comes back and says why."""
    kind = api.kind_of(sent.get("kind", ""), "body.kind")
    data = {one.name: sent.get(one.name, "").replace("\r\n", "\n").strip() for one in kind.entries}
    about = {name: sent.get(name, "").strip() for name in ABOUT}
    try:
        body = api.NewBody.model_validate({"kind": kind.id, "data": data, **about})
        row = api.begun(desk_of(request), who, body, deed_of(request, who), sent.get("key", "")[:KEY_LIMIT] or None)
    except ValidationError:
        return _new(request, who, kind, sent, wrong=saying_of(request)(NO_DAY), status=422)
    except Problem as refused:
        if refused.status not in SENT_BACK:
            raise
        return _new(request, who, kind, sent, wrong=_said(saying_of(request), refused), status=refused.status)
    return RedirectResponse(_address(row), 303)


NO_DAY = N_("Say on which day it was.")


def _new(
    request: Request, who: Who, kind: SlipKind, values: Mapping[str, str], *, wrong: str = "", status: int = 200
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    shown = {
        "kind": kind.id,
        "title": kind.title.of(saying.language),
        "about": kind.about,
        "entries": _entries(kind, values, saying),
        "today": local_day(desk.now_ms(), DEFAULT_ZONE).isoformat(),
        "values": {name: values.get(name, "") for name in ABOUT},
        "people": [("", saying(N_("I myself"))), *sorted(desk.view.people_names().items(), key=lambda one: one[1])],
        "key": secrets.token_urlsafe(16),
        "limit": WORDS_LIMIT,
        "wrong": wrong,
    }
    return page(request, who, "slip_new.html", shown, status=status)


def _entries(kind: SlipKind, values: Mapping[str, str], saying: Saying) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "label": one.label.of(saying.language),
            "value": values.get(one.name, ""),
            "lines": one.lines,
            "is_needed": one.is_needed,
            "choices": [("", "–"), *((word, label.of(saying.language)) for word, label in one.choices)]
            if one.choices
            else [],
        }
        for one in kind.entries
    ]


# --- one of them -----------------------------------------------------------------------------------------------------


@router.get("/slips/{number}")
def slip_page(request: Request, who: See, number: Number) -> Response:
    """What a slip says, what it lacks, who signs."""
    return _slip(request, who, number)


@router.get("/slips/{number}/paper")
def slip_paper(request: Request, who: See, number: Number) -> Response:
    """A slip on paper."""
    if request.query_params.get("lang") in LANGUAGES:
        return page(request, who, "forms.html", {})  # a choice becomes a cookie, and the address comes again
    desk, saying = desk_of(request), saying_of(request)
    row = slip_or_404(desk, who, number)
    standing = api.said(desk, row)
    api.readable(desk, who, row, standing)  # that numbers are shown whole is noted
    document = _paper(desk, who, row, standing)
    pictures = {str(one.id): within(desk, one) for one in desk.view.slip_files(row.id) if one.kind == "signature"}
    shown = sheet(document, desk.company, saying, pictures)
    template = environment(saying.language).get_template("forms/sheet.html")
    html = template.render(around(request, who) | shown, inlined=None, back=_address(row))
    return HTMLResponse(html, headers={"Vary": "Accept-Language, Cookie", "Content-Language": saying.language})


@router.post("/slips/{number}/{step}")
async def step(
    request: Request, who: Act, number: Number, step: Annotated[str, Path(pattern="^(write|photo|sign|void)$")]
) -> Response:
    """Write a line; where that may not be, the page comes back and says why."""
    desk = desk_of(request)
    row = await run_in_threadpool(slip_or_404, desk, who, number)
    sent = await sent_form(request, desk.file_limits.of("photo"))
    try:
        return await run_in_threadpool(_stepped, request, who, row, step, sent)
    finally:
        await sent.close()


def _stepped(request: Request, who: Who, row: SlipRow, step: str, sent: FormData) -> Response:
    try:
        wish = _wish(request, who, row, step, sent)
        api.taken(desk_of(request), who, row, wish, deed_of(request, who))
    except Problem as refused:
        if refused.status not in SENT_BACK:
            raise
        return _slip(request, who, row.number, wrong=_said(saying_of(request), refused), status=refused.status)
    return RedirectResponse(_address(row), 303)


def _wish(request: Request, who: Who, row: SlipRow, step: str, sent: FormData) -> Wish:
    version = _text(sent, "version", 18)
    seen = int(version) if version.isascii() and version.isdigit() else None
    if step == "write":
        entries = KINDS[row.kind].entries
        data = {one.name: _text(sent, one.name, WORDS_LIMIT) for one in entries if one.name in sent}
        return Wish(verb="write", data=data, version=seen)
    if step == "void":
        return Wish(verb="void", words=_text(sent, "words", NAME_LIMIT))
    kind: Kind = "photo" if step == "photo" else "signature"
    upload, key = sent.get("file"), _text(sent, "key", KEY_LIMIT) or None
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise bad_parameter("body.file", "no picture came", "a photo, or a signature")
    kept = keep_sent(request, who, row, upload, kind, key, SLIPS)
    if step == "photo":
        return Wish(verb="photo", file=kept.id, version=seen)
    return Wish(
        verb="sign", side=_text(sent, "side", 20), words=_text(sent, "name", NAME_LIMIT), file=kept.id, version=seen
    )


def _text(sent: FormData, name: str, limit: int) -> str:
    found = sent.get(name)
    return found.replace("\r\n", "\n").strip()[:limit] if isinstance(found, str) else ""


def _said(saying: Saying, refused: Problem) -> str:
    """Why not, in the reader's language."""
    if isinstance(refused, api.Refused):
        return refused.zh if saying.language == "zh" and refused.zh else refused.what
    return f"{saying(heading_of(refused)[0])} {refused.what}"


def _address(row: SlipRow) -> str:
    return f"/slips/{quote(row.number, safe='')}"


def _slip(request: Request, who: Who, number: str, *, wrong: str = "", status: int = 200) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    row = slip_or_404(desk, who, number)
    kind, standing = KINDS[row.kind], api.said(desk, row)
    values = api.readable(desk, who, row, standing)
    state, names = standing.state(kind), {one.name: one for one in kind.entries}
    shown = {
        **_row(row, desk.view.people_names(), saying),
        "state": state,
        "device": row.device,
        "site": row.site,
        "address": _address(row),
        "api": f"{ROOT}/slips/{quote(row.number, safe='')}",
        "entries": _entries(kind, values, saying),
        "said": [
            (one.label.of(saying.language), _words(dict(one.choices).get(values[name], values[name]), saying))
            for name, one in names.items()
            if values.get(name)
        ],
        "missing": [one.of(saying.language) for one in missing(kind, standing, row.device_kind)],
        "sides": _sides(kind, standing, saying),
        "photos": standing.photos,
        "void": standing.void,
        "may_write": who.may("act") and (state == "open" or (state == "signed" and not kind.sides)),
        "may_void": who.may("overrule" if state == "signed" and kind.sides else "act") and state != "void",
        "version": standing.version,
        "key": secrets.token_urlsafe(16),
        "pictures": PICTURES,
        "name": who.name,
        "name_limit": NAME_LIMIT,
        "limit": WORDS_LIMIT,
        "wrong": wrong,
    }
    return page(request, who, "slip.html", shown, status=status)


def _words(value: str | Label, saying: Saying) -> str:
    return value.of(saying.language) if isinstance(value, Label) else value


def _sides(kind: SlipKind, standing: Standing, saying: Saying) -> list[dict[str, Any]]:
    return [
        {
            "side": side,
            "label": SIDES[side].of(saying.language),
            "key": secrets.token_urlsafe(16),
            "line": standing.signed.get(side),
        }
        for side in kind.sides
    ]


def _paper(desk: Desk, who: Who, row: SlipRow, standing: Standing) -> Document:
    site = None if row.site is None else desk.view.entry("site", row.site)
    customer = None if row.customer is None else desk.view.entry("customer", row.customer)
    card = None if row.device is None else desk.view.cards_named([row.device]).get(row.device)
    return papers.build(
        papers.SlipPaper(
            number=row.number,
            kind=KINDS[row.kind],
            standing=standing,
            day=date.fromisoformat(row.day),
            customer=None if customer is None else _label(customer.fields),
            site=None if site is None else _label(site.fields),
            device=None
            if card is None
            else Label(zh=f"{card.name_zh} {row.device}", en=f"{card.name_en} {row.device}"),
            device_kind=row.device_kind,
            engineer=row.engineer,
            people=desk.view.people_names(),
            time_zone=(None if site is None else site.fields.get("time_zone")) or DEFAULT_ZONE,
            known_ms=desk.now_ms(),
            reads_secrets=who.may("act"),
        )
    )


def _label(fields: Mapping[str, str | None]) -> Label:
    return Label(zh=fields["name_zh"] or "", en=fields["name_en"] or "")
