"""Figures of thousands of devices: what core/reckoning.py needs is read in bulk, a few statements per 500 devices.

    evidence_of(connection, devices, a, b, now_ms=now)       the ledgers, explained by roots, before overlays
    served(connection, devices, Frame(...))                  … and after: where each device served, and its stretches
    reckon(transaction, Asked(by="site", bucket="month"))    figures of all devices by a dimension
    pasts(transaction, now, (1h, 24h, 30d))                  every device in windows that end now, for lists

Nothing is added up by the database: there is one way from a row of the ledger to a percentage, and it is core's. Memory
holds one chunk of devices and the sums; the work is linear in the rows that reach into the window.

As known at K: rows of ledger and conditions that were known then, overlays by their events, roots by when they were
made. Rows of the register count from when they were made; an end counts if the version that follows was made by then,
or if none follows.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple, TypeVar

from sqlalchemy import Connection

from roundsman_collector.core.availability import UNKNOWN_AS, UnknownAs
from roundsman_collector.core.calendar import working_intervals
from roundsman_collector.core.causes import Explained, explained
from roundsman_collector.core.contract import local_day
from roundsman_collector.core.intervals import Intervals, Pair
from roundsman_collector.core.model import DOWN, UNKNOWN, UP, Segment
from roundsman_collector.core.postings import (
    EVER,
    Contract,
    Dated,
    Place,
    Posting,
    Register,
    Site,
    Trait,
    postings,
)
from roundsman_collector.core.reckoning import (
    Broken,
    Bucket,
    Run,
    Stretch,
    Sum,
    cut,
    edges_of,
    figure_of,
    stretches,
    tally,
)
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import behind, calendars, laid, reach
from roundsman_collector.store.calendars import ServiceKey
from roundsman_collector.store.entries import Version
from roundsman_collector.store.fleet import DevicePast, Past
from roundsman_collector.store.sql import chunks, look, marks

T = TypeVar("T")
Dimension = Literal["", "device", "kind", "model", "place", "site", "customer", "contract", "engineer", "group"]
DIMENSIONS: tuple[Dimension, ...] = (
    "",
    "device",
    "kind",
    "model",
    "place",
    "site",
    "customer",
    "contract",
    "engineer",
    "group",
)
"""What figures are grouped by; "" is everything as one."""
KEYS: Mapping[str, Callable[[str, Posting], str | None]] = {
    "": lambda device, one: "",
    "device": lambda device, one: device,
    "kind": lambda device, one: one.kind,
    "model": lambda device, one: one.model,
    "place": lambda device, one: one.place,
    "site": lambda device, one: None if one.site is None else one.site.id,
    "customer": lambda device, one: None if one.site is None else one.site.customer,
    "contract": lambda device, one: None if one.contract is None else one.contract.id,
    "engineer": lambda device, one: one.engineer,
    "group": lambda device, one: one.seen_by_group if one.site is None else one.site.group,
}
ROWS_LIMIT = 1000
AT_ONCE = 4000
"""So many devices are looked at together: their rows are a few dozen megabytes at most."""
PRUNED = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """Which time is looked at, as known when (None: now), of which function ("": the device), by whom.

    `on_trial`: the time before sites' contracts were accepted, instead of the time since.
    """

    from_ms: int
    to_ms: int
    now_ms: int
    known_ms: int | None = None
    function: str = ""
    scope: Scope = EVERYTHING
    on_trial: bool = False
    heard: Mapping[str, int] = field(default_factory=dict)
    """Up to when evidence is known to reach of devices whose row says less: it is swept in a little later."""

    @property
    def past_to_ms(self) -> int:
        """Up to when anything can have been known: now, or the known-at time."""
        return self.now_ms if self.known_ms is None else min(self.now_ms, self.known_ms)

    @property
    def past(self) -> Pair:
        """The part of the window that is past."""
        return self.from_ms, max(self.from_ms, min(self.to_ms, self.past_to_ms))


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked(Frame):
    """Figures by a dimension and by buckets, of what `of` names: dimension -> ids.

    `limit`: so many rows at most, the worst first; the total has all.
    """

    by: Dimension = ""
    of: Mapping[str, Collection[str]] = field(default_factory=dict)
    bucket: Bucket = ""
    limit: int = ROWS_LIMIT


class Row(NamedTuple):
    """Figures of one key of the dimension (None: what has none): over the whole window, and by bucket."""

    key: str | None
    whole: Sum
    buckets: Mapping[str, Sum]


class Answer(NamedTuple):
    """`rows`: the worst first, cut to the limit, of `found`. `targets`: what contracts want, by how many postings."""

    rows: tuple[Row, ...]
    found: int
    total: Row
    targets: Mapping[str, int]
    is_provisional: bool

    @property
    def target(self) -> str | None:
        """What the contracts want, in percent, where all that have a target want the same."""
        return next(iter(self.targets)) if len(self.targets) == 1 else None


class Evidence(NamedTuple):
    """The ledger of a device, explained by roots, to where evidence ends (`until_ms`); overlays are not laid yet."""

    device: str
    until_ms: int
    segments: tuple[Explained, ...]


class Served(NamedTuple):
    """A device in one posting: where, and the time that counts there."""

    posting: Posting
    stretches: list[Stretch]


Reading = Callable[[], AbstractContextManager[Connection]]
"""A transaction of its own for each chunk, so that a long look keeps no log of the database from being cleared."""


# --- evidence --------------------------------------------------------------------------------------------------------

NEWEST = (
    "SELECT i.device, i.event_from_ms, i.event_to_ms, i.state, i.cause, i.fault, i.coarse, '' FROM device d "
    "JOIN interval i ON i.device = d.id AND i.known_to_ms IS NULL AND i.event_from_ms >= COALESCE("
    "(SELECT max(j.event_from_ms) FROM interval j WHERE j.device = d.id AND j.known_to_ms IS NULL "
    "AND j.event_from_ms <= ?), ?) AND i.event_from_ms < ? WHERE d.id IN ({}) ORDER BY d.id, i.event_from_ms"
)
THEN = (
    "SELECT device, event_from_ms, event_to_ms, state, cause, fault, coarse, '' FROM interval "
    "WHERE known_from_ms <= ? AND (known_to_ms IS NULL OR known_to_ms > ?) AND event_from_ms < ? "
    "AND (event_to_ms IS NULL OR event_to_ms > ?) AND device IN ({}) ORDER BY device, event_from_ms"
)


def evidence_of(
    connection: Connection,
    devices: Collection[str],
    from_ms: int,
    to_ms: int,
    *,
    now_ms: int,
    known_ms: int | None = None,
) -> dict[str, Evidence]:
    """The ledgers of many devices that reach into [from, to), as known now or at `known_ms`; see Evidence."""
    frame = Frame(from_ms=from_ms, to_ms=to_ms, now_ms=now_ms, known_ms=known_ms)
    return {
        device: Evidence(device, until_ms, tuple(map(Explained._make, rows)))
        for part in chunks(devices)
        for device, (until_ms, rows) in _evidence(connection, part, frame).items()
    }


def _evidence(
    connection: Connection, devices: Sequence[str], frame: Frame
) -> dict[str, tuple[int, Sequence[Explained]]]:
    """The same for a chunk: up to when evidence reaches, and the segments (plain tuples where no root explains any)."""
    begin_ms, end_ms, known_ms = frame.from_ms, frame.to_ms, frame.known_ms
    ids = marks(len(devices))
    covered = dict(look(connection, f"SELECT device, covered_to_ms FROM device_now WHERE device IN ({ids})", *devices))
    if known_ms is None:
        rows = look(connection, NEWEST.format(ids), begin_ms, begin_ms, end_ms, *devices)
    else:
        rows = look(connection, THEN.format(ids), known_ms, known_ms, end_ms, begin_ms, *devices)
    until = {
        device: min(frame.past_to_ms, max(covered.get(device) or 0, frame.heard.get(device, 0))) for device in devices
    }
    ledgers: dict[str, list[Any]] = {device: [] for device in devices}
    for row in rows:
        if row[2] is None:  # what is unknown goes on to be; anything else holds as far as evidence reaches
            end_of_row = frame.past_to_ms if row[3] == UNKNOWN else until[row[0]]
            ledgers[row[0]].append((row[1], max(row[1], end_of_row), *row[3:]))
        else:
            ledgers[row[0]].append(row[1:])
    shadows = behind.shadows_for(connection, devices, begin_ms, end_ms, known_ms)
    for device, over in shadows.items():
        ledgers[device] = explained([Segment(*row[:6]) for row in ledgers[device]], over)
    return {device: (until[device], ledgers[device]) for device in devices}


def _broken(connection: Connection, devices: Sequence[str], frame: Frame) -> dict[str, list[Broken]]:
    """The faults that took the function away, of those devices that had any."""
    known, at = "known_to_ms IS NULL", list[int]()
    if frame.known_ms is not None:
        known, at = "known_from_ms <= ? AND (known_to_ms IS NULL OR known_to_ms > ?)", [frame.known_ms] * 2
    found: dict[str, list[Broken]] = {}
    for subject, begin, end, code in look(
        connection,
        f"SELECT subject, event_from_ms, event_to_ms, code FROM condition WHERE subject IN ({marks(len(devices))}) "
        f"AND {known} AND function = ? AND effect <> '' AND event_from_ms < ? "
        "AND (event_to_ms IS NULL OR event_to_ms > ?)",
        *devices,
        *at,
        frame.function,
        frame.to_ms,
        frame.from_ms,
    ):
        found.setdefault(subject, []).append(Broken(begin, end, code))
    return found


# --- the register ----------------------------------------------------------------------------------------------------


SITE = ("customer", "group_id", "contract", "engineer", "time_zone", "service_hours", "calendar")


class _Register:
    """The dated rows of the register as a run needs them: sites and contracts are kept, places only for a chunk."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.sites: dict[str, list[Dated[Site]]] = {}
        self.contracts: dict[str, list[Dated[Contract]]] = {}
        self._hours: dict[ServiceKey, tuple[Intervals | None, str, bool]] = {}

    def of(self, connection: Connection, places: Iterable[str]) -> Register:
        """What is needed of the register for devices that stood at these places."""
        rows = self._versions(connection, "place", "site, engineer", places)
        found = {
            place: [Dated(begin, end, Place(place, site, engineer)) for begin, end, site, engineer in versions]
            for place, versions in rows.items()
        }
        self._load_sites(connection, {one.what.site for versions in found.values() for one in versions})
        return Register(places=found, sites=self.sites, contracts=self.contracts)

    def _load_sites(self, connection: Connection, ids: set[str]) -> None:
        new = ids - self.sites.keys()
        if not new:
            return
        rows = self._versions(connection, "site", ", ".join(SITE), new)
        versions = [
            Version(site, begin, end, 0, "", dict(zip(SITE, fields, strict=True)))
            for site, of_site in rows.items()
            for begin, end, *fields in of_site
        ]
        self._load_hours(connection, versions)
        self.sites |= {site: [] for site in new}
        for one in versions:
            end_ms = EVER if one.to_ms is None else one.to_ms
            self.sites[one.id].append(Dated(one.from_ms, end_ms, self._site(one)))
        named = {one.fields["contract"] for one in versions if one.fields["contract"]}
        self._load_contracts(connection, named - self.contracts.keys())

    def _site(self, one: Version) -> Site:
        said = one.fields
        hours, why, is_provisional = self._hours[calendars.service_key(one)]
        return Site(
            id=one.id,
            customer=said["customer"],
            group=said["group_id"],
            contract=said["contract"],
            engineer=said["engineer"],
            time_zone=said["time_zone"],
            hours=hours,
            why=why,
            is_provisional=is_provisional,
        )

    def _load_hours(self, connection: Connection, versions: Iterable[Version]) -> None:
        """The service hours of these sites in the window: sites share them, so each is worked out once."""
        new = [one for one in versions if calendars.service_key(one) not in self._hours]
        window = self.frame.past
        for key, one in calendars.service_calendars(connection, new, self.frame.known_ms).items():
            if one.calendar is None:
                self._hours[key] = None, one.why, False
                continue
            hours = working_intervals(one.calendar, *window)
            first, last = (local_day(at_ms, key[1]) for at_ms in window)
            is_provisional = any(first <= day <= last for day in one.provisional)
            self._hours[key] = None if hours == (window,) else hours, "", is_provisional

    def _load_contracts(self, connection: Connection, ids: set[str]) -> None:
        rows = self._versions(connection, "contract", "accepted_on, unknown_as, target_percent", ids)
        for contract in ids:
            self.contracts[contract] = [
                Dated(begin, end, Contract(contract, accepted, _policy(unknown_as), target))
                for begin, end, accepted, unknown_as, target in rows.get(contract, ())
            ]

    def _versions(
        self, connection: Connection, table: str, columns: str, ids: Iterable[str]
    ) -> dict[str, list[tuple[Any, ...]]]:
        """Versions by id, ascending: from, to, and the columns."""
        found: dict[str, list[tuple[Any, ...]]] = {}
        for part in chunks(sorted(ids)):
            rows = look(
                connection,
                f"SELECT id, from_ms, to_ms, made_ms, {columns} FROM {table} WHERE id IN ({marks(len(part))}) "
                "ORDER BY id, from_ms",
                *part,
            )
            for row in rows:
                found.setdefault(row[0], []).append(row[1:])
        return {name: as_known(rows, self.frame.known_ms) for name, rows in found.items()}


def _policy(text: str) -> UnknownAs:
    return next((known for known in UNKNOWN_AS if known == text), "exclude")


def as_known(rows: Sequence[tuple[Any, ...]], known_ms: int | None) -> list[tuple[Any, ...]]:
    """Versions (from, to, made, …), ascending, as (from, to, …) with ends that are numbers, as known at a time.

    A version made later is not there; nor is then the end that it put to the one before.
    """
    if known_ms is None:
        ends = [(begin, EVER if end is None else end, *rest) for begin, end, _, *rest in rows]
        return [row for row in ends if row[0] < row[1]]
    kept: list[tuple[Any, ...]] = []
    unmade = {row[0] for row in rows if row[2] > known_ms}
    for begin, end, made_ms, *rest in rows:
        if made_ms > known_ms:
            continue
        kept.append((begin, EVER if end is None or end in unmade else end, *rest))
    return [row for row in kept if row[0] < row[1]]


# --- where devices served --------------------------------------------------------------------------------------------


def served(connection: Connection, devices: Sequence[str], frame: Frame) -> dict[str, list[Served]]:
    """Where each device served in the window, as far as the scope reaches, with the stretches that count there."""
    found: dict[str, list[Served]] = {}
    for part in _served(connection, devices, frame, _Register(frame)):
        found |= part
    return found


def _served(
    connection: Connection, devices: Sequence[str], frame: Frame, known: _Register
) -> Iterator[dict[str, list[Served]]]:
    """The same, a few hundred devices at a time: who adds them up lets go of each part."""
    over = laid.overlays_for(connection, devices, frame.from_ms, frame.to_ms, frame.past_to_ms)
    for part in chunks(devices):
        evidence = _evidence(connection, part, frame)
        broken = _broken(connection, part, frame) if frame.function else {}
        yield {
            device: [
                Served(
                    one,
                    stretches(
                        evidence[device][1],
                        counted=one.counted(frame.past),
                        overlays=over.get(device, ()),
                        broken=broken.get(device, ()),
                        unclear="" if one.site is None else one.site.why,
                    ),
                )
                for one in posted
            ]
            for device, posted in _postings(connection, part, frame, known).items()
        }


def _postings(
    connection: Connection, devices: Sequence[str], frame: Frame, known: _Register
) -> dict[str, list[Posting]]:
    """Where devices served, of what the scope reaches."""
    ids = marks(len(devices))
    installed: dict[str, list[tuple[Any, ...]]] = {}
    for device, *row in look(
        connection,
        f"SELECT device, from_ms, to_ms, made_ms, place FROM installation WHERE device IN ({ids}) "
        "ORDER BY device, from_ms",
        *devices,
    ):
        installed.setdefault(device, []).append(tuple(row))
    at = {device: [Dated(*row) for row in as_known(rows, frame.known_ms)] for device, rows in installed.items()}
    voices: dict[str, list[Dated[str]]] = {}
    for device, begin, end, group in look(
        connection,
        "SELECT assignment.device, assignment.from_ms, assignment.to_ms, agent.group_id FROM assignment "
        f"JOIN agent ON agent.no = assignment.agent_no WHERE assignment.device IN ({ids}) "
        "ORDER BY assignment.device, assignment.from_ms",
        *devices,
    ):
        voices.setdefault(device, []).append(Dated(begin, EVER if end is None else end, group))
    traits = _traits(connection, devices, frame)
    register = known.of(connection, {one.what for rows in at.values() for one in rows})
    return {
        device: [
            one
            for one in postings(
                register,
                window=frame.past,
                installed=at.get(device, ()),
                assigned=voices.get(device, ()),
                traits=trait,
                on_trial=frame.on_trial,
            )
            if _is_seen(frame.scope, one, voices.get(device, ()))
        ]
        for device, trait in traits.items()
    }


def _is_seen(scope: Scope, one: Posting, voices: Sequence[Dated[str]]) -> bool:
    """Whether a scope reaches a posting: by its site, or by the agent that spoke for the device then."""
    if scope.everything or scope.holds(one.seen_by_group, one.seen_by_customer):
        return True
    return any(
        voice.what in scope.groups and voice.from_ms < one.to_ms and voice.to_ms > one.from_ms for voice in voices
    )


def _traits(connection: Connection, devices: Sequence[str], frame: Frame) -> dict[str, list[Dated[Trait]]]:
    """What each device was when; one without a history is taken to have been what it is."""
    ids = marks(len(devices))
    dated: dict[str, list[tuple[Any, ...]]] = {}
    for device, *row in look(
        connection,
        "SELECT device, from_ms, to_ms, made_ms, kind, model FROM device_trait "
        f"WHERE device IN ({ids}) ORDER BY device, from_ms",
        *devices,
    ):
        dated.setdefault(device, []).append(tuple(row))
    found: dict[str, list[Dated[Trait]]] = {}
    for device, kind, model in look(connection, f"SELECT id, kind, model FROM device WHERE id IN ({ids})", *devices):
        rows = as_known(dated.get(device, ()), frame.known_ms)
        told = [Dated(begin, end, Trait(*rest)) for begin, end, *rest in rows]
        found[device] = _unbroken(told) if told else [Dated(0, EVER, Trait(kind, model))]
    return found


def _unbroken(rows: list[Dated[T]]) -> list[Dated[T]]:
    """The same, each until the next one begins, the first from the beginning of time."""
    ends = [*(row.from_ms for row in rows[1:]), EVER]
    begins = [0, *ends[:-1]]
    return [Dated(begin, end, row.what) for begin, end, row in zip(begins, ends, rows, strict=True)]


# --- many ------------------------------------------------------------------------------------------------------------

PLACED = (
    "device.id IN (SELECT i.device FROM installation i JOIN place p ON p.id = i.place "
    "JOIN site s ON s.id = p.site WHERE {})"
)
SPOKEN = (
    "device.id IN (SELECT a.device FROM assignment a JOIN agent ON agent.no = a.agent_no WHERE agent.group_id IN ({}))"
)
NARROWED: Mapping[str, tuple[str, ...]] = {
    "place": ("p.id",),
    "site": ("s.id",),
    "customer": ("s.customer",),
    "contract": ("s.contract",),
    "engineer": ("p.engineer", "s.engineer"),
    "group": ("s.group_id",),
}


def candidates(connection: Connection, asked: Asked, after: str, limit: int) -> list[str]:
    """Devices that may have served for what is asked, by id: their postings say which of them did."""
    parts, values = ["device.id > ?"], list[object]([after])
    if not asked.scope.everything:
        reached, bound = reach.within(asked.scope)
        mine: list[reach.Condition] = [(reached, bound)]
        for column, names in (("s.customer", asked.scope.customers), ("s.group_id", asked.scope.groups)):
            if names:
                mine.append((PLACED.format(f"{column} IN ({marks(len(names))})"), [*sorted(names)]))
        parts.append(f"({' OR '.join(condition for condition, _ in mine)})")
        values += [value for _, bound in mine for value in bound]
    for dimension, ids in asked.of.items():
        wanted = sorted(ids)
        if dimension == "device":
            parts.append(f"device.id IN ({marks(len(wanted))})" if wanted else "1 = 0")
            values += wanted
        elif dimension in NARROWED and wanted:
            one_of = [f"{column} IN ({marks(len(wanted))})" for column in NARROWED[dimension]]
            placed = PLACED.format(" OR ".join(one_of))
            if dimension == "group":
                placed = f"({placed} OR {SPOKEN.format(marks(len(wanted)))})"
            parts.append(placed)
            values += wanted * (len(one_of) + (dimension == "group"))
    rows = look(connection, f"SELECT id FROM device WHERE {' AND '.join(parts)} ORDER BY id LIMIT ?", *values, limit)
    return [row[0] for row in rows]


def asked_of(frame: Frame, of: Mapping[str, Collection[str]]) -> Asked:
    """A frame, narrowed to what `of` names."""
    return Asked(**{one.name: getattr(frame, one.name) for one in fields(Frame)}, of=of)


def narrowed(device: str, where: Sequence[Served], of: Mapping[str, Collection[str]]) -> list[Served]:
    """What a device did for what `of` names: the postings of its candidates that count."""
    return [one for one in where if all(KEYS[name](device, one.posting) in ids for name, ids in of.items())]


def chunked(reading: Reading, asked: Asked) -> Iterator[dict[str, list[Served]]]:
    """All devices that served for what is asked, a part at a time; AT_ONCE of them are read in one transaction."""
    known, after = _Register(asked), ""
    while True:
        with reading() as connection:
            devices = candidates(connection, asked, after, AT_ONCE)
            if not devices:
                return
            yield from _served(connection, devices, asked, known)
        after = devices[-1]


def reckon(reading: Reading, asked: Asked) -> Answer:
    """The figures; see Asked and Answer."""
    adding = _Adding(asked)
    for part in chunked(reading, asked):
        for device, where in part.items():
            adding.add(device, where)
    return adding.answer()


def pasts(reading: Reading, now_ms: int, lengths_ms: Sequence[int]) -> Iterator[list[DevicePast]]:
    """Every device that was in service, in each of the windows [now - length, now), a chunk of devices at a time.

    A device that moved from one customer or group to another has a row for each: nobody learns of the other's time.
    """
    windows = [(now_ms - length, now_ms) for length in lengths_ms]
    asked = Asked(from_ms=now_ms - max(lengths_ms), to_ms=now_ms, now_ms=now_ms)
    for part in chunked(reading, asked):
        yield [
            DevicePast(device, *seen, tuple(_past(told, window) for window in windows))
            for device, where in part.items()
            for seen, told in _seen(where).items()
        ]


def _seen(where: Iterable[Served]) -> dict[tuple[str, str], list[Stretch]]:
    """What somebody served, by the customer and the group that may see it."""
    found: dict[tuple[str, str], list[Stretch]] = {}
    for posting, told in where:
        if told:
            key = posting.seen_by_customer or "", posting.seen_by_group or ""
            found[key] = [*found[key], *told] if key in found else told
    return found


def _past(told: list[Stretch], window: Pair) -> Past:
    one = figure_of(cut(told, window))
    return Past(one.up_ms, one.down_ms, one.unknown_ms, one.excluded_ms, one.outages, one.longest_ms)


class _Adding:
    """The sums of a run: by key of the dimension, and of all."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.key = KEYS[asked.by]
        self.of = {name: frozenset(ids) for name, ids in asked.of.items()}
        self.whole: dict[str | None, Sum] = {}
        self.buckets: dict[str | None, dict[str, Sum]] = {}
        self.total, self.of_total = Sum(), dict[str, Sum]()
        self.targets: dict[str, int] = {}
        self.rows: list[Row] = []
        self.found = 0
        self.is_provisional = False

    def add(self, device: str, where: list[Served]) -> None:
        """Add what a device did in its postings."""
        if self.of:
            where = narrowed(device, where, self.of)
        where = [one for one in where if one.stretches]
        if not where:
            return
        for posting, _ in where:
            if posting.contract is not None and posting.contract.target_percent is not None:
                target = posting.contract.target_percent
                self.targets[target] = self.targets.get(target, 0) + 1
            self.is_provisional = self.is_provisional or bool(posting.site and posting.site.is_provisional)
        whole, buckets = self._sums(where)
        self.total.add(whole)
        _add_all(self.of_total, buckets)
        if self.asked.by == "device":
            self._keep(Row(device, whole, buckets))
            return
        keys: dict[str | None, list[Served]] = {}
        for one in where:
            keys.setdefault(self.key(device, one.posting), []).append(one)
        for key, mine in keys.items():
            own, by_bucket = (whole, buckets) if len(keys) == 1 else self._sums(mine)
            self.whole.setdefault(key, Sum()).add(own)
            if by_bucket:
                _add_all(self.buckets.setdefault(key, {}), by_bucket)

    def _sums(self, where: Sequence[Served]) -> tuple[Sum, dict[str, Sum]]:
        """Of one device: over the whole window, and by bucket."""
        asked = self.asked
        plain = [Run(edges_of("", "", 0, 0), one.posting.unknown_as, one.stretches) for one in where]
        whole = tally(plain)[""].of_one_device()
        if not asked.bucket:
            return whole, {}
        begin, end = asked.past
        cut = [
            Run(edges_of(asked.bucket, one.posting.time_zone, begin, end), one.posting.unknown_as, one.stretches)
            for one in where
        ]
        return whole, {name: one.of_one_device() for name, one in tally(cut).items()}

    def _keep(self, row: Row) -> None:
        """Keep the worst rows, as many as are asked for; a few times as many until somebody sorts them."""
        self.found += 1
        self.rows.append(row)
        if len(self.rows) > PRUNED * self.asked.limit:
            self.rows = self._worst(self.rows)

    def _worst(self, rows: list[Row]) -> list[Row]:
        return sorted(rows, key=lambda row: (*_badness(row.whole), row.key is None, row.key))[: self.asked.limit]

    def answer(self) -> Answer:
        """What came out."""
        rows, found = self.rows, self.found
        if self.asked.by != "device":
            rows = [Row(key, one, self.buckets.get(key, {})) for key, one in self.whole.items()]
            found = len(rows)
        total = Row("", self.total, self.of_total)
        return Answer(tuple(self._worst(rows)), found, total, self.targets, self.is_provisional)


def _badness(one: Sum) -> tuple[float, int]:
    """The worst has the smallest: the share that was up, the more down the worse; what nobody knows comes last."""
    up_ms, down_ms = one.total(UP), one.total(DOWN)
    return (up_ms / (up_ms + down_ms) if up_ms + down_ms else 2.0), -down_ms


def _add_all(sums: dict[str, Sum], more: Mapping[str, Sum]) -> None:
    for name, one in more.items():
        sums.setdefault(name, Sum()).add(one)
