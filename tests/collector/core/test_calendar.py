"""Working time: holidays, adjusted working days, lunch breaks, pauses, and the two odd days of the year."""

from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.calendar import (
    Calendar,
    CalendarError,
    Hours,
    NoWorkingTime,
    calendar_from,
    instant,
    working_intervals,
)
from roundsman_collector.core.intervals import Pair, total
from roundsman_collector.core.timetable import due, elapsed

HOUR = 3_600_000
MINUTE = 60_000
EIGHT_TO_SIX: Hours = ((480, 1080),)
NINE_TO_SIX: Hours = ((540, 1080),)
ALL_DAY: Hours = ((0, 1440),)

SHANGHAI = ZoneInfo("Asia/Shanghai")
RIGA = ZoneInfo("Europe/Riga")

BERLIN_OFFICE = Calendar(tz="Europe/Berlin", hours=dict.fromkeys(range(1, 6), EIGHT_TO_SIX))
LUNCH = Calendar(tz="Asia/Shanghai", hours=dict.fromkeys(range(1, 6), ((540, 720), (840, 1080))))
RIGA_ALWAYS = Calendar(tz="Europe/Riga", hours=dict.fromkeys(range(1, 8), ALL_DAY))
SHANGHAI_ALWAYS = Calendar(tz="Asia/Shanghai", hours=dict.fromkeys(range(1, 8), ALL_DAY))
# The State Council's Spring Festival of 2026: nine days off, the Saturdays before and after are worked.
SPRING_FESTIVAL = Calendar(
    tz="Asia/Shanghai",
    hours=dict.fromkeys(range(1, 6), NINE_TO_SIX),
    holidays=frozenset(date(2026, 2, day) for day in range(15, 24)),
    shifts={date(2026, 2, 14): NINE_TO_SIX, date(2026, 2, 28): NINE_TO_SIX},
)


def ms(text: str, zone: ZoneInfo | None = None) -> int:
    """The milliseconds of an ISO time; UTC, or on that zone's wall."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone or UTC)
    return int(moment.timestamp() * 1000)


def local_day(day: date, zone: ZoneInfo) -> Pair:
    return instant(day, 0, zone), instant(day, 1440, zone)


def test_a_day_has_its_hours_without_the_lunch_break() -> None:
    day = local_day(date(2026, 3, 2), SHANGHAI)

    assert working_intervals(LUNCH, *day) == (
        (ms("2026-03-02T09:00+08:00"), ms("2026-03-02T12:00+08:00")),
        (ms("2026-03-02T14:00+08:00"), ms("2026-03-02T18:00+08:00")),
    )


def test_working_time_is_cut_at_the_window() -> None:
    window = ms("2026-03-02T11:30+08:00"), ms("2026-03-02T14:10+08:00")

    assert [(end - begin) // MINUTE for begin, end in working_intervals(LUNCH, *window)] == [30, 10]


def test_an_empty_or_reversed_window_has_no_working_time() -> None:
    assert working_intervals(RIGA_ALWAYS, 500, 500) == ()
    assert elapsed(RIGA_ALWAYS, 500, 400) == 0


def test_a_week_around_the_clock_is_one_stretch() -> None:
    week = ms("2026-06-01T00:00+08:00"), ms("2026-06-08T00:00+08:00")

    assert working_intervals(SHANGHAI_ALWAYS, *week) == (week,)


@pytest.mark.parametrize(
    ("start", "minutes", "expected"),
    [
        pytest.param("2013-03-21T09:30", 60, "2013-03-21T10:30", id="within the day"),
        pytest.param("2013-03-21T16:30", 60, "2013-03-22T07:30", id="half an hour today and half tomorrow"),
        pytest.param("2013-03-22T16:30", 60, "2013-03-25T07:30", id="over the weekend"),
        pytest.param("2013-03-21T16:00", 60, "2013-03-21T17:00", id="an hour before closing is due at closing"),
        pytest.param("2013-03-23T12:00", 1, "2013-03-25T07:01", id="reported on a Saturday"),
        pytest.param("2013-03-23T12:00", 0, "2013-03-23T12:00", id="a target of nothing is due at once"),
        pytest.param("2013-03-29T16:30", 60, "2013-04-01T06:30", id="over the night of the summer-time change"),
    ],
)
def test_a_target_is_due(start: str, minutes: int, expected: str) -> None:
    assert due(BERLIN_OFFICE, ms(start), minutes) == ms(expected)


def test_a_pause_moves_the_due_time_by_its_working_part_only() -> None:
    start = ms("2026-03-02T09:00+08:00")
    pauses = [(ms("2026-03-02T11:00+08:00"), ms("2026-03-02T15:00+08:00"))]

    assert due(LUNCH, start, 240, pauses) == ms("2026-03-02T17:00+08:00")
    assert elapsed(LUNCH, start, ms("2026-03-02T18:00+08:00"), pauses) == 5 * HOUR


def test_pauses_may_overlap_and_come_in_any_order() -> None:
    start = ms("2026-03-02T09:00+08:00")
    pauses = [
        (ms("2026-03-02T10:00+08:00"), ms("2026-03-02T11:00+08:00")),
        (ms("2026-03-02T09:30+08:00"), ms("2026-03-02T10:30+08:00")),
    ]

    assert due(LUNCH, start, 60, pauses) == ms("2026-03-02T11:30+08:00")


def test_a_target_may_be_a_fraction_of_a_minute() -> None:
    start = ms("2026-03-02T09:00+08:00")

    assert due(LUNCH, start, Fraction(1, 2)) == start + 30_000


def test_a_negative_target_is_refused() -> None:
    with pytest.raises(CalendarError, match="target of -1 minutes: expected 0 or more"):
        due(LUNCH, 0, -1)


def test_the_adjusted_saturday_before_the_spring_festival_is_worked() -> None:
    assert due(SPRING_FESTIVAL, ms("2026-02-13T17:00+08:00"), 480) == ms("2026-02-14T16:00+08:00")


def test_nine_days_of_spring_festival_are_free() -> None:
    assert due(SPRING_FESTIVAL, ms("2026-02-14T17:30+08:00"), 60) == ms("2026-02-24T09:30+08:00")


def test_the_week_after_the_spring_festival_has_five_working_days_with_its_saturday() -> None:
    week = ms("2026-02-23T00:00+08:00"), ms("2026-03-02T00:00+08:00")

    assert total(working_intervals(SPRING_FESTIVAL, *week)) == 5 * 9 * HOUR


def test_a_shift_replaces_the_hours_of_a_holiday_and_of_a_working_day() -> None:
    monday, tuesday, wednesday = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
    calendar = Calendar(
        tz="Asia/Shanghai",
        hours=dict.fromkeys(range(1, 6), NINE_TO_SIX),
        holidays=frozenset([monday]),
        shifts={monday: ((600, 660),), tuesday: ((540, 600),), wednesday: ()},
    )

    hours = [total(working_intervals(calendar, *local_day(day, SHANGHAI))) for day in (monday, tuesday, wednesday)]

    assert hours == [HOUR, HOUR, 0]


@pytest.mark.parametrize(
    ("calendar", "zone", "day", "hours"),
    [
        pytest.param(RIGA_ALWAYS, RIGA, date(2026, 3, 28), 24, id="Riga, an ordinary day"),
        pytest.param(RIGA_ALWAYS, RIGA, date(2026, 3, 29), 23, id="Riga, spring"),
        pytest.param(RIGA_ALWAYS, RIGA, date(2026, 10, 25), 25, id="Riga, autumn"),
        pytest.param(SHANGHAI_ALWAYS, SHANGHAI, date(2026, 3, 29), 24, id="Shanghai has no summer time"),
        pytest.param(SHANGHAI_ALWAYS, SHANGHAI, date(2026, 10, 25), 24, id="nor in autumn"),
        pytest.param(SHANGHAI_ALWAYS, SHANGHAI, date(1986, 5, 4), 23, id="but had it in 1986"),
    ],
)
def test_a_day_around_the_clock_is_as_long_as_the_day(
    calendar: Calendar, zone: ZoneInfo, day: date, hours: int
) -> None:
    window = local_day(day, zone)

    assert window[1] - window[0] == hours * HOUR
    assert working_intervals(calendar, *window) == (window,)


def riga_sundays(*ranges: Pair) -> Calendar:
    return Calendar(tz="Europe/Riga", hours={7: ranges})


SPRING_DAY = local_day(date(2026, 3, 29), RIGA)
AUTUMN_DAY = local_day(date(2026, 10, 25), RIGA)
SPRING_JUMP = ms("2026-03-29T01:00Z")  # 03:00 becomes 04:00


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        pytest.param([(120, 300)], [(ms("2026-03-29T00:00Z"), ms("2026-03-29T02:00Z"))], id="across the jump"),
        pytest.param([(210, 300)], [(SPRING_JUMP, ms("2026-03-29T02:00Z"))], id="opening inside it is at the jump"),
        pytest.param([(120, 210)], [(ms("2026-03-29T00:00Z"), SPRING_JUMP)], id="closing inside it is at the jump"),
        pytest.param([(190, 230)], [], id="hours wholly inside it are empty"),
    ],
)
def test_hours_at_the_spring_jump(ranges: list[Pair], expected: list[Pair]) -> None:
    assert working_intervals(riga_sundays(*ranges), *SPRING_DAY) == tuple(expected)


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        pytest.param([(120, 300)], [(ms("2026-10-24T23:00Z"), ms("2026-10-25T03:00Z"))], id="three hours take four"),
        pytest.param([(210, 300)], [(ms("2026-10-25T00:30Z"), ms("2026-10-25T03:00Z"))], id="opening at the first"),
        pytest.param([(120, 210)], [(ms("2026-10-24T23:00Z"), ms("2026-10-25T00:30Z"))], id="closing at the first"),
        pytest.param([(120, 210), (210, 300)], [(ms("2026-10-24T23:00Z"), ms("2026-10-25T03:00Z"))], id="no seam"),
    ],
)
def test_hours_in_the_autumn_hour_that_comes_twice(ranges: list[Pair], expected: list[Pair]) -> None:
    assert working_intervals(riga_sundays(*ranges), *AUTUMN_DAY) == tuple(expected)


def test_a_midnight_that_never_was_is_the_instant_of_the_jump() -> None:
    beirut = ZoneInfo("Asia/Beirut")  # 2021-03-28 began at 01:00

    assert local_day(date(2021, 3, 28), beirut) == (ms("2021-03-27T22:00Z"), ms("2021-03-28T21:00Z"))


def test_a_day_that_an_island_left_out_has_no_working_time() -> None:
    apia = ZoneInfo("Pacific/Apia")  # went from 29 to 31 December 2011
    calendar = Calendar(tz="Pacific/Apia", hours=dict.fromkeys(range(1, 8), NINE_TO_SIX))

    week = working_intervals(calendar, instant(date(2011, 12, 26), 0, apia), instant(date(2012, 1, 2), 0, apia))

    assert local_day(date(2011, 12, 30), apia) == (ms("2011-12-30T10:00Z"), ms("2011-12-30T10:00Z"))
    assert total(week) == 6 * 9 * HOUR


def test_a_clock_set_back_over_midnight_loses_no_working_time() -> None:
    always = Calendar(tz="America/St_Johns", hours=dict.fromkeys(range(1, 8), ALL_DAY))
    second_half_past_eleven = ms("2010-11-07T03:00Z")  # at 00:01 on the 7th it became 23:01 on the 6th

    assert elapsed(always, second_half_past_eleven, second_half_past_eleven + HOUR) == HOUR
    assert elapsed(always, second_half_past_eleven, second_half_past_eleven + MINUTE) == MINUTE
    assert due(always, second_half_past_eleven, 1) == second_half_past_eleven + MINUTE


NIGHT = Calendar(  # the night market: Thursday to Saturday, and every day for lunch
    tz="Asia/Shanghai",
    hours={1: ((720, 780),), **dict.fromkeys((4, 5, 6), ((720, 780), (1080, 1560)))},
    holidays=frozenset([date(2026, 3, 6)]),
)


def test_hours_over_midnight_last_until_the_next_morning() -> None:
    thursday = local_day(date(2026, 3, 5), SHANGHAI)

    assert working_intervals(NIGHT, thursday[0], thursday[1] + 3 * HOUR) == (
        (ms("2026-03-05T12:00+08:00"), ms("2026-03-05T13:00+08:00")),
        (ms("2026-03-05T18:00+08:00"), ms("2026-03-06T02:00+08:00")),
    )


def test_a_night_belongs_to_the_day_it_begins_on_whatever_the_next_day_is() -> None:
    friday_a_holiday = local_day(date(2026, 3, 6), SHANGHAI)
    saturday = local_day(date(2026, 3, 7), SHANGHAI)

    assert working_intervals(NIGHT, *friday_a_holiday) == (
        (ms("2026-03-06T00:00+08:00"), ms("2026-03-06T02:00+08:00")),
    )
    assert working_intervals(NIGHT, *saturday)[0] == (
        ms("2026-03-07T12:00+08:00"),
        ms("2026-03-07T13:00+08:00"),
    )


def test_a_target_that_starts_after_midnight_is_worked_in_yesterdays_night() -> None:
    assert due(NIGHT, ms("2026-03-06T01:30+08:00"), 30) == ms("2026-03-06T02:00+08:00")
    assert due(NIGHT, ms("2026-03-06T01:30+08:00"), 31) == ms("2026-03-07T12:01+08:00")


def test_a_night_that_overlaps_the_next_mornings_hours_counts_once() -> None:
    calendar = Calendar(tz="Asia/Shanghai", hours=dict.fromkeys(range(1, 8), ((300, 420), (1320, 1800))))
    start = ms("2026-03-05T22:00+08:00")

    assert due(calendar, start, 9 * 60) == ms("2026-03-06T07:00+08:00")
    assert elapsed(calendar, start, start + 24 * HOUR) == 9 * HOUR


def test_a_night_over_the_spring_jump_is_an_hour_shorter() -> None:
    calendar = Calendar(tz="Europe/Riga", hours={6: ((1320, 1800),)})

    assert elapsed(calendar, ms("2026-03-28T00:00Z"), ms("2026-03-30T00:00Z")) == 7 * HOUR


def test_working_time_nine_years_away_is_found() -> None:
    calendar = Calendar(tz="Asia/Shanghai", hours={}, shifts={date(2035, 1, 2): NINE_TO_SIX})

    assert due(calendar, ms("2026-01-02T00:00"), 60) == ms("2035-01-02T10:00+08:00")


@pytest.mark.parametrize(
    "calendar",
    [
        pytest.param(Calendar(tz="Europe/Riga", hours={}), id="no hours at all"),
        pytest.param(Calendar(tz="Europe/Riga", hours={1: ()}), id="an empty Monday"),
        pytest.param(
            Calendar(tz="Europe/Riga", hours={}, shifts={date(2026, 3, 2): ((540, 599),)}), id="a minute too little"
        ),
    ],
)
def test_a_calendar_without_the_working_time_is_refused_and_not_searched_for_ever(calendar: Calendar) -> None:
    with pytest.raises(NoWorkingTime, match="within ten years of 2026-01-01; give the calendar hours"):
        due(calendar, ms("2026-01-01T00:00"), 60)

    assert elapsed(calendar, ms("2026-01-05T00:00"), ms("2026-01-12T00:00")) == 0


def test_a_pause_without_an_end_is_refused_as_well() -> None:
    with pytest.raises(NoWorkingTime, match="end the pauses"):
        due(LUNCH, ms("2026-03-02T01:00"), 60, [(ms("2026-03-02T01:30"), ms("9999-01-01"))])


instants = st.integers(ms("2025-01-01"), ms("2027-12-31"))
one_range = st.integers(0, 1439).flatmap(lambda begin: st.tuples(st.just(begin), st.integers(begin + 1, begin + 1440)))
ranges = st.lists(one_range, max_size=3).map(tuple)
days = st.dates(date(2025, 1, 1), date(2027, 12, 31))
calendars = st.builds(
    lambda tz, monday, hours, holidays, shifts: Calendar(
        tz=tz, hours={**hours, 1: monday}, holidays=frozenset(holidays), shifts=shifts
    ),
    st.sampled_from(["Europe/Riga", "Asia/Shanghai", "America/Santiago", "Australia/Lord_Howe"]),
    ranges.filter(bool),
    st.dictionaries(st.integers(2, 7), ranges),
    st.lists(days, max_size=10),
    st.dictionaries(days, ranges, max_size=5),
)
pauses = st.lists(
    st.tuples(instants, st.integers(0, 40 * 24 * HOUR)).map(lambda pause: (pause[0], pause[0] + pause[1])), max_size=4
)


@given(calendars, instants, st.integers(1, 3000), pauses)
def test_at_the_due_time_exactly_the_target_has_elapsed(
    calendar: Calendar, start: int, minutes: int, paused: list[Pair]
) -> None:
    try:
        at = due(calendar, start, minutes, paused)
    except NoWorkingTime:
        assert elapsed(calendar, start, start + 3600 * 24 * HOUR, paused) < minutes * MINUTE
        return

    assert elapsed(calendar, start, at, paused) == minutes * MINUTE
    assert elapsed(calendar, start, at - 1, paused) == minutes * MINUTE - 1


@given(calendars, instants, st.integers(0, 500), pauses, pauses)
def test_a_pause_more_never_makes_a_target_due_sooner(
    calendar: Calendar, start: int, minutes: int, paused: list[Pair], more: list[Pair]
) -> None:
    try:
        later = due(calendar, start, minutes, paused + more)
    except NoWorkingTime:
        return

    assert due(calendar, start, minutes, paused) <= later


@given(calendars, instants, st.integers(0, 60 * 24 * HOUR), st.integers(0, 60 * 24 * HOUR))
def test_elapsed_time_adds_up(calendar: Calendar, start: int, first: int, second: int) -> None:
    middle, end = start + first, start + first + second

    assert elapsed(calendar, start, middle) + elapsed(calendar, middle, end) == elapsed(calendar, start, end)


def worked_minutes(calendar: Calendar, start: int, minutes: int) -> list[bool]:
    """The definition, a minute at a time: it counts while the latest wall time shown so far lies in a day's hours."""
    zone = ZoneInfo(calendar.tz)
    moment = datetime.fromtimestamp(start / 1000, UTC) - timedelta(hours=3)
    reached = (moment - timedelta(days=2)).replace(tzinfo=None)
    counted = []
    for _ in range(minutes + 180):
        reached = max(reached, moment.astimezone(zone).replace(tzinfo=None))
        moment += timedelta(minutes=1)
        counted.append(
            any(
                first <= (reached - datetime.combine(day, time.min)) // timedelta(minutes=1) < last
                for day in (reached.date(), reached.date() - timedelta(days=1))
                for first, last in calendar.hours_on(day)
            )
        )
    return counted[180:]


changes_of_clocks = st.sampled_from(
    [ms(text) for text in ("2025-03-30", "2025-10-26", "2026-04-05", "2026-09-06", "2026-10-04", "2027-04-04")]
)


@given(calendars, changes_of_clocks | days.map(lambda day: ms(day.isoformat())), st.integers(-1000, 1000))
def test_working_time_is_what_a_clock_on_the_wall_shows_minute_by_minute(
    calendar: Calendar, around: int, offset: int
) -> None:
    start, length = around + offset * MINUTE, 2400
    counted = worked_minutes(calendar, start, length)
    found = working_intervals(calendar, start, start + length * MINUTE)

    assert [
        any(begin <= at < end for begin, end in found) for at in range(start, start + length * MINUTE, MINUTE)
    ] == counted
    assert elapsed(calendar, start, start + length * MINUTE) == sum(counted) * MINUTE


@given(calendars, changes_of_clocks, st.integers(1, 600), pauses)
def test_a_target_is_due_in_the_minute_that_completes_it(
    calendar: Calendar, around: int, minutes: int, paused: list[Pair]
) -> None:
    start, length = around - around % MINUTE, 3000
    whole_minutes = [(begin - begin % MINUTE, end - end % MINUTE) for begin, end in paused]
    counted = [
        is_work and not any(begin <= start + place * MINUTE < end for begin, end in whole_minutes)
        for place, is_work in enumerate(worked_minutes(calendar, start, length))
    ]
    places = [place for place, counts in enumerate(counted) if counts]

    if len(places) >= minutes:
        assert due(calendar, start, minutes, whole_minutes) == start + (places[minutes - 1] + 1) * MINUTE


def test_a_calendar_is_read_as_it_is_written() -> None:
    written = {
        "tz": "Asia/Shanghai",
        "hours": {
            "1": [["09:00", "12:00"], ["14:00", "24:00"]],
            "2": [["18:00", "00:00"], ["22:00", "06:00"]],
            "6": [],
        },
        "holidays": ["2026-02-17"],
        "shifts": {"2026-02-14": [["09:00", "18:00"]], "2026-02-16": []},
    }

    assert calendar_from(written) == Calendar(
        tz="Asia/Shanghai",
        hours={1: ((540, 720), (840, 1440)), 2: ((1080, 1440), (1320, 1800)), 6: ()},
        holidays=frozenset([date(2026, 2, 17)]),
        shifts={date(2026, 2, 14): ((540, 1080),), date(2026, 2, 16): ()},
    )


def test_shifts_given_as_dates_alone_have_the_hours_of_the_first_working_weekday() -> None:
    written = {"tz": "Asia/Shanghai", "hours": {"2": [["09:00", "18:00"]], "1": []}, "shifts": ["2026-02-14"]}

    assert calendar_from(written).hours_on(date(2026, 2, 14)) == NINE_TO_SIX


def test_dates_that_yaml_has_read_already_are_taken_as_they_are() -> None:
    written = {"tz": "Asia/Shanghai", "hours": {1: [["09:00", "18:00"]]}, "holidays": [date(2026, 2, 17)]}

    assert calendar_from(written).holidays == frozenset([date(2026, 2, 17)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tz": "Asia/Beijing"}, "tz: there is no time zone 'Asia/Beijing'; expected an IANA name such as Asia/Shangh"),
        ({"tz": "../etc/passwd"}, "tz: there is no time zone"),
        ({"tz": 8}, "tz: expected an IANA name such as Asia/Shanghai, not 8"),
        ({"hours": {"0": []}}, "hours: weekday '0' is unknown; expected 1 .Monday. to 7 .Sunday."),
        ({"hours": {"1": [["24:00", "06:00"]]}}, "hours of weekday 1: 24:00-06:00 is no range"),
        ({"hours": {"1": [["09:00", "09:00"]]}}, "hours of weekday 1: 09:00-09:00 is no range"),
        ({"hours": {"1": [["9 am", "18:00"]]}}, "hours.1: expected a time of day from .00:00. to .24:00., not '9 am'"),
        ({"hours": {"1": [["09:00", "24:01"]]}}, "hours.1: expected a time of day"),
        ({"hours": {"1": [["09:60", "18:00"]]}}, "hours.1: expected a time of day"),
        ({"hours": {"1": [["09:00"]]}}, "hours.1: expected .\"from\", \"to\"."),
        ({"hours": []}, "hours: expected a mapping"),
        ({"holidays": ["17 February"]}, "holidays: expected a date such as 2026-02-14, not '17 February'"),
        ({"holidays": "2026-02-17"}, "holidays: expected a list"),
        ({"shifts": {"2026-02-30": []}}, "shifts: expected a date such as 2026-02-14, not '2026-02-30'"),
        ({"shifts": {"2026-02-14": [["18:00", "18:00"]]}}, "shift of 2026-02-14: 18:00-18:00 is no range"),
        ({"shifts": ["2026-02-14"], "hours": {}}, "shifts: dates without hours take them from the week"),
        ({"holydays": []}, "holydays: unknown key; expected tz, hours, holidays, shifts"),
    ],
)  # fmt: skip
def test_a_calendar_that_cannot_be_used_names_the_key(change: dict[str, object], message: str) -> None:
    with pytest.raises(CalendarError, match=message):
        calendar_from({"tz": "Asia/Shanghai", "hours": {"1": [["09:00", "18:00"]]}} | change)


def test_yesterday_stays_as_it_was_when_tomorrow_becomes_a_holiday() -> None:
    tomorrow = date(2026, 3, 4)
    before = Calendar(tz="Asia/Shanghai", hours=SPRING_FESTIVAL.hours)
    after = Calendar(tz="Asia/Shanghai", hours=SPRING_FESTIVAL.hours, holidays=frozenset([tomorrow]))
    window = local_day(tomorrow - timedelta(days=1), SHANGHAI)

    assert working_intervals(before, *window) == working_intervals(after, *window)
