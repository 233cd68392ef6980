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
from tests.agent.probes.devices import Line, Lines

GOOD = {4: 0x12, 2: 0x12, 3: 0x12, 1: 0x12}
ASB_WELL = bytes.fromhex("10 00 00 00")
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


@given(
    st.dictionaries(
        st.one_of(st.integers(0, 5), st.just("asb")),
        st.one_of(st.integers(), st.none(), st.text(), st.binary(max_size=5), st.just(ASB_WELL)),
    )
)
def test_whatever_the_bytes_are_every_reading_is_a_word_or_explained(raw: dict[object, object]) -> None:
    answer = escpos.parse(raw, settings())

    assert set(answer.readings) == set(WELL)
    assert {name for name, value in answer.readings.items() if value is None} == set(answer.failed)


def test_what_was_not_answered_is_a_timeout_and_the_rest_is_told() -> None:
    answer = escpos.parse({4: 0x7E}, settings())

    assert answer.readings["printer.paper"] == "end"
    assert {name: why[0] for name, why in answer.failed.items()} == {
        "printer.cover": "timeout",
        "printer.error": "timeout",
        "printer.state": "timeout",
    }


# --- automatic status back: the application has switched it on -----------------------------------------------------


@pytest.mark.parametrize(
    ("news", "expected"),
    [
        ("10 00 00 00", {}),
        ("14 00 00 0F", {}),
        ("54 00 00 00", {}),
        ("10 00 03 00", {"printer.paper": "near_end"}),
        ("18 00 0F 00", {"printer.paper": "end", "printer.state": "offline"}),
        ("18 00 0C 00", {"printer.paper": "end", "printer.state": "offline"}),
        ("38 00 00 00", {"printer.cover": "open", "printer.state": "offline"}),
        ("18 08 00 00", {"printer.error": "cutter", "printer.state": "offline"}),
        ("18 04 00 00", {"printer.error": "mechanical", "printer.state": "offline"}),
        ("18 20 00 00", {"printer.error": "unrecoverable", "printer.state": "offline"}),
        ("18 40 00 00", {"printer.error": "recoverable", "printer.state": "offline"}),
        ("18 28 00 00", {"printer.error": "unrecoverable", "printer.state": "offline"}),
    ],
    ids=[
        "all is well",
        "the drawer and what is reserved are nobody's business",
        "so is the feed button",
        "near end",
        "end and near end",
        "end",
        "cover open",
        "cutter",
        "mechanical",
        "unrecoverable",
        "hot head",
        "the worst error is named",
    ],
)
def test_the_four_bytes_that_come_unasked_say(
    news: str, expected: dict[str, str], belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    answer = escpos.parse({"asb": bytes.fromhex(news)}, settings())

    assert answer == Answer(readings={**WELL, **expected})
    belongs_to_the_catalogue(answer)


@pytest.mark.parametrize("third", [0x01, 0x02, 0x04, 0x08], ids=hex)
def test_half_a_pair_of_paper_bits_is_unknown_in_news_too(third: int) -> None:
    answer = escpos.parse({"asb": bytes((0x10, 0, third, 0))}, settings())

    assert answer.readings["printer.paper"] is None
    assert answer.failed["printer.paper"][0] == "bad_answer"


@pytest.mark.parametrize("news", [b"", b"\x10\x00\x00", b"\x12\x00\x00\x00", b"\x10\x10\x00\x00", b"\x10\x00\x80\x00"])
def test_four_bytes_that_cannot_be_news_are_none(news: bytes) -> None:
    assert escpos.parse({**GOOD, "asb": news}, settings()) == Answer(readings=WELL)


def test_what_comes_later_is_believed() -> None:
    paper_out = bytes.fromhex("18 00 0C 00")

    before = escpos.parse({"asb": paper_out, **GOOD}, settings())
    between = escpos.parse({4: 0x12, 2: 0x12, "asb": paper_out, 3: 0x12, 1: 0x1A}, settings())
    after = escpos.parse({**GOOD, "asb": paper_out}, settings())

    assert before.readings == WELL
    assert between.readings == {**WELL, "printer.paper": "end", "printer.state": "offline"}
    assert after.readings == {**WELL, "printer.paper": "end", "printer.state": "offline"}


def test_a_stop_for_paper_that_is_told_after_the_news_counts() -> None:
    assert escpos.parse({4: 0x12, "asb": ASB_WELL, 2: 0x32}, settings()).readings["printer.paper"] == "end"


def test_an_error_whose_cause_was_told_before_news_of_none_is_over() -> None:
    assert escpos.parse({4: 0x12, 2: 0x52, "asb": ASB_WELL, 3: 0x12}, settings()).readings["printer.error"] == "none"


@pytest.mark.reads_only
def test_a_printer_on_a_line_is_asked_paper_first_and_only_asked(line: Lines) -> None:
    printer = line(answering({**GOOD, 4: 0x7E}))

    answer = escpos.parse(escpos.fetch(settings(printer.port)), settings())

    assert answer.readings["printer.paper"] == "end"
    assert bytes(printer.asked) == bytes.fromhex("100404 100402 100403 100401")


def news_with(n: int, packet: bytes, *, first: bool = False) -> Callable[[bytes], bytes]:
    """A printer in good order whose news comes with the answer to DLE EOT n: behind it, or before it."""

    def reply(asked: bytes) -> bytes:
        answer = answering(GOOD)(asked)
        if asked != bytes((0x10, 0x04, n)):
            return answer
        return packet + answer if first else answer + packet

    return reply


@pytest.mark.parametrize("first", [True, False], ids=["before the answer", "behind the answer"])
@pytest.mark.parametrize("n", [4, 2, 3, 1])
def test_news_is_told_from_answers(line: Lines, n: int, *, first: bool) -> None:
    heard = escpos.fetch(settings(line(news_with(n, ASB_WELL, first=first)).port))

    assert heard == {**GOOD, "asb": ASB_WELL}
    keys = list(heard)
    assert keys.index("asb") == keys.index(n) + (-1 if first else 1)


def test_the_roll_that_ends_while_the_printer_is_asked_is_seen_in_this_visit(line: Lines) -> None:
    heard = escpos.fetch(settings(line(news_with(1, bytes.fromhex("18 00 0C 00"))).port))

    assert escpos.parse(heard, settings()).readings == {**WELL, "printer.paper": "end", "printer.state": "offline"}


@pytest.mark.parametrize(
    "packet",
    ["10 00 12 00 00", "10 13 00 11 00 00", "10 00 10 00 00 00", "FF 10 00 00 00"],
    ids=["an answer within it", "flow control within it", "one that was cut, and a whole one", "noise before it"],
)
def test_news_is_found_in_the_midst_of_other_things(line: Lines, packet: str) -> None:
    heard = escpos.fetch(settings(line(news_with(2, bytes.fromhex(packet))).port))

    assert heard == {**GOOD, "asb": ASB_WELL}


def test_a_printer_that_only_tells_news_is_read_by_its_news(line: Lines) -> None:
    heard = escpos.fetch(settings(line(lambda asked: bytes.fromhex("38 00 00 00")).port))

    answer = escpos.parse(heard, settings())
    assert answer == Answer(readings={**WELL, "printer.cover": "open", "printer.state": "offline"})


def test_a_printer_that_answers_some_questions_has_those_readings(line: Lines) -> None:
    heard = escpos.fetch(settings(line(answering({4: 0x1E, 2: 0x12})).port))

    assert heard == {4: 0x1E, 2: 0x12}


def test_a_storm_of_news_ends_with_the_visit(line: Lines) -> None:
    begin = time.monotonic()

    heard = escpos.fetch(settings(line(lambda asked: ASB_WELL * 20_000).port, timeout_s=1.5))

    assert heard == {"asb": ASB_WELL}
    assert time.monotonic() - begin < 3


NOTHING_SPECIAL = st.binary(max_size=30)
PIECES = st.one_of(
    NOTHING_SPECIAL, st.sampled_from([ASB_WELL, b"\x12", b"\x10", b"\x13", b"\x18\x08\x0f\x00", b"\x7e"])
)


@given(st.lists(PIECES, max_size=8), st.sampled_from([None, 4, 2, 3, 1]), st.integers(1, 7))
def test_whatever_comes_over_the_line_is_sorted_the_same_however_it_is_cut(
    pieces: list[bytes], asked: int | None, size: int
) -> None:
    data = b"".join(pieces)
    at_once, in_parts = escpos._Ear(), escpos._Ear()
    for ear in (at_once, in_parts):
        ear.asked = asked

    at_once.hear(data)
    for i in range(0, len(data), size):
        in_parts.hear(data[i : i + size])

    assert list(at_once.heard.items()) == list(in_parts.heard.items())
    assert set(at_once.heard) <= {asked, "asb"}
    assert at_once.garbage == in_parts.garbage <= len(data)
    answer = escpos.parse(at_once.heard, settings())
    assert {name for name, value in answer.readings.items() if value is None} == set(answer.failed)


# --- a printer of the kernel's usblp driver -------------------------------------------------------------------------


@pytest.fixture
def usb(line: Lines, tmp_path: Path) -> Callable[[Callable[[bytes], bytes | None]], tuple[Line, str]]:
    """A printer that is named as usblp names them. Behind it is a pseudo-terminal: there is no usblp without USB."""

    def make(reply: Callable[[bytes], bytes | None]) -> tuple[Line, str]:
        printer = line(reply)
        (tmp_path / "usb").mkdir(exist_ok=True)
        (tmp_path / "usb/lp0").symlink_to(printer.port)
        return printer, str(tmp_path / "usb/lp0")

    return make


def test_a_usb_printer_is_read_after_each_write(usb: Callable[..., tuple[Line, str]]) -> None:
    printer, port = usb(answering({**GOOD, 4: 0x1E}))

    assert escpos.fetch(settings(port, may_lock_out=True)) == {**GOOD, 4: 0x1E}
    assert bytes(printer.asked) == bytes.fromhex("100404 100402 100403 100401")


def test_a_usb_printer_is_not_opened_until_somebody_says_that_it_may_be(usb: Callable[..., tuple[Line, str]]) -> None:
    printer, port = usb(answering(GOOD))

    with pytest.raises(ProbeError) as caught:
        escpos.fetch(settings(port))

    assert (caught.value.code, "may_lock_out = true" in caught.value.detail) == ("bad_setting", True)
    assert bytes(printer.asked) == b""


def test_a_usb_printer_that_the_application_has_open_is_busy(usb: Callable[..., tuple[Line, str]]) -> None:
    printer, port = usb(answering(GOOD))
    application = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        with pytest.raises(ProbeError) as caught:
            escpos.fetch(settings(port, may_lock_out=True))
    finally:
        os.close(application)

    assert caught.value.code == "busy_port"
    assert bytes(printer.asked) == b""


def test_a_usb_printer_that_is_silent_or_gone_says_so(usb: Callable[..., tuple[Line, str]]) -> None:
    _, port = usb(lambda asked: b"")

    with pytest.raises(ProbeError) as silent:
        escpos.fetch(settings(port, may_lock_out=True, tries=1))
    with pytest.raises(ProbeError) as gone:
        escpos.fetch(settings("/dev/usb/lp99", may_lock_out=True))

    assert (silent.value.code, gone.value.code) == ("timeout", "no_port")


def test_a_usb_printer_that_is_pulled_out_is_no_port(usb: Callable[..., tuple[Line, str]]) -> None:
    _, port = usb(lambda asked: None)

    with pytest.raises(ProbeError) as caught:
        escpos.fetch(settings(port, may_lock_out=True))

    assert caught.value.code == "no_port"


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
