"""Times at the door."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.api.moments import DAY_MS, LATEST_MS, Window, iso, read, window
from roundsman_collector.api.problem import Problem

TEN = 1_763_690_400_000  # 2025-11-21 10:00 in Beijing


@pytest.mark.parametrize(
    "text",
    [
        "1763690400000",
        "2025-11-21T10:00:00+08:00",
        "2025-11-21T10:00:00 08:00",
        "2025-11-21T10:00+0800",
        "2025-11-21T02:00:00Z",
        "2025-11-21 02:00:00.000Z",
    ],
)
def test_a_time_is_milliseconds_or_iso_with_an_offset(text: str) -> None:
    assert read(text, "from") == TEN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2025-11-21T10:00:00",
        "2025-11-21",
        "-1",
        str(LATEST_MS + 1),
        "9" * 30,
        "1e12",
        "٣",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_anything_else_is_told_with_what_was_expected(text: str) -> None:
    with pytest.raises(Problem, match="from is no time") as refused:
        read(text, "from")

    assert (refused.value.status, refused.value.where) == (422, "from")
    assert "offset" in refused.value.expected


@given(st.integers(0, LATEST_MS))
def test_what_is_written_is_read_again(ms: int) -> None:
    assert read(str(iso(ms)), "from") == ms


@pytest.mark.parametrize("ms", [None, -1, LATEST_MS + 1, 2**53])
def test_what_no_calendar_holds_has_no_text(ms: int | None) -> None:
    assert iso(ms) is None


def test_a_window_is_up_to_now_unless_said() -> None:
    found = window(None, None, None, TEN, usual_ms=DAY_MS, longest_ms=31 * DAY_MS)

    assert found == Window(from_ms=TEN - DAY_MS, to_ms=TEN, known_ms=None, now_ms=TEN)


def test_nothing_is_known_after_the_known_at_time() -> None:
    found = window("0", "100", "50", 1000, usual_ms=DAY_MS, longest_ms=DAY_MS)

    assert (found.past_to_ms, found.query()) == (50, "from=0&to=100&known=50")


@pytest.mark.parametrize(
    ("from_", "to", "code"),
    [("5", "5", "bad_parameter"), ("6", "5", "bad_parameter"), ("0", str(32 * DAY_MS), "window_too_long")],
)
def test_a_window_holds_time_and_not_too_much(from_: str, to: str, code: str) -> None:
    with pytest.raises(Problem) as refused:
        window(from_, to, None, TEN, usual_ms=DAY_MS, longest_ms=31 * DAY_MS)

    assert refused.value.code == code
