"""A line that lies, and a collector behind it that does not: what one does to messages, what the other is left with.

    with TinyBroker() as broker:
        line = Line(broker, random.Random(1), drops=0.3, repeats=0.2, delays=0.2)
        collector = Collector(epoch="e1")
        for message in line.passed():     what came out of what the agent published: less, twice, in another order
            collector.take(message)
        line.send(topic, collector.ack(...))      may be lost as well, or come twice

The broker has acknowledged everything that the line drops: the agent learns of it from nobody but the collector.
"""

import json
import random
from typing import Any

from roundsman_wire.codec import encode, rows, unpack
from roundsman_wire.ranges import RangeSet
from tests.agent.tiny_broker import Publish, TinyBroker


class Line:
    """What lies between the agent and the collector; shares are of messages."""

    def __init__(
        self, broker: TinyBroker, rng: random.Random, *, drops: float = 0.3, repeats: float = 0.2, delays: float = 0.2
    ) -> None:
        self._broker = broker
        self._rng = rng
        self._drops, self._repeats, self._delays = drops, repeats, delays
        self._read = 0
        self._held: list[Publish] = []

    def passed(self) -> list[Publish]:
        """What reaches the collector now."""
        fresh = self._broker.published[self._read :]
        self._read += len(fresh)
        out = []
        for message in fresh:
            if self._rng.random() < self._drops:
                continue
            (self._held if self._rng.random() < self._delays else out).append(message)
            if self._rng.random() < self._repeats:
                self._held.append(message)
        if self._held and self._rng.random() < 0.3:
            self._rng.shuffle(self._held)
            out += self._held
            self._held = []
        return out

    def send(self, topic: str, body: Any) -> None:
        """Publish to the agent, if the line feels like it."""
        times = 0 if self._rng.random() < self._drops else 1 + (self._rng.random() < self._repeats)
        for _ in range(times):
            self._broker.send(topic, body)


class Collector:
    """What the collector does with records: each number once, and an alarm when it comes with another body."""

    def __init__(self, epoch: str = "e1") -> None:
        self.epoch = epoch
        self.stored: dict[str, dict[int, bytes]] = {}
        self.settled: dict[str, RangeSet] = {}
        self.cloned: list[tuple[str, int]] = []
        self.repeated = 0

    def take(self, message: Publish) -> None:
        """Store what a report or a history message brings."""
        if message.topic.split("/")[4] not in ("report", "history"):
            return
        said = json.loads(unpack(message.payload))
        stored = self.stored.setdefault(said["stream"], {})
        settled = self.settled.setdefault(said["stream"], RangeSet())
        for record in rows(said):
            n, body = record["n"], encode(record)
            settled.add(n, n)
            if record["kind"] == "gap" and record["lost"]:
                settled.add(*record["lost"])
            if n not in stored:
                stored[n] = body
                continue
            self.repeated += 1
            if stored[n] != body:
                self.cloned.append((said["stream"], n))

    def ack(self, stream: str, *, at: int, echo: int) -> dict[str, Any]:
        """What it has of a stream: the prefix, and 32 ranges of the rest."""
        settled = self.settled.get(stream, RangeSet())
        upto = settled.upto()
        also = [[a, b] for a, b in settled if a > upto][:32]
        return {"v": 1, "stream": stream, "epoch": self.epoch, "upto": upto, "also": also, "at": at, "echo": echo}
