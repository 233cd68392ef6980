"""Reports that customers get: the list, one of them with its revisions, and what it would say now.

/reports?state=final            the list, and the form that has one made
/reports/7                      how it stands, what changed, its files, who confirmed it; a manager issues it
/reports/7/paper                the page as it was made: frozen when it was issued
/reports/preview?kind=…         what a report would say now, marked as provisional
/reports/schedules              which are made by themselves
"""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from roundsman_collector.api import issued, links, report_schedules, reports
from roundsman_collector.api.access import Act, Overrule, See, deed_of
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.issued import ReportId, may_read
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.report_schedules import ScheduleWish
from roundsman_collector.core.periods import SHOWN, period_named
from roundsman_collector.issuing.kinds import KINDS
from roundsman_collector.press import why
from roundsman_collector.reports.document import Document
from roundsman_collector.reports.head import period_label
from roundsman_collector.roles import Who
from roundsman_collector.store.issued import FROZEN, ReportRow
from roundsman_collector.store.report_desk import CONFIRM
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import around, environment, page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.setting import Setting
from roundsman_collector.web.sheet import sheet
from roundsman_collector.web.upload import sent_form
from roundsman_collector.web.words import LANGUAGES, N_
from roundsman_wire.catalogue import Label

PAGE_ROWS = 50
DIFFERENCES = 200
STATES = {
    "provisional": N_("provisional"),
    "final": N_("final, not issued yet"),
    "issued": N_("issued"),
    "confirmed": N_("confirmed by the customer"),
}
HOW = {"link": N_("by the link"), "drawn": N_("with a drawn signature"), "scan": N_("on paper, scanned")}
STEPS = {
    "gather": N_("the numbers are gathered"),
    "compare": N_("it is compared with what is known now"),
    "page": N_("the page is set"),
    "pdf": N_("the PDF is made"),
    "xlsx": N_("the workbook is written"),
}
SCOPES = {
    "site": N_("Site"),
    "contract": N_("Contract"),
    "customer": N_("Customer"),
    "group": N_("Monitoring centre"),
    "engineer": N_("Engineer"),
    "company": N_("Company"),
}
LETTERS = {"new": N_("to be sent"), "sent": N_("sent"), "dead": N_("not sent")}
WRONG = {
    "report_missing": N_("There is no such site, contract, customer, centre or person."),
    "report_early": N_("This period lies in the future: %(expected)s."),
    "report_conflict": N_("This report changed meanwhile, or is not final yet. Look at it again."),
    "report_not_issued": N_("Only a report that was issued can be confirmed."),
}
NOT_READ = N_("This cannot be used: %(expected)s.")
NO_SCAN = N_("Choose a PDF or a photo of the signed paper, and say who signed.")

router = APIRouter()
Fields = Annotated[dict[str, str], Depends(form)]


# --- the list --------------------------------------------------------------------------------------------------------


@router.get("/reports")
def reports_page(
    request: Request,
    who: See,
    kind: Annotated[str, Query(max_length=40)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    period: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """The list."""
    return _list(request, who, kind=kind, state=state if state in STATES else "", period=period, before=before)


@router.post("/reports")
def reports_ask(request: Request, who: Act, fields: Fields) -> Response:
    """Have one made; what cannot be comes back with the reason."""
    name, scope = fields.get("kind", ""), fields.get("scope", "")
    about = f"{scope}:{fields.get('about', '').strip()}"
    try:
        row, _ = issued.asked_for(request, who, name, about, fields.get("period", "").strip(), _language(fields))
    except Problem as refused:
        return _list(request, who, given=fields, wrong=_wrong(saying_of(request), refused), status=refused.status)
    return RedirectResponse(f"/reports/{row.id}", 303)


def _list(
    request: Request,
    who: Who,
    *,
    kind: str = "",
    state: str = "",
    period: str = "",
    before: int | None = None,
    given: dict[str, str] | None = None,
    wrong: str = "",
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    rows = issued.listed(desk, who, kind=kind, state=state, period=period, before=before, limit=PAGE_ROWS + 1)
    chosen = {"kind": kind, "state": state, "period": period}
    shown = {
        "rows": [_row(row, saying) for row in rows[:PAGE_ROWS]],
        "older": rows[PAGE_ROWS - 1].id if len(rows) > PAGE_ROWS else None,
        "chosen": chosen,
        "given": given or {},
        "wrong": wrong,
        "kinds": _kinds(saying),
        "states": [(key, saying(word)) for key, word in STATES.items() if who.may("act") or key in FROZEN],
        "scopes": [(key, saying(word)) for key, word in SCOPES.items()],
        "languages": [("zh", "中文"), ("en", "English")],
        "may_ask": who.may("act"),
        "may_schedule": who.may("overrule") and who.scope.everything,
    }
    return page(request, who, "reports.html", shown, status=status)


def _row(row: ReportRow, saying: Saying) -> dict[str, Any]:
    """A report as lists show it."""
    kind, named = KINDS.get(row.kind), period_named(row.period)
    step, _, number = row.step.partition(" ")
    return {
        "id": row.id,
        "number": row.number,
        "revision": row.revision,
        "title": row.kind if kind is None else kind.title.of(saying.language),
        "about": row.about,
        "scope": saying(SCOPES.get(row.scope, row.scope)),
        "period": row.period if named is None else period_label(named[1]).of(saying.language),
        "state": row.state,
        "state_word": saying(STATES[row.state]),
        "known_ms": row.known_ms,
        "issued_ms": row.issued_ms,
        "issued_by": row.issued_by,
        "problem": why(row.problem, saying.language),
        "tries": row.tries,
        "step": f"{saying(STEPS[step])} {number}".strip() if step in STEPS else "",
        "is_open": row.state not in FROZEN,
        "to_ms": row.to_ms,
        "wake_at_ms": row.wake_at_ms,
        "digest": row.digest,
    }


# --- one -------------------------------------------------------------------------------------------------------------


@router.get("/reports/schedules")
def schedules_page(request: Request, who: Overrule) -> Response:
    """Which reports are made by themselves."""
    return _schedules(request, who)


@router.post("/reports/schedules")
def schedule_add(request: Request, who: Overrule, fields: Fields) -> Response:
    """Another schedule; what cannot be comes back with the reason."""
    words = [one for one in fields.get("recipients", "").replace(",", " ").replace(";", " ").split() if one]
    try:
        wish = ScheduleWish.model_validate(
            {
                "kind": fields.get("kind", ""),
                "scope": f"{fields.get('scope', '')}:{fields.get('about', '').strip()}",
                "cycle": fields.get("cycle", ""),
                "recipients": words,
                "language": _language(fields),
                "auto_issue": fields.get("auto_issue") == "yes",
            }
        )
        report_schedules.added(request, who, wish)
    except ValidationError:
        said = saying_of(request)(NOT_READ, expected="name@example.com")
        return _schedules(request, who, given=fields, wrong=said, status=422)
    except Problem as refused:
        return _schedules(request, who, given=fields, wrong=_wrong(saying_of(request), refused), status=refused.status)
    return RedirectResponse("/reports/schedules", 303)


@router.post("/reports/schedules/{schedule}/end")
def schedule_end(request: Request, who: Overrule, schedule: int) -> Response:
    """No more of it."""
    report_schedules.ended(request, who, schedule)
    return RedirectResponse("/reports/schedules", 303)


def _schedules(
    request: Request, who: Who, *, given: dict[str, str] | None = None, wrong: str = "", status: int = 200
) -> Response:
    saying = saying_of(request)
    report_schedules.for_everything(who)
    titles = dict(_kinds(saying))
    shown = {
        "rows": [
            {
                "id": one.id,
                "title": titles.get(one.kind, one.kind),
                "scope": saying(SCOPES.get(one.scope, one.scope)),
                "about": one.about,
                "cycle": saying.pair(SHOWN[one.cycle]),
                "recipients": one.recipients,
                "auto_issue": one.auto_issue,
                "made_ms": one.made_ms,
                "made_by": one.made_by,
            }
            for one in desk_of(request).view.report_schedules()
        ],
        "given": given or {},
        "wrong": wrong,
        "kinds": _kinds(saying),
        "scopes": [(key, saying(word)) for key, word in SCOPES.items()],
        "cycles": [(key, saying.pair(words)) for key, words in SHOWN.items()],
        "languages": [("zh", "中文"), ("en", "English")],
        "has_mail": desk_of(request).has_mail,
    }
    return page(request, who, "report_schedules.html", shown, status=status)


@router.get("/reports/preview")
def preview_page(
    request: Request,
    who: See,
    kind: Annotated[str, Query(max_length=40)],
    scope: Annotated[str, Query(max_length=120)],
    period: Annotated[str, Query(max_length=20)],
    about: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """What a report would say now; nothing of it is kept."""
    wanted = f"{scope}:{about.strip()}" if about else scope
    _, _, document = reports.previewed(desk_of(request), who, kind, wanted, period.strip())
    return _paper(request, who, document, back="/reports")


@router.get("/reports/{report}")
def report_page(request: Request, who: See, report: ReportId) -> Response:
    """One report."""
    return _one(request, who, report)


def _one(request: Request, who: Who, report: int, *, wrong: str = "", link: str = "", status: int = 200) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    row = issued.report_or_404(desk, who, report)
    changes = issued.changed(desk, row)
    shown = {
        "row": _row(row, saying),
        "wrong": wrong,
        "link": link,
        "files": desk.view.report_files(row.id),
        "revisions": [_row(one, saying) for one in desk.view.report_revisions(row) if may_read(who, one)],
        "confirmations": [
            {"name": one.name, "how": saying(HOW[one.how]), "at_ms": one.at_ms, "words": one.words, "sha": one.sha256}
            for one in desk.view.report_confirmations(row.id)
        ],
        "letters": [
            {"to": one.recipient, "state": saying(LETTERS[one.state]), "error": one.error, "done_ms": one.done_ms}
            for one in (desk.view.report_letters(row.id) if who.may("act") else ())
        ],
        "changes": _changes(changes[:DIFFERENCES], saying),
        "count": len(changes),
        "may_issue": who.may("overrule") and row.state == "final",
        "may_act": who.may("act"),
        "words": _words(row) if who.may("act") else "",
        "is_frozen": row.state in FROZEN,
        "waits": bool(row.lease_by) or (row.wake_at_ms is not None and row.wake_at_ms <= desk.now_ms()),
    }
    return page(request, who, "kept_report.html", shown, status=status)


def _words(row: ReportRow) -> str:
    """Where people write for it, as part of an address; empty where it is issued, or made of figures alone."""
    if row.state in FROZEN or not KINDS[row.kind].sections:
        return ""
    return urlencode({"kind": row.kind, "scope": f"{row.scope}:{row.about}", "period": row.period})


def _changes(found: tuple[Any, ...], saying: Saying) -> list[tuple[str, ...]]:
    """Part, row, what, was, is: as text."""
    setting = Setting(_blank(), saying)
    return [
        (
            setting.label(one.line.part),
            setting.text(one.line.row),
            setting.label(one.line.column),
            setting.text(one.was),
            setting.text(one.now),
        )
        for one in found
    ]


def _blank() -> Document:
    """A document of which only the clock is needed."""
    return Document(
        form="", number="", title=Label(zh="", en=""), parts=(), time_zone="Asia/Shanghai", known_ms=0, layout="report"
    )


@router.get("/reports/{report}/paper")
def report_paper(request: Request, who: See, report: ReportId) -> Response:
    """The page as it was made."""
    desk = desk_of(request)
    return issued.file_served(desk, issued.report_or_404(desk, who, report), "page")


@router.post("/reports/{report}/issue")
def report_issue(request: Request, who: Overrule, report: ReportId, fields: Fields) -> Response:
    """Issue it; what changed meanwhile is told."""
    try:
        issued.issued_by(request, who, report, digest=fields.get("digest", ""))
    except Problem as refused:
        return _one(request, who, report, wrong=_wrong(saying_of(request), refused), status=refused.status)
    return RedirectResponse(f"/reports/{report}", 303)


@router.post("/reports/{report}/link")
def report_link(request: Request, who: Act, report: ReportId, fields: Fields) -> Response:
    """A link for the customer: shown once."""
    desk = desk_of(request)
    row = issued.frozen_or_409(issued.report_or_404(desk, who, report))
    url, _ = links.made(
        desk,
        deed_of(request, who),
        CONFIRM,
        f"report:{row.id}:0",
        "/confirm/",
        for_whom=fields.get("for_whom", "")[:120],
    )
    return _one(request, who, report, link=url)


@router.post("/reports/{report}/scan")
async def report_scan(request: Request, who: Act, report: ReportId) -> Response:
    """The signed paper."""
    sent = await sent_form(request, issued.SCAN_BYTES)
    try:
        name, scan = sent.get("name"), sent.get("scan")
        is_whole = isinstance(name, str) and name.strip() and isinstance(scan, UploadFile) and bool(scan.filename)
        body = await scan.read() if is_whole and isinstance(scan, UploadFile) else b""
        return await run_in_threadpool(_scanned, request, who, report, str(name or "").strip()[:120], body)
    finally:
        await sent.close()


def _scanned(request: Request, who: Who, report: int, name: str, body: bytes) -> Response:
    saying = saying_of(request)
    if not body or not name:
        return _one(request, who, report, wrong=saying(NO_SCAN), status=422)
    try:
        issued.scan_kept(request, who, report, name, body)
    except Problem as refused:
        said = saying(NO_SCAN) if refused.status == 422 else _wrong(saying, refused)
        return _one(request, who, report, wrong=said, status=refused.status)
    return RedirectResponse(f"/reports/{report}", 303)


# --- words -----------------------------------------------------------------------------------------------------------


def _kinds(saying: Saying) -> list[tuple[str, str]]:
    return [(one.id, one.title.of(saying.language)) for one in KINDS.values()]


def _language(fields: dict[str, str]) -> str:
    return "en" if fields.get("language") == "en" else "zh"


def _wrong(saying: Saying, refused: Problem) -> str:
    return saying(WRONG.get(refused.code, NOT_READ), expected=refused.expected)


def _paper(request: Request, who: Who, document: Document, *, back: str) -> Response:
    """A document as a page to print."""
    if request.query_params.get("lang") in LANGUAGES:
        return page(request, who, "forms.html", {})  # a choice becomes a cookie, and the address comes again
    saying = saying_of(request)
    shown = sheet(document, desk_of(request).company, saying, {})
    template = environment(saying.language).get_template("forms/sheet.html")
    html = template.render(around(request, who) | shown, inlined=None, back=back)
    return HTMLResponse(html, headers={"Vary": "Accept-Language, Cookie", "Content-Language": saying.language})
