"""How far off forecasts were: each is made again as it would have been made then, and held against what came. Pure.

crossing(watch, points, limit) -> the day on which the limit was crossed for good, or None
checks(watch, points, limit, ahead=(7, 14, 30, 60)) -> [Check(ahead=30, off=-2, is_within=True), ...]
summed(checks) -> {30: Sum(asked=200, made=171, off_median=3, off_most=11, within=0.93), ...}
false_alarms(watch, points, limit) -> of forecasts in a series that never crosses, those that named a day within it
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from roundsman_collector.core.forecast import WEEK, Watch, forecast
from roundsman_collector.core.trend import Point

AHEAD = (7, 14, 30, 60)
HOLDS_DAYS = 3
"""A limit is crossed for good when so many days are beyond it, one after the other."""
MOST_OF_TEN = 0.9


class Check(NamedTuple):
    """A forecast that was made `ahead` days before the limit was crossed. `off`: so many days too late (too early, if
    negative); None: none was made. `is_within`: the day lay between earliest and latest."""

    ahead: int
    off: int | None
    is_within: bool


class Sum(NamedTuple):
    """Of so many that were `asked` for, how many were `made`, how far off: the median and what nine of ten keep to, in
    days; and the share of those made whose interval held the day. None: none was made."""

    asked: int
    made: int
    off_median: int | None
    off_most: int | None
    within: float | None


def crossing(watch: Watch, points: Sequence[Point], limit: float) -> int | None:
    """The first of HOLDS_DAYS days that are beyond the limit one after the other."""
    run = 0
    for place, point in enumerate(points):
        is_beyond = point.value >= limit if watch.towards == "up" else point.value <= limit
        run = run + 1 if is_beyond else 0
        if run == HOLDS_DAYS:
            return points[place - HOLDS_DAYS + 1].day
    return None


def checks(watch: Watch, points: Sequence[Point], limit: float, ahead: Iterable[int] = AHEAD) -> list[Check]:
    """The forecasts that would have been made so many days before the limit was crossed; none, if it never was."""
    day = crossing(watch, points, limit)
    if day is None:
        return []
    found = []
    for days in ahead:
        said = forecast(watch, points, limit=limit, today=day - days)
        if said.likely is None or said.earliest is None or said.latest is None:
            found.append(Check(days, None, False))
        else:
            found.append(Check(days, said.likely - day, said.earliest <= day <= said.latest))
    return found


def summed(found: Iterable[Check]) -> dict[int, Sum]:
    """What checks come to, by how many days ahead."""
    by_ahead: dict[int, list[Check]] = {}
    for one in found:
        by_ahead.setdefault(one.ahead, []).append(one)
    return {ahead: _sum(of) for ahead, of in sorted(by_ahead.items())}


def _sum(found: Sequence[Check]) -> Sum:
    offs = sorted(abs(one.off) for one in found if one.off is not None)
    if not offs:
        return Sum(len(found), 0, None, None, None)
    most = offs[min(len(offs) - 1, int(len(offs) * MOST_OF_TEN))]
    within = sum(one.is_within for one in found) / len(offs)
    return Sum(len(found), len(offs), offs[len(offs) // 2], most, within)


def false_alarms(watch: Watch, points: Sequence[Point], limit: float, every: int = WEEK) -> tuple[int, int]:
    """Of how many looks at a series that never crosses its limit, and how many of them named a `latest` day within it.

    What was to have come by the series' end and did not is wrong; what lies behind it nobody knows.
    """
    if crossing(watch, points, limit) is not None or not points:
        return 0, 0
    looks = range(points[0].day + watch.least_days, points[-1].day, every)
    said = [forecast(watch, points, limit=limit, today=day) for day in looks]
    return len(said), sum(one.latest is not None and one.latest <= points[-1].day for one in said)
