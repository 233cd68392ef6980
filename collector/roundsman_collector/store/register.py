"""The register: which agents and devices there are, and who speaks for whom since when.

A device has one voice at a time. An agent is never deleted: its number stands in the evidence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store import audit, rules, schema, search
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.sql import chunks, insert, many, marks, run, upsert


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceEntry:
    """A device for the register. What is None (model, serial, vendor, batch), and a name that only repeats the id: as
    they are."""

    id: str
    kind: str
    name_zh: str
    name_en: str
    model: str | None = None
    serial: str | None = None
    vendor: str | None = None
    batch: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentEntry:
    """An agent for the register, with devices it speaks for. `password_hash` None: as it is."""

    id: str
    group: str
    devices: tuple[DeviceEntry, ...] = ()
    password_hash: str | None = None


class AgentRow(NamedTuple):
    """An agent of the register. `removed_ms` None: it may speak."""

    no: int
    id: str
    group_id: str
    added_ms: int
    removed_ms: int | None
    password_hash: str | None


class AssignmentRow(NamedTuple):
    """Agent `agent_no` speaks for `device` in [from, to)."""

    device: str
    agent_no: int
    from_ms: int
    to_ms: int | None


DEVICE = tuple(column.name for column in schema.device.columns)
KEEP_DEVICE = (
    f"{insert(schema.device)} ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, "
    "model = COALESCE(excluded.model, device.model), serial = COALESCE(excluded.serial, device.serial), "
    "vendor = COALESCE(excluded.vendor, device.vendor), batch = COALESCE(excluded.batch, device.batch), "
    "name_zh = CASE WHEN excluded.name_zh = excluded.id THEN device.name_zh ELSE excluded.name_zh END, "
    "name_en = CASE WHEN excluded.name_en = excluded.id THEN device.name_en ELSE excluded.name_en END"
)


def agents(connection: Connection) -> list[AgentRow]:
    """All agents ever, by number."""
    found = run(connection, "SELECT no, id, group_id, added_ms, removed_ms, password_hash FROM agent ORDER BY no")
    return [AgentRow(*row) for row in found]


def names(connection: Connection, numbers: Iterable[int]) -> dict[int, str]:
    """The ids of agents, by number."""
    found: dict[int, str] = {}
    for part in chunks(sorted(set(numbers))):
        rows = run(connection, f"SELECT no, id FROM agent WHERE no IN ({marks(len(part))})", *part)
        found.update((row[0], row[1]) for row in rows)
    return found


def groups(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """The groups of these agents, as far as they are in the register."""
    found: dict[str, str] = {}
    for part in chunks(ids):
        rows = run(connection, f"SELECT id, group_id FROM agent WHERE id IN ({marks(len(part))})", *part)
        found.update((row[0], row[1]) for row in rows)
    return found


def assignments(connection: Connection) -> list[AssignmentRow]:
    """Who speaks and spoke for whom, by device and time."""
    found = run(connection, "SELECT device, agent_no, from_ms, to_ms FROM assignment ORDER BY device, from_ms")
    return [AssignmentRow(*row) for row in found]


def add(connection: Connection, entries: Sequence[AgentEntry], now_ms: int) -> list[int]:
    """Enter agents with their devices; return their numbers, in order. What is entered already is brought up to date.

    Devices are added, none is taken away. A device that another agent speaks for is refused: assign() moves it.
    """
    twice = len(entries) - len({entry.id for entry in entries})
    if twice:
        raise conflict("an agent is entered twice at once", "agent", "name each agent once")
    before = _numbers(connection, [entry.id for entry in entries])
    many(
        connection,
        insert(schema.agent, ("no", "removed_ms")),
        [(one.id, one.group, now_ms, one.password_hash) for one in entries if one.id not in before],
    )
    many(
        connection,
        "UPDATE agent SET group_id = ?, removed_ms = NULL, password_hash = COALESCE(?, password_hash) WHERE id = ?",
        [(one.group, one.password_hash, one.id) for one in entries if one.id in before],
    )
    numbers = _numbers(connection, [entry.id for entry in entries])
    many(
        connection,
        KEEP_DEVICE,
        [_row(one) for entry in entries for one in entry.devices],
    )
    voices = {device.id: numbers[entry.id] for entry in entries for device in entry.devices}
    rules.keep_traits(connection, voices, now_ms, "")
    search.forget(connection, voices)
    _give_voice(connection, voices, now_ms)
    return [numbers[entry.id] for entry in entries]


def _row(one: DeviceEntry) -> tuple[object, ...]:
    return tuple(getattr(one, name) for name in DEVICE)


def _numbers(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in chunks(ids):
        rows = run(connection, f"SELECT id, no FROM agent WHERE id IN ({marks(len(part))})", *part)
        found.update((row[0], row[1]) for row in rows)
    return found


def _give_voice(connection: Connection, voices: dict[str, int], now_ms: int) -> None:
    held: dict[str, int] = {}
    for part in chunks(voices):
        rows = run(
            connection,
            f"SELECT device, agent_no FROM assignment WHERE to_ms IS NULL AND device IN ({marks(len(part))})",
            *part,
        )
        held.update((row[0], row[1]) for row in rows)
    for device, agent_no in held.items():
        if agent_no != voices[device]:
            other = run(connection, "SELECT id FROM agent WHERE no = ?", agent_no).scalar()
            raise conflict(
                f"device {device} already has a voice: agent {other}",
                "assignment",
                "assign() it to the other agent first",
            )
    new = [(device, agent_no, now_ms, None) for device, agent_no in voices.items() if device not in held]
    many(connection, upsert(schema.assignment), new)


def put_devices(connection: Connection, entries: Sequence[DeviceEntry], deed: Deed) -> int:
    """Let devices be exactly this, new ones included; return how many were not so already. Each is audited."""
    before: dict[str, DeviceEntry] = {}
    for part in chunks(one.id for one in entries):
        rows = run(
            connection,
            f"SELECT {', '.join(DEVICE)} FROM device WHERE id IN ({marks(len(part))})",
            *part,
        )
        for row in rows:
            before[row[0]] = DeviceEntry(**dict(zip(DEVICE, row, strict=True)))
    new = [one for one in entries if before.get(one.id) != one]
    many(
        connection,
        upsert(schema.device),
        [_row(one) for one in new],
    )
    rules.keep_traits(connection, [one.id for one in new], deed.at_ms, deed.who)
    held = {one.id: asdict(before[one.id]) for one in new if one.id in before}
    told = [("put device", f"device:{one.id}", held.get(one.id), asdict(one)) for one in new]
    audit.add_all(connection, deed, told)
    search.forget(connection, [one.id for one in new])
    return len(new)


def put_voices(connection: Connection, voices: Mapping[str, str | None], groups: Mapping[str, str], deed: Deed) -> int:
    """From now on these agents, or nobody, speak for these devices; return how many changed. Each is audited.

    An agent that is not there yet is entered in its group, without a credential: it cannot connect before it gets one.
    """
    wanted = sorted({agent for agent in voices.values() if agent is not None})
    there = _numbers(connection, wanted)
    many(
        connection,
        insert(schema.agent, ("no", "removed_ms")),
        [(agent, groups[agent], deed.at_ms, None) for agent in wanted if agent not in there and agent in groups],
    )
    held = _voices(connection, voices)
    changed = {device: agent for device, agent in voices.items() if held.get(device) != agent}
    _move(connection, changed, deed.at_ms)
    told = [
        ("assign device", f"device:{device}", {"agent": held.get(device)}, {"agent": agent})
        for device, agent in changed.items()
    ]
    audit.add_all(connection, deed, told)
    return len(changed)


def _voices(connection: Connection, devices: Iterable[str]) -> dict[str, str]:
    """Which agents speak for these devices."""
    found: dict[str, str] = {}
    for part in chunks(devices):
        rows = run(
            connection,
            "SELECT assignment.device, agent.id FROM assignment JOIN agent ON agent.no = assignment.agent_no "
            f"WHERE assignment.to_ms IS NULL AND assignment.device IN ({marks(len(part))})",
            *part,
        )
        found.update((row[0], row[1]) for row in rows)
    return found


def assign(connection: Connection, device: str, agent_id: str | None, now_ms: int) -> None:
    """From now on `agent_id` speaks for the device, or nobody (None)."""
    _move(connection, {device: agent_id}, now_ms)


def _move(connection: Connection, voices: Mapping[str, str | None], now_ms: int) -> None:
    """End the voices of devices and give them others. A voice that would last no time at all is not kept."""
    wanted = {device: agent for device, agent in voices.items() if agent is not None}
    numbers = _numbers(connection, sorted(set(wanted.values())))
    for agent in wanted.values():
        if agent not in numbers:
            raise conflict(f"there is no agent {agent}", "agent", "enter it first")
    known: set[str] = set()
    for part in chunks(wanted):
        known.update(run(connection, f"SELECT id FROM device WHERE id IN ({marks(len(part))})", *part).scalars())
    for device in wanted:
        if device not in known:
            raise conflict(f"there is no device {device}", "device", "enter it with an agent first")
    many(
        connection,
        "DELETE FROM assignment WHERE device = ? AND to_ms IS NULL AND from_ms >= ?",
        [(device, now_ms) for device in voices],
    )
    many(
        connection,
        "UPDATE assignment SET to_ms = ? WHERE device = ? AND to_ms IS NULL",
        [(now_ms, device) for device in voices],
    )
    new = [(device, numbers[agent], now_ms, None) for device, agent in wanted.items()]
    many(connection, insert(schema.assignment), new)


def remove(connection: Connection, agent_id: str, now_ms: int) -> None:
    """The agent may not speak any more, and its devices have no voice. Once removed, nothing more happens."""
    agent_no = _number(connection, agent_id)
    run(connection, "UPDATE agent SET removed_ms = ? WHERE no = ? AND removed_ms IS NULL", now_ms, agent_no)
    spoken = run(connection, "SELECT device FROM assignment WHERE agent_no = ? AND to_ms IS NULL", agent_no).scalars()
    for device in list(spoken):
        assign(connection, device, None, now_ms)


def _number(connection: Connection, agent_id: str) -> int:
    found = run(connection, "SELECT no FROM agent WHERE id = ?", agent_id).scalar()
    if found is None:
        raise conflict(f"there is no agent {agent_id}", "agent", "enter it first")
    return int(found)


def ids_after(connection: Connection, device: str, limit: int) -> list[str]:
    """The next devices by id."""
    return [row[0] for row in run(connection, "SELECT id FROM device WHERE id > ? ORDER BY id LIMIT ?", device, limit)]
