"""Lists of devices: what is known of many at once, in a few statements, never device by device and without readings.

    facts(connection, after="kiosk-6", limit=1000)    DeviceFacts by id, from the one behind on
    facts_of(connection, ["kiosk-7", "nvr-2"])        … of those named
    news(connection, after_interval=812)              what tells which devices have to be looked at again

Pages do not ask here: board.py keeps the answers, and answers them. Figures are reckoned in reckon.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.causes import Shadow
from roundsman_collector.core.policy import SILENT
from roundsman_collector.store import behind, laid
from roundsman_collector.store.sql import chunks, look, marks
from roundsman_collector.store.tickets import TO_DO

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
    by device. `silent`: agents of which nothing is heard. `tickets`: numbers of what is open, by subject. `shadows`:
    what explains devices now, of what they stand behind; `maintained`: those people are at, or laid up. `register`:
    differs when who is in the register may have changed.
    """

    told: frozenset[str]
    last_interval: int
    conditions: Mapping[str, str]
    silent: frozenset[str]
    tickets: Mapping[str, tuple[str, ...]]
    shadows: Mapping[str, Shadow]
    maintained: frozenset[str]
    register: tuple[int, ...]


def news(connection: Connection, after_interval: int, now_ms: int) -> FleetNews:
    """What is to be known before single devices are looked at. `told` may be cut: ask again from `last_interval`."""
    rows = look(
        connection, "SELECT id, device FROM interval WHERE id > ? ORDER BY id LIMIT ?", after_interval, NEWS_LIMIT
    )
    held = look(
        connection,
        "SELECT subject, code FROM condition WHERE known_to_ms IS NULL AND event_to_ms IS NULL AND effect <> 'rests' "
        "ORDER BY event_from_ms DESC, component DESC, code DESC",
    )
    waiting = look(connection, f"SELECT subject, number FROM ticket WHERE {TO_DO} ORDER BY id")
    tickets: dict[str, tuple[str, ...]] = {}
    for subject, number in waiting:
        tickets[subject] = (*tickets.get(subject, ()), number)
    return FleetNews(
        told=frozenset(device for _, device in rows),
        last_interval=rows[-1][0] if rows else after_interval,
        conditions={subject: code for subject, code in held if not subject.startswith("@")},
        silent=frozenset(subject[1:] for subject, code in held if code == SILENT),
        tickets=tickets,
        shadows=behind.explained_now(connection, now_ms),
        maintained=frozenset(laid.maintenance_now(connection, now_ms)),
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
    """A device in one window: the times of its figure, its outages and the longest of them."""

    up_ms: int
    down_ms: int
    unknown_ms: int
    excluded_ms: int
    outages: int
    longest_ms: int


class DevicePast(NamedTuple):
    """The past of a device in several windows, as far as it served for a customer and a group ("": for none)."""

    device: str
    customer: str
    group: str
    pasts: tuple[Past, ...]
