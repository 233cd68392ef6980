"""Who was not reached by a round: a ticket of code `not_seen` for each such agent, with the reason.

    of_round(engine, over, live, now_ms)      what the store has to do for a round that is over

One for each agent and round, and none while an earlier one of the agent waits for somebody: what nobody has looked into
once need not be told twice. A round that reaches the agent again ends it. Its severity is the least: what is wrong with
the agent or its road has a ticket of its own; this one says that an inspection is still owed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from roundsman_collector.core.lifecycle import NOT_SEEN
from roundsman_collector.engine.tickets import SEVERITIES, SITE_ZONE
from roundsman_collector.store.rounds import ErrandRow, RoundOver
from roundsman_collector.store.tickets import TicketChange, TicketOpen, TicketResolve

if TYPE_CHECKING:
    from roundsman_collector.engine.engine import Engine

LEAST = SEVERITIES[3]
REASONS: Mapping[str, tuple[str, str]] = {
    "refused": ("采集端拒绝巡检", "its agent refused"),
    "silent": ("采集端失联", "its agent is silent"),
    "no_result": ("采集端未按时应答", "its agent did not answer in time"),
}
"""The same words as `core.inspection.Reason`."""


def of_round(engine: "Engine", over: RoundOver, live: Mapping[str, int], now_ms: int) -> list[TicketChange]:
    """What becomes of tickets when a round is over; `live` are those of the code that wait for somebody, by subject."""
    found: list[TicketChange] = []
    for errand in over.errands:
        subject = f"@{errand.agent}"
        if errand.state == "done":
            if subject in live:
                found.append(_seen(over, live[subject], now_ms))
        elif subject not in live:
            found.append(_unseen(engine, over, errand, now_ms))
    return found


def _seen(over: RoundOver, ticket: int, now_ms: int) -> TicketResolve:
    text = f"巡检 {over.number} 已见 seen in inspection {over.number}"
    return TicketResolve(ticket=ticket, at_ms=now_ms, outcome="seen_later", text=text, data={"round": over.number})


def _unseen(engine: "Engine", over: RoundOver, errand: ErrandRow, now_ms: int) -> TicketOpen:
    unit = engine.units.get(errand.agent_no)
    is_silent = unit is not None and not unit.memory.online
    reason = "refused" if errand.state == "failed" else "silent" if is_silent else "no_result"
    zh, en = REASONS[reason]
    told = f" ({errand.detail})" if errand.detail else ""
    return TicketOpen(
        subject=f"@{errand.agent}",
        agent_no=errand.agent_no,
        component="agent",
        code=NOT_SEEN,
        severity=LEAST,
        service_class="maintenance",
        fault_from_ms=over.asked_ms,
        opened_ms=now_ms,
        year=datetime.fromtimestamp(now_ms / 1000, SITE_ZONE).year,
        watched=False,
        text=f"巡检 {over.number} 未见：{zh} · inspection {over.number}: {en}{told}",
        data={"round": over.number, "reason": reason, "detail": errand.detail},
    )
