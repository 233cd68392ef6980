"""What a ticket's log is made of, for the functions that read it: state (lifecycle.py), clocks (sla.py), forms. Pure.

Event(id, at_ms, who, verb, text, data)      a line; `at_ms` is when it became known
happened_ms(event)                           when it happened, where somebody said so: never later than known
"""

from collections.abc import Mapping
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
