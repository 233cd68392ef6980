"""What the quarterly report of a camera system is made of: the site, its points, its worst days, its versions."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date

from roundsman_collector.core import firmware, reckoning
from roundsman_collector.core.firmware import Versioned
from roundsman_collector.issuing import site as gathered
from roundsman_collector.issuing.about import Asked
from roundsman_collector.reports.cctv_quarter import Point, Quarter, WorstDay
from roundsman_collector.reports.head import Head
from roundsman_collector.reports.site import DeviceLine, Site
from roundsman_collector.store import View
from roundsman_collector.store.ratios import CAMERA_OFFLINE

VERSION = ".firmware"
"""How the names of readings end that tell a version."""


def gather(view: View, asked: Asked, head: Head) -> Quarter:
    """Everything that the report says."""
    site = gathered.gather(view, asked, head)
    versioned = list(_versioned(view, site.devices))
    told = view.ratios(gathered.frame(asked), gathered.of(asked))
    return Quarter(
        site=site,
        worst=_worst_days(view, asked),
        points=tuple(_points(view, asked, site)),
        ratio=next(one.ratio for one in told if one.named.code == "points_online"),
        versions=tuple(firmware.inventory(versioned)),
        behind=tuple(firmware.behind(versioned)),
    )


def _worst_days(view: View, asked: Asked) -> dict[str, WorstDay]:
    """Of each device the local day that /availability?bucket=day says least of; the first of several."""
    answer = view.reckon(replace(gathered.figures(asked), bucket="day"))
    found: dict[str, WorstDay] = {}
    for row in answer.rows:
        days = ((name, reckoning.reckoned(one).figure.availability) for name, one in sorted(row.buckets.items()))
        known = [WorstDay(date.fromisoformat(name), share) for name, share in days if share is not None]
        if row.key and known:
            found[row.key] = min(known, key=lambda day: day.availability)
    return found


def _points(view: View, asked: Asked, site: Site) -> Iterator[Point]:
    lost = Counter((one.device, one.component) for one in site.faults if one.code == CAMERA_OFFLINE)
    names = {one.id: one.name for one in site.devices}
    for one in view.point_times(gathered.frame(asked), gathered.of(asked)):
        yield Point(names[one.device], one.name, one.is_empty, one.time, lost[one.device, one.name])


def _versioned(view: View, devices: Iterable[DeviceLine]) -> Iterator[Versioned]:
    """The version that each device told: to the newest round, else last of all."""
    for one in devices:
        told = dict(_readings(view, one))
        for name in sorted(name for name in told if name.endswith(VERSION)):
            if isinstance(told[name], str) and told[name]:
                yield Versioned(one.id, one.model, str(told[name]))
                break


def _readings(view: View, one: DeviceLine) -> Iterator[tuple[str, object]]:
    if one.inspected is not None and not one.inspected.reason:
        for line in one.inspected.lines:
            yield from ((read.name, read.value) for read in line.measured)
        yield from ((read.name, read.value) for read in one.inspected.others)
    else:
        now = view.device(one.id)
        yield from () if now is None or now.readings is None else now.readings.items()
