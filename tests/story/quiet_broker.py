"""A broker without threads: it does something only when it is asked to, so that a tale of a seed is always the same.

    agent --dial--> socket pair --serve--> queue --take, settle--> collector        lies on the way, if it is told to

As much of MQTT 3.1.1 as one agent and one collector need. `Side` is one of the collector's two subscriptions. What it
has acknowledged to the agent may be dropped, repeated or held back (`Lies`); a death may cost all it has.
"""

import random
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from roundsman_collector.mqtt import Message
from roundsman_wire import topics
from tests.mqtt_bytes import remaining_length

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 8, 12, 14


@dataclass(frozen=True, kw_only=True)
class Lies:
    """Shares of the messages it has acknowledged."""

    drops: float = 0.0
    repeats: float = 0.0
    delays: float = 0.0


@dataclass(kw_only=True)
class QuietBroker:
    """See the module."""

    rng: random.Random
    lies: Lies = field(default_factory=Lies)
    is_up: bool = True
    is_cut: bool = False
    """The agent's cable."""
    queue: list[Message] = field(default_factory=list)
    retained: dict[str, bytes] = field(default_factory=dict)
    _line: socket.socket | None = None
    _heard: bytearray = field(default_factory=bytearray)
    _late: list[Message] = field(default_factory=list)
    _serial: int = 0

    # --- what befalls it ----------------------------------------------------------------------------------------------

    def kill(self, *, forgets: bool) -> None:
        """It dies; with its disk, if it `forgets`."""
        self.drop()
        self.is_up = False
        if forgets:
            self.queue.clear()
            self._late.clear()
            self.retained.clear()

    def drop(self) -> None:
        """The agent's connection breaks; what is under way is lost."""
        if self._line is not None:
            self._line.close()
            self._line = None
        self._heard.clear()

    def come_to_rest(self) -> None:
        """It lies no more, and hands on what it held back."""
        self.lies = Lies()
        self._release()

    # --- the agent's side ---------------------------------------------------------------------------------------------

    def dial(self) -> socket.socket:
        """A connection, as the agent's thread would bring it; OSError when there is none to be had."""
        if not self.is_up or self.is_cut:
            raise ConnectionRefusedError(111, "nobody listens")
        self.drop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._line = ours
        return theirs

    def serve(self) -> None:
        """Read what the agent sent, and answer."""
        while self._line is not None:
            try:
                data = self._line.recv(65_536)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.drop()
                break
            self._heard += data
            while self._line is not None and (packet := self._packet()) is not None:
                self._answer(*packet)
        if self._late and self.rng.random() < 0.2:
            self._release()

    def tell(self, topic: str, payload: bytes) -> None:
        """Publish to the agent at QoS 0: whoever is not there hears nothing."""
        if self._line is None or self.rng.random() < self.lies.drops:
            return
        name = topic.encode()
        body = len(name).to_bytes(2, "big") + name + payload
        with suppress(OSError):
            self._line.send(bytes([PUBLISH << 4]) + remaining_length(len(body)) + body)

    def _packet(self) -> tuple[int, int, bytes] | None:
        size, shift, at = 0, 0, 1
        while True:
            if at >= len(self._heard):
                return None
            part = self._heard[at]
            size |= (part & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not part & 0x80:
                break
        if len(self._heard) < at + size:
            return None
        first, body = self._heard[0], bytes(self._heard[at : at + size])
        del self._heard[: at + size]
        return first >> 4, first & 0x0F, body

    def _answer(self, kind: int, flags: int, body: bytes) -> None:
        if kind == CONNECT:
            self._say(b"\x20\x02\x00\x00")
        elif kind == SUBSCRIBE:
            self._say(bytes([0x90, 2 + _filters(body)]) + body[:2] + b"\x01" * _filters(body))
        elif kind == PINGREQ:
            self._say(b"\xd0\x00")
        elif kind == DISCONNECT:
            self.drop()
        elif kind == PUBLISH:
            size = int.from_bytes(body[:2], "big")
            self._take(body[2 : 2 + size].decode(), body[4 + size :], is_retained=bool(flags & 1))
            self._say(b"\x40\x02" + body[2 + size : 4 + size])

    def _say(self, packet: bytes) -> None:
        with suppress(OSError):
            if self._line is not None:
                self._line.send(packet)

    def _take(self, topic: str, payload: bytes, *, is_retained: bool) -> None:
        if is_retained:
            self.retained[topic] = payload
        if self.rng.random() < self.lies.drops:
            return
        self._serial += 1
        message = Message(topic, payload, self._serial & 0xFFFF, 1, False, self._serial)
        (self._late if self.rng.random() < self.lies.delays else self.queue).append(message)
        if self.rng.random() < self.lies.repeats:
            self._serial += 1
            self._late.append(message._replace(mid=self._serial & 0xFFFF, serial=self._serial))

    def _release(self) -> None:
        self.rng.shuffle(self._late)
        self.queue += self._late
        self._late = []


class Side:
    """One of the collector's subscriptions, while one collector lives: `history`, or everything else."""

    def __init__(self, broker: QuietBroker, *, is_history: bool) -> None:
        self._broker = broker
        self._is_history = is_history
        self._held: set[int] = set()
        self._greeting = [] if is_history else self._retained()

    @property
    def connected(self) -> bool:
        return self._broker.is_up

    def step(self, _wait_s: float) -> None:
        """Nothing comes by itself."""

    def take(self, _wait_s: float, most: int) -> list[Message]:
        """What is not in the collector's hands yet."""
        if not self._broker.is_up:
            return []
        found, self._greeting = self._greeting[:most], self._greeting[most:]
        for message in self._broker.queue:
            mine = (message.topic.split("/")[4] == topics.HISTORY) == self._is_history
            if mine and message.serial not in self._held and len(found) < most:
                self._held.add(message.serial)
                found.append(message)
        return found

    def settle(self, messages: Iterable[Message]) -> None:
        """The broker may forget these."""
        done = {message.serial for message in messages}
        self._broker.queue[:] = [one for one in self._broker.queue if one.serial not in done]
        self._held -= done

    def publish_many(self, messages: Iterable[tuple[str, bytes]]) -> None:
        for topic, payload in messages:
            self._broker.tell(topic, payload)

    def _retained(self) -> list[Message]:
        return [Message(topic, payload, 0, 0, True, 0) for topic, payload in self._broker.retained.items()]


def _filters(body: bytes) -> int:
    at, count = 2, 0
    while at < len(body):
        at += 3 + int.from_bytes(body[at : at + 2], "big")
        count += 1
    return count
