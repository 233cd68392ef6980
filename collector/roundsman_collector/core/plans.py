"""What a contract promises to do again and again (计划): its kinds, the sites they are for, and when each is due. Pure.

    tasks_between(plan, kind, from_day, to_day, workdays) -> (Due, ...)   a Due per site and period (巡检任务)
    workdays_by(kind.week, "Asia/Shanghai", versions) -> Workdays          its working days, by the calendar's versions
    settled(due, kind, workdays, begun_on, ended_on) -> Due               its days, once it began or ended
    danger_on(due, kind, workdays) · report_danger_on(...)                from when on it can hardly be in time
    life(plan, kind, place) · unplanned(plan, kind)                       the days on which it counts; why it does not

A kind of plan is data (rules/plans/*.yaml); a plan says where it counts and from when to when. Each period of a site's
life under the plan asks for one task:

    period        |------------------- 2026-Q4 -------------------|--- 2027-Q1
    covered              |------------------------------------|            of it: plan, site, phase, anchor
    task                 opens_on                        due_on   report_due_on
    window of 15 days             begun |---- 15 days ---|

Days are the site's local days and belong, first and last, to what they bound: `due_on` is the last day in time, and
`due_ms` the midnight that ends it, the first instant that is late. 次月3号之前 is due on the 2nd; `by: 3` is the 3rd.

* A task belongs to the days `[from_day, to_day)` in which the first day lies that it covers of its period: whatever
  else is changed, it is asked for once.
* A window of so many days is counted from the day the work begins, which itself is not counted (as 民法典 第二百零一条
  counts); or it lies on days of the calendar, `day: 5` or around the 10th. It ends with the period in any case.
* What is cut off at the ends (a site that joins or leaves, a plan that ends, a phase) makes a period shorter. Where
  nothing of the window is left, or fewer days than `least_days`, the period asks for nothing.
* A report about a period, whose work it is itself (mode `report`), opens when the period is over.
* A kind that follows another (`after`) is due so many working days after each task of that one ended. Until it has, its
  days are expected: those of a task that ends on its last day.
* A day that is not known claims nothing: without the day of installation no half-year is counted from it. unplanned()
  tells.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

from roundsman_collector.core.calendar import DAY_MINUTES, instant, zone
from roundsman_collector.core.contract import Dates, Phase, phase
from roundsman_collector.core.hours import calendar_of
from roundsman_collector.core.intervals import Intervals, intersect, normal, total
from roundsman_collector.core.level import Week
from roundsman_collector.core.periods import (
    FIRST,
    LAST,
    ONE_DAY,
    Cycle,
    Period,
    Workdays,
    day_in,
    nth_workday,
    periods,
    workdays_back,
    workdays_of,
)
from roundsman_collector.core.plan_kinds import After, Anchor, PlanKind, Report
from roundsman_collector.core.sla import Version
from roundsman_collector.core.timetable import Timetable

Missing = Literal["installed_on", "accepted_on", "contract_dates"]

MISSING: Mapping[Missing, tuple[str, str]] = {
    "installed_on": ("缺安装日期", "the day of installation is not known"),
    "accepted_on": ("缺验收日期", "the day of acceptance is not known"),
    "contract_dates": ("缺合同日期", "the contract has no dates, so its phase is not known"),
}


class PlanError(ValueError):
    """A plan that cannot be one."""


# --- plans -----------------------------------------------------------------------------------------------------------


class Span(NamedTuple):
    """Days from the first to the last; None: open at that end."""

    first_day: date | None = None
    last_day: date | None = None


ALWAYS = (Span(),)
NO_DATES = Dates()


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a plan counts, and what of it decides the days. `site` is empty for a plan per contract or company.

    stays          when the plan's contract covers the site; one that left and came back has two
    installed_on   the day of its installation; `dates`: those of its contract
    """

    site: str
    time_zone: str
    stays: tuple[Span, ...] = ALWAYS
    installed_on: date | None = None
    dates: Dates = NO_DATES

    def __post_init__(self) -> None:
        zone(self.time_zone)
        for stay in self.stays:
            _check(f"stay of {self.site or 'the plan'}", stay)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A plan of a kind, from its first to its last day (None: it goes on), at these places."""

    id: str
    first_day: date
    last_day: date | None = None
    places: tuple[Place, ...]

    def __post_init__(self) -> None:
        _check(f"plan {self.id}", Span(self.first_day, self.last_day))
        sites = [place.site for place in self.places]
        if len(set(sites)) != len(sites):
            twice = next(site for site in sites if sites.count(site) > 1)
            raise PlanError(f"plan {self.id}: site {twice!r} stands twice; expected each once, with all its stays")


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A task as its plan asks for it: the period, what is covered of it, and by when.

    opens_on        the first day on which the work counts
    due_on          the last day in time; `report_due_on` that of the report, None: there is none
    is_expected     the task it follows has not ended: its days are not settled, and nobody can be late
    """

    plan: str
    kind: str
    site: str
    time_zone: str
    period: Period
    first_day: date
    last_day: date
    opens_on: date
    due_on: date
    report_due_on: date | None = None
    is_expected: bool = False

    @property
    def opens_ms(self) -> int:
        """The instant at which its first day begins."""
        return day_begins_ms(self.opens_on, self.time_zone)

    @property
    def due_ms(self) -> int:
        """The instant at which its last day ends: the first that is late."""
        return day_ends_ms(self.due_on, self.time_zone)

    @property
    def report_due_ms(self) -> int | None:
        """The same of the report."""
        return None if self.report_due_on is None else day_ends_ms(self.report_due_on, self.time_zone)


class Unplanned(NamedTuple):
    """A place for which nothing can be planned, and what is missing."""

    site: str
    missing: Missing


def day_begins_ms(day: date, time_zone: str) -> int:
    """The instant at which a local day begins, however the clock is set at that hour."""
    return instant(day, 0, zone(time_zone))


def day_ends_ms(day: date, time_zone: str) -> int:
    """The instant at which it has ended."""
    return instant(day, DAY_MINUTES, zone(time_zone))


def _check(where: str, span: Span) -> None:
    for name, day in zip(Span._fields, span, strict=True):
        if day is not None and not FIRST <= day <= LAST:
            raise PlanError(f"{where}: {name} {day}; expected a day from {FIRST} to {LAST}")
    if span.first_day is not None and span.last_day is not None and span.last_day < span.first_day:
        raise PlanError(f"{where}: last_day {span.last_day} lies before first_day {span.first_day}")


# --- life ------------------------------------------------------------------------------------------------------------


def life(plan: Plan, kind: PlanKind, place: Place) -> tuple[Span, ...]:
    """The days on which a plan of this kind counts at a place, in order; none where something is missing."""
    return tuple(Span(date.fromordinal(begin), date.fromordinal(end - 1)) for begin, end in _days(plan, kind, place))


def unplanned(plan: Plan, kind: PlanKind) -> tuple[Unplanned, ...]:
    """The places for which nothing can be planned because something is not known."""
    found = ((place.site, _missing(kind, place)) for place in plan.places)
    return tuple(Unplanned(site, missing) for site, missing in found if missing is not None)


def _missing(kind: PlanKind, place: Place) -> Missing | None:
    if kind.counted_from == "installed" and place.installed_on is None:
        return "installed_on"
    if kind.counted_from == "accepted" and place.dates.accepted_on is None:
        return "accepted_on"
    return "contract_dates" if kind.phases and not place.dates.has_phase else None


def anchor_of(kind: PlanKind, place: Place) -> date | None:
    """The day that periods are counted from; None: as the calendar has them."""
    days: Mapping[Anchor, date | None] = {"installed": place.installed_on, "accepted": place.dates.accepted_on}
    return days.get(kind.counted_from)


def _days(plan: Plan, kind: PlanKind, place: Place) -> Intervals:
    """As half-open intervals of ordinals."""
    if _missing(kind, place) is not None:
        return ()
    whole = _ordinals(Span(plan.first_day, plan.last_day))
    anchored = _ordinals(Span(anchor_of(kind, place)))
    found = intersect(intersect(normal(map(_ordinals, place.stays)), (whole,)), (anchored,))
    return intersect(found, _phase_days(place.dates, kind.phases)) if kind.phases else found


def _ordinals(span: Span) -> tuple[int, int]:
    begin = max(span.first_day or FIRST, FIRST).toordinal()
    return begin, max(begin, (span.last_day or LAST).toordinal() + 1)


def _phase_days(dates: Dates, phases: frozenset[Phase]) -> Intervals:
    """The days on which a contract is in one of these phases: a phase changes on few days."""
    firsts = [dates.accepted_on, *(day and day + ONE_DAY for day in (dates.warranty_until, dates.maintenance_until))]
    edges = sorted({FIRST, LAST + ONE_DAY, *(day for day in firsts if day is not None and FIRST < day <= LAST)})
    return normal(
        (first.toordinal(), end.toordinal()) for first, end in pairwise(edges) if phase(dates, first) in phases
    )


# --- tasks -----------------------------------------------------------------------------------------------------------


def tasks_between(
    plan: Plan,
    kind: PlanKind,
    from_day: date,
    to_day: date,
    workdays: Workdays,
    led: Iterable[tuple[Due, date | None]] = (),
) -> tuple[Due, ...]:
    """What a plan asks for in the periods of which it covers the first day in ``[from_day, to_day)``.

    led    of a kind that follows another: the tasks of that one as they stand (settled), each with the local day it
           ended on, None while it has not; without those that were cancelled
    """
    if kind.after is not None:
        found = _following(plan, kind, kind.after, workdays, led)
    elif kind.cycle is not None:
        found = _recurring(plan, kind, kind.cycle, from_day, to_day, workdays)
    else:
        raise PlanError(f"kind {kind.id}: expected a cycle, or another kind that it follows")
    return tuple(sorted((one for one in found if from_day <= one.first_day < to_day), key=_order))


def workdays_by(week: Week, time_zone: str, versions: Sequence[Version] = ()) -> Workdays:
    """What the working days of a kind are in a time zone, given the versions of the calendar that its week names.

    A calendar of days that is not given has none, like `none`.
    """
    told = versions or (Version(0, {}),)
    times = Timetable((one.from_ms, calendar_of(week.hours, time_zone, one.days)) for one in told)
    return workdays_of(times, time_zone)


def _order(due: Due) -> tuple[date, str, str]:
    return due.first_day, due.site, due.period.id


def _recurring(
    plan: Plan, kind: PlanKind, cycle: Cycle, from_day: date, to_day: date, workdays: Workdays
) -> Iterator[Due]:
    for place in plan.places:
        days = _days(plan, kind, place)
        if not days:
            continue
        first = max(from_day, date.fromordinal(days[0][0]))
        last = min(to_day, date.fromordinal(days[-1][1])) - ONE_DAY
        for period in periods(cycle, first, last, anchor_of(kind, place)):
            covered = intersect(days, ((period.first_day.toordinal(), period.last_day.toordinal() + 1),))
            if covered and total(covered) >= kind.least_days:
                due = _due(plan, kind, cycle, place, period, covered, workdays)
                if due is not None:
                    yield due


def _due(
    plan: Plan, kind: PlanKind, cycle: Cycle, place: Place, period: Period, covered: Intervals, workdays: Workdays
) -> Due | None:
    """The task of a period; None: nothing is left of its window."""
    first_day, last_day = date.fromordinal(covered[0][0]), date.fromordinal(covered[-1][1] - 1)
    opens_on, due_on = first_day, last_day
    window = kind.window
    if window is not None and window.day is not None:
        at = day_in(cycle, period.first_day, month=window.month, day=window.day)
        end = at + timedelta(days=window.give_or_take if window.days is None else window.days - 1)
        opens_on = max(opens_on, at - timedelta(days=window.give_or_take))
        due_on = min(due_on, end)
        if opens_on > due_on:
            return None
    report_due_on = _report_due_on(kind.report, cycle, period, due_on, workdays)
    if kind.mode == "report" and report_due_on is not None:
        opens_on, due_on, report_due_on = min(last_day + ONE_DAY, report_due_on), report_due_on, None
    return Due(
        plan=plan.id,
        kind=kind.id,
        site=place.site,
        time_zone=place.time_zone,
        period=period,
        first_day=first_day,
        last_day=last_day,
        opens_on=opens_on,
        due_on=due_on,
        report_due_on=report_due_on,
    )


def _report_due_on(
    report: Report | None, cycle: Cycle, period: Period, ended_on: date, workdays: Workdays
) -> date | None:
    if report is None:
        return None
    if report.working_days is not None:
        return nth_workday(ended_on, report.working_days, workdays)
    assert report.day is not None  # rules/plans refuses a report without either
    named = day_in(cycle, period.last_day + ONE_DAY, month=report.month, day=report.day)
    return named if report.is_inclusive else named - ONE_DAY


def _following(
    plan: Plan, kind: PlanKind, after: After, workdays: Workdays, led: Iterable[tuple[Due, date | None]]
) -> Iterator[Due]:
    places = {place.site: _days(plan, kind, place) for place in plan.places}
    for lead, ended_on in led:
        covered = (lead.first_day.toordinal(), lead.last_day.toordinal() + 1)
        if lead.kind != after.kind or not intersect(places.get(lead.site, ()), (covered,)):
            continue
        opens_on = ended_on or lead.due_on
        yield replace(
            lead,
            plan=plan.id,
            kind=kind.id,
            opens_on=opens_on,
            due_on=nth_workday(opens_on, after.working_days, workdays),
            report_due_on=None,
            is_expected=ended_on is None,
        )


def settled(
    due: Due, kind: PlanKind, workdays: Workdays, begun_on: date | None = None, ended_on: date | None = None
) -> Due:
    """The days of a task that began or ended: its window is counted from the one, its report from the other."""
    due_on, report_due_on = due.due_on, due.report_due_on
    window, report = kind.window, kind.report
    if begun_on is not None and window is not None and window.is_from_begin and window.days is not None:
        due_on = min(due_on, max(begun_on, due.opens_on) + timedelta(days=window.days))
    if ended_on is not None and report_due_on is not None and report is not None and report.working_days is not None:
        report_due_on = nth_workday(ended_on, report.working_days, workdays)
    return replace(due, due_on=due_on, report_due_on=report_due_on)


def danger_on(due: Due, kind: PlanKind, workdays: Workdays, is_begun: bool = False) -> date:
    """The day from which on the work is in danger: so many working days are left for it, that day among them.

    Of work that has not begun, the days of its window have to fit in as well.
    """
    last = due.due_on
    window = kind.window
    if not is_begun and window is not None and window.is_from_begin and window.days is not None:
        last -= timedelta(days=window.days)
    return workdays_back(last, kind.danger_days, workdays, due.opens_on)


def report_danger_on(due: Due, kind: PlanKind, workdays: Workdays) -> date | None:
    """The same of its report; None: there is none."""
    if kind.report is None or due.report_due_on is None:
        return None
    return workdays_back(due.report_due_on, kind.report.danger_days, workdays, due.opens_on)
