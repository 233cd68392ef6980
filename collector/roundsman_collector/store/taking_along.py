"""What of the stock goes along when a ticket goes on under another number (转单), in the transaction of the transfer.

    along = gathered(connection, "2026-000001")         for the first line of the new log, which is written before ...
    data = handed_on(connection, old_id, step)          ... the old number ends: what its last line says

    reservation of the old number   open ------> released        and the same for the new number, open
                                    wanted ----> released        ... wanted
    loan that is out                the loan belongs to the new number; the old one's `transfer` still names it
    issued, not used yet            the new number has it in hand, the old one no more: both logs say so, no piece moves

Pieces stay kept throughout: what is released here is kept again before anybody else can have it.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from roundsman_collector.core.transfer import ON_BOTH
from roundsman_collector.store import loans, reservations, stock, stock_register
from roundsman_collector.store.sql import run

if TYPE_CHECKING:
    from roundsman_collector.store.tickets import TicketStep


def gathered(connection: Connection, number: str) -> dict[str, Any]:
    """What waits for the ticket with this number, and what went along with it and was not used."""
    found = run(connection, "SELECT id FROM ticket WHERE number = ?", number).scalar()
    if found is None:
        return {}
    spares: list[dict[str, Any]] = [one._asdict() for one in reservations.waiting_for(connection, int(found))]
    hand: list[dict[str, Any]] = [
        {"location": location, "item": item, "quantity": quantity}
        for (location, item), quantity in sorted(stock.in_hand(connection, int(found)).items())
    ]
    for one in (*spares, *hand):
        kept = stock_register.item(connection, one["item"])
        if kept is not None:
            one |= {"name_zh": kept.fields.name_zh, "name_en": kept.fields.name_en}
    return {key: value for key, value in (("spares", spares), ("in_hand", hand)) if value}


def handed_on(connection: Connection, ticket_id: int, step: "TicketStep") -> Mapping[str, Any]:
    """Hand on what the new number's first line says; returns what the old one's last line says."""
    new = run(
        connection,
        "SELECT ticket.id, said.data FROM ticket JOIN ticket_event said ON said.ticket_id = ticket.id "
        "WHERE ticket.number = ? AND said.verb = 'open'",
        str(step.data.get("to", "")),
    ).first()
    if new is None:
        return step.data
    along = {key: value for key, value in json.loads(new[1]).items() if key in ON_BOTH}
    for one in along.get("spares", ()):
        reservations.hand_on(connection, int(one["reservation"]), int(new[0]), step.who, step.at_ms)
    loans.hand_on(connection, [int(one) for one in along.get("loans", ())], ticket_id, int(new[0]))
    return {**step.data, **along}
