"""The months of a stock location: who signed them, and a month's statement with its two signatures, to be printed.

/stock/locations/hq/months/2026-11 · POST (sign, as its keeper or as the second person)
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api.access import Stock
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.stock import signed, statement_of
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.roles import Who
from roundsman_collector.store import Statement
from roundsman_collector.web import zoned
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.stock_words import LIMITS, WRONG, locations
from roundsman_collector.web.words import N_

MONTHS = 36
"""So many months of a location are listed."""
SECOND = N_("The second signature is somebody else's.")

router = APIRouter()

LocationId = Annotated[str, Path(max_length=64)]
Month = Annotated[str, Path(max_length=10)]
Fields = Annotated[dict[str, str], Depends(form)]


def months_of(desk: Desk, location: str) -> list[dict[str, str]]:
    """The months of a location since its first move or signature, the newest first, and who signed them."""
    signatures, first_ms = desk.view.stock_months(location)
    now = zoned.shown(desk.now_ms(), USUAL_ZONE)[:7]
    first = min([now, *signatures, *([] if first_ms is None else [zoned.shown(first_ms, USUAL_ZONE)[:7]])])
    found: list[dict[str, str]] = []
    month = now
    while month >= first and len(found) < MONTHS:
        kept_by, checked_by = signatures.get(month, ("", ""))
        found.append({"month": month, "kept_by": kept_by, "checked_by": checked_by})
        month = _before(month)
    return found


def _before(month: str) -> str:
    year, number = int(month[:4]), int(month[5:7])
    return f"{year - 1:04d}-12" if number == 1 else f"{year:04d}-{number - 1:02d}"


@router.get("/stock/locations/{location}/months/{month}")
def month_page(request: Request, who: Stock, location: LocationId, month: Month) -> Response:
    """The statement of a month, to be signed and printed."""
    return _month(request, who, statement_of(desk_of(request), who, location, month))


@router.post("/stock/locations/{location}/months/{month}")
def sign(request: Request, who: Stock, location: LocationId, month: Month, fields: Fields) -> Response:
    """Sign it, as its keeper or as the second person."""
    verb = "check" if fields.get("verb") == "check" else "keep"
    try:
        signed(request, who, location, month, verb, fields.get("text", ""))
    except Problem as problem:
        if problem.status not in (403, 409):
            raise
        wrong = SECOND if problem.status == 403 else WRONG["month"]
        found = statement_of(desk_of(request), who, location, month)
        return _month(request, who, found, wrong=wrong, status=problem.status)
    return RedirectResponse(f"/stock/locations/{location}/months/{month}", 303)


def _month(request: Request, who: Who, found: Statement, *, wrong: str = "", status: int = 200) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    shown = {
        "found": found,
        "location": dict(locations(desk, saying, who)).get(found.location, found.location),
        "lines": [{"one": one, "name": one.name_zh if saying.language == "zh" else one.name_en} for one in found.lines],
        "is_over": found.to_ms <= desk.now_ms(),
        "may_check": found.kept_ms is not None
        and found.checked_ms is None
        and not desk.view.is_author(found.kept_by, who.id),
        "export": f"/api/v1/stock/locations/{found.location}/months/{found.month}/export",
        "wrong": saying(wrong) if wrong else "",
        **LIMITS,
    }
    return page(request, who, "stock_month.html", shown, status=status)
