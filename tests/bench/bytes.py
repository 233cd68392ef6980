"""Bytes: what a metered line carries in a month: a vehicle with 20 readings a minute, and the same through collectd.

    make bench ONLY=bytes                                      two minutes
    make bench ONLY="bytes --batch 900 --collectd-seconds 0"   another batch interval, without the peer

A day of a seeded vehicle (tests/bench/_vehicle.py: 1,440 samples, its words change some ten times) goes through the
real spool, uplink, paho and TLS 1.3 to a real mosquitto, and is acknowledged by a collector's own door and
acknowledgements. Only the clock is told: the uplink takes the time as an argument, so that the day passes in a minute.
The line is cut four times; each time the agent dials and shakes hands anew. A counting proxy between them counts every
byte that passes below TLS, both ways, and the kernel's packets (handshakes, acknowledgements; segments of 1,360 bytes)
at 40 each. Times 30 is the month.

In compressed time a keep-alive never comes due; with this profile it would not in real time either, for it is longer
than the batch interval. Each exchange is given 60 ms of real time, so that delayed acknowledgements are on the line as
they would be.

The peer: Debian's collectd with its mqtt plugin (QoS 1) through the same proxy to the same broker, the same 20
readings, from its exec plugin; words as numbers, because it has none. It runs with an interval of one second; what an
interval costs (the handshake apart) times 1,440, and four connections, is its day. `--collectd FOLDER` is where its
packages (collectd-core, libmosquitto1) were unpacked; without it, an installed one is looked for.
"""

import argparse
import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from roundsman_agent.birth import Pages, compose, points_of
from roundsman_agent.budget import Budget
from roundsman_agent.check import check
from roundsman_agent.clock import Moment
from roundsman_agent.config import Config, made
from roundsman_agent.isolate import Isolation
from roundsman_agent.spool import Spool
from roundsman_agent.uplink import Uplink
from roundsman_collector import tls
from roundsman_collector.engine.engine import Owed
from roundsman_collector.ingest import AckDesk, Door
from roundsman_collector.mqtt import Message
from roundsman_wire.codec import rows
from roundsman_wire.ranges import RangeSet
from tests.bench._counting import Cost, CountingProxy
from tests.bench._machine import facts
from tests.bench._vehicle import Readings, day
from tests.brokers import accepts

DAYS: Final = 30
AIM: Final = 2_500_000
MIDNIGHT: Final = 1_795_219_200_000
CUTS: Final = (7 * 60 + 13, 11 * 60 + 41, 16 * 60 + 2, 20 * 60 + 27)
"""Minutes of the day at which the line breaks."""
BOOT: Final = "7b1f9c60-4d1e-4b6f-9a52-0c1d2e3f4a5b"
DAEMONS: Final = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
PATIENCE_S: Final = 15.0
EXCHANGE_S: Final = 0.06


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", default="metered", help="of the uplink")
    parser.add_argument("--batch", type=float, help="batch_s, instead of the profile's")
    parser.add_argument("--plain", action="store_true", help="without the dictionary")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--collectd", type=Path, default=Path("/"), help="where its packages were unpacked")
    parser.add_argument("--collectd-seconds", type=float, default=60.0, help="how long the peer runs; 0: not")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    before = facts()
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        with _mosquitto(folder) as port:
            found = {"ours": _our_day(folder, port, arguments)}
            say(f"ours: {found['ours']}")
            if arguments.collectd_seconds:
                found["collectd"] = _collectd(folder, port, arguments)
                say(f"collectd: {found['collectd']}")
    finally:
        shutil.rmtree(folder)
    return {**found, "aim_month_mb": AIM / 1e6, "machine": before}


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _mosquitto(folder: Path) -> Iterator[int]:
    """A broker with TLS that takes anybody; its port."""
    program = shutil.which("mosquitto", path=DAEMONS)
    if program is None:
        raise SystemExit("mosquitto is not installed: apt install mosquitto")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    tls.issue(folder / "tls", ["127.0.0.1"], now_ms=int(time.time() * 1000))
    conf = folder / "mosquitto.conf"
    conf.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
        f"certfile {folder}/tls/server.pem\nkeyfile {folder}/tls/server.pem\n"
        + ("user root\n" if os.geteuid() == 0 else "")
    )
    with (folder / "mosquitto.log").open("wb") as said:
        broker = subprocess.Popen([program, "-c", str(conf)], stdout=said, stderr=said)
    try:
        _until(lambda: accepts(port), "mosquitto listens")
        yield port
    finally:
        broker.terminate()
        broker.wait()


def _until(happened: Callable[[], Any], what: str, turn: Callable[[], object] = lambda: time.sleep(0.02)) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        if time.monotonic() > deadline:
            raise SystemExit(f"within {PATIENCE_S:g} s not: {what}")
        turn()


# --- ours -------------------------------------------------------------------------------------------------------------


class Collector:
    """What a collector says to one agent: read by its door, acknowledged by its desk. Its own line is not counted."""

    def __init__(self, folder: Path, port: int) -> None:
        self.stored = RangeSet()
        self.refused: list[str] = []
        self.sizes: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()
        self.births = 0
        self._door, self._desk = Door(), AckDesk("5d0c71aa93b2", 10.0)
        self.wall = MIDNIGHT
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "collector")
        self._client.tls_set(str(folder / "tls" / "ca.pem"))
        self._client.on_message = self._hear
        self._client.on_subscribe = lambda *_: self._granted.append(True)
        self._granted: list[bool] = []
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("rm/1/south/bus-31/+", 1)
        self._client.loop_start()
        _until(lambda: self._granted, "the collector listens")

    def _hear(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        leaf = message.topic.rpartition("/")[2]
        if leaf == "ack":
            return
        self.sizes[leaf] += len(message.payload)
        self.messages[leaf] += 1
        arrivals, rejected = self._door.sort([Message(message.topic, message.payload, 1, 1, False, 1)])
        self.refused += [f"{one.cause}: {one.detail}" for one in rejected]
        for arrival in arrivals:
            if leaf in ("report", "history"):
                for record in rows(arrival.message):  # type: ignore[arg-type]
                    self.stored.add(record["n"], record["n"])
                self._acknowledge(arrival.message["stream"], arrival.message["sent"]["mono"])
            elif leaf == "birth":
                self._acknowledge(arrival.message["streams"][0]["id"], arrival.message["sent"]["mono"])

    def _acknowledge(self, stream: str, echo: int) -> None:
        upto = self.stored.first_missing(1) - 1
        also = tuple((a, b) for a, b in self.stored if a > upto)[:32]
        owed = Owed("south", "bus-31", stream, echo, upto, also, (), False, False)
        self._client.publish(*self._desk.written(owed, self.wall), 0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Vehicle:
    """The agent without its probes: everything from the spool to the socket."""

    def __init__(self, config: Config, *, is_plain: bool) -> None:
        self.now = Moment(wall=MIDNIGHT, mono=3_600_000, boot=BOOT, ntp=True)
        self.config = config
        self.is_plain = is_plain
        self.spool = Spool.open(config.data, now=self.now, free_floor_bytes=0)
        self.isolation = Isolation()
        self.budget = Budget.open(config.data, now=self.now)
        self.uplink = Uplink(
            agent=config.id, group=config.group, broker=config.broker, settings=config.uplink, spool=self.spool,
            isolation=self.isolation, birth=self._birth, on_command=lambda *_: None, on_offset=lambda *_: None,
            now=self.now, rng=random.Random(1), budget=self.budget,
        )  # fmt: skip

    def _birth(self, now: Moment) -> Pages:
        words = [] if self.is_plain else points_of(self.spool.read(self.spool.newest_of_devices()))
        return compose(
            self.config, stream=self.spool.stream, oldest=self.spool.oldest, newest=self.spool.newest,
            gone=self.spool.gone(), session=self.spool.session, versions={"agent": "0.1.0", "python": "3.11.2"},
            platform="linux-aarch64", now=now, waits_s=self.uplink.waits_s, points=words,
        )  # fmt: skip

    def advance(self, ms: int) -> None:
        self.now = replace(self.now, wall=self.now.wall + ms, mono=self.now.mono + ms)

    def turn(self) -> None:
        for outcome in self.isolation.collect(self.now.mono):
            self.uplink.dialed(outcome, self.now)
        self.uplink.step(self.now)
        self.spool.tend(self.now)

    def close(self) -> None:
        self.uplink.close()
        self.budget.close(self.now)
        self.spool.close(now=self.now)
        self.isolation.close()


def _our_day(folder: Path, port: int, arguments: argparse.Namespace) -> dict[str, object]:
    with CountingProxy(port) as proxy:
        config = _config(folder, proxy.port, arguments)
        collector = Collector(folder, port)
        vehicle = Vehicle(config, is_plain=arguments.plain)
        try:
            _live(vehicle, collector, proxy, arguments.seed)
            newest = vehicle.spool.newest
            counted = vehicle.budget.told(vehicle.now)["line.bytes_month"]
        finally:
            vehicle.close()
            proxy.cut()
            collector.close()
        cost = proxy.cost
    if collector.refused:
        raise SystemExit(f"the collector refused: {collector.refused[:3]}")
    missing = list(collector.stored.missing(1, newest))
    if missing:
        raise SystemExit(f"of {newest} records these never came: {missing}")
    return {
        "profile": config.uplink.profile,
        "batch_s": config.uplink.batch_s,
        "keepalive_s": config.broker.keepalive_s,
        **_costs(cost),
        "agent_counted": counted,
        "records": newest,
        "messages": dict(collector.messages),
        "payload_bytes": dict(collector.sizes),
    }


def _costs(cost: Cost) -> dict[str, object]:
    return {
        "day_bytes": cost.on_the_wire(),
        "month_mb": round(cost.on_the_wire() * DAYS / 1e6, 2),
        "below_tls": cost.bytes,
        "packets": cost.packets,
        "connections": cost.connections,
    }


def _config(folder: Path, port: int, arguments: argparse.Namespace) -> Config:
    """What `check` makes of a metered vehicle's file."""
    path = folder / "agent.toml"
    batch = "" if arguments.batch is None else f"batch_s = {arguments.batch}\n"
    path.write_text(
        f'[agent]\nid = "bus-31"\ngroup = "south"\ndata = "agent"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {port}\nuser = "south.bus-31"\npassword = "0123456789abcdef01234567"\n'
        f'tls = true\nca = "{folder}/tls/ca.pem"\n[uplink]\nprofile = "{arguments.profile}"\n{batch}'
        '[[device]]\nid = "bus-31"\nkind = "vehicle"\nlocal = true\n[[device.probe]]\nname = "host"\n'
    )
    return made(check(str(path)), str(path))


def _live(vehicle: Vehicle, collector: Collector, proxy: CountingProxy, seed: int) -> None:
    """The whole day, and the last batch."""
    rng = random.Random(seed)

    def turn() -> None:
        collector.wall = vehicle.now.wall
        vehicle.turn()
        time.sleep(0.002)
        if not vehicle.uplink.is_online:
            vehicle.advance(100)

    def settle() -> None:
        """Whatever this minute sends is through, both ways."""
        vehicle.turn()
        if not vehicle.uplink.is_online or not vehicle.uplink.is_quiet():
            _until(lambda: vehicle.uplink.is_online and vehicle.uplink.is_quiet(), "the broker has it all", turn)
            until = time.monotonic() + EXCHANGE_S
            while time.monotonic() < until:
                turn()

    vehicle.spool.take({**_stamp("boot", vehicle.now), "orderly": True})
    for minute, (at, readings) in enumerate(day(seed)):
        jitter = rng.randrange(40)  # rounds are not on time to the millisecond
        vehicle.advance(max(MIDNIGHT + at + jitter - vehicle.now.wall, 0))
        vehicle.spool.take(_sample(vehicle, readings, minute))
        if minute in CUTS:
            proxy.cut()
            _until(lambda: not vehicle.uplink.is_online, "the agent sees that the line is cut", vehicle.turn)
        settle()
    _until(lambda: vehicle.spool.oldest > vehicle.spool.newest or _tick(vehicle), "the last batch", settle)


def _tick(vehicle: Vehicle) -> bool:
    vehicle.advance(60_000)
    return False


def _stamp(kind: str, now: Moment) -> dict[str, Any]:
    return {"kind": kind, "boot": now.boot, "mono": now.mono, "t": now.wall}


def _sample(vehicle: Vehicle, readings: Readings, minute: int) -> dict[str, Any]:
    """With what its probes and its line cost now and then, as the agent tells it."""
    told: dict[str, Any] = dict(readings)
    every = vehicle.config.cost_every_s // 60
    if minute and minute % every == every // 2:
        told |= {"probe[host].took_ms": 41 + minute % 7, "probe[host].failures": 0}
        told |= {
            "probe[nmea].took_ms": 3_020 + minute % 9,
            "probe[nmea].failures": 0,
            "probe[nmea].bytes": minute * 4711,
        }
        told |= vehicle.budget.told(vehicle.now)
    return {**_stamp("sample", vehicle.now), "device": "bus-31", "valid_s": 90.0, "readings": told}


# --- the peer ---------------------------------------------------------------------------------------------------------

_FEED = """\
import sys, time
sys.path.insert(0, {root!r})
from tests.bench._vehicle import day
words = {{}}
for _, readings in day({seed}):
    for name, value in readings.items():
        plugin, _, point = name.partition(".")
        plugin = plugin.replace("[", "-").replace("]", "").replace("/", "root")
        number = words.setdefault(value, len(words)) if isinstance(value, str) else value
        print(f'PUTVAL "bus-31/{{plugin}}/gauge-{{point}}" interval=1 N:{{number}}', flush=True)
    time.sleep(1)
"""


def _collectd(folder: Path, port: int, arguments: argparse.Namespace) -> dict[str, object]:
    """Bytes of an interval and of a connection, as a day."""
    root: Path = arguments.collectd
    program = root / "usr/sbin/collectd"
    if not program.exists():
        return {"missing": f"{program}: apt-get download collectd-core libmosquitto1, unpack, --collectd FOLDER"}
    with CountingProxy(port) as proxy:
        feed = folder / "feed.py"
        feed.write_text(_FEED.format(root=str(Path(__file__).resolve().parents[2]), seed=arguments.seed))
        conf = folder / "collectd.conf"
        conf.write_text(
            f'Hostname "bus-31"\nFQDNLookup false\nInterval 1\nBaseDir "{folder}"\nPIDFile "{folder}/collectd.pid"\n'
            f'PluginDir "{root}/usr/lib/collectd"\nTypesDB "{root}/usr/share/collectd/types.db"\n'
            "LoadPlugin exec\nLoadPlugin mqtt\n"
            f'<Plugin exec>\n  Exec "nobody:nogroup" "{sys.executable}" "{feed}"\n</Plugin>\n'
            f'<Plugin mqtt>\n  <Publish "m">\n    Host "127.0.0.1"\n    Port {proxy.port}\n    ClientId "bus-31"\n'
            f'    QoS 1\n    CACert "{folder}/tls/ca.pem"\n  </Publish>\n</Plugin>\n'
        )
        folder.chmod(0o755)
        libraries = next((str(path.parent) for path in root.glob("usr/lib/*/libmosquitto.so.1")), "")
        with (folder / "collectd.log").open("wb") as said:
            process = subprocess.Popen(
                [str(program), "-f", "-C", str(conf)], stdout=said, stderr=said,
                env={**os.environ, "LD_LIBRARY_PATH": libraries},
            )  # fmt: skip
        try:
            time.sleep(5)
            early = proxy.cost
            time.sleep(arguments.collectd_seconds)
            late = proxy.cost
        finally:
            process.terminate()
            process.wait(20)
        proxy.cut()
        whole = proxy.cost
        log = (folder / "collectd.log").read_text(errors="replace")
    if late.bytes == early.bytes:
        return {"failed": log[-600:]}
    per_interval = (late.bytes - early.bytes) / arguments.collectd_seconds
    packets = whole.packets / (arguments.collectd_seconds + 5)
    handshake = max(early.bytes - 5 * per_interval, 0) + 25 * 40
    day_bytes = (per_interval + packets * 40) * 1440 + len(CUTS) * handshake
    return {
        "interval_bytes": round(per_interval),
        "interval_packets": round(packets, 1),
        "connection_bytes": round(handshake),
        "day_bytes": round(day_bytes),
        "month_mb": round(day_bytes * DAYS / 1e6, 1),
    }
