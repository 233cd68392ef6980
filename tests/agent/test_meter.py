"""What a connection costs, as the system counts it and as it is estimated."""

import socket
import struct

import pytest

from roundsman_agent.meter import Meter, parsed


def info(acknowledged: int, received: int, out: int, came: int, sent: int | None = None) -> bytes:
    body = b"\0" * 120 + struct.pack("=QQII", acknowledged, received, out, came)
    return body if sent is None else body.ljust(200, b"\0") + struct.pack("=QQ", sent, 0)


def test_bytes_both_ways_and_forty_for_each_packet() -> None:
    assert parsed(info(1000, 500, 7, 5)) == 1500 + 12 * 40


def test_what_was_sent_twice_counts_twice_where_the_kernel_tells() -> None:
    assert parsed(info(1000, 500, 7, 5, sent=1400)) == 1900 + 12 * 40


def test_a_kernel_too_old_to_tell_is_no_error() -> None:
    assert parsed(b"\0" * 104) is None


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="the system does not count")
def test_a_real_connection_is_counted_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as line:
        meter = Meter(line, is_tls=False)
        other, _ = listener.accept()
        with other:
            begun = meter.more()
            line.sendall(b"x" * 1000)
            other.recv(2000)
            other.sendall(b"y" * 300)
            line.recv(400)

            found = meter.more()

    assert 80 <= begun <= 200
    assert 1300 + 2 * 40 <= found <= 1300 + 6 * 40
    assert meter.more() >= 0


def test_where_nobody_counts_it_is_estimated_from_what_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "TCP_INFO", raising=False)
    meter = Meter(object(), is_tls=False)

    assert meter.more((1000, 2)) == 1000 + 2 * 102
    assert meter.more((1500, 3)) == 500 + 102
