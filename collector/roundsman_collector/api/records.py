"""/conversations and /records: what was said with customers, and what is on file of the tickets of a period.

    GET /conversations?from=…&to=…          the week's calls, one by one, and how many of each kind
    GET /records?from=…&to=…                the month's files: what each ticket has, and who reviewed it

The weekly report and the monthly file are made of the same (store/records.py).
"""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import telling
from roundsman_collector.api.access import See
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.kept import asked_of
from roundsman_collector.api.moments import DAY_MS, PlainWindow, Window, stamped
from roundsman_collector.store.records import KINDS, TicketRecords

WEEK = PlainWindow(usual_ms=7 * DAY_MS, longest_ms=366 * DAY_MS)
MONTH = PlainWindow(usual_ms=30 * DAY_MS, longest_ms=366 * DAY_MS)
ROWS = 5000
Limit = Annotated[int, Query(description="So many rows at most.", ge=1, le=ROWS)]

router = APIRouter(tags=["kept"])


class KindShape(BaseModel):
    """How many conversations of a kind."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    name_zh: str
    name_en: str
    conversations: int


class ConversationShape(BaseModel):
    """A line of a ticket's log in which somebody spoke with a customer, or a slip of an inquiry."""

    model_config = ConfigDict(extra="forbid")

    at_ms: int
    at: str | None
    kind: str
    way: str = Field(description="by which way a report came: phone, qr, api; else phone")
    number: str = Field(description="a ticket's; of an inquiry, a slip's")
    subject: str
    customer: str | None
    site: str | None
    who: str
    is_reached: bool | None = Field(description="null: of what customers began themselves")
    words: str
    link: str


class ConversationsShape(BaseModel):
    """What was said with customers in a window, by time."""

    model_config = ConfigDict(extra="forbid")

    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    found: int
    is_cut: bool
    kinds: list[KindShape] = Field(description="of all of them, also beyond the limit")
    conversations: list[ConversationShape]


@router.get("/conversations", response_model=ConversationsShape, summary="What was said with customers")
def conversations(
    request: Request, who: See, window: Annotated[Window, Depends(WEEK)], limit: Limit = 500
) -> dict[str, Any]:
    """Reports by people, other calls, calls to customers, follow-ups, inquiries; 7 days up to now, if none is given."""
    found = desk_of(request).view.conversations(who.scope, (window.from_ms, window.to_ms))
    kinds = Counter(one.kind for one in found)
    return {
        **stamped("from", window.from_ms),
        **stamped("to", window.to_ms),
        "found": len(found),
        "is_cut": len(found) > limit,
        "kinds": [
            {"kind": kind, "name_zh": zh, "name_en": en, "conversations": kinds[kind]}
            for kind, (zh, en) in KINDS.items()
        ],
        "conversations": [
            {
                **stamped("at", one.at_ms),
                "kind": one.kind,
                "way": one.way,
                "number": one.number,
                "subject": one.subject,
                "customer": one.customer,
                "site": one.site,
                "who": one.who,
                "is_reached": one.is_reached,
                "words": one.words,
                "link": f"{telling.ROOT}/{'slips' if one.kind == 'inquiry' else 'tickets'}/{one.number}",
            }
            for one in found[:limit]
        ],
    }


class FiledShape(BaseModel):
    """A ticket and what is on file of it. `steps`, `files`: how many of each, by name."""

    model_config = ConfigDict(extra="forbid")

    number: str
    state: str
    opened_ms: int
    opened: str | None
    customer: str | None
    site: str | None
    engineer: str | None
    steps: Mapping[str, int]
    files: Mapping[str, int]
    reviewed_by: str | None
    reviewed_ms: int | None
    reviewed: str | None
    accepted: bool | None = Field(description="null: nobody reviewed it")
    link: str


class RecordsShape(BaseModel):
    """What is on file of the tickets that were opened in a window."""

    model_config = ConfigDict(extra="forbid")

    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    found: int
    is_cut: bool
    reviewed: int = Field(description="were accepted by a review")
    files: Mapping[str, int] = Field(description="of all of them, by kind")
    records: list[FiledShape]


@router.get("/records", response_model=RecordsShape, summary="What is on file of the tickets of a period")
def records(
    request: Request, who: See, window: Annotated[Window, Depends(MONTH)], limit: Limit = 500
) -> dict[str, Any]:
    """By number, voided ones, too: what was written down stays. 30 days up to now, if no window is given."""
    found = desk_of(request).view.records(asked_of(who.scope, window))
    files: Counter[str] = Counter()
    for one in found:
        files.update(one.files)
    return {
        **stamped("from", window.from_ms),
        **stamped("to", window.to_ms),
        "found": len(found),
        "is_cut": len(found) > limit,
        "reviewed": sum(one.review is not None and one.review.accepted for one in found),
        "files": dict(sorted(files.items())),
        "records": [_told(one) for one in found[:limit]],
    }


def _told(one: TicketRecords) -> dict[str, Any]:
    review = one.review
    return {
        "number": one.number,
        "state": one.state,
        **stamped("opened", one.opened_ms),
        "customer": one.customer,
        "site": one.site,
        "engineer": one.engineer,
        "steps": one.steps,
        "files": one.files,
        "reviewed_by": None if review is None else review.who,
        **stamped("reviewed", None if review is None else review.at_ms),
        "accepted": None if review is None else review.accepted,
        "link": f"{telling.ROOT}/tickets/{one.number}",
    }
