"""A device's file (一机一档): who it is, its contract, where it stood, what is and was built in, its tickets and loans.

/devices/kiosk-7/file       to be read and printed; who keeps the register enters what is built in
/parts?serial=SN%201        where a serial number was, over all devices
/places/hall-1/file         whatever stood at a place, with the parts that were in it then
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api import parts as told_by_api
from roundsman_collector.api.access import Place, See, deed_of
from roundsman_collector.api.cards import card_or_404
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import DEFAULT_ZONE, no_entry
from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.contract import PHASES
from roundsman_collector.roles import Who
from roundsman_collector.store import Card, EntryError, MoveFilter, PartWish
from roundsman_collector.store.loans import BECAME
from roundsman_collector.store.stock_rows import SERIAL_LIMIT
from roundsman_collector.web import zoned
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import component_name, ticket_row
from roundsman_collector.web.stock_words import STATUS
from roundsman_collector.web.words import N_

EARLIEST = date(1970, 1, 2)
MOVES = 50

COVERS: Mapping[bool | None, str] = {
    True: N_("under warranty"),
    False: N_("not under warranty"),
    None: N_("warranty not known"),
}
WRONG: Mapping[str, str] = {
    "component": N_("A component such as printer or disk[1], and texts of at most 200 characters."),
    "item": N_("There is no such item."),
    "from": N_("A day up to today, after the part before it was built in; and a serial number that is in no device."),
    "warranty_until": N_("A date, or nothing."),
}
REFUSED = N_("It stands otherwise meanwhile. Look at the file as it is now.")

router = APIRouter()

DeviceId = Annotated[str, Path(max_length=64)]
Fields = Annotated[dict[str, str], Depends(form)]


@router.get("/devices/{device_id}/file")
def file_page(request: Request, who: See, device_id: DeviceId) -> Response:
    """A device's file."""
    return _file(request, who, card_or_404(desk_of(request), who, device_id))


@router.post("/devices/{device_id}/parts")
def put_part(request: Request, who: Place, device_id: DeviceId, fields: Fields) -> Response:
    """Enter what is built in."""
    desk = desk_of(request)
    card = card_or_404(desk, who, device_id)
    said = {name: text.strip() for name, text in fields.items()}
    try:
        desk.office.put_part(_wish(desk, card, said), deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _file(request, who, card, values=said, error=error)
    return RedirectResponse(f"/devices/{device_id}/file", 303)


@router.post("/devices/{device_id}/parts/{part_id}")
def end_part(
    request: Request,
    who: Place,
    device_id: DeviceId,
    part_id: Annotated[int, Path(ge=1, le=2**53)],
    fields: Fields,
) -> Response:
    """Take a part out, or take back what was entered by mistake."""
    desk = desk_of(request)
    card = card_or_404(desk, who, device_id)
    is_mistake = fields.get("verb") == "mistake"
    try:
        desk.office.take_out_part(
            device_id, part_id, is_mistake=is_mistake, deed=deed_of(request, who), scope=who.scope
        )
    except EntryError as error:
        return _file(request, who, card, error=error)
    return RedirectResponse(f"/devices/{device_id}/file", 303)


@router.get("/places/{entry}/file")
def place_page(request: Request, who: See, entry: Annotated[str, Path(max_length=64)]) -> Response:
    """Whatever stood at a place."""
    desk, saying = desk_of(request), saying_of(request)
    place = desk.view.entry("place", entry, scope=who.scope)
    if place is None:
        raise no_entry("place", "places", entry)
    reached = desk.view.cards_named([one.device for one in desk.view.parts_of_place(entry)], scope=who.scope)
    shown = {
        "clock": _clock(DEFAULT_ZONE),
        "place": entry,
        "name": str(place.fields["name_zh" if saying.language == "zh" else "name_en"]),
        "standing": [
            {
                "device": one.device,
                "is_reached": one.device in reached,
                "from_ms": one.from_ms,
                "to_ms": one.to_ms,
                "parts": [_part(saying, told_by_api.part(desk, each, None)) for each in one.parts],
            }
            for one in reversed(desk.view.parts_of_place(entry))
        ],
    }
    return page(request, who, "place_file.html", shown)


@router.get("/parts")
def serial_page(request: Request, who: See, serial: Annotated[str, Query(max_length=SERIAL_LIMIT)] = "") -> Response:
    """Where a serial number was."""
    desk, saying = desk_of(request), saying_of(request)
    text = serial.strip()
    found, devices = desk.view.parts_of_serial(text, scope=who.scope) if text else ([], [])
    moves = desk.view.stock_moves(MoveFilter(serial=text), scope=who.scope, limit=MOVES) if text else []
    shown = {
        "clock": _clock(DEFAULT_ZONE),
        "serial": text,
        "devices": devices,
        "parts": [_part(saying, told_by_api.part(desk, one, None)) for one in reversed(found)],
        "move_count": len(moves) if who.may("stock") else 0,
    }
    return page(request, who, "serial.html", shown)


def _wish(desk: Desk, card: Card, said: Mapping[str, str]) -> PartWish:
    """What a form says of a part; a day begins where the site is."""
    from_ms = desk.now_ms()
    if said.get("from"):
        try:
            day = max(EARLIEST, date.fromisoformat(said["from"]))
        except ValueError as error:
            raise EntryError(what="no date", where="from", expected="a date", do="mend it", field="from") from error
        from_ms = instant(day, 0, zone(card.time_zone or DEFAULT_ZONE))
    return PartWish(
        device=card.device,
        component=said.get("component", ""),
        name=said.get("name", ""),
        model=said.get("model", ""),
        serial=said.get("serial", ""),
        item=said.get("item") or None,
        is_consumable=bool(said.get("is_consumable")),
        from_ms=from_ms,
        warranty_until=said.get("warranty_until") or None,
    )


def _file(
    request: Request,
    who: Who,
    card: Card,
    *,
    values: Mapping[str, str] | None = None,
    error: EntryError | None = None,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    told = told_by_api.file_of(desk, who, card)
    parts = [_part(saying, one) for one in told["parts"]]
    is_chinese = saying.language == "zh"
    items = desk.view.stock_items()
    swapped = [one.fields for one in items if one.fields.is_swapped and one.is_for(card.kind, card.model)]
    shown = {
        "clock": _clock(card.time_zone or DEFAULT_ZONE),
        "card": card,
        "name": (card.name_zh if is_chinese else card.name_en) or card.device,
        "told": told,
        "places": {one["place"]: _place_name(desk, saying, one["place"]) for one in told["installations"]},
        "phase": "" if told["phase"] is None else PHASES[told["phase"]][not is_chinese],
        "swapped": [one.name_zh if is_chinese else one.name_en for one in swapped],
        "now": [one for one in parts if one["to_ms"] is None],
        "was": [one for one in parts if one["to_ms"] is not None][::-1],
        "loans": [{**one, "word": BECAME[one["became"]][not is_chinese]} for one in told["loans"]],
        "tickets": [ticket_row(desk, saying, one) for one in told_by_api.tickets_of(desk, who, card.device)],
        "items": [
            ("", "—"),
            *((one.id, f"{one.id} {one.fields.name_zh if is_chinese else one.fields.name_en}") for one in items),
        ],
        "may_write": who.may("place"),
        "values": values or {},
        "wrong": _wrong(saying, error),
    }
    status = 200 if error is None else STATUS[error.cause]
    return page(request, who, "asset.html", shown, status=status)


def _part(saying: Saying, one: dict[str, Any]) -> dict[str, Any]:
    """A part as the page shows it."""
    warranty = one["warranty"]
    covered = None if warranty is None else warranty["is_covered"]
    is_consumable = warranty is not None and warranty["by"] == "consumable"
    return {
        **one,
        "part": component_name(saying, one["component"]),
        "covered": covered,
        "cover": saying(N_("consumable")) if is_consumable else saying(COVERS[covered]),
        "until": "" if warranty is None else warranty["until"] or "",
    }


def _clock(time_zone: str) -> Callable[[int | None], str]:
    """Times with their year, to the minute: a file is read years later, and on paper."""
    return lambda ms: zoned.shown(ms, time_zone)[:16]


def _place_name(desk: Desk, saying: Saying, place: str) -> str:
    """What a place is called; its id where it is not there any more."""
    named = desk.view.entries_named("place", [place]).get(place)
    return place if named is None else str(named.fields[f"name_{saying.language}"])


def _wrong(saying: Saying, error: EntryError | None) -> dict[str, str]:
    """What is said beside the field that cannot be used; under "" where it is none."""
    if error is None:
        return {}
    known = WRONG.get(error.field)
    return {error.field: saying(known)} if known else {"": saying(REFUSED)}
