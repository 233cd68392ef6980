"""Spare stock: what lies where, what came and went, what waits for tickets, and the months that are signed.

    /stock/quantities?location=hq&short=1       with what is to be there; the purchase list as a file
    /stock/moves                                the log, and the form that books a move
    /stock/out                                  reservations and loan units
    /stock/items · /stock/items/printer-80      what is kept; how many of it are to be where
    /stock/locations · /stock/locations/hq      where; and its months
    /stock/locations/hq/months/2026-11          a month's statement with its two signatures, to be printed

A form that cannot be used comes back as it was written, with what is wrong beside the field.
"""

import secrets
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api.access import Stock, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.stock import item_or_404, location_or_404, signed, statement_of
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.core.stock import EFFECTS, GRADES, KEEPERS, Level
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
from roundsman_collector.store.loans import BECAME
from roundsman_collector.store.stock import QUANTITY_LIMIT, SERIAL_LIMIT, TEXT_LIMIT
from roundsman_collector.web import zoned
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_

PAGE = 50
NEW = "~new"
"""Stands where an id would; no id looks like it."""
MONTHS = 36
"""So many months of a location are listed."""
STATUS = {"value": 422, "missing": 422, "conflict": 409, "closed": 403}

STATES: Mapping[str, str] = {
    "open": N_("kept"),
    "issued": N_("issued"),
    "released": N_("released"),
    "expired": N_("its ticket is over"),
}
WRONG: Mapping[str, str] = {
    "id": N_("Small letters, digits, - and _; it cannot be changed later."),
    "name_zh": N_("A name of at most 200 characters."),
    "specification": N_("At most 400 characters."),
    "component": N_("A component such as printer, disk or ups, or nothing."),
    "kinds": N_("Kinds of devices such as kiosk nvr camera, with blanks between them."),
    "models": N_("At most 50 models, one on each line."),
    "unit": N_("At most 20 characters."),
    "warranty_months": N_("Months from 0 to 240, or nothing."),
    "customer": N_("There is no such customer."),
    "group": N_("This is no id."),
    "point": N_("This is no id."),
    "authorised": N_("A whole number from 0 on."),
    "minimum": N_("A whole number, at most as many as are authorised."),
    "location": N_("There is no such location."),
    "item": N_("There is no such item."),
    "verb": N_("Choose what happens."),
    "quantity": N_("A whole number from 1 on; with a serial number, 1."),
    "serial": N_("By its last move this serial number is somewhere else. Look at its history."),
    "grade": N_("For how many years it is good: of what comes back from repair, and of nothing else."),
    "ticket": N_("There is no such ticket, or it is over."),
    "text": N_("Say why, in at most 2,000 characters."),
    "month": N_("It cannot be signed: it is not over, or somebody has signed it."),
}
CONFLICTS: Mapping[str, str] = {
    "quantity": N_("So many are not there, or are kept for other tickets. Somebody may have been faster."),
    "id": N_("It is not empty: move or scrap first what is left of it."),
}
CLOSED = N_("This lies beyond your scope.")
SECOND = N_("The second signature is somebody else's.")

router = APIRouter()

ItemId = Annotated[str, Path(max_length=64)]
LocationId = Annotated[str, Path(max_length=64)]
Month = Annotated[str, Path(max_length=10)]
Number = Annotated[int, Path(ge=1, le=2**53)]
Before = Annotated[int | None, Query(ge=1, le=2**62)]
Filter = Annotated[str, Query(max_length=SERIAL_LIMIT)]
Fields = Annotated[dict[str, str], Depends(form)]


# --- quantities ------------------------------------------------------------------------------------------------------


@router.get("/stock/quantities")
def quantities_page(request: Request, who: Stock, location: Filter = "", short: Filter = "") -> Response:
    """What lies where."""
    desk, saying = desk_of(request), saying_of(request)
    rows = desk.view.stock(scope=who.scope, location=location)
    wheres = {one.id: one for one in desk.view.stock_locations(scope=who.scope)}
    shown = {
        "rows": [
            {
                "location": row.location,
                "where": _name(saying, wheres[row.location]),
                "item": row.item.id,
                "name": _name(saying, row.item),
                "row": row,
            }
            for row in rows
            if not short or row.short.missing or row.short.is_low
        ],
        "locations": [(one.id, _name(saying, one)) for one in wheres.values()],
        "location": location,
        "short": short,
        "is_short": any(row.short.missing for row in rows),
    }
    return page(request, who, "stock_quantities.html", shown)


# --- moves -----------------------------------------------------------------------------------------------------------


@router.get("/stock/moves")
def moves_page(
    request: Request,
    who: Stock,
    location: Filter = "",
    item: Filter = "",
    serial: Filter = "",
    ticket: Filter = "",
    before: Before = None,
) -> Response:
    """The log of moves, and the form."""
    wanted = MoveFilter(location=location, item=item, serial=serial, ticket=ticket)
    return _moves(request, who, wanted, before=before, values={"location": location, "item": item})


@router.post("/stock/moves")
def book(request: Request, who: Stock, fields: Fields) -> Response:
    """Book a move."""
    said = {name: text.strip() for name, text in fields.items()}
    try:
        wish = MoveWish(
            location=said.get("location", ""),
            item=said.get("item", ""),
            verb=said.get("verb", ""),
            quantity=_whole(said, "quantity", 1),
            serial=said.get("serial", ""),
            grade=_whole(said, "grade", None) if said.get("grade") else None,
            ticket=said.get("ticket", ""),
            text=said.get("text", ""),
            key=said.get("key", ""),
        )
        desk_of(request).office.book_move(wish, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        wanted = MoveFilter(location=said.get("location", ""), item=said.get("item", ""))
        return _moves(request, who, wanted, values=said, error=error)
    return RedirectResponse("/stock/moves", 303)


def _moves(
    request: Request,
    who: Who,
    wanted: MoveFilter,
    *,
    values: Mapping[str, str],
    before: int | None = None,
    error: EntryError | None = None,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    rows = desk.view.stock_moves(wanted, scope=who.scope, before_id=before, limit=PAGE + 1)
    names = {one.id: _name(saying, one) for one in desk.view.stock_items()}
    wheres = dict(_locations(desk, saying, who))
    shown = {
        "rows": [
            {
                "row": row,
                "name": names.get(row.item, row.item),
                "where": wheres.get(row.location, row.location),
                "word": _one(saying, (EFFECTS[row.verb].zh, EFFECTS[row.verb].en)),
                "grade": "" if row.grade is None else _one(saying, GRADES[row.grade]),
            }
            for row in rows[:PAGE]
        ],
        "wanted": wanted,
        "filters": [(name, getattr(wanted, name)) for name in ("location", "item", "serial", "ticket")],
        "before": before,
        "next_before": rows[PAGE - 1].id if len(rows) > PAGE else None,
        "verbs": [(verb, _one(saying, (EFFECTS[verb].zh, EFFECTS[verb].en))) for verb in KEEPERS],
        "items": list(names.items()),
        "locations": list(wheres.items()),
        "grades": [("", "—"), *((str(years), _one(saying, words)) for years, words in GRADES.items())],
        "values": values,
        # Whoever clicks twice books once: each form that is shown has a word of its own.
        "key": values.get("key") or secrets.token_hex(8),
        "wrong": _wrong(saying, error),
        **LIMITS,
    }
    return page(request, who, "stock_moves.html", shown, status=200 if error is None else STATUS[error.cause])


LIMITS = {"quantity_limit": QUANTITY_LIMIT, "serial_limit": SERIAL_LIMIT, "text_limit": TEXT_LIMIT}


# --- what is out -----------------------------------------------------------------------------------------------------


@router.get("/stock/out")
def out_page(request: Request, who: Stock, all_: Annotated[str, Query(alias="all", max_length=1)] = "") -> Response:
    """Reservations and loans."""
    return _out(request, who, is_all=bool(all_))


@router.post("/stock/out")
def reserve(request: Request, who: Stock, fields: Fields) -> Response:
    """Keep pieces for a ticket."""
    said = {name: text.strip() for name, text in fields.items()}
    try:
        desk_of(request).office.reserve_spare(
            said.get("location", ""),
            said.get("item", ""),
            _whole(said, "quantity", 1),
            said.get("ticket", ""),
            key=said.get("key", ""),
            deed=deed_of(request, who),
            scope=who.scope,
        )
    except EntryError as error:
        return _out(request, who, values=said, error=error)
    return RedirectResponse("/stock/out", 303)


@router.post("/stock/out/{reservation}")
def end_reservation(request: Request, who: Stock, reservation: Number, fields: Fields) -> Response:
    """Issue or release what is kept."""
    verb = "release" if fields.get("verb") == "release" else "issue"
    try:
        desk_of(request).office.end_reservation(
            reservation,
            verb,
            serial=fields.get("serial", "").strip(),
            deed=deed_of(request, who),
            scope=who.scope,
        )
    except EntryError as error:
        return _out(request, who, error=error)
    return RedirectResponse("/stock/out", 303)


def _out(
    request: Request,
    who: Who,
    *,
    is_all: bool = False,
    values: Mapping[str, str] | None = None,
    error: EntryError | None = None,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    rows = desk.view.stock_reservations(scope=who.scope, state="" if is_all else "open", limit=PAGE)
    loans = desk.view.loans(scope=who.scope, only_out=not is_all, limit=PAGE)
    names = {one.id: _name(saying, one) for one in desk.view.stock_items()}
    wheres = dict(_locations(desk, saying, who))
    shown = {
        "rows": [
            {
                "row": row,
                "name": names.get(row.item, row.item),
                "where": wheres.get(row.location, row.location),
                "word": saying(STATES[row.state]),
            }
            for row in rows
        ],
        "loans": [
            {
                "row": row,
                "name": row.name or names.get(row.item or "", row.item or ""),
                "word": _one(saying, BECAME[row.became]),
            }
            for row in loans
        ],
        "is_all": is_all,
        "key": (values or {}).get("key") or secrets.token_hex(8),
        "items": list(names.items()),
        "locations": list(wheres.items()),
        "values": values or {},
        "wrong": _wrong(saying, error),
        **LIMITS,
    }
    return page(request, who, "stock_out.html", shown, status=200 if error is None else STATUS[error.cause])


# --- items -----------------------------------------------------------------------------------------------------------


@router.get("/stock/items")
def items_page(request: Request, who: Stock) -> Response:
    """What is kept as a spare."""
    desk, saying = desk_of(request), saying_of(request)
    there: dict[str, int] = {}
    for row in desk.view.stock(scope=who.scope):
        there[row.item.id] = there.get(row.item.id, 0) + row.now.shelf
    rows = [{"one": one, "name": _name(saying, one), "shelf": there.get(one.id, 0)} for one in desk.view.stock_items()]
    return page(request, who, "stock_items.html", {"rows": rows, "may_write": who.scope.everything})


@router.get("/stock/items/{item}")
def item_page(request: Request, who: Stock, item: ItemId) -> Response:
    """An item, or the form of a new one."""
    return _item(request, who, None if item == NEW else item_or_404(desk_of(request), item))


@router.post("/stock/items/{item}")
def put_item(request: Request, who: Stock, item: ItemId, fields: Fields) -> Response:
    """Enter or change an item."""
    desk = desk_of(request)
    said = {name: text.strip() for name, text in fields.items()}
    there = None if item == NEW else item_or_404(desk, item)
    name = said.get("id", "") if there is None else item
    try:
        if there is None and any(one.id == name for one in desk.view.stock_items()):
            raise EntryError(what="it is there", where=name, expected="a new id", do="choose another", field="id")
        wish = ItemFields(
            name_zh=said.get("name_zh", ""),
            name_en=said.get("name_en", ""),
            specification=said.get("specification", ""),
            component=said.get("component", ""),
            kinds=tuple(said.get("kinds", "").replace(",", " ").split()),
            models=tuple(said.get("models", "").splitlines()),
            unit=said.get("unit", "") or "个",
            is_consumable=bool(said.get("is_consumable")),
            warranty_months=_whole(said, "warranty_months", None) if said.get("warranty_months") else None,
        )
        desk.office.put_stock_item(name, wish, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _item(request, who, there, values=said, error=error)
    return RedirectResponse(f"/stock/items/{name}", 303)


@router.post("/stock/items/{item}/level")
def put_level(request: Request, who: Stock, item: ItemId, fields: Fields) -> Response:
    """Say how many of it are to be at a location."""
    desk = desk_of(request)
    there = item_or_404(desk, item)
    said = {name: text.strip() for name, text in fields.items()}
    try:
        level = Level(_whole(said, "authorised", 0), _whole(said, "minimum", 0))
        where = said.get("location", "")
        desk.office.put_stock_level(where, item, level, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _item(request, who, there, values=said, error=error)
    return RedirectResponse(f"/stock/items/{item}", 303)


@router.post("/stock/items/{item}/end")
def end_item(request: Request, who: Stock, item: ItemId) -> Response:
    """An item of which nothing is left is there no more."""
    desk = desk_of(request)
    there = item_or_404(desk, item)
    try:
        desk.office.end_stock_entry("item", item, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _item(request, who, there, error=error)
    return RedirectResponse("/stock/items", 303)


def _item(
    request: Request,
    who: Who,
    one: ItemRow | None,
    *,
    values: Mapping[str, str] | None = None,
    error: EntryError | None = None,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    kept = ItemFields(name_zh="") if one is None else one.fields
    shown = {
        "one": one,
        "name": "" if one is None else _name(saying, one),
        "values": {
            "id": "",
            "name_zh": kept.name_zh,
            "name_en": kept.name_en,
            "specification": kept.specification,
            "component": kept.component,
            "kinds": " ".join(kept.kinds),
            "models": "\n".join(kept.models),
            "unit": kept.unit,
            "is_consumable": "1" if kept.is_consumable else "",
            "warranty_months": "" if kept.warranty_months is None else str(kept.warranty_months),
            "location": "",
            "authorised": "",
            "minimum": "",
            **({"is_consumable": ""} if values is not None and "name_zh" in values else {}),
            **(values or {}),
        },
        "rows": [] if one is None else desk.view.stock(scope=who.scope, item=one.id),
        "locations": _locations(desk, saying, who),
        "wheres": dict(_locations(desk, saying, who)),
        "may_write": who.scope.everything,
        "wrong": _wrong(saying, error),
    }
    return page(request, who, "stock_item.html", shown, status=200 if error is None else STATUS[error.cause])


# --- locations and their months --------------------------------------------------------------------------------------


@router.get("/stock/locations")
def locations_page(request: Request, who: Stock) -> Response:
    """Where spares lie."""
    desk, saying = desk_of(request), saying_of(request)
    rows = [{"one": one, "name": _name(saying, one)} for one in desk.view.stock_locations(scope=who.scope)]
    return page(request, who, "stock_locations.html", {"rows": rows})


@router.get("/stock/locations/{location}")
def location_page(request: Request, who: Stock, location: LocationId) -> Response:
    """A location with its months, or the form of a new one."""
    there = None if location == NEW else location_or_404(desk_of(request), who, location)
    return _location(request, who, there)


@router.post("/stock/locations/{location}")
def put_location(request: Request, who: Stock, location: LocationId, fields: Fields) -> Response:
    """Enter or change a location."""
    desk = desk_of(request)
    said = {name: text.strip() for name, text in fields.items()}
    there = None if location == NEW else location_or_404(desk, who, location)
    name = said.get("id", "") if there is None else location
    try:
        if there is None and any(one.id == name for one in desk.view.stock_locations(scope=who.scope)):
            raise EntryError(what="it is there", where=name, expected="a new id", do="choose another", field="id")
        wish = LocationFields(
            name_zh=said.get("name_zh", ""),
            name_en=said.get("name_en", ""),
            customer=said.get("customer") or None,
            group=said.get("group") or None,
            point=said.get("point") or None,
        )
        desk.office.put_stock_location(name, wish, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _location(request, who, there, values=said, error=error)
    return RedirectResponse(f"/stock/locations/{name}", 303)


@router.post("/stock/locations/{location}/end")
def end_location(request: Request, who: Stock, location: LocationId) -> Response:
    """A location in which nothing is left is there no more."""
    desk = desk_of(request)
    there = location_or_404(desk, who, location)
    try:
        desk.office.end_stock_entry("location", location, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _location(request, who, there, error=error)
    return RedirectResponse("/stock/locations", 303)


def _location(
    request: Request,
    who: Who,
    one: LocationRow | None,
    *,
    values: Mapping[str, str] | None = None,
    error: EntryError | None = None,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    kept = LocationFields(name_zh="") if one is None else one.fields
    shown = {
        "one": one,
        "name": "" if one is None else _name(saying, one),
        "values": {
            "id": "",
            "name_zh": kept.name_zh,
            "name_en": kept.name_en,
            "customer": kept.customer or "",
            "group": kept.group or "",
            "point": kept.point or "",
            **(values or {}),
        },
        "months": [] if one is None else _months(desk, one.id),
        "wrong": _wrong(saying, error),
    }
    return page(request, who, "stock_location.html", shown, status=200 if error is None else STATUS[error.cause])


def _months(desk: Desk, location: str) -> list[dict[str, str]]:
    """The months of a location since its first move or signature, the newest first, and who signed them."""
    signatures, first_ms = desk.view.stock_months(location)
    now = zoned.shown(desk.now_ms(), USUAL_ZONE)[:7]
    first = min([now, *signatures, *([] if first_ms is None else [zoned.shown(first_ms, USUAL_ZONE)[:7]])])
    found: list[dict[str, str]] = []
    month = now
    while month >= first and len(found) < MONTHS:
        kept_by, checked_by = signatures.get(month, ("", ""))
        found.append({"month": month, "kept_by": kept_by, "checked_by": checked_by})
        month = _before(month)
    return found


def _before(month: str) -> str:
    year, number = int(month[:4]), int(month[5:7])
    return f"{year - 1:04d}-12" if number == 1 else f"{year:04d}-{number - 1:02d}"


@router.get("/stock/locations/{location}/months/{month}")
def month_page(request: Request, who: Stock, location: LocationId, month: Month) -> Response:
    """The statement of a month, to be signed and printed."""
    return _month(request, who, statement_of(desk_of(request), who, location, month))


@router.post("/stock/locations/{location}/months/{month}")
def sign(request: Request, who: Stock, location: LocationId, month: Month, fields: Fields) -> Response:
    """Sign it, as its keeper or as the second person."""
    verb = "check" if fields.get("verb") == "check" else "keep"
    try:
        signed(request, who, location, month, verb, fields.get("text", ""))
    except Problem as problem:
        if problem.status not in (403, 409):
            raise
        wrong = SECOND if problem.status == 403 else WRONG["month"]
        found = statement_of(desk_of(request), who, location, month)
        return _month(request, who, found, wrong=wrong, status=problem.status)
    return RedirectResponse(f"/stock/locations/{location}/months/{month}", 303)


def _month(request: Request, who: Who, found: Statement, *, wrong: str = "", status: int = 200) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    shown = {
        "found": found,
        "location": dict(_locations(desk, saying, who)).get(found.location, found.location),
        "lines": [{"one": one, "name": one.name_zh if saying.language == "zh" else one.name_en} for one in found.lines],
        "is_over": found.to_ms <= desk.now_ms(),
        "may_check": found.kept_ms is not None
        and found.checked_ms is None
        and not desk.view.is_author(found.kept_by, who.id),
        "export": f"/api/v1/stock/locations/{found.location}/months/{found.month}/export",
        "wrong": saying(wrong) if wrong else "",
        **LIMITS,
    }
    return page(request, who, "stock_month.html", shown, status=status)


# --- what forms and lists share --------------------------------------------------------------------------------------


def _whole(said: Mapping[str, str], name: str, usual: int | None) -> int:
    """A whole number of a form; EntryError for what is none."""
    text = said.get(name, "") or ("" if usual is None else str(usual))
    if not text.lstrip("-").isdigit() or not text.isascii() or len(text) > 10:
        raise EntryError(
            what=f"{text[:20]!r} is no number", where=name, expected="a whole number", do="mend it", field=name
        )
    return int(text)


def _wrong(saying: Saying, error: EntryError | None) -> dict[str, str]:
    """What is said beside the field that cannot be used; under "" where it is none."""
    if error is None:
        return {}
    if error.cause == "closed":
        return {"": saying(CLOSED)}
    words = CONFLICTS.get(error.field) if error.cause == "conflict" else None
    known = words or WRONG.get(error.field)
    return {error.field: saying(known)} if known else {"": error.what}


def _locations(desk: Desk, saying: Saying, who: Who) -> list[tuple[str, str]]:
    return [(one.id, _name(saying, one)) for one in desk.view.stock_locations(scope=who.scope)]


def _name(saying: Saying, one: ItemRow | LocationRow) -> str:
    return one.fields.name_zh if saying.language == "zh" else one.fields.name_en


def _one(saying: Saying, words: tuple[str, str]) -> str:
    return words[saying.language != "zh"]
