"""When a notice is told, and how."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.notify.pacing import (
    LIMIT,
    LONGEST_PAUSE_MS,
    PATIENCE_MS,
    WINDOW_MS,
    Alone,
    Gathered,
    Later,
    Plan,
    pause_ms,
    plan,
    wake_after,
)

NOW = 1_763_690_400_000
MINUTE = 60_000


@pytest.mark.parametrize(
    ("count", "sent_lately", "digest_ms", "wanted"),
    [
        (1, 0, None, Alone()),
        (LIMIT, 0, None, Alone()),
        (1, LIMIT - 1, None, Alone()),
        (1, LIMIT, None, Gathered()),
        (LIMIT + 1, 0, None, Gathered()),
        (LIMIT + 1, 0, NOW - MINUTE, Later(until_ms=NOW - MINUTE + WINDOW_MS)),
        (LIMIT + 1, 0, NOW - WINDOW_MS, Gathered()),
        (LIMIT + 1, 0, NOW + MINUTE, Gathered()),
        (1, 5, NOW - MINUTE, Alone()),
    ],
    ids=[
        "one is told alone",
        "so are thirty at once",
        "and the thirtieth of five minutes",
        "the thirty-first is not",
        "nor are thirty-one at once",
        "a digest comes at most every five minutes",
        "then the next may come",
        "a digest from the future holds up nothing",
        "when it is quiet again each is told alone",
    ],
)
def test_a_flood_becomes_a_digest(count: int, sent_lately: int, digest_ms: int | None, wanted: Plan) -> None:
    assert plan(count=count, sent_lately=sent_lately, digest_ms=digest_ms, now_ms=NOW) == wanted


def test_pauses_double_from_half_a_minute_to_six_hours() -> None:
    minutes = [pause_ms(tries, 0.5) / MINUTE for tries in range(1, 13)]

    assert minutes == [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_pauses_spread_by_a_fifth_and_never_leave_their_bounds(tries: int, luck: float) -> None:
    middle = pause_ms(tries, 0.5)

    assert 0.8 * middle - 1 <= pause_ms(tries, luck) <= 1.2 * middle + 1
    assert 24_000 <= pause_ms(tries, luck) <= 1.2 * LONGEST_PAUSE_MS


def test_what_fails_for_a_day_is_given_up() -> None:
    now_ms, tries = NOW, 0
    while True:
        tries += 1
        wake_at_ms = wake_after(made_ms=NOW, tries=tries, now_ms=now_ms, luck=0.5)
        if wake_at_ms is None:
            break
        assert wake_at_ms > now_ms
        now_ms = wake_at_ms

    assert tries == 13
    assert NOW + 20 * 60 * MINUTE < now_ms <= NOW + PATIENCE_MS


def test_who_asks_to_be_left_alone_is_believed_up_to_six_hours() -> None:
    def wake(asked_s: float) -> int | None:
        return wake_after(made_ms=NOW, tries=1, now_ms=NOW, luck=0.5, asked_s=asked_s)

    assert wake(2) == NOW + 30_000
    assert wake(600) == NOW + 600_000
    assert wake(1e9) == NOW + LONGEST_PAUSE_MS


def test_after_days_off_a_notice_has_its_one_try_and_no_more() -> None:
    assert wake_after(made_ms=NOW - 2 * PATIENCE_MS, tries=1, now_ms=NOW, luck=0.5) is None
