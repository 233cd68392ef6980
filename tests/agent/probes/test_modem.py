"""Mobile modems: what AT commands tell, that only questions are asked, and that no number of a SIM card is among them.

The modem is our own fake: a pseudo-terminal that speaks the tables of 3GPP TS 27.007 with answers as real modems gave
them (ModemManager's tests quote them). It refuses whatever is no question.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import modem
from roundsman_agent.probes.modem import HELLO, NO_ANSWER, QUESTIONS, Said, answered
from tests.agent.probes.devices import Lines

NOON = 1_795_348_800_000
"""2026-11-22 12:00:00 UTC."""
WELL: Mapping[str, list[str]] = {
    "AT+CPIN?": ["+CPIN: READY", "OK"],
    "AT+CSQ": ["+CSQ: 23,99", "OK"],
    "AT+CESQ": ["+CESQ: 99,99,255,255,20,80", "OK"],
    "AT+CEREG?": ['+CEREG: 2,1,"1F00","79D903",7', "OK"],
    "AT+CGREG?": ["+CGREG: 0,1", "OK"],
    "AT+CREG?": ['+CREG: 2,1,"1F00","79D903",7', "OK"],
    "AT+COPS?": ['+COPS: 0,0,"CHN-UNICOM",7', "OK"],
    "AT+CCLK?": ['+CCLK: "26/11/22,20:00:07+32"', "OK"],
}
READINGS = {
    "modem.sim": "ready",
    "modem.signal_dbm": -67,
    "modem.rsrp_dbm": -61,
    "modem.rsrq_db": -10.0,
    "modem.operator": "unicom",
    "modem.network": "registered",
    "modem.roaming": "no",
    "modem.access": "4g",
    "modem.clock_wrong_by_s": 7.0,
}


def settings(port: str = "/dev/null", **more: object) -> dict[str, object]:
    return complete(modem.probe, {"port": port, "tries": 2, "timeout_s": 10.0, **more})


def meaning(changed: Mapping[str, list[str]] | None = None, *, wall_ms: int | None = NOON) -> Answer:
    return modem.parse(Said(lines={**WELL, **(changed or {})}, wall_ms=wall_ms), settings())


class Modem:
    """The fake. `says` is changed by a test; `refused` is what it was told that is no question."""

    def __init__(self, *, echo: bool = True) -> None:
        self.says = {question: list(lines) for question, lines in WELL.items()}
        self.refused: list[str] = []
        self.asked: list[str] = []
        self.silent: set[str] = set()
        self.unasked = b""
        self._echo, self._heard = echo, b""

    def __call__(self, data: bytes) -> bytes:
        self._heard += data
        said = b""
        while b"\r" in self._heard:
            line, _, self._heard = self._heard.partition(b"\r")
            said += self._one(line.decode("ascii"))
        return said

    def _one(self, command: str) -> bytes:
        self.asked.append(command)
        echo = f"{command}\r".encode() if self._echo else b""
        if command != HELLO and (not command.endswith("?") and command not in ("AT+CSQ", "AT+CESQ")):
            self.refused.append(command)
            return echo + b"\r\nERROR\r\n"
        if command in self.silent:
            return b""
        lines = ["OK"] if command == HELLO else self.says.get(command, ["ERROR"])
        return echo + self.unasked + "".join(f"\r\n{line}\r\n" for line in lines).encode("ascii", "replace")


@pytest.mark.parametrize("echo", [True, False], ids=["with echo", "without echo"])
def test_a_modem_that_is_well_is_read(
    line: Lines, belongs_to_the_catalogue: Callable[[Answer], None], echo: bool
) -> None:
    port = line(Modem(echo=echo)).port

    said = modem.fetch(settings(port))

    assert {question: list(lines) for question, lines in said.lines.items()} == WELL
    answer = modem.parse(Said(lines=said.lines, wall_ms=NOON), settings())
    assert (answer.readings, answer.failed) == (READINGS, {})
    belongs_to_the_catalogue(answer)


@pytest.mark.reads_only
def test_nothing_but_questions_is_asked_and_none_for_a_number_of_the_card(line: Lines) -> None:
    fake = Modem()

    modem.fetch(settings(line(fake).port))

    assert fake.refused == []
    assert fake.asked == [HELLO, *QUESTIONS]
    assert not [one for one in fake.asked if any(word in one for word in ("CCID", "CIMI", "CGSN", "CNUM", "="))]
    assert fake(b"AT+CFUN=1\r").endswith(b"ERROR\r\n")
    assert fake.refused == ["AT+CFUN=1"]


@pytest.mark.parametrize(
    ("question", "lines", "reading", "value"),
    [
        ("AT+CPIN?", ["+CPIN: SIM PIN", "OK"], "modem.sim", "locked"),
        ("AT+CPIN?", ["+CPIN: SIM PUK", "OK"], "modem.sim", "locked"),
        ("AT+CPIN?", ["+CPIN:READY", "OK"], "modem.sim", "ready"),
        ("AT+CPIN?", ["+CPIN: NOT INSERTED", "OK"], "modem.sim", "missing"),
        ("AT+CPIN?", ["+CME ERROR: 10"], "modem.sim", "missing"),
        ("AT+CPIN?", ["+CME ERROR: SIM not inserted"], "modem.sim", "missing"),
        ("AT+CPIN?", ["+CME ERROR: 13"], "modem.sim", "fault"),
        ("AT+CPIN?", ["+CME ERROR: 14"], "modem.sim", None),
        ("AT+CPIN?", ["ERROR"], "modem.sim", None),
        ("AT+CPIN?", ["+CPIN: ???", "OK"], "modem.sim", None),
        ("AT+CSQ", ["+CSQ: 0,99", "OK"], "modem.signal_dbm", -113),
        ("AT+CSQ", ["+CSQ: 31,0", "OK"], "modem.signal_dbm", -51),
        ("AT+CSQ", ["+CSQ: 99,99", "OK"], "modem.signal_dbm", None),
        ("AT+CSQ", ["+CSQ: 151,99", "OK"], "modem.signal_dbm", None),
        ("AT+CSQ", ["+CSQ: ,", "OK"], "modem.signal_dbm", None),
        ("AT+CESQ", ["+CESQ: 99,99,255,255,0,97", "OK"], "modem.rsrp_dbm", -44),
        ("AT+COPS?", ['+COPS: 0,2,"46000",7', "OK"], "modem.operator", "mobile"),
        ("AT+COPS?", ['+COPS: 0,0,"CHINA MOBILE"', "OK"], "modem.operator", "mobile"),
        ("AT+COPS?", ['+COPS: 0,1,"CHN-CT"', "OK"], "modem.operator", "telecom"),
        ("AT+COPS?", ['+COPS: 0,2,"46015",11', "OK"], "modem.operator", "broadnet"),
        ("AT+COPS?", ['+COPS: 0,0,"LMT, Riga",7', "OK"], "modem.operator", "other"),
        ("AT+CCLK?", ['+CCLK: "26/11/22,13:00:00+00"', "OK"], "modem.clock_wrong_by_s", 3600.0),
        ("AT+CCLK?", ['+CCLK: "26/11/22,12:00:00"', "OK"], "modem.clock_wrong_by_s", 0.0),
        ("AT+CCLK?", ['+CCLK: "26/13/45,12:00:00+32"', "OK"], "modem.clock_wrong_by_s", None),
        ("AT+CCLK?", ['+CCLK: "26/11/22,12:00:00+99"', "OK"], "modem.clock_wrong_by_s", None),
    ],
)
def test_an_answer_means(
    question: str,
    lines: list[str],
    reading: str,
    value: object,
    belongs_to_the_catalogue: Callable[[Answer], None],
) -> None:
    answer = meaning({question: lines})

    assert answer.readings[reading] == value
    assert (reading in answer.failed) == (value is None)
    belongs_to_the_catalogue(answer)


@pytest.mark.parametrize(
    ("eps", "packet", "circuit", "network", "roaming"),
    [
        ("+CEREG: 0,5", "+CGREG: 0,0", "+CREG: 0,1", "registered", "yes"),
        ("+CEREG: 0,2", "+CGREG: 0,1", "+CREG: 0,3", "registered", "no"),
        ("+CEREG: 0,3", "+CGREG: 0,2", "+CREG: 0,0", "denied", None),
        ("+CEREG: 0,2", "+CGREG: 0,0", "+CREG: 0,0", "searching", None),
        ("+CEREG: 0,0", "+CGREG: 0,0", "+CREG: 0,8", "none", None),
        ("+CEREG: 0,4", "+CGREG: 0,4", "+CREG: 0,4", "unknown", None),
        ("+CEREG: 2,1,1F00,79D903,7", "+CGREG: 0,0", "+CREG: 0,0", "registered", "no"),
    ],
)
def test_three_registers_are_one_network(
    eps: str, packet: str, circuit: str, network: str, roaming: str | None
) -> None:
    answer = meaning({"AT+CEREG?": [eps, "OK"], "AT+CGREG?": [packet, "OK"], "AT+CREG?": [circuit, "OK"]})

    assert (answer.readings["modem.network"], answer.readings.get("modem.roaming")) == (network, roaming)


def test_lines_that_come_unasked_are_passed_over(line: Lines) -> None:
    fake = Modem()
    fake.unasked = b'\r\n+CREG: 5\r\n\r\nRING\r\n\r\n+QIND: SMS DONE\r\n\r\n+CREG: 1,"1F00","79D903",7\r\n\xff\xfe\r\n'

    answer = modem.parse(modem.fetch(settings(line(fake).port)), settings())

    assert answer.readings["modem.network"] == "registered"
    assert answer.readings["modem.roaming"] == "no"
    assert answer.readings["modem.signal_dbm"] == -67


def test_a_question_without_an_answer_leaves_its_own_readings_unknown(line: Lines) -> None:
    fake = Modem()
    fake.silent = {"AT+CSQ"}

    answer = modem.parse(modem.fetch(settings(line(fake).port)), settings())

    assert answer.readings["modem.signal_dbm"] is None
    assert answer.failed["modem.signal_dbm"] == ("timeout", "no answer to AT+CSQ")
    assert answer.readings["modem.sim"] == "ready"


def test_a_modem_that_knows_a_few_questions_only_has_a_few_readings() -> None:
    answer = meaning({question: ["ERROR"] for question in ("AT+CESQ", "AT+CEREG?", "AT+CCLK?", "AT+COPS?")})

    assert set(answer.readings) == {"modem.sim", "modem.signal_dbm", "modem.network", "modem.roaming", "modem.access"}
    assert not answer.failed


def test_a_clock_that_was_never_set_says_nothing() -> None:
    for told in ("80/01/06,00:00:19+00", "70/01/01,00:00:00+00", "04/01/01,00:12:13+00"):
        assert "modem.clock_wrong_by_s" not in meaning({"AT+CCLK?": [f'+CCLK: "{told}"', "OK"]}).readings


def test_without_ntp_nobody_says_whose_clock_is_wrong() -> None:
    assert "modem.clock_wrong_by_s" not in meaning(wall_ms=None).readings


def test_lte_that_is_not_there_is_no_reading() -> None:
    answer = meaning({"AT+CESQ": ["+CESQ: 30,0,255,255,255,255", "OK"]})

    assert not {"modem.rsrp_dbm", "modem.rsrq_db"} & set(answer.readings)
    assert not answer.failed


def test_a_modem_that_says_nothing_is_a_timeout(line: Lines) -> None:
    began = time.monotonic()

    with pytest.raises(ProbeError, match=r"timeout.*no answer to AT"):
        modem.fetch(settings(line(lambda asked: b"").port, tries=1))

    assert time.monotonic() - began < 5


def test_noise_is_a_bad_answer_and_ends_in_time(line: Lines) -> None:
    began = time.monotonic()

    with pytest.raises(ProbeError, match=r"bad_answer.*no OK among them"):
        modem.fetch(settings(line(lambda asked: bytes(range(256)) * 64).port, tries=2, timeout_s=4.0))

    assert time.monotonic() - began < 8


def test_a_port_that_another_process_has_is_left_alone(line: Lines) -> None:
    device = line(Modem())
    held = os.open(device.port, os.O_RDWR | os.O_NOCTTY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ProbeError, match="busy_port"):
            modem.fetch(settings(device.port))
    finally:
        os.close(held)

    assert device.asked == b""


@given(st.binary(max_size=400), st.sampled_from(QUESTIONS))
def test_no_bytes_break_the_reading_of_lines(noise: bytes, question: str) -> None:
    found = answered(noise + b"\r\nOK\r\n", question)

    assert found is not None
    assert all(len(one) <= 200 for one in found)


@given(st.dictionaries(st.sampled_from(QUESTIONS), st.lists(st.text(max_size=60), max_size=5)), st.data())
def test_no_answer_breaks_the_meaning(lines: dict[str, list[str]], data: st.DataObject) -> None:
    starts = [f"{question.removeprefix('AT').removesuffix('?')}:" for question in lines]
    said = {
        question: [start + one for one in texts]
        + [data.draw(st.sampled_from(["OK", "ERROR", NO_ANSWER, "+CME ERROR: 10"]))]
        for (question, texts), start in zip(lines.items(), starts, strict=True)
    }

    answer = modem.parse(Said(lines=said, wall_ms=NOON), settings())

    assert set(answer.readings) <= set(modem.probe.readings)
    assert all(name in answer.failed for name, value in answer.readings.items() if value is None)
