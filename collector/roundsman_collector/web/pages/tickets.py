"""The list of tickets: what is to be done, the newest first.

/tickets?state=open|acknowledged|resolved|void|all&severity=urgent&device=nvr-2&mine=1&before=812
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.shapes import TicketState
from roundsman_collector.core.lifecycle import LIVE
from roundsman_collector.roles import Who
from roundsman_collector.store import TicketFilter, TicketRow
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import ticket_row
from roundsman_collector.web.words import SEVERITIES, TICKET_STATES

PAGE = 50

router = APIRouter()


class Asked(BaseModel):
    """What the address asks for; without a state: what is not over."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    state: TicketState | Literal["", "all"] = ""
    severity: Literal["", "urgent", "major", "minor"] = ""
    device: str = Field(default="", max_length=80)
    mine: Literal["", "1"] = ""
    before: int | None = Field(default=None, ge=1, le=2**62)

    @property
    def states(self) -> tuple[str, ...]:
        """The states that are shown."""
        return {"": LIVE, "all": ()}.get(self.state, (self.state,))


@router.get("/tickets")
def tickets_page(request: Request, who: See, asked: Annotated[Asked, Query()]) -> Response:
    """The list of tickets."""
    shown = tickets(desk_of(request), saying_of(request), who, asked)
    return page(request, who, "tickets.html", shown, live="list=tickets")


def tickets(desk: Desk, saying: Saying, who: Who, asked: Asked) -> dict[str, Any]:
    """What the page shows."""
    rows, older = _rows(desk, who, asked)
    return {
        "asked": asked,
        "states": list(TICKET_STATES),
        "severities": list(SEVERITIES),
        "tickets": [ticket_row(desk, saying, row) for row in rows],
        "next_before": older,
    }


def _rows(desk: Desk, who: Who, asked: Asked) -> tuple[list[TicketRow], int | None]:
    """A page of tickets, and where the next one begins."""
    wanted = TicketFilter(
        states=asked.states,
        severities=(asked.severity,) if asked.severity else (),
        subject=asked.device or None,
        takers=(who.id,) if asked.mine else (),
    )
    rows = desk.view.tickets_page(who.scope, wanted, before_id=asked.before, limit=PAGE + 1)
    return rows[:PAGE], rows[PAGE - 1].id if len(rows) > PAGE else None
