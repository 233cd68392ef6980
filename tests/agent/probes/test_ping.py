"""The ping probe: loopback where this user may ping, messages to the byte, and hosts that are made up of sockets."""

from __future__ import annotations

import errno
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import ping
from roundsman_agent.probes.ping import Echoes, answered, checksum, request

SECRET = bytes(range(16))
Reply = Callable[[bytes], list[bytes]]


def settings(**more: object) -> dict[str, object]:
    return complete(ping.probe, {"host": "127.0.0.1", "timeout_s": 2.0, **more})


def echo(asked: bytes, *, kind: int = 0, sequence: int | None = None) -> bytes:
    """The answer to a request, as a host gives it."""
    _, _, _, ident, number = struct.unpack_from("!BBHHH", asked)
    return struct.pack("!BBHHH", kind, 0, 0, ident, number if sequence is None else sequence) + asked[8:]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Callable[[Reply], list[bytes]]:
    """Pings go to a host that answers as it is told; gives what it was asked."""

    def make(reply: Reply) -> list[bytes]:
        asked: list[bytes] = []
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

        def run() -> None:
            with far:
                far.settimeout(5)
                while True:
                    try:
                        data = far.recv(4096)
                    except OSError:
                        return
                    if not data:
                        return
                    assert data[:2] == b"\x08\x00", "a visit sent what is no echo request"
                    asked.append(data)
                    with suppress(OSError):  # the visit is over
                        for answer in reply(data):
                            far.send(answer)

        threading.Thread(target=run, daemon=True).start()
        monkeypatch.setattr(ping, "_opened", lambda *_: (_Connected(near), False))
        return asked

    return make


class _Connected:
    """A socket of a pair: it has no address to connect to."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def connect(self, _: object) -> None:
        pass

    def __getattr__(self, name: str) -> object:
        return getattr(self._line, name)

    def __enter__(self) -> _Connected:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()


def visited(**more: object) -> Answer:
    return ping.parse(ping.fetch(settings(**more)), settings(**more))


# --- this machine -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost"])
def test_loopback_answers_or_the_right_to_ping_is_named(
    address: str, belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    try:
        answer = visited(host=address)
    except ProbeError as error:
        assert error.code == "permission" or (error.code == "no_route" and address == "::1")
        assert "ping_group_range" in error.detail or error.code == "no_route"
        return

    belongs_to_the_catalogue(answer)
    assert answer.readings["ping.loss_percent"] == 0.0
    assert 0 <= float(answer.readings["ping.ms"] or 0) < 1000


def test_who_may_not_ping_is_told_which_right_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> socket.socket:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refused)

    with pytest.raises(ProbeError, match=r"permission: .*net.ipv4.ping_group_range"):
        ping.fetch(settings())


def test_where_unprivileged_pings_are_forbidden_a_raw_socket_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []
    near, far = socket.socketpair()

    def opened(_family: int, kind: int, _protocol: int) -> socket.socket:
        tried.append(kind)
        if kind == socket.SOCK_DGRAM:
            raise PermissionError(errno.EACCES, "Permission denied")
        return near

    monkeypatch.setattr(socket, "socket", opened)

    with far, near:
        assert ping._opened(socket.AF_INET, "127.0.0.1") == (near, True)
    assert tried == [socket.SOCK_DGRAM, socket.SOCK_RAW]


# --- hosts of all kinds -----------------------------------------------------------------------------------------------


@pytest.mark.reads_only
def test_a_host_that_answers_is_pinged_and_hears_nothing_but_echo_requests(
    host: Callable[[Reply], list[bytes]], belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    asked = host(lambda data: [echo(data)])

    answer = visited()

    belongs_to_the_catalogue(answer)
    assert (answer.readings["ping.loss_percent"], answer.bytes_moved) == (0.0, 6 * 32)
    assert [struct.unpack_from("!BBHHH", one)[4] for one in asked] == [1, 2, 3]
    assert {one[:2] for one in asked} == {b"\x08\x00"}


def test_what_is_lost_is_counted(host: Callable[[Reply], list[bytes]]) -> None:
    host(lambda data: [echo(data)] if data[7] != 2 else [])

    assert visited(timeout_s=0.8).readings["ping.loss_percent"] == 33.3


@pytest.mark.parametrize(
    "reply",
    [
        lambda data: [],
        lambda data: [b"", b"\x00", b"garbage" * 30, bytes(32)],
        lambda data: [data],  # our own request, as a raw socket hears it
        lambda data: [echo(data, kind=3)],
        lambda data: [echo(data, sequence=99)],
        lambda data: [echo(data)[:8] + bytes(24)],  # somebody else's answer: not our secret
        lambda data: [echo(data)[:20]],
    ],
    ids=["silent", "garbage", "itself", "unreachable", "another number", "another secret", "cut"],
)
def test_what_is_not_the_answer_to_our_request_is_none(host: Callable[[Reply], list[bytes]], reply: Reply) -> None:
    host(reply)

    with pytest.raises(ProbeError, match=r"timeout: .*none of 3 pings came back"):
        ping.fetch(settings(timeout_s=0.7))


def test_an_answer_that_comes_twice_counts_once(host: Callable[[Reply], list[bytes]]) -> None:
    host(lambda data: [echo(data)] * 5)

    assert len(ping.fetch(settings()).ms) == 3


def test_a_host_that_floods_us_does_not_keep_us(
    host: Callable[[Reply], list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ping, "DATAGRAMS_LIMIT", 50)
    host(lambda data: [b"noise"] * 60)

    with pytest.raises(ProbeError, match="timeout"):
        ping.fetch(settings())


def test_a_road_that_ends_is_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    class DeadEnd(_Connected):
        def connect(self, _: object) -> None:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")

    near, far = socket.socketpair()
    monkeypatch.setattr(ping, "_opened", lambda *_: (DeadEnd(near), False))

    with far, pytest.raises(ProbeError, match=r"no_route: 127\.0\.0\.1: Network is unreachable"):
        ping.fetch(settings())


def test_of_a_name_the_first_address_is_pinged_to_which_there_is_a_road(
    host: Callable[[Reply], list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    host(lambda data: [echo(data)])
    found = [(socket.AF_INET6, ("2001:db8::1", 0, 0, 0)), (socket.AF_INET, ("127.0.0.1", 0))]
    monkeypatch.setattr(ping, "addresses", lambda *_, **__: found)
    opened = ping._opened

    def without_ipv6(family: socket.AddressFamily, name: str) -> tuple[object, bool]:
        line, is_raw = opened(family, name)
        return (_DeadEnd(line) if family == socket.AF_INET6 else line), is_raw

    class _DeadEnd(_Connected):
        def connect(self, _: object) -> None:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(ping, "_opened", without_ipv6)

    assert visited().readings["ping.loss_percent"] == 0.0


def test_a_name_that_nobody_knows_is_no_host() -> None:
    with pytest.raises(ProbeError, match="no_host"):
        ping.fetch(settings(host="nobody.invalid", timeout_s=20.0))


# --- messages ---------------------------------------------------------------------------------------------------------


def test_a_request_has_the_checksum_of_rfc_1071() -> None:
    made = request(is_v6=False, ident=0x1234, sequence=7, secret=SECRET)

    assert made[:8] == bytes.fromhex("0800") + made[2:4] + bytes.fromhex("12340007")
    assert checksum(made) == 0  # what is right sums up to nothing
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2  # RFC 1071, 3


def test_an_answer_is_found_behind_the_header_of_a_raw_socket() -> None:
    asked = request(is_v6=False, ident=1, sequence=7, secret=SECRET)
    header = bytes([0x46]) + bytes(23)  # with options: six words

    assert answered(header + echo(asked), is_v6=False, has_header=True, secret=SECRET) == 7
    assert answered(echo(asked), is_v6=False, has_header=False, secret=SECRET) == 7
    assert answered(echo(asked, kind=129), is_v6=True, has_header=True, secret=SECRET) == 7


@given(st.binary(max_size=100), st.booleans(), st.booleans())
def test_noise_answers_nothing(data: bytes, is_v6: bool, has_header: bool) -> None:
    assert answered(data, is_v6=is_v6, has_header=has_header, secret=SECRET) is None


@given(st.lists(st.one_of(st.none(), st.floats()), max_size=20))
def test_whatever_came_back_is_a_mean_and_a_share_or_nothing(ms: list[float | None]) -> None:
    try:
        readings = ping.parse(Echoes(ms=tuple(ms), bytes_moved=0), settings()).readings
    except ProbeError as error:
        assert error.code == "timeout"
    else:
        assert 0 <= float(readings["ping.loss_percent"] or 0) <= 100
        assert 0 <= float(readings["ping.ms"] or 0) <= 1e6
