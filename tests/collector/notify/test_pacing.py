"""When a notice is told, and how."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.notify.pacing import (
    FEW,
    LONGEST_PAUSE_MS,
    PACES,
    PATIENCE_MS,
    WINDOW_MS,
    Alone,
    Gathered,
    Held,
    Later,
    Over,
    Plan,
    Turn,
    pause_ms,
    plan,
    wake_after,
)
from roundsman_collector.store import Timing, timing_of

NOW = 1_763_690_400_000  # 2025-11-21 10:00:00 Beijing time
MINUTE = 60_000
HOUR = 60 * MINUTE
ANY = Timing()
NIGHT = timing_of({"quiet": "22:00-07:00", "urgent_passes": True})
DAILY = timing_of({"daily": "08:30"})
MAIL = PACES["mail"]
LIMIT = MAIL.alone


@pytest.mark.parametrize(
    ("turn", "wanted"),
    [
        (Turn(made_ms=NOW), Alone()),
        (Turn(made_ms=NOW, count=LIMIT), Alone()),
        (Turn(made_ms=NOW, sent_lately=LIMIT - 1), Alone()),
        (Turn(made_ms=NOW, sent_lately=LIMIT), Gathered()),
        (Turn(made_ms=NOW, count=LIMIT + 1), Gathered()),
        (Turn(made_ms=NOW, count=LIMIT + 1, digest_ms=NOW - MINUTE), Later(until_ms=NOW - MINUTE + WINDOW_MS)),
        (Turn(made_ms=NOW, count=LIMIT + 1, digest_ms=NOW - WINDOW_MS), Gathered()),
        (Turn(made_ms=NOW, count=LIMIT + 1, digest_ms=NOW + MINUTE), Gathered()),
        (Turn(made_ms=NOW, sent_lately=5, digest_ms=NOW - MINUTE), Alone()),
        (Turn(made_ms=NOW, count=FEW, held_count=FEW), Alone()),
        (Turn(made_ms=NOW, count=FEW + 1, held_count=FEW + 1), Gathered()),
        (Turn(made_ms=NOW, is_over=True, count=LIMIT + 1), Over()),
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
        "when it is calm again each is told alone",
        "a few from the quiet hours are told alone",
        "more of them in one",
        "what nobody needs any more is not told",
    ],
)
def test_a_flood_becomes_a_digest(turn: Turn, wanted: Plan) -> None:
    assert plan(turn, ANY, MAIL, NOW) == wanted


def test_a_chat_bears_less_than_a_mailbox() -> None:
    turn = Turn(made_ms=NOW, count=11)

    assert plan(turn, ANY, PACES["dingtalk"], NOW) == Gathered()
    assert plan(turn, ANY, MAIL, NOW) == Alone()


@pytest.mark.parametrize(
    ("severity", "at_ms", "wanted"),
    [
        ("minor", NOW + 11 * HOUR, Alone()),
        ("minor", NOW + 12 * HOUR, Held(until_ms=NOW + 21 * HOUR, spares_urgent=True)),
        ("major", NOW + 21 * HOUR - 1, Held(until_ms=NOW + 21 * HOUR, spares_urgent=True)),
        ("major", NOW + 21 * HOUR, Alone()),
        ("urgent", NOW + 12 * HOUR, Alone()),
        ("odd", NOW + 12 * HOUR, Alone()),
    ],
    ids=[
        "at nine it is told",
        "from ten on it waits for seven",
        "until the last moment",
        "and then no more",
        "what is urgent passes",
        "a severity of no name is taken for the gravest",
    ],
)
def test_in_the_quiet_hours_nothing_is_told_but_what_may_pass(severity: str, at_ms: int, wanted: Plan) -> None:
    assert plan(Turn(made_ms=at_ms, severity=severity), NIGHT, MAIL, at_ms) == wanted


def test_urgent_news_waits_too_where_the_way_does_not_let_it_pass() -> None:
    quiet = timing_of({"quiet": "22:00-07:00"})

    assert plan(Turn(made_ms=NOW, severity="urgent"), quiet, MAIL, NOW + 12 * HOUR) == Held(until_ms=NOW + 21 * HOUR)


@pytest.mark.parametrize(
    ("made_ms", "now_ms", "wanted"),
    [
        (NOW, NOW, Held(until_ms=NOW + 22 * HOUR + 30 * MINUTE, is_daily=True)),
        (NOW, NOW + 22 * HOUR + 30 * MINUTE, Gathered(is_daily=True)),
        (NOW - 2 * HOUR, NOW, Gathered(is_daily=True)),
    ],
    ids=[
        "what happens at ten waits for half past eight",
        "and is told then",
        "or later, where nobody could tell it then",
    ],
)
def test_a_way_that_is_told_by_the_day_is_told_at_its_time(made_ms: int, now_ms: int, wanted: Plan) -> None:
    assert plan(Turn(made_ms=made_ms), DAILY, MAIL, now_ms) == wanted


def test_no_bot_is_sent_as_much_as_its_service_allows() -> None:
    assert {kind: pace.bot for kind, pace in PACES.items() if pace.bot} == {
        "wecom": ((18, MINUTE),),
        "dingtalk": ((18, MINUTE),),
        "feishu": ((4, 1000), (90, MINUTE)),
    }


def test_pauses_double_from_half_a_minute_to_an_hour() -> None:
    minutes = [pause_ms(tries, 0.5) / MINUTE for tries in range(1, 11)]

    assert minutes == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_pauses_spread_by_a_fifth_and_never_leave_their_bounds(tries: int, luck: float) -> None:
    middle = pause_ms(tries, 0.5)

    assert 0.8 * middle - 1 <= pause_ms(tries, luck) <= 1.2 * middle + 1
    assert 24_000 <= pause_ms(tries, luck) <= 1.2 * LONGEST_PAUSE_MS


def test_what_fails_for_three_days_is_given_up_and_not_before() -> None:
    now_ms, tries = NOW, 0
    while True:
        tries += 1
        wake_at_ms = wake_after(due_ms=NOW, tries=tries, now_ms=now_ms, luck=0.5)
        if wake_at_ms is None:
            break
        assert wake_at_ms > now_ms
        now_ms = wake_at_ms

    assert tries == 79
    assert now_ms == NOW + PATIENCE_MS


def test_who_asks_to_be_left_alone_is_believed_up_to_an_hour() -> None:
    def wake(asked_s: float) -> int | None:
        return wake_after(due_ms=NOW, tries=1, now_ms=NOW, luck=0.5, asked_s=asked_s)

    assert wake(2) == NOW + 30_000
    assert wake(600) == NOW + 600_000
    assert wake(1e9) == NOW + LONGEST_PAUSE_MS


def test_after_days_off_a_notice_has_its_one_try_and_no_more() -> None:
    assert wake_after(due_ms=NOW - 2 * PATIENCE_MS, tries=1, now_ms=NOW, luck=0.5) is None
