"""The vehicles of a scope over a window: which were online, and of each that was not why, since when, and whose it is.

    over(reading, frame, {"group": "north"}) -> [VehicleOver, ...]      every vehicle in service, by id
    absent(connection, [VehicleOver, ...], known_ms) -> {device: Absent(last_up_ms=..., ticket="2026-000007"), ...}

入网率 and 上线率 are counted from the first (core/ratios.py). A vehicle was online if it was up at least once in the
window. One that was out of the reckoning all the time that would count, parked or laid up, is left out: as the ledger
has it, not as anybody says.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.ratios import Vehicle
from roundsman_collector.core.reckoning import Stretch
from roundsman_collector.store import ratio_facts, reckon
from roundsman_collector.store.ratio_facts import Registered, known_at
from roundsman_collector.store.reckon import Frame, Reading
from roundsman_collector.store.sql import chunks, look, marks
from roundsman_collector.store.tickets import TO_DO

AT_ONCE = 2000


class Reason(NamedTuple):
    """Why a vehicle was not up for most of the time: the ledger's state, cause and fault."""

    state: str
    cause: str
    fault: str


IDLE = Reason("excluded", "not_in_service", "")
"""Nothing of the window counts for it: it was not in service, or outside service hours."""


class VehicleOver(NamedTuple):
    """A vehicle over a window. `reason`: of one that was not online."""

    facts: Registered
    counted: Vehicle
    reason: Reason | None

    @property
    def device(self) -> str:
        """Its id."""
        return self.facts.device

    @property
    def is_missing(self) -> bool:
        """Whether it is one of those that should have been online and was not."""
        return not self.counted.in_period and not self.counted.is_laid_up


class Absent(NamedTuple):
    """Of a vehicle that was not online: when it was up last (None: never), and its ticket ("": none)."""

    last_up_ms: int | None
    ticket: str


def over(reading: Reading, frame: Frame, of: Mapping[str, str]) -> list[VehicleOver]:
    """Every vehicle that is in service now, of what a scope reaches, narrowed (ratio_facts.NARROWED)."""
    with reading() as connection:
        registered = ratio_facts.fleet(connection, frame.scope, of, frame.known_ms)
    fleet = [one for one in registered if one.is_in_service]
    found: list[VehicleOver] = []
    for some in chunks(fleet, AT_ONCE):
        with reading() as connection:
            served = reckon.served(connection, [one.device for one in some], frame)
        for one in some:
            stretches = [stretch for where in served.get(one.device, ()) for stretch in where.stretches]
            is_up = any(stretch.state == "up" for stretch in stretches)
            counted = Vehicle(one.ever_up, is_up, is_laid_up=_is_laid_up(stretches))
            found.append(VehicleOver(one, counted, None if is_up else reason_of(stretches)))
    return found


def _is_laid_up(stretches: Sequence[Stretch]) -> bool:
    """Whether all of the time that would count was taken out of the reckoning."""
    return bool(stretches) and all(one.state == "excluded" for one in stretches)


def reason_of(stretches: Iterable[Stretch]) -> Reason:
    """Why it was not up for most of the time that was to be measured; what came last of two that held equally long."""
    held: dict[Reason, tuple[int, int]] = {}
    for one in stretches:
        if one.state not in ("up", "excluded"):
            reason = Reason(one.state, one.cause, one.fault)
            ms, _ = held.get(reason, (0, 0))
            held[reason] = ms + one.to_ms - one.from_ms, one.to_ms
    return max(held, key=lambda reason: held[reason], default=IDLE)


def absent(connection: Connection, vehicles: Sequence[VehicleOver], frame: Frame) -> dict[str, Absent]:
    """When each of these was up last before the window's end, and its newest ticket that is not over."""
    found: dict[str, Absent] = {}
    for part in chunks(vehicles):
        names = [one.device for one in part]
        last = _last_up(connection, names, frame)
        tickets = _tickets(connection, part)
        found |= {name: Absent(last.get(name), tickets.get(name, "")) for name in names}
    return found


def _last_up(connection: Connection, devices: Sequence[str], frame: Frame) -> dict[str, int]:
    known, at = known_at(frame.known_ms)
    rows = look(
        connection,
        f"SELECT i.device, max(i.event_to_ms) FROM interval i WHERE i.device IN ({marks(len(devices))}) "
        f"AND i.state = 'up' AND {known} AND i.event_to_ms <= ? GROUP BY i.device",
        *devices,
        *at,
        frame.from_ms,
    )
    return dict(rows)


def _tickets(connection: Connection, vehicles: Sequence[VehicleOver]) -> dict[str, str]:
    """Of a vehicle, or of the agent that speaks for it."""
    subjects = [subject for one in vehicles for subject in (one.device, f"@{one.facts.agent}")]
    rows = look(
        connection,
        f"SELECT subject, number FROM ticket WHERE subject IN ({marks(len(subjects))}) AND {TO_DO} ORDER BY id",
        *subjects,
    )
    numbers: dict[str, str] = dict(rows)
    told = {one.device: numbers.get(one.device) or numbers.get(f"@{one.facts.agent}") for one in vehicles}
    return {device: number for device, number in told.items() if number}
