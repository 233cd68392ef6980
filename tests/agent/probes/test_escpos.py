"""ESC/POS printers: the four status bytes and what they mean; and that silence is never called "paper out"."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent.probe import Answer, ProbeError, complete
from roundsman_agent.probes import escpos
from tests.agent.probes.devices import Lines

GOOD = {4: 0x12, 2: 0x12, 3: 0x12, 1: 0x12}
WELL = {"printer.paper": "ok", "printer.cover": "closed", "printer.error": "none", "printer.state": "online"}


def settings(port: str = "/dev/null", **more: object) -> dict[str, object]:
    return complete(escpos.probe, {"port": port, "tries": 2, "timeout_s": 5.0, **more})


def answering(statuses: dict[int, int]) -> Callable[[bytes], bytes]:
    """A printer: for every 10 04 n the byte of the table."""

    def reply(asked: bytes) -> bytes:
        return bytes(statuses[n] for n in (asked[i + 2] for i in range(0, len(asked) - 2, 3)) if n in statuses)

    return reply


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {}),
        ({4: 0x1E}, {"printer.paper": "near_end"}),
        ({4: 0x7E}, {"printer.paper": "end"}),
        ({4: 0x72}, {"printer.paper": "end"}),
        ({4: 0x7E, 2: 0x32, 1: 0x1A}, {"printer.paper": "end", "printer.state": "offline"}),
        ({2: 0x32}, {"printer.paper": "end"}),
        ({2: 0x16, 1: 0x1A}, {"printer.cover": "open", "printer.state": "offline"}),
        ({3: 0x1A, 2: 0x52}, {"printer.error": "cutter"}),
        ({3: 0x16}, {"printer.error": "mechanical"}),
        ({3: 0x32}, {"printer.error": "unrecoverable"}),
        ({3: 0x52}, {"printer.error": "recoverable"}),
        ({3: 0x3A}, {"printer.error": "unrecoverable"}),
        ({2: 0x52}, {"printer.error": "unknown"}),
        ({1: 0x16}, {}),
    ],
    ids=[
        "all is well",
        "near end",
        "end and near end",
        "end",
        "stopped without paper",
        "the printer stopped for paper though the roll sensor is content",
        "cover open",
        "cutter",
        "mechanical",
        "unrecoverable",
        "hot head",
        "the worst error is named",
        "an error that is not named is unknown, not none",
        "the drawer pin is nobody's business",
    ],
)
def test_the_status_bytes_say(
    changed: dict[int, int], expected: dict[str, str], belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    answer = escpos.parse({**GOOD, **changed}, settings())

    assert answer == Answer(readings={**WELL, **expected})
    belongs_to_the_catalogue(answer)


@pytest.mark.parametrize("byte", [0x16, 0x1A, 0x32, 0x52], ids=hex)
def test_half_a_pair_of_paper_bits_is_unknown_not_a_guess(byte: int) -> None:
    answer = escpos.parse({**GOOD, 4: byte}, settings())

    assert answer.readings["printer.paper"] is None
    assert answer.failed["printer.paper"][0] == "bad_answer"


@given(st.dictionaries(st.integers(0, 5), st.one_of(st.integers(), st.none(), st.text())))
def test_whatever_the_bytes_are_every_reading_is_a_word_or_explained(raw: dict[int, object]) -> None:
    answer = escpos.parse(raw, settings())

    assert set(answer.readings) == set(WELL)
    assert {name for name, value in answer.readings.items() if value is None} == set(answer.failed)


def test_a_printer_on_a_line_is_asked_paper_first_and_only_asked(line: Lines) -> None:
    printer = line(answering({**GOOD, 4: 0x7E}))

    answer = escpos.parse(escpos.fetch(settings(printer.port)), settings())

    assert answer.readings["printer.paper"] == "end"
    assert bytes(printer.asked) == bytes.fromhex("100404 100402 100403 100401")


def test_a_silent_printer_is_a_timeout_after_its_tries_and_never_paper_out(line: Lines) -> None:
    printer = line(lambda asked: b"")

    with pytest.raises(ProbeError) as caught:
        escpos.fetch(settings(printer.port))

    assert (caught.value.code, caught.value.detail) == ("timeout", f"{printer.port}: no answer to DLE EOT 4")
    assert bytes(printer.asked) == bytes.fromhex("100404 100404")


def test_a_printer_that_misses_one_request_is_asked_again(line: Lines) -> None:
    deaf = [True]

    def reply(asked: bytes) -> bytes:
        return b"" if deaf and deaf.pop() else answering(GOOD)(asked)

    assert escpos.fetch(settings(line(reply).port)) == GOOD


def test_noise_before_the_answer_is_dropped(line: Lines) -> None:
    assert escpos.fetch(settings(line(lambda asked: b"\x00\xff\x14\x0f" + answering(GOOD)(asked)).port)) == GOOD


def test_noise_alone_is_a_bad_answer_that_suspects_the_baud_rate(line: Lines) -> None:
    with pytest.raises(ProbeError) as caught:
        escpos.fetch(settings(line(lambda asked: b"\xff" * 20).port))

    assert caught.value.code == "bad_answer"
    assert "20 bytes after DLE EOT 4, none a status byte (baud rate?)" in caught.value.detail


def test_a_line_that_never_stops_babbling_is_left_in_time(line: Lines) -> None:
    begin = time.monotonic()

    with pytest.raises(ProbeError) as caught:
        escpos.fetch(settings(line(lambda asked: b"\xff" * 100_000).port, timeout_s=1.0))

    assert caught.value.code == "bad_answer"
    assert time.monotonic() - begin < 3


def test_the_time_of_a_visit_is_kept_whatever_the_tries(line: Lines) -> None:
    begin = time.monotonic()

    with pytest.raises(ProbeError):
        escpos.fetch(settings(line(lambda asked: b"").port, tries=10, timeout_s=0.7))

    assert time.monotonic() - begin < 2


def test_a_port_that_another_program_holds_is_busy_and_is_not_written_to(line: Lines) -> None:
    printer = line(answering(GOOD))
    application = os.open(printer.port, os.O_RDWR | os.O_NOCTTY)
    try:
        with pytest.raises(ProbeError) as caught:
            escpos.fetch(settings(printer.port))
    finally:
        os.close(application)

    assert caught.value.code == "busy_port"
    assert f"is open in process {os.getpid()}" in caught.value.detail
    assert bytes(printer.asked) == b""


def test_a_port_whose_holder_cannot_be_seen_is_still_busy_by_its_lock(
    line: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    printer = line(answering(GOOD))
    application = os.open(printer.port, os.O_RDWR | os.O_NOCTTY)
    monkeypatch.setattr("roundsman_agent.serial_port.holder", lambda port: None)
    try:
        fcntl.flock(application, fcntl.LOCK_EX)
        with pytest.raises(ProbeError) as caught:
            escpos.fetch(settings(printer.port))
    finally:
        os.close(application)

    assert caught.value.code == "busy_port"


def test_a_port_is_free_again_after_a_visit(line: Lines) -> None:
    printer = line(answering(GOOD))

    assert escpos.fetch(settings(printer.port)) == GOOD
    assert escpos.fetch(settings(printer.port)) == GOOD


def test_a_port_that_does_not_exist_is_no_port() -> None:
    with pytest.raises(ProbeError) as caught:
        escpos.fetch(settings("/dev/serial/by-id/nobody"))

    assert caught.value.code == "no_port"
    assert "/dev/serial/by-id/nobody" in caught.value.detail


def test_a_file_that_is_no_serial_line_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ProbeError) as caught:
        escpos.fetch(settings(str(tmp_path / "file")))

    assert caught.value.code == "no_port"


def test_a_port_unplugged_during_the_visit_is_no_port(line: Lines) -> None:
    with pytest.raises(ProbeError) as caught:
        escpos.fetch(settings(line(lambda asked: None).port))

    assert caught.value.code == "no_port"
