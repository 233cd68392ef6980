"""Service levels as rows, a version each; what a ticket needs to know of them, and of where its subject stands.

    put(connection, level, hash, body, valid_from_ms, made_by)     a new version, unless it is the newest already
    newest(connection) -> {level: LevelRow}                        what contracts name today
    one(connection, 7) -> LevelRow | None                          the version that a ticket keeps
    days_said(connection, ["cn"])                                  all that was ever said of a calendar's days
    whereabouts(connection, ["kiosk-7", "#site-1", "@gw-2"])       site to zone, and the service level of the contract

A body is what rules/levels writes and reads; here it is text.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.days import Day
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.store.sql import chunks, marks, run

COLUMNS = "id, level, hash, valid_from_ms, body, made_by"
SITE = (
    "{0}, place.id, site.id, site.customer, site.contract, site.zone, site.time_zone, contract.service_level, "
    "device.kind FROM {1} LEFT JOIN contract ON contract.id = site.contract AND contract.to_ms IS NULL"
)
OF_DEVICES = SITE.format(
    "SELECT device.id",
    "device JOIN installation ON installation.device = device.id AND installation.to_ms IS NULL "
    "JOIN place ON place.id = installation.place AND place.to_ms IS NULL "
    "JOIN site ON site.id = place.site AND site.to_ms IS NULL",
)
OF_AGENTS = SITE.format(
    "SELECT '@' || agent.id",
    "agent JOIN unit ON unit.agent_no = agent.no JOIN device ON device.id = unit.machine "
    "JOIN installation ON installation.device = device.id AND installation.to_ms IS NULL "
    "JOIN place ON place.id = installation.place AND place.to_ms IS NULL "
    "JOIN site ON site.id = place.site AND site.to_ms IS NULL",
)
OF_SITES = (
    "SELECT '#' || site.id, NULL, site.id, site.customer, site.contract, site.zone, site.time_zone, "
    "contract.service_level, NULL FROM site "
    "LEFT JOIN contract ON contract.id = site.contract AND contract.to_ms IS NULL WHERE site.to_ms IS NULL"
)


class LevelRow(NamedTuple):
    """A version of a service level; `made_by` "" is who starts the collector."""

    id: int
    level: str
    hash: str
    valid_from_ms: int
    body: str
    made_by: str


class Whereabouts(NamedTuple):
    """Where a ticket's subject stands now, and under which contract. An agent stands where its device does."""

    place: str | None = None
    site: str | None = None
    customer: str | None = None
    contract: str | None = None
    zone: str | None = None
    time_zone: str = USUAL_ZONE
    service_level: str | None = None
    kind: str | None = None


class DaySaid(NamedTuple):
    """What a calendar says of a day, known in [from_ms, to_ms)."""

    calendar: str
    day: date
    from_ms: int
    to_ms: int | None
    said: Day


def put(connection: Connection, level: str, hash_: str, body: str, valid_from_ms: int, made_by: str = "") -> bool:
    """Put a version in force, unless it is the newest already. Returns whether a row was added.

    `made_by` "" is a file: what people made of it since stays.
    """
    known = newest(connection, [level]).get(level)
    if known is not None and (known.hash == hash_ or (known.made_by and not made_by)):
        return False
    run(
        connection,
        "INSERT INTO service_level (level, hash, valid_from_ms, body, made_by) VALUES (?, ?, ?, ?, ?)",
        level,
        hash_,
        valid_from_ms,
        body,
        made_by,
    )
    return True


def newest(connection: Connection, levels: Collection[str] | None = None) -> dict[str, LevelRow]:
    """The newest version of each level, or of these."""
    wanted = "" if levels is None else f"WHERE level IN ({marks(len(levels))})"
    values = () if levels is None else sorted(levels)
    newest_of_each = f"SELECT max(id) FROM service_level {wanted} GROUP BY level"
    found = run(
        connection, f"SELECT {COLUMNS} FROM service_level WHERE id IN ({newest_of_each}) ORDER BY level", *values
    )
    return {row[1]: LevelRow(*row) for row in found}


def one(connection: Connection, level_id: int) -> LevelRow | None:
    """A version by its id."""
    found = run(connection, f"SELECT {COLUMNS} FROM service_level WHERE id = ?", level_id).first()
    return None if found is None else LevelRow(*found)


def history(connection: Connection, level: str, limit: int) -> list[LevelRow]:
    """The versions of a level, the newest first."""
    sql = f"SELECT {COLUMNS} FROM service_level WHERE level = ? ORDER BY id DESC LIMIT ?"
    return [LevelRow(*row) for row in run(connection, sql, level, limit)]


def days_said(connection: Connection, calendars: Collection[str]) -> list[DaySaid]:
    """Everything that was ever said of the days of these calendars."""
    found: list[DaySaid] = []
    for part in chunks(sorted(calendars)):
        rows = run(
            connection,
            "SELECT calendar, day, from_ms, to_ms, kind, hours, name_zh, name_en, status FROM calendar_day "
            f"WHERE calendar IN ({marks(len(part))}) ORDER BY calendar, day, from_ms",
            *part,
        )
        found += (_said(row) for row in rows)
    return found


def _said(row: Any) -> DaySaid:
    calendar, day, from_ms, to_ms, kind, hours, name_zh, name_en, status = row
    said = Day(kind=kind, hours=hours, name_zh=name_zh, name_en=name_en, status=status)
    return DaySaid(calendar, date.fromisoformat(day), from_ms, to_ms, said)


def whereabouts(connection: Connection, subjects: Iterable[str]) -> dict[str, Whereabouts]:
    """Where these subjects stand now; one that stands nowhere is not named."""
    found: dict[str, Whereabouts] = {}
    wanted = sorted(set(subjects))
    for source, key, mine in (
        (OF_DEVICES, " WHERE device.id IN ({})", [one for one in wanted if one[0] not in "@#"]),
        (OF_AGENTS, " WHERE agent.id IN ({})", [one[1:] for one in wanted if one[0] == "@"]),
        (OF_SITES, " AND site.id IN ({})", [one[1:] for one in wanted if one[0] == "#"]),
    ):
        for part in chunks(mine):
            rows: Sequence[Any] = run(connection, f"{source}{key.format(marks(len(part)))}", *part).all()
            found |= {row[0]: Whereabouts(*row[1:]) for row in rows}
    return found
