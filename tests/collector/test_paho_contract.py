"""mqtt.py leans on private parts of paho: this says which, and what they must go on doing.

When one of these fails after an upgrade: read mqtt.py's `_Paho`, adapt it, then raise the pin.
"""

import importlib.metadata
import inspect
import re
import socket
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from roundsman_collector import mqtt

ROOT = Path(__file__).resolve().parents[2]
SIGNATURES = {
    "_create_socket": "(self) -> 'SocketLike'",
    "_sock_send": "(self, buf: 'bytes | bytearray') -> 'int'",
    "_packet_handle": "(self) -> 'MQTTErrorCode'",
}
IN_PACKET = {
    "command": 0,
    "have_remaining": 0,
    "remaining_count": [],
    "remaining_mult": 1,
    "remaining_length": 0,
    "packet": bytearray(),
    "to_process": 0,
    "pos": 0,
}


def plain_client() -> paho.Client:
    return paho.Client(CallbackAPIVersion.VERSION2, "x", clean_session=False)


def test_the_installed_paho_is_the_one_this_was_written_for() -> None:
    assert importlib.metadata.version("paho-mqtt") == mqtt.PAHO_VERSION


def test_the_collector_pins_exactly_that_paho() -> None:
    project = tomllib.loads((ROOT / "collector/pyproject.toml").read_text())

    assert f"paho-mqtt=={mqtt.PAHO_VERSION}" in project["project"]["dependencies"]


def test_mqtt_uses_no_private_name_of_paho_that_it_does_not_list() -> None:
    source = inspect.getsource(mqtt)
    inside = source[source.index("class _Paho(") : source.index("\ndef wait(")]
    used = {*re.findall(r"self\.(_\w+)", inside), *re.findall(r"def (_[a-z]\w+)", inside)}
    used |= set(re.findall(r"self\._paho\.(_\w+)", source)) | set(re.findall(r"paho\.(_\w+)", source))

    assert used - {"_unsent"} == {name for name, _ in mqtt.PAHO_PRIVATE}


@pytest.mark.parametrize("name", [name for name, _ in mqtt.PAHO_PRIVATE])
def test_each_private_name_is_still_there(name: str) -> None:
    assert hasattr(plain_client(), name)


@pytest.mark.parametrize("name", SIGNATURES)
def test_each_private_method_still_has_its_signature(name: str) -> None:
    assert str(inspect.signature(getattr(paho.Client, name))) == SIGNATURES[name]


def test_a_packet_is_handed_over_in_the_form_that_paho_keeps() -> None:
    assert plain_client()._in_packet == IN_PACKET  # type: ignore[attr-defined]


def greeted() -> tuple[mqtt._Paho, bytearray, list[str]]:
    """A paho that has sent CONNECT, its buffer, and a list of what it will call back."""
    out, calls = bytearray(), []
    client = mqtt._Paho(mqtt.Line(host="127.0.0.1", port=1, user="u", password="p"), "id", 30, out)
    client.on_connect = lambda *_: calls.append("connect")
    client.on_subscribe = lambda *_: calls.append("subscribe")
    client.on_publish = lambda *_: calls.append("publish")
    here, client.far_end = socket.socketpair()  # type: ignore[attr-defined]
    client.line_socket = here
    client.reconnect()
    return client, out, calls


def test_paho_says_connect_into_our_buffer_and_nothing_into_the_socket() -> None:
    client, out, _ = greeted()

    client.far_end.setblocking(False)  # type: ignore[attr-defined]
    with pytest.raises(BlockingIOError):
        client.far_end.recv(1)  # type: ignore[attr-defined]
    # 3.1.1 (level 4), persistent session, user and password, keep-alive 30 s
    assert bytes(out) == b"\x10\x14\x00\x04MQTT\x04\xc0\x00\x1e\x00\x02id\x00\x01u\x00\x01p"


def test_paho_acts_on_a_packet_handed_to_it() -> None:
    client, out, calls = greeted()

    out.clear()
    client.handle(0x20, b"\x00\x00")
    _, mid = client.subscribe([("a/b", 1)])
    client.handle(0x90, bytes([0, mid or 0, 1]))
    info = client.publish("t", b"x", qos=1, retain=True)
    client.handle(0x40, bytes([0, info.mid]))

    assert calls == ["connect", "subscribe", "publish"]
    assert bytes(out) == b"\x82\x08\x00\x01\x00\x03a/b\x01" + b"\x33\x06\x00\x01t\x00\x02x"


def test_paho_sends_what_was_said_inside_a_callback() -> None:
    client, out, _ = greeted()
    client.on_connect = lambda *_: client.subscribe([("a/b", 1)])
    out.clear()

    client.handle(0x20, b"\x00\x00")

    assert bytes(out) == b"\x82\x08\x00\x01\x00\x03a/b\x01"


def test_paho_sends_an_unconfirmed_message_again_on_the_next_connection() -> None:
    client, out, _ = greeted()
    client.handle(0x20, b"\x00\x00")
    client.publish("t", b"x", qos=1, retain=True)
    again, client.other_end = socket.socketpair()  # type: ignore[attr-defined]

    client.line_socket = again
    client.reconnect()
    out.clear()
    client.handle(0x20, b"\x01\x00")

    assert bytes(out) == b"\x3b\x06\x00\x01t\x00\x01x"  # DUP


def test_paho_pings_when_the_keep_alive_is_due_and_hangs_up_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    client, out, _ = greeted()
    client.handle(0x20, b"\x00\x00")
    out.clear()
    now = paho.time_func()
    clock = SimpleNamespace(now=now)
    monkeypatch.setattr(paho, "time_func", lambda: clock.now)

    clock.now = now + 31
    client.loop_misc()
    assert bytes(out) == b"\xc0\x00"
    client.handle(0xD0, b"")
    clock.now = now + 62
    client.loop_misc()
    assert bytes(out) == b"\xc0\x00\xc0\x00"
    clock.now = now + 93
    client.loop_misc()

    assert client.socket() is None


def test_paho_refuses_what_is_malformed() -> None:
    client, _, _ = greeted()

    with pytest.raises(mqtt.LineLost, match="malformed packet 0x20"):
        client.handle(0x20, b"\x00")
    with pytest.raises(mqtt.LineLost, match="packet 0xf0 that paho refused"):
        client.handle(0xF0, b"")


def test_a_refused_connection_is_not_tried_as_an_older_protocol() -> None:
    client, out, calls = greeted()
    out.clear()

    with pytest.raises(mqtt.LineLost):
        client.handle(0x20, bytes([0, 1]))  # unacceptable protocol version

    assert (bytes(out), calls) == (b"", [])
