"""UPS that speak Megatec Q1: what the answers of real models mean, and that nothing is sent but questions.

There is no UPS to be had from a package registry, so `Ups` is ours: it answers as the protocol (version 2.7) says, with
answers that NUT's drivers quote of real models, and takes note of everything that is no question. What it was not given
it echoes, as the protocol asks. NUT's own driver for such UPS takes it for one, and reads it as we do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import megatec, nut
from roundsman_agent.probes.megatec import Said
from roundsman_wire.catalogue import misfit
from tests.agent.probes.devices import Line, Lines
from tests.agent.probes.nut_site import dumped

SANTAK = b"(225.8 225.8 226.3 014 49.9 2.25 26.5 00000001"
"""Santak C1K (G7), on mains, 24 V of batteries: 27.1 V by another of its questions."""
OMRON = b"(102.5 000.0 102.4 000 49.9 54.5 22.7 00101000"
"""An Omron of 48 V in bypass."""
MANUAL = b"(208.4 140.0 208.4 034 59.9 2.05 35.0 00110000"
"""The example of Megatec's own document: it has failed, and feeds its load by bypass."""
EXAMPLE = b"(226.0 195.0 226.0 014 49.0 27.5 30.0 00001000"
QUESTIONS = {b"Q1", b"QS", b"D", b"F", b"I"}
"""All that a UPS may be asked; everything else does something."""


class Ups:
    """A UPS: for every question a whole answer (b"" is silence). What is no question is a deed."""

    def __init__(self, answers: Mapping[bytes, bytes]) -> None:
        self.answers = dict(answers)
        self.asked: list[bytes] = []
        self.deeds: list[bytes] = []
        self._heard = b""

    def __call__(self, data: bytes) -> bytes:
        *lines, self._heard = (self._heard + data).split(b"\r")
        return b"".join(self._said(line) for line in lines)

    def _said(self, line: bytes) -> bytes:
        (self.asked if line in QUESTIONS else self.deeds).append(line)
        said = self.answers.get(line, line)
        return said + b"\r" if said else b""


Uninterruptible = Callable[..., tuple[Ups, Line]]


@pytest.fixture
def ups(line: Lines) -> Iterator[Uninterruptible]:
    """Make UPS; the test fails when anything but a question reached one of them."""
    made: list[Ups] = []

    def make(answers: Mapping[bytes, bytes] | bytes) -> tuple[Ups, Line]:
        made.append(Ups({b"Q1": answers} if isinstance(answers, bytes) else answers))
        return made[-1], line(made[-1])

    yield make
    assert [one.deeds for one in made if one.deeds] == []


def settings(port: str = "/dev/null", **more: object) -> dict[str, object]:
    return complete(megatec.probe, {"port": port, "tries": 2, "timeout_s": 6.0, **more})


def told(state: bytes, *, ratings: bytes = b"", **more: object) -> Answer:
    return megatec.parse(Said(state=state, ratings=ratings), settings(**more))


# --- what the answers mean --------------------------------------------------------------------------------------------


def test_a_santak_on_mains(belongs_to_the_catalogue: Callable[[Answer], None]) -> None:
    answer = told(SANTAK, battery_volts=24.0)

    assert answer == Answer(
        readings={
            "input[1].volts": 225.8,
            "output[1].volts": 226.3,
            "ups.load_percent": 14,
            "input[1].hertz": 49.9,
            "ups.battery_celsius": 26.5,
            "ups.battery_volts": 27.0,
            "ups.output_source": "normal",
            "ups.battery_state": "normal",
            "ups.failed": "no",
            "ups.test_result": "unknown",
        }
    )
    belongs_to_the_catalogue(answer)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (EXAMPLE, {"ups.output_source": "normal", "ups.battery_volts": 27.5}),
        (OMRON, {"ups.output_source": "bypass", "ups.load_percent": 0, "ups.battery_volts": 54.5}),
        (MANUAL, {"ups.output_source": "bypass", "ups.failed": "yes", "ups.battery_state": "normal"}),
        (b"(000.0 000.0 229.8 031 50.0 24.1 30.0 10001001", {"ups.output_source": "battery", "input[1].volts": 0.0}),
        (
            b"(000.0 000.0 229.8 031 50.0 21.0 30.0 11001001",
            {"ups.output_source": "battery", "ups.battery_state": "low"},
        ),
        (b"(000.0 000.0 000.0 000 50.0 20.1 30.0 11001001", {"ups.output_source": "none", "ups.battery_state": "low"}),
        (b"(228.0 228.0 000.0 000 50.0 27.4 30.0 00001000", {"ups.output_source": "none"}),
        (b"(190.0 190.0 218.5 020 50.0 27.4 30.0 00101000", {"ups.output_source": "booster"}),
        (b"(255.0 255.0 224.4 020 50.0 27.4 30.0 00101000", {"ups.output_source": "reducer"}),
        (b"(226.0 195.0 226.0 104 49.0 27.5 30.0 00001000", {"ups.load_percent": 104}),
        (b"(226.0 195.0 226.0 014 49.0 27.5 30.0 00001100", {"ups.test_result": "in_progress"}),
        (b"(226.0 195.0 226.0 014 49.0 216.4 30.0 00000001", {"ups.battery_volts": 216.4}),
        (
            b"(226.0  195.0 226.0 14 49.0  27.5 30.0   00001000 ",
            {"ups.load_percent": 14, "ups.output_source": "normal"},
        ),
        (b"226.0 195.0 226.0 014 49.0 27.5 30.0 00001000 11", {"ups.output_source": "normal"}),
    ],
    ids=[
        "the answer of NUT's documentation",
        "Omron in bypass",
        "failed, in bypass",
        "on battery",
        "on battery and low",
        "empty and off",
        "switched off on mains",
        "boosting",
        "bucking",
        "overloaded",
        "a test runs",
        "eighteen blocks",
        "blanks and short numbers",
        "no bracket, and more behind the status",
    ],
)
def test_an_answer_says(
    state: bytes, expected: dict[str, object], belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    answer = told(state)

    assert {name: answer.readings[name] for name in expected} == expected
    belongs_to_the_catalogue(answer)


@pytest.mark.parametrize(
    ("field", "nominal", "expected"),
    [
        ("2.25", 24.0, 27.0),
        ("2.27", 192.0, 217.92),
        ("13.6", 24.0, 27.2),
        ("13.6", 12.0, 13.6),
        ("27.5", 24.0, 27.5),
        ("1.67", 24.0, 20.04),
        ("054.5", 48.0, 54.5),
        ("13.6", 0.0, 13.6),
    ],
    ids=["cells", "many cells", "a block", "the only block", "all", "cells nearly empty", "padded", "as told"],
)
def test_the_battery_is_whole_whatever_part_of_it_is_told(field: str, nominal: float, expected: float) -> None:
    answer = told(f"(226.0 195.0 226.0 014 49.0 {field} 30.0 00001000".encode(), battery_volts=nominal)

    assert answer.readings["ups.battery_volts"] == expected


@pytest.mark.parametrize(
    ("field", "nominal", "code"),
    [
        ("2.25", 0.0, "bad_setting"),
        ("27.5", 48.0, "implausible"),
        ("00.0", 24.0, "absent"),
        ("@@.@", 24.0, "absent"),
        ("--.-", 0.0, "absent"),
        ("2?.5", 24.0, "bad_answer"),
    ],
    ids=["one cell of nobody knows how many", "half a battery", "nothing", "at signs", "dashes", "garbled"],
)
def test_a_voltage_that_is_none_is_explained(field: str, nominal: float, code: str) -> None:
    answer = told(f"(226.0 195.0 226.0 014 49.0 {field} 30.0 00001000".encode(), battery_volts=nominal)

    assert answer.readings["ups.battery_volts"] is None
    assert answer.failed["ups.battery_volts"][0] == code


def test_the_ratings_make_the_battery_whole_and_a_setting_knows_better() -> None:
    ratings = b"#220.0 003 24.00 50.0"

    assert told(SANTAK, ratings=ratings).readings["ups.battery_volts"] == 27.0
    assert told(SANTAK, ratings=ratings, battery_volts=36.0).readings["ups.battery_volts"] == 40.5
    assert told(SANTAK, ratings=b"#@@@.@ @@@ @@.@@ @@.@").readings["ups.battery_volts"] is None


@pytest.mark.parametrize(
    ("volts", "percent"),
    [("2.25", 100), ("23.4", 50.0), ("20.0", 0), ("20.9", 1.9)],
    ids=["full", "half", "empty", "low"],
)
def test_a_charge_is_estimated_where_somebody_said_between_which_volts_it_lies(volts: str, percent: float) -> None:
    state = f"(226.0 195.0 226.0 014 49.0 {volts} 30.0 00001000".encode()
    between = {"charge_empty_volts": 20.8, "charge_full_volts": 26.0}

    assert told(state, battery_volts=24.0, **between).readings["ups.charge_estimated_percent"] == percent
    assert "ups.charge_estimated_percent" not in told(state, battery_volts=24.0).readings


def test_an_estimate_without_a_voltage_or_with_nonsense_for_limits_is_explained() -> None:
    without = told(SANTAK, charge_empty_volts=20.8, charge_full_volts=26.0)
    nonsense = told(EXAMPLE, charge_empty_volts=26.0, charge_full_volts=20.8)

    for answer in (without, nonsense):
        assert answer.readings["ups.charge_estimated_percent"] is None
        assert answer.failed["ups.charge_estimated_percent"][0] == "bad_setting"


@pytest.mark.parametrize("sentinel", ["@@@.@", "---.-", "@", "---"])
def test_what_the_ups_cannot_measure_is_absent_and_the_rest_is_read(sentinel: str) -> None:
    answer = told(f"({sentinel} 195.0 {sentinel} {sentinel} {sentinel} 27.5 {sentinel} 00001000".encode())

    absent = {name for name, why in answer.failed.items() if why[0] == "absent"}
    assert absent == {
        *("input[1].volts", "output[1].volts", "ups.load_percent", "input[1].hertz", "ups.battery_celsius")
    }
    assert answer.readings["ups.output_source"] == "normal"
    assert answer.readings["ups.battery_volts"] == 27.5


@pytest.mark.parametrize(
    ("state", "name", "code"),
    [
        (b"(2260 195.0 226.0 014 49.0 27.5 30.0 00001000", "input[1].volts", "implausible"),
        (b"(226.0 195.0 22z.0 014 49.0 27.5 30.0 00001000", "output[1].volts", "bad_answer"),
        (b"(226.0 195.0 226.0 999 49.0 27.5 30.0 00001000", "ups.load_percent", "implausible"),
        (b"(226.0 195.0 226.0 014 00.0 27.5 30.0 00001000", "input[1].hertz", "absent"),
        (b"(226.0 195.0 226.0 014 490.0 27.5 30.0 00001000", "input[1].hertz", "implausible"),
        (b"(226.0 195.0 226.0 014 49.0 27.5 655.3 00001000", "ups.battery_celsius", "implausible"),
        (b"(226.0 195.0 226.0 014 49.0 27.5 30.0 000010@0", "ups.output_source", "bad_answer"),
        (b"(226.0 195.0 226.0 014 49.0 27.5 30.0 0000100", "ups.battery_state", "bad_answer"),
        (b"(@@@.@ 195.0 226.0 014 49.0 27.5 30.0 00101000", "ups.output_source", "absent"),
        (b"(226.0 195.0 020.0 014 49.0 27.5 30.0 00101000", "ups.output_source", "implausible"),
    ],
    ids=[
        "a lost point",
        "a letter",
        "more load than there can be",
        "a frequency of nothing",
        "a wrong frequency",
        "a sentinel of 16 bits",
        "a bit that is none",
        "a bit too few",
        "boost or buck of unknown volts",
        "boost or buck to nearly nothing",
    ],
)
def test_a_field_that_cannot_be_true_is_no_reading(state: bytes, name: str, code: str) -> None:
    answer = told(state)

    assert answer.readings[name] is None
    assert answer.failed[name][0] == code
    assert answer.readings["ups.battery_volts"] == 27.5


@pytest.mark.parametrize("state", [b"", b"(", b"(226.0 195.0 226.0", b"NAK", b"\xff" * 60])
def test_an_answer_that_is_not_whole_is_no_reading_at_all(state: bytes) -> None:
    answer = told(state)

    assert answer.readings == {}
    assert answer.failed["megatec"][0] == "bad_answer"


@given(
    state=st.one_of(
        st.binary(max_size=80),
        st.text(alphabet="(#0123456789.@- \r", max_size=60).map(str.encode),
        st.lists(st.text(alphabet="0123456789.@-", max_size=8), min_size=7, max_size=10).map(
            lambda fields: ("(" + " ".join(fields)).encode()
        ),
    ),
    ratings=st.binary(max_size=40),
    nominal=st.sampled_from([0.0, 6.0, 24.0, 240.0]),
)
def test_whatever_the_bytes_are_every_reading_is_in_the_catalogue_or_explained(
    state: bytes, ratings: bytes, nominal: float
) -> None:
    answer = told(state, ratings=ratings, battery_volts=nominal, charge_empty_volts=1.0, charge_full_volts=2.0)

    assert [text for name, value in answer.readings.items() if (text := misfit(name, value))] == []
    assert {name for name, value in answer.readings.items() if value is None} == set(answer.failed) - {"megatec"}


# --- what NUT makes of the same answers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [
        EXAMPLE,
        MANUAL.replace(b"2.05", b"24.6"),
        b"(000.0 000.0 229.8 031 50.0 24.1 30.0 10001001",
        b"(000.0 000.0 229.8 031 50.0 21.0 30.0 11001001",
        b"(190.0 190.0 218.5 020 50.0 27.4 30.0 00101000",
        b"(255.0 255.0 224.4 020 50.0 27.4 30.0 00101000",
        b"(226.0 195.0 226.0 104 49.0 2.25 30.0 00000100",
    ],
    ids=["mains", "bypass", "battery", "battery low", "boost", "buck", "a test runs, volts of a cell"],
)
def test_nuts_own_driver_reads_the_same(ups: Uninterruptible, state: bytes) -> None:
    device, port = ups({b"Q1": state, b"F": b"#230.0 004 024.0 50.0", b"I": b"#MAKER           MODEL      VERSION   "})

    variables = dumped("nutdrv_qx", f"port={port.port}", "protocol=megatec")

    theirs = nut.parse(nut.Told(variables=variables), complete(nut.probe, {}))
    ours = told(state, battery_volts=24.0)
    assert device.asked.count(b"Q1") >= 2
    same = ("ups.output_source", "ups.battery_state", "ups.load_percent", "ups.battery_volts")
    for name in (*same, "input[1].volts", "output[1].volts", "input[1].hertz"):
        assert theirs.readings[name] == ours.readings[name], name
    assert theirs.readings["temperature[ups].celsius"] == ours.readings["ups.battery_celsius"]


# --- on a line --------------------------------------------------------------------------------------------------------


@pytest.mark.reads_only
def test_a_ups_is_asked_for_its_state_and_for_nothing_else(ups: Uninterruptible) -> None:
    device, port = ups(SANTAK)

    assert megatec.fetch(settings(port.port)) == Said(state=SANTAK)

    assert device.asked == [b"Q1"]
    assert bytes(port.asked) == b"Q1\r"


def test_the_fake_ups_notices_whatever_does_something() -> None:
    device = Ups({b"Q1": SANTAK})

    for deed in (b"Q\r", b"S03\r", b"C\r", b"T\r", b"TL\r", b"CT\r", b"S.5R0000\r"):
        device(deed)

    assert device.deeds == [b"Q", b"S03", b"C", b"T", b"TL", b"CT", b"S.5R0000"]
    assert device.asked == []


@pytest.mark.parametrize("command", ["QS", "D"])
def test_a_ups_of_another_dialect_is_asked_in_it(ups: Uninterruptible, command: str) -> None:
    device, port = ups({command.encode(): EXAMPLE})

    assert megatec.fetch(settings(port.port, command=command)).state == EXAMPLE
    assert device.asked == [command.encode()]


def test_ratings_are_asked_only_where_they_are_wanted(ups: Uninterruptible) -> None:
    device, port = ups({b"Q1": SANTAK, b"F": b"#220.0 004 24.00 50.0"})

    said = megatec.fetch(settings(port.port, ratings=True))

    assert device.asked == [b"Q1", b"F"]
    assert megatec.parse(said, settings(ratings=True)).readings["ups.battery_volts"] == 27.0


@pytest.mark.parametrize("refusal", [b"NAK", b"F", b""], ids=["NAK", "an echo", "silence"])
def test_a_ups_without_ratings_is_read_all_the_same(
    ups: Uninterruptible, monkeypatch: pytest.MonkeyPatch, refusal: bytes
) -> None:
    monkeypatch.setattr(megatec, "ANSWER_WAIT_S", 0.3)
    _, port = ups({b"Q1": EXAMPLE, b"F": refusal})

    assert megatec.fetch(settings(port.port, ratings=True)) == Said(state=EXAMPLE)


def test_a_silent_ups_is_a_timeout_after_its_tries(ups: Uninterruptible, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(megatec, "ANSWER_WAIT_S", 0.3)
    device, port = ups(b"")

    with pytest.raises(ProbeError) as caught:
        megatec.fetch(settings(port.port))

    assert (caught.value.code, caught.value.detail) == ("timeout", f"{port.port}: no answer to Q1")
    assert device.asked == [b"Q1", b"Q1"]


@pytest.mark.parametrize(
    ("said", "why"),
    [(b"NAK", "says NAK to Q1"), (b"(NAK", "says NAK to Q1"), (b"Q1", "only Q1 itself came back")],
    ids=["NAK", "(NAK", "an echo"],
)
def test_a_ups_that_does_not_know_the_question_is_not_supported(
    ups: Uninterruptible, monkeypatch: pytest.MonkeyPatch, said: bytes, why: str
) -> None:
    monkeypatch.setattr(megatec, "ANSWER_WAIT_S", 0.3)
    _, port = ups(said)

    with pytest.raises(ProbeError) as caught:
        megatec.fetch(settings(port.port))

    assert caught.value.code == "not_supported"
    assert why in caught.value.detail


@pytest.mark.parametrize(
    "around",
    [b"Q1\r%s", b"Q1%s", b"\x00\xff%s", b"\r\n%s\n", b"NAX\r%s"],
    ids=["echo", "echo on one line", "noise", "line ends", "a line of noise"],
)
def test_the_answer_is_found_among_other_things(ups: Uninterruptible, around: bytes) -> None:
    _, port = ups(around % SANTAK)

    assert megatec.fetch(settings(port.port)).state == SANTAK


def test_an_answer_that_was_cut_short_is_asked_for_again(line: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(megatec, "ANSWER_WAIT_S", 0.5)
    answers = [SANTAK[:23], SANTAK[:20] + b"\r", SANTAK + b"\r"]

    port = line(lambda asked: answers.pop(0)).port

    assert megatec.fetch(settings(port, tries=3)).state == SANTAK


class Spoken:
    """A port that says these bytes, in parts of a size, and is silent then."""

    def __init__(self, data: bytes, size: int) -> None:
        self._parts = [data[i : i + size] for i in range(0, len(data), size)]

    def heard(self, _line: object, *, most: int, deadline: float) -> bytes:
        return self._parts.pop(0)[:most] if self._parts else b""


PIECES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([SANTAK, SANTAK + b"\r", b"\r", b"Q1\r", b"NAK\r", b"(", b"(1 2 3 4 5 6 7 8\r", b"\xff"]),
)


@given(st.lists(PIECES, max_size=6), st.integers(1, 40))
def test_whatever_a_line_says_a_question_ends_in_an_answer_or_a_failure(pieces: list[bytes], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(megatec, "read", Spoken(b"".join(pieces), size).heard)
        try:
            answer = megatec._answer(None, "port", "Q1", time.monotonic() + 0.002)  # type: ignore[arg-type]
        except ProbeError as error:
            assert error.code in {"timeout", "bad_answer", "not_supported"}
            return

    assert answer.startswith(b"(")
    assert "ups.output_source" in told(answer).readings


@pytest.mark.parametrize("noise", [b"\xff" * 40, b"(226.0 195.0", b"\r" * 40, b"x\r" * 5000])
def test_noise_alone_is_a_bad_answer_that_suspects_the_baud_rate(
    line: Lines, monkeypatch: pytest.MonkeyPatch, noise: bytes
) -> None:
    monkeypatch.setattr(megatec, "ANSWER_WAIT_S", 0.3)

    with pytest.raises(ProbeError) as caught:
        megatec.fetch(settings(line(lambda asked: noise).port, tries=1))

    assert caught.value.code == "bad_answer"
    assert "no whole answer to Q1 (baud rate?)" in caught.value.detail


def test_the_time_of_a_visit_is_kept_whatever_babbles(line: Lines) -> None:
    begin = time.monotonic()

    with pytest.raises(ProbeError):
        megatec.fetch(settings(line(lambda asked: b"\xff" * 100_000).port, tries=10, timeout_s=1.0))

    assert time.monotonic() - begin < 3


def test_a_port_that_another_program_holds_is_busy_and_is_not_written_to(ups: Uninterruptible) -> None:
    device, port = ups(SANTAK)
    application = os.open(port.port, os.O_RDWR | os.O_NOCTTY)
    try:
        with pytest.raises(ProbeError) as caught:
            megatec.fetch(settings(port.port))
    finally:
        os.close(application)

    assert caught.value.code == "busy_port"
    assert device.asked == []


def test_a_cable_that_is_pulled_out_is_no_port(line: Lines) -> None:
    with pytest.raises(ProbeError) as caught:
        megatec.fetch(settings(line(lambda asked: None).port))

    assert caught.value.code == "no_port"
