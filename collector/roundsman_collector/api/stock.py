"""/stock: spare parts: how many lie where, what came and went, what waits for a ticket, what is to be bought.

    GET  /stock?location=hq&short=true                     quantities, with what is to be there
    GET  /stock/items · PUT /stock/items/printer-80 {...}  what there is to be kept
    PUT  /stock/locations/hq/items/printer-80 {"authorised": 10, "minimum": 3}
    POST /stock/moves {"location", "item", "verb", "quantity", …}      a header Idempotency-Key books it once
    POST /stock/reservations {...} · POST /stock/reservations/7/issue · …/release · …/keep, what was asked for
    GET  /stock/owed                                       swapped at once, and the old one has not come in
    GET  /stock/purchase.xlsx                              what lacks of the authorised quantities
    GET  /stock/locations/hq/months/2026-11 · POST …/keep · POST …/check · GET …/export.csv

It takes the right `stock`; items may be looked at by everybody, because tickets name them. A location is seen by who
reaches the customer, or the monitoring centre, that it belongs to; one that belongs to nobody, by who reaches all.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Path, Query, Request
from fastapi.responses import Response

from roundsman_collector.api import tables
from roundsman_collector.api.access import See, Stock, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import problem_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.stock_shapes import (
    ItemShape,
    ItemsShape,
    ItemWish,
    LevelWish,
    LoansShape,
    LocationShape,
    LocationsShape,
    LocationWish,
    MoveBody,
    MoveShape,
    MovesShape,
    OwedUnitsShape,
    QuantityShape,
    ReservationBody,
    ReservationShape,
    ReservationsShape,
    SerialBody,
    SignBody,
    StatementShape,
    StockShape,
)
from roundsman_collector.api.stock_telling import (
    PURCHASE,
    STATEMENT,
    cells,
    loan,
    move,
    owed,
    purchased,
    quantity,
    reservation,
    told_entry,
    told_statement,
)
from roundsman_collector.api.telling import ROOT
from roundsman_collector.core.stock import Level
from roundsman_collector.roles import Who
from roundsman_collector.store import (
    EntryError,
    ItemFields,
    ItemRow,
    LocationFields,
    LocationRow,
    MoveFilter,
    MoveWish,
    Statement,
)
from roundsman_collector.store.stock_rows import KEY_LIMIT, SERIAL_LIMIT
from roundsman_collector.wording import short

PAGE_LIMIT = 500

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
    lines = [purchased(row, wheres[row.location]) for row in rows]
    return tables.answer(form, "purchase-list", "采购清单", PURCHASE, lines)


# --- what there is ---------------------------------------------------------------------------------------------------


@router.get("/items", response_model=ItemsShape, summary="What is kept as a spare")
def items(request: Request, who: See) -> dict[str, Any]:
    """All items, by id."""
    return {"items": [told_entry(one) for one in desk_of(request).view.stock_items()]}


@router.get("/items/{item}", response_model=ItemShape, summary="One item")
def one_item(request: Request, who: See, item: Id) -> dict[str, Any]:
    """What is known of it."""
    return told_entry(item_or_404(desk_of(request), item))


@router.put("/items/{item}", response_model=ItemShape, summary="Enter or change an item")
def put_item(request: Request, who: Stock, item: Id, wish: ItemWish) -> dict[str, Any]:
    """From now on it is this; what was is kept."""
    desk = desk_of(request)
    fields = ItemFields(**{**wish.model_dump(), "kinds": tuple(wish.kinds), "models": tuple(wish.models)})
    try:
        desk.office.put_stock_item(item, fields, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    return told_entry(item_or_404(desk, item))


@router.delete("/items/{item}", status_code=204, summary="End an item of which nothing is left")
def end_item(request: Request, who: Stock, item: Id) -> Response:
    """Its history stays."""
    return _ended(request, who, "item", item)


@router.get("/locations", response_model=LocationsShape, summary="Where spares lie")
def locations(request: Request, who: Stock) -> dict[str, Any]:
    """The locations that you reach, by id."""
    found = desk_of(request).view.stock_locations(scope=who.scope)
    return {"locations": [told_entry(one) for one in found]}


@router.get("/locations/{location}", response_model=LocationShape, summary="One location")
def one_location(request: Request, who: Stock, location: Id) -> dict[str, Any]:
    """What is known of it."""
    return told_entry(location_or_404(desk_of(request), who, location))


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
    return told_entry(location_or_404(desk, who, location))


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
    state: Annotated[
        Literal["", "wanted", "open", "issued", "released", "expired"], Query(description="Only these.")
    ] = "",
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
    "/reservations/{reservation}/{verb}",
    response_model=ReservationShape,
    summary="Issue, release, or keep what was asked for",
)
def end_reservation(
    request: Request,
    who: Stock,
    reservation: Number,
    verb: Annotated[Literal["keep", "issue", "release"], Path(description="What is to become of it.")],
    said: Annotated[SerialBody | None, Body()] = None,
) -> dict[str, Any]:
    """409: somebody was first."""
    ended(request, who, reservation, verb, "" if said is None else said.serial)
    return _reservation(desk_of(request), who, reservation)


@router.get("/owed", response_model=OwedUnitsShape, summary="What was swapped and is not in the workshop yet")
def owed_units(request: Request, who: Stock) -> dict[str, Any]:
    """The longest out first. A move `collect` with the ticket's number takes it in."""
    return {"owed": [owed(row) for row in desk_of(request).view.stock_owed(scope=who.scope)]}


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


# --- shared with the pages -------------------------------------------------------------------------------------------


def booked(request: Request, who: Who, wish: MoveWish) -> int:
    """Book a move; Problem where it cannot be."""
    try:
        return desk_of(request).office.book_move(wish, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error


def ended(request: Request, who: Who, number: int, verb: str, serial: str) -> None:
    """Issue, release or keep what a ticket waits for; Problem where it cannot be."""
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
