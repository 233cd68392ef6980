"""The tcp probe: ports on loopback that are open, silent, wrong, closed, and one that nobody answers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent import dial
from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import tcp
from roundsman_agent.probes.tcp import Door


class Port:
    """A port that says some bytes to whoever connects, a piece at a time, and notes every byte that it hears."""

    def __init__(self, says: list[bytes], *, gap_s: float = 0.0, hangs_up: bool = False) -> None:
        self.heard = b""
        self._says, self._gap_s, self._hangs_up = says, gap_s, hangs_up
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._socket.accept()
                with line, suppress(OSError):
                    self._serve(line)

    def _serve(self, line: socket.socket) -> None:
        for piece in self._says:
            line.sendall(piece)
            if self._over.wait(self._gap_s):
                return
        if self._hangs_up:
            line.shutdown(socket.SHUT_WR)
        line.settimeout(5)
        while data := line.recv(100):
            self.heard += data

    def close(self) -> None:
        self._over.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(6)
        assert self.heard == b"", "a visit sent something"


@pytest.fixture
def listening() -> Iterator[Callable[..., Port]]:
    made: list[Port] = []

    def make(*says: bytes, **more: object) -> Port:
        made.append(Port(list(says), **more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


Ports = Callable[..., Port]


def settings(port: int = 80, **more: object) -> dict[str, object]:
    return complete(tcp.probe, {"host": "127.0.0.1", "port": port, "timeout_s": 2.0, **more})


def visited(port: int, **more: object) -> Answer:
    return tcp.parse(tcp.fetch(settings(port, **more)), settings(port, **more))


@pytest.mark.reads_only
def test_an_open_port_is_open_and_hears_not_one_byte(
    listening: Ports, belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    one = listening(b"SSH-2.0-", b"OpenSSH_9.2\r\n")

    answer = visited(one.port, instance="ssh")
    told = visited(one.port, instance="ssh", banner="SSH-2.0-OpenSSH")

    for each in (answer, told):
        belongs_to_the_catalogue(each)
        assert each.readings["tcp[ssh].state"] == "open"
        assert 0 <= float(each.readings["tcp[ssh].ms"] or 0) < 2000
    one.close()
    assert one.heard == b""


@pytest.mark.parametrize(
    ("says", "more", "state"),
    [
        ([b"220 smtp ready\r\n"], {"hangs_up": True}, "wrong"),
        ([b"garbage \xff\x00"], {}, "wrong"),
        ([b"x" * 5000], {}, "wrong"),
        ([], {}, "silent"),
        ([], {"hangs_up": True}, "wrong"),
        ([b"SSH"], {}, "wrong"),  # a part of what is expected
    ],
)
def test_a_port_that_does_not_say_what_it_should_is_no_open_one(
    listening: Ports, says: list[bytes], more: dict[str, object], state: str
) -> None:
    one = listening(*says, **more)

    assert visited(one.port, banner="SSH-2.0-", timeout_s=0.3).readings["tcp[main].state"] == state


def test_a_banner_in_gbk_is_recognised(listening: Ports) -> None:
    assert visited(listening("欢迎".encode("gbk")).port, banner="欢迎").readings["tcp[main].state"] == "open"


def test_a_port_that_says_one_letter_at_a_time_is_left_at_the_deadline(listening: Ports) -> None:
    one = listening(*[b"x"] * 100, gap_s=0.05)
    begin = time.monotonic()

    assert visited(one.port, banner="SSH", timeout_s=0.4).readings["tcp[main].state"] == "wrong"
    assert time.monotonic() - begin < 4  # all of it takes five seconds


def test_a_closed_port_is_refused(listening: Ports) -> None:
    one = listening()
    one.close()

    with pytest.raises(ProbeError, match=r"refused: .*nothing listens there"):
        tcp.fetch(settings(one.port))


def test_a_port_that_takes_no_connection_is_a_timeout() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]  # the kernel's queue is full after them
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))

        with pytest.raises(ProbeError, match="timeout"):
            tcp.fetch(settings(port, timeout_s=0.4))

        for one in waiting:
            one.close()


def test_a_host_that_nobody_knows_is_no_host() -> None:
    with pytest.raises(ProbeError, match="no_host"):
        tcp.fetch(complete(tcp.probe, {"host": "nobody.invalid", "timeout_s": 20.0}))


@pytest.mark.parametrize("host", ["", "a" * 300, "a\0b"])
def test_a_host_that_is_no_name_is_a_bad_setting(host: str) -> None:
    with pytest.raises(ProbeError, match="bad_setting"):
        tcp.fetch(complete(tcp.probe, {"host": host}))


def test_a_name_with_two_addresses_is_tried_at_both(listening: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    one = listening()
    closed = listening()
    closed.close()
    both = [(socket.AF_INET, ("127.0.0.1", port)) for port in (closed.port, one.port)]
    monkeypatch.setattr(dial, "addresses", lambda *_, **__: both)

    assert visited(one.port).readings["tcp[main].state"] == "open"


@given(st.floats(), st.binary(max_size=100), st.booleans(), st.text(max_size=10), st.text(max_size=200))
def test_whatever_came_every_reading_is_explained(
    ms: float, said: bytes, has_ended: bool, banner: str, name: str
) -> None:
    answer = tcp.parse(Door(ms=ms, said=said, has_hung_up=has_ended), settings(banner=banner, instance=name))

    unknown = {name for name, value in answer.readings.items() if value is None}
    assert unknown == set(answer.failed)
