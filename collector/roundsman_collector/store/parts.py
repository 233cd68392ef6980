"""What is built into devices: one file per device (一机一档), and the history of a place and of a serial number.

    replace(connection, device, component, old_serial, new_serial, ticket_id, warranty_until, who, at_ms) -> id
    history_of(connection, ticket_id) -> History | None       what core/parts.py asks before a part is called repaired
    of_device(...) · of_place(...) · of_serial(...)           the files
    put(connection, PartWish(...), deed=..., scope=...)       what a person enters: Office

    kiosk-7   printer   |-- SN 1 --|-- SN 2 -------------|-- SN 3 ----      by device
    SN 2                           |- kiosk-7, then the shelf, kiosk-9 -    by serial number
    hall-1              |---- kiosk-7 ----|-- loan-1 --|---- kiosk-7 --     by place: what stood there, with its parts

A row is written once; only its end is set later, by the ticket that took it out. A serial number is in one device at a
time. All that refuses comes before the first write.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.contract import Dates, local_day
from roundsman_collector.core.parts import History, Repair, is_no_part, restarted
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import audit, cards, reach, stock_register
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entry_kinds import EntryError, dates_of
from roundsman_collector.store.sql import clean, run

TEXT_LIMIT = 200
COLUMNS = (
    "p.id, p.device, p.component, p.name, p.model, p.serial, p.item, p.is_consumable, p.from_ms, p.to_ms, "
    "p.warranty_until, came.number, went.number, p.made_ms, p.made_by, p.ended_by"
)
LIMIT = 1000


class PartRow(NamedTuple):
    """A part in a device from `from_ms` (0: nobody knows) to `to_ms` (None: it is there). Tickets by number: the one
    that built it in, and the one that took it out."""

    id: int
    device: str
    component: str
    name: str
    model: str
    serial: str
    item: str | None
    is_consumable: bool
    from_ms: int
    to_ms: int | None
    warranty_until: str | None
    ticket: str | None
    out_ticket: str | None
    made_ms: int
    made_by: str
    ended_by: str


class Standing(NamedTuple):
    """A device that stands, or stood, at a place, with the parts that were in it then."""

    device: str
    from_ms: int
    to_ms: int | None
    parts: tuple[PartRow, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PartWish:
    """A part as somebody enters it: built in since `from_ms`, under warranty until `warranty_until` (a date)."""

    device: str
    component: str
    name: str = ""
    model: str = ""
    serial: str = ""
    item: str | None = None
    is_consumable: bool = False
    from_ms: int
    warranty_until: str | None = None


# --- reading ---------------------------------------------------------------------------------------------------------


def of_device(connection: Connection, device: str) -> list[PartRow]:
    """Every part that is or was in a device: by component, the oldest first."""
    return _read(connection, "p.device = ? ORDER BY p.component, p.from_ms, p.id LIMIT ?", device, LIMIT)


def of_serial(connection: Connection, serial: str, scope: Scope = EVERYTHING) -> list[PartRow]:
    """Where a serial number was built in, the oldest first, of devices that the scope reaches."""
    seen, values = reach.within(scope, "p.device")
    return _read(connection, f"p.serial = ? AND {seen} ORDER BY p.from_ms, p.id LIMIT ?", serial, *values, LIMIT)


def devices_of_serial(connection: Connection, serial: str, scope: Scope = EVERYTHING) -> list[str]:
    """Devices that the scope reaches and that bear a serial number themselves."""
    seen, values = reach.within(scope)
    sql = f"SELECT device.id FROM device WHERE device.serial = ? AND {seen} ORDER BY device.id LIMIT 20"
    return [str(one) for one in run(connection, sql, serial, *values).scalars()]


def of_place(connection: Connection, place: str) -> list[Standing]:
    """Which devices stand or stood at a place, the oldest first, and what was built into them meanwhile."""
    rows = run(
        connection,
        "SELECT device, from_ms, to_ms FROM installation WHERE place = ? ORDER BY from_ms, device LIMIT ?",
        place,
        LIMIT,
    ).all()
    built: dict[str, list[PartRow]] = {}
    for device in {row[0] for row in rows}:
        built[device] = of_device(connection, device)
    return [
        Standing(device, from_ms, to_ms, tuple(one for one in built[device] if _meets(one, from_ms, to_ms)))
        for device, from_ms, to_ms in rows
    ]


def _meets(part: PartRow, from_ms: int, to_ms: int | None) -> bool:
    return (to_ms is None or part.from_ms < to_ms) and (part.to_ms is None or part.to_ms > from_ms)


def _read(connection: Connection, where: str, *values: object) -> list[PartRow]:
    sql = (
        f"SELECT {COLUMNS} FROM device_part p LEFT JOIN ticket came ON came.id = p.ticket_id "
        "LEFT JOIN ticket went ON went.id = p.out_ticket_id "
        f"WHERE (p.to_ms IS NULL OR p.to_ms > p.from_ms) AND {where}"
    )
    at = PartRow._fields.index("is_consumable")
    return [PartRow(*row)._replace(is_consumable=bool(row[at])) for row in run(connection, sql, *values)]


def dates_for(connection: Connection, device: str) -> tuple[Dates, str]:
    """The dates of the contract under which a device stands now, and the zone in whose days they are told."""
    card = cards.named(connection, [device]).get(device)
    if card is None or card.contract is None:
        return Dates(), USUAL_ZONE if card is None else card.time_zone or USUAL_ZONE
    return dates_of(card._asdict(), card.contract), card.time_zone or USUAL_ZONE


def bought_ms(connection: Connection, device: str) -> int | None:
    """When a device was bought: the acceptance of its contract or its first installation, whichever is later."""
    first = run(connection, "SELECT MIN(from_ms) FROM installation WHERE device = ?", device).scalar()
    dates, time_zone = dates_for(connection, device)
    accepted = None if dates.accepted_on is None else instant(dates.accepted_on, 0, zone(time_zone))
    return max((at for at in (first, accepted) if at is not None), default=None)


# --- the rule of replacement -----------------------------------------------------------------------------------------


def history_of(connection: Connection, ticket_id: int) -> History | None:
    """What is known of the part that a ticket is about; None where it is about nothing that can be replaced."""
    row = run(connection, "SELECT subject, component, opened_ms FROM ticket WHERE id = ?", ticket_id).first()
    if row is None or str(row[0])[:1] in "@#" or not row[1] or is_no_part(row[1]):
        return None
    subject, component, opened_ms = row
    built_ms = run(
        connection,
        "SELECT MAX(from_ms) FROM device_part WHERE device = ? AND component = ? AND to_ms IS NULL",
        subject,
        component,
    ).scalar()
    since_ms = 0 if built_ms is None else int(built_ms)
    moved = run(
        connection,
        "SELECT 1 FROM installation WHERE device = ? AND to_ms > ? "
        "UNION ALL SELECT 1 FROM loan WHERE ticket_id = ? AND became = 'converted'",
        subject,
        opened_ms,
        ticket_id,
    ).first()
    return History(
        component=component,
        reported_ms=opened_ms,
        bought_ms=bought_ms(connection, subject),
        repairs=tuple(_repairs(connection, subject, component, since_ms)),
        lacking_ms=_lacking(connection, ticket_id),
        is_replaced=since_ms >= opened_ms or moved is not None,
    )


def _repairs(connection: Connection, subject: str, component: str, since_ms: int) -> Iterable[Repair]:
    """Repairs of a part since it was built in, the oldest first; of tickets that were voided none."""
    rows = run(
        connection,
        "SELECT t.number, e.at_ms, e.data FROM ticket t JOIN ticket_event e ON e.ticket_id = t.id "
        "WHERE t.subject = ? AND t.component = ? AND t.state <> 'void' AND e.verb = 'fix' AND e.at_ms >= ? "
        "ORDER BY e.id",
        subject,
        component,
        since_ms,
    )
    for number, at_ms, data in rows:
        yield Repair(number, at_ms, str(json.loads(data).get("cause", "")))


def _lacking(connection: Connection, ticket_id: int) -> int | None:
    """Since when a ticket waits, or waited, for a spare."""
    rows = run(
        connection,
        "SELECT at_ms, verb, data FROM ticket_event WHERE ticket_id = ? AND verb IN ('wait', 'leave') ORDER BY id",
        ticket_id,
    )
    for at_ms, verb, data in rows:
        told = json.loads(data)
        if told.get("reason") == "parts" or (verb == "leave" and told.get("parts_awaited")):
            return int(at_ms)
    return None


# --- writing ---------------------------------------------------------------------------------------------------------


def replace(
    connection: Connection,
    device: str,
    component: str,
    old_serial: str,
    new_serial: str,
    ticket_id: int | None,
    warranty_until: date | None,
    who: str,
    at_ms: int,
    *,
    name: str = "",
    model: str = "",
    item: str | None = None,
) -> int:
    """A part takes the place of another: for the engine, in its transaction. Returns the new part. Raises EntryError.

    `warranty_until` None: the warranty starts anew, for as long as the item says, or the contract (core/parts.py).
    What was in there and was never written down is, with the serial number that was taken out.
    """
    _check_device(connection, device)
    kept = _checked(component, new_serial, name, model)
    old = _held(connection, device, component, clean(old_serial.strip(), TEXT_LIMIT))
    if old is not None and at_ms <= old.from_ms:
        raise _conflict(f"{component} of {device} was built in later, at {old.from_ms}", "a later time")
    _check_free(connection, kept[1], device)
    fields = None
    if item is not None:
        found = stock_register.item(connection, item)
        if found is None:
            raise _wrong("item", f"there is no stock item {item[:63]!r}", "the id of a stock item, or nothing")
        fields = found.fields
    dates, time_zone = dates_for(connection, device)
    is_consumable = fields is not None and fields.is_consumable
    months = None if fields is None else fields.warranty_months
    until = warranty_until or restarted(local_day(at_ms, time_zone), months, dates)
    if old is not None:
        _end(connection, old.id, at_ms, who, ticket_id)
    elif old_serial.strip():
        first = run(connection, "SELECT MIN(from_ms) FROM installation WHERE device = ?", device).scalar()
        unknown = PartWish(
            device=device,
            component=kept[0],
            serial=clean(old_serial.strip(), TEXT_LIMIT),
            from_ms=0 if first is None or first >= at_ms else int(first),
        )
        _end(connection, _add(connection, unknown, None, at_ms, who), at_ms, who, ticket_id)
    wish = PartWish(
        device=device,
        component=kept[0],
        name=kept[2] or ("" if fields is None else fields.name_zh),
        model=kept[3] or ("" if fields is None else fields.specification),
        serial=kept[1],
        item=item,
        is_consumable=is_consumable,
        from_ms=at_ms,
        warranty_until=None if until is None or is_consumable else until.isoformat(),
    )
    return _add(connection, wish, ticket_id, at_ms, who)


def put(connection: Connection, wish: PartWish, *, deed: Deed, scope: Scope = EVERYTHING) -> int:
    """Enter what is built into a device; what it takes the place of ends then. Raises EntryError."""
    _check_device(connection, wish.device, scope)
    component, serial, name, model = _checked(wish.component, wish.serial, wish.name, wish.model)
    if not 0 <= wish.from_ms <= deed.at_ms:
        raise _wrong("from", f"a part that was built in at {wish.from_ms}", "a time from 1970 up to now")
    if wish.warranty_until is not None:
        _day(wish.warranty_until)
    if wish.item is not None and stock_register.item(connection, wish.item) is None:
        raise _wrong("item", f"there is no stock item {wish.item[:63]!r}", "the id of a stock item, or nothing")
    old = _held(connection, wish.device, component, "")
    if old is not None and wish.from_ms <= old.from_ms:
        raise _conflict(
            f"{component} of {wish.device} has had another part since {old.from_ms}",
            "a later time; or take that part out first, as entered by mistake",
        )
    _check_free(connection, serial, wish.device)
    if old is not None:
        _end(connection, old.id, wish.from_ms, deed.who, None)
    kept = PartWish(
        device=wish.device,
        component=component,
        name=name,
        model=model,
        serial=serial,
        item=wish.item,
        is_consumable=wish.is_consumable,
        from_ms=wish.from_ms,
        warranty_until=wish.warranty_until,
    )
    made = _add(connection, kept, None, deed.at_ms, deed.who)
    audit.add(connection, deed, "part.put", f"device:{wish.device}", after={"part": made, **asdict(kept)})
    return made


def take_out(
    connection: Connection, device: str, part: int, *, is_mistake: bool, deed: Deed, scope: Scope = EVERYTHING
) -> None:
    """A part is in a device no longer; `is_mistake`: it never was. Raises EntryError."""
    _check_device(connection, device, scope)
    found = next(iter(_read(connection, "p.id = ? AND p.device = ?", part, device)), None)
    if found is None:
        raise EntryError(
            what=f"there is no part {part} in device {device}",
            where="path",
            expected="the number of a part in the device's file",
            do="look at the file as it stands now",
            cause="missing",
            field="part",
        )
    if found.to_ms is not None:
        raise _conflict(f"part {part} was taken out of {device} at {found.to_ms}", "a part that is in the device")
    if is_mistake and found.ticket is not None:
        raise _conflict(
            f"part {part} was built in on ticket {found.ticket}", "a part that was entered without a ticket"
        )
    _end(connection, part, found.from_ms if is_mistake else max(deed.at_ms, found.from_ms + 1), deed.who, None)
    before = {"part": part, "component": found.component, "serial": found.serial, "from_ms": found.from_ms}
    verb = "part.mistake" if is_mistake else "part.out"
    audit.add(connection, deed, verb, f"device:{device}", before=before)


def _add(connection: Connection, wish: PartWish, ticket_id: int | None, made_ms: int, who: str) -> int:
    return int(
        run(
            connection,
            "INSERT INTO device_part (device, component, name, model, serial, item, is_consumable, from_ms, "
            "warranty_until, ticket_id, made_ms, made_by, ended_by) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '') RETURNING id",
            wish.device,
            wish.component,
            wish.name,
            wish.model,
            wish.serial,
            wish.item,
            wish.is_consumable,
            wish.from_ms,
            wish.warranty_until,
            ticket_id,
            made_ms,
            clean(who, 160),
        ).scalar_one()
    )


def _end(connection: Connection, part: int, at_ms: int, who: str, ticket_id: int | None) -> None:
    run(
        connection,
        "UPDATE device_part SET to_ms = ?, ended_by = ?, out_ticket_id = ? WHERE id = ?",
        at_ms,
        clean(who, 160),
        ticket_id,
        part,
    )


def _held(connection: Connection, device: str, component: str, serial: str) -> PartRow | None:
    """The part of a component that is in the device; the one with this serial number, where one is named.

    Another serial number than the one on file came out: what is on file ends all the same.
    """
    found = _read(
        connection, "p.device = ? AND p.component = ? AND p.to_ms IS NULL ORDER BY p.id", device, component.strip()
    )
    return next((one for one in found if one.serial == serial), found[-1] if found else None)


# --- what refuses ----------------------------------------------------------------------------------------------------


def _check_device(connection: Connection, device: str, scope: Scope = EVERYTHING) -> None:
    # Takes the row: two people who write into one file do so one after the other. It changes nothing.
    run(connection, "UPDATE device SET id = id WHERE id = ?", device)
    if not reach.reaches(connection, scope, device):
        raise EntryError(
            what=f"there is no device {device[:63]!r}",
            where="device",
            expected="the id of a device",
            do="look it up in the list of devices",
            cause="missing",
            field="device",
        )


def _check_free(connection: Connection, serial: str, device: str) -> None:
    """A serial number is in one device at a time."""
    if not serial:
        return
    other = run(
        connection, "SELECT device, component FROM device_part WHERE serial = ? AND to_ms IS NULL", serial
    ).first()
    if other is not None:
        where = f"as {other[1]} of this device" if other[0] == device else "elsewhere"
        raise _conflict(
            f"serial number {serial} is built in {where} already",
            "a serial number that is in no device now",
        )


def _checked(component: str, serial: str, name: str, model: str) -> tuple[str, str, str, str]:
    texts = tuple(one.strip() for one in (component, serial, name, model))
    if not texts[0]:
        raise _wrong("component", "a part of nothing", "a component such as printer or disk[1]")
    if max(len(one) for one in texts) > TEXT_LIMIT:
        raise _wrong("component", "a text that is too long", f"at most {TEXT_LIMIT} characters")
    return clean(texts[0], 64), clean(texts[1], TEXT_LIMIT), clean(texts[2], TEXT_LIMIT), clean(texts[3], TEXT_LIMIT)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _wrong("warranty_until", f"{text[:20]!r} is no date", "a date such as 2027-11-22") from error


def _wrong(field: str, what: str, expected: str) -> EntryError:
    return EntryError(what=what, where=field, expected=expected, do="mend the field", field=field)


def _conflict(what: str, expected: str) -> EntryError:
    return EntryError(
        what=what,
        where="part",
        expected=expected,
        do="look at the device's file as it stands now",
        cause="conflict",
        field="from",
    )
