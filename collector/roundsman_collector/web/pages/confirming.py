"""The page behind a customer's link: the report, and a yes to it, once. No account, nothing of other reports.

/confirm/KEY            what it is, its SHA-256, the way to its files, and the form
/confirm/KEY/paper      the page as it was issued; /confirm/KEY/pdf the file
POST /confirm/KEY       the yes: a name, a drawn signature or a photo of the signed paper

Unknown links, used ones, those of yesterday and what is no link at all have one answer.
"""

from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.datastructures import FormData, UploadFile

from roundsman_collector.api import issued, links
from roundsman_collector.api.access import address_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.core.periods import period_named
from roundsman_collector.issuing.kinds import KINDS
from roundsman_collector.reports.head import period_label
from roundsman_collector.store import StoreError
from roundsman_collector.store.issued import Confirmed, Form, ReportRow
from roundsman_collector.store.report_desk import CONFIRM, report_of
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.login import ours
from roundsman_collector.web.upload import sent_form
from roundsman_collector.web.words import N_

NAME_LIMIT, WORDS_LIMIT = 60, 400
NO_NAME = N_("Please write your name.")
NO_PICTURE = N_("This is no signature and no scan: PDF, JPEG or PNG.")
TOO_MANY = 429
BAD_FORM = (413, 422)
NOT_INDEXED = {"X-Robots-Tag": "noindex, nofollow"}

router = APIRouter()


@router.get("/confirm/{key}")
def confirm_page(request: Request, key: str) -> Response:
    """The report that a link leads to."""
    try:
        row = _opened(request, key)
    except Problem as nowhere:
        return _none(request, nowhere)
    return _shown(request, key, row)


@router.get("/confirm/{key}/{form}")
def confirm_file(request: Request, key: str, form: str) -> Response:
    """A file of it: `paper` or `pdf`."""
    try:
        row = _opened(request, key)
        wanted: Form = "pdf" if form == "pdf" else "page"
        answer = issued.file_served(desk_of(request), row, wanted)
    except Problem as nowhere:
        return _none(request, nowhere)
    answer.headers.update(NOT_INDEXED)
    return answer


@router.post("/confirm/{key}", dependencies=[Depends(ours)])
async def confirm_send(request: Request, key: str) -> Response:
    """Take the yes."""
    try:
        row = await run_in_threadpool(_opened, request, key)
    except Problem as nowhere:
        return await run_in_threadpool(_none, request, nowhere)
    try:
        form = await sent_form(request, issued.SCAN_BYTES)
    except Problem as bad:
        if bad.status not in BAD_FORM:
            raise
        wrong = saying_of(request)(NO_PICTURE)
        return await run_in_threadpool(partial(_shown, request, key, row, wrong=wrong, status=bad.status))
    try:
        picture = form.get("signature")
        body = await picture.read() if isinstance(picture, UploadFile) and picture.filename else b""
        return await run_in_threadpool(_taken, request, key, row, form, body)
    finally:
        await form.close()


def _opened(request: Request, key: str) -> ReportRow:
    """The report that a link leads to; Problem, one for whatever is no good."""
    desk = desk_of(request)
    link = links.opened(desk, CONFIRM, key, address_of(request))
    row = desk.view.report(report_of(link.subject))
    assert row is not None, "links are made for reports"
    return row


def _taken(request: Request, key: str, row: ReportRow, form: FormData, picture: bytes) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    name = str(form.get("name") or "").strip()[:NAME_LIMIT]
    words = str(form.get("words") or "").strip()[:WORDS_LIMIT]
    if not name:
        return _shown(request, key, row, wrong=saying(NO_NAME), words=words, status=422)
    how = issued.how_of(picture)
    try:
        said = issued.confirmed(desk, row, how, name, words=words, picture=picture)
    except Problem:
        return _shown(request, key, row, wrong=saying(NO_PICTURE), name=name, words=words, status=422)
    done = _kept(desk, key, said, address_of(request))
    if done is None:
        return _none(request, links.no_link())
    return _shown(request, key, done, is_done=True, name=name)


def _kept(desk: Desk, key: str, said: Confirmed, address: str) -> ReportRow | None:
    try:
        return desk.office.reports.confirm_by_link(key, said, at_ms=desk.now_ms(), address=address)
    except StoreError as error:
        if error.cause != "conflict":
            raise
        return None


def _shown(request: Request, key: str, row: ReportRow, *, status: int = 200, **more: Any) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    kind, named = KINDS[row.kind], period_named(row.period)
    files = {one.form for one in desk.view.report_files(row.id)}
    shown = {
        "key": key,
        "title_of_report": kind.title.of(saying.language),
        "number": row.number,
        "revision": row.revision,
        "period": row.period if named is None else period_label(named[1]).of(saying.language),
        "known_ms": row.known_ms,
        "sha": issued.main_file(desk, row).sha256,
        "has_pdf": "pdf" in files,
        "company": desk.company.name.of(saying.language),
        "is_sent": False,
        "is_done": False,
        "wrong": "",
        "name": "",
        "words": "",
        **more,
    }
    answer = page(request, None, "confirming.html", shown, status=status)
    answer.headers.update(NOT_INDEXED)
    return answer


def _none(request: Request, nowhere: Problem) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    shown = {
        "company": desk.company.name.of(saying.language),
        "is_sent": False,
        "is_busy": nowhere.status == TOO_MANY,
        "phone": desk.company.service_phone,
    }
    answer = page(request, None, "confirming_none.html", shown, status=nowhere.status)
    answer.headers.update(NOT_INDEXED)
    return answer
