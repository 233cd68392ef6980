"""The period before a report's, and the one after it, by the wall in Shanghai."""

from datetime import date, datetime, time
from typing import NamedTuple

from tests.collector.engine.people import SHANGHAI

MONTHS = {"Q": 3, "H": 6}
"""How many months the cycles have that are no months, by the letter of their names."""


class Window(NamedTuple):
    """Days of a period, [first, end)."""

    first: date
    end: date

    @property
    def ms(self) -> dict[str, int]:
        """The window as the API is asked for it."""
        return {"from": midnight_ms(self.first), "to": midnight_ms(self.end)}

    def holds(self, day: str) -> bool:
        """Whether a day lies in it."""
        return self.first.isoformat() <= day < self.end.isoformat()


def window(period: str) -> Window:
    """The days of a month, quarter or half-year by its name, such as 2026-Q4."""
    year, _, rest = period.partition("-")
    months = MONTHS.get(rest[0], 1)
    number = int(rest.lstrip("QH"))
    first = date(int(year), (number - 1) * months + 1, 1)
    return Window(first, _later(first, months))


def before(period: str) -> Window:
    """The one before."""
    first, end = window(period)
    return Window(_later(first, -_months(first, end)), first)


def after(period: str) -> Window:
    """The one after."""
    first, end = window(period)
    return Window(end, _later(end, _months(first, end)))


def months_of(period: str) -> list[str]:
    """The names of its months."""
    first, end = window(period)
    return [f"{_later(first, n):%Y-%m}" for n in range(_months(first, end))]


def _months(first: date, end: date) -> int:
    return 12 * (end.year - first.year) + end.month - first.month


def _later(day: date, months: int) -> date:
    number = 12 * day.year + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def midnight_ms(day: date) -> int:
    """When a day begins."""
    return round(datetime.combine(day, time(), SHANGHAI).timestamp() * 1000)
