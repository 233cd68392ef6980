"""/reports: reports that are kept, by revision: asked for, issued, sent, confirmed, their files and what changed.

    POST /reports {"kind": "sla", "scope": "contract:metro-c", "period": "2026-10"}    201 new · 200 it was there
    GET  /reports · /reports/{report}                       states, revisions, files, who confirmed, what changed
    GET  /reports/{report}/files/{form}                     page, pdf or xlsx, as it was made
    POST /reports/{report}/issue                            a manager: from now on it never changes
    POST /reports/{report}/link                             by which the customer confirms it, once, without an account
    POST /reports/{report}/scan?name=钱女士                  the signed paper, photographed or scanned
    GET  /reports/verify?sha256=…                           whether a file is ours, and of which report

Who may not act on tickets, customers among them, sees what was issued; nobody sees another's.
"""

import hashlib
import json
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import links
from roundsman_collector.api.access import Act, Overrule, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem, bad_parameter, of_store
from roundsman_collector.api.reports import told_as_problem, wanted_of
from roundsman_collector.api.telling import ROOT
from roundsman_collector.issuing.clockwork import wish_of
from roundsman_collector.issuing.kinds import KINDS
from roundsman_collector.reports.lines import Difference, differences, read, written
from roundsman_collector.roles import Who
from roundsman_collector.store import Deed, StoreError
from roundsman_collector.store.issued import FROZEN, Confirmed, Form, ReportFile, ReportFilter, ReportRow
from roundsman_collector.store.report_desk import CONFIRM
from roundsman_collector.wording import short

PAGE_LIMIT = 200
SCAN_BYTES = 20_000_000
SCANS = {"application/pdf": b"%PDF-", "image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}
"""What a scan may be, and how such a file begins."""
ENDINGS: dict[Form, str] = {"page": "html", "pdf": "pdf", "xlsx": "xlsx"}
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox; frame-ancestors 'none'"
)
"""A page that was kept brings its own style, and nothing else of it may do anything."""

router = APIRouter(prefix="/reports", tags=["reports"])

ReportId = Annotated[int, Path(description="A report's id.", ge=1, le=2**53)]


class ReportWish(BaseModel):
    """Which report is wanted."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: str = Field(max_length=40)
    scope: str = Field(max_length=120, description="such as contract:metro-c")
    period: str = Field(max_length=20, description="such as 2026-10 or 2026-Q4")
    language: Literal["zh", "en"] = "zh"


class IssueWish(BaseModel):
    """`digest`: what whoever issues it saw; recipients beside those of its schedule."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    digest: str = Field(default="", max_length=64)
    recipients: list[Annotated[str, Field(pattern=r"^[^@\s,;<>]{1,64}@[^@\s,;<>]{1,190}$")]] = Field(
        default_factory=list, max_length=50
    )


class LinkWish(BaseModel):
    """For whom a link is made."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    for_whom: str = Field(default="", max_length=120)


class KeptReportShape(BaseModel):
    """A revision of a report. `known_ms` null: it was not made yet; `step`: what is being done now."""

    model_config = ConfigDict(extra="allow")

    id: int
    kind: str
    scope: str
    about: str
    period: str
    revision: int
    number: str
    state: Literal["provisional", "final", "issued", "confirmed"]
    from_ms: int
    to_ms: int
    known_ms: int | None
    issued_ms: int | None
    issued_by: str
    digest: str
    problem: str
    step: str
    links: dict[str, str]


class KeptReportsShape(BaseModel):
    """A page of reports, the newest first."""

    reports: list[KeptReportShape]
    next_before: int | None


class LinkShape(BaseModel):
    """A link for a customer: shown once."""

    url: str
    expires_ms: int


class VerifiedShape(BaseModel):
    """Which reports have a file of these bytes."""

    sha256: str
    found: list[dict[str, Any]]


@router.get("", response_model=KeptReportsShape, summary="Reports, the newest first")
def reports(
    request: Request,
    who: See,
    kind: Annotated[str, Query(max_length=40)] = "",
    state: Annotated[Literal["", "provisional", "final", "issued", "confirmed"], Query()] = "",
    period: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[int | None, Query(description="`next_before` of the page before.", ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50,
) -> dict[str, Any]:
    """A page of reports that somebody may read."""
    rows = listed(desk_of(request), who, kind=kind, state=state, period=period, before=before, limit=limit + 1)
    return {
        "reports": [told(row) for row in rows[:limit]],
        "next_before": rows[limit - 1].id if len(rows) > limit else None,
    }


def listed(
    desk: Desk, who: Who, *, kind: str = "", state: str = "", period: str = "", before: int | None, limit: int
) -> list[ReportRow]:
    """Reports that somebody may read."""
    wanted = ReportFilter(kind=kind, state=state, period=period, person=who.id, is_frozen=not who.may("act"))
    return desk.view.reports(who.scope, wanted, before_id=before, limit=limit)


@router.post("", response_model=KeptReportShape, status_code=201, summary="Have a report made")
def ask(request: Request, who: Act, wish: ReportWish, response: Response) -> dict[str, Any]:
    """It is made as soon as its period is over: provisional first, final when late news has settled.

    Asked for again, it is the same one (200); one that is not issued yet is made anew.
    """
    row, is_new = asked_for(request, who, wish.kind, wish.scope, wish.period, wish.language)
    response.status_code = 201 if is_new else 200
    return told(row)


def asked_for(request: Request, who: Who, kind: str, scope: str, period: str, language: str) -> tuple[ReportRow, bool]:
    """The report that somebody wants, and whether it is new; Problem for what cannot be reported."""
    desk = desk_of(request)
    with told_as_problem():
        found, wanted = wanted_of(desk, who, kind, scope, period)
    wish = wish_of(found, wanted, language=language)
    return desk.office.reports.ask(wish, deed=deed_of(request, who))


@router.get("/verify", response_model=VerifiedShape, summary="Whether a file is one of ours, by its SHA-256")
def verify(request: Request, who: See, sha256: Annotated[str, Query(pattern="^[0-9a-f]{64}$")]) -> dict[str, Any]:
    """The reports that somebody may read, and that have a file of these bytes."""
    found = desk_of(request).view.reports_of_sha256(sha256)
    return {
        "sha256": sha256,
        "found": [{"form": form, **told(row)} for row, form in found if may_read(who, row)],
    }


@router.get("/{report}", response_model=KeptReportShape, summary="A report, its revisions, files and who confirmed it")
def report(request: Request, who: See, report: ReportId) -> dict[str, Any]:
    """Everything about a revision but what it says."""
    desk = desk_of(request)
    row = report_or_404(desk, who, report)
    return {
        **told(row),
        "files": [_file(row, one) for one in desk.view.report_files(row.id)],
        "revisions": [told(one) for one in desk.view.report_revisions(row) if may_read(who, one)],
        "confirmations": [
            {**stamped("at", one.at_ms), "how": one.how, "name": one.name, "words": one.words, "sha256": one.sha256}
            for one in desk.view.report_confirmations(row.id)
        ],
        "letters": [
            {"recipient": one.recipient, "state": one.state, "tries": one.tries, "error": one.error}
            for one in (desk.view.report_letters(row.id) if who.may("act") else ())
        ],
        "differences": [
            {**_place(one), "was": was, "is": now}
            for one, (_, _, _, was, _), (_, _, _, now, _) in _with_values(changed(desk, row))
        ],
        "versions": json.loads(row.versions or "{}"),
    }


def changed(desk: Desk, row: ReportRow) -> tuple[Difference, ...]:
    """What a revision says otherwise than the one before it."""
    before = next((one for one in desk.view.report_revisions(row) if one.revision == row.revision - 1), None)
    bodies = None if before is None else (desk.view.report_body(before.id), desk.view.report_body(row.id))
    if bodies is None or bodies[0] is None or bodies[1] is None:
        return ()
    return differences(read(bodies[0]), read(bodies[1]))


def _with_values(found: tuple[Difference, ...]) -> list[tuple[Difference, list[Any], list[Any]]]:
    was = json.loads(written([one.line._replace(value=one.was) for one in found]))
    now = json.loads(written([one.line._replace(value=one.now) for one in found]))
    return list(zip(found, was, now, strict=True))


def _place(one: Difference) -> dict[str, Any]:
    ((part, row, column, _, _),) = json.loads(written([one.line]))
    return {
        "part_zh": part["zh"],
        "part_en": part["en"],
        "row": row,
        "column_zh": column["zh"],
        "column_en": column["en"],
    }


@router.get("/{report}/files/{form}", response_class=Response, summary="A file of a report: page, pdf or xlsx")
def report_file(request: Request, who: See, report: ReportId, form: Form) -> Response:
    """The bytes as they were made; their SHA-256 is the ETag."""
    desk = desk_of(request)
    return file_served(desk, report_or_404(desk, who, report), form)


def file_served(desk: Desk, row: ReportRow, form: Form) -> Response:
    """A file of a report; Problem where it has none such."""
    found = next((one for one in desk.view.report_files(row.id) if one.form == form), None)
    if found is None:
        raise Problem(
            404,
            "no_file",
            what=f"report {row.number} has no file {form}",
            where="path",
            expected="a file that was made",
            do="look at the report, which says what could not be made of it, and why",
        )
    name = f"{row.number}-{row.revision}.{ENDINGS[form]}"
    how = "inline" if form == "page" else "attachment"
    headers = {
        "ETag": f'"{found.sha256}"',
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": PAGE_POLICY,
        "Content-Disposition": f"{how}; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Length": str(found.size),
    }
    media = f"{found.media_type}; charset=utf-8" if form == "page" else found.media_type
    return StreamingResponse(desk.view.file_pieces(found.sha256), media_type=media, headers=headers)


@router.post("/{report}/issue", response_model=KeptReportShape, summary="Issue a final report")
def issue(request: Request, who: Overrule, report: ReportId, wish: IssueWish) -> dict[str, Any]:
    """From now on it never changes, and its letters are sent. 409: it is not final, or says something else by now."""
    return told(issued_by(request, who, report, digest=wish.digest, recipients=tuple(wish.recipients)))


def issued_by(
    request: Request, who: Who, report: int, *, digest: str = "", recipients: tuple[str, ...] = ()
) -> ReportRow:
    """A report that somebody issues; Problem where it cannot be."""
    desk = desk_of(request)
    row = report_or_404(desk, who, report)
    try:
        return desk.office.reports.issue(
            row.id, deed=deed_of(request, who), digest=digest or None, recipients=recipients
        )
    except StoreError as error:
        raise refused(error) from error


@router.post("/{report}/link", response_model=LinkShape, status_code=201, summary="A link for the customer to confirm")
def link(request: Request, who: Act, report: ReportId, wish: LinkWish) -> dict[str, Any]:
    """Good once, for a while, for whoever has it. An older one that was made here leads nowhere any more."""
    desk = desk_of(request)
    row = frozen_or_409(report_or_404(desk, who, report))
    url, made = links.made(
        desk, deed_of(request, who), CONFIRM, f"report:{row.id}:0", "/confirm/", for_whom=wish.for_whom
    )
    return {"url": url, "expires_ms": made.expires_ms}


@router.post("/{report}/scan", response_model=KeptReportShape, summary="Keep the paper that the customer signed")
async def scan(
    request: Request,
    who: Act,
    report: ReportId,
    name: Annotated[str, Query(min_length=1, max_length=120, description="Who signed.")],
) -> dict[str, Any]:
    """The body is a PDF, JPEG or PNG. The report is confirmed by it."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > SCAN_BYTES:
            raise bad_parameter("body", "this scan is too large", f"at most {SCAN_BYTES} bytes")
    return told(await run_in_threadpool(scan_kept, request, who, report, name, bytes(body)))


def scan_kept(request: Request, who: Who, report: int, name: str, body: bytes) -> ReportRow:
    """A report that is confirmed by a scan; Problem where it is none, or the report is not issued."""
    desk = desk_of(request)
    row = frozen_or_409(report_or_404(desk, who, report))
    said = confirmed(desk, row, "scan", name, picture=body)
    return confirm(desk, row, said, deed_of(request, who))


def confirmed(
    desk: Desk, row: ReportRow, how: Literal["link", "drawn", "scan"], name: str, *, words: str = "", picture: bytes
) -> Confirmed:
    """What is kept of a yes: of which file, with which picture; Problem for a picture that is none."""
    media = next((kind for kind, head in SCANS.items() if picture.startswith(head)), "")
    if picture and not media:
        raise bad_parameter("body", "this is no scan", " or ".join(SCANS))
    if how != "link" and not picture:
        raise bad_parameter("body", "there is no signature and no scan", " or ".join(SCANS))
    return Confirmed(
        how=how,
        name=name,
        words=words,
        sha256=main_file(desk, row).sha256,
        picture=picture,
        picture_sha256=hashlib.sha256(picture).hexdigest() if picture else "",
        media_type=media,
    )


def how_of(picture: bytes) -> Literal["link", "drawn", "scan"]:
    """How somebody said yes who sent this, or nothing, along."""
    if not picture:
        return "link"
    return "drawn" if picture.startswith(SCANS["image/png"]) else "scan"


def main_file(desk: Desk, row: ReportRow) -> ReportFile:
    """What a customer confirms: the PDF; the page where there is none."""
    found = {one.form: one for one in desk.view.report_files(row.id)}
    return found.get("pdf") or found["page"]


def confirm(desk: Desk, row: ReportRow, said: Confirmed, deed: Deed) -> ReportRow:
    """Keep a yes; Problem where it cannot be."""
    try:
        return desk.office.reports.confirm(row.id, said, deed=deed)
    except StoreError as error:
        raise refused(error) from error


# --- telling ---------------------------------------------------------------------------------------------------------


def may_read(who: Who, row: ReportRow) -> bool:
    """Whether somebody may read a report: all of what it is about is theirs; and it was issued, or they act for us."""
    if not who.may("act") and row.state not in FROZEN:
        return False
    if row.scope == "engineer" and row.about == who.id:
        return True
    return who.scope.everything or (
        (row.customer is not None and row.customer in who.scope.customers)
        or (row.group_id is not None and row.group_id in who.scope.groups)
    )


def report_or_404(desk: Desk, who: Who, report: int) -> ReportRow:
    """A report that somebody may read; Problem as if it were not there otherwise."""
    row = desk.view.report(report)
    if row is None or not may_read(who, row):
        raise Problem(
            404,
            "no_report",
            what=f"there is no report {short(str(report))}",
            where="path",
            expected="an id of GET /reports",
            do="look it up in the list",
        )
    return row


def frozen_or_409(row: ReportRow) -> ReportRow:
    """A report that was issued; Problem otherwise."""
    if row.state not in FROZEN:
        raise Problem(
            409,
            "report_not_issued",
            what=f"report {row.number} is {row.state}, and not issued",
            where="path",
            expected="a report that was issued",
            do="issue it first",
        )
    return row


def refused(error: StoreError) -> Problem:
    """What contradicts how the report stands (409); anything else as it is."""
    if error.cause != "conflict":
        return of_store(error)
    return Problem(
        409,
        "report_conflict",
        what=error.what,
        where=error.where,
        expected="a report that stands as you saw it",
        do=error.do,
    )


def told(row: ReportRow) -> dict[str, Any]:
    """A revision as it is told."""
    kind = KINDS.get(row.kind)
    at = f"{ROOT}/reports/{row.id}"
    return {
        "id": row.id,
        "kind": row.kind,
        "title_zh": row.kind if kind is None else kind.title.zh,
        "title_en": row.kind if kind is None else kind.title.en,
        "scope": row.scope,
        "about": row.about,
        "period": row.period,
        "revision": row.revision,
        "number": row.number,
        "state": row.state,
        "language": row.language,
        **stamped("from", row.from_ms),
        **stamped("to", row.to_ms),
        **stamped("known", row.known_ms),
        **stamped("issued", row.issued_ms),
        "issued_by": row.issued_by,
        "digest": row.digest,
        "problem": row.problem,
        "step": row.step,
        "tries": row.tries,
        "links": {"self": at, "page": f"/reports/{row.id}", "files": f"{at}/files/"},
    }


def _file(row: ReportRow, one: ReportFile) -> dict[str, Any]:
    return {
        "form": one.form,
        "sha256": one.sha256,
        "size": one.size,
        "media_type": one.media_type,
        "link": f"{ROOT}/reports/{row.id}/files/{one.form}",
    }
