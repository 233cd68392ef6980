"""/stock: spare parts: how many lie where, what came and went, what waits for a ticket, what is to be bought.

    GET  /stock?location=hq&short=true                     quantities, with what is to be there
    GET  /stock/items · PUT /stock/items/printer-80 {...}  what there is to be kept
    PUT  /stock/locations/hq/items/printer-80 {"authorised": 10, "minimum": 3}
    POST /stock/moves {"location", "item", "verb", "quantity", …}      a header Idempotency-Key books it once
    POST /stock/reservations {...} · POST /stock/reservations/7/issue
    GET  /stock/purchase.xlsx                              what lacks of the authorised quantities
    GET  /stock/locations/hq/months/2026-11 · POST …/keep · POST …/check · GET …/export.csv

It takes the right `stock`; items may be looked at by everybody, because tickets name them. A location is seen by who
reaches the customer, or the monitoring centre, that it belongs to; one that belongs to nobody, by who reaches all.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import tables
from roundsman_collector.api.access import See, Stock, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import problem_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.telling import ROOT
from roundsman_collector.core.stock import EFFECTS, GRADES, Level
from roundsman_collector.roles import Who
from roundsman_collector.store import (
    EntryError,
    ItemFields,
    ItemRow,
    LoanRow,
    LocationFields,
    LocationRow,
    MoveFilter,
    MoveRow,
    MoveWish,
    ReservationRow,
    Statement,
    StatementLine,
    StockRow,
)
from roundsman_collector.store.loans import BECAME
from roundsman_collector.store.stock import KEY_LIMIT, SERIAL_LIMIT, TEXT_LIMIT
from roundsman_collector.wording import short

PAGE_LIMIT = 500
NAME = 200

router = APIRouter(prefix="/stock", tags=["stock"])

Id = Annotated[str, Path(description="An id.", min_length=1, max_length=64)]
Number = Annotated[int, Path(description="A number.", ge=1, le=2**53)]
Month = Annotated[str, Path(description="A month, such as 2026-11.", max_length=10)]
Form = Annotated[str, Path(description="csv or xlsx.", max_length=8)]
Before = Annotated[int | None, Query(description="`next_before` of the page before.", ge=1, le=2**62)]
Limit = Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)]
Filter = Annotated[str, Query(description="Only of this one.", max_length=SERIAL_LIMIT)]
Key = Annotated[
    str, Header(alias="Idempotency-Key", description="The same again is booked once.", max_length=KEY_LIMIT // 2)
]


class ItemWish(BaseModel):
    """An item as it is to be from now on."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name_zh: str = Field(min_length=1, max_length=NAME)
    name_en: str = Field("", max_length=NAME)
    specification: str = Field("", max_length=2 * NAME)
    component: str = Field("", max_length=63, description="what it replaces in a device, such as printer")
    kinds: list[str] = Field([], max_length=50, description="of which kinds of devices; none: of any")
    models: list[str] = Field([], max_length=50, description="of which models; none: of any")
    unit: str = Field("个", max_length=20)
    is_consumable: bool = Field(False, description="it is used up, and no warranty covers it")
    warranty_months: int | None = Field(None, ge=0, le=240, description="of a new one; null: as the contract says")


class ItemShape(ItemWish):
    """An item of the stock."""

    id: str
    made_by: str


class LocationWish(BaseModel):
    """A location as it is to be from now on."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name_zh: str = Field(min_length=1, max_length=NAME)
    name_en: str = Field("", max_length=NAME)
    customer: str | None = Field(None, max_length=63, description="whose own it is")
    group: str | None = Field(None, max_length=63, description="the monitoring centre that it belongs to")
    point: str | None = Field(None, max_length=63, description="the service point where it is")


class LocationShape(LocationWish):
    """A location of the stock."""

    id: str
    made_by: str


class LevelWish(BaseModel):
    """How many are to be there: what was authorised, and the least that may be free."""

    model_config = ConfigDict(extra="forbid")

    authorised: int = Field(ge=0, le=1_000_000)
    minimum: int = Field(0, ge=0, le=1_000_000)


class QuantityShape(BaseModel):
    """An item at a location. `free`: not reserved; `missing`: to be bought; `is_low`: less is free than the minimum."""

    model_config = ConfigDict(extra="forbid")

    location: str
    item: str
    name_zh: str
    name_en: str
    unit: str
    shelf: int
    reserved: int
    free: int
    in_repair: int
    lent: int
    authorised: int | None
    minimum: int | None
    missing: int
    is_low: bool


class MoveBody(BaseModel):
    """What came or went. `ticket`: needed for issue and return; `grade`: for how many years a repaired one is good."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    location: str = Field(max_length=63)
    item: str = Field(max_length=63)
    verb: str = Field(
        max_length=20, description="receive, issue, return, collect, send, repaired, discard, scrap, count"
    )
    quantity: int = Field(1, description="of a count also negative")
    serial: str = Field("", max_length=SERIAL_LIMIT, description="then the quantity is 1")
    grade: int | None = Field(None, description=", ".join(map(str, GRADES)))
    ticket: str = Field("", max_length=40, description="its number")
    text: str = Field("", max_length=TEXT_LIMIT)


class MoveShape(BaseModel):
    """A move that was booked."""

    model_config = ConfigDict(extra="forbid")

    id: int
    at_ms: int
    at: str | None
    location: str
    item: str
    verb: str
    verb_zh: str
    quantity: int
    serial: str
    grade: int | None
    ticket: str | None
    loan: int | None
    who: str
    text: str


class ReservationBody(BaseModel):
    """Pieces to be kept for a ticket."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    location: str = Field(max_length=63)
    item: str = Field(max_length=63)
    quantity: int = Field(1, ge=1, le=1_000_000)
    ticket: str = Field(max_length=40, description="its number")


class ReservationShape(BaseModel):
    """Pieces that wait, or waited, for a ticket: open, issued, released, expired."""

    model_config = ConfigDict(extra="forbid")

    id: int
    location: str
    item: str
    ticket: str
    quantity: int
    made_ms: int
    made: str | None
    made_by: str
    state: str
    done_ms: int | None
    done: str | None
    done_by: str


class SerialBody(BaseModel):
    """The serial number of what goes, where it has one."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    serial: str = Field("", max_length=SERIAL_LIMIT)


class SignBody(BaseModel):
    """Words to a signature: with whom of finance it was checked."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    text: str = Field("", max_length=TEXT_LIMIT)


class LoanShape(BaseModel):
    """A loan unit. `became` empty: it is out; `is_standing`: it is installed in place of the device."""

    model_config = ConfigDict(extra="forbid")

    id: int
    ticket: str
    device: str | None
    item: str | None
    location: str | None
    unit: str | None
    serial: str
    name: str
    place: str | None
    is_standing: bool
    out_ms: int
    out: str | None
    out_by: str
    became: str
    became_zh: str
    back_ms: int | None
    back: str | None
    back_by: str
    text: str


class LineShape(BaseModel):
    """An item in a month: opening + received - issued + returned - lent + lent_back - to_repair + repaired - scrapped +
    difference = closing."""

    model_config = ConfigDict(extra="forbid")

    item: str
    name_zh: str
    name_en: str
    specification: str
    unit: str
    opening: int
    received: int
    issued: int
    returned: int
    lent: int
    lent_back: int
    to_repair: int
    repaired: int
    scrapped: int
    difference: int
    closing: int
    in_repair: int
    on_loan: int


class StatementShape(BaseModel):
    """A month of a location. `kept`: when its keeper signed, and it was frozen; `checked`: the second person."""

    model_config = ConfigDict(extra="forbid")

    location: str
    month: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    lines: list[LineShape]
    sha256: str
    kept_ms: int | None
    kept: str | None
    kept_by: str
    checked_ms: int | None
    checked: str | None
    checked_by: str
    text: str


class StockShape(BaseModel):
    """Quantities, by location and item."""

    stock: list[QuantityShape]


class ItemsShape(BaseModel):
    """Items, by id."""

    items: list[ItemShape]


class LocationsShape(BaseModel):
    """Locations, by id."""

    locations: list[LocationShape]


class MovesShape(BaseModel):
    """A page of moves, the newest first."""

    moves: list[MoveShape]
    next_before: int | None


class ReservationsShape(BaseModel):
    """A page of reservations, the newest first."""

    reservations: list[ReservationShape]
    next_before: int | None


class LoansShape(BaseModel):
    """A page of loans, the newest first."""

    loans: list[LoanShape]
    next_before: int | None


# --- quantities ------------------------------------------------------------------------------------------------------


@router.get("", response_model=StockShape, summary="How many there are of what, where")
def quantities(
    request: Request,
    who: Stock,
    location: Filter = "",
    item: Filter = "",
    short_: Annotated[bool, Query(alias="short", description="Only what lacks, or is low.")] = False,
) -> dict[str, Any]:
    """Every item at every location that you reach, where it is, was, or is to be."""
    rows = desk_of(request).view.stock(scope=who.scope, location=location, item=item)
    return {"stock": [quantity(row) for row in rows if not short_ or row.short.missing or row.short.is_low]}


@router.get(
    "/purchase.{form}",
    response_class=Response,
    responses={200: {"content": {tables.CSV_TYPE: {}, tables.XLSX_TYPE: {}}}},
    summary="The purchase list, as csv or xlsx",
)
def purchase(request: Request, who: Stock, form: Form) -> Response:
    """What lacks of the authorised quantities, after what comes back from repair and loan."""
    desk = desk_of(request)
    rows = [row for row in desk.view.stock(scope=who.scope) if row.short.missing]
    wheres = {one.id: one.fields.name_zh for one in desk.view.stock_locations(scope=who.scope)}
    lines = [
        (
            row.location,
            wheres[row.location],
            row.item.id,
            row.item.fields.name_zh,
            row.item.fields.specification,
            row.item.fields.unit,
            None if row.level is None else row.level.authorised,
            row.now.shelf,
            row.now.repair,
            row.now.lent,
            row.short.missing,
        )
        for row in rows
    ]
    return tables.answer(form, "purchase-list", "采购清单", PURCHASE, lines)


PURCHASE = (
    "库位编号",
    "库位",
    "备件编号",
    "备件",
    "规格",
    "单位",
    "原始数量",
    "在库",
    "在修",
    "借出",
    "应购数量",
)

# --- what there is ---------------------------------------------------------------------------------------------------


@router.get("/items", response_model=ItemsShape, summary="What is kept as a spare")
def items(request: Request, who: See) -> dict[str, Any]:
    """All items, by id."""
    return {"items": [told_item(one) for one in desk_of(request).view.stock_items()]}


@router.get("/items/{item}", response_model=ItemShape, summary="One item")
def one_item(request: Request, who: See, item: Id) -> dict[str, Any]:
    """What is known of it."""
    return told_item(item_or_404(desk_of(request), item))


@router.put("/items/{item}", response_model=ItemShape, summary="Enter or change an item")
def put_item(request: Request, who: Stock, item: Id, wish: ItemWish) -> dict[str, Any]:
    """From now on it is this; what was is kept."""
    desk = desk_of(request)
    said = wish.model_dump()
    fields = ItemFields(**{**said, "kinds": tuple(wish.kinds), "models": tuple(wish.models)})
    try:
        desk.office.put_stock_item(item, fields, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    return told_item(item_or_404(desk, item))


@router.delete("/items/{item}", status_code=204, summary="End an item of which nothing is left")
def end_item(request: Request, who: Stock, item: Id) -> Response:
    """Its history stays."""
    return _ended(request, who, "item", item)


@router.get("/locations", response_model=LocationsShape, summary="Where spares lie")
def locations(request: Request, who: Stock) -> dict[str, Any]:
    """The locations that you reach, by id."""
    found = desk_of(request).view.stock_locations(scope=who.scope)
    return {"locations": [told_location(one) for one in found]}


@router.get("/locations/{location}", response_model=LocationShape, summary="One location")
def one_location(request: Request, who: Stock, location: Id) -> dict[str, Any]:
    """What is known of it."""
    return told_location(location_or_404(desk_of(request), who, location))


@router.put("/locations/{location}", response_model=LocationShape, summary="Enter or change a location")
def put_location(request: Request, who: Stock, location: Id, wish: LocationWish) -> dict[str, Any]:
    """From now on it is this; what was is kept."""
    desk = desk_of(request)
    try:
        desk.office.put_stock_location(
            location, LocationFields(**wish.model_dump()), deed=deed_of(request, who), scope=who.scope
        )
    except EntryError as error:
        raise problem_of(error) from error
    return told_location(location_or_404(desk, who, location))


@router.delete("/locations/{location}", status_code=204, summary="End a location in which nothing is left")
def end_location(request: Request, who: Stock, location: Id) -> Response:
    """Its history stays."""
    return _ended(request, who, "location", location)


@router.put("/locations/{location}/items/{item}", response_model=QuantityShape, summary="Say how many are to be there")
def put_level(request: Request, who: Stock, location: Id, item: Id, wish: LevelWish) -> dict[str, Any]:
    """The authorised quantity and the minimum, from now on."""
    desk = desk_of(request)
    level = Level(wish.authorised, wish.minimum)
    try:
        desk.office.put_stock_level(location, item, level, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    return quantity(desk.view.stock(scope=who.scope, location=location, item=item)[0])


# --- what came and went ----------------------------------------------------------------------------------------------


@router.get("/moves", response_model=MovesShape, summary="What came and went, the newest first")
def moves(
    request: Request,
    who: Stock,
    location: Filter = "",
    item: Filter = "",
    verb: Filter = "",
    serial: Filter = "",
    ticket: Filter = "",
    before: Before = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """A page of moves at locations that you reach."""
    wanted = MoveFilter(location=location, item=item, verb=verb, serial=serial, ticket=ticket)
    rows = desk_of(request).view.stock_moves(wanted, scope=who.scope, before_id=before, limit=limit + 1)
    return {
        "moves": [move(row) for row in rows[:limit]],
        "next_before": rows[limit - 1].id if len(rows) > limit else None,
    }


@router.post("/moves", response_model=MoveShape, status_code=201, summary="Book what came or went")
def book(request: Request, who: Stock, wish: MoveBody, key: Key = "") -> dict[str, Any]:
    """409: it is not there, or is reserved for others; somebody may have been faster."""
    desk = desk_of(request)
    made = booked(request, who, MoveWish(**wish.model_dump(), key=key))
    found = desk.view.stock_moves(scope=who.scope, before_id=made + 1, limit=1)
    return move(found[0])


@router.get("/reservations", response_model=ReservationsShape, summary="What is kept for tickets, the newest first")
def reservations(
    request: Request,
    who: Stock,
    state: Annotated[Literal["", "open", "issued", "released", "expired"], Query(description="Only these.")] = "",
    before: Before = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """A page of reservations at locations that you reach."""
    rows = desk_of(request).view.stock_reservations(scope=who.scope, state=state, before_id=before, limit=limit + 1)
    return {
        "reservations": [reservation(row) for row in rows[:limit]],
        "next_before": rows[limit - 1].id if len(rows) > limit else None,
    }


@router.post("/reservations", response_model=ReservationShape, status_code=201, summary="Keep pieces for a ticket")
def reserve(request: Request, who: Stock, wish: ReservationBody, key: Key = "") -> dict[str, Any]:
    """They are nobody else's until they are issued or released, or the ticket is over."""
    desk = desk_of(request)
    try:
        made = desk.office.reserve_spare(
            wish.location,
            wish.item,
            wish.quantity,
            wish.ticket,
            key=key,
            deed=deed_of(request, who),
            scope=who.scope,
        )
    except EntryError as error:
        raise problem_of(error) from error
    return _reservation(desk, who, made)


@router.post(
    "/reservations/{reservation}/{verb}", response_model=ReservationShape, summary="Issue what is kept, or release it"
)
def end_reservation(
    request: Request,
    who: Stock,
    reservation: Number,
    verb: Annotated[Literal["issue", "release"], Path(description="What is to become of it.")],
    said: Annotated[SerialBody | None, Body()] = None,
) -> dict[str, Any]:
    """409: somebody was first."""
    ended(request, who, reservation, verb, "" if said is None else said.serial)
    return _reservation(desk_of(request), who, reservation)


@router.get("/loans", response_model=LoansShape, summary="Loan units, the newest first")
def loans(
    request: Request,
    who: Stock,
    out: Annotated[bool, Query(description="Only those that are out.")] = False,
    before: Before = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """A page of loans for tickets that you reach. A loan is made, and ended, on its ticket."""
    rows = desk_of(request).view.loans(scope=who.scope, only_out=out, before_id=before, limit=limit + 1)
    return {
        "loans": [loan(row) for row in rows[:limit]],
        "next_before": rows[limit - 1].id if len(rows) > limit else None,
    }


# --- months ----------------------------------------------------------------------------------------------------------


@router.get("/locations/{location}/months/{month}", response_model=StatementShape, summary="The statement of a month")
def month_of(request: Request, who: Stock, location: Id, month: Month) -> dict[str, Any]:
    """As it was signed; before that, as the moves tell it now."""
    return told_statement(statement_of(desk_of(request), who, location, month))


@router.get(
    "/locations/{location}/months/{month}/export.{form}",
    response_class=Response,
    responses={200: {"content": {tables.CSV_TYPE: {}, tables.XLSX_TYPE: {}}}},
    summary="The statement of a month, as csv or xlsx",
)
def month_file(request: Request, who: Stock, location: Id, month: Month, form: Form) -> Response:
    """What came and went, item by item, for the accounts."""
    found = statement_of(desk_of(request), who, location, month)
    name = f"stock-{found.location}-{found.month}"
    return tables.answer(form, name, f"备件对账 {found.month}", STATEMENT, [cells(one) for one in found.lines])


@router.post(
    "/locations/{location}/months/{month}/{verb}",
    response_model=StatementShape,
    summary="Sign the statement of a month",
)
def sign(
    request: Request,
    who: Stock,
    location: Id,
    month: Month,
    verb: Annotated[Literal["keep", "check"], Path(description="As its keeper, or as the second person.")],
    said: Annotated[SignBody | None, Body()] = None,
) -> dict[str, Any]:
    """The keeper's signature freezes it; 403 tells the keeper that the second one is somebody else's."""
    return told_statement(signed(request, who, location, month, verb, "" if said is None else said.text))


STATEMENT = (
    "备件编号",
    "备件",
    "规格",
    "单位",
    "期初",
    "入库",
    "领用",
    "退库",
    "借出",
    "归还",
    "送修",
    "修复入库",
    "报废",
    "盘点差异",
    "期末",
    "在修",
    "借出未还",
)

# --- shared with the pages -------------------------------------------------------------------------------------------


def booked(request: Request, who: Who, wish: MoveWish) -> int:
    """Book a move; Problem where it cannot be."""
    try:
        return desk_of(request).office.book_move(wish, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error


def ended(request: Request, who: Who, number: int, verb: str, serial: str) -> None:
    """Issue or release what is reserved; Problem where it cannot be."""
    try:
        desk_of(request).office.end_reservation(
            number, verb, serial=serial, deed=deed_of(request, who), scope=who.scope
        )
    except EntryError as error:
        raise problem_of(error) from error


def signed(request: Request, who: Who, location: str, month: str, verb: str, text: str) -> Statement:
    """Sign a month; Problem where it cannot be."""
    try:
        return desk_of(request).office.sign_stock(
            location, month, is_check=verb == "check", text=text, deed=deed_of(request, who), scope=who.scope
        )
    except EntryError as error:
        raise problem_of(error) from error


def item_or_404(desk: Desk, item: str) -> ItemRow:
    """An item by its id."""
    found = next((one for one in desk.view.stock_items() if one.id == item), None)
    if found is None:
        raise _nothing("item", item)
    return found


def location_or_404(desk: Desk, who: Who, location: str) -> LocationRow:
    """A location that they reach, by its id."""
    found = next((one for one in desk.view.stock_locations(scope=who.scope) if one.id == location), None)
    if found is None:
        raise _nothing("location", location)
    return found


def statement_of(desk: Desk, who: Who, location: str, month: str) -> Statement:
    """The statement of a month; Problem where there is none."""
    try:
        return desk.view.stock_statement(location, month, scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error


def _ended(request: Request, who: Who, word: Literal["item", "location"], name: str) -> Response:
    try:
        desk_of(request).office.end_stock_entry(word, name, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    return Response(status_code=204)


def _reservation(desk: Desk, who: Who, number: int) -> dict[str, Any]:
    return reservation(desk.view.stock_reservations(scope=who.scope, before_id=number + 1, limit=1)[0])


def _nothing(word: str, name: str) -> Problem:
    return Problem(
        404,
        f"no_stock_{word}",
        what=f"there is no stock {word} {short(name)}",
        where="path",
        expected=f"an id of GET {ROOT}/stock/{word}s",
        do="look it up in the list",
    )


def quantity(row: StockRow) -> dict[str, Any]:
    """An item at a location, as the API says it."""
    return {
        "location": row.location,
        "item": row.item.id,
        "name_zh": row.item.fields.name_zh,
        "name_en": row.item.fields.name_en,
        "unit": row.item.fields.unit,
        "shelf": row.now.shelf,
        "reserved": row.reserved,
        "free": row.free,
        "in_repair": row.now.repair,
        "lent": row.now.lent,
        "authorised": None if row.level is None else row.level.authorised,
        "minimum": None if row.level is None else row.level.minimum,
        "missing": row.short.missing,
        "is_low": row.short.is_low,
    }


def told_item(one: ItemRow) -> dict[str, Any]:
    """An item as the API says it."""
    mine = one.fields
    return {
        "id": one.id,
        "made_by": one.made_by,
        "name_zh": mine.name_zh,
        "name_en": mine.name_en,
        "specification": mine.specification,
        "component": mine.component,
        "kinds": list(mine.kinds),
        "models": list(mine.models),
        "unit": mine.unit,
        "is_consumable": mine.is_consumable,
        "warranty_months": mine.warranty_months,
    }


def told_location(one: LocationRow) -> dict[str, Any]:
    """A location as the API says it."""
    mine = one.fields
    return {
        "id": one.id,
        "made_by": one.made_by,
        "name_zh": mine.name_zh,
        "name_en": mine.name_en,
        "customer": mine.customer,
        "group": mine.group,
        "point": mine.point,
    }


def move(row: MoveRow) -> dict[str, Any]:
    """A move as the API says it."""
    return {
        "id": row.id,
        **stamped("at", row.at_ms),
        "location": row.location,
        "item": row.item,
        "verb": row.verb,
        "verb_zh": EFFECTS[row.verb].zh,
        "quantity": row.quantity,
        "serial": row.serial,
        "grade": row.grade,
        "ticket": row.ticket,
        "loan": row.loan,
        "who": row.who,
        "text": row.text,
    }


def reservation(row: ReservationRow) -> dict[str, Any]:
    """A reservation as the API says it."""
    return {
        "id": row.id,
        "location": row.location,
        "item": row.item,
        "ticket": row.ticket,
        "quantity": row.quantity,
        **stamped("made", row.made_ms),
        "made_by": row.made_by,
        "state": row.state,
        **stamped("done", row.done_ms),
        "done_by": row.done_by,
    }


def loan(row: LoanRow) -> dict[str, Any]:
    """A loan as the API says it."""
    fields = row._asdict()
    for name in ("ticket_id", "out_ms", "back_ms"):
        fields.pop(name)
    return {
        **fields,
        **stamped("out", row.out_ms),
        **stamped("back", row.back_ms),
        "became_zh": BECAME[row.became][0],
    }


def told_statement(found: Statement) -> dict[str, Any]:
    """A month as the API says it."""
    return {
        "location": found.location,
        "month": found.month,
        **stamped("from", found.from_ms),
        **stamped("to", found.to_ms),
        "lines": [
            {name: getattr(one, name) for name in ("item", "name_zh", "name_en", "specification", "unit")}
            | one.line._asdict()
            for one in found.lines
        ],
        "sha256": found.sha256,
        **stamped("kept", found.kept_ms),
        "kept_by": found.kept_by,
        **stamped("checked", found.checked_ms),
        "checked_by": found.checked_by,
        "text": found.text,
    }


def cells(one: StatementLine) -> tuple[tables.Cell, ...]:
    """A line of a statement as cells of a file, in the order of STATEMENT."""
    return (one.item, one.name_zh, one.specification, one.unit, *one.line)
