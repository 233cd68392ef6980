"""Where a spare for a ticket lies: with the engineer, at the service point, at headquarters; and keeping it from there.

    spots_of(connection, ticket_id) -> [Spot(near="carried", where=..., row=...), ...]     what fits, the nearest first
    book(connection, Want(...), is_wish=..., deed=..., scope=...) -> id     for who acts on the ticket: Office

Which locations serve a ticket follows from where its device stands (core/stock.py: nearness), not from who looks: an
engineer of one monitoring centre may have a print head sent from headquarters, whose store they do not keep.
"""

from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.stock import NEARNESS, Near, Quantities, Site, nearness, short
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import going, reservations, stock_reads, stock_register
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entry_kinds import EntryError
from roundsman_collector.store.reservations import Want
from roundsman_collector.store.sql import run
from roundsman_collector.store.stock_reads import StockRow
from roundsman_collector.store.stock_register import ItemRow, LocationRow
from roundsman_collector.store.stock_rows import ticket_of

ORDER = {near: place for place, near in enumerate(NEARNESS)}


class Spot(NamedTuple):
    """An item that fits a ticket, at a location that serves it."""

    near: Near
    where: LocationRow
    row: StockRow


def spots_of(connection: Connection, ticket_id: int) -> list[Spot]:
    """Which items fit the part that a ticket is about, at every location that serves it and where there is, was or is
    to be any: by item, the nearest first. Of an item that lies nowhere, the spots where somebody may ask for it."""
    wheres = _serving(connection, ticket_id)
    fitting = {one.id: one for one in _fitting(connection, ticket_id)}
    rows = [one for one in stock_reads.quantities(connection) if one.location in wheres and one.item.id in fitting]
    known = {one.item.id for one in rows}
    rows += [
        StockRow(where, one, Quantities(), 0, None, short(None, Quantities(), 0))
        for one in fitting.values()
        if one.id not in known
        for where, (near, _) in wheres.items()
        if near in ("central", "group")
    ]
    found = [Spot(*wheres[one.location], one) for one in rows]
    return sorted(found, key=lambda one: (one.row.item.id, ORDER[one.near], one.row.location))


def book(connection: Connection, want: Want, *, is_wish: bool = False, deed: Deed, scope: Scope = EVERYTHING) -> int:
    """Keep pieces for a ticket, or ask for them, at any location that serves it. Raises EntryError."""
    ticket_id = ticket_of(connection, want.ticket, scope)
    if want.location not in _serving(connection, ticket_id):
        raise EntryError(
            what=f"no stock location {want.location[:63]!r} serves ticket {want.ticket}",
            where="location",
            expected="a location that serves the ticket",
            do="look at what fits in GET /api/v1/tickets/{ticket}/spares",
            cause="missing",
            field="location",
        )
    return reservations.book(connection, want, is_wish=is_wish, deed=deed, scope=scope, is_own_location=False)


def _serving(connection: Connection, ticket_id: int) -> dict[str, tuple[Near, LocationRow]]:
    """The locations that serve a ticket, and how near they are."""
    site = _site(connection, ticket_id)
    found: dict[str, tuple[Near, LocationRow]] = {}
    for one in stock_register.locations(connection):
        mine = one.fields
        near = nearness(site, customer=mine.customer, group=mine.group, point=mine.point, engineer=mine.engineer)
        if near is not None:
            found[one.id] = near, one
    return found


def _site(connection: Connection, ticket_id: int) -> Site:
    subject, component, engineer = run(
        connection, "SELECT subject, component, COALESCE(engineer, '') FROM ticket WHERE id = ?", ticket_id
    ).one()
    facts = going.facts_of(connection, subject, component)
    return Site(customer=facts.customer, group=facts.group, points=facts.points, engineer=engineer)


def _fitting(connection: Connection, ticket_id: int) -> list[ItemRow]:
    """What fits; of a ticket about no device nobody knows it."""
    row = run(
        connection,
        "SELECT ticket.component, device.kind, device.model FROM ticket JOIN device ON device.id = ticket.subject "
        "WHERE ticket.id = ?",
        ticket_id,
    ).first()
    if row is None:
        return []
    return [one for one in stock_register.items(connection) if one.fits(row[0], row[1], row[2])]
