"""A visit to the broker beside an agent that runs: come in with its credential, listen a little, leave.

    visit(line, config, answer_s=5, listen_s=3) -> Visit(welcome, may_listen, state, ack)

The client id is `AGENT-doctor`, so that the agent keeps its session; nothing is published and no will is left.
"""

import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from roundsman_agent.clock import SystemClock
from roundsman_agent.config import Config
from roundsman_wire import topics


class Heard(NamedTuple):
    """A message, and when it came by our wall clock."""

    payload: bytes
    wall_ms: int


class Visit(NamedTuple):
    """How it went: the broker's word of refusal ("" none, None no word at all), and what the collector said."""

    welcome: str | None
    may_listen: bool = False
    state: Heard | None = None
    ack: Heard | None = None


class _Visitor(mqtt.Client):
    """On a socket that is connected already."""

    def __init__(self, given: socket.socket, agent: str) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id=f"{agent}-doctor", clean_session=True, protocol=mqtt.MQTTv311
        )
        self._given = given
        self.welcome: str | None = None
        self.may_listen = False
        self.heard: dict[str, Heard] = {}
        self._clock = SystemClock()
        self.on_connect = self._on_welcome
        self.on_subscribe = self._on_granted
        self.on_message = self._on_heard

    def _create_socket(self) -> Any:  # private in paho 2.2.0; tests/agent/test_doctor.py guards it
        return self._given

    def _on_welcome(self, _client: object, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        self.welcome = str(reason) if reason.is_failure else ""

    def _on_granted(self, _client: object, _data: object, _mid: int, reasons: Any, _properties: object) -> None:
        self.may_listen = not any(reason.is_failure for reason in reasons)

    def _on_heard(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        self.heard[message.topic] = Heard(bytes(message.payload), self._clock.now().wall)


def visit(line: socket.socket, config: Config, *, answer_s: float, listen_s: float) -> Visit:
    """Come in and listen on a connected line. OSError, ValueError or ConfigError when it breaks."""
    broker = config.broker
    visitor = _Visitor(line, config.id)
    ack, state = topics.down(config.group, config.id, topics.ACK), topics.collector_state(config.group)
    try:
        if broker.user:
            visitor.username_pw_set(broker.user, broker.secret() or None)
        visitor.connect(broker.host, broker.port, keepalive=60)
        _turn(visitor, lambda: visitor.welcome is not None, answer_s)
        if visitor.welcome != "":
            return Visit(visitor.welcome)
        visitor.subscribe([(ack, 0), (state, 1)])
        _turn(visitor, lambda: ack in visitor.heard and state in visitor.heard, listen_s)
    finally:
        visitor.disconnect()
    return Visit("", visitor.may_listen, visitor.heard.get(state), visitor.heard.get(ack))


def _turn(visitor: _Visitor, done: Callable[[], bool], seconds: float) -> None:
    """Let paho work until something has come, or so long."""
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        if visitor.loop(0.1) != mqtt.MQTT_ERR_SUCCESS:
            break
