"""Once a day, what gets worse: each device's days are looked at, and what will cross a limit is foretold.

    forecasting.step(now_ms)      the next few devices; nothing, once all were looked at since the day began

A day begins at midnight of the usual time zone and an hour, so that what was late by less counts. Devices elsewhere are
looked at then, too, with the days that are over where they stand. Where it was does not matter after a restart: what is
foretold again in the same words changes nothing.
"""

from roundsman_collector.core.forecast import WINDOW_DAYS
from roundsman_collector.core.local_days import day_at
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.engine.engine import Engine
from roundsman_collector.store.foretelling import foretold, row_of
from roundsman_collector.store.reading_days import KEPT_DAYS

DEVICES_AT_ONCE = 4
"""Some hundredths of a second; a fleet of 10,000 is through in ten minutes."""
LATE_MS = 3_600_000


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
        days, store = self.engine.days, self.engine.store
        if self._after is None or not days.trends.watches:
            return 0
        devices, series = store.trends_after(self._after, DEVICES_AT_ONCE, day - WINDOW_DAYS - 1, day + 2)
        found = foretold(series, days.trends, lambda device: self.engine.book.at(device, now_ms), days.zones, now_ms)
        rows = [row_of(one, now_ms) for one in found if not one.said.why]
        new = store.tell_forecasts(devices, rows, now_ms, day - KEPT_DAYS) if devices else 0
        self._after = devices[-1] if len(devices) == DEVICES_AT_ONCE else None
        return new
