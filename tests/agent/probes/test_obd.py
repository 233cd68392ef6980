"""OBD-II by ELM327: trouble codes in every form adapters tell them, a third party's emulator, and only questions.

The counterpart is elmulator (PyPI, MIT) with the scenarios of ../shared and our own; what it cannot do is done by a
pseudo-terminal that speaks the ELM327 data sheet's tables and refuses whatever is no question.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import obd
from roundsman_agent.probes.obd import FIND, HELLO, QUESTIONS, VOLTS, Said, codes, payloads
from tests.agent.probes.devices import Lines

ALLOWED = (HELLO, VOLTS, FIND, *QUESTIONS)
WELL: Mapping[str, str] = {
    HELLO: "ELM327 v1.5",
    VOLTS: "14.1V",
    FIND: "SEARCHING...\r41 00 BE 3E B8 11",
    "0101": "41 01 00 07 E5 00",
    "03": "43 00",
    "07": "47 00",
    "010C": "41 0C 1A F8",
    "0105": "41 05 7B",
    "0142": "41 42 37 14",
    "0121": "41 21 00 00",
}
READINGS = {
    "vehicle.supply_volts": 14.1,
    "vehicle.bus": "answers",
    "vehicle.engine": "on",
    "engine.lamp": "off",
    "engine.trouble_codes": 0,
    "engine.pending_codes": 0,
    "engine.rpm": 1726.0,
    "engine.coolant_celsius": 83,
    "engine.module_volts": 14.1,
    "engine.lamp_km": 0,
}


def settings(port: str = "/dev/null", **more: object) -> dict[str, object]:
    return complete(obd.probe, {"port": port, "timeout_s": 8.0, **more})


def meaning(changed: Mapping[str, str]) -> Answer:
    lines = {question: [one for one in said.split("\r") if one] for question, said in {**WELL, **changed}.items()}
    return obd.parse(Said(lines=lines), settings())


class Adapter:
    """The fake: answers from a table and keeps what it was told that is no question."""

    def __init__(self, changed: Mapping[str, str] | None = None, *, echo: bool = True) -> None:
        self.says = {**WELL, **(changed or {})}
        self.refused: list[str] = []
        self.asked: list[str] = []
        self._echo, self._heard = echo, b""

    def __call__(self, data: bytes) -> bytes:
        self._heard += data
        said = b""
        while b"\r" in self._heard:
            line, _, self._heard = self._heard.partition(b"\r")
            command = line.decode("ascii")
            self.asked.append(command)
            if command not in ALLOWED:
                self.refused.append(command)
                said += b"?\r\r>"
            else:
                said += (f"{command}\r" if self._echo else "").encode() + f"{self.says[command]}\r\r>".encode()
        return said


@pytest.mark.parametrize("echo", [True, False], ids=["with echo", "without echo"])
def test_a_vehicle_that_is_well_is_read(
    line: Lines, belongs_to_the_catalogue: Callable[[Answer], None], echo: bool
) -> None:
    said = obd.fetch(settings(line(Adapter(echo=echo)).port))

    answer = obd.parse(said, settings())
    assert (answer.readings, answer.failed) == (READINGS, {})
    belongs_to_the_catalogue(answer)


@pytest.mark.reads_only
def test_nothing_but_questions_is_asked_and_not_the_vehicles_number(line: Lines) -> None:
    adapter = Adapter()

    obd.fetch(settings(line(adapter).port))

    assert adapter.refused == []
    assert adapter.asked == list(ALLOWED)
    assert not [one for one in adapter.asked if one.startswith(("04", "08", "09", "ATZ", "ATSP", "ATE", "ATH"))]
    assert adapter(b"04\r") == b"?\r\r>"
    assert adapter.refused == ["04"]


def test_a_parked_vehicle_is_left_asleep(line: Lines) -> None:
    adapter = Adapter({VOLTS: "12.4V"})

    given = settings(line(adapter).port, bus_from_volts=13.0)
    answer = obd.parse(obd.fetch(given), given)

    assert adapter.asked == [HELLO, VOLTS]
    assert answer == Answer(readings={"vehicle.supply_volts": 12.4, "vehicle.engine": "off"})


@pytest.mark.parametrize(
    ("lines", "question", "expected"),
    [
        (["43 01 03 01"], "03", ["P0301"]),
        (["4301 0301"], "03", ["P0301"]),
        (["7E8 04 43 01 03 01"], "03", ["P0301"]),
        (["7E8044301 0301".replace(" ", "")], "03", ["P0301"]),
        (["7E8 04 43 01 03 01 00 00 00"], "03", ["P0301"]),
        (["7E8 02 43 00", "7E9 04 43 01 C1 00"], "03", ["U0100"]),
        (["18 DA F1 10 04 43 01 03 01"], "03", ["P0301"]),
        (["7E8 10 0A 43 04 01 33 00 44", "7E8 21 41 23 81 11"], "03", ["P0133", "P0044", "C0123", "B0111"]),
        (["00A", "0: 43 04 01 33 00 44", "1: 41 23 81 11 AA AA AA"], "03", ["P0133", "P0044", "C0123", "B0111"]),
        (["43 01 33 00 00 00 00"], "03", ["P0133"]),
        (["43 01 33 03 01 02 02", "43 04 20 00 00 00 00"], "03", ["P0133", "P0301", "P0202", "P0420"]),
        (["48 6B 10 43 01 33 00 00 00 00 3F"], "03", ["P0133"]),
        (["87 F1 10 43 01 33 00 00 00 00 FF"], "03", ["P0133"]),
        (["47 02 01 33 01 33"], "07", ["P0133"]),
        (["NO DATA"], "03", []),
        (["7E8 10 0A 43 04 01 33 00 44"], "03", []),
        (["7E8 10 0A 43 04 01 33 00 44", "7E8 22 41 23 81 11"], "03", []),
        (["41 01 81 07 65 04"], "03", []),
        (["43"], "03", []),
    ],
)
def test_trouble_codes_are_read_in_every_form_that_adapters_tell(
    lines: Sequence[str], question: str, expected: list[str]
) -> None:
    found = [code for payload in payloads(lines, question) for code in codes(payload)]

    assert found == expected


@pytest.mark.parametrize(
    ("changed", "readings"),
    [
        (
            {"0101": "41 01 81 07 65 04", "03": "43 01 03 01"},
            {"engine.trouble_codes": 1, "engine.lamp": "on", "trouble_code[P0301].state": "stored"},
        ),
        ({"07": "47 01 04 20"}, {"engine.pending_codes": 1, "trouble_code[P0420].state": "pending"}),
        (
            {"03": "43 01 04 20", "07": "47 01 04 20"},
            {"engine.trouble_codes": 1, "trouble_code[P0420].state": "stored"},
        ),
        ({"0101": "41 01 83 07 65 04", "03": "NO DATA"}, {"engine.trouble_codes": 3, "engine.lamp": "on"}),
        ({"010C": "41 0C 00 00"}, {"engine.rpm": 0, "vehicle.engine": "off"}),
        ({"0121": "41 21 01 2C"}, {"engine.lamp_km": 300}),
        ({VOLTS: "12.6 V"}, {"vehicle.supply_volts": 12.6}),
    ],
)
def test_what_is_wrong_is_told(
    changed: dict[str, str], readings: dict[str, object], belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    answer = meaning(changed)

    assert {name: answer.readings[name] for name in readings} == readings
    assert not answer.failed
    belongs_to_the_catalogue(answer)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("SEARCHING...\rUNABLE TO CONNECT", "silent"),
        ("NO DATA", "silent"),
        ("CAN ERROR", "fault"),
        ("BUS INIT: ...ERROR", "fault"),
        ("BUS INIT: OK\r41 00 BE 1F B8 10", "answers"),
        ("?", "unknown"),
        ("OK", "unknown"),
    ],
)
def test_a_bus_that_does_not_answer_is_named(said: str, word: str) -> None:
    answer = obd.parse(Said(lines={HELLO: ["ELM327 v1.5"], VOLTS: ["12.2V"], FIND: said.split("\r")}), settings())

    assert answer.readings["vehicle.supply_volts"] == 12.2
    assert answer.readings["vehicle.bus"] == word


def test_a_vehicle_that_does_not_answer_is_not_asked_more(line: Lines) -> None:
    adapter = Adapter({FIND: "SEARCHING...\rUNABLE TO CONNECT"})

    answer = obd.parse(obd.fetch(settings(line(adapter).port)), settings())

    assert adapter.asked == [HELLO, VOLTS, FIND]
    assert answer.readings["vehicle.bus"] == "silent"
    assert not answer.failed


def test_what_cannot_be_true_is_refused() -> None:
    answer = meaning({"0142": "41 42 00 00", "0105": "41 05 FF"})

    assert answer.failed["engine.module_volts"][0] == "implausible"
    assert answer.failed["engine.coolant_celsius"][0] == "implausible"


def test_what_a_vehicle_does_not_tell_is_no_reading() -> None:
    answer = meaning(dict.fromkeys(("010C", "0105", "0142", "0121", "07"), "NO DATA"))

    assert set(answer.readings) == {"vehicle.supply_volts", "vehicle.bus", "engine.lamp", "engine.trouble_codes"}


def test_an_adapter_that_says_nothing_is_a_timeout(line: Lines) -> None:
    with pytest.raises(ProbeError, match=r"timeout.*no answer to ATI"):
        obd.fetch(settings(line(lambda asked: b"").port, timeout_s=1.0))


def test_what_went_wrong_is_told_in_a_line_however_much_was_said() -> None:
    answer = obd.parse(Said(lines={VOLTS: None}, cut="x" * 10_000), {"bus_from_volts": 13.2})

    assert answer.failed["vehicle.supply_volts"] == ("timeout", "x" * obd.DETAIL_LIMIT)


def test_noise_without_a_prompt_is_a_bad_answer(line: Lines) -> None:
    with pytest.raises(ProbeError, match=r"bad_answer.*no prompt"):
        obd.fetch(settings(line(lambda asked: bytes([0x80, 0xFF, 0x0D]) * 200).port, timeout_s=1.0))


def test_an_adapter_that_falls_silent_in_the_middle_keeps_what_it_said(line: Lines) -> None:
    adapter = Adapter()

    def deaf(data: bytes) -> bytes:
        return b"" if b"03\r" in data else adapter(data)

    answer = obd.parse(obd.fetch(settings(line(deaf).port, timeout_s=6.0)), settings())

    assert answer.readings["engine.lamp"] == "off"
    assert answer.readings["engine.trouble_codes"] == 0  # 0101 had told it
    assert "engine.rpm" not in answer.readings


@pytest.mark.parametrize("port", ["tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:x", "tcp::35000"])
def test_a_wrong_address_says_what_was_expected(port: str) -> None:
    with pytest.raises(ProbeError, match="expected tcp:HOST:PORT"):
        obd.fetch(settings(port))


def test_nobody_at_an_address_is_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(ProbeError, match="refused"):
        obd.fetch(settings(f"tcp:127.0.0.1:{port}"))


def test_a_port_that_another_process_has_is_left_alone(line: Lines) -> None:
    device = line(Adapter())
    held = os.open(device.port, os.O_RDWR | os.O_NOCTTY)
    try:
        with pytest.raises(ProbeError, match="busy_port"):
            obd.fetch(settings(device.port))
    finally:
        os.close(held)

    assert device.asked == b""


# --- elmulator --------------------------------------------------------------------------------------------------------


@contextmanager
def emulated(scenario: Path, *more: str) -> Iterator[str]:
    """A running elmulator; gives our name for its port."""
    command = [sys.executable, "-c", "from elmulator.cli import main; main()"]
    process = subprocess.Popen(
        [*command, "serve", str(scenario), "--port", "0", *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        match = re.search(r"LISTENING (\d+)", said)
        assert match is not None, said
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        yield f"tcp:127.0.0.1:{match[1]}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize(
    ("name", "codes_told", "lamp"),
    [
        ("no_codes_basic", {}, "off"),
        ("chunked_stream", {}, "off"),
        ("headers_off_echo_on", {}, "off"),
        ("p0301_basic", {"trouble_code[P0301].state": "stored"}, "on"),
    ],
)
def test_a_third_partys_emulator_is_read(shared: Path, name: str, codes_told: dict[str, str], lamp: str) -> None:
    with emulated(shared / "data/obd" / f"{name}.scenario.json") as port:
        answer = obd.parse(obd.fetch(settings(port)), settings())

    assert answer.readings == {
        "vehicle.bus": "answers",
        "vehicle.engine": "on",
        "engine.lamp": lamp,
        "engine.trouble_codes": len(codes_told),
        "engine.pending_codes": 0,
        "engine.rpm": 1726.0,
        "engine.coolant_celsius": 83,
        **codes_told,
    }


def test_an_emulator_that_stalls_and_then_hangs_up_gives_no_invented_codes(shared: Path) -> None:
    began = time.monotonic()
    with emulated(shared / "data/obd/adapter_disconnect.scenario.json") as port:
        said = obd.fetch(settings(port, timeout_s=10.0))

    answer = obd.parse(said, settings())
    assert said.cut
    assert answer.readings["vehicle.bus"] == "answers"
    assert not [name for name in answer.readings if name.startswith("trouble_code")]
    assert "engine.pending_codes" not in answer.readings
    assert time.monotonic() - began < 12


def test_an_emulator_of_our_own_scenario_in_pieces_and_late_is_read(tmp_path: Path) -> None:
    commands = [
        {"request": question, "response_chunks": [f"{said}\r\r>"], "delay_ms": 5, "echo": True}
        for question, said in WELL.items()
    ]
    scenario = {
        "schema_version": "obd2.sim_scenario.v1",
        "scenario_id": "own",
        "description": "the tables of the ELM327 data sheet",
        "adapter_profile": "elm327_like_tcp",
        "commands": commands,
        "defaults": {"at_response": "OK\r\r>", "obd_response": "NO DATA\r\r>"},
        "expected_scan_summary": {},
        "stream_split_bytes": None,
        "synthetic": True,
        "warnings": [],
    }
    path = tmp_path / "own.scenario.json"
    path.write_text(json.dumps(scenario))

    with emulated(path, "--split", "1,2,5", "--latency-ms", "5") as port:
        answer = obd.parse(obd.fetch(settings(port, timeout_s=20.0)), settings())

    assert answer.readings == READINGS


# --- hostile ----------------------------------------------------------------------------------------------------------

HEXISH = st.text(alphabet="0123456789ABCDEF: ", max_size=60)


@given(st.lists(HEXISH | st.text(max_size=30), max_size=20), st.sampled_from(("0100", *QUESTIONS)))
def test_no_lines_break_the_reading_of_frames(lines: list[str], question: str) -> None:
    found = payloads(lines, question)

    assert sum(map(len, found)) <= sum(map(len, lines))
    for payload in found:
        assert all(re.fullmatch(r"[PCBU][0-3][0-9A-F]{3}", code) for code in codes(payload))


@given(st.dictionaries(st.sampled_from(ALLOWED), st.none() | st.lists(HEXISH | st.text(max_size=30), max_size=8)))
def test_no_answer_breaks_the_meaning(lines: dict[str, list[str] | None]) -> None:
    answer = obd.parse(Said(lines=lines), settings())

    assert len(answer.readings) < 100
    assert all(name in answer.failed for name, value in answer.readings.items() if value is None)
