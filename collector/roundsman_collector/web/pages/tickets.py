"""The list of tickets, the newest first: what is to be done, and the register of what people reported.

/tickets?state=todo|mended|over|open|…|all&severity=urgent&source=phone&engineer=li.na&site=metro-a&waiting=any
        &look=late|unsent|mine|unchecked&device=nvr-2&before=812
/tickets.csv?… · /tickets.xlsx?…       the same list as a file, all of it: api/ticket_export.py

What can be asked for is said in api/ticket_filter.py.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import Field

from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.ticket_export import Language, answer
from roundsman_collector.api.ticket_filter import Asked as TicketsAsked
from roundsman_collector.core.lifecycle import STATES, WAITING
from roundsman_collector.core.worries import MARKS as TASK_MARKS
from roundsman_collector.roles import Who
from roundsman_collector.store import TicketRow
from roundsman_collector.web.clocks import MARKS, next_due
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import ticket_row
from roundsman_collector.web.words import N_, SEVERITIES, SOURCES

PAGE = 50
GROUP_WORDS: dict[str, str] = {
    "": N_("Not over"),
    "todo": N_("To do"),
    "mended": N_("Mended, not closed"),
    "over": N_("Over"),
    "all": N_("All"),
}
LOOKS: dict[str, str] = {
    "late": N_("Late, or within 2 hours"),
    "unsent": N_("Nobody sent yet"),
    "mine": N_("Mine"),
    "unchecked": N_("To be checked"),
}
SITES = 500

router = APIRouter()


class Asked(TicketsAsked):
    """What the address asks for."""

    before: int | None = Field(default=None, ge=1, le=2**62)


@router.get("/tickets")
def tickets_page(request: Request, who: See, asked: Annotated[Asked, Query()]) -> Response:
    """The list of tickets."""
    shown = tickets(desk_of(request), saying_of(request), who, asked)
    return page(request, who, "tickets.html", shown, live="list=tickets")


@router.get("/tickets.{form}")
def tickets_file(
    request: Request, who: See, form: Annotated[str, Path(max_length=8)], asked: Annotated[TicketsAsked, Query()]
) -> Response:
    """The same list, all of it, as a file that spreadsheets open."""
    language: Language = "zh" if saying_of(request).language == "zh" else "en"
    return answer(desk_of(request), who, asked, form, language)


def tickets(desk: Desk, saying: Saying, who: Who, asked: Asked) -> dict[str, Any]:
    """What the page shows."""
    rows, older = _rows(desk, who, asked, saying.now_ms)
    return {
        "asked": asked,
        "groups": [(key, saying(name)) for key, name in GROUP_WORDS.items()],
        "looks": [(key, saying(name)) for key, name in LOOKS.items()],
        "severities": list(SEVERITIES),
        "states": [(key, saying.pair(said)) for key, said in STATES.items()],
        "sources": [(key, saying.pair(said)) for key, said in SOURCES.items()],
        "reasons": [("any", saying(N_("any reason"))), *((key, saying.pair(said)) for key, said in WAITING.items())],
        "engineers": _engineers(desk, who),
        "sites": _sites(desk, saying, who),
        "tickets": rows_of(desk, saying, rows),
        "next_before": older,
        "task_marks": _task_marks(desk, who),
    }


def _task_marks(desk: Desk, who: Who) -> dict[str, int]:
    """How many tasks of plans have got how far; empty where nobody has anything to do for them."""
    found = dict.fromkeys(TASK_MARKS, 0) | desk.view.task_counts(who.scope)
    return found if who.may("act") and any(found[mark] for mark in TASK_MARKS) else {}


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
    rows = desk.view.tickets_page(who.scope, asked.wanted(who, now_ms), before_id=asked.before, limit=PAGE + 1)
    return rows[:PAGE], rows[PAGE - 1].id if len(rows) > PAGE else None
