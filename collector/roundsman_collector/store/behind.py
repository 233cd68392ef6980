"""What stands behind what: from whom devices get power and uplink, and who lacks it because of whom (core/causes.py).

    put(connection, [Wanted("kiosk-8", "uplink", "switch-1", from_ms)], deed)    root None: behind nothing from then
    links_now(connection) · history(connection, "kiosk-8") · children(connection, "switch-1")
    shadows_for(connection, devices, a, b, known_ms) -> {device: (Shadow, ...)}    explained_now(connection, now_ms)

Rows are only ever added: one says from when on something holds, up to the next row of its device and kind; of two with
the same beginning the later one counts. `to_ms` is kept beside for those who ask about now. As known at K counts what
was made by then.

A circle (A gets power from B, B from A) is refused and named. Power one way and uplink the other is none.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, cast

from sqlalchemy import Connection

from roundsman_collector.core.causes import DEEPEST, KINDS, TOGETHER_MS, Causes, Kind, Link, RootFault, Shadow, earlier
from roundsman_collector.store import audit, schema
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.sql import chunks, insert, look, many, marks

CHILDREN_SHOWN = 1000


class Wanted(NamedTuple):
    """From `from_ms` on `subject` gets its power or uplink from `root`; None: from nobody that is known."""

    subject: str
    kind: Kind
    root: str | None
    from_ms: int


class BehindRow(NamedTuple):
    """A row of the table. `to_ms` None: it still holds; as `from_ms`: another row took its place."""

    subject: str
    kind: Kind
    from_ms: int
    to_ms: int | None
    root: str | None
    made_ms: int
    made_by: str


COLUMNS = ", ".join(BehindRow._fields)
Key = tuple[str, Kind]


# --- writing ---------------------------------------------------------------------------------------------------------


def put(connection: Connection, wanted: Sequence[Wanted], deed: Deed) -> int:
    """Let devices stand behind these, now or from an earlier time on; return how many did not so already.

    Each is audited. StoreError (`conflict`): an unknown device, a circle, a time to come.
    """
    _must_be_devices(connection, wanted)
    held = _kept(connection, {one.subject for one in wanted})
    chains = {key: list(rows) for key, rows in held.items()}
    for one in wanted:
        if one.from_ms > deed.at_ms:
            raise conflict(f"device {one.subject}: nothing begins in the future", "behind", "give a time up to now")
        chain = chains.setdefault((one.subject, one.kind), [])
        if _root_at(told(chain), one.from_ms) != one.root:
            new = BehindRow(one.subject, one.kind, one.from_ms, None, one.root, deed.at_ms, deed.who)
            chain[:] = [*(row for row in chain if _key(row) != _key(new)), new]  # the last word of one moment counts
    changed = [key for key, chain in chains.items() if chain != held.get(key, [])]
    _write(connection, held, {key: chains[key] for key in changed})
    _refuse_circles(connection, changed)
    _audit(connection, changed, held, chains, deed)
    return len(changed)


def _key(row: BehindRow) -> tuple[str, Kind, int, int]:
    return row.subject, row.kind, row.from_ms, row.made_ms


def _write(
    connection: Connection, held: Mapping[Key, Sequence[BehindRow]], chains: Mapping[Key, Sequence[BehindRow]]
) -> None:
    """Write chains that changed: rows that are new, and the ends of those that were there."""
    before = {_key(row): row for rows in held.values() for row in rows}
    ends = {_key(row): row.to_ms for rows in chains.values() for row in told(rows)}
    ended = [row._replace(to_ms=ends.get(_key(row), row.from_ms)) for rows in chains.values() for row in rows]
    changed = [row for row in ended if before.get(_key(row)) != row]
    many(
        connection,
        "DELETE FROM behind WHERE subject = ? AND kind = ? AND from_ms = ? AND made_ms = ?",
        [_key(row) for row in changed if _key(row) in before],
    )
    many(connection, insert(schema.behind), [tuple(row) for row in changed])


def _must_be_devices(connection: Connection, wanted: Sequence[Wanted]) -> None:
    named = {one.subject for one in wanted} | {one.root for one in wanted if one.root is not None}
    known: set[str] = set()
    for part in chunks(named):
        known.update(
            row[0] for row in look(connection, f"SELECT id FROM device WHERE id IN ({marks(len(part))})", *part)
        )
    for one in wanted:
        for name in (one.subject, one.root):
            if name is not None and name not in known:
                what = f"device {one.subject}: its {one.kind} cannot come from {name}, which is no known device"
                raise conflict(what, "behind", "enter the device first, or look at the spelling")


def _refuse_circles(connection: Connection, changed: Sequence[Key]) -> None:
    """See that no device gets something from itself, at any time that the table speaks of."""
    links: dict[Key, list[Link]] = {}
    for link in _links_up(connection, {subject for subject, _ in changed}, None):
        links.setdefault((link.subject, link.kind), []).append(link)
    for subject, kind in changed:
        path = _circle(links, subject, kind)
        if path:
            what = f"device {subject} would get its {kind} from itself: {' <- '.join(path)}"
            raise conflict(what, "behind", "look which of these stands behind which")


def _circle(links: Mapping[Key, Sequence[Link]], subject: str, kind: Kind) -> list[str]:
    """The way from a device back to itself; empty: there is none."""
    ahead: list[tuple[list[str], int, int | None]] = [([subject], 0, None)]
    while ahead:
        path, from_ms, to_ms = ahead.pop()
        for link in links.get((path[-1], kind), ()):
            start, end = max(link.from_ms, from_ms), earlier(link.to_ms, to_ms)
            if end is not None and start >= end:
                continue
            if link.root == subject:
                return [*path, subject]
            if len(path) >= DEEPEST:
                what = f"device {subject} stands behind more than {DEEPEST} others in a row"
                raise conflict(what, "behind", "name the nearest root")
            if link.root not in path:  # a circle that is not this device's is found by those that are in it
                ahead.append(([*path, link.root], start, end))
    return []


def _audit(
    connection: Connection,
    changed: Iterable[Key],
    before: Mapping[Key, Sequence[BehindRow]],
    after: Mapping[Key, Sequence[BehindRow]],
    deed: Deed,
) -> None:
    rows: list[tuple[str, str, dict[str, object], dict[str, object]]] = []
    for subject, kind in changed:
        was, is_ = (_root_at(told(chains.get((subject, kind), ())), deed.at_ms) for chains in (before, after))
        rows.append(("put behind", f"device:{subject}", {kind: was}, {kind: is_}))
    audit.add_all(connection, deed, rows)


# --- reading ---------------------------------------------------------------------------------------------------------


def _kept(connection: Connection, subjects: Collection[str]) -> dict[Key, list[BehindRow]]:
    """All rows of these devices as they stand in the table."""
    chains: dict[Key, list[BehindRow]] = {}
    for part in chunks(sorted(subjects)):
        sql = f"SELECT {COLUMNS} FROM behind WHERE subject IN ({marks(len(part))}) ORDER BY from_ms, made_ms"
        for row in look(connection, sql, *part):
            chains.setdefault((row[0], row[1]), []).append(BehindRow._make(row))
    return chains


def told(rows: Iterable[BehindRow], known_ms: int | None = None) -> list[BehindRow]:
    """What rows say, each up to the next of its device and kind. Pure."""
    newest: dict[tuple[str, Kind, int], BehindRow] = {}
    for row in rows:
        key = row.subject, row.kind, row.from_ms
        if (known_ms is None or row.made_ms <= known_ms) and (key not in newest or newest[key].made_ms < row.made_ms):
            newest[key] = row
    ordered = sorted(newest.values(), key=lambda row: row[:3])
    return [
        row._replace(to_ms=after.from_ms if after is not None and after[:2] == row[:2] else None)
        for row, after in pairwise([*ordered, None])
        if row is not None
    ]


def _root_at(chain: Sequence[BehindRow], at_ms: int) -> str | None:
    holding = (row.root for row in chain if row.from_ms <= at_ms and (row.to_ms is None or at_ms < row.to_ms))
    return next(holding, None)


def links_now(connection: Connection) -> list[Link]:
    """Everything that stands behind something now."""
    rows = look(
        connection, "SELECT subject, kind, root, from_ms, to_ms FROM behind WHERE to_ms IS NULL AND root IS NOT NULL"
    )
    return [Link._make(row) for row in rows]


def history(connection: Connection, subject: str) -> list[BehindRow]:
    """All that was ever said of a device, superseded rows too, in order."""
    sql = f"SELECT {COLUMNS} FROM behind WHERE subject = ? ORDER BY kind, from_ms, made_ms"
    return [BehindRow._make(row) for row in look(connection, sql, subject)]


def roots_now(connection: Connection, subjects: Collection[str]) -> dict[str, dict[Kind, str]]:
    """What these devices get their power and uplink from now; those that get any."""
    found: dict[str, dict[Kind, str]] = {}
    for part in chunks(sorted(subjects)):
        sql = (
            f"SELECT subject, kind, root FROM behind WHERE subject IN ({marks(len(part))}) "
            "AND to_ms IS NULL AND root IS NOT NULL"
        )
        for subject, kind, root in look(connection, sql, *part):
            found.setdefault(subject, {})[cast(Kind, kind)] = root
    return found


def children(connection: Connection, root: str, limit: int = CHILDREN_SHOWN) -> list[Link]:
    """What gets something from a device now, itself and not by others."""
    sql = (
        "SELECT subject, kind, root, from_ms, to_ms FROM behind WHERE root = ? AND to_ms IS NULL "
        "ORDER BY kind, subject LIMIT ?"
    )
    return [Link._make(row) for row in look(connection, sql, root, limit)]


# --- who lacks what --------------------------------------------------------------------------------------------------


def shadows_for(
    connection: Connection, devices: Collection[str], from_ms: int, to_ms: int, known_ms: int | None = None
) -> dict[str, tuple[Shadow, ...]]:
    """The shadows over each of these devices that has any in [from, to): as known now, or at `known_ms`.

    A little beyond the window, too (TOGETHER_MS): `explained` wants to see what lies close by.
    """
    if not _is_any(connection):
        return {}
    window = from_ms - TOGETHER_MS, to_ms + TOGETHER_MS
    links = _links_up(connection, devices, known_ms)
    causes = Causes(links, _root_faults(connection, {link.root for link in links}, window, known_ms))
    return {device: shadows for device in devices if (shadows := causes.shadows(device))}


def explained_now(connection: Connection, now_ms: int, devices: Collection[str] | None = None) -> dict[str, Shadow]:
    """The shadow over each device that lacks power or uplink now; of these devices, or of all (None)."""
    if not _is_any(connection):
        return {}
    subjects = devices if devices is not None else _below(connection, _faulty_roots(connection))
    found = shadows_for(connection, subjects, now_ms, now_ms + 1)
    over = {
        device: [one for one in shadows if one.from_ms <= now_ms and (one.to_ms is None or one.to_ms > now_ms)]
        for device, shadows in found.items()
    }
    return {device: min(mine, key=lambda one: KINDS.index(one.kind)) for device, mine in over.items() if mine}


def _is_any(connection: Connection) -> bool:
    return bool(look(connection, "SELECT 1 FROM behind LIMIT 1"))


def _links_up(connection: Connection, devices: Collection[str], known_ms: int | None) -> list[Link]:
    """The links of devices, of what they stand behind, and so on."""
    links: list[Link] = []
    asked: set[str] = set()
    ahead = set(devices)
    while ahead:
        rows = [row for chain in _kept(connection, ahead).values() for row in told(chain, known_ms)]
        links += [Link(row.subject, row.kind, row.root, row.from_ms, row.to_ms) for row in rows if row.root is not None]
        asked |= ahead
        ahead = {row.root for row in rows if row.root is not None} - asked
    return links


def _root_faults(
    connection: Connection, roots: Collection[str], window: tuple[int, int], known_ms: int | None
) -> list[RootFault]:
    """What befell roots, and the agents that run on them, and explains others."""
    device_of = {root: root for root in roots} | agents_on(connection, roots)
    if known_ms is None:
        known, at = "known_to_ms IS NULL", list[int]()
    else:
        known, at = "known_from_ms <= ? AND (known_to_ms IS NULL OR known_to_ms > ?)", [known_ms, known_ms]
    found: list[RootFault] = []
    for part in chunks(sorted(device_of)):
        rows = look(
            connection,
            "SELECT subject, explains, code, event_from_ms, event_to_ms FROM condition "
            f"WHERE subject IN ({marks(len(part))}) AND {known} AND explains <> '' "
            "AND event_from_ms < ? AND (event_to_ms IS NULL OR event_to_ms > ?)",
            *part,
            *at,
            window[1],
            window[0],
        )
        found += [RootFault(device_of[row[0]], *row[1:]) for row in rows]
    return found


def agents_on(connection: Connection, devices: Collection[str]) -> dict[str, str]:
    """The agents that run on these devices: `@` and agent -> device."""
    found: dict[str, str] = {}
    for part in chunks(sorted(devices)):
        rows = look(
            connection,
            "SELECT agent.id, unit.machine FROM assignment JOIN unit ON unit.agent_no = assignment.agent_no "
            "AND unit.machine = assignment.device JOIN agent ON agent.no = assignment.agent_no "
            f"WHERE assignment.device IN ({marks(len(part))})",
            *part,
        )
        found.update({f"@{agent}": machine for agent, machine in rows})
    return found


def _faulty_roots(connection: Connection) -> set[str]:
    """Devices that explain what stands behind them now."""
    rows = look(
        connection,
        "SELECT DISTINCT subject FROM condition WHERE known_to_ms IS NULL AND event_to_ms IS NULL AND explains <> ''",
    )
    subjects = {row[0] for row in rows}
    faulty = {one for one in subjects if not one.startswith("@")}
    for part in chunks(sorted(one[1:] for one in subjects - faulty)):
        machines = look(
            connection,
            "SELECT unit.machine FROM agent JOIN unit ON unit.agent_no = agent.no "
            f"WHERE agent.id IN ({marks(len(part))}) AND unit.machine IS NOT NULL",
            *part,
        )
        faulty.update(row[0] for row in machines)
    return faulty


def _below(connection: Connection, roots: Collection[str]) -> set[str]:
    """Everything that stands behind these now, near or far."""
    found: set[str] = set()
    ahead = set(roots)
    while ahead:
        below: set[str] = set()
        for part in chunks(sorted(ahead)):
            sql = f"SELECT subject FROM behind WHERE root IN ({marks(len(part))}) AND to_ms IS NULL"
            below.update(row[0] for row in look(connection, sql, *part))
        ahead = below - found
        found |= below
    return found
