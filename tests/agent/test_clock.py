"""Clocks: what they say, and what an acknowledgement says of them."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent.clock import Offset, SystemClock, is_news, offset, spoken
from tests.agent.cast import BOOT, START, later


def off(offset_ms: int, error_ms: int, *, boot: str = BOOT, ntp: bool = True) -> Offset:
    return Offset(boot=boot, ntp=ntp, offset_ms=offset_ms, error_ms=error_ms)


def test_the_clocks_of_this_machine_go_on_and_name_the_boot() -> None:
    clock = SystemClock()

    first, second = clock.now(), clock.now()

    assert first.mono <= second.mono
    assert first.boot == SystemClock().now().boot
    assert len(first.boot) == 12
    assert first.wall > 1_500_000_000_000


@given(
    wrong=st.integers(-(10**12), 10**12),
    there=st.integers(0, 200_000),
    waited=st.integers(0, 200_000),
    back=st.integers(0, 200_000),
)
def test_the_true_offset_lies_within_the_error_whatever_the_road_does(
    wrong: int, there: int, waited: int, back: int
) -> None:
    now = replace(START, wall=START.wall + wrong, mono=START.mono + there + waited + back)
    at = START.wall - back  # the collector's clock when it wrote the acknowledgement

    found = offset(at=at, echo=START.mono, now=now)

    assert found is not None
    assert abs(found.offset_ms - -wrong) <= found.error_ms


def test_an_echo_from_the_future_is_not_ours() -> None:
    assert offset(at=START.wall, echo=START.mono + 1, now=START) is None


def test_an_acknowledgement_that_was_long_under_way_tells_nothing_of_the_clock() -> None:
    now = later(600)

    assert offset(at=START.wall, echo=START.mono, now=now) is not None
    assert offset(at=START.wall, echo=START.mono - 1, now=now) is None, "half of it could lie ahead of all clocks"


def test_what_is_news_about_a_clock() -> None:
    before = off(0, 200)

    assert is_news(off(0, 200), None)
    assert is_news(off(0, 200, boot="another"), before)
    assert is_news(off(0, 200, ntp=False), before)
    assert is_news(off(5_000, 200), before)
    assert is_news(off(0, 100), before)
    assert not is_news(off(900, 200), before)
    assert not is_news(off(0, 101), before)
    assert not is_news(off(0, 1), off(0, 100))


def test_a_wider_acknowledgement_is_not_a_moved_clock() -> None:
    assert not is_news(off(4_900, 5_000), off(0, 100))


def test_a_time_is_spoken_in_utc_and_an_absurd_one_does_not_break_anything() -> None:
    assert spoken(1_795_257_540_000) == "2026-11-21T10:39:00Z"
    assert spoken(2**70) == f"{2**70} ms"
