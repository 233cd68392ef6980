"""What each device looks like now, for people: swept in from the engine's memory, so it may lag by some seconds."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store.sql import json_text, many


class Run(NamedTuple):
    """What is not decided yet: a fault that is suspected, or (`recovering`) one that seems over, since `since_ms`."""

    code: str
    component: str
    recovering: bool
    since_ms: int


class DeviceNow(NamedTuple):
    """The present of a device. `settling`: late news is being worked in. `readings` None: those known so far stay."""

    device: str
    agent_no: int
    last_t_ms: int
    covered_to_ms: int
    received_ms: int
    settling: bool
    readings: Mapping[str, Any] | None
    readings_t_ms: int | None
    runs: tuple[Run, ...] = ()


UPSERT = (
    "INSERT INTO device_now "
    "(device, agent_no, last_t_ms, covered_to_ms, received_ms, settling, readings, readings_t_ms, runs) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (device) DO UPDATE SET agent_no = excluded.agent_no, "
    "last_t_ms = excluded.last_t_ms, covered_to_ms = excluded.covered_to_ms, "
    # An engine that started after the last report knows nothing of when it came.
    "received_ms = CASE WHEN excluded.received_ms > device_now.received_ms THEN excluded.received_ms "
    "ELSE device_now.received_ms END, "
    "settling = excluded.settling, readings = COALESCE(excluded.readings, device_now.readings), "
    "runs = excluded.runs, "
    "readings_t_ms = CASE WHEN excluded.readings IS NULL THEN device_now.readings_t_ms ELSE excluded.readings_t_ms END"
)


def keep(connection: Connection, rows: Sequence[DeviceNow]) -> None:
    """Write the present of devices."""
    many(connection, UPSERT, [_stored(row) for row in rows])


def _stored(row: DeviceNow) -> tuple[Any, ...]:
    readings = (None, None) if row.readings is None else (json_text(row.readings), row.readings_t_ms)
    return (*row[:6], *readings, json_text(row.runs))
