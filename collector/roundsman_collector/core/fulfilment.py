"""What fulfils a task: the round that is its work, the report that it owes; how many visits of a year are free. Pure.

fulfils(task, round)                          whether a finished round is the work of a task
reports(task, report)                         whether an issued report is the one that it owes
free_count(kind, counted_from, visits, day)   how many of a year's free visits are used
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from roundsman_collector.core.periods import CYCLES, Period, periods
from roundsman_collector.core.plan_kinds import Mode, PlanKind
from roundsman_collector.core.tasks import STEPS, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundSeen:
    """A round, as far as it decides whose work it is. `task`: for which it was begun; None: for none in particular.

    done_ms    when it was finished; None: it runs
    reached    how many devices answered it
    """

    id: str
    site: str
    mode: Mode
    asked_ms: int
    done_ms: int | None
    reached: int = 0
    task: int | None = None


PAPERS: Mapping[str, str] = {
    "inspection": "site_inspection",
    "upkeep": "cctv_quarter",
    "monthly-file": "monthly_file",
}
"""Which kind of report is the paper that a kind of plan asks for, where the two have not the same name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportSeen:
    """A report that was issued: of which kind, for which site (empty: all of the plan), about which days."""

    id: str
    kind: str
    site: str
    first_day: date
    last_day: date
    issued_ms: int
    task: int | None = None


def fulfils(task: Task, done: RoundSeen) -> bool:
    """Whether a finished round is the work of a task: the one it was begun for, or one whose window it was begun in.

    A remote round that reached nothing has seen nothing, and is nobody's work.
    """
    if done.done_ms is None or done.site != task.due.site or not _may_be_done(task):
        return False
    if done.mode != task.kind.mode and done.mode not in task.kind.also_by:
        return False
    if done.mode == "remote" and not done.reached:
        return False
    if done.task is not None:
        return done.task == task.id
    return task.due.opens_ms <= done.asked_ms < task.due.due_ms


def _may_be_done(task: Task) -> bool:
    state = task.standing.state
    return state in STEPS["fulfil"].from_ and not (task.kind.agreement and state == "planned")


def reports(task: Task, issued: ReportSeen) -> bool:
    """Whether an issued report is the one that a task owes: of what was done, or as its work itself (mode `report`)."""
    if task.kind.mode == "report":
        is_owed = _may_be_done(task)
    else:
        is_owed = task.standing.state == "done" and task.kind.owes_report
    if not is_owed or task.due.is_expected or issued.kind != PAPERS.get(task.kind.paper, task.kind.paper):
        return False
    if issued.task is not None:
        return issued.task == task.id
    covers = issued.first_day <= task.due.first_day and task.due.last_day <= issued.last_day
    return covers and issued.site == task.due.site


# --- free visits -----------------------------------------------------------------------------------------------------


class FreeCount(NamedTuple):
    """How many visits of a year are free, and were used."""

    year: Period
    free: int
    used: int

    @property
    def left(self) -> int:
        """How many are left."""
        return max(0, self.free - self.used)

    @property
    def is_next_charged(self) -> bool:
        """Whether one more is chargeable."""
        return not self.left


def free_count(kind: PlanKind, counted_from: date | None, visits: Iterable[date], day: date) -> FreeCount | None:
    """The free visits of the year that a day lies in, given the days of all visits; None: nobody counts them.

    `counted_from`: core.plans.anchor_of(), for years that are counted from a day.
    """
    if kind.free_a_year is None or (counted_from is not None and day < counted_from):
        return None
    (year,) = periods(CYCLES["year"], day, day, counted_from)
    used = sum(year.first_day <= visit <= year.last_day for visit in visits)
    return FreeCount(year, kind.free_a_year, used)
