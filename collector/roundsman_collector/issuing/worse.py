"""What gets worse at a site, as reports tell it: from the days that are kept (reading_days.py) and what was foretold.

    worse(view, asked, served, names) -> Worse(values, restarts, foretold)
    foretold(view, asked, served, names)            the dates alone

Only days on which a device served here from midnight to midnight: what it read for another customer is not told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from roundsman_collector.config import trends
from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.forecast import DayRead, Watch, points_of, was_started
from roundsman_collector.core.intervals import Pair
from roundsman_collector.core.local_days import date_of, day_at
from roundsman_collector.issuing.about import Asked
from roundsman_collector.reports.head import NO_LABEL
from roundsman_collector.reports.worse import Foretold, WorstValue
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import View
from roundsman_collector.store.foretelling import reads
from roundsman_collector.store.reckon import Served
from roundsman_wire.catalogue import Label

AT_ONCE = 300
RESTARTS = "restarts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Worse:
    """The worst values, on how many days each device was started (of those that tell it), what is foretold."""

    values: tuple[WorstValue, ...]
    restarts: Mapping[str, int]
    foretold: tuple[Foretold, ...]


def worse(view: View, asked: Asked, served: Mapping[str, Sequence[Served]], names: Mapping[str, Label]) -> Worse:
    """Everything about these devices, in the order of their names."""
    past_ms = min(asked.to_ms, asked.known_ms)
    days = day_at(asked.from_ms, asked.about.time_zone), day_at(past_ms - 1, asked.about.time_zone) + 1
    series = view.trend_series(list(names), None, *days)
    values: list[WorstValue] = []
    restarts: dict[str, int] = {}
    for (device, reading), rows in sorted(series.items()):
        watch = trends().watch_of(reading)
        if watch is None:
            continue
        mine = [row for row in rows if _is_here(_span(row.day, asked), served[device], past_ms)]
        told = reads(watch, mine, asked.about.time_zone)
        if watch.of == RESTARTS:
            restarts[device] = restarts.get(device, 0) + sum(map(was_started, told))
        elif told:
            values.append(_worst(watch, told, device, names[device], reading))
    return Worse(values=tuple(values), restarts=restarts, foretold=tuple(foretold(view, asked, served, names)))


def _span(day: int, asked: Asked) -> Pair:
    local = zone(asked.about.time_zone)
    return instant(date_of(day), 0, local), instant(date_of(day + 1), 0, local)


def _is_here(span: Pair, where: Iterable[Served], past_ms: int) -> bool:
    """Whether a device served here all of a day, as far as it is past."""
    return any(one.posting.from_ms <= span[0] and min(span[1], past_ms) <= one.posting.to_ms for one in where)


def _worst(watch: Watch, days: Sequence[DayRead], device: str, name: Label, reading: str) -> WorstValue:
    points = points_of(watch, days)
    worst = (max if watch.towards == "up" else min)(points, key=lambda point: point.value)
    what = Label(zh=watch.zh, en=watch.en)
    return WorstValue(device, name, what, reading, worst.value, date_of(worst.day), points[-1].value)


def foretold(
    view: View, asked: Asked, served: Mapping[str, Sequence[Served]], names: Mapping[str, Label]
) -> Iterator[Foretold]:
    """What was foretold, when the report is known, of the devices that serve here at its end; the soonest first."""
    past_ms = min(asked.to_ms, asked.known_ms)
    here = iter([device for device in names if any(one.posting.to_ms >= past_ms for one in served[device])])
    found: list[Foretold] = []
    while some := list(islice(here, AT_ONCE)):
        for row in view.forecasts_of(EVERYTHING, past_ms, devices=some):
            watch = trends().watch_of(row.reading)
            if watch is None:
                continue
            dates = date_of(row.earliest_day), date_of(row.likely_day), date_of(row.latest_day)
            what = Label(zh=watch.zh, en=watch.en)
            part = Label(zh=watch.part_zh, en=watch.part_en) if watch.part_zh else NO_LABEL
            found.append(Foretold(row.device, names[row.device], what, row.reading, row.level, row.limit, *dates, part))
    yield from sorted(found, key=lambda one: (one.likely, one.device, one.reading))
