"""What changed since: devices whose past is told otherwise than at K, tickets and overlays of which something became.

    asked = Since(known_ms=K, now_ms=now, site="mall-3")
    devices(connection, asked, scope, after="", limit=50)   -> ChangesPage: what was told, what is, why, and the sums
    tickets(connection, asked, scope, limit=100)            -> what became of tickets that were open or over at K
    changed_overlays(connection, asked, scope, limit=100)

The past is [from, K): what came after K is no change of it. Both tellings are made as any figure is, by
reckon.evidence_of, laid.overlays_for and core's stretches, but of all the time, in service or not; core/changes.py
compares them. A request looks at LOOK_LIMIT devices at most and says where to go on; a device of which neither ledger
rows nor overlays nor roots differ is passed over unread.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.changes import Changed, Moved, changed, sums
from roundsman_collector.core.overlay import Laid
from roundsman_collector.core.reckoning import stretches
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import behind, laid, overlays, reach, reckon
from roundsman_collector.store.overlays import OverlayFilter, OverlayRow
from roundsman_collector.store.sql import CHUNK, look, marks, run

LOOK_LIMIT = 5000
STRETCHES_LIMIT = 200
STANDS = (
    "device.id IN (SELECT i.device FROM installation i JOIN place p ON p.id = i.place "
    "JOIN site s ON s.id = p.site WHERE s.{} = ?)"
)
# Rows that were closed since, or added: only they can tell the past before K otherwise.
RETOLD = (
    "SELECT DISTINCT device FROM interval WHERE device IN ({0}) AND known_to_ms > ? AND event_from_ms < ? "
    "UNION SELECT DISTINCT device FROM interval WHERE device IN ({0}) AND known_to_ms IS NULL AND event_from_ms < ? "
    "AND known_from_ms > ?"
)
TOLD_OF_TICKETS = (
    "SELECT e.id, ticket.number, ticket.subject, ticket.code, ticket.state, ticket.outcome, e.at_ms, e.who, e.verb, "
    "e.text FROM ticket_event e JOIN ticket ON ticket.id = e.ticket_id "
    "WHERE e.at_ms > ? AND ticket.opened_ms <= ? "
    "AND (e.verb IN ('amend', 'void', 'merge', 'join', 'release', 'recover', 'recur') "
    "OR (e.verb = 'resolve' AND ticket.outcome = 'communication'))"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Since:
    """What is asked: changes since `known_ms` of [from, known), of everything or of a customer, a site or a device."""

    known_ms: int
    now_ms: int
    from_ms: int
    customer: str = ""
    site: str = ""
    device: str = ""

    @property
    def is_narrowed(self) -> bool:
        """Whether it is about a part of what somebody reaches."""
        return bool(self.customer or self.site or self.device)


class DeviceChanges(NamedTuple):
    """A device whose past is told otherwise. `total`: how many stretches there are; `changes` are the first of them."""

    device: str
    changes: tuple[Changed, ...]
    total: int
    moved: Moved


class ChangesPage(NamedTuple):
    """Devices by id. `next_after`: go on behind it; None: that was all. `looked`: so many were looked at."""

    devices: tuple[DeviceChanges, ...]
    next_after: str | None
    looked: int


class TicketChanged(NamedTuple):
    """What became of a ticket since: it was dated anew, re-labelled, merged or voided."""

    id: int
    number: str
    subject: str
    code: str
    state: str
    outcome: str
    at_ms: int
    who: str
    verb: str
    text: str


# --- devices ---------------------------------------------------------------------------------------------------------


def devices(connection: Connection, asked: Since, scope: Scope, *, after: str = "", limit: int = 50) -> ChangesPage:
    """Devices whose past before K is told otherwise now, by id, behind `after`; at most `limit` of them."""
    found: list[DeviceChanges] = []
    looked = 0
    for part in _chunks(connection, asked, scope, after):
        for one in _of_part(connection, asked, part):
            found.append(one)
            if len(found) == limit:
                looked += part.index(one.device) + 1
                return ChangesPage(tuple(found), one.device, looked)
        looked += len(part)
        if len(part) < CHUNK:
            return ChangesPage(tuple(found), None, looked)
        if looked >= LOOK_LIMIT:
            return ChangesPage(tuple(found), part[-1], looked)
    return ChangesPage(tuple(found), None, looked)


def _chunks(connection: Connection, asked: Since, scope: Scope, after: str) -> Iterator[list[str]]:
    """The devices asked for, by id, in parts; the last part is shorter than a chunk."""
    condition, values = _asked_for(asked, scope)
    while True:
        rows = run(
            connection,
            f"SELECT device.id FROM device WHERE device.id > ? AND {condition} ORDER BY device.id LIMIT ?",
            after,
            *values,
            CHUNK,
        )
        part = [str(one) for one in rows.scalars()]
        yield part
        if len(part) < CHUNK:
            return
        after = part[-1]


def _asked_for(asked: Since, scope: Scope) -> tuple[str, list[object]]:
    condition, values = reach.within(scope)
    parts = [condition]
    if asked.device:
        parts, values = [*parts, "device.id = ?"], [*values, asked.device]
    for column, wanted in (("id", asked.site), ("customer", asked.customer)):
        if wanted:
            parts, values = [*parts, STANDS.format(column)], [*values, wanted]
    return " AND ".join(parts), values


def _of_part(connection: Connection, asked: Since, part: Sequence[str]) -> Iterator[DeviceChanges]:
    begin, end = asked.from_ms, asked.known_ms
    if not part or begin >= end:
        return
    then = laid.overlays_for(connection, part, begin, end, asked.known_ms)
    today = laid.overlays_for(connection, part, begin, end, asked.now_ms)
    suspects = sorted(_suspects(connection, asked, part, then, today))
    if not suspects:
        return
    was = reckon.evidence_of(connection, suspects, begin, end, now_ms=asked.now_ms, known_ms=asked.known_ms)
    now = reckon.evidence_of(connection, suspects, begin, end, now_ms=asked.now_ms)
    for device in suspects:
        before, after = then.get(device, ()), today.get(device, ())
        found = changed(
            stretches(was[device].segments, counted=((begin, end),), overlays=before),
            stretches(now[device].segments, counted=((begin, end),), overlays=after),
            then={one.overlay for one in before},
            today={one.overlay for one in after},
        )
        if found:
            yield DeviceChanges(device, tuple(found[:STRETCHES_LIMIT]), len(found), sums(found))


def _suspects(
    connection: Connection,
    asked: Since,
    part: Sequence[str],
    then: Mapping[str, tuple[Laid, ...]],
    today: Mapping[str, tuple[Laid, ...]],
) -> set[str]:
    """The devices of which something differs that their past is told by."""
    known = asked.known_ms
    retold = look(connection, RETOLD.format(marks(len(part))), *part, known, known, *part, known, known)
    suspects = {str(row[0]) for row in retold}
    suspects |= {device for device in then.keys() | today.keys() if then.get(device) != today.get(device)}
    was = behind.shadows_for(connection, part, asked.from_ms, known, known)
    now = behind.shadows_for(connection, part, asked.from_ms, known)
    return suspects | {device for device in was.keys() | now.keys() if was.get(device) != now.get(device)}


# --- tickets and overlays --------------------------------------------------------------------------------------------


def tickets(connection: Connection, asked: Since, scope: Scope, *, limit: int = 100) -> list[TicketChanged]:
    """What became since K of tickets that were there at K, the newest first: their facts, not their handling."""
    reached, values = reach.subjects_within(scope)
    parts = [TOLD_OF_TICKETS, reached]
    if asked.is_narrowed:
        condition, more = _asked_for(asked, EVERYTHING)
        parts.append(f"ticket.subject IN (SELECT device.id FROM device WHERE {condition})")
        values = [*values, *more]
    sql = f"{' AND '.join(parts)} ORDER BY e.id DESC LIMIT ?"
    return [TicketChanged(*row) for row in look(connection, sql, asked.known_ms, asked.known_ms, *values, limit)]


def changed_overlays(connection: Connection, asked: Since, scope: Scope, *, limit: int = 100) -> list[OverlayRow]:
    """Overlays that were made, or of which something became, since K, and that reach into the past before K."""
    if not asked.is_narrowed:
        wanted = OverlayFilter(after_ms=asked.known_ms, from_ms=asked.from_ms, to_ms=asked.known_ms)
        return overlays.page(connection, scope, wanted, limit=limit)
    condition, values = _asked_for(asked, scope)
    rows = run(connection, f"SELECT device.id FROM device WHERE {condition} ORDER BY device.id", *values)
    meant = [str(one) for one in rows.scalars()]
    found = laid.overlays_of(connection, meant, asked.from_ms, asked.known_ms, asked.now_ms, scope)
    since = asked.known_ms
    touched = [row for row in found if row.overlay.made_ms > since or any(event.at_ms > since for event in row.events)]
    return touched[:limit]
