"""Forecasts: how far off they are, on series of known kinds whose end is known; and how often they cry wolf.

    make bench ONLY=forecasts                      200 series of each kind, a minute
    make bench ONLY="forecasts --series 20"        a quick try

Each forecast is made again 7, 14, 30 and 60 days before the limit was crossed, of what was known then (core/backtest).
The series are drawn, not recorded: what they hold is written here, and nothing of them is in the method.

    steady     a disk that fills by 0.15 to 0.8 percent a day, give or take 0.4 each day
    weekly     the same, five days of seven, and logs that are cleared up each Sunday
    bulks      the same, and now and then 3 percent at once
    wandering  steps of each day that vary by four times their mean: no line at all
    battery    runtime that falls faster and faster, from 45 minutes
    sectors    reallocated sectors: nothing for weeks, then more and more
    flat       days around 85 percent that never go anywhere: whoever names a date is wrong
    season     a year's wave between 70 and 90 percent, below a limit of 95: likewise
"""

import argparse
import random
from collections.abc import Callable, Mapping
from math import pi, sin

from roundsman_collector import config
from roundsman_collector.core.backtest import checks, false_alarms, summed
from roundsman_collector.core.forecast import Watch
from roundsman_collector.core.trend import Point
from tests.bench._machine import facts

LONGEST = 400
Series = Callable[[random.Random], list[float]]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--series", type=int, default=200, help="of each kind")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    before = facts()
    watches = {one.code: one for one in config.trends().watches}
    found = {name: _measured(series, watches[code], limit, arguments.series) for name, series, code, limit in KINDS}
    return {"series": arguments.series, "kinds": found, "machine": before}


def _measured(series: Series, watch: Watch, limit: float, count: int) -> Mapping[str, object]:
    found, looks, wrong = [], 0, 0
    for seed in range(count):
        points = [Point(20_000 + n, value) for n, value in enumerate(series(random.Random(seed)))]
        found += checks(watch, points, limit)
        asked, alarms = false_alarms(watch, points, limit)
        looks, wrong = looks + asked, wrong + alarms
    told: dict[str, object] = {
        f"{ahead}_days_ahead": {
            "made": round(one.made / one.asked, 2),
            "off_days_median": one.off_median,
            "off_days_of_nine_in_ten": one.off_most,
            "within": None if one.within is None else round(one.within, 2),
        }
        for ahead, one in summed(found).items()
    }
    return told | ({"wrong_alarms_of_looks": [wrong, looks]} if looks else {})


def _steady(chance: random.Random) -> list[float]:
    rate, value = chance.uniform(0.15, 0.8), chance.uniform(20, 50)
    return [min(100.0, value + rate * n + chance.gauss(0, 0.4)) for n in range(LONGEST)]


def _weekly(chance: random.Random) -> list[float]:
    rate, value, found = chance.uniform(0.25, 1.0), chance.uniform(20, 50), []
    for n in range(LONGEST):
        value += rate if n % 7 < 5 else 0.0
        value -= rate if n % 7 == 6 else 0.0
        found.append(min(100.0, value + (n % 7) * 0.3 + chance.gauss(0, 0.3)))
    return found


def _bulks(chance: random.Random) -> list[float]:
    value, found = chance.uniform(20, 50), []
    rate = chance.uniform(0.15, 0.5)
    for _ in range(LONGEST):
        value += rate + (3.0 if chance.random() < 0.03 else 0.0)
        found.append(min(100.0, value + chance.gauss(0, 0.3)))
    return found


def _wandering(chance: random.Random) -> list[float]:
    value, rate, found = chance.uniform(20, 50), chance.uniform(0.15, 0.6), []
    for _ in range(LONGEST):
        value = max(0.0, value + chance.gauss(rate, 4 * rate))
        found.append(min(100.0, value))
    return found


def _battery(chance: random.Random) -> list[float]:
    life = chance.uniform(200, 380)
    return [max(0.0, 45 * (1 - (n / life) ** 2) + chance.gauss(0, 0.8)) for n in range(LONGEST)]


def _sectors(chance: random.Random) -> list[float]:
    begin, value, found = chance.randrange(20, 120), 0, []
    rate = chance.uniform(0.2, 1.0)
    for n in range(LONGEST):
        value += sum(chance.random() < rate for _ in range(2)) if n > begin else 0
        found.append(float(value))
    return found


def _flat(chance: random.Random) -> list[float]:
    value, found = 0.0, []
    for _ in range(LONGEST):
        value = 0.8 * value + chance.gauss(0, 1.0)
        found.append(min(94.0, 85 + value))
    return found


def _season(chance: random.Random) -> list[float]:
    shift = chance.uniform(0, 365)
    return [80 + 10 * sin(2 * pi * (n + shift) / 365) + chance.gauss(0, 0.5) for n in range(LONGEST)]


KINDS: tuple[tuple[str, Series, str, float], ...] = (
    ("steady", _steady, "disk_full", 95.0),
    ("weekly", _weekly, "disk_full", 95.0),
    ("bulks", _bulks, "disk_full", 95.0),
    ("wandering", _wandering, "disk_full", 95.0),
    ("battery", _battery, "battery_runtime", 10.0),
    ("sectors", _sectors, "disk_sectors", 50.0),
    ("flat", _flat, "disk_full", 95.0),
    ("season", _season, "disk_full", 95.0),
)
