"""Memory: what one idle device costs the collector that holds 400,000 of them; aim 1 KiB.

    make bench ONLY=memory                              all of it, within 12 minutes
    make bench ONLY="memory --devices 40000"            a quick try
    make bench ONLY="memory --per-agent 40"             gateways that speak for 40 devices each

Processes of their own; door, engine, acknowledgements and store as in production, without line, web pages and API:

    empty         the engine on an empty register
    lived         every device is born and reports three times (20 readings, every boot, birth and stream its own) while
                  memory is swept to disk at the pace of the clockwork; looked at right after the last report of each
                  (nothing is swept since) and once more when all is swept
    restarted     the same database after a restart
    dict, json    for comparison: the newest report of every device, as bytes in a dict and as decoded by the door

The figure is (resident memory - that of `empty`, or of a `dict` before it is filled) / devices. Garbage is collected
before each look, and what the allocator keeps back is counted: it is resident.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from roundsman_collector import config, door
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.engine import timely
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.intake import Arrival
from roundsman_collector.ingest import AckDesk, Door
from roundsman_collector.mqtt import Message
from roundsman_collector.store.door import Store
from roundsman_collector.store.register import AgentEntry, DeviceEntry
from roundsman_collector.store.sql import chunks
from roundsman_wire.topics import REPORT, Address, up
from tests.bench._fleet import BOOT, UPTIME_MS, Reports, agent, group
from tests.bench._machine import facts, pss_kb, resident_mb

FIRST_MS = 1_795_000_000_000
BATCH = 1000
ROUNDS = 3
SWEPT_PER_ROUND = 0.6
"""At 6,700 reports a second of 400,000 devices a round takes a minute, in which 120,000 units are swept; of three."""
KINDS = ("empty", "lived", "restarted", "dict", "json")


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, default=400_000)
    parser.add_argument("--per-agent", type=int, default=1, help="devices that an agent speaks for")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    if arguments.child:
        kind, folder = arguments.child
        return _child(kind, Path(folder), arguments.devices, arguments.per_agent)
    before = facts()
    with tempfile.TemporaryDirectory(prefix="roundsman-bench-") as folder:
        found = {kind: _spawned(kind, folder, arguments) for kind in KINDS}
    empty_mb = found["empty"]["idle_mb"]
    more_mb = {
        "lived": found["lived"]["idle_mb"] - empty_mb,
        "unswept": found["lived"]["unswept_mb"] - empty_mb,
        "restarted": found["restarted"]["idle_mb"] - empty_mb,
        "dict": found["dict"]["idle_mb"] - found["dict"]["base_mb"],
        "json": found["json"]["idle_mb"] - found["json"]["base_mb"],
    }
    bytes_each = {name: round(mb * 2**20 / arguments.devices) for name, mb in more_mb.items()}
    return {
        "devices": arguments.devices,
        "per_agent": arguments.per_agent,
        "bytes_per_idle_device": bytes_each["lived"],
        "ratio_to_dict_of_bodies": round(bytes_each["lived"] / bytes_each["dict"], 2),
        "bytes_per_device": bytes_each,
        "processes": found,
        "machine": before,
    }


def _spawned(kind: str, folder: str, arguments: argparse.Namespace) -> dict[str, Any]:
    argv = [sys.executable, "-m", "tests.bench", "memory", "--child", kind, folder]
    argv += ["--devices", str(arguments.devices), "--per-agent", str(arguments.per_agent)]
    said = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    print(found, file=sys.stderr, flush=True)
    return found


# --- in a process of its own -----------------------------------------------------------------------------------------


def _child(kind: str, folder: Path, devices: int, per_agent: int) -> dict[str, object]:
    fleet = Fleet(devices, per_agent)
    match kind:
        case "empty":
            with Store.open(folder / "empty.sqlite3") as store:
                engine = _engine(store)
                return {"kind": kind, **_look("idle", engine)}
        case "lived":
            with Store.open(folder / "fleet.sqlite3") as store:
                return {"kind": kind, **_lived(store, fleet)}
        case "restarted":
            with Store.open(folder / "fleet.sqlite3") as store:
                engine = _engine(store)
                return {"kind": kind, **_look("idle", engine)}
        case "dict":
            before = _look("base", {})
            bodies = {fleet.device(i): fleet.report(i, ROUNDS) for i in range(devices)}
            return {"kind": kind, **before, **_look("idle", bodies)}
        case _:
            before = _look("base", {})
            reports = {fleet.device(i): door.validate_report(fleet.report(i, ROUNDS)) for i in range(devices)}
            return {"kind": kind, **before, **_look("idle", reports)}


def _engine(store: Store) -> Engine:
    engine = Engine(store, Rulebook([config.rule_set(config.load(None))]))
    engine.load(FIRST_MS)
    return engine


def _lived(store: Store, fleet: "Fleet") -> dict[str, object]:
    """Births and reports of all devices; memory with nothing swept, and with everything."""
    for part in chunks(fleet.entries(), 5000):
        store.add_agents(part, FIRST_MS - 1000)
    engine = _engine(store)
    now_ms = FIRST_MS
    for part in chunks(range(fleet.agents), BATCH):
        engine.take([fleet.birth_arrival(i) for i in part], (), now_ms)
    entrance, acks = Door(), AckDesk(store.epoch, 10)
    for n in range(1, ROUNDS + 1):
        now_ms = FIRST_MS + n * 60_000
        for at, part in enumerate(chunks(range(fleet.devices), BATCH)):
            arrivals, _ = entrance.sort([fleet.message(i, n) for i in part])
            acks.add(engine.take(arrivals, (), now_ms), n * 60 + at * BATCH * 60 / fleet.devices)
            if n < ROUNDS:
                timely.sweep(engine, round(BATCH * SWEPT_PER_ROUND / fleet.per_agent), now_ms)
    found = _look("unswept", (engine, entrance, acks))
    while timely.sweep(engine, 2000, now_ms):
        pass
    return {**found, **_look("idle", (engine, entrance, acks)), "waiting": len(engine.unswept)}


def _look(name: str, held: object) -> dict[str, object]:
    """Resident memory of this process, now; `held` is what it holds."""

    gc.collect()
    pid = os.getpid()
    return {
        f"{name}_mb": round(resident_mb(pid), 1),
        f"{name}_pss_mb": round(pss_kb(pid) / 1024, 1),
        "of": type(held).__name__,
    }


class Fleet:
    """Agents that speak for `per_agent` devices each; every one has its own boot, stream and birth."""

    def __init__(self, devices: int, per_agent: int) -> None:
        self.devices, self.per_agent = devices, per_agent
        self.agents = -(-devices // per_agent)
        self._reports = Reports(FIRST_MS)

    def device(self, i: int) -> str:
        return agent(i)

    def entries(self) -> Iterator[AgentEntry]:
        """As the register has them."""
        for a in range(self.agents):
            names = [self.device(i) for i in self._of(a)]
            devices = tuple(DeviceEntry(id=name, kind="kiosk", name_zh=name, name_en=name) for name in names)
            yield AgentEntry(id=agent(a * self.per_agent), group=group(a), devices=devices)

    def birth_arrival(self, a: int) -> Arrival:
        name = agent(a * self.per_agent)
        boot = _boot(a)
        said = {
            "v": 1,
            "hash": _birth(a),
            "session": 1,
            "boot": boot,
            "sent": {"boot": boot, "mono": UPTIME_MS, "wall": FIRST_MS},
            "versions": {"agent": "0.1.0"},
            "platform": "linux-x86_64",
            "capabilities": [],
            "config_hash": "77d0",
            "streams": [{"id": f"{name}-3f9c", "oldest": 1, "newest": 0}],
            "probes": ["host", "escpos"],
            "devices": [
                {"device": self.device(i), "kind": "kiosk", "local": i % self.per_agent == 0, "period_s": 60}
                | {"valid_s": 90, "arrive_by_s": 600}
                for i in self._of(a)
            ],
            "page": 1,
            "pages": 1,
        }
        plain = json.dumps(said).encode()
        return Arrival(Address(group(a), name, "birth"), door.validate_birth(plain), plain)  # type: ignore[arg-type]

    def report(self, i: int, n: int) -> bytes:
        """Report n of device i, well, as JSON: the packet of the ingest bench with names of its own."""
        a = i // self.per_agent
        packet = self._reports.packet(i, n, 1, FIRST_MS)
        body = packet[packet.index(b'{"v"') :]
        number = b'"n":%d,' % ((n - 1) * self.per_agent + i % self.per_agent + 1)
        body = body.replace(b'"n":%d,' % n, number, 1).replace(b'"paper":"end"', b'"paper":"ok"')
        body = body.replace(b'"printer.paper":"end"', b'"printer.paper":"ok"')
        body = body.replace(b"k%06d-3f9c" % i, b"k%06d-3f9c" % (a * self.per_agent))
        return body.replace(BOOT.encode(), _boot(a).encode()).replace(b"9a41c2", _birth(a).encode())

    def message(self, i: int, n: int) -> Message:
        """Report n of device i as the broker delivers it."""
        a = i // self.per_agent
        return Message(up(group(a), agent(a * self.per_agent), REPORT), self.report(i, n), 1, 1, False, 1)

    def arrival(self, i: int, n: int) -> Arrival:
        a = i // self.per_agent
        plain = self.report(i, n)
        address = Address(group(a), agent(a * self.per_agent), "report")
        return Arrival(address, door.validate_report(plain), plain)  # type: ignore[arg-type]

    def _of(self, a: int) -> range:
        return range(a * self.per_agent, min(self.devices, (a + 1) * self.per_agent))


def _boot(a: int) -> str:
    return f"{a * 2654435761 % 2**32:08x}"


def _birth(a: int) -> str:
    return f"{a * 40503 % 2**24:06x}"
