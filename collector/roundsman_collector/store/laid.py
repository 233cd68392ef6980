"""What lies over which device: overlays that count as known at a time, for one device or 400,000, in a few queries.

    overlays_for(connection, devices, from_ms, to_ms, known_ms)  {"kiosk-7": (Laid, Laid)}, of those that have any
    overlays_of(connection, devices, from_ms, to_ms, known_ms)   every overlay that concerns one of them
    maintenance_now(connection, now_ms)                          {"kiosk-7": until_ms, "@gw-2": None}

An overlay of a place follows the place, one of a site, a customer or a group what was there *then*, by the dates of
installation, place and site; to a group belongs also what its agents spoke for then. Those tables say what the register
knows today of that time; overlays are read as known at any time.

For few devices the overlays are looked up by where the devices stood; for many, all overlays of the window are read,
and of the devices only what these ask for. Either way the work is linear in the devices and in what lies over them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.intervals import Pair, normal
from roundsman_collector.core.model import Milliseconds
from roundsman_collector.core.overlay import Laid, Logged, Overlay, in_force, quiet_until
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store.overlays import OverlayRow, logged, read, row_of, sight
from roundsman_collector.store.sql import CHUNK, chunks, look, marks

FOR_EVER = 2**62
Target = tuple[str, str]
STANDING_THEN = (
    "installation i "
    "JOIN place p ON p.id = i.place AND (p.to_ms IS NULL OR p.to_ms > i.from_ms) "
    "AND (i.to_ms IS NULL OR p.from_ms < i.to_ms) "
    "JOIN site s ON s.id = p.site AND (s.to_ms IS NULL OR s.to_ms > p.from_ms) "
    "AND (p.to_ms IS NULL OR s.from_ms < p.to_ms)"
)
"""Installations `i` with the place `p` and the site `s` as they were at some time of them."""
STOOD = (
    "SELECT i.device, i.from_ms, i.to_ms, p.from_ms, p.to_ms, s.from_ms, s.to_ms, p.id, s.id, s.customer, s.group_id "
    f"FROM {STANDING_THEN} "
    "WHERE i.from_ms < ? AND (i.to_ms IS NULL OR i.to_ms > ?) AND {}"
)
STOOD_BY = {"place": "p.id", "site": "s.id", "customer": "s.customer", "group": "s.group_id"}
SPOKEN = (
    "SELECT i.device, i.from_ms, i.to_ms, agent.group_id FROM assignment i JOIN agent ON agent.no = i.agent_no "
    "WHERE i.from_ms < ? AND (i.to_ms IS NULL OR i.to_ms > ?) AND {}"
)


class Stood(NamedTuple):
    """A stretch in which a device belonged to a place, a site, a customer or a group."""

    device: str
    from_ms: int
    to_ms: int
    target: Target


def overlays_for(
    connection: Connection, devices: Collection[str], from_ms: int, to_ms: int, known_ms: int
) -> dict[str, tuple[Laid, ...]]:
    """What counts, as known at `known_ms`, over each of these devices in [from, to): of those that have anything.

    In the order in which it began to count; each stretch is cut to the time in which the device was in its scope.
    """
    found, stood = _concerning(connection, devices, from_ms, to_ms, known_ms)
    ranked = in_force(logged(connection, found), known_ms)
    if not ranked:
        return {}
    by_target: dict[Target, list[tuple[int, int, int]]] = {}
    targets = {one.id: (one.scope, one.target) for one in found}
    for rank, laid in enumerate(ranked):
        begin, end = max(laid.from_ms, from_ms), to_ms if laid.to_ms is None else min(laid.to_ms, to_ms)
        by_target.setdefault(targets[laid.overlay], []).append((rank, begin, end))
    spans: dict[str, dict[int, list[Pair]]] = {}
    for device, stood_from, stood_to, target in stood:
        for rank, laid_from, laid_to in by_target.get(target, ()):
            begin, end = max(laid_from, stood_from), min(laid_to, stood_to)
            if begin < end:
                spans.setdefault(device, {}).setdefault(rank, []).append((begin, end))
    return {device: tuple(_as_laid(ranked, of_rank)) for device, of_rank in spans.items()}


def _as_laid(ranked: Sequence[Laid], of_rank: Mapping[int, list[Pair]]) -> Iterator[Laid]:
    """The stretches of one device, in the order in which the overlays began to count."""
    for rank in sorted(of_rank):
        pairs = of_rank[rank]
        for begin, end in pairs if len(pairs) == 1 else normal(pairs):
            yield ranked[rank]._replace(from_ms=begin, to_ms=end)


def overlays_of(
    connection: Connection,
    devices: Collection[str],
    from_ms: int,
    to_ms: int,
    known_ms: int,
    scope: Scope = EVERYTHING,
) -> list[OverlayRow]:
    """Every overlay that concerns one of these devices in [from, to), whatever has become of it, the newest first.

    What was laid over a place or site that was somebody else's is told within the scope only.
    """
    found, stood = _concerning(connection, devices, from_ms, to_ms, known_ms)
    where: dict[Target, list[Stood]] = {}
    for stretch in stood:
        where.setdefault(stretch.target, []).append(stretch)
    meant = [one for one in found if any(_meet(one, stretch) for stretch in where.get((one.scope, one.target), ()))]
    seen, values = sight(scope)
    told: list[Overlay] = []
    for part in chunks(sorted((one.id for one in meant), reverse=True)):
        told += read(connection, f"o.id IN ({marks(len(part))}) AND {seen} ORDER BY o.id DESC", [*part, *values])
    return [row_of(*one) for one in logged(connection, told)]


def _meet(overlay: Overlay, stretch: Stood) -> bool:
    return overlay.from_ms < stretch.to_ms and (overlay.to_ms is None or stretch.from_ms < overlay.to_ms)


def _concerning(
    connection: Connection, devices: Collection[str], from_ms: int, to_ms: int, known_ms: int
) -> tuple[list[Overlay], list[Stood]]:
    """The overlays that may concern these devices, and when which device belonged to what."""
    wanted = set(devices)
    window = (from_ms, to_ms)
    if len(wanted) <= CHUNK:
        stood = [*_themselves(wanted), *_stood_of(connection, wanted, window, STOOD_BY)]
        return _of_targets(connection, {one.target for one in stood}, window, known_ms), stood
    found = _in_window(connection, "1 = 1", [], window, known_ms)
    of_devices = {one.target for one in found if one.scope == "device"} & wanted
    kinds = [kind for kind in STOOD_BY if any(one.scope == kind for one in found)]
    return found, [*_themselves(of_devices), *_stood_of(connection, wanted, window, kinds)]


def _of_targets(connection: Connection, targets: Iterable[Target], window: Pair, known_ms: int) -> list[Overlay]:
    named: dict[str, list[str]] = {}
    for kind, target in sorted(targets):
        named.setdefault(kind, []).append(target)
    found: list[Overlay] = []
    for kind, names in named.items():
        for part in chunks(names):
            condition = f"o.scope = ? AND o.target IN ({marks(len(part))})"
            found += _in_window(connection, condition, [kind, *part], window, known_ms)
    return found


def _in_window(
    connection: Connection, condition: str, values: Sequence[object], window: Pair, known_ms: int
) -> list[Overlay]:
    return read(
        connection,
        f"{condition} AND o.made_ms <= ? AND o.from_ms < ? AND (o.to_ms IS NULL OR o.to_ms > ?)",
        [*values, known_ms, window[1], window[0]],
    )


# --- where devices stood ---------------------------------------------------------------------------------------------


def _themselves(devices: Iterable[str]) -> Iterator[Stood]:
    return (Stood(device, 0, FOR_EVER, ("device", device)) for device in sorted(devices))


def _stood_of(
    connection: Connection, devices: Collection[str], window: Pair, kinds: Collection[str]
) -> Iterator[Stood]:
    """To which things of these kinds the devices belonged."""
    for part in chunks(sorted(devices)) if set(kinds) & set(STOOD_BY) else ():
        condition = f"i.device IN ({marks(len(part))})"
        yield from _installed(connection, condition, part, window, kinds)
        if "group" in kinds:
            yield from _spoken(connection, condition, part, window)


def _stood_in(connection: Connection, targets: Iterable[Target], window: Pair) -> Iterator[Stood]:
    """Which devices belonged to these targets, and when."""
    named: dict[str, list[str]] = {}
    for kind, target in sorted(targets):
        named.setdefault(kind, []).append(target)
    for kind, column in STOOD_BY.items():
        for part in chunks(named.get(kind, ())):
            yield from _installed(connection, f"{column} IN ({marks(len(part))})", part, window, [kind])
            if kind == "group":
                yield from _spoken(connection, f"agent.group_id IN ({marks(len(part))})", part, window)


def _installed(
    connection: Connection, condition: str, values: Sequence[str], window: Pair, kinds: Collection[str]
) -> Iterator[Stood]:
    named = [(7 + place, kind) for place, kind in enumerate(STOOD_BY) if kind in kinds]
    for row in look(connection, STOOD.format(condition), window[1], window[0], *values):
        begin = max(row[1], row[3], row[5])
        end = min(FOR_EVER if time is None else time for time in (row[2], row[4], row[6]))
        if begin < end:
            for place, kind in named:
                yield Stood(row[0], begin, end, (kind, row[place]))


def _spoken(connection: Connection, condition: str, values: Sequence[str], window: Pair) -> Iterator[Stood]:
    for device, begin, end, group in look(connection, SPOKEN.format(condition), window[1], window[0], *values):
        yield Stood(device, begin, FOR_EVER if end is None else end, ("group", group))


# --- what is quiet now -----------------------------------------------------------------------------------------------


def maintenance_now(
    connection: Connection, now_ms: Milliseconds, devices: Collection[str] | None = None
) -> dict[str, Milliseconds | None]:
    """Devices under maintenance, or laid up, now, and until when (None: open). No ticket of them opens meanwhile.

    An agent (`@` and its id) is held as long as everything that it speaks for is. `devices`: only of these, no agents.
    """
    found = read(
        connection,
        "o.kind <> 'correction' AND o.made_ms <= ? AND o.from_ms <= ? AND (o.to_ms IS NULL OR o.to_ms > ?)",
        [now_ms, now_ms, now_ms],
    )
    held: Sequence[Logged] = logged(connection, found)
    until = quiet_until(held, now_ms)
    if not until:
        return {}
    ends: dict[Target, int] = {}
    for overlay, _ in held:
        if overlay.id in until:
            target, end = (overlay.scope, overlay.target), until[overlay.id]
            ends[target] = max(ends.get(target, 0), FOR_EVER if end is None else end)
    quiet: dict[str, int] = {}
    now = (now_ms, now_ms + 1)
    if devices is None:
        stood = [*_themselves(target for kind, target in ends if kind == "device"), *_stood_in(connection, ends, now)]
    else:
        stood = [*_themselves(devices), *_stood_of(connection, devices, now, {kind for kind, _ in ends})]
    for stretch in stood:
        if stretch.target in ends and stretch.from_ms <= now_ms < stretch.to_ms:
            quiet[stretch.device] = max(quiet.get(stretch.device, 0), ends[stretch.target])
    if devices is None:
        quiet |= _quiet_agents(connection, quiet)
    return {subject: None if end == FOR_EVER else end for subject, end in sorted(quiet.items())}


def _quiet_agents(connection: Connection, quiet: dict[str, int]) -> dict[str, int]:
    """Agents of which everything is quiet, up to when the first of it is not."""
    spoken: dict[str, list[str]] = {}
    for part in chunks(sorted(quiet)):
        rows = look(
            connection,
            "SELECT agent.id, other.device FROM agent JOIN assignment other ON other.agent_no = agent.no "
            "AND other.to_ms IS NULL WHERE agent.no IN (SELECT agent_no FROM assignment "
            f"WHERE to_ms IS NULL AND device IN ({marks(len(part))}))",
            *part,
        )
        for agent, device in rows:
            spoken.setdefault(agent, []).append(device)
    return {
        f"@{agent}": min(quiet[device] for device in devices)
        for agent, devices in spoken.items()
        if all(device in quiet for device in devices)
    }
