"""Columns by point: the same values come back, and what cannot be read is refused."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_wire import codec, turned

WHOLE = st.integers(-(2**62), 2**62 - 1)
FRACTIONS = st.floats(allow_nan=False, allow_infinity=False)
ROUNDED = st.integers(-(10**9), 10**9).map(lambda n: n / 100)
VALUES = st.one_of(st.none(), st.text(max_size=5), WHOLE, FRACTIONS)


def block(values: list[list[Any]], **changes: Any) -> Any:
    count = len(values)
    return {
        "device": "bus-31",
        "n": [11, 10 + count],
        "boot": "b41e",
        "mono": [1_000 + 60_001 * i for i in range(count)],
        "t": [1_795_257_540_000 + 60_000 * i for i in range(count)],
        "valid_s": 90,
        "points": [f"point{i}" for i in range(len(values[0]))],
        "values": values,
        **changes,
    }


BY_POINT = turned.turned(block([[12.5, 7, "up"], [12.7, 9, "up"], [12.4, 12, "down"]]))


@given(st.integers(1, 5).flatmap(lambda count: st.lists(
    st.one_of(
        *(st.lists(one, min_size=count, max_size=count) for one in (VALUES, WHOLE, ROUNDED, FRACTIONS)),
    ),
    min_size=1, max_size=5,
)))  # fmt: skip
def test_what_is_turned_comes_back_as_it_was_types_and_all(columns: list[list[Any]]) -> None:
    by_row = block([list(row) for row in zip(*columns, strict=True)])

    by_point = turned.turned(by_row)

    assert codec.misfolded(by_point) is None
    assert codec.canonical(codec.unfold(by_point)) == codec.canonical(codec.unfold(by_row))


def test_numbers_go_as_differences_and_words_as_they_are() -> None:
    long = block([[12.5 + i / 10, 4_711_000 + 60 * i, "up", None] for i in range(4)])

    found = turned.turned(long)

    assert found["values"] == [[125, 1, 1, 1], [4_711_000, 60, 60, 60], ["up"] * 4, [None] * 4]
    assert found["steps"] == {"0": 1, "1": 0}
    assert found["t"] == [1_795_257_540_000, 60_000, 60_000, 60_000]


def test_minus_nought_and_exponents_are_told_as_they_are() -> None:
    found = turned.turned(block([[-0.0, 1e-20, 1e300]] * 3))

    assert "steps" not in found
    assert math.copysign(1, codec.unfold(found)[0]["readings"]["point0"]) == -1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"values": BY_POINT["values"][:2]}, "2 lists of values for 3 points"),
        ({"values": [*BY_POINT["values"][:2], ["up"]]}, "point 2 has 1 values for 3 rows"),
        ({"steps": {"7": 0}}, "steps name point 7"),
        ({"steps": {"0": 99}}, "with 99 decimals"),
        ({"steps": {"2": 0}}, "no whole numbers"),
        ({"values": [[1.5, 2.5, 3.5], *BY_POINT["values"][1:]], "steps": {"0": 1}}, "no whole numbers"),
        ({"values": [[True, 2, 3], *BY_POINT["values"][1:]], "steps": {"0": 1}}, "no whole numbers"),
        ({"values": [[2**62, 2**62, 2**62], *BY_POINT["values"][1:]], "steps": {"0": 0}}, "go too far"),
        ({"mono": [2**53, 2**53, 1]}, "times go too far"),
        ({"n": [11, 20]}, "asks for 10 rows"),
    ],
)
def test_what_cannot_be_read_by_row_is_refused_with_the_reason(changes: dict[str, Any], why: str) -> None:
    flaw = codec.misfolded({**BY_POINT, **changes})  # type: ignore[typeddict-item]

    assert flaw is not None
    assert why in flaw
