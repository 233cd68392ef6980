"""/reports: what customers get at the end of a month, a quarter, a year.

    GET /reports/kinds                                                    what there can be a report of
    GET /reports/preview?kind=sla&scope=contract:metro-c&period=2026-10   every number of it, as known now

Somebody sees the reports of which they reach all: a customer its own, nobody's else.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.issuing.about import SCOPES, Asked, ReportError, asked, missing
from roundsman_collector.issuing.kinds import KINDS, ReportKind, kind_of
from roundsman_collector.reports.document import Document
from roundsman_collector.reports.lines import lines, written
from roundsman_collector.roles import Who
from roundsman_collector.wording import short

STATUS = {"missing": 404, "early": 409, "conflict": 409, "value": 422}
"""What a ReportError's cause is over HTTP."""

router = APIRouter(prefix="/reports", tags=["reports"])

KindName = Annotated[str, Query(description="A kind of GET /reports/kinds.", max_length=40)]
ScopeText = Annotated[str, Query(description="`scope:id`, such as contract:metro-c; company: alone.", max_length=120)]
PeriodName = Annotated[str, Query(description="Such as 2026-W48, 2026-11, 2026-Q4, 2026-H2, 2026.", max_length=20)]


class ReportKindShape(BaseModel):
    """A kind of report: what it can be about, over which periods."""

    kind: str
    title_zh: str
    title_en: str
    scopes: list[str]
    periods: list[str]


class ReportKindsShape(BaseModel):
    """Every kind of report."""

    kinds: list[ReportKindShape]


class LineShape(BaseModel):
    """A value of a report and its place. Values are texts, labels in both languages, or `{name: fields}`."""

    part_zh: str
    part_en: str
    row: Any
    column_zh: str
    column_en: str
    value: Any = Field(description="such as {count: [3, null]}, {span: [60000]}, {share: [99/100, 1, 2]}")


class PreviewShape(BaseModel):
    """A report as it would be now."""

    kind: str
    title_zh: str
    title_en: str
    scope: str
    id: str
    number: str
    period: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    known_ms: int
    known: str | None
    is_over: bool = Field(description="the period is over")
    lines: list[LineShape]


@router.get("/kinds", response_model=ReportKindsShape, summary="What there can be a report of")
def kinds(_: See) -> dict[str, Any]:
    """Every kind of report."""
    return {
        "kinds": [
            {
                "kind": one.id,
                "title_zh": one.title.zh,
                "title_en": one.title.en,
                "scopes": one.scopes,
                "periods": one.cycles,
            }
            for one in KINDS.values()
        ]
    }


@router.get("/preview", response_model=PreviewShape, summary="A report as it would be now")
def preview(request: Request, who: See, kind: KindName, scope: ScopeText, period: PeriodName) -> dict[str, Any]:
    """Every number of a report as known now: nothing of it is kept, and it may still change."""
    found, wanted, document = previewed(desk_of(request), who, kind, scope, period)
    return {
        "kind": found.id,
        "title_zh": found.title.zh,
        "title_en": found.title.en,
        "scope": wanted.about.scope,
        "id": wanted.about.id,
        "number": found.number(wanted),
        "period": wanted.period.id,
        **stamped("from", wanted.from_ms),
        **stamped("to", wanted.to_ms),
        **stamped("known", wanted.known_ms),
        "is_over": wanted.to_ms <= wanted.now_ms,
        "lines": [
            {
                "part_zh": part["zh"],
                "part_en": part["en"],
                "row": row,
                "column_zh": column["zh"],
                "column_en": column["en"],
                "value": value,
            }
            for part, row, column, value, _ in json.loads(written(lines(document)))
        ],
    }


def previewed(desk: Desk, who: Who, kind: str, scope: str, period: str) -> tuple[ReportKind, Asked, Document]:
    """A report that nobody keeps, if somebody may read it; Problem otherwise."""
    with told_as_problem():
        found, wanted = wanted_of(desk, who, kind, scope, period)
        return found, wanted, found.document(desk.view, wanted)


def wanted_of(desk: Desk, who: Who, kind: str, scope: str, period: str) -> tuple[ReportKind, Asked]:
    """What is asked for, if somebody reaches all of it; ReportError, as if it were not there, otherwise."""
    name, _, key = scope.partition(":")
    word = next((one for one in SCOPES if one == name), None)
    if word is None:
        raise bad_parameter("scope", f"{short(scope)} cannot be used", "scope:id, with one of " + ", ".join(SCOPES))
    found = kind_of(kind)
    wanted = asked(desk.view, word, key, period, now_ms=desk.now_ms(), faults=desk.faults)
    if not wanted.about.is_for(who):
        raise missing(word, key)
    found.check(wanted)
    return found, wanted


@contextmanager
def told_as_problem() -> Iterator[None]:
    """A report that cannot be made as asked is a problem of whoever asks."""
    try:
        yield
    except ReportError as error:
        raise of_report(error) from error


def of_report(error: ReportError) -> Problem:
    """A report that cannot be made as asked."""
    return Problem(
        STATUS[error.cause],
        f"report_{error.cause}",
        what=error.what,
        where=error.where,
        expected=error.expected,
        do=error.do,
    )
