"""What people write for the sections of a report before it is issued: measures, advice.

/reports/words?kind=statistics&scope=contract:metro-c&period=2026-Q4      the rules are those of api/report_words.py
"""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api import report_words as words_api
from roundsman_collector.api.access import Act, deed_of
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.reports import KindName, PeriodName, ScopeText
from roundsman_collector.roles import Who
from roundsman_collector.store.report_words import TEXT_LIMIT
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of

router = APIRouter(prefix="/reports/words")
Sent = Annotated[dict[str, str], Depends(form)]


@router.get("")
def words_page(request: Request, who: Act, kind: KindName, scope: ScopeText, period: PeriodName) -> Response:
    """The sections with their words, to be written anew."""
    return _shown(request, who, kind, scope, period, done=request.query_params.get("done") == "1")


@router.post("")
def words_sent(
    request: Request, who: Act, kind: KindName, scope: ScopeText, period: PeriodName, sent: Sent
) -> Response:
    """Write down what changed."""
    desk = desk_of(request)
    found, asked = words_api.about(desk, who, kind, scope, period)
    if any(len(sent.get(section, "").strip()) > TEXT_LIMIT for section in found.sections):
        return _shown(request, who, kind, scope, period, values=sent)
    before = words_api.standing(desk, found, asked)
    for section in found.sections:
        said = sent.get(section, "").replace("\r\n", "\n").strip()
        if said != (before[section].words if section in before else ""):
            desk.office.write_for_report(words_api.place_of(found, asked), section, said, deed=deed_of(request, who))
    there = urlencode({"kind": kind, "scope": scope, "period": period, "done": "1"})
    return RedirectResponse(f"/reports/words?{there}", status_code=303)


def _shown(
    request: Request,
    who: Who,
    kind: str,
    scope: str,
    period: str,
    *,
    values: dict[str, str] | None = None,
    done: bool = False,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    found, asked = words_api.about(desk, who, kind, scope, period)
    written = words_api.standing(desk, found, asked)
    names = desk.view.people_names()
    shown: dict[str, Any] = {
        "title": found.title.of(saying.language),
        "name": asked.about.name.of(saying.language),
        "period": asked.period.id,
        "address": urlencode({"kind": kind, "scope": scope, "period": period}),
        "sections": [
            {
                "section": section,
                "name": name.of(saying.language),
                "words": (values or {}).get(section, written[section].words if section in written else ""),
                "who": names.get(written[section].who, written[section].who) if section in written else "",
                "at_ms": written[section].at_ms if section in written else None,
            }
            for section, name in found.sections.items()
        ],
        "limit": TEXT_LIMIT,
        "wrong": values is not None,
        "done": done,
    }
    return page(request, who, "report_words.html", shown, status=422 if values is not None else 200)
