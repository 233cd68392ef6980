"""A USB serial adapter that is pulled out and put back in under another number is found again by its stable name."""

from __future__ import annotations

import termios
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from serial.tools import list_ports

from roundsman_agent import serial_port
from roundsman_agent.probe import ProbeError, complete
from roundsman_agent.probes import escpos
from tests.agent.probes.devices import Lines


class Adapter(NamedTuple):
    """As pyserial lists it."""

    device: str
    vid: int | None
    pid: int | None
    serial_number: str | None


Plug = Callable[..., None]


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Plug:
    """What is plugged in from now on."""

    def plug(*adapters: Adapter) -> None:
        monkeypatch.setattr(list_ports, "comports", lambda: list(adapters))

    return plug


def printer(asked: bytes) -> bytes:
    return b"\x12" * (len(asked) // 3)


def polled(port: str) -> object:
    settings = complete(escpos.probe, {"port": port, "tries": 1, "timeout_s": 5.0})
    return escpos.parse(escpos.fetch(settings), settings).readings["printer.paper"]


def test_an_adapter_is_found_again_by_its_link_that_points_elsewhere_now(line: Lines, tmp_path: Path) -> None:
    link = tmp_path / "usb-printer"
    first, second = line(printer), line(printer)
    link.symlink_to(first.port)
    before = polled(str(link))

    link.unlink()  # pulled out
    first.close()
    with pytest.raises(ProbeError) as caught:
        polled(str(link))
    link.symlink_to(second.port)  # and in again
    after = polled(str(link))

    assert (before, caught.value.code, after) == ("ok", "no_port", "ok")
    assert first.port != second.port


def test_an_adapter_is_found_again_by_its_usb_id_under_another_number(line: Lines, plugged: Plug) -> None:
    first, second = line(printer), line(printer)
    other = Adapter("/dev/ttyACM0", 0x1546, 0x01A7, None)
    name = "usb:0403:6001:A50285BI"
    plugged(other, Adapter(first.port, 0x0403, 0x6001, "A50285BI"))
    before = polled(name)

    plugged(other)
    with pytest.raises(ProbeError) as caught:
        polled(name)
    plugged(Adapter(second.port, 0x0403, 0x6001, "A50285BI"), other)
    after = polled(name)

    assert (before, after) == ("ok", "ok")
    assert (caught.value.code, caught.value.detail) == (
        "no_port",
        "usb:0403:6001:A50285BI: no such adapter is plugged in; there are: usb:1546:01a7",
    )


def test_the_serial_number_may_be_left_out_where_there_is_one_such_adapter(plugged: Plug) -> None:
    plugged(Adapter("/dev/ttyUSB3", 0x0403, 0x6001, "A50285BI"), Adapter("/dev/ttyS0", None, None, None))

    assert serial_port.found("usb:0403:6001") == "/dev/ttyUSB3"
    assert serial_port.found("/dev/ttyS0") == "/dev/ttyS0"


def test_two_adapters_of_one_id_are_not_guessed_between(plugged: Plug) -> None:
    plugged(Adapter("/dev/ttyUSB0", 0x0403, 0x6001, "A"), Adapter("/dev/ttyUSB1", 0x0403, 0x6001, "B"))

    with pytest.raises(ProbeError) as caught:
        serial_port.found("usb:0403:6001")

    assert caught.value.code == "bad_setting"
    assert "/dev/ttyUSB0, /dev/ttyUSB1" in caught.value.detail


def test_a_port_that_is_not_there_is_said_with_the_stable_names_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "usb-FTDI_A50285BI").touch()
    monkeypatch.setattr(serial_port, "BY_ID", str(tmp_path))

    with pytest.raises(ProbeError) as caught:
        polled("/dev/ttyUSB99")

    assert caught.value.code == "no_port"
    assert f"there are: {tmp_path}/usb-FTDI_A50285BI" in caught.value.detail


def test_a_line_is_opened_with_the_parity_and_the_bits_that_were_asked_for(
    line: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pseudo-terminal has no parity and forgets it; what the kernel was asked for is what a real line gets.
    asked: list[int] = []
    monkeypatch.setattr(termios, "tcsetattr", lambda fd, when, attributes: asked.append(attributes[2]))

    with serial_port.opened(
        port=line(printer).port, baud=9600, write_timeout_s=1.0, bytesize=7, parity="E", stopbits=2
    ) as port:
        assert (port.bytesize, port.parity, port.stopbits) == (7, "E", 2)

    odd, even, two = termios.PARENB | termios.PARODD, termios.PARENB, termios.CSTOPB
    assert asked[0] & (odd | two) == even | two
    assert asked[0] & termios.CSIZE == termios.CS7


def test_a_parity_that_is_none_is_a_wrong_setting(line: Lines) -> None:
    with (
        pytest.raises(ProbeError) as caught,
        serial_port.opened(port=line(printer).port, baud=9600, write_timeout_s=1.0, parity="X"),
    ):
        pytest.fail("opened")

    assert caught.value.code == "bad_setting"


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("/dev/usb/lp0", True),
        ("/dev/usblp1", True),
        ("/dev/ttyS0", False),
        ("/dev/serial/by-id/usb-lp0-if00", False),
        ("/dev/null", False),
    ],
)
def test_a_port_of_usblp_is_known_by_its_name(name: str, *, is_one: bool) -> None:
    assert serial_port.is_lp(name) is is_one
