"""Printed forms, and the files of tickets that stand behind them.

/forms                          what tickets of a period still lack; the way to the register
/forms/register                 报修登记表 of a period, on paper
/tickets/2026-000007/forms      the forms of a ticket, what each lacks, its files; POST /tickets/.../files adds one
/tickets/2026-000007/forms/W1   one of them, on paper
/rounds/R2026-000007/cover      the cover of an inspection report, on paper

A paper is a page of its own (web/sheet.py): printed, signed and filed. It says what it lacks before it is printed.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile

from roundsman_collector.api import tickets
from roundsman_collector.api.access import Act, See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.dossiers import dossier, register
from roundsman_collector.api.entries import DEFAULT_ZONE
from roundsman_collector.api.files import within
from roundsman_collector.api.inspection import finished
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.rounds import Number, round_or_404
from roundsman_collector.api.telling import ROOT
from roundsman_collector.api.tickets import TicketName, ticket_or_404
from roundsman_collector.core.media import Kind
from roundsman_collector.reports.document import Document, Signatures
from roundsman_collector.reports.dossier import Dossier, of
from roundsman_collector.reports.forms import build, cover, intake, missing, sheets
from roundsman_collector.roles import Who
from roundsman_collector.store import TicketRow
from roundsman_collector.store.files import KEY_LIMIT, FileRow
from roundsman_collector.store.openings import TEXT_LIMIT
from roundsman_collector.web.page import around, environment, page, saying_of
from roundsman_collector.web.problems import heading_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.sheet import sheet
from roundsman_collector.web.upload import keep_sent, sent_form
from roundsman_collector.web.words import LANGUAGES, N_
from roundsman_collector.web.zoned import TimeError, written
from roundsman_collector.wording import short

USUAL_DAYS = 30
LONGEST_DAYS = 400
LIST_ROWS = 200
DAY = timedelta(days=1)
KINDS: Mapping[Kind, str] = {
    "photo": N_("Photo"),
    "document": N_("Document"),
    "video": N_("Video"),
    "signature": N_("Signature"),
}
OFFERED: tuple[Kind, ...] = ("photo", "document", "video")
"""What the form takes; a signature is drawn on the engineer's page."""
ACCEPTED = "image/jpeg,image/png,image/webp,application/pdf,video/mp4,video/quicktime"
NO_FILE = N_("Choose a file first.")

router = APIRouter()

SheetName = Annotated[str, Path(description="A form's letter and serial, W1.", min_length=1, max_length=40)]
DayText = Annotated[str, Query(max_length=10, description="YYYY-MM-DD")]


# --- a period --------------------------------------------------------------------------------------------------------


@router.get("/forms")
def forms_page(
    request: Request, who: See, from_: Annotated[DayText, Query(alias="from")] = "", to: DayText = ""
) -> Response:
    """The forms of a period's tickets, and what they lack."""
    desk, saying = desk_of(request), saying_of(request)
    days, wrong = _days(desk, from_, to)
    found, has_more = register(desk, who, *_window(days))
    shown = {
        "from": days[0].isoformat(),
        "to": days[1].isoformat(),
        "wrong": saying(wrong) if wrong else "",
        "rows": [_row(one, saying) for one in found[: -LIST_ROWS - 1 : -1]],
        "has_more": has_more or len(found) > LIST_ROWS,
        "limit": LIST_ROWS,
        "paper": f"/forms/register?from={days[0]}&to={days[1]}",
    }
    return page(request, who, "forms.html", shown)


@router.get("/forms/register")
def register_paper(
    request: Request, who: See, from_: Annotated[DayText, Query(alias="from")] = "", to: DayText = ""
) -> Response:
    """The register of a period on paper."""
    desk = desk_of(request)
    days, _ = _days(desk, from_, to)
    window = _window(days)
    found, has_more = register(desk, who, *window)
    made = intake.register(found, window, desk.now_ms(), DEFAULT_ZONE, is_whole=not has_more)
    return _paper(request, who, made, {}, back=f"/forms?from={days[0]}&to={days[1]}")


def _days(desk: Desk, from_: str, to: str) -> tuple[tuple[date, date], str]:
    """The first and the last day; the last month, and what is wrong, where they cannot be used."""
    today = (datetime.fromtimestamp(desk.now_ms() / 1000, UTC) + timedelta(hours=8)).date()
    usual = (today - DAY * USUAL_DAYS, today)
    if not from_ and not to:
        return usual, ""
    try:
        first = date.fromisoformat(from_) if from_ else usual[0]
        last = date.fromisoformat(to) if to else today
    except ValueError:
        return usual, NO_DAY
    if not 0 <= (last - first).days < LONGEST_DAYS:
        return usual, NO_DAY
    return (first, last), ""


NO_DAY = N_("Choose two days, the first before the last, at most 400 days apart.")


def _window(days: tuple[date, date]) -> tuple[int, int]:
    """From the midnight before the first day to the one after the last, on the sites' clock."""
    try:
        first, behind = days[0], days[1] + DAY
        return written(f"{first}T00:00", DEFAULT_ZONE), written(f"{behind}T00:00", DEFAULT_ZONE)
    except (TimeError, OverflowError) as error:
        raise bad_parameter("query.from, query.to", "there are no such days", "days such as 2026-11-22") from error


def _row(found: Dossier, saying: Saying) -> dict[str, Any]:
    """A ticket with the forms that are due, and what they lack."""
    due = [
        {
            "id": one.id,
            "title": one.title.of(saying.language),
            "lacks": [label.of(saying.language) for label in missing(found, one.id)],
        }
        for one in sheets(found)
        if one.is_due
    ]
    return {
        "number": found.number,
        "opened_ms": found.opened_ms,
        "customer": found.customer.of(saying.language),
        "fault": found.fault.of(saying.language),
        "engineer": found.name(found.engineer),
        "state": found.state,
        "is_handed_in": bool(of(found, "report")),
        "due": due,
    }


# --- a ticket --------------------------------------------------------------------------------------------------------


@router.get("/tickets/{number}/forms")
def ticket_forms(request: Request, who: See, number: TicketName) -> Response:
    """The forms and files of a ticket."""
    return _ticket_page(request, who, number)


@router.get("/tickets/{number}/forms/{sheet_id}")
def ticket_paper(request: Request, who: See, number: TicketName, sheet_id: SheetName) -> Response:
    """A form on paper."""
    desk = desk_of(request)
    row, _ = ticket_or_404(desk, who, number)
    made = build(dossier(desk, who, row), sheet_id)
    if made is None:
        raise Problem(
            404,
            "no_form",
            what=f"ticket {row.number} has no form {short(sheet_id)}",
            where="path",
            expected="one of those on the page of its forms",
            do="open the forms of the ticket",
        )
    back = f"/tickets/{quote(row.number, safe='')}/forms"
    return _paper(request, who, made, _pictures(desk, row, made), back=back)


@router.post("/tickets/{number}/files")
async def ticket_file(request: Request, who: Act, number: TicketName) -> Response:
    """Take a file from the form, keep it, and write into the log that it is there."""
    desk = desk_of(request)
    row, _ = await run_in_threadpool(ticket_or_404, desk, who, number)
    try:
        sent = await sent_form(request, max(desk.file_limits.of(kind) for kind in OFFERED))
        try:
            return await run_in_threadpool(_attached, request, who, row, sent)
        finally:
            await sent.close()
    except Problem as refused:
        wrong = _said(saying_of(request), refused)
        return await run_in_threadpool(_ticket_page, request, who, number, wrong=wrong, status=refused.status)


def _attached(request: Request, who: Who, row: TicketRow, sent: FormData) -> Response:
    """Keep what the form held; a second click has the same key, and adds nothing."""
    desk, upload = desk_of(request), sent.get("file")
    kind = next((one for one in OFFERED if one == sent.get("kind")), None)
    if kind is None:
        raise bad_parameter("body.kind", "there is no such kind of file", " or ".join(OFFERED))
    if not isinstance(upload, UploadFile) or not upload.filename:
        return _ticket_page(request, who, row.number, wrong=saying_of(request)(NO_FILE), status=422)
    key = str(sent.get("key") or "")[:KEY_LIMIT] or None
    kept = keep_sent(request, who, row, upload, kind, key)
    words = str(sent.get("text") or "")[:TEXT_LIMIT]
    tickets.ask(desk, who, row.number, "attach", words, data={"file": kept.id}, key=key)
    return RedirectResponse(f"/tickets/{quote(row.number, safe='')}/forms", 303)


def _ticket_page(request: Request, who: Who, number: str, *, wrong: str = "", status: int = 200) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    row, _ = ticket_or_404(desk, who, number)
    found = dossier(desk, who, row)
    shown = {
        "number": row.number,
        "fault": found.fault.of(saying.language),
        "sheets": [
            {
                "id": one.id,
                "number": one.number,
                "title": one.title.of(saying.language),
                "is_due": one.is_due,
                "lacks": [label.of(saying.language) for label in missing(found, one.id)] if one.is_due else [],
            }
            for one in sheets(found)
        ],
        "files": [_file(one, row, found, saying) for one in desk.view.files(row.id)],
        "kinds": [(kind, saying(KINDS[kind])) for kind in OFFERED],
        "accepted": ACCEPTED,
        "limits": saying.listed(
            f"{saying(KINDS[kind])} {_size(saying, desk.file_limits.of(kind))}" for kind in OFFERED
        ),
        "key": secrets.token_urlsafe(16),
        "wrong": wrong,
    }
    return page(request, who, "ticket_forms.html", shown, status=status)


def _file(one: FileRow, row: TicketRow, found: Dossier, saying: Saying) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": saying(KINDS[one.kind]),  # type: ignore[index]
        "size": _size(saying, one.size),
        "made_ms": one.made_ms,
        "made_by": found.name(one.made_by),
        "sha256": one.sha256,
        "is_named": one.named_ms is not None,
        "address": f"{ROOT}/tickets/{quote(row.number, safe='')}/files/{one.id}",
    }


def _size(saying: Saying, count: int) -> str:
    return saying.value({"value": count, "unit": "bytes"})


def _said(saying: Saying, refused: Problem) -> str:
    """A refusal in the reader's language: the heading of its kind, and the limit or type that it is about."""
    heading, advice = heading_of(refused)
    stop = "。" if saying.language == "zh" else ". "
    return f"{saying(heading)}{stop}{saying(advice)}"


# --- on paper --------------------------------------------------------------------------------------------------------


@router.get("/rounds/{number}/cover")
def round_cover(request: Request, who: See, number: Number) -> Response:
    """The cover of an inspection report; while the round is under way, there is none."""
    desk = desk_of(request)
    row = round_or_404(desk, who, number)
    document = finished(desk.view, desk.office, row.number, desk.now_ms())
    address = f"/rounds/{quote(row.number, safe='')}"
    if document is None:
        return RedirectResponse(address, 303)
    return _paper(request, who, cover.build(document, DEFAULT_ZONE), {}, back=address)


def _paper(request: Request, who: Who, document: Document, pictures: Mapping[str, str], *, back: str) -> Response:
    """A document as a page to print."""
    if request.query_params.get("lang") in LANGUAGES:
        return page(request, who, "forms.html", {})  # a choice becomes a cookie, and the address comes again
    saying = saying_of(request)
    shown = sheet(document, desk_of(request).company, saying, pictures)
    template = environment(saying.language).get_template("forms/sheet.html")
    html = template.render(around(request, who) | shown, inlined=None, back=back)
    return HTMLResponse(html, headers={"Vary": "Accept-Language, Cookie", "Content-Language": saying.language})


def _pictures(desk: Desk, row: TicketRow, document: Document) -> dict[str, str]:
    """The signatures that a document shows, each as an address that holds the picture itself."""
    wanted = {
        signer.picture
        for part in document.parts
        if isinstance(part, Signatures)
        for signer in part.signers
        if signer.picture
    }
    if not wanted:
        return {}
    return {
        str(one.id): within(desk, one)
        for one in desk.view.files(row.id)
        if str(one.id) in wanted and one.kind == "signature"
    }
