"""The uplink: one MQTT connection, its birth and its state; records out, acknowledgements and commands in.

    offline --dial (in a thread)--> connecting --CONNACK--> online: subscribe, birth, state, then the outbox
       ^                                |                      |
       +--- reconnect.py says when -----+----------------------+

paho-mqtt is fed by the agent's own loop: it starts no thread, and gets a socket that is connected already, because name
look-ups and handshakes block. Its queue stays nearly empty: at most WINDOW publishes wait for the broker's PUBACK; the
rest waits in the spool. Each connection gets a paho client of its own, so nothing of the last one is sent again behind
our back. A PUBACK settles nothing: the collector's `ack` does, as far as it can be true (acks.py).

What comes in is written by others: a message that makes no sense, a giant, a storm costs a line in the log, never a
record. A broker that breaks MQTT itself is left.
"""

import logging
import random
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from roundsman_agent import acks, fault, tls
from roundsman_agent.batch import LIMIT, payloads
from roundsman_agent.birth import Pages
from roundsman_agent.budget import Budget, Thrift
from roundsman_agent.clock import Moment, Offset, offset
from roundsman_agent.config import Broker, ConfigError, UplinkSettings
from roundsman_agent.isolate import Isolation, Outcome
from roundsman_agent.meter import CLOSING_BYTES, FAILED_BYTES, Meter
from roundsman_agent.outbox import Batch, Outbox
from roundsman_agent.rarely import Rarely
from roundsman_agent.reconnect import Reconnect
from roundsman_agent.spool import Spool
from roundsman_agent.strainer import LIMIT as INBOUND_LIMIT
from roundsman_agent.strainer import Strainer
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
_PUBACK_MS: Final = 180_000
"""A broker that acknowledges nothing for so long is not there, however long the keep-alive is: a metered line that went
dead in silence must not hold back an alarm for hours. The largest message at 9,600 bit/s takes 110 s."""
_BIRTH_EVERY_MS: Final = 10_000
_RESET_EVERY_MS: Final = 60_000
_HUNG_DIALS: Final = 3
_SPARING_S: Final = 900.0
_HOLDS_S: Final = 86_400.0
"""While the budget is spent nothing periodic may come for a day."""
_STORM: Final = 100
_STORM_MS: Final = 10_000
"""More acknowledgements than _STORM within this are worth a word: one is due."""


class _Client(mqtt.Client):
    """paho with a socket that we connected ourselves."""

    def __init__(self, given: Strainer, client_id: str) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, protocol=mqtt.MQTTv311)
        self._given = given

    def _create_socket(self) -> Any:  # private in paho 2.2.0; tests/agent/test_uplink.py guards it
        return self._given


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
        on_config: Callable[[bytes, Moment], None] = lambda *_: None,
        now: Moment,
        rng: random.Random,
        budget: Budget | None = None,
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
        self._on_config = on_config
        self._rng = rng
        self._rarely = Rarely(log)
        self._reconnect = Reconnect(settings, rng)
        self._known, self._known_stream = acks.Known(spool.newest), spool.stream
        self._outbox = Outbox(
            spool,
            records_per_s=settings.backlog_records_per_s,
            ack_expected_ms=int(settings.ack_expected_s * 1000),
            batch_ms=int(settings.batch_s * 1000),
            now=now.mono,
        )
        self._client: _Client | None = None
        self._tls: ssl.SSLContext | None = None
        self._tls_session: ssl.SSLSession | None = None  # saves the certificate's way over the line next time
        self._dial_at = now.mono
        self._dialing: str | None = None
        self._dials = 0
        self._connack: str | None = None  # "" is yes
        self._connect_sent = 0
        self._online_since: int | None = None
        self._session = 0
        self._birth_hash = ""
        self._birth_said = 0
        self._birth_owed: set[int] = set()  # pages that the broker has not acknowledged
        self._born = 0  # the session whose birth, of _birth_hash, the broker has
        self._dictionary: bytes | None = None
        self._has_looked_for_points = False
        self._budget, self._thrift = budget, Thrift.FREE
        self._meter: Meter | None = None
        self._first_sent: int | None = None
        self._flying: dict[int, bool] = {}  # what the broker has not acknowledged: whether it is history
        self._patience_ms = min(broker.keepalive_s * 1500, _PUBACK_MS)
        self._waits_since, self._was_acknowledged = now.mono, False
        self._ready: deque[_Ready] = deque()
        self._inbox: deque[tuple[str, bytes]] = deque()
        self._quiet_until = 0
        self._collector_is_online = True
        self._collector_back_at = 0
        self._retry_after_s = 0.0
        self._storm_since, self._storm = now.mono, 0
        self._epoch: str | None = None
        self._reset_at: int | None = None
        self._reset_last: int | None = None
        self._told = ""  # the last cause of trouble in the log

    # --- for the loop -------------------------------------------------------------------------------------------------

    @property
    def is_online(self) -> bool:
        """Whether the broker has said yes."""
        return self._online_since is not None

    @property
    def waits_s(self) -> float:
        """How long live records wait for company now."""
        usual = self._settings.batch_s
        if self._thrift is Thrift.FREE:
            return usual
        return _HOLDS_S if self._thrift is Thrift.HOLDING else min(max(usual * 4, _SPARING_S), _HOLDS_S)

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
        if self._flying:
            times.append(self._waits_since + self._patience_ms + 1)
        if not self.is_online:
            times.append(self._connect_sent + _CONNACK_MS)
        elif self._has_room(is_history=False):
            may_history = self._is_listened_to(now) and self._has_room(is_history=True)
            due = self._outbox.wake_at(now.mono, may_history=may_history)
            if due is not None:
                times.append(max(due, self._quiet_until))
            if self._collector_back_at > now.mono and self._outbox.has_history:
                times.append(self._collector_back_at)
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
        self._charge(now)
        if not self.is_online:
            self._await_connack(now)
            return
        if self._spool.session != self._session:
            self._lose(now, "the spool began a new stream; coming back with a new session", is_ours=True)
            return
        while self._inbox:
            self._hear(*self._inbox.popleft(), now)
        if self._reset_at is not None and now.mono >= self._reset_at:
            self._reset_at, self._reset_last = None, now.mono
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
        self._charge(now, CLOSING_BYTES)
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
            key,
            self._connected_socket,
            now=now.mono,
            timeout_ms=int(_DIAL_S * 1500),
            late=lambda sock: sock.close(),
            at_once=True,
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
            return self._tls.wrap_socket(sock, server_hostname=self._broker.host, session=self._tls_session)
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
            self._charge(now, FAILED_BYTES)
            self._fail(now, cause)
            return
        try:
            self._connect(outcome.value, now)
        except (OSError, ValueError, ConfigError) as error:
            outcome.value.close()
            self._fail(now, str(error))

    def _connect(self, sock: socket.socket, now: Moment) -> None:
        client = _Client(Strainer(sock, on_giant=self._pass_over), self._agent)
        self._meter = Meter(sock, is_tls=self._broker.tls)
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.secret() or None)
        self._session = self._spool.session
        client.will_set(self._topic(topics.STATE), self._state("offline"), qos=1, retain=True)
        client.max_inflight_messages_set(WINDOW + 64)  # birth pages and state fly besides
        client.on_connect = self._on_connack
        client.on_publish = self._on_puback
        client.on_message = self._on_message
        client.on_subscribe = self._on_suback
        self._connack, self._connect_sent = None, now.mono
        self._client = client
        client.connect(self._broker.host, self._broker.port, keepalive=self._broker.keepalive_s)

    def _on_connack(self, _client: object, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        self._connack = str(reason) if reason.is_failure else ""

    def _on_puback(self, _client: object, _data: object, mid: int, _reason: object, _properties: object) -> None:
        if self._flying.pop(mid, None) is not None:
            self._was_acknowledged = True
        if mid in self._birth_owed:
            self._birth_owed.discard(mid)
            self._born = 0 if self._birth_owed else self._session

    def _on_suback(self, _client: object, _data: object, _mid: int, reasons: Any, _properties: object) -> None:
        if any(reason.is_failure for reason in reasons):
            log.error("uplink: the broker does not let us listen to all we need (ack, cmd, the collector's state)")

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # raising it through paho would leave the packet there, to be raised for ever
            topic = "(no UTF-8)"
        self._inbox.append((topic, bytes(message.payload)))

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
        self._collector_is_online = True  # what is retained says otherwise right away; waits that were asked for go on
        self._reset_at = None
        if self._known_stream != self._spool.stream:
            self._known, self._known_stream = acks.Known(self._spool.newest), self._spool.stream
        client.subscribe(
            [
                (topics.down(self._group, self._agent, topics.ACK), 0),
                (topics.down(self._group, self._agent, topics.COMMAND), 1),
                (topics.down(self._group, self._agent, topics.CONFIG), 1),
                (topics.collector_state(self._group), 1),
            ]
        )
        if not self._is_known(now):
            self.say_birth(now)
        self._publish(topics.STATE, self._state("online"), now, retain=True)
        fault.point("uplink.after_birth")
        self._outbox.reset(now.mono)
        log.info("uplink: connected to %s:%d", self._broker.host, self._broker.port)
        self._told = ""
        self._send(now)

    def _fail(self, now: Moment, cause: str, wait_ms: int | None = None) -> None:
        """Come back later; not before the collector said that it is there again."""
        if cause != self._told:
            log.warning("uplink: no connection to %s:%d: %s; trying on", self._broker.host, self._broker.port, cause)
            self._told = cause
        wait_ms = self._reconnect.failed() if wait_ms is None else wait_ms
        self._dial_at = now.mono + wait_ms
        if self._collector_back_at > self._dial_at:  # all were told the same
            self._dial_at = self._collector_back_at + self._reconnect.spread()

    def _lose(self, now: Moment, cause: str, *, is_ours: bool = False) -> None:
        """The connection is over."""
        self._charge(now, CLOSING_BYTES)
        if self._client is not None:
            if is_ours:
                self._client.disconnect()
            elif (sock := self._client.socket()) is not None:
                sock.close()
        stood_since = None if is_ours else self._online_since
        self._forget()
        self._fail(now, cause, None if stood_since is None else self._reconnect.broke(now.mono - stood_since))

    def _forget(self) -> None:
        self._client = None
        self._meter = None
        self._birth_owed.clear()
        self._online_since = None
        self._connack = None
        self._flying.clear()
        self._ready.clear()
        self._inbox.clear()

    def _pump(self, now: Moment) -> bool:
        """Let paho read and write what the socket allows, and keep the connection alive; False when it is over."""
        client = self._client
        assert client is not None
        try:
            code = _moved(client)
        except Exception as error:  # a packet that paho cannot take apart: it would stumble over it again for ever
            log.debug("uplink: what the broker sent", exc_info=error)
            self._lose(now, f"the broker sent what is no MQTT ({type(error).__name__}: {error})")
            return False
        if not self._flying or self._was_acknowledged:
            self._waits_since, self._was_acknowledged = now.mono, False
        if code != mqtt.MQTT_ERR_SUCCESS or client.socket() is None:
            self._lose(now, self._connack or f"connection lost ({mqtt.error_string(code)})")
        elif now.mono - self._waits_since > self._patience_ms:
            self._lose(now, f"the broker acknowledged nothing for {self._patience_ms / 1000:g} s")
        return self._client is not None

    # --- what it costs ------------------------------------------------------------------------------------------------

    def _charge(self, now: Moment, besides: int = 0) -> None:
        """Tell the budget what the connection has cost since the last time, and obey it."""
        if self._budget is None:
            return
        size = besides
        if self._meter is not None and (sock := self.connection()) is not None:
            size += self._meter.more(sock.passed)
            self._tls_session = sock.tls_session() or self._tls_session
        self._budget.spend(size, now)
        thrift = self._budget.thrift(now)
        if thrift is not self._thrift:
            log.info("uplink: the line is %s now", thrift.value)
            self._thrift = thrift
            self._outbox.spare(batch_ms=int(self.waits_s * 1000), holds=thrift is Thrift.HOLDING)
            self.say_birth(now)  # it tells how late records may come

    # --- sending ------------------------------------------------------------------------------------------------------

    def say_birth(self, now: Moment) -> None:
        """Publish who we are, retained, all pages."""
        if not self.is_online:
            return
        self._born = 0
        self._birth_owed.clear()
        pages = self._birth(now)
        self._birth_hash, self._birth_said = pages.hash, now.mono
        self._dictionary = pages.dictionary
        for page, payload in enumerate(pages.payloads, start=1):
            self._birth_owed.add(self._publish(topics.BIRTH, payload, now, retain=True, page=page))

    def _is_known(self, now: Moment) -> bool:
        """Whether the broker, where births are retained, has this very one: on a metered line it is not said again."""
        is_metered = self._settings.profile == "metered"
        return is_metered and self._born == self._session and self._birth(now).hash == self._birth_hash

    def _find_words(self, records: list[Record], now: Moment) -> None:
        """Say the birth once more when it knew no readings: only then is there a dictionary."""
        if not self._settings.compress or self._dictionary is not None or self._has_looked_for_points:
            return
        if any(record["kind"] == "sample" for record in records):
            self._has_looked_for_points = True
            self.say_birth(now)

    def _send(self, now: Moment) -> None:
        """Live first; history beside it in a window of its own."""
        self._launch(now)
        if now.mono < self._quiet_until:
            return
        while self._has_room(is_history=False) and (batch := self._outbox.next_live(now.mono)) is not None:
            self._prepare(batch, now, LIMIT)
        is_listening = self._is_listened_to(now)
        while is_listening and self._has_room(is_history=True) and (batch := self._outbox.next_history(now.mono)):
            self._prepare(batch, now, _HISTORY_BYTES)

    def _is_listened_to(self, now: Moment) -> bool:
        """Whether a collector takes history now."""
        return self._collector_is_online and now.mono >= self._collector_back_at

    def _has_room(self, *, is_history: bool) -> bool:
        """Whether one more publish may go out."""
        if self._ready or len(self._flying) >= WINDOW:
            return False
        return not is_history or sum(self._flying.values()) < HISTORY_WINDOW

    def _prepare(self, batch: Batch, now: Moment, limit: int) -> None:
        """Make payloads of a batch and send as many as there is room for."""
        self._find_words(batch.records, now)
        envelope = {
            "v": 1,
            "stream": self._spool.stream,
            "birth": self._birth_hash,
            "sent": {"boot": now.boot, "mono": now.mono, "wall": now.wall},
        }
        made, too_large = payloads(
            batch.records,
            envelope=envelope,
            compress=self._settings.compress,
            # History speaks for itself: it may be read before the birth, and it is what a lost dictionary leaves over.
            dictionary=None if batch.is_history else self._dictionary,
            limit=limit,
        )
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
            for record in ready.records:
                self._known.sent(record["n"], record["n"])
            fault.point("uplink.after_publish")

    def _publish(
        self, leaf: str, payload: bytes, now: Moment, *, retain: bool = False, page: int = 1, is_history: bool = False
    ) -> int:
        assert self._client is not None
        topic = topics.up(self._group, self._agent, leaf, page)
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        # A connection that just broke shows itself in the next pump; then everything unsettled is sent again.
        self._flying[info.mid] = is_history
        return info.mid

    def _topic(self, leaf: str) -> str:
        return topics.up(self._group, self._agent, leaf)

    def _state(self, word: str) -> bytes:
        return encode({"v": 1, "state": word, "session": self._session})

    # --- hearing ------------------------------------------------------------------------------------------------------

    def _pass_over(self, topic: str, size: int) -> None:
        """A giant came; the strainer threw it away."""
        log.warning(
            "uplink: a message of %d bytes on %s was passed over; the most that is taken is %d",
            size,
            topic[:200],
            INBOUND_LIMIT,
        )

    def _hear(self, topic: str, payload: bytes, now: Moment) -> None:
        if topic == topics.down(self._group, self._agent, topics.ACK):
            ack = acks.read(payload)
            if ack is None:
                text = "uplink: an acknowledgement that makes no sense was ignored: %r"
                self._rarely.warn("ack", now.mono, text, payload[:200])
            else:
                self._take_ack(ack, now)
        elif topic == topics.down(self._group, self._agent, topics.COMMAND):
            self._on_command(payload, now)
        elif topic == topics.down(self._group, self._agent, topics.CONFIG):
            self._on_config(payload, now)
        elif topic == topics.collector_state(self._group):
            self._take_collector_state(payload, now)
        else:
            text = "uplink: a message on %r was ignored: nobody asked for that topic"
            self._rarely.warn("topic", now.mono, text, topic[:200])

    def _take_ack(self, ack: acks.Ack, now: Moment) -> None:
        self._count_ack(now)
        if ack.stream != self._spool.stream or self._known_stream != self._spool.stream:
            text = "uplink: an acknowledgement of stream %s was ignored, ours is %s"
            self._rarely.warn("stream", now.mono, text, ack.stream, self._spool.stream)
            return
        verdict = self._known.judge(ack, self._spool.newest)
        if verdict.beyond:
            text = (
                "uplink: an acknowledgement up to number %d was ignored: of stream %s only %d were ever given out."
                " Another agent works with a copy of this data folder, or it is an old copy itself: if so, move it away"
            )
            self._rarely.warn("beyond", now.mono, text, verdict.beyond, ack.stream, self._spool.newest)
            return
        self._collector_is_online = True
        self._learn_offset(ack, now)
        self._settle(verdict, now)
        self._notice_epoch(ack.epoch, now)
        if ack.slow_down_s:
            self._quiet_until = now.mono + int(ack.slow_down_s * 1000)
            text = "uplink: the collector asks to slow down; nothing is sent for %g s"
            self._rarely.warn("slow", now.mono, text, ack.slow_down_s)
        if ack.need_birth and now.mono - self._birth_said >= _BIRTH_EVERY_MS:
            self.say_birth(now)

    def _count_ack(self, now: Moment) -> None:
        """Say so when acknowledgements come in a storm. Those that settle nothing new cost no write."""
        if now.mono - self._storm_since >= _STORM_MS:
            self._storm_since, self._storm = now.mono, 0
        self._storm += 1
        if self._storm > _STORM:
            text = "uplink: more than %d acknowledgements within %d s, one is due; all are read"
            self._rarely.warn("storm", now.mono, text, _STORM, _STORM_MS // 1000)

    def _learn_offset(self, ack: acks.Ack, now: Moment) -> None:
        if ack.echo > now.mono:  # of a boot before, or invented
            text = "uplink: an acknowledgement echoes a time to come (%d, now is %d); it tells nothing of the clock"
            self._rarely.warn("echo", now.mono, text, ack.echo, now.mono)
        elif self._first_sent is not None and ack.echo >= self._first_sent:
            found = offset(at=ack.at, echo=ack.echo, now=now)
            if found is not None:
                self._on_offset(found, now)

    def _settle(self, verdict: acks.Verdict, now: Moment) -> None:
        """Delete what the collector has, but for records of which we know that they never went out."""
        fault.point("uplink.before_settle")
        for first, last, cause in verdict.refused:
            log.error("uplink: the collector refused %d..%d: %s", first, last, cause[:160])
        kept = [(first, last) for first, last in verdict.unsent if self._holds(first, last)]
        if kept:
            text = "uplink: %d..%d were acknowledged and never sent; they are kept"
            self._rarely.warn("unsent", now.mono, text, kept[0][0], kept[-1][1])
        settled = acks.without(verdict.settled, kept)
        if settled:
            self._spool.settle(0, settled)
            self._outbox.settled(settled)
            self._known.settle(settled)

    def _holds(self, first: int, last: int) -> bool:
        """Whether the spool has a record among these numbers."""
        found = self._spool.unsettled(first - 1, 1)
        return bool(found) and found[0]["n"] <= last

    def _take_collector_state(self, payload: bytes, now: Moment) -> None:
        body = acks.parsed(payload)
        epoch, retry_after = body.get("epoch"), body.get("retry_after", 0)
        if not isinstance(body.get("online"), bool) or not acks.is_word(epoch) or not acks.is_wait(retry_after):
            text = "uplink: a collector state that makes no sense was ignored: %r"
            self._rarely.warn("state", now.mono, text, payload[:200])
            return
        self._collector_is_online = body["online"]
        self._hold_back(acks.wait_s(retry_after), now)
        self._notice_epoch(str(epoch), now)

    def _hold_back(self, retry_after_s: float, now: Moment) -> None:
        """Until the collector is back no backlog goes, and a lost connection is not tried again.

        The message is retained: heard again on the next connection it must not begin the wait anew.
        """
        if not retry_after_s:
            self._collector_back_at, self._retry_after_s = 0, 0.0
        elif retry_after_s != self._retry_after_s:
            self._retry_after_s = retry_after_s
            self._collector_back_at = now.mono + int(retry_after_s * 1000)
            log.info("uplink: the collector asks to come back after %g s", retry_after_s)

    def _notice_epoch(self, epoch: str, now: Moment) -> None:
        """A new epoch is a new database: everything unsettled is sent again, not by all agents at once."""
        if self._epoch is not None and epoch != self._epoch and self._reset_at is None:
            delay = self._rng.uniform(0, self._settings.epoch_jitter_s)
            self._reset_at = now.mono + int(delay * 1000)
            if self._reset_last is not None:  # two collectors on one group, or a liar: not all of it all the time
                self._reset_at = max(self._reset_at, self._reset_last + _RESET_EVERY_MS)
            log.info("uplink: the collector has a new database; sending everything unsettled again in %.0f s", delay)
        self._epoch = epoch


def _moved(client: _Client) -> MQTTErrorCode:
    """Let paho read and write what the socket allows, and keep the connection alive."""
    code = mqtt.MQTT_ERR_SUCCESS
    while code == mqtt.MQTT_ERR_SUCCESS:
        code = client.loop_read()
        sock = client.socket()
        if sock is None or not getattr(sock, "pending", int)():  # TLS, or we, may hold what select() cannot see
            break
    if code == mqtt.MQTT_ERR_SUCCESS and client.want_write():
        code = client.loop_write()
    return client.loop_misc() if code == mqtt.MQTT_ERR_SUCCESS else code
