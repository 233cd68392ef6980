"""Lists of devices: what is known of many at once, in a few statements, never device by device and without readings.

    facts(connection, after="kiosk-6", limit=1000)    DeviceFacts by id, from the one behind on
    facts_of(connection, ["kiosk-7", "nvr-2"])        … of those named
    news(connection, after_interval=812)              what tells which devices have to be looked at again
    pasts(connection, now_ms, (1h, 24h, 30d))         up, down and outages of every device in windows that end now

Pages do not ask here: board.py keeps the answers, and answers them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.policy import SILENT
from roundsman_collector.store.sql import chunks, look, marks

NEWS_LIMIT = 20_000
"""How many new rows of the ledger are looked through at once; the rest comes next time."""


class DeviceFacts(NamedTuple):
    """A device as lists show it. `group` is that of the agent that speaks for it, `site_group` that of its site.

    `text` is what it is found by, in small letters; `state` None: the ledger has nothing of it yet.
    """

    id: str
    kind: str
    name_zh: str
    name_en: str
    agent: str | None
    group: str | None
    place: str | None
    site: str | None
    site_group: str | None
    customer: str | None
    text: str | None
    state: str | None
    cause: str
    fault: str
    since_ms: int | None
    covered_to_ms: int | None


FACTS = (
    "SELECT device.id, device.kind, device.name_zh, device.name_en, agent.id, agent.group_id, place.id, site.id, "
    "site.group_id, site.customer, device_search.text, interval.state, COALESCE(interval.cause, ''), "
    "COALESCE(interval.fault, ''), interval.event_from_ms, device_now.covered_to_ms FROM device "
    "LEFT JOIN assignment ON assignment.device = device.id AND assignment.to_ms IS NULL "
    "LEFT JOIN agent ON agent.no = assignment.agent_no "
    "LEFT JOIN installation ON installation.device = device.id AND installation.to_ms IS NULL "
    "LEFT JOIN place ON place.id = installation.place AND place.to_ms IS NULL "
    "LEFT JOIN site ON site.id = place.site AND site.to_ms IS NULL "
    "LEFT JOIN device_search ON device_search.device = device.id "
    "LEFT JOIN device_now ON device_now.device = device.id "
    "LEFT JOIN interval ON interval.device = device.id AND interval.known_to_ms IS NULL "
    "AND interval.event_to_ms IS NULL "
    "AND interval.event_from_ms = (SELECT max(newest.event_from_ms) FROM interval newest "
    "WHERE newest.device = device.id AND newest.known_to_ms IS NULL) WHERE "
)


def facts(connection: Connection, after: str, limit: int) -> list[DeviceFacts]:
    """Devices by id, from the one behind `after` on."""
    rows = look(connection, f"{FACTS} device.id > ? ORDER BY device.id LIMIT ?", after, limit)
    return list(map(DeviceFacts._make, rows))


def facts_of(connection: Connection, devices: Sequence[str]) -> list[DeviceFacts]:
    """These devices, in no order."""
    found: list[DeviceFacts] = []
    for part in chunks(devices):
        found += map(DeviceFacts._make, look(connection, f"{FACTS} device.id IN ({marks(len(part))})", *part))
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetNews:
    """What holds now, of whole fleets, and whose ledger has changed.

    `told`: devices with new rows in the ledger up to `last_interval`. `conditions`: the code of what is wrong longest,
    by device. `silent`: agents of which nothing is heard. `tickets`: numbers of what is open, by subject. `register`:
    differs when who is in the register may have changed.
    """

    told: frozenset[str]
    last_interval: int
    conditions: Mapping[str, str]
    silent: frozenset[str]
    tickets: Mapping[str, tuple[str, ...]]
    register: tuple[int, ...]


def news(connection: Connection, after_interval: int) -> FleetNews:
    """What is to be known before single devices are looked at. `told` may be cut: ask again from `last_interval`."""
    rows = look(
        connection, "SELECT id, device FROM interval WHERE id > ? ORDER BY id LIMIT ?", after_interval, NEWS_LIMIT
    )
    held = look(
        connection,
        "SELECT subject, code FROM condition WHERE known_to_ms IS NULL AND event_to_ms IS NULL "
        "ORDER BY event_from_ms DESC, component DESC, code DESC",
    )
    waiting = look(connection, "SELECT subject, number FROM ticket WHERE state IN ('open', 'acknowledged') ORDER BY id")
    tickets: dict[str, tuple[str, ...]] = {}
    for subject, number in waiting:
        tickets[subject] = (*tickets.get(subject, ()), number)
    return FleetNews(
        told=frozenset(device for _, device in rows),
        last_interval=rows[-1][0] if rows else after_interval,
        conditions={subject: code for subject, code in held if not subject.startswith("@")},
        silent=frozenset(subject[1:] for subject, code in held if code == SILENT),
        tickets=tickets,
        register=_register(connection),
    )


def newest_interval(connection: Connection) -> int:
    """The id of the newest row of the ledger."""
    return int(look(connection, "SELECT COALESCE(max(id), 0) FROM interval")[0][0])


def _register(connection: Connection) -> tuple[int, ...]:
    """Cheap signs of a change in the register: people's changes are audited, agents and devices are counted."""
    rows = look(
        connection,
        "SELECT (SELECT COALESCE(max(id), 0) FROM audit), (SELECT COALESCE(max(no), 0) FROM agent), "
        "(SELECT count(*) FROM device)",
    )
    return tuple(rows[0])


# --- the past of all --------------------------------------------------------------------------------------------------


class Past(NamedTuple):
    """A device in one window: what the ledger says of it, cut to the window and to where its evidence ends."""

    up_ms: int
    down_ms: int
    outages: int
    longest_ms: int


NOTHING = Past(0, 0, 0, 0)


def pasts(connection: Connection, now_ms: int, lengths_ms: Sequence[int]) -> dict[str, tuple[Past, ...]]:
    """Every device that the ledger speaks of, in each of the windows [now - length, now).

    The same figures as core.availability has of a device's current intervals, worked out by the database: current rows
    of a device never overlap, so that times add up; down rows that touch are one outage.
    """
    begins = [now_ms - length for length in lengths_ms]
    spans, values = _spans(now_ms, min(begins))
    sums = {row[0]: row[1:] for row in look(connection, _sums(spans, len(begins)), *values, *_twice(begins, 2))}
    outages = {row[0]: row[1:] for row in look(connection, _outages(spans, len(begins)), *values, *_twice(begins, 1))}
    none = (0,) * (2 * len(begins))
    found = {}
    for device, times in sums.items():
        counted = outages.get(device, none)
        found[device] = tuple(Past(*times[i : i + 2], *counted[i : i + 2]) for i in range(0, 2 * len(begins), 2))
    return found


def _twice(begins: Sequence[int], states: int) -> list[int]:
    """The values of _sums or _outages: each window's begin as often as its expressions name it."""
    times = 3 * states if states == 2 else 4
    return [begin for begin in begins for _ in range(times)]


def _spans(now_ms: int, from_ms: int) -> tuple[str, list[object]]:
    """span (device, state, a, b): current rows that reach into [from, now), cut to now and to the evidence."""
    end = "CASE WHEN device_now.covered_to_ms IS NULL THEN 0 WHEN device_now.covered_to_ms < {0} THEN "
    end = (end + "device_now.covered_to_ms ELSE {0} END").format(f"CAST({int(now_ms)} AS BIGINT)")
    return (
        "WITH span AS (SELECT interval.device AS device, interval.state AS state, interval.event_from_ms AS a, "
        f"CASE WHEN interval.event_to_ms IS NULL THEN {end} "
        "WHEN interval.event_to_ms < ? THEN interval.event_to_ms ELSE ? END AS b "
        "FROM interval LEFT JOIN device_now ON device_now.device = interval.device "
        "WHERE interval.known_to_ms IS NULL AND (interval.event_to_ms IS NULL OR interval.event_to_ms > ?) "
        "AND interval.event_from_ms < ?)",
        [now_ms, now_ms, from_ms, now_ms],
    )


def _sums(spans: str, windows: int) -> str:
    """device, then up and down of each window."""
    cut = "CASE WHEN state = '{}' AND b > ? AND b > a THEN b - CASE WHEN a > ? THEN a ELSE ? END ELSE 0 END"
    columns = ", ".join(f"CAST(SUM({cut.format(state)}) AS BIGINT)" for _ in range(windows) for state in ("up", "down"))
    return f"{spans} SELECT device, {columns} FROM span GROUP BY device"


def _outages(spans: str, windows: int) -> str:
    """device, then count and longest of the outages of each window; an outage is down rows that touch."""
    counted = "SUM(CASE WHEN b > ? THEN 1 ELSE 0 END)"
    longest = "MAX(CASE WHEN b > ? THEN b - CASE WHEN a > ? THEN a ELSE ? END ELSE 0 END)"
    columns = ", ".join(f"CAST({counted} AS BIGINT), CAST({longest} AS BIGINT)" for _ in range(windows))
    return (
        f"{spans}, fallen AS (SELECT device, a, b, LAG(b) OVER (PARTITION BY device ORDER BY a) AS last_b FROM span "
        "WHERE state = 'down' AND b > a), "
        "numbered AS (SELECT device, a, b, SUM(CASE WHEN last_b >= a THEN 0 ELSE 1 END) "
        "OVER (PARTITION BY device ORDER BY a) AS outage FROM fallen), "
        "whole AS (SELECT device, MIN(a) AS a, MAX(b) AS b FROM numbered GROUP BY device, outage) "
        f"SELECT device, {columns} FROM whole GROUP BY device"
    )
