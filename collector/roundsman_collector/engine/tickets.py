"""The core's ticket actions as rows of the store, and the open tickets the core needs to know of."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from roundsman_collector.core.model import Action, Condition, Ref, Ticket
from roundsman_collector.core.policy import SILENT
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.core.waiting import is_late
from roundsman_collector.engine.unit import Unit
from roundsman_collector.store.tickets import (
    TicketAmend,
    TicketChange,
    TicketOpen,
    TicketOpened,
    TicketResolve,
    TicketVoid,
)

SEVERITIES = {1: "urgent", 2: "major", 3: "minor"}
SITE_ZONE = ZoneInfo("Asia/Shanghai")
"""Where years begin for ticket numbers, until sites have zones of their own."""


def changes(unit: Unit, actions: Sequence[Action], book: Rulebook, now_ms: int) -> list[TicketChange]:
    """What the store has to do for these actions."""
    return [_change(unit, action, book, now_ms) for action in actions]


def _change(unit: Unit, action: Action, book: Rulebook, now_ms: int) -> TicketChange:
    condition = action.condition
    if action.verb == "open":
        assert condition is not None
        return opened(unit, condition, book, now_ms)
    assert action.ticket is not None
    data = _evidence(condition) if condition is not None else proof_data(action.proof)
    if action.verb == "amend":
        from_ms = condition.since_ms if condition is not None and condition.code != SILENT else None
        return TicketAmend(ticket=action.ticket, at_ms=now_ms, fault_from_ms=from_ms, text=action.text, data=data)
    if action.verb == "resolve":
        to_ms = condition.to_ms if condition is not None else None
        return TicketResolve(
            ticket=action.ticket, at_ms=now_ms, outcome=action.outcome, fault_to_ms=to_ms, text=action.text, data=data
        )
    return TicketVoid(ticket=action.ticket, at_ms=now_ms, text=action.text, data=data)


def opened(unit: Unit, condition: Condition, book: Rulebook, now_ms: int, number: int = 0) -> TicketOpen:
    """A new ticket of a fault; `number`: see TicketOpen."""
    policy = book.at(condition.subject, max(condition.from_ms, condition.confirmed.t))
    rule = policy.rule(condition.code)
    assert rule is not None
    return TicketOpen(
        subject=condition.subject,
        agent_no=unit.no,
        component=condition.component,
        code=condition.code,
        severity=SEVERITIES[rule.severity],
        service_class=rule.service_class,
        fault_from_ms=condition.since_ms,
        opened_ms=now_ms,
        opened_late=is_late(condition, unit.arrive_by_ms(condition.subject), now_ms),
        year=datetime.fromtimestamp(now_ms / 1000, SITE_ZONE).year,
        text=f"{rule.zh} {rule.en}",
        data=_evidence(condition) | {"policy": policy.hash},
        ticket=number,
    )


def _evidence(condition: Condition) -> dict[str, object]:
    """The records a ticket stands on."""
    said: dict[str, object] = {"first": _ref(condition.first), "confirmed": _ref(condition.confirmed)}
    if condition.cause:
        said["cause"] = condition.cause
    return said


def proof_data(proof: Sequence[Ref]) -> dict[str, object]:
    """The records that show that there was no fault: from the first to the last."""
    return {role: _ref(ref) for role, ref in zip(("proof", "proof_to"), proof, strict=False)}


def _ref(ref: Ref) -> dict[str, object]:
    return {"stream": ref.stream, "n": ref.n, "t": ref.t}


def after(unit: Unit, actions: Sequence[Action], opened: Sequence[TicketOpened]) -> tuple[Ticket, ...]:
    """The unit's open tickets once `actions` are stored; `opened` are the new ones in the order of their actions."""
    kept = {ticket.id: ticket for ticket in unit.tickets}
    ids = iter(opened)
    for action in actions:
        condition = action.condition
        if action.verb == "open" and condition is not None:
            new = next(ids)
            kept[new.id] = as_ticket(new.id, condition)
        elif action.verb in ("resolve", "void") and action.ticket is not None:
            kept.pop(action.ticket, None)
        elif action.ticket in kept and condition is not None and condition.code != SILENT:
            kept[action.ticket] = as_ticket(action.ticket, condition)
    return tuple(kept.values())


def as_ticket(ticket_id: int, condition: Condition) -> Ticket:
    """The ticket of a fault as the core needs it."""
    return Ticket(
        id=ticket_id,
        subject=condition.subject,
        component=condition.component,
        code=condition.code,
        fault_from_ms=condition.since_ms,
    )
