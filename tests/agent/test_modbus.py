"""Modbus on the wire: frames to the byte, answers found among noise, and nothing taken for an answer that is none."""

from __future__ import annotations

import inspect
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent import modbus
from roundsman_agent.modbus import BITS, READ, LineEar, Question, Said, TcpEar, crc, on_a_line, over_tcp, said
from tests.agent.probes.modbus_peers import sealed

TWO = Question(unit=1, table="input", address=0, count=2)
ANSWER = sealed("01 04 04 010C 028C")


def question(table: str = "input", address: int = 0, count: int = 2, unit: int = 1) -> Question:
    return Question(unit=unit, table=table, address=address, count=count)


questions = st.builds(
    question,
    table=st.sampled_from(sorted(READ)),
    address=st.integers(0, 60_000),
    count=st.integers(1, 125),
    unit=st.integers(0, 255),
)


@pytest.mark.parametrize(
    ("asked", "frame"),
    [
        (question("holding", 0, 2), "01 03 00 00 00 02 C4 0B"),
        (question("input", 1, 2), "01 04 00 01 00 02 20 0B"),
        (question("discrete", 0, 4), "01 02 00 00 00 04 79 C9"),
        (question("coil", 0, 8), "01 01 00 00 00 08 3D CC"),
    ],
    ids=["holding", "input", "discrete", "coil"],
)
def test_a_question_is_on_a_line_as_the_published_frames_are(asked: Question, frame: str) -> None:
    assert on_a_line(asked) == bytes.fromhex(frame)


def test_published_answers_are_understood() -> None:
    asked = question("holding", 0, 2)

    assert LineEar(asked).hear(bytes.fromhex("01 03 04 02 8C 01 07 7A 32")) == Said(bytes.fromhex("028C 0107"))
    assert LineEar(asked).hear(bytes.fromhex("01 83 02 C0 F1")) == Said(b"", 2)


def test_a_question_is_in_its_envelope_over_tcp() -> None:
    assert over_tcp(TWO, transaction=7) == bytes.fromhex("0007 0000 0006 01 04 0000 0002")


@pytest.mark.parametrize(
    ("table", "address", "count", "unit"),
    [
        ("input", 0, 126, 1),
        ("coil", 0, 2001, 1),
        ("input", 0, 0, 1),
        ("input", 65_535, 2, 1),
        ("input", -1, 1, 1),
        ("input", 0, 1, 256),
        ("relay", 0, 1, 1),
    ],
)
def test_a_question_that_no_unit_may_be_asked_cannot_be_made(table: str, address: int, count: int, unit: int) -> None:
    with pytest.raises(ValueError, match=r"expected 1 to|names no table or no unit"):
        question(table, address, count, unit)


@pytest.mark.reads_only
@given(questions)
def test_no_question_is_anything_but_a_read(asked: Question) -> None:
    assert on_a_line(asked)[1] == over_tcp(asked, transaction=1)[7] in {1, 2, 3, 4}
    assert len(on_a_line(asked)) == 8


def test_there_is_no_other_function_in_the_codec() -> None:
    assert sorted(READ.values()) == [1, 2, 3, 4]
    source = inspect.getsource(modbus)
    assert source.count("struct.pack(") == 1, "frames are made in one place, from READ"


# --- answers on a line ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"\x00\xff\x01",
        on_a_line(TWO),
        b"\xff" + on_a_line(TWO),
        sealed("02 04 04 0001 0002"),
        ANSWER[:-1] + b"\x00",
    ],
    ids=["nothing", "noise", "an echo", "noise and an echo", "another unit", "the same, damaged"],
)
def test_an_answer_is_found_behind(before: bytes) -> None:
    assert LineEar(TWO).hear(before + ANSWER) == Said(bytes.fromhex("010C 028C"))


def test_an_answer_comes_in_as_many_pieces_as_it_likes() -> None:
    ear = LineEar(TWO)

    heard = [ear.hear(bytes((byte,))) for byte in ANSWER]

    assert heard == [None] * 8 + [Said(bytes.fromhex("010C 028C"))]


@pytest.mark.parametrize(
    "answer",
    [
        sealed("02 04 04 010C 028C"),
        sealed("01 03 04 010C 028C"),
        sealed("01 04 02 010C"),
        sealed("01 04 06 010C 028C 0000"),
        sealed("01 83 02"),
        sealed("01 84 00"),
        ANSWER[:-1],
        ANSWER[:-1] + b"\x00",
        on_a_line(TWO),
        b"",
    ],
    ids=[
        "another unit's",
        "another function's",
        "too short",
        "too long",
        "another function's refusal",
        "a refusal without a reason",
        "cut off",
        "damaged",
        "our own question",
        "nothing",
    ],
)
def test_this_is_no_answer(answer: bytes) -> None:
    assert LineEar(TWO).hear(answer) is None


def test_our_own_question_is_no_answer_even_where_its_bytes_would_fit() -> None:
    # Function 1 from address 0x0300: its third byte reads as "three bytes follow". Only the CRC can tell, and it lies
    # where the question has its own: every count is tried.
    for count in range(17, 25):
        asked = question("coil", 0x0300, count)
        assert LineEar(asked).hear(on_a_line(asked) + on_a_line(asked)) is None


@given(questions, st.binary(max_size=600), st.lists(st.integers(1, 50), max_size=30))
def test_noise_is_never_an_answer_of_the_wrong_size(asked: Question, noise: bytes, cuts: list[int]) -> None:
    ear = LineEar(asked)
    for cut in [*cuts, len(noise)]:
        answer = ear.hear(noise[:cut])
        noise = noise[cut:]
        if answer is not None:
            assert len(answer.data) == (0 if answer.refusal else asked.size)
            return


@given(questions, st.data())
def test_an_answer_is_found_wherever_it_begins(asked: Question, data: st.DataObject) -> None:
    content = data.draw(st.binary(min_size=asked.size, max_size=asked.size))
    noise = data.draw(st.binary(max_size=40).filter(lambda some: asked.unit not in some))

    frame = bytes((asked.unit, asked.function, asked.size)) + content
    assert LineEar(asked).hear(noise + frame + crc(frame)) == Said(content)


def test_a_line_made_to_cost_time_costs_little() -> None:
    asked = question("holding", 0, 125)
    ear = LineEar(asked)
    begin = time.thread_time()

    for byte in bytes((1, 3, 250)) * 700:
        assert ear.hear(bytes((byte,))) is None

    assert time.thread_time() - begin < 2


# --- over TCP ---------------------------------------------------------------------------------------------------------


def test_frames_over_tcp_are_cut_wherever_the_pieces_end() -> None:
    stream = bytes.fromhex("0007 0000 0005 01 04 02 010C 0008 0000 0003 01 84 02")
    ear = TcpEar()

    frames = [frame for byte in stream for frame in ear.hear(bytes((byte,)))]

    assert frames == [(7, 1, bytes.fromhex("04 02 010C")), (8, 1, bytes.fromhex("84 02"))]
    assert ear.begun == b""


@pytest.mark.parametrize("head", ["0007 0001 0006 01", "0007 0000 0002 01", "0007 0000 00FF 01", "01 04 04 010C 028C"])
def test_what_begins_no_frame_is_said_and_forgotten(head: str) -> None:
    ear = TcpEar()

    with pytest.raises(ValueError, match="begins no Modbus TCP frame"):
        list(ear.hear(bytes.fromhex(head)))

    assert list(ear.hear(bytes.fromhex("0007 0000 0003 01 84 02"))) == [(7, 1, bytes.fromhex("84 02"))]


@given(st.binary(max_size=600), st.lists(st.integers(1, 50), max_size=30))
def test_whatever_comes_over_tcp_is_frames_or_said_to_be_none(data: bytes, cuts: list[int]) -> None:
    ear = TcpEar()
    for cut in [*cuts, len(data)]:
        try:
            for transaction, unit, pdu in ear.hear(data[:cut]):
                assert 0 <= transaction <= 0xFFFF
                assert 0 <= unit <= 255
                assert 2 <= len(pdu) <= 253
        except ValueError:
            pass
        data = data[cut:]
        assert len(ear.begun) <= 260


@given(questions, st.binary(max_size=260))
def test_an_answer_says_something_of_the_right_size_or_nothing(asked: Question, pdu: bytes) -> None:
    answer = said(asked, pdu)

    assert answer is None or bool(answer.refusal) != (len(answer.data) == asked.size)
    assert asked.size == ((asked.count + 7) // 8 if asked.table in BITS else 2 * asked.count)
