"""Storage: bytes of disk that a device takes in a month, a report with 20 readings a minute; aim 0.5 MB in fleet mode.

    make bench ONLY=storage                             two minutes
    make bench ONLY="storage --devices 50"              a quick try

    full      what the collector does: every report is kept as it came, as long as days and budget allow. Measured: a
              fleet reports for some hours through the engine into SQLite, whose file is then asked what each table
              takes; what a month adds beside evidence (ledger, faults, tickets: tests/bench/_past.py; a checkpoint a
              day) is measured the same way and added
    changes   fleet mode, law 8: runs and changes instead of bodies. THE COLLECTOR HAS NO SUCH MODE YET. What is told
              here is how many bytes the same reports would take if a row stood for a run of samples on which the rules
              see the same thing (every word equal, every number on the same side of the limits that rules have for it):
              an estimate, not a measurement

Compared with, in the same run: the same bodies in a file without a database, and that file compressed by zlib.
"""

import argparse
import contextlib
import json
import sqlite3
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roundsman_collector import config
from roundsman_collector.core.policy import Above, Below, Policy
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.engine import timely
from roundsman_collector.engine.engine import Engine
from roundsman_collector.store.door import Store
from roundsman_collector.store.sql import chunks
from tests.bench import _past
from tests.bench._machine import facts
from tests.bench.memory import BATCH, FIRST_MS, Fleet

REPORTS_A_MONTH = 30 * 1440
DAYS = 30
MB = 1e6
AIM_MB = 0.5


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--hours", type=float, default=4.0, help="for how long they report")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    before = facts()
    devices: int = arguments.devices
    reports = round(arguments.hours * 60)
    fleet = Fleet(devices, 1)
    book = Rulebook([config.rule_set(config.load(None))])
    with tempfile.TemporaryDirectory(prefix="roundsman-bench-") as folder:
        path = Path(folder) / "roundsman.sqlite3"
        with Store.open(path) as store:
            for part in chunks(fleet.entries(), 5000):
                store.add_agents(part, FIRST_MS - 1000)
            _reported(store, fleet, book, reports)
        lived = _tables(path)
        _past.write(path, devices, FIRST_MS)
        with_past = _tables(path)
    bodies = [fleet.report(i, n) for i in range(devices) for n in range(1, reports + 1)]
    evidence = sum(size for name, size in lived.items() if name.startswith("evidence_"))
    each = evidence / len(bodies)
    standing = sum(lived.values()) - evidence
    history = sum(with_past.values()) - sum(lived.values())
    checkpoint = lived.get("unit", 0) / devices  # a checkpoint holds what a unit's row holds
    month_mb = (each * REPORTS_A_MONTH + (standing + history) / devices + checkpoint * DAYS) / MB
    plain = sum(map(len, bodies)) / len(bodies)
    pressed = len(zlib.compress(b"\n".join(bodies), 6)) / len(bodies)
    runs = _runs(fleet, book.at("k000000", FIRST_MS), devices, reports)
    changes_mb = (runs * REPORTS_A_MONTH + (standing + history) / devices + checkpoint * DAYS) / MB
    return {
        "devices": devices,
        "reports": len(bodies),
        "full_mb_per_device_month": round(month_mb, 2),
        "ratio_full_to_plain_bodies": round(each / plain, 2),
        "ratio_full_to_compressed": round(each / pressed, 2),
        "bytes_per_report": {"evidence": round(each), "body": round(plain), "compressed": round(pressed)},
        "bytes_per_device": {"standing": round(standing / devices), "month_of_history": round(history / devices)},
        "fleet_mode": {
            "is_built": False,
            "estimated_mb_per_device_month": round(changes_mb, 2),
            "bytes_per_report": round(runs, 1),
            "aim_mb": AIM_MB,
        },
        "tables": dict(sorted(with_past.items(), key=lambda one: -one[1])[:12]),
        "machine": before,
    }


def _reported(store: Store, fleet: Fleet, book: Rulebook, reports: int) -> None:
    engine = Engine(store, book)
    engine.load(FIRST_MS)
    engine.take([fleet.birth_arrival(i) for i in range(fleet.agents)], (), FIRST_MS)
    for n in range(1, reports + 1):
        now_ms = FIRST_MS + n * 60_000
        for part in chunks(range(fleet.devices), BATCH):
            engine.take([fleet.arrival(i, n) for i in part], (), now_ms)
        timely.sweep(engine, 2000, now_ms)


def _tables(path: Path) -> dict[str, int]:
    """Bytes of each table with its indexes."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes = dict(database.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
        owners = dict(database.execute("SELECT name, tbl_name FROM sqlite_master"))
    found: dict[str, int] = {}
    for name, size in sizes.items():
        owner = owners.get(name, name)
        found[owner] = found.get(owner, 0) + size
    return found


def _runs(fleet: Fleet, policy: Policy, devices: int, reports: int) -> float:
    """Bytes of a report, were runs kept: a row per run with first, last, count and the readings it began with."""
    size = 0
    for i in range(min(devices, 50)):
        seen: tuple[Any, ...] | None = None
        for n in range(1, reports + 1):
            record = json.loads(fleet.report(i, n))["records"][0]
            now = _seen(record["readings"], policy)
            if now != seen:
                seen = now
                row = [record["device"], n, n, 1, record["t"], record["t"], record["boot"], record["readings"]]
                size += len(json.dumps(row, separators=(",", ":")))
    return size / (min(devices, 50) * reports)


def _seen(readings: Mapping[str, Any], policy: Policy) -> tuple[Any, ...]:
    """What rules can see of these readings."""
    seen: list[Any] = []
    for name, value in readings.items():
        for rule, _ in policy.judges(name):
            if isinstance(rule.when, Above | Below):
                seen.append(
                    (value > rule.when.limit, value > rule.when.clear) if type(value) in (int, float) else value
                )
        if isinstance(value, str):
            seen.append(value)
    return tuple(seen)
