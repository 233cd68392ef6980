"""Periods of days: gapless, named, whatever month they are counted from; and working days that are counted on."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.calendar import Calendar, NoWorkingTime
from roundsman_collector.core.days import Day
from roundsman_collector.core.hours import calendar_of, kept
from roundsman_collector.core.periods import (
    CYCLES,
    SHOWN,
    Cycle,
    Period,
    add_months,
    day_in,
    nth_workday,
    period_named,
    periods,
    times_a_year,
    workdays_back,
    workdays_of,
)
from roundsman_collector.core.timetable import Timetable
from tests.collector.core.planned import SHANGHAI, day, ms, office, workdays

cycles = st.sampled_from([*CYCLES.values(), *map(times_a_year, range(1, 13))])
days = st.dates(date(1971, 1, 1), date(2190, 12, 31))


def named(cycle: Cycle, first: str, last: str, counted_from: str = "") -> list[str]:
    found = periods(cycle, day(first), day(last), day(counted_from) if counted_from else None)
    return [f"{one.id}: {one.first_day} to {one.last_day}" for one in found]


@pytest.mark.parametrize(
    ("word", "first", "last", "expected"),
    [
        ("week", "2026-12-30", "2027-01-03", ["2026-W53: 2026-12-28 to 2027-01-03"]),
        ("week", "2027-01-04", "2027-01-04", ["2027-W01: 2027-01-04 to 2027-01-10"]),
        ("month", "2028-02-10", "2028-02-29", ["2028-02: 2028-02-01 to 2028-02-29"]),
        ("quarter", "2026-12-31", "2026-12-31", ["2026-Q4: 2026-10-01 to 2026-12-31"]),
        ("half_year", "2026-07-01", "2026-07-01", ["2026-H2: 2026-07-01 to 2026-12-31"]),
        ("year", "2026-11-22", "2026-11-22", ["2026: 2026-01-01 to 2026-12-31"]),
    ],
)  # fmt: skip
def test_periods_of_the_calendar_have_its_names(word: str, first: str, last: str, expected: list[str]) -> None:
    assert named(CYCLES[word], first, last) == expected


def test_a_year_has_parts_of_whole_months() -> None:
    assert named(times_a_year(2), "2026-06-30", "2026-07-01") == [
        "2026#1: 2026-01-01 to 2026-06-30",
        "2026#2: 2026-07-01 to 2026-12-31",
    ]
    assert [one.partition(" to ")[2] for one in named(times_a_year(5), "2027-01-01", "2027-12-31")] == [
        "2027-02-28", "2027-04-30", "2027-07-31", "2027-09-30", "2027-12-31",
    ]  # fmt: skip


def test_what_is_counted_from_a_month_s_last_day_begins_on_the_last_day_of_every_month() -> None:
    assert named(CYCLES["month"], "2028-01-31", "2028-04-01", "2028-01-31") == [
        "2028-01-31: 2028-01-31 to 2028-02-28",
        "2028-02-29: 2028-02-29 to 2028-03-30",
        "2028-03-31: 2028-03-31 to 2028-04-29",
    ]


def test_a_year_from_a_leap_day_begins_on_the_last_of_february() -> None:
    assert named(CYCLES["year"], "2024-02-29", "2028-03-01", "2024-02-29")[-2:] == [
        "2027-02-28: 2027-02-28 to 2028-02-28",
        "2028-02-29: 2028-02-29 to 2029-02-27",
    ]


def test_nothing_is_counted_before_the_day_it_is_counted_from() -> None:
    assert named(CYCLES["week"], "2026-11-01", "2026-11-24", "2026-11-22") == ["2026-11-22: 2026-11-22 to 2026-11-28"]
    assert named(CYCLES["month"], "2026-01-01", "2026-11-21", "2026-11-22") == []


@given(cycles, days, st.integers(0, 900), st.none() | days)
def test_every_day_lies_in_exactly_one_period(cycle: Cycle, first: date, length: int, origin: date | None) -> None:
    last = first + timedelta(days=length)
    begin = first if origin is None else max(first, origin)

    found = periods(cycle, first, last, origin)

    assert all(one.last_day + timedelta(days=1) == other.first_day for one, other in pairwise(found))
    assert len({one.id for one in found}) == len(found)
    if begin <= last:
        assert found[0].first_day <= begin <= found[0].last_day
        assert found[-1].first_day <= last <= found[-1].last_day
    else:
        assert found == ()


@given(cycles, days, st.integers(0, 900), st.none() | days)
def test_a_period_is_the_same_whoever_asks_from_when_on(
    cycle: Cycle, first: date, length: int, origin: date | None
) -> None:
    found = periods(cycle, first, first + timedelta(days=length), origin)

    alone = [periods(cycle, one.last_day, one.last_day, origin) for one in found]

    assert alone == [(one,) for one in found]


@given(days, st.integers(0, 600), st.integers(0, 600))
def test_months_are_added_from_the_first_day_and_never_out_of_order(begin: date, one: int, other: int) -> None:
    assert (add_months(begin, one) < add_months(begin, other)) == (one < other)
    assert add_months(begin, one).day <= begin.day


@pytest.mark.parametrize(
    ("cycle", "first_day", "month", "said", "expected"),
    [
        (CYCLES["month"], "2027-02-01", 1, 10, "2027-02-10"),
        (CYCLES["month"], "2027-02-01", 1, 31, "2027-02-28"),
        (CYCLES["quarter"], "2027-01-01", 2, 30, "2027-02-28"),
        (CYCLES["week"], "2026-11-23", 1, 5, "2026-11-27"),
    ],
)
def test_a_day_of_a_period(cycle: Cycle, first_day: str, month: int, said: int, expected: str) -> None:
    assert day_in(cycle, day(first_day), month=month, day=said) == day(expected)


# --- working days ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "count", "expected"),
    [
        pytest.param("2026-09-24", 5, "2026-10-09", id="over mid-autumn and National Day"),
        pytest.param(
            "2026-02-13", 5, "2026-02-27", id="Saturday the 14th is worked, the 15th to the 23rd nobody works"
        ),
        pytest.param("2026-01-01", 1, "2026-01-04", id="a Sunday that is worked"),
        pytest.param("2026-11-20", 1, "2026-11-23", id="the day itself is not counted"),
    ],
)
def test_working_days_are_counted_over_holidays_and_days_worked_instead(after: str, count: int, expected: str) -> None:
    assert nth_workday(day(after), count, workdays()) == day(expected)


def test_how_many_working_days_are_left_counts_the_last_and_stops_at_the_first() -> None:
    assert workdays_back(day("2026-10-04"), 2, workdays(), day("2026-07-01")) == day("2026-09-29")
    assert workdays_back(day("2026-10-04"), 2, workdays(), day("2026-10-02")) == day("2026-10-02")


def test_a_calendar_in_which_nobody_ever_works_is_told_and_not_searched_for_ever() -> None:
    never = workdays_of(Timetable([(0, Calendar(tz=SHANGHAI, hours={}))]), SHANGHAI)

    with pytest.raises(NoWorkingTime, match="give the calendar of the plan hours"):
        nth_workday(day("2026-11-22"), 1, never)
    assert workdays_back(day("2026-11-22"), 3, never, day("2026-11-01")) == day("2026-11-01")


def test_a_night_shift_makes_a_working_day_of_the_day_it_begins_on() -> None:
    nights = workdays_of(Timetable([(0, calendar_of(kept("5 22:00-06:00"), SHANGHAI))]), SHANGHAI)

    assert [nights(day(f"2026-11-{number}")) for number in (19, 20, 21)] == [False, True, False]


def test_a_day_is_what_the_calendar_says_as_it_begins() -> None:
    off = calendar_of(kept("1-5 09:00-18:00"), SHANGHAI, {day("2026-11-23"): Day(kind="holiday")})

    early, late = (
        workdays_of(Timetable([(0, office()), (ms(edited), off)]), SHANGHAI)(day("2026-11-23"))
        for edited in ("2026-11-22 23:00", "2026-11-23 00:01")
    )

    assert (early, late) == (False, True)


def test_every_cycle_has_its_words() -> None:
    assert SHOWN.keys() == CYCLES.keys()
    assert Period("2026", day("2026-01-01"), day("2026-12-31")) in periods(CYCLES["year"], *[day("2026-05-05")] * 2)


@pytest.mark.parametrize(
    ("name", "word", "first", "last"),
    [
        ("2026-W53", "week", "2026-12-28", "2027-01-03"),
        ("2026-02", "month", "2026-02-01", "2026-02-28"),
        ("2026-Q4", "quarter", "2026-10-01", "2026-12-31"),
        ("2026-H2", "half_year", "2026-07-01", "2026-12-31"),
        ("2026", "year", "2026-01-01", "2026-12-31"),
    ],
)
def test_a_period_of_the_calendar_is_found_by_its_name(name: str, word: str, first: str, last: str) -> None:
    assert period_named(name) == (word, Period(name, date.fromisoformat(first), date.fromisoformat(last)))


@pytest.mark.parametrize(
    "name", ["", "2026-13", "2026-00", "2025-W53", "2026-Q5", "2026-H3", "26", "2026#2", "2300-01"]
)
def test_what_names_no_period_is_none(name: str) -> None:
    assert period_named(name) is None
