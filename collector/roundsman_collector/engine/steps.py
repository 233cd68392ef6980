"""What people do with tickets: a command -> is it allowed now? -> one commit with the step and the answer.

    take(engine, command, now_ms)        a step of core/lifecycle.py: acknowledge, dispatch, arrive, sign ... close
    report(engine, command, now_ms)      a fault that a person reports: by phone, QR label or API

A command says which version of the ticket its author saw (`seen`): who acts on an older one is told what happened
since, and nothing is done. A report of a fault that has a ticket already joins it and counts as a repeated
call: nobody is to call twice for one problem (S4-7).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from roundsman_collector.core import lifecycle
from roundsman_collector.core.level import ServiceLevel
from roundsman_collector.core.lifecycle import OVER, REPORTED, Refusal, Standing, Terms, Wish
from roundsman_collector.core.model import Condition
from roundsman_collector.core.parts import USUAL_RULE, ReplacementRule, verdict
from roundsman_collector.core.stock import along
from roundsman_collector.core.ticket_log import Event, happened_ms
from roundsman_collector.core.transfer import taken_along
from roundsman_collector.engine.desk import condition_of
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.tickets import SEVERITIES, SITE_ZONE, as_ticket
from roundsman_collector.store import batch as stored
from roundsman_collector.store.commands import CommandDone, CommandRow
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.tickets import TicketChange, TicketOpen, TicketRow, TicketStep

REPORT = "open"
USUAL_CLASS = "maintenance"
LEAVING = ("depart", "arrive")
"""Steps by which somebody has left."""


class StepRefused(StoreError):
    """A step that is not taken. `told` is what the person reads, in both languages."""

    def __init__(
        self, number: str, refused: Refusal, more: Mapping[str, Any] | None = None, what: str = "ticket"
    ) -> None:
        super().__init__(
            what=f"{what} {number}: {refused.en}",
            where=f"{what} {number}",
            do=f"look at the {what} as it stands now",
            cause="conflict",
        )
        self.told = {"cause": refused.cause, "zh": refused.zh, "en": refused.en, **(more or {})}


def take(engine: Engine, command: CommandRow, now_ms: int) -> None:
    """Take a step, or raise StepRefused."""
    ticket_id = int(command.args["ticket"])
    row, log = _ticket(engine, ticket_id)
    standing = lifecycle.standing_of(log)
    _same_version(row, log, standing, command.args.get("seen"))
    wish = Wish(
        verb=command.verb,
        now_ms=now_ms,
        who=command.who,
        text=str(command.args.get("text", "")),
        data=dict(command.args.get("data") or {}),
        may_overrule=command.args.get("may_overrule") is True,
    )
    refused = lifecycle.refusal(standing, wish, terms_of(engine, row, log, wish))
    if refused is None and wish.verb == "reopen":
        refused = _has_another(engine, row)
    if refused is not None:
        raise StepRefused(row.number, refused)
    changes = [_step(row, wish)] if wish.verb != "transfer" else _transfer(row, log, wish)
    holds = None
    if wish.verb == "reopen" and row.watched and row.outcome == lifecycle.BY_PERSON:
        holds = _held(engine, row)
        if holds is None:
            changes.append(TicketStep(ticket=row.id, at_ms=now_ms, verb="recover"))
    answer = CommandDone(command=command.id, ok=True, done_ms=now_ms, result={"ticket": ticket_id})
    done = engine.store.commit(stored.Batch(now_ms=now_ms, tickets=changes, commands_done=[answer]))
    if lifecycle.STEPS[wish.verb].to in OVER:
        _forget(engine, ticket_id, done.tickets[0].id if done.tickets else None)
    unit = None if holds is None else next((one for one in engine.units.values() if one.no == row.agent_no), None)
    if unit is not None and holds is not None:
        unit.tickets = (*unit.tickets, as_ticket(ticket_id, holds))


def _has_another(engine: Engine, row: TicketRow) -> Refusal | None:
    """A fault has one ticket that people work on."""
    other = engine.store.live_ticket(row.subject, row.code)
    if other is None or other.id == row.id:
        return None
    return Refusal(
        "other", f"该故障已有工单 {other.number}", f"the fault has ticket {other.number} by now: go on there"
    )


def _held(engine: Engine, row: TicketRow) -> Condition | None:
    """A ticket's fault, if it holds now."""
    found = engine.store.open_conditions([row.subject]).get(row.subject, [])
    held = (condition_of(one) for one in found if (one.component, one.code) == (row.component, row.code))
    return next(held, None)


def _forget(engine: Engine, ticket_id: int, instead: int | None) -> None:
    """A ticket is over, as far as the evidence is concerned; or another one stands for its fault."""
    for unit in engine.units.values():
        if any(one.id == ticket_id for one in unit.tickets):
            kept = tuple(one for one in unit.tickets if one.id != ticket_id)
            mine = (replace(one, id=instead) for one in unit.tickets if one.id == ticket_id and instead is not None)
            unit.tickets = (*kept, *mine)


def terms_of(engine: Engine, row: TicketRow, log: Sequence[Event], wish: Wish) -> Terms:
    """What the ticket's service level asks for; where nothing was promised, all that good work has."""
    level = engine.promises.level_of(row.level_id, wish.now_ms)
    blocked = _blocked(engine, row, level, wish) if wish.verb == "fix" else None
    if level is None:
        return Terms(blocked=blocked)
    return Terms(
        both_signatures=level.both_signatures,
        report=level.report,
        follow_up=level.follow_up,
        call_back=level.call_back_minutes > 0,
        delay_analysis=level.delay_analysis,
        loan_unit=level.loan_unit,
        consent=level.consent,
        arrival_promised=level.arrival_promised,
        examined_first=level.examined_first,
        sent_at_once=row.severity in level.sent_at_once,
        lacks_spare=level.spare_along and wish.verb in LEAVING and _lacks_spare(engine, row, log),
        take_away_agreed=level.take_away_agreed,
        transfer_agreed=level.transfer_agreed,
        hand_over_agreed=level.hand_over_agreed,
        review=level.review,
        blocked=blocked,
    )


def _blocked(engine: Engine, row: TicketRow, level: ServiceLevel | None, wish: Wish) -> Refusal | None:
    """Why this part is to be replaced instead of being repaired once more."""
    history = engine.store.history_of_part(row.id)
    if history is None:
        return None
    rule = USUAL_RULE
    if level is not None:
        rule = ReplacementRule(
            failed_repairs=level.replacement_after_repairs, days_without_spare=level.replacement_without_spare_days
        )
    said = verdict(history, wish.now_ms, rule)
    return Refusal("replace", said.why_zh, said.why_en) if said.is_blocked else None


def _lacks_spare(engine: Engine, row: TicketRow, log: Sequence[Event]) -> bool:
    """Whether the solution takes a spare along that nobody has kept or issued."""
    mode = lifecycle.standing_of(log).mode
    return along(row.service_class, mode, log, engine.store.spares_of(row.id)) in ("missing", "wanted")


def _same_version(row: TicketRow, log: Sequence[Event], standing: Standing, seen: object) -> None:
    if seen is None or seen == standing.version:
        return
    newer = next(one for one in reversed(log) if one.id == standing.version)
    step = lifecycle.STEPS[newer.verb]
    refused = Refusal(
        "newer",
        f"{newer.who} 刚刚{step.zh}，请查看后再操作",
        f"{newer.who} was faster ({step.en}): look at the ticket and decide again",
    )
    raise StepRefused(row.number, refused, {"version": standing.version})


def _step(row: TicketRow, wish: Wish) -> TicketStep:
    return TicketStep(
        ticket=row.id, at_ms=wish.now_ms, verb=wish.verb, who=wish.who, text=wish.text, data=dict(wish.data)
    )


def _transfer(row: TicketRow, log: Sequence[Event], wish: Wish) -> list[TicketChange]:
    """The old number ends, another goes on (原单号, 转入单号): the clocks run on from the first report, and what
    the old one knew and had goes along."""
    new = TicketOpen(
        subject=row.subject,
        agent_no=row.agent_no,
        component=row.component,
        code=row.code,
        severity=row.severity,
        service_class=row.service_class,
        fault_from_ms=row.fault_from_ms,
        opened_ms=wish.now_ms,
        opened_late=row.opened_late,
        source=row.source,
        watched=row.watched,
        year=_year(wish.now_ms),
        who=wish.who,
        text=wish.text,
        data={"source": row.source, "transferred_from": row.number, "at_ms": happened_ms(log[0])}
        | taken_along(log, wish.now_ms),
        ticket=-1,
    )
    over = [] if row.resolved_ms is None else [TicketStep(ticket=new.ticket, at_ms=wish.now_ms, verb="recover")]
    return [new, *over, replace(_step(row, wish), data={**wish.data, "to": new.ticket})]


def report(engine: Engine, command: CommandRow, now_ms: int) -> None:
    """Open a ticket for what a person reports, or let the report join the ticket that the fault has."""
    said = command.args
    subject, code = str(said["subject"]), str(said.get("code") or REPORTED)
    caller = {key: str(value) for key, value in dict(said.get("caller") or {}).items()}
    known = engine.store.live_ticket(subject, code) or _instead(engine, subject, said)
    if known is not None:
        step = TicketStep(
            ticket=known.id, at_ms=now_ms, verb="call", who=command.who, text=str(said.get("text", "")), data=caller
        )
        told = {"ticket": known.id, "number": known.number, "is_known": True}
        answer = CommandDone(command=command.id, ok=True, done_ms=now_ms, result=told)
        engine.store.commit(stored.Batch(now_ms=now_ms, tickets=[step], commands_done=[answer]))
        return
    new = _reported(engine, command, subject, code, caller, now_ms)
    answer = CommandDone(command=command.id, ok=True, done_ms=now_ms, opens=0)
    engine.store.commit(stored.Batch(now_ms=now_ms, tickets=[new], commands_done=[answer]))


def _instead(engine: Engine, subject: str, said: Mapping[str, Any]) -> TicketRow | None:
    """What takes a report of a subject that has as many live tickets from its source as it may (`at_most`)."""
    most = said.get("at_most")
    if most is None:
        return None
    live = engine.store.live_tickets_from(subject, str(said.get("source") or "phone"), int(most))
    return live[0] if len(live) == int(most) else None


def _reported(
    engine: Engine, command: CommandRow, subject: str, code: str, caller: Mapping[str, str], now_ms: int
) -> TicketOpen:
    said = command.args
    unit = next((one for one in engine.units.values() if subject in one.devices), None)
    rule = None if unit is None or code == REPORTED else engine.book.at(subject, now_ms).rule(code)
    usual = "major" if rule is None else SEVERITIES[rule.severity]
    happened = said.get("since_ms")
    return TicketOpen(
        subject=subject,
        agent_no=None if unit is None else unit.no,
        component=str(said.get("component") or "device"),
        code=code,
        severity=str(said.get("severity") or usual),
        service_class=str(said.get("service_class") or (USUAL_CLASS if rule is None else rule.service_class)),
        fault_from_ms=min(int(happened), now_ms) if happened is not None else now_ms,
        opened_ms=now_ms,
        year=_year(now_ms),
        source=str(said.get("source") or "phone"),
        watched=False,
        who=command.who,
        text=str(said.get("text", "")),
        data={"source": str(said.get("source") or "phone"), "caller": dict(caller), **_called(said)},
    )


def _called(said: Mapping[str, Any]) -> dict[str, Any]:
    """When the call came, where it was written down later than that, how urgent the customer calls it, and what they
    wish."""
    called_ms = said.get("called_ms")
    told = {key: str(said[key]) for key in ("customer_priority", "wish") if said.get(key)}
    return ({} if called_ms is None else {"at_ms": int(called_ms)}) | told


def _ticket(engine: Engine, ticket_id: int) -> tuple[TicketRow, list[Event]]:
    found = engine.store.ticket_with_log(ticket_id)
    if found is None:
        raise StoreError(
            what=f"there is no ticket {ticket_id}", where="ticket", do="look it up by its number", cause="conflict"
        )
    return found


def _year(now_ms: int) -> int:
    return datetime.fromtimestamp(now_ms / 1000, SITE_ZONE).year
