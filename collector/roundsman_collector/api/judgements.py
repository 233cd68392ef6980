"""/kept/judgements: what customers said of the service, ticket by ticket, and their marks together.

    GET /kept/judgements?from=…&to=…&contract=metro-c        of the tickets that were opened in the window

How many were satisfied is a figure of /kept; core/judgements.py says which word of several counts.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import telling
from roundsman_collector.api.access import See
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.kept import ROWS, WINDOW, Group, asked_of
from roundsman_collector.api.moments import Window, stamped
from roundsman_collector.core.availability import half_up
from roundsman_collector.core.judgements import rated

router = APIRouter(prefix="/kept", tags=["kept"])


class JudgementShape(BaseModel):
    """What the customer of a ticket said last. `satisfied`, `rating` null: they did not say."""

    model_config = ConfigDict(extra="forbid")

    number: str
    engineer: str | None
    at_ms: int
    at: str | None
    who: str = Field(description="to whom it was said")
    by: str = Field(description="confirm: when it was mended; follow_up: when they were called afterwards")
    satisfied: bool | None
    rating: int | None
    words: str
    link: str


class RatingShape(BaseModel):
    """A mark from 5, the best, to 1, and how many gave it."""

    model_config = ConfigDict(extra="forbid")

    rating: int
    tickets: int


class JudgementsShape(BaseModel):
    """What customers said of the tickets that were opened in a window."""

    model_config = ConfigDict(extra="forbid")

    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    found: int = Field(description="tickets whose customers said anything, also beyond the limit")
    ratings: list[RatingShape] = Field(description="of all of them")
    rated: int
    mean_rating: str | None = Field(description="from 1 to 5, to two decimals; null where nobody gave a mark")
    judgements: list[JudgementShape]


@router.get("/judgements", response_model=JudgementsShape, summary="What customers said of the service")
def judgements(
    request: Request,
    who: See,
    window: Annotated[Window, Depends(WINDOW)],
    contract: Group = "",
    engineer: Group = "",
    zone: Group = "",
    site: Group = "",
    customer: Group = "",
    limit: Annotated[int, Query(description="So many tickets at most, the newest first.", ge=1, le=ROWS)] = 100,
) -> dict[str, Any]:
    """One for each ticket whose customer said anything: the last word. 30 days up to now, if no window is given."""
    asked = asked_of(who.scope, window, contract=contract, engineer=engineer, zone=zone, site=site, customer=customer)
    rows = desk_of(request).view.judgements(asked)
    ratings = rated(row.judgement for row in rows)
    return {
        **stamped("from", window.from_ms),
        **stamped("to", window.to_ms),
        "found": len(rows),
        "ratings": [{"rating": mark, "tickets": tickets} for mark, tickets in ratings.counts.items()],
        "rated": ratings.given,
        "mean_rating": None if ratings.mean is None else str(half_up(ratings.mean, 2)),
        "judgements": [
            {
                "number": row.number,
                "engineer": row.engineer,
                **stamped("at", row.judgement.at_ms),
                "who": row.judgement.who,
                "by": row.judgement.by,
                "satisfied": row.judgement.satisfied,
                "rating": row.judgement.rating,
                "words": row.judgement.words,
                "link": f"{telling.ROOT}/tickets/{row.number}",
            }
            for row in rows[:limit]
        ],
    }
