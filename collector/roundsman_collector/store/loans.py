"""Loan units: what stands at a customer's while a device is in the workshop, and how that joins places and devices.

    loan_out(connection, ticket_id=..., who=..., at_ms=..., ...) -> id     for the engine, in its own transaction
    loan_back(connection, loan_id, who=..., at_ms=..., became="returned")
    loans_of(connection, ticket_id) -> [LoanRow]                           what the rules of a ticket ask
    hand_on(connection, [loan_id, ...], old_id, new_id)                    another ticket goes on (转单)

    device    ---- installed at P ----|                     |---- installed at P ----
    unit                              |-- installed at P ---|
                                   loan_out             loan_back

Contracts and figures belong to the place: a *registered* unit is installed where the device stood, which is not
installed meanwhile, so the place is up while the unit is, and each of the two keeps its own history. A unit that is not
registered reports nothing: the loan is written down with its serial number, the installation stays as it is, and that
the place worked has to be said by a correction, with the loan as its document. What a loan has become: `returned` (the
device stands where it stood, unless it was installed elsewhere meanwhile), `converted` (the unit stays for good),
`lost`. All that refuses comes before the first write.
"""

import json
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from sqlalchemy import Connection

from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import entries, reach, rules, search, stock
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entry_kinds import EntryError
from roundsman_collector.store.sql import chunks, clean, marks, run
from roundsman_collector.store.stock import MoveWish
from roundsman_collector.store.stock_rows import SERIAL_LIMIT, TEXT_LIMIT, check_live

Became = Literal["returned", "converted", "lost"]
VERB_OF: dict[Became, str] = {"returned": "lend_back", "converted": "convert", "lost": "lose"}
BECAME: dict[str, tuple[str, str]] = {
    "": ("借用中", "out"),
    "returned": ("已归还", "returned"),
    "converted": ("已转正", "kept by the customer"),
    "lost": ("已丢失", "lost"),
}
COLUMNS = (
    "l.id, l.ticket_id, ticket.number, l.device, l.item, l.location, l.unit, l.serial, l.name, l.place, l.is_standing, "
    "l.out_ms, l.out_by, l.became, l.back_ms, l.back_by, l.text"
)
NEWEST = 2**62


class LoanRow(NamedTuple):
    """A loan. `became` empty: it runs. `ticket`: the number of its ticket."""

    id: int
    ticket_id: int
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
    out_by: str
    became: str
    back_ms: int | None
    back_by: str
    text: str

    @property
    def is_out(self) -> bool:
        """Whether the ticket still waits for it."""
        return self.back_ms is None


# --- reading ---------------------------------------------------------------------------------------------------------


def loans_of(connection: Connection, ticket_id: int) -> list[LoanRow]:
    """The loans of a ticket, in order: also those that went along when another ticket went on."""
    gone = handed_on(connection, [ticket_id]).get(ticket_id, [])
    where = f"l.ticket_id = ? OR l.id IN ({marks(len(gone))})" if gone else "l.ticket_id = ?"
    return _read(connection, f"({where}) ORDER BY l.id", ticket_id, *gone)


def handed_on(connection: Connection, tickets: Sequence[int]) -> dict[int, list[int]]:
    """Which loans went along from each of these tickets when another one went on, as its log says."""
    found: dict[int, list[int]] = {}
    for part in chunks(tickets):
        sql = f"SELECT ticket_id, data FROM ticket_event WHERE verb = 'transfer' AND ticket_id IN ({marks(len(part))})"
        for ticket_id, data in run(connection, sql, *part):
            found.setdefault(ticket_id, []).extend(map(int, json.loads(data).get("loans", ())))
    return found


def one(connection: Connection, loan: int) -> LoanRow | None:
    """A loan."""
    return next(iter(_read(connection, "l.id = ?", loan)), None)


def page(
    connection: Connection,
    scope: Scope = EVERYTHING,
    *,
    only_out: bool = False,
    device: str = "",
    before_id: int | None = None,
    limit: int = 100,
) -> list[LoanRow]:
    """Loans for tickets that the scope reaches, the newest first; `device`: those of it, and those instead of it."""
    seen, values = reach.subjects_within(scope)
    where, bound = f"l.id < ? AND {seen}", [NEWEST if before_id is None else before_id, *values]
    if only_out:
        where += " AND l.back_ms IS NULL"
    if device:
        where, bound = f"{where} AND (l.device = ? OR l.unit = ?)", [*bound, device, device]
    return _read(connection, f"{where} ORDER BY l.id DESC LIMIT ?", *bound, limit)


def _read(connection: Connection, where: str, *values: object) -> list[LoanRow]:
    sql = f"SELECT {COLUMNS} FROM loan l JOIN ticket ON ticket.id = l.ticket_id WHERE {where}"
    at = LoanRow._fields.index("is_standing")
    return [LoanRow(*row)._replace(is_standing=bool(row[at])) for row in run(connection, sql, *values)]


# --- out and back ----------------------------------------------------------------------------------------------------


def loan_out(
    connection: Connection,
    *,
    ticket_id: int,
    who: str,
    at_ms: int,
    device: str | None = None,
    item: str | None = None,
    location: str | None = None,
    unit: str | None = None,
    serial: str = "",
    name: str = "",
    text: str = "",
) -> int:
    """Lend something on a ticket: a piece of the stock (`item` and `location`), a registered device (`unit`), or what
    `name` and `serial` say. `device`: in whose place; the ticket's own, if not said. Raises EntryError."""
    check_live(connection, ticket_id)
    subject = str(run(connection, "SELECT subject FROM ticket WHERE id = ?", ticket_id).scalar_one())
    instead = device or (None if subject[0] in "@#" else subject)
    place = None if instead is None else _place_of(connection, instead)
    if unit is not None:
        _check_unit(connection, unit, instead)
    if (item is None) != (location is None):
        raise _wrong("location", "an item without its location, or the other way round", "both, or neither")
    if item is None and unit is None and not name.strip() and not serial.strip():
        raise _wrong("unit", "a loan of nothing", "an item of the stock, a device, or a name and serial number")
    shown_serial = serial.strip() or _serial_of(connection, unit)
    moved = None
    if item is not None and location is not None:
        wish = MoveWish(location=location, item=item, verb="lend", serial=shown_serial, text=text)
        moved = stock.move_loan(connection, wish, ticket_id=ticket_id, who=who, at_ms=at_ms)
    is_standing = unit is not None and place is not None
    made = run(
        connection,
        "INSERT INTO loan (ticket_id, device, item, location, unit, serial, name, place, is_standing, out_ms, out_by, "
        "became, back_by, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', ?) RETURNING id",
        ticket_id,
        instead,
        item,
        location,
        unit,
        clean(shown_serial, SERIAL_LIMIT),
        clean(name.strip(), SERIAL_LIMIT),
        place,
        is_standing,
        at_ms,
        clean(who, 160),
        clean(text.strip(), TEXT_LIMIT),
    ).scalar_one()
    if moved is not None:
        run(connection, "UPDATE stock_move SET loan_id = ? WHERE id = ?", made, moved)
    if unit is not None and instead is not None and place is not None:
        deed = Deed(who=who, at_ms=at_ms)
        _stand(connection, instead, None, deed)
        _stand(connection, unit, place, deed)
        rules.tell_moved(connection, "installation", [instead, unit], at_ms, deed)
    return int(made)


def loan_back(
    connection: Connection, loan: int, *, who: str, at_ms: int, became: str = "returned", text: str = ""
) -> None:
    """A loan is over: what was lent is `returned`, `converted` (it stays for good) or `lost`. Raises EntryError."""
    how = next((word for word in get_args(Became) if word == became), None)
    if how is None:
        raise _wrong("became", f"a loan cannot become {became[:40]!r}", " or ".join(get_args(Became)))
    # Takes the row, so that two people who end a loan at once do so one after the other. It changes nothing.
    run(connection, "UPDATE loan SET id = id WHERE id = ?", loan)
    found = one(connection, loan)
    if found is None or not found.is_out:
        raise EntryError(
            what=f"there is no loan {loan} that runs",
            where=f"loan {loan}",
            expected="a loan that nobody has ended",
            do="look at the loans of the ticket as they stand now",
            cause="missing" if found is None else "conflict",
            field="loan",
        )
    if how == "lost" and not text.strip():
        raise _wrong("text", "a loan unit is lost without a word", "words that say how")
    if found.item is not None and found.location is not None:
        words = text or BECAME[how][0]
        wish = MoveWish(location=found.location, item=found.item, verb=VERB_OF[how], serial=found.serial, text=words)
        stock.move_loan(connection, wish, ticket_id=found.ticket_id, who=who, at_ms=at_ms, loan_id=loan)
    run(
        connection,
        "UPDATE loan SET became = ?, back_ms = ?, back_by = ?, text = ? WHERE id = ?",
        how,
        max(at_ms, found.out_ms),
        clean(who, 160),
        clean(" ".join(one for one in (found.text, text.strip()) if one), TEXT_LIMIT),
        loan,
    )
    if found.is_standing and how != "converted":
        _stand_back(connection, found, Deed(who=who, at_ms=max(at_ms, found.out_ms)))


def hand_on(connection: Connection, taken: Sequence[int], old_id: int, new_id: int) -> None:
    """These loans of a ticket, as far as they are out, belong to another one from now on."""
    for loan in taken:
        sql = "UPDATE loan SET ticket_id = ? WHERE id = ? AND ticket_id = ? AND back_ms IS NULL"
        run(connection, sql, new_id, loan, old_id)


# --- places ----------------------------------------------------------------------------------------------------------


def _stand_back(connection: Connection, found: LoanRow, deed: Deed) -> None:
    """The unit leaves the place, and the device stands there again; what people moved meanwhile stays as it is."""
    assert found.unit is not None and found.device is not None and found.place is not None
    moved = []
    if _place_of(connection, found.unit) == found.place:
        _stand(connection, found.unit, None, deed)
        moved.append(found.unit)
    is_there = entries.one(connection, "place", found.place) is not None
    if is_there and found.became != "lost" and _place_of(connection, found.device) is None:
        _stand(connection, found.device, found.place, deed)
        moved.append(found.device)
    rules.tell_moved(connection, "installation", moved, deed.at_ms, deed)


def _stand(connection: Connection, device: str, place: str | None, deed: Deed) -> None:
    """From now on a device stands at a place, or nowhere."""
    if place is None:
        entries.end(connection, "installation", device, deed=deed)
    else:
        entries.put(connection, "installation", device, {"place": place}, deed=deed)
    search.fill_of(connection, "installation", [device])


def _place_of(connection: Connection, device: str) -> str | None:
    """Where a device stands now."""
    found = entries.one(connection, "installation", device)
    return None if found is None else str(found.fields["place"])


def _check_unit(connection: Connection, unit: str, instead: str | None) -> None:
    if run(connection, "SELECT 1 FROM device WHERE id = ?", unit).first() is None:
        raise _wrong("unit", f"there is no device {unit[:63]!r}", "the id of a device, or a name and serial number")
    place = _place_of(connection, unit)
    if unit == instead or place is not None:
        where = "is the device itself" if unit == instead else f"stands at place {place}"
        raise EntryError(
            what=f"device {unit} cannot be lent: it {where}",
            where="unit",
            expected="a device that stands nowhere",
            do="end its installation first, or lend another one",
            cause="conflict",
            field="unit",
        )


def _serial_of(connection: Connection, unit: str | None) -> str:
    found = None if unit is None else run(connection, "SELECT serial FROM device WHERE id = ?", unit).scalar()
    return "" if found is None else str(found)


def _wrong(field: str, what: str, expected: str) -> EntryError:
    return EntryError(what=what, where=field, expected=expected, do="mend the field", field=field)
