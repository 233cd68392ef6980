"""When a way is told: quiet hours, the time of the day, and what of it cannot be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.store import StoreError, Timing, timing_of
from roundsman_collector.store.timing import daily_after, daily_before, quiet_until

TEN = 1_763_690_400_000  # Friday, 2025-11-21 10:00:00 in Beijing
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def at(clock: str, days: int = 0) -> int:
    """A time of that Friday, or of a day later, in Beijing."""
    hour, _, minute = clock.partition(":")
    return TEN + (int(hour) - 10) * HOUR + int(minute) * MINUTE + days * DAY


@pytest.mark.parametrize(
    ("quiet", "now_ms", "until_ms"),
    [
        ("22:00-07:00", at("21:59"), None),
        ("22:00-07:00", at("22:00"), at("07:00", 1)),
        ("22:00-07:00", at("03:00"), at("07:00")),
        ("22:00-07:00", at("07:00"), None),
        ("每天 22:00-07:00", at("23:30"), at("07:00", 1)),
        ("1-5 22:00-07:00; 6-7 00:00-24:00", at("22:30"), at("00:00", 3)),
        ("12:00-13:00, 22:00-24:00", at("12:30"), at("13:00")),
        ("", at("03:00"), None),
    ],
    ids=[
        "before the night",
        "in the night",
        "after midnight",
        "in the morning",
        "as Chinese people write it",
        "a night before a quiet weekend ends with it",
        "at noon",
        "no quiet hours",
    ],
)
def test_it_is_quiet_until(quiet: str, now_ms: int, until_ms: int | None) -> None:
    assert quiet_until(timing_of({"quiet": quiet}), now_ms) == until_ms


def test_quiet_hours_are_those_of_the_ways_time_zone() -> None:
    night = timing_of({"quiet": "22:00-07:00", "time_zone": "Europe/London"})

    assert quiet_until(night, at("10:00")) == at("15:00"), "two in the night there"


@given(st.integers(TEN - 400 * DAY, TEN + 400 * DAY))
def test_the_time_of_the_day_lies_on_both_sides_of_now_and_less_than_26_hours_apart(now_ms: int) -> None:
    for zone in ("Asia/Shanghai", "Europe/London", "America/New_York"):
        daily = timing_of({"daily": "02:30", "time_zone": zone})

        before, after = daily_before(daily, now_ms), daily_after(daily, now_ms)

        assert before <= now_ms < after
        assert 22 * HOUR < after - before < 26 * HOUR
        assert daily_before(daily, after) == after
        assert daily_after(daily, before) == after


def test_what_is_kept_is_read_again_as_it_was_and_people_read_it_short() -> None:
    said: dict[str, Any] = {
        "quiet": "每天 22:00-07:00",
        "urgent_passes": True,
        "after_minutes": 30,
        "repeat_minutes": 10,
    }
    made = timing_of(said)

    assert made.escalates
    assert made.quiet_hours == "22:00-07:00"
    assert timing_of({**said, "quiet": made.quiet_hours}) == made
    assert timing_of({"quiet": made.quiet, **{key: said[key] for key in list(said)[1:]}}) == made
    assert timing_of({}) == Timing()


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"quiet": "at night"}, "quiet hours"),
        ({"quiet": "24x7"}, "quiet hours"),
        ({"quiet": "1-7 00:00-12:00, 12:00-24:00"}, "quiet hours"),
        ({"time_zone": "Mars/Olympus"}, "quiet hours"),
        ({"daily": "8:30"}, "time of the day"),
        ({"daily": "24:00"}, "time of the day"),
        ({"daily": "08:30", "quiet": "22:00-07:00"}, "time of the day"),
        ({"daily": "08:30", "after_minutes": 10}, "time of the day"),
        ({"after_minutes": -1}, "after_minutes"),
        ({"after_minutes": 721}, "after_minutes"),
        ({"repeat_minutes": 4}, "repeat_minutes"),
        ({"weekly": "1"}, "field weekly"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_and_named(said: dict[str, Any], what: str) -> None:
    with pytest.raises(StoreError, match=f"the {what} of when it is told cannot be used"):
        timing_of(said)
