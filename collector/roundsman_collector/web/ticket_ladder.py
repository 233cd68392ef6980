"""How far a ticket has got: its states as rungs, each with when it was reached, the one where it stands, those to come.

ladder(found) -> [{"word": "已派单", "at_ms": 1763690400000, "is": "done"}, {"word": "已到场", ..., "is": "here"}, ...]
"""

from typing import Any

from roundsman_collector.core.lifecycle import STATES, STEPS
from roundsman_collector.core.ticket_log import happened_ms
from roundsman_collector.web.ticket_found import Found

LADDER = (
    "open",
    "acknowledged",
    "planned",
    "dispatched",
    "departed",
    "on_site",
    "fixed",
    "verified",
    "confirmed",
    "followed_up",
    "closed",
)


def ladder(found: Found) -> list[dict[str, Any]]:
    """How far a ticket has got: each state with when it was reached, the one where it stands, those to come."""
    reached: dict[str, int] = {}
    for event in found.log:
        to = STEPS[event.verb].to if event.verb in STEPS else None
        if event.verb in ("reopen", "leave"):
            reached = {name: at for name, at in reached.items() if name in ("open", "acknowledged")}
        if to is not None:
            reached[to] = happened_ms(event)
    state = found.row.state
    rungs = LADDER if state in LADDER else (*(name for name in LADDER if name in reached), state)
    here = rungs.index(state)
    return [
        {
            "word": found.saying.pair(STATES[name]),
            "at_ms": reached.get(name) if place <= here else None,
            "is": "here" if place == here else "" if place > here else "done" if name in reached else "past",
        }
        for place, name in enumerate(rungs)
    ]
