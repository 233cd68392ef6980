"""The ledger of each device: bitemporal, canonical, never rewritten.

    told at 10:05   up [08:00, ...)                           known from 10:05
    told at 10:20   up [08:00, 10:10) · down [10:10, ...)     the first row is known to 10:20, two new ones from then

Read with a known time it answers what was known then, exactly. Current rows (known_to NULL) of a device never overlap,
are never empty, and touching ones differ: the ledger is a function of the truth told, not of how it was told.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.model import Retold, Segment
from roundsman_collector.store.sql import look, many, run


class Interval(NamedTuple):
    """A row of the ledger. `known_to_ms` None: this is what is known now."""

    id: int
    device: str
    state: str
    cause: str
    fault: str
    event_from_ms: int
    event_to_ms: int | None
    known_from_ms: int
    known_to_ms: int | None
    coarse: bool = False


COLUMNS = ", ".join(Interval._fields)


def tell(connection: Connection, tells: Sequence[Retold], known_ms: int) -> None:
    """Write what was told of devices; several tells of one device count in their order, as one."""
    of_device: dict[str, list[Retold]] = {}
    for told in tells:
        of_device.setdefault(told.device, []).append(told)
    closed: list[tuple[int, int]] = []
    added: list[tuple[object, ...]] = []
    for device, its_tells in of_device.items():
        held = _reaching(connection, device, min(told.from_ms for told in its_tells))
        wanted = list(held)
        for told in its_tells:
            wanted = retold(wanted, told)
        keep = set(wanted)
        closed.extend((known_ms, row_id) for segment, row_id in held.items() if segment not in keep)
        added.extend((device, *_values(segment), known_ms) for segment in wanted if segment not in held)
    many(connection, "UPDATE interval SET known_to_ms = ? WHERE id = ?", closed)
    many(
        connection,
        "INSERT INTO interval (device, state, cause, fault, event_from_ms, event_to_ms, coarse, known_from_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        added,
    )


def retold(held: Iterable[Segment], told: Retold) -> list[Segment]:
    """The segments `held` (in order), with what was told from `told.from_ms` on in place of what they said."""
    wanted = [
        segment if segment.to_ms is not None and segment.to_ms <= told.from_ms else segment._replace(to_ms=told.from_ms)
        for segment in held
        if segment.from_ms < told.from_ms
    ]
    for segment in _checked(told):
        last = wanted[-1] if wanted else None
        if last is not None and last.to_ms == segment.from_ms and last[2:] == segment[2:]:
            wanted[-1] = last._replace(to_ms=segment.to_ms)
        else:
            wanted.append(segment)
    return wanted


def _checked(told: Retold) -> list[Segment]:
    """The segments that are not empty; ValueError unless they follow each other from `from_ms` on."""
    segments = [segment for segment in told.segments if segment.from_ms != segment.to_ms]
    at: int | None = None
    for place, segment in enumerate(segments):
        is_first = place == 0 and segment.from_ms >= told.from_ms
        if not (is_first or segment.from_ms == at) or (segment.to_ms is not None and segment.to_ms < segment.from_ms):
            raise ValueError(
                f"ledger of {told.device} from {told.from_ms}: segment {place} {tuple(segment)} does not follow "
                f"{at if place else told.from_ms}; segments come in order, without holes"
            )
        at = segment.to_ms
    return segments


def _values(segment: Segment) -> tuple[object, ...]:
    return segment.state, segment.cause, segment.fault, segment.from_ms, segment.to_ms, segment.coarse


def _reaching(connection: Connection, device: str, from_ms: int) -> dict[Segment, int]:
    """Current segments from the last one that begins before `from_ms` on, in order, with their row ids."""
    found = look(
        connection,
        "SELECT event_from_ms, event_to_ms, state, cause, fault, coarse, id FROM interval "
        "WHERE device = ? AND known_to_ms IS NULL AND event_from_ms >= COALESCE("
        "(SELECT max(event_from_ms) FROM interval WHERE device = ? AND known_to_ms IS NULL AND event_from_ms < ?), ?) "
        "ORDER BY event_from_ms",
        device,
        device,
        from_ms,
        from_ms,
    )
    return {Segment._make((*row[:5], bool(row[5]))): row[6] for row in found}


def intervals(
    connection: Connection, device: str, from_ms: int, to_ms: int, known_ms: int | None = None
) -> list[Interval]:
    """A device's intervals that reach into [from, to), in order: as known now, or as known at `known_ms`."""
    if known_ms is None:
        known, at = "known_to_ms IS NULL", list[int]()
    else:
        known, at = "known_from_ms <= ? AND (known_to_ms IS NULL OR known_to_ms > ?)", [known_ms, known_ms]
    found = run(
        connection,
        f"SELECT {COLUMNS} FROM interval WHERE device = ? AND {known} "
        "AND event_from_ms < ? AND (event_to_ms IS NULL OR event_to_ms > ?) ORDER BY event_from_ms",
        device,
        *at,
        to_ms,
        from_ms,
    )
    return [Interval._make((*row[:-1], bool(row[-1]))) for row in found]
