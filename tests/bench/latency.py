"""Latency: from the report that completes a fault's `for` to its ticket in the database, at 2,000 reports/s; aim 2 s.

    make bench ONLY=latency                             10,000 devices, within 3 minutes
    make bench ONLY="latency --seconds 20"              a quick try

The fleet of the ingest bench: of 200 reports of a device three say that the paper is out, and the second of them, a
minute after the first by the time they speak of, completes the `for`. Whole processes: generator, mosquitto, collector,
SQLite. The generator looks into the database every 10 ms, as any reader may: a ticket counts once it is committed.

    ticket ms     from publishing that report until its ticket is seen
    report ms     from publishing a report until it is committed (every 50th), same run: no ticket is there before that
    ratio         p99 of the first to p99 of the second
"""

import argparse
import contextlib
import shutil
import sqlite3
import tempfile
import time
from collections import deque
from pathlib import Path

from tests.bench._fleet import CYCLE, SAMPLED_EVERY, agent
from tests.bench._machine import facts, starved_s
from tests.bench.ingest import DAEMON_PATH, TICK_S, Bench, Child, say
from tests.brokers import mosquitto_broker

LOOK_S = 0.01
NEW = "SELECT id, subject FROM ticket WHERE id > ? ORDER BY id"
PATIENCE_S = 20.0


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, default=10_000, help="devices, one agent each")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it is measured")
    parser.add_argument("--rate", type=int, default=2_000, help="offered reports/s")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    if shutil.which("mosquitto", path=DAEMON_PATH) is None:
        raise SystemExit("mosquitto is not installed: apt install mosquitto")
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        with mosquitto_broker(folder) as broker:
            return Latency(folder, broker, arguments).latency()
    finally:
        shutil.rmtree(folder)


class Latency(Bench):
    """One run of the bench."""

    def latency(self) -> dict[str, object]:
        """All steps; see the module."""
        before = facts()
        self._register()
        with self._child("_collector", self.folder / "blocks.json") as child:
            say(f"set up: {self._set_up(child)}")
            begin, starved = time.monotonic(), starved_s(child.pid)
            tickets, reports = self._measure(child)
            share = (starved_s(child.pid) - starved) / (time.monotonic() - begin)
        found = {"ticket_ms": _quantiles(tickets), "report_ms": _quantiles(reports)}
        return {
            "devices": self.devices,
            "rate": self.rate,
            "tickets": len(tickets),
            **found,
            "ratio_p99": round(found["ticket_ms"]["p99"] / found["report_ms"]["p99"], 2),
            "starved_share": round(share, 2),
            "machine": {**before, "load_1m_after": facts()["load_1m"]},
        }

    def _measure(self, child: Child) -> tuple[list[float], list[float]]:
        """Milliseconds that tickets took, and that reports took."""
        due: dict[str, float] = {}
        tickets: list[float] = []
        reports: list[float] = []
        under_way: deque[tuple[int, float]] = deque()
        line, begin, sent, base, next_look = self.press.lines[0], time.monotonic(), 0, child.tally.read(), 0.0
        path = self.folder / "data" / "roundsman.sqlite3"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            (known,) = database.execute("SELECT coalesce(max(id), 0) FROM ticket").fetchone()
            while (passed := time.monotonic() - begin) < self.seconds or (
                (due or under_way) and passed < self.seconds + PATIENCE_S
            ):
                child.must_run()
                while passed < self.seconds and sent < passed * self.rate:
                    line.send(self._report(due))
                    sent += 1
                    if sent % SAMPLED_EVERY == 0:
                        under_way.append((sent, time.monotonic()))
                line.turn()
                now = time.monotonic()
                while under_way and under_way[0][0] <= child.tally.read() - base:
                    reports.append((now - under_way.popleft()[1]) * 1000)
                if now >= next_look:
                    next_look = now + LOOK_S
                    new = database.execute(NEW, (known,)).fetchall()
                    known = new[-1][0] if new else known
                    seen = time.monotonic()
                    tickets += [(seen - due.pop(subject)) * 1000 for _, subject in new if subject in due]
                time.sleep(TICK_S)
        if due or under_way:
            raise SystemExit(f"{len(due)} faults got no ticket, {len(under_way)} reports were not settled")
        return tickets, reports

    def _report(self, due: dict[str, float]) -> bytes:
        """The next report; whoever's fault it completes is waited for from now on."""
        n, i = divmod(self.sent_reports, self.devices)
        place = (i * 7919 + n + 1) % CYCLE
        if n >= 1 and (place == 1 or (place == 2 and n == 1)):
            due[agent(i)] = time.monotonic()
        return self._next_report(0, self.press._next_mid())


def _quantiles(waits: list[float]) -> dict[str, float]:
    ranked = sorted(waits)
    if not ranked:
        raise SystemExit("nothing was measured")
    found = {name: ranked[min(len(ranked) - 1, int(len(ranked) * share))] for name, share in QUANTILES}
    return {name: round(wait, 1) for name, wait in found.items()}


QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
