"""A raw MQTT 3.1.1 client that costs next to nothing: the other end of a bench.

Packets are bytes made beforehand; PUBACKs are counted, not matched. It does what a bench needs and no more: no TLS, no
reconnect, no QoS 2. What it does not expect ends the bench.
"""

import select
import socket
import time
from collections.abc import Sequence

_CONNECT, _CONNACK, _PUBACK, _SUBSCRIBE, _SUBACK = 0x10, 0x20, 0x40, 0x82, 0x90
_PATIENCE_S = 20.0
_RECEIVE_BYTES = 1 << 18


class LineError(Exception):
    """The broker did something that a bench does not expect."""


def packet(head: int, *parts: bytes) -> bytes:
    """A control packet: its first byte, its length, its parts."""
    body = b"".join(parts)
    length, size = bytearray(), len(body)
    while True:
        size, low = divmod(size, 128)
        length.append(low | (0x80 if size else 0))
        if not size:
            return bytes((head, *length)) + body


def text(said: str) -> bytes:
    """A string as MQTT writes it."""
    return len(said.encode()).to_bytes(2, "big") + said.encode()


def publication(topic: bytes, mid: int, payload: bytes) -> bytes:
    """A PUBLISH of QoS 1 with 128 to 16,383 bytes behind its length."""
    size = len(topic) + len(payload) + 4
    return b"\x32%c%c%b%b%b%b" % (
        (size & 0x7F) | 0x80,
        size >> 7,
        len(topic).to_bytes(2, "big"),
        topic,
        mid.to_bytes(2, "big"),
        payload,
    )


class RawLine:
    """One connection."""

    def __init__(self, port: int, user: str, password: str, client_id: str) -> None:
        self.confirmed = 0
        """How many of our publications the broker has."""
        self.heard: list[tuple[float, bytes]] = []
        """(monotonic time, topic and payload) of what was subscribed to."""
        self._out = bytearray()
        self._rest = b""
        self._answers: list[int] = []
        self._socket = socket.create_connection(("127.0.0.1", port), _PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        clean_with_login, no_keepalive = b"\xc2", b"\x00\x00"
        head = text("MQTT") + b"\x04" + clean_with_login + no_keepalive
        self._ask(packet(_CONNECT, head, text(client_id), text(user), text(password)), _CONNACK)

    def subscribe(self, filters: Sequence[str]) -> None:
        """Hear what is published there, at QoS 0."""
        self._ask(packet(_SUBSCRIBE, b"\x00\x01", *(text(one) + b"\x00" for one in filters)), _SUBACK)

    def send(self, packets: bytes) -> None:
        """Queue packets and send what the socket takes."""
        self._out += packets
        self.turn()

    @property
    def unsent(self) -> int:
        return len(self._out)

    def turn(self) -> None:
        """Send and receive what is possible without waiting."""
        readable, writable, _ = select.select([self._socket], [self._socket] if self._out else [], [], 0)
        if writable:
            del self._out[: self._socket.send(self._out[:_RECEIVE_BYTES], socket.MSG_DONTWAIT)]
        if readable:
            self._take(self._socket.recv(_RECEIVE_BYTES))

    def close(self) -> None:
        self._socket.close()

    def _ask(self, said: bytes, answer: int) -> None:
        self.send(said)
        deadline = time.monotonic() + _PATIENCE_S
        while answer not in self._answers:
            if time.monotonic() > deadline:
                raise LineError(f"the broker did not answer {said[0]:#04x} with {answer:#04x}")
            select.select([self._socket], [], [], 0.1)
            self.turn()
        self._answers.remove(answer)

    def _take(self, chunk: bytes) -> None:
        if not chunk:
            raise LineError("the broker closed the connection")
        data, at, now = self._rest + chunk, 0, time.monotonic()
        end = len(data)
        while end - at >= 4:
            head, length, body = data[at], data[at + 1], at + 2
            if length & 0x80:
                length = (length & 0x7F) | (data[body] << 7)
                body += 1
            if body + length > end:
                break
            if head == _PUBACK:
                self.confirmed += 1
            elif head & 0xF0 == 0x30:
                self.heard.append((now, data[body + 2 : body + length]))
            elif head == _CONNACK and data[body + 1] != 0:
                raise LineError(f"the broker refused the connection: code {data[body + 1]}")
            elif head == _SUBACK and 0x80 in data[body + 2 : body + length]:
                raise LineError("the broker refused a subscription")
            else:
                self._answers.append(head)
            at = body + length
        self._rest = data[at:]
