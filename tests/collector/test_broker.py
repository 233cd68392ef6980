"""The embedded broker, on the real nats-server; the rights also on Debian's mosquitto."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from roundsman_collector import broker as embedded
from roundsman_collector import rights
from roundsman_collector.broker import BrokerError, EmbeddedBroker
from roundsman_collector.mqtt import Message, Subscription
from roundsman_wire import topics
from tests.brokers import BROKERS, Broker, Nats, Peer, agent_peer, line_of, nats_broker, runs, until

KIOSK = "rm/1/south/kiosk-7"
NVR = "rm/1/south/nvr-2"


@pytest.fixture(params=sorted(BROKERS))
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    with BROKERS[request.param](tmp_path) as started:
        yield started


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[Nats]:
    with nats_broker(tmp_path) as started:
        yield started


def collector(broker: Broker, client_id: str = "collector-live") -> Subscription:
    subscription = Subscription(line_of(broker), client_id=client_id, filters=topics.LIVE_FILTERS)
    until(lambda: subscription.step() or subscription.connected, "the collector is connected")
    return subscription


def heard(subscription: Subscription, count: int) -> list[Message]:
    """The next `count` messages."""
    got: list[Message] = []
    until(lambda: got.extend(subscription.take(0.05)) or len(got) >= count, f"{count} messages came, not only {got}")
    return got


def said(messages: list[Message]) -> list[tuple[str, bytes]]:
    return [(message.topic, message.payload) for message in messages]


# --- rights, on both brokers ---


def test_what_agent_a_publishes_as_agent_b_never_reaches_the_collector(broker: Broker) -> None:
    live = collector(broker)

    foreign = [*(f"{NVR}/{leaf}" for leaf in ("report", "birth", "birth/2", "state")), "rm/1/north/kiosk-7/report"]
    for number, topic in enumerate(foreign):
        # Each time a new one: mosquitto acknowledges, then throws it out. With an id of its own: NATS holds back for
        # a second who comes again and again under one id.
        forger = agent_peer(broker, "kiosk-7", client_id=f"forger-{number}")
        forger.publish(topic, b"forged", retain=not topic.endswith("report"))
        forger.close()
    kiosk = agent_peer(broker, "kiosk-7")
    kiosk.publish(f"{KIOSK}/report", b"honest")

    assert said(heard(live, 1)) == [(f"{KIOSK}/report", b"honest")]
    later = collector(broker, "later")  # would be told what was retained
    kiosk.publish(f"{KIOSK}/report", b"more")
    assert said(heard(later, 1)) == [(f"{KIOSK}/report", b"more")]
    kiosk.close()


def test_an_agent_reaches_the_collector_on_all_its_own_topics(broker: Broker) -> None:
    live = collector(broker)
    history = Subscription(line_of(broker), client_id="collector-history", filters=topics.HISTORY_FILTERS)
    until(lambda: history.step() or history.connected, "the history subscription is connected")
    kiosk = agent_peer(broker, "kiosk-7")
    own = [(f"{KIOSK}/{leaf}", leaf.encode()) for leaf in ("birth", "birth/2", "state", "report")]

    for topic, payload in own:
        kiosk.publish(topic, payload)
    kiosk.publish(f"{KIOSK}/history", b"history")

    assert sorted(said(heard(live, 4))) == sorted(own)
    assert said(heard(history, 1)) == [(f"{KIOSK}/history", b"history")]
    kiosk.close()


@pytest.mark.parametrize(
    "spied", [f"{NVR}/ack", f"{NVR}/cmd", "rm/1/south/+/ack", "rm/1/#", "#", "$MQTT/#", "$MQTT/sub/#"]
)
def test_an_agent_hears_nothing_that_is_said_to_another(nats: Nats, spied: str) -> None:
    _spy(nats, spied)


@pytest.mark.parametrize("spied", [f"{NVR}/ack", "rm/1/#", "#"])
def test_an_agent_hears_nothing_that_is_said_to_another_by_mosquitto(tmp_path: Path, spied: str) -> None:
    with BROKERS["mosquitto"](tmp_path) as mosquitto:
        _spy(mosquitto, spied)


def _spy(broker: Broker, spied: str) -> None:
    live = collector(broker)
    kiosk = agent_peer(broker, "kiosk-7", filters=(spied, f"{KIOSK}/ack"))
    nvr = agent_peer(broker, "nvr-2", filters=(f"{NVR}/ack",))

    live.publish_many([(f"{NVR}/ack", b"for the recorder"), (f"{NVR}/cmd", b"for the recorder")])
    live.publish_retained(f"{NVR}/config", b"for the recorder")
    live.publish_many([(f"{KIOSK}/ack", b"for the kiosk")])

    until(lambda: (f"{KIOSK}/ack", b"for the kiosk", False) in kiosk.heard, "the kiosk heard its own message")
    until(lambda: nvr.heard, "the recorder heard its own message")
    # A filter that covers its own topic may bring the same message twice.
    assert {topic for topic, _, _ in kiosk.heard} == {f"{KIOSK}/ack"}
    kiosk.close()
    nvr.close()


def test_an_agent_hears_its_acknowledgements_commands_and_the_collectors_state(broker: Broker) -> None:
    live = collector(broker)
    live.publish_retained("rm/1/south/_collector/state", b"online")
    live.publish_retained(f"{KIOSK}/config", b"config")
    until(lambda: live.step() or live.unconfirmed == 0, "the broker confirmed")
    filters = (f"{KIOSK}/ack", f"{KIOSK}/cmd", f"{KIOSK}/config", "rm/1/south/_collector/state")
    kiosk = agent_peer(broker, "kiosk-7", filters=filters)

    live.publish_many([(f"{KIOSK}/ack", b"ack"), (f"{KIOSK}/cmd", b"cmd")])

    expected = {
        ("rm/1/south/_collector/state", b"online", True),
        (f"{KIOSK}/config", b"config", True),
        (f"{KIOSK}/ack", b"ack", False),
        (f"{KIOSK}/cmd", b"cmd", False),
    }
    until(lambda: set(kiosk.heard) == expected, f"the kiosk heard all, not {kiosk.heard}")
    kiosk.close()


def test_a_wrong_password_is_refused(broker: Broker) -> None:
    user, _ = broker.user_for("kiosk-7")

    stranger = Peer(broker.host, broker.port, user, "guessed", client_id="kiosk-7")

    assert not stranger.is_welcome
    stranger.close()


def test_a_thief_of_a_client_id_reads_nothing(nats: Nats) -> None:
    live = collector(nats)
    nvr = agent_peer(nats, "nvr-2", client_id="nvr-2", filters=(f"{NVR}/cmd",), clean=False)
    nvr.close()

    thief = agent_peer(nats, "kiosk-7", client_id="nvr-2", filters=(f"{KIOSK}/ack",), clean=False)
    live.publish_many([(f"{NVR}/cmd", b"secret"), (f"{KIOSK}/ack", b"own")])

    until(lambda: thief.heard, "the thief heard its own message")
    assert thief.heard == [(f"{KIOSK}/ack", b"own", False)]
    thief.close()


# --- what agents rely on ---


def test_the_last_will_is_retained_when_an_agent_vanishes(broker: Broker) -> None:
    live = collector(broker)
    kiosk = agent_peer(broker, "kiosk-7", will=(f"{KIOSK}/state", b"offline"))
    kiosk.publish(f"{KIOSK}/state", b"online", retain=True)
    assert said(heard(live, 1)) == [(f"{KIOSK}/state", b"online")]

    kiosk.drop()

    assert said(heard(live, 1)) == [(f"{KIOSK}/state", b"offline")]
    [kept] = heard(collector(broker, "later"), 1)
    assert (kept.topic, kept.payload, kept.retain) == (f"{KIOSK}/state", b"offline", True)


def test_what_is_retained_survives_a_kill_of_the_broker(nats: Nats) -> None:
    kiosk = agent_peer(nats, "kiosk-7")
    kiosk.publish(f"{KIOSK}/state", b"online", retain=True)

    nats.kill9()
    nats.restart()

    [kept] = heard(collector(nats), 1)
    assert (kept.topic, kept.payload, kept.retain) == (f"{KIOSK}/state", b"online", True)
    kiosk.close()


def test_what_waits_for_the_collector_survives_a_kill_of_the_broker(nats: Nats) -> None:
    collector(nats).close()
    kiosk = agent_peer(nats, "kiosk-7")
    sent = [(f"{KIOSK}/report", str(number).encode()) for number in range(300)]
    kiosk.publish_many(sent)

    nats.kill9()
    nats.restart()

    assert said(heard(collector(nats), 300)) == sent
    kiosk.close()


# --- letting agents in and out ---


def test_a_new_agent_may_connect_at_once_and_the_others_are_not_disturbed(nats: Nats) -> None:
    live = collector(nats)
    kiosk = agent_peer(nats, "kiosk-7")

    nvr = agent_peer(nats, "nvr-2")

    assert nvr.is_welcome
    nvr.publish(f"{NVR}/report", b"first")
    kiosk.publish(f"{KIOSK}/report", b"still here")
    assert said(heard(live, 2)) == [(f"{NVR}/report", b"first"), (f"{KIOSK}/report", b"still here")]
    assert (kiosk.losses, live.counters.losses) == (0, 0)
    kiosk.close()
    nvr.close()


def test_a_removed_agent_is_cut_off_at_once(tmp_path: Path) -> None:
    both = [("south", "kiosk-7", "k" * 20), ("south", "nvr-2", "n" * 20)]
    broker = EmbeddedBroker(tmp_path)
    broker.set_agents(both)
    broker.start()
    kiosk = Peer(broker.host, broker.port, "south/kiosk-7", "k" * 20, client_id="kiosk-7")
    nvr = Peer(broker.host, broker.port, "south/nvr-2", "n" * 20, client_id="nvr-2")

    broker.set_agents(both[:1])

    until(lambda: nvr.losses, "the removed agent was cut off")
    again = Peer(broker.host, broker.port, "south/nvr-2", "n" * 20, client_id="nvr-2")
    assert (again.is_welcome, kiosk.losses) == (False, 0)
    for peer in (kiosk, nvr, again):
        peer.close()
    broker.stop()


@pytest.mark.parametrize(
    ("logins", "complaint"),
    [
        ([("south", "Kiosk 7", "x" * 20)], "'Kiosk 7' is not an id"),
        ([("south", "kiosk-7", 'x" } users: [')], "password of agent south/kiosk-7 must be"),
        ([("south", "kiosk-7", "one"), ("south", "kiosk-7", "two")], "south/kiosk-7 has two passwords"),
    ],
)
def test_what_would_break_the_configuration_is_refused(
    tmp_path: Path, logins: list[tuple[str, str, str]], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        EmbeddedBroker(tmp_path).set_agents(logins)


# --- the child process ---


def test_ports_password_and_client_ids_are_chosen_once_for_a_folder(tmp_path: Path) -> None:
    first, second = EmbeddedBroker(tmp_path), EmbeddedBroker(tmp_path)
    other = EmbeddedBroker(tmp_path / "other")

    def identity(broker: EmbeddedBroker) -> tuple[object, ...]:
        return broker.port, broker.collector_password, broker.client_id("live")

    assert identity(first) == identity(second)
    assert first.client_id("live") != first.client_id("history")
    assert first.client_id("live") != other.client_id("live")


def test_nobody_else_may_read_the_passwords(tmp_path: Path) -> None:
    with nats_broker(tmp_path) as nats:
        nats.user_for("kiosk-7")

        modes = {name: stat.S_IMODE((tmp_path / "nats" / name).stat().st_mode) for name in ("broker.json", "nats.conf")}

    assert modes == {"broker.json": 0o600, "nats.conf": 0o600}


def test_a_damaged_broker_json_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "broker.json").write_text('{"mqtt_port": 1')

    with pytest.raises(BrokerError, match=r"broker\.json cannot be read .* Remove it to have new ports"):
        EmbeddedBroker(tmp_path)


def test_a_port_taken_by_another_program_is_named(tmp_path: Path) -> None:
    EmbeddedBroker(tmp_path)
    broker = EmbeddedBroker(tmp_path)
    with socket.socket() as other:
        other.bind((broker.host, broker.port))
        other.listen()

        with pytest.raises(BrokerError, match=f"port {broker.port}, kept in .* is in use by another program"):
            broker.start()

    broker.start()  # the folder was given free
    broker.stop()


def test_a_port_lost_before_the_very_first_start_is_drawn_again(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    lost = broker.port
    with socket.socket() as other:
        other.bind((broker.host, lost))
        other.listen()

        broker.start()

    assert broker.port != lost
    assert EmbeddedBroker(tmp_path).port == broker.port
    broker.stop()


def test_another_broker_on_its_port_is_not_taken_for_ours(
    nats: Nats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = EmbeddedBroker(tmp_path / "second")
    place = json.loads((tmp_path / "second/broker.json").read_text())
    (tmp_path / "second/broker.json").write_text(json.dumps({**place, "mqtt_port": nats.port}))
    monkeypatch.setattr(EmbeddedBroker, "_refuse_taken_ports", lambda _: None)  # it was still free then

    with pytest.raises(BrokerError, match=r"did not start in .* it said: .*address already in use"):
        EmbeddedBroker(tmp_path / "second").start()
    assert broker.pid is None


def test_a_broker_that_cannot_start_tells_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "MQTT_LIMITS", [("ack_wait", '"never"', "not a duration")])

    with pytest.raises(BrokerError, match=r"did not start in .* it said: .*ack_wait"):
        EmbeddedBroker(tmp_path).start()


def test_a_broker_that_died_is_started_again(nats: Nats) -> None:
    live = collector(nats)

    nats.kill9()
    nats.restart()

    until(lambda: live.step() or (live.connected and live.counters.connects == 2), "the collector is back")


def test_a_broker_that_dies_again_and_again_is_started_less_and_less_often() -> None:
    rests = [embedded.restart_seconds(falls) for falls in range(12)]

    assert rests == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30]


def test_a_folder_belongs_to_one_broker_at_a_time(nats: Nats, tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="another collector runs the broker in"):
        EmbeddedBroker(tmp_path / "nats").start()


def test_only_the_main_thread_may_start_it(tmp_path: Path) -> None:
    complaints: list[str] = []

    def start() -> None:
        try:
            EmbeddedBroker(tmp_path).start()
        except BrokerError as error:
            complaints.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()

    assert complaints == [
        "the broker must be started from the main thread: the kernel ends it with the thread that started it"
    ]


# A collector reduced to its broker, to be killed.
OWNER = """
import sys, time
from pathlib import Path
from roundsman_collector import broker
if sys.argv[2] == "untethered":
    broker.tethered = lambda argv: argv
owned = broker.EmbeddedBroker(Path(sys.argv[1]))
owned.start()
print(owned.pid, flush=True)
time.sleep(600)
"""


def _killed_owner(folder: Path, tether: str) -> int:
    """Start a broker in a process of its own, kill -9 that process, return the broker's pid."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), tether],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    ) as owner:
        assert owner.stdout is not None
        pid = next((int(line) for line in owner.stdout if line.strip().isdecimal()), None)
        assert pid is not None
        assert runs(pid)
        owner.send_signal(signal.SIGKILL)
    return pid


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a child with its parent")
def test_a_killed_collector_takes_its_broker_with_it(tmp_path: Path) -> None:
    pid = _killed_owner(tmp_path, "tethered")

    until(lambda: not runs(pid), "the broker ended with its parent")


def test_an_orphaned_broker_is_ended_at_the_next_start(tmp_path: Path) -> None:
    orphan = _killed_owner(tmp_path, "untethered")
    assert runs(orphan)
    broker = EmbeddedBroker(tmp_path)

    broker.start()

    assert not runs(orphan)
    assert broker.pid not in (None, orphan)
    broker.stop()


def test_a_recycled_pid_is_not_taken_for_an_orphan(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    (tmp_path / "nats.pid").write_text(str(os.getpid()))  # us: we would notice

    broker.start()

    broker.stop()


# --- what is written for mosquitto ---


def test_the_mosquitto_acl_grants_what_the_embedded_broker_grants() -> None:
    text = rights.mosquitto_acl([("south", "kiosk-7", "x" * 20)])

    assert text == (
        "user _collector\n"
        "topic readwrite rm/1/#\n"
        "\n"
        "user south/kiosk-7\n"
        "topic write rm/1/south/kiosk-7/birth\n"
        "topic write rm/1/south/kiosk-7/state\n"
        "topic write rm/1/south/kiosk-7/report\n"
        "topic write rm/1/south/kiosk-7/history\n"
        "topic write rm/1/south/kiosk-7/birth/+\n"
        "topic read rm/1/south/kiosk-7/ack\n"
        "topic read rm/1/south/kiosk-7/cmd\n"
        "topic read rm/1/south/kiosk-7/config\n"
        "topic read rm/1/south/_collector/state\n"
    )


def test_the_nats_rights_are_the_same_rights() -> None:
    agent = rights.nats_users("c", [rights.AgentLogin("south", "kiosk-7", "p")])[1]

    granted = json.loads(agent.partition("publish: ")[2].partition(", subscribe: ")[0])
    heard = json.loads(agent.partition("subscribe: ")[2].partition(" } }")[0])

    assert granted == [f"rm.1.south.kiosk-7.{leaf}" for leaf in ("birth", "state", "report", "history", "birth.*")]
    assert heard == [
        *(f"rm.1.south.kiosk-7.{leaf}" for leaf in ("ack", "cmd", "config")),
        "rm.1.south._collector.state",
        "$MQTT.sub.>",
    ]
