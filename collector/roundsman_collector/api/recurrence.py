"""/statistics/recurrence: the same fault again and again: warnings in three levels, and what is at their root.

    GET  /statistics/recurrence?level=quarter&cause=~none      warnings, the newest first
    GET  /statistics/recurrence/7                              one with all that was said of its root
    POST /statistics/recurrence/7/analysis {"cause": "process", "text": "…"}      what somebody found at its root

Warnings are work of one's own people: the right `act`. Who reaches everything sees those of models, too.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import Act, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.shapes import Shape
from roundsman_collector.api.statistics import names_of
from roundsman_collector.api.telling import ROOT
from roundsman_collector.core.recurrence import CAUSES, CONCERNS, LEVELS, Cause
from roundsman_collector.roles import Who
from roundsman_collector.store.recurrence import RecurrenceRow, Wanted, Word
from roundsman_wire.catalogue import Label

PAGE_LIMIT = 500
TEXT = 2000
ALL = Label(zh="全部设备", en="all devices")

router = APIRouter(prefix="/statistics/recurrence", tags=["statistics"])


class WordShape(Shape):
    """What somebody found at the root, and whom it concerns."""

    at_ms: int
    at: str | None
    who: str
    cause: str
    cause_zh: str
    cause_en: str
    concerns_zh: str
    concerns_en: str
    text: str


class RecurrenceShape(Shape):
    """A warning: the same fault, or class of faults (`what`), too often on a device or model (`key`) in a period."""

    id: int
    level: str
    level_zh: str
    level_en: str
    about: str = Field(description="device, model, all")
    key: str
    key_zh: str
    key_en: str
    same: str = Field(description="fault, class")
    what: str
    what_zh: str
    what_en: str
    period: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    faults: int
    devices: int
    months: int = Field(description="how many months one after the other")
    told_ms: int
    told: str | None
    found: WordShape | None = Field(description="the newest word on its root; null: nobody has said anything yet")
    link: str


class RecurrencesShape(Shape):
    """A page of warnings."""

    warnings: list[RecurrenceShape]
    next_before: int | None


class RecurrenceFullShape(RecurrenceShape):
    """A warning with its first tickets, and all that was said of its root, the newest first."""

    tickets: list[str]
    words: list[WordShape]


class AnalysisFields(BaseModel):
    """What is at the root."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    cause: Cause
    text: str = Field(min_length=1, max_length=TEXT)


class AnalysisShape(Shape):
    """The line that was written."""

    warning: int
    word: int


def what_recurs(desk: Desk, same: str, what: str) -> Label:
    """What people call a fault, or a class of faults."""
    return names_of(desk, "class" if same == "class" else "fault", [what])[what]


@router.get("", response_model=RecurrencesShape, summary="Faults that come again and again")
def recurrences(
    request: Request,
    who: Act,
    level: Annotated[Literal["", "month", "quarter", "year"], Query(description="Of this level.")] = "",
    about: Annotated[Literal["", "device", "model", "all"], Query(description="About what.")] = "",
    cause: Annotated[str, Query(description="At whose root is this; ~none: nobody knows yet.", max_length=20)] = "",
    period: Annotated[str, Query(description="2026-11, 2026-Q4, 2026.", max_length=10)] = "",
    before: Annotated[int | None, Query(description="`next_before` of the page before.", ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)] = 100,
) -> dict[str, Any]:
    """Warnings, the newest first."""
    desk = desk_of(request)
    wanted = Wanted(level=level, about=about, cause=cause, period=period)
    rows, older = page_of(desk, who, wanted, before, limit)
    keys = keys_of(desk, rows)
    return {"warnings": [_told(desk, row, keys) for row in rows], "next_before": older}


def page_of(
    desk: Desk, who: Who, wanted: Wanted, before: int | None, limit: int
) -> tuple[list[RecurrenceRow], int | None]:
    """A page of warnings, and where the next one begins."""
    rows = desk.view.recurrences(who.scope, wanted, before_id=before, limit=limit + 1)
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def keys_of(desk: Desk, rows: Iterable[RecurrenceRow]) -> dict[str, Label]:
    """What people call the devices and models of warnings."""
    listed = list(rows)
    devices = names_of(desk, "device", {row.key for row in listed if row.about == "device"})
    models = {row.key: Label(zh=f"型号 {row.key}", en=f"model {row.key}") for row in listed if row.about == "model"}
    return {**models, **devices, "": ALL}


@router.get("/{warning}", response_model=RecurrenceFullShape, summary="One warning with what is at its root")
def recurrence(request: Request, who: Act, warning: Annotated[int, Path(ge=1, le=2**62)]) -> dict[str, Any]:
    """A warning, its first tickets, and all that was said of its root."""
    desk = desk_of(request)
    row, words = warning_or_404(desk, who, warning)
    numbers = desk.view.ticket_numbers(row.tickets)
    return {
        **_told(desk, row, keys_of(desk, [row])),
        "tickets": [numbers[one] for one in row.tickets if one in numbers],
        "words": [_word(one.at_ms, one.who, one.cause, one.text) for one in words],
    }


def warning_or_404(desk: Desk, who: Who, warning: int) -> tuple[RecurrenceRow, list[Word]]:
    """A warning that somebody reaches."""
    found = desk.view.recurrence(who.scope, warning)
    if found is None:
        raise Problem(
            404,
            "no_warning",
            what=f"there is no warning {warning}",
            where="path",
            expected="the number of a warning that you reach",
            do="look at the list of warnings",
        )
    return found


@router.post("/{warning}/analysis", response_model=AnalysisShape, summary="Say what is at the root of a warning")
def analyse(
    request: Request, who: Act, warning: Annotated[int, Path(ge=1, le=2**62)], fields: AnalysisFields
) -> dict[str, Any]:
    """A later word takes the place of an earlier one, which stays in the log. It is told like the warning."""
    desk = desk_of(request)
    warning_or_404(desk, who, warning)
    deed = deed_of(request, who)
    made = desk.office.analyse(warning, cause=fields.cause, text=fields.text, scope=who.scope, deed=deed)
    return {"warning": warning, "word": made}


def _told(desk: Desk, row: RecurrenceRow, keys: dict[str, Label]) -> dict[str, Any]:
    level, key, what = LEVELS[row.level], keys[row.key], what_recurs(desk, row.same, row.what)
    return {
        "id": row.id,
        "level": row.level,
        "level_zh": level[0],
        "level_en": level[1],
        "about": row.about,
        "key": row.key,
        "key_zh": key.zh,
        "key_en": key.en,
        "same": row.same,
        "what": row.what,
        "what_zh": what.zh,
        "what_en": what.en,
        "period": row.period,
        **stamped("from", row.from_ms),
        **stamped("to", row.to_ms),
        "faults": row.faults,
        "devices": row.devices,
        "months": row.months,
        **stamped("told", row.told_ms),
        "found": None if row.said_ms is None else _word(row.said_ms, row.who, row.cause, row.text),
        "link": f"{ROOT}/statistics/recurrence/{row.id}",
    }


def _word(at_ms: int, who: str, cause: str, text: str) -> dict[str, Any]:
    known = cause if cause in CAUSES else "other"
    return {
        **stamped("at", at_ms),
        "who": who,
        "cause": cause,
        "cause_zh": CAUSES[known][0],
        "cause_en": CAUSES[known][1],
        "concerns_zh": CONCERNS[known][0],
        "concerns_en": CONCERNS[known][1],
        "text": text,
    }
