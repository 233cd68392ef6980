"""扫码报修: the page behind a label, for anybody with a phone. No account, no id, nothing of other tickets.

/r/7K3M9QXA2B4CD5EF                what device this is, whether its fault is known, and a short form
POST /r/7K3M9QXA2B4CD5EF           the report, a photo with it; sent twice, it is one
/r/7K3M9QXA2B4CD5EF?sent=KEY       the number, and what happens next: for whoever sent it
/r                                 to type what stands on the label

Whoever is signed in and reaches the device comes to its page instead, or to the ticket they were sent for (?public=1
shows what others see). Unknown codes, revoked ones and what is no code at all have one answer.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile

from roundsman_collector.api import tickets
from roundsman_collector.api.access import address_of, who_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.scanned import (
    About,
    Outcome,
    Said,
    about,
    choices,
    known,
    outcome,
    refuse_flood,
    report,
    reporter,
    scanned,
    ticket_of,
)
from roundsman_collector.core.label import TYPED_LIMIT, read
from roundsman_collector.core.lifecycle import LIVE
from roundsman_collector.core.media import flaw, look
from roundsman_collector.roles import Who
from roundsman_collector.store import CommandRow, LabelRow, StoreError, TicketFilter
from roundsman_collector.store.entry_kinds import PHONE
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.login import ours
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.upload import keep_sent, sent_form
from roundsman_collector.web.words import N_

LIMITS: Mapping[str, int] = {"text": 1000, "name": 60, "phone": 40}
KEY_LEAST, KEY_MOST = 16, 60
PHOTOS = "image/jpeg,image/png,image/webp"
TOLERANCE = 3
"""A form with a photo that is so many times too large is still read, to say so beside what was written."""
NOT_INDEXED = {"X-Robots-Tag": "noindex, nofollow"}
TRAP = "website"
"""No person sees this field; what fills in every field is not one."""
NO_WORDS = N_("Choose what is wrong, or write it in your own words.")
NO_PHONE = N_("Leave a telephone number, so that we can call you.")
BAD_PHONE = N_("This does not look like a telephone number.")
TOO_LONG = N_("At most %(count)s characters.")
NO_FAULT = N_("Choose one of the list.")
PHOTO_LARGE = N_("This photo is too large: at most %(size)s.")
PHOTO_WRONG = N_("This is no photo: JPEG, PNG or WebP.")
TOO_MANY = N_("This device was reported many times just now: it is known. If it is urgent, call the service line.")
SENT_BEFORE = N_("This was sent already. If you have something to add, send it once more.")
NOT_TAKEN = N_("This could not be taken. Please call the service line.")

router = APIRouter()

Code = Annotated[str, Query(max_length=200)]


@router.get("/r")
def typed_page(request: Request, code: Code = "") -> Response:
    """Where somebody types the code of a label."""
    found = read(code)
    if found is not None:
        return RedirectResponse(f"/r/{found}", 303)
    return _none(request, is_wrong=bool(code.strip()), status=404 if code.strip() else 200)


@router.get("/r/{code}")
def scanned_page(
    request: Request, code: str, sent: Annotated[str, Query(max_length=200)] = "", public: bool = False, photo: str = ""
) -> Response:
    """What a scanned label leads to."""
    desk = desk_of(request)
    try:
        row = scanned(desk, code, address_of(request))
    except Problem as nowhere:
        return _none(request, is_wrong=True, status=nowhere.status)
    staff = None if public or sent else _staff(request)
    if staff is not None and staff.may("see") and desk.view.reaches(staff.scope, row.subject):
        return RedirectResponse(_place_of(desk, staff, row), 303)
    return _page(request, row, sent=sent, is_photo_lost=bool(photo))


@router.post("/r/{code}", dependencies=[Depends(ours)])
async def send(request: Request, code: str) -> Response:
    """Take a report."""
    desk, address = desk_of(request), address_of(request)
    try:
        row = await run_in_threadpool(scanned, desk, code, address)
    except Problem as nowhere:
        return await run_in_threadpool(_none, request, is_wrong=True, status=nowhere.status)
    try:
        refuse_flood(desk, address)
        form = await sent_form(request, TOLERANCE * desk.file_limits.photo)
    except Problem as refused:
        return await run_in_threadpool(
            _page, request, row, why=_why(desk, saying_of(request), refused), refused=refused
        )
    try:
        return await run_in_threadpool(_sent, request, row, form)
    finally:
        await form.close()


# --- whoever is signed in --------------------------------------------------------------------------------------------


def _staff(request: Request) -> Who | None:
    """Who scanned it, if they have signed in."""
    try:
        return who_of(request)
    except (Problem, StoreError):
        return None


def _place_of(desk: Desk, who: Who, row: LabelRow) -> str:
    """The ticket they were sent for to this device, else the page of the device or site."""
    mine = TicketFilter(states=LIVE, sent=(who.id,), subject=row.subject)
    for one in desk.view.tickets_page(who.scope, mine, limit=1):
        return f"/tickets/{quote(one.number, safe='')}"
    if row.subject.startswith("#"):
        return f"/sites/{quote(row.subject[1:], safe='')}"
    return f"/devices/{quote(row.subject, safe='')}"


# --- what was sent ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    """What the form says; `wrong`: what is wrong with which field."""

    said: Said | None
    photo: UploadFile | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)


def _sent(request: Request, row: LabelRow, form: FormData) -> Response:
    """Take the report, keep its photo, lead to what became of it."""
    desk, saying = desk_of(request), saying_of(request)
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    if fields.get(TRAP):
        return _page(request, row, given=fields, why=saying(NOT_TAKEN), status=422)
    found = _read(desk, saying, row, fields, form.get("photo"))
    if found.said is None:
        return _page(request, row, given=fields, wrong=found.wrong, status=422)
    key = _key(fields.get("key", ""))
    try:
        answer = report(desk, row, found.said, key)
    except Problem as refused:
        return _page(request, row, given=fields, why=_why(desk, saying, refused), refused=refused)
    is_kept = found.photo is None or _keep_photo(request, row, answer, found.photo, key)
    return RedirectResponse(f"/r/{row.code}?sent={key}{'' if is_kept else '&photo=lost'}", 303)


def _key(given: str) -> str:
    is_one = KEY_LEAST <= len(given) <= KEY_MOST and all(
        one.isascii() and (one.isalnum() or one in "-_") for one in given
    )
    return given if is_one else secrets.token_urlsafe(16)


def _read(desk: Desk, saying: Saying, row: LabelRow, fields: Mapping[str, str], photo: object) -> _Read:
    given = {name: fields.get(name, "").strip() for name in (*LIMITS, "code")}
    wrong = {name: saying(TOO_LONG, count=limit) for name, limit in LIMITS.items() if len(given[name]) > limit}
    offered = {code for _, codes in choices(desk, about(desk, row).kind) for code in codes}
    if given["code"] and given["code"] not in offered:
        wrong["code"] = saying(NO_FAULT)
    joins = fields.get("joins") == "yes"
    if not (given["text"] or given["code"] or joins):
        wrong["text"] = saying(NO_WORDS)
    wrong |= _wrong_phone(desk, saying, given["phone"])
    sent = photo if isinstance(photo, UploadFile) and photo.filename else None
    if sent is not None and (said := _wrong_photo(desk, saying, sent)):
        wrong["photo"] = said
    if wrong:
        return _Read(said=None, wrong=wrong)
    phone = given["phone"] if desk.labels.phone != "never" else ""
    named = desk.fault_name(given["code"], saying.language) if given["code"] else ""
    text = given["text"] or named or saying(N_("Reported again by the label."))
    return _Read(said=Said(text=text, code=given["code"], name=given["name"], phone=phone, joins=joins), photo=sent)


def _wrong_phone(desk: Desk, saying: Saying, phone: str) -> dict[str, str]:
    if desk.labels.phone == "required" and not phone:
        return {"phone": saying(NO_PHONE)}
    return {"phone": saying(BAD_PHONE)} if phone and not PHONE.fullmatch(phone) else {}


def _wrong_photo(desk: Desk, saying: Saying, sent: UploadFile) -> str:
    """Looked at before the report is taken: the one shall not be without the other because nobody looked."""
    limit = desk.file_limits.photo
    size = sent.file.seek(0, 2)
    if size > limit:
        return saying(PHOTO_LARGE, size=saying.value({"value": limit, "unit": "bytes"}))
    sent.file.seek(0)
    wrong = flaw("photo", look(sent.file), said=sent.content_type or "", name=sent.filename or "") if size else "empty"
    return saying(PHOTO_WRONG) if wrong else ""


def _keep_photo(request: Request, row: LabelRow, answer: CommandRow, photo: UploadFile, key: str) -> bool:
    """Let the photo belong to the ticket; False where it could not be kept. The report stands either way."""
    desk, who = desk_of(request), reporter(row)
    ticket = ticket_of(desk, answer)
    if ticket is None:
        return False
    try:
        kept = keep_sent(request, who, ticket, photo, "photo", key)
        tickets.ask(desk, who, ticket.number, "attach", "", data={"file": kept.id}, key=f"{key}-photo")
    except Problem:
        return False
    return True


def _why(desk: Desk, saying: Saying, refused: Problem) -> str:
    """A refusal in words for strangers."""
    if refused.status == 429:
        return saying(TOO_MANY)
    if refused.status == 413:
        return saying(PHOTO_LARGE, size=saying.value({"value": desk.file_limits.photo, "unit": "bytes"}))
    is_other = refused.code == "key_used"
    return saying(SENT_BEFORE if is_other else NOT_TAKEN)


# --- what the page shows ---------------------------------------------------------------------------------------------


def _page(
    request: Request,
    row: LabelRow,
    *,
    sent: str = "",
    is_photo_lost: bool = False,
    given: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
    why: str = "",
    status: int = 200,
    refused: Problem | None = None,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    device = about(desk, row)
    became = outcome(desk, row, sent) if sent else None
    shown: dict[str, Any] = {
        **_around(desk, saying),
        "name": saying.pair((device.name_zh, device.name_en)),
        "spot": saying.pair((device.spot_zh, device.spot_en)),
        "code": row.code,
        "known": None if became is not None else known(desk, row),
        "became": became,
        "waits": became is not None and _waits(became),
        "tells": desk.labels.tells != "nothing",
        "is_photo_lost": is_photo_lost,
        "faults": _faults(desk, saying, device),
        "asks_phone": desk.labels.phone,
        "limits": LIMITS,
        "photos": PHOTOS,
        "photo_size": saying.value({"value": desk.file_limits.photo, "unit": "bytes"}),
        "trap": TRAP,
        "key": secrets.token_urlsafe(16),
        "given": given or {},
        "wrong": wrong or {},
        "why": why,
        "is_sent": request.method == "POST",
    }
    answer = page(request, None, "scanned.html", shown, status=refused.status if refused is not None else status)
    answer.headers.update(NOT_INDEXED | ({} if refused is None else refused.headers))
    return answer


def _waits(became: Outcome) -> bool:
    """Whether more will be known within seconds: the page comes again by itself."""
    is_open = not became.is_refused and (not became.number or became.respond_by_ms is None)
    return became.is_young and is_open


def _faults(desk: Desk, saying: Saying, device: About) -> list[tuple[str, list[tuple[str, str]]]]:
    """What may be wrong, by what the device is there for."""
    return [
        (saying.pair((function.zh, function.en)), [(code, desk.fault_name(code, saying.language)) for code in codes])
        for function, codes in choices(desk, device.kind)
    ]


def _none(request: Request, *, is_wrong: bool, status: int) -> Response:
    """The page for what leads nowhere, and for whoever types a code."""
    desk, saying = desk_of(request), saying_of(request)
    shown = {
        **_around(desk, saying),
        "is_wrong": is_wrong,
        "is_flood": status == 429,
        "limit": TYPED_LIMIT,
        "is_sent": True,
    }
    answer = page(request, None, "scanned_none.html", shown, status=status)
    answer.headers.update(NOT_INDEXED)
    return answer


def _around(desk: Desk, saying: Saying) -> dict[str, str]:
    """Who stands behind the page, and whom to call."""
    return {"company": desk.company.name.of(saying.language), "hotline": desk.company.service_phone}
