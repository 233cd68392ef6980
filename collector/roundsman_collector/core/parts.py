"""What is built into devices: who pays for it, and when it must be replaced instead of repaired once more. Pure.

    warranty_of(own, is_consumable, contract) -> Warranty(until, by)       of one part
    restarted(on, months, contract) -> date | None                          of the part that takes its place
    charge(cause, phase, covered=..., exclusion=...) -> Charge              what of a repair is free, and what is not
    has_free_labour(contract, day) -> bool | None                           免费上门: labour has a warranty of its own
    verdict(history, now_ms, rule) -> Verdict                               may it be repaired once more?

    contract   accepted |------- warranty -------|--- maintenance ---|
    part                |------------------------|                       without a date of its own: the contract's
    replaced                          x |------------------------|       it starts anew, and never ends earlier
    labour              |------------------------------------|           where the contract has a date for it

A day is a local day of the site; `until` is the last day, included (core/contract.py). What nobody wrote down is None:
not known, which is neither in nor out of warranty. Amounts of money are none of ours: a rate says by which list.
"""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, NamedTuple, get_args

from roundsman_collector.core.contract import Dates, Phase
from roundsman_collector.core.lifecycle import CAUSES

Cause = Literal["product", "workmanship", "misuse", "damage", "other"]
Exclusion = Literal["", "foreign_part", "unauthorised", "accident", "software", "force_majeure"]
Rate = Literal["free", "cost", "discount", "list", "decide"]
By = Literal["part", "contract", "consumable", "unknown"]
Rule = Literal["", "repaired", "no_spare"]

EXCLUSIONS: Mapping[str, tuple[str, str]] = {
    "foreign_part": ("非我方提供的附品", "something that we did not deliver"),
    "unauthorised": ("非授权人员安装、修理或拆改", "installed, repaired or altered by others"),
    "accident": ("意外或人为（含不合适的电压、进水、磕碰）", "an accident: wrong voltage, water, a knock"),
    "software": ("软件或病毒", "software of others, or a virus"),
    "force_majeure": ("不可抗力", "force majeure"),
}
"""What no warranty covers, whatever the date."""
RATES: Mapping[Rate, tuple[str, str]] = {
    "free": ("免费", "free"),
    "cost": ("按成本价", "at cost"),
    "discount": ("按优惠价", "at the discount price"),
    "list": ("按标准价", "at the list price"),
    "decide": ("待售后经理核定", "for the service manager to decide"),
}
# phase -> cause -> (labour, parts)
CHARGES: Mapping[Phase, Mapping[Cause, tuple[Rate, Rate]]] = {
    "before_acceptance": {
        "product": ("free", "free"),
        "workmanship": ("free", "free"),
        "misuse": ("free", "cost"),
        "damage": ("free", "cost"),
        "other": ("decide", "decide"),
    },
    "warranty": {
        "product": ("free", "free"),
        "workmanship": ("free", "free"),
        "misuse": ("free", "cost"),
        "damage": ("free", "cost"),
        "other": ("decide", "decide"),
    },
    "maintenance": dict.fromkeys(get_args(Cause), ("discount", "discount")),
    "expired": dict.fromkeys(get_args(Cause), ("list", "list")),
}
PARTS_RATES: tuple[Rate, ...] = ("list", "cost")
"""By which rate a contract lets parts go that no warranty covers: `expired` has the first."""
OURS: tuple[Cause, ...] = ("product", "workmanship")
"""Causes that a warranty stands for; a repair of anything else says nothing against the part."""
NO_PART = ("agent", "line", "uplink", "probe", "net", "web", "app", "tcp", "ping", "clock")
"""Components of readings that nobody can take out of a device and replace."""
COVERED = ("部件在保", "the part is under warranty")
NOT_COVERED = ("部件不在保", "the part is not under warranty")
LABOUR_FREE = ("免费上门期内", "labour on site is free still")
LABOUR_OVER = ("免费上门期已过", "labour on site is free no more")
LEAST_MONTHS = 12
"""No warranty is shorter, from the day of acceptance on."""
DAY_MS = 86_400_000


class Warranty(NamedTuple):
    """Until when a part is under warranty, the last day included, and by what. None: not known, or never."""

    until: date | None
    by: By

    def covers(self, day: date) -> bool | None:
        """Whether the part is under warranty on a day; None: nobody can say."""
        if self.by == "consumable":
            return False
        return None if self.until is None else day <= self.until


def warranty_of(own: date | None, is_consumable: bool, contract: Dates) -> Warranty:
    """The warranty of a part: its own, else the contract's. What is used up has none."""
    if is_consumable:
        return Warranty(None, "consumable")
    if own is not None:
        return Warranty(own, "part")
    if contract.warranty_until is not None:
        return Warranty(contract.warranty_until, "contract")
    return Warranty(None, "unknown")


def restarted(on: date, months: int | None, contract: Dates) -> date | None:
    """The last day of the warranty of a part that was built in as a replacement on a day; None: not known.

    It lasts `months`, or as long as the contract gave the first one; never shorter than what the contract still gives.
    """
    length = months if months is not None else _months_of(contract)
    if length is None:
        return contract.warranty_until
    anew = last_day(on, length)
    return anew if contract.warranty_until is None else max(anew, contract.warranty_until)


def last_day(on: date, months: int) -> date:
    """The last of so many months that begin on a day: 2026-11-22 and 12 months, 2027-11-21."""
    return _later(on, months) - timedelta(days=1)


def falls_short(contract: Dates) -> bool:
    """Whether a contract gives less than a year of warranty from acceptance on: it was written down wrong."""
    if contract.accepted_on is None or contract.warranty_until is None:
        return False
    return contract.warranty_until < last_day(contract.accepted_on, LEAST_MONTHS)


def _months_of(contract: Dates) -> int | None:
    """The whole months of a contract's warranty; None where a date is missing or it is shorter than one."""
    if contract.accepted_on is None or contract.warranty_until is None:
        return None
    months = 0
    while last_day(contract.accepted_on, months + 1) <= contract.warranty_until:
        months += 1
    return months or None


def _later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


# --- who pays --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Charge:
    """By which rates a repair is charged, and why. `is_new_due`: the customer may ask for a new device instead."""

    labour: Rate
    parts: Rate
    is_new_due: bool
    why_zh: str
    why_en: str


def has_free_labour(contract: Dates, day: date) -> bool | None:
    """Whether labour on site is free on a day by a date of its own; None: it goes by the contract's phase."""
    return None if contract.labour_until is None else day <= contract.labour_until


def charge(
    cause: Cause,
    phase: Phase,
    *,
    covered: bool | None = None,
    exclusion: Exclusion = "",
    free_labour: bool | None = None,
    parts_rate: Rate = "list",
) -> Charge:
    """What of a repair is chargeable: by its cause, the contract's phase on the day of the report, and the part.

    covered      whether the part itself is under warranty then (Warranty.covers); None: it goes by the contract
    free_labour  whether labour on site is free then (has_free_labour); None: it goes by the contract
    parts_rate   by which rate parts go that no warranty covers: PARTS_RATES
    """
    is_under_warranty = phase in ("before_acceptance", "warranty")
    labour, parts = CHARGES[phase][cause]
    beyond: tuple[Rate, Rate] = ("discount", "discount") if phase == "maintenance" else ("list", parts_rate)
    if phase == "expired":
        parts = parts_rate
    if exclusion and (is_under_warranty or covered or free_labour):
        labour, parts = beyond
    else:
        labour = _labour(cause, labour, is_under_warranty, free_labour)
        parts = _parts(cause, parts, is_under_warranty, covered, parts_rate)
    reasons = (
        CAUSES[cause],
        *((EXCLUSIONS[exclusion],) if exclusion else ()),
        *_words(covered, COVERED, NOT_COVERED),
        *_words(free_labour, LABOUR_FREE, LABOUR_OVER),
    )
    return Charge(
        labour=labour,
        parts=parts,
        is_new_due=is_under_warranty and cause in OURS and not exclusion and covered is not False,
        why_zh="；".join(zh for zh, _ in reasons),
        why_en="; ".join(en for _, en in reasons),
    )


def _labour(cause: Cause, usual: Rate, is_under_warranty: bool, free_labour: bool | None) -> Rate:
    """As within the warranty, as long as labour has one of its own; afterwards by the list."""
    if free_labour:
        return CHARGES["warranty"][cause][0]
    return "list" if free_labour is False and is_under_warranty and usual == "free" else usual


def _parts(cause: Cause, usual: Rate, is_under_warranty: bool, covered: bool | None, parts_rate: Rate) -> Rate:
    if covered is True and cause in OURS:
        return "free"
    return parts_rate if covered is False and is_under_warranty and usual == "free" else usual


def _words(known: bool | None, yes: tuple[str, str], no: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    if known is None:
        return ()
    return (yes if known else no,)


# --- replace instead of repair ---------------------------------------------------------------------------------------


class Repair(NamedTuple):
    """A repair of the same part that did not last: the number of its ticket, when, and what had caused the fault."""

    ticket: str
    at_ms: int
    cause: str


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What is known of a part when somebody wants to call it repaired.

    reported_ms  when the fault was reported, on the ticket of now
    bought_ms    when the device was accepted or first installed, whichever is later; None: not known
    repairs      earlier repairs of this very part, since it was built in
    lacking_ms   since when the ticket waits, or waited, for a spare; None: it never did
    is_replaced  the part, or the whole device, was replaced since the report
    """

    component: str
    reported_ms: int
    bought_ms: int | None
    repairs: tuple[Repair, ...] = ()
    lacking_ms: int | None = None
    is_replaced: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplacementRule:
    """When a part is replaced: after so many failed repairs, or so many days without a spare, in the first year; 0: no
    such rule."""

    failed_repairs: int = 2
    days_without_spare: int = 30
    within_days: int | None = 365


USUAL_RULE = ReplacementRule()


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether one more repair is blocked in favour of a replacement, why, and by which tickets that is shown."""

    is_blocked: bool
    rule: Rule = ""
    why_zh: str = ""
    why_en: str = ""
    evidence: tuple[str, ...] = ()


FREE = Verdict(is_blocked=False)


def verdict(history: History, now_ms: int, rule: ReplacementRule = USUAL_RULE) -> Verdict:
    """Whether a part may be called repaired once more; whoever may overrule gives a reason and goes on all the same.

    Where nobody knows when the device was bought, nobody can say that its first year is over: the rule holds.
    """
    if history.is_replaced or is_no_part(history.component) or not _is_within(history, rule):
        return FREE
    failed = tuple(one for one in history.repairs if one.cause in OURS)
    if 0 < rule.failed_repairs <= len(failed):
        return Verdict(
            is_blocked=True,
            rule="repaired",
            why_zh=f"同一部件已修复 {len(failed)} 次仍再次故障，应更换同型号同规格部件",
            why_en=f"this part was repaired {len(failed)} times and failed again: replace it by one of the same model",
            evidence=tuple(dict.fromkeys(one.ticket for one in failed)),
        )
    days = (now_ms - history.reported_ms) // DAY_MS
    if history.lacking_ms is not None and 0 < rule.days_without_spare <= days:
        return Verdict(
            is_blocked=True,
            rule="no_spare",
            why_zh=f"报修已 {days} 天，因缺备件未修复，应更换同型号同规格商品",
            why_en=f"reported {days} days ago and not repaired for want of a spare: replace it by the same model",
        )
    return FREE


def is_no_part(component: str) -> bool:
    """Whether a component of readings is nothing that can be replaced."""
    return component.partition("[")[0] in NO_PART


def _is_within(history: History, rule: ReplacementRule) -> bool:
    if rule.within_days is None or history.bought_ms is None:
        return True
    return history.reported_ms - history.bought_ms < rule.within_days * DAY_MS
