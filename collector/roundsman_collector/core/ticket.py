"""What becomes of automatic tickets: `reconcile(change, tickets, book, settling, is_dirty) -> actions`. Pure.

    a condition holds, no ticket                     open    (evidence: its first and confirming record)
    it holds since another time than the ticket says amend   (late evidence)
    it is over                                       resolve recovered; while the unit is dirty, once it is rebuilt
    late evidence says it never was                  void
    a silence is over, its backlog is on the way     amend   and wait
    a silence is over and settled                    resolve communication | off | agent_stopped | unknown
    a silence proves to have been none               resolve communication: the agent worked, the line did not

A condition that came and went before anybody knew opens nothing: replayed history pages nobody (law 3).
"""

from collections.abc import Iterable

from roundsman_collector.core.model import Action, Change, Condition, Ticket
from roundsman_collector.core.policy import SILENT
from roundsman_collector.core.rulebook import Rulebook

OUTCOME_OF_SILENCE = {"off": "off", "starting": "off", "agent_stopped": "agent_stopped"}
COMMUNICATION = "communication"
WAITING = "back; waiting for the backlog to tell what happened meanwhile"


def reconcile(
    change: Change, tickets: Iterable[Ticket], book: Rulebook, settling: bool, is_dirty: bool
) -> list[Action]:
    """The actions `change` calls for, given the open tickets of its unit.

    settling: records of the unit are still missing or not rebuilt, so what a silence was cannot be said yet.
    is_dirty: late evidence waits for a rebuild, minutes at most, that may date the end of a fault otherwise.
    """
    whole = dict(change.whole)
    told: dict[tuple[str, str, str], list[Condition]] = {}
    for condition in change.conditions:
        told.setdefault((condition.subject, condition.component, condition.code), []).append(condition)
    actions = []
    ticketed = set()
    for ticket in tickets:
        key = (ticket.subject, ticket.component, ticket.code)
        ticketed.add(key)
        about = _about(ticket, told.get(key, []))
        is_whole = ticket.subject in whole and whole[ticket.subject] <= ticket.fault_from_ms
        if about is not None or is_whole:
            action = _judge(ticket, about, settling, is_dirty)
            if action is not None:
                actions.append(action)
    for key, conditions in told.items():
        standing = [c for c in conditions if c.to_ms is None]
        if standing and key not in ticketed and opens_ticket(standing[-1], book):
            actions.append(Action(verb="open", ticket=None, condition=standing[-1]))
    return actions


def opens_ticket(condition: Condition, book: Rulebook) -> bool:
    """Whether a fault is one that opens a ticket, by the rules under which it was confirmed (or goes on)."""
    rule = book.at(condition.subject, max(condition.from_ms, condition.confirmed.t)).rule(condition.code)
    return rule is not None and rule.ticket


def _about(ticket: Ticket, conditions: list[Condition]) -> Condition | None:
    """The condition a ticket speaks of: the latest that reaches to or beyond the time it was dated."""
    reaching = [c for c in conditions if c.to_ms is None or c.to_ms > ticket.fault_from_ms]
    return max(reaching, key=lambda c: c.from_ms, default=None)


def _judge(ticket: Ticket, about: Condition | None, settling: bool, is_dirty: bool) -> Action | None:
    if ticket.code == SILENT:
        return _judge_silence(ticket, about, settling)
    if about is None:
        return Action(
            verb="void", ticket=ticket.id, condition=None, text="late evidence shows that the fault never was"
        )
    if about.to_ms is not None:
        return None if is_dirty else Action(verb="resolve", ticket=ticket.id, condition=about, outcome="recovered")
    if about.since_ms != ticket.fault_from_ms:
        return Action(
            verb="amend", ticket=ticket.id, condition=about, text="late evidence moved the start of the fault"
        )
    return None


def _judge_silence(ticket: Ticket, about: Condition | None, settling: bool) -> Action | None:
    if about is not None and about.to_ms is None:
        return None
    if settling:
        return Action(verb="amend", ticket=ticket.id, condition=about, text=WAITING)
    if about is None:
        text = "the backlog shows that the agent worked; the line was broken"
        return Action(verb="resolve", ticket=ticket.id, condition=None, outcome=COMMUNICATION, text=text)
    outcome = OUTCOME_OF_SILENCE.get(about.cause, "unknown")
    return Action(verb="resolve", ticket=ticket.id, condition=about, outcome=outcome)
