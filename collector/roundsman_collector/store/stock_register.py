"""What there is to be in stock: items, locations, and how many of which are to lie where; versions by date.

    put_item(connection, "printer-80", ItemFields(...), deed=...)               an item, from now on
    put_location(connection, "hq", LocationFields(...), deed=..., scope=...)    a location, from now on
    put_level(connection, "hq", "printer-80", Level(10, 3), deed=...)           原始数量 and the least
    end_entry(connection, "item", "printer-80", deed=...)                       nothing of it may be left

Items are everybody's: only who reaches everything writes them. A location of a customer, or of a monitoring centre, is
written by who reaches it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.stock import Level
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import audit, schema, stock_rows
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entry_kinds import ID_EXPECTED, EntryError
from roundsman_collector.store.sql import clean, insert, marks, run
from roundsman_wire.topics import is_id

NAME_LIMIT = 200
LIST_LIMIT = 50
MONTHS_LIMIT = 240
WHOLE = "device"
"""The component of an item that replaces all of a device."""
Word = Literal["item", "location"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemFields:
    """An item of the stock. `component`: what it replaces in a device (`printer`), `device`: all of it; `kinds`,
    `models`: of which devices, empty: of any. `warranty_months`: how long a new one is under warranty; None: as long as
    the contract says. `is_swapped`: it is swapped at once, and the old one comes back to be repaired (S0-21)."""

    name_zh: str
    name_en: str = ""
    specification: str = ""
    component: str = ""
    kinds: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    unit: str = "个"
    is_consumable: bool = False
    warranty_months: int | None = None
    is_swapped: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class LocationFields:
    """Where spares lie. `customer`: a customer's own; `group`: of a monitoring centre; `point`: at a service point;
    `engineer`: who carries them along."""

    name_zh: str
    name_en: str = ""
    customer: str | None = None
    group: str | None = None
    point: str | None = None
    engineer: str | None = None


class ItemRow(NamedTuple):
    """An item as it is now."""

    id: str
    from_ms: int
    made_by: str
    fields: ItemFields

    def fits(self, component: str, kind: str, model: str | None) -> bool:
        """Whether it replaces a component of a device of this kind and model, or all of it."""
        return self.fields.component in (WHOLE, component.partition("[")[0]) and self.is_for(kind, model)

    def is_for(self, kind: str, model: str | None) -> bool:
        """Whether it belongs into a device of this kind and model."""
        mine = self.fields
        return (not mine.kinds or kind in mine.kinds) and (not mine.models or model in mine.models)


class LocationRow(NamedTuple):
    """A location as it is now."""

    id: str
    from_ms: int
    made_by: str
    fields: LocationFields


# --- reading ---------------------------------------------------------------------------------------------------------


def items(connection: Connection, ids: Sequence[str] | None = None) -> list[ItemRow]:
    """All items, or these, by id."""
    where, values = ("", []) if ids is None else (f" AND id IN ({marks(len(ids))})", list(ids))
    rows = run(
        connection,
        "SELECT id, from_ms, made_by, name_zh, name_en, specification, component, kinds, models, unit, is_consumable, "
        f"warranty_months, is_swapped FROM stock_item WHERE to_ms IS NULL{where} ORDER BY id",
        *values,
    )
    return [
        ItemRow(
            row[0],
            row[1],
            row[2],
            ItemFields(
                name_zh=row[3],
                name_en=row[4],
                specification=row[5],
                component=row[6],
                kinds=tuple(row[7].split()),
                models=tuple(json.loads(row[8])),
                unit=row[9],
                is_consumable=bool(row[10]),
                warranty_months=row[11],
                is_swapped=bool(row[12]),
            ),
        )
        for row in rows
    ]


def item(connection: Connection, name: str) -> ItemRow | None:
    """One item."""
    return next(iter(items(connection, [name])), None)


def locations(connection: Connection, scope: Scope = EVERYTHING, ids: Sequence[str] | None = None) -> list[LocationRow]:
    """All locations that the scope reaches, or those of them that are named, by id."""
    seen, values = stock_rows.sight(scope)
    named = "" if ids is None else f" AND t.id IN ({marks(len(ids))})"
    rows = run(
        connection,
        "SELECT t.id, t.from_ms, t.made_by, t.name_zh, t.name_en, t.customer, t.group_id, t.point, t.engineer "
        f"FROM stock_location t WHERE t.to_ms IS NULL AND {seen}{named} ORDER BY t.id",
        *values,
        *(ids or ()),
    )
    return [
        LocationRow(
            row[0],
            row[1],
            row[2],
            LocationFields(
                name_zh=row[3], name_en=row[4], customer=row[5], group=row[6], point=row[7], engineer=row[8]
            ),
        )
        for row in rows
    ]


def levels(connection: Connection) -> dict[tuple[str, str], Level]:
    """How many are to lie where now: by location and item."""
    rows = run(connection, "SELECT location, item, authorised, minimum FROM stock_level WHERE to_ms IS NULL")
    return {(row[0], row[1]): Level(row[2], row[3]) for row in rows}


# --- writing ---------------------------------------------------------------------------------------------------------


def put_item(connection: Connection, name: str, fields: ItemFields, *, deed: Deed, scope: Scope = EVERYTHING) -> bool:
    """Let an item be this from now on; False: it is already. Raises EntryError."""
    if not scope.everything:
        raise _closed("item", name, "somebody who reaches everything: items are the same for all")
    kept = _checked_item(name, fields)
    before = item(connection, name)
    if before is not None and before.fields == kept:
        return False
    values = (
        kept.name_zh,
        kept.name_en,
        kept.specification,
        kept.component,
        " ".join(kept.kinds),
        json.dumps(kept.models, ensure_ascii=False),
        kept.unit,
        kept.is_consumable,
        kept.warranty_months,
        kept.is_swapped,
    )
    _put(connection, schema.stock_item.name, {"id": name}, values, deed)
    _tell(connection, deed, "put stock item", f"stock-item:{name}", None if before is None else before.fields, kept)
    return True


def put_location(
    connection: Connection, name: str, fields: LocationFields, *, deed: Deed, scope: Scope = EVERYTHING
) -> bool:
    """Let a location be this from now on; False: it is already. Raises EntryError."""
    kept = _checked_location(connection, name, fields)
    before = next(iter(locations(connection, EVERYTHING, [name])), None)
    for one in (kept, *(() if before is None else (before.fields,))):
        if not scope.holds(one.group, one.customer):
            raise _closed("location", name, "a location of your own groups or customers, before and after the change")
    if before is not None and before.fields == kept:
        return False
    values = (kept.name_zh, kept.name_en, kept.customer, kept.group, kept.point, kept.engineer)
    _put(connection, schema.stock_location.name, {"id": name}, values, deed)
    was = None if before is None else before.fields
    _tell(connection, deed, "put stock location", f"stock-location:{name}", was, kept)
    return True


def put_level(
    connection: Connection, location: str, item_id: str, level: Level, *, deed: Deed, scope: Scope = EVERYTHING
) -> bool:
    """Let so many of an item be authorised at a location from now on; False: they are already. Raises EntryError."""
    stock_rows.check_location(connection, location, scope)
    for name, value in (("authorised", level.authorised), ("minimum", level.minimum)):
        if not 0 <= value <= stock_rows.QUANTITY_LIMIT:
            raise _wrong(name, f"{name} {value}", f"0 to {stock_rows.QUANTITY_LIMIT}")
    if level.minimum > level.authorised:
        raise _wrong("minimum", f"minimum {level.minimum} of {level.authorised}", "at most what is authorised")
    stock_rows.take(connection, location, item_id)
    row = run(
        connection,
        "SELECT authorised, minimum FROM stock_level WHERE location = ? AND item = ? AND to_ms IS NULL",
        location,
        item_id,
    ).first()
    before = None if row is None else Level(*row)
    if before == level:
        return False
    _put(connection, schema.stock_level.name, {"location": location, "item": item_id}, level, deed)
    audit.add(
        connection,
        deed,
        "put stock level",
        f"stock:{location}/{item_id}",
        before=None if before is None else before._asdict(),
        after=level._asdict(),
    )
    return True


def end_entry(connection: Connection, word: Word, name: str, *, deed: Deed, scope: Scope = EVERYTHING) -> None:
    """An item or a location is not there from now on: only where nothing of it is left. Raises EntryError."""
    if word == "location":
        stock_rows.check_location(connection, name, scope)
    elif not scope.everything:
        raise _closed("item", name, "somebody who reaches everything: items are the same for all")
    # Takes its rows: nobody moves anything between the look and the end.
    run(connection, f"UPDATE stock_now SET move_count = move_count WHERE {word} = ?", name)
    left = run(
        connection,
        f"SELECT location, item FROM stock_now WHERE {word} = ? AND (shelf <> 0 OR repair <> 0 OR lent <> 0 "
        "OR reserved <> 0) ORDER BY location, item LIMIT 1",
        name,
    ).first()
    if left is not None:
        raise EntryError(
            what=f"{word} {name} is not empty: {left[1]} at {left[0]}",
            where=f"stock {word} {name}",
            expected="nothing on the shelf, in repair, lent or reserved",
            do="move it elsewhere, or scrap it, first",
            cause="conflict",
            field="id",
        )
    done = run(
        connection, f"UPDATE stock_{word} SET to_ms = ? WHERE id = ? AND to_ms IS NULL", deed.at_ms, name
    ).rowcount
    if not done:
        raise EntryError(
            what=f"there is no stock {word} {name[:63]!r}",
            where=word,
            expected=f"the id of a stock {word}",
            do="look it up in the list",
            cause="missing",
            field="id",
        )
    run(connection, f"UPDATE stock_level SET to_ms = ? WHERE {word} = ? AND to_ms IS NULL", deed.at_ms, name)
    audit.add(connection, deed, f"end stock {word}", f"stock-{word}:{name}", after={"to_ms": deed.at_ms})


def _put(connection: Connection, table: str, keys: Mapping[str, str], values: Sequence[object], deed: Deed) -> None:
    """End the version in force and begin another; one that would last no time at all gives its place away."""
    where = " AND ".join(f"{name} = ?" for name in keys)
    run(connection, f"DELETE FROM {table} WHERE {where} AND from_ms >= ?", *keys.values(), deed.at_ms)
    run(connection, f"UPDATE {table} SET to_ms = ? WHERE {where} AND to_ms IS NULL", deed.at_ms, *keys.values())
    sql = insert(schema.metadata.tables[table])
    run(connection, sql, *keys.values(), deed.at_ms, None, deed.at_ms, deed.who, *values)


def _tell(
    connection: Connection,
    deed: Deed,
    verb: str,
    subject: str,
    before: ItemFields | LocationFields | None,
    after: ItemFields | LocationFields,
) -> None:
    was: dict[str, Any] | None = None if before is None else asdict(before)
    audit.add(connection, deed, verb, subject, before=was, after=asdict(after))


# --- what refuses ----------------------------------------------------------------------------------------------------


def _checked_item(name: str, said: ItemFields) -> ItemFields:
    names = _checked_names(name, said.name_zh, said.name_en)
    kinds = tuple(dict.fromkeys(one.strip() for one in said.kinds if one.strip()))
    models = tuple(dict.fromkeys(clean(one.strip(), NAME_LIMIT) for one in said.models if one.strip()))
    component = said.component.strip()
    if any(not is_id(kind) for kind in kinds) or len(kinds) > LIST_LIMIT:
        raise _wrong("kinds", "a kind of device that is no id", "kiosk, nvr, camera …")
    if len(models) > LIST_LIMIT:
        raise _wrong("models", f"{len(models)} models", f"at most {LIST_LIMIT}")
    if component and not is_id(component):
        raise _wrong("component", f"{component[:40]!r} is no component", "printer, disk, ups … or nothing")
    if not 1 <= len(said.unit.strip()) <= 20:
        raise _wrong("unit", "a unit that is empty or too long", "个, 台, 卷, box …")
    if said.warranty_months is not None and not 0 <= said.warranty_months <= MONTHS_LIMIT:
        raise _wrong("warranty_months", f"{said.warranty_months} months", f"0 to {MONTHS_LIMIT}, or nothing")
    if len(said.specification) > NAME_LIMIT * 2:
        raise _wrong("specification", "a specification that is too long", f"{NAME_LIMIT * 2} characters")
    return ItemFields(
        name_zh=names[0],
        name_en=names[1],
        specification=clean(said.specification.strip(), NAME_LIMIT * 2),
        component=component,
        kinds=kinds,
        models=models,
        unit=clean(said.unit.strip(), 20),
        is_consumable=said.is_consumable,
        warranty_months=said.warranty_months,
        is_swapped=said.is_swapped,
    )


def _checked_location(connection: Connection, name: str, said: LocationFields) -> LocationFields:
    names = _checked_names(name, said.name_zh, said.name_en)
    said_ids = (said.customer, said.group, said.point, said.engineer)
    customer, group, point, engineer = ((text or "").strip() or None for text in said_ids)
    if customer is not None:
        found = run(connection, "SELECT 1 FROM customer WHERE id = ? AND to_ms IS NULL", customer).first()
        if found is None:
            raise _wrong("customer", f"there is no customer {customer[:63]}", "the id of a customer, or nothing")
    for field, value in (("group", group), ("point", point)):
        if value is not None and not is_id(value):
            raise _wrong(field, f"{value[:63]!r} is no id", ID_EXPECTED)
    if engineer is not None and run(connection, "SELECT 1 FROM person WHERE id = ?", engineer).first() is None:
        raise _wrong("engineer", f"there is no user {engineer[:63]!r}", "the login name of a user, or nothing")
    return LocationFields(
        name_zh=names[0], name_en=names[1], customer=customer, group=group, point=point, engineer=engineer
    )


def _checked_names(name: str, zh: str, en: str) -> tuple[str, str]:
    if not is_id(name):
        raise _wrong("id", f"{name[:63]!r} is no id", ID_EXPECTED)
    first, second = zh.strip() or en.strip(), en.strip() or zh.strip()
    if not first or max(len(first), len(second)) > NAME_LIMIT:
        raise _wrong("name_zh", "a name that is empty or too long", f"1 to {NAME_LIMIT} characters")
    return clean(first, NAME_LIMIT), clean(second, NAME_LIMIT)


def _wrong(field: str, what: str, expected: str) -> EntryError:
    return EntryError(what=what, where=field, expected=expected, do="mend the field", field=field)


def _closed(word: str, name: str, expected: str) -> EntryError:
    return EntryError(
        what=f"you cannot write stock {word} {name[:63]}",
        where=f"stock {word}",
        expected=expected,
        do="ask an administrator to widen your scope",
        cause="closed",
        field="id",
    )
