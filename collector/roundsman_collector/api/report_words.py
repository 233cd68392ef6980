"""/reports/words: what people write for the sections of a report, such as measures and advice, before it is issued.

    GET /reports/words?kind=statistics&scope=contract:metro-c&period=2026-Q4      the sections, and what stands in each
    PUT /reports/words?…   {"section": "measures", "words": "…"}                  empty: nothing stands there any more

Nothing is written over. Of a report that was issued already, other words make its next revision, as late news does.
"""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import Act, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import bad_parameter
from roundsman_collector.api.reports import KindName, PeriodName, ScopeText, told_as_problem, wanted_of
from roundsman_collector.issuing.about import Asked
from roundsman_collector.issuing.kinds import ReportKind
from roundsman_collector.roles import Who
from roundsman_collector.store.report_words import TEXT_LIMIT, Place, Written
from roundsman_collector.wording import short

router = APIRouter(prefix="/reports/words", tags=["reports"])


class SectionShape(BaseModel):
    """A section, and what stands in it. `words` empty: nobody wrote anything."""

    model_config = ConfigDict(extra="forbid")

    section: str
    name_zh: str
    name_en: str
    words: str
    who: str
    at_ms: int | None
    at: str | None


class ReportWordsShape(BaseModel):
    """What people wrote for a report."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    scope: str
    id: str
    period: str
    sections: list[SectionShape]


class WordsFields(BaseModel):
    """Words for a section; a line is a paragraph."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    section: str = Field(max_length=40)
    words: str = Field(max_length=TEXT_LIMIT)


@router.get("", response_model=ReportWordsShape, summary="What people wrote for the sections of a report")
def report_words(request: Request, who: Act, kind: KindName, scope: ScopeText, period: PeriodName) -> dict[str, Any]:
    """Every section that takes words, and what stands in it now."""
    return told(desk_of(request), who, kind, scope, period)


@router.put("", response_model=ReportWordsShape, summary="Write words for a section of a report")
def write(
    request: Request, who: Act, kind: KindName, scope: ScopeText, period: PeriodName, wish: WordsFields
) -> dict[str, Any]:
    """The newest words count; what was written before is kept."""
    desk = desk_of(request)
    found, asked = about(desk, who, kind, scope, period)
    if wish.section not in found.sections:
        raise bad_parameter(
            "section",
            f"a report {found.id} takes no words for {short(wish.section)}",
            " or ".join(found.sections) or "none: this kind takes no words",
        )
    desk.office.write_for_report(place_of(found, asked), wish.section, wish.words, deed=deed_of(request, who))
    return told(desk, who, kind, scope, period)


def about(desk: Desk, who: Who, kind: str, scope: str, period: str) -> tuple[ReportKind, Asked]:
    """The report that is meant, if somebody reaches all of it; Problem otherwise."""
    with told_as_problem():
        return wanted_of(desk, who, kind, scope, period)


def place_of(found: ReportKind, asked: Asked) -> Place:
    """A report, whatever its revision."""
    return Place(found.id, asked.about.scope, asked.about.id, asked.period.id)


def standing(desk: Desk, found: ReportKind, asked: Asked) -> dict[str, Written]:
    """What stands in its sections now."""
    return desk.view.report_words(place_of(found, asked), desk.now_ms())


def told(desk: Desk, who: Who, kind: str, scope: str, period: str) -> dict[str, Any]:
    """The sections of a report as the API says them."""
    found, asked = about(desk, who, kind, scope, period)
    written = standing(desk, found, asked)
    return {
        "kind": found.id,
        "scope": asked.about.scope,
        "id": asked.about.id,
        "period": asked.period.id,
        "sections": [
            {
                "section": section,
                "name_zh": name.zh,
                "name_en": name.en,
                "words": written[section].words if section in written else "",
                "who": written[section].who if section in written else "",
                **stamped("at", written[section].at_ms if section in written else None),
            }
            for section, name in found.sections.items()
        ],
    }
