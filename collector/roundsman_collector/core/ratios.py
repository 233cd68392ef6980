"""The ratios that the trade is measured by, each with its numerator, its denominator and what was left out. Pure.

    points_online(["online", "offline", "empty"])   点位在线率, at an instant: 1/2, left out: 1 not configured
    online_over_time(times)                         点位在线率, time-weighted: Σ up ÷ Σ (up + down)
    recorded(spans, schedule)                       录像完整率: recorded ∩ schedule ÷ schedule, with the gaps
    days_kept(days, today), kept_long_enough(...)   保存天数, 保存天数达标率
    pictures_good(...)                              图像完好率: good ÷ diagnosed, not ÷ all
    ever_reported(...), reported(...)               入网率, 上线率 of vehicles
    ranked({"north": vehicles})                     monitoring centres by 上线率
    connected(period, lost)                         连通率
    part_of(part, whole)                            轨迹完整率, 数据合格率, 漂移车辆率: two numbers somebody counted
    score(ratio, weight)                            what an assessment gives for it

Three things look alike and are not the same:

    nothing to count    the denominator is 0: the value is None. Never 0 %, never 100 %
    unknown             nobody can say of it: in neither number; `bounds` say what it could make of the value
    left out            not to be counted at all: a channel without a camera, a vehicle that is laid up

Ratios of many are added up numerator by numerator (`pooled`), never by the mean of percentages.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Literal, NamedTuple

from roundsman_collector.core.intervals import (
    NOTHING,
    Intervals,
    Pair,
    intersect,
    normal,
    subtract,
    total,
    union,
)

Unit = Literal["count", "ms", "days", "km", "minutes", "percent"]
PointState = Literal["online", "offline", "unknown", "empty", "excluded"]

NOT_CONFIGURED = "not_configured"
EXCLUDED = "excluded"
NOT_DIAGNOSED = "not_diagnosed"
NOT_REQUIRED = "not_required"
NEVER_REPORTED = "never_reported"
LAID_UP = "laid_up"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """`part` of `whole`, in `unit`. `unknown` is in neither; `left_out` says what else is not, by reason."""

    part: Fraction
    whole: Fraction
    unit: Unit = "count"
    unknown: Fraction = Fraction(0)
    left_out: Mapping[str, Fraction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.part <= self.whole or self.unknown < 0 or any(one < 0 for one in self.left_out.values()):
            raise ValueError(f"a part of a whole, and nothing below 0: {self}")

    @property
    def value(self) -> Fraction | None:
        """From 0 to 1; None where there is nothing to count."""
        return self.part / self.whole if self.whole else None

    @property
    def bounds(self) -> tuple[Fraction, Fraction] | None:
        """The lowest and the highest value that the unknown allows; None where there is nothing at all."""
        every = self.whole + self.unknown
        return (self.part / every, (self.part + self.unknown) / every) if every else None


def part_of(part: int | Fraction | str, whole: int | Fraction | str, unit: Unit = "count") -> Ratio:
    """Two numbers that somebody counted; text is read exactly: "278890.63"."""
    return Ratio(part=Fraction(part), whole=Fraction(whole), unit=unit)


def pooled(ratios: Iterable[Ratio]) -> Ratio | None:
    """Many ratios of one unit as one: numerators, denominators, unknown and left out added; None of none."""
    listed = list(ratios)
    if not listed:
        return None
    units = {one.unit for one in listed}
    if len(units) > 1:
        raise ValueError(f"ratios in {', '.join(sorted(units))} cannot be added up")
    return Ratio(
        part=sum((one.part for one in listed), Fraction(0)),
        whole=sum((one.whole for one in listed), Fraction(0)),
        unit=listed[0].unit,
        unknown=sum((one.unknown for one in listed), Fraction(0)),
        left_out=_added(one.left_out for one in listed),
    )


def score(ratio: Ratio, weight: int | Fraction, *, nothing_below: Fraction = Fraction(0)) -> Fraction | None:
    """The points that an assessment gives: value times weight; none at all below a limit. None where nobody can say.

    考核 of 重点营运车辆: 上线率 15, 轨迹完整率 30 with nothing below 70 %, 平台连通率 15.
    """
    if ratio.value is None:
        return None
    return Fraction(0) if ratio.value < nothing_below else ratio.value * weight


# --- points: channels of recorders and cameras -----------------------------------------------------------------------


def points_online(states: Iterable[PointState]) -> Ratio:
    """点位在线率 at an instant: online ÷ configured. A channel without a camera, or excluded, is not counted."""
    counts: dict[PointState, int] = {}
    for state in states:
        counts[state] = counts.get(state, 0) + 1
    online, offline = counts.get("online", 0), counts.get("offline", 0)
    return Ratio(
        part=Fraction(online),
        whole=Fraction(online + offline),
        unknown=Fraction(counts.get("unknown", 0)),
        left_out=_said({NOT_CONFIGURED: counts.get("empty", 0), EXCLUDED: counts.get("excluded", 0)}),
    )


class PointTime(NamedTuple):
    """How long a channel was what, in milliseconds."""

    up_ms: int
    down_ms: int
    unknown_ms: int
    excluded_ms: int


def point_time(up: Intervals, down: Intervals, unknown: Intervals, excluded: Intervals, broken: Intervals) -> PointTime:
    """A channel's time from its recorder's, which is normal and disjoint: down where either of the two is."""
    lost = intersect(up, broken)
    return PointTime(total(up) - total(lost), total(down) + total(lost), total(unknown), total(excluded))


def online_over_time(times: Iterable[PointTime], *, not_configured: int = 0) -> Ratio:
    """点位在线率 weighted by time: Σ up ÷ Σ (up + down) over configured channels."""
    up_ms = down_ms = unknown_ms = excluded_ms = 0
    for one in times:
        up_ms += one.up_ms
        down_ms += one.down_ms
        unknown_ms += one.unknown_ms
        excluded_ms += one.excluded_ms
    return Ratio(
        part=Fraction(up_ms),
        whole=Fraction(up_ms + down_ms),
        unit="ms",
        unknown=Fraction(unknown_ms),
        left_out=_said({EXCLUDED: excluded_ms, NOT_CONFIGURED: not_configured}),
    )


# --- recordings ------------------------------------------------------------------------------------------------------


class Recorded(NamedTuple):
    """录像完整率 of a channel, and where recordings are missing."""

    ratio: Ratio
    gaps: Intervals


def recorded(
    spans: Iterable[Pair], schedule: Iterable[Pair], *, unknown: Iterable[Pair] = (), device_ahead_ms: int = 0
) -> Recorded:
    """What was recorded of what was to be recorded. Spans may overlap and come in any order.

    `device_ahead_ms`: how far the recorder's clock is ahead; its spans are put back by it first. `unknown`: when nobody
    could look; a span there still counts as recorded.
    """
    wanted = normal(schedule)
    found = intersect(normal((begin - device_ahead_ms, end - device_ahead_ms) for begin, end in spans), wanted)
    unseen = subtract(intersect(normal(unknown), wanted), found)
    gaps = subtract(subtract(wanted, found), unseen)
    ratio = Ratio(
        part=Fraction(total(found)),
        whole=Fraction(total(union(found, gaps))),
        unit="ms",
        unknown=Fraction(total(unseen)),
    )
    return Recorded(ratio, gaps)


def days_kept(days: Collection[date], today: date, *, missing_allowed: int = 0) -> int:
    """保存天数: how many days back from today recordings reach without a hole, today included.

    Today may be missing: a recorder that was just asked may not have closed its file. `missing_allowed`: so many days
    of the run may be missing; they do not count.
    """
    there = set(days)
    day = today if today in there else today - timedelta(days=1)
    count, left = 0, missing_allowed
    while True:
        if day in there:
            count += 1
        elif left and any(one < day for one in there):
            left -= 1
        else:
            return count
        day -= timedelta(days=1)


def kept_long_enough(channels: Iterable[tuple[int | None, int | None]]) -> Ratio:
    """保存天数达标率: channels that keep at least what they must, of those of which both are known.

    Each channel is (kept, required) in days. Without a requirement it is left out; with one and nobody knowing what it
    keeps it is unknown.
    """
    good = bad = unknown = unasked = 0
    for kept, required in channels:
        if required is None:
            unasked += 1
        elif kept is None:
            unknown += 1
        elif kept >= required:
            good += 1
        else:
            bad += 1
    return Ratio(
        part=Fraction(good),
        whole=Fraction(good + bad),
        unknown=Fraction(unknown),
        left_out=_said({NOT_REQUIRED: unasked}),
    )


def pictures_good(diagnoses: Iterable[bool | None]) -> Ratio:
    """图像完好率: good ÷ diagnosed; None is a channel whose picture nobody has looked at."""
    listed = list(diagnoses)
    good, bad = listed.count(True), listed.count(False)
    missing = _said({NOT_DIAGNOSED: listed.count(None)})
    return Ratio(part=Fraction(good), whole=Fraction(good + bad), left_out=missing)


def mean_percent(percents: Iterable[Fraction | None]) -> Ratio:
    """The mean of percentages that devices report of themselves, all with the same weight; None is one not known."""
    listed = list(percents)
    known = [one for one in listed if one is not None]
    return Ratio(
        part=sum(known, Fraction(0)),
        whole=Fraction(100 * len(known)),
        unit="percent",
        unknown=Fraction(100 * (len(listed) - len(known))),
    )


# --- vehicles --------------------------------------------------------------------------------------------------------


class Vehicle(NamedTuple):
    """A vehicle in the register: whether it ever reported, whether it did in the period, whether it was laid up."""

    ever: bool
    in_period: bool
    is_laid_up: bool = False


def ever_reported(vehicles: Iterable[Vehicle]) -> Ratio:
    """入网率: vehicles that have reported at least once ÷ vehicles in the register."""
    counted = [one for one in vehicles if not one.is_laid_up]
    return Ratio(part=Fraction(sum(one.ever for one in counted)), whole=Fraction(len(counted)))


def reported(vehicles: Iterable[Vehicle]) -> Ratio:
    """上线率: vehicles that reported in the period ÷ vehicles that ever did. Whoever never did is left out."""
    listed = list(vehicles)
    laid_up = sum(one.is_laid_up for one in listed)
    counted = [one for one in listed if not one.is_laid_up]
    on_net = [one for one in counted if one.ever]
    return Ratio(
        part=Fraction(sum(one.in_period for one in on_net)),
        whole=Fraction(len(on_net)),
        left_out=_said({NEVER_REPORTED: len(counted) - len(on_net), LAID_UP: laid_up}),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Centre:
    """A monitoring centre's vehicles over a period. `key` None: those of none. `missing`: neither online nor laid up.
    `place`: 1 is the best; equal shares have the same; None where there is no share."""

    key: str | None
    registered: int
    missing: int
    on_net: Ratio
    online: Ratio
    place: int | None = None


def centre(key: str | None, vehicles: Iterable[Vehicle]) -> Centre:
    """What one centre's vehicles come to."""
    listed = list(vehicles)
    return Centre(
        key=key,
        registered=len(listed),
        missing=sum(not (one.in_period or one.is_laid_up) for one in listed),
        on_net=ever_reported(listed),
        online=reported(listed),
    )


def ranked(vehicles: Mapping[str | None, Iterable[Vehicle]]) -> list[Centre]:
    """Centres by 上线率, the best first; those of which it cannot be said come last."""
    found = sorted((centre(key, some) for key, some in vehicles.items()), key=_best_first)
    shares = [one.online.value for one in found]
    return [
        one if share is None else replace(one, place=1 + shares.index(share))
        for one, share in zip(found, shares, strict=True)
    ]


def _best_first(one: Centre) -> tuple[bool, Fraction, int, bool, str]:
    value = one.online.value
    return value is None, -(value or Fraction(0)), -one.registered, one.key is None, one.key or ""


def connected(period: Intervals, lost: Intervals, unknown: Intervals = NOTHING) -> Ratio:
    """连通率: time in which a link stood ÷ the period, as far as anybody knows. Sets are normal."""
    known = subtract(period, unknown)
    up = subtract(known, lost)
    return Ratio(
        part=Fraction(total(up)),
        whole=Fraction(total(known)),
        unit="ms",
        unknown=Fraction(total(period) - total(known)),
    )


def _said(counts: Mapping[str, int]) -> dict[str, Fraction]:
    return {reason: Fraction(count) for reason, count in counts.items() if count}


def _added(many: Iterable[Mapping[str, Fraction]]) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for one in many:
        for reason, amount in one.items():
            found[reason] = found.get(reason, Fraction(0)) + amount
    return found
