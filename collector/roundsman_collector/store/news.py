"""What befalls tickets, as news: what is worth telling of a transaction's changes. Pure.

    news(changes, opened) -> [News(ticket_id, event, who, text, at_ms, data), ...]

    what befalls a ticket                                   event
    open; it is over, or never was                          opened; resolved, voided
    ... where somebody was sent: it only tells them         recovered, verified (mended, and the readings say so)
    reopen, recur; call                                     reopened; called_again
    dispatch (who was sent before hears it too); hand_over  dispatched; handed_over
    warn, breach of a clock                                 warned, breached

Who hears of it, and when: hearers.py. What it becomes: notices.py.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from roundsman_collector.store.tickets import (
    TicketChange,
    TicketLater,
    TicketOpen,
    TicketOpened,
    TicketResolve,
    TicketStep,
    TicketVoid,
)
from roundsman_collector.store.ways import Event

MONITORING = "monitoring"
AWAITED: tuple[Event, ...] = ("opened", "called_again", "dispatched", "handed_over", "breached", "reopened")
"""What somebody has to answer: a way that waits for that hears of it later, or again."""
OF_STEPS: Mapping[str, Event] = {
    "call": "called_again",
    "dispatch": "dispatched",
    "hand_over": "handed_over",
    "warn": "warned",
    "breach": "breached",
    "recover": "recovered",
    "verify": "verified",
    "resolve": "resolved",
    "reopen": "reopened",
    "recur": "reopened",
    "void": "voided",
}
"""What a line of a ticket's log is as news. Other lines are none."""
ENDS: tuple[Event, ...] = ("recovered", "verified", "resolved", "reopened", "voided")
"""How the fault stands: of several in one transaction the last counts."""
OVERS: tuple[Event, ...] = ("recovered", "verified", "resolved", "voided")


class News(NamedTuple):
    """What befell a ticket in a transaction, when it became known, and who did it with which words."""

    ticket_id: int
    event: Event
    who: str
    text: str
    at_ms: int = 0
    data: Mapping[str, Any] = MappingProxyType({})

    @property
    def key(self) -> str:
        """What is unique of it. A ticket opens and is voided once; the rest may befall it again."""
        if self.event in ("opened", "voided"):
            return f"{self.event}:{self.ticket_id}"
        clock = f":{self.data.get('clock', '')}" if self.event in ("warned", "breached") else ""
        return f"{self.event}:{self.ticket_id}:{self.at_ms}{clock}"


def news(changes: Sequence[TicketChange], opened: Sequence[TicketOpened]) -> list[News]:
    """What is worth telling of a transaction's changes. Pure.

    Only how a ticket stands at the end counts; one that was opened and ended here was over before anybody could know.
    """
    fresh = iter(opened)
    ids: dict[int, int] = {}
    found: dict[tuple[int, str], News] = {}
    new: set[int] = set()
    for change in changes:
        if isinstance(change, TicketOpen):
            made = next(fresh)
            ids[change.ticket] = made.id
            if made.how == "open":
                new.add(made.id)
                words = "" if change.source == MONITORING else change.text
                found[made.id, "opened"] = News(made.id, "opened", change.who, words, change.opened_ms)
            elif made.how in OF_STEPS:
                event = OF_STEPS[made.how]
                found[made.id, _slot(event, {})] = News(made.id, event, change.who, "", change.opened_ms)
            continue
        ticket_id = ids[change.ticket] if change.ticket < 0 else change.ticket
        one = _of_change(change, ticket_id)
        if one is None:
            continue
        if ticket_id in new and one.event in ENDS:
            found = {key: kept for key, kept in found.items() if key[0] != ticket_id}
        else:
            found[ticket_id, _slot(one.event, one.data)] = one
    return list(found.values())


def _of_change(change: TicketLater, ticket_id: int) -> News | None:
    """What a change of a ticket is as news, or nothing."""
    match change:
        case TicketResolve():
            event: Event | None = "resolved"
        case TicketVoid():
            event = "voided"
        case TicketStep():
            event = OF_STEPS.get(change.verb)
        case _:
            event = None
    return None if event is None else News(ticket_id, event, change.who, change.text, change.at_ms, change.data)


def _slot(event: Event, data: Mapping[str, Any]) -> str:
    """What of a ticket the news is about: later news of the same takes its place, so a breach that of a warning."""
    if event in ("warned", "breached"):
        return f"clock {data.get('clock', '')}"
    return "end" if event in ENDS else event
