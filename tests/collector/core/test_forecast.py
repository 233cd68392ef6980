"""What gets worse: slopes that odd days do not move, dates that hold, and no date where nobody can tell one."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.backtest import checks, crossing, false_alarms, summed
from roundsman_collector.core.contract import local_day
from roundsman_collector.core.forecast import DayRead, Watch, forecast, points_of
from roundsman_collector.core.forecast_words import sentence
from roundsman_collector.core.local_days import date_of, day_at, number_of
from roundsman_collector.core.trend import Point, jump_at, slope_of

DISK = Watch(
    code="disk_full", zh="磁盘将满", en="disk fills up", reading="disk[].used_percent", of="greatest", towards="up",
    least_days=14, jump=8, fault="host.disk_full",
)  # fmt: skip
BATTERY = Watch(
    code="battery", zh="电池", en="battery", reading="ups.runtime_min", of="greatest", towards="down", least_days=21,
    jump=12, limit=10,
)  # fmt: skip
RESTARTS = Watch(
    code="restarts", zh="重启", en="restarts", reading="host.uptime_s", of="restarts", towards="up", least_days=42,
    jump=4, limit=5,
)  # fmt: skip
TODAY = 20_000
WORDS = {"what": "disk / use", "unit": "%"}


def rising(days: int, per_day: float, first: float = 40.0, noise: float = 0.0, seed: int = 1) -> list[Point]:
    """Values of so many days up to yesterday."""
    rng = random.Random(seed)
    return [Point(TODAY - days + n, first + per_day * n + rng.gauss(0, noise)) for n in range(days)]


# --- days ------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 4_102_444_800_000), st.sampled_from(["Asia/Shanghai", "Asia/Kathmandu", "America/St_Johns"]))
def test_a_day_is_that_of_the_calendar_on_the_wall(at_ms: int, zone: str) -> None:
    assert date_of(day_at(at_ms, zone)) == local_day(at_ms, zone)
    assert number_of(date_of(day_at(at_ms, zone))) == day_at(at_ms, zone)


# --- slopes ----------------------------------------------------------------------------------------------------------


def test_a_line_has_its_own_slope_and_no_doubt() -> None:
    slope = slope_of(rising(30, 0.5))

    assert slope.per_day == slope.low == slope.high == pytest.approx(0.5)
    assert slope.level == pytest.approx(40 + 0.5 * 29)
    assert (slope.last, slope.days) == (TODAY - 1, 30)


def test_a_fifth_of_odd_days_does_not_move_it() -> None:
    odd = [point._replace(value=99.0) if n % 5 == 2 else point for n, point in enumerate(rising(60, 0.3, noise=0.2))]

    slope = slope_of(odd)

    assert slope.per_day == pytest.approx(0.3, abs=0.06)


def test_the_interval_of_sen_1968_by_hand() -> None:
    """Five days 10, 12, 11, 15, 16: ten slopes; Var(S) = 5·4·15/18, C = 8.0, ranks 1 and 9 + 1."""
    slope = slope_of([Point(day, value) for day, value in enumerate((10.0, 12.0, 11.0, 15.0, 16.0))])

    assert slope.per_day == pytest.approx(1.5)
    assert (slope.low, slope.high) == (-1.0, 4.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40), st.floats(-100, 100))
def test_a_slope_lies_in_its_interval_and_follows_what_is_added(values: list[float], more: float) -> None:
    points = [Point(day, value) for day, value in enumerate(values)]

    slope = slope_of(points)
    turned = slope_of([Point(day, value + more * day) for day, value in points])

    assert slope.low <= slope.per_day <= slope.high
    assert turned.per_day == pytest.approx(slope.per_day + more, abs=1e-3, rel=1e-6)


def test_a_new_disk_is_a_jump_and_an_odd_day_is_none() -> None:
    swapped = [*rising(20, 0.5, first=70), *[Point(TODAY + n, 10 + 0.5 * n) for n in range(10)]]
    odd = [point._replace(value=95.0) if point.day == TODAY - 10 else point for point in rising(30, 0.5)]

    assert jump_at(swapped, 8) == TODAY
    assert jump_at(odd, 8) is None
    assert jump_at(rising(90, 0.5), 8) is None


# --- forecasts -------------------------------------------------------------------------------------------------------


def test_the_date_on_which_a_disk_is_full() -> None:
    said = forecast(DISK, rising(40, 0.5, first=60, noise=0.3), limit=95, today=TODAY)

    assert said.why == ""
    assert said.earliest is not None and said.likely is not None and said.latest is not None
    assert said.earliest <= said.likely <= said.latest
    assert abs(said.likely - (TODAY - 40 + 70)) <= 3


def test_a_battery_falls_to_its_limit() -> None:
    falling = [Point(one.day, 60 - 0.4 * n) for n, one in enumerate(rising(60, 0))]

    said = forecast(BATTERY, falling, limit=10, today=TODAY)

    assert said.likely == TODAY - 60 + 125


@pytest.mark.parametrize(
    ("points", "limit", "why"),
    [
        ([], 95.0, "silent"),
        (rising(30, 0.5)[:-5], 95.0, "silent"),
        (rising(30, 0.5), None, "no_limit"),
        (rising(13, 0.5), 95.0, "too_few"),
        ([*rising(40, 0.5, first=50)[:-8], *[Point(TODAY - 8 + n, 20.0 + n) for n in range(8)]], 95.0, "jump"),
        (rising(40, 0.5, first=80), 95.0, "reached"),
        (rising(40, 0.0, noise=1.0), 95.0, "no_trend"),
        (rising(40, -0.5, first=80), 95.0, "no_trend"),
        (rising(40, 0.0), 95.0, "no_trend"),
        (rising(40, 0.1), 95.0, "far"),
    ],
)
def test_no_date_where_nobody_can_tell_one(points: list[Point], limit: float | None, why: str) -> None:
    said = forecast(DISK, points, limit=limit, today=TODAY)

    assert (said.why, said.likely) == (why, None)
    for language in ("zh", "en"):
        assert sentence(DISK, said, language=language, **WORDS)  # type: ignore[arg-type]


def test_a_day_that_is_not_over_does_not_count() -> None:
    points = rising(40, 0.5, first=60)

    assert forecast(DISK, [*points, Point(TODAY, 5.0)], limit=95, today=TODAY) == forecast(
        DISK, points, limit=95, today=TODAY
    )


@given(st.lists(st.floats(0, 100), min_size=14, max_size=90), st.floats(1, 99))
def test_whatever_was_read_the_dates_are_in_order_and_not_in_the_past(values: list[float], limit: float) -> None:
    points = [Point(TODAY - len(values) + n, value) for n, value in enumerate(values)]

    said = forecast(DISK, points, limit=limit, today=TODAY)

    dates = (said.earliest, said.likely, said.latest)
    assert (said.why == "") == all(date is not None for date in dates)
    if said.likely is not None:
        assert TODAY <= dates[0] <= dates[1] <= dates[2]  # type: ignore[operator]


def test_restarts_are_counted_by_the_week() -> None:
    def day(n: int, was_started: bool) -> DayRead:
        begins = n * 86_400_000
        return DayRead(n, 0, 0, 3600.0 if was_started else 900_000.0, begins + 7_200_000, 10, begins)

    weeks = [[n < many for n in range(7)] for many in (0, 0, 1, 1, 2, 2, 3, 4)]
    days = [day(TODAY - 56 + n, was) for n, was in enumerate(was for week in weeks for was in week)]

    points = points_of(RESTARTS, days)
    said = forecast(RESTARTS, points, limit=5, today=TODAY)

    assert [point.value for point in points] == [0, 0, 1, 1, 2, 2, 3, 4]
    assert [b.day - a.day for a, b in pairwise(points)] == [7] * 7
    assert said.likely is not None and TODAY < said.likely <= TODAY + 28


# --- words -----------------------------------------------------------------------------------------------------------


def test_one_sentence_that_a_customer_understands() -> None:
    said = forecast(DISK, rising(40, 0.5, first=60), limit=95, today=TODAY)

    assert sentence(DISK, said, what="磁盘 / 使用率", unit="%", language="zh") == (
        "照目前的速度，磁盘 / 使用率约在 2024-11-03 达到 95%（最早 2024-11-03，最晚 2024-11-03）；"
        "目前 79.5%，约每周 +3.5%。"
    )
    assert sentence(DISK, said, what="disk / use", unit="%", language="en") == (
        "At this rate disk / use reaches 95% about 2024-11-03 (2024-11-03 at the earliest, 2024-11-03 at the latest); "
        "now 79.5%, about +3.5% a week."
    )


# --- how far off -----------------------------------------------------------------------------------------------------


def test_forecasts_are_held_against_what_came() -> None:
    series = [rising(120, 0.5, first=40, noise=0.5, seed=seed) for seed in range(40)]

    found = summed(check for points in series for check in checks(DISK, points, 95.0))

    for ahead, sum_ in found.items():
        assert sum_.made == sum_.asked == 40
        assert sum_.off_median is not None and sum_.off_median <= max(2, ahead // 10)
        assert sum_.within is not None and sum_.within >= 0.75


def test_the_day_of_crossing_is_the_first_of_three() -> None:
    values = [90, 96, 90, 96, 96, 96, 97]

    assert crossing(DISK, [Point(n, value) for n, value in enumerate(values)], 95) == 3
    assert checks(DISK, rising(100, 0.0), 95) == []


def test_what_stays_as_it_is_alarms_hardly_ever() -> None:
    looks = alarms = 0
    for seed in range(40):
        asked, wrong = false_alarms(DISK, rising(200, 0.0, first=85, noise=2.0, seed=seed), 95.0)
        looks, alarms = looks + asked, alarms + wrong

    assert looks > 900
    assert alarms / looks < 0.02
