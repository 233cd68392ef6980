"""Storage: bytes of disk that a device takes in a month, a report with 20 readings a minute; aim 0.5 MB in fleet mode.

    make bench ONLY=storage                             four minutes
    make bench ONLY="storage --devices 50 --hours 6"    a quick try

The same fleet reports for a day through the engine into SQLite, in each mode of `[keeping] evidence`:

    full      every report is kept as it came, as long as days and budget allow
    changes   fleet mode, law 8: what is older than an hour becomes runs and changes (engine/condensing.py), at the pace
              of the clockwork: a step for every minute that passes

Then the file is asked what each table takes (dbstat). A month is 30 times a day of evidence that is over an hour old,
and what a month adds beside it (ledger, faults, tickets: tests/bench/_past.py; a checkpoint a day). What waits to be
condensed is told aside: it does not grow with time. So are the pages that the file holds and does not use.

Every report is made up to 20 ms early or late. All devices are well; with `--faulty` three of 200 reports of each say
that the paper is out.

Compared with, in the same run: the same bodies in a file without a database, and that file compressed by zlib.
"""

import argparse
import contextlib
import random
import re
import sqlite3
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from roundsman_collector import config, door
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.engine import timely
from roundsman_collector.engine.condensing import AFTER_MS, ROUND_MS, UNITS_AT_ONCE, Condensing
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.intake import Arrival
from roundsman_collector.store.door import Store
from roundsman_collector.store.sql import chunks
from roundsman_wire.topics import Address
from tests.bench import _past
from tests.bench._fleet import agent, group
from tests.bench._machine import facts
from tests.bench.memory import BATCH, FIRST_MS, Fleet

REPORTS_A_DAY = 1440
DAYS = 30
JITTER_MS = 20
FULL_HOURS = 4.0
STEPS_A_MINUTE = 10
CYCLE, FAULTY = 200, 3
MB = 1e6
AIM_MB = 0.5
TIMES = re.compile(rb'"mono":(\d+),"t":(\d+)')


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--hours", type=float, default=24.0, help="for how long they report in fleet mode")
    parser.add_argument("--faulty", action="store_true", help="three of 200 reports say that the paper is out")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    before = facts()
    devices: int = arguments.devices
    full = Life(devices, round(FULL_HOURS * 60), arguments.faulty, condenses=False)
    changes = Life(devices, round(arguments.hours * 60), arguments.faulty, condenses=True)
    bodies = list(full.bodies())
    plain = sum(map(len, bodies)) / len(bodies)
    pressed = len(zlib.compress(b"\n".join(bodies), 6)) / len(bodies)
    history = _history(devices)
    beside = full.standing + history + full.checkpoint * DAYS
    each = changes.evidence_condensed / changes.reports
    waiting = changes.evidence - changes.evidence_condensed
    return {
        "devices": devices,
        "faulty": arguments.faulty,
        "mb_per_device_month": {
            "full": round((full.evidence / full.reports * REPORTS_A_DAY * DAYS + beside) / MB, 2),
            "changes": round((each * REPORTS_A_DAY * DAYS + beside) / MB, 3),
            "aim_of_changes": AIM_MB,
        },
        "mb_per_device_that_waits_to_be_condensed": round(waiting / devices / MB, 3),
        "mb_per_device_of_pages_free_for_use": round(changes.free / devices / MB, 3),
        "bytes_per_report": {
            "full": round(full.evidence / full.reports),
            "changes": round(each, 2),
            "body": round(plain),
            "bodies_compressed": round(pressed),
        },
        "ratio_to_compressed_bodies": {
            "full": round(full.evidence / full.reports / pressed, 2),
            "changes": round(each / pressed, 3),
        },
        "bytes_per_device_beside": {"standing": round(full.standing), "month_of_history": round(history)},
        "condensing_us_per_report": round(changes.condensing_s / changes.reports * 1e6, 1),
        "taking_us_per_report": round(changes.taking_s / changes.reports * 1e6, 1),
        "rows_left": changes.rows,
        "machine": before,
    }


class Life:
    """A fleet that reports for a while into a database of its own, and what that takes."""

    def __init__(self, devices: int, minutes: int, is_faulty: bool, *, condenses: bool) -> None:
        self.devices, self.minutes, self.is_faulty = devices, minutes, is_faulty
        self.reports = devices * minutes
        self.taking_s = self.condensing_s = 0.0
        self.fleet = Fleet(devices, 1)
        with tempfile.TemporaryDirectory(prefix="roundsman-bench-") as folder:
            path = Path(folder) / "roundsman.sqlite3"
            with Store.open(path) as store:
                for part in chunks(self.fleet.entries(), 5000):
                    store.add_agents(part, FIRST_MS - 1000)
                engine = Engine(store, Rulebook([config.rule_set(config.load(None))]))
                engine.load(FIRST_MS)
                self._report(engine, Condensing(engine) if condenses else None)
                tables = _tables(path)
                self.evidence = _evidence(tables)
                if condenses:
                    self._condense_all(engine)
                self.rows = sum(one.row_count for one in store.partitions())
            tables = _tables(path)
            self.evidence_condensed = _evidence(tables)
            self.standing = (sum(tables.values()) - self.evidence_condensed) / devices
            self.checkpoint = tables["unit"] / devices  # a checkpoint holds what a unit's row holds
            self.free = _free(path)

    def bodies(self) -> Iterator[bytes]:
        """All reports."""
        for n in range(1, self.minutes + 1):
            yield from self._at(n)

    def _at(self, n: int) -> Iterator[bytes]:
        """The reports of a minute, each some milliseconds early or late."""
        chance = random.Random(n)
        for i in range(self.devices):
            body = self.fleet.report(i, n)
            by = chance.randint(-JITTER_MS, JITTER_MS)
            body = TIMES.sub(lambda found, by=by: _moved(found, by), body)  # type: ignore[misc]
            if self.is_faulty and (i * 7919 + n) % CYCLE < FAULTY:
                body = body.replace(b'"printer.paper":"ok"', b'"printer.paper":"end"')
            yield body

    def _report(self, engine: Engine, work: Condensing | None) -> None:
        fleet = self.fleet
        engine.take([fleet.birth_arrival(i) for i in range(fleet.agents)], (), FIRST_MS)
        for n in range(1, self.minutes + 1):
            now_ms = FIRST_MS + n * 60_000
            arrivals = [
                Arrival(Address(group(i), agent(i), "report"), door.validate_report(body), body)  # type: ignore[arg-type]
                for i, body in enumerate(self._at(n))
            ]
            began = time.process_time()
            for part in chunks(arrivals, BATCH):
                engine.take(part, (), now_ms)
            timely.sweep(engine, 2000, now_ms)
            self.taking_s += time.process_time() - began
            if work is not None:
                began = time.process_time()
                for step in range(STEPS_A_MINUTE):
                    work.step(now_ms + step * 60_000 // STEPS_A_MINUTE)
                self.condensing_s += time.process_time() - began

    def _condense_all(self, engine: Engine) -> None:
        """So that nothing waits: what a month holds is all like this."""
        now_ms = FIRST_MS + self.minutes * 60_000 + AFTER_MS
        work = Condensing(engine)
        idle = 0
        while idle <= self.devices // UNITS_AT_ONCE + 1:  # all are due again at every step
            now_ms += ROUND_MS
            idle = 0 if work.step(now_ms) else idle + 1


def _history(devices: int) -> float:
    """Bytes of a device that a month adds beside evidence, in a database that has nothing else."""
    with tempfile.TemporaryDirectory(prefix="roundsman-bench-") as folder:
        path = Path(folder) / "roundsman.sqlite3"
        with Store.open(path) as store:
            for part in chunks(Fleet(devices, 1).entries(), 5000):
                store.add_agents(part, FIRST_MS - 1000)
        before = sum(_tables(path).values())
        _past.write(path, devices, FIRST_MS)
        return (sum(_tables(path).values()) - before) / devices


def _moved(found: re.Match[bytes], by: int) -> bytes:
    return b'"mono":%d,"t":%d' % (int(found[1]) + by, int(found[2]) + by)


def _tables(path: Path) -> dict[str, int]:
    """Bytes of each table with its indexes."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        sizes = dict(database.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
        owners = dict(database.execute("SELECT name, tbl_name FROM sqlite_master"))
    found: dict[str, int] = {}
    for name, size in sizes.items():
        owner = owners.get(name, name)
        found[owner] = found.get(owner, 0) + size
    return found


def _evidence(tables: Mapping[str, int]) -> int:
    return sum(size for name, size in tables.items() if name.startswith("evidence_"))


def _free(path: Path) -> int:
    """Bytes of the file that nothing stands in; they are written to next."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        (pages,) = database.execute("PRAGMA freelist_count").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(size)
