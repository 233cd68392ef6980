"""Somebody who speaks as an agent, word by word: what a real agent would never say, a tale says through this.

talker = Talker(site, "kiosk-7");  talker.birth()
n = talker.say(talker.sample("kiosk-7", host__cpu_percent=5.0))       one report with one record
talker.await_settled(n)                                               the collector's own acknowledgement
talker.refused                                                        {number: cause}
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from roundsman_wire import topics
from roundsman_wire.codec import birth_hash, encode
from tests.brokers import GROUP, Peer, agent_peer
from tests.story.site import CAST, Site

BOOT = "story-boot"
UP_MS = 60 * 60 * 1000
"""The machine of a talker is up for an hour."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Talker:
    """See the module. Its stream is its own; the line to the broker is raw."""

    def __init__(self, site: Site, agent: str, stream: str = "", *, connect: bool = True) -> None:
        self.site = site
        self.agent = agent
        self.stream = stream or f"{agent}-talks"
        self.n = 0
        self.devices: list[Any] = [
            {
                "device": device,
                "kind": "story",
                "local": device == agent,
                "period_s": 60.0,
                "valid_s": 90.0,
                "arrive_by_s": 180.0,
            }
            for device, _ in CAST[agent]
        ]
        self._booted = now_ms() - UP_MS
        acks = (topics.down(GROUP, agent, topics.ACK),)
        self._line = agent_peer(site.broker, agent, filters=acks) if connect else None

    @property
    def _peer(self) -> Peer:
        assert self._line is not None, f"the talker in the name of {self.agent} has no line of its own"
        return self._line

    @property
    def hash(self) -> str:
        return birth_hash(self.devices, "story")

    @property
    def sent(self) -> dict[str, Any]:
        now = now_ms()
        return {"boot": BOOT, "mono": now - self._booted, "wall": now}

    # --- messages ----------------------------------------------------------------------------------------------------

    def birth(self, **changes: Any) -> None:
        """Say who it is."""
        self.publish(topics.BIRTH, self.birth_said(**changes))

    def birth_said(self, **changes: Any) -> bytes:
        """Its birth, with changes."""
        said = {
            "v": 1,
            "hash": self.hash,
            "session": 1,
            "boot": BOOT,
            "sent": self.sent,
            "versions": {"agent": "0"},
            "platform": "story",
            "capabilities": [],
            "config_hash": "story",
            "streams": [{"id": self.stream, "oldest": 1, "newest": self.n}],
            "probes": ["host"],
            "devices": self.devices,
            "page": 1,
            "pages": 1,
        }
        return encode({**said, **changes})

    def sample(self, device: str = "", /, **readings: Any) -> dict[str, Any]:
        """The next record: a sample of now."""
        self.n += 1
        now = now_ms()
        return {
            "n": self.n,
            "kind": "sample",
            "boot": BOOT,
            "mono": now - self._booted,
            "t": now,
            "device": device or self.agent,
            "valid_s": 90.0,
            "readings": {name.replace("__", "."): value for name, value in readings.items()},
        }

    def report(self, *records: Mapping[str, Any], **changes: Any) -> bytes:
        """A report of these records."""
        said = {"v": 1, "stream": self.stream, "birth": self.hash, "sent": self.sent, "records": list(records)}
        return encode({**said, **changes})

    def publish(self, leaf: str, payload: bytes) -> None:
        """Publish below its own root; returns when the broker has acknowledged it."""
        self._peer.publish(topics.up(GROUP, self.agent, leaf), payload)

    def publish_many(self, payloads: list[bytes]) -> None:
        """Publish reports; returns when the broker has acknowledged all."""
        topic = topics.up(GROUP, self.agent, topics.REPORT)
        self._peer.publish_many([(topic, payload) for payload in payloads])

    def publish_anywhere(self, topic: str, payload: bytes) -> None:
        """Publish where it may not, or what no broker takes: on a line of its own, which may be cut for it."""
        client = paho.Client(CallbackAPIVersion.VERSION2, f"{self.agent}-elsewhere", reconnect_on_failure=False)
        over: list[object] = []
        client.username_pw_set(*self.site.broker.user_for(self.agent))
        client.on_publish = lambda *_: over.append("the broker's PUBACK")
        client.on_disconnect = lambda *_: over.append("cut")
        client.on_connect = lambda *_: client.publish(topic, payload, qos=1)
        client.connect(self.site.broker.host, self.site.broker.port)
        client.loop_start()
        try:
            self.site.until(lambda: over, f"{self.agent} has published on {topic}, or was cut")
        finally:
            client.disconnect()
            client.loop_stop()

    def say(self, *records: Mapping[str, Any], leaf: str = topics.REPORT) -> int:
        """Report records; return the largest number."""
        self.publish(leaf, self.report(*records))
        return max(record["n"] for record in records)

    # --- answers -----------------------------------------------------------------------------------------------------

    @property
    def acks(self) -> list[dict[str, Any]]:
        """What the collector acknowledged of its stream, in order."""
        said = [json.loads(payload) for _, payload, _ in list(self._peer.heard)]
        return [one for one in said if one["stream"] == self.stream]

    @property
    def refused(self) -> dict[int, str]:
        """Numbers that the collector settled as refused, with the cause."""
        return {
            n: cause
            for ack in self.acks
            for first, last, cause in ack.get("refused", ())
            for n in range(first, last + 1)
        }

    def is_settled(self, n: int) -> bool:
        return any(
            n <= ack["upto"] or any(first <= n <= last for first, last in ack.get("also", ())) for ack in self.acks
        )

    def await_settled(self, n: int) -> None:
        """Wait for the collector's acknowledgement of a number."""
        self.site.until(lambda: self.is_settled(n), f"number {n} of {self.agent} is settled; heard {self.acks[-3:]}")

    def proves_alive(self) -> int:
        """A good record gets through and is settled: nothing blocks the queue. Returns its number."""
        n = self.say(self.sample(host__cpu_percent=5.0))
        self.await_settled(n)
        assert n not in self.refused, f"a good record was refused: {self.refused}"
        return n
