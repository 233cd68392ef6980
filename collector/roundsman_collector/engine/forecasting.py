"""Once a day, what gets worse: each device's days are looked at, and what crosses a limit is foretold.

    forecasting.step(now_ms)      the next few devices; nothing, once all were looked at since the day began

A day begins at midnight of the usual time zone and an hour, so that what was late by less counts. Devices elsewhere are
looked at then, too, with the days that are over where they stand. Where it was does not matter after a restart: what is
foretold again in the same words changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence

import structlog

from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.forecast import WINDOW_DAYS, DayRead, Forecast, Watch, forecast, points_of
from roundsman_collector.core.local_days import date_of, day_at
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.engine.engine import Engine
from roundsman_collector.rules.trends import limit_name, limit_of
from roundsman_collector.store.forecasts import ForecastRow
from roundsman_collector.store.reading_days import KEPT_DAYS, DayRow

log = structlog.get_logger(__name__)

DEVICES_AT_ONCE = 10
LATE_MS = 3_600_000

Series = Mapping[tuple[str, str], Sequence[DayRow]]


def reads_of(rows: Sequence[DayRow], time_zone: str) -> list[DayRead]:
    """Days as the core reads them, with when each began."""
    local = zone(time_zone)
    return [
        DayRead(row.day, row.least, row.greatest, row.last, row.last_ms, row.looks, instant(date_of(row.day), 0, local))
        for row in rows
    ]


def newest(series: Series, device: str, reading: str | None) -> float | None:
    """The last value there is of a reading."""
    rows = () if reading is None else series.get((device, reading), ())
    return rows[-1].last if rows else None


class Forecasting:
    """See the module. One for the life of a collector."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._day: int | None = None
        self._after: str | None = None

    def step(self, now_ms: int) -> int:
        """Look at the next devices; how many forecasts are new or say something else."""
        day = day_at(now_ms - LATE_MS, USUAL_ZONE)
        if day != self._day:
            self._day, self._after = day, ""
        if self._after is None or not self.engine.days.trends.watches:
            return 0
        first = day - WINDOW_DAYS - 1
        devices, series = self.engine.store.trends_after(self._after, DEVICES_AT_ONCE, first, day + 2)
        rows = [row for device in devices for row in self._foretold(device, series, now_ms)]
        new = self.engine.store.tell_forecasts(devices, rows, now_ms, day - KEPT_DAYS) if devices else 0
        self._after = devices[-1] if len(devices) == DEVICES_AT_ONCE else None
        return new

    def _foretold(self, device: str, series: Series, now_ms: int) -> Iterator[ForecastRow]:
        time_zone = self.engine.days.zones.get(device, USUAL_ZONE)
        for (named, reading), rows in series.items():
            watch = self.engine.days.trends.watch_of(reading) if named == device else None
            if watch is None:
                continue
            limit = limit_of(watch, self.engine.book.at(device, now_ms))
            if watch.limit_reading:
                limit = newest(series, device, limit_name(watch, reading))
            today = day_at(now_ms, time_zone)
            days = [one for one in reads_of(rows, time_zone) if one.day < today]
            said = forecast(watch, points_of(watch, days), limit=limit, today=today)
            if not said.why:
                yield row_of(device, reading, watch, said, now_ms)


def row_of(device: str, reading: str, watch: Watch, said: Forecast, now_ms: int) -> ForecastRow:
    """A forecast with a date as a row."""
    assert said.slope is not None and said.limit is not None and said.first is not None
    assert said.earliest is not None and said.likely is not None and said.latest is not None
    return ForecastRow(
        device=device,
        reading=reading,
        watch=watch.code,
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
