"""The fleet that reports in a bench: one agent and one kiosk each, 20 readings, every body different.

Reports are byte templates filled in (about 2 µs), so that the generator costs little beside what it measures. Of 200
reports of a device the first three say that the paper is out: with `for_s` of 60 s a fault begins and ends, two
transitions in 200 reports. Devices are in different places of that cycle.
"""

import json
import random
from collections.abc import Iterator

from roundsman_collector.store.register import AgentEntry, DeviceEntry
from tests.bench._line import publication

PERIOD_MS = 60_000
CYCLE = 200
FAULTY = 3
SAMPLED_EVERY = 50
GROUP, SAMPLED_GROUP = "south", "probe"
VARIANTS = 4093
BOOT = "b41e7c02"
UPTIME_MS = 8_000_000

_REPORT = (
    b'{"v":1,"stream":"k%06d-3f9c","birth":"9a41c2","sent":{"boot":"b41e7c02","mono":%d,"wall":%d},"records":'
    b'[{"n":%d,"kind":"sample","boot":"b41e7c02","mono":%d,"t":%d,"device":"k%06d","valid_s":90,"readings":'
    b'{"printer.paper":"%b",%b}}]}'
)


def entries(count: int) -> Iterator[AgentEntry]:
    """The fleet as the register has it."""
    for i in range(count):
        name = agent(i)
        device = DeviceEntry(id=name, kind="kiosk", name_zh=f"自助终端 {i}", name_en=f"Kiosk {i}")
        yield AgentEntry(id=name, group=group(i), devices=(device,))


def agent(i: int) -> str:
    return f"k{i:06d}"


def group(i: int) -> str:
    """Those whose acknowledgements are listened to are a group of their own."""
    return GROUP if i % SAMPLED_EVERY else SAMPLED_GROUP


def topic(i: int, leaf: str) -> bytes:
    return f"rm/1/{group(i)}/{agent(i)}/{leaf}".encode()


def birth(i: int, mid: int, now_ms: int) -> bytes:
    """The packet with the birth of agent i."""
    name = agent(i)
    said = {
        "v": 1,
        "hash": "9a41c2",
        "session": 1,
        "boot": BOOT,
        "sent": {"boot": BOOT, "mono": UPTIME_MS, "wall": now_ms},
        "versions": {"agent": "0.1.0"},
        "platform": "linux-x86_64",
        "capabilities": [],
        "config_hash": "77d0",
        "streams": [{"id": f"{name}-3f9c", "oldest": 1, "newest": 0}],
        "probes": ["host", "escpos"],
        "devices": [
            {"device": name, "kind": "kiosk", "local": True, "period_s": 60, "valid_s": 90, "arrive_by_s": 600}
        ],
        "page": 1,
        "pages": 1,
    }
    return publication(topic(i, "birth"), mid, json.dumps(said, separators=(",", ":")).encode())


class Reports:
    """The reports of the fleet, number after number; the time they speak of rises by 60 s each."""

    def __init__(self, first_ms: int) -> None:
        self._first_ms = first_ms
        self._variants = [_readings(random.Random(seed)) for seed in range(VARIANTS)]

    def packet(self, i: int, n: int, mid: int, now_ms: int) -> bytes:
        """The packet with report n (from 1 on) of agent i."""
        t = self._first_ms + (n - 1) * PERIOD_MS + i % 1000
        mono = UPTIME_MS + t - self._first_ms
        paper = b"end" if (i * 7919 + n) % CYCLE < FAULTY else b"ok"
        readings = self._variants[(i * 31 + n) % VARIANTS]
        said = _REPORT % (i, mono + 40, now_ms, n, mono, t, i, paper, readings)
        return publication(topic(i, "report"), mid, said)


def _readings(chance: random.Random) -> bytes:
    """19 readings that are well."""
    readings = {
        "printer.cover": "closed",
        "printer.state": "online",
        "printer.error": "none",
        "host.cpu_percent": round(chance.uniform(2, 70), 1),
        "host.load_1m": round(chance.uniform(0, 4), 2),
        "host.memory_percent": round(chance.uniform(20, 80), 1),
        "host.swap_percent": round(chance.uniform(0, 20), 1),
        "host.uptime_s": chance.randrange(9_000_000),
        "disk[/].used_percent": round(chance.uniform(10, 80), 1),
        "disk[/].free_mb": chance.randrange(500_000),
        "disk[/].inodes_percent": round(chance.uniform(1, 50), 1),
        "disk[/].readonly": "no",
        "disk[/data].used_percent": round(chance.uniform(10, 80), 1),
        "temperature[cpu].celsius": round(chance.uniform(30, 70), 1),
        "clock.synchronised": "yes",
        "clock.max_error_ms": chance.randrange(200),
        "net.rx_bytes": chance.randrange(2**40),
        "net.tx_bytes": chance.randrange(2**40),
        "net.errors": chance.randrange(3),
    }
    return json.dumps(readings, separators=(",", ":")).encode()[1:-1]
