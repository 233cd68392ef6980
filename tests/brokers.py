"""Real brokers for tests, started in a temporary folder, all of one shape.

    with nats_broker(tmp_path) as broker: ...          the embedded broker
    with mosquitto_broker(tmp_path) as broker: ...     Debian's mosquitto (skipped where it is not installed)

    broker.host broker.port                            where
    broker.collector                                   (user, password) of the collector
    broker.user_for("kiosk-7")                         (user, password) of an agent, let in on first asking
    broker.kill9()   broker.restart()                  what happens to brokers

Both grant the same rights (roundsman_collector.rights) and repeat soon what was not acknowledged.
"""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from roundsman_collector import broker as embedded
from roundsman_collector.mqtt import Line
from roundsman_collector.rights import (
    COLLECTOR_USER,
    AgentLogin,
    mosquitto_acl,
    mosquitto_conf,
    mosquitto_password_lines,
    new_password,
    user_of,
)
from roundsman_collector.tether import tethered

PATIENCE_SECONDS = 15.0
GROUP = "south"
DAEMON_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])


class Broker(Protocol):
    """What a test may ask of a broker."""

    name: str
    host: str
    port: int
    collector: tuple[str, str]

    def user_for(self, agent: str, group: str = GROUP) -> tuple[str, str]: ...
    def kill9(self) -> None: ...
    def restart(self) -> None: ...


def until(happened: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something real; fail saying what did not happen."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            pytest.fail(f"within {seconds:g} s not: {what}")
        time.sleep(0.01)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def runs(pid: int) -> bool:
    """Whether a process lives; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def line_of(broker: Broker) -> Line:
    """The collector's line to a broker."""
    user, password = broker.collector
    return Line(host=broker.host, port=broker.port, user=user, password=password)


class Nats:
    """The embedded broker; its ack wait is made short so that tests need not wait for it."""

    name = "nats"

    def __init__(self, folder: Path) -> None:
        self._broker = embedded.EmbeddedBroker(folder)
        self._logins: dict[str, AgentLogin] = {}
        self._broker.start()
        self.host, self.port = self._broker.host, self._broker.port
        self.collector = (self._broker.collector_user, self._broker.collector_password)

    def user_for(self, agent: str, group: str = GROUP) -> tuple[str, str]:
        user = user_of(group, agent)
        if user not in self._logins:
            self._logins[user] = AgentLogin(group, agent, new_password())
            self._broker.set_agents(self._logins.values())
        return user, self._logins[user].password

    def kill9(self) -> None:
        pid = self._broker.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: self._broker.pid is None, "the killed broker is gone")

    def restart(self) -> None:
        until(self._broker.poll, "the broker was started again")
        until(lambda: accepts(self.port), "the broker accepts connections again")

    def stop(self) -> None:
        self._broker.stop()


class Mosquitto:
    """Debian's mosquitto with the configuration that we recommend."""

    name = "mosquitto"
    host = "127.0.0.1"

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._logins: dict[str, AgentLogin] = {}
        self.collector = (COLLECTOR_USER, new_password())
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind((self.host, 0))
            self.port = probe.getsockname()[1]
        conf = mosquitto_conf(folder, self.port)
        if os.geteuid() == 0:  # it would become another user, who may not read this folder
            conf += "user root\n"
        (folder / "mosquitto.conf").write_text(conf)
        self._write_logins()
        self.restart()

    def user_for(self, agent: str, group: str = GROUP) -> tuple[str, str]:
        user = user_of(group, agent)
        if user not in self._logins:
            self._logins[user] = AgentLogin(group, agent, new_password())
            self._write_logins()
            self._child.send_signal(signal.SIGHUP)
            self._await_login(user, self._logins[user].password)
        return user, self._logins[user].password

    def kill9(self) -> None:
        self._child.kill()
        self._child.wait()

    def restart(self) -> None:
        with (self._folder / "mosquitto.log").open("ab") as said:
            self._child = subprocess.Popen(
                tethered([self._program, "-c", str(self._folder / "mosquitto.conf")]), stdout=said, stderr=said
            )
        until(lambda: accepts(self.port), "mosquitto accepts connections")

    def stop(self) -> None:
        self._child.terminate()
        self._child.wait()

    def _write_logins(self) -> None:
        agents = self._logins.values()
        (self._folder / "acl").write_text(mosquitto_acl(agents))
        pairs = [self.collector, *((login.user, login.password) for login in agents)]
        (self._folder / "passwords").write_text(mosquitto_password_lines(pairs))
        for name in ("acl", "passwords"):
            (self._folder / name).chmod(0o600)

    def _await_login(self, user: str, password: str) -> None:
        """mosquitto reads its files at leisure: knock until it knows the user."""

        def is_known() -> bool:
            with contextlib.closing(Peer(self.host, self.port, user, password, client_id="knock")) as peer:
                return peer.is_welcome

        until(is_known, f"mosquitto knows {user}")


@contextlib.contextmanager
def nats_broker(folder: Path, ack_wait: str = "1s") -> Iterator[Nats]:
    limits = [
        (name, f'"{ack_wait}"' if name == "ack_wait" else value, why) for name, value, why in embedded.MQTT_LIMITS
    ]
    with mock.patch.object(embedded, "MQTT_LIMITS", limits):
        broker = Nats(folder / "nats")
        try:
            yield broker
        finally:
            broker.stop()


@contextlib.contextmanager
def mosquitto_broker(folder: Path) -> Iterator[Mosquitto]:
    program = shutil.which("mosquitto", path=DAEMON_PATH)
    if program is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    broker = Mosquitto(program, folder / "mosquitto")
    try:
        yield broker
    finally:
        broker.stop()


BROKERS: dict[str, Callable[[Path], contextlib.AbstractContextManager[Broker]]] = {
    "nats": nats_broker,
    "mosquitto": mosquitto_broker,
}


class Peer:
    """A plain MQTT client of another party (an agent, a stranger), in paho's own thread."""

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        password: str,
        *,
        client_id: str,
        filters: tuple[str, ...] = (),
        clean: bool = True,
        will: tuple[str, bytes] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self.answers: list[bool] = []  # to CONNECT: welcome?
        self.granted: list[bool] = []  # to SUBSCRIBE
        self.losses = 0
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, clean_session=clean, reconnect_on_failure=False
        )
        self._client.username_pw_set(user, password)
        if tls is not None:
            self._client.tls_set_context(tls)
        if will is not None:
            self._client.will_set(will[0], will[1], qos=1, retain=True)
        self._client.on_connect = lambda _c, _u, _f, reason, _p: self.answers.append(not reason.is_failure)
        self._client.on_subscribe = lambda _c, _u, _m, reasons, _p: self.granted.extend(
            not reason.is_failure for reason in reasons
        )
        self._client.on_message = lambda _c, _u, message: self.heard.append(
            (message.topic, bytes(message.payload), message.retain)
        )
        self._client.on_disconnect = self._lost
        self._client.connect(host, port)
        self._client.loop_start()
        # A mosquitto that just then takes new credentials may hang up instead of answering.
        until(lambda: self.answers or self.losses, f"{client_id} got an answer to CONNECT")
        for name in filters if self.is_welcome else ():
            before = len(self.granted)
            self._client.subscribe(name, 1)
            until(lambda before=before: len(self.granted) > before, f"{client_id} got an answer to SUBSCRIBE")

    @property
    def is_welcome(self) -> bool:
        return bool(self.answers) and self.answers[-1]

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected()

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Publish and wait for the broker's PUBACK."""
        self._client.publish(topic, payload, qos, retain).wait_for_publish(PATIENCE_SECONDS)

    def publish_many(self, messages: list[tuple[str, bytes]]) -> None:
        """Publish at QoS 1 and wait for every PUBACK."""
        for info in [self._client.publish(topic, payload, 1) for topic, payload in messages]:
            info.wait_for_publish(PATIENCE_SECONDS)
            assert info.is_published()

    def drop(self) -> None:
        """Vanish without a DISCONNECT, as a machine that loses its power."""
        line = self._client.socket()
        assert line is not None
        line.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
        self._client.loop_stop()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _lost(self, *_: object) -> None:
        self.losses += 1


def agent_peer(broker: Broker, agent: str, **more: Any) -> Peer:
    """An agent's client at a broker, under its own credential."""
    user, password = broker.user_for(agent)
    return Peer(broker.host, broker.port, user, password, client_id=more.pop("client_id", agent), **more)
