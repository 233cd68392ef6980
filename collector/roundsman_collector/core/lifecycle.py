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
`docs/tickets.md` has the drawing, made from the table.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from roundsman_collector.core.ticket_log import ROBOT, Event, happened_ms

STATES: Mapping[str, tuple[str, str]] = {
    "open": ("已报修", "reported"),
    "acknowledged": ("已受理", "acknowledged"),
    "planned": ("方案已定", "solution named"),
    "dispatched": ("已派单", "dispatched"),
    "departed": ("已出发", "on the way"),
    "on_site": ("已到场", "on site"),
    "fixed": ("已修复", "fixed"),
    "verified": ("已验证", "verified by readings"),
    "confirmed": ("客户已确认", "confirmed by the customer"),
    "followed_up": ("已回访", "followed up"),
    "closed": ("已关闭", "closed"),
    "resolved": ("已恢复", "resolved without a visit"),
    "void": ("已作废", "void"),
    "merged": ("已并入", "merged"),
    "transferred": ("已转单", "transferred"),
}
TO_MEND = ("open", "acknowledged", "planned", "dispatched", "departed", "on_site")
"""The fault is still there, as far as people know."""
UNSENT = ("open", "acknowledged", "planned")
"""Nobody has been sent."""
MENDED = ("fixed", "verified", "confirmed", "followed_up")
"""Mended, and not yet closed."""
LIVE = (*TO_MEND, *MENDED)
"""Somebody has something to do."""
OVER = ("resolved", "closed", "void", "merged", "transferred")
ANY = tuple(STATES)
SENT = ("dispatched", "departed", "on_site")

WAITING: Mapping[str, tuple[str, str]] = {
    "customer_absent": ("用户不在", "the customer is not there"),
    "rescheduled": ("改约", "another appointment, agreed with the customer"),
    "customer_network": ("客户网络原因", "the customer's network"),
    "force_majeure": ("不可抗力", "force majeure"),
    "parts": ("待备件", "waiting for parts"),
    "other": ("其他", "another reason"),
}
"""Why a ticket waits. Which of them stop a clock, the service level says."""
DELAYS: Mapping[str, tuple[str, str]] = {
    "parts": ("缺备件", "a part was missing"),
    "skill": ("技术原因", "it takes another specialist"),
    "customer": ("客户原因", "on the customer's side"),
    "site": ("现场条件不具备", "the place did not allow it"),
    "diagnosis": ("需进一步判断", "it takes more looking into"),
    "other": ("其他", "another reason"),
}
"""Why a visit ended and it is not mended (延时原因)."""
CAUSES: Mapping[str, tuple[str, str]] = {
    "product": ("产品质量", "the product"),
    "workmanship": ("施工质量", "the installation"),
    "misuse": ("操作不当", "wrong use"),
    "damage": ("人为损坏", "damage done by people"),
    "other": ("其他", "something else"),
}
"""What had caused the fault: what a repair costs follows from it."""
MODES: Mapping[str, tuple[str, str]] = {
    "phone": ("电话支持", "by phone"),
    "remote": ("远程处理", "remotely"),
    "visit": ("现场维修", "on site"),
    "supply": ("送货", "by delivery"),
}
ENDINGS: Mapping[str, tuple[str, str]] = {
    "phone": ("电话解决", "solved by phone"),
    "remote": ("远程解决", "solved remotely"),
    "false_alarm": ("误报", "a false alarm"),
    "misuse": ("使用不当，已指导", "wrong use, explained"),
    "by_itself": ("自行恢复", "it went away by itself"),
    "other": ("其他", "otherwise"),
}
"""How a ticket ended without a visit."""
CALLED_BACK = ("phone", "false_alarm", "misuse")
"""Endings after which the customer is called back, with the readings of the time between (S1-15)."""
BY_PERSON = "by_person"
REPORTED = "reported"
"""The code of a fault that nobody could name yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a ticket stands. `version`: the id of the last line that a person, or a change of state, wrote."""

    state: str = ""
    version: int = 0
    engineer: str = ""
    waiting: str = ""
    acknowledged_ms: int | None = None
    arrival_ms: int | None = None
    """When somebody promised to come."""
    last_ms: int = 0
    """When the last step happened: none may be dated before it."""
    visits: int = 0
    fault_is_over: bool = False
    ending: str = ""
    mode: str = ""
    signed: frozenset[str] = frozenset()
    is_reported: bool = False
    """The service report was handed in."""
    is_followed_up: bool = False
    taken_away: frozenset[str] = frozenset()
    """Components that were taken to the workshop."""
    loans: frozenset[int] = frozenset()
    consents: int = 0
    overrides: frozenset[str] = frozenset()
    calls: int = 0
    repairs: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What the service level asks for (core/level.py), and what is known beside the log."""

    both_signatures: bool = True
    report: bool = True
    follow_up: bool = True
    call_back: bool = True
    delay_analysis: bool = True
    loan_unit: bool = True
    consent: bool = True
    blocked: "Refusal | None" = None
    """Why this part may not be repaired again (core/parts.py); None: it may."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A step that somebody wants to take at `now_ms`."""

    verb: str
    now_ms: int
    who: str
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    may_overrule: bool = False


class Refusal(NamedTuple):
    """Why not: a word, and what to do, in both languages."""

    cause: str
    zh: str
    en: str


Guard = Callable[[Standing, Wish, Terms], Refusal | None]


class Step(NamedTuple):
    """A row of the table. `to` None: the state stays. `is_persons`: people take it, by command."""

    zh: str
    en: str
    from_: tuple[str, ...]
    to: str | None = None
    guards: tuple[Guard, ...] = ()
    is_persons: bool = True
    right: Literal["act", "overrule"] = "act"


# --- what forbids a step ---------------------------------------------------------------------------------------------


def _has_words(_: Standing, wish: Wish, __: Terms) -> Refusal | None:
    """words that say why, or what"""
    return None if wish.text.strip() else Refusal("no_words", "请写明原因或内容", "say why, or what, in words")


def _in_order(standing: Standing, wish: Wish, _: Terms) -> Refusal | None:
    """a time, where one is given, that is not before the last step and not in the future"""
    said = wish.data.get("at_ms")
    if said is None:
        return None
    if said > wish.now_ms:
        return Refusal("future", "时间不能晚于现在", "a time in the future: give the one at which it happened")
    if said < standing.last_ms:
        return Refusal("before", "时间早于上一步", "a time before the last step: give a later one")
    return None


def _names_engineer(_: Standing, wish: Wish, __: Terms) -> Refusal | None:
    """who goes"""
    return None if wish.data.get("engineer") else Refusal("no_engineer", "请选择工程师", "say who goes")


def _explains_delay(_: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """延时原因分析表: a reason and its analysis, where the service level asks for it (S0-15)"""
    if not terms.delay_analysis or (wish.data.get("reason") in DELAYS and str(wish.data.get("analysis", "")).strip()):
        return None
    return Refusal(
        "no_analysis",
        "未修复离场须填写延时原因分析表：原因与分析",
        "a visit that ends unfixed needs the delay analysis: a reason and its analysis",
    )


def _may_be_repaired(standing: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """a part that may be repaired again: else it is replaced, or a manager overrules that (S1-43)"""
    why = terms.blocked
    if why is None or "replacement" in standing.overrides or wish.data.get("is_replaced") is True:
        return None
    return why._replace(zh=f"{why.zh}；如需维修请经理特批", en=f"{why.en}; a manager may overrule this with a reason")


def _has_loan(standing: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """a loan unit that was lent before, where the service level asks for it (S0-6)"""
    if not terms.loan_unit or standing.loans or wish.data.get("loan"):
        return None
    return Refusal(
        "no_loan", "取回维修须先提供备机", "who takes something away brings a loan unit first: record the loan"
    )


def _has_consent(standing: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """the customer's recorded consent, for what is done remotely (S4-14)"""
    if not terms.consent or standing.consents or wish.data.get("how") != "remote":
        return None
    return Refusal(
        "no_consent", "远程处理须先记录客户同意", "what is done remotely needs the customer's consent: record it first"
    )


def _is_signed_by_customer(standing: Standing, _: Wish, terms: Terms) -> Refusal | None:
    """the customer's signature, where somebody came"""
    if not terms.both_signatures or not standing.visits or "customer" in standing.signed:
        return None
    return Refusal("unsigned", "客户尚未签字", "the customer has not signed yet")


def _is_whole(standing: Standing, _: Wish, terms: Terms) -> Refusal | None:
    """after a visit both signatures (S0-39), the service report and a follow-up (S3-16), as far as the service level
    asks for them; after help by phone a call back (S1-15); and nothing still away, no loan unit still out"""
    if standing.taken_away:
        return Refusal("away", "取回维修的部件尚未送回", "what was taken away has not come back")
    if standing.loans:
        return Refusal("lent", "备机尚未收回", "the loan unit is still out")
    if standing.visits:
        missing = sorted({"customer", "service"} - standing.signed)
        if terms.both_signatures and missing:
            return Refusal("unsigned", "双方尚未全部签字", f"not signed by both sides: {', '.join(missing)}")
        if terms.report and not standing.is_reported:
            return Refusal("no_report", "尚未提交服务报告", "the service report has not been handed in")
        if terms.follow_up and not standing.is_followed_up:
            return Refusal("no_follow_up", "尚未回访", "nobody has followed up yet")
    elif terms.call_back and standing.ending in CALLED_BACK and not standing.is_followed_up:
        return Refusal("no_follow_up", "电话解决的须两小时后回访", "solved by phone: call the customer back first")
    return None


def _is_waiting(standing: Standing, _: Wish, __: Terms) -> Refusal | None:
    """a ticket that waits"""
    return None if standing.waiting else Refusal("not_waiting", "工单未处于等待", "the ticket does not wait")


def _says_why(standing: Standing, wish: Wish, _: Terms) -> Refusal | None:
    """a reason, of a ticket that does not wait yet"""
    if standing.waiting:
        return Refusal("waits", "工单已在等待", "the ticket waits already: go on first")
    if wish.data.get("reason") not in WAITING:
        return Refusal("no_reason", "请选择等待原因", "choose why it waits")
    return None


def _knows_how(_: Standing, wish: Wish, __: Terms) -> Refusal | None:
    """how it ended"""
    return None if wish.data.get("how", "other") in ENDINGS else Refusal("no_how", "请选择解决方式", "say how it ended")


def _may_overrule(_: Standing, wish: Wish, __: Terms) -> Refusal | None:
    """the right to overrule"""
    return None if wish.may_overrule else Refusal("not_yours", "须由售后经理办理", "this is for a manager to do")


def _is_own_loan(standing: Standing, wish: Wish, _: Terms) -> Refusal | None:
    """a loan of this ticket that runs"""
    return (
        None if wish.data.get("loan") in standing.loans else Refusal("no_loan", "没有这台备机", "no such loan is out")
    )


def _was_taken(standing: Standing, wish: Wish, _: Terms) -> Refusal | None:
    """a component that was taken away"""
    is_away = wish.data.get("component") in standing.taken_away
    return None if is_away else Refusal("not_away", "该部件未被取回", "this component was not taken away")


# --- the table -------------------------------------------------------------------------------------------------------

STEPS: Mapping[str, Step] = {
    # of people, in the order of a ticket's life
    "acknowledge": Step("受理", "acknowledge", ("open", "acknowledged"), "acknowledged"),
    "plan": Step("确定方案", "name the solution", UNSENT, "planned"),
    "dispatch": Step("派单", "dispatch", (*UNSENT, "dispatched"), "dispatched", (_names_engineer,)),
    "depart": Step("出发", "depart", ("dispatched",), "departed", (_in_order,)),
    "arrive": Step("到场", "arrive", ("dispatched", "departed"), "on_site", (_in_order,)),
    "leave": Step("未修复离场", "leave unfixed", ("on_site",), "planned", (_in_order, _explains_delay)),
    "fix": Step("修复", "fix", ("on_site",), "fixed", (_in_order, _may_be_repaired)),
    "resolve": Step("无需上门解决", "resolve without a visit", UNSENT, "resolved", (_knows_how, _has_consent)),
    "verify": Step("验证", "verify", ("fixed",), "verified", (_has_words,)),
    "confirm": Step("客户确认", "the customer confirms", ("fixed", "verified"), "confirmed", (_is_signed_by_customer,)),
    "report": Step("提交服务报告", "hand in the report", (*MENDED,)),
    "follow_up": Step("回访", "follow up", ("verified", "confirmed", "resolved", "followed_up"), "followed_up"),
    "close": Step("关闭", "close", ("confirmed", "followed_up", "resolved"), "closed", (_is_whole,)),
    "reopen": Step("重新打开", "reopen", (*MENDED, "resolved"), "acknowledged", (_has_words,)),
    "transfer": Step("转单", "transfer", TO_MEND, "transferred", (_has_words,)),
    "void": Step("作废", "void", (*LIVE, "resolved"), "void", (_may_overrule, _has_words), right="overrule"),
    "wait": Step("等待", "wait", TO_MEND, None, (_in_order, _says_why)),
    "resume": Step("继续", "go on", TO_MEND, None, (_in_order, _is_waiting)),
    "appoint": Step("预约", "make an appointment", TO_MEND),
    "part": Step("使用备件", "use a part", ("on_site", "fixed", "verified")),
    "take_away": Step("取回维修", "take away", ("on_site",), None, (_has_loan,)),
    "bring_back": Step("送回", "bring back", LIVE, None, (_was_taken,)),
    "loan": Step("提供备机", "lend a unit", TO_MEND),
    "loan_back": Step("收回备机", "take the loan unit back", LIVE, None, (_is_own_loan,)),
    "sign": Step("签字", "sign", ("on_site", *MENDED)),
    "attach": Step("附件", "attach", ANY),
    "consent": Step("客户同意", "the customer consents", LIVE),
    "call": Step("再次来电", "the customer called again", ANY),
    "hand_over": Step("转交", "hand over", LIVE, None, (_has_words,)),
    "priority": Step("客户优先级", "the customer's priority", LIVE),
    "override": Step("特批", "overrule", LIVE, None, (_may_overrule, _has_words), right="overrule"),
    "note": Step("备注", "note", ANY, None, (_has_words,)),
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
    return next((why for guard in step.guards if (why := guard(standing, wish, terms)) is not None), None)


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
    known = replace(standing, state=state, version=event.id if is_moved else standing.version)
    change = _FOLDS.get(event.verb)
    if change is not None:
        known = replace(known, **change(standing, event))
    if step is not None and step.to is not None:
        known = replace(known, last_ms=max(known.last_ms, happened_ms(event)))
    return known


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
        "fault_is_over": event.who != ROBOT and standing.fault_is_over,
        "ending": "",
    }


def _followed_up(_: Standing, event: Event) -> dict[str, Any]:
    return {"is_followed_up": bool(event.data.get("reached", True))}


_FOLDS: Mapping[str, Callable[[Standing, Event], dict[str, Any]]] = {
    "acknowledge": _acknowledged,
    "plan": _planned,
    "dispatch": _dispatched,
    "appoint": lambda standing, event: {"arrival_ms": event.data.get("arrival_ms", standing.arrival_ms)},
    "arrive": _arrived,
    "leave": lambda standing, event: {"arrival_ms": event.data.get("next_visit_ms"), "mode": standing.mode},
    "fix": lambda standing, event: {"repairs": standing.repairs + 1, "waiting": ""},
    "resolve": lambda standing, event: {
        "ending": str(event.data.get("how", "")),
        "fault_is_over": standing.fault_is_over or event.who == ROBOT,
        "waiting": "",
    },
    "recover": lambda standing, event: {"fault_is_over": True},
    "recur": lambda standing, event: {"fault_is_over": False},
    "verify": lambda standing, event: {"fault_is_over": standing.fault_is_over or event.who == ROBOT},
    "reopen": _reopened,
    "report": lambda standing, event: {"is_reported": True},
    "follow_up": _followed_up,
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
