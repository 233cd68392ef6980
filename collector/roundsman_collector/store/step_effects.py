"""What a step of a ticket does beside its line in the log, in the same transaction: files, spare stock, parts, loans.

    data = taken(connection, step, ticket_id)      what the log keeps of the step's data, once all of it is done

    sign, attach    the file belongs to the ticket for good (files.py)
    part            the piece leaves the stock, unless it has; what is no consumable takes the old part's place (parts)
    loan            a unit is lent; the log names the loan          loan_back    it is back, or stays, or is lost
    transfer        spares, loans and what is in somebody's hand go along to the other number (taking_along)
    check           the log keeps what the report said before, beside what it says now

What cannot be done refuses the whole step: StoreError (`conflict`).
"""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from roundsman_collector.core.ticket_log import REPORTED_KEYS, reported
from roundsman_collector.store import files, loans, parts, stock, stock_register, taking_along
from roundsman_collector.store.entry_kinds import EntryError
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.sql import run

if TYPE_CHECKING:
    from roundsman_collector.store.tickets import TicketStep

Data = Mapping[str, Any]
Effect = Callable[[Connection, "TicketStep", int], Data]


def taken(connection: Connection, step: "TicketStep", ticket_id: int) -> Data:
    """Do what a step does beside its line; return what its line says."""
    effect = EFFECTS.get(step.verb)
    try:
        data = step.data if effect is None else effect(connection, step, ticket_id)
    except EntryError as error:
        raise StoreError(
            what=f"{error.what}: expected {error.expected}", where=error.where, do=error.do, cause="conflict"
        ) from error
    return data


def _signed(connection: Connection, step: "TicketStep", ticket_id: int) -> Data:
    files.claim(connection, files.TICKETS, ticket_id, int(step.data["file"]), step.at_ms, is_signature=True)
    return step.data


def _attached(connection: Connection, step: "TicketStep", ticket_id: int) -> Data:
    files.claim(connection, files.TICKETS, ticket_id, int(step.data["file"]), step.at_ms, is_signature=False)
    return step.data


def _part(connection: Connection, step: "TicketStep", ticket_id: int) -> Data:
    data = step.data
    serial = str(data.get("new_serial") or "")
    if data.get("item") and data.get("location"):
        item, location, quantity = str(data["item"]), str(data["location"]), int(data.get("quantity", 1))
        # What the storekeeper issued beforehand is in the engineer's hand: it leaves the shelf once.
        more = quantity - stock.in_hand(connection, ticket_id).get((location, item), 0)
        if more > 0:
            stock.issue(connection, item, location, more, ticket_id, serial, step.who, step.at_ms, text=step.text)
    subject = str(run(connection, "SELECT subject FROM ticket WHERE id = ?", ticket_id).scalar_one())
    if subject[0] not in "@#" and not _is_consumable(connection, data.get("item")):
        parts.replace(
            connection,
            subject,
            str(data["component"]),
            str(data.get("old_serial") or ""),
            serial,
            ticket_id,
            None,
            step.who,
            step.at_ms,
            name=str(data.get("name", "")),
            item=data.get("item"),
        )
    return data


def _is_consumable(connection: Connection, item: str | None) -> bool:
    found = None if item is None else stock_register.item(connection, item)
    return found is not None and found.fields.is_consumable


def _lent(connection: Connection, step: "TicketStep", ticket_id: int) -> Data:
    said = {name: step.data[name] for name in ("item", "location", "unit", "serial", "name") if step.data.get(name)}
    made = loans.loan_out(connection, ticket_id=ticket_id, who=step.who, at_ms=step.at_ms, text=step.text, **said)
    return {**step.data, "loan": made}


def _lent_back(connection: Connection, step: "TicketStep", ticket_id: int) -> Data:
    became = str(step.data.get("became") or "returned")
    loans.loan_back(connection, int(step.data["loan"]), who=step.who, at_ms=step.at_ms, became=became, text=step.text)
    return step.data


def _checked(connection: Connection, step: "TicketStep", ticket_id: int) -> Data:
    """What is the same as before is no correction; what is another keeps what it was (`was`)."""
    rows = run(connection, "SELECT text, data, verb FROM ticket_event WHERE ticket_id = ? ORDER BY id", ticket_id)
    known = reported((row[2], row[0], json.loads(row[1])) for row in rows)
    now = {key: value for key, value in step.data.items() if key in REPORTED_KEYS and value != known.get(key)}
    was = {key: known[key] for key in now if known.get(key)}
    kept = {key: value for key, value in step.data.items() if key not in REPORTED_KEYS}
    return {**kept, **now, **({"was": was} if was else {})}


def _transferred(connection: Connection, step: "TicketStep", ticket_id: int) -> Data:
    return taking_along.handed_on(connection, ticket_id, step)


EFFECTS: Mapping[str, Effect] = {
    "check": _checked,
    "sign": _signed,
    "attach": _attached,
    "part": _part,
    "loan": _lent,
    "loan_back": _lent_back,
    "transfer": _transferred,
}
