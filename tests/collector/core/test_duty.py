"""The duty rota: who is on duty, what a weekly pattern makes of holidays and 调休, and what filling leaves alone."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.calendar import zone
from roundsman_collector.core.days import Day
from roundsman_collector.core.duty import (
    HOLIDAY,
    LeftOut,
    Pattern,
    Plan,
    Shift,
    Turn,
    clash,
    day_kind,
    days_of,
    days_written,
    filled,
    laid_out,
    on_duty,
    pattern_from,
    times_of,
    times_written,
    written,
)
from roundsman_collector.core.duty import DutyError as Wrong

HOUR = 3_600_000
DAY = 24 * HOUR
SHANGHAI = zone("Asia/Shanghai")
# 2026-02-09, a Monday. The week after is the Spring Festival; Saturday 02-14 is worked instead.
MONDAY = date(2026, 2, 9)
BEGIN = 1770566400000  # its midnight in Shanghai
FESTIVAL: dict[date, Day] = {
    date(2026, 2, 14): Day(kind="shift", hours="weekday:5"),
    **{date(2026, 2, day): Day(kind="holiday", name_zh="春节") for day in range(16, 21)},
}


def shift(person: str, from_hour: float, to_hour: float, **more: Any) -> Shift:
    facts: dict[str, Any] = {"id": 1, "group": "south", "point": "", "kind": "primary", **more}
    return Shift(person=person, from_ms=BEGIN + round(from_hour * HOUR), to_ms=BEGIN + round(to_hour * HOUR), **facts)


def pattern(*lines: dict[str, Any]) -> Pattern:
    return pattern_from({"from_day": "2026-02-09", "calendar": "cn", "lines": list(lines)})


def line(days: str, times: str, *people: str, **more: Any) -> dict[str, Any]:
    return {"days": days, "times": times, "people": list(people), **more}


def at(hour: float) -> int:
    return BEGIN + round(hour * HOUR)


# --- who is on duty --------------------------------------------------------------------------------------------------


def test_the_primary_duty_comes_before_the_backup_and_begins_and_ends_sharp() -> None:
    backup = shift("wang", 8, 20, id=1, kind="backup")
    primary = shift("li.na", 8, 20, id=2)

    assert on_duty([backup, primary], at(8)) == (primary, backup)
    assert on_duty([backup, primary], at(20) - 1) == (primary, backup)
    assert on_duty([backup, primary], at(20)) == ()
    assert on_duty([backup, primary], at(8) - 1) == ()


def test_a_duty_counts_up_to_the_instant_it_was_taken_back() -> None:
    taken_back = shift("li.na", 8, 20, void_ms=at(12))

    assert on_duty([taken_back], at(12) - 1) == (taken_back,)
    assert on_duty([taken_back], at(12)) == ()


def test_a_duty_that_was_taken_back_before_it_began_never_counted() -> None:
    never = shift("li.na", 8, 20, void_ms=at(1))

    assert not never.counts
    assert not never.meets(at(0), at(48))
    assert never.until_ms == never.from_ms


def test_who_has_the_day_off_is_on_no_duty() -> None:
    duty = shift("li.na", 8, 20, id=1)
    off = shift("li.na", 10, 12, id=2, kind="off", group="north")

    assert [on_duty([duty, off], at(hour)) for hour in (9, 11, 13)] == [(duty,), (), (duty,)]


@pytest.mark.parametrize(
    ("held", "wanted", "clashes"),
    [
        ({}, {}, True),
        ({"kind": "backup"}, {}, True),
        ({"person": "wang"}, {}, False),
        ({"group": "north"}, {}, False),
        ({"point": "tianhe"}, {}, False),
        ({"group": "north", "kind": "off"}, {}, True),
        ({"group": "north"}, {"kind": "off"}, True),
        ({"void_ms": BEGIN}, {}, False),
    ],
)
def test_one_person_has_one_duty_at_a_time_in_a_rota_and_none_on_a_day_off(
    held: dict[str, Any], wanted: dict[str, Any], clashes: bool
) -> None:
    facts = {"person": "li.na", **held}
    one = shift(facts.pop("person"), 8, 20, **facts)

    found = clash(
        [one],
        **{"group": "south", "point": "", "person": "li.na", "kind": "primary", **wanted},
        from_ms=at(19),
        to_ms=at(30),
    )

    assert (found == one) == clashes


def test_duties_that_touch_do_not_clash() -> None:
    one = shift("li.na", 8, 20)

    found = clash([one], group="south", point="", person="li.na", kind="primary", from_ms=at(20), to_ms=at(32))

    assert found is None


# --- patterns --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("1-5", {1, 2, 3, 4, 5}),
        ("Mon-Fri", {1, 2, 3, 4, 5}),
        ("周一至周五", {1, 2, 3, 4, 5}),
        ("周六、周日", {6, 7}),
        ("weekends, holidays", {6, 7, HOLIDAY}),
        ("节假日", {HOLIDAY}),
        ("每天", {1, 2, 3, 4, 5, 6, 7}),
    ],
)
def test_days_are_written_as_people_write_them(text: str, days: set[int]) -> None:
    assert days_of(text) == days


@pytest.mark.parametrize("text", ["", "5-1", "8", "someday", "1-", "holidays-7"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(Wrong):
        days_of(text)


@given(st.sets(st.integers(1, 8), min_size=1))
def test_days_are_read_as_they_were_written(days: set[int]) -> None:
    assert days_of(days_written(frozenset(days))) == days


@given(st.integers(0, 1439), st.integers(1, 1440))
def test_times_are_read_as_they_were_written(begin: int, length: int) -> None:
    assert times_of(times_written(begin, begin + length)) == (begin, begin + length)


def test_the_same_time_twice_is_a_whole_day() -> None:
    assert times_of("08:00-08:00") == (480, 480 + 1440)


@pytest.mark.parametrize("text", ["", "8", "18:00", "25:00-26:00", "18:60-19:00", "24:00-01:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Wrong):
        times_of(text)


def test_a_pattern_is_read_as_it_was_written() -> None:
    made = pattern(line("1-5", "18:00-08:00", "li.na", "wang", turns="week"), line("holidays", "08:00-08:00", "zhao"))

    assert pattern_from(written(made)) == made


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"from_day": "soon", "lines": []}, "from_day"),
        ({"from_day": "2026-02-09", "lines": []}, "lines"),
        ({"from_day": "2026-02-09", "lines": ["x"]}, "lines.0"),
        (
            {"from_day": "2026-02-09", "lines": [line("1", "08:00-18:00", "a"), line("x", "08:00-18:00", "a")]},
            "lines.1.days",
        ),
        ({"from_day": "2026-02-09", "lines": [line("1", "8", "a")]}, "lines.0.times"),
        ({"from_day": "2026-02-09", "lines": [line("1", "08:00-18:00")]}, "lines.0.people"),
        ({"from_day": "2026-02-09", "lines": [line("1", "08:00-18:00", "a", kind="off")]}, "lines.0.kind"),
        ({"from_day": "2026-02-09", "lines": [line("1", "08:00-18:00", "a", turns="month")]}, "lines.0.turns"),
    ],
)
def test_a_pattern_that_cannot_be_used_names_what_is_wrong(document: dict[str, Any], field: str) -> None:
    with pytest.raises(Wrong) as caught:
        pattern_from(document)

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("day", "with_holidays", "without"),
    [
        (date(2026, 2, 13), 5, 5),
        (date(2026, 2, 14), 5, 5),  # a Saturday that is worked as a Friday
        (date(2026, 2, 16), HOLIDAY, 7),
    ],
)
def test_the_calendar_says_first_what_a_day_is(day: date, with_holidays: int, without: int) -> None:
    said = FESTIVAL.get(day)

    assert day_kind(day, said, has_holidays=True) == with_holidays
    assert day_kind(day, said, has_holidays=False) == without


def test_a_worked_day_with_hours_of_its_own_is_like_a_monday_and_one_without_any_a_day_of_rest() -> None:
    saturday = date(2026, 2, 14)

    assert day_kind(saturday, Day(kind="shift", hours="09:00-18:00"), has_holidays=True) == 1
    assert day_kind(saturday, Day(kind="shift", hours="none"), has_holidays=True) == HOLIDAY


# Shows S2-15.
def test_turns_go_round_day_by_day_and_holidays_have_their_own() -> None:
    made = pattern(
        line("1-5", "18:00-08:00", "li", "wang", "zhao"), line("6-7, holidays", "08:00-08:00", "qian", "sun")
    )

    turns = filled(made, FESTIVAL, date(2026, 2, 13), date(2026, 2, 17), SHANGHAI)

    assert [(turn.day.day, turn.person) for turn in turns] == [
        (13, "wang"),  # the fifth working day since Monday
        (14, "zhao"),  # worked as a Friday
        (15, "qian"),
        (16, "sun"),
        (17, "qian"),
    ]
    assert (turns[0].from_ms, turns[0].to_ms) == (at(4 * 24 + 18), at(5 * 24 + 8))


def test_weekly_turns_change_on_monday() -> None:
    made = pattern(line("每天", "08:00-08:00", "li", "wang", turns="week"))

    turns = filled(made, {}, MONDAY, MONDAY + timedelta(days=14), SHANGHAI)

    assert [turn.person for turn in turns] == ["li"] * 7 + ["wang"] * 7 + ["li"]


@given(st.integers(0, 60), st.integers(0, 60))
def test_filling_in_two_parts_is_filling_at_once(one: int, other: int) -> None:
    made = pattern(line("1-5", "18:00-08:00", "li", "wang", "zhao"), line("weekends", "08:00-08:00", "li", "wang"))
    middle, last = MONDAY + timedelta(days=one), MONDAY + timedelta(days=one + other + 1)

    parts = filled(made, FESTIVAL, MONDAY, middle, SHANGHAI) + filled(
        made, FESTIVAL, middle + timedelta(days=1), last, SHANGHAI
    )

    assert parts == filled(made, FESTIVAL, MONDAY, last, SHANGHAI)


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [(-1, 3, "first"), (3, 2, "last"), (0, 366, "last"), (4000, 4001, "from_day")],
)
def test_days_that_nobody_plans_are_refused(first: int, last: int, field: str) -> None:
    made = pattern(line("每天", "08:00-08:00", "li"))

    with pytest.raises(Wrong) as caught:
        filled(made, {}, MONDAY + timedelta(days=first), MONDAY + timedelta(days=last), SHANGHAI)

    assert caught.value.field == field


# --- filling ---------------------------------------------------------------------------------------------------------


def turn(person: str, day: int, kind: Any = "primary") -> Turn:
    return Turn(MONDAY + timedelta(days=day), person, kind, at(24 * day + 8), at(24 * day + 32))


def plan(turns: list[Turn], held: list[Shift], now: float = 0) -> Plan:
    return laid_out(turns, held, group="south", point="", from_ms=at(0), to_ms=at(7 * 24), now_ms=at(now))


def test_what_an_earlier_filling_made_gives_way_unless_it_is_the_same() -> None:
    same = shift("li", 8, 32, id=1, origin="pattern")
    other = shift("wang", 32, 56, id=2, origin="pattern")

    done = plan([turn("li", 0), turn("zhao", 1)], [same, other])

    assert done == Plan((turn("zhao", 1),), (2,), 1, ())


def test_what_people_entered_or_swapped_stays() -> None:
    entered = shift("qian", 8, 32, id=1)
    swapped = shift("sun", 32, 56, id=2, origin="swap")

    done = plan([turn("li", 0), turn("wang", 1)], [entered, swapped])

    assert done == Plan(
        (), (), 0, (LeftOut(turn("li", 0), "taken", entered), LeftOut(turn("wang", 1), "taken", swapped))
    )


def test_who_is_off_or_busy_is_left_out_and_the_gap_is_told() -> None:
    off = shift("li", 0, 24, id=1, kind="off", group="north")
    busy = shift("wang", 32, 40, id=2, kind="backup")

    done = plan([turn("li", 0), turn("wang", 1)], [off, busy])

    assert done == Plan((), (), 0, (LeftOut(turn("li", 0), "off", off), LeftOut(turn("wang", 1), "busy", busy)))


def test_one_person_in_two_lines_at_once_gets_the_first() -> None:
    done = plan([turn("li", 0), turn("li", 0, "backup")], [])

    assert done == Plan((turn("li", 0),), (), 0, (LeftOut(turn("li", 0, "backup"), "busy", None),))


def test_the_past_stays_as_it_was() -> None:
    begun = shift("li", 8, 32, id=1, origin="pattern")
    ahead = shift("li", 32, 56, id=2, origin="pattern")

    done = plan([turn("wang", 0), turn("wang", 1)], [begun, ahead], now=9)

    assert done == Plan((turn("wang", 1),), (2,), 0, ())


@given(
    st.lists(st.tuples(st.sampled_from(["li", "wang", "zhao"]), st.integers(0, 6)), max_size=12), st.integers(0, 168)
)
def test_filling_twice_changes_nothing_the_second_time(wanted: list[tuple[str, int]], now: int) -> None:
    turns = [turn(*one) for one in dict.fromkeys(wanted)]
    first = plan(turns, [], now)
    held = [
        Shift(
            id=number,
            group="south",
            point="",
            person=one.person,
            kind=one.kind,
            from_ms=one.from_ms,
            to_ms=one.to_ms,
            origin="pattern",
        )
        for number, one in enumerate(first.add)
    ]

    again = plan(turns, held, now)

    assert (again.add, again.void, again.same) == ((), (), len(held))
