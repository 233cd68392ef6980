"""What forbids a step of a ticket: what people still have to say or do first. Pure.

    guard(standing, wish, terms) -> Refusal | None      None: it may be done

A guard's docstring completes the sentence "this step needs ..."; docs/tickets.md is made of them. What contracts differ
on is asked for by Terms, which a service level switches (core/level.py); lifecycle.STEPS says which step has which
guards.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from roundsman_collector.core.ticket_words import CALLED_BACK, DELAYS, ENDINGS, WAITING

BOTH_SIDES = frozenset({"customer", "service"})
"""Who signs a visit."""


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
    is_examined: bool = False
    """It was looked into from afar, or that could not be done: by readings, by phone, remotely."""
    is_handed_over: bool = False
    is_agreed: bool = False
    """The customer agrees with what was handed over, or with what came of it."""
    is_reviewed: bool = False


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
    arrival_promised: bool = False
    examined_first: bool = False
    sent_at_once: bool = False
    """The fault is so bad that somebody is sent while others work on it remotely."""
    lacks_spare: bool = False
    """The level asks for a spare along (core/stock.py), and none is kept for the ticket or was issued to it."""
    take_away_agreed: bool = False
    transfer_agreed: bool = False
    hand_over_agreed: bool = False
    review: bool = False
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


# --- what forbids a step ---------------------------------------------------------------------------------------------


def has_words(_: Standing, wish: Wish, __: Terms) -> Refusal | None:
    """words that say why, or what"""
    return None if wish.text.strip() else Refusal("no_words", "请写明原因或内容", "say why, or what, in words")


def in_order(standing: Standing, wish: Wish, _: Terms) -> Refusal | None:
    """a time, where one is given, that is not before the last step and not in the future"""
    said = wish.data.get("at_ms")
    if said is None:
        return None
    if said > wish.now_ms:
        return Refusal("future", "时间不能晚于现在", "a time in the future: give the one at which it happened")
    if said < standing.last_ms:
        return Refusal("before", "时间早于上一步", "a time before the last step: give a later one")
    return None


def names_engineer(_: Standing, wish: Wish, __: Terms) -> Refusal | None:
    """who goes"""
    return None if wish.data.get("engineer") else Refusal("no_engineer", "请选择工程师", "say who goes")


def promises_arrival(standing: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """where somebody will come, by when: the promised arrival, where the service level asks for it (S0-13)"""
    is_coming = wish.verb == "dispatch" or wish.data.get("reply") == "visit"
    if not terms.arrival_promised or not is_coming:
        return None
    if standing.arrival_ms is not None or wish.data.get("arrival_ms") is not None:
        return None
    return Refusal(
        "no_arrival", "须告知客户到达现场的时间", "tell the customer when somebody arrives: promise a time of arrival"
    )


def is_examined(standing: Standing, _: Wish, terms: Terms) -> Refusal | None:
    """a diagnosis by phone, remotely or from readings, where the service level asks for it: what monitoring found has
    its readings; a customer who wants no advice, or cannot be reached, gets a visit (S2-18, S1-63)"""
    if not terms.examined_first or terms.sent_at_once or standing.is_examined:
        return None
    return Refusal(
        "not_examined",
        "派单前须先电话或远程诊断，并记录结果",
        "look into it by phone or remotely first, and write down what came of it",
    )


def has_spare_along(standing: Standing, _: Wish, terms: Terms) -> Refusal | None:
    """the spare that the solution takes, kept for the ticket or issued to it, where the service level asks for it
    (人到货到, S4-4); who is on the way has left with what there was"""
    if not terms.lacks_spare or standing.state != "dispatched":
        return None
    return Refusal(
        "no_spare_along",
        "须带备件出发：请先为工单预留或领用备件",
        "the spare travels with the engineer: keep one for the ticket first, or have one issued",
    )


def sends_somebody(_: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """a visit, of a fault so bad that somebody goes at once while others work on it remotely, where the service level
    says so (S4-15)"""
    if not terms.sent_at_once or wish.data.get("mode") not in ("phone", "remote"):
        return None
    return Refusal(
        "send_at_once",
        "重大故障须立即派人赶赴现场，远程处理同时进行",
        "a fault this bad has somebody sent at once; remote work goes on beside it",
    )


def explains_delay(_: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """延时原因分析表: a reason and its analysis, where the service level asks for it (S0-15)"""
    if not terms.delay_analysis or (wish.data.get("reason") in DELAYS and str(wish.data.get("analysis", "")).strip()):
        return None
    return Refusal(
        "no_analysis",
        "未修复离场须填写延时原因分析表：原因与分析",
        "a visit that ends unfixed needs the delay analysis: a reason and its analysis",
    )


def may_be_repaired(standing: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """a part that may be repaired again: else it is replaced, or a manager overrules that (S1-43)"""
    why = terms.blocked
    if why is None or "replacement" in standing.overrides or wish.data.get("is_replaced") is True:
        return None
    return why._replace(zh=f"{why.zh}；如需维修请经理特批", en=f"{why.en}; a manager may overrule this with a reason")


def has_loan(standing: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """a loan unit that was lent before, where the service level asks for it (S0-6)"""
    if not terms.loan_unit or standing.loans or wish.data.get("loan"):
        return None
    return Refusal(
        "no_loan", "取回维修须先提供备机", "who takes something away brings a loan unit first: record the loan"
    )


def is_let_go(_: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """who on the customer's side lets it be taken along, where the service level asks for it (S1-45)"""
    if not terms.take_away_agreed or str(wish.data.get("agreed_by", "")).strip():
        return None
    return Refusal("not_agreed", "取回维修须经客户同意：请填写同意人", "taking it along needs consent: say who gave it")


def is_agreed_by_both(standing: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """who agrees on both sides, or both signatures, where the service level asks for them (S0-42)"""
    has_names = all(str(wish.data.get(name, "")).strip() for name in ("agreed_by", "approved_by"))
    if not terms.transfer_agreed or has_names or standing.signed >= BOTH_SIDES:
        return None
    return Refusal(
        "not_agreed", "转单须双方签字确认：请填写双方确认人", "a transfer is agreed on by both sides: say who agreed"
    )


def has_consent(standing: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """the customer's recorded consent, for what is done remotely (S4-14)"""
    if not terms.consent or standing.consents or wish.data.get("how") != "remote":
        return None
    return Refusal(
        "no_consent", "远程处理须先记录客户同意", "what is done remotely needs the customer's consent: record it first"
    )


def is_signed_by_customer(standing: Standing, _: Wish, terms: Terms) -> Refusal | None:
    """the customer's signature, where somebody came"""
    if not terms.both_signatures or not standing.visits or "customer" in standing.signed:
        return None
    return Refusal("unsigned", "客户尚未签字", "the customer has not signed yet")


def is_whole(standing: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """after a visit both signatures (S0-39), the service report and a follow-up (S3-16); after help by phone a call
    back (S1-15); of what was handed over the customer's word (S0-58); of what people worked on a review (S4-42); as far
    as the service level asks for them; and nothing still away, no loan unit still out"""
    missing = _is_done(standing, terms)
    if missing is None and terms.review and (standing.visits or standing.ending) and not standing.is_reviewed:
        return Refusal("no_review", "尚未审核", "nobody has reviewed it yet")
    return missing


def is_ready(standing: Standing, wish: Wish, terms: Terms) -> Refusal | None:
    """of what is accepted, all that closing needs beside the review"""
    return _is_done(standing, terms) if wish.data.get("accepted", True) else None


def _is_done(standing: Standing, terms: Terms) -> Refusal | None:
    """What of the work is still missing."""
    if standing.taken_away:
        return Refusal("away", "取回维修的部件尚未送回", "what was taken away has not come back")
    if standing.loans:
        return Refusal("lent", "备机尚未收回", "the loan unit is still out")
    if standing.visits:
        missing = sorted(BOTH_SIDES - standing.signed)
        if terms.both_signatures and missing:
            return Refusal("unsigned", "双方尚未全部签字", f"not signed by both sides: {', '.join(missing)}")
        if terms.report and not standing.is_reported:
            return Refusal("no_report", "尚未提交服务报告", "the service report has not been handed in")
        if terms.follow_up and not standing.is_followed_up:
            return Refusal("no_follow_up", "尚未回访", "nobody has followed up yet")
    elif terms.call_back and standing.ending in CALLED_BACK and not standing.is_followed_up:
        return Refusal("no_follow_up", "电话解决的须两小时后回访", "solved by phone: call the customer back first")
    if terms.hand_over_agreed and standing.is_handed_over and not standing.is_agreed:
        return Refusal(
            "not_agreed",
            "转交的工单须用户认可后关闭",
            "it was handed over: the customer has not agreed yet",
        )
    return None


def is_not_own(standing: Standing, wish: Wish, _: Terms) -> Refusal | None:
    """somebody else than who went"""
    is_own = bool(standing.engineer) and wish.who == standing.engineer
    return Refusal("own", "不能审核自己处理的工单", "somebody else reviews what you did") if is_own else None


def says_what_is_wrong(_: Standing, wish: Wish, __: Terms) -> Refusal | None:
    """words that say what is wrong, of what is sent back"""
    if wish.data.get("accepted", True) or wish.text.strip():
        return None
    return Refusal("no_words", "请写明退回原因", "say what is wrong with it")


def is_waiting(standing: Standing, _: Wish, __: Terms) -> Refusal | None:
    """a ticket that waits"""
    return None if standing.waiting else Refusal("not_waiting", "工单未处于等待", "the ticket does not wait")


def says_why(standing: Standing, wish: Wish, _: Terms) -> Refusal | None:
    """a reason, of a ticket that does not wait yet"""
    if standing.waiting:
        return Refusal("waits", "工单已在等待", "the ticket waits already: go on first")
    if wish.data.get("reason") not in WAITING:
        return Refusal("no_reason", "请选择等待原因", "choose why it waits")
    return None


def knows_how(_: Standing, wish: Wish, __: Terms) -> Refusal | None:
    """how it ended"""
    return None if wish.data.get("how", "other") in ENDINGS else Refusal("no_how", "请选择解决方式", "say how it ended")


def may_overrule(_: Standing, wish: Wish, __: Terms) -> Refusal | None:
    """the right to overrule"""
    return None if wish.may_overrule else Refusal("not_yours", "须由售后经理办理", "this is for a manager to do")


def is_own_loan(standing: Standing, wish: Wish, _: Terms) -> Refusal | None:
    """a loan of this ticket that runs"""
    return (
        None if wish.data.get("loan") in standing.loans else Refusal("no_loan", "没有这台备机", "no such loan is out")
    )


def was_taken(standing: Standing, wish: Wish, _: Terms) -> Refusal | None:
    """a component that was taken away"""
    is_away = wish.data.get("component") in standing.taken_away
    return None if is_away else Refusal("not_away", "该部件未被取回", "this component was not taken away")
