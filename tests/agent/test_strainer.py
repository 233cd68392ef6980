"""The strainer: everything goes through as it came, but giants."""

import random
import socket
from collections.abc import Iterator

import pytest

from roundsman_agent.strainer import STAND_IN, Strainer, _length

PUBLISH_QOS1 = 0x32
PUBLISH_QOS0_RETAINED = 0x31


class Ends:
    """A pair of sockets with a strainer at one end."""

    def __init__(self, limit: int) -> None:
        self.far, near = socket.socketpair()
        self.giants: list[tuple[str, int]] = []
        self.near = Strainer(near, on_giant=lambda topic, size: self.giants.append((topic, size)), limit=limit)
        self.near.setblocking(False)

    def through(self, data: bytes, *, cut: int = 65_536, ask: int = 4096) -> bytes:
        """What comes out for what goes in, sent in pieces of `cut`, asked for `ask` at a time."""
        out = b""
        for at in range(0, len(data), cut):
            self.far.sendall(data[at : at + cut])
            while True:
                try:
                    out += self.near.recv(ask)
                except BlockingIOError:
                    break
        return out

    def close(self) -> None:
        self.far.close()
        self.near.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends(limit=100)
    yield ends
    ends.close()


def publish(topic: str, body: bytes, head: int = PUBLISH_QOS1) -> bytes:
    name = topic.encode()
    rest = len(name).to_bytes(2, "big") + name + (b"\0\7" if head & 0b110 else b"") + body
    return bytes([head]) + _length(len(rest)) + rest


@pytest.mark.parametrize("cut", [1, 3, 65_536])
@pytest.mark.parametrize("ask", [1, 4096])
def test_what_is_within_the_limit_passes_unchanged(ends: Ends, cut: int, ask: int) -> None:
    data = bytes([0x20, 2, 0, 0]) + publish("rm/1/south/gw-2/ack", b"{}" * 30) + bytes([0xD0, 0])

    assert ends.through(data, cut=cut, ask=ask) == data
    assert ends.giants == []


@pytest.mark.parametrize("cut", [1, 7, 65_536])
def test_a_giant_loses_its_body_and_its_neighbours_nothing(ends: Ends, cut: int) -> None:
    before, after = publish("a", b"1"), publish("b", b"2")

    out = ends.through(before + publish("x/y", b"!" * 5000) + after, cut=cut)

    assert out == before + publish("x/y", STAND_IN) + after
    assert ends.giants == [("x/y", 5000)]


def test_a_retained_giant_without_an_id_stays_what_it_is_but_small(ends: Ends) -> None:
    out = ends.through(publish("x", b"!" * 5000, PUBLISH_QOS0_RETAINED))

    assert out == publish("x", STAND_IN, PUBLISH_QOS0_RETAINED)


@pytest.mark.parametrize(
    "data",
    [
        bytes([0x90, 0xFF, 0xFF, 0x7F]),
        bytes([0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
        bytes([0x30]) + _length(101) + b"\xff\xff" + b"a" * 99,
    ],
    ids=["a giant that is no publish", "a length of five bytes", "a topic longer than its packet"],
)
def test_what_is_no_mqtt_breaks_the_connection(ends: Ends, data: bytes) -> None:
    with pytest.raises(ConnectionError):
        ends.through(data)


def test_the_end_of_the_line_is_the_end(ends: Ends) -> None:
    ends.far.sendall(publish("x", b"!" * 500)[:50])
    ends.far.close()

    out = b""
    while data := ends.near.recv(4096):
        out += data

    assert out == publish("x", STAND_IN)


def test_noise_never_brings_more_than_came_nor_anything_but_a_connection_error() -> None:
    for seed in range(200):
        noise = random.Random(seed).randbytes(400)
        ends = Ends(limit=100)
        try:
            assert len(ends.through(noise, cut=17)) <= len(noise)
        except ConnectionError:
            pass
        finally:
            ends.close()
