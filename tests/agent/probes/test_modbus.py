"""Contacts and sensors on Modbus: against two servers of other people, and a fake for what those never do."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent import modbus_bus, recording, serial_port
from roundsman_agent.check import ConfigError, check
from roundsman_agent.modbus import Question
from roundsman_agent.modbus_bus import PORT, Bus, Stream, place
from roundsman_agent.probe import Answer, ProbeError, SettingError, complete
from roundsman_agent.probes import modbus
from roundsman_agent.probes.modbus import Block, Heard
from roundsman_agent.warden import Warden
from tests.agent.probes.devices import Line, Lines
from tests.agent.probes.modbus_peers import (
    Cable,
    LibmodbusLine,
    LibmodbusTcp,
    PymodbusLine,
    PymodbusTcp,
    Tcp,
    Units,
    sealed,
)

POINTS = [
    "air[cabinet].celsius = input:0 int16 x0.1 -40..85",
    "air[cabinet].humidity_percent = input:1 uint16 x0.1",
    "air[rack].celsius = holding:10 float32 cdab",
    "door[front].state = discrete:0 closed/open",
    "water[floor].state = discrete:1 dry/wet",
    "smoke[ceiling].state = discrete:3 clear/smoke",
    "contact[fan].state = coil:8 off/on",
]
WELL = {
    1: {
        "input": {0: 268, 1: 652},
        "holding": {10: 0x6666, 11: 0x41D2},
        "discrete": {0: 0, 1: 0, 2: 1, 3: 0},
        "coil": {8: 1},
    }
}
ILL = {
    1: {
        "input": {0: 0xFF38, 1: 1200},
        "holding": {10: 0, 11: 0x7FC0},
        "discrete": {0: 1, 1: 1, 2: 0, 3: 1},
        "coil": {8: 0},
    }
}
READ_WELL = {
    "air[cabinet].celsius": 26.8,
    "air[cabinet].humidity_percent": 65.2,
    "air[rack].celsius": 26.3,
    "door[front].state": "closed",
    "water[floor].state": "dry",
    "smoke[ceiling].state": "clear",
    "contact[fan].state": "on",
}
READ_ILL = {
    "air[cabinet].celsius": -20.0,
    "air[cabinet].humidity_percent": None,
    "air[rack].celsius": None,
    "door[front].state": "open",
    "water[floor].state": "wet",
    "smoke[ceiling].state": "smoke",
    "contact[fan].state": "off",
}
TWO_UNITS = [
    "air[cabinet].celsius = input:0 int16 x0.1",
    "door[front].state = discrete:0 closed/open unit=2",
    "water[floor].state = discrete:1 dry/wet unit=2",
]


def settings(at: str = "/dev/null", points: list[str] | None = None, **more: object) -> dict[str, object]:
    return complete(
        modbus.probe,
        {"at": at, "points": POINTS if points is None else points, "answer_s": 3.0, "timeout_s": 20.0, **more},
    )


def read(at: str, points: list[str] | None = None, **more: object) -> Answer:
    given_ = settings(at, points, **more)
    return modbus.parse(modbus.fetch(given_), given_)


def refusal(at: str, points: list[str] | None = None, **more: object) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        modbus.fetch(settings(at, points, **{"answer_s": 0.2, "timeout_s": 8.0, **more}))
    return caught.value


@pytest.fixture
def tcp() -> Iterator[Callable[[Callable[[bytes], bytes | None]], Tcp]]:
    """Make TCP devices."""
    made: list[Tcp] = []

    def make(reply: Callable[[bytes], bytes | None]) -> Tcp:
        made.append(Tcp(reply))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def cable() -> Iterator[Cable]:
    one = Cable()
    yield one
    one.close()


# --- servers of other people ------------------------------------------------------------------------------------------


@pytest.mark.reads_only
@pytest.mark.parametrize("peer", [PymodbusTcp, LibmodbusTcp])
@pytest.mark.parametrize(("units", "expected"), [(WELL, READ_WELL), (ILL, READ_ILL)], ids=["all is well", "alarms"])
def test_a_device_over_tcp_is_read_and_only_read(
    peer: Any, units: Any, expected: dict[str, object], belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    with peer(units) as device:
        answer = read(device.at)

    assert answer.readings == expected
    belongs_to_the_catalogue(answer)
    device.assert_only_read()
    assert sorted(device.functions) == [1, 2, 2, 3, 4]
    assert answer.bytes_moved == 116


@pytest.mark.reads_only
@pytest.mark.parametrize("peer", [PymodbusLine, LibmodbusLine])
@pytest.mark.parametrize(("units", "expected"), [(WELL, READ_WELL), (ILL, READ_ILL)], ids=["all is well", "alarms"])
def test_a_device_on_a_serial_line_is_read_and_only_read(
    peer: Any, units: Any, expected: dict[str, object], cable: Cable
) -> None:
    with peer(units, cable.theirs) as device:
        answer = read(cable.ours, baud=19200, parity="E")

    assert answer.readings == expected
    device.assert_only_read()
    assert sorted(device.functions) == [1, 2, 2, 3, 4]


@pytest.mark.parametrize("peer", [PymodbusTcp, LibmodbusTcp])
def test_registers_that_a_device_does_not_have_are_absent_and_the_others_are_read(peer: Any) -> None:
    with peer(WELL) as device:
        answer = read(
            device.at, [*POINTS[:2], "air[gone].celsius = input:2 int16", "air[far].celsius = input:900 int16"]
        )

    assert answer.readings == {
        "air[cabinet].celsius": 26.8,
        "air[cabinet].humidity_percent": 65.2,
        "air[gone].celsius": None,
        "air[far].celsius": None,
    }
    assert {name: code for name, (code, _) in answer.failed.items()} == {
        "air[gone].celsius": "absent",
        "air[far].celsius": "absent",
    }
    assert answer.failed["air[far].celsius"][1] == "unit 1, input:900: refused with 2, illegal data address"
    device.assert_only_read()


# --- what a unit may do -----------------------------------------------------------------------------------------------


def test_neighbours_are_asked_together(line: Lines) -> None:
    units = Units(WELL)

    read(line(units.rtu).port)

    assert units.asked == [(1, 4, 0, 2), (1, 3, 10, 2), (1, 2, 0, 2), (1, 2, 3, 1), (1, 1, 8, 1)]


def test_with_a_gap_what_lies_between_is_read_too(line: Lines) -> None:
    units = Units(WELL)

    answer = read(line(units.rtu).port, gap=1)

    assert answer.readings == READ_WELL
    assert units.asked == [(1, 4, 0, 2), (1, 3, 10, 2), (1, 2, 0, 4), (1, 1, 8, 1)]


def test_a_gap_that_the_unit_does_not_have_is_found_out(line: Lines) -> None:
    units = Units({1: {"input": {0: 268, 3: 652}}})
    points = ["air[a].celsius = input:0 int16 x0.1", "air[b].celsius = input:3 int16 x0.1"]

    answer = read(line(units.rtu).port, points, gap=5)

    assert answer.readings == {"air[a].celsius": 26.8, "air[b].celsius": 65.2}
    assert units.asked == [(1, 4, 0, 4), (1, 4, 0, 1), (1, 4, 3, 1)]


def test_a_silent_unit_is_a_timeout_after_its_tries_and_never_an_open_door(line: Lines) -> None:
    units = Units({})
    device = line(units.rtu)

    failure = refusal(device.port, ["door[front].state = discrete:0 closed/open"], tries=3)

    assert (failure.code, failure.detail) == ("timeout", f"{device.port}: unit 1, discrete:0: no answer")
    assert units.asked == [(1, 2, 0, 1)] * 3


def test_a_silent_unit_is_not_asked_for_all_its_tables(line: Lines) -> None:
    units = Units({})

    assert refusal(line(units.rtu).port).code == "timeout"

    assert [function for _, function, _, _ in units.asked] == [4, 4, 3]


def test_a_unit_that_ignores_one_table_is_read_for_the_others(line: Lines) -> None:
    units = Units(WELL)
    device = line(lambda asked: b"" if asked[1] == 4 else units.rtu(asked))

    answer = read(device.port, answer_s=0.5)

    assert answer.readings == {**READ_WELL, "air[cabinet].celsius": None, "air[cabinet].humidity_percent": None}
    assert answer.failed["air[cabinet].celsius"][0] == "timeout"


def test_of_two_units_the_one_that_is_silent_has_no_readings(line: Lines) -> None:
    units = Units({1: {"input": {0: 268}}})

    answer = read(line(units.rtu).port, TWO_UNITS, answer_s=0.5)

    assert answer.readings == {"air[cabinet].celsius": 26.8, "door[front].state": None, "water[floor].state": None}
    assert {code for code, _ in answer.failed.values()} == {"timeout"}
    assert set(answer.failed) == {"door[front].state", "water[floor].state"}


def test_a_unit_behind_a_gateway_that_cannot_reach_it_is_silent_too(tcp: Any) -> None:
    device = tcp(Units({}, gateway_silent=frozenset({1})).tcp)

    failure = refusal(device.at, POINTS[:1])

    assert (failure.code, failure.detail) == (
        "timeout",
        f"{device.at}: unit 1, input:0: refused with 11, gateway target device failed to respond",
    )


@pytest.mark.parametrize(
    ("exception", "code"),
    [
        (1, "not_supported"),
        (2, "absent"),
        (3, "not_supported"),
        (4, "bad_answer"),
        (8, "bad_answer"),
        (99, "bad_answer"),
    ],
)
def test_a_unit_that_refuses_has_answered(line: Lines, exception: int, code: str) -> None:
    device = line(lambda asked: sealed(bytes((asked[0], asked[1] | 0x80, exception))))

    answer = read(device.port, POINTS[:1])

    assert answer.readings == {"air[cabinet].celsius": None}
    assert answer.failed["air[cabinet].celsius"][0] == code
    assert f"refused with {exception}" in answer.failed["air[cabinet].celsius"][1]


def test_a_busy_unit_is_asked_again(line: Lines) -> None:
    units = Units(WELL)
    units.busy = 1

    assert read(line(units.rtu).port).readings == READ_WELL


def test_a_unit_that_stays_busy_says_so(line: Lines) -> None:
    units = Units(WELL)
    units.busy = 9

    answer = read(line(units.rtu).port, POINTS[:1])

    assert answer.failed["air[cabinet].celsius"] == (
        "bad_answer",
        "unit 1, input:0: refused with 6, server device busy",
    )


# --- what a line may do -----------------------------------------------------------------------------------------------


def test_an_adapter_that_echoes_is_understood(line: Lines) -> None:
    assert read(line(Units(WELL, echo=True).rtu).port).readings == READ_WELL


def test_an_echo_alone_is_no_answer(line: Lines) -> None:
    device = line(lambda asked: asked)

    failure = refusal(device.port, POINTS[:1])

    assert (failure.code, failure.detail) == ("timeout", f"{device.port}: unit 1, input:0: no answer")


@pytest.mark.parametrize(
    "before",
    [b"\x00\xff", sealed("02 04 02 0001"), sealed("01 04 02 0001")[:-1] + b"\xee", b"\x01\x04\x04"],
    ids=["noise", "the answer of another unit", "a damaged answer", "the beginning of one"],
)
def test_what_stands_before_an_answer_is_passed_over(line: Lines, before: bytes) -> None:
    units = Units(WELL)

    assert read(line(lambda asked: before + units.rtu(asked)).port).readings == READ_WELL


@pytest.mark.parametrize(
    "said",
    [sealed("02 04 02 0001"), sealed("01 04 04 0001 0002"), b"\xff" * 9, sealed("01 04 02 0001")[:-2], b"\x01"],
    ids=["another unit", "more than was asked", "noise", "an answer that is cut", "one byte"],
)
def test_what_is_no_answer_is_a_bad_one_with_its_bytes(line: Lines, said: bytes) -> None:
    device = line(lambda asked: said)

    failure = refusal(device.port, POINTS[:1], tries=1)

    assert failure.code == "bad_answer"
    assert failure.detail == (
        f"{device.port}: unit 1, input:0: {len(said)} bytes, but not the answer of this unit: {said.hex(' ')}"
    )


def test_an_answer_in_pieces_is_put_together(line: Lines) -> None:
    units = Units(WELL)
    devices: list[Line] = []

    def reply(asked: bytes) -> bytes:
        answer = units.rtu(asked)
        devices[0].say(answer[:3])
        time.sleep(0.02)  # the device's pace, not the test's
        return answer[3:]

    devices.append(line(reply))

    assert read(devices[0].port).readings == READ_WELL


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next(line: Lines) -> None:
    units = Units({1: {"input": {0: 111, 5: 222}}})
    late: list[bytes] = []

    def reply(asked: bytes) -> bytes:
        if not late:
            late.append(units.rtu(asked))
            threading.Timer(1.3, lambda: device.say(late[0])).start()
            return b""
        return units.rtu(asked)

    device = line(reply)
    points = ["air[a].celsius = input:0 int16 x0.1", "air[b].celsius = input:5 int16 x0.1"]

    answer = read(device.port, points, tries=1, answer_s=1.0)

    assert answer.readings == {"air[a].celsius": None, "air[b].celsius": 22.2}


def test_a_line_on_which_another_master_talks_is_not_written_to() -> None:
    written: list[bytes] = []
    stream = Stream(write=written.append, read=lambda until: b"\x05\x03\x00\x00", byte_s=0.0, gap_s=0.02)
    bus = Bus(stream, is_rtu=True, answer_s=0.2)

    with pytest.raises(ProbeError) as caught:
        bus.ask(Question(unit=1, table="input", address=0, count=1), tries=1, deadline=time.monotonic() + 8)

    assert caught.value.code == "bad_answer"
    assert "bytes come that nobody asked for (another master?): 05 03 00 00" in caught.value.detail
    assert written == []


def test_a_line_that_babbles_when_asked_is_left_in_time(line: Lines) -> None:
    begin = time.monotonic()

    failure = refusal(line(lambda asked: b"\xff" * 100_000).port, timeout_s=2.0)

    assert failure.code == "bad_answer"
    assert time.monotonic() - begin < 4


def test_the_time_of_a_visit_is_kept_whatever_the_tries(line: Lines) -> None:
    begin = time.monotonic()

    failure = refusal(line(lambda asked: b"").port, TWO_UNITS, answer_s=1.0, tries=5, timeout_s=1.0)

    assert failure.code == "timeout"
    assert time.monotonic() - begin < 4


def test_what_was_heard_before_the_time_was_over_stays(line: Lines) -> None:
    units = Units({1: {"input": {0: 268}}})

    answer = read(line(units.rtu).port, TWO_UNITS, answer_s=1.0, tries=5, timeout_s=1.0)

    assert answer.readings["air[cabinet].celsius"] == 26.8
    assert {code for code, _ in answer.failed.values()} == {"timeout"}


# --- the port ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def held(port: str, for_s: float = 60) -> Iterator[int]:
    """A process that has a port open, for so long or until the end of the block."""
    program = "import os, sys, select; os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); print(flush=True)"
    wait = "select.select([sys.stdin], [], [], float(sys.argv[2]))"
    holder = subprocess.Popen(
        [sys.executable, "-c", f"{program}; {wait}", port, str(for_s)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    try:
        holder.stdout.readline()
        yield holder.pid
    finally:
        holder.communicate()


def test_a_port_that_another_program_holds_is_busy_and_is_not_written_to(line: Lines) -> None:
    device = line(Units(WELL).rtu)

    with held(device.port) as holder:
        failure = refusal(device.port)

    assert (failure.code, failure.detail) == ("busy_port", f"{device.port} is open in process {holder}")
    assert bytes(device.asked) == b""


def test_a_port_whose_holder_cannot_be_seen_is_busy_by_its_lock(line: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    device = line(Units(WELL).rtu)
    application = os.open(device.port, os.O_RDWR | os.O_NOCTTY)
    monkeypatch.setattr(serial_port, "holder", lambda port: None)
    begin = time.monotonic()
    try:
        fcntl.flock(application, fcntl.LOCK_EX)
        failure = refusal(device.port)
    finally:
        os.close(application)

    assert failure.code == "busy_port"
    assert time.monotonic() - begin < 5
    assert bytes(device.asked) == b""


def test_another_process_of_the_same_agent_is_waited_for(line: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    device = line(Units(WELL).rtu)
    monkeypatch.setattr(os, "getppid", os.getpid)  # what we start has the same parent as we: two cells of one agent

    with held(device.port, for_s=0.3):
        answer = read(device.port)

    assert answer.readings == READ_WELL


def test_another_process_of_the_same_agent_is_not_waited_for_beyond_the_visit(
    line: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = line(Units(WELL).rtu)
    monkeypatch.setattr(os, "getppid", os.getpid)

    with held(device.port):
        failure = refusal(device.port, timeout_s=0.4)

    assert failure.code == "busy_port"


def test_a_port_that_does_not_exist_is_no_port() -> None:
    assert refusal("/dev/serial/by-id/nobody").code == "no_port"


def test_a_port_unplugged_during_the_visit_is_no_port(line: Lines) -> None:
    assert refusal(line(lambda asked: None).port).code == "no_port"


# --- several devices on one line --------------------------------------------------------------------------------------


def visits(calls: list[Callable[[], Answer]]) -> list[Answer | Exception]:
    """What visits give that are made at the same time."""
    outcomes: list[Any] = [None] * len(calls)

    def visit(i: int) -> None:
        try:
            outcomes[i] = calls[i]()
        except Exception as error:
            outcomes[i] = error

    threads = [threading.Thread(target=visit, args=(i,)) for i in range(len(calls))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return outcomes


def test_devices_on_one_line_take_turns(line: Lines) -> None:
    units = Units({unit: {"input": {0: 200 + unit}} for unit in range(1, 9)})
    port = line(units.rtu).port

    def call(unit: int) -> Callable[[], Answer]:
        return lambda: read(port, ["air[x].celsius = input:0 int16 x0.1"], unit=unit)

    outcomes = visits([call(unit) for unit in range(1, 9)])

    assert [one.readings for one in outcomes if isinstance(one, Answer)] == [
        {"air[x].celsius": 20 + unit / 10} for unit in range(1, 9)
    ]


def test_devices_on_one_line_take_turns_though_their_visits_are_made_in_two_cells(line: Lines) -> None:
    units = Units({unit: {"input": {0: 200 + unit}} for unit in (1, 2)})
    port = line(units.rtu).port
    wardens = [Warden(), Warden()]
    points = ["air[x].celsius = input:0 int16 x0.1"]

    def call(unit: int) -> Callable[[], Answer]:
        probe = wardens[unit - 1].load("modbus")
        return lambda: probe.parse(probe.fetch(settings(port, points, unit=unit)), {})

    try:
        outcomes = [one for _ in range(4) for one in visits([call(1), call(2)])]
    finally:
        for warden in wardens:
            warden.close()

    assert [one.readings if isinstance(one, Answer) else one for one in outcomes] == [
        {"air[x].celsius": 20.1},
        {"air[x].celsius": 20.2},
    ] * 4


def test_one_port_by_two_names_is_one_line(line: Lines, tmp_path: Path) -> None:
    units = Units({1: {"input": {0: 201}}, 2: {"input": {0: 202}}})
    port = line(units.rtu).port
    link = tmp_path / "by-id"
    link.symlink_to(port)
    points = ["air[x].celsius = input:0 int16 x0.1"]

    outcomes = visits([lambda: read(port, points, unit=1), lambda: read(str(link), points, unit=2)] * 3)

    assert [one.readings["air[x].celsius"] for one in outcomes if isinstance(one, Answer)] == [20.1, 20.2] * 3


def test_a_gateway_sees_one_visit_at_a_time(tcp: Any) -> None:
    device = tcp(Units(WELL).tcp)

    outcomes = visits([lambda: read(device.at)] * 4)

    assert [one.readings for one in outcomes if isinstance(one, Answer)] == [READ_WELL] * 4
    assert (device.connections, device.most_at_once) == (4, 1)


def test_who_does_not_get_the_line_in_his_time_says_so(line: Lines) -> None:
    port = line(lambda asked: b"").port
    name = os.path.realpath(port)

    with modbus_bus._turn(name, time.monotonic() + 1):
        failure = refusal(port, timeout_s=0.3)

    assert (failure.code, failure.detail) == (
        "busy_port",
        f"{name}: visits to other units on the line took all the time of this one",
    )


# --- over TCP ---------------------------------------------------------------------------------------------------------


def test_rtu_through_a_serial_device_server_is_read(tcp: Any) -> None:
    units = Units(WELL)

    assert read(tcp(units.rtu).at, framing="rtu").readings == READ_WELL


def test_answers_of_other_transactions_and_units_are_not_taken(tcp: Any) -> None:
    units = Units(WELL)

    def reply(asked: bytes) -> bytes:
        answer = units.tcp(asked)
        older = bytes((answer[0] ^ 1,)) + answer[1:7] + answer[7:9] + b"\xee" * len(answer[9:])
        other = answer[:6] + b"\x07" + older[7:]
        return older + other + answer

    assert read(tcp(reply).at).readings == READ_WELL


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (lambda asked: b"", "timeout"),
        (lambda asked: b"HTTP/1.1 400 Bad Request\r\n\r\n", "bad_answer"),
        (lambda asked: asked, "bad_answer"),
        (lambda asked: asked[:2] + b"\x00\x00\x00\x05\x01\x04\x02", "bad_answer"),
        (lambda asked: asked[:2] + b"\x00\x00\x00\x05\x01\x04\x08\x00\x01", "bad_answer"),
        (lambda asked: b"\x00" * 5000, "bad_answer"),
        (lambda asked: bytes((asked[0], asked[1] ^ 1, 0, 0, 0, 3, 1, 0x84, 2)) * 300, "bad_answer"),
        (lambda asked: None, "refused"),
    ],
    ids=[
        "nothing",
        "another protocol",
        "an echo",
        "a piece",
        "a length that lies",
        "zeros without end",
        "other transactions without end",
        "a closed connection",
    ],
)
def test_a_tcp_device_that_does_not_answer_properly(
    tcp: Any, reply: Callable[[bytes], bytes | None], code: str
) -> None:
    begin = time.monotonic()

    failure = refusal(tcp(reply).at, POINTS[:1], timeout_s=3.0)

    assert failure.code == code
    assert time.monotonic() - begin < 3


def test_a_device_that_hangs_up_in_the_middle_keeps_what_it_said(tcp: Any) -> None:
    units = Units(WELL)
    device = tcp(lambda asked: units.tcp(asked) if asked[7] == 4 else None)

    answer = read(device.at)

    assert answer.readings["air[cabinet].celsius"] == 26.8
    assert answer.readings["door[front].state"] is None
    assert answer.failed["door[front].state"] == ("refused", "the device closed the connection")


def test_a_recording_does_not_say_where_the_line_is(tcp: Any, line: Lines) -> None:
    units = Units({1: {"input": {0: 268}}})
    lines = [line(units.rtu).port, tcp(lambda asked: units.tcp(asked) if asked[6] == 1 else None).at]

    for at in lines:
        given_ = settings(at, TWO_UNITS, answer_s=0.5)
        body = recording.made(modbus.probe, given_, modbus.fetch(given_))

        assert body["readings"]["air[cabinet].celsius"] == 26.8
        assert at not in json.dumps(body)


def test_a_port_where_nobody_listens_is_refused(tcp: Any) -> None:
    device = tcp(lambda asked: b"")
    device.close()
    device.close = lambda: None

    assert refusal(device.at).code == "refused"


def test_a_name_that_nobody_knows_is_no_host() -> None:
    assert refusal("nobody.invalid").code == "no_host"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("/dev/ttyUSB0", ("/dev/ttyUSB0", 0)),
        ("usb:0403:6001", ("usb:0403:6001", 0)),
        ("192.168.1.60", ("192.168.1.60", PORT)),
        ("gateway.example:1502", ("gateway.example", 1502)),
        ("[fe80::1]:1502", ("fe80::1", 1502)),
        ("[fe80::1]", ("fe80::1", PORT)),
        ("fe80::1", ("fe80::1", PORT)),
    ],
)
def test_where_a_line_is(at: str, expected: tuple[str, int]) -> None:
    assert place(at) == expected


@pytest.mark.parametrize("at", ["", ":502", "a b", "host:", "host:0", "host:65536", "host:five", "[fe80::1", "[a]x"])
def test_what_is_no_place_is_a_bad_setting(at: str) -> None:
    assert refusal(at).code == "bad_setting"


# --- settings and parsing ---------------------------------------------------------------------------------------------


def test_a_mistake_in_the_map_is_told_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(
        '[agent]\nid = "gw-2"\ngroup = "south"\ndata = "data"\n[broker]\nhost = "127.0.0.1"\n'
        '[[device]]\nid = "room-2"\nkind = "room"\n[[device.probe]]\nname = "modbus"\nat = "/dev/ttyUSB0"\npoints = [\n'
        '  "door[front].state = discrete:0 closed/open",\n  "air[rack].celcius = input:0 int16",\n]\n'
    )

    with pytest.raises(ConfigError) as caught:
        check(str(path))

    assert str(caught.value) == (
        f"{path}:15: device room-2, probe modbus, setting points: 'air[rack].celcius = input:0 int16': "
        "modbus gives no air[rack].celcius; expected air[].celsius?"
    )


def test_a_map_is_needed() -> None:
    with pytest.raises(SettingError, match="setting points: is missing"):
        complete(modbus.probe, {"at": "/dev/ttyUSB0"})
    with pytest.raises(SettingError, match="setting points: is empty"):
        settings(points=[])


def test_a_map_that_was_never_checked_is_a_bad_setting_not_a_crash() -> None:
    with pytest.raises(ProbeError) as caught:
        modbus.fetch({**settings(), "points": ["nonsense"]})

    assert caught.value.code == "bad_setting"


def test_only_what_was_heard_is_parsed() -> None:
    with pytest.raises(TypeError, match="modbus parses what was Heard, not dict"):
        modbus.parse({}, settings())


FRAME = st.builds(
    lambda unit, function, data: sealed(bytes((unit, function, len(data))) + data),
    st.sampled_from([1, 2]),
    st.sampled_from([1, 4, 0x84]),
    st.binary(max_size=5),
)
ENVELOPE = st.builds(
    lambda transaction, frame: bytes((0, transaction, 0, 0, 0, max(len(frame) - 2, 0))) + frame[:-2],
    st.integers(0, 3),
    FRAME,
)


@given(st.booleans(), st.lists(st.binary(max_size=12) | FRAME | ENVELOPE | st.just(b""), max_size=12))
def test_whatever_a_line_gives_is_an_answer_of_the_right_size_or_the_devices_failure(
    is_rtu: bool, pieces: list[bytes]
) -> None:
    """`b""` in between is a silence until the deadline."""
    left = list(pieces)
    written: list[bytes] = []
    stream = Stream(write=written.append, read=lambda until: left.pop(0) if left else b"", byte_s=0.0, gap_s=0.0)
    bus = Bus(stream, is_rtu=is_rtu, answer_s=0.05)
    deadline = time.monotonic() + 0.1

    for question in (
        Question(unit=1, table="input", address=0, count=2),
        Question(unit=1, table="coil", address=9, count=3),
    ):
        try:
            answer = bus.ask(question, tries=2, deadline=deadline)
        except ProbeError as error:
            assert error.code in ("timeout", "bad_answer")
        else:
            assert answer.refusal or len(answer.data) == question.size
    assert bus.moved == sum(map(len, written)) + sum(map(len, pieces)) - sum(map(len, left))


@given(
    st.lists(
        st.builds(
            Block,
            unit=st.sampled_from([0, 1, 2]),
            table=st.sampled_from(["input", "holding", "discrete", "coil", "relay"]),
            address=st.integers(-3, 20),
            count=st.integers(-3, 300),
            data=st.binary(max_size=30),
            code=st.sampled_from(["", "", "", "timeout", "no such code"]),
            detail=st.text(max_size=3) | st.just("x" * 1000),
        ),
        max_size=8,
    )
)
def test_whatever_the_blocks_are_every_point_is_worth_something_or_explained(blocks: list[Block]) -> None:
    answer = modbus.parse(Heard(blocks=tuple(blocks)), settings())

    assert set(answer.readings) == set(READ_WELL)
    assert {name for name, value in answer.readings.items() if value is None} == set(answer.failed)
    assert all(len(detail) <= 400 for _, detail in answer.failed.values())
