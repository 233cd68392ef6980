"""The register: customers, contracts, sites, places, groups; a list and a page of each kind, made from one table.

    /customers · /customers/metro · POST /customers/metro (change, or enter) · POST /customers/metro/end

What is below an entry stands on its page: a customer's contracts and sites, a site's places with their devices. Whoever
has not the right `place` sees the same without forms. A change may be told to have begun on an earlier day.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api.access import Place, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import DEFAULT_ZONE, no_entry, phase_of
from roundsman_collector.api.entries import shown as shown_to
from roundsman_collector.api.levels import read as read_level
from roundsman_collector.core import hours
from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.contract import PHASES, phase_at
from roundsman_collector.roles import Who
from roundsman_collector.store import KINDS, ZONES, EntryError, KindName, Version, plan_files
from roundsman_collector.store.entry_kinds import NO_CALENDAR, Field, dates_of
from roundsman_collector.store.levels import LevelRow
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_

router = APIRouter()

PAGE = 100
CHOICES = 500
"""A list to choose from is no longer than that; beyond, the id is typed."""
NEW = "~new"
"""Stands where an id would; no id looks like it."""


class Collection(NamedTuple):
    """A kind of entry as pages show it: its address, its words, what its list shows, and what stands below it."""

    path: str
    kind: KindName
    many: str
    one: str
    add: str
    columns: tuple[str, ...]
    below: tuple[KindName, ...] = ()


COLLECTIONS: Mapping[KindName, Collection] = {
    one.kind: one
    for one in (
        Collection(
            "customers",
            "customer",
            N_("Customers"),
            N_("Customer"),
            N_("New customer"),
            ("devices",),
            ("site", "contract"),
        ),
        Collection(
            "sites",
            "site",
            N_("Sites"),
            N_("Site"),
            N_("New site"),
            ("customer", "zone", "phase", "engineer", "devices"),
            ("place", "plan"),
        ),
        Collection(
            "contracts",
            "contract",
            N_("Contracts"),
            N_("Contract"),
            N_("New contract"),
            ("customer", "accepted_on", "warranty_until", "maintenance_until", "phase", "devices"),
            ("site", "plan"),
        ),
        Collection("places", "place", N_("Places"), N_("Place"), N_("New place"), ("site", "engineer", "devices")),
        Collection(
            "groups",
            "group",
            N_("Monitoring centres"),
            N_("Monitoring centre"),
            N_("New monitoring centre"),
            ("devices",),
        ),
        Collection(
            "points",
            "point",
            N_("Service points"),
            N_("Service point"),
            N_("New service point"),
            ("group_id", "zones", "phone", "address"),
            ("site",),
        ),
        Collection(
            "plans",
            "plan",
            N_("Plans"),
            N_("Plan"),
            N_("New plan"),
            ("contract", "site", "first_day", "last_day"),
        ),
    )
}
LABELS: Mapping[str, str] = {
    "id": N_("Id"),
    "name_zh": N_("Chinese name"),
    "name_en": N_("English name"),
    "name": N_("Name"),
    "customer": N_("Customer"),
    "group_id": N_("Monitoring centre"),
    "contract": N_("Contract"),
    "address": N_("Address"),
    "zone": N_("Zone"),
    "zones": N_("Zones it covers"),
    "phone": N_("Telephone"),
    "point": N_("Service point"),
    "time_zone": N_("Time zone"),
    "service_hours": N_("Service hours"),
    "engineer": N_("Engineer"),
    "calendar": N_("Holiday calendar"),
    "unknown_as": N_("Unknown time counts as"),
    "target_percent": N_("Promised availability, percent"),
    "service_level": N_("Service level"),
    "contact": N_("On the spot"),
    "contact_phone": N_("Telephone on the spot"),
    "site": N_("Site"),
    "place": N_("Place"),
    "accepted_on": N_("Accepted on"),
    "warranty_until": N_("Warranty until"),
    "maintenance_until": N_("Maintenance until"),
    "labour_until": N_("Free labour on site until"),
    "parts_rate": N_("Parts outside the warranty"),
    "phase": N_("Phase"),
    "devices": N_("Devices"),
    "kind": N_("Kind of plan"),
    "first_day": N_("First day"),
    "last_day": N_("Last day"),
    "changes": N_("What it changes of its kind"),
}
HINTS: Mapping[str, str] = {
    "id": N_("1 to 63 of a-z 0-9 _ -; it stays for ever"),
    "service_hours": N_("24x7, or Mon-Fri 09:00-18:00; Sat 09:00-12:00; holidays none"),
    "calendar": N_("which days are holidays, and which are worked instead"),
    "target_percent": N_("for instance 99.5; empty: none is promised"),
    "service_level": N_("what is promised for tickets; empty: nothing is"),
    "time_zone": N_("for instance Asia/Shanghai"),
    "warranty_until": N_("the last day of it"),
    "maintenance_until": N_("the last day of it"),
    "labour_until": N_("the last day of it; empty: as long as the warranty"),
    "group_id": N_("decides who sees it"),
    "zones": N_("for sites of the same monitoring centre that name no service point; such as urban suburban"),
    "point": N_("empty: the one that covers the zone"),
    "engineer": N_("a login name"),
    "contact": N_("who looks after the devices there and can be guided by phone"),
    "contact_phone": N_("whoever may not act on tickets sees the first and last digits"),
    "from": N_("empty: from now on"),
    "last_day": N_("empty: until further notice"),
    "changes": N_('empty: nothing; else JSON such as {"report": {"by": 3}}, see docs/plans.md'),
}
UNKNOWN: Mapping[str, str] = {
    "exclude": N_("neither up nor down"),
    "down": N_("down"),
    "up": N_("up"),
}
PARTS: Mapping[str, str] = {
    "list": N_("by the price list"),
    "cost": N_("at cost"),
}
CHOSEN = ("unknown_as", "calendar", "zone", "parts_rate")
"""What a new entry has chosen already."""
DATES = ("accepted_on", "warranty_until", "maintenance_until", "labour_until", "first_day", "last_day")
# What the store refuses, for people; the field stands beside it.
REFUSALS: Mapping[str, str] = {
    "value": N_("This cannot be used."),
    "missing": N_("There is no such entry."),
    "conflict": N_(
        "It contradicts the register: what is named is not there at that time, or belongs to another customer."
    ),
    "closed": N_("This lies beyond your scope."),
    "in_use": N_("Something still stands on it. End or move that first."),
    "day": N_("Write a day such as 2026-11-21, not later than today."),
}

Fields = Annotated[dict[str, str], Depends(form)]


# --- addresses -------------------------------------------------------------------------------------------------------


def _add(collection: Collection) -> None:
    """The addresses of a kind."""
    at, kind = f"/{collection.path}", collection.kind

    def listed(request: Request, who: See, after: str = "") -> Response:
        return _list(request, who, collection, after)

    def shown(request: Request, who: See, entry: str) -> Response:
        if entry == NEW:
            return _form(request, who, collection, None, written=dict(request.query_params))
        return _form(request, who, collection, _known(desk_of(request), who, collection, entry))

    def put(request: Request, who: Place, entry: str, fields: Fields) -> Response:
        return _put(request, who, collection, entry, fields)

    def ended(request: Request, who: Place, entry: str, fields: Fields) -> Response:
        return _end(request, who, collection, entry, fields)

    router.add_api_route(at, listed, methods=["GET"], name=f"{kind}_list")
    router.add_api_route(f"{at}/{{entry}}", shown, methods=["GET"], name=f"{kind}_page")
    router.add_api_route(f"{at}/{{entry}}", put, methods=["POST"], name=f"{kind}_put")
    router.add_api_route(f"{at}/{{entry}}/end", ended, methods=["POST"], name=f"{kind}_end")


for _collection in COLLECTIONS.values():
    _add(_collection)


# --- lists -----------------------------------------------------------------------------------------------------------


def _list(request: Request, who: Who, collection: Collection, after: str) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    rows = desk.view.entries(collection.kind, scope=who.scope, after=after, limit=PAGE + 1)
    shown = {
        "collection": collection,
        "table": table(desk, saying, collection.kind, rows[:PAGE]),
        "may_write": who.may("place"),
        "newer": f"/{collection.path}" if after else "",
        "older": f"/{collection.path}?after={rows[PAGE - 1].id}" if len(rows) > PAGE else "",
    }
    return page(request, who, "entries.html", shown)


class Around(NamedTuple):
    """What the rows of a table name, and how many devices stand at each; looked up for all rows at once."""

    named: Mapping[KindName, Mapping[str, Version]]
    devices: Mapping[str, int]
    now_ms: int


def table(desk: Desk, saying: Saying, kind: KindName, rows: Sequence[Version]) -> dict[str, Any]:
    """Entries as a table: head, and rows of id, address, name, cells."""
    collection = COLLECTIONS[kind]
    named = {
        name: desk.view.entries_named(name, {one.fields[name] for one in rows if one.fields.get(name)})
        for name in NAMED
        if name in KINDS[kind].names
    }
    standing = desk.view.standing(kind, [one.id for one in rows]) if "devices" in collection.columns else {}
    around = Around(named, standing, desk.now_ms())
    return {
        "heads": [LABELS[one] for one in collection.columns],
        "rows": [
            {
                "id": one.id,
                "path": f"/{collection.path}/{one.id}",
                "name": name_of(saying, one),
                "cells": [_cell(saying, kind, one, column, around) for column in collection.columns],
            }
            for one in rows
        ],
    }


NAMED: tuple[KindName, ...] = ("customer", "site", "contract")


def _cell(saying: Saying, kind: KindName, one: Version, column: str, around: Around) -> tuple[str, str]:
    """What a cell says, and where it leads; "" for nowhere."""
    if column == "devices":
        return saying.count(around.devices.get(one.id, 0)), ""
    if column == "phase":
        return _phase(saying, kind, one, around), ""
    value = one.fields[column]
    if value is None:
        return "", ""
    if column == "zone":
        return ZONES[value][saying.language != "zh"], ""
    if column == "zones":
        return saying.listed(ZONES[zone][saying.language != "zh"] for zone in value.split()), ""
    for name, found in around.named.items():
        if name == column:
            named = found.get(value)
            return (value if named is None else name_of(saying, named)), f"/{COLLECTIONS[name].path}/{value}"
    return str(value), ""


def _phase(saying: Saying, kind: KindName, one: Version, around: Around) -> str:
    contract = one if kind == "contract" else around.named["contract"].get(one.fields["contract"] or "")
    if contract is None:
        return ""
    time_zone = one.fields.get("time_zone") or DEFAULT_ZONE
    return PHASES[phase_at(dates_of(contract.fields, contract.id), around.now_ms, time_zone)][saying.language != "zh"]


def name_of(saying: Saying, one: Version) -> str:
    """What an entry is called in the reader's language."""
    if "kind" in one.fields:
        return kind_name(saying, str(one.fields["kind"]))
    if "name" in one.fields:
        return str(one.fields["name"])
    return str(one.fields["name_zh" if saying.language == "zh" else "name_en"])


def kind_name(saying: Saying, kind: str) -> str:
    """What a kind of plan is called; its id where there is none (any more)."""
    file = plan_files.kinds().get(kind)
    entry = None if file is None else next(one for one in file.kinds if one.kind == kind)
    return kind if entry is None else saying.pair((entry.zh, entry.en))


# --- one entry -------------------------------------------------------------------------------------------------------


def _known(desk: Desk, who: Who, collection: Collection, entry: str) -> Version:
    found = desk.view.entry(collection.kind, entry, scope=who.scope)
    if found is None:
        raise no_entry(collection.kind, collection.path, entry)
    return shown_to(desk, who, found, f"{collection.kind}:{entry}")


def _form(
    request: Request,
    who: Who,
    collection: Collection,
    one: Version | None,
    *,
    written: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    """The page of an entry, or of a new one (None)."""
    desk, saying = desk_of(request), saying_of(request)
    kept = {} if one is None else {name: value or "" for name, value in one.fields.items()}
    if "service_hours" in kept:
        kept["service_hours"] = hours.short(kept["service_hours"])
    if "zones" in kept:
        kept["zones"] = saying.listed(ZONES[zone][saying.language != "zh"] for zone in kept["zones"].split())
    if "calendar" in kept:
        kept["calendar"] = kept["calendar"] or NO_CALENDAR
    if one is None:
        kept = {field.name: field.usual or "" for field in KINDS[collection.kind].fields if field.name in CHOSEN}
    values = {**kept, **(written or {})}
    phase = None if one is None else phase_of(desk, collection.kind, one)
    shown = {
        "collection": collection,
        "one": one,
        "name": "" if one is None else name_of(saying, one),
        "values": values,
        "fields": [_field(desk, who, saying, collection.kind, one, values) for one in KINDS[collection.kind].fields],
        "labels": LABELS,
        "hints": HINTS,
        "wrong": {name: saying(text) for name, text in (wrong or {}).items()},
        "phase": "" if phase is None else PHASES[phase][saying.language != "zh"],
        "below": [] if one is None else [_below(desk, saying, who, collection, kind, one) for kind in collection.below],
        "cards": [] if one is None else _cards(desk, who, collection, one),
        "members": [] if one is None else _members(desk, who, collection, one),
        "versions": [] if one is None else _versions(desk, who, collection, one),
        "may_write": who.may("place"),
    }
    return page(request, who, "entry.html", shown, status=status)


def _versions(desk: Desk, who: Who, collection: Collection, one: Version) -> list[Version]:
    """All versions of an entry, the newest first."""
    found = desk.view.entry_history(collection.kind, one.id, scope=who.scope)
    return [shown_to(desk, who, each, f"{collection.kind}:{one.id}") for each in reversed(found)]


def _field(
    desk: Desk, who: Who, saying: Saying, kind: KindName, field: Field, values: Mapping[str, str]
) -> dict[str, Any]:
    """A field of the form: its name, whether it is needed, and what there is to choose from, if that is few."""
    return {
        "name": field.name,
        "is_needed": field.is_needed,
        "type": "date" if field.name in DATES else "text",
        "options": _options(desk, who, saying, field, values),
    }


def _options(
    desk: Desk, who: Who, saying: Saying, field: Field, values: Mapping[str, str]
) -> list[tuple[str, str]] | None:
    nothing = [] if field.is_needed else [("", "—")]
    if field.name == "zone":
        return [(key, words[saying.language != "zh"]) for key, words in ZONES.items()]
    if field.name == "unknown_as":
        return [(key, saying(words)) for key, words in UNKNOWN.items()]
    if field.name == "parts_rate":
        return [(key, saying(words)) for key, words in PARTS.items()]
    if field.name == "kind":
        return [
            (kind, f"{saying.pair((file.zh, file.en))}: {kind_name(saying, kind)}{saying.aside(kind)}")
            for kind, file in plan_files.kinds().items()
        ]
    if field.refers_to == "level":
        levels = desk.view.newest_levels().values()
        return [*nothing, *((one.level, f"{name_of_level(saying, one)}{saying.aside(one.level)}") for one in levels)]
    if field.refers_to == "calendar":
        rows = desk.view.entries("calendar", scope=who.scope, limit=CHOICES)
        return [(one.id, f"{name_of(saying, one)}{saying.aside(one.id)}") for one in rows]
    if field.refers_to in ("customer", "contract", "site", "point"):
        where = {"customer": values["customer"]} if field.name == "contract" and values.get("customer") else None
        rows = desk.view.entries(field.refers_to, scope=who.scope, limit=CHOICES + 1, where=where)
        if len(rows) > CHOICES:
            return None
        return [*nothing, *((one.id, f"{name_of(saying, one)}{saying.aside(one.id)}") for one in rows)]
    return None


def name_of_level(saying: Saying, row: LevelRow) -> str:
    """What a service level is called."""
    said = read_level(row)
    return said.zh if saying.language == "zh" else said.en


def _below(
    desk: Desk, saying: Saying, who: Who, collection: Collection, kind: KindName, one: Version
) -> dict[str, Any]:
    """What stands below an entry: a table, and where a new one of it is entered."""
    rows = desk.view.entries(kind, scope=who.scope, where={collection.kind: one.id}, limit=PAGE * 5)
    return {
        "collection": COLLECTIONS[kind],
        "table": table(desk, saying, kind, rows),
        "add": f"/{COLLECTIONS[kind].path}/{NEW}?{collection.kind}={one.id}",
    }


def _cards(desk: Desk, who: Who, collection: Collection, one: Version) -> list[Any]:
    """The devices that stand there."""
    if collection.kind not in ("site", "place"):
        return []
    return desk.view.cards(scope=who.scope, where={collection.kind: one.id}, limit=PAGE * 5)


def _members(desk: Desk, who: Who, collection: Collection, one: Version) -> list[tuple[str, str]]:
    """The people of a service point, for whoever may act: login names and names."""
    if collection.kind != "point" or not who.may("act"):
        return []
    mine = {member.person for member in desk.view.point_members(one.id)}
    return [(person.id, person.name) for person in desk.view.persons() if person.id in mine]


# --- changing --------------------------------------------------------------------------------------------------------


def _put(request: Request, who: Who, collection: Collection, entry: str, fields: Mapping[str, str]) -> Response:
    desk = desk_of(request)
    one = desk.view.entry(collection.kind, entry, scope=who.scope)
    named = fields.get("id", "").strip() if entry == NEW else entry
    said = {name: fields[name] for name in KINDS[collection.kind].names if name in fields}
    try:
        from_ms = _day(fields.get("from", ""))
        if entry == NEW and desk.view.entry(collection.kind, named, scope=who.scope) is not None:
            return _refused(request, who, collection, None, fields, {"id": N_("There is one with this id already.")})
        desk.office.put_entry(
            collection.kind, named, said, deed=deed_of(request, who), from_ms=from_ms, scope=who.scope
        )
    except EntryError as error:
        text = REFUSALS["day"] if error.field == "from" else REFUSALS[error.cause]
        return _refused(request, who, collection, one, fields, {error.field or "id": text})
    return RedirectResponse(f"/{collection.path}/{named}", 303)


def _refused(
    request: Request,
    who: Who,
    collection: Collection,
    one: Version | None,
    fields: Mapping[str, str],
    wrong: Mapping[str, str],
) -> Response:
    return _form(request, who, collection, one, written=fields, wrong=wrong, status=422)


def _end(request: Request, who: Who, collection: Collection, entry: str, fields: Mapping[str, str]) -> Response:
    desk = desk_of(request)
    one = _known(desk, who, collection, entry)
    try:
        at_ms = _day(fields.get("from", ""))
        desk.office.end_entry(collection.kind, entry, deed=deed_of(request, who), at_ms=at_ms, scope=who.scope)
    except EntryError as error:
        text = REFUSALS["in_use" if error.cause == "conflict" else error.cause]
        return _form(request, who, collection, one, wrong={"end": text}, status=409)
    return RedirectResponse(f"/{collection.path}", 303)


def _day(text: str) -> int | None:
    """The first instant of a day that somebody wrote, on the clock of the headquarters; None for nothing."""
    if not text.strip():
        return None
    try:
        return instant(date.fromisoformat(text.strip()), 0, zone(DEFAULT_ZONE))
    except ValueError as error:
        raise EntryError(
            what=f"{text[:40]!r} is no day",
            where="from",
            expected="a day such as 2026-11-21",
            do="mend it",
            field="from",
        ) from error
