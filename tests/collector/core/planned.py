"""Plans told shortly: kind("kiosk-phone"), plan(place("mall-1")), and what becomes of them: told(due).

Working days are those of the calendar that travels with the program, in Shanghai.
"""

from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo

from roundsman_collector.config import built_in
from roundsman_collector.core.calendar import Calendar
from roundsman_collector.core.contract import Dates
from roundsman_collector.core.hours import calendar_of, kept
from roundsman_collector.core.periods import Workdays, workdays_of
from roundsman_collector.core.plan_kinds import PlanKind
from roundsman_collector.core.plans import ALWAYS, NO_DATES, Due, Place, Plan, Span
from roundsman_collector.core.timetable import Timetable
from roundsman_collector.rules.calendars import calendar_from
from roundsman_collector.rules.plans import PRESETS, kinds_from

SHANGHAI = "Asia/Shanghai"


@cache
def kinds() -> dict[str, PlanKind]:
    """Every kind that travels with the program."""
    files = [kinds_from(built_in(f"plans/{name}.yaml"), source=f"{name}.yaml") for name in PRESETS]
    return {kind.id: kind for file in files for kind in file}


def kind(name: str) -> PlanKind:
    return kinds()[name]


@cache
def office() -> Calendar:
    """Monday to Friday, with the public holidays and the days worked instead."""
    days = calendar_from(built_in("calendars/cn.yaml"), source="cn.yaml").days
    return calendar_of(kept("1-5 09:00-18:00"), SHANGHAI, days)


@cache
def workdays() -> Workdays:
    return workdays_of(Timetable([(0, office())]), SHANGHAI)


def day(said: str) -> date:
    return date.fromisoformat(said)


def ms(said: str, time_zone: str = SHANGHAI) -> int:
    """A wall time, "2026-11-10 09:30"."""
    return round(datetime.fromisoformat(said).replace(tzinfo=ZoneInfo(time_zone)).timestamp() * 1000)


def place(
    site: str = "mall-1",
    *,
    stays: tuple[Span, ...] = ALWAYS,
    installed: str = "",
    dates: Dates = NO_DATES,
    time_zone: str = SHANGHAI,
) -> Place:
    installed_on = day(installed) if installed else None
    return Place(site=site, time_zone=time_zone, stays=stays, installed_on=installed_on, dates=dates)


def plan(*places: Place, first: str = "2026-01-01", last: str = "") -> Plan:
    return Plan(id="p1", first_day=day(first), last_day=day(last) if last else None, places=places or (place(),))


def told(due: Due) -> str:
    """A task in a line: period, from when, until when, its report."""
    report = "" if due.report_due_on is None else f" report {due.report_due_on}"
    return f"{due.period.id}: {due.opens_on} to {due.due_on}{report}"
