"""Figures of devices over time (reckon.py), ratios of channels, vehicles and links (ratios.py), faults counted
(fault_counts.py)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import Connection

from roundsman_collector.core.failure_rates import Installed
from roundsman_collector.core.intervals import Pair
from roundsman_collector.core.ratio_names import Told
from roundsman_collector.roles import Scope
from roundsman_collector.store import fault_counts, ratio_facts, ratios, reckon, recurrence, vehicles
from roundsman_collector.store.fleet import DevicePast
from roundsman_collector.store.ratios import PointOver
from roundsman_collector.store.reckon import Answer, Asked, Evidence, Frame, Served
from roundsman_collector.store.recurrence import RecurrenceRow
from roundsman_collector.store.vehicles import Absent, VehicleOver
from roundsman_collector.store.views.reading import Reading


class FigureReads(Reading):
    """What figures are made of."""

    def fleet_pasts(self, now_ms: int, lengths_ms: Sequence[int]) -> Iterator[list[DevicePast]]:
        """Every device in each of the windows [now - length, now), a chunk of devices at a time."""
        return reckon.pasts(self._reckoning, now_ms, lengths_ms)

    def reckon(self, asked: Asked) -> Answer:
        """Figures of whatever the scope reaches, by a dimension and by buckets."""
        return reckon.reckon(self._reckoning, asked)

    def served(self, devices: Sequence[str], frame: Frame) -> dict[str, list[Served]]:
        """Where each of these devices served in a window, as far as the scope reaches, and the time that counts."""
        with self._reckoning() as connection:
            return reckon.served(connection, devices, frame)

    def evidence_of(
        self, devices: Collection[str], from_ms: int, to_ms: int, *, now_ms: int, known_ms: int | None = None
    ) -> dict[str, Evidence]:
        """The ledgers of devices, explained by roots, before overlays: as known now, or at `known_ms`."""
        with self._reckoning() as connection:
            return reckon.evidence_of(connection, devices, from_ms, to_ms, now_ms=now_ms, known_ms=known_ms)

    def _reckoning(self) -> AbstractContextManager[Connection]:
        return self._reading("what figures are made of")

    def point_times(self, frame: Frame, of: Mapping[str, str]) -> list[PointOver]:
        """Every channel's time, which the ratio of points online adds up."""
        return ratios.point_times(self._reckoning, frame, of)

    def first_up(self, devices: Sequence[str], known_ms: int | None = None) -> dict[str, int]:
        """When each of these devices was first up, as known now or at `known_ms`."""
        with self._reckoning() as connection:
            return ratio_facts.first_up(connection, devices, known_ms)

    def ratios(self, frame: Frame, of: Mapping[str, str]) -> list[Told]:
        """The ratios of the trade, of what a scope reaches, narrowed (ratio_facts.NARROWED)."""
        return ratios.reckoned(self._reckoning, frame, of)

    def vehicles(self, frame: Frame, of: Mapping[str, str]) -> list[VehicleOver]:
        """Vehicles in service over a window, of what a scope reaches, narrowed (ratio_facts.NARROWED)."""
        return vehicles.over(self._reckoning, frame, of)

    def vehicles_absent(self, some: Sequence[VehicleOver], frame: Frame) -> dict[str, Absent]:
        """When these vehicles were up last, and their tickets, by device."""
        with self._reading("vehicles that were not online") as connection:
            return vehicles.absent(connection, some, frame)

    def faults(
        self, scope: Scope, window: Pair, known_ms: int, only: Mapping[str, str] = fault_counts.ASKED
    ) -> fault_counts.Found:
        """The faults that began in a window, as known at a time, narrowed (fault_counts.ONLY)."""
        with self._reading("faults of a window") as connection:
            return fault_counts.of(connection, scope, window, known_ms, only=only)

    def recurrences(
        self, scope: Scope, wanted: recurrence.Wanted, *, before_id: int | None = None, limit: int = 50
    ) -> list[RecurrenceRow]:
        """Warnings of faults that come again and again, as far as the scope reaches, the newest first."""
        with self._reading("what recurs") as connection:
            return recurrence.page(connection, scope, wanted, before_id=before_id, limit=limit)

    def recurrence(self, scope: Scope, warning: int) -> tuple[RecurrenceRow, list[recurrence.Word]] | None:
        """A warning with what people found at its root, if the scope reaches it."""
        with self._reading("a warning") as connection:
            found = recurrence.one(connection, scope, warning)
            return None if found is None else (found, recurrence.words(connection, warning))

    def installed(self, scope: Scope, window: Pair, only: Mapping[str, str] = fault_counts.ASKED) -> list[Installed]:
        """What stood installed in a window, device by device, narrowed likewise."""
        with self._reading("what stood installed") as connection:
            return fault_counts.installed(connection, scope, window, only=only)
