"""转单: what a ticket takes along from its log that goes on under another number. Pure.

    taken_along(log, now_ms) -> {"caller": {...}, "words": "...", "taken_away": [...], "loans": [...], ...}

It stands in the data of the new ticket's `open`, where core/lifecycle.py, ticket_log.reported() and whoever else reads
a log find it, also when that ticket is transferred in its turn. `carried` is what the clocks run by (ticket_story.py);
what of the stock goes along is added by store/taking_along.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from roundsman_collector.core.lifecycle import standing_of
from roundsman_collector.core.stock import awaits_part
from roundsman_collector.core.ticket_log import Event, reported
from roundsman_collector.core.ticket_story import carried

ON_BOTH = ("spares", "in_hand", "loans", "taken_away")
"""What goes along and is somewhere: both logs name it, the old one's `transfer` and the new one's `open`."""


def taken_along(log: Sequence[Event], now_ms: int) -> dict[str, Any]:
    """What the next number knows, and has, from the beginning; nothing stands there of which there is nothing."""
    standing, clocks = standing_of(log), carried(log, now_ms)
    is_awaited = clocks["arrival_ms"] is not None and clocks["visited_ms"] is None
    told = reported((one.verb, one.text, one.data) for one in log)
    found = {
        "caller": {key: told[key] for key in ("name", "phone") if key in told},
        "wish": told.get("wish"),
        "asked": "customer" if any(one.data.get("asked") == "customer" for one in log) else "",
        "customer_priority": _priority(log),
        "calls": standing.calls,
        "is_examined": standing.is_examined,
        "awaits_part": awaits_part(log),
        "arrival_ms": standing.arrival_ms if is_awaited else None,
        "consents": standing.consents,
        "overrides": sorted(standing.overrides),
        "loans": sorted(standing.loans),
        "taken_away": _away(log),
    }
    return {"carried": clocks, "words": told.get("words", "")} | {key: value for key, value in found.items() if value}


def _priority(log: Iterable[Event]) -> str:
    """How urgent the customer called it last."""
    said = ""
    for one in log:
        if one.verb in ("open", "priority"):
            said = str(one.data.get("customer_priority" if one.verb == "open" else "priority") or said)
    return said


def _away(log: Iterable[Event]) -> list[dict[str, str]]:
    """What was taken to the workshop and is not back: each part with its serial number, where that was said."""
    away: dict[str, dict[str, str]] = {}
    for one in log:
        if one.verb == "open":
            away = {str(part["component"]): dict(part) for part in _parts(one.data)}
        elif one.verb == "take_away":
            component = str(one.data.get("component", ""))
            away[component] = {key: str(one.data[key]) for key in ("component", "serial") if one.data.get(key)}
            away[component]["component"] = component
        elif one.verb == "bring_back":
            away.pop(str(one.data.get("component", "")), None)
    return list(away.values())


def _parts(data: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    found: Sequence[Mapping[str, str]] = data.get("taken_away") or ()
    return found
