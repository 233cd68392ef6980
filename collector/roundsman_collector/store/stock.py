"""Spare stock as rows: moves. What a move does is told by core/stock.py; what waits for tickets, by reservations.py.

    issue(connection, item, location, quantity, ticket_id, serial, who, at_ms) -> id      for the engine, in its own
    give_back(...) · move_loan(...)                                                        transaction
    in_hand(connection, ticket_id) -> {("hq", "printer-80"): 1}                            went along, not built in yet
    book(connection, MoveWish(...), deed=..., scope=...) -> id                             for a storekeeper: Office

All that refuses comes before the first write: whoever catches an EntryError may go on with the transaction. Times of a
location's moves never run backwards, and nothing is written into a month whose statement was signed: a clock that was
set back is not believed.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from roundsman_collector.core.stock import (
    EFFECTS,
    GRADES,
    KEEPERS,
    OF_TICKET,
    WITH_REASON,
    Seen,
    Verb,
    serial_refusal,
)
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import audit
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entry_kinds import EntryError
from roundsman_collector.store.sql import clean, run
from roundsman_collector.store.stock_rows import (
    KEY_LIMIT,
    SERIAL_LIMIT,
    TEXT_LIMIT,
    Held,
    check_live,
    check_location,
    check_quantity,
    keep_more,
    month_edges,
    not_enough,
    take,
    ticket_of,
    wrong,
)


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


# --- for storekeepers ------------------------------------------------------------------------------------------------


def book(connection: Connection, wish: MoveWish, *, deed: Deed, scope: Scope = EVERYTHING) -> int:
    """Book a move; returns its id. Raises EntryError."""
    if wish.verb not in KEEPERS:
        raise wrong("verb", f"there is no move {wish.verb[:40]!r} to be booked", " or ".join(KEEPERS), "name one")
    check_location(connection, wish.location, scope)
    ticket_id = ticket_of(connection, wish.ticket, scope) if wish.ticket else None
    key = f"{deed.who}:{wish.key}"[:KEY_LIMIT] if wish.key else None
    before = _booked(connection, wish, key) if key else None
    if before is not None:
        return before
    made = _move(connection, wish, who=deed.who, at_ms=deed.at_ms, ticket_id=ticket_id, key=key)
    audit.add(connection, deed, f"stock.{wish.verb}", f"stock:{wish.location}/{wish.item}", after=_told(wish, made))
    return made


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
        raise wrong("ticket", f"{verb} belongs to a ticket", "the number of a ticket", "name the ticket")
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
        keep_more(connection, wish.location, wish.item, -sum(used.values()))
    return int(made)


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


Place = tuple[str, str]
"""A location and an item."""


def issued(connection: Connection, ticket_id: int | None) -> dict[Place, int]:
    """How many pieces of each item, of each location, went with a ticket and did not come back; what its log says it
    took over from another one, or handed on, goes with the number that has it (转单)."""
    rows = run(
        connection,
        "SELECT location, item, verb, CAST(SUM(quantity) AS BIGINT) FROM stock_move "
        "WHERE ticket_id = ? AND verb IN ('issue', 'return') GROUP BY location, item, verb",
        ticket_id,
    )
    found: dict[Place, int] = {}
    for location, item, verb, quantity in rows:
        found[location, item] = found.get((location, item), 0) + (quantity if verb == "issue" else -quantity)
    sql = "SELECT verb, data FROM ticket_event WHERE ticket_id = ? AND verb IN ('open', 'transfer') ORDER BY id"
    for verb, data in run(connection, sql, ticket_id):
        for one in json.loads(data).get("in_hand", ()):
            place = str(one["location"]), str(one["item"])
            found[place] = found.get(place, 0) + int(one["quantity"]) * (1 if verb == "open" else -1)
    return found


def in_hand(connection: Connection, ticket_id: int) -> dict[Place, int]:
    """How many pieces went with a ticket and were not used yet: who uses one of them takes no other from the shelf."""
    left = issued(connection, ticket_id)
    rows = run(connection, "SELECT data FROM ticket_event WHERE ticket_id = ? AND verb = 'part' ORDER BY id", ticket_id)
    for told in map(json.loads, rows.scalars()):
        place = str(told.get("location") or ""), str(told.get("item") or "")
        if place in left:
            left[place] -= int(told.get("quantity", 1))
    return {place: quantity for place, quantity in left.items() if quantity > 0}


def _signed_to(connection: Connection, location: str) -> int:
    """The end of the last month whose statement was signed; nothing is written before it."""
    month = run(connection, "SELECT MAX(month) FROM stock_statement WHERE location = ?", location).scalar()
    return 0 if month is None else month_edges(str(month))[1]


# --- what refuses ----------------------------------------------------------------------------------------------------


def _check_words(wish: MoveWish) -> Verb:
    verb = next((one for one in EFFECTS if one == wish.verb), None)
    if verb is None:
        raise wrong("verb", f"there is no move {wish.verb[:40]!r}", " or ".join(EFFECTS), "name one of them")
    check_quantity(abs(wish.quantity) if verb == "count" else wish.quantity, verb)
    if wish.serial.strip() and abs(wish.quantity) != 1:
        raise wrong("quantity", f"{wish.quantity} pieces have one serial number", "1", "book each serial number")
    if verb in WITH_REASON and not wish.text.strip():
        raise wrong("text", f"{EFFECTS[verb].en} without a reason", "words that say why", "say why")
    if (verb == "repaired") != (wish.grade is not None):
        raise wrong("grade", f"{verb} with grade {wish.grade}", "a grade for what was repaired, only", "name it")
    if wish.grade is not None and wish.grade not in GRADES:
        raise wrong("grade", f"there is no grade {wish.grade}", " or ".join(map(str, GRADES)), "name one of them")
    if len(wish.text) > TEXT_LIMIT or len(wish.serial) > SERIAL_LIMIT or len(wish.key) > KEY_LIMIT // 2:
        raise wrong("text", "a text, serial number or key that is too long", f"{TEXT_LIMIT} characters", "shorten it")
    return verb


def _check_there(held: Held, wish: MoveWish, verb: Verb, own: int) -> None:
    """Refuse what would leave less than nothing, or less than others have reserved."""
    after = held.now.with_move(verb, wish.quantity)
    if not after.is_possible:
        effect = EFFECTS[verb]
        shelf = effect.shelf * wish.quantity < 0
        there = held.now.shelf if shelf else held.now.repair if effect.repair < 0 else held.now.lent
        raise not_enough(held, there, abs(wish.quantity), "on the shelf" if shelf else effect.en)
    # What was counted, broke or is gone is gone, whoever waits for it: the reservations are then more than there is.
    if verb in ("issue", "lend") and after.shelf < held.reserved - own:
        raise not_enough(held, held.now.shelf - held.reserved + own, wish.quantity)


def _check_went(connection: Connection, held: Held, ticket_id: int | None, quantity: int) -> None:
    went = issued(connection, ticket_id).get((held.location, held.item), 0)
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


def _told(wish: MoveWish, made: int) -> dict[str, Any]:
    return {"move": made, **{name: value for name, value in asdict(wish).items() if value not in ("", None)}}
