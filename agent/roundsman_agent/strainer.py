"""A socket for paho that keeps giants out: of a PUBLISH above the limit it hands on the head and throws the body away.

    Strainer(sock, on_giant=lambda topic, size: ...)

paho gathers a message in memory before anybody may look at it, and MQTT allows 256 MB. Hanging up would not help: a
retained or queued giant comes again with each connection. So it is read and let go, in small pieces; what paho sees is
the same PUBLISH with a body of one zero byte, which it acknowledges to the broker, and which nobody takes for anything.
"""

import socket
from collections.abc import Callable
from typing import Any, Final

LIMIT: Final = 1024 * 1024
"""What both brokers we configure refuse as well; our own messages end at 128 KiB."""
STAND_IN: Final = b"\0"
_PUBLISH: Final = 3
_CHUNK: Final = 16 * 1024


class Strainer:
    """As much of a socket as paho uses; see the module."""

    def __init__(self, sock: socket.socket, *, on_giant: Callable[[str, int], None], limit: int = LIMIT) -> None:
        self._sock = sock
        self._on_giant = on_giant
        self._limit = limit
        self._head = bytearray()  # of a packet that is not yet judged
        self._ready = bytearray()  # judged, paho may have it
        self._passing = 0  # bytes of this packet that go to paho as they come
        self._skipping = 0  # bytes of this packet that nobody gets
        self.passed = (0, 0)
        """Bytes that went through, both ways, and in how many calls."""

    def recv(self, size: int) -> bytes:
        """At most `size` bytes; none when the other end has closed; raises what the socket raises."""
        while not self._ready:
            if self._passing:
                data = self._count(self._sock.recv(min(self._passing, size)))
                self._passing -= len(data)
                return data
            data = self._count(self._sock.recv(min(self._skipping, _CHUNK) or 1))
            if not data:
                return b""
            if self._skipping:
                self._skipping -= len(data)
            else:
                self._head += data
                self._judge()
        given = bytes(self._ready[:size])
        del self._ready[:size]
        return given

    def send(self, data: bytes | bytearray) -> int:
        sent = self._sock.send(data)
        self.passed = self.passed[0] + sent, self.passed[1] + 1
        return sent

    def pending(self) -> int:
        """Bytes that select() cannot see: ours, and those TLS has decrypted already."""
        return len(self._ready) + int(getattr(self._sock, "pending", int)())

    def tls_session(self) -> Any:
        """What the server lets us begin the next connection with; None without TLS, or before it said."""
        session = getattr(self._sock, "session", None)
        return session if session is not None and session.has_ticket else None

    def setblocking(self, flag: bool) -> None:
        self._sock.setblocking(flag)

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()

    def _count(self, data: bytes) -> bytes:
        self.passed = self.passed[0] + len(data), self.passed[1] + (len(data) > 1)
        return data

    def _judge(self) -> None:
        """Look at what is known of the packet: of any, once its length is complete; of a giant, once its topic is."""
        fixed = _fixed(self._head)
        if fixed is None:
            return
        start, length = fixed
        if length <= self._limit:
            self._hand_on(self._head, passing=length)
        elif self._head[0] >> 4 != _PUBLISH:
            raise ConnectionError(f"a packet of kind {self._head[0] >> 4} with {length} bytes: this is no MQTT")
        elif len(self._head) >= start + 2:
            self._judge_giant(start, length)

    def _judge_giant(self, start: int, length: int) -> None:
        head = self._head
        end = start + 2 + int.from_bytes(head[start : start + 2], "big") + (2 if head[0] & 0b110 else 0)
        if end > start + length:
            raise ConnectionError("a PUBLISH whose topic is longer than itself: this is no MQTT")
        if len(head) < end:
            return
        variable = bytes(head[start:end])
        topic = variable[2 : 2 + int.from_bytes(variable[:2], "big")].decode("utf-8", "replace")
        self._skipping = start + length - end
        self._on_giant(topic, self._skipping)
        self._hand_on(bytes([head[0]]) + _length(len(variable) + len(STAND_IN)) + variable + STAND_IN, passing=0)

    def _hand_on(self, data: bytes | bytearray, *, passing: int) -> None:
        self._ready += data
        self._passing = passing
        self._head.clear()


def _fixed(head: bytearray) -> tuple[int, int] | None:
    """Where the rest of a packet begins and how long it is; None while its length is not complete."""
    length = 0
    for place, byte in enumerate(head[1:5]):
        length |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return place + 2, length
    if len(head) >= 5:
        raise ConnectionError("a packet's length of more than four bytes: this is no MQTT")
    return None


def _length(size: int) -> bytes:
    """MQTT's remaining length: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while True:
        size, low = divmod(size, 128)
        encoded.append(low | (0x80 if size else 0))
        if not size:
            return bytes(encoded)
