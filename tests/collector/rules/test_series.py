"""Series and durations as people write them in rule tests."""

from typing import Any

import pytest

from roundsman_collector.rules.durations import milliseconds, shown
from roundsman_collector.rules.series import LONGEST, Mark, SeriesError, slots

ABSENT, NO_ANSWER = Mark.ABSENT, Mark.NO_ANSWER


@pytest.mark.parametrize(
    ("text", "samples"),
    [
        ("", []),
        ("10", [10]),
        ("10x3", [10, 10, 10]),
        ("-5 -5.5x2", [-5, -5.5, -5.5]),
        ("40+5x3 100-0.5x3", [40, 45, 50, 100, 99.5, 99]),
        ("-10-5x2", [-10, -15]),
        ("0.1+0.1x3", [0.1, 0.2, 0.3]),
        ("1e3 1e308", [1000, 1e308]),
        ("ok endx2", ["ok", "end", "end"]),
        ('"low on paper"x2 "x5" "_"', ["low on paper", "low on paper", "x5", "_"]),
        ("_ _x2 - -x2", [ABSENT, ABSENT, ABSENT, NO_ANSWER, NO_ANSWER, NO_ANSWER]),
        ("null nullx2", [None, None, None]),
        ("_ - 40+5x6", [ABSENT, NO_ANSWER, 40, 45, 50, 55, 60, 65]),
    ],
)
def test_a_series_is_read_sample_by_sample(text: str, samples: list[Any]) -> None:
    found = slots(text)

    assert found == samples
    assert [type(one) for one in found] == [type(one) for one in samples]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"', "'\"' is no sample; expected such as 10, 10x5"),
        ('""', "is no sample"),
        ('"a"b', "is no sample"),
        ("10x0", f"'10x0': expected 1 to {LONGEST} samples"),
        ("okx999999999", f"expected 1 to {LONGEST} samples"),
        ("10x100000 10", f"more than {LONGEST} samples"),
        ("1e999", "'1e999' is larger than any number that a device can report"),
        ("900000000000000+9000000000x100000", "leads to numbers beyond"),
    ],
)
def test_what_is_no_series_is_told(text: str, message: str) -> None:
    with pytest.raises(SeriesError, match=message):
        slots(text)


@pytest.mark.parametrize(
    ("said", "found", "again"),
    [
        ("90s", 90_000, "1m30s"),
        ("1h30m", 5_400_000, "1h30m"),
        ("1.5m", 90_000, "1m30s"),
        ("2d 3h", 183_600_000, "2d3h"),
        ("250ms", 250, "250ms"),
        (7, 7_000, "7s"),
        (0.25, 250, "250ms"),
        ("0s", 0, "0s"),
    ],
)
def test_a_duration_is_read_and_told(said: str | float, found: int, again: str) -> None:
    assert milliseconds(said) == found
    assert shown(found) == again
    assert milliseconds(again) == found


@pytest.mark.parametrize("said", ["", "5", "m", "1m30", "-5s", -1, 1e300, "5 minutes", "99999999d"])
def test_what_is_no_duration_is_told(said: str | float) -> None:
    with pytest.raises(ValueError, match="a duration such as 90s, 5m, 1h30m, or seconds as a number"):
        milliseconds(said)
