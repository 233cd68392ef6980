"""What lists of the stock show: quantities, moves, reservations, and the statement of a month.

quantities(connection, scope) -> [StockRow]                     by location and item, with what is to be there
moves(connection, scope, MoveFilter(item="printer-80")) -> ...  the newest first
owed(connection, scope) -> [OwedRow]                            swapped, and the old one has not come in
statement(connection, "hq", "2026-11") -> Statement             live, or as it was signed
keep(...) · check(...)                                          the two signatures: it is frozen with the first
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.stock import Level, Line, Quantities, Short, Verb, line, short
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import audit, overlays, stock_register
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entry_kinds import EntryError
from roundsman_collector.store.sql import clean, json_text, run
from roundsman_collector.store.stock_register import ItemFields, ItemRow
from roundsman_collector.store.stock_rows import TEXT_LIMIT, check_location, month_edges, sight

MONTH = re.compile(r"(19[7-9]\d|2\d{3})-(0[1-9]|1[0-2])")
NEWEST = 2**62


class StockRow(NamedTuple):
    """An item at a location. `level` None: nobody said how many are to be there."""

    location: str
    item: ItemRow
    now: Quantities
    reserved: int
    level: Level | None
    short: Short

    @property
    def free(self) -> int:
        """On the shelf, and nobody's."""
        return max(0, self.now.shelf - self.reserved)


class MoveRow(NamedTuple):
    """A move. `ticket`: its number."""

    id: int
    at_ms: int
    location: str
    item: str
    verb: Verb
    quantity: int
    serial: str
    grade: int | None
    ticket: str | None
    loan: int | None
    who: str
    text: str


class ReservationRow(NamedTuple):
    """A reservation. `state`: wanted, open, issued, released, expired."""

    id: int
    location: str
    item: str
    ticket: str
    subject: str
    quantity: int
    made_ms: int
    made_by: str
    state: str
    done_ms: int | None
    done_by: str


class OwedRow(NamedTuple):
    """Old units of a ticket that were swapped and have not come in: `location` had the new ones."""

    item: str
    ticket: str
    subject: str
    location: str
    quantity: int
    since_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveFilter:
    """Which moves a list shows; what is not given does not limit."""

    location: str = ""
    item: str = ""
    verb: str = ""
    serial: str = ""
    ticket: str = ""


class StatementLine(NamedTuple):
    """An item in a statement."""

    item: str
    name_zh: str
    name_en: str
    specification: str
    unit: str
    line: Line


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """A month of a location. `kept_ms` None: nobody has signed it, and it may still change while the month lasts."""

    location: str
    month: str
    from_ms: int
    to_ms: int
    lines: tuple[StatementLine, ...]
    sha256: str = ""
    kept_ms: int | None = None
    kept_by: str = ""
    checked_ms: int | None = None
    checked_by: str = ""
    text: str = ""


# --- lists -----------------------------------------------------------------------------------------------------------


def quantities(
    connection: Connection, scope: Scope = EVERYTHING, *, location: str = "", item: str = ""
) -> list[StockRow]:
    """Every item at every location that the scope reaches where it is, was, or is to be; by location and item."""
    wheres = {one.id for one in stock_register.locations(connection, scope) if location in ("", one.id)}
    whats = {one.id: one for one in stock_register.items(connection) if item in ("", one.id)}
    levels = stock_register.levels(connection)
    rows = run(connection, "SELECT location, item, shelf, repair, lent, reserved FROM stock_now WHERE move_count > 0")
    there = {(row[0], row[1]): (Quantities(shelf=row[2], repair=row[3], lent=row[4]), row[5]) for row in rows}
    found = []
    for where, what in sorted({*there, *levels}):
        if where in wheres and what in whats:
            now, reserved = there.get((where, what), (Quantities(), 0))
            level = levels.get((where, what))
            found.append(StockRow(where, whats[what], now, reserved, level, short(level, now, reserved)))
    return found


def moves(
    connection: Connection,
    scope: Scope = EVERYTHING,
    wanted: MoveFilter | None = None,
    *,
    before_id: int | None = None,
    limit: int = 100,
) -> list[MoveRow]:
    """Moves that the scope reaches, the newest first."""
    seen, values = sight(scope)
    where = [
        "m.id < ?",
        f"m.location IN (SELECT t.id FROM stock_location t WHERE {seen})",
    ]
    bound: list[object] = [NEWEST if before_id is None else before_id, *values]
    for column, value in _columns(wanted or MoveFilter()):
        where.append(f"{column} = ?")
        bound.append(value)
    rows = run(
        connection,
        "SELECT m.id, m.at_ms, m.location, m.item, m.verb, m.quantity, m.serial, m.grade, ticket.number, m.loan_id, "
        "m.who, m.text FROM stock_move m LEFT JOIN ticket ON ticket.id = m.ticket_id "
        f"WHERE {' AND '.join(where)} ORDER BY m.id DESC LIMIT ?",
        *bound,
        limit,
    )
    return [MoveRow(*row) for row in rows]


def _columns(wanted: MoveFilter) -> Sequence[tuple[str, str]]:
    named = {
        "m.location": wanted.location,
        "m.item": wanted.item,
        "m.verb": wanted.verb,
        "m.serial": wanted.serial,
        "ticket.number": wanted.ticket,
    }
    return [(column, value) for column, value in named.items() if value]


def moves_of(connection: Connection, ticket_id: int) -> list[MoveRow]:
    """What came and went for a ticket, in order."""
    rows = run(
        connection,
        "SELECT m.id, m.at_ms, m.location, m.item, m.verb, m.quantity, m.serial, m.grade, ticket.number, m.loan_id, "
        "m.who, m.text FROM stock_move m JOIN ticket ON ticket.id = m.ticket_id WHERE m.ticket_id = ? ORDER BY m.id",
        ticket_id,
    )
    return [MoveRow(*row) for row in rows]


def reservations(
    connection: Connection,
    scope: Scope = EVERYTHING,
    *,
    ticket_id: int | None = None,
    state: str = "",
    before_id: int | None = None,
    limit: int = 200,
) -> list[ReservationRow]:
    """Reservations at locations that the scope reaches, the newest first; of one ticket, or in one state, if named."""
    seen, values = sight(scope)
    where = ["r.id < ?", f"r.location IN (SELECT t.id FROM stock_location t WHERE {seen})"]
    bound: list[object] = [NEWEST if before_id is None else before_id, *values]
    for column, value in (("r.ticket_id", ticket_id), ("r.state", state or None)):
        if value is not None:
            where.append(f"{column} = ?")
            bound.append(value)
    rows = run(
        connection,
        "SELECT r.id, r.location, r.item, ticket.number, ticket.subject, r.quantity, r.made_ms, r.made_by, r.state, "
        "r.done_ms, r.done_by FROM stock_reservation r JOIN ticket ON ticket.id = r.ticket_id "
        f"WHERE {' AND '.join(where)} ORDER BY r.id DESC LIMIT ?",
        *bound,
        limit,
    )
    return [ReservationRow(*row) for row in rows]


def owed(connection: Connection, scope: Scope = EVERYTHING, *, limit: int = 200) -> list[OwedRow]:
    """What was swapped (S0-21) and has not been taken in for repair, the longest out first."""
    seen, values = sight(scope)
    rows = run(
        connection,
        "SELECT m.item, ticket.number, ticket.subject, MIN(m.location), CAST(SUM(CASE m.verb WHEN 'issue' "
        "THEN m.quantity ELSE -m.quantity END) AS BIGINT), MIN(m.at_ms) FROM stock_move m "
        "JOIN ticket ON ticket.id = m.ticket_id JOIN stock_item i ON i.id = m.item AND i.to_ms IS NULL "
        "WHERE i.is_swapped AND m.verb IN ('issue', 'return', 'collect') AND EXISTS (SELECT 1 FROM stock_move went "
        "JOIN stock_location t ON t.id = went.location WHERE went.ticket_id = m.ticket_id AND went.item = m.item "
        f"AND went.verb = 'issue' AND {seen}) GROUP BY m.item, ticket.id, ticket.number, ticket.subject "
        "HAVING SUM(CASE m.verb WHEN 'issue' THEN m.quantity ELSE -m.quantity END) > 0 "
        "ORDER BY MIN(m.at_ms), ticket.id, m.item LIMIT ?",
        *values,
        limit,
    )
    return [OwedRow(*row) for row in rows]


# --- a month ---------------------------------------------------------------------------------------------------------


def statement(connection: Connection, location: str, month: str, scope: Scope = EVERYTHING) -> Statement:
    """The statement of a month: as it was signed, or as the moves tell it now. Raises EntryError."""
    check_location(connection, location, scope, even_ended=True)
    if not MONTH.fullmatch(month):
        raise EntryError(
            what=f"{month[:20]!r} is no month",
            where="month",
            expected="a month such as 2026-11",
            do="mend the month",
            field="month",
        )
    edges = month_edges(month)
    row = run(
        connection,
        "SELECT body, sha256, kept_ms, kept_by, checked_ms, checked_by, text FROM stock_statement "
        "WHERE location = ? AND month = ?",
        location,
        month,
    ).first()
    if row is None:
        lines = _lines(connection, location, edges)
        return Statement(location=location, month=month, from_ms=edges[0], to_ms=edges[1], lines=lines)
    return Statement(
        location=location,
        month=month,
        from_ms=edges[0],
        to_ms=edges[1],
        lines=_read(row[0]),
        sha256=row[1],
        kept_ms=row[2],
        kept_by=row[3],
        checked_ms=row[4],
        checked_by=row[5],
        text=row[6],
    )


def signed(connection: Connection, location: str) -> dict[str, tuple[str, str]]:
    """The months of a location that were signed: by its keeper, and by the second person (empty: not yet)."""
    rows = run(
        connection,
        "SELECT month, kept_by, checked_by FROM stock_statement WHERE location = ? ORDER BY month DESC",
        location,
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def first_move_ms(connection: Connection, location: str) -> int | None:
    """When the first move of a location was booked."""
    found = run(connection, "SELECT MIN(at_ms) FROM stock_move WHERE location = ?", location).scalar()
    return None if found is None else int(found)


def _lines(connection: Connection, location: str, edges: tuple[int, int]) -> tuple[StatementLine, ...]:
    before, within = (_moved(connection, location, *span) for span in ((0, edges[0]), edges))
    whats = {one.id: one.fields for one in stock_register.items(connection)}
    found = []
    for item in sorted({*before, *within}):
        fields = whats.get(item, ItemFields(name_zh=item, name_en=item))
        told = line(before.get(item, {}), within.get(item, {}))
        if any(told):
            words = (item, fields.name_zh, fields.name_en, fields.specification, fields.unit)
            found.append(StatementLine(*words, told))
    return tuple(found)


def _moved(connection: Connection, location: str, from_ms: int, to_ms: int) -> dict[str, dict[Verb, int]]:
    """The quantities that each verb moved, by item."""
    rows = run(
        connection,
        "SELECT item, verb, CAST(SUM(quantity) AS BIGINT) FROM stock_move "
        "WHERE location = ? AND at_ms >= ? AND at_ms < ? GROUP BY item, verb",
        location,
        from_ms,
        to_ms,
    )
    found: dict[str, dict[Verb, int]] = {}
    for item, verb, quantity in rows:
        found.setdefault(item, {})[verb] = quantity
    return found


def _read(body: str) -> tuple[StatementLine, ...]:
    kept: list[dict[str, Any]] = json.loads(body)["lines"]
    return tuple(
        StatementLine(
            one["item"], one["name_zh"], one["name_en"], one["specification"], one["unit"], Line(**one["line"])
        )
        for one in kept
    )


def keep(connection: Connection, location: str, month: str, *, deed: Deed, scope: Scope = EVERYTHING) -> Statement:
    """The keeper signs a month that is over: from now on it is frozen. Raises EntryError."""
    # Takes the rows of the location: what is booked at this moment is in it, or is booked into the next month.
    run(connection, "UPDATE stock_now SET move_count = move_count WHERE location = ?", location)
    found = statement(connection, location, month, scope)
    if found.to_ms > deed.at_ms:
        raise _refused(found, "it is not over", "a month that is over", "sign it next month")
    if found.kept_ms is not None:
        raise _refused(found, f"{found.kept_by} has signed it", "a month that nobody signed", "look at what was signed")
    body = json_text(
        {
            "location": location,
            "month": month,
            "lines": [{**one._asdict(), "line": one.line._asdict()} for one in found.lines],
        }
    )
    sha256 = hashlib.sha256(body.encode()).hexdigest()
    run(
        connection,
        "INSERT INTO stock_statement (location, month, body, sha256, kept_ms, kept_by, checked_by, text) "
        "VALUES (?, ?, ?, ?, ?, ?, '', '')",
        location,
        month,
        body,
        sha256,
        deed.at_ms,
        deed.who,
    )
    audit.add(connection, deed, "stock.keep", f"stock-statement:{location}/{month}", after={"sha256": sha256})
    return statement(connection, location, month, scope)


def check(
    connection: Connection, location: str, month: str, text: str, *, deed: Deed, scope: Scope = EVERYTHING
) -> Statement:
    """A second person signs what the keeper signed, checked with finance. Raises EntryError."""
    run(connection, "UPDATE stock_statement SET id = id WHERE location = ? AND month = ?", location, month)
    found = statement(connection, location, month, scope)
    if found.kept_ms is None:
        raise _refused(found, "its keeper has not signed it", "a month that its keeper signed", "sign it as keeper")
    if found.checked_ms is not None:
        raise _refused(found, f"{found.checked_by} has checked it", "a month to be checked", "look at what was signed")
    if overlays.is_author(connection, found.kept_by, deed.who):
        raise _refused(found, "you signed it yourself", "a second person", "ask somebody else", cause="closed")
    if len(text) > TEXT_LIMIT:
        raise _refused(found, "the words are too long", f"{TEXT_LIMIT} characters", "shorten them", cause="value")
    run(
        connection,
        "UPDATE stock_statement SET checked_ms = ?, checked_by = ?, text = ? WHERE location = ? AND month = ?",
        deed.at_ms,
        deed.who,
        clean(text.strip(), TEXT_LIMIT),
        location,
        month,
    )
    after = {"sha256": found.sha256, "text": text.strip()}
    audit.add(connection, deed, "stock.check", f"stock-statement:{location}/{month}", after=after)
    return statement(connection, location, month, scope)


def _refused(found: Statement, what: str, expected: str, do: str, cause: str = "conflict") -> EntryError:
    return EntryError(
        what=f"the statement of {found.location} for {found.month} cannot be signed: {what}",
        where=f"stock statement {found.location}/{found.month}",
        expected=expected,
        do=do,
        cause=cause,
        field="month",
    )
