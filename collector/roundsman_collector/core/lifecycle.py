"""How a ticket lives, from report to signature: a table of steps, a fold over its log, what forbids a step. Pure.

    STEPS                                   the table: who may take which step in which states, and where it leads
    standing_of(log) -> Standing            how a ticket stands after its log
    after(standing, event) -> Standing      ... after one more line
    refusal(standing, wish, terms)          why a person may not take a step now; None: they may

Two things are kept apart: how far people have got (`state`), and what the evidence says of the fault (`fault_is_over`).
A fault that is over ends a ticket that nobody was sent for; where somebody was sent it proves the repair:

    open -> acknowledged -> planned -> dispatched -> departed -> on_site -> fixed -> verified -> confirmed
      \\___________________/   ^_________ leave: not mended __________/                            v
            resolved (nobody had to come) ------------------------------------> followed_up -> closed

Any state that is not over may end as void, merged (its cause has a ticket) or transferred (转单: another goes on).
`docs/tickets.md` has the drawing, made from the table. The words stand in ticket_words.py, what forbids a step in
step_guards.py; whoever uses them takes them from here.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from roundsman_collector.core import step_guards as guard
from roundsman_collector.core.step_guards import Guard, Refusal, Standing, Terms, Wish
from roundsman_collector.core.ticket_log import ROBOT, Event, happened_ms
from roundsman_collector.core.ticket_words import (
    ANY,
    ASKED,
    BY_PERSON,
    CALLED_BACK,
    CAUSES,
    CONTACTS,
    DELAYS,
    ENDINGS,
    EXAMINATIONS,
    LIVE,
    MENDED,
    MODES,
    NOT_SEEN,
    OVER,
    OWN_FAULTS,
    REPORTED,
    SENT,
    SERVICES,
    STATES,
    TO_MEND,
    TRIED,
    UNSENT,
    WAITING,
)

__all__ = [
    "ANY",
    "ASKED",
    "BY_PERSON",
    "CALLED_BACK",
    "CAUSES",
    "CONTACTS",
    "DELAYS",
    "ENDINGS",
    "EXAMINATIONS",
    "LIVE",
    "MENDED",
    "MODES",
    "NOT_SEEN",
    "OVER",
    "OWN_FAULTS",
    "REPORTED",
    "SENT",
    "SERVICES",
    "STATES",
    "STEPS",
    "TO_MEND",
    "TRIED",
    "UNSENT",
    "WAITING",
    "Guard",
    "Refusal",
    "Standing",
    "Step",
    "Terms",
    "Wish",
    "after",
    "is_persons",
    "offered",
    "refusal",
    "standing_of",
]


class Step(NamedTuple):
    """A row of the table. `to` None: the state stays. `is_persons`: people take it, by command."""

    zh: str
    en: str
    from_: tuple[str, ...]
    to: str | None = None
    guards: tuple[Guard, ...] = ()
    is_persons: bool = True
    right: Literal["act", "overrule"] = "act"


# --- the table -------------------------------------------------------------------------------------------------------

STEPS: Mapping[str, Step] = {
    # of people, in the order of a ticket's life
    "acknowledge": Step("受理", "acknowledge", ("open", "acknowledged"), "acknowledged", (guard.promises_arrival,)),
    "examine": Step("远程诊断", "diagnose from afar", (*UNSENT, "dispatched", "departed"), None, (guard.has_words,)),
    "plan": Step("确定方案", "name the solution", UNSENT, "planned", (guard.sends_somebody,)),
    "dispatch": Step(
        "派单",
        "dispatch",
        (*UNSENT, "dispatched"),
        "dispatched",
        (guard.names_engineer, guard.is_examined, guard.promises_arrival),
    ),
    "depart": Step("出发", "depart", ("dispatched",), "departed", (guard.in_order, guard.has_spare_along)),
    "arrive": Step("到场", "arrive", ("dispatched", "departed"), "on_site", (guard.in_order, guard.has_spare_along)),
    "leave": Step("未修复离场", "leave unfixed", ("on_site",), "planned", (guard.in_order, guard.explains_delay)),
    "fix": Step("修复", "fix", ("on_site",), "fixed", (guard.in_order, guard.may_be_repaired)),
    "resolve": Step(
        "无需上门解决",
        "resolve without a visit",
        (*UNSENT, "dispatched", "departed"),
        "resolved",
        (guard.knows_how, guard.has_consent),
    ),
    "verify": Step("验证", "verify", ("fixed",), "verified", (guard.has_words,)),
    "confirm": Step(
        "客户确认", "the customer confirms", ("fixed", "verified"), "confirmed", (guard.is_signed_by_customer,)
    ),
    "report": Step("提交服务报告", "hand in the report", (*MENDED,)),
    "follow_up": Step("回访", "follow up", ("verified", "confirmed", "resolved", "followed_up"), "followed_up"),
    "review": Step(
        "审核",
        "review",
        ("confirmed", "followed_up", "resolved"),
        None,
        (guard.may_overrule, guard.is_not_own, guard.says_what_is_wrong, guard.is_ready),
        right="overrule",
    ),
    "close": Step("关闭", "close", ("confirmed", "followed_up", "resolved"), "closed", (guard.is_whole,)),
    "reopen": Step("重新打开", "reopen", (*MENDED, "resolved"), "acknowledged", (guard.has_words,)),
    "transfer": Step("转单", "transfer", TO_MEND, "transferred", (guard.has_words, guard.is_agreed_by_both)),
    "void": Step("作废", "void", (*LIVE, "resolved"), "void", (guard.may_overrule, guard.has_words), right="overrule"),
    "wait": Step("等待", "wait", TO_MEND, None, (guard.in_order, guard.says_why)),
    "resume": Step("继续", "go on", TO_MEND, None, (guard.in_order, guard.is_waiting)),
    "appoint": Step("预约", "make an appointment", TO_MEND),
    "part": Step("使用备件", "use a part", ("on_site", "fixed", "verified")),
    "take_away": Step("取回维修", "take away", ("on_site",), None, (guard.has_loan, guard.is_let_go)),
    "bring_back": Step("送回", "bring back", LIVE, None, (guard.was_taken,)),
    "loan": Step("提供备机", "lend a unit", TO_MEND),
    "loan_back": Step("收回备机", "take the loan unit back", LIVE, None, (guard.is_own_loan,)),
    "sign": Step("签字", "sign", ("on_site", *MENDED)),
    "attach": Step("附件", "attach", ANY),
    "consent": Step("客户同意", "the customer consents", LIVE),
    "check": Step("核实", "check the report", TO_MEND),
    "contact": Step("联系客户", "contact the customer", (*LIVE, "resolved")),
    "call": Step("再次来电", "the customer called again", ANY),
    "hand_over": Step("转交", "hand over", LIVE, None, (guard.has_words,)),
    "priority": Step("客户优先级", "the customer's priority", LIVE),
    "override": Step("特批", "overrule", LIVE, None, (guard.may_overrule, guard.has_words), right="overrule"),
    "note": Step("备注", "note", ANY, None, (guard.has_words,)),
    # of the engine
    "open": Step("报修", "open", ("",), "open", is_persons=False),
    "promise": Step("承诺", "promise", ANY, is_persons=False),
    "amend": Step("修订", "amend", (*LIVE, "resolved"), is_persons=False),
    "recover": Step("故障消失", "the fault is over", LIVE, is_persons=False),
    "recur": Step("再次出现", "it came back", (*LIVE, "resolved"), is_persons=False),
    "merge": Step("并入", "merge", UNSENT, "merged", is_persons=False),
    "join": Step("归入", "join", ANY, is_persons=False),
    "release": Step("另开", "release", ANY, is_persons=False),
    "warn": Step("预警", "warn", ANY, is_persons=False),
    "breach": Step("超时", "breach", ANY, is_persons=False),
    "call_back": Step("回访时间到", "time to call back", ("resolved",), is_persons=False),
    "doubt": Step("读数不符", "the readings disagree", ("fixed",), is_persons=False),
}


def is_persons(verb: str) -> bool:
    """Whether people take this step."""
    return verb in STEPS and STEPS[verb].is_persons


def offered(state: str) -> tuple[str, ...]:
    """The steps of people that lead on from a state, in the table's order; what forbids them is not looked at."""
    return tuple(verb for verb, step in STEPS.items() if step.is_persons and state in step.from_)


def refusal(standing: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """Why a person may not take a step now, or None."""
    step = STEPS.get(wish.verb)
    if step is None or not step.is_persons:
        return Refusal("no_step", "没有这一步", f"there is no step {wish.verb!r}")
    if standing.state not in step.from_:
        zh, en = STATES.get(standing.state, ("", "not there"))
        return Refusal("state", f"工单{zh}，不能{step.zh}", f"it is {en}: {step.en} works on {_states(step.from_)}")
    return next((why for needed in step.guards if (why := needed(standing, wish, terms)) is not None), None)


def _states(names: Collection[str]) -> str:
    return ", ".join(STATES[name][1] for name in names)


# --- the fold --------------------------------------------------------------------------------------------------------


def standing_of(log: Iterable[Event]) -> Standing:
    """How a ticket stands after its log, which is in the order of its ids."""
    standing = Standing()
    for event in log:
        standing = after(standing, event)
    return standing


def after(standing: Standing, event: Event) -> Standing:
    """How a ticket stands after one more line. Lines that were allowed once are never refused here."""
    step = STEPS.get(event.verb)
    state = standing.state if step is None or step.to is None else step.to
    if event.verb == "follow_up" and standing.state == "resolved" and not event.data.get("reached", True):
        state = standing.state
    is_moved = state != standing.state or (step is not None and step.is_persons and event.who != ROBOT)
    changed: dict[str, Any] = {"state": state, "version": event.id} if is_moved else {}
    if step is not None and step.to is not None:
        changed["last_ms"] = max(standing.last_ms, happened_ms(event))
    fold = _FOLDS.get(event.verb)
    if fold is not None:
        changed |= fold(standing, event)
    return replace(standing, **changed) if changed else standing


def _opened(_: Standing, event: Event) -> dict[str, Any]:
    """What goes on for another ticket starts with what that one had (transfer.py)."""
    said = event.data
    by_machines = said.get("source", "monitoring") == "monitoring"
    return {
        "is_examined": by_machines or said.get("is_examined") is True,
        "arrival_ms": said.get("arrival_ms"),
        "taken_away": frozenset(str(one["component"]) for one in said.get("taken_away", ())),
        "loans": frozenset(map(int, said.get("loans", ()))),
        "consents": int(said.get("consents", 0)),
        "overrides": frozenset(map(str, said.get("overrides", ()))),
        "calls": int(said.get("calls", 0)),
    }


def _acknowledged(standing: Standing, event: Event) -> dict[str, Any]:
    said = event.data.get("arrival_ms")
    first = standing.acknowledged_ms
    return {
        "acknowledged_ms": event.at_ms if first is None else first,
        "arrival_ms": standing.arrival_ms if said is None else said,
    }


def _planned(standing: Standing, event: Event) -> dict[str, Any]:
    return {**_acknowledged(standing, event), "mode": str(event.data.get("mode", ""))}


def _dispatched(standing: Standing, event: Event) -> dict[str, Any]:
    return {**_acknowledged(standing, event), "engineer": str(event.data.get("engineer", ""))}


def _arrived(standing: Standing, event: Event) -> dict[str, Any]:
    return {"visits": standing.visits + 1, "waiting": "", "signed": frozenset()}


def _reopened(standing: Standing, event: Event) -> dict[str, Any]:
    is_known = standing.acknowledged_ms is not None
    return {
        "state": "acknowledged" if is_known else "open",
        "signed": frozenset(),
        "is_reported": False,
        "is_followed_up": False,
        "is_agreed": False,
        "is_reviewed": False,
        "fault_is_over": event.who != ROBOT and standing.fault_is_over,
        "ending": "",
    }


def _resolved(standing: Standing, event: Event) -> dict[str, Any]:
    how = str(event.data.get("how", ""))
    return {
        "ending": how,
        "fault_is_over": standing.fault_is_over or event.who == ROBOT,
        "is_examined": standing.is_examined or how in ("phone", "remote", "misuse"),
        "waiting": "",
    }


def _followed_up(standing: Standing, event: Event) -> dict[str, Any]:
    is_reached = bool(event.data.get("reached", True))
    is_content = is_reached and event.data.get("satisfied") is True
    return {"is_followed_up": is_reached, "is_agreed": standing.is_agreed or is_content}


def _reviewed(standing: Standing, event: Event) -> dict[str, Any]:
    """What is sent back is done again: after a visit the report, else the follow-up."""
    if event.data.get("accepted", True):
        return {"is_reviewed": True}
    again = "is_reported" if standing.visits else "is_followed_up"
    return {"is_reviewed": False, again: False}


_FOLDS: Mapping[str, Callable[[Standing, Event], dict[str, Any]]] = {
    "open": _opened,
    "amend": lambda standing, event: {"is_examined": standing.is_examined or event.who == ROBOT},
    "acknowledge": _acknowledged,
    "examine": lambda standing, event: {"is_examined": True},
    "contact": lambda standing, event: {
        "is_examined": standing.is_examined or event.data.get("outcome") in TRIED,
    },
    "plan": _planned,
    "dispatch": _dispatched,
    "appoint": lambda standing, event: {"arrival_ms": event.data.get("arrival_ms", standing.arrival_ms)},
    "arrive": _arrived,
    "leave": lambda standing, event: {"arrival_ms": event.data.get("next_visit_ms"), "mode": standing.mode},
    "fix": lambda standing, event: {"repairs": standing.repairs + 1, "waiting": ""},
    "resolve": _resolved,
    "recover": lambda standing, event: {"fault_is_over": True},
    "recur": lambda standing, event: {"fault_is_over": False},
    "verify": lambda standing, event: {"fault_is_over": standing.fault_is_over or event.who == ROBOT},
    "reopen": _reopened,
    "report": lambda standing, event: {"is_reported": True},
    "follow_up": _followed_up,
    "confirm": lambda standing, event: {"is_agreed": True},
    "review": _reviewed,
    "hand_over": lambda standing, event: {"is_handed_over": True, "is_agreed": bool(event.data.get("agreed_by"))},
    "wait": lambda standing, event: {"waiting": str(event.data.get("reason", "other"))},
    "resume": lambda standing, event: {"waiting": ""},
    "take_away": lambda standing, event: {"taken_away": standing.taken_away | {str(event.data.get("component", ""))}},
    "bring_back": lambda standing, event: {"taken_away": standing.taken_away - {str(event.data.get("component", ""))}},
    "loan": lambda standing, event: {"loans": standing.loans | {int(event.data["loan"])}},
    "loan_back": lambda standing, event: {"loans": standing.loans - {int(event.data["loan"])}},
    "sign": lambda standing, event: {"signed": standing.signed | {str(event.data.get("side", ""))}},
    "consent": lambda standing, event: {"consents": standing.consents + 1},
    "override": lambda standing, event: {"overrides": standing.overrides | {str(event.data.get("rule", ""))}},
    "call": lambda standing, event: {"calls": standing.calls + 1},
}
