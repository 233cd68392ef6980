"""The list of tickets, the newest first: what is to be done, and the register of what people reported.

/tickets?state=todo|mended|over|open|…|all&severity=urgent&source=phone&engineer=li.na&site=metro-a&waiting=any
        &look=late|unsent|mine&device=nvr-2&before=812

`look`: late (a clock is overdue, or due within two hours), unsent (nobody was sent yet), mine (taken by me, or I go).
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.shapes import TicketState
from roundsman_collector.core.lifecycle import LIVE, MENDED, OVER, STATES, TO_MEND, UNSENT, WAITING
from roundsman_collector.roles import Who
from roundsman_collector.store import TicketFilter, TicketRow
from roundsman_collector.web.clocks import MARKS, next_due
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import ticket_row
from roundsman_collector.web.words import N_, SEVERITIES, SOURCES

PAGE = 50
SOON_MS = 2 * 3_600_000
"""A clock that is due within so long is looked for with those that are overdue."""
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "": (N_("Not over"), LIVE),
    "todo": (N_("To do"), TO_MEND),
    "mended": (N_("Mended, not closed"), MENDED),
    "over": (N_("Over"), OVER),
    "all": (N_("All"), ()),
}
LOOKS: dict[str, str] = {
    "late": N_("Late, or within 2 hours"),
    "unsent": N_("Nobody sent yet"),
    "mine": N_("Mine"),
}
SITES = 500
NO_STATE = ("none",)
"""In which no ticket is: what is over and was never sent anybody to, for instance."""

router = APIRouter()


class Asked(BaseModel):
    """What the address asks for; without a state: what is not over."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    state: TicketState | Literal["", "todo", "mended", "over", "all"] = ""
    severity: Literal["", "urgent", "major", "minor"] = ""
    source: Literal["", "monitoring", "phone", "qr", "api"] = ""
    waiting: Literal[
        "", "any", "customer_absent", "rescheduled", "customer_network", "force_majeure", "parts", "other"
    ] = ""
    look: Literal["", "late", "unsent", "mine"] = ""
    engineer: str = Field(default="", max_length=80)
    site: str = Field(default="", max_length=80)
    device: str = Field(default="", max_length=80)
    before: int | None = Field(default=None, ge=1, le=2**62)

    @property
    def states(self) -> tuple[str, ...]:
        """The states that are shown."""
        chosen = GROUPS[self.state][1] if self.state in GROUPS else (self.state,)
        if self.look != "unsent":
            return chosen
        return tuple(one for one in UNSENT if not chosen or one in chosen) or NO_STATE

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the page of the list was chosen."""
        return bool(self.model_dump(exclude={"before"}, exclude_defaults=True))


@router.get("/tickets")
def tickets_page(request: Request, who: See, asked: Annotated[Asked, Query()]) -> Response:
    """The list of tickets."""
    shown = tickets(desk_of(request), saying_of(request), who, asked)
    return page(request, who, "tickets.html", shown, live="list=tickets")


def tickets(desk: Desk, saying: Saying, who: Who, asked: Asked) -> dict[str, Any]:
    """What the page shows."""
    rows, older = _rows(desk, who, asked, saying.now_ms)
    return {
        "asked": asked,
        "groups": [(key, saying(name)) for key, (name, _) in GROUPS.items()],
        "looks": [(key, saying(name)) for key, name in LOOKS.items()],
        "severities": list(SEVERITIES),
        "states": [(key, saying.pair(said)) for key, said in STATES.items()],
        "sources": [(key, saying.pair(said)) for key, said in SOURCES.items()],
        "reasons": [("any", saying(N_("any reason"))), *((key, saying.pair(said)) for key, said in WAITING.items())],
        "engineers": _engineers(desk, who),
        "sites": _sites(desk, saying, who),
        "tickets": rows_of(desk, saying, rows),
        "next_before": older,
    }


def rows_of(desk: Desk, saying: Saying, rows: Sequence[TicketRow]) -> list[dict[str, Any]]:
    """Tickets as a list shows them: with the clock that comes next, and who goes by name."""
    ids = [row.id for row in rows]
    clocks, warned, names = desk.view.ticket_clocks(ids), desk.view.tickets_warned(ids), desk.view.people_names()
    found = []
    for row in rows:
        due = next_due(clocks.get(row.id, ()), warned.get(row.id, {}), saying.now_ms)
        shape, word = MARKS[due.mark] if due is not None else ("", "")
        found.append(
            {
                **ticket_row(desk, saying, row),
                "id": row.id,
                "taker": names.get(row.acknowledged_by or "", row.acknowledged_by or ""),
                "who": names.get(row.engineer or "", row.engineer or ""),
                "due": None
                if due is None
                else {
                    "name": saying.word("clock", due.clock),
                    "due_ms": due.due_ms,
                    "mark": due.mark,
                    "icon": shape,
                    "word": saying(word),
                },
            }
        )
    return found


def _engineers(desk: Desk, who: Who) -> list[tuple[str, str]]:
    """Who can be chosen: those that one has a group or customer in common with."""
    return [(one.person.id, one.person.name) for one in desk.view.engineers(scope=who.scope)]


def _sites(desk: Desk, saying: Saying, who: Who) -> list[tuple[str, str]]:
    zh = saying.language == "zh"
    rows = desk.view.entries("site", scope=who.scope, limit=SITES)
    return [(one.id, str(one.fields["name_zh" if zh else "name_en"] or one.id)) for one in rows]


def _rows(desk: Desk, who: Who, asked: Asked, now_ms: int) -> tuple[list[TicketRow], int | None]:
    """A page of tickets, and where the next one begins."""
    wanted = TicketFilter(
        states=asked.states,
        severities=(asked.severity,) if asked.severity else (),
        sources=(asked.source,) if asked.source else (),
        waiting=tuple(WAITING) if asked.waiting == "any" else (asked.waiting,) if asked.waiting else (),
        sent=(asked.engineer,) if asked.engineer else (),
        sites=(asked.site,) if asked.site else (),
        subject=asked.device or None,
        of=who.id if asked.look == "mine" else None,
        due_before_ms=now_ms + SOON_MS if asked.look == "late" else None,
    )
    rows = desk.view.tickets_page(who.scope, wanted, before_id=asked.before, limit=PAGE + 1)
    return rows[:PAGE], rows[PAGE - 1].id if len(rows) > PAGE else None
