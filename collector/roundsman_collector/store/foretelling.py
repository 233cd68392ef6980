"""From days of readings to what is foretold: the same for the engine's daily look and for the page of one device.

foretold(series, trends, policies, zones, now_ms) -> [Foretold(device, reading, watch, days, said), ...]
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.forecast import DayRead, Forecast, Watch, forecast, points_of
from roundsman_collector.core.local_days import date_of, day_at
from roundsman_collector.core.policy import Policy
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.rules.trends import Trends, limit_name, limit_of
from roundsman_collector.store.forecasts import ForecastRow
from roundsman_collector.store.reading_days import DayRow

Series = Mapping[tuple[str, str], Sequence[DayRow]]


class Foretold(NamedTuple):
    """A reading that is watched, its days that are over, and what can be said."""

    device: str
    reading: str
    watch: Watch
    days: Sequence[DayRead]
    said: Forecast


def foretold(
    series: Series, trends: Trends, policy_of: Callable[[str], Policy], zones: Mapping[str, str], now_ms: int
) -> Iterator[Foretold]:
    """What can be said of each reading that is watched. `zones`: of devices outside the usual time zone."""
    for (device, reading), rows in series.items():
        watch = trends.watch_of(reading)
        if watch is None:
            continue
        time_zone = zones.get(device, USUAL_ZONE)
        today = day_at(now_ms, time_zone)
        days = reads(watch, [row for row in rows if row.day < today], time_zone)
        if watch.limit_reading:
            limit = _newest(series, device, limit_name(watch, reading))
        else:
            limit = limit_of(watch, policy_of(device))
        said = forecast(watch, points_of(watch, days), limit=limit, today=today)
        yield Foretold(device, reading, watch, days, said)


def reads(watch: Watch, rows: Sequence[DayRow], time_zone: str) -> list[DayRead]:
    """Days as the core reads them; when they began is worked out where somebody asks for it."""
    local = zone(time_zone)
    needs_starts = watch.of == "restarts"
    return [
        DayRead(
            row.day,
            row.least,
            row.greatest,
            row.last,
            row.last_ms,
            row.looks,
            instant(date_of(row.day), 0, local) if needs_starts else 0,
        )
        for row in rows
    ]


def _newest(series: Series, device: str, reading: str | None) -> float | None:
    """The last value there is of a reading."""
    rows = () if reading is None else series.get((device, reading), ())
    return rows[-1].last if rows else None


def row_of(one: Foretold, now_ms: int) -> ForecastRow:
    """A forecast with its dates as a row."""
    said = one.said
    assert said.slope is not None and said.limit is not None and said.first is not None
    assert said.earliest is not None and said.likely is not None and said.latest is not None
    return ForecastRow(
        device=one.device,
        reading=one.reading,
        watch=one.watch.code,
        from_ms=now_ms,
        level=said.slope.level,
        limit=said.limit,
        per_day=said.slope.per_day,
        low=said.slope.low,
        high=said.slope.high,
        days=said.slope.days,
        first_day=said.first,
        earliest_day=said.earliest,
        likely_day=said.likely,
        latest_day=said.latest,
    )
