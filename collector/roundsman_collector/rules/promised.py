"""What a version of a service level promises to tickets, with the calendars that it counts by. Pure.

promised = promised_from(body, said)          `said`: what was ever said of the days of its calendars
promised.read(log, now_ms) -> (Reading, ...)  the clocks of a ticket: core/sla.py
promised.look(log, now_ms)                    ... with what there is to tell of them now, and when there is next
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from roundsman_collector.core import sla
from roundsman_collector.core.days import Day
from roundsman_collector.core.level import ServiceLevel
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.core.sla import Reading, Tell, Version
from roundsman_collector.core.ticket_log import Event
from roundsman_collector.core.timetable import Timetable
from roundsman_collector.rules.levels import file_from, level_of

Said = tuple[str, date, int, int | None, Day]
"""Calendar, day, known in [from, to), what."""


@dataclass(frozen=True, slots=True)
class Promised:
    """A service level and the versions of its calendars' days; working time is made once for a time zone."""

    level: ServiceLevel
    versions: Mapping[str, Sequence[Version]]
    _hours: dict[str, dict[str, Timetable]] = field(default_factory=dict)

    def read(self, log: Sequence[Event], now_ms: int) -> tuple[Reading, ...]:
        """How the clocks of a ticket stand."""
        return sla.read(self.level, log, self._timetables(log), now_ms)

    def look(self, log: Sequence[Event], now_ms: int) -> tuple[tuple[Reading, ...], tuple[Tell, ...], int | None]:
        """The clocks of a ticket, the lines that its log needs now, and when it needs the next."""
        return sla.look(self.level, log, self._timetables(log), now_ms)

    def _timetables(self, log: Sequence[Event]) -> dict[str, Timetable]:
        zones = (str(event.data.get("time_zone") or "") for event in reversed(log) if event.verb == "promise")
        time_zone = next(zones, "") or USUAL_ZONE
        if time_zone not in self._hours:
            self._hours[time_zone] = sla.timetables(self.level, time_zone, self.versions)
        return self._hours[time_zone]


def calendars_of(body: str) -> frozenset[str]:
    """The calendars of days that a service level counts by."""
    return frozenset(week.holidays for week in level_of(file_from(body, source="service_level")).calendars.values())


def promised_from(body: str, said: Iterable[Said]) -> Promised:
    """A kept service level; RulesError where the text cannot be read."""
    days: dict[str, list[tuple[date, int, int | None, Day]]] = defaultdict(list)
    for calendar, day, from_ms, to_ms, what in said:
        days[calendar].append((day, from_ms, to_ms, what))
    versions = {calendar: sla.versions_of(rows) for calendar, rows in days.items()}
    return Promised(level_of(file_from(body, source="service_level")), versions)
