"""Devices as they stand, their ledger, conditions and samples, and what they stand behind.

Whole fleets are read by a summary, which pages ask (api/summary.py).
"""

import heapq
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection

from roundsman_collector.core.causes import Kind, Link, Shadow
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    behind,
    conditions,
    evidence,
    fleet,
    ledger,
    reach,
)
from roundsman_collector.store.behind import BehindRow
from roundsman_collector.store.conditions import ConditionRow
from roundsman_collector.store.evidence import EvidenceRow
from roundsman_collector.store.fleet import DeviceFacts, FleetNews
from roundsman_collector.store.ledger import Interval
from roundsman_collector.store.present import Run
from roundsman_collector.store.samples import SampleRow, samples_in
from roundsman_collector.store.sql import run
from roundsman_collector.store.views.reading import Reading

LOOK_LIMIT = 5000
"""How many evidence rows one page of samples looks through at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceView:
    """A device as it stands. `agent` None: nobody speaks for it. `state` None: the ledger has nothing of it yet.

    The ledger says `state` since `since_ms`; evidence covers it up to `covered_to_ms`; beyond, it is only assumed.
    """

    id: str
    kind: str
    model: str | None
    name_zh: str
    name_en: str
    agent: str | None
    group: str | None
    state: str | None
    cause: str
    fault: str
    since_ms: int | None
    conditions: tuple[ConditionRow, ...]
    last_t_ms: int | None
    covered_to_ms: int | None
    received_ms: int | None
    settling: bool
    readings: dict[str, Any] | None
    readings_t_ms: int | None
    runs: tuple[Run, ...] = ()
    """What is suspected, or seems over, and is not decided yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplePage:
    """Samples, newest received first. `next_seq`: ask again with before_seq = this for older ones; None: no more."""

    samples: tuple[SampleRow, ...]
    next_seq: int | None


class DeviceReads(Reading):
    """What is known of devices."""

    def devices(
        self, *, after: str = "", limit: int = 1000, group: str | None = None, scope: Scope = EVERYTHING
    ) -> list[DeviceView]:
        """Devices that the scope reaches, by id, from the one behind `after` on; of one group, if named."""
        reached, values = reach.within(scope)
        if group is not None:
            reached, values = f"{reached} AND agent.group_id = ?", [*values, group]
        with self._reading("devices") as connection:
            return _devices(
                connection, f"device.id > ? AND {reached} ORDER BY device.id LIMIT ?", (after, *values, limit)
            )

    def reaches(self, scope: Scope, subject: str) -> bool:
        """Whether a scope reaches a device, an agent (`@` and its id) or a site (`#`); not, if there is none."""
        with self._reading("what somebody reaches") as connection:
            return reach.reaches(connection, scope, subject)

    def device(self, device_id: str) -> DeviceView | None:
        """One device."""
        with self._reading("a device") as connection:
            found = _devices(connection, "device.id = ?", (device_id,))
        return found[0] if found else None

    def intervals(self, device: str, from_ms: int, to_ms: int, known_ms: int | None = None) -> list[Interval]:
        """A device's ledger in [from, to): as known now, or as known at `known_ms`. Ends are not cut to the window."""
        with self._reading("intervals") as connection:
            return ledger.intervals(connection, device, from_ms, to_ms, known_ms)

    def conditions_of(
        self, subjects: Sequence[str], from_ms: int, to_ms: int, known_ms: int | None = None
    ) -> dict[str, list[ConditionRow]]:
        """What befell many subjects in [from, to), of those that have anything: as known now, or at `known_ms`."""
        with self._reading("conditions of many") as connection:
            return conditions.of_many(connection, subjects, from_ms, to_ms, known_ms)

    def open_conditions(self, subjects: Sequence[str]) -> dict[str, list[ConditionRow]]:
        """The conditions that hold now, of those subjects that have any."""
        with self._reading("open conditions") as connection:
            return conditions.open_of(connection, subjects)

    def conditions(self, subject: str, from_ms: int, to_ms: int, known_ms: int | None = None) -> list[ConditionRow]:
        """What befell a device, or an agent (`@` and its id), in [from, to): as known now, or at `known_ms`."""
        with self._reading("conditions") as connection:
            return conditions.conditions(connection, subject, from_ms, to_ms, known_ms)

    def samples(
        self,
        device: str,
        from_ms: int,
        to_ms: int,
        *,
        limit: int = 1000,
        before_seq: int | None = None,
        look: int = LOOK_LIMIT,
    ) -> SamplePage:
        """A device's samples whose own time `t` lies in [from, to), read from the evidence, newest received first.

        A page holds whole reports: it may have a few more than `limit`, and may be empty while `next_seq` goes on; so
        it is after `look` reports, whatever was in them.
        What was received more than a day before `from_ms` is not looked at: no clock worth believing is that far ahead.
        """
        with self._reading(f"samples of {device}") as connection:
            found: list[SampleRow] = []
            rows = self._rows_of(connection, device, from_ms - evidence.DAY_MS, before_seq, min(look, evidence.CHUNK))
            for looked, row in enumerate(rows):
                if len(found) >= limit or looked >= look:
                    return SamplePage(samples=tuple(found), next_seq=row.seq + 1)
                found.extend(samples_in(row, device, from_ms, to_ms))
        return SamplePage(samples=tuple(found), next_seq=None)

    def _rows_of(
        self, connection: Connection, device: str, received_from_ms: int, before_seq: int | None, chunk: int
    ) -> Iterator[EvidenceRow]:
        """The evidence of all agents that ever spoke for the device, the newest row first."""
        known = evidence.partitions(connection)
        agents = run(connection, "SELECT DISTINCT agent_no FROM assignment WHERE device = ?", device).scalars().all()
        heads = [evidence.head_of(connection, known, agent_no, before_seq) for agent_no in agents]
        chains = [evidence.chain(connection, known, head, 1, str(self._place), chunk) for head in heads]
        recent = [takewhile(lambda row: row.received_ms >= received_from_ms, chain) for chain in chains]
        for row in heapq.merge(*recent, key=lambda row: row.seq, reverse=True):
            if before_seq is None or row.seq < before_seq:
                yield row

    def newest_interval(self) -> int:
        """The id of the newest row of the ledger."""
        with self._reading("the ledger") as connection:
            return fleet.newest_interval(connection)

    def fleet_news(self, after_interval: int, now_ms: int) -> FleetNews:
        """What is open now, and whose ledger has rows behind `after_interval`."""
        with self._reading("what is new") as connection:
            return fleet.news(connection, after_interval, now_ms)

    def fleet_facts(self, after: str, limit: int) -> list[DeviceFacts]:
        """Devices as lists show them, by id, from the one behind `after` on."""
        with self._reading("devices for lists") as connection:
            return fleet.facts(connection, after, limit)

    def fleet_facts_of(self, devices: Sequence[str]) -> list[DeviceFacts]:
        """These devices as lists show them."""
        with self._reading("devices for lists") as connection:
            return fleet.facts_of(connection, devices)

    def behind_of(self, devices: Collection[str]) -> dict[str, dict[Kind, str]]:
        """What devices get power and uplink from now; those that get any."""
        with self._reading("what devices stand behind") as connection:
            return behind.roots_now(connection, devices)

    def behind_history(self, device: str) -> list[BehindRow]:
        """All that was ever said of what a device stands behind."""
        with self._reading("what a device stood behind") as connection:
            return behind.history(connection, device)

    def children_of(self, root: str) -> list[Link]:
        """What gets power or uplink from a device now."""
        with self._reading("what stands behind a device") as connection:
            return behind.children(connection, root)

    def shadows_for(
        self, devices: Collection[str], from_ms: int, to_ms: int, known_ms: int | None = None
    ) -> dict[str, tuple[Shadow, ...]]:
        """When devices lacked power or uplink in [from, to), and because of whom: as known now, or at `known_ms`."""
        with self._reading("what roots explain") as connection:
            return behind.shadows_for(connection, devices, from_ms, to_ms, known_ms)

    def explained_now(self, now_ms: int, devices: Collection[str] | None = None) -> dict[str, Shadow]:
        """Why devices (None: all) lack power or uplink now; those that do."""
        with self._reading("what roots explain now") as connection:
            return behind.explained_now(connection, now_ms, devices)


# The newest current interval of each device: found by its index, without looking at the history.
DEVICES = (
    "SELECT device.id, device.kind, device.model, device.name_zh, device.name_en, agent.id, agent.group_id, "
    "interval.state, interval.cause, interval.fault, interval.event_from_ms, now.last_t_ms, now.covered_to_ms, "
    "now.received_ms, now.settling, now.readings, now.readings_t_ms, now.runs FROM device "
    "LEFT JOIN assignment ON assignment.device = device.id AND assignment.to_ms IS NULL "
    "LEFT JOIN agent ON agent.no = assignment.agent_no "
    "LEFT JOIN device_now now ON now.device = device.id "
    "LEFT JOIN interval ON interval.device = device.id AND interval.known_to_ms IS NULL "
    "AND interval.event_to_ms IS NULL "
    "AND interval.event_from_ms = (SELECT max(newest.event_from_ms) FROM interval newest "
    "WHERE newest.device = device.id AND newest.known_to_ms IS NULL) WHERE "
)


def _devices(connection: Connection, where: str, values: Sequence[object]) -> list[DeviceView]:
    rows = run(connection, DEVICES + where, *values).all()
    held = conditions.open_of(connection, [row[0] for row in rows])
    return [
        DeviceView(
            id=row[0],
            kind=row[1],
            model=row[2],
            name_zh=row[3],
            name_en=row[4],
            agent=row[5],
            group=row[6],
            state=row[7],
            cause=row[8] or "",
            fault=row[9] or "",
            since_ms=row[10],
            conditions=tuple(held.get(row[0], ())),
            last_t_ms=row[11],
            covered_to_ms=row[12],
            received_ms=row[13],
            settling=bool(row[14]),
            readings=None if row[15] is None else json.loads(row[15]),
            readings_t_ms=row[16],
            runs=tuple(Run(*one) for one in json.loads(row[17] or "[]")),
        )
        for row in rows
    ]
