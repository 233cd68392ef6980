"""Storm: 50,000 faults in 60 s, each with a ticket of its own and what a contract promises; the console looked at.

    make bench ONLY=storm                               all of it, some minutes
    make bench ONLY="storm --devices 10000 --seconds 12"        a quick try at the same pace

The fleet of the ingest bench with places, sites and one contract that names the kiosk level. Everybody has run out of
paper; the report that completes the `for` comes from one device after the other within --seconds. Whole processes:
generator, mosquitto, collector, SQLite, web; four people look at pages all the while. Nobody is told (no ways).

    opened_s      from the first of these reports to the last ticket in the database, and so tickets_per_s
    promised_s    ... until the last of them was promised what the contract says
    cpu_us        CPU time of the collector per ticket, reports included
    limit_us      for comparison, the physical limit: the rows of a ticket as plain SQL, same disk, same minute
    pages_ms      what people waited; `still` is the same web server with one page that never changes
"""

import argparse
import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import _past
from tests.bench._fleet import _REPORT, PERIOD_MS, UPTIME_MS, VARIANTS, Reports, agent, birth, topic
from tests.bench._line import publication
from tests.bench._machine import facts, resident_mb, starved_s, use
from tests.bench.console import PAUSE_S, PEOPLE, Console, _free_port, _quantiles
from tests.bench.ingest import DAEMON_PATH, HEAD_START_MS, ROOT, Child, _now_ms, say
from tests.brokers import mosquitto_broker

AT_MOST_S = 900.0
CONTRACT = (
    f"INSERT INTO contract (id, {_past.VERSION}, customer, name, service_level) "
    "VALUES ('all', 0, 0, 'bench', 'c0000', 'all', 'kiosk')"
)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, default=50_000, help="devices, one agent and one fault each")
    parser.add_argument("--seconds", type=float, default=60.0, help="within which the faults come")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    if shutil.which("mosquitto", path=DAEMON_PATH) is None:
        raise SystemExit("mosquitto is not installed: apt install mosquitto")
    arguments.rate = round(arguments.devices / arguments.seconds)
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        with mosquitto_broker(folder) as broker:
            return Storm(folder, broker, arguments).run()
    finally:
        shutil.rmtree(folder)


class OutOfPaper(Reports):
    """Everybody is well once, and out of paper ever after."""

    def packet(self, i: int, n: int, mid: int, now_ms: int) -> bytes:
        """The packet with report n (from 1 on) of agent i."""
        t = self._first_ms + (n - 1) * PERIOD_MS + i % 1000
        mono = UPTIME_MS + t - self._first_ms
        readings = self._variants[(i * 31 + n) % VARIANTS]
        said = _REPORT % (i, mono + 40, now_ms, n, mono, t, i, b"ok" if n == 1 else b"end", readings)
        return publication(topic(i, "report"), mid, said)


class Storm(Console):
    """One run of the bench."""

    def run(self) -> dict[str, object]:
        """All steps; see the module."""
        before = facts()
        self._register()
        with contextlib.closing(sqlite3.connect(self._path, isolation_level=None)) as database:
            database.execute("BEGIN")
            _past._places(database, self.devices)
            database.execute(CONTRACT)
            database.execute("UPDATE site SET contract = 'all'")
            database.execute("COMMIT")
        still_port = _free_port()
        still = subprocess.Popen([sys.executable, "-m", "tests.bench._still", str(still_port)], cwd=ROOT)
        try:
            with self._child("_collector", self.folder / "blocks.json") as child:
                found = self._storm(child, still_port)
        finally:
            still.terminate()
            still.wait()
        limit_us = self._limit()
        cpu_us = float(str(found["cpu_us"]))
        return {**found, "limit_us": limit_us, "ratio_cpu_to_limit": round(cpu_us / limit_us, 1), "machine": before}

    @property
    def _path(self) -> Path:
        return self.folder / "data" / "roundsman.sqlite3"

    def _set_up(self, child: Child) -> dict[str, float]:
        """Everybody is born, well once, and out of paper for less than the `for`."""
        self._greeted(child)
        now_ms = _now_ms()
        births = self._all(child, lambda i, mid: birth(i, mid, now_ms))
        self.reports = OutOfPaper(_now_ms() - HEAD_START_MS)
        reports = [self._all(child, self._next_report) for _ in range(2)]
        return {"births_s": births.seconds, "reports_s": sum(one.seconds for one in reports)}

    def _storm(self, child: Child, still_port: int) -> dict[str, object]:
        say(f"set up: {self._set_up(child)}")
        self._first_page()
        web = self._web(child)
        if self._asked("SELECT count(*) FROM ticket"):
            raise SystemExit("there are tickets before the storm")
        visitor = subprocess.Popen(
            [sys.executable, "-m", "tests.bench._visitor", str(self._plan(still_port)), str(self.seconds)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        begin, cpu, starved = time.monotonic(), use(child.pid).cpu_s, starved_s(child.pid)
        self.press.run(child.tally, self._next_report, count=self.devices, rate=self.rate)
        sent_s = time.monotonic() - begin
        opened_s = self._until(child, "SELECT count(*) FROM ticket") - begin
        promised_s = self._until(child, "SELECT count(*) FROM ticket WHERE level_id IS NOT NULL") - begin
        cpu_us = (use(child.pid).cpu_s - cpu) / self.devices * 1e6
        share = (starved_s(child.pid) - starved) / (time.monotonic() - begin)
        said, _ = visitor.communicate()
        heard: dict[str, Any] = json.loads(said)
        return {
            "faults": self.devices,
            "offered_per_s": self.rate,
            "sent_s": round(sent_s, 1),
            "opened_s": round(opened_s, 1),
            "tickets_per_s": round(self.devices / opened_s),
            "promised_s": round(promised_s, 1),
            "cpu_us": round(cpu_us),
            "starved_share": round(share, 2),
            "collector_mb": round(resident_mb(child.pid)),
            "web_mb": round(resident_mb(web)),
            "pages_ms": {name: _quantiles(waits) for name, waits in heard["waits"].items()},
            "wrong": len(heard["wrong"]),
            "wrong_first": heard["wrong"][:3],
            "load_1m_after": facts()["load_1m"],
        }

    def _until(self, child: Child, sql: str) -> float:
        """When as many are there as there are devices."""
        deadline = time.monotonic() + AT_MOST_S
        while (found := self._asked(sql)) < self.devices:
            child.must_run()
            if time.monotonic() > deadline:
                raise SystemExit(f"{found} of {self.devices} after {AT_MOST_S:g} s: {sql}")
            for line in self.press.lines:
                line.turn()
            time.sleep(0.2)
        return time.monotonic()

    def _asked(self, sql: str) -> int:
        with contextlib.closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as database:
            found: int = database.execute(sql).fetchone()[0]
            return found

    def _plan(self, still_port: int) -> Path:
        """What people look at while it storms."""
        pages = {
            "still": [f"http://127.0.0.1:{still_port}/"],
            "fleet": [f"{self._url}/devices?page={k}" for k in range(1, 20)],
            "device": [f"{self._url}/devices/{agent(i * 37 % self.devices)}" for i in range(100)],
            "tickets": [f"{self._url}/tickets", f"{self._url}/tickets?state=open"],
            "API tickets": [f"{self._url}/api/v1/tickets?limit=100"],
        }
        plan = self.folder / "plan.json"
        plan.write_text(json.dumps({"people": PEOPLE, "pause_s": PAUSE_S, "token": self._token, "pages": pages}))
        return plan

    def _limit(self) -> float:
        """Microseconds of CPU for the rows of a ticket in plain SQL: those of the storm, 250 to a commit."""
        with contextlib.closing(sqlite3.connect(self._path, isolation_level=None)) as database:
            rows = {
                table: database.execute(f"SELECT * FROM {table} LIMIT {per * 10_000}").fetchall()
                for table, per in (("ticket", 1), ("ticket_event", 2), ("ticket_clock", 2), ("condition", 1))
            }
            for table in rows:
                database.execute(f"CREATE TABLE limit_{table} AS SELECT * FROM {table} LIMIT 0")
                database.execute(f"CREATE INDEX limit_{table}_first ON limit_{table} (1)")
            begin, at, count = time.process_time(), 0, len(rows["ticket"])
            while at < count:
                database.execute("BEGIN IMMEDIATE")
                for table, found in rows.items():
                    share = len(found) // count
                    part = found[at * share : (at + 250) * share]
                    if part:
                        marks = ", ".join("?" * len(part[0]))
                        database.executemany(f"INSERT INTO limit_{table} VALUES ({marks})", part)
                database.execute("COMMIT")
                at += 250
            return round((time.process_time() - begin) / count * 1e6, 1)
