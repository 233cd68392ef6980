"""/register: the register as a file. Send CSV or XLSX as the body itself, not as a form.

GET  /register/template.xlsx                 the empty form, with drop-downs and a page of explanations
POST /register/import?dry_run=true           what the file would do, and every error, row by row; writes nothing
POST /register/import                        does it: all of it, or nothing
GET  /register/export.csv                    all devices that you reach, in the same form
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import Place, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import From, problem_of
from roundsman_collector.api.moments import read as read_time
from roundsman_collector.api.problem import Problem
from roundsman_collector.register import entering, files, sheets
from roundsman_collector.register.entering import Answers
from roundsman_collector.register.plan import Became, Plan, planned
from roundsman_collector.register.sheets import SheetError
from roundsman_collector.roles import Who
from roundsman_collector.store import Deed, EntryError

SHOWN_LIMIT = 1000
"""How many rows and how many errors one answer holds; the counts are of all."""
AT_ONCE = threading.BoundedSemaphore(2)
"""Each import takes a core and some hundred megabytes for a while."""
CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TYPES = ("text/csv", XLSX_TYPE, "application/octet-stream", "application/vnd.ms-excel")

router = APIRouter(prefix="/register", tags=["register"])


class ErrorShape(BaseModel):
    """What is wrong with a cell: where, what it holds, and in both languages what is expected and what to do."""

    row: int
    column: str
    value: str
    code: str
    what_zh: str
    what_en: str
    expected_zh: str
    expected_en: str
    do_zh: str
    do_en: str


class ChangeShape(BaseModel):
    """A field that changes, of a device or of an entry that its row is the first to speak of."""

    subject: str
    field: str
    before: str | None
    after: str | None


class RowShape(BaseModel):
    """What a row does to its device."""

    row: int
    device: str
    became: Became
    changes: list[ChangeShape]


class NoteShape(BaseModel):
    """Something worth knowing that is no error."""

    zh: str
    en: str


class ImportShape(BaseModel):
    """What a file would do, or did. `rows` and `errors` hold the first 1000; the counts are of all."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool
    applied: bool
    added: int
    changed: int
    same: int
    error_count: int
    errors: list[ErrorShape]
    rows: list[RowShape] = Field(description="rows that add or change something")
    notes: list[NoteShape]
    waiting: int = Field(description="commands that the engine has not taken yet; it will when it runs")
    engine_errors: list[str]


@router.get(
    "/template.{form}",
    response_class=Response,
    responses={200: {"content": {CSV_TYPE: {}, XLSX_TYPE: {}}}},
    summary="The empty form, as csv or xlsx",
)
def template(who: Place, form: str) -> Response:
    """Every column with a title that the import knows, one example row; in XLSX a sheet that explains them."""
    made = {"csv": (files.template_csv, CSV_TYPE), "xlsx": (files.template_xlsx, XLSX_TYPE)}.get(form)
    if made is None:
        raise Problem(
            404,
            "no_page",
            what="there is no such template",
            where="path",
            expected="template.csv or template.xlsx",
            do="check the address",
        )
    write, media_type = made
    return Response(write(), media_type=media_type, headers=_named(f"roundsman-register.{form}"))


@router.get(
    "/export.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {CSV_TYPE: {}}}},
    summary="The register as a file",
)
def export(request: Request, who: See) -> StreamingResponse:
    """All devices that you reach, in the form that the import reads."""
    desk = desk_of(request)
    desk.office.note(deed_of(request, who), "export register", "register")
    with_phones = who.may("act") or who.may("place")
    lines = files.export_csv(desk.view, scope=who.scope, with_phones=with_phones)
    return StreamingResponse(lines, media_type=CSV_TYPE, headers=_named("roundsman-register.csv"))


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


@router.post(
    "/import",
    response_model=ImportShape,
    responses={
        413: {"description": "The file is too large."},
        422: {"model": ImportShape, "description": "Rows are wrong; nothing was entered."},
        429: {"description": "Others import now."},
    },
    summary="Enter a file",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {one: {"schema": {"type": "string", "format": "binary"}} for one in TYPES[:2]},
        }
    },
)
async def import_file(
    request: Request,
    who: Place,
    dry_run: Annotated[bool, Query(description="Only tell what it would do.")] = False,
    from_: From = None,
) -> Any:
    """Reads CSV or XLSX from the body. All errors are told at once; with a single one nothing is entered."""
    desk = desk_of(request)
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent not in TYPES:
        raise Problem(
            415,
            "bad_type",
            what=f"a body of type {sent[:80] or 'nothing'} is no register file",
            where="header Content-Type",
            expected=f"text/csv or {XLSX_TYPE}",
            do="send the file itself as the body, with its type",
        )
    body = await read_body(request)
    from_ms = None if from_ is None else read_time(from_, "from")
    deed = deed_of(request, who)
    try:
        told = await run_in_threadpool(imported, desk, who, deed, body, dry_run=dry_run, from_ms=from_ms)
    except SheetError as error:
        raise problem_of_sheet(error) from error
    except EntryError as error:  # somebody was faster
        raise problem_of(error) from error
    status = 422 if told["error_count"] and not dry_run else 200
    return JSONResponse(told, status)


async def read_body(request: Request) -> bytes:
    """The body, as long as it is no larger than a register file may be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > sheets.BYTES_LIMIT:
            raise problem_of_sheet(sheets.too_large(len(body)))
    return bytes(body)


def imported(
    desk: Desk, who: Who, deed: Deed, body: bytes, *, dry_run: bool, from_ms: int | None = None
) -> dict[str, Any]:
    """What a file would do, or, unless it is a dry run, did. Raises SheetError, EntryError, StoreError."""
    with _in_turn():
        plan = planned(desk.view, sheets.read(body), scope=who.scope)
        if dry_run or plan.errors:
            return shown(plan, dry_run=dry_run, answers=None)
        asked = entering.enter(desk.office, plan, deed=deed, from_ms=from_ms, scope=who.scope)
        desk.office.note(deed, "import register", "register", after=dict(plan.counts))
        answers = entering.answers(desk.view, asked, wait_s=desk.answer_within_s * len(asked))
        desk.office.fill_search()
    return shown(plan, dry_run=False, answers=answers)


def shown(plan: Plan, *, dry_run: bool, answers: Answers | None) -> dict[str, Any]:
    """A plan, and what became of it, as the API says it."""
    moving = [one for one in plan.rows if one.became != "same"][:SHOWN_LIMIT]
    return {
        "dry_run": dry_run,
        "applied": answers is not None,
        **plan.counts,
        "error_count": len(plan.errors),
        "errors": [asdict(one) for one in plan.errors[:SHOWN_LIMIT]],
        "rows": [asdict(one) for one in moving],
        "notes": [asdict(one) for one in plan.notes],
        "waiting": 0 if answers is None else answers.waiting,
        "engine_errors": [] if answers is None else list(answers.errors),
    }


def problem_of_sheet(error: SheetError) -> Problem:
    """A file that cannot be read at all, as an answer."""
    return Problem(
        413 if error.code in ("too_large", "too_many_rows") else 422,
        error.code,
        what=error.en,
        where="body",
        expected="a register file: CSV or XLSX with the columns of the template",
        do="mend the file, or begin with GET /api/v1/register/template.xlsx",
    )


@contextmanager
def _in_turn() -> Iterator[None]:
    if not AT_ONCE.acquire(timeout=10):
        raise Problem(
            429,
            "busy",
            what="others import files now",
            where="this address",
            expected="two imports at once at most",
            do="wait a minute and send it again",
            retry_after_s=60,
        )
    try:
        yield
    finally:
        AT_ONCE.release()
