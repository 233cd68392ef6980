"""What a ticket's log is made of, for the functions that read it: state (lifecycle.py), clocks (sla.py), forms. Pure.

Event(id, at_ms, who, verb, text, data)      a line; `at_ms` is when it became known
happened_ms(event)                           when it happened, where somebody said so: never later than known
reported((verb, text, data), ...)            what people reported, as it was checked since
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

ROBOT = "roundsman"
"""Who did what nobody did."""


class Event(NamedTuple):
    """A line of a ticket's log. What `data` holds depends on the verb: see docs/tickets.md."""

    id: int
    at_ms: int
    who: str
    verb: str
    text: str
    data: Mapping[str, Any]


def happened_ms(event: Event) -> int:
    """When it happened: what the person who told it says, but never after it was told."""
    said = event.data.get("at_ms")
    return min(said, event.at_ms) if isinstance(said, int) and not isinstance(said, bool) else event.at_ms


REPORTED_KEYS = ("name", "phone", "words", "wish")
"""What a report says, and a check of it may say anew."""


def reported(lines: Iterable[tuple[str, str, Mapping[str, Any]]]) -> dict[str, str]:
    """What people reported, from the lines (verb, text, data) of a log in their order: who called, what is wrong, what
    they wish; as it was checked since. Where nobody stands at the beginning, whoever called again first."""
    found: dict[str, str] = {}
    for verb, text, data in lines:
        if verb == "open":
            said = data.get("caller")
            told = {**(said if isinstance(said, Mapping) else {}), "wish": data.get("wish")}
            if "words" in data:  # it goes on for another ticket: its text says why
                told["words"] = data["words"]
            elif data.get("source", "monitoring") != "monitoring":
                told["words"] = text
        elif verb == "call" and not (found.get("name") or found.get("phone")):
            told = {key: data.get(key) for key in ("name", "phone")}
        elif verb == "check":
            told = dict(data)
        else:
            continue
        found.update({key: str(told[key]) for key in REPORTED_KEYS if told.get(key)})
    return found
