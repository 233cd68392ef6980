"""Working time when calendars change: what was stays, what is ahead follows; days that are counted as days."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.calendar import Calendar, CalendarError, working_intervals
from roundsman_collector.core.days import Day
from roundsman_collector.core.hours import calendar_of, kept
from roundsman_collector.core.intervals import intersect
from roundsman_collector.core.level import Week
from roundsman_collector.core.sla import Version, timetables, versions_of
from roundsman_collector.core.timetable import Timetable, close_of_day, due, dues, elapsed
from tests.collector.core.told_ticket import preset

HOUR, MINUTE = 3_600_000, 60_000
OFFICE = kept("1-5 09:00-18:00")
SHANGHAI = ZoneInfo("Asia/Shanghai")


def ms(said: str) -> int:
    return round(datetime.fromisoformat(said).replace(tzinfo=SHANGHAI).timestamp() * 1000)


def office(**days: str) -> Calendar:
    """An office, with these days off: march_3="holiday"."""
    said = {date(2026, 3, int(name.removeprefix("march_"))): Day(kind="holiday") for name in days}
    return calendar_of(OFFICE, "Asia/Shanghai", said)


def test_hours_that_changed_count_each_for_its_time() -> None:
    before, after = (calendar_of(kept(text), "UTC") for text in ("24x7", "1-7 10:00-12:00"))
    day = round(datetime(2026, 6, 1, tzinfo=UTC).timestamp() * 1000)

    found = Timetable([(0, before), (day + 6 * HOUR, after)]).working(day, day + 24 * HOUR)

    assert found == ((day, day + 6 * HOUR), (day + 10 * HOUR, day + 12 * HOUR))


def test_the_first_version_held_always() -> None:
    hours = Timetable([(ms("2026-03-03T12:00"), office()), (ms("2026-03-04T00:00"), office(march_5="holiday"))])

    assert elapsed(hours, ms("2026-03-02T00:00"), ms("2026-03-03T00:00")) == 9 * HOUR
    assert elapsed(hours, ms("2026-03-05T00:00"), ms("2026-03-06T00:00")) == 0


def test_a_holiday_that_is_entered_during_the_day_closes_the_rest_of_it() -> None:
    hours = Timetable([(0, office()), (ms("2026-03-03T12:00"), office(march_3="holiday"))])

    assert elapsed(hours, ms("2026-03-03T00:00"), ms("2026-03-04T00:00")) == 3 * HOUR
    assert due(hours, ms("2026-03-03T11:30"), 60) == ms("2026-03-04T09:30")


@given(st.integers(0, 400), st.integers(0, 400), st.integers(1, 400), st.sampled_from(["daily 09:00-18:00", "24x7"]))
def test_cutting_a_calendar_into_versions_changes_nothing(a: int, b: int, cut: int, text: str) -> None:
    calendar = calendar_of(kept(text), "UTC")
    begin, end = sorted((a * HOUR, b * HOUR))

    found = Timetable([(0, calendar), (cut * HOUR, calendar)]).working(begin, end)

    assert found == intersect(working_intervals(calendar, 0, 401 * HOUR), ((begin, end),) if begin < end else ())


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(1, 5000), st.integers(0, 3000))
def test_the_time_before_an_edit_is_what_it_was(start: int, end: int, edit: int, minutes: int) -> None:
    monday = ms("2026-03-02T00:00")
    at = [monday + each * MINUTE for each in (start, end, edit)]
    before = Timetable([(0, office())])
    edited = Timetable([(0, office()), (at[2], calendar_of(kept("daily 10:00-11:00"), "Asia/Shanghai"))])

    assert elapsed(before, at[0], min(at[1], at[2])) == elapsed(edited, at[0], min(at[1], at[2]))
    if due(before, at[0], minutes) <= at[2]:
        assert due(edited, at[0], minutes) == due(before, at[0], minutes)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 6000), max_size=5).map(sorted))
def test_several_targets_at_once_are_due_as_each_alone(start: int, minutes: list[int]) -> None:
    hours = Timetable([(0, office(march_4="holiday"))])
    begin = ms("2026-03-02T00:00") + start * MINUTE

    assert list(dues(hours, begin, [each * MINUTE for each in minutes])) == [
        due(hours, begin, each) for each in minutes
    ]


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        pytest.param("2026-03-02T08:00", 1, "2026-03-03T18:00", id="the day it begins on is not counted"),
        pytest.param("2026-03-06T17:59", 1, "2026-03-09T18:00", id="nor is the weekend"),
        pytest.param("2026-03-07T12:00", 2, "2026-03-10T18:00", id="a start on a Saturday"),
        pytest.param("2026-03-03T10:00", 1, "2026-03-05T18:00", id="nor is a holiday"),
    ],
)  # fmt: skip
def test_working_days_end_when_the_last_of_them_closes(start: str, days: int, expected: str) -> None:
    assert close_of_day(office(march_4="holiday"), ms(start), days) == ms(expected)


def test_a_calendar_without_hours_has_no_working_day() -> None:
    assert close_of_day(Calendar(tz="UTC", hours={}), 0, 1) is None
    with pytest.raises(CalendarError, match="expected 1 or more"):
        close_of_day(office(), 0, 0)


def test_a_timetable_needs_versions_of_different_times() -> None:
    with pytest.raises(CalendarError, match="without a calendar"):
        Timetable([])
    with pytest.raises(CalendarError, match="two calendars from the same instant"):
        Timetable([(5, office()), (5, office())])


def test_what_was_said_of_days_makes_the_versions_of_a_calendar() -> None:
    third, fourth, off = date(2026, 3, 3), date(2026, 3, 4), Day(kind="holiday")
    usual = Day(kind="usual")

    found = versions_of([(third, 10, 20, off), (third, 20, None, usual), (fourth, 10, None, off)])

    assert found == (Version(10, {third: off, fourth: off}), Version(20, {third: usual, fourth: off}))
    assert versions_of([]) == ()


def test_a_level_has_a_timetable_for_each_of_its_calendars() -> None:
    level = preset("huajun")
    begin, end = ms("2026-03-04T00:00"), ms("2026-03-05T00:00")

    hours = timetables(level, "Asia/Shanghai", {"cn": [Version(0, {date(2026, 3, 4): Day(kind="holiday")})]})

    assert level.calendars == {"always": Week(hours=kept("24x7")), "workdays": Week(hours=OFFICE, holidays="cn")}
    assert {name: elapsed(each, begin, end) // HOUR for name, each in hours.items()} == {"always": 24, "workdays": 0}
