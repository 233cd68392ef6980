"""Who goes: the people who could be sent for a ticket, in the order in which to ask them, each with reasons. Pure.

    suggest(facts, candidates, now_ms) -> (Suggested(candidate, reasons, warnings), ...), the first to ask first
    best(suggested)                    -> the first without a warning; None: a person has to choose
    skill_warnings(facts, skills, now_ms)    what a dispatcher is told who sends somebody else

The order is the table RANKS: who is responsible for the place or site comes first, then the people of the service point
that covers it, who is on duty, who knows the kind of device, who is not at work elsewhere, who has the fewest tickets.
Whoever is off (倒休) comes last. A missing skill does not hide anybody: it is a warning, and whoever dispatches decides
(a service engineer with the right qualification is to go). Nothing here dispatches by itself.

A skill is for a kind of device, or for one kind of component of it (`printer` of a kiosk), and may end on a day. Where
nobody has any skill entered for a kind of device, nobody lacks it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from roundsman_collector.core.duty import ShiftKind

Code = Literal[
    "place_engineer",
    "site_engineer",
    "point",
    "primary",
    "backup",
    "skilled",
    "idle",
    "loaded",
    "at_work",
    "off",
    "no_skill",
    "skill_over",
]
WARNINGS: frozenset[Code] = frozenset({"off", "no_skill", "skill_over"})
WORDS: Mapping[Code, tuple[str, str]] = {
    "place_engineer": ("点位负责工程师", "responsible for the place"),
    "site_engineer": ("站点负责工程师", "responsible for the site"),
    "point": ("所属网点 {what} 覆盖该站点", "of service point {what}, which covers the site"),
    "primary": ("当前主班", "on duty now"),
    "backup": ("当前备班", "on backup duty now"),
    "skilled": ("具备{what}维修技能", "skilled for {what}"),
    "idle": ("手上没有工单", "has no ticket now"),
    "loaded": ("手上有 {what} 张工单", "has {what} tickets now"),
    "at_work": ("正在处理工单 {what}", "is out for ticket {what}"),
    "off": ("当前倒休", "is off now"),
    "no_skill": ("未登记{what}维修技能", "has no skill for {what}"),
    "skill_over": ("{what}维修资格已过期", "the qualification for {what} is over"),
}


class Reason(NamedTuple):
    """Why somebody stands where they stand; `what` fills the words: a point, a kind of device, a number."""

    code: Code
    what: str = ""

    def told(self, language: Literal["zh", "en"], what: str | None = None) -> str:
        """In words; `what`: how to say it, if not as it is."""
        return WORDS[self.code][language != "zh"].format(what=self.what if what is None else what)


@dataclass(frozen=True, kw_only=True, slots=True)
class Skill:
    """What somebody can mend: a kind of device, of which `component` (empty: all of it), up to when (None: no end)."""

    kind: str
    component: str = ""
    until_ms: int | None = None

    def is_for(self, kind: str, component: str) -> bool:
        """Whether it is about this kind of device and component."""
        return self.kind == kind and self.component in ("", component)

    def holds_at(self, at_ms: int) -> bool:
        """Whether the qualification has not ended."""
        return self.until_ms is None or at_ms < self.until_ms


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a ticket is about, as far as it matters for who goes.

    kind             of the device; empty where none is known yet
    component        `printer`, `disk[/]`; empty: the whole device
    points           service points that cover the site
    asks_for_skill   whether anybody has a skill entered for this kind of device
    """

    subject: str
    kind: str = ""
    component: str = ""
    group: str = ""
    customer: str = ""
    site: str = ""
    place: str = ""
    zone: str = ""
    place_engineer: str = ""
    site_engineer: str = ""
    points: frozenset[str] = frozenset()
    asks_for_skill: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """Somebody who may be sent.

    duty     now, in the rota of the group or of a point that covers the site; None: none
    is_off   has a day off now
    load     tickets they are dispatched to and have not finished
    visit    the number of the ticket that they are on the way to, or at; empty: none
    """

    login: str
    name: str
    role: str
    point: str = ""
    duty: ShiftKind | None = None
    is_off: bool = False
    skills: tuple[Skill, ...] = ()
    load: int = 0
    visit: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggested:
    """A candidate and why they stand where they stand: what speaks for them, and what to think of before."""

    candidate: Candidate
    reasons: tuple[Reason, ...]
    warnings: tuple[Reason, ...]


RANKS: tuple[tuple[str, Callable[[frozenset[str], Candidate], int]], ...] = (
    ("off", lambda codes, one: "off" in codes),
    ("responsible", lambda codes, one: _first(codes, "place_engineer", "site_engineer")),
    ("service point", lambda codes, one: _first(codes, "point")),
    ("duty", lambda codes, one: _first(codes, "primary", "backup")),
    ("skill", lambda codes, one: bool(codes & {"no_skill", "skill_over"})),
    ("engineers before others", lambda codes, one: one.role != "engineer"),
    ("at work elsewhere", lambda codes, one: "at_work" in codes),
    ("load", lambda codes, one: one.load),
)
"""By what candidates are put in order, the first that tells them apart; the smaller number comes first."""


def suggest(facts: Facts, candidates: Iterable[Candidate], now_ms: int) -> tuple[Suggested, ...]:
    """Everybody who could go, the first to ask first."""
    told = [_told(facts, one, now_ms) for one in candidates]
    return tuple(sorted(told, key=_rank))


def best(suggested: Sequence[Suggested]) -> Suggested | None:
    """The first whom nothing speaks against; None: nobody, or nobody whom anything speaks for."""
    for one in suggested:
        if not one.warnings and any(reason.code not in ("idle", "loaded", "at_work") for reason in one.reasons):
            return one
    return None


def skill_warnings(facts: Facts, skills: Iterable[Skill], now_ms: int) -> tuple[Reason, ...]:
    """What is missing of the skill that a ticket asks for; empty: nothing."""
    if not facts.kind or not facts.asks_for_skill:
        return ()
    mine = [one for one in skills if one.is_for(facts.kind, facts.component.partition("[")[0])]
    if not mine:
        return (Reason("no_skill", facts.kind),)
    return () if any(one.holds_at(now_ms) for one in mine) else (Reason("skill_over", facts.kind),)


def _told(facts: Facts, one: Candidate, now_ms: int) -> Suggested:
    reasons: list[Reason] = []
    if facts.place_engineer and one.login == facts.place_engineer:
        reasons.append(Reason("place_engineer"))
    elif facts.site_engineer and one.login == facts.site_engineer:
        reasons.append(Reason("site_engineer"))
    if one.point and one.point in facts.points:
        reasons.append(Reason("point", one.point))
    if one.duty in ("primary", "backup"):
        reasons.append(Reason(one.duty))
    lacking = skill_warnings(facts, one.skills, now_ms)
    if facts.kind and facts.asks_for_skill and not lacking:
        reasons.append(Reason("skilled", facts.kind))
    if one.visit:
        reasons.append(Reason("at_work", one.visit))
    reasons.append(Reason("loaded", str(one.load)) if one.load else Reason("idle"))
    warnings = ((Reason("off"),) if one.is_off else ()) + lacking
    return Suggested(candidate=one, reasons=tuple(reasons), warnings=warnings)


def _rank(one: Suggested) -> tuple[int | str, ...]:
    codes = frozenset[str](reason.code for reason in (*one.reasons, *one.warnings))
    return (*(int(rank(codes, one.candidate)) for _, rank in RANKS), one.candidate.login)


def _first(codes: frozenset[str], *wanted: Code) -> int:
    """The place of the first of these that holds; behind all where none does."""
    return next((at for at, code in enumerate(wanted) if code in codes), len(wanted))
