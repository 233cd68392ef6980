"""When something will cross its limit, at the rate of the last weeks; or why nobody can say. Pure.

    forecast(watch, points, limit=95.0, today=20777) -> Forecast(earliest=20801, likely=20809, latest=20822, ...)

    value  limit ------------------------------------------*----*-------*---
                                               . · ´            |
                                     . · ´ ´ level              |
             · · .· ´ · ´ ´                                     |
           |- at most 90 days -|today                earliest likely latest

The line is core/trend.py's, through the last days that go one way. `likely` follows its slope; `earliest` and `latest`
the ends of the slope's interval, from a level that is as much off as the days scatter. Where no date can be given,
`why` says so:

    silent      nothing was read for some days
    no_limit    nobody said what is too much
    jump        what is measured was set anew (a disk was exchanged) too few days ago
    too_few     there are too few days
    reached     it is beyond its limit already: a fault, and no forecast
    no_trend    it does not get worse, or the interval holds "never"
    far         it gets worse, but the limit is too far off to tell a date
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Literal, NamedTuple, get_args

from roundsman_collector.core.trend import Point, Slope, jump_at, slope_of

Of = Literal["least", "greatest", "last", "restarts"]
Towards = Literal["up", "down"]
Why = Literal["", "silent", "no_limit", "jump", "too_few", "reached", "no_trend", "far"]

OFS: tuple[Of, ...] = get_args(Of)
WHYS: tuple[Why, ...] = get_args(Why)
WINDOW_DAYS = 90
SILENT_DAYS = 3
WEEK = 7
FAR_DAYS = 365
FAR_TIMES = 4
"""No date is told further ahead than so many times the days it is made of."""
FEWEST = 10
"""A half of fewer days tells no other slope than the whole."""
NEVER_DAYS = 1095
"""What may last longer than this may last for ever."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """What is watched for getting worse: a reading (as the catalogue names it), which of a day's values, and which way.

    `limit` is too much; or the `fault` whose rule says it, or the reading `limit_reading` of the same part.
    `jump`: what was set anew differs by so much. `part_*`: what is to be taken along (隐患配件); empty: nothing is.
    """

    code: str
    zh: str
    en: str
    reading: str
    of: Of
    towards: Towards
    least_days: int
    jump: float
    limit: float | None = None
    fault: str = ""
    limit_reading: str = ""
    part_zh: str = ""
    part_en: str = ""


class DayRead(NamedTuple):
    """What was read of one thing on one local day; `last` at `last_ms`, the last of so many `looks`;
    `starts_ms`: when that day begins."""

    day: int
    least: float
    greatest: float
    last: float
    last_ms: int
    looks: int
    starts_ms: int


class Forecast(NamedTuple):
    """What can be said. Days are numbers (core/local_days.py); without a `why` all three are there.

    `first` is the first day that it is made of, `jump` the day on which what is measured was set anew.
    """

    why: Why
    slope: Slope | None = None
    limit: float | None = None
    first: int | None = None
    jump: int | None = None
    earliest: int | None = None
    likely: int | None = None
    latest: int | None = None


def points_of(watch: Watch, days: Iterable[DayRead]) -> list[Point]:
    """A value for each day, or for each week of seven days up to the last: on how many of them it was started."""
    if watch.of == "restarts":
        return _weeks([Point(one.day, float(was_started(one))) for one in days])
    return [Point(one.day, float(getattr(one, watch.of))) for one in days]


def was_started(one: DayRead) -> bool:
    """Whether the last start before the day's end was on that day; values are seconds since the start."""
    return one.last_ms - one.last * 1000 >= one.starts_ms


def _weeks(points: Sequence[Point]) -> list[Point]:
    """Whole weeks counted back from the last day; one with fewer than five days that were seen is left out."""
    if not points:
        return []
    last, weeks = points[-1].day, dict[int, list[float]]()
    for point in points:
        weeks.setdefault((last - point.day) // WEEK, []).append(point.value)
    return [
        Point(last - WEEK * week, sum(values) * WEEK / len(values))
        for week, values in sorted(weeks.items(), reverse=True)
        if len(values) >= WEEK - 2
    ]


def forecast(watch: Watch, points: Sequence[Point], *, limit: float | None, today: int) -> Forecast:
    """See the module; `points` ascend by day, those of `today` and after do not count: a day that is not over."""
    used = [point for point in points if today - WINDOW_DAYS <= point.day < today]
    if not used or used[-1].day < today - SILENT_DAYS:
        return Forecast("silent", limit=limit)
    if limit is None:
        return Forecast("no_limit")
    jump = jump_at(used, watch.jump)
    if jump is not None:
        used = [point for point in used if point.day >= jump]
    said = Forecast("", limit=limit, first=used[0].day, jump=jump)
    step = WEEK if watch.of == "restarts" else 1
    if len(used) * step < watch.least_days:
        return said._replace(why="too_few" if jump is None else "jump")
    lately, slope = _lately(used, max(FEWEST, watch.least_days // step))
    return _dated(watch, said._replace(slope=slope, first=lately[0].day), slope, limit, today)


def _lately(points: Sequence[Point], fewest: int) -> tuple[Sequence[Point], Slope]:
    """The last days that go one way, and their slope: the later half, again and again, while its interval does not hold
    the slope of the whole. What wears out goes faster and faster, and what was used up once may stand still since."""
    slope = slope_of(points)
    while len(points) // 2 >= fewest:
        later = points[len(points) // 2 :]
        found = slope_of(later)
        if found.low <= slope.per_day <= found.high:
            break
        points, slope = later, found
    return points, slope


def _dated(watch: Watch, said: Forecast, slope: Slope, limit: float, today: int) -> Forecast:
    """Three dates, or why not. Upwards as downwards: `room` is what is left, rates are of its shrinking."""
    if watch.towards == "up":
        room, rate, slow, fast = limit - slope.level, slope.per_day, slope.low, slope.high
    else:
        room, rate, slow, fast = slope.level - limit, -slope.per_day, -slope.high, -slope.low
    if room <= 0:
        return said._replace(why="reached")
    if slow <= 0 or (room + slope.level_error) / slow > NEVER_DAYS:
        return said._replace(why="no_trend")
    assert said.first is not None
    ahead = room / rate
    if ahead > min(FAR_DAYS, FAR_TIMES * (today - said.first)):
        return said._replace(why="far")
    return said._replace(
        earliest=max(today, slope.last + floor(max(0.0, room - slope.level_error) / fast)),
        likely=max(today, slope.last + ceil(ahead)),
        latest=max(today, slope.last + ceil((room + slope.level_error) / slow)),
    )
