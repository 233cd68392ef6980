"""The uplink: one MQTT connection, its birth and its state; records out, acknowledgements and commands in.

    offline --dial (in a thread)--> connecting --CONNACK--> online: subscribe, birth, state, then the outbox
       ^                                |                      |
       +--- full jitter, back-off ------+----------------------+

paho-mqtt is fed by the agent's own loop: it starts no thread, and gets a socket that is connected already, because name
look-ups and handshakes block. Its queue stays nearly empty: at most WINDOW publishes wait for the broker's PUBACK; the
rest waits in the spool. Each connection gets a paho client of its own, so nothing of the last one is sent again behind
our back. A PUBACK settles nothing: the collector's `ack` does.
"""

import json
import logging
import random
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from roundsman_agent import fault, tls
from roundsman_agent.batch import LIMIT, payloads
from roundsman_agent.birth import Pages
from roundsman_agent.clock import Moment, Offset, offset
from roundsman_agent.config import Broker, ConfigError, UplinkSettings
from roundsman_agent.isolate import Isolation, Outcome
from roundsman_agent.outbox import Batch, Outbox
from roundsman_agent.spool import Spool
from roundsman_wire import topics
from roundsman_wire.codec import encode
from roundsman_wire.report import Record

if TYPE_CHECKING:
    import ssl

log = logging.getLogger("roundsman.uplink")

WINDOW: Final = 8
"""Publishes that may wait for the broker."""
HISTORY_WINDOW: Final = 2
"""Of these, history."""
_HISTORY_BYTES: Final = 32 * 1024
"""A message of history is no larger: on a slow line live waits behind at most two of them."""
_DIAL_S: Final = 20.0
_CONNACK_MS: Final = 20_000
_STABLE_MS: Final = 30_000
"""A connection that lasted this long starts the back-off anew."""
_BIRTH_EVERY_MS: Final = 10_000
_HUNG_DIALS: Final = 3


class _Client(mqtt.Client):
    """paho with a socket that we connected ourselves."""

    def __init__(self, given: socket.socket, client_id: str) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, protocol=mqtt.MQTTv311)
        self._given = given

    def _create_socket(self) -> Any:  # private in paho 2.2.0; tests/agent/test_uplink.py guards it
        return self._given


@dataclass(frozen=True, kw_only=True, slots=True)
class Ack:
    """An acknowledgement that was understood."""

    stream: str
    epoch: str
    upto: int
    also: list[tuple[int, int]]
    refused: list[tuple[int, int, str]]
    at: int
    echo: int
    slow_down_s: float
    need_birth: bool


@dataclass(kw_only=True, slots=True)
class _Flying:
    """A publish the broker has not acknowledged."""

    since: int
    is_history: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ready:
    """A payload that waits for room in the window."""

    records: list[Record]
    payload: bytes
    is_history: bool


class Uplink:
    """See the module. Call `step` often; wait on `connection()` in between, no longer than `wake_at`."""

    def __init__(
        self,
        *,
        agent: str,
        group: str,
        broker: Broker,
        settings: UplinkSettings,
        spool: Spool,
        isolation: Isolation,
        birth: Callable[[Moment], Pages],
        on_command: Callable[[bytes, Moment], None],
        on_offset: Callable[[Offset, Moment], None],
        now: Moment,
        rng: random.Random,
    ) -> None:
        self._agent = agent
        self._group = group
        self._broker = broker
        self._settings = settings
        self._spool = spool
        self._isolation = isolation
        self._birth = birth
        self._on_command = on_command
        self._on_offset = on_offset
        self._rng = rng
        self._outbox = Outbox(
            spool,
            records_per_s=settings.backlog_records_per_s,
            ack_expected_ms=int(settings.ack_expected_s * 1000),
            batch_ms=int(settings.batch_s * 1000),
            now=now.mono,
        )
        self._client: _Client | None = None
        self._tls: ssl.SSLContext | None = None
        self._dial_at = now.mono
        self._dialing: str | None = None
        self._dials = 0
        self._attempts = 0
        self._connack: str | None = None  # "" is yes
        self._connect_sent = 0
        self._online_since: int | None = None
        self._session = 0
        self._birth_hash = ""
        self._birth_said = 0
        self._first_sent: int | None = None
        self._flying: dict[int, _Flying] = {}
        self._ready: deque[_Ready] = deque()
        self._inbox: deque[tuple[str, bytes]] = deque()
        self._quiet_until = 0
        self._collector_is_online = True
        self._collector_back_at = 0
        self._epoch: str | None = None
        self._reset_at: int | None = None
        self._told = ""  # the last cause of trouble in the log

    # --- for the loop -------------------------------------------------------------------------------------------------

    @property
    def is_online(self) -> bool:
        """Whether the broker has said yes."""
        return self._online_since is not None

    def connection(self) -> Any:
        """The socket to wait on for reading; None while there is none."""
        return self._client.socket() if self._client is not None else None

    def wants_to_write(self) -> bool:
        return self._client is not None and self._client.want_write()

    def wake_at(self, now: Moment) -> int:
        """Mono milliseconds: when to step at the latest."""
        if self._client is None:
            return self._dial_at if self._dialing is None else now.mono + 1_000
        times = [now.mono + self._broker.keepalive_s * 250]
        if not self.is_online:
            times.append(self._connect_sent + _CONNACK_MS)
        elif self._has_room(is_history=False):
            due = self._outbox.wake_at(now.mono)
            if due is not None and (self._has_room(is_history=True) or self._outbox.has_live):
                times.append(max(due, self._quiet_until))
        if self._reset_at is not None:
            times.append(self._reset_at)
        return min(times)

    def step(self, now: Moment) -> None:
        """Read, answer, send: whatever can be done without waiting."""
        if self._client is None:
            if self._dialing is None and now.mono >= self._dial_at:
                self._dial(now)
            return
        if not self._pump(now):
            return
        if not self.is_online:
            self._await_connack(now)
            return
        if self._spool.session != self._session:
            self._lose(now, "the spool began a new stream; coming back with a new session", is_ours=True)
            return
        while self._inbox:
            self._hear(*self._inbox.popleft(), now)
        if self._reset_at is not None and now.mono >= self._reset_at:
            self._reset_at = None
            self.say_birth(now)  # a restored collector learns from it what it lacks and will not get
            self._outbox.reset(now.mono)
            self._ready.clear()
        self._outbox.expire(now.mono)
        self._spool.declare(now)
        self._send(now)

    def stop(self, now: Moment) -> bool:
        """Say goodbye: publish offline. Returns whether there is somebody to say it to; then step until `is_quiet`."""
        if self._client is None or not self.is_online:
            return False
        self._publish(topics.STATE, self._state("offline"), now, retain=True)
        return True

    def is_quiet(self) -> bool:
        """Whether the broker has acknowledged everything that was published."""
        return not self._flying and not self.wants_to_write()

    def pump(self, now: Moment) -> None:
        """Only move bytes, publish nothing new: while saying goodbye."""
        if self._client is not None:
            self._pump(now)

    def close(self) -> None:
        """Leave: an orderly DISCONNECT, so that the will is not spoken."""
        if self._client is not None:
            self._client.disconnect()
            self._forget()

    # --- connecting ---------------------------------------------------------------------------------------------------

    def _dial(self, now: Moment) -> None:
        """Look up, connect and shake hands in a thread."""
        if sum(key.startswith("uplink/") for key in self._isolation.hung()) >= _HUNG_DIALS:
            self._dial_at = now.mono + 5_000  # look-ups that never return must not eat all threads
            return
        self._dials += 1
        key = f"uplink/{self._dials}"
        self._dialing = key
        self._isolation.start(
            key, self._connected_socket, now=now.mono, timeout_ms=int(_DIAL_S * 1500), late=lambda sock: sock.close()
        )

    def _connected_socket(self) -> socket.socket:
        """Runs in a thread: a TCP (and TLS) connection to the broker."""
        sock = socket.create_connection((self._broker.host, self._broker.port), timeout=_DIAL_S)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not self._broker.tls:
                return sock
            if self._tls is None:
                self._tls = tls.context(self._broker)
            return self._tls.wrap_socket(sock, server_hostname=self._broker.host)
        except BaseException:
            sock.close()
            raise

    def dialed(self, outcome: Outcome, now: Moment) -> None:
        """A dial came back (the agent hands over outcomes whose key begins with `uplink/`)."""
        if outcome.key != self._dialing:
            if outcome.value is not None:
                outcome.value.close()
            return
        self._dialing = None
        if outcome.error is not None or outcome.hung_since is not None:
            cause = (
                tls.spoken(outcome.error, self._broker, now.wall) if outcome.error is not None else "no answer in time"
            )
            self._fail(now, cause)
            return
        try:
            self._connect(outcome.value, now)
        except (OSError, ValueError, ConfigError) as error:
            outcome.value.close()
            self._fail(now, str(error))

    def _connect(self, sock: socket.socket, now: Moment) -> None:
        client = _Client(sock, self._agent)
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.secret() or None)
        self._session = self._spool.session
        client.will_set(self._topic(topics.STATE), self._state("offline"), qos=1, retain=True)
        client.max_inflight_messages_set(WINDOW + 64)  # birth pages and state fly besides
        client.on_connect = self._on_connack
        client.on_publish = self._on_puback
        client.on_message = self._on_message
        self._connack, self._connect_sent = None, now.mono
        self._client = client
        client.connect(self._broker.host, self._broker.port, keepalive=self._broker.keepalive_s)

    def _on_connack(self, _client: object, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        self._connack = str(reason) if reason.is_failure else ""

    def _on_puback(self, _client: object, _data: object, mid: int, _reason: object, _properties: object) -> None:
        self._flying.pop(mid, None)

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        self._inbox.append((message.topic, bytes(message.payload)))

    def _await_connack(self, now: Moment) -> None:
        if self._connack is None:
            if now.mono - self._connect_sent > _CONNACK_MS:
                self._lose(now, "the broker accepted the connection and said nothing")
            return
        if self._connack:
            self._lose(now, f"the broker refuses: {self._connack}")
            return
        self._arrive(now)

    def _arrive(self, now: Moment) -> None:
        """Online: listen, say who we are, then send what there is, the current state first."""
        client = self._client
        assert client is not None
        fault.point("uplink.after_connect")
        self._online_since = now.mono
        self._first_sent = now.mono if self._first_sent is None else self._first_sent
        self._quiet_until = self._collector_back_at = 0
        self._collector_is_online = True
        self._reset_at = None
        client.subscribe(
            [
                (topics.down(self._group, self._agent, topics.ACK), 0),
                (topics.down(self._group, self._agent, topics.COMMAND), 1),
                (topics.collector_state(self._group), 1),
            ]
        )
        self.say_birth(now)
        self._publish(topics.STATE, self._state("online"), now, retain=True)
        fault.point("uplink.after_birth")
        self._outbox.reset(now.mono)
        log.info("uplink: connected to %s:%d", self._broker.host, self._broker.port)
        self._told = ""
        self._send(now)

    def _fail(self, now: Moment, cause: str) -> None:
        """Come back later: anywhere between now and the back-off."""
        if cause != self._told:
            log.warning("uplink: no connection to %s:%d: %s; trying on", self._broker.host, self._broker.port, cause)
            self._told = cause
        limit = min(self._settings.reconnect_max_s, self._settings.reconnect_min_s * 2 ** min(self._attempts, 30))
        jitter = self._settings.reconnect_jitter
        delay = limit * (1 - jitter) + self._rng.uniform(0, limit * jitter)
        self._attempts += 1
        self._dial_at = now.mono + max(int(delay * 1000), 50)

    def _lose(self, now: Moment, cause: str, *, is_ours: bool = False) -> None:
        """The connection is over."""
        if self._client is not None:
            if is_ours:
                self._client.disconnect()
            elif (sock := self._client.socket()) is not None:
                sock.close()
        if self._online_since is not None and now.mono - self._online_since >= _STABLE_MS:
            self._attempts = 0
        self._forget()
        self._fail(now, cause)

    def _forget(self) -> None:
        self._client = None
        self._online_since = None
        self._connack = None
        self._flying.clear()
        self._ready.clear()
        self._inbox.clear()

    def _pump(self, now: Moment) -> bool:
        """Let paho read and write what the socket allows, and keep the connection alive; False when it is over."""
        client = self._client
        assert client is not None
        code = mqtt.MQTT_ERR_SUCCESS
        while code == mqtt.MQTT_ERR_SUCCESS:
            code = client.loop_read()
            sock = client.socket()
            if sock is None or not getattr(sock, "pending", int)():  # TLS may hold what select() cannot see
                break
        if code == mqtt.MQTT_ERR_SUCCESS and client.want_write():
            code = client.loop_write()
        if code == mqtt.MQTT_ERR_SUCCESS:
            code = client.loop_misc()
        oldest = next(iter(self._flying.values()), None)
        if code != mqtt.MQTT_ERR_SUCCESS or client.socket() is None:
            self._lose(now, self._connack or f"connection lost ({mqtt.error_string(code)})")
        elif oldest is not None and now.mono - oldest.since > self._broker.keepalive_s * 1500:
            self._lose(now, f"the broker acknowledged nothing for {self._broker.keepalive_s * 1.5:g} s")
        return self._client is not None

    # --- sending ------------------------------------------------------------------------------------------------------

    def say_birth(self, now: Moment) -> None:
        """Publish who we are, retained, all pages."""
        if not self.is_online:
            return
        pages = self._birth(now)
        self._birth_hash, self._birth_said = pages.hash, now.mono
        for page, payload in enumerate(pages.payloads, start=1):
            self._publish(topics.BIRTH, payload, now, retain=True, page=page)

    def _send(self, now: Moment) -> None:
        """Live first; history beside it in a window of its own."""
        self._launch(now)
        if now.mono < self._quiet_until:
            return
        while self._has_room(is_history=False) and (batch := self._outbox.next_live(now.mono)) is not None:
            self._prepare(batch, now, LIMIT)
        is_listening = self._collector_is_online and now.mono >= self._collector_back_at
        while is_listening and self._has_room(is_history=True) and (batch := self._outbox.next_history(now.mono)):
            self._prepare(batch, now, _HISTORY_BYTES)

    def _has_room(self, *, is_history: bool) -> bool:
        """Whether one more publish may go out."""
        if self._ready or len(self._flying) >= WINDOW:
            return False
        return not is_history or sum(one.is_history for one in self._flying.values()) < HISTORY_WINDOW

    def _prepare(self, batch: Batch, now: Moment, limit: int) -> None:
        """Make payloads of a batch and send as many as there is room for."""
        envelope = {
            "v": 1,
            "stream": self._spool.stream,
            "birth": self._birth_hash,
            "sent": {"boot": now.boot, "mono": now.mono, "wall": now.wall},
        }
        made, too_large = payloads(batch.records, envelope=envelope, compress=self._settings.compress, limit=limit)
        for record in too_large:
            if limit < LIMIT:  # it fits a message of its own
                self._prepare(Batch(records=[record], is_history=batch.is_history), now, LIMIT)
                continue
            log.error("uplink: record %d fits no message; dropped and declared", record["n"])
            self._spool.drop(record["n"], reason="too_large")
        self._ready.extend(_Ready(records=r, payload=p, is_history=batch.is_history) for r, p in made)
        self._launch(now)

    def _launch(self, now: Moment) -> None:
        while self._ready and len(self._flying) < WINDOW and self._client is not None:
            ready = self._ready.popleft()
            fault.point("uplink.before_publish")
            self._publish(
                topics.HISTORY if ready.is_history else topics.REPORT, ready.payload, now, is_history=ready.is_history
            )
            self._outbox.sent(ready.records, is_history=ready.is_history, now=now.mono)
            fault.point("uplink.after_publish")

    def _publish(
        self, leaf: str, payload: bytes, now: Moment, *, retain: bool = False, page: int = 1, is_history: bool = False
    ) -> None:
        assert self._client is not None
        topic = topics.up(self._group, self._agent, leaf, page)
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        # A connection that just broke shows itself in the next pump; then everything unsettled is sent again.
        self._flying[info.mid] = _Flying(since=now.mono, is_history=is_history)

    def _topic(self, leaf: str) -> str:
        return topics.up(self._group, self._agent, leaf)

    def _state(self, word: str) -> bytes:
        return encode({"v": 1, "state": word, "session": self._session})

    # --- hearing ------------------------------------------------------------------------------------------------------

    def _hear(self, topic: str, payload: bytes, now: Moment) -> None:
        if topic == topics.down(self._group, self._agent, topics.ACK):
            ack = read_ack(payload)
            if ack is None:
                self._tell_once(f"uplink: an acknowledgement that makes no sense was ignored: {payload[:200]!r}")
            else:
                self._take_ack(ack, now)
        elif topic == topics.down(self._group, self._agent, topics.COMMAND):
            self._on_command(payload, now)
        elif topic == topics.collector_state(self._group):
            self._take_collector_state(payload, now)

    def _take_ack(self, ack: Ack, now: Moment) -> None:
        if ack.stream != self._spool.stream:
            self._tell_once(
                f"uplink: an acknowledgement of stream {ack.stream} was ignored, ours is {self._spool.stream}"
            )
            return
        self._collector_is_online = True
        if self._first_sent is not None and ack.echo >= self._first_sent:
            found = offset(at=ack.at, echo=ack.echo, now=now)
            if found is not None:
                self._on_offset(found, now)
        fault.point("uplink.before_settle")
        refused = [(first, last) for first, last, _ in ack.refused]
        for first, last, cause in ack.refused:
            log.error("uplink: the collector refused %d..%d: %s", first, last, cause[:160])
        self._spool.settle(ack.upto, ack.also, refused)
        prefix = [(1, ack.upto)] if ack.upto >= 1 else []
        self._outbox.settled([*prefix, *ack.also, *refused])
        self._notice_epoch(ack.epoch, now)
        if ack.slow_down_s:
            self._quiet_until = now.mono + int(ack.slow_down_s * 1000)
        if ack.need_birth and now.mono - self._birth_said >= _BIRTH_EVERY_MS:
            self.say_birth(now)

    def _take_collector_state(self, payload: bytes, now: Moment) -> None:
        body = _object(payload)
        epoch, retry_after = body.get("epoch"), body.get("retry_after", 0)
        if not isinstance(body.get("online"), bool) or not isinstance(epoch, str) or not _is_seconds(retry_after):
            self._tell_once(f"uplink: a collector state that makes no sense was ignored: {payload[:200]!r}")
            return
        self._collector_is_online = body["online"]
        self._collector_back_at = now.mono + int(retry_after * 1000) if retry_after else 0
        self._notice_epoch(epoch, now)

    def _notice_epoch(self, epoch: str, now: Moment) -> None:
        """A new epoch is a new database: everything unsettled is sent again, not by all agents at once."""
        if self._epoch is not None and epoch != self._epoch and self._reset_at is None:
            delay = self._rng.uniform(0, self._settings.epoch_jitter_s)
            self._reset_at = now.mono + int(delay * 1000)
            log.info("uplink: the collector has a new database; sending everything unsettled again in %.0f s", delay)
        self._epoch = epoch

    def _tell_once(self, text: str) -> None:
        if text != self._told:
            log.warning("%s", text)
            self._told = text


def read_ack(payload: bytes) -> Ack | None:
    """An acknowledgement, or None for anything else."""
    body = _object(payload)
    also, refused = body.get("also", []), body.get("refused", [])
    numbers = (body.get("upto"), body.get("at"), body.get("echo"))
    if body.get("v") != 1 or not all(type(n) is int for n in numbers) or not _is_seconds(body.get("slow_down_s", 0)):
        return None
    if not isinstance(body.get("stream"), str) or not isinstance(body.get("epoch"), str):
        return None
    if not _are_ranges(also, 2) or not _are_ranges(refused, 3) or not all(isinstance(c, str) for *_, c in refused):
        return None
    return Ack(
        stream=body["stream"],
        epoch=body["epoch"],
        upto=body["upto"],
        also=[(a, b) for a, b in also],
        refused=[(a, b, cause) for a, b, cause in refused],
        at=body["at"],
        echo=body["echo"],
        slow_down_s=min(float(body.get("slow_down_s", 0)), 86_400.0),
        need_birth=body.get("need_birth") is True,
    )


def _object(payload: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _is_seconds(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < float("inf")  # type: ignore[operator]


def _are_ranges(value: object, length: int) -> bool:
    """Whether this is a list of [first, last, ...] with first <= last."""
    return isinstance(value, list) and all(_is_range(one, length) for one in value)


def _is_range(one: Any, length: int) -> bool:
    if not isinstance(one, Sequence) or len(one) != length:
        return False
    return type(one[0]) is int and type(one[1]) is int and 1 <= one[0] <= one[1]
