"""Outage: 50,000 devices come back with an hour each in their spools, while they go on reporting.

    make bench ONLY=outage                              all of it, some minutes
    make bench ONLY="outage --devices 10000 --minutes 10"       a quick try

The fleet of the ingest bench, as many as --devices, reports once (set-up). Then each device sends its backlog, a sample
a minute of the --minutes before, 20 samples in a message (history), as fast as the collector takes them, and beside it
the live reports go on at one a minute each. Whole processes: generator, mosquitto, collector, SQLite.

    drained_s     until every message of the backlog is settled
    rebuilt_s     until no unit waits to be told anew (asked of the database)
    live ms       from publishing a live report to its commit (every 50th; acknowledgements are held back on purpose)
    ratio         p99 beside the backlog to p99 without it, same run, before
"""

import argparse
import contextlib
import json
import shutil
import sqlite3
import tempfile
import time
from collections import deque
from pathlib import Path

from tests.bench._fleet import BOOT, SAMPLED_EVERY, UPTIME_MS, agent, topic
from tests.bench._line import publication
from tests.bench._machine import facts, starved_s, use
from tests.bench._tally import Tally
from tests.bench.ingest import LEAST_DEVICES, TICK_S, Bench, Child, _now_ms, say
from tests.brokers import DAEMON_PATH, mosquitto_broker

PER_MESSAGE = 20
AHEAD = 400
"""How many messages of backlog may be under way: the collector's own window is smaller."""
AT_MOST_S = 3600.0


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, default=50_000, help="devices, one agent each")
    parser.add_argument("--minutes", type=int, default=60, help="how long the outage was")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="how long live reports are measured without backlog"
    )


def run(arguments: argparse.Namespace) -> dict[str, object]:
    if arguments.devices < LEAST_DEVICES:
        raise SystemExit(f"--devices: expected {LEAST_DEVICES} or more, so that no device reports too often")
    if shutil.which("mosquitto", path=DAEMON_PATH) is None:
        raise SystemExit("mosquitto is not installed: apt install mosquitto")
    arguments.rate = arguments.devices // 60
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        with mosquitto_broker(folder) as broker:
            return Outage(folder, broker, arguments).outage(arguments.minutes)
    finally:
        shutil.rmtree(folder)


class Outage(Bench):
    """One run of the bench."""

    def outage(self, minutes: int) -> dict[str, object]:
        """All steps; see the module."""
        before = facts()
        setup: dict[str, object] = {"register_s": self._register()}
        history = Tally(self.folder / "history.tally")
        with self._child("_collector", self.folder / "blocks.json") as child:
            setup |= self._set_up(child)
            say(f"set up: {setup}")
            quiet = self._live(child, self.seconds)
            say(f"live alone: {quiet}")
            cpu, starved = use(child.pid).cpu_s, starved_s(child.pid)
            backlog = self._backlog(minutes)
            begin = time.monotonic()
            beside = self._live(child, AT_MOST_S, backlog, history)
            drained = time.monotonic() - begin
            samples = self.devices * minutes
            cpu_us = (use(child.pid).cpu_s - cpu) / samples * 1e6
            say(f"drained: {drained:.0f} s, {beside}")
            self._until_rebuilt(child)
            rebuilt = time.monotonic() - begin
            share = (starved_s(child.pid) - starved) / rebuilt
        return {
            "devices": self.devices,
            "samples": samples,
            "drained_s": round(drained, 1),
            "rebuilt_s": round(rebuilt, 1),
            "samples_per_s": round(samples / drained),
            "cpu_us_per_sample": round(cpu_us, 1),
            "starved_share": round(share, 2),
            "live_alone_ms": quiet,
            "live_beside_ms": beside,
            "ratio_p99": round(beside["p99"] / quiet["p99"], 2),
            "set_up": setup,
            "machine": before,
        }

    def _backlog(self, minutes: int) -> "list[tuple[int, int]]":
        """(device, first minute) of each message; of all devices the oldest first."""
        return [(i, first) for first in range(0, minutes, PER_MESSAGE) for i in range(self.devices)]

    def _live(
        self, child: Child, seconds: float, backlog: "list[tuple[int, int]] | None" = None, history: Tally | None = None
    ) -> dict[str, float]:
        """Live reports at one a minute each for some time, or until the backlog is settled; the waits of some (ms)."""
        line, back = self.press.lines[0], self.press.lines[1]
        begin, sent, given, live_base = time.monotonic(), 0, 0, child.tally.read()
        base = history.read() if history is not None else 0
        under_way: deque[tuple[int, float]] = deque()
        waits: list[float] = []
        waiting = backlog or []
        while time.monotonic() - begin < seconds or under_way:
            child.must_run()
            is_over = time.monotonic() - begin >= seconds
            if backlog is not None and history is not None:
                is_over = is_over or history.read() - base >= len(backlog)
            while not is_over and sent < (time.monotonic() - begin) * self.rate:
                line.send(self._next_report(0, self.press._next_mid()))
                sent += 1
                if sent % SAMPLED_EVERY == 0:
                    under_way.append((sent, time.monotonic()))
            if history is not None:
                while given < len(waiting) and given - (history.read() - base) < AHEAD:
                    back.send(self._history(*waiting[given]))
                    given += 1
            line.turn()
            back.turn()
            settled = child.tally.read() - live_base
            while under_way and under_way[0][0] <= settled:
                waits.append((time.monotonic() - under_way.popleft()[1]) * 1000)
            if is_over and not under_way:
                break
            time.sleep(TICK_S)
        if not waits:
            raise SystemExit("no live report was settled")
        waits.sort()
        at = {"p50": len(waits) // 2, "p99": len(waits) * 99 // 100}
        return {name: round(waits[place], 1) for name, place in at.items()}

    def _history(self, i: int, first: int) -> bytes:
        """20 minutes of the spool of a device, from before its first report: a stream of their own, by rows."""
        name, records = agent(i), []
        assert self.reports is not None
        for at in range(first, first + PER_MESSAGE):
            t = self.reports._first_ms - (3600 - at * 60) * 1000 + i % 1000
            mono = UPTIME_MS + t - self.reports._first_ms
            readings = {"printer.paper": "ok", "host.cpu_percent": at % 50, "host.load_1m": i % 3}
            records.append(
                {"n": at + 1, "kind": "sample", "boot": BOOT, "mono": mono, "t": t, "device": name}
                | {"valid_s": 90, "readings": readings}
            )
        sent = {"boot": BOOT, "mono": UPTIME_MS, "wall": _now_ms()}
        said = {"v": 1, "stream": f"{name}-0000", "birth": "9a41c2", "sent": sent, "records": records}
        body = json.dumps(said, separators=(",", ":")).encode()
        return publication(topic(i, "history"), self.press._next_mid(), body)

    def _until_rebuilt(self, child: Child) -> None:
        """Wait until the database knows of no unit that is to be told anew, twice in a row."""
        deadline, clear = time.monotonic() + AT_MOST_S, 0
        while clear < 2:
            child.must_run()
            time.sleep(1)
            with contextlib.closing(sqlite3.connect(self.folder / "data" / "roundsman.sqlite3")) as database:
                found = database.execute("SELECT count(*) FROM unit WHERE dirty_from_ms IS NOT NULL").fetchone()[0]
            clear = 0 if found else clear + 1
            if time.monotonic() > deadline:
                raise SystemExit(f"{found} units are still to be told anew after {AT_MOST_S:g} s")
