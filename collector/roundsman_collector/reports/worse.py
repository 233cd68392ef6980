"""What gets worse, as reports tell it: the worst values of a period, restarts, and dates that are foretold. Pure.

worst(values), foretold(dates)      tables
"""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from roundsman_collector.reports.document import Day, Phrase, Reading, ReadingName, Table, Value
from roundsman_wire.catalogue import Label

METHOD = Label(
    zh="预计日期按近 90 天每日数值的 Theil-Sen 趋势推算，区间为 95%；方法与误差见系统文档。",
    en="Dates follow the Theil-Sen trend of the daily values of the last 90 days, with a 95 % interval; method and "
    "error are in the documentation.",
)


class WorstValue(NamedTuple):
    """The worst that a watched reading of a device was in the period, and what it was last."""

    device: str
    about: Label
    what: Label
    reading: str
    value: float
    day: date
    last: float


class Foretold(NamedTuple):
    """A reading that will cross its limit, as it was foretold; `part`: what to take along, empty: nothing."""

    device: str
    about: Label
    what: Label
    reading: str
    level: float
    limit: float
    earliest: date
    likely: date
    latest: date
    part: Label


def worst(values: Iterable[WorstValue]) -> Table:
    """The worst values of the period."""
    return Table(
        title=Label(zh="本期最差值", en="The period's worst values"),
        columns=(
            Label(zh="设备", en="Device"),
            Label(zh="读数", en="Reading"),
            Label(zh="最差值", en="Worst"),
            Label(zh="日期", en="On"),
            Label(zh="期末值", en="Last"),
        ),
        rows=tuple(
            (
                one.about,
                ReadingName(one.reading),
                Reading(one.reading, one.value),
                Day(one.day),
                Reading(one.reading, one.last),
            )
            for one in values
        ),
        widths=(25, 30, 15, 15, 15),
        none=Label(zh="本期没有按日留存的读数", en="no reading was kept by the day in this period"),
        is_detail=True,
    )


def foretold(dates: Iterable[Foretold]) -> Table:
    """What gets worse, the soonest first. The value is that of the day of the forecast, not the last one: it is
    foretold anew when the date changes.
    """
    return Table(
        title=Label(zh="趋势预警及隐患配件", en="What gets worse, and what to take along"),
        columns=(
            Label(zh="设备", en="Device"),
            Label(zh="趋势", en="Trend"),
            Label(zh="读数", en="Reading"),
            Label(zh="预警时", en="When foretold"),
            Label(zh="限值", en="Limit"),
            Label(zh="预计超限", en="Crosses it about"),
            Label(zh="区间", en="Between"),
            Label(zh="配件", en="Part"),
        ),
        rows=tuple(
            (
                one.about,
                one.what,
                ReadingName(one.reading),
                Reading(one.reading, one.level),
                Reading(one.reading, one.limit),
                Day(one.likely),
                _between(one),
                one.part if one.part.zh else None,
            )
            for one in dates
        ),
        widths=(14, 15, 17, 9, 9, 12, 13, 11),
        none=Label(zh="未发现将超限的趋势", en="nothing is foretold to cross its limit"),
        is_detail=True,
    )


def _between(one: Foretold) -> Value:
    return Phrase(Label(zh="{0} 至 {1}", en="{0} to {1}"), (Day(one.earliest), Day(one.latest)))
