"""What a contract promises: a service level, its clocks and its rules, as the core reads them. Pure.

    level.row_of("arrive", facts) -> ClockRow | None     the row of a clock that counts for a ticket with these facts
    ties(rows) -> [(row, row)]                           rows of which nobody could say which one counts

A service level is written as YAML (rules/levels/*.yaml) or in the console, read by rules/levels, and named by
contracts. A ticket names the version that it was opened under, and keeps it.

A clock has one row, or several for different tickets: arrive in 4 h in town, in 6 h outside. A row says for whom it is
(`only`: zone, service class, severity, priority, mode, category); what it does not say, it takes as it comes. Of the
rows that fit, the one that says most counts. Two that say equally much and could fit the same ticket are refused.

A row's target is one of three:

    target_ms       so much working time of its calendar after its start; `promised_ms`: a stricter word beside it
    working_days    the close of the n-th working day after the day of its start, which itself is not counted
    neither         the appointment: the arrival that was promised last, while it still lay ahead
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

from roundsman_collector.core.lifecycle import WAITING

Kind = Literal["limit", "mean"]
Told = Literal["engineer", "dispatcher", "manager"]
At = Literal["50", "80", "promised", "breach"]

CLOCKS: Mapping[str, tuple[str, str]] = {
    "respond": ("响应", "reply"),
    "support": ("电话支持", "support by phone"),
    "solution": ("方案", "solution"),
    "depart": ("出发", "departure"),
    "arrive": ("到场", "arrival"),
    "appointment": ("按约到场", "appointment"),
    "repair": ("修复", "repair"),
    "mean_repair": ("平均修复", "mean repair"),
    "restore": ("业务恢复", "restoration"),
    "total": ("总时长", "total"),
    "loan": ("备机", "loan unit"),
    "rma": ("返修", "workshop"),
    "hand_over": ("转交处理", "handed over"),
    "forms": ("单据上交", "forms"),
    "follow_up": ("回访", "follow-up"),
}
"""Every clock, in the order in which people are shown them."""

MARKS: Mapping[str, tuple[str, str]] = {
    "reported": ("接到报修", "the report came"),
    "opened": ("登记", "it was entered"),
    "acknowledged": ("首次回复", "the first reply"),
    "promised": ("约定到场", "somebody promised to come"),
    "supported": ("电话支持结束", "support by phone ended: solved, or somebody comes"),
    "planned": ("方案明确", "the solution was named"),
    "visit_needed": ("确认需现场", "it was clear that somebody must come"),
    "dispatched": ("派单", "somebody was sent"),
    "departed": ("出发", "the engineer left"),
    "arrived": ("到场", "the engineer arrived"),
    "handed_over": ("转交", "it was handed over"),
    "taken_away": ("取回", "a part was taken to the workshop"),
    "brought_back": ("送回", "the part came back"),
    "restored": ("业务恢复", "the fault was over, by readings or by word"),
    "usable": ("可用", "it was mended, or a loan unit stands in"),
    "fixed": ("修复", "it was mended"),
    "verified": ("验证", "readings proved it"),
    "confirmed": ("客户确认", "the customer confirmed"),
    "forms_in": ("单据交齐", "the forms were handed in"),
    "followed_up": ("回访", "the customer was followed up"),
    "closed": ("关闭", "it was closed"),
}
"""What clocks run from and until; core/sla.py reads them off a ticket's log."""

FACTS: tuple[str, ...] = ("service_class", "severity", "zone", "priority", "mode", "category")
"""What a row may ask of a ticket."""
PAUSES: tuple[str, ...] = tuple(WAITING)
"""Reasons of waiting that a row may let its clock stop for."""
KINDS: tuple[Kind, ...] = get_args(Kind)
TOLD: tuple[Told, ...] = get_args(Told)
ATS: tuple[At, ...] = get_args(At)


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What decides which row counts. Empty: not known, and no row that asks for it fits."""

    time_zone: str = ""
    service_class: str = ""
    severity: str = ""
    zone: str = ""
    priority: str = ""
    mode: str = ""
    category: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Week:
    """Hours of work: as core/hours.py keeps them, and the calendar whose holidays and 调休 are laid over them."""

    hours: str
    holidays: str = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockRow:
    """What a clock promises to some tickets.

    from_, until    of MARKS
    calendar        a key of the level's calendars
    kind            limit: each ticket keeps it · mean: the mean of many does
    pauses          the reasons of waiting that stop it
    only            fact -> what it must be one of; a fact that is not named may be anything
    source          where it was promised: "S4-21"
    """

    clock: str
    from_: str
    until: str
    target_ms: int | None = None
    working_days: int | None = None
    promised_ms: int | None = None
    calendar: str
    kind: Kind = "limit"
    pauses: frozenset[str] = frozenset()
    only: Mapping[str, frozenset[str]]
    source: str = ""

    @property
    def is_appointment(self) -> bool:
        """Whether the target is the arrival that was promised."""
        return self.target_ms is None and self.working_days is None

    def fits(self, facts: Facts) -> bool:
        """Whether it is for a ticket with these facts."""
        for fact, wanted in self.only.items():  # noqa: SIM110 - a generator costs twice as much, for each new ticket
            if getattr(facts, fact) not in wanted:
                return False
        return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Escalation:
    """Who is told when a clock has got so far; of the clocks that are named, or of all."""

    at: At
    tell: tuple[Told, ...]
    clocks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceLevel:
    """A service level: what rules/levels/shape says of each field holds here too."""

    id: str
    zh: str
    en: str
    source: str = ""
    calendars: Mapping[str, Week]
    clocks: tuple[ClockRow, ...]
    escalation: tuple[Escalation, ...]
    auto_close: bool
    reopen_hours: int
    call_back_minutes: int
    both_signatures: bool
    report: bool
    follow_up: bool
    delay_analysis: bool
    loan_unit: bool
    consent: bool
    arrival_promised: bool
    examined_first: bool
    sent_at_once: tuple[str, ...]
    spare_along: bool
    take_away_agreed: bool
    transfer_agreed: bool
    hand_over_agreed: bool
    review: bool
    replacement_after_repairs: int
    replacement_without_spare_days: int
    forms: tuple[str, ...]

    def names(self) -> tuple[str, ...]:
        """Its clocks, in the order in which people are shown them."""
        there = {row.clock for row in self.clocks}
        return tuple(clock for clock in CLOCKS if clock in there)

    def row_of(self, clock: str, facts: Facts) -> ClockRow | None:
        """The row of a clock that counts for a ticket with these facts: of those that fit, the one that says most."""
        found: ClockRow | None = None
        for row in self.clocks:
            says_more = found is None or len(row.only) > len(found.only)
            if row.clock == clock and says_more and row.fits(facts):
                found = row
        return found

    def told(self, clock: str, at: At) -> tuple[Told, ...]:
        """Who is told when this clock has got so far, each once, in the order of the chain."""
        wanted = [one for one in self.escalation if one.at == at and (not one.clocks or clock in one.clocks)]
        return tuple(dict.fromkeys(who for one in wanted for who in one.tell))


def ties(rows: Iterable[ClockRow]) -> Iterator[tuple[ClockRow, ClockRow]]:
    """Pairs of rows of one clock that say equally much and could both be for one ticket."""
    for one, other in combinations(rows, 2):
        if one.clock == other.clock and len(one.only) == len(other.only):
            shared = one.only.keys() & other.only.keys()
            if all(one.only[fact] & other.only[fact] for fact in shared):
                yield one, other
