"""Discover: who is there, of which family, and a configuration that can be used. Nothing is changed or opened."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from roundsman_agent import cli, discover, snmp_ber
from roundsman_agent.check import check
from roundsman_agent.discover import Found, Greeting, Heard, SerialPort
from tests.agent.probes.devices import Lines

UPS = {
    "1.3.6.1.2.1.1.1.0": b"SANTAK\x07 UPS\nCARD",
    "1.3.6.1.2.1.1.2.0": "1.3.6.1.4.1.40614",
    "1.3.6.1.2.1.1.5.0": b"Room 3 UPS",
    "1.3.6.1.2.1.33.1.2.1.0": 2,
    "1.3.6.1.2.1.33.1.2.4.0": 100,
    "1.3.6.1.2.1.33.1.4.1.0": 3,
}
CAMERA = {"1.3.6.1.4.1.39165.1.1.0": b"DS-2CD2T45", "1.3.6.1.4.1.39165.1.7.0": b"15 PERCENT"}
STRANGER = {"1.3.6.1.2.1.1.1.0": b"a thing", "1.3.6.1.2.1.1.5.0": b"thing"}

GET, NEXT, BULK, RESPONSE = 0xA0, 0xA1, 0xA5, 0xA2


class Device:
    """A device that answers GET, GETNEXT and GETBULK from a table, and keeps what else it is asked."""

    def __init__(self, table: Mapping[str, bytes | int | str], address: str, port: int = 0) -> None:
        self._table = {tuple(map(int, oid.split("."))): value for oid, value in table.items()}
        self.community, self.refused, self.asked = b"public", list[int](), 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._socket.settimeout(0.05)
        self.port: int = self._socket.getsockname()[1]
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self._open:
            try:
                data, peer = self._socket.recvfrom(65535)
            except TimeoutError:
                continue
            answer = self._answer(data)
            if answer is not None:
                self._socket.sendto(answer, peer)

    def _answer(self, data: bytes) -> bytes | None:
        self.asked += 1
        _, at, _ = snmp_ber._head(data, 0, len(data))
        _, at, end = snmp_ber._head(data, at + 3, len(data))
        community, kind = data[at:end], data[end]
        if kind not in (GET, NEXT, BULK):
            self.refused.append(kind)
            return None
        if community != self.community:
            return None
        # A request is written as an answer is: with its tag changed it can be read by the same code.
        asked = snmp_ber.answer(data[:end] + bytes([RESPONSE]) + data[end + 1 :])
        found = []
        for oid, _ in asked.bindings:
            key = tuple(map(int, oid.split(".")))
            if kind != GET:
                key = next((one for one in sorted(self._table) if one > key), ())
            found.append(self._bound(key or (1, 3), self._table.get(key)))
        pdu = b"".join([snmp_ber._integer(asked.request_id), snmp_ber._integer(0), snmp_ber._integer(0)])
        pdu += snmp_ber._wrapped(0x30, b"".join(found))
        body = snmp_ber.VERSION_2C + snmp_ber._wrapped(4, community) + snmp_ber._wrapped(RESPONSE, pdu)
        return snmp_ber._wrapped(0x30, body)

    def _bound(self, key: tuple[int, ...], value: bytes | int | str | None) -> bytes:
        name = _oid(key)
        if value is None:
            return snmp_ber._wrapped(0x30, name + b"\x81\x00")
        if isinstance(value, int):
            return snmp_ber._wrapped(0x30, name + snmp_ber._integer(value))
        if isinstance(value, str):
            return snmp_ber._wrapped(0x30, name + _oid(tuple(map(int, value.split(".")))))
        return snmp_ber._wrapped(0x30, name + snmp_ber._wrapped(4, value))

    def close(self) -> None:
        self._open = False
        self._thread.join(5)
        self._socket.close()


def _oid(key: tuple[int, ...]) -> bytes:
    first, second, *rest = key
    return snmp_ber._wrapped(6, b"".join(map(snmp_ber._septets, (40 * first + second, *rest))))


@contextmanager
def room() -> Iterator[dict[str, Device]]:
    """A UPS, a camera and something unknown at three addresses, on the same port."""
    first = Device(UPS, "127.0.0.2")
    found = {"ups": first}
    try:
        found["camera"] = Device(CAMERA, "127.0.0.3", first.port)
        found["stranger"] = Device(STRANGER, "127.0.0.5", first.port)
        yield found
    finally:
        for one in found.values():
            one.close()


@pytest.mark.parametrize(
    ("wanted", "count", "first", "last"),
    [
        ("192.168.1.0/24", 254, "192.168.1.1", "192.168.1.254"),
        ("192.168.1.20-40", 21, "192.168.1.20", "192.168.1.40"),
        ("192.168.1.250-192.168.2.5", 12, "192.168.1.250", "192.168.2.5"),
        ("192.168.1.20", 1, "192.168.1.20", "192.168.1.20"),
        ("10.0.0.0/20", 4094, "10.0.0.1", "10.0.15.254"),
        ("10.0.0.8/31", 2, "10.0.0.8", "10.0.0.9"),
    ],
)
def test_a_range_is_its_addresses(wanted: str, count: int, first: str, last: str) -> None:
    found = discover.addresses(wanted)

    assert (len(found), found[0], found[-1]) == (count, first, last)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("10.0.0.0/8", "at most 4096"),
        ("10.0.0.0-10.9.9.9", "at most 4096"),
        ("10.0.0.9-3", "ends before it begins"),
        ("nvr-2", "expected 192.168.1.0/24"),
        ("192.168.1.5/24", "has host bits set"),
        ("192.168.1.0/99", "expected a length"),
        ("192.168.1.20-", "expected 192.168.1.0/24"),
        ("", "expected 192.168.1.0/24"),
    ],
)
def test_what_is_no_range_is_refused_and_says_what_was_expected(wanted: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        discover.addresses(wanted)


def test_who_answers_is_found_with_its_family_and_nothing_is_written_to_anybody() -> None:
    told: list[str] = []
    with room() as devices:
        found = discover.devices(
            discover.addresses("127.0.0.1-6"), community="public", port=devices["ups"].port, told=told.append
        )

        assert [one.refused for one in devices.values()] == [[], [], []]
        assert all(one.asked for one in devices.values())

    ups, camera, stranger = found
    assert ups.greeting == Greeting("127.0.0.2", "SANTAK UPS CARD", "Room 3 UPS")
    assert ups.family is not None
    assert discover.KINDS[ups.family] == "ups"
    assert (camera.family, camera.greeting.description) == ("hikvision_camera", "DS-2CD2T45")
    assert stranger.family is None
    assert "not_supported" in stranger.why
    assert len(told) == 4


def test_who_does_not_know_the_community_is_not_found() -> None:
    with room() as devices:
        assert not discover.swept(["127.0.0.2"], community="wrong", port=devices["ups"].port, silence_s=0.2)


def test_noise_and_answers_of_others_are_no_greeting() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
        noise.bind(("127.0.0.2", 0))
        noise.settimeout(2)

        def babble() -> None:
            data, peer = noise.recvfrom(65535)
            wrong = snmp_ber._wrapped(0x30, b"")
            for datagram in (b"", b"\x30", b"\xff" * 2000, wrong, data):
                noise.sendto(datagram, peer)

        thread = threading.Thread(target=babble, daemon=True)
        thread.start()
        found = discover.swept(["127.0.0.2"], community="public", port=noise.getsockname()[1], silence_s=0.3)
        thread.join(5)

    assert found == {}


def test_what_is_printed_is_a_configuration_that_check_accepts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    community = tmp_path / "snmp-community"
    community.write_text("open sesame\n")
    with room() as devices:
        for one in devices.values():
            one.community = b"open sesame"
        words = ["discover", "--snmp", "127.0.0.1-6", "--port", str(devices["ups"].port)]

        assert cli.main([*words, "--community-file", str(community)]) == 0

    printed, said = capsys.readouterr()
    path = tmp_path / "agent.toml"
    path.write_text(printed)
    body = check(str(path))
    assert [(one["kind"], one["probes"][0]["settings"]["host"]) for one in body["device"]] == [
        ("ups", "127.0.0.2"),
        ("camera", "127.0.0.3"),
    ]
    assert body["device"][0]["id"] == "room-3-ups"
    assert "open sesame" not in printed
    assert '# behind = { power = ["room-3-ups"] }' in printed
    assert "a thing" in printed
    assert "3 devices answer SNMP" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["discover"], "expected --snmp RANGE, --serial or --ask PORT"),
        (["discover", "--snmp", "10.0.0.0/8"], "at most 4096"),
        (["discover", "--snmp", "10.0.0.1", "--port", "0"], "expected 1 to 65535"),
    ],
)
def test_wrong_words_say_what_was_expected(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    assert said in capsys.readouterr().err


def test_a_community_file_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["discover", "--snmp", "127.0.0.1", "--community-file", f"{tmp_path}/none"]) == 78
    assert "none" in capsys.readouterr().err


def test_serial_ports_are_listed_and_none_is_opened(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: Lines
) -> None:
    port = line(lambda asked: b"")
    listed = [SerialPort(name="/dev/serial/by-id/usb-x", device=port.port, what="FTDI\n", held_by=4711)]
    monkeypatch.setattr(discover, "ports", lambda: listed)

    assert cli.main(["discover", "--serial"]) == 0

    assert "# serial port /dev/serial/by-id/usb-x, open in process 4711: FTDI" in capsys.readouterr().out
    assert port.asked == b""


def test_the_ports_of_this_machine_can_be_listed() -> None:
    assert all(port.device.startswith("/dev/") for port in discover.ports())


def test_a_printer_is_found_on_a_port_that_somebody_names(
    line: Lines, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(discover, "ASKED", (("escpos", {"baud": 9600, "tries": 1}),))
    printer = line(lambda asked: bytes(0x12 for n in asked[2::3]))

    assert cli.main(["discover", "--ask", printer.port]) == 0

    path = tmp_path / "agent.toml"
    path.write_text(capsys.readouterr().out)
    (device,) = check(str(path))["device"]
    assert device["local"] is True
    assert [(use["name"], use["settings"]["port"]) for use in device["probes"]] == [("escpos", printer.port)]


def test_a_port_that_is_held_is_not_asked(line: Lines, capsys: pytest.CaptureFixture[str]) -> None:
    printer = line(lambda asked: bytes(0x12 for n in asked[2::3]))
    held = os.open(printer.port, os.O_RDWR | os.O_NOCTTY)
    try:
        assert cli.main(["discover", "--ask", printer.port]) == 0
    finally:
        os.close(held)

    assert printer.asked == b""
    assert "it is not asked" in capsys.readouterr().err


def test_two_devices_of_one_name_have_two_ids_and_a_hostile_name_breaks_nothing(tmp_path: Path) -> None:
    hostile = 'x"]\n[broker]\nhost = "evil'
    found = [
        Found(greeting=Greeting("192.0.2.1", hostile, hostile), family="ups"),
        Found(greeting=Greeting("192.0.2.2", "", hostile), family="switch"),
        Found(greeting=Greeting("192.0.2.3", "", hostile), family="printer"),
        Found(greeting=Greeting("192.0.2.4", "", ""), family="ups"),
        Found(greeting=Greeting("192.0.2.5", hostile, ""), family=None, why=hostile),
    ]
    port = SerialPort(name="/dev/ttyS0", device="/dev/ttyS0", what=hostile, held_by=None)
    heard = Heard(port=port, probe="escpos", settings={"baud": 9600}, readings=["printer.paper"])
    path = tmp_path / "agent.toml"

    path.write_text(discover.written(found, [port], {port.name: heard}, agent="网关 1", community="public"))

    body = check(str(path))
    ids = [device["id"] for device in body["device"]]
    assert len(set(ids)) == len(ids) == 5
    assert body["broker"]["host"] == "127.0.0.1"
    assert ids[3] == "snmp-192-0-2-4"
