"""What is built into devices: /devices/{id}/file, /places/{id}/parts, /parts?serial=….

    GET  /devices/kiosk-7/file                    one file per device: where it stood, its parts, tickets, loans
    POST /devices/kiosk-7/parts {"component": "printer", "serial": "SN 1", …}      what somebody found in it
    POST /devices/kiosk-7/parts/7/out · /mistake  it is in there no more, or never was
    GET  /places/hall-1/parts                     whatever stood there, with its parts
    GET  /parts?serial=SN%201                     one serial number over all devices

Parts that are replaced on a ticket are written by the ticket (POST /tickets/{ticket}/part); what people enter here is
what was there before.
"""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import Place, See, deed_of
from roundsman_collector.api.cards import card_or_404, phase_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.devices import DeviceId
from roundsman_collector.api.entries import DEFAULT_ZONE, EntryId, no_entry, problem_of
from roundsman_collector.api.moments import EXPECTED, read, stamped
from roundsman_collector.api.stock_shapes import LoanShape
from roundsman_collector.api.stock_telling import loan
from roundsman_collector.core.contract import PHASES, Dates, Phase, local_day
from roundsman_collector.core.parts import (
    Warranty,
    falls_short,
    warranty_of,
)
from roundsman_collector.roles import Who
from roundsman_collector.store import Card, EntryError, PartRow, PartWish, TicketFilter, TicketRow
from roundsman_collector.store.entry_kinds import dates_of
from roundsman_collector.store.stock_rows import SERIAL_LIMIT

TICKETS_SHOWN = 200
CONTRACT = ("accepted_on", "warranty_until", "maintenance_until", "labour_until", "parts_rate")
NAME = 200

router = APIRouter(tags=["parts"])


class WarrantyShape(BaseModel):
    """Until when, the last day included, and by what: part, contract, consumable (never), unknown."""

    until: str | None
    by: Literal["part", "contract", "consumable", "unknown"]
    is_covered: bool | None = Field(description="today; null: nobody can say")


class PartShape(BaseModel):
    """A part in a device from `from` (null: nobody knows) to `to` (null: it is there)."""

    model_config = ConfigDict(extra="forbid")

    id: int
    device: str
    component: str
    name: str
    model: str
    serial: str
    item: str | None
    is_consumable: bool
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int | None
    to: str | None
    warranty: WarrantyShape | None = Field(description="null where the device's contract is not told")
    ticket: str | None = Field(description="the ticket that built it in")
    out_ticket: str | None = Field(description="the ticket that took it out")
    made_by: str


class InstalledShape(BaseModel):
    """Where a device stood."""

    place: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int | None
    to: str | None


class TicketShape(BaseModel):
    """A ticket about the device."""

    number: str
    component: str
    code: str
    name_zh: str
    name_en: str
    state: str
    opened_ms: int
    opened: str | None


class FileShape(BaseModel):
    """A device's file."""

    model_config = ConfigDict(extra="forbid")

    device: str
    kind: str
    model: str | None
    serial: str | None
    name_zh: str
    name_en: str
    place: str | None
    site: str | None
    customer: str | None
    contract: str | None
    accepted_on: str | None
    warranty_until: str | None
    maintenance_until: str | None
    labour_until: str | None = Field(description="labour on site is free until then; null: as long as the warranty")
    parts_rate: Literal["list", "cost"] | None = Field(description="of parts that no warranty covers")
    phase: Phase | None
    phase_zh: str | None
    is_warranty_short: bool = Field(description="the contract gives less than a year from acceptance on")
    bought_ms: int | None
    bought: str | None
    installations: list[InstalledShape]
    parts: list[PartShape]
    loans: list[LoanShape]
    tickets: list[TicketShape]


class PartBody(BaseModel):
    """A part that is built in; what it takes the place of ends then."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    component: str = Field(min_length=1, max_length=64, description="such as printer or disk[1]")
    name: str = Field("", max_length=NAME)
    model: str = Field("", max_length=NAME)
    serial: str = Field("", max_length=SERIAL_LIMIT)
    item: str | None = Field(None, max_length=63, description="the stock item it is")
    is_consumable: bool = False
    from_: str | int | None = Field(None, alias="from", description=f"since when; now, if not given: {EXPECTED}")
    warranty_until: str | None = Field(None, max_length=10, description="a date of its own; else the contract's")


class StandingShape(BaseModel):
    """A device at a place, with the parts that were in it then."""

    device: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int | None
    to: str | None
    parts: list[PartShape]


class PlacePartsShape(BaseModel):
    """Whatever stood at a place, the oldest first."""

    place: str
    standing: list[StandingShape]


class SerialShape(BaseModel):
    """A serial number over all devices that you reach; `devices` bear it themselves."""

    serial: str
    devices: list[str]
    parts: list[PartShape]


@router.get("/devices/{device_id}/file", response_model=FileShape, summary="A device's file")
def file(request: Request, who: See, device_id: DeviceId) -> dict[str, Any]:
    """Who it is, its contract, where it stood, what is and was built in, its loans and its tickets."""
    desk = desk_of(request)
    return file_of(desk, who, card_or_404(desk, who, device_id))


@router.post("/devices/{device_id}/parts", response_model=PartShape, status_code=201, summary="Enter what is built in")
def put_part(request: Request, who: Place, device_id: DeviceId, body: PartBody) -> dict[str, Any]:
    """409: the serial number is in another device, or another part was built in later."""
    desk = desk_of(request)
    card = card_or_404(desk, who, device_id)
    wish = PartWish(
        device=device_id,
        component=body.component,
        name=body.name,
        model=body.model,
        serial=body.serial,
        item=body.item,
        is_consumable=body.is_consumable,
        from_ms=desk.now_ms() if body.from_ is None else read(str(body.from_), "body.from"),
        warranty_until=body.warranty_until,
    )
    made = entered(request, who, wish)
    return part(desk, next(one for one in desk.view.parts_of_device(device_id) if one.id == made), card)


@router.post("/devices/{device_id}/parts/{part_id}/{verb}", response_model=FileShape, summary="Take a part out")
def end_part(
    request: Request,
    who: Place,
    device_id: DeviceId,
    part_id: Annotated[int, Path(description="The part's number.", ge=1, le=2**53)],
    verb: Annotated[Literal["out", "mistake"], Path(description="It is there no more; it never was.")],
) -> dict[str, Any]:
    """What was built in on a ticket was no mistake; it can only be taken out."""
    desk = desk_of(request)
    card = card_or_404(desk, who, device_id)
    taken_out(request, who, device_id, part_id, verb)
    return file_of(desk, who, card)


@router.get("/places/{entry}/parts", response_model=PlacePartsShape, summary="Whatever stood at a place")
def place_parts(request: Request, who: See, entry: EntryId) -> dict[str, Any]:
    """The devices that stand or stood there, with the parts that were in them meanwhile."""
    desk = desk_of(request)
    if desk.view.entry("place", entry, scope=who.scope) is None:
        raise no_entry("place", "places", entry)
    return {
        "place": entry,
        "standing": [
            {
                "device": one.device,
                **stamped("from", one.from_ms),
                **stamped("to", one.to_ms),
                "parts": [part(desk, each, None) for each in one.parts],
            }
            for one in desk.view.parts_of_place(entry)
        ],
    }


@router.get("/parts", response_model=SerialShape, summary="The history of a serial number")
def serial_parts(
    request: Request,
    who: See,
    serial: Annotated[str, Query(description="The serial number, exactly.", max_length=SERIAL_LIMIT)] = "",
) -> dict[str, Any]:
    """Where it was built in, of devices that you reach."""
    desk = desk_of(request)
    found, devices = desk.view.parts_of_serial(serial.strip(), scope=who.scope) if serial.strip() else ([], [])
    return {"serial": serial.strip(), "devices": devices, "parts": [part(desk, one, None) for one in found]}


# --- shared with the pages -------------------------------------------------------------------------------------------


def entered(request: Request, who: Who, wish: PartWish) -> int:
    """Enter a part; Problem where it cannot be."""
    try:
        return desk_of(request).office.put_part(wish, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error


def taken_out(request: Request, who: Who, device: str, part_id: int, verb: str) -> None:
    """Take a part out; Problem where it cannot be."""
    try:
        desk_of(request).office.take_out_part(
            device, part_id, is_mistake=verb == "mistake", deed=deed_of(request, who), scope=who.scope
        )
    except EntryError as error:
        raise problem_of(error) from error


def file_of(desk: Desk, who: Who, card: Card) -> dict[str, Any]:
    """A device's file, as the API says it."""
    phase = phase_of(card, desk.now_ms())
    bought_ms = desk.view.bought_ms(card.device)
    names = ("device", "kind", "model", "serial", "name_zh", "name_en", "place", "site", "customer", "contract")
    return {
        **{name: getattr(card, name) for name in (*names, *CONTRACT)},
        "phase": phase,
        "phase_zh": None if phase is None else PHASES[phase][0],
        "is_warranty_short": falls_short(dates(card)),
        **stamped("bought", bought_ms),
        "installations": [
            {"place": one.fields["place"], **stamped("from", one.from_ms), **stamped("to", one.to_ms)}
            for one in desk.view.entry_history("installation", card.device, scope=who.scope)
        ],
        "parts": [part(desk, one, card) for one in desk.view.parts_of_device(card.device)],
        "loans": [loan(one) for one in desk.view.loans(scope=who.scope, device=card.device)],
        "tickets": [_ticket(desk, one) for one in tickets_of(desk, who, card.device)],
    }


def tickets_of(desk: Desk, who: Who, device: str) -> list[TicketRow]:
    """The tickets about a device, the newest first."""
    return desk.view.tickets_page(who.scope, TicketFilter(states=(), subject=device), limit=TICKETS_SHOWN)


def part(desk: Desk, one: PartRow, card: Card | None) -> dict[str, Any]:
    """A part as the API says it; without a card its warranty is not told."""
    fields = one._asdict()
    for name in ("from_ms", "to_ms", "warranty_until", "made_ms", "ended_by"):
        fields.pop(name)
    told = None if card is None else told_warranty(warranty_of_part(one, card), desk.now_ms(), card)
    return {
        **fields,
        "from_ms": one.from_ms,
        "from": stamped("from", one.from_ms or None)["from"],
        **stamped("to", one.to_ms),
        "warranty": told,
    }


def dates(card: Card) -> Dates:
    """The dates of a device's contract."""
    return Dates() if card.contract is None else dates_of(card._asdict(), card.contract)


def warranty_of_part(one: PartRow, card: Card) -> Warranty:
    """The warranty of a part that is in a device."""
    own = None if one.warranty_until is None else date.fromisoformat(one.warranty_until)
    return warranty_of(own, one.is_consumable, dates(card))


def told_warranty(found: Warranty, at_ms: int, card: Card) -> dict[str, Any]:
    """A warranty, and whether it holds at a time, as the API says it."""
    return {
        "until": None if found.until is None else found.until.isoformat(),
        "by": found.by,
        "is_covered": found.covers(local_day(at_ms, card.time_zone or DEFAULT_ZONE)),
    }


def _ticket(desk: Desk, row: TicketRow) -> dict[str, Any]:
    return {
        "number": row.number,
        "component": row.component,
        "code": row.code,
        "name_zh": desk.fault_name(row.code, "zh"),
        "name_en": desk.fault_name(row.code, "en"),
        "state": row.state,
        **stamped("opened", row.opened_ms),
    }
