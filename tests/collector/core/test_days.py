"""Days of a calendar laid over weekly hours: rest and work, clocks that jump, the end of a year, hours that change."""

from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.calendar import Calendar, CalendarError, working_intervals
from roundsman_collector.core.days import DAY_KINDS, Day, hours_on, shift_hours
from roundsman_collector.core.hours import calendar_of, kept, short
from roundsman_collector.core.intervals import total
from roundsman_collector.core.timetable import due, elapsed

HOUR = 3_600_000
OFF = Day(kind="holiday")
AS_MONDAY = Day(kind="shift", hours="weekday:1")
OFFICE = kept("1-5 09:00-18:00")


def at(tz: str, *when: int) -> int:
    return round(datetime(*when, tzinfo=ZoneInfo(tz)).timestamp() * 1000)  # type: ignore[misc,arg-type]


def hours_of(calendar: Calendar, tz: str, day: date) -> float:
    """How many hours of a local day count."""
    begin = at(tz, day.year, day.month, day.day)
    after = day + timedelta(days=1)
    return total(working_intervals(calendar, begin, at(tz, after.year, after.month, after.day))) / HOUR


# --- what a day is ---------------------------------------------------------------------------------------------------

WEEK = {1: ((540, 1080),), 6: ((600, 720),), 7: ((660, 720),)}


@pytest.mark.parametrize(
    ("day", "rest", "hours"),
    [
        (Day(kind="usual"), None, None),
        (OFF, None, ((660, 720),)),
        (OFF, (), ()),
        (OFF, ((0, 60),), ((0, 60),)),
        (AS_MONDAY, (), ((540, 1080),)),
        (Day(kind="shift", hours="weekday:2"), None, ()),
        (Day(kind="shift", hours="none"), None, ()),
        (Day(kind="shift", hours="10:00-11:00,22:00-02:00"), None, ((600, 660), (1320, 1560))),
    ],
)
def test_a_day_has_the_hours_that_it_says(day: Day, rest: object, hours: object) -> None:
    assert hours_on(day, WEEK, rest) == hours  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kind": "fiesta"}, "kind: 'fiesta' is unknown"),
        ({"kind": "holiday", "status": "maybe"}, "status: 'maybe' is unknown"),
        ({"kind": "holiday", "hours": "weekday:1"}, "has none of its own"),
        ({"kind": "shift"}, "cannot be read"),
        ({"kind": "shift", "hours": "周一"}, "is not as it is kept; expected 'weekday:1'"),
        ({"kind": "shift", "hours": "weekday:8"}, "cannot be read"),
        ({"kind": "shift", "hours": "09:00-09:61"}, "hours"),
        ({"kind": "holiday", "name_zh": "长" * 101}, "name_zh"),
        ({"kind": "holiday", "name_en": "a\nb"}, "name_en"),
    ],
)
def test_a_day_that_cannot_be_is_refused(fields: dict[str, str], told: str) -> None:
    with pytest.raises(CalendarError) as caught:
        Day(**fields)  # type: ignore[arg-type]

    assert told in str(caught.value)


@given(st.text(max_size=20))
def test_hours_are_read_or_refused_and_reading_again_changes_nothing(text: str) -> None:
    try:
        held = shift_hours(text)
    except CalendarError:
        return
    assert shift_hours(held) == held


# --- over a week -----------------------------------------------------------------------------------------------------


def test_a_holiday_on_a_day_off_stays_a_day_off() -> None:
    calendar = calendar_of(OFFICE, "Asia/Shanghai", {date(2025, 10, 4): OFF})

    assert hours_of(calendar, "Asia/Shanghai", date(2025, 10, 4)) == 0


def test_a_target_waits_over_the_holidays_and_uses_the_day_that_is_worked() -> None:
    tz = "Asia/Shanghai"
    days = {date(2025, 10, day): OFF for day in range(1, 9)} | {date(2025, 9, 28): AS_MONDAY}
    calendar = calendar_of(OFFICE, tz, days)

    over_the_holidays = due(calendar, at(tz, 2025, 9, 30, 17), 120)
    on_a_sunday = due(calendar, at(tz, 2025, 9, 27, 12), 60)

    assert over_the_holidays == at(tz, 2025, 10, 9, 10)
    assert on_a_sunday == at(tz, 2025, 9, 28, 10)


def test_hours_over_midnight_into_a_holiday_belong_to_the_day_they_begin_on() -> None:
    tz = "Asia/Shanghai"
    calendar = calendar_of(kept("1-6 22:00-06:00"), tz, {date(2026, 1, 1): OFF})

    assert elapsed(calendar, at(tz, 2025, 12, 31), at(tz, 2026, 1, 1)) == 8 * HOUR
    assert elapsed(calendar, at(tz, 2026, 1, 1), at(tz, 2026, 1, 2)) == 6 * HOUR, "the night of New Year's Eve goes on"
    assert elapsed(calendar, at(tz, 2026, 1, 2), at(tz, 2026, 1, 3)) == 2 * HOUR, "no night began on the holiday"


def test_a_year_ends_for_each_zone_at_its_own_midnight() -> None:
    shanghai = calendar_of(OFFICE, "Asia/Shanghai", {date(2026, 1, 1): OFF})
    riga = calendar_of(OFFICE, "Europe/Riga", {date(2026, 1, 1): OFF})
    begin, end = at("UTC", 2025, 12, 31), at("UTC", 2026, 1, 2)

    assert working_intervals(shanghai, begin, end) == ((at("UTC", 2025, 12, 31, 1), at("UTC", 2025, 12, 31, 10)),)
    assert working_intervals(riga, begin, end) == ((at("UTC", 2025, 12, 31, 7), at("UTC", 2025, 12, 31, 16)),)


@pytest.mark.parametrize(
    ("day", "around_the_clock", "office"),
    [(date(2026, 3, 29), 23, 9), (date(2026, 10, 25), 25, 9), (date(2026, 6, 24), 24, 9)],
)
def test_a_sunday_that_is_worked_is_as_long_as_its_clock_makes_it(
    day: date, around_the_clock: int, office: int
) -> None:
    tz = "Europe/Riga"

    assert hours_of(calendar_of(kept("24x7"), tz, {day: AS_MONDAY}), tz, day) == around_the_clock
    assert hours_of(calendar_of(OFFICE, tz, {day: AS_MONDAY}), tz, day) == office
    assert hours_of(calendar_of(OFFICE, tz, {day: OFF}), tz, day) == 0


DATES = st.dates(date(2025, 10, 1), date(2026, 4, 30))
DAYS = st.dictionaries(DATES, st.sampled_from([OFF, AS_MONDAY, Day(kind="usual"), Day(kind="shift", hours="none")]))
TEXTS = st.sampled_from(["24x7", "1-5 09:00-18:00", "daily 22:00-02:00; holidays none", "6,7 00:00-24:00"])


@given(DAYS, TEXTS, st.sampled_from(["Asia/Shanghai", "Europe/Riga"]))
def test_a_winter_is_the_sum_of_its_days(days: dict[date, Day], text: str, tz: str) -> None:
    calendar = calendar_of(kept(text), tz, days)
    edges = [at(tz, *(date(2025, 10, 1) + timedelta(days=n)).timetuple()[:3]) for n in range(212)]

    whole = total(working_intervals(calendar, edges[0], edges[-1]))

    parts = [total(working_intervals(calendar, a, b)) for a, b in pairwise(edges)]
    assert sum(parts) == whole


@given(DAYS)
def test_around_the_clock_no_holiday_takes_an_hour(days: dict[date, Day]) -> None:
    closed = {day for day, said in days.items() if said.hours == "none"}
    calendar = calendar_of(kept("24x7"), "Asia/Shanghai", days)
    begin = at("Asia/Shanghai", 2025, 10, 1)

    assert total(working_intervals(calendar, begin, begin + 212 * 24 * HOUR)) == (212 - len(closed)) * 24 * HOUR


# --- how they are written --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("daily 09:00-21:00; holidays none", "1-7 09:00-21:00; holidays none"),
        ("每天 09:00-21:00；节假日 休", "1-7 09:00-21:00; holidays none"),
        ("24x7; 节假日 10:00-12:00，14:00-16:00", "1-7 00:00-24:00; holidays 10:00-12:00, 14:00-16:00"),
        ('{"hours":{"1":[["09:00","18:00"]]},"holiday":[]}', "1 09:00-18:00; holidays none"),
    ],
)
def test_what_holidays_have_is_written_and_read_again(text: str, again: str) -> None:
    assert short(kept(text)) == again
    assert kept(again) == kept(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"hours":{}}',
        '{"hours":{"1":[]}}',
        "holidays 10:00-12:00",
        "holidays none",
        "daily 09:00-21:00; holidays sometimes",
        '{"hours":{"1":[["09:00","18:00"]]},"holiday":"none"}',
        '{"hours":{"1":[["09:00","18:00"]]},"holiday":[["18:00","31:00"]]}',
    ],
)
def test_hours_that_could_never_be_are_refused(text: str) -> None:
    with pytest.raises(CalendarError):
        kept(text)


def test_there_are_three_kinds_of_days() -> None:
    assert DAY_KINDS == ("holiday", "shift", "usual")
