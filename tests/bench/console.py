"""Console: pages and API of a fleet of 10,000 devices while 2,000 reports/s are taken on the same machine.

    make bench ONLY=console                             all of it, within 4 minutes
    make bench ONLY="console --devices 400000"          how large fleets are listed (the register takes its time)

    this process (generator) --> mosquitto --> collector (a process, as in production) --> SQLite
    _visitor: 4 people, a page each 0.4 s on the average    --> web (its own process) ----------^
                                                            --> _still (the same web server, one page, nothing else)

The fleet has a month behind it (tests/bench/_past.py) and 500 tickets open. Every page is asked for under other
addresses each time: states, kinds, words to be found, pages of the list, devices, tickets. The still page is asked for
by the same people in the same minute: what it takes is what this machine and this web server take at this load.
"""

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from roundsman_collector.config import TOKEN
from tests.bench import _past
from tests.bench._fleet import agent
from tests.bench._machine import facts, family, resident_mb, starved_s, use
from tests.bench.ingest import DAEMON_PATH, HEAD_START_MS, ROOT, Bench, Child, Lap, _now_ms, say
from tests.brokers import mosquitto_broker

RATE = 2_000
PEOPLE = 4
PAUSE_S = 0.2
AIM_MS = 300
READY_S = 120.0
WARM_S = 3.0


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, default=10_000, help="devices, one agent each")
    parser.add_argument("--seconds", type=float, default=55.0, help="how long people look")
    parser.add_argument("--rate", type=int, default=RATE, help="offered reports/s")
    parser.add_argument("--keep", action="store_true", help="leave the folder behind")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    if shutil.which("mosquitto", path=DAEMON_PATH) is None:
        raise SystemExit("mosquitto is not installed: apt install mosquitto")
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        with mosquitto_broker(folder) as broker:
            return Console(folder, broker, arguments).run()
    finally:
        if arguments.keep:
            say(f"left behind: {folder}")
        else:
            shutil.rmtree(folder)


class Console(Bench):
    """One run of the bench."""

    def run(self) -> dict[str, object]:
        """All steps; see the module."""
        before = facts()
        say(f"{self.devices} devices; load {before['load_1m']}")
        self._register()
        path = self.folder / "data" / "roundsman.sqlite3"
        _past.write(path, self.devices, _now_ms() - HEAD_START_MS)
        say("the month is written")
        still_port = _free_port()
        still = subprocess.Popen([sys.executable, "-m", "tests.bench._still", str(still_port)], cwd=ROOT)
        try:
            with self._child("_collector", self.folder / "blocks.json") as child:
                return {**self._looked_at(child, still_port), "machine": before}
        finally:
            still.terminate()
            still.wait()

    def _looked_at(self, child: Child, still_port: int) -> dict[str, object]:
        setup = self._set_up(child)
        say(f"set up: {setup}")
        first_s = self._first_page()
        web = self._web(child)
        plan = self._plan(still_port)
        lap, web_cpu, web_starved = Lap(child, self.press), use(web).cpu_s, starved_s(web)
        visitor = subprocess.Popen(
            [sys.executable, "-m", "tests.bench._visitor", str(plan), str(self.seconds)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        count = self.press.run(child.tally, self._next_report, seconds=self.seconds + 1, rate=self.rate)
        behind = self.press.behind
        said, _ = visitor.communicate()
        found = lap.ended(count)
        heard: dict[str, Any] = json.loads(said)
        pages = {name: _quantiles(waits) for name, waits in heard["waits"].items()}
        still_p95 = pages["still"]["p95"]
        return {
            "devices": self.devices,
            "worst_p95_ms": max(found["p95"] for found in pages.values()),
            "aim_ms": AIM_MS,
            "pages_ms": pages,
            "ratio_p95_to_still": {name: round(one["p95"] / still_p95, 1) for name, one in pages.items()},
            "wrong": len(heard["wrong"]),
            "wrong_first": heard["wrong"][:3],
            "first_page_s": first_s,
            "reports_per_s": round(count / found.seconds),
            "behind_at_end": behind,
            "collector_starved_share": found.starved_share,
            "web_cpu_share": round((use(web).cpu_s - web_cpu) / self.seconds, 2),
            "web_starved_share": round((starved_s(web) - web_starved) / self.seconds, 2),
            "web_resident_mb": round(resident_mb(web)),
            "load_1m_after": facts()["load_1m"],
        }

    def _first_page(self) -> float:
        """How long after it is asked for the first time the list of devices comes: the whole fleet is read for it."""
        deadline = time.monotonic() + READY_S
        while True:
            begin = time.monotonic()
            try:
                self._get("/devices")
                return round(time.monotonic() - begin, 2)
            except (OSError, urllib.error.URLError) as error:
                if time.monotonic() > deadline:
                    raise SystemExit(f"the console does not answer: {error}") from error
                time.sleep(0.2)

    def _web(self, child: Child) -> int:
        """The process that serves the pages."""
        for pid in family(child.pid):
            if "roundsman_collector.web" in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                return pid
        raise SystemExit("the collector has no web process")

    def _plan(self, still_port: int) -> Path:
        listed = json.loads(self._get("/api/v1/tickets?limit=200"))
        tickets = [one["number"] for one in listed["tickets"]]
        devices = [agent(i * 37 % self.devices) for i in range(200)]
        filters = [
            *(f"state={word}" for word in ("fault", "unknown", "normal")),
            *(f"kind={kind}" for kind in _past.KINDS),
            *(f"q={i:03d}" for i in range(20)),
            *(f"customer=c{k:04d}" for k in range(10)),
            *(f"site=s{k:05d}" for k in range(20)),
            "tickets=1",
        ]
        pages = {
            "still": [f"http://127.0.0.1:{still_port}/"],
            "fleet": [f"{self._url}/devices", *(f"{self._url}/devices?page={k}" for k in range(2, 40))],
            "fleet, 30 days": [f"{self._url}/devices?window=30d&page={k}" for k in range(1, 20)],
            "fleet, narrowed": [f"{self._url}/devices?{one}" for one in filters],
            "device": [f"{self._url}/devices/{one}" for one in devices],
            "tickets": [
                f"{self._url}/tickets",
                f"{self._url}/tickets?state=open",
                f"{self._url}/tickets?state=resolved",
            ],
            "ticket": [f"{self._url}/tickets/{one}" for one in tickets],
            "API devices": [f"{self._url}/api/v1/devices?limit=100&after={one}" for one in devices],
            "API device": [f"{self._url}/api/v1/devices/{one}" for one in devices],
            "API availability": [f"{self._url}/api/v1/devices/{one}/availability" for one in devices],
            "API tickets": [f"{self._url}/api/v1/tickets?limit=100"],
        }
        plan = self.folder / "plan.json"
        plan.write_text(json.dumps({"people": PEOPLE, "pause_s": PAUSE_S, "token": self._token, "pages": pages}))
        return plan

    def _get(self, target: str) -> bytes:
        """What the console answers."""
        request = urllib.request.Request(self._url + target, headers={"Authorization": f"Bearer {self._token}"})
        with urllib.request.urlopen(request, timeout=READY_S) as answer:
            found: bytes = answer.read()
            return found

    @property
    def _token(self) -> str:
        """What the collector made at its first start."""
        return (self.folder / "data" / TOKEN).read_text().strip()

    def _configured(self) -> Path:
        path = super()._configured()
        port = _free_port()
        self._url = f"http://127.0.0.1:{port}"
        path.write_text(path.read_text().replace("port = 0", f"port = {port}"))
        return path


def _quantiles(waits: list[float]) -> dict[str, float]:
    ranked = sorted(waits)
    if not ranked:
        raise SystemExit("a page was never answered")
    found = {name: ranked[min(len(ranked) - 1, int(len(ranked) * share))] for name, share in QUANTILES}
    return {"count": len(ranked), **{name: round(wait, 1) for name, wait in found.items()}}


QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        found: int = one.getsockname()[1]
        return found
