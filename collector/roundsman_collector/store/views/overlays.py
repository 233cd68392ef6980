"""Maintenance, exclusions, corrections, and how they changed the past (overlays.py, laid.py, changes.py)."""

from collections.abc import Collection

from roundsman_collector.core.overlay import Laid
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    changes,
    laid,
    overlays,
)
from roundsman_collector.store.changes import ChangesPage, Since, TicketChanged
from roundsman_collector.store.overlays import ANY_OVERLAY, OverlayFilter, OverlayRow
from roundsman_collector.store.views.reading import Reading


class OverlayReads(Reading):
    """What is laid over the evidence."""

    def overlay(self, overlay: int, *, scope: Scope = EVERYTHING) -> OverlayRow | None:
        """An overlay with its log, if the scope reaches what it is laid over."""
        with self._reading("an overlay") as connection:
            return overlays.one(connection, overlay, scope)

    def overlays(
        self,
        *,
        scope: Scope = EVERYTHING,
        wanted: OverlayFilter = ANY_OVERLAY,
        before_id: int | None = None,
        limit: int = 50,
    ) -> list[OverlayRow]:
        """Overlays within the scope, the newest first, older than `before_id`."""
        with self._reading("overlays") as connection:
            return overlays.page(connection, scope, wanted, before_id=before_id, limit=limit)

    def overlays_of(
        self, device: str, from_ms: int, to_ms: int, known_ms: int, scope: Scope = EVERYTHING
    ) -> list[OverlayRow]:
        """Every overlay that concerns a device in [from, to), whatever has become of it, the newest first."""
        with self._reading("overlays of a device") as connection:
            return laid.overlays_of(connection, [device], from_ms, to_ms, known_ms, scope)

    def overlays_for(
        self, devices: Collection[str], from_ms: int, to_ms: int, known_ms: int
    ) -> dict[str, tuple[Laid, ...]]:
        """What counts over each of these devices in [from, to), as known at `known_ms`: of those that have any."""
        with self._reading("what is laid over devices") as connection:
            return laid.overlays_for(connection, devices, from_ms, to_ms, known_ms)

    def maintenance_now(self, now_ms: int, devices: Collection[str] | None = None) -> dict[str, int | None]:
        """Subjects, or those of these devices, that are under maintenance or laid up now, and until when."""
        with self._reading("what is under maintenance") as connection:
            return laid.maintenance_now(connection, now_ms, devices)

    def changed_devices(self, asked: Since, scope: Scope, *, after: str = "", limit: int = 50) -> ChangesPage:
        """Devices whose past is told otherwise now than at a known time, by id, behind `after` (changes.py)."""
        with self._reading("what changed") as connection:
            return changes.devices(connection, asked, scope, after=after, limit=limit)

    def changed_tickets(self, asked: Since, scope: Scope, *, limit: int = 100) -> list[TicketChanged]:
        """Tickets that were dated anew, re-labelled, merged or voided since, the newest first."""
        with self._reading("what became of tickets") as connection:
            return changes.tickets(connection, asked, scope, limit=limit)

    def changed_overlays(self, asked: Since, scope: Scope, *, limit: int = 100) -> list[OverlayRow]:
        """Overlays of which something became since, and that reach into the past before, the newest first."""
        with self._reading("what became of overlays") as connection:
            return changes.changed_overlays(connection, asked, scope, limit=limit)

    def is_author(self, author: str, who: str) -> bool:
        """Whether somebody is the author of something, or acts for the same person."""
        with self._reading("who made a token") as connection:
            return overlays.is_author(connection, author, who)
