"""What was foretold and when: a row for each device and reading that will cross its limit, as long as that was said.

tell(connection, devices, rows, now_ms)        what is foretold of these devices now, and nothing else
forecasts_of(connection, scope, at_ms)         what was known at a time, the soonest first
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.roles import Scope
from roundsman_collector.store import reach
from roundsman_collector.store.ratio_facts import narrowed
from roundsman_collector.store.sql import chunks, look, many, marks
from roundsman_collector.store.tickets import TO_DO

COLUMNS = (
    "f.device, n.name, f.watch, f.from_ms, f.level, f.limit_value, f.per_day, f.low, f.high, f.days, f.first_day, "
    "f.earliest_day, f.likely_day, f.latest_day"
)
FORECASTS = f"SELECT {COLUMNS} FROM forecast f JOIN reading_name n ON n.no = f.reading_no"
KINDS = "f.device IN (SELECT device.id FROM device WHERE device.kind = ?)"


class ForecastRow(NamedTuple):
    """A forecast, said since `from_ms`: the level on the day before, the limit, the change per day with its interval,
    from how many days since which; and the days on which the limit is crossed (core/local_days.py)."""

    device: str
    reading: str
    watch: str
    from_ms: int
    level: float
    limit: float
    per_day: float
    low: float
    high: float
    days: int
    first_day: int
    earliest_day: int
    likely_day: int
    latest_day: int


def tell(connection: Connection, devices: Sequence[str], rows: Sequence[ForecastRow], now_ms: int) -> int:
    """Let this be what is foretold of these devices from now on; how many are new or say something else."""
    before = {(row.device, row.reading): row for row in _open(connection, devices)}
    now = {(row.device, row.reading): row for row in rows}
    stays = {key for key, row in now.items() if key in before and _says(before[key]) == _says(row)}
    many(
        connection,
        "UPDATE forecast SET to_ms = ? WHERE device = ? AND to_ms IS NULL "
        "AND reading_no = (SELECT no FROM reading_name WHERE name = ?)",
        [(now_ms, *key) for key in before if key not in stays],
    )
    new = [row for key, row in now.items() if key not in stays]
    many(
        connection,
        "INSERT INTO forecast (device, reading_no, watch, from_ms, level, limit_value, per_day, low, high, days, "
        "first_day, earliest_day, likely_day, latest_day) "
        "VALUES (?, (SELECT no FROM reading_name WHERE name = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        new,
    )
    return len(new)


def is_news(connection: Connection, devices: Sequence[str], rows: Sequence[ForecastRow]) -> bool:
    """Whether that would change anything."""
    before = {(row.device, row.reading): _says(row) for row in _open(connection, devices)}
    return before != {(row.device, row.reading): _says(row) for row in rows}


def _says(row: ForecastRow) -> tuple[object, ...]:
    """What makes a forecast another one: its limit and its dates."""
    return row.watch, row.limit, row.earliest_day, row.likely_day, row.latest_day


def _open(connection: Connection, devices: Sequence[str]) -> list[ForecastRow]:
    found: list[ForecastRow] = []
    for part in chunks(devices):
        sql = f"{FORECASTS} WHERE f.to_ms IS NULL AND f.device IN ({marks(len(part))})"
        found += map(ForecastRow._make, look(connection, sql, *part))
    return found


def forecasts_of(
    connection: Connection,
    scope: Scope,
    at_ms: int | None = None,
    *,
    of: Mapping[str, str] | None = None,
    kind: str | None = None,
    watches: Collection[str] = (),
    devices: Sequence[str] | None = None,
    before_day: int | None = None,
    limit: int = 100_000,
) -> list[ForecastRow]:
    """What was foretold at a time (None: now) of the devices that a scope reaches, the soonest first.

    `of` narrows by site, customer, group or place (ratio_facts.NARROWED), `kind` by the kind of device, `watches` by
    what is watched, `devices` to these (at most some hundreds), `before_day` to what may cross its limit before it.
    """
    reached, values = reach.within(scope, "f.device")
    when = "f.to_ms IS NULL" if at_ms is None else "f.from_ms <= ? AND (f.to_ms IS NULL OR f.to_ms > ?)"
    only, narrows = narrowed(of or {}, "f.device")
    where = [when, reached, only]
    bound: list[object] = [*(() if at_ms is None else (at_ms, at_ms)), *values, *narrows]
    if before_day is not None:
        where.append("f.earliest_day < ?")
        bound.append(before_day)
    if kind is not None:
        where.append(KINDS)
        bound.append(kind)
    for column, wanted in (("f.watch", sorted(watches)), ("f.device", devices)):
        if wanted:
            where.append(f"{column} IN ({marks(len(wanted))})")
            bound += wanted
    sql = f"{FORECASTS} WHERE {' AND '.join(where)} ORDER BY f.likely_day, f.device, n.name LIMIT ?"
    return [ForecastRow._make(row) for row in look(connection, sql, *bound, limit)] if devices != [] else []


class Ticketed(NamedTuple):
    """A ticket of which somebody has something to do, of a device."""

    device: str
    component: str
    code: str
    number: str


def ticketed(connection: Connection, devices: Sequence[str]) -> list[Ticketed]:
    """The live tickets of these devices, the oldest first."""
    found: list[Ticketed] = []
    for part in chunks(devices):
        sql = (
            "SELECT subject, component, code, number FROM ticket "
            f"WHERE subject IN ({marks(len(part))}) AND {TO_DO} ORDER BY id"
        )
        found += map(Ticketed._make, look(connection, sql, *part))
    return found
