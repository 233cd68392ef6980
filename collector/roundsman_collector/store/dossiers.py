"""What forms ask of the database about tickets, for one of them or for the register of a period.

    opened_between(connection, scope, from_ms, to_ms, limit=1000) -> rows, in the order of their numbers
    facts(connection, rows) -> (TicketFacts(row, log, clocks, loans, where), ...)

Customer, site, place and contract are told as they were when the ticket was opened: a form that is printed again a year
later says the same. Of a ticket from before tickets kept their place, where its device stands now.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.roles import Scope
from roundsman_collector.store import cards, reach, ticket_clocks, tickets
from roundsman_collector.store.cards import Card
from roundsman_collector.store.loans import handed_on
from roundsman_collector.store.sql import chunks, marks, run
from roundsman_collector.store.ticket_clocks import ClockRow
from roundsman_collector.store.tickets import TicketEvent, TicketRow


class LoanRow(NamedTuple):
    """A unit that was lent for a ticket."""

    id: int
    name: str
    serial: str
    out_ms: int
    out_by: str
    became: str
    back_ms: int | None


class Where(NamedTuple):
    """Whose it is and where, in both languages; empty where nobody knows."""

    customer: tuple[str, str] = ("", "")
    site: tuple[str, str] = ("", "")
    place: tuple[str, str] = ("", "")
    address: str = ""
    zone: str = ""
    time_zone: str = ""
    contract: str = ""
    accepted_on: str = ""
    warranty_until: str = ""
    maintenance_until: str = ""


class TicketFacts(NamedTuple):
    """A ticket with what belongs to it. `card` None: it is about no device of the register."""

    row: TicketRow
    log: tuple[TicketEvent, ...]
    clocks: tuple[ClockRow, ...]
    loans: tuple[LoanRow, ...]
    where: Where
    card: Card | None


def opened_between(
    connection: Connection, scope: Scope, from_ms: int, to_ms: int, *, limit: int
) -> tuple[list[TicketRow], bool]:
    """Tickets that were opened in [from, to) and are reached, by id; and whether there are more than `limit`."""
    reached, values = reach.subjects_within(scope)
    where = f"opened_ms >= ? AND opened_ms < ? AND {reached} ORDER BY id"
    found = tickets.read(connection, where, [from_ms, to_ms, *values], limit + 1)
    return found[:limit], len(found) > limit


def facts(connection: Connection, rows: Sequence[TicketRow]) -> list[TicketFacts]:
    """Everything about these tickets."""
    ids = [row.id for row in rows]
    logs, clocks, loans = _logs(connection, ids), ticket_clocks.of(connection, ids), _loans(connection, ids)
    known = cards.named(connection, [row.subject for row in rows])
    return [
        TicketFacts(
            row=row,
            log=tuple(logs[row.id]),
            clocks=tuple(clocks.get(row.id, ())),
            loans=tuple(loans[row.id]),
            where=_where(connection, row, known.get(row.subject)),
            card=known.get(row.subject),
        )
        for row in rows
    ]


def names(connection: Connection) -> dict[str, str]:
    """What people are called, by login."""
    return {row[0]: row[1] for row in run(connection, "SELECT id, name FROM person")}


def _logs(connection: Connection, ids: Iterable[int]) -> dict[int, list[TicketEvent]]:
    found: dict[int, list[TicketEvent]] = defaultdict(list)
    for ticket_id in ids:
        found[ticket_id] = tickets.log_of(connection, ticket_id)
    return found


def _loans(connection: Connection, ids: Sequence[int]) -> dict[int, list[LoanRow]]:
    """Of each ticket, also those that went along when another one went on (转单): its sheets stay as they were."""
    found: dict[int, list[LoanRow]] = defaultdict(list)
    columns = "id, name, serial, out_ms, out_by, became, back_ms"
    for part in chunks(ids):
        sql = f"SELECT ticket_id, {columns} FROM loan WHERE ticket_id IN ({marks(len(part))}) ORDER BY ticket_id, id"
        for row in run(connection, sql, *part):
            found[row[0]].append(LoanRow(*row[1:]))
    for ticket_id, gone in handed_on(connection, ids).items():
        for loan in gone:
            row = run(connection, f"SELECT {columns} FROM loan WHERE id = ?", loan).one()
            found[ticket_id].append(LoanRow(*row))
        found[ticket_id].sort(key=lambda one: one.id)
    return found


def _where(connection: Connection, row: TicketRow, card: Card | None) -> Where:
    if not (row.site or row.customer or row.place):
        return Where() if card is None else _of_card(card)
    customer = _version(connection, "customer", "name_zh, name_en", row.customer, row.opened_ms)
    site = _version(connection, "site", "name_zh, name_en, address, time_zone", row.site, row.opened_ms)
    place = _version(connection, "place", "name_zh, name_en", row.place, row.opened_ms)
    dates = "accepted_on, warranty_until, maintenance_until"
    contract = _version(connection, "contract", f"name, {dates}", row.contract, row.opened_ms)
    return Where(
        customer=(customer[0], customer[1]) if customer else ("", ""),
        site=(site[0], site[1]) if site else ("", ""),
        place=(place[0], place[1]) if place else ("", ""),
        address=site[2] if site else "",
        zone=row.zone or "",
        time_zone=site[3] if site else "",
        contract=contract[0] if contract else "",
        accepted_on=(contract[1] or "") if contract else "",
        warranty_until=(contract[2] or "") if contract else "",
        maintenance_until=(contract[3] or "") if contract else "",
    )


def _version(connection: Connection, table: str, columns: str, entry: str | None, at_ms: int) -> tuple[Any, ...] | None:
    """An entry of the register as it was then; as it was first, where it was entered later."""
    if entry is None:
        return None
    sql = f"SELECT {columns} FROM {table} WHERE id = ? AND from_ms <= ? ORDER BY from_ms DESC LIMIT 1"
    found = run(connection, sql, entry, at_ms).first()
    if found is None:
        found = run(connection, f"SELECT {columns} FROM {table} WHERE id = ? ORDER BY from_ms LIMIT 1", entry).first()
    return None if found is None else tuple(found)


def _of_card(card: Card) -> Where:
    return Where(
        customer=(card.customer_zh or "", card.customer_en or ""),
        site=(card.site_zh or "", card.site_en or ""),
        place=(card.place_zh or "", card.place_en or ""),
        address=card.address or "",
        zone=card.zone or "",
        time_zone=card.time_zone or "",
        contract=card.contract_name or "",
        accepted_on=card.accepted_on or "",
        warranty_until=card.warranty_until or "",
        maintenance_until=card.maintenance_until or "",
    )
