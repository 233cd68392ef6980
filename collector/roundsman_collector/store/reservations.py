"""Spares that wait for a ticket: kept for it, or asked for where none is there.

    reserve(connection, item, location, quantity, ticket_id, who, at_ms) -> id      for the engine, and for what follows
    ask(...) -> id                                                                  a wish: nothing is there yet
    release(connection, reservation, who, at_ms) · end_of(connection, ticket_id, …)
    book(connection, Want(...), is_wish=..., deed=..., scope=...) -> id             what people do: Office
    settle(connection, reservation, "issue", deed=..., scope=...)
    waiting_for(connection, ticket_id) -> [Waiting]     hand_on(connection, reservation, ticket_id, …)     转单

    wanted --- keep ---> open --- issue ---> issued          who acts on a ticket keeps, asks and lets go;
       \\________________/  \\-- release --> released           issuing is the storekeeper's
              the ticket is over ----------> expired

What is kept is nobody else's. A wish keeps nothing: it is a line on the storekeeper's list.
"""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.stock import Spares
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import audit, stock
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entry_kinds import EntryError
from roundsman_collector.store.sql import run
from roundsman_collector.store.stock_rows import (
    KEY_LIMIT,
    check_live,
    check_location,
    check_quantity,
    keep_more,
    lock,
    not_enough,
    take,
    ticket_of,
    wrong,
)

LIVE = ("wanted", "open")
"""States of a reservation that nobody has ended."""
VERBS = ("keep", "issue", "release")


@dataclass(frozen=True, kw_only=True, slots=True)
class Want:
    """Pieces for a ticket, named by its number. `key`: a word of the caller's choice; the same again is done once."""

    location: str
    item: str
    quantity: int = 1
    ticket: str
    key: str = ""


class Waiting(NamedTuple):
    """What waits for a ticket; `state`: wanted or open."""

    reservation: int
    location: str
    item: str
    quantity: int
    state: str


# --- for the engine: in its transaction ------------------------------------------------------------------------------


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
    check_quantity(quantity, "reserve")
    _hold(connection, location, item, quantity, ticket_id)
    return _add(connection, item, location, quantity, ticket_id, who, at_ms, "open", key)


def ask(
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
    """Ask for pieces that are not there: a wish that keeps nothing. Returns its number. Raises EntryError."""
    check_quantity(quantity, "ask")
    check_live(connection, ticket_id)
    take(connection, location, item)
    return _add(connection, item, location, quantity, ticket_id, who, at_ms, "wanted", key)


def release(connection: Connection, reservation: int, who: str, at_ms: int, state: str = "released") -> bool:
    """Keep pieces for a ticket no longer; False: nothing is kept, or asked for, by this reservation any more."""
    found = run(connection, "SELECT location, item FROM stock_reservation WHERE id = ?", reservation).first()
    if found is None:
        return False
    lock(connection, found[0], found[1])
    row = run(connection, "SELECT state, quantity FROM stock_reservation WHERE id = ?", reservation).one()
    if row[0] not in LIVE:
        return False
    sql = "UPDATE stock_reservation SET state = ?, done_ms = ?, done_by = ? WHERE id = ?"
    run(connection, sql, state, at_ms, who, reservation)
    if row[0] == "open":
        keep_more(connection, found[0], found[1], -int(row[1]))
    return True


def end_of(connection: Connection, ticket_id: int, who: str, at_ms: int) -> int:
    """A ticket is over: nothing waits for it any more. Returns how many reservations that ends."""
    live = run(
        connection,
        "SELECT id FROM stock_reservation WHERE ticket_id = ? AND state IN ('wanted', 'open') "
        "ORDER BY location, item, id",
        ticket_id,
    ).scalars()
    return sum(release(connection, one, who, at_ms, "expired") for one in list(live))


def waiting_for(connection: Connection, ticket_id: int) -> list[Waiting]:
    """What waits for a ticket, in hand until the transaction ends: nobody issues it or lets it go meanwhile."""
    sql = (
        "SELECT id, location, item, quantity, state FROM stock_reservation "
        "WHERE ticket_id = ? AND state IN ('wanted', 'open') ORDER BY location, item, id"
    )
    for row in run(connection, sql, ticket_id).all():
        lock(connection, row[1], row[2])
    return [Waiting(*row) for row in run(connection, sql, ticket_id)]


def hand_on(connection: Connection, reservation: int, ticket_id: int, who: str, at_ms: int) -> None:
    """What waits for a ticket waits for another one from now on, which nobody else can come between: the pieces are in
    hand (waiting_for) and stay kept."""
    sql = "SELECT item, location, quantity, state FROM stock_reservation WHERE id = ?"
    item, location, quantity, state = run(connection, sql, reservation).one()
    sql = "UPDATE stock_reservation SET state = 'released', done_ms = ?, done_by = ? WHERE id = ?"
    run(connection, sql, at_ms, who, reservation)
    _add(connection, item, location, quantity, ticket_id, who, at_ms, state, None)


def spares_of(connection: Connection, ticket_id: int) -> Spares:
    """What a ticket has of the stock: for the rule that a spare travels with the engineer."""
    rows = run(
        connection,
        "SELECT state, CAST(SUM(quantity) AS BIGINT) FROM stock_reservation "
        "WHERE ticket_id = ? AND state IN ('wanted', 'open') GROUP BY state",
        ticket_id,
    )
    waiting = {str(row[0]): int(row[1]) for row in rows}
    return Spares(
        reserved=waiting.get("open", 0),
        in_hand=sum(stock.in_hand(connection, ticket_id).values()),
        wanted=waiting.get("wanted", 0),
    )


def _add(
    connection: Connection,
    item: str,
    location: str,
    quantity: int,
    ticket_id: int,
    who: str,
    at_ms: int,
    state: str,
    key: str | None,
) -> int:
    made = run(
        connection,
        "INSERT INTO stock_reservation (location, item, ticket_id, quantity, made_ms, made_by, state, done_by, key) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, '', ?) RETURNING id",
        location,
        item,
        ticket_id,
        quantity,
        at_ms,
        who,
        state,
        key,
    ).scalar_one()
    return int(made)


# --- for people ------------------------------------------------------------------------------------------------------


def book(
    connection: Connection,
    want: Want,
    *,
    is_wish: bool = False,
    deed: Deed,
    scope: Scope = EVERYTHING,
    is_own_location: bool = True,
) -> int:
    """Keep pieces for a ticket, or ask for them; the same again with the same key is done once. Raises EntryError.

    `is_own_location`: the location must be within the scope; else whoever calls has looked at it (spots.py).
    """
    if is_own_location:
        check_location(connection, want.location, scope)
    ticket_id = ticket_of(connection, want.ticket, scope)
    if len(want.key) > KEY_LIMIT // 2:
        raise wrong("key", "a key that is too long", f"at most {KEY_LIMIT // 2} characters", "shorten it")
    own = f"{deed.who}:{want.key}" if want.key else None
    take(connection, want.location, want.item)
    before = None if own is None else _booked(connection, want, ticket_id, own)
    if before is not None:
        return before
    do = ask if is_wish else reserve
    made = do(connection, want.item, want.location, want.quantity, ticket_id, deed.who, deed.at_ms, key=own)
    after = {"reservation": made, "quantity": want.quantity, "ticket": want.ticket}
    verb = "stock.ask" if is_wish else "stock.reserve"
    audit.add(connection, deed, verb, f"stock:{want.location}/{want.item}", after=after)
    return made


def _booked(connection: Connection, want: Want, ticket_id: int, key: str) -> int | None:
    """The reservation that was made under this key before; EntryError where that was another one."""
    sql = "SELECT id, location, item, quantity, ticket_id FROM stock_reservation WHERE key = ?"
    row = run(connection, sql, key).first()
    if row is None:
        return None
    if tuple(row[1:]) not in ((want.location, want.item, want.quantity, ticket_id),):
        raise EntryError(
            what=f"the key {want.key[:60]!r} was used for another reservation ({row[0]})",
            where="header Idempotency-Key",
            expected="a new key for a new reservation",
            do="send another key",
            cause="conflict",
            field="key",
        )
    return int(row[0])


def settle(
    connection: Connection, reservation: int, verb: str, *, deed: Deed, serial: str = "", scope: Scope = EVERYTHING
) -> None:
    """`issue` what is kept, to whom comes for it, `release` it, or `keep` what was asked for. Raises EntryError."""
    if verb not in VERBS:
        raise wrong("verb", f"a reservation cannot {verb[:40]!r}", " or ".join(VERBS), "name one of them")
    found = run(
        connection, "SELECT location, item, quantity, ticket_id FROM stock_reservation WHERE id = ?", reservation
    ).first()
    if found is None:
        raise _missing(reservation)
    location, item, quantity, ticket_id = found
    check_location(connection, location, scope)
    state = _taken(connection, reservation, location, item)
    if verb == "release":
        release(connection, reservation, deed.who, deed.at_ms)
    elif state == "wanted":
        _keep(connection, reservation, location, item, quantity, ticket_id)
    elif verb == "keep":
        raise _over(reservation, state)
    if verb == "issue":
        stock.issue(connection, item, location, quantity, ticket_id, serial, deed.who, deed.at_ms)
    after = {"reservation": reservation, "quantity": quantity}
    done = "reserve" if verb == "keep" else verb
    audit.add(connection, deed, f"stock.{done}", f"stock:{location}/{item}", after=after)


def let_go(connection: Connection, reservation: int, ticket: str, *, deed: Deed, scope: Scope = EVERYTHING) -> None:
    """Release what is kept, or asked for, for a ticket: for who acts on the ticket. Raises EntryError."""
    ticket_id = ticket_of(connection, ticket, scope)
    sql = "SELECT location, item, quantity FROM stock_reservation WHERE id = ? AND ticket_id = ?"
    found = run(connection, sql, reservation, ticket_id).first()
    if found is None:
        raise _missing(reservation)
    _taken(connection, reservation, found[0], found[1])
    release(connection, reservation, deed.who, deed.at_ms)
    after = {"reservation": reservation, "quantity": found[2], "ticket": ticket}
    audit.add(connection, deed, "stock.release", f"stock:{found[0]}/{found[1]}", after=after)


def _taken(connection: Connection, reservation: int, location: str, item: str) -> str:
    """The state of a reservation that nobody has ended, with its row in hand; EntryError where somebody was first."""
    take(connection, location, item)
    state = str(run(connection, "SELECT state FROM stock_reservation WHERE id = ?", reservation).scalar_one())
    if state not in LIVE:
        raise _over(reservation, state)
    return state


def _keep(connection: Connection, reservation: int, location: str, item: str, quantity: int, ticket_id: int) -> None:
    """What was asked for is there: keep it."""
    _hold(connection, location, item, quantity, ticket_id)
    run(connection, "UPDATE stock_reservation SET state = 'open' WHERE id = ?", reservation)


def _hold(connection: Connection, location: str, item: str, quantity: int, ticket_id: int) -> None:
    """Set so many of what is free aside; EntryError where there are less."""
    check_live(connection, ticket_id)
    held = take(connection, location, item)
    free = held.now.shelf - held.reserved
    if quantity > free:
        raise not_enough(held, free, quantity)
    keep_more(connection, location, item, quantity)


def _over(reservation: int, state: str) -> EntryError:
    return EntryError(
        what=f"reservation {reservation} is {state}",
        where=f"reservation {reservation}",
        expected="a reservation that waits for that",
        do="look at the list as it stands now",
        cause="conflict",
    )


def _missing(reservation: int) -> EntryError:
    return EntryError(
        what=f"there is no reservation {reservation}",
        where="path",
        expected="the number of a reservation",
        do="look it up in GET /api/v1/stock/reservations",
        cause="missing",
        field="id",
    )
