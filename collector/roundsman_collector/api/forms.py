"""/tickets/{ticket}/forms: the printed forms of a ticket, and what each of them still lacks.

Before a form is printed or handed in, nothing may be left out (不得遗漏任何一项): `missing` names what is. The forms
themselves are pages, /tickets/2026-000007/forms/W1.
"""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from roundsman_collector.api.access import See
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.dossiers import dossier
from roundsman_collector.api.telling import ROOT
from roundsman_collector.api.tickets import TicketName, ticket_or_404
from roundsman_collector.reports.dossier import Dossier
from roundsman_collector.reports.forms import Sheet, missing, sheets

router = APIRouter(prefix="/tickets", tags=["forms"])


class SheetShape(BaseModel):
    """A form of a ticket. `is_due`: the log calls for it; the others can be printed empty and taken along."""

    id: str = Field(examples=["W1"])
    number: str = Field(examples=["2026-000007-W1"])
    title_zh: str
    title_en: str
    is_due: bool
    missing_zh: list[str]
    missing_en: list[str]
    links: dict[str, str]


class SheetsShape(BaseModel):
    """The forms of a ticket."""

    forms: list[SheetShape]


@router.get("/{ticket}/forms", response_model=SheetsShape, summary="The forms of a ticket, and what they lack")
def forms(request: Request, who: See, ticket: TicketName) -> dict[str, Any]:
    """Which forms a ticket has; the same form has the same number whenever it is printed."""
    desk = desk_of(request)
    row, _ = ticket_or_404(desk, who, ticket)
    found = dossier(desk, who, row)
    return {"forms": [told(found, one) for one in sheets(found)]}


def told(found: Dossier, one: Sheet) -> dict[str, Any]:
    """A sheet as it is told."""
    lacks = missing(found, one.id)
    return {
        "id": one.id,
        "number": one.number,
        "title_zh": one.title.zh,
        "title_en": one.title.en,
        "is_due": one.is_due,
        "missing_zh": [label.zh for label in lacks],
        "missing_en": [label.en for label in lacks],
        "links": {
            "page": f"/tickets/{found.number}/forms/{one.id}",
            "ticket": f"{ROOT}/tickets/{found.number}",
        },
    }
