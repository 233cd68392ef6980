"""What the ratios of the trade are made of, of the devices that a scope reaches now; core/ratios.py reckons.

    points(connection, scope, of)        devices that report channels, with their newest readings
    fleet(connection, scope, of)         vehicles, and whether each was ever up
    links(connection, scope, of, ...)    agents, and when nothing was heard of them
    broken(connection, devices, ...)     when a fault held, by device and component

`of` narrows to one site, customer, group or place, by what is in force now. Readings lag by some seconds (present.py).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.intervals import Intervals, Pair, normal
from roundsman_collector.core.policy import SILENT
from roundsman_collector.roles import Scope
from roundsman_collector.store import reach
from roundsman_collector.store.sql import chunks, look, marks

VEHICLE = "vehicle"
CHANNELS = '%"channel[%'
"""What stands in the readings of a device that has channels."""

STANDING = (
    "device.id IN (SELECT i.device FROM installation i JOIN place p ON p.id = i.place AND p.to_ms IS NULL "
    "JOIN site s ON s.id = p.site AND s.to_ms IS NULL WHERE i.to_ms IS NULL AND {} = ?)"
)
SPOKEN = (
    "device.id NOT IN (SELECT i.device FROM installation i WHERE i.to_ms IS NULL) AND device.id IN (SELECT a.device "
    "FROM assignment a JOIN agent ON agent.no = a.agent_no WHERE a.to_ms IS NULL AND agent.group_id = ?)"
)
"""Of what stands nowhere: to which group the agent belongs that speaks for it."""
NARROWED: Mapping[str, str] = {
    "site": STANDING.format("s.id"),
    "customer": STANDING.format("s.customer"),
    "group": f"({STANDING.format('s.group_id')} OR ({SPOKEN}))",
    "place": STANDING.format("p.id"),
}
"""By what the ratios can be narrowed, and the condition of it."""


class Points(NamedTuple):
    """A device with channels: its newest readings, when they were taken, and up to when evidence covers it."""

    device: str
    readings: dict[str, Any]
    readings_t_ms: int
    covered_to_ms: int


class Registered(NamedTuple):
    """A vehicle in the register, and whether it was ever up. `is_in_service`: an agent speaks for it, or it stands
    somewhere. `group`, `engineer`: of where it stands; of one that stands nowhere, the group of its agent."""

    device: str
    name_zh: str
    name_en: str
    ever_up: bool
    agent: str | None
    group: str | None
    place: str | None
    customer: str | None
    site: str | None
    point: str | None
    engineer: str | None

    @property
    def is_in_service(self) -> bool:
        """Whether anything is to be expected of it."""
        return self.agent is not None or self.place is not None


class Link(NamedTuple):
    """An agent: since when it is in the register, whether it was ever heard, and when it was silent."""

    agent: str
    added_ms: int
    was_heard: bool
    silent: tuple[tuple[int, int | None], ...]


POINTS = (
    "SELECT device.id, device_now.readings, device_now.readings_t_ms, device_now.covered_to_ms FROM device "
    "JOIN device_now ON device_now.device = device.id WHERE device_now.readings LIKE ? AND {} ORDER BY device.id"
)


def points(connection: Connection, scope: Scope, of: Mapping[str, str]) -> list[Points]:
    """Devices that report channels, by id."""
    where, values = _within(scope, of)
    return _points(look(connection, POINTS.format(where), CHANNELS, *values))


def points_of(connection: Connection, devices: Sequence[str]) -> list[Points]:
    """Those of these devices that report channels, by id."""
    found: list[Points] = []
    for part in chunks(devices):
        found += _points(look(connection, POINTS.format(f"device.id IN ({marks(len(part))})"), CHANNELS, *part))
    return found


def _points(rows: Iterable[tuple[Any, ...]]) -> list[Points]:
    return [Points(device, json.loads(readings), t_ms, covered_ms) for device, readings, t_ms, covered_ms in rows]


FLEET = (
    "SELECT device.id, device.name_zh, device.name_en, "
    "EXISTS (SELECT 1 FROM interval i WHERE i.device = device.id AND i.state = 'up' AND {known}), "
    "agent.id, COALESCE(site.group_id, agent.group_id), installation.place, site.customer, site.id, site.point, "
    "COALESCE(NULLIF(place.engineer, ''), site.engineer) FROM device "
    "LEFT JOIN assignment ON assignment.device = device.id AND assignment.to_ms IS NULL "
    "LEFT JOIN agent ON agent.no = assignment.agent_no "
    "LEFT JOIN installation ON installation.device = device.id AND installation.to_ms IS NULL "
    "LEFT JOIN place ON place.id = installation.place AND place.to_ms IS NULL "
    "LEFT JOIN site ON site.id = place.site AND site.to_ms IS NULL "
    "WHERE device.kind = ? AND {where} ORDER BY device.id"
)


def fleet(connection: Connection, scope: Scope, of: Mapping[str, str], known_ms: int | None) -> list[Registered]:
    """Vehicles, by id: whether evidence ever said that they were up, as known now or at `known_ms`."""
    where, values = _within(scope, of)
    known, at = known_at(known_ms)
    rows = look(connection, FLEET.format(known=known, where=where), *at, VEHICLE, *values)
    return [Registered(device, zh, en, bool(ever), *whose) for device, zh, en, ever, *whose in rows]


def first_up(connection: Connection, devices: Sequence[str], known_ms: int | None) -> dict[str, int]:
    """When evidence first said of each of these devices that it was up; of those of which it ever did."""
    is_known, at = known_at(known_ms)
    found: dict[str, int] = {}
    for part in chunks(devices):
        sql = (
            f"SELECT i.device, min(i.event_from_ms) FROM interval i WHERE i.device IN ({marks(len(part))}) "
            f"AND i.state = 'up' AND {is_known} GROUP BY i.device"
        )
        found.update((device, first_ms) for device, first_ms in look(connection, sql, *part, *at))
    return found


def links(
    connection: Connection, scope: Scope, of: Mapping[str, str], window: Pair, known_ms: int | None
) -> list[Link]:
    """Agents in the register, by id, and their silences that reach into the window."""
    where, values = reach.subjects_within(scope, "'@' || agent.id")
    if of:
        devices, more = narrowed(of)
        where += (
            " AND agent.no IN (SELECT a.agent_no FROM assignment a JOIN device ON device.id = a.device "
            f"WHERE a.to_ms IS NULL AND {devices})"
        )
        values = [*values, *more]
    agents = look(
        connection,
        f"SELECT agent.no, agent.id, agent.added_ms FROM agent WHERE agent.removed_ms IS NULL AND {where} "
        "ORDER BY agent.id",
        *values,
    )
    heard = {row[0] for row in look(connection, "SELECT DISTINCT agent_no FROM device_now")}
    silences = _silences(connection, [agent for _, agent, _ in agents], window, known_ms)
    return [
        Link(agent, added_ms, number in heard or agent in silences, tuple(silences.get(agent, ())))
        for number, agent, added_ms in agents
    ]


def broken(
    connection: Connection, devices: list[str], code: str, window: Pair, known_ms: int | None
) -> dict[str, dict[str, Intervals]]:
    """When a fault held, by device and component, cut to the window; of devices that had it."""
    found: dict[str, dict[str, list[Pair]]] = {}
    for subject, component, begin, end in _held(connection, devices, code, window, known_ms):
        until = window[1] if end is None else min(end, window[1])
        found.setdefault(subject, {}).setdefault(component, []).append((max(begin, window[0]), until))
    return {device: {name: normal(pairs) for name, pairs in by.items()} for device, by in found.items()}


def _held(
    connection: Connection, subjects: list[str], code: str, window: Pair, known_ms: int | None
) -> Iterator[tuple[str, str, int, int | None]]:
    """A fault of subjects where it reaches into the window: subject, component, from, to."""
    known, at = known_at(known_ms)
    for part in chunks(subjects):
        yield from look(
            connection,
            "SELECT i.subject, i.component, i.event_from_ms, i.event_to_ms FROM condition i "
            f"WHERE i.subject IN ({marks(len(part))}) AND i.code = ? AND {known} AND i.event_from_ms < ? "
            "AND (i.event_to_ms IS NULL OR i.event_to_ms > ?) ORDER BY i.subject, i.event_from_ms",
            *part,
            code,
            *at,
            window[1],
            window[0],
        )


def _silences(
    connection: Connection, agents: list[str], window: Pair, known_ms: int | None
) -> dict[str, list[tuple[int, int | None]]]:
    found: dict[str, list[tuple[int, int | None]]] = {}
    for subject, _, begin, end in _held(connection, [f"@{agent}" for agent in agents], SILENT, window, known_ms):
        found.setdefault(subject[1:], []).append((begin, end))
    return found


def known_at(known_ms: int | None) -> tuple[str, list[object]]:
    """Rows `i` of ledger or faults as known now or at `known_ms`: a condition and its values."""
    if known_ms is None:
        return "i.known_to_ms IS NULL", []
    return "i.known_from_ms <= ? AND (i.known_to_ms IS NULL OR i.known_to_ms > ?)", [known_ms, known_ms]


def _within(scope: Scope, of: Mapping[str, str]) -> reach.Condition:
    reached, values = reach.within(scope)
    only, more = narrowed(of)
    return f"{reached} AND {only}", [*values, *more]


def narrowed(of: Mapping[str, str], column: str = "device.id") -> reach.Condition:
    """The condition under which a device, named by `column`, is one of those that `of` names, and its values."""
    parts = [NARROWED[name] for name in of]
    values: list[object] = [key for part, key in zip(parts, of.values(), strict=True) for _ in range(part.count("?"))]
    return " AND ".join(parts).replace("device.id", column) or reach.ALL, values
