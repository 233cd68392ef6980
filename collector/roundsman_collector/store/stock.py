"""Spare stock as rows: moves, and reservations for tickets. What a move does is told by core/stock.py.

    issue(connection, item, location, quantity, ticket_id, serial, who, at_ms) -> id      for the engine, in its own
    give_back(...) · reserve(...) · release(...) · end_of(connection, ticket_id, ...)      transaction
    book(connection, MoveWish(...), deed=..., scope=...) -> id                             for a storekeeper: Office

Every function takes the row of the item at the location first (`stock_now`), so that two people who want the last one
come one after the other, and the second is refused. All that refuses comes before the first write: whoever catches an
EntryError may go on with the transaction. Times of a location's moves never run backwards, and nothing is written into
a month whose statement was signed: a clock that was set back is not believed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.lifecycle import OVER, STATES
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.core.stock import (
    EFFECTS,
    GRADES,
    KEEPERS,
    OF_TICKET,
    WITH_REASON,
    Quantities,
    Seen,
    Verb,
    serial_refusal,
)
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import audit, reach
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entry_kinds import EntryError
from roundsman_collector.store.sql import clean, marks, run

QUANTITY_LIMIT = 1_000_000
SERIAL_LIMIT = 200
TEXT_LIMIT = 2000
KEY_LIMIT = 200
SEE_LIST = "look at the quantities in GET /api/v1/stock"


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveWish:
    """A move as a storekeeper wants it. `ticket`: its number; `grade`: for how many years a repaired one is good.

    `key`: a word of the caller's choice; the same wish with the same key is booked once.
    """

    location: str
    item: str
    verb: str
    quantity: int = 1
    serial: str = ""
    grade: int | None = None
    ticket: str = ""
    text: str = ""
    key: str = ""


class Held(NamedTuple):
    """What there is of an item at a location, in the hands of who asks."""

    location: str
    item: str
    now: Quantities
    reserved: int
    last_ms: int


class Spares(NamedTuple):
    """What a ticket has of the stock: how many pieces wait for it, and how many went with somebody."""

    reserved: int
    issued: int


# --- for the engine: in its transaction, the ticket's log is written by who calls -------------------------------------


def issue(
    connection: Connection,
    item: str,
    location: str,
    quantity: int,
    ticket_id: int,
    serial: str,
    who: str,
    at_ms: int,
    *,
    text: str = "",
) -> int:
    """Let pieces go with a ticket; what was reserved for it goes first. Returns the move. Raises EntryError."""
    wish = MoveWish(location=location, item=item, verb="issue", quantity=quantity, serial=serial, text=text)
    return _move(connection, wish, who=who, at_ms=at_ms, ticket_id=ticket_id)


def give_back(
    connection: Connection,
    item: str,
    location: str,
    quantity: int,
    ticket_id: int,
    serial: str,
    who: str,
    at_ms: int,
    *,
    text: str = "",
) -> int:
    """Take back what a ticket did not need: no more than went with it. Returns the move. Raises EntryError."""
    wish = MoveWish(location=location, item=item, verb="return", quantity=quantity, serial=serial, text=text)
    return _move(connection, wish, who=who, at_ms=at_ms, ticket_id=ticket_id)


def move_loan(
    connection: Connection, wish: MoveWish, *, ticket_id: int, who: str, at_ms: int, loan_id: int | None = None
) -> int:
    """Book what a loan does to the stock (loans.py). Raises EntryError."""
    return _move(connection, wish, who=who, at_ms=at_ms, ticket_id=ticket_id, loan_id=loan_id)


def reserve(
    connection: Connection,
    item: str,
    location: str,
    quantity: int,
    ticket_id: int,
    who: str,
    at_ms: int,
    *,
    key: str | None = None,
) -> int:
    """Keep pieces for a ticket until they are issued or it ends. Returns the reservation. Raises EntryError."""
    _check_quantity(quantity, "reserve")
    check_live(connection, ticket_id)
    held = take(connection, location, item)
    free = held.now.shelf - held.reserved
    if quantity > free:
        raise _not_enough(held, free, quantity)
    made = run(
        connection,
        "INSERT INTO stock_reservation (location, item, ticket_id, quantity, made_ms, made_by, state, done_by, key) "
        "VALUES (?, ?, ?, ?, ?, ?, 'open', '', ?) RETURNING id",
        location,
        item,
        ticket_id,
        quantity,
        at_ms,
        who,
        key,
    ).scalar_one()
    _reserve(connection, location, item, quantity)
    return int(made)


def release(connection: Connection, reservation: int, who: str, at_ms: int, state: str = "released") -> bool:
    """Keep pieces for a ticket no longer; False: nothing is kept by this reservation any more."""
    found = run(connection, "SELECT location, item FROM stock_reservation WHERE id = ?", reservation).first()
    if found is None:
        return False
    _lock(connection, found[0], found[1])
    quantity = run(
        connection,
        "UPDATE stock_reservation SET state = ?, done_ms = ?, done_by = ? WHERE id = ? AND state = 'open' "
        "RETURNING quantity",
        state,
        at_ms,
        who,
        reservation,
    ).scalar()
    if quantity is not None:
        _reserve(connection, found[0], found[1], -quantity)
    return quantity is not None


def end_of(connection: Connection, ticket_id: int, who: str, at_ms: int) -> int:
    """A ticket is over: nothing waits for it any more. Returns how many reservations that ends."""
    open_ = run(
        connection, "SELECT id FROM stock_reservation WHERE ticket_id = ? AND state = 'open' ORDER BY id", ticket_id
    ).scalars()
    return sum(release(connection, one, who, at_ms, "expired") for one in list(open_))


def spares_of(connection: Connection, ticket_id: int) -> Spares:
    """What a ticket has of the stock: for the rule that a spare travels with the engineer."""
    reserved = run(
        connection,
        "SELECT CAST(COALESCE(SUM(quantity), 0) AS BIGINT) FROM stock_reservation "
        "WHERE ticket_id = ? AND state = 'open'",
        ticket_id,
    ).scalar_one()
    return Spares(int(reserved), sum(_issued(connection, ticket_id).values()))


# --- for storekeepers ------------------------------------------------------------------------------------------------


def book(connection: Connection, wish: MoveWish, *, deed: Deed, scope: Scope = EVERYTHING) -> int:
    """Book a move; returns its id. Raises EntryError."""
    if wish.verb not in KEEPERS:
        raise _wrong("verb", f"there is no move {wish.verb[:40]!r} to be booked", " or ".join(KEEPERS), "name one")
    check_location(connection, wish.location, scope)
    ticket_id = ticket_of(connection, wish.ticket, scope) if wish.ticket else None
    key = f"{deed.who}:{wish.key}"[:KEY_LIMIT] if wish.key else None
    before = _booked(connection, wish, key) if key else None
    if before is not None:
        return before
    made = _move(connection, wish, who=deed.who, at_ms=deed.at_ms, ticket_id=ticket_id, key=key)
    audit.add(connection, deed, f"stock.{wish.verb}", f"stock:{wish.location}/{wish.item}", after=_told(wish, made))
    return made


def book_reservation(
    connection: Connection,
    location: str,
    item: str,
    quantity: int,
    ticket: str,
    *,
    key: str = "",
    deed: Deed,
    scope: Scope = EVERYTHING,
) -> int:
    """Reserve for a ticket, named by its number; returns the reservation. The same again with the same key is
    reserved once. Raises EntryError."""
    check_location(connection, location, scope)
    ticket_id = ticket_of(connection, ticket, scope)
    own = f"{deed.who}:{key}"[:KEY_LIMIT] if key else None
    take(connection, location, item)
    before = run(connection, "SELECT id FROM stock_reservation WHERE key = ?", own).scalar() if own else None
    if before is not None:
        return int(before)
    made = reserve(connection, item, location, quantity, ticket_id, deed.who, deed.at_ms, key=own)
    after = {"reservation": made, "quantity": quantity, "ticket": ticket}
    audit.add(connection, deed, "stock.reserve", f"stock:{location}/{item}", after=after)
    return made


def end_reservation(
    connection: Connection, reservation: int, verb: str, *, deed: Deed, serial: str = "", scope: Scope = EVERYTHING
) -> None:
    """`issue` what is reserved, to whom comes for it, or `release` it. Raises EntryError."""
    found = run(
        connection,
        "SELECT location, item, quantity, ticket_id, state FROM stock_reservation WHERE id = ?",
        reservation,
    ).first()
    if found is None:
        raise _no_reservation(reservation)
    location, item, quantity, ticket_id, _ = found
    check_location(connection, location, scope)
    take(connection, location, item)
    state = run(connection, "SELECT state FROM stock_reservation WHERE id = ?", reservation).scalar_one()
    if state != "open":
        raise EntryError(
            what=f"reservation {reservation} is {state}: nothing is kept by it any more",
            where=f"reservation {reservation}",
            expected="a reservation that is open",
            do="look at the list as it stands now",
            cause="conflict",
        )
    if verb == "issue":
        issue(connection, item, location, quantity, ticket_id, serial, deed.who, deed.at_ms)
    else:
        release(connection, reservation, deed.who, deed.at_ms)
    after = {"reservation": reservation, "quantity": quantity}
    audit.add(connection, deed, f"stock.{verb}", f"stock:{location}/{item}", after=after)


def ticket_of(connection: Connection, number: str, scope: Scope = EVERYTHING) -> int:
    """The id of a ticket that the scope reaches, by its number. Raises EntryError."""
    seen, values = reach.subjects_within(scope)
    found = run(connection, f"SELECT id FROM ticket WHERE number = ? AND {seen}", number, *values).scalar()
    if found is None:
        raise EntryError(
            what=f"there is no ticket {number[:40]!r}",
            where="ticket",
            expected="the number of a ticket",
            do="look it up in the list of tickets",
            cause="missing",
            field="ticket",
        )
    return int(found)


def sight(scope: Scope) -> reach.Condition:
    """The condition under which a location `t` is seen: a customer's own, and those of a monitoring centre."""
    if scope.everything:
        return reach.ALL, []
    parts, values = list[str](), list[object]()
    for column, targets in (("customer", sorted(scope.customers)), ("group_id", sorted(scope.groups))):
        if targets:
            parts.append(f"t.{column} IN ({marks(len(targets))})")
            values += targets
    return (f"({' OR '.join(parts)})", values) if parts else (reach.NONE, [])


def check_location(
    connection: Connection, location: str, scope: Scope = EVERYTHING, *, even_ended: bool = False
) -> None:
    """Raises EntryError where there is no such location that the scope reaches; `even_ended`: where there never was."""
    seen, values = sight(scope)
    now = "" if even_ended else " AND t.to_ms IS NULL"
    sql = f"SELECT 1 FROM stock_location t WHERE t.id = ?{now} AND {seen}"
    if run(connection, sql, location, *values).first() is None:
        raise EntryError(
            what=f"there is no stock location {location[:63]!r}",
            where="location",
            expected="the id of a stock location",
            do="look it up in GET /api/v1/stock/locations",
            cause="missing",
            field="location",
        )


# --- a move ----------------------------------------------------------------------------------------------------------


def _move(
    connection: Connection,
    wish: MoveWish,
    *,
    who: str,
    at_ms: int,
    ticket_id: int | None = None,
    loan_id: int | None = None,
    key: str | None = None,
) -> int:
    """Check a move, then write it: the row, what it adds up to, and what was reserved for its ticket."""
    verb = _check_words(wish)
    if verb in OF_TICKET and ticket_id is None:
        raise _wrong("ticket", f"{verb} belongs to a ticket", "the number of a ticket", "name the ticket")
    if verb == "issue" and ticket_id is not None:
        check_live(connection, ticket_id)
    held = take(connection, wish.location, wish.item)
    mine = _reserved_for(connection, held, ticket_id) if verb == "issue" else {}
    used = _used(mine, wish.quantity)
    _check_there(held, wish, verb, sum(used.values()))
    if verb == "return":
        _check_went(connection, held, ticket_id, wish.quantity)
    _check_serial(connection, wish, verb)
    booked_ms = max(at_ms, held.last_ms, _signed_to(connection, wish.location))
    made = run(
        connection,
        "INSERT INTO stock_move (at_ms, location, item, verb, quantity, serial, grade, ticket_id, loan_id, who, text, "
        "key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        booked_ms,
        wish.location,
        wish.item,
        verb,
        wish.quantity,
        clean(wish.serial.strip(), SERIAL_LIMIT),
        wish.grade,
        ticket_id,
        loan_id,
        clean(who, 160),
        clean(wish.text.strip(), TEXT_LIMIT),
        key,
    ).scalar_one()
    _add_up(connection, held, verb, wish.quantity, booked_ms)
    for reservation, quantity in used.items():
        _use_up(connection, reservation, quantity, mine[reservation], who, at_ms)
    if used:
        _reserve(connection, wish.location, wish.item, -sum(used.values()))
    return int(made)


def take(connection: Connection, location: str, item: str) -> Held:
    """Take the row of an item at a location until the transaction ends; make it where there is none. EntryError."""
    for table, name in (("stock_item", item), ("stock_location", location)):
        if run(connection, f"SELECT 1 FROM {table} WHERE id = ? AND to_ms IS NULL", name).first() is None:
            word = table.partition("_")[2]
            raise EntryError(
                what=f"there is no stock {word} {name[:63]!r}",
                where=word,
                expected=f"the id of a stock {word}",
                do=f"enter the {word} first, or mend the id",
                cause="missing",
                field=word,
            )
    return _lock(connection, location, item)


def _lock(connection: Connection, location: str, item: str) -> Held:
    """Whoever changes anything of an item at a location has its row first: nobody waits for somebody who waits."""
    run(
        connection,
        "INSERT INTO stock_now (location, item, shelf, repair, lent, reserved, move_count, last_ms) "
        "VALUES (?, ?, 0, 0, 0, 0, 0, 0) ON CONFLICT (location, item) DO UPDATE SET move_count = stock_now.move_count",
        location,
        item,
    )
    row = run(
        connection,
        "SELECT shelf, repair, lent, reserved, last_ms FROM stock_now WHERE location = ? AND item = ?",
        location,
        item,
    ).one()
    return Held(location, item, Quantities(shelf=row[0], repair=row[1], lent=row[2]), row[3], row[4])


def _add_up(connection: Connection, held: Held, verb: Verb, quantity: int, booked_ms: int) -> None:
    effect = EFFECTS[verb]
    run(
        connection,
        "UPDATE stock_now SET shelf = shelf + ?, repair = repair + ?, lent = lent + ?, move_count = move_count + 1, "
        "last_ms = ? WHERE location = ? AND item = ?",
        effect.shelf * quantity,
        effect.repair * quantity,
        effect.lent * quantity,
        booked_ms,
        held.location,
        held.item,
    )


def _reserve(connection: Connection, location: str, item: str, quantity: int) -> None:
    run(
        connection,
        "UPDATE stock_now SET reserved = reserved + ? WHERE location = ? AND item = ?",
        quantity,
        location,
        item,
    )


def _reserved_for(connection: Connection, held: Held, ticket_id: int | None) -> dict[int, int]:
    """The open reservations of a ticket for what is held, the oldest first."""
    rows = run(
        connection,
        "SELECT id, quantity FROM stock_reservation "
        "WHERE ticket_id = ? AND location = ? AND item = ? AND state = 'open' ORDER BY id",
        ticket_id,
        held.location,
        held.item,
    )
    return {row[0]: row[1] for row in rows}


def _used(mine: Mapping[int, int], quantity: int) -> dict[int, int]:
    """How much of each reservation goes into an issue of `quantity`."""
    used: dict[int, int] = {}
    for reservation, reserved in mine.items():
        part = min(reserved, quantity - sum(used.values()))
        if part > 0:
            used[reservation] = part
    return used


def _use_up(connection: Connection, reservation: int, quantity: int, reserved: int, who: str, at_ms: int) -> None:
    """What is issued is reserved no more; what is left of a reservation stays."""
    if quantity == reserved:
        sql = "UPDATE stock_reservation SET state = 'issued', done_ms = ?, done_by = ? WHERE id = ?"
        run(connection, sql, at_ms, who, reservation)
    else:
        sql = "UPDATE stock_reservation SET quantity = quantity - ? WHERE id = ?"
        run(connection, sql, quantity, reservation)


def _issued(connection: Connection, ticket_id: int | None) -> dict[tuple[str, str], int]:
    """How many pieces of each item, of each location, are with a ticket."""
    rows = run(
        connection,
        "SELECT location, item, verb, CAST(SUM(quantity) AS BIGINT) FROM stock_move "
        "WHERE ticket_id = ? AND verb IN ('issue', 'return') GROUP BY location, item, verb",
        ticket_id,
    )
    found: dict[tuple[str, str], int] = {}
    for location, item, verb, quantity in rows:
        found[location, item] = found.get((location, item), 0) + (quantity if verb == "issue" else -quantity)
    return found


def _signed_to(connection: Connection, location: str) -> int:
    """The end of the last month whose statement was signed; nothing is written before it."""
    month = run(connection, "SELECT MAX(month) FROM stock_statement WHERE location = ?", location).scalar()
    return 0 if month is None else month_edges(str(month))[1]


def month_edges(month: str) -> tuple[int, int]:
    """The first instant of a month such as `2026-11`, and of the next one, where headquarters are."""
    first = date.fromisoformat(f"{month}-01")
    years, number = divmod(first.month, 12)
    local = zone(USUAL_ZONE)
    return instant(first, 0, local), instant(date(first.year + years, number + 1, 1), 0, local)


# --- what refuses ----------------------------------------------------------------------------------------------------


def _check_words(wish: MoveWish) -> Verb:
    verb = next((one for one in EFFECTS if one == wish.verb), None)
    if verb is None:
        raise _wrong("verb", f"there is no move {wish.verb[:40]!r}", " or ".join(EFFECTS), "name one of them")
    _check_quantity(abs(wish.quantity) if verb == "count" else wish.quantity, verb)
    if wish.serial.strip() and abs(wish.quantity) != 1:
        raise _wrong("quantity", f"{wish.quantity} pieces have one serial number", "1", "book each serial number")
    if verb in WITH_REASON and not wish.text.strip():
        raise _wrong("text", f"{EFFECTS[verb].en} without a reason", "words that say why", "say why")
    if (verb == "repaired") != (wish.grade is not None):
        raise _wrong("grade", f"{verb} with grade {wish.grade}", "a grade for what was repaired, only", "name it")
    if wish.grade is not None and wish.grade not in GRADES:
        raise _wrong("grade", f"there is no grade {wish.grade}", " or ".join(map(str, GRADES)), "name one of them")
    if len(wish.text) > TEXT_LIMIT or len(wish.serial) > SERIAL_LIMIT or len(wish.key) > KEY_LIMIT // 2:
        raise _wrong("text", "a text, serial number or key that is too long", f"{TEXT_LIMIT} characters", "shorten it")
    return verb


def _check_quantity(quantity: int, verb: str) -> None:
    if not 1 <= quantity <= QUANTITY_LIMIT:
        raise _wrong("quantity", f"{verb} of {quantity} pieces", f"1 to {QUANTITY_LIMIT}", "mend the quantity")


def check_live(connection: Connection, ticket_id: int) -> None:
    """Raises EntryError where a ticket is over, or not there: nothing goes to it."""
    found = run(connection, "SELECT number, state FROM ticket WHERE id = ?", ticket_id).first()
    if found is None or found[1] in OVER:
        state = "not there" if found is None else STATES[found[1]][1]
        raise EntryError(
            what=f"ticket {ticket_id if found is None else found[0]} is {state}: nothing is issued to it",
            where="ticket",
            expected="a ticket that is not over",
            do="name another ticket, or reopen this one",
            cause="conflict",
            field="ticket",
        )


def _check_there(held: Held, wish: MoveWish, verb: Verb, own: int) -> None:
    """Refuse what would leave less than nothing, or less than others have reserved."""
    after = held.now.with_move(verb, wish.quantity)
    if not after.is_possible:
        effect = EFFECTS[verb]
        shelf = effect.shelf * wish.quantity < 0
        there = held.now.shelf if shelf else held.now.repair if effect.repair < 0 else held.now.lent
        raise _not_enough(held, there, abs(wish.quantity), "on the shelf" if shelf else effect.en)
    # What was counted, broke or is gone is gone, whoever waits for it: the reservations are then more than there is.
    if verb in ("issue", "lend") and after.shelf < held.reserved - own:
        raise _not_enough(held, held.now.shelf - held.reserved + own, wish.quantity)


def _check_went(connection: Connection, held: Held, ticket_id: int | None, quantity: int) -> None:
    went = _issued(connection, ticket_id).get((held.location, held.item), 0)
    if quantity > went:
        raise EntryError(
            what=f"{quantity} of {held.item} cannot come back from the ticket: {went} went with it",
            where=f"stock {held.location}/{held.item}",
            expected=f"at most {went}",
            do="look at the moves of the ticket; what nobody had issued is booked by `count`",
            cause="conflict",
            field="quantity",
        )


def _check_serial(connection: Connection, wish: MoveWish, verb: Verb) -> None:
    serial = wish.serial.strip()
    if not serial:
        return
    row = run(
        connection,
        "SELECT verb, location, quantity FROM stock_move WHERE serial = ? AND item = ? ORDER BY id DESC LIMIT 1",
        serial,
        wish.item,
    ).first()
    why = serial_refusal(None if row is None else Seen(*row), verb, wish.quantity, wish.location)
    if why is not None:
        raise EntryError(
            what=f"{serial[:60]} cannot be moved so: {why}",
            where=f"stock {wish.location}/{wish.item}",
            expected="a piece that is where the move begins",
            do="look at the history of the serial number; book first what is missing in it",
            cause="conflict",
            field="serial",
        )


def _booked(connection: Connection, wish: MoveWish, key: str | None) -> int | None:
    """The move that was booked under this key before; EntryError where that was another one."""
    take(connection, wish.location, wish.item)
    row = run(
        connection,
        "SELECT m.id, m.location, m.item, m.verb, m.quantity, m.serial, m.grade, t.number FROM stock_move m "
        "LEFT JOIN ticket t ON t.id = m.ticket_id WHERE m.key = ?",
        key,
    ).first()
    if row is None:
        return None
    same = (wish.location, wish.item, wish.verb, wish.quantity, wish.serial.strip(), wish.grade, wish.ticket or None)
    if tuple(row[1:]) != same:
        raise EntryError(
            what=f"the key {wish.key[:60]!r} was used for another move ({row[0]})",
            where="header Idempotency-Key",
            expected="a new key for a new move",
            do="send another key",
            cause="conflict",
            field="key",
        )
    return int(row[0])


def _not_enough(held: Held, there: int, wanted: int, spot: str = "free") -> EntryError:
    return EntryError(
        what=f"{wanted} of {held.item} cannot go: {max(there, 0)} are {spot} at {held.location}",
        where=f"stock {held.location}/{held.item}",
        expected=f"at most {max(there, 0)}",
        do=f"{SEE_LIST}; somebody may have been faster",
        cause="conflict",
        field="quantity",
    )


def _no_reservation(reservation: int) -> EntryError:
    return EntryError(
        what=f"there is no reservation {reservation}",
        where="path",
        expected="the number of a reservation",
        do="look it up in GET /api/v1/stock/reservations",
        cause="missing",
        field="id",
    )


def _wrong(field: str, what: str, expected: str, do: str) -> EntryError:
    return EntryError(what=what, where=field, expected=expected, do=do, field=field)


def _told(wish: MoveWish, made: int) -> dict[str, Any]:
    return {"move": made, **{name: value for name, value in asdict(wish).items() if value not in ("", None)}}
