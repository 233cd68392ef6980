"""Periods that return: weeks, months, quarters, half-years, years, so many a year; and working days counted on. Pure.

    periods(cycle, first, last, counted_from=None)   every period that has a day of [first, last], in order
    period_named("2026-Q4")                          a period of the calendar by its name, and its cycle's word
    day_in(cycle, first_day, month=1, day=10)        the 10th of a period's first month
    nth_workday(day, 5, workdays)                    the fifth working day after a day, which itself is not counted
    workdays_back(day, 2, workdays, not_before)      from that day on two working days are left, itself among them
    workdays_of(timetable, "Asia/Shanghai")          whether a day is a working day, by the calendar of that morning

Days are local dates; a first and a last day both belong to their period. Periods are gapless: of one cycle, every day
lies in exactly one.

    of the calendar      2026-W48 (ISO: Monday to Sunday)   2026-12   2026-Q4   2026-H2   2026   2026#2 (second of it)
    counted from a day   named by the day they begin on: half-years from 2026-03-15 are 2026-03-15, 2026-09-15, ...

A year has parts of whole months: of five, the first ends with February. What is counted from a month's last day begins
on the last day of every month: 31 January, 28 February, 31 March.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import Literal, NamedTuple

from roundsman_collector.core.calendar import DAY_MINUTES, SEARCH_DAYS, NoWorkingTime, instant, zone
from roundsman_collector.core.timetable import Timetable

Workdays = Callable[[date], bool]
Word = Literal["week", "month", "quarter", "half_year", "year", "part"]

WEEK_DAYS = 7
MONTHS = 12
ONE_DAY = timedelta(days=1)
FIRST, LAST = date(1970, 1, 1), date(2199, 12, 31)
"""The days of which plans speak, as those of calendars (rules/calendars)."""


class Cycle(NamedTuple):
    """How often: so many periods in a year; 0: a week each."""

    word: Word
    a_year: int

    @property
    def months(self) -> int:
        """The months of the shortest of its periods; of weeks 0."""
        return MONTHS // self.a_year if self.a_year else 0


CYCLES: dict[str, Cycle] = {
    "week": Cycle("week", 0),
    "month": Cycle("month", 12),
    "quarter": Cycle("quarter", 4),
    "half_year": Cycle("half_year", 2),
    "year": Cycle("year", 1),
}
SHOWN: dict[str, tuple[str, str]] = {
    "week": ("每周", "every week"),
    "month": ("每月", "every month"),
    "quarter": ("每季度", "every quarter"),
    "half_year": ("每半年", "every half-year"),
    "year": ("每年", "every year"),
}


NAME = re.compile(r"([0-9]{4})(?:-(?:W([0-9]{2})|([0-9]{2})|Q([1-4])|H([12])))?")
"""The name of a week, month, quarter, half-year or year."""


class Period(NamedTuple):
    """A period: its name, and the days that belong to it."""

    id: str
    first_day: date
    last_day: date


def times_a_year(times: int) -> Cycle:
    """A year in so many parts."""
    return Cycle("part", times)


def periods(cycle: Cycle, first: date, last: date, counted_from: date | None = None) -> tuple[Period, ...]:
    """Every period that has a day of ``[first, last]``; of those counted from a day, none lies before it."""
    at = max(first, counted_from or first)
    found = []
    while at <= last:
        period = _holding(cycle, at, counted_from)
        found.append(period)
        at = period.last_day + ONE_DAY
    return tuple(found)


def period_named(name: str) -> tuple[str, Period] | None:
    """A period of the calendar by its name, with the word of CYCLES; None for what names none, 2026-13 for one."""
    said = NAME.fullmatch(name)
    if said is None:
        return None
    year, (week, month, quarter, half) = int(said[1]), said.groups()[1:]
    try:
        if week:
            word, day = "week", date.fromisocalendar(year, int(week), 1)
        else:
            part = int(month or 0) or (3 * int(quarter) - 2 if quarter else 6 * int(half) - 5 if half else 1)
            word = "month" if month else "quarter" if quarter else "half_year" if half else "year"
            day = date(year, part, 1)
    except ValueError:
        return None
    if not FIRST <= day <= LAST:
        return None
    period = _holding(CYCLES[word], day, None)
    return (word, period) if period.id == name else None


def _holding(cycle: Cycle, day: date, counted_from: date | None) -> Period:
    """The period that a day lies in."""
    if not cycle.a_year:
        begin = day - timedelta(days=day.weekday() if counted_from is None else (day - counted_from).days % WEEK_DAYS)
        iso = begin.isocalendar()
        name = f"{iso.year}-W{iso.week:02d}" if counted_from is None else begin.isoformat()
        return Period(name, begin, begin + timedelta(days=WEEK_DAYS - 1))
    origin = date(day.year, 1, 1) if counted_from is None else counted_from
    months = (day.year - origin.year) * MONTHS + day.month - origin.month
    at = max(0, (months - 1) * cycle.a_year // MONTHS)
    while _bound(cycle, origin, at + 1) <= day:
        at += 1
    begin = _bound(cycle, origin, at)
    name = _name(cycle, begin, at + 1) if counted_from is None else begin.isoformat()
    return Period(name, begin, _bound(cycle, origin, at + 1) - ONE_DAY)


def _bound(cycle: Cycle, origin: date, at: int) -> date:
    """The first day of the period with this number, the first of which is 0."""
    return add_months(origin, MONTHS * at // cycle.a_year)


def _name(cycle: Cycle, begin: date, number: int) -> str:
    names: dict[Word, str] = {
        "month": f"{begin.year}-{begin.month:02d}",
        "quarter": f"{begin.year}-Q{number}",
        "half_year": f"{begin.year}-H{number}",
        "year": f"{begin.year}",
    }
    return names.get(cycle.word, f"{begin.year}#{number}")


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last where it is shorter."""
    year, month = divmod(day.year * MONTHS + day.month - 1 + months, MONTHS)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def day_in(cycle: Cycle, first_day: date, *, month: int = 1, day: int) -> date:
    """A day of the period that begins on the first of a month: its month and the day of that month, or the month's last
    where it is shorter. Of a week: the weekday, 1 is Monday."""
    if not cycle.a_year:
        return first_day + timedelta(days=day - 1)
    begin = add_months(first_day, month - 1)
    return begin.replace(day=min(day, monthrange(begin.year, begin.month)[1]))


# --- working days ----------------------------------------------------------------------------------------------------


def workdays_of(times: Timetable, time_zone: str) -> Workdays:
    """Whether work begins on a local day, by the version of the calendar in force as that day begins."""
    local = zone(time_zone)

    @cache
    def is_workday(day: date) -> bool:
        noon_before = instant(day - ONE_DAY, DAY_MINUTES // 2, local)
        return bool(next(times.days_after(noon_before)))

    return is_workday


def nth_workday(day: date, count: int, workdays: Workdays) -> date:
    """The n-th working day after a day, which itself is not counted (as 民法典 第二百零一条 counts); NoWorkingTime."""
    at = day
    for _ in range(SEARCH_DAYS):
        at += ONE_DAY
        if workdays(at):
            count -= 1
            if count <= 0:
                return at
    raise NoWorkingTime(
        f"there are not so many working days within ten years of {day}; give the calendar of the plan hours of work"
    )


def workdays_back(day: date, count: int, workdays: Workdays, not_before: date) -> date:
    """The day from which on so many working days are left up to `day`, both counted; `not_before` at the earliest."""
    at = day
    while at > not_before:
        if workdays(at):
            count -= 1
            if count <= 0:
                return at
        at -= ONE_DAY
    return not_before
