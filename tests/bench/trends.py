"""Trends: what days of readings cost a report, in memory, on disk; and the daily look at what gets worse.

    make bench ONLY=trends                         20,000 devices, 15 minutes of reports and 90 days: some minutes
    make bench ONLY="trends --devices 2000"        a quick try

    take       a report of 20 readings, three of them watched, counted in memory; the same with none watched
    write      what waited five minutes, in one sweep's transaction: per row, and per report that brought it
    memory     what waits, per device with three readings
    disk       the table with 90 days of every device: per row
    look       90 days of a device read, three forecasts worked out, what is new written: per device

CPU time of this process; the store as in production.
"""

import argparse
import random
import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

from roundsman_collector import config
from roundsman_collector.core.local_days import DAY_MS, day_at
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.forecasting import DEVICES_AT_ONCE, Forecasting
from roundsman_collector.engine.reading_days import ROUND_MS, ReadingDays
from roundsman_collector.engine.unit import Read
from roundsman_collector.store.batch import Batch
from roundsman_collector.store.door import Store
from roundsman_collector.store.reading_days import DayRow, DaysTold
from roundsman_collector.store.sql import chunks
from tests.bench._fleet import agent, entries
from tests.bench._machine import facts

FIRST_MS = 1_795_000_000_000 // DAY_MS * DAY_MS
MINUTE_MS = 60_000
WATCHED = ("disk[/].used_percent", "disk[sda].wear_percent", "modem.signal_dbm")
OTHERS = {f"probe[{n}].took_ms": float(n) for n in range(17)}
MINUTES = 15
DAYS = 90


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, default=20_000)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    before = facts()
    devices: int = arguments.devices
    with tempfile.TemporaryDirectory(prefix="roundsman-bench-") as folder:
        path = Path(folder) / "roundsman.sqlite3"
        with Store.open(path) as store:
            for part in chunks(entries(devices), 5000):
                store.add_agents(part, FIRST_MS - 1000)
            counted = _counted(store, devices)
            size = path.stat().st_size
            rows = _filled(store, devices)
            per_row = (path.stat().st_size - size) / rows
            looked = _looked(store, devices)
    return {"devices": devices, **counted, "bytes_on_disk_per_row": round(per_row), **looked, "machine": before}


def _reads(devices: int, minute: int, seq: int, *, is_watched: bool = True) -> list[Read]:
    chance = random.Random(minute)
    names = WATCHED if is_watched else tuple(f"probe[x{n}].took_ms" for n in range(len(WATCHED)))
    t_ms = FIRST_MS + minute * MINUTE_MS
    return [
        Read(agent(i), t_ms, seq + i, OTHERS | {name: 50.0 + chance.random() for name in names}) for i in range(devices)
    ]


def _counted(store: Store, devices: int) -> dict[str, object]:
    """Reports counted for some minutes, and written as the sweep does it."""
    days = ReadingDays(store, config.trends())
    days.begin(1, FIRST_MS)
    idle_s = took_s = wrote_s = 0.0
    rows = 0
    for minute in range(MINUTES):
        reads, others = _reads(devices, minute, minute * devices), _reads(devices, minute, 0, is_watched=False)
        now_ms = FIRST_MS + minute * MINUTE_MS
        idle_s += _timed(lambda others=others, now_ms=now_ms: days.take(others, now_ms))  # type: ignore[misc]
        took_s += _timed(lambda reads=reads, now_ms=now_ms: days.take(reads, now_ms))  # type: ignore[misc]
        begin = time.process_time()
        rows += _swept(store, days, now_ms, (minute + 1) * devices)
        wrote_s += time.process_time() - begin
    begin = time.process_time()
    rows += _swept(store, days, now_ms + 2 * ROUND_MS, MINUTES * devices)
    wrote_s += time.process_time() - begin
    reports = devices * MINUTES
    return {
        "take_us_per_report": round(took_s / reports * 1e6, 2),
        "take_us_per_report_of_which_nothing_is_watched": round(idle_s / reports * 1e6, 2),
        "write_us_per_row": round(wrote_s / rows * 1e6, 1),
        "write_us_per_report": round(wrote_s / reports * 1e6, 2),
        "rows_per_report": round(rows / reports, 2),
        "bytes_in_memory_per_device": _waiting(store, devices),
    }


def _timed(act: object) -> float:
    begin = time.process_time()
    act()  # type: ignore[operator]
    return time.process_time() - begin


def _swept(store: Store, days: ReadingDays, now_ms: int, next_seq: int) -> int:
    """Write what is due, a sweep after the other; how many rows."""
    rows = 0
    while (told := days.told(now_ms, next_seq)).rows:
        store.commit(Batch(now_ms=now_ms, reading_days=told))
        days.kept(told)
        rows += len(told.rows)
    return rows


def _waiting(store: Store, devices: int) -> int:
    days = ReadingDays(store, config.trends())
    days.begin(1, FIRST_MS)
    reads = _reads(devices, 1, 10**9)
    tracemalloc.start()
    days.take(reads, FIRST_MS)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return round(taken / devices)


def _filled(store: Store, devices: int) -> int:
    """Days of every device: one of ten gets worse."""
    first, count = day_at(FIRST_MS, "Asia/Shanghai") - DAYS, 0
    chance = random.Random(7)
    for part in chunks(range(devices), 100):
        rows = [row for i in part for row in _past(agent(i), first, chance, worse=i % 10 == 0)]
        store.commit(Batch(now_ms=FIRST_MS, reading_days=DaysTold(rows, 1, {})))
        count += len(rows)
    return count


def _past(device: str, first: int, chance: random.Random, *, worse: bool) -> Sequence[DayRow]:
    rate = 0.4 if worse else 0.0
    return [
        DayRow(device, first + n, name, value - 1, value, value - 0.5, FIRST_MS, 1440)
        for n in range(DAYS)
        for name in WATCHED
        for value in (50.0 + rate * n + chance.gauss(0, 0.5),)
    ]


def _looked(store: Store, devices: int) -> dict[str, object]:
    engine = Engine(store, Rulebook([config.rule_set(config.load(None))]), config.trends())
    engine.load(FIRST_MS)
    forecasting = Forecasting(engine)
    begin, new = time.process_time(), 0
    steps = -(-devices // DEVICES_AT_ONCE)
    longest = 0.0
    for _ in range(steps):
        at = time.process_time()
        new += forecasting.step(FIRST_MS + 2 * 3_600_000)
        longest = max(longest, time.process_time() - at)
    spent = time.process_time() - begin
    return {
        "look_ms_per_device": round(spent / devices * 1e3, 2),
        "look_ms_per_step": round(spent / steps * 1e3, 1),
        "look_ms_of_the_longest_step": round(longest * 1e3, 1),
        "forecasts": new,
    }
