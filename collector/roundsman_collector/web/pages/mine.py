"""我的工单: the tickets that somebody was sent for, on a phone: what is due first, where, the next step as a button.

A step that says enough by itself (step_forms.AT_ONCE) is taken from here; another one opens its form on the ticket.
"""

import secrets
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from roundsman_collector.api.access import Act
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.core.lifecycle import LIVE, TO_MEND, offered, standing_of
from roundsman_collector.roles import Who
from roundsman_collector.store import TicketFilter, TicketRow
from roundsman_collector.store.tickets import as_event
from roundsman_collector.web.next_step import likeliest
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.tickets import rows_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.step_forms import AT_ONCE, FORMS

SHOWN = 100
FAR = 2**62

router = APIRouter()


@router.get("/mine")
def mine_page(request: Request, who: Act) -> Response:
    """My tickets."""
    return page(request, who, "mine.html", mine(desk_of(request), saying_of(request), who), live="list=tickets")


def mine(desk: Desk, saying: Saying, who: Who) -> dict[str, Any]:
    """What the page shows: what is still to mend first, by what is due first; then what waits for paper or a call."""
    rows = desk.view.tickets_page(who.scope, TicketFilter(states=LIVE, sent=(who.id,)), limit=SHOWN)
    cards = desk.view.cards_named([row.subject for row in rows])
    told = []
    for row, one in zip(rows, rows_of(desk, saying, rows), strict=True):
        card = cards.get(row.subject)
        zh = saying.language == "zh"
        where = () if card is None else (card.site_zh, card.place_zh) if zh else (card.site_en, card.place_en)
        told.append(
            {
                **one,
                "where": " ".join(part for part in where if part),
                "address": "" if card is None else card.address or "",
                "arrival_ms": row.arrival_ms if row.state in TO_MEND else None,
                **_next(desk, saying, who, row),
            }
        )
    told.sort(key=lambda one: (one["state"] not in TO_MEND, one["due"]["due_ms"] if one["due"] else FAR, one["id"]))
    return {"tickets": told}


def _next(desk: Desk, saying: Saying, who: Who, row: TicketRow) -> dict[str, Any]:
    """The step that comes next, and what a button needs to take it."""
    found = desk.view.ticket(row.id)
    standing = standing_of(as_event(one) for one in (found[1] if found is not None else ()))
    order = likeliest(standing, [verb for verb in offered(row.state) if verb in FORMS])
    return {
        "verb": order[0],
        "label": saying.word("step", order[0]),
        "is_at_once": order[0] in AT_ONCE,
        "seen": standing.version,
        "key": secrets.token_urlsafe(16),
    }
