"""Spare items and stock locations: a list, a page and a form of each, made from one table of fields.

/stock/items · /stock/items/printer-80 · POST /stock/items/printer-80 (change, or enter) · POST …/end · POST …/level
/stock/locations · /stock/locations/hq · POST …                            and its months (stock_months.py)

A form that cannot be used comes back as it was written, with what is wrong beside the field.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api.access import Stock, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.stock import item_or_404, location_or_404
from roundsman_collector.core.stock import Level
from roundsman_collector.roles import Who
from roundsman_collector.store import EntryError, ItemFields, ItemRow, LocationFields, LocationRow
from roundsman_collector.store.entry_kinds import KindName
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.stock_months import months_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.stock_words import NEW, STATUS, locations, name_of, whole, wrong
from roundsman_collector.web.words import N_

Shape = Literal["line", "id", "blanks", "lines", "number", "tick"]


class Field(NamedTuple):
    """A field of an item or a location. `limit`: characters; `usual`: what nothing stands for."""

    name: str
    shape: Shape
    label: str
    hint: str = ""
    is_needed: bool = False
    limit: int = 200
    usual: str = ""


ID = Field("id", "line", N_("Id"), N_("Small letters, digits, - and _; it cannot be changed later."), True, 63)
NAMES = (Field("name_zh", "line", N_("Chinese name"), is_needed=True), Field("name_en", "line", N_("English name")))
ITEM = (
    *NAMES,
    Field("specification", "line", N_("Specification"), limit=400),
    Field(
        "component",
        "line",
        N_("Component that it replaces"),
        N_("printer, disk, ups … as devices report it; device: all of it"),
        limit=63,
    ),
    Field("kinds", "blanks", N_("Kinds of devices"), N_("kiosk, nvr, camera …; empty: any")),
    Field("unit", "line", N_("Counted in"), limit=20, usual="个"),
    Field(
        "warranty_months",
        "number",
        N_("Months of warranty"),
        N_("Of a new one; empty: as long as the contract gives."),
        limit=3,
    ),
    Field("is_consumable", "tick", N_("Used up: no warranty covers it")),
    Field("is_swapped", "tick", N_("Swapped at once; the old one comes back to be repaired")),
    Field("models", "lines", N_("Models that it fits, one on each line"), limit=4000),
)
LOCATION = (
    *NAMES,
    Field("customer", "id", N_("Customer"), N_("its id, where the store is a customer's own; else empty"), limit=63),
    Field("group", "id", N_("Monitoring centre"), N_("its id: who sees the centre sees the store"), limit=63),
    Field("point", "id", N_("Service point"), N_("its id, where the store is at one; else empty"), limit=63),
    Field("engineer", "id", N_("Engineer"), N_("a login name, where somebody carries the store along"), limit=63),
)


class Kind(NamedTuple):
    """Items, or locations: where they are, what is kept of one, and how it is looked up and written."""

    word: Literal["item", "location"]
    path: str
    fields: tuple[Field, ...]
    make: type[ItemFields] | type[LocationFields]
    one: Callable[[Desk, Who, str], ItemRow | LocationRow]


ITEMS = Kind("item", "/stock/items", ITEM, ItemFields, lambda desk, _, name: item_or_404(desk, name))
LOCATIONS = Kind("location", "/stock/locations", LOCATION, LocationFields, location_or_404)

router = APIRouter()

Name = Annotated[str, Path(max_length=64)]
Fields = Annotated[dict[str, str], Depends(form)]


@router.get("/stock/items")
def items_page(request: Request, who: Stock) -> Response:
    """What is kept as a spare."""
    desk, saying = desk_of(request), saying_of(request)
    there: dict[str, int] = {}
    for row in desk.view.stock(scope=who.scope):
        there[row.item.id] = there.get(row.item.id, 0) + row.now.shelf
    rows = [
        {"one": one, "name": name_of(saying, one), "shelf": there.get(one.id, 0)} for one in desk.view.stock_items()
    ]
    return page(request, who, "stock_items.html", {"rows": rows, "may_write": who.scope.everything})


def _names(desk: Desk, saying: Saying, kind: KindName, ids: Iterable[str | None]) -> dict[str | None, str]:
    """What customers, centres or service points are called; the id of one without an entry."""
    wanted = {one for one in ids if one}
    named = desk.view.entries_named(kind, wanted) if wanted else {}
    return {one: str(named[one].fields[f"name_{saying.language}"]) if one in named else one for one in wanted}


@router.get("/stock/locations")
def locations_page(request: Request, who: Stock) -> Response:
    """Where spares lie."""
    desk, saying = desk_of(request), saying_of(request)
    people = desk.view.people_names()
    found = desk.view.stock_locations(scope=who.scope)
    customers = _names(desk, saying, "customer", [one.fields.customer for one in found])
    groups = _names(desk, saying, "group", [one.fields.group for one in found])
    points = _names(desk, saying, "point", [one.fields.point for one in found])
    rows = [
        {
            "one": one,
            "name": name_of(saying, one),
            "customer": customers.get(one.fields.customer, ""),
            "group": groups.get(one.fields.group, ""),
            "point": points.get(one.fields.point, ""),
            "engineer": people.get(one.fields.engineer or "", ""),
        }
        for one in found
    ]
    return page(request, who, "stock_locations.html", {"rows": rows})


def _add(kind: Kind) -> None:
    """The addresses of a kind."""

    def shown(request: Request, who: Stock, name: Name) -> Response:
        return _page(request, who, kind, _known(request, who, kind, name))

    def put(request: Request, who: Stock, name: Name, fields: Fields) -> Response:
        return _put(request, who, kind, name, {key: text.strip() for key, text in fields.items()})

    def ended(request: Request, who: Stock, name: Name) -> Response:
        return _end(request, who, kind, name)

    at = f"{kind.path}/{{name}}"
    router.add_api_route(at, shown, methods=["GET"], name=f"stock_{kind.word}_page")
    router.add_api_route(at, put, methods=["POST"], name=f"stock_{kind.word}_put")
    router.add_api_route(f"{at}/end", ended, methods=["POST"], name=f"stock_{kind.word}_end")


for _kind in (ITEMS, LOCATIONS):
    _add(_kind)


@router.post("/stock/items/{name}/level")
def put_level(request: Request, who: Stock, name: Name, fields: Fields) -> Response:
    """Say how many of an item are to be at a location."""
    desk = desk_of(request)
    there = item_or_404(desk, name)
    said = {key: text.strip() for key, text in fields.items()}
    try:
        level = Level(whole(said, "authorised", 0), whole(said, "minimum", 0))
        desk.office.put_stock_level(said.get("location", ""), name, level, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _page(request, who, ITEMS, there, values=said, error=error)
    return RedirectResponse(f"/stock/items/{name}", 303)


def _known(request: Request, who: Who, kind: Kind, name: str) -> ItemRow | LocationRow | None:
    """The entry of a page; None: the form of a new one."""
    return None if name == NEW else kind.one(desk_of(request), who, name)


def _put(request: Request, who: Who, kind: Kind, name: str, said: Mapping[str, str]) -> Response:
    """Enter, or change."""
    desk = desk_of(request)
    there = _known(request, who, kind, name)
    wanted = said.get("id", "") if there is None else name
    try:
        if there is None and _is_there(desk, who, kind, wanted):
            raise EntryError(what="it is there", where=wanted, expected="a new id", do="choose another", field="id")
        fields = kind.make(**{field.name: _read(field, said) for field in kind.fields})
        deed = deed_of(request, who)
        if isinstance(fields, ItemFields):
            desk.office.put_stock_item(wanted, fields, deed=deed, scope=who.scope)
        else:
            desk.office.put_stock_location(wanted, fields, deed=deed, scope=who.scope)
    except EntryError as error:
        return _page(request, who, kind, there, values=said, error=error)
    return RedirectResponse(f"{kind.path}/{wanted}", 303)


def _is_there(desk: Desk, who: Who, kind: Kind, name: str) -> bool:
    """Whether an id is taken: who enters something new changes nothing that is there."""
    rows = desk.view.stock_items() if kind is ITEMS else desk.view.stock_locations(scope=who.scope)
    return any(one.id == name for one in rows)


def _end(request: Request, who: Who, kind: Kind, name: str) -> Response:
    """What is empty is there no more."""
    desk = desk_of(request)
    there = kind.one(desk, who, name)
    try:
        desk.office.end_stock_entry(kind.word, name, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _page(request, who, kind, there, error=error)
    return RedirectResponse(kind.path, 303)


def _read(field: Field, said: Mapping[str, str]) -> Any:
    """What was written in a field, as it is kept."""
    text = said.get(field.name, "")
    match field.shape:
        case "id":
            return text or None
        case "blanks":
            return tuple(text.replace(",", " ").split())
        case "lines":
            return tuple(text.splitlines())
        case "number":
            return whole(said, field.name, None) if text else None
        case "tick":
            return bool(text)
        case _:
            return text or field.usual


def _written(field: Field, kept: Any) -> str:
    """What is kept, as it stands in a field."""
    match field.shape:
        case "blanks":
            return " ".join(kept)
        case "lines":
            return "\n".join(kept)
        case "tick":
            return "1" if kept else ""
        case _:
            return "" if kept is None else str(kept)


def _page(
    request: Request,
    who: Who,
    kind: Kind,
    one: ItemRow | LocationRow | None,
    *,
    values: Mapping[str, str] | None = None,
    error: EntryError | None = None,
) -> Response:
    """The page of an entry, or of a new one (None), with what was written in its form."""
    desk, saying = desk_of(request), saying_of(request)
    said = values or {}
    is_own_form = "name_zh" in said
    kept = kind.make(name_zh="") if one is None else one.fields
    marked = wrong(saying, error)
    shown = {
        "one": one,
        "name": "" if one is None else name_of(saying, one),
        "values": said,
        "wrong": marked,
        "fields": [
            {
                **field._asdict(),
                "label": saying(field.label),
                "hint": saying(field.hint) if field.hint else "",
                "value": said.get(field.name, "") if is_own_form else _written(field, getattr(kept, field.name, "")),
                "wrong": marked.get(field.name, ""),
            }
            for field in (*((ID,) if one is None else ()), *kind.fields)
        ],
        **(_of_item(desk, saying, who, one) if kind is ITEMS else _of_location(desk, one)),
    }
    status = 200 if error is None else STATUS[error.cause]
    return page(request, who, f"stock_{kind.word}.html", shown, status=status)


def _of_item(desk: Desk, saying: Saying, who: Who, one: ItemRow | LocationRow | None) -> dict[str, Any]:
    """Where it lies, and where it may."""
    choices = locations(desk, saying, who)
    return {
        "rows": [] if one is None else desk.view.stock(scope=who.scope, item=one.id),
        "locations": choices,
        "wheres": dict(choices),
        "may_write": who.scope.everything,
    }


def _of_location(desk: Desk, one: ItemRow | LocationRow | None) -> dict[str, Any]:
    return {"months": [] if one is None else months_of(desk, one.id)}
