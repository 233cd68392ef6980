"""The collector's MQTT edge: on real brokers where promises are kept by two, on a scripted one where bytes matter."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector import mqtt
from roundsman_collector.mqtt import Line, Message, Phase, Subscription, wait
from roundsman_wire import topics
from tests.brokers import BROKERS, Broker, Peer, agent_peer, line_of, until

KIOSK = "rm/1/south/kiosk-7"
REPORT = f"{KIOSK}/report"


@pytest.fixture(params=sorted(BROKERS))
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    with BROKERS[request.param](tmp_path) as started:
        yield started


@pytest.fixture
def kiosk(broker: Broker) -> Iterator[Peer]:
    peer = agent_peer(broker, "kiosk-7")
    yield peer
    peer.close()


def live_at(broker: Broker, client_id: str = "live") -> Subscription:
    live = Subscription(line_of(broker), client_id=client_id, filters=topics.LIVE_FILTERS)
    connect(live)
    return live


def connect(subscription: Subscription) -> None:
    until(lambda: subscription.step() or subscription.connected, "the subscription is connected")


def take(subscription: Subscription, count: int) -> list[Message]:
    got: list[Message] = []
    until(lambda: got.extend(subscription.take(0.05)) or len(got) >= count, f"{count} messages came")
    return got


def payloads(messages: list[Message]) -> list[bytes]:
    return [message.payload for message in messages]


def numbered(count: int, start: int = 0) -> list[tuple[str, bytes]]:
    return [(REPORT, str(number).encode()) for number in range(start, start + count)]


# --- promises, on both brokers ---


def test_messages_come_in_order_and_are_settled_in_batches(broker: Broker, kiosk: Peer) -> None:
    live = live_at(broker)
    sent = numbered(3000)

    kiosk.publish_many(sent[:1500])
    first = take(live, 1500)
    settled = live.settle(first)
    kiosk.publish_many(sent[1500:])
    second = take(live, 1500)
    live.settle(second)

    assert settled == 1500
    assert [(message.topic, message.payload) for message in first + second] == sent
    assert (live.held, live.counters.settled) == (0, 3000)


def test_a_batch_is_no_larger_than_asked_and_the_rest_follows(broker: Broker, kiosk: Peer) -> None:
    live = live_at(broker)
    kiosk.publish_many(numbered(250))
    batches: list[list[Message]] = []

    until(lambda: batches.append(live.take(0.05, 100)) or sum(map(len, batches)) == 250, "all came")

    assert max(map(len, batches)) <= 100
    assert [message.payload for batch in batches for message in batch] == [payload for _, payload in numbered(250)]


def test_what_was_settled_is_not_sent_again(broker: Broker, kiosk: Peer) -> None:
    live = live_at(broker)
    kiosk.publish_many(numbered(200))
    messages = take(live, 200)
    live.settle(messages[:100])
    live.close()

    again = take(live_at(broker), 100)

    assert sorted(map(int, payloads(again))) == list(range(100, 200))


# A collector that takes everything, settles the first 100, and is killed before the rest is committed.
TAKER = """
import sys
from roundsman_collector.mqtt import Line, Subscription
host, port, user, password = sys.argv[1:]
live = Subscription(Line(host=host, port=int(port), user=user, password=password), client_id="live",
                    filters=["rm/1/+/+/report"])
taken = []
while len(taken) < 300:
    taken += live.take(0.1)
    if live.connected and not taken:
        print("ready", flush=True)
live.settle(taken[:100])
live.publish_retained("rm/1/south/_collector/fence", b"")
while True:
    live.take(0.1)
    if not live.unconfirmed:
        print("settled", flush=True)  # the broker answers in order: it has read the acknowledgements
"""


def test_what_a_killed_collector_had_not_settled_comes_again_and_the_rest_does_not(broker: Broker, kiosk: Peer) -> None:
    user, password = broker.collector
    with subprocess.Popen(
        [sys.executable, "-c", TAKER, broker.host, str(broker.port), user, password],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    ) as collector:
        assert collector.stdout is not None
        assert any(line == "ready\n" for line in collector.stdout)
        kiosk.publish_many(numbered(300))
        assert any(line == "settled\n" for line in collector.stdout)
        collector.send_signal(signal.SIGKILL)

    live = live_at(broker)
    again = take(live, 200)
    live.settle(again)
    kiosk.publish(REPORT, b"fence")

    assert sorted(map(int, payloads(again))) == list(range(100, 300))
    assert payloads(take(live, 1)) == [b"fence"]


def test_it_comes_back_after_the_broker_was_killed(broker: Broker) -> None:
    live = live_at(broker)

    broker.kill9()
    until(lambda: live.step() or not live.connected, "the loss was noticed")
    refused = live.last_error
    broker.restart()
    connect(live)
    kiosk = agent_peer(broker, "kiosk-7")
    kiosk.publish(REPORT, b"after")

    assert payloads(take(live, 1)) == [b"after"]
    assert refused != ""
    assert (live.last_error, live.counters.connects) == ("", 2)
    kiosk.close()


def test_what_was_taken_before_the_broker_died_is_not_acknowledged_after(broker: Broker, kiosk: Peer) -> None:
    live = live_at(broker)
    kiosk.publish_many(numbered(50))
    old = take(live, 50)
    broker.kill9()
    until(lambda: live.step() or not live.connected, "the loss was noticed")
    broker.restart()
    connect(live)

    settled = live.settle(old)

    assert (settled, live.counters.settled) == (0, 0)


def test_a_copy_of_what_is_still_held_is_dropped(broker: Broker, kiosk: Peer) -> None:
    live = live_at(broker)
    kiosk.publish_many(numbered(10))
    held = take(live, 10)
    if broker.name == "nats":  # repeats after its ack wait; mosquitto only after a reconnect
        until(lambda: live.take(0.05) or live.counters.repeated >= 10, "NATS repeated what was not acknowledged")

    settled = live.settle(held)
    kiosk.publish(REPORT, b"next")

    assert settled == 10
    assert payloads(take(live, 1)) == [b"next"]


def test_a_payload_beyond_the_contract_is_handed_up(broker: Broker, kiosk: Peer) -> None:
    live = live_at(broker)
    large = bytes(range(256)) * 3000  # 750 KiB

    kiosk.publish(REPORT, large)
    kiosk.publish(REPORT, b"")

    assert payloads(take(live, 2)) == [large, b""]


def test_a_thousand_acknowledgements_leave_in_one_call_and_arrive_in_order(broker: Broker) -> None:
    live = live_at(broker)
    kiosk = agent_peer(broker, "kiosk-7", filters=(f"{KIOSK}/ack",))
    acks = [(f"{KIOSK}/ack", b"%d" % number) for number in range(1000)]

    handed_over = live.publish_many(acks)

    until(lambda: live.step() or len(kiosk.heard) == 1000, "all acknowledgements arrived")
    assert handed_over == 1000
    assert [payload for _, payload, _ in kiosk.heard] == [payload for _, payload in acks]
    kiosk.close()


def test_a_retained_message_said_while_offline_is_said_later(broker: Broker) -> None:
    live = Subscription(line_of(broker), client_id="live", filters=topics.LIVE_FILTERS)

    live.publish_retained("rm/1/south/_collector/state", b"online")
    connect(live)
    until(lambda: live.step() or live.unconfirmed == 0, "the broker confirmed")

    kiosk = agent_peer(broker, "kiosk-7", filters=("rm/1/south/_collector/state",))
    until(lambda: kiosk.heard, "the kiosk was told")
    assert kiosk.heard == [("rm/1/south/_collector/state", b"online", True)]
    kiosk.close()


def test_live_and_history_are_waited_for_together(broker: Broker, kiosk: Peer) -> None:
    live = live_at(broker)
    history = Subscription(line_of(broker), client_id="history", filters=topics.HISTORY_FILTERS)
    connect(history)
    kiosk.publish(f"{KIOSK}/history", b"old")
    kiosk.publish(REPORT, b"new")
    got: list[tuple[str, bytes]] = []

    def turn() -> bool:
        wait([live, history], 0.5)
        got.extend(("live", message.payload) for message in live.take(0))
        got.extend(("history", message.payload) for message in history.take(0, 100))
        return len(got) == 2

    until(turn, "both came")
    assert sorted(got) == [("history", b"old"), ("live", b"new")]


def test_a_wrong_password_is_said_and_tried_again_with_patience(broker: Broker) -> None:
    stranger = Subscription(
        Line(host=broker.host, port=broker.port, user="_collector", password="guessed"),
        client_id="live",
        filters=topics.LIVE_FILTERS,
    )

    until(lambda: stranger.step() or stranger.last_error, "the refusal was noticed")

    assert stranger.last_error == "the broker refused the connection: Not authorized"
    assert 0.1 <= stranger.patience() <= 0.25


# --- bytes, on a scripted broker ---


class Scripted:
    """One end of a connection whose other end is a Subscription in the same thread."""

    def __init__(self, **line: object) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.line = Line(host="127.0.0.1", port=self.listener.getsockname()[1], **line)  # type: ignore[arg-type]
        self.subscription = Subscription(self.line, client_id="live", filters=["a/+", "b/+"], keepalive_seconds=60)
        self.end: socket.socket

    def accept(self) -> bytes:
        """Let the subscription dial; return its CONNECT."""
        self.listener.setblocking(False)
        until(self._accepted, "the subscription dialled")
        return self.read(lambda data: len(data) > 1 and len(data) >= data[1] + 2)

    def greet(self, *, session: bool = False) -> None:
        """Accept, answer CONNECT and SUBSCRIBE."""
        self.accept()
        self.say(bytes([0x20, 2, int(session), 0]))
        subscribe = self.read(lambda data: len(data) > 1 and len(data) >= data[1] + 2)
        self.say(b"\x90\x04" + subscribe[2:4] + b"\x01\x01")
        until(lambda: self.subscription.step() or self.subscription.connected, "the subscription is up")

    def say(self, data: bytes) -> None:
        self.end.setblocking(True)
        self.end.sendall(data)

    def read(self, enough: Callable[[bytes], bool]) -> bytes:
        """What the subscription said, when it is enough."""
        said = bytearray()
        self.end.setblocking(False)

        def is_enough() -> bool:
            self.subscription.step()
            try:
                said.extend(self.end.recv(1 << 20))
            except (BlockingIOError, ssl.SSLWantReadError):
                return False
            return enough(bytes(said))

        until(is_enough, "the subscription said enough")
        return bytes(said)

    def take(self, count: int) -> list[Message]:
        return take(self.subscription, count)

    def _accepted(self) -> bool:
        self.subscription.step()
        try:
            self.end, _ = self.listener.accept()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        if hasattr(self, "end"):
            self.end.close()
        self.subscription.close()
        self.listener.close()


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    script = Scripted()
    yield script
    script.close()


def publish(topic: bytes, payload: bytes, mid: int = 0, *, dup: bool = False, retain: bool = False) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic + (mid.to_bytes(2, "big") if mid else b"") + payload
    length, head = len(body), bytearray([0x30 | (8 if dup else 0) | (2 if mid else 0) | int(retain)])
    while True:
        length, low = divmod(length, 128)
        head.append(low | (0x80 if length else 0))
        if not length:
            return bytes(head) + body


def test_a_batch_is_settled_by_one_run_of_pubacks(scripted: Scripted) -> None:
    scripted.greet()
    scripted.say(publish(b"a/1", b"x", 7) + publish(b"a/1", b"y") + publish(b"b/1", b"z", 0x1234))

    messages = scripted.take(3)
    scripted.subscription.settle(messages)

    assert scripted.read(lambda data: len(data) >= 8) == b"\x40\x02\x00\x07\x40\x02\x12\x34"
    assert [message[:5] for message in messages] == [
        ("a/1", b"x", 7, 1, False),
        ("a/1", b"y", 0, 0, False),
        ("b/1", b"z", 0x1234, 1, False),
    ]


def test_a_message_settled_twice_does_not_acknowledge_the_next_one_with_its_number(scripted: Scripted) -> None:
    scripted.greet()
    scripted.say(publish(b"a/1", b"first", 1))
    first = scripted.take(1)
    scripted.subscription.settle(first)
    scripted.say(publish(b"a/1", b"second", 1))
    second = scripted.take(1)

    again = scripted.subscription.settle(first)

    assert (payloads(second), again, scripted.subscription.held) == ([b"second"], 0, 1)


def test_a_message_of_an_earlier_connection_is_not_acknowledged_on_this_one(scripted: Scripted) -> None:
    scripted.greet()
    scripted.say(publish(b"a/1", b"old", 1))
    old = scripted.take(1)
    scripted.end.close()
    scripted.accept()
    scripted.say(b"\x20\x02\x01\x00" + publish(b"a/1", b"new", 1))
    new = scripted.take(1)

    assert scripted.subscription.settle(old) == 0
    assert scripted.subscription.settle(new) == 1


def test_what_was_received_and_not_taken_when_the_line_broke_is_left_to_the_broker(scripted: Scripted) -> None:
    scripted.greet()
    scripted.say(publish(b"a/1", b"one", 1) + publish(b"a/1", b"two", 2))
    until(lambda: scripted.subscription.step() or scripted.subscription.held == 2, "both were received")
    scripted.end.close()
    scripted.accept()

    scripted.say(b"\x20\x02\x01\x00" + publish(b"a/1", b"one", 1, dup=True) + publish(b"a/1", b"two", 2, dup=True))

    assert payloads(scripted.take(2)) == [b"one", b"two"]


def test_a_session_that_the_broker_kept_is_not_subscribed_again(scripted: Scripted) -> None:
    scripted.greet()
    scripted.end.close()

    scripted.accept()
    scripted.say(b"\x20\x02\x01\x00")

    until(lambda: scripted.subscription.step() or scripted.subscription.connected, "it is up without a SUBSCRIBE")
    scripted.end.setblocking(False)
    with pytest.raises(BlockingIOError):
        scripted.end.recv(1)


def test_a_session_that_the_broker_forgot_is_subscribed_again(scripted: Scripted) -> None:
    scripted.greet()
    scripted.end.close()

    scripted.greet(session=False)

    assert scripted.subscription.counters.connects == 2


def test_a_session_of_an_earlier_process_is_subscribed_again_for_it_may_hold_other_filters(scripted: Scripted) -> None:
    scripted.greet(session=True)

    assert scripted.subscription.counters.connects == 1


def test_a_refused_subscription_is_said(scripted: Scripted) -> None:
    scripted.accept()
    scripted.say(b"\x20\x02\x00\x00")
    subscribe = scripted.read(lambda data: len(data) > 1 and len(data) >= data[1] + 2)

    scripted.say(b"\x90\x04" + subscribe[2:4] + b"\x01\x80")

    until(lambda: scripted.subscription.step() or scripted.subscription.last_error, "the refusal was noticed")
    assert scripted.subscription.last_error == "the broker refused to let None subscribe to b/+"


@given(
    contents=st.lists(st.tuples(st.integers(0, 400), st.booleans()), min_size=1, max_size=12),
    large=st.sampled_from([0, 127, 128, 16_383, 16_384, 70_000]),
    cuts=st.lists(st.floats(0, 1), max_size=8),
)
def test_messages_are_the_same_however_the_bytes_are_cut(
    contents: list[tuple[int, bool]], large: int, cuts: list[float]
) -> None:
    subscription = Subscription(Line(host="h", port=1), client_id="live", filters=["a/+"])
    expected = [(b"%d" % number * size, number + 1 if qos else 0) for number, (size, qos) in enumerate(contents)]
    expected.append((b"L" * large, 60_000))
    stream = b"".join(publish(b"a/1", payload, mid) for payload, mid in expected)
    edges = sorted({0, len(stream), *(int(cut * len(stream)) for cut in cuts)})

    for start, stop in pairwise(edges):
        subscription._feed(stream[start:stop])

    assert [(message.payload, message.mid) for message in subscription._queue] == expected


def test_a_message_that_comes_byte_by_byte_is_one_message(scripted: Scripted) -> None:
    scripted.greet()
    packet = publish(b"a/1", b"x" * 200, 9)

    for byte in packet:
        scripted.say(bytes([byte]))
        scripted.subscription.step()

    assert [(message.payload, message.mid) for message in scripted.take(1)] == [(b"x" * 200, 9)]


def test_a_topic_that_is_not_utf8_is_handed_up_readable(scripted: Scripted) -> None:
    scripted.greet()
    scripted.say(publish(b"a/\xff\xfe", b"x", 1, retain=True))

    [message] = scripted.take(1)

    assert (message.topic, message.retain) == ("a/\\xff\\xfe", True)
    assert scripted.subscription.settle([message]) == 1


@pytest.mark.parametrize(
    ("junk", "complaint"),
    [
        (b"\x32\x05\x00\x09abc", "malformed PUBLISH"),  # a topic longer than the packet
        (b"\x32\x01\x00", "malformed PUBLISH"),
        (b"\x30\x02\x00\x00", "malformed PUBLISH"),  # no topic
        (b"\x32\x07\x00\x03a/1\x00\x00", "malformed PUBLISH"),  # message number 0
        (b"\x34\x07\x00\x03a/1\x00\x01", "malformed PUBLISH"),  # QoS 2 was not asked for
        (b"\x30\xff\xff\xff\xff\x01", "impossible length"),
        (b"\xf0\x00", "packet 0xf0 that paho refused"),
    ],
)
def test_a_broker_that_talks_nonsense_is_left_and_tried_again(scripted: Scripted, junk: bytes, complaint: str) -> None:
    scripted.greet()

    scripted.say(publish(b"a/1", b"fine", 1) + junk)
    until(lambda: scripted.subscription.step() or scripted.subscription.last_error, "the nonsense was noticed")

    assert complaint in scripted.subscription.last_error
    scripted.greet()


def test_a_broker_that_reads_slowly_gets_every_byte_in_order(scripted: Scripted) -> None:
    scripted.greet()
    messages = [("a/1", b"%06d" % number + b"x" * 8000) for number in range(1500)]  # 12 MB: more than a socket takes

    assert scripted.subscription.publish_many(messages) == 1500
    assert scripted.subscription.interest & 2  # waits until it may write

    expected = b"".join(publish(topic.encode(), payload) for topic, payload in messages)
    assert scripted.read(lambda data: len(data) >= len(expected)) == expected
    assert not scripted.subscription.interest & 2


def test_a_broker_that_does_not_read_makes_acknowledgements_be_dropped_not_hoarded(scripted: Scripted) -> None:
    scripted.greet()
    batch = [("a/1", b"x" * 100_000)] * 50

    handed_over = [scripted.subscription.publish_many(batch) for _ in range(5)]

    assert handed_over[0] == 50
    assert handed_over[-1] == 0
    counters = scripted.subscription.counters
    assert (counters.published, counters.unpublished) == (sum(handed_over), 250 - sum(handed_over))


def test_offline_acknowledgements_are_dropped_and_counted() -> None:
    subscription = Subscription(Line(host="127.0.0.1", port=1), client_id="live", filters=["a/+"])

    assert subscription.publish_many([("a/1", b"x")]) == 0
    assert subscription.counters.unpublished == 1


def test_no_more_is_read_than_was_asked_for(scripted: Scripted) -> None:
    scripted.greet()
    scripted.say(b"".join(publish(b"a/1", b"x" * 1000, number) for number in range(1, 2001)))  # 2 MB

    until(lambda: scripted.subscription.take(0.01, 10), "the first came")

    assert scripted.subscription.held < 1000  # the rest waits in the socket, where it slows the broker down


# --- patience ---


def test_it_rests_between_attempts_and_does_not_spin() -> None:
    with socket.socket() as reserved:  # bound, not listening: every attempt is refused
        reserved.bind(("127.0.0.1", 0))
        subscription = Subscription(
            Line(host="127.0.0.1", port=reserved.getsockname()[1]), client_id="live", filters=["a/+"]
        )
        began, burnt = time.monotonic(), time.process_time()

        assert subscription.take(1.5) == []

        assert 1.4 < time.monotonic() - began < 10
        assert time.process_time() - burnt < 0.3
    assert subscription.phase is Phase.RESTING
    assert subscription.last_error == "[Errno 111] ECONNREFUSED"
    # rests of 0.125-0.25, 0.25-0.5, 0.5-1, 1-2 s
    assert 2 <= subscription.counters.losses <= 5


def test_the_rests_grow_up_to_half_a_minute() -> None:
    assert [mqtt.retry_seconds(attempts) for attempts in range(10)] == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_broker_that_never_answers_connect_is_given_up(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "GREETING_SECONDS", 0.05)

    scripted.accept()

    until(lambda: scripted.subscription.take(0.02) or scripted.subscription.last_error, "it gave up")
    assert scripted.subscription.last_error == "no answer: CONNECT sent, CONNACK or SUBACK awaited"


def test_after_close_nothing_is_done_any_more(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "FAREWELL_SECONDS", 0.05)  # the scripted broker does not hang up
    scripted.greet()
    scripted.say(publish(b"a/1", b"x", 1))
    messages = scripted.take(1)
    scripted.subscription.settle(messages)

    scripted.subscription.close()

    scripted.end.setblocking(True)
    assert scripted.end.recv(100) == b"\x40\x02\x00\x01\xe0\x00"  # PUBACK, DISCONNECT
    assert scripted.end.recv(100) == b""
    assert (scripted.subscription.take(0.01), scripted.subscription.settle(messages)) == ([], 0)


def test_a_password_does_not_appear_where_a_line_is_printed() -> None:
    assert "hush" not in repr(Line(host="h", port=1, user="u", password="hush"))


# --- TLS ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    try:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
                *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"),
            ],
            cwd=folder,
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed: apt install openssl")
    return folder / "cert.pem", folder / "key.pem"


class ScriptedTls(Scripted):
    """The same behind TLS; the handshakes of both ends advance in turns."""

    def __init__(self, certificate: tuple[Path, Path], trusted: Path | None) -> None:
        super().__init__(tls=ssl.create_default_context(cafile=trusted))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*certificate)

    def _accepted(self) -> bool:
        if not super()._accepted():
            return False
        self.end.setblocking(False)
        self.end = end = self._context.wrap_socket(self.end, server_side=True, do_handshake_on_connect=False)

        def shaken() -> bool:
            self.subscription.step()
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                return False
            return True

        until(shaken, "the TLS handshake is done")
        return True


def test_messages_come_and_go_through_tls(certificate: tuple[Path, Path]) -> None:
    script = ScriptedTls(certificate, trusted=certificate[0])
    script.greet()
    sent = [b"%d" % number * 500 for number in range(1, 200)]

    script.say(b"".join(publish(b"a/1", payload, number + 1) for number, payload in enumerate(sent)))
    messages = script.take(199)
    script.subscription.settle(messages)

    assert payloads(messages) == sent
    assert len(script.read(lambda data: len(data) >= 4 * 199)) == 4 * 199
    script.close()


def test_a_broker_with_an_unknown_certificate_is_refused(certificate: tuple[Path, Path]) -> None:
    script = ScriptedTls(certificate, trusted=None)

    with pytest.raises(ssl.SSLError):
        script.accept()

    until(lambda: script.subscription.step() or script.subscription.last_error, "the certificate was refused")
    assert "CERTIFICATE_VERIFY_FAILED" in script.subscription.last_error
    script.close()
