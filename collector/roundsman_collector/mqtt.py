"""The collector's MQTT edge: messages in batches, acknowledged to the broker after the commit.

    live = Subscription(Line(host=…, port=…, user=…, password=…), client_id=…, filters=topics.LIVE_FILTERS)
    loop:  wait([live, history], timeout_seconds)
           messages = live.take(0)            up to `limit`, in the order of arrival
           ... decide, commit ...
           live.settle(messages)              one write: every PUBACK of the batch
           live.publish_many([(topic, payload), ...])     one write: our own `ack` messages, QoS 0

         socket --recv 256 KiB--> our framing --PUBLISH--> queue --take--> caller --settle--> PUBACKs --+
           ^                          |                                                                 |
           |                          +--all else--> paho --CONNECT, SUBSCRIBE, PINGREQ, QoS 1 out--+   |
           +----------------------------------------- out (one buffer, one send) <------------------+---+

paho 2.2 knows the protocol (3.1.1); the socket, the buffers and the two hot packets are ours. paho reads a packet in
three `recv` of a few bytes and makes an object with a lock for each message: 10 times the cost (docs/decisions/0002).

Rules:
* One thread, one loop, no callbacks to the caller: nothing happens between two calls. Nothing here blocks but `wait`
  (and `take` with a timeout), and the look-up of the broker's host name.
* What was taken and not settled comes again after a reconnect (mosquitto: at once, in order; NATS: after its ack_wait,
  behind what is new). A message of an earlier connection is never acknowledged on a later one: `serial` tells.
* A copy of a message that the caller still holds (NATS repeats after ack_wait) is dropped and counted.
* Whatever a broker delivers is handed up: any size, any topic (bytes that are not UTF-8 appear as \\xNN).
* QoS 0 messages to the agents are dropped while offline or while the broker does not read: the agents ask again.
* Reconnects back off with jitter, for ever; `last_error` says why, the log says it once.
"""

import contextlib
import errno
import random
import selectors
import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

import structlog
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MQTTException

# Everything private of paho that is used here; tests/collector/test_paho_contract.py looks for it in the installed one.
PAHO_VERSION = "2.2.0"
PAHO_PRIVATE = (
    ("_create_socket", "overridden: hands paho the connected socket"),
    ("_sock_send", "overridden: puts paho's packets into our one buffer"),
    ("_in_packet", "filled: the packet to be handled"),
    ("_packet_handle", "called: handle that packet"),
)

WINDOW = 2000  # messages in flight: what the broker is configured to send before it waits for acknowledgements
RECEIVE_BYTES = 256 * 1024
SEND_BYTES = 256 * 1024
MAX_UNSENT_BYTES = 4 * 1024 * 1024  # beyond this the broker does not read: drop QoS 0
KEEPALIVE_SECONDS = 30
DIAL_SECONDS = 5.0  # TCP and TLS
GREETING_SECONDS = 10.0  # CONNECT to SUBACK
RETRY_FIRST_SECONDS = 0.25
RETRY_LAST_SECONDS = 30.0
STEADY_SECONDS = 10.0  # a connection that lived this long has earned a quick retry
FAREWELL_SECONDS = 1.0

_PUBLISH = 0x30
_DISCONNECT = b"\xe0\x00"
_PUBACK = struct.Struct(">HH")
_PUBACK_HEAD = 0x4002
_U16 = struct.Struct(">H")

log = structlog.get_logger(__name__)


class Phase(Enum):
    """Where a connection stands, and what the socket is waited for."""

    RESTING = "waits until the next attempt"
    DIALLING = "TCP connection under way"
    SHAKING = "TLS handshake under way"
    GREETING = "CONNECT sent, CONNACK or SUBACK awaited"
    UP = "subscribed"
    CLOSED = "closed for good"


class Message(NamedTuple):
    """One message as the broker delivered it; `serial` is the subscription's own number for it."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    retain: bool
    serial: int


@dataclass(frozen=True, kw_only=True)
class Line:
    """How to reach a broker."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None


@dataclass(kw_only=True)
class Counters:
    """What a subscription has seen since it was made."""

    connects: int = 0  # subscribed anew
    losses: int = 0  # connections and attempts that failed
    received: int = 0  # messages
    received_bytes: int = 0  # on the wire, before TLS
    repeated: int = 0  # copies of messages still held, dropped
    settled: int = 0  # acknowledged to the broker
    sent_bytes: int = 0
    published: int = 0  # QoS 0, handed to the line
    unpublished: int = 0  # QoS 0, dropped


class LineLost(Exception):
    """The connection to the broker ended."""


class Subscription:
    """A persistent session at a broker, its filters at QoS 1, and the way back to the agents."""

    def __init__(
        self,
        line: Line,
        *,
        client_id: str,
        filters: Sequence[str],
        keepalive_seconds: int = KEEPALIVE_SECONDS,
    ) -> None:
        self.line = line
        self.client_id = client_id
        self.filters = tuple(filters)
        self.counters = Counters()
        self.phase = Phase.RESTING
        self.last_error = ""
        self._out = bytearray()
        self._paho = _Paho(line, client_id, keepalive_seconds, self._out)
        self._paho.on_connect = self._on_connect
        self._paho.on_subscribe = self._on_subscribe
        self._paho.on_publish = self._on_publish
        self._sock: socket.socket | None = None
        self._addresses: deque[Any] = deque()  # of getaddrinfo, not tried yet
        self._deadline = 0.0  # of the phase
        self._wants_write = False  # TLS handshake
        self._has_subscribed = False  # in this process: an older session may hold other filters
        self._attempts = 0
        self._up_since = 0.0
        self._unconfirmed = 0
        self._parts: list[bytes] = []  # received, not a whole packet yet
        self._have = 0
        self._need = 2
        self._queue: deque[Message] = deque()
        self._held: dict[int, int] = {}  # mid -> serial of what is received and not settled
        self._serial = 0

    # --- for the caller's loop ---

    @property
    def connected(self) -> bool:
        """Whether messages flow."""
        return self.phase is Phase.UP

    @property
    def held(self) -> int:
        """How many QoS 1 messages are received and not settled."""
        return len(self._held)

    @property
    def unconfirmed(self) -> int:
        """How many retained messages the broker has not confirmed."""
        return self._unconfirmed

    def take(self, timeout_seconds: float = 0.0, limit: int = WINDOW) -> list[Message]:
        """Return up to `limit` messages; wait for the first one at most `timeout_seconds`, return [] if none came."""
        if len(self._queue) < limit:
            self.step(limit)
        deadline = time.monotonic() + timeout_seconds
        while not self._queue and (left := deadline - time.monotonic()) > 0:
            wait([self], left)
            self.step(limit)
        if len(self._queue) <= limit:
            batch = list(self._queue)
            self._queue.clear()
            return batch
        return [self._queue.popleft() for _ in range(limit)]

    def settle(self, messages: Iterable[Message]) -> int:
        """Acknowledge messages to the broker in one write; return how many.

        Skipped: QoS 0, settled before, and what came by an earlier connection (the broker sends it again).
        """
        pack, held = _PUBACK.pack, self._held
        acks = []
        for message in messages:
            if held.get(message.mid) == message.serial:
                del held[message.mid]
                acks.append(pack(_PUBACK_HEAD, message.mid))
        self._out += b"".join(acks)
        self.counters.settled += len(acks)
        self._flush_or_lose()
        return len(acks)

    def publish_many(self, messages: Iterable[tuple[str, bytes]]) -> int:
        """Send messages at QoS 0 in one write; return how many, 0 while offline or the broker does not read."""
        packets = [_publish_packet(topic, payload) for topic, payload in messages]
        if self.phase is not Phase.UP or len(self._out) > MAX_UNSENT_BYTES:
            self.counters.unpublished += len(packets)
            return 0
        self._out += b"".join(packets)
        self.counters.published += len(packets)
        self._flush_or_lose()
        return len(packets)

    def publish_retained(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 1, retained; kept in memory and sent again until the broker confirms. For rare messages."""
        self._unconfirmed += 1
        self._paho.publish(topic, payload, qos=1, retain=True)
        self._flush_or_lose()

    def step(self, limit: int = WINDOW) -> None:
        """Do what can be done without waiting: dial, send, receive while fewer than `limit` are queued, ping."""
        try:
            if self.phase is Phase.RESTING and time.monotonic() >= self._deadline:
                self._dial()
            if self.phase is Phase.DIALLING:
                self._dialled()
            if self.phase is Phase.SHAKING:
                self._shake()
            if self.phase in (Phase.GREETING, Phase.UP):
                self._flush()
                self._receive(limit)
                self._flush()
            if self.phase not in (Phase.UP, Phase.RESTING, Phase.CLOSED) and time.monotonic() > self._deadline:
                raise LineLost(f"no answer: {self.phase.value}")
        except (OSError, LineLost) as error:
            self._lose(error)

    def close(self) -> None:
        """Send what is unsent, say goodbye, close; a second at most. Messages not settled stay with the broker.

        The broker has read everything when it hangs up: who took over the session before that (mosquitto reads packet
        by packet) would be sent again what was settled last.
        """
        if self.phase is Phase.UP:
            self._out += _DISCONNECT
            deadline = time.monotonic() + FAREWELL_SECONDS
            with contextlib.suppress(OSError):
                while not self._is_hung_up() and (left := deadline - time.monotonic()) > 0:
                    wait([self], left)
        self._hang_up()
        self.phase = Phase.CLOSED

    def fileno(self) -> int | None:
        """The socket to wait for, None while there is none."""
        return self._sock.fileno() if self._sock is not None else None

    @property
    def interest(self) -> int:
        """What to wait for on the socket, in the words of `selectors`."""
        if self.phase is Phase.DIALLING or (self.phase is Phase.SHAKING and self._wants_write):
            return selectors.EVENT_WRITE
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)

    def patience(self) -> float:
        """After how many seconds `step` has something to do even if the socket stays silent."""
        if self._queue or (self.phase is Phase.UP and _decrypted(self._sock)):
            return 0.0
        if self.phase is Phase.UP:
            return 1.0  # a look at the keep-alive
        return max(0.0, self._deadline - time.monotonic()) if self.phase is not Phase.CLOSED else 60.0

    # --- the connection ---

    def _dial(self) -> None:
        """Begin a TCP connection to the next address of the broker; look its name up when none is left."""
        if not self._addresses:
            self._addresses.extend(
                socket.getaddrinfo(self.line.host, self.line.port, type=socket.SOCK_STREAM)  # may block
            )
        family, kind, protocol, _, address = self._addresses.popleft()
        self._sock = socket.socket(family, kind, protocol)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = self._sock.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, errno.errorcode.get(code, "?"))
        self._enter(Phase.DIALLING, DIAL_SECONDS)

    def _dialled(self) -> None:
        assert self._sock is not None
        if not _is_writable(self._sock):
            return
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, errno.errorcode.get(code, "?"))
        if self.line.tls is None:
            self._greet()
        else:
            self._sock = self.line.tls.wrap_socket(
                self._sock, server_hostname=self.line.host, do_handshake_on_connect=False
            )
            self._enter(Phase.SHAKING, DIAL_SECONDS)

    def _shake(self) -> None:
        assert isinstance(self._sock, ssl.SSLSocket)
        try:
            self._sock.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as want:
            self._wants_write = isinstance(want, ssl.SSLWantWriteError)
            return
        self._greet()

    def _greet(self) -> None:
        """Forget what belonged to the connection before, and have paho send CONNECT on the new one."""
        assert self._sock is not None
        self._addresses.clear()
        self._forget()
        self._paho.line_socket = self._sock
        self._paho.reconnect()
        self._enter(Phase.GREETING, GREETING_SECONDS)

    def _on_connect(self, _c: object, _u: object, flags: paho.ConnectFlags, reason: Any, _p: object) -> None:
        if reason.is_failure:
            raise LineLost(f"the broker refused the connection: {reason}")
        if flags.session_present and self._has_subscribed:
            self._arrive()
        else:
            self._paho.subscribe([(name, 1) for name in self.filters])

    def _on_subscribe(self, _c: object, _u: object, _mid: int, reasons: list[Any], _p: object) -> None:
        refused = [name for name, reason in zip(self.filters, reasons, strict=False) if reason.is_failure]
        if refused or len(reasons) != len(self.filters):
            raise LineLost(f"the broker refused to let {self.line.user} subscribe to {', '.join(refused)}")
        self._has_subscribed = True
        self._arrive()

    def _on_publish(self, *_: object) -> None:
        self._unconfirmed -= 1

    def _arrive(self) -> None:
        self.phase, self._up_since = Phase.UP, time.monotonic()
        self.counters.connects += 1
        if self.last_error or self.counters.connects == 1:
            log.info("broker reached", host=self.line.host, port=self.line.port, client=self.client_id)
        self.last_error = ""

    def _lose(self, error: Exception) -> None:
        """End this connection or attempt; the next follows at the next address, or after a back-off with jitter."""
        now = time.monotonic()
        if self.phase is Phase.UP and now - self._up_since > STEADY_SECONDS:
            self._attempts = 0
        self.counters.losses += 1
        text = str(error) or type(error).__name__
        if not self.last_error:
            log.warning("broker lost", host=self.line.host, port=self.line.port, client=self.client_id, cause=text)
        self.last_error = text
        self._hang_up()
        rest = 0.0 if self._addresses else retry_seconds(self._attempts) * random.uniform(0.5, 1.0)
        self._attempts += 0 if self._addresses else 1
        self._enter(Phase.RESTING, rest)

    def _is_hung_up(self) -> bool:
        """Send on, throw away what comes; return whether the broker closed the connection."""
        assert self._sock is not None
        self._flush()
        self._queue.clear()
        try:
            return not self._sock.recv(RECEIVE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False

    def _hang_up(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        self._forget()

    def _forget(self) -> None:
        """What was received and not settled comes again; what was not sent is void."""
        self._out.clear()
        self._parts, self._have, self._need = [], 0, 2
        self._queue.clear()
        self._held.clear()

    def _enter(self, phase: Phase, seconds: float) -> None:
        self.phase, self._deadline = phase, time.monotonic() + seconds

    # --- bytes ---

    def _flush_or_lose(self) -> None:
        try:
            if self.phase in (Phase.GREETING, Phase.UP):
                self._flush()
        except (OSError, LineLost) as error:
            self._lose(error)

    def _flush(self) -> bool:
        """Send what the socket accepts; return whether something is left."""
        out, sock = self._out, self._sock
        while out and sock is not None:
            try:
                sent = sock.send(out if len(out) <= SEND_BYTES else memoryview(out)[:SEND_BYTES].tobytes())
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            self.counters.sent_bytes += sent
            del out[:sent]
        return bool(out)

    def _receive(self, limit: int) -> None:
        """Read until the socket is dry or `limit` messages are queued; then let paho look at the keep-alive."""
        assert self._sock is not None
        is_plain = self.line.tls is None
        while len(self._queue) < limit:
            try:
                chunk = self._sock.recv(RECEIVE_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            if not chunk:
                raise LineLost("the broker closed the connection")
            self._feed(chunk)
            if is_plain and len(chunk) < RECEIVE_BYTES:
                break
        else:
            return  # a busy line needs no ping
        self._paho.loop_misc()
        if self._paho.socket() is None:
            raise LineLost(f"the broker did not answer a ping for {self._paho.keepalive} s")

    def _feed(self, chunk: bytes) -> None:
        """Take whole packets out of what was received; join parts only when a packet is complete."""
        self.counters.received_bytes += len(chunk)
        self._parts.append(chunk)
        self._have += len(chunk)
        if self._have < self._need:
            return
        data = chunk if len(self._parts) == 1 else b"".join(self._parts)
        used = self._packets(data)
        self._parts = [data[used:]] if used < len(data) else []
        self._have = len(data) - used

    def _packets(self, data: bytes) -> int:
        """Frame `data` (MQTT 3.1.1, 2.2): queue each PUBLISH, give the rest to paho; return the bytes used."""
        at, end = 0, len(data)
        self._need = 2
        while end - at >= 2:
            length, start = data[at + 1], at + 2
            if length & 0x80:
                for shift in (7, 14, 21):
                    if start == end:
                        self._need = end - at + 1
                        return at
                    byte = data[start]
                    start += 1
                    length = (length & ~(1 << shift)) | (byte << shift)
                    if not byte & 0x80:
                        break
                else:
                    raise LineLost("the broker sent a packet of impossible length")
            stop = start + length
            if stop > end:
                self._need = stop - at
                break
            if data[at] & 0xF0 == _PUBLISH:
                self._publish(data, data[at], start, stop)
            else:
                self._paho.handle(data[at], data[start:stop])
            at = stop
        return at

    def _publish(self, data: bytes, head: int, start: int, stop: int) -> None:
        """Queue the PUBLISH packet (3.3) whose variable header begins at `start`."""
        qos = (head >> 1) & 3
        body = start + 2
        if body <= stop:
            body += (data[start] << 8) | data[start + 1]
        topic = data[start + 2 : body]
        mid = 0
        if qos:
            body += 2
            mid = int.from_bytes(data[body - 2 : body], "big")
        if body > stop or qos > 1 or bool(mid) != bool(qos) or not topic:
            raise LineLost(f"the broker sent a malformed PUBLISH: {data[start - 2 : start + 30]!r}")
        counters = self.counters
        counters.received += 1
        if qos:
            if mid in self._held:
                counters.repeated += 1
                return
            self._held[mid] = self._serial
        self._queue.append(
            Message(topic.decode(errors="backslashreplace"), data[body:stop], mid, qos, bool(head & 1), self._serial)
        )
        self._serial += 1


class _Paho(paho.Client):
    """paho without a socket of its own: what it says goes into our buffer, what it is told comes packet by packet."""

    def __init__(self, line: Line, client_id: str, keepalive_seconds: int, out: bytearray) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self.line_socket: socket.socket | None = None
        self._unsent = out
        self.connect_async(line.host, line.port, keepalive_seconds)
        if line.user is not None:
            self.username_pw_set(line.user, line.password)

    def handle(self, head: int, body: bytes) -> None:
        """Let paho act on one whole packet."""
        self._in_packet = {
            "command": head,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(body),
            "packet": bytearray(body),
            "to_process": 0,
            "pos": 0,
        }
        try:
            code = self._packet_handle()
        except MQTTException as error:
            raise LineLost(f"the broker sent a malformed packet {head:#04x}: {error}") from error
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise LineLost(f"the broker sent a packet {head:#04x} that paho refused: {paho.error_string(code)}")
        if self.want_write():  # said inside a callback
            self.loop_write()

    def _create_socket(self) -> socket.socket:
        assert self.line_socket is not None
        return self.line_socket

    def _sock_send(self, buf: bytes | bytearray) -> int:
        self._unsent += buf
        return len(buf)


def wait(subscriptions: Sequence[Subscription], timeout_seconds: float) -> None:
    """Return when one of the subscriptions has something to do, at the latest after `timeout_seconds`."""
    timeout = min([timeout_seconds, *(subscription.patience() for subscription in subscriptions)])
    with selectors.DefaultSelector() as selector:
        for subscription in subscriptions:
            if (number := subscription.fileno()) is not None:
                selector.register(number, subscription.interest)
        selector.select(max(0.0, timeout))


def retry_seconds(attempts: int) -> float:
    """How long to rest after so many failures in a row (without jitter)."""
    return min(RETRY_FIRST_SECONDS * 2.0 ** min(attempts, 10), RETRY_LAST_SECONDS)


def _publish_packet(topic: str, payload: bytes) -> bytes:
    """A PUBLISH of QoS 0 (MQTT 3.1.1, 3.3)."""
    name = topic.encode()
    length = 2 + len(name) + len(payload)
    head = bytearray((_PUBLISH,))
    while length > 0x7F:
        head.append((length & 0x7F) | 0x80)
        length >>= 7
    head.append(length)
    return b"".join((head, _U16.pack(len(name)), name, payload))


def _decrypted(sock: socket.socket | None) -> bool:
    """Whether TLS has bytes that no select will announce."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def _is_writable(sock: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_WRITE)
        return bool(selector.select(0))
