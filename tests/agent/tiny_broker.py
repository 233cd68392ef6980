"""A broker of one socket: just enough MQTT 3.1.1 for one agent, and it does what the test tells it.

    with TinyBroker() as broker:
        broker.port          where it listens
        broker.published     every publish it got: (topic, payload, retain)
        broker.send(topic, payload, qos)
        broker.raw(data)                 bytes to the agent as they are, MQTT or not
    broker.answered                  the ids of our QoS 1 publishes that the agent acknowledged
    broker.acknowledges = False      takes publishes and says nothing
    broker.grants = False            refuses subscriptions
        broker.refuses = 5               the return code of the next CONNACKs
        broker.drop()                    cuts the connection

It is a fake at the socket, for what a real broker cannot be made to do; the real ones are in tests/brokers.py, which
need the collector installed. tests/agent/liar.py is one that lies.
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from tests.mqtt_bytes import remaining_length

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 4, 8, 12, 14


class Publish(NamedTuple):
    topic: str
    payload: bytes
    retain: bool

    @property
    def body(self) -> Any:
        return json.loads(self.payload)


class Will(NamedTuple):
    topic: str
    payload: bytes


class TinyBroker:
    def __init__(self) -> None:
        self.published: list[Publish] = []
        self.subscribed: dict[str, int] = {}
        self.will: Will | None = None
        self.client_id = ""
        self.user: str | None = None
        self.connects = 0
        self.farewells = 0
        self.acknowledges = True
        self.grants = True
        self.answered: list[int] = []
        self.refuses = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "TinyBroker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        self._thread.join(5)

    def drop(self) -> None:
        """Cut the connection without a word."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def send(self, topic: str | bytes, body: Any, qos: int = 0, *, retain: bool = False) -> None:
        """Publish to the agent."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        name = topic if isinstance(topic, bytes) else topic.encode()
        packet = struct.pack("!H", len(name)) + name + (b"\0\7" if qos else b"") + payload
        self.raw(bytes([PUBLISH << 4 | qos << 1 | retain]) + remaining_length(len(packet)) + packet)

    def raw(self, data: bytes) -> None:
        """Send bytes to the agent as they are."""
        assert self._connection is not None
        self._connection.sendall(data)

    def leaf(self, leaf: str) -> list[Any]:
        """The bodies published on a leaf of the topic tree."""
        return [one.body for one in self.published if one.topic.split("/")[4] == leaf]

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connection = connection
            with suppress(OSError, EOFError), connection:
                while True:
                    self._answer(connection, *_packet(connection))

    def _answer(self, connection: socket.socket, kind: int, flags: int, body: bytes) -> None:
        if kind == CONNECT:
            self.connects += 1
            self._read_connect(body)
            connection.sendall(bytes([0x20, 2, 0, self.refuses]))
            if self.refuses:
                raise EOFError
        elif kind == SUBSCRIBE:
            at, granted = 2, []
            while at < len(body):
                topic, at = _text(body, at)
                self.subscribed[topic] = body[at]
                granted.append(body[at] if self.grants else 0x80)
                at += 1
            connection.sendall(bytes([0x90, 2 + len(granted)]) + body[:2] + bytes(granted))
        elif kind == PUBLISH:
            topic, at = _text(body, 0)
            mid, at = body[at : at + 2], at + 2
            self.published.append(Publish(topic, body[at:], bool(flags & 1)))
            if self.acknowledges:
                connection.sendall(bytes([0x40, 2]) + mid)
        elif kind == PUBACK:
            self.answered.append(int.from_bytes(body, "big"))
        elif kind == PINGREQ:
            connection.sendall(bytes([0xD0, 0]))
        elif kind == DISCONNECT:
            self.farewells += 1
            raise EOFError

    def _read_connect(self, body: bytes) -> None:
        flags, at = body[7], 10
        self.client_id, at = _text(body, at)
        self.clean = bool(flags & 2)
        if flags & 4:
            topic, at = _text(body, at)
            payload, at = _text(body, at)
            self.will = Will(topic, payload.encode())
        self.user = _text(body, at)[0] if flags & 0x80 else None


def _text(body: bytes, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from("!H", body, at)
    return body[at + 2 : at + 2 + size].decode(), at + 2 + size


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _packet(connection: socket.socket) -> tuple[int, int, bytes]:
    first = _read(connection, 1)[0]
    size, shift = 0, 0
    while True:
        part = _read(connection, 1)[0]
        size |= (part & 0x7F) << shift
        shift += 7
        if not part & 0x80:
            return first >> 4, first & 0x0F, _read(connection, size)


def until(happened: Callable[[], Any], what: str, seconds: float = 15) -> None:
    """Wait for something real; fail saying what did not happen."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"within {seconds:g} s not: {what}"
        time.sleep(0.005)
