"""Local days as numbers: what is kept by the day is kept by the site's own midnight. Pure.

    day_at(at_ms, "Asia/Shanghai") -> 20777        days since 1970-01-01, as a calendar on the wall counts them
    date_of(20777) -> date(2026, 11, 20)           number_of(date(2026, 11, 20)) -> 20777

Every offset that was ever in force since 1970 changes on a quarter of an hour (UTC), so the offset of a quarter holds
for all of it: that is what makes `day_at` cheap enough to be asked for each sample.
"""

from datetime import date, timedelta
from functools import lru_cache

from roundsman_collector.core.calendar import EPOCH, MILLISECOND, zone

DAY_MS = 86_400_000
QUARTER_MS = 900_000
FIRST = date(1970, 1, 1)


def day_at(at_ms: int, time_zone: str) -> int:
    """The number of the local day at an instant. CalendarError: there is no such zone."""
    return (at_ms + _offset_ms(at_ms // QUARTER_MS, time_zone)) // DAY_MS


@lru_cache(maxsize=65_536)
def _offset_ms(quarter: int, time_zone: str) -> int:
    offset = (EPOCH + quarter * QUARTER_MS * MILLISECOND).astimezone(zone(time_zone)).utcoffset()
    assert offset is not None, "an aware time has an offset"
    return offset // MILLISECOND


def date_of(day: int) -> date:
    """The date of a day's number."""
    return FIRST + timedelta(days=day)


def number_of(day: date) -> int:
    """The number of a date."""
    return (day - FIRST).days
