"""Availability: a month of 1,000, 10,000, 100,000 and 400,000 devices from the ledger to figures by site.

    make bench ONLY=availability                              all of it, within 15 minutes
    make bench ONLY="availability --devices 10000"            one size only

Each device has, over 30 days, some 6 outages and 3 stretches that nobody knows: 19 rows of the ledger as known now and
a row that was told anew. The rows lie in the file in the order in which they came, as in a real one: device by device
is all over the file. Half of the sites run from 08:00 to 20:00 and have the Chinese calendar's holidays, the other half
around the clock; an engineer takes a tenth of them over in the month; one site in 50 had an hour of maintenance.

A process of its own reckons each size twice, as the API does: all devices as one, and by site and local day. Beside it,
in the same process: what the same rows cost when nothing is done but to fetch them, device by device by the index, with
sqlite3 alone. `known` is the same as known a week ago, of the smaller sizes.
"""

import argparse
import contextlib
import gc
import json
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from roundsman_collector.core.hours import AROUND_THE_CLOCK, kept
from roundsman_collector.store import Store, View
from roundsman_collector.store.reckon import Answer, Asked
from roundsman_collector.web.__main__ import GARBAGE_THRESHOLDS
from tests.bench._machine import facts, starved_s

DAY_MS = 86_400_000
UNTIL_MS = 1_795_046_400_000  # 2026-11-19 00:00 UTC
BEGIN_MS = UNTIL_MS - 30 * DAY_MS
SIZES = (1_000, 10_000, 100_000, 400_000)
PER_SITE, PER_CUSTOMER = 20, 10
BREAKS = 9
AIM_S = 60
KNOWN_UP_TO = 10_000
ROW = "INSERT INTO {} VALUES ({})"
FETCH = (
    "SELECT i.device, i.event_from_ms, i.event_to_ms, i.state, i.cause, i.fault, i.coarse FROM device d "
    "CROSS JOIN interval i ON i.device = d.id AND i.known_to_ms IS NULL AND i.event_from_ms < ? "
    "ORDER BY d.id, i.event_from_ms"
)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, action="append", help="a size; all four, if none is named")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    if arguments.measure is not None:
        return _measured(arguments.measure)
    found: list[dict[str, Any]] = []
    before = facts()
    for devices in arguments.devices or SIZES:
        folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
        try:
            path = folder / "roundsman.sqlite3"
            made_s = _write(path, devices)
            _say(f"{devices} devices written in {made_s} s; load {facts()['load_1m']}")
            found.append({"devices": devices, "made_s": made_s, **_in_a_process(path)})
            _say(json.dumps(found[-1]))
        finally:
            shutil.rmtree(folder)
    return {"aim_s": AIM_S, "sizes": found, "machine": {**before, "load_1m_after": facts()["load_1m"]}}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _in_a_process(path: Path) -> dict[str, Any]:
    """Measure in a process of its own: its memory is that of one size."""
    command = [sys.executable, "-m", "tests.bench", "availability", "--measure", str(path)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    del found["bench"]
    return found


# --- what is measured ------------------------------------------------------------------------------------------------


def _measured(path: Path) -> dict[str, object]:
    gc.set_threshold(*GARBAGE_THRESHOLDS)  # as in the console's process
    with View.open(path) as view:
        whole, answer = _timed(lambda: view.reckon(_asked()))
        by_site, divided = _timed(lambda: view.reckon(_asked(by="site", bucket="day")))
        assert divided.total.whole.times == answer.total.whole.times, "parts add up"
        peak_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        reading, rows = _just_reading(path)
        devices = answer.total.whole.devices
        found: dict[str, object] = {
            "whole": whole,
            "by_site_and_day": by_site,
            "just_reading": reading,
            "rows": rows,
            "us_per_device": round(1e6 * whole["cpu_s"] / devices, 1),
            "ratio_to_reading": round(whole["cpu_s"] / max(0.001, reading["cpu_s"]), 1),
            "sites": divided.found,
            "peak_mb": peak_mb,
        }
        if devices <= KNOWN_UP_TO:
            known, _ = _timed(lambda: view.reckon(_asked(known_ms=UNTIL_MS - 7 * DAY_MS)))
            found["known_a_week_ago"] = known
    return found


def _asked(**more: Any) -> Asked:
    return Asked(from_ms=BEGIN_MS, to_ms=UNTIL_MS, now_ms=UNTIL_MS, **more)


def _timed(work: Any) -> tuple[dict[str, float], Answer]:
    begin, cpu, starved = time.monotonic(), time.process_time(), starved_s(_pid())
    answer = work()
    return {
        "seconds": round(time.monotonic() - begin, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
        "starved_s": round(starved_s(_pid()) - starved, 2),
    }, answer


def _pid() -> int:
    return int(Path("/proc/self").resolve().name)


def _just_reading(path: Path) -> tuple[dict[str, float], int]:
    """The same rows, fetched in the same order and let go of."""
    begin, cpu = time.monotonic(), time.process_time()
    count = 0
    with contextlib.closing(sqlite3.connect(path)) as database:
        for _ in database.execute(FETCH, (UNTIL_MS,)):
            count += 1
    return {"seconds": round(time.monotonic() - begin, 2), "cpu_s": round(time.process_time() - cpu, 2)}, count


# --- the fleet -------------------------------------------------------------------------------------------------------


def _write(path: Path, devices: int) -> float:
    """A database with the month of so many devices; how long that took."""
    begin = time.monotonic()
    Store.open(path).close()
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("BEGIN")
    _register(database, devices)
    database.executemany(
        "INSERT INTO interval (device, state, cause, fault, event_from_ms, event_to_ms, known_from_ms, known_to_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        _ledger(devices),
    )
    database.execute("COMMIT")
    database.execute("ANALYZE")
    database.close()
    return round(time.monotonic() - begin, 1)


def _name(i: int) -> str:
    return f"d{i:06d}"


def _register(database: sqlite3.Connection, devices: int) -> None:
    sites = -(-devices // PER_SITE)
    customers = -(-sites // PER_CUSTOMER)
    hours = AROUND_THE_CLOCK, kept("08:00-20:00")
    versioned = "from_ms, to_ms, made_ms, made_by"
    database.executemany(
        "INSERT INTO device (id, kind, name_zh, name_en) VALUES (?, ?, '', '')",
        ((_name(i), ("kiosk", "nvr", "ups")[i % 3]) for i in range(devices)),
    )
    database.executemany(
        f"INSERT INTO customer (id, {versioned}, name_zh, name_en) VALUES (?, 0, NULL, 0, 'bench', '', '')",
        ((f"c{k:04d}",) for k in range(customers)),
    )
    site = (
        f"INSERT INTO site (id, {versioned}, customer, group_id, name_zh, name_en, address, zone, time_zone, "
        "service_hours, engineer, calendar) VALUES (?, ?, ?, 0, 'bench', ?, 'south', '', '', '', 'urban', "
        "'Asia/Shanghai', ?, ?, 'cn')"
    )
    change = BEGIN_MS + 12 * DAY_MS
    for k in range(sites):
        rest = f"c{k // PER_CUSTOMER:04d}", hours[k % 2]
        if k % 10:
            database.execute(site, (f"s{k:05d}", 0, None, *rest, "li"))
        else:
            database.execute(site, (f"s{k:05d}", 0, change, *rest, "li"))
            database.execute(site, (f"s{k:05d}", change, None, *rest, "wang"))
    database.executemany(
        f"INSERT INTO place (id, {versioned}, site, name_zh, name_en) VALUES (?, 0, NULL, 0, 'bench', ?, '', '')",
        ((f"p{i:06d}", f"s{i // PER_SITE:05d}") for i in range(devices)),
    )
    database.executemany(
        f"INSERT INTO installation (device, {versioned}, place) VALUES (?, 0, NULL, 0, 'bench', ?)",
        ((_name(i), f"p{i:06d}") for i in range(devices)),
    )
    for k in range(0, sites, 50):
        at = BEGIN_MS + (k % 29) * DAY_MS + DAY_MS // 4
        database.execute(
            "INSERT INTO overlay (kind, scope, target, from_ms, to_ms, state, reason, text, document, made_ms, "
            "made_by) "
            "VALUES ('maintenance', 'site', ?, ?, ?, '', 'planned_work', '', '', ?, 'bench')",
            (f"s{k:05d}", at, at + 3_600_000, at - DAY_MS),
        )


def _ledger(devices: int) -> Iterator[tuple[Any, ...]]:
    """The rows of all devices in the order in which they began: day by day, and within a day device by device."""
    plans = [_breaks(i) for i in range(devices)]
    up_from = [BEGIN_MS] * devices
    for day in range(30):
        limit = BEGIN_MS + (day + 1) * DAY_MS
        for i, plan in enumerate(plans):
            name = _name(i)
            while plan and plan[-1][0] < limit:
                begin, lasted, is_down = plan.pop()
                if begin <= up_from[i]:
                    continue
                end = min(UNTIL_MS, begin + lasted)
                state = ("down", "fault", "printer.paper_end") if is_down else ("unknown", "silent", "")
                yield name, "up", "", "", up_from[i], begin, up_from[i], None
                yield name, *state, begin, end, begin, None
                if lasted % 20 == 0:  # told as up at first, then anew
                    yield name, "up", "", "", begin, None, begin, begin + 120_000
                up_from[i] = end
    for i in range(devices):
        if up_from[i] < UNTIL_MS:
            yield _name(i), "up", "", "", up_from[i], UNTIL_MS, up_from[i], None


def _breaks(i: int) -> list[tuple[int, int, bool]]:
    """When a device was not up: begin, length, whether it was down; the first one last."""
    chance = random.Random(i)
    found = [
        (chance.randrange(BEGIN_MS, UNTIL_MS), chance.randrange(60_000, 3_000_000), place < 6)
        for place in range(BREAKS)
    ]
    return sorted(found, reverse=True)
