"""Ingest: 400,000 devices through mosquitto into one collector process, committed and acknowledged.

    make bench ONLY=ingest                              all of it, on a quiet machine within 6 minutes
    make bench ONLY="ingest --devices 20000"            a quick try

    this process (generator) --QoS 1--> mosquitto --QoS 1--> collector (a process, as in production) --> SQLite
             ^---------------------- acknowledgements of every 50th agent ----------+

Steps: a receive-only loop with the same reports, for comparison; the register; a birth and a first report of every
device (set-up, timed); then as fast as the collector goes, at most WINDOW reports ahead of its commits; then at the
offered rate, with the time from publishing to the agent's acknowledgement. At the end the database is opened and the
reports in it are counted. CPU time is the main figure: the clock on the wall depends on who else uses the machine.
`starved_share` tells how much of the time the collector wanted a core and had none; above a few hundredths, rates and
waits say more about the others.

Not measured: a broker's session per agent (one connection carries many agents), TLS, the API.
"""

import argparse
import contextlib
import json
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from roundsman_collector.store.door import Store
from roundsman_collector.store.sql import chunks
from tests.bench._fleet import SAMPLED_EVERY, SAMPLED_GROUP, Reports, birth, entries
from tests.bench._line import RawLine, packet, text
from tests.bench._machine import facts, resident_mb, starved_s, use
from tests.bench._receiver import CLIENT_ID
from tests.bench._tally import Tally
from tests.brokers import DAEMON_PATH, Mosquitto, mosquitto_broker

ROOT = Path(__file__).resolve().parents[2]
OFFERED = 6_700
WINDOW = 3_000
CHUNK = 100
LINES = 2
TICK_S = 0.002
# Reports speak of minute after minute, however fast they come; more than 10 minutes ahead of the clock is refused.
HEAD_START_MS = 5 * 60 * 1000
LEAST_DEVICES = 10_000
PATIENCE_S = 60.0
BLOCKS = ("receive", "decode", "core", "store", "ack", "time", "look_after")

Make = Callable[[int, int], bytes]
"""(count so far, mid) -> packet."""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, default=400_000, help="devices, one agent each")
    parser.add_argument("--seconds", type=float, default=25.0, help="how long each of the two measurements lasts")
    parser.add_argument("--rate", type=int, default=OFFERED, help="offered reports/s")
    parser.add_argument("--keep", action="store_true", help="leave the folder behind")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    if arguments.devices < LEAST_DEVICES:
        raise SystemExit(f"--devices: expected {LEAST_DEVICES} or more, so that no device reports too often")
    if shutil.which("mosquitto", path=DAEMON_PATH) is None:
        raise SystemExit("mosquitto is not installed: apt install mosquitto")
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        with mosquitto_broker(folder) as broker:
            return Bench(folder, broker, arguments).run()
    finally:
        if arguments.keep:
            say(f"left behind: {folder}")
        else:
            shutil.rmtree(folder)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


class Bench:
    """One run of the bench."""

    def __init__(self, folder: Path, broker: Mosquitto, arguments: argparse.Namespace) -> None:
        self.folder, self.broker = folder, broker
        self.devices: int = arguments.devices
        self.seconds: float = arguments.seconds
        self.rate: int = arguments.rate
        self.broker_pid = broker._child.pid
        self.config = self._configured()
        self.press = Press(broker)
        self.reports: Reports | None = None
        self.sent_reports = 0

    def run(self) -> dict[str, object]:
        """All steps; see the module."""
        before = facts()
        say(f"{self.devices} devices; load {before['load_1m']}")
        alone = self._receive_only()
        say(f"receive only: {alone}")
        setup = {"register_s": self._register()}
        with self._child("_collector", self.folder / "blocks.json") as child:
            setup |= self._set_up(child)
            say(f"set up: {setup}")
            full = self._at_full_speed(child)
            say(f"full speed: {full}")
            steady = self._at_the_offered_rate(child)
            say(f"offered rate: {steady}")
            resident = round(resident_mb(child.pid))
            begin = time.monotonic()
        stop_s = round(time.monotonic() - begin, 1)
        return {
            "devices": self.devices,
            "reports_per_s": full["reports_per_s"],
            "cpu_us_per_report": full["cpu_us"],
            "ratio_cpu_to_receive_only": round(full["cpu_us"] / alone["cpu_us"], 2),
            "full_speed": full,
            "offered": steady,
            "receive_only": alone,
            "set_up": setup,
            "resident_mb": resident,
            "stop_s": stop_s,
            "stored": self._stored(),
            "machine": {**before, "load_1m_after": facts()["load_1m"]},
        }

    # --- steps -------------------------------------------------------------------------------------------------------

    def _receive_only(self) -> dict[str, Any]:
        reports = Reports(_now_ms())
        with self._child("_receiver") as child:
            self._greeted(child)
            found = self._measured(child, lambda i, mid: reports.packet(i % self.devices, 1, mid, 0), self.seconds / 2)
        RawLine(self.broker.port, *self.broker.collector, CLIENT_ID).close()  # a clean session: the broker forgets it
        return found

    def _register(self) -> float:
        begin = time.monotonic()
        with Store.open(self.folder / "data" / "roundsman.sqlite3") as store:
            for part in chunks(entries(self.devices), 5000):
                store.add_agents(part, _now_ms() - 1000)
        return round(time.monotonic() - begin, 1)

    def _set_up(self, child: "Child") -> dict[str, float]:
        begin = time.monotonic()
        self._greeted(child)
        up = time.monotonic()
        now_ms = _now_ms()
        births = self._all(child, lambda i, mid: birth(i, mid, now_ms))
        self.reports = Reports(_now_ms() - HEAD_START_MS)
        firsts = self._all(child, self._next_report)
        return {
            "start_s": round(up - begin, 1),
            "births_s": births.seconds,
            "birth_cpu_us": births.cpu_us,
            "first_reports_s": firsts.seconds,
            "first_report_cpu_us": firsts.cpu_us,
        }

    def _all(self, child: "Child", make: Make) -> "Lap":
        """Something of every device, as fast as the collector goes."""
        lap = Lap(child, self.press)
        self.press.run(child.tally, make, count=self.devices)
        return lap.ended(self.devices)

    def _at_full_speed(self, child: "Child") -> dict[str, Any]:
        return self._measured(child, self._next_report, self.seconds)

    def _measured(self, child: "Child", make: Make, seconds: float) -> dict[str, Any]:
        lap, broker = Lap(child, self.press), use(self.broker_pid).cpu_s
        count = self.press.run(child.tally, make, seconds=seconds)
        found = lap.ended(count)
        said = {
            "reports_per_s": round(count / found.seconds),
            "reports": count,
            "cpu_us": found.cpu_us,
            "broker_cpu_us": round((use(self.broker_pid).cpu_s - broker) / count * 1e6, 1),
            "generator_cpu_us": found.generator_cpu_us,
            "starved_share": found.starved_share,
        }
        return said | ({"blocks_us": found.blocks_us} if found.blocks_us else {})

    def _at_the_offered_rate(self, child: "Child") -> dict[str, object]:
        listener = RawLine(self.broker.port, *self.broker.collector, "bench-listener")
        listener.subscribe([f"rm/1/{SAMPLED_GROUP}/+/ack"])
        sent_at: dict[bytes, float] = {}

        def make(_: int, mid: int) -> bytes:
            i = self.sent_reports % self.devices
            if i % SAMPLED_EVERY == 0:  # its first report only: the next may come before it may be acknowledged again
                sent_at.setdefault(b"k%06d" % i, time.monotonic())
            return self._next_report(_, mid)

        lap = Lap(child, self.press)
        count = self.press.run(child.tally, make, seconds=self.seconds, rate=self.rate, listener=listener)
        behind = self.press.behind
        deadline = time.monotonic() + 5
        while (
            len({said.split(b"/", 4)[3] for _, said in listener.heard}) < len(sent_at) and time.monotonic() < deadline
        ):
            listener.turn()
            time.sleep(TICK_S)
        listener.close()
        found = lap.ended(count)
        first: dict[bytes, float] = {}
        for at, said in listener.heard:
            first.setdefault(said.split(b"/", 4)[3], at)
        waits = sorted((first[name] - at) * 1000 for name, at in sent_at.items() if name in first)
        return {
            "rate": self.rate,
            "keeps_up": behind < self.rate,  # less than a second's worth is on its way when the last one is sent
            "behind_at_end": behind,
            "reports_per_s": round(count / found.seconds),
            "cpu_us": found.cpu_us,
            "cpu_share": round(found.cpu_us * count / found.seconds / 1e6, 2),
            "starved_share": found.starved_share,
            "sampled": len(sent_at),
            "acknowledged": len(waits),
            "publish_to_ack_ms": {
                name: round(waits[min(len(waits) - 1, int(len(waits) * share))], 1)
                for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
                if waits
            },
            "blocks_us": found.blocks_us,
        }

    def _stored(self) -> dict[str, object]:
        """What the database holds at the end; anything missing ends the bench."""
        with contextlib.closing(sqlite3.connect(self.folder / "data" / "roundsman.sqlite3")) as database:
            tables = [row[0] for row in database.execute("SELECT table_name FROM partition")]
            rows = sum(_count(database, f"{table} WHERE kind = 'report'") for table in tables)
            changes = _count(database, "condition WHERE known_to_ms IS NULL")
            tickets = _count(database, "ticket")
        if rows != self.sent_reports:
            raise SystemExit(f"{self.sent_reports} reports were sent and {rows} are stored")
        return {"reports": rows, "conditions": changes, "tickets": tickets}

    # --- parts -------------------------------------------------------------------------------------------------------

    def _next_report(self, _: int, mid: int) -> bytes:
        assert self.reports is not None
        n, i = divmod(self.sent_reports, self.devices)
        self.sent_reports += 1
        return self.reports.packet(i, n + 1, mid, _now_ms())

    def _configured(self) -> Path:
        user, password = self.broker.collector
        (self.folder / "password").write_text(password)
        path = self.folder / "roundsman.toml"
        path.write_text(
            f'[data]\nfolder = "{self.folder / "data"}"\n[api]\nport = 0\n[broker]\nmode = "external"\n'
            f'url = "mqtt://127.0.0.1:{self.broker.port}"\nuser = "{user}"\n'
            f'password_file = "{self.folder / "password"}"\n'
        )
        return path

    @contextlib.contextmanager
    def _child(self, module: str, *more: Path) -> "Iterator[Child]":
        tally = self.folder / f"{module}.tally"
        Tally(tally)
        argv = [sys.executable, "-m", f"tests.bench.{module}", str(self.config), str(tally), *map(str, more)]
        with (self.folder / f"{module}.log").open("wb") as log:
            process = subprocess.Popen(argv, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield Child(process, Tally(tally), more[0] if more else None, self.folder / f"{module}.log")
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _greeted(self, child: "Child") -> None:
        """Wait until the child hears what is published: knock with messages that it settles and counts."""
        deadline = time.monotonic() + PATIENCE_S
        while child.tally.read() == 0:
            child.must_run()
            if time.monotonic() > deadline:
                raise SystemExit(f"the collector heard nothing within {PATIENCE_S:g} s")
            self.press.knock()
            time.sleep(0.1)
        time.sleep(0.5)  # the knocks under way
        self.press.settled_before = child.tally.read()


class Child:
    """The process that is measured."""

    def __init__(self, process: "subprocess.Popen[bytes]", tally: Tally, blocks: Path | None, log: Path) -> None:
        self.process, self.tally, self.blocks, self.log = process, tally, blocks, log
        self.pid = process.pid

    def must_run(self) -> None:
        if self.process.poll() is not None:
            raise SystemExit(f"the child ended:\n{self.log.read_text()[-3000:]}")

    def spent(self) -> dict[str, float]:
        """CPU seconds by block."""
        if self.blocks is None:
            return {}
        time.sleep(1.2)  # it is written once a second
        found: dict[str, float] = json.loads(self.blocks.read_text())
        return found


class Lap:
    """CPU and time between two moments."""

    def __init__(self, child: Child, press: "Press") -> None:
        self._child, self._press = child, press
        self._blocks = child.spent()
        self._cpu, self._generator = use(child.pid), time.process_time()
        self._starved = starved_s(child.pid)
        self._begin = time.monotonic()

    def ended(self, count: int) -> "Lap":
        """All `count` messages are settled."""
        self._press.drain(self._child)
        cpu = use(self._child.pid).cpu_s - self._cpu.cpu_s
        self.seconds = round(time.monotonic() - self._begin, 2)
        self.cpu_us = round(cpu / count * 1e6, 1)
        self.starved_share = round((starved_s(self._child.pid) - self._starved) / self.seconds, 2)
        self.generator_cpu_us = round((time.process_time() - self._generator) / count * 1e6, 1)
        after = self._child.spent()
        blocks = {name: after.get(name, 0.0) - self._blocks.get(name, 0.0) for name in (*BLOCKS, "gc")}
        self.blocks_us = {name: round(spent / count * 1e6, 1) for name, spent in blocks.items()} if after else {}
        if after:
            known = sum(self.blocks_us[name] for name in BLOCKS)
            self.blocks_us["rest"] = round(self.cpu_us - known, 1)
            self.blocks_us["batch"] = round(count / max(1, after["batches"] - self._blocks["batches"]))
        return self


class Press:
    """The generator: publishes over a few connections and never gets further ahead than it may."""

    def __init__(self, broker: Mosquitto) -> None:
        self.lines = [RawLine(broker.port, *broker.collector, f"bench-press-{i}") for i in range(LINES)]
        self.sent = 0
        self.behind = 0
        """How many messages were not settled when the last run ended."""
        self.settled_before = 0
        self._mid = 0
        self._tally: Tally | None = None

    def knock(self) -> None:
        """A message that no agent sends: whoever hears it settles it."""
        self.lines[0].send(packet(0x32, text("rm/1/knock/knock/state"), b"\x00\x01", b'{"v":1}'))

    def run(
        self,
        tally: Tally,
        make: Make,
        *,
        count: int | None = None,
        seconds: float = PATIENCE_S * 10,
        rate: int | None = None,
        listener: RawLine | None = None,
    ) -> int:
        """Publish until `count` or `seconds` are reached: at `rate`, or at most WINDOW ahead of what is settled."""
        begin, done, already = time.monotonic(), 0, tally.read()
        everyone = [*self.lines, *([listener] if listener else [])]
        while (passed := time.monotonic() - begin) < seconds and (count is None or done < count):
            ahead = done - (tally.read() - already)
            room = WINDOW - ahead if rate is None else int(passed * rate) - done
            if count is not None:
                room = min(room, count - done)
            if room >= (CHUNK if rate is None and count is None else 1):
                line = min(self.lines, key=lambda one: one.unsent)
                size = min(room, CHUNK)
                line.send(b"".join(make(done + k, self._next_mid()) for k in range(size)))
                done += size
            else:
                time.sleep(TICK_S)
            for each in everyone:
                each.turn()
        self.behind = done - (tally.read() - already)
        self._expected = already + done
        return done

    def drain(self, child: Child) -> None:
        """Wait until everything published is settled."""
        deadline = time.monotonic() + PATIENCE_S * 5
        while child.tally.read() < self._expected:
            child.must_run()
            for line in self.lines:
                line.turn()
            select.select([], [], [], TICK_S)
            if time.monotonic() > deadline:
                raise SystemExit(f"{self._expected - child.tally.read()} messages were never settled")

    def _next_mid(self) -> int:
        self._mid = self._mid % 0xFFFF + 1
        return self._mid


def _count(database: sqlite3.Connection, what: str) -> int:
    found: int = database.execute(f"SELECT count(*) FROM {what}").fetchone()[0]
    return found


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
