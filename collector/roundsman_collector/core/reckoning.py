"""From the stored evidence to every percentage: one device, laid over in order, cut to what counts, added up. Pure.

    evidence      up |-----| down |--| unknown |-----|          the ledger of its agent's unit, to where evidence ends;
                                                              where the device rests it is excluded
    explained     what stands behind a faulty root: unknown by uplink, down by power (core/causes.py)
    function      for one function: a fault that takes it away is down, wherever the device itself is up
    corrections   what a person says it was; the later one wins
    excluded      maintenance and exclusions; nothing wins over them
    counted       only while it is in service, and within the site's service hours

    stretches(segments, counted=...) -> [Stretch, ...]   every instant that counts, once: state, cause, what said so
    tally([Run(...)]) -> {"2026-11": Sum, ...}           the same as sums, per local day, month, quarter or year
    reckoned(sum) -> Reckoned                            a figure with its split, of one device or of many

A sum is milliseconds and nothing else, so that a month is the sum of its days and of its devices, exactly. Outages are
not: one that runs over midnight, or over a change of engineer, is counted on both sides.

Three ratios are often taken for each other; they are kept apart:

    availability    up / (up + down): of the time that anybody knows; unknown and excluded time stand beside it
    power_on        up / service time (开机率): whatever was not up counts against it, and is told by kind
    owed            availability under the contract's policy for unknown time, in fields of its own
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache, partial
from typing import Literal, NamedTuple

from roundsman_collector.core.availability import Figure, UnknownAs
from roundsman_collector.core.calendar import EPOCH, MILLISECOND, instant, zone
from roundsman_collector.core.causes import Explained
from roundsman_collector.core.intervals import Intervals, Pair
from roundsman_collector.core.model import DOWN, UNKNOWN, UP
from roundsman_collector.core.overlay import EXCLUDED, Laid, stated
from roundsman_collector.core.overlay import KINDS as OVERLAYS
from roundsman_collector.core.timeline import RESTING

DEGRADED = "degraded"
CAUSE = "cause"
CONDITION = "condition"
CORRECTED: Mapping[str, str] = {"found_off": "off"}
"""What a correction to down says of why, by its reason."""
NEVER_SEEN = "never_seen"
NOT_YET = "not_yet"
Bucket = Literal["", "day", "month", "quarter", "year"]
BUCKETS: tuple[Bucket, ...] = ("", "day", "month", "quarter", "year")

Kind = Literal["unknown", "maintenance", "fault", "network", "paused"]
REST: Mapping[tuple[str, str], Kind] = {
    # (state, cause)            what the time that was not up is called beside the power-on rate
    (UNKNOWN, "uplink"): "network",
    (DOWN, "uplink"): "network",
    (EXCLUDED, "maintenance"): "maintenance",
}
USUAL_REST: Mapping[str, Kind] = {UNKNOWN: "unknown", DOWN: "fault", EXCLUDED: "paused"}
KINDS: tuple[Kind, ...] = ("unknown", "maintenance", "fault", "network", "paused")
SCALE = 10**15
"""A device's share is rounded to so many parts before it goes into the mean of devices: exact fractions of thousands
of devices would grow without end."""


class Stretch(NamedTuple):
    """A stretch of time that counts: `state` up, down, unknown or excluded, and why.

    `by` tells what made it so: "" the evidence, `cause:ID` a root it stands behind, `condition` a fault of the function
    asked for, `correction:ID`, `maintenance:ID`, `exclusion:ID` an overlay.
    """

    from_ms: int
    to_ms: int
    state: str
    cause: str
    fault: str
    coarse: bool
    by: str

    @property
    def kind(self) -> str:
        """What made it so, without its id: "" the evidence."""
        return self.by.partition(":")[0]

    @property
    def key(self) -> str:
        """The id of the root or of the overlay that made it so; empty where neither did."""
        return self.by.partition(":")[2]

    @property
    def root(self) -> str:
        """The device it stands behind (core/causes.py), where that made it so."""
        return self.key if self.kind == CAUSE else ""

    @property
    def overlay(self) -> int | None:
        """The overlay that made it so, if one did."""
        return int(self.key) if self.kind in OVERLAYS else None


class Broken(NamedTuple):
    """A fault that takes a function away from a device that is up otherwise; `to_ms` None: it holds."""

    from_ms: int
    to_ms: int | None
    code: str


class Run(NamedTuple):
    """Stretches in order, the buckets they fall in, and what their contract takes unknown time for."""

    edges: "Edges"
    unknown_as: UnknownAs
    stretches: Sequence[Stretch]


Edges = tuple[tuple[int, str], ...]
"""Where a bucket begins, and its name; ascending, the first at or before the window."""


# --- one device ------------------------------------------------------------------------------------------------------


def stretches(
    segments: Sequence[Explained],
    *,
    counted: Intervals,
    overlays: Iterable[Laid] = (),
    broken: Iterable[Broken] = (),
    unclear: str = "",
) -> list[Stretch]:
    """Every instant of `counted` once, in order; neighbours may be alike.

    segments    in order, disjoint, with known ends: the ledger as explained by roots, to where evidence ends
    counted     normal: window, past, in service, service hours
    overlays    in the order in which they began to count: of corrections that overlap the last one holds
    broken      faults of the function that is asked for
    unclear     why nobody can say whether this time counts (no readable service hours): then all of it is unknown
    """
    if unclear:
        return [Stretch(begin, end, UNKNOWN, unclear, "", False, "") for begin, end in counted]
    told = _evidence(segments, counted)
    for fault in sorted(broken, reverse=True):  # the one that began first is named
        told = _painted(told, fault.from_ms, fault.to_ms, partial(_breaks, fault.code))
    laid = tuple(overlays)
    for one in laid:
        if one.kind == "correction":
            told = _painted(told, one.from_ms, one.to_ms, partial(_corrects, one))
    for one in reversed(laid):  # the one that counted first is named
        if one.kind != "correction":
            told = _painted(told, one.from_ms, one.to_ms, partial(_excludes, one))
    return told


def _evidence(segments: Sequence[Explained], counted: Intervals) -> list[Stretch]:
    """What the ledger says of the time that counts; where it says nothing, unknown.

    A month of a large fleet is tens of millions of turns of the inner loop: tuples are made the shortest way.
    """
    told: list[Stretch] = []
    new = tuple.__new__
    at, last = 0, len(segments)
    for begin, end in counted:
        while at < last and segments[at][1] <= begin:  # type: ignore[operator]
            at += 1
        here, look = begin, at
        while look < last:
            from_ms, to_ms, state, cause, fault, coarse, root = segments[look]
            if from_ms >= end:
                break
            if here < from_ms:
                told.append(_silence(here, from_ms, look))
                here = from_ms
            assert to_ms is not None, "segments have known ends here"
            stop = to_ms if to_ms < end else end
            if stop > here:
                if cause == RESTING:
                    state = EXCLUDED
                by = f"{CAUSE}:{root}" if root else ""
                told.append(new(Stretch, (here, stop, state, cause, fault, coarse, by)))
                here = stop
            look += 1
        if here < end:
            told.append(_silence(here, end, look))
    return told


def _silence(from_ms: int, to_ms: int, before: int) -> Stretch:
    """Nothing was said: before the first segment it was never seen, behind it nothing has been said yet."""
    return Stretch(from_ms, to_ms, UNKNOWN, NOT_YET if before else NEVER_SEEN, "", False, "")


def _painted(
    told: list[Stretch], from_ms: int, to_ms: int | None, paint: Callable[[Stretch], Stretch]
) -> list[Stretch]:
    """The stretches with [from, to) as `paint` has it."""
    done: list[Stretch] = []
    for one in told:
        begin = max(one.from_ms, from_ms)
        end = one.to_ms if to_ms is None else min(one.to_ms, to_ms)
        if begin >= end:
            done.append(one)
            continue
        if one.from_ms < begin:
            done.append(one._replace(to_ms=begin))
        done.append(paint(one._replace(from_ms=begin, to_ms=end)))
        if end < one.to_ms:
            done.append(one._replace(from_ms=end))
    return done


def _breaks(code: str, one: Stretch) -> Stretch:
    if one.state == UP or one.by == CONDITION:
        return one._replace(state=DOWN, cause="fault", fault=code, by=CONDITION)
    return one


def _corrects(laid: Laid, one: Stretch) -> Stretch:
    cause = CORRECTED.get(laid.reason, "correction") if laid.state == DOWN else "correction"
    by = f"correction:{laid.overlay}"
    return one._replace(state=stated(laid.state), cause=cause, fault="", coarse=False, by=by)


def _excludes(laid: Laid, one: Stretch) -> Stretch:
    cause = laid.reason if laid.kind == "exclusion" and laid.reason else laid.kind
    return one._replace(state=EXCLUDED, cause=cause, fault="", coarse=False, by=f"{laid.kind}:{laid.overlay}")


class Outage(NamedTuple):
    """Down time that touches, as counted: from, to, and the codes or causes in the order in which they came."""

    from_ms: int
    to_ms: int
    codes: tuple[str, ...]


def outages(told: Iterable[Stretch]) -> list[Outage]:
    """The outages of a device; whatever cuts one makes two of it."""
    found: list[Outage] = []
    for one in told:
        if one.state != DOWN:
            continue
        code = one.fault or one.cause
        if found and found[-1].to_ms == one.from_ms:
            last = found[-1]
            found[-1] = Outage(last.from_ms, one.to_ms, last.codes if code in last.codes else (*last.codes, code))
        else:
            found.append(Outage(one.from_ms, one.to_ms, (code,)))
    return found


def joined(told: Iterable[Stretch]) -> list[Stretch]:
    """The same time in the fewest stretches, for people."""
    found: list[Stretch] = []
    for one in told:
        if found and found[-1].to_ms == one.from_ms and found[-1][2:] == one[2:]:
            found[-1] = found[-1]._replace(to_ms=one.to_ms)
        else:
            found.append(one)
    return found


# --- sums ------------------------------------------------------------------------------------------------------------


Key = tuple[str, str, str]
"""State, cause and fault."""
PLAIN_UP: Key = (UP, "", "")


@dataclass(slots=True)
class Sum:
    """Milliseconds of one device, or of many, being added up.

    `times` has all of the base by state, cause and fault; `taken` the unknown time that contracts take for up or down.
    """

    times: dict[Key, int] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    outages: int = 0
    longest_ms: int = 0
    coarse_ms: int = 0
    devices: int = 0
    known_devices: int = 0
    shares: int = 0

    def add(self, other: "Sum") -> None:
        """Add another one: times and outages; the longest outage of both."""
        times = self.times
        for key, ms in other.times.items():
            times[key] = times.get(key, 0) + ms
        for policy, ms in other.taken.items():
            self.taken[policy] = self.taken.get(policy, 0) + ms
        self.outages += other.outages
        self.longest_ms = max(self.longest_ms, other.longest_ms)
        self.coarse_ms += other.coarse_ms
        self.devices += other.devices
        self.known_devices += other.known_devices
        self.shares += other.shares

    def total(self, state: str) -> int:
        """The milliseconds of a state."""
        return sum(ms for key, ms in self.times.items() if key[0] == state)

    def of_one_device(self) -> "Sum":
        """The same, as that of one device: it counts once, with its own share, where devices are counted."""
        self.devices = 1
        up_ms = self.total(UP)
        known_ms = up_ms + self.total(DOWN)
        if known_ms:
            self.known_devices = 1
            self.shares = (2 * SCALE * up_ms + known_ms) // (2 * known_ms)
        return self


def tally(runs: Iterable[Run]) -> dict[str, Sum]:
    """One device, or its share in a group, by bucket; a bucket in which nothing counts is not there."""
    sums: dict[str, Sum] = {}
    last, down_from, down_to = "", 0, -1
    for run in runs:
        takes_unknown = run.unknown_as != "exclude"
        for name, told in _divided(run):
            total = sums.get(name)
            if total is None:
                total = sums[name] = Sum()
            times = total.times
            for begin, end, state, cause, fault, coarse, _ in told:
                key, ms = (state, cause, fault), end - begin
                times[key] = times.get(key, 0) + ms
                if coarse:
                    total.coarse_ms += ms
                if state == DOWN:
                    if down_to != begin or last != name:
                        total.outages += 1
                        down_from, last = begin, name
                    down_to = end
                    total.longest_ms = max(total.longest_ms, end - down_from)
                elif takes_unknown and state == UNKNOWN:
                    total.taken[run.unknown_as] = total.taken.get(run.unknown_as, 0) + ms
    return sums


def _divided(run: Run) -> Iterator[tuple[str, Sequence[Stretch]]]:
    """The stretches of a run by bucket, cut where another bucket begins; no bucket is empty."""
    edges, place, count = run.edges, 0, len(run.edges)
    if count == 1:
        if run.stretches:
            yield edges[0][1], run.stretches
        return
    told: list[Stretch] = []
    for one in run.stretches:
        left = one
        while place + 1 < count and edges[place + 1][0] < left.to_ms:
            turn_ms = edges[place + 1][0]
            if left.from_ms < turn_ms:
                told.append(left._replace(to_ms=turn_ms))
                left = left._replace(from_ms=turn_ms)
            if told:
                yield edges[place][1], told
                told = []
            place += 1
        told.append(left)
    if told:
        yield edges[place][1], told


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOn:
    """开机率: up ÷ service time, and the rest of the service time by kind. Not the availability: see the module."""

    service_ms: int
    up_ms: int
    rest: Mapping[Kind, int]

    @property
    def rate(self) -> Fraction | None:
        """From 0 to 1; None when there was no service time."""
        return Fraction(self.up_ms, self.service_ms) if self.service_ms else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """The figure under the contracts' policies for unknown time; `figure` and its unknown time stay as they are."""

    up_ms: int
    down_ms: int

    @property
    def availability(self) -> Fraction | None:
        """up / (up + down) after the policies, from 0 to 1; None when nothing counts."""
        return Fraction(self.up_ms, self.up_ms + self.down_ms) if self.up_ms + self.down_ms else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoned:
    """A figure with all that belongs to it. `split`: milliseconds of what was not simply up, the most first."""

    figure: Figure
    split: Mapping[Key, int]
    degraded_ms: int
    coarse_ms: int
    owed: Owed
    devices: int
    mean_of_devices: Fraction | None
    """The mean of the devices' own availabilities, each weighing the same; `figure.availability` is the pooled one."""

    @property
    def mtbf_ms(self) -> int | None:
        """Mean up time per outage; None without an outage."""
        return self.figure.up_ms // self.figure.outages if self.figure.outages else None

    @property
    def mttr_ms(self) -> int | None:
        """Mean down time per outage; None without an outage."""
        return self.figure.down_ms // self.figure.outages if self.figure.outages else None

    @property
    def power_on(self) -> PowerOn:
        """The power-on rate of the same time."""
        rest: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        for (state, cause, _), ms in self.split.items():
            if state != UP:
                rest[REST.get((state, cause), USUAL_REST[state])] += ms
        return PowerOn(service_ms=self.figure.base_ms, up_ms=self.figure.up_ms, rest=rest)


def reckoned(one: Sum) -> Reckoned:
    """A sum that is complete."""
    up_ms, down_ms, unknown_ms, excluded_ms = (one.total(state) for state in (UP, DOWN, UNKNOWN, EXCLUDED))
    told = sorted(one.times.items(), key=lambda item: (-item[1], item[0]))
    return Reckoned(
        figure=Figure(
            up_ms=up_ms,
            down_ms=down_ms,
            unknown_ms=unknown_ms,
            excluded_ms=excluded_ms,
            base_ms=sum(one.times.values()),
            outages=one.outages,
            longest_ms=one.longest_ms,
        ),
        split={key: ms for key, ms in told if key != PLAIN_UP},
        degraded_ms=sum(ms for (state, cause, _), ms in told if state == UP and cause == DEGRADED),
        coarse_ms=one.coarse_ms,
        owed=Owed(up_ms=up_ms + one.taken.get("up", 0), down_ms=down_ms + one.taken.get("down", 0)),
        devices=one.devices,
        mean_of_devices=Fraction(one.shares, SCALE * one.known_devices) if one.known_devices else None,
    )


def summed(told: Sequence[Stretch], unknown_as: UnknownAs = "exclude") -> Sum:
    """The sum of one device's stretches, without buckets."""
    return tally([Run(WHOLE, unknown_as, told)]).get("", Sum()).of_one_device()


def figure_of(told: Sequence[Stretch]) -> Figure:
    """The figure of one device's stretches, without buckets."""
    return reckoned(summed(told)).figure


def cut(told: Iterable[Stretch], window: Pair) -> list[Stretch]:
    """The stretches inside a window."""
    begin, end = window
    return [
        one
        if begin <= one.from_ms and one.to_ms <= end
        else one._replace(from_ms=max(begin, one.from_ms), to_ms=min(end, one.to_ms))
        for one in told
        if one.to_ms > begin and one.from_ms < end
    ]


# --- buckets ---------------------------------------------------------------------------------------------------------

WHOLE: Edges = ((0, ""),)


@lru_cache(maxsize=256)
def edges_of(bucket: Bucket, tz: str, from_ms: int, to_ms: int) -> Edges:
    """The local days, months, quarters or years of a zone that a window touches, with their names.

    Names: 2026-11-21, 2026-11, 2026-Q4, 2026.
    """
    if not bucket:
        return WHOLE
    local = zone(tz)
    first = _first_day(bucket, (EPOCH + from_ms * MILLISECOND).astimezone(local).date())
    found: list[tuple[int, str]] = []
    for day in _days(bucket, first):
        begin = instant(day, 0, local)
        if found and begin >= to_ms:
            break
        if found and found[-1][0] == begin:  # a date that this zone left out
            found.pop()
        found.append((begin, _name(bucket, day)))
    return tuple(found)


def _first_day(bucket: Bucket, day: date) -> date:
    match bucket:
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)
        case _:
            return day


def _days(bucket: Bucket, day: date) -> Iterator[date]:
    """The first days of this bucket and of those behind it."""
    months = {"month": 1, "quarter": 3, "year": 12}.get(bucket)
    while True:
        yield day
        if months is None:
            day += timedelta(days=1)
        else:
            place = day.year * 12 + day.month - 1 + months
            day = date(place // 12, place % 12 + 1, 1)


def _name(bucket: Bucket, day: date) -> str:
    match bucket:
        case "month":
            return f"{day:%Y-%m}"
        case "quarter":
            return f"{day.year:04d}-Q{(day.month + 2) // 3}"
        case "year":
            return f"{day.year:04d}"
        case _:
            return day.isoformat()
