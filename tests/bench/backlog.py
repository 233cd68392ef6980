"""Backlog: an agent comes back with 1,000,000 samples in its spool; how long do its live reports take beside them?

    make bench ONLY=backlog                                          ten minutes and 1.5 GB of disk
    make bench ONLY="backlog --samples 50000 --seconds 60"           a quick try

    this process: spool and uplink of an agent  <--QoS 1-->  mosquitto  <--QoS 1-->  collector (a process) --> SQLite

The spool is filled by `take`, as an agent fills it: ten devices with 20 readings, a sample every 10 s each, of the days
before, in a boot before. Then the agent is connected and takes live samples beside it.

    live_ms          from `take` of a live sample until the collector has committed its report: p50, p99, max
    drained_per_s    samples of the backlog that the collector acknowledged, per second of the measurement
    alone_ms         the same live samples, same run, before: with nothing in the spool

`--rate` is `backlog_records_per_s`: what the agent allows itself.
"""

import argparse
import contextlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from roundsman_agent import check
from roundsman_agent import config as agent_config
from roundsman_agent.birth import Pages, compose
from roundsman_agent.clock import Moment, SystemClock
from roundsman_agent.isolate import Isolation
from roundsman_agent.spool import Spool
from roundsman_agent.uplink import Uplink
from roundsman_collector.store.door import Store
from roundsman_collector.store.register import DeviceEntry
from roundsman_wire import topics
from roundsman_wire.codec import rows, unpack
from tests.bench._machine import facts, resident_mb, starved_s, use
from tests.bench._tally import Tally
from tests.brokers import DAEMON_PATH, GROUP, Mosquitto, mosquitto_broker

ROOT = Path(__file__).resolve().parents[2]
AGENT = "gw-2"
DEVICES = tuple(f"nvr-{i}" for i in range(10))
PERIOD_MS = 10_000
LIVE_MS = 500
"""A live sample this often, of one device after the other."""
ALONE_S = 30.0
BEFORE = "0b1dcafe0000"
"""The boot in which the backlog was taken."""
LOOK_S = 0.005
PATIENCE_S = 60.0


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--samples", type=int, default=1_000_000, help="samples in the spool")
    parser.add_argument("--seconds", type=float, default=300.0, help="how long it is measured")
    parser.add_argument("--rate", type=float, default=1000.0, help="backlog_records_per_s of the agent")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    if shutil.which("mosquitto", path=DAEMON_PATH) is None:
        raise SystemExit("mosquitto is not installed: apt install mosquitto")
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        with mosquitto_broker(folder) as broker, contextlib.ExitStack() as parts:
            return Bench(folder, broker, arguments, parts).run()
    finally:
        shutil.rmtree(folder)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


class Watched(Uplink):
    """An uplink that notes which live message, counted from the first, bears which record."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.live_messages = 0
        self.message_of: dict[int, int] = {}

    def _publish(self, leaf: str, payload: bytes, now: Moment, **how: Any) -> int:
        if leaf != topics.HISTORY:
            self.live_messages += 1
        if leaf == topics.REPORT:
            for record in rows(json.loads(unpack(payload))):
                self.message_of.setdefault(record["n"], self.live_messages)
        return super()._publish(leaf, payload, now, **how)


class Stopwatch:
    """When the collector had settled its first, second, ... live message: a thread that reads a number now and then."""

    def __init__(self, tally: Tally) -> None:
        self.at: list[float] = []
        self._tally = tally
        self._base = tally.read()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.wait(LOOK_S):
            now = time.monotonic()
            self.at.extend([now] * (self._tally.read() - self._base - len(self.at)))


class Bench:
    """One run of the bench."""

    def __init__(
        self, folder: Path, broker: Mosquitto, arguments: argparse.Namespace, parts: contextlib.ExitStack
    ) -> None:
        self.folder, self.broker, self.parts = folder, broker, parts
        self.samples: int = arguments.samples
        self.seconds: float = arguments.seconds
        self.rate: float = arguments.rate
        self.clock = SystemClock()
        self.chance = random.Random(5)

    def run(self) -> dict[str, object]:
        """All steps; see the module."""
        before = facts()
        collector, tally = self.parts.enter_context(self._collector())
        alone = self._measured(tally, self._configured("alone"), ALONE_S)
        say(f"alone: {alone}")
        made = self._configured("backlog")
        begin = time.monotonic()
        self._fill(made)
        fill_s = time.monotonic() - begin
        size = sum(path.stat().st_size for path in Path(made.data).iterdir())
        say(f"filled in {fill_s:.0f} s: {size / 1e6:.0f} MB")
        cpu, starved = use(collector.pid).cpu_s, starved_s(collector.pid)
        own, begin = time.process_time(), time.monotonic()
        found = self._measured(tally, made, self.seconds)
        lasted = time.monotonic() - begin
        if collector.poll() is not None:
            raise SystemExit(f"the collector ended:\n{(self.folder / 'collector.log').read_text()[-3000:]}")
        return {
            "samples": self.samples,
            "rate": self.rate,
            "live_ms": found["live_ms"],
            "drained_per_s": found["drained_per_s"],
            "drained": found["drained"],
            "live": found["live"],
            "alone_ms": alone["live_ms"],
            "agent_cpu_share": round((time.process_time() - own) / lasted, 2),
            "agent_resident_mb": round(resident_mb(os.getpid())),
            "collector_cpu_share": round((use(collector.pid).cpu_s - cpu) / lasted, 2),
            "collector_starved_share": round((starved_s(collector.pid) - starved) / lasted, 2),
            "fill_s": round(fill_s),
            "spool_mb": round(size / 1e6),
            "machine": {**before, "load_1m_after": facts()["load_1m"]},
        }

    # --- the agent ----------------------------------------------------------------------------------------------------

    def _measured(self, tally: Tally, made: agent_config.Config, seconds: float) -> dict[str, Any]:
        """An agent on this configuration's spool is connected and takes live samples; their waits, and what it got rid
        of beside them."""
        spool = self._spool(made)
        isolation = Isolation()
        watch = Stopwatch(tally)
        uplink = self._uplink(made, spool, isolation)
        took: dict[int, float] = {}
        deadline = time.monotonic() + PATIENCE_S
        try:
            while not uplink.is_online:
                if time.monotonic() > deadline:
                    raise SystemExit("the agent found no broker")
                self._turn(uplink, spool, isolation)
            newest = spool.newest
            strangers = self._strangers(watch, uplink, spool, isolation)
            begin = time.monotonic()
            end, due = begin + seconds, self.clock.now().mono
            while time.monotonic() < end:
                now = self.clock.now()
                if now.mono >= due:
                    due += LIVE_MS
                    n = spool.take(self._sample(len(took), now.boot, now.mono, now.wall))
                    took[n] = time.monotonic()
                self._turn(uplink, spool, isolation)
                if not uplink.is_online:
                    raise SystemExit("the connection was lost")
            settled = [(a, min(b, newest)) for a, b in uplink._known._settled if a <= newest]
            lasted = time.monotonic() - begin
            deadline = time.monotonic() + PATIENCE_S
            while len(watch.at) - strangers < uplink.live_messages and time.monotonic() < deadline:
                self._turn(uplink, spool, isolation)
        finally:
            watch.close()
            uplink.close()
            spool.close(now=self.clock.now())
            isolation.close()
        waits = sorted(
            (watch.at[strangers + uplink.message_of[n] - 1] - at) * 1000
            for n, at in took.items()
            if n in uplink.message_of and strangers + uplink.message_of[n] <= len(watch.at)
        )
        if waits and waits[0] < 0:
            raise SystemExit("messages of somebody else were counted")
        if len(waits) < len(took):
            raise SystemExit(f"{len(took)} live samples were taken, {len(waits)} of them settled")
        places = {"p50": len(waits) // 2, "p99": len(waits) * 99 // 100, "max": len(waits) - 1}
        drained = sum(b - a + 1 for a, b in settled)
        return {
            "live": len(waits),
            "live_ms": {name: round(waits[place], 1) for name, place in places.items()},
            "drained": drained,
            "drained_per_s": round(drained / lasted),
        }

    def _strangers(self, watch: Stopwatch, uplink: Watched, spool: Spool, isolation: Isolation) -> int:
        """How many live messages the collector has settled that are not ours (its own state comes back to it): looked
        at when for three seconds nothing was settled, and nothing of ours waits."""
        seen, since = len(watch.at), time.monotonic()
        deadline = since + PATIENCE_S
        while time.monotonic() - since < 3 or seen < uplink.live_messages:
            if time.monotonic() > deadline:
                raise SystemExit(f"of {uplink.live_messages} messages the collector settled {seen}")
            self._turn(uplink, spool, isolation)
            if len(watch.at) != seen:
                seen, since = len(watch.at), time.monotonic()
        return seen - uplink.live_messages

    def _turn(self, uplink: Watched, spool: Spool, isolation: Isolation) -> None:
        now = self.clock.now()
        for outcome in isolation.collect(now.mono):
            uplink.dialed(outcome, now)
        uplink.step(now)
        spool.tend(now)
        sock = uplink.connection()
        wait_s = max(min(uplink.wake_at(now) - now.mono, LIVE_MS // 10), 0) / 1000
        writable = [sock] if sock is not None and uplink.wants_to_write() else []
        select.select([isolation.wake, *([sock] if sock is not None else [])], writable, [], wait_s)

    def _fill(self, made: agent_config.Config) -> None:
        """The days before, in a boot before."""
        spool = self._spool(made)
        first = time.time_ns() // 1_000_000 - 60_000 - self.samples * PERIOD_MS // len(DEVICES)
        for i in range(self.samples):
            at = i * PERIOD_MS // len(DEVICES)
            spool.take(self._sample(i, BEFORE, 3_600_000 + at, first + at))
        spool.close(now=self.clock.now())

    def _sample(self, i: int, boot: str, mono: int, wall: int) -> dict[str, Any]:
        chance = self.chance
        readings: dict[str, Any] = {f"channel[{c}].online": "yes" for c in range(1, 9)}
        readings |= {f"disk[{d}].used_percent": round(chance.uniform(10, 80), 1) for d in range(1, 5)}
        readings |= {f"channel[{c}].bitrate_kbps": chance.randrange(500, 4000) for c in range(1, 9)}
        record = {"kind": "sample", "boot": boot, "mono": mono, "t": wall, "device": DEVICES[i % len(DEVICES)]}
        return {**record, "valid_s": 15, "readings": readings}

    def _spool(self, made: agent_config.Config) -> Spool:
        return Spool.open(made.data, now=self.clock.now(), max_bytes=made.spool.max_bytes, free_floor_bytes=0)

    def _uplink(self, made: agent_config.Config, spool: Spool, isolation: Isolation) -> Watched:
        def birth(now: Moment) -> Pages:
            return compose(
                made,
                stream=spool.stream,
                oldest=spool.oldest,
                newest=spool.newest,
                gone=spool.gone(),
                session=spool.session,
                versions={"agent": "bench"},
                platform="bench",
                now=now,
            )

        return Watched(
            agent=AGENT,
            group=GROUP,
            broker=made.broker,
            settings=made.uplink,
            spool=spool,
            isolation=isolation,
            birth=birth,
            on_command=lambda *_: None,
            on_offset=lambda *_: None,
            now=self.clock.now(),
            rng=random.Random(1),
        )

    def _configured(self, name: str) -> agent_config.Config:
        user, password = self.broker.user_for(AGENT)
        toml, form = self.folder / f"{name}.toml", self.folder / f"{name}.json"
        devices = "".join(
            f'[[device]]\nid = "{one}"\nkind = "nvr"\nperiod_s = {PERIOD_MS / 1000}\n[[device.probe]]\nname = "host"\n'
            for one in DEVICES
        )
        toml.write_text(
            f'[agent]\nid = "{AGENT}"\ngroup = "{GROUP}"\ndata = "{self.folder / name}"\n'
            f'[broker]\nhost = "127.0.0.1"\nport = {self.broker.port}\nuser = "{user}"\npassword = "{password}"\n'
            f"[spool]\nmax_bytes = 4_000_000_000\nfree_floor_bytes = 0\n"
            f"[uplink]\nbacklog_records_per_s = {self.rate}\n{devices}"
        )
        check.write(check.check(str(toml)), str(form))
        return agent_config.load(str(form))

    # --- the collector ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _collector(self) -> "Iterator[tuple[subprocess.Popen[bytes], Tally]]":
        """As in production, with a number that says how many live messages it has settled."""
        days = self.samples * PERIOD_MS // len(DEVICES) // 86_400_000 + 2
        with Store.open(self.folder / "data" / "roundsman.sqlite3") as store:
            entries = [DeviceEntry(id=one, kind="nvr", name_zh=one, name_en=one) for one in DEVICES]
            store.add_agent(AGENT, GROUP, entries, time.time_ns() // 1_000_000 - days * 86_400_000)
        user, password = self.broker.collector
        (self.folder / "password").write_text(password)
        config, tally = self.folder / "roundsman.toml", self.folder / "live.tally"
        config.write_text(
            f'[data]\nfolder = "{self.folder / "data"}"\n[api]\nport = 0\n[broker]\nmode = "external"\n'
            f'url = "mqtt://127.0.0.1:{self.broker.port}"\nuser = "{user}"\n'
            f'password_file = "{self.folder / "password"}"\n'
        )
        blocks = self.folder / "blocks.json"
        argv = [sys.executable, "-m", "tests.bench._collector", str(config), str(tally), str(blocks)]
        with (self.folder / "collector.log").open("wb") as log:
            process = subprocess.Popen(argv, cwd=ROOT, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not blocks.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"no collector:\n{(self.folder / 'collector.log').read_text()[-3000:]}")
                time.sleep(0.1)
            yield process, Tally(tally)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
