"""What gets worse: days of readings (reading_days.py), and what was foretold (forecasts.py)."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from roundsman_collector.roles import Scope
from roundsman_collector.store import forecasts, reading_days
from roundsman_collector.store.forecasts import ForecastRow, Ticketed
from roundsman_collector.store.reading_days import DayRow
from roundsman_collector.store.views.reading import Reading


class TrendReads(Reading):
    """What is known of what gets worse."""

    def trend_series(
        self, devices: Iterable[str], readings: Iterable[str] | None, from_day: int, to_day: int
    ) -> dict[tuple[str, str], list[DayRow]]:
        """What was read on the days in [from, to) of these devices, by device and reading (None: all that is kept)."""
        with self._reading("days of readings") as connection:
            return reading_days.series(connection, devices, from_day, to_day, readings)

    def forecasts_of(
        self,
        scope: Scope,
        at_ms: int | None = None,
        *,
        of: Mapping[str, str] | None = None,
        kind: str | None = None,
        watches: Collection[str] = (),
        devices: Sequence[str] | None = None,
        before_day: int | None = None,
        limit: int = 100_000,
    ) -> list[ForecastRow]:
        """What is foretold now, or was at a time, of what a scope reaches, the soonest first: forecasts.py."""
        with self._reading("forecasts") as connection:
            return forecasts.forecasts_of(
                connection,
                scope,
                at_ms,
                of=of,
                kind=kind,
                watches=watches,
                devices=devices,
                before_day=before_day,
                limit=limit,
            )

    def ticketed(self, devices: Sequence[str]) -> list[Ticketed]:
        """The live tickets of these devices, the oldest first."""
        with self._reading("tickets of devices") as connection:
            return forecasts.ticketed(connection, devices)
