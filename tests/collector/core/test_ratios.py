"""The ratios of the trade: published numbers, hand-computed days, brute force, nothing out of nothing."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.availability import half_up, percent_text
from roundsman_collector.core.intervals import normal, total
from roundsman_collector.core.ratios import (
    PointTime,
    Ratio,
    Vehicle,
    connected,
    days_kept,
    ever_reported,
    kept_long_enough,
    mean_percent,
    online_over_time,
    part_of,
    pictures_good,
    point_time,
    points_online,
    pooled,
    ranked,
    recorded,
    reported,
    score,
)

MINUTE, HOUR = 60_000, 3_600_000
DAY = 24 * HOUR
TODAY = date(2026, 11, 22)


def clock(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * HOUR + int(minutes) * MINUTE


# --- published and hand-computed numbers -----------------------------------------------------------------------------


def test_sixteen_channels_one_without_a_camera_two_down_for_a_while() -> None:
    day = ((0, DAY),)
    down = [((clock("03:00"), clock("05:30")),), ((clock("10:00"), clock("10:10")),), *[()] * 13]

    told = online_over_time([point_time(day, (), (), (), one) for one in down], not_configured=1)

    assert told.whole == 15 * DAY == 360 * HOUR
    assert told.whole - told.part == Fraction(8, 3) * HOUR
    assert percent_text(told.value) == "99.26"
    assert told.left_out == {"not_configured": 1}


def test_at_four_in_the_morning_fourteen_of_fifteen_are_online() -> None:
    told = points_online(["online"] * 14 + ["offline", "empty"])

    assert (told.part, told.whole, percent_text(told.value)) == (14, 15, "93.33")
    assert told.left_out == {"not_configured": 1}


def test_overlapping_recordings_count_once_and_the_gap_is_listed() -> None:
    spans = [(clock("09:50"), clock("18:00")), (clock("00:00"), clock("10:00")), (clock("18:05"), clock("24:00"))]

    told = recorded(spans, [(0, DAY)])

    assert told.ratio.part == 23 * HOUR + 55 * MINUTE
    assert percent_text(told.ratio.value) == "99.65"
    assert told.gaps == ((clock("18:00"), clock("18:05")),)


HUANGSHI = [
    # part, whole, weight, percent, score; the bulletin's own 94.769 % is a slip: the division gives 94.7577 %
    ("191", "192", 15, "99.48", "14.92"),
    ("262", "267", 15, "98.13", "14.72"),
    ("366", "373", 15, "98.12", "14.72"),
    ("74", "76", 15, "97.37", "14.61"),
    ("97", "100", 15, "97.00", "14.55"),
    ("278890.63", "283116.51", 30, "98.51", "29.55"),
    ("395934.01", "404167.96", 30, "97.96", "29.39"),
    ("1684177.18", "1776784.18", 30, "94.79", "28.44"),
    ("1660985.57", "1752875.71", 30, "94.76", "28.43"),
    ("875924.53", "952199.47", 30, "91.99", "27.60"),
    ("44635.26", "44640", 15, "99.99", "14.998"),
    ("133203.62", "133920", 15, "99.47", "14.920"),
]


@pytest.mark.parametrize(("part", "whole", "weight", "percent", "points"), HUANGSHI)
def test_the_bulletin_of_huangshi_is_reproduced(part: str, whole: str, weight: int, percent: str, points: str) -> None:
    told = part_of(part, whole)
    assert told.value is not None

    given_points = score(told, weight, nothing_below=Fraction(70, 100))

    assert str(half_up(100 * told.value, 2)) == percent
    assert given_points is not None
    assert abs(given_points - Fraction(points)) <= Fraction(2, 100)


def test_the_vehicles_of_the_bulletin_are_counted_one_by_one() -> None:
    vehicles = [Vehicle(True, True)] * 191 + [Vehicle(True, False)] + [Vehicle(False, False)] * 3

    assert (reported(vehicles).part, reported(vehicles).whole) == (191, 192)
    assert reported(vehicles).left_out == {"never_reported": 3}
    assert (ever_reported(vehicles).part, ever_reported(vehicles).whole) == (192, 195)


# Shows S3-2.
def test_centres_stand_by_their_share_online_and_equal_ones_share_a_place() -> None:
    here, away, never, laid_up = (
        Vehicle(True, True),
        Vehicle(True, False),
        Vehicle(False, False),
        Vehicle(True, False, is_laid_up=True),
    )

    found = ranked(
        {"poor": [here, away], "new": [never], "good": [here, laid_up], "large": [here] * 3, None: [here, here, away]}
    )

    assert [(one.key, one.place, one.registered, one.missing) for one in found] == [
        ("large", 1, 3, 0),
        ("good", 1, 2, 0),
        (None, 3, 3, 1),
        ("poor", 4, 2, 1),
        ("new", None, 1, 1),
    ]
    assert (found[1].online.part, found[1].online.whole) == (1, 1), "what is laid up is left out"


def test_a_platform_that_was_lost_for_minutes_was_connected_for_the_rest() -> None:
    august = ((0, 44_640 * MINUTE),)
    lost = ((5 * DAY, 5 * DAY + 284_400),)

    told = connected(august, lost)

    assert (told.part / MINUTE, told.whole / MINUTE) == (Fraction("44635.26"), 44_640)
    assert percent_text(told.value) == "99.99", "not 100.00"


def test_sichuans_bulletin_says_what_it_says() -> None:
    assert percent_text(part_of(42_293, 42_489).value) == "99.54"


@pytest.mark.parametrize(("part", "points"), [(69, Fraction(0)), (70, Fraction(21)), (100, Fraction(30))])
def test_a_track_below_seventy_percent_has_no_points(part: int, points: Fraction) -> None:
    assert score(part_of(part, 100), 30, nothing_below=Fraction(70, 100)) == points


# --- days that recordings are kept -----------------------------------------------------------------------------------


def back(*ages: int) -> set[date]:
    return {TODAY - timedelta(days=age) for age in ages}


@pytest.mark.parametrize(
    ("ages", "missing_allowed", "kept"),
    [
        ((), 0, 0),
        ((0,), 0, 1),
        ((0, 1, 2), 0, 3),
        ((1, 2, 3), 0, 3),
        ((2, 3), 0, 0),
        ((0, 1, 3, 4), 0, 2),
        ((0, 1, 3, 4), 1, 4),
        ((0, 1, 4, 5), 1, 2),
        ((0, 1, 3, 5, 6), 2, 5),
        ((0, 1), 5, 2),
        (tuple(range(400)), 0, 400),
    ],
)
def test_recordings_are_kept_as_far_back_as_there_is_no_hole(
    ages: tuple[int, ...], missing_allowed: int, kept: int
) -> None:
    assert days_kept(back(*ages), TODAY, missing_allowed=missing_allowed) == kept


def test_days_run_on_over_the_end_of_a_year() -> None:
    days = [date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 1)]

    assert days_kept(days, date(2026, 1, 1)) == 3


def test_a_channel_counts_where_both_days_are_known() -> None:
    told = kept_long_enough([(30, 30), (31, 30), (29, 30), (None, 30), (90, None), (None, None)])

    assert (told.part, told.whole, told.unknown, told.left_out) == (2, 3, 1, {"not_required": 2})
    assert told.bounds == (Fraction(2, 4), Fraction(3, 4))


# --- nothing out of nothing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told",
    [
        points_online([]),
        points_online(["empty", "excluded", "unknown"]),
        online_over_time([]),
        recorded([], []).ratio,
        recorded([(0, 5)], []).ratio,
        kept_long_enough([]),
        pictures_good([None, None]),
        mean_percent([None]),
        ever_reported([]),
        reported([Vehicle(False, False)]),
        reported([Vehicle(True, True, is_laid_up=True)]),
        connected((), ()),
        part_of(0, 0),
    ],
)
def test_where_nothing_counts_nobody_can_say(told: Ratio) -> None:
    assert told.value is None
    assert score(told, 15) is None


def test_what_is_unknown_moves_the_bounds_and_not_the_value() -> None:
    told = points_online(["online", "offline", "unknown", "unknown"])

    assert (told.value, told.bounds) == (Fraction(1, 2), (Fraction(1, 4), Fraction(3, 4)))


def test_all_unknown_is_anything() -> None:
    assert points_online(["unknown"]).bounds == (0, 1)


def test_pictures_count_of_those_that_were_looked_at() -> None:
    told = pictures_good([True, True, False, None])

    assert (told.part, told.whole, told.left_out) == (2, 3, {"not_diagnosed": 1})


def test_a_clock_that_is_ahead_is_put_back_first() -> None:
    told = recorded([(10, 110)], [(0, 100)], device_ahead_ms=10)

    assert (told.ratio.value, told.gaps) == (1, ())


def test_when_nobody_could_look_is_no_gap() -> None:
    told = recorded([(0, 40), (50, 60)], [(0, 100)], unknown=[(40, 80)])

    assert (told.ratio.part, told.ratio.whole, told.ratio.unknown, told.gaps) == (50, 70, 30, ((80, 100),))


@pytest.mark.parametrize(("part", "whole"), [(2, 1), (-1, 1), (1, 0)])
def test_a_part_larger_than_its_whole_is_a_mistake(part: int, whole: int) -> None:
    with pytest.raises(ValueError, match="a part of a whole"):
        part_of(part, whole)


def test_ratios_of_other_units_cannot_be_added() -> None:
    with pytest.raises(ValueError, match="cannot be added up"):
        pooled([part_of(1, 2), part_of(1, 2, "km")])
    assert pooled([]) is None


# --- properties ------------------------------------------------------------------------------------------------------

SMALL = st.integers(0, 60)
PAIRS = st.lists(st.tuples(SMALL, SMALL).map(lambda ends: (min(ends), max(ends))), max_size=8)


@given(PAIRS, PAIRS, PAIRS, st.integers(-5, 5))
def test_recordings_are_those_of_brute_force(
    spans: list[tuple[int, int]], schedule: list[tuple[int, int]], unknown: list[tuple[int, int]], ahead: int
) -> None:
    def inside(pairs: list[tuple[int, int]], at: int) -> bool:
        return any(begin <= at < end for begin, end in pairs)

    wanted = [at for at in range(-10, 80) if inside(schedule, at)]
    found = {at for at in wanted if inside(spans, at + ahead)}
    unseen = {at for at in wanted if inside(unknown, at)} - found

    told = recorded(spans, schedule, unknown=unknown, device_ahead_ms=ahead)

    assert told.ratio.part == len(found)
    assert told.ratio.unknown == len(unseen)
    assert told.ratio.whole == len(wanted) - len(unseen)
    assert {at for begin, end in told.gaps for at in range(begin, end)} == set(wanted) - found - unseen


@given(st.sets(st.integers(0, 40)), st.integers(0, 4))
def test_days_are_those_of_brute_force(ages: set[int], allowed: int) -> None:
    begin = 0 if 0 in ages else 1
    best = 0
    for length in range(42):
        run = range(begin, begin + length)
        holes = sum(1 for age in run if age not in ages)
        if holes <= allowed and (not run or run[-1] in ages):
            best = max(best, length - holes)

    assert days_kept(back(*ages), TODAY, missing_allowed=allowed) == best


@given(PAIRS, PAIRS)
def test_a_channel_is_never_up_longer_than_its_recorder(
    up: list[tuple[int, int]], broken: list[tuple[int, int]]
) -> None:
    ours = normal(up)

    told = point_time(ours, (), (), (), normal(broken))

    assert told.up_ms + told.down_ms == total(ours)
    assert sum(told) == total(ours)


TIMES = st.builds(PointTime, SMALL, SMALL, SMALL, SMALL)


@given(st.lists(TIMES, min_size=1, max_size=6))
def test_the_ratio_of_many_is_the_sum_of_their_parts(times: list[PointTime]) -> None:
    every = online_over_time(times)

    assert pooled([online_over_time([one]) for one in times]) == every
    assert every.bounds is None or every.value is None or every.bounds[0] <= every.value <= every.bounds[1]
