"""Clocks: how long it takes to read the clocks of a ticket off its log; pure, no I/O.

    make bench ONLY=clocks                              a few seconds

A ticket with twelve lines and six clocks that run, one of them paused meanwhile, read 1,000 times in a lap:

    around_the_clock    every hour counts; aim < 300 µs
    office              1-5 09:00-12:00, 14:00-18:00, China's holidays, three days from the report; aim < 1 ms
    a_year              the same office, a ticket that nobody has closed for a year
    told                what there is to tell, and when next

CPU time of this process; the best of five laps. Working days are worked out once and then known, as in the engine.
"""

import argparse
import time
from collections.abc import Callable

from roundsman_collector.config import built_in
from roundsman_collector.core.level import ServiceLevel
from roundsman_collector.core.sla import Version, due_to_tell, read, timetables, wake_at
from roundsman_collector.core.ticket_log import ROBOT, Event
from roundsman_collector.rules.calendars import calendar_from
from roundsman_collector.rules.levels import level_from
from tests.bench._machine import facts

LAPS = 5
FIRST_MS = 1_772_413_200_000  # Monday, 2 March 2026, 09:00 in Shanghai
MINUTE_MS, DAY_MS = 60_000, 86_400_000
LEVEL = """\
level: bench
zh: 测速
en: bench
calendars: {{run: {{hours: "{hours}", holidays: cn}}}}
clocks:
  - {{clock: respond, from: reported, until: acknowledged, minutes: 30, calendar: run}}
  - {{clock: solution, from: reported, until: planned, minutes: 40, calendar: run}}
  - {{clock: arrive, from: reported, until: arrived, minutes: 240, promised_minutes: 120, calendar: run}}
  - {{clock: repair, from: arrived, until: fixed, minutes: 120, pauses: [parts], calendar: run}}
  - {{clock: forms, from: reported, until: forms_in, minutes: 2880, calendar: run}}
  - {{clock: total, from: reported, until: closed, minutes: 4320, calendar: run}}
"""
LINES = (
    (0, "open", {"source": "monitoring"}),
    (0, "promise", {"time_zone": "Asia/Shanghai", "zone": "urban", "severity": "major"}),
    (10, "acknowledge", {"reply": "visit"}),
    (15, "warn", {"clock": "respond", "percent": 50}),
    (20, "plan", {"mode": "visit"}),
    (21, "dispatch", {"engineer": "li"}),
    (30, "note", {}),
    (60, "depart", {}),
    (90, "arrive", {}),
    (100, "wait", {"reason": "parts"}),
    (130, "resume", {}),
    (140, "attach", {"file": 1}),
)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=1000, help="readings in a lap")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    before = facts()
    rounds: int = arguments.rounds
    office = "1-5 09:00-12:00, 14:00-18:00"
    found = {
        "around_the_clock_us": _read("24x7", FIRST_MS + 3 * DAY_MS, rounds),
        "office_us": _read(office, FIRST_MS + 3 * DAY_MS, rounds),
        "a_year_us": _read(office, FIRST_MS + 365 * DAY_MS, rounds // 10),
        "told_us": _told(office, FIRST_MS + 3 * DAY_MS, rounds),
    }
    return {**before, **found}


def _level(hours: str) -> ServiceLevel:
    return level_from(LEVEL.format(hours=hours), source="bench")


def _log() -> list[Event]:
    of_machine = ("open", "promise", "warn")
    return [
        Event(number, FIRST_MS + minute * MINUTE_MS, ROBOT if verb in of_machine else "li", verb, "", data)
        for number, (minute, verb, data) in enumerate(LINES, 1)
    ]


def _read(hours: str, now_ms: int, rounds: int) -> float:
    level, log = _level(hours), _log()
    days = {"cn": [Version(0, calendar_from(built_in("calendars/cn.yaml"), source="cn.yaml").days)]}
    times = timetables(level, "Asia/Shanghai", days)

    def lap() -> None:
        for _ in range(rounds):
            read(level, log, times, now_ms)

    return _best_us(lap, rounds)


def _told(hours: str, now_ms: int, rounds: int) -> float:
    level, log = _level(hours), _log()
    readings = read(level, log, timetables(level, "Asia/Shanghai", {}), now_ms)

    def lap() -> None:
        for _ in range(rounds):
            due_to_tell(readings, log, now_ms)
            wake_at(readings, log, now_ms)

    return _best_us(lap, rounds)


def _best_us(lap: Callable[[], None], rounds: int) -> float:
    laps = []
    for _ in range(LAPS):
        begun = time.process_time()
        lap()
        laps.append(time.process_time() - begun)
    return round(min(laps) / rounds * 1e6, 1)
