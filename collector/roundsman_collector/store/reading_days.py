"""What was read by the local day: of each device, day and reading the least, greatest and last value, and how many.

    keep(connection, DaysTold(rows=[...], rest_seq=900, waiting={3: 512}))     add to the days, and how far that got
    counted(connection) -> (rest_seq, waiting)                                 how far; None: never yet
    series(connection, ["nvr-2"], from_day, to_day) -> {("nvr-2", "disk[1].reallocated"): [DayRow, ...]}

What is added is worked out from evidence by the engine (engine/reading_days.py), which says in the same transaction up
to which evidence it has counted: so nothing counts twice or never, whenever the collector dies. Least, greatest, last
and how many do not depend on the order in which evidence comes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.store import schema
from roundsman_collector.store.sql import chunks, insert, json_text, keep_fact, look, many, marks, run

COUNTED = "reading_days"
KEPT_DAYS = 800
ADD = (
    f"{insert(schema.reading_day)} ON CONFLICT (device, day, reading_no) DO UPDATE SET "
    "least = CASE WHEN excluded.least < reading_day.least THEN excluded.least ELSE reading_day.least END, "
    "greatest = CASE WHEN excluded.greatest > reading_day.greatest THEN excluded.greatest "
    "ELSE reading_day.greatest END, "
    "last = CASE WHEN excluded.last_ms > reading_day.last_ms "
    "OR (excluded.last_ms = reading_day.last_ms AND excluded.last > reading_day.last) "
    "THEN excluded.last ELSE reading_day.last END, "
    "last_ms = CASE WHEN excluded.last_ms > reading_day.last_ms THEN excluded.last_ms ELSE reading_day.last_ms END, "
    "looks = reading_day.looks + excluded.looks"
)
ELSEWHERE = (
    "SELECT installation.device, site.time_zone FROM site JOIN place ON place.site = site.id AND place.to_ms IS NULL "
    "JOIN installation ON installation.place = place.id AND installation.to_ms IS NULL "
    "WHERE site.to_ms IS NULL AND site.time_zone <> ?"
)


class DayRow(NamedTuple):
    """What was read on a day. The last of `looks` values at `last_ms`; of two at one time the larger counts."""

    device: str
    day: int
    reading: str
    least: float
    greatest: float
    last: float
    last_ms: int
    looks: int


class DaysTold(NamedTuple):
    """What is to be added. Evidence before `rest_seq` is counted then, but for the parts of the fleet that are named in
    `waiting`: theirs before that seq."""

    rows: Sequence[DayRow]
    rest_seq: int
    waiting: Mapping[int, int]


def keep(connection: Connection, told: DaysTold) -> None:
    """Add rows to what is there, and note how far that got."""
    if told.rows:
        numbers = _numbered(connection, {row.reading for row in told.rows})
        many(
            connection,
            ADD,
            sorted((row.device, row.day, numbers[row.reading], *row[3:]) for row in told.rows),
        )
    keep_fact(connection, COUNTED, json_text({"rest": told.rest_seq, "waiting": told.waiting}))


def counted(connection: Connection) -> tuple[int, dict[int, int]] | None:
    """Up to which evidence days are counted: of all, and of the parts that wait; None: nothing ever was."""
    said = run(connection, "SELECT value FROM meta WHERE key = ?", COUNTED).scalar()
    if said is None:
        return None
    kept = json.loads(said)
    return int(kept["rest"]), {int(part): int(seq) for part, seq in kept["waiting"].items()}


def names(connection: Connection) -> set[str]:
    """The readings of which days are kept."""
    return {row[0] for row in look(connection, "SELECT name FROM reading_name")}


def elsewhere(connection: Connection) -> dict[str, str]:
    """The time zones of the devices that do not stand in the usual one."""
    return dict(look(connection, ELSEWHERE, USUAL_ZONE))


def series(
    connection: Connection,
    devices: Iterable[str],
    from_day: int,
    to_day: int,
    readings: Iterable[str] | None = None,
) -> dict[tuple[str, str], list[DayRow]]:
    """The days in [from, to) of these devices, by device and reading, ascending; of these readings only, if named."""
    wanted = None if readings is None else frozenset(readings)
    found: dict[tuple[str, str], list[DayRow]] = {}
    for part in chunks(devices):
        rows = look(
            connection,
            "SELECT d.device, d.day, n.name, d.least, d.greatest, d.last, d.last_ms, d.looks FROM reading_day d "
            f"JOIN reading_name n ON n.no = d.reading_no WHERE d.device IN ({marks(len(part))}) "
            "AND d.day >= ? AND d.day < ? ORDER BY d.device, d.day, n.name",
            *part,
            from_day,
            to_day,
        )
        for row in map(DayRow._make, rows):
            if wanted is None or row.reading in wanted:
                found.setdefault((row.device, row.reading), []).append(row)
    return found


def has_before(connection: Connection, devices: Sequence[str], before_day: int) -> bool:
    """Whether there are days of these devices before one."""
    asked = "SELECT 1 FROM reading_day WHERE device IN ({}) AND day < ? LIMIT 1"
    return any(look(connection, asked.format(marks(len(part))), *part, before_day) for part in chunks(devices))


def forget(connection: Connection, devices: Sequence[str], before_day: int) -> int:
    """Delete the days of these devices before one; how many rows went."""
    return sum(
        run(
            connection,
            f"DELETE FROM reading_day WHERE device IN ({marks(len(part))}) AND day < ?",
            *part,
            before_day,
        ).rowcount
        for part in chunks(devices)
    )


def _numbered(connection: Connection, wanted: set[str]) -> dict[str, int]:
    """The numbers of these names; new ones get one."""
    known = _known(connection, wanted)
    new = sorted(wanted.difference(known))
    many(connection, "INSERT INTO reading_name (name) VALUES (?)", [(name,) for name in new])
    return known | _known(connection, new) if new else known


def _known(connection: Connection, wanted: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in chunks(sorted(wanted)):
        rows: Any = look(connection, f"SELECT name, no FROM reading_name WHERE name IN ({marks(len(part))})", *part)
        found.update(rows)
    return found
