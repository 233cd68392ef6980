"""重复故障预警: faults that come again and again, in three levels; what is at their root, and whom that concerns.

/statistics/recurrence?level=quarter&cause=~none       warnings, the newest first
/statistics/recurrence/7                               one, with its tickets and a form for what somebody found
"""

from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import Act, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.recurrence import TEXT, keys_of, page_of, warning_or_404, what_recurs
from roundsman_collector.core.recurrence import CAUSES, CONCERNS, LEVELS, Cause
from roundsman_collector.roles import Who
from roundsman_collector.store.recurrence import NONE, RecurrenceRow, Wanted
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.tickets import rows_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_
from roundsman_wire.catalogue import Label

PAGE = 50
ICONS = {"month": "warning", "quarter": "warning", "year": "fault"}
"""How grave a level looks."""
Number = Annotated[int, Path(ge=1, le=2**62)]

router = APIRouter(prefix="/statistics/recurrence")


class Asked(BaseModel):
    """What the list is asked for."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    level: Literal["", "month", "quarter", "year"] = ""
    about: Literal["", "device", "model", "all"] = ""
    cause: str = Field("", max_length=20)
    before: int | None = Field(default=None, ge=1, le=2**62)


@router.get("")
def recurrence_page(request: Request, who: Act, asked: Annotated[Asked, Query()]) -> Response:
    """Warnings."""
    desk, saying = desk_of(request), saying_of(request)
    wanted = Wanted(level=asked.level, about=asked.about, cause=asked.cause)
    rows, older = page_of(desk, who, wanted, asked.before, PAGE)
    keys = keys_of(desk, rows)
    every = ("", saying(N_("All")))
    causes = [(key, saying.pair(word)) for key, word in CAUSES.items()]
    shown = {
        "asked": asked,
        "levels": [every, *((level, saying.pair(word)) for level, word in LEVELS.items())],
        "abouts": [every, ("device", saying(N_("one device"))), ("model", saying(N_("one model")))],
        "causes": [every, (NONE, saying(N_("not found yet"))), *causes],
        "warnings": [_told(desk, saying, row, keys) for row in rows],
        "older": older,
    }
    return page(request, who, "recurrences.html", shown)


@router.get("/{warning}")
def warning_page(request: Request, who: Act, warning: Number, done: str = "") -> Response:
    """One warning."""
    return _warning(request, who, warning, done=done == "analysis")


@router.post("/{warning}/analysis")
def analyse(request: Request, who: Act, warning: Number, fields: Annotated[dict[str, str], Depends(form)]) -> Response:
    """Write what is at the root."""
    desk = desk_of(request)
    warning_or_404(desk, who, warning)
    cause: Cause | None = next((one for one in get_args(Cause) if one == fields.get("cause")), None)
    text = fields.get("text", "").strip()[:TEXT]
    if cause is None or not text:
        return _warning(request, who, warning, values=fields, wrong=True)
    desk.office.analyse(warning, cause=cause, text=text, scope=who.scope, deed=deed_of(request, who))
    return RedirectResponse(f"/statistics/recurrence/{warning}?done=analysis", 303)


def _warning(
    request: Request,
    who: Who,
    warning: int,
    *,
    values: dict[str, str] | None = None,
    wrong: bool = False,
    done: bool = False,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    row, words = warning_or_404(desk, who, warning)
    names = desk.view.people_names()
    shown: dict[str, Any] = {
        "one": _told(desk, saying, row, keys_of(desk, [row])),
        "words": [
            {
                "at_ms": word.at_ms,
                "who": names.get(word.who, word.who),
                "cause": _pair(saying, CAUSES, word.cause),
                "concerns": _pair(saying, CONCERNS, word.cause),
                "text": word.text,
            }
            for word in words
        ],
        "tickets": rows_of(desk, saying, desk.view.tickets_of(row.tickets)),
        "causes": [(key, f"{saying.pair(word)} → {saying.pair(CONCERNS[key])}") for key, word in CAUSES.items()],
        "values": values or {},
        "wrong": wrong,
        "done": done,
    }
    return page(request, who, "recurrence.html", shown, status=422 if wrong else 200)


def _pair(saying: Saying, table: Any, key: str) -> str:
    return saying.pair(table.get(key, (key, key)))


def _told(desk: Desk, saying: Saying, row: RecurrenceRow, keys: dict[str, Label]) -> dict[str, Any]:
    return {
        "id": row.id,
        "icon": ICONS[row.level],
        "level": saying.pair(LEVELS[row.level]),
        "device": row.key if row.about == "device" else "",
        "name": keys[row.key].of(saying.language),
        "what": what_recurs(desk, row.same, row.what).of(saying.language),
        "is_class": row.same == "class",
        "period": row.period,
        "faults": row.faults,
        "devices": row.devices,
        "months": row.months,
        "told_ms": row.told_ms,
        "cause": _pair(saying, CAUSES, row.cause) if row.cause else "",
        "concerns": _pair(saying, CONCERNS, row.cause) if row.cause else "",
    }
