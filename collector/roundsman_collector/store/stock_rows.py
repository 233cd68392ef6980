"""The ground of the stock: an item at a location as a row, who sees a location, which ticket is meant. What moves and
reservations (stock.py, reservations.py) stand on.

    take(connection, "hq", "printer-80") -> Held      the row, held until the transaction ends
    keep_more(connection, "hq", "printer-80", 1)      so many more wait for tickets

Whoever changes anything of an item at a location has its row first (`stock_now`): two people who want the last one come
one after the other, and the second is refused. All that refuses comes before the first write.
"""

from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.lifecycle import OVER, STATES
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.core.stock import Quantities
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import reach
from roundsman_collector.store.entry_kinds import EntryError
from roundsman_collector.store.sql import marks, run

QUANTITY_LIMIT = 1_000_000
SERIAL_LIMIT = 200
TEXT_LIMIT = 2000
KEY_LIMIT = 200
SEE_LIST = "look at the quantities in GET /api/v1/stock"


class Held(NamedTuple):
    """What there is of an item at a location, in the hands of who asks."""

    location: str
    item: str
    now: Quantities
    reserved: int
    last_ms: int


# --- a row -----------------------------------------------------------------------------------------------------------


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
    return lock(connection, location, item)


def lock(connection: Connection, location: str, item: str) -> Held:
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


def keep_more(connection: Connection, location: str, item: str, quantity: int) -> None:
    """So many more wait for tickets; fewer, where it is negative."""
    run(
        connection,
        "UPDATE stock_now SET reserved = reserved + ? WHERE location = ? AND item = ?",
        quantity,
        location,
        item,
    )


def month_edges(month: str) -> tuple[int, int]:
    """The first instant of a month such as `2026-11`, and of the next one, where headquarters are."""
    first = date.fromisoformat(f"{month}-01")
    years, number = divmod(first.month, 12)
    local = zone(USUAL_ZONE)
    return instant(first, 0, local), instant(date(first.year + years, number + 1, 1), 0, local)


# --- who sees what ---------------------------------------------------------------------------------------------------


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


# --- what refuses ----------------------------------------------------------------------------------------------------


def check_quantity(quantity: int, verb: str) -> None:
    """Raises EntryError for a number of pieces that nobody can mean."""
    if not 1 <= quantity <= QUANTITY_LIMIT:
        raise wrong("quantity", f"{verb} of {quantity} pieces", f"1 to {QUANTITY_LIMIT}", "mend the quantity")


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


def not_enough(held: Held, there: int, wanted: int, spot: str = "free") -> EntryError:
    """So many cannot go."""
    return EntryError(
        what=f"{wanted} of {held.item} cannot go: {max(there, 0)} are {spot} at {held.location}",
        where=f"stock {held.location}/{held.item}",
        expected=f"at most {max(there, 0)}",
        do=f"{SEE_LIST}; somebody may have been faster",
        cause="conflict",
        field="quantity",
    )


def wrong(field: str, what: str, expected: str, do: str) -> EntryError:
    """A field that cannot be used."""
    return EntryError(what=what, where=field, expected=expected, do=do, field=field)
