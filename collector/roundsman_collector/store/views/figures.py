"""Figures of devices over time (reckon.py), and ratios of channels, vehicles and links (ratio_facts.py)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import Connection

from roundsman_collector.core.intervals import Intervals, Pair
from roundsman_collector.roles import Scope
from roundsman_collector.store import (
    ratio_facts,
    reckon,
)
from roundsman_collector.store.fleet import DevicePast
from roundsman_collector.store.ratio_facts import Points, Registered
from roundsman_collector.store.reckon import Answer, Asked, Evidence, Frame, Served
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

    def ratio_points(self, scope: Scope, of: Mapping[str, str]) -> list[Points]:
        """Devices that report channels, of what a scope reaches, narrowed (ratio_facts.NARROWED)."""
        with self._reading("channels") as connection:
            return ratio_facts.points(connection, scope, of)

    def ratio_fleet(self, scope: Scope, of: Mapping[str, str], known_ms: int | None = None) -> list[Registered]:
        """Vehicles, and whether each was ever up, as known now or at `known_ms`."""
        with self._reading("vehicles") as connection:
            return ratio_facts.fleet(connection, scope, of, known_ms)

    def ratio_links(
        self, scope: Scope, of: Mapping[str, str], window: Pair, known_ms: int | None = None
    ) -> list[ratio_facts.Link]:
        """Agents, and when nothing was heard of them."""
        with self._reading("links") as connection:
            return ratio_facts.links(connection, scope, of, window, known_ms)

    def ratio_broken(
        self, devices: list[str], code: str, window: Pair, known_ms: int | None = None
    ) -> dict[str, dict[str, Intervals]]:
        """When a fault held in a window, by device and component."""
        with self._reading("faults of channels") as connection:
            return ratio_facts.broken(connection, devices, code, window, known_ms)
