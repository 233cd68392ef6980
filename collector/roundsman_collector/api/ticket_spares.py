"""What a ticket has of spares: what fits, where it lies, what is kept for it; may it be repaired again, and who pays.

    GET  /tickets/2026-000007/spares                       all of it
    POST /tickets/2026-000007/spares {"location": "hq", "item": "printer-80", "quantity": 1}      keep it for the ticket
    POST /tickets/2026-000007/spares {..., "is_wish": true}                                       none is there: ask
    POST /tickets/2026-000007/spares/7/release             nobody needs it any more

Who acts on a ticket keeps spares for it, wherever they lie that serve it (store/spots.py); issuing them is the
storekeeper's (POST /stock/reservations/7/issue), or the engineer's who builds them in (POST /tickets/{ticket}/part).
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Header, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import stock_shapes, stock_telling
from roundsman_collector.api.access import Act, See, deed_of
from roundsman_collector.api.cards import phase_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import DEFAULT_ZONE, problem_of
from roundsman_collector.api.parts import WarrantyShape, dates, told_warranty, warranty_of_part
from roundsman_collector.api.tickets import TicketName, ticket_or_404
from roundsman_collector.core.contract import Phase, local_day, phase_at
from roundsman_collector.core.lifecycle import standing_of
from roundsman_collector.core.parts import (
    EXCLUSIONS,
    PARTS_RATES,
    RATES,
    Cause,
    Charge,
    Exclusion,
    Warranty,
    charge,
    has_free_labour,
    verdict,
)
from roundsman_collector.core.stock import ALONG, NEARNESS, Along, Near, Spares, along
from roundsman_collector.core.ticket_log import Event
from roundsman_collector.roles import Who
from roundsman_collector.store import Card, EntryError, Spot, TicketRow, Want
from roundsman_collector.store.stock_rows import KEY_LIMIT
from roundsman_collector.store.tickets import as_event

router = APIRouter(tags=["parts"])

Key = Annotated[
    str, Header(alias="Idempotency-Key", description="The same again is done once.", max_length=KEY_LIMIT // 2)
]


class VerdictShape(BaseModel):
    """Whether the part may be called repaired once more."""

    is_blocked: bool
    rule: Literal["", "repaired", "no_spare"]
    why_zh: str
    why_en: str
    evidence: list[str] = Field(description="tickets that show it")


class ChargeShape(BaseModel):
    """By which rates a repair is charged, for a cause."""

    cause: str
    labour: str
    parts: str
    labour_zh: str
    parts_zh: str
    is_new_due: bool
    why_zh: str
    why_en: str


class SpotShape(stock_shapes.QuantityShape):
    """What fits, and where it lies. `near`: how near to the ticket that is."""

    near: Near
    near_zh: str
    near_en: str
    location_zh: str
    location_en: str
    is_swapped: bool = Field(description="swap it at once; the old one comes back to be repaired")


class AlongShape(BaseModel):
    """Whether who goes has a spare to take along."""

    state: Along
    state_zh: str
    state_en: str
    reserved: int
    in_hand: int = Field(description="issued to the ticket, and not used yet")
    wanted: int = Field(description="asked for, and not there")


class SparesShape(BaseModel):
    """What a ticket had, and has, of the stock, and what its part is about."""

    ticket: str
    phase: Phase | None = Field(description="of the contract on the day of the report")
    warranty: WarrantyShape | None = Field(description="of the part, on the day of the report")
    verdict: VerdictShape
    charges: list[ChargeShape]
    along: AlongShape
    fitting: list[SpotShape] = Field(description="by item, the nearest first; for who acts on tickets")
    moves: list[stock_shapes.MoveShape]
    reservations: list[stock_shapes.ReservationShape]
    loans: list[stock_shapes.LoanShape]


class WantBody(BaseModel):
    """Pieces for the ticket."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    location: str = Field(max_length=63)
    item: str = Field(max_length=63)
    quantity: int = Field(1, ge=1, le=1_000_000)
    is_wish: bool = Field(False, description="none is there: ask for it")


@router.get("/tickets/{ticket}/spares", response_model=SparesShape, summary="What a ticket has of spares")
def spares(
    request: Request,
    who: See,
    ticket: TicketName,
    exclusion: Annotated[Exclusion, Query(description=f"Who pays, if it was this: {', '.join(EXCLUSIONS)}.")] = "",
) -> dict[str, Any]:
    """What fits, what is kept, what came and went; may its part be repaired again; and who pays, by the cause.

    Without `exclusion` by the one that its repair names, if it names one.
    """
    desk = desk_of(request)
    row, log = ticket_or_404(desk, who, ticket)
    return spares_of(desk, who, row, [as_event(one) for one in log], exclusion)


@router.post(
    "/tickets/{ticket}/spares",
    response_model=SparesShape,
    status_code=201,
    summary="Keep a spare for a ticket, or ask for one",
)
def want_spare(request: Request, who: Act, ticket: TicketName, body: WantBody, key: Key = "") -> dict[str, Any]:
    """409: so many are not free there; somebody may have been faster."""
    row, log = ticket_or_404(desk_of(request), who, ticket)
    want = Want(location=body.location, item=body.item, quantity=body.quantity, ticket=row.number, key=key)
    wanted(request, who, want, is_wish=body.is_wish)
    return spares_of(desk_of(request), who, row, [as_event(one) for one in log])


@router.post(
    "/tickets/{ticket}/spares/{reservation}/release", response_model=SparesShape, summary="Keep a spare no longer"
)
def release_spare(
    request: Request,
    who: Act,
    ticket: TicketName,
    reservation: Annotated[int, Path(description="The reservation's number.", ge=1, le=2**53)],
) -> dict[str, Any]:
    """409: somebody was first."""
    row, log = ticket_or_404(desk_of(request), who, ticket)
    let_go(request, who, row.number, reservation)
    return spares_of(desk_of(request), who, row, [as_event(one) for one in log])


# --- shared with the pages -------------------------------------------------------------------------------------------


def wanted(request: Request, who: Who, want: Want, *, is_wish: bool) -> int:
    """Keep pieces for a ticket, or ask for them; Problem where it cannot be."""
    try:
        return desk_of(request).office.want_spare(want, is_wish=is_wish, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error


def let_go(request: Request, who: Who, number: str, reservation: int) -> None:
    """Keep pieces for a ticket no longer; Problem where it cannot be."""
    try:
        desk_of(request).office.let_spare_go(reservation, number, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error


def spots(desk: Desk, who: Who, row: TicketRow) -> list[Spot]:
    """Which spares fit the part that a ticket is about, and where they lie; nothing for who only looks."""
    return desk.view.spots_of_ticket(row.id) if who.may("act") or who.may("stock") else []


def along_of(row: TicketRow, log: list[Event], found: Spares) -> Along:
    """Whether who goes has a spare to take along, if the ticket takes one."""
    return along(row.service_class, standing_of(log).mode, log, found)


def spares_of(desk: Desk, who: Who, row: TicketRow, log: list[Event], exclusion: Exclusion = "") -> dict[str, Any]:
    """What a ticket has of spares, as the API says it."""
    moves, reservations, loans = desk.view.spares_of_ticket(row.id)
    found, _ = desk.view.spares_with_ticket(row.id)
    history = desk.view.repair_history(row.id)
    card = desk.view.cards_named([row.subject], scope=who.scope).get(row.subject)
    warranty = None if card is None else warranty_at(desk, row, card)
    judged = None if history is None else verdict(history, desk.now_ms())
    state = along_of(row, log, found)
    return {
        "ticket": row.number,
        "phase": None if card is None else phase_of(card, row.opened_ms),
        "warranty": None if card is None or warranty is None else told_warranty(warranty, row.opened_ms, card),
        "verdict": {
            "is_blocked": judged is not None and judged.is_blocked,
            "rule": "" if judged is None else judged.rule,
            "why_zh": "" if judged is None else judged.why_zh,
            "why_en": "" if judged is None else judged.why_en,
            "evidence": [] if judged is None else list(judged.evidence),
        },
        "charges": [_charge(cause, one) for cause, one in charges_of(row, card, warranty, exclusion or _excluded(log))],
        "along": {"state": state, "state_zh": ALONG[state][0], "state_en": ALONG[state][1], **found._asdict()},
        "fitting": [_spot(one) for one in spots(desk, who, row)],
        "moves": [stock_telling.move(one) for one in moves],
        "reservations": [stock_telling.reservation(one) for one in reservations],
        "loans": [stock_telling.loan(one) for one in loans],
    }


def _excluded(log: Sequence[Event]) -> Exclusion:
    """Why no warranty covers it, as the last repair says; empty: it says nothing of that."""
    said = next((event.data.get("exclusion") for event in reversed(log) if event.verb == "fix"), "")
    return next((one for one in get_args(Exclusion) if one == said), "")


def charges_of(
    row: TicketRow, card: Card | None, warranty: Warranty | None, exclusion: Exclusion = ""
) -> list[tuple[str, Charge]]:
    """Who pays for the repair of a ticket, by its cause: by the contract and the part on the day of the report."""
    if card is None or card.contract is None:
        return []
    time_zone = card.time_zone or DEFAULT_ZONE
    known, day = dates(card), local_day(row.opened_ms, time_zone)
    covered = None if warranty is None else warranty.covers(day)
    return [
        (
            cause,
            charge(
                cause,
                phase_at(known, row.opened_ms, time_zone),
                covered=covered,
                exclusion=exclusion,
                free_labour=has_free_labour(known, day),
                parts_rate=next((one for one in PARTS_RATES if one == card.parts_rate), "list"),
            ),
        )
        for cause in get_args(Cause)
    ]


def warranty_at(desk: Desk, row: TicketRow, card: Card) -> Warranty | None:
    """The warranty of the part that a ticket is about, as it was when it was reported; None: nobody knows the part."""
    found = [
        one
        for one in desk.view.parts_of_device(row.subject)
        if one.component == row.component
        and one.from_ms <= row.opened_ms
        and (one.to_ms is None or one.to_ms > row.opened_ms)
    ]
    return warranty_of_part(found[-1], card) if found else None


def _spot(one: Spot) -> dict[str, Any]:
    return {
        **stock_telling.quantity(one.row),
        "near": one.near,
        "near_zh": NEARNESS[one.near][0],
        "near_en": NEARNESS[one.near][1],
        "location_zh": one.where.fields.name_zh,
        "location_en": one.where.fields.name_en,
        "is_swapped": one.row.item.fields.is_swapped,
    }


def _charge(cause: str, found: Charge) -> dict[str, Any]:
    return {
        "cause": cause,
        "labour": found.labour,
        "parts": found.parts,
        "labour_zh": RATES[found.labour][0],
        "parts_zh": RATES[found.parts][0],
        "is_new_due": found.is_new_due,
        "why_zh": found.why_zh,
        "why_en": found.why_en,
    }
