"""The register map: what a line of it means, what is wrong with one that does not, and what a register is worth."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent.modbus import Question
from roundsman_agent.modbus_point import MOST_POINTS, READINGS, Point, fits, point, questions, value
from roundsman_agent.probe import ItemError
from roundsman_wire.catalogue import POINTS
from roundsman_wire.failures import FAILURES

DOOR = "door[front].state = discrete:0 closed/open"
AIR = "air[cabinet].celsius = input:1 int16 x0.1"


def worth(text: str, octets: str, first: int | None = None) -> object:
    """The value of a point, or the code of why there is none."""
    made = point(text)
    result, why = value(made, bytes.fromhex(octets), made.address if first is None else first)
    return result if why is None else why[0]


def test_a_line_says_all_there_is_to_know() -> None:
    text = " air[rack 1 = top].celsius=  holding:0x10 float32 CDAB x0.5 +2 -40..85 absent=0x7FC00000/-1  unit=3 "

    assert point(text) == Point(
        reading="air[rack 1 = top].celsius",
        table="holding",
        address=16,
        form="float32",
        order="cdab",
        scale=0.5,
        offset=2.0,
        low=-40.0,
        high=85.0,
        absent=(0x7FC00000, -1),
        unit=3,
    )


def test_what_a_line_does_not_say_follows_from_what_it_says() -> None:
    assert point(DOOR) == Point(
        reading="door[front].state", table="discrete", address=0, words={0: "closed", 1: "open"}
    )
    assert point(AIR) == Point(
        reading="air[cabinet].celsius",
        table="input",
        address=1,
        form="int16",
        scale=0.1,
        low=-60.0,
        high=150.0,
        absent=(0x8000, 0x7FFF),
    )
    assert point("input[1].volts = input:0 uint16").high == math.inf


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected READING = TABLE:ADDRESS"),
        ("door[front].state", "expected READING = TABLE:ADDRESS"),
        ("door[front].state = ", "expected READING = TABLE:ADDRESS"),
        ("door[front].state = relay:0 closed/open", "'relay:0': expected TABLE:ADDRESS, the table one of coil, "),
        ("door[front].state = discrete closed/open", "'discrete': expected TABLE:ADDRESS"),
        ("door[front].state = discrete:65536 closed/open", "addresses are 0 to 65535"),
        ("door[front].state = discrete:0.3 closed/open", "holding and input registers have the bits .0 to .15"),
        ("door[front].state = holding:0.16 closed/open", "holding and input registers have the bits .0 to .15"),
        ("door[front].state = discrete:0", "a bit is a word: say those for 0 and 1, like closed/open"),
        ("door[front].state = discrete:0 int16 closed/open", "a bit has no form"),
        ("door[front].state = discrete:0 x2 closed/open", "a bit has no scale"),
        ("door[front].state = input:0 x2 closed/open", "a word has no scale"),
        ("door[front].state = input:0 float32 closed/open", "words are for whole numbers"),
        ("air[x].celsius = input:0", "say what kind of number it is: int16, uint16"),
        ("air[x].celsius = input:0 int16 cdab", "the order cdab is not one of int16"),
        ("air[x].celsius = input:0 int32 ba", "the order ba is not one of int32"),
        ("air[x].celsius = input:0 int16 x0", "a scale is a number that is not 0"),
        ("air[x].celsius = input:0 int16 85..-40", "expected LOW..HIGH, the low one first"),
        ("air[x].celsius = input:0 int16 uint16", "'uint16': its form is said twice"),
        ("air[x].celsius = input:0 int16 absent=cold", "expected whole numbers with / between them, or none"),
        ("air[x].celsius = input:0 int16 unit=256", "units are 0 to 255"),
        ("air[x].celsius = input:65535 int32", "would end beyond the table"),
        (
            "air[x].celsius = input:0 int64",
            "'int64': expected a form (int16, uint16, int32, uint32, float32), an order",
        ),
    ],
)
def test_what_is_wrong_with_a_line_is_said(text: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        point(text)

    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "item", "why"),
    [
        (
            [DOOR, "dor[front].state = discrete:1 closed/open"],
            1,
            "modbus gives no dor[front].state; expected door[].state?",
        ),
        ([DOOR, "door.state = discrete:1 closed/open"], 1, "modbus gives no door.state; expected door[].state?"),
        (["gnss.hdop = input:0 uint16"], 0, "modbus gives no gnss.hdop; expected "),
        (["]x = input:0 uint16"], 0, "modbus gives no ]x; expected "),
        (["door[front].state = discrete:0 shut/open"], 0, "door[front].state cannot be 'shut'; expected closed, open"),
        (["door[front].state = input:0 uint16"], 0, "is a word (closed, open, unknown); say which for 0"),
        (["air[x].celsius = input:0 closed/open"], 0, "air[x].celsius is a number in celsius, not a word"),
        ([DOOR, AIR, DOOR], 2, "door[front].state stands here twice"),
        (["air[x].celsius = input:0"], 0, "'air[x].celsius = input:0': say what kind of number it is"),
    ],
)
def test_a_map_is_held_against_the_catalogue_line_by_line(texts: list[str], item: int, why: str) -> None:
    with pytest.raises(ItemError) as caught:
        fits(texts)

    assert caught.value.item == item
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "why"), [([], "is empty"), ([AIR] * (MOST_POINTS + 1), "251 lines: expected at most 250")]
)
def test_a_map_has_a_size(texts: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fits(texts)


def test_what_may_be_mapped_is_in_the_catalogue() -> None:
    assert set(READINGS) <= set(POINTS)
    assert len(set(READINGS)) == len(READINGS)


# --- what a register is worth -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "octets", "expected"),
    [
        ("int16 x0.1", "010C", 26.8),
        ("int16 x0.1", "FF9C", -10.0),
        ("uint16 x0.1", "010C", 26.8),
        ("int16 x0.1 -5.5", "0100", 20.1),
        ("uint16 x0.1 +-40", "0100", None),
        ("int32 x0.001", "0000 6590", 26.0),
        ("int32 cdab x0.001", "6590 0000", 26.0),
        ("int32 dcba x0.001", "9065 0000", 26.0),
        ("int32 badc x0.001", "0000 9065", 26.0),
        ("int16 ba x0.1", "0C01", 26.8),
        ("float32", "41D2 6666", 26.3),
        ("float32 cdab", "6666 41D2", 26.3),
        ("int16 x0.1", "8000", "absent"),
        ("int16 x0.1", "7FFF", "absent"),
        ("uint16 x0.1", "FFFF", "absent"),
        ("int32", "8000 0000", "absent"),
        ("uint32", "FFFF FFFF", "absent"),
        ("float32", "7FC0 0000", "absent"),
        ("float32", "FF80 0000", "absent"),
        ("int16 absent=-1/850", "FFFF", "absent"),
        ("int16 x0.1 absent=-1/850", "0352", "absent"),
        ("int16 x0.001 absent=none", "7FFF", 32.767),
        ("int16 x0.1", "0FA0", "implausible"),
        ("int16 x0.1 0..40", "FFFB", "implausible"),
        ("float32", "7F7F FFFF", "implausible"),
        ("int16 x0.1", "01", "bad_answer"),
        ("int32", "0001", "bad_answer"),
        ("int16", "", "bad_answer"),
    ],
)
def test_a_register_is_worth(said: str, octets: str, expected: object) -> None:
    if expected is None:
        with pytest.raises(ValueError):
            point(f"air[x].celsius = input:0 {said}")
    else:
        assert worth(f"air[x].celsius = input:0 {said}", octets) == expected


@pytest.mark.parametrize(
    ("text", "octets", "expected"),
    [
        ("door[front].state = discrete:2 closed/open", "04", "open"),
        ("door[front].state = discrete:2 closed/open", "FB", "closed"),
        ("door[front].state = discrete:2 open/closed", "04", "closed"),
        ("door[front].state = coil:9 closed/open", "00 02", "open"),
        ("door[front].state = coil:16 closed/open", "00 02", "bad_answer"),
        ("door[front].state = holding:0.3 closed/open", "0008", "open"),
        ("door[front].state = holding:0.3 closed/open", "FFF7", "closed"),
        ("door[front].state = holding:0.8 closed/open ba", "0001", None),
        ("door[front].state = input:0 closed/open", "0001", "open"),
        ("door[front].state = input:0 closed/open", "0007", "unknown"),
        ("ups.battery_state = input:0 2=normal 3=low 4=depleted", "0003", "low"),
        ("ups.battery_state = input:0 0=low 0xFFFF=normal", "FFFF", "normal"),
        ("ups.battery_state = input:0 2=normal 3=low", "FFFF", "absent"),
        ("ups.battery_state = input:0 int16 -1=low 1=normal", "FFFF", "low"),
    ],
)
def test_a_word_is(text: str, octets: str, expected: object) -> None:
    if expected is None:
        with pytest.raises(ValueError):
            point(text)
    else:
        assert worth(text, octets, first=0) == expected


@given(st.integers(-400, 850))
def test_tenths_are_told_as_they_were_measured(tenths: int) -> None:
    assert worth("air[x].celsius = input:0 int16 x0.1", struct.pack(">h", tenths).hex()) == round(tenths / 10, 1)


WORDS = (
    *("door[a].state", "air[x].celsius", "=", "input:0", "coil:9", "holding:5.3", "int16", "float32", "cdab", "ba"),
    *("x0.1", "xe9", "+5", "-40..85", "..", "absent=1/2", "absent=", "closed/open", "0=open", "unit=3", "9=9"),
)


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(WORDS),
        max_size=9,
    ).map(" ".join),
    st.binary(max_size=6),
)
def test_any_text_is_a_point_or_a_mistake_and_any_bytes_a_value_or_a_reason(text: str, data: bytes) -> None:
    try:
        made = point(text)
    except ValueError:
        return
    result, why = value(made, data, made.address)

    assert (result is None) == (why is not None)
    assert why is None or why[0] in FAILURES
    assert isinstance(result, str | None) or math.isfinite(result)


# --- what has to be asked ---------------------------------------------------------------------------------------------


def asked(*texts: str, gap: int = 0) -> list[str]:
    return [f"{one} x{one.count}" for one in questions([point(text) for text in texts], unit=1, gap=gap)]


def test_neighbours_are_asked_together_and_nobody_else() -> None:
    a, b, c = "air[a].celsius = input:0 int32", "air[b].celsius = input:2 int16", "air[c].celsius = input:5 int16"

    assert asked(c, a, b) == ["unit 1, input:0-2 x3", "unit 1, input:5 x1"]
    assert asked(c, a, b, gap=1) == ["unit 1, input:0-2 x3", "unit 1, input:5 x1"]
    assert asked(c, a, b, gap=2) == ["unit 1, input:0-5 x6"]
    assert asked(a, b, gap=-1) == ["unit 1, input:0-1 x2", "unit 1, input:2 x1"]


def test_tables_and_units_are_asked_for_themselves_in_the_order_of_the_map() -> None:
    assert asked(
        "air[a].celsius = input:0 int16",
        "air[b].celsius = holding:0 int16",
        "air[c].celsius = input:1 int16 unit=2",
        "air[d].celsius = input:1 int16",
    ) == ["unit 1, input:0-1 x2", "unit 1, holding:0 x1", "unit 2, input:1 x1"]


def test_two_points_of_one_register_are_one_question() -> None:
    texts = [f"door[{bit}].state = holding:0.{bit} closed/open" for bit in range(16)]

    assert asked(*texts) == ["unit 1, holding:0 x1"]


@given(
    st.lists(st.tuples(st.integers(0, 700), st.sampled_from(["int16", "int32"])), min_size=1, max_size=60),
    st.integers(0, 40),
)
def test_everything_is_asked_for_and_no_question_is_too_long(places: list[tuple[int, str]], gap: int) -> None:
    points = [point(f"air[{i}].celsius = input:{at} {form}") for i, (at, form) in enumerate(places)]

    made: list[Question] = questions(points, unit=1, gap=gap)

    assert all(any(q.address <= p.address and p.end <= q.address + q.count for q in made) for p in points)
    assert sum(q.count for q in made) <= sum(p.count for p in points) + gap * len(points)
