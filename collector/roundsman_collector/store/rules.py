"""The rules in force, as rows that follow each other in time; and what devices were when, which overrides ask for.

    put(connection, hash, body, valid_from_ms, made_by)     a new set begins, unless it is the newest already
    rule_sets(connection)                                   all that were ever in force, in order
    traits(connection, "kiosk-7") -> ((0, Traits(...)), ...)    since when it is of which kind, model and site

A set begins when it is put in force, never earlier: what was judged stays judged, late evidence meets the rules of its
own time. A body is what rules/kept.py writes and reads; here it is text.

A device's kind and model are dated in `device_trait`; the first row begins at 0: a device does not become a kiosk
by being entered. Its site comes from where it is installed, and from whose place that was.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.rulebook import Dated, Traits
from roundsman_collector.store import commands, schema
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.sql import chunks, insert, many, marks, run

STANDS = (
    "SELECT installation.device, installation.from_ms, installation.to_ms, place.from_ms, place.to_ms, place.site "
    "FROM installation JOIN place ON place.id = installation.place "
)
IS = "SELECT device, from_ms, to_ms, kind, model FROM device_trait "


class RuleSetRow(NamedTuple):
    """Rules that are in force from a time on, until the next ones; `made_by` "" is who starts the collector."""

    id: int
    hash: str
    valid_from_ms: int
    body: str
    made_by: str


def put(connection: Connection, hash_: str, body: str, valid_from_ms: int, made_by: str) -> bool:
    """Put rules in force, unless they are the newest already. Returns whether a row was added."""
    newest = newest_of(connection)
    if newest is not None and newest.hash == hash_:
        return False
    if newest is not None and newest.valid_from_ms >= valid_from_ms:
        raise conflict(
            f"rules {hash_} would begin at {valid_from_ms}, before those in force ({newest.valid_from_ms})",
            "rule_set",
            "rules follow each other in time; check the clock",
        )
    many(connection, insert(schema.rule_set, ("id",)), [(hash_, valid_from_ms, body, made_by)])
    return True


def rule_sets(connection: Connection) -> list[RuleSetRow]:
    """All rules that were ever in force, in order."""
    found: Any = run(connection, "SELECT id, hash, valid_from_ms, body, made_by FROM rule_set ORDER BY id")
    return [RuleSetRow(*row) for row in found]


def newest(connection: Connection, limit: int) -> list[RuleSetRow]:
    """The newest sets, the newest first."""
    columns = "SELECT id, hash, valid_from_ms, body, made_by FROM rule_set"
    found: Any = run(connection, f"{columns} ORDER BY id DESC LIMIT ?", limit)
    return [RuleSetRow(*row) for row in found]


def newest_of(connection: Connection, at_ms: int | None = None) -> RuleSetRow | None:
    """The rules in force now, or at a time; the oldest ones, if none were yet. None: there never were any."""
    columns = "SELECT id, hash, valid_from_ms, body, made_by FROM rule_set"
    found: Any = None
    if at_ms is None:
        found = run(connection, f"{columns} ORDER BY id DESC LIMIT 1").first()
    else:
        found = run(connection, f"{columns} WHERE valid_from_ms <= ? ORDER BY id DESC LIMIT 1", at_ms).first()
        found = found or run(connection, f"{columns} ORDER BY id LIMIT 1").first()
    return None if found is None else RuleSetRow(*found)


# --- what devices were when ------------------------------------------------------------------------------------------


def keep_traits(connection: Connection, devices: Iterable[str], at_ms: int, who: str) -> None:
    """Date the kinds and models of these devices, where they are not what they were."""
    told: list[Any] = []
    for part in chunks(devices):
        told += run(
            connection,
            "SELECT device.id, device.kind, device.model, device_trait.from_ms FROM device "
            "LEFT JOIN device_trait ON device_trait.device = device.id AND device_trait.to_ms IS NULL "
            f"WHERE device.id IN ({marks(len(part))}) AND (device_trait.device IS NULL "
            "OR device_trait.kind <> device.kind OR COALESCE(device_trait.model, '') <> COALESCE(device.model, ''))",
            *part,
        ).all()
    held = [(row[0], row[3]) for row in told if row[3] is not None]
    many(
        connection,
        "DELETE FROM device_trait WHERE device = ? AND to_ms IS NULL AND from_ms >= ?",
        [(device, at_ms) for device, _ in held],
    )
    many(
        connection,
        "UPDATE device_trait SET to_ms = ? WHERE device = ? AND to_ms IS NULL",
        [(at_ms, device) for device, _ in held],
    )
    many(
        connection,
        insert(schema.device_trait),
        [
            (device, 0 if from_ms is None else max(at_ms, 0), None, at_ms, who, kind, model)
            for device, kind, model, from_ms in told
        ],
    )


def traits(connection: Connection, device: str) -> Dated:
    """Since when a device is of which kind, model and site; () where nobody entered it."""
    was = run(connection, f"{IS}WHERE device = ? ORDER BY from_ms", device).all()
    stood = run(connection, f"{STANDS}WHERE installation.device = ?", device).all()
    return _dated(was, stood)


def all_traits(connection: Connection) -> Iterator[tuple[str, Dated]]:
    """The same of every device, in one look."""
    stood: dict[str, list[Any]] = {}
    for row in run(connection, STANDS):
        stood.setdefault(row[0], []).append(row)
    for device, rows in groupby(run(connection, f"{IS}ORDER BY device, from_ms"), key=lambda row: row[0]):
        yield device, _dated(list(rows), stood.get(device, ()))


def _dated(was: Sequence[Any], stood: Sequence[Any]) -> Dated:
    """The two histories as one."""
    if not was:
        return ()
    sites = [
        (max(from_ms, since_ms), _earlier(to_ms, until_ms), site)
        for _, from_ms, to_ms, since_ms, until_ms, site in stood
    ]
    edges = {one[1] for one in was} | {one[2] for one in was if one[2] is not None}
    edges |= {from_ms for from_ms, _, _ in sites} | {to_ms for _, to_ms, _ in sites if to_ms is not None}
    found: list[tuple[int, Traits]] = []
    for at in sorted(edges):
        kind, model = _at([(one[1], one[2], (one[3], one[4] or "")) for one in was], at, ("", ""))
        said = Traits(kind=kind, model=model, site=_at(sites, at, ""))
        if not found or found[-1][1] != said:
            found.append((at, said))
    return tuple(found)


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _at(spans: Sequence[tuple[int, int | None, Any]], at: int, otherwise: Any) -> Any:
    return next((said for from_ms, to_ms, said in spans if from_ms <= at and (to_ms is None or at < to_ms)), otherwise)


def tell_moved(connection: Connection, kind: str, entries: Iterable[str], from_ms: int | None, deed: Deed) -> None:
    """Ask the engine to look again at devices that stand elsewhere now, or since earlier: rules may ask for sites."""
    devices: set[str] = set()
    if kind == "installation":
        devices.update(entries)
    elif kind == "place":
        for part in chunks(entries):
            where = f"place IN ({marks(len(part))})"
            devices.update(run(connection, f"SELECT device FROM installation WHERE {where}", *part).scalars())
    if devices:
        args = {"devices": sorted(devices), "from_ms": deed.at_ms if from_ms is None else from_ms}
        commands.ask(connection, who=deed.who, verb="moved", args=args, now_ms=deed.at_ms)


def strangers(connection: Connection, wanted: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Which of these (where, which) nobody has entered yet: models and devices, and sites that are in force."""
    asked = {
        "model": "SELECT 1 FROM device WHERE model = ? LIMIT 1",
        "site": "SELECT 1 FROM site WHERE id = ? AND to_ms IS NULL",
        "device": "SELECT 1 FROM device WHERE id = ?",
    }
    return [
        (where, which)
        for where, which in wanted
        if where in asked and run(connection, asked[where], which).first() is None
    ]
