"""The spares of a ticket on its page: what fits and lies where, what is kept, whether who goes has one to take along.

panel(found, "taken") -> what ticket_spares.html shows, and the warning that stands over `dispatch` and `depart`
choices(found) -> [("hq|printer-80", "print head · headquarters · 3"), ...]      what a step may use, the best first
"""

import secrets
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from roundsman_collector.api.ticket_spares import along_of, spots
from roundsman_collector.core.lifecycle import LIVE
from roundsman_collector.core.stock import ALONG, NEARNESS
from roundsman_collector.store import ItemRow
from roundsman_collector.store import reservations as kept
from roundsman_collector.web.stock_words import STATES, name_of
from roundsman_collector.web.ticket_found import Found
from roundsman_collector.web.words import N_

CHOICES = 60
"""So many pieces of the stock are offered, those that are at hand first."""
BEFORE_THE_VISIT = ("open", "acknowledged", "planned", "dispatched")
"""States in which a spare can still be taken along."""
ISSUED = N_("issued to this ticket")
REFUSED: Mapping[str, str] = {
    "taken": N_("It is not free any more: somebody was faster. Look where else it lies, or ask for it."),
    "over": N_("Nothing was kept: the ticket is over, or the spare is not there any more."),
}


def panel(found: Found, refused: str = "") -> dict[str, Any]:
    """What the page of a ticket shows of spares; nothing for who only looks."""
    desk, saying, who = found.desk, found.saying, found.who
    if not (who.may("act") or who.may("stock")):
        return {"spares": None, "spare_warning": ""}
    with_it, _ = desk.view.spares_with_ticket(found.row.id)
    along = along_of(found.row, list(found.log), with_it)
    names = {one.id: name_of(saying, one) for one in desk.view.stock_items()}
    wheres = {one.id: name_of(saying, one) for one in desk.view.stock_locations()}
    _, reservations, _ = desk.view.spares_of_ticket(found.row.id)
    is_live = found.row.state in LIVE
    is_warned = along in ("missing", "wanted") and found.row.state in BEFORE_THE_VISIT
    word = saying.pair(ALONG[along])
    return {
        "spares": {
            "along": along if along == "ready" or is_warned else "",
            "word": word,
            "in_hand": with_it.in_hand,
            "spots": [
                {
                    "row": one.row,
                    "name": name_of(saying, one.row.item),
                    "where": name_of(saying, one.where),
                    "near": saying.pair(NEARNESS[one.near]),
                    "is_swapped": one.row.item.fields.is_swapped,
                    "key": secrets.token_hex(8),
                }
                for one in (spots(desk, who, found.row) if is_live else [])
            ],
            "kept": [
                {
                    "id": one.id,
                    "name": names.get(one.item, one.item),
                    "where": wheres.get(one.location, one.location),
                    "quantity": one.quantity,
                    "state": one.state,
                    "word": saying(STATES[one.state]),
                    "by": one.made_by,
                }
                for one in reservations
                if one.state in kept.LIVE
            ],
            "may_keep": is_live and who.may("act"),
            "refused": saying(REFUSED[refused]) if refused in REFUSED else "",
        },
        "spare_warning": word if is_warned else "",
    }


def choices(found: Found) -> list[tuple[str, str]]:
    """What a step may use: what went with this ticket, what fits and lies near, then what else somebody reaches."""
    return list(islice(_choices(found), CHOICES))


def _choices(found: Found) -> Iterator[tuple[str, str]]:
    desk, saying = found.desk, found.saying
    items = {one.id: one for one in desk.view.stock_items()}
    wheres = {one.id: name_of(saying, one) for one in desk.view.stock_locations()}
    _, in_hand = desk.view.spares_with_ticket(found.row.id)
    seen = set[tuple[str, str]]()
    for (location, item), quantity in sorted(in_hand.items()):
        if item in items:
            seen.add((location, item))
            yield _choice(location, items[item], f"{name_of(saying, items[item])} · {saying(ISSUED)} · {quantity}")
    rows = [one.row for one in spots(desk, found.who, found.row)] + desk.view.stock(scope=found.who.scope)
    for row in rows:
        if row.now.shelf > 0 and (row.location, row.item.id) not in seen:
            seen.add((row.location, row.item.id))
            name = name_of(saying, row.item)
            yield _choice(
                row.location, row.item, f"{name} · {wheres.get(row.location, row.location)} · {row.now.shelf}"
            )


def _choice(location: str, item: ItemRow, words: str) -> tuple[str, str]:
    return f"{location}|{item.id}", words
