"""The register: customers, sites, places and contracts as versions, calendars, and the cards of devices."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from roundsman_collector.core.days import Day
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    calendars,
    cards,
    entries,
)
from roundsman_collector.store.calendars import DayVersion, ServiceHours, ServiceKey
from roundsman_collector.store.cards import Card
from roundsman_collector.store.entries import Version
from roundsman_collector.store.entry_kinds import KindName
from roundsman_collector.store.views.reading import Reading


class PlaceReads(Reading):
    """Where things stand, and whose they are."""

    def entry(
        self, kind: KindName, entry: str, *, at_ms: int | None = None, scope: Scope = EVERYTHING
    ) -> Version | None:
        """A customer, site, place … as it is in force, now or at a time, if the scope reaches it."""
        with self._reading(f"a {kind}") as connection:
            return entries.one(connection, kind, entry, at_ms=at_ms, scope=scope)

    def entries(
        self,
        kind: KindName,
        *,
        at_ms: int | None = None,
        scope: Scope = EVERYTHING,
        after: str = "",
        limit: int = 1000,
        where: Mapping[str, str] | None = None,
    ) -> list[Version]:
        """Entries of a kind in force that the scope reaches, by id; with these values in these fields, if named."""
        with self._reading(f"{kind} entries") as connection:
            return entries.some(connection, kind, at_ms=at_ms, scope=scope, after=after, limit=limit, where=where)

    def entry_history(self, kind: KindName, entry: str, *, scope: Scope = EVERYTHING) -> list[Version]:
        """All versions of an entry that the scope may know, the oldest first."""
        with self._reading(f"the history of a {kind}") as connection:
            return entries.history(connection, kind, entry, scope=scope)

    def entries_named(self, kind: KindName, ids: Iterable[str]) -> dict[str, Version]:
        """These entries, as they are in force now."""
        with self._reading(f"{kind} entries") as connection:
            return entries.named(connection, kind, ids)

    def calendar_days(
        self,
        calendar: str,
        known_ms: int | None = None,
        *,
        from_day: date | None = None,
        to_day: date | None = None,
    ) -> dict[date, Day]:
        """What a calendar says of days, `to_day` itself included: as known now, or as known at `known_ms`."""
        with self._reading("a calendar") as connection:
            return calendars.days(connection, calendar, known_ms, from_day=from_day, to_day=to_day)

    def calendar_day_history(self, calendar: str, day: date) -> list[DayVersion]:
        """Everything that a calendar ever said of a day, the oldest first."""
        with self._reading("the history of a day") as connection:
            return calendars.history(connection, calendar, day)

    def service_calendars(
        self, sites: Iterable[Version], known_ms: int | None = None
    ) -> dict[ServiceKey, ServiceHours]:
        """When these versions of sites have to run, by calendars.service_key(): as known now, or at `known_ms`."""
        with self._reading("service hours") as connection:
            return calendars.service_calendars(connection, sites, known_ms)

    def cards(
        self,
        *,
        scope: Scope = EVERYTHING,
        after: str = "",
        limit: int = 1000,
        where: Mapping[str, str] | None = None,
    ) -> list[Card]:
        """Devices with where they stand, by id; of one place, site, customer, group or agent, if named."""
        with self._reading("cards") as connection:
            return cards.cards(connection, scope=scope, after=after, limit=limit, where=where)

    def standing(self, by: str, ids: Sequence[str]) -> dict[str, int]:
        """How many devices stand at each of these sites, places, customers, contracts or groups."""
        with self._reading("what stands where") as connection:
            return cards.standing(connection, by, ids)

    def cards_named(self, devices: Sequence[str], *, scope: Scope = EVERYTHING) -> dict[str, Card]:
        """The cards of these devices that are there and reached."""
        with self._reading("cards") as connection:
            return cards.named(connection, devices, scope=scope)
