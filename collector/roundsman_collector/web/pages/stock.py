"""Spare stock: what lies where, what came and went, what waits for tickets. Items, locations: stock_entries.py.

    /stock/quantities?location=hq&short=1       with what is to be there; the purchase list as a file
    /stock/moves                                the log, and the form that books a move
    /stock/out                                  reservations, wishes, loan units, old units that are to come in

A form that cannot be used comes back as it was written, with what is wrong beside the field.
"""

import secrets
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api.access import Stock, deed_of
from roundsman_collector.api.desk import desk_of
from roundsman_collector.core.stock import EFFECTS, GRADES, KEEPERS
from roundsman_collector.roles import Who
from roundsman_collector.store import EntryError, MoveFilter, MoveWish
from roundsman_collector.store.loans import BECAME
from roundsman_collector.store.reservations import VERBS
from roundsman_collector.store.stock_rows import SERIAL_LIMIT
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.stock_words import LIMITS, STATES, STATUS, locations, name_of, whole, wrong

PAGE = 50

router = APIRouter()

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
                "where": name_of(saying, wheres[row.location]),
                "item": row.item.id,
                "name": name_of(saying, row.item),
                "row": row,
            }
            for row in rows
            if not short or row.short.missing or row.short.is_low
        ],
        "locations": [(one.id, name_of(saying, one)) for one in wheres.values()],
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
            quantity=whole(said, "quantity", 1),
            serial=said.get("serial", ""),
            grade=whole(said, "grade", None) if said.get("grade") else None,
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
    names = {one.id: name_of(saying, one) for one in desk.view.stock_items()}
    wheres = dict(locations(desk, saying, who))
    shown = {
        "rows": [
            {
                "row": row,
                "name": names.get(row.item, row.item),
                "where": wheres.get(row.location, row.location),
                "word": saying.pair((EFFECTS[row.verb].zh, EFFECTS[row.verb].en)),
                "grade": "" if row.grade is None else saying.pair(GRADES[row.grade]),
            }
            for row in rows[:PAGE]
        ],
        "wanted": wanted,
        "filters": [(name, getattr(wanted, name)) for name in ("location", "item", "serial", "ticket")],
        "before": before,
        "next_before": rows[PAGE - 1].id if len(rows) > PAGE else None,
        "verbs": [(verb, saying.pair((EFFECTS[verb].zh, EFFECTS[verb].en))) for verb in KEEPERS],
        "items": list(names.items()),
        "locations": list(wheres.items()),
        "grades": [("", "—"), *((str(years), saying.pair(words)) for years, words in GRADES.items())],
        "values": values,
        # Whoever clicks twice books once: each form that is shown has a word of its own.
        "key": values.get("key") or secrets.token_hex(8),
        "wrong": wrong(saying, error),
        **LIMITS,
    }
    return page(request, who, "stock_moves.html", shown, status=200 if error is None else STATUS[error.cause])


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
            whole(said, "quantity", 1),
            said.get("ticket", ""),
            key=said.get("key", ""),
            deed=deed_of(request, who),
            scope=who.scope,
        )
    except EntryError as error:
        return _out(request, who, values=said, error=error)
    return RedirectResponse("/stock/out", 303)


@router.post("/stock/out/owed")
def take_in(request: Request, who: Stock, fields: Fields) -> Response:
    """An old unit that was swapped comes into the workshop."""
    said = {name: text.strip() for name, text in fields.items()}
    wish = MoveWish(
        location=said.get("location", ""),
        item=said.get("item", ""),
        verb="collect",
        serial=said.get("serial", ""),
        ticket=said.get("ticket", ""),
        key=said.get("key", ""),
    )
    try:
        desk_of(request).office.book_move(wish, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _out(request, who, error=error)
    return RedirectResponse("/stock/out", 303)


@router.post("/stock/out/{reservation}")
def end_reservation(request: Request, who: Stock, reservation: Number, fields: Fields) -> Response:
    """Issue or release what is kept, or keep what was asked for."""
    verb = next((one for one in VERBS if one == fields.get("verb")), "issue")
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
    states = ("",) if is_all else ("wanted", "open")
    rows = [one for state in states for one in desk.view.stock_reservations(scope=who.scope, state=state, limit=PAGE)]
    loans = desk.view.loans(scope=who.scope, only_out=not is_all, limit=PAGE)
    names = {one.id: name_of(saying, one) for one in desk.view.stock_items()}
    wheres = dict(locations(desk, saying, who))
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
                "word": saying.pair(BECAME[row.became]),
            }
            for row in loans
        ],
        "owed": [
            {"row": row, "name": names.get(row.item, row.item), "key": secrets.token_hex(8)}
            for row in desk.view.stock_owed(scope=who.scope)
        ],
        "is_all": is_all,
        "key": (values or {}).get("key") or secrets.token_hex(8),
        "items": list(names.items()),
        "locations": list(wheres.items()),
        "values": values or {},
        "wrong": wrong(saying, error),
        **LIMITS,
    }
    return page(request, who, "stock_out.html", shown, status=200 if error is None else STATUS[error.cause])
