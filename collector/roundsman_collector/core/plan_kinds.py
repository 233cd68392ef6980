"""Kinds of plans: what is promised again and again, how often, and by when, as the core reads it. Pure.

    PlanKind(id="kiosk-phone", mode="phone", cycle=CYCLES["month"], window=Window(days=3), report=Report(day=3), ...)

Written as YAML (rules/plans/*.yaml) or in the console, read by rules/plans, and named by plans; what a plan of a kind
asks for, core/plans.py tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from roundsman_collector.core.contract import Phase
from roundsman_collector.core.level import Week
from roundsman_collector.core.periods import Cycle

Mode = Literal["remote", "phone", "visit", "call", "report", "desk"]
Per = Literal["site", "contract", "company"]
Anchor = Literal["calendar", "installed", "accepted"]

MODES: Mapping[Mode, tuple[str, str]] = {
    "remote": ("远程巡检", "remote inspection"),
    "phone": ("电话巡检", "inspection by phone"),
    "visit": ("现场巡检", "inspection on site"),
    "call": ("电话回访", "follow-up call"),
    "report": ("报告", "report"),
    "desk": ("内务", "desk work"),
}
"""How the work is done. A `report` is done when its paper is issued."""
PERS: Mapping[Per, tuple[str, str]] = {
    "site": ("每个站点", "for each site"),
    "contract": ("每份合同", "for each contract"),
    "company": ("全公司", "for the company"),
}
ANCHORS: Mapping[Anchor, tuple[str, str]] = {
    "calendar": ("自然周期", "as the calendar has them"),
    "installed": ("自安装日起", "from the day of installation"),
    "accepted": ("自验收日起", "from the day of acceptance"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """In which days of its period the work is to be done.

    days           so many; without `day` they are counted from the day the work begins
    day, month     from this day of that month of the period (of a week: the weekday); for `days` of them ...
    give_or_take   ... or that day, so many days sooner or later
    """

    days: int | None = None
    day: int | None = None
    month: int = 1
    give_or_take: int = 0

    @property
    def is_from_begin(self) -> bool:
        """Whether it is counted from the day the work begins."""
        return self.day is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """By when the report is due: a day of the next period, or working days after the work (the period) ended.

    day, month     of the next period; `is_inclusive`: that day is still in time, else the day before is the last
    working_days   or so many after the day the work ended
    danger_days    in danger when only so many working days are left, the last among them
    """

    day: int | None = None
    month: int = 1
    is_inclusive: bool = False
    working_days: int | None = None
    danger_days: int = 2


class After(NamedTuple):
    """Follows each task of another kind: due so many working days after the day that one ended."""

    kind: str
    working_days: int


FOLLOW_UP = "follow-up"
"""The part of a visit in which the customer is asked how things are."""


class Part(NamedTuple):
    """A part of the work."""

    id: str
    zh: str
    en: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanKind:
    """A kind of plan: what rules/plans says of each field holds here too.

    cycle, after     how often; or after each task of another kind: one of the two
    mode, also_by    how the work is done; other modes that do as well
    paper            the kind of report that is handed in; of mode `report`, that is the work
    phases           of the contract in which it counts; none named: in all
    free_a_year      so many visits of a year are free; None: nobody counts
    week             what its working days are
    """

    id: str
    zh: str
    en: str
    mode: Mode
    also_by: frozenset[Mode] = frozenset()
    per: Per = "site"
    cycle: Cycle | None = None
    after: After | None = None
    counted_from: Anchor = "calendar"
    window: Window | None = None
    paper: str = ""
    report: Report | None = None
    agreement: bool = False
    acceptance: bool = False
    phases: frozenset[Phase] = frozenset()
    free_a_year: int | None = None
    least_days: int = 1
    coming_days: int = 7
    danger_days: int = 3
    week: Week
    parts: tuple[Part, ...] = ()
    source: str = ""

    @property
    def follows_up(self) -> bool:
        """Whether the customer is asked how things are (回访): by a call, or as a part of a visit (S0-53)."""
        return self.mode == "call" or any(one.id == FOLLOW_UP for one in self.parts)

    @property
    def owes_report(self) -> bool:
        """Whether a report is handed in about the work, beside it."""
        return bool(self.paper) and self.mode != "report"
