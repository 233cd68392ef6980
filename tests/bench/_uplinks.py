"""Many real uplinks in one process: a child of the reconnect bench.

python -m tests.bench._uplinks JSON

Each has a spool, an isolation and a paho of its own and reports every 10 s. What happens is printed: one JSON object a
line with `at` (monotonic seconds, the same for all processes), `i` and `what`: dial, online, offline.
"""

import json
import random
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

from roundsman_agent.birth import Pages
from roundsman_agent.clock import Moment, SystemClock
from roundsman_agent.config import Broker, UplinkSettings
from roundsman_agent.isolate import Isolation
from roundsman_agent.spool import Spool
from roundsman_agent.uplink import Uplink
from roundsman_wire.codec import encode
from tests.brokers import GROUP

PERIOD_MS = 10_000
LOOK_MS = 200
"""The longest sleep of the loop."""


class One:
    """An agent without probes."""

    def __init__(self, told: dict[str, Any], i: int, clock: SystemClock) -> None:
        self.i = i
        self.name = f"k{i:06d}"
        now = clock.now()
        self.spool = Spool.open(
            str(Path(told["folder"]) / self.name), now=now, max_bytes=2_000_000, free_floor_bytes=0, fsync_ms=60_000
        )
        self.isolation = Isolation()
        self.uplink = Uplink(
            agent=self.name,
            group=GROUP,
            broker=_broker(told),
            settings=_settings(told["spread_s"]),
            spool=self.spool,
            isolation=self.isolation,
            birth=self._birth,
            on_command=lambda *_: None,
            on_offset=lambda *_: None,
            now=now,
            rng=random.Random(i),
        )
        self.next_sample = now.mono + i * 97 % PERIOD_MS
        self.was_online = False
        self.dials = 0

    def turn(self, now: Moment) -> None:
        """A step, and a line for whatever it changed."""
        if now.mono >= self.next_sample:
            self.next_sample += PERIOD_MS
            readings = {"host.cpu_percent": now.mono % 97}
            record = {"kind": "sample", "boot": now.boot, "mono": now.mono, "t": now.wall, "device": self.name}
            self.spool.take({**record, "valid_s": 15, "readings": readings})
        for outcome in self.isolation.collect(now.mono):
            self.uplink.dialed(outcome, now)
        self.uplink.step(now)
        self.spool.tend(now)
        if self.uplink._dials != self.dials:
            self.dials = self.uplink._dials
            self._print("dial")
        if self.uplink.is_online != self.was_online:
            self.was_online = self.uplink.is_online
            self._print("online" if self.was_online else "offline")

    def wake_at(self, now: Moment) -> int:
        return min(self.next_sample, self.uplink.wake_at(now))

    def sockets(self) -> list[Any]:
        sock = self.uplink.connection()
        return [self.isolation.wake] if sock is None else [self.isolation.wake, sock]

    def _birth(self, now: Moment) -> Pages:
        return Pages(hash="9a41c2", payloads=[encode({"v": 1, "hash": "9a41c2", "session": self.spool.session})])

    def _print(self, what: str) -> None:
        print(json.dumps({"at": time.monotonic(), "i": self.i, "what": what}), flush=True)


def _broker(told: dict[str, Any]) -> Broker:
    return Broker(
        host="127.0.0.1", port=told["port"], user=told["user"], password=told["password"], password_file="",
        tls=False, ca="", cert="", key="", keepalive_s=60,
    )  # fmt: skip


def _settings(spread_s: float) -> UplinkSettings:
    from tests.bench.reconnect import _defaults

    found = _defaults()
    return UplinkSettings(**{name: getattr(found, name) for name in found.__slots__} | {"reconnect_spread_s": spread_s})


def main(told: dict[str, Any]) -> None:
    """Until SIGTERM."""
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    clock = SystemClock()
    fleet = [One(told, told["first"] + i, clock) for i in range(told["count"])]
    while not stopping:
        now = clock.now()
        for one in fleet:
            is_ready = one.uplink.wants_to_write() or select.select(one.sockets(), [], [], 0)[0]
            if is_ready or now.mono >= one.wake_at(now):
                one.turn(now)
        now = clock.now()
        wait_ms = max(min(min(one.wake_at(now) for one in fleet) - now.mono, LOOK_MS), 0)
        select.select([sock for one in fleet for sock in one.sockets()], [], [], wait_ms / 1000)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
