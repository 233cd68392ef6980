"""Spares of a ticket, kept and let go from its page.

POST /tickets/2026-000007/spares                keep a piece for the ticket, or ask for one
POST /tickets/2026-000007/spares/7/release      nobody needs it any more

Pressed twice it is done once. What cannot be leads back to the ticket, which says why.
"""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api import ticket_spares
from roundsman_collector.api.access import Act
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.tickets import TicketName, ticket_or_404
from roundsman_collector.store import Want
from roundsman_collector.store.stock_rows import KEY_LIMIT
from roundsman_collector.web.forms import form

router = APIRouter()

Fields = Annotated[dict[str, str], Depends(form)]


@router.post("/tickets/{number}/spares")
def want(request: Request, who: Act, number: TicketName, fields: Fields) -> Response:
    """Keep a piece for the ticket, or ask for one."""
    row, _ = ticket_or_404(desk_of(request), who, number)
    wish = Want(
        location=fields.get("location", ""),
        item=fields.get("item", ""),
        ticket=row.number,
        key=fields.get("key", "")[: KEY_LIMIT // 2],
    )
    try:
        ticket_spares.wanted(request, who, wish, is_wish=fields.get("verb") == "ask")
    except Problem as refused:
        return _back(row.number, refused)
    return _back(row.number)


@router.post("/tickets/{number}/spares/{reservation}/release")
def release(
    request: Request, who: Act, number: TicketName, reservation: Annotated[int, Path(ge=1, le=2**53)]
) -> Response:
    """Let a piece go that was kept, or asked for."""
    row, _ = ticket_or_404(desk_of(request), who, number)
    try:
        ticket_spares.let_go(request, who, row.number, reservation)
    except Problem as refused:
        return _back(row.number, refused)
    return _back(row.number)


def _back(number: str, refused: Problem | None = None) -> Response:
    """To the ticket; a refusal is said there. Whatever else went wrong is told as it is."""
    if refused is not None and refused.status not in (404, 409):
        raise refused
    why = "" if refused is None else "?spare=taken" if "free" in refused.what else "?spare=over"
    return RedirectResponse(f"/tickets/{quote(number, safe='')}{why}#spares", 303)
